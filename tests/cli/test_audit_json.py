"""``learning-debt audit --json``: one object for programs, and the page that documents it."""

import json
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"
PRINTS = "print('the model file speaks')"


def object_of(result):
    assert result.exit_code == 0, result.output
    (line,) = result.stdout.splitlines()
    return json.loads(line)


def test_it_is_one_object_and_all_else_goes_to_standard_error(folder):
    name = folder.exact("calendar = 12", "rules = False", PRINTS)
    result = folder.audit(name, "--json", "--out", "out")
    told = object_of(result)
    assert told["schema"] == "learning-debt/audit/1"
    assert told["command"] == "audit"
    assert "the model file speaks" in result.stderr
    data = told["data"]
    assert data["model"] == "exact.py"
    assert Path(data["report"]).name in folder.names("out")
    today = json.loads(Path("out", "today.json").read_text())
    assert [one["verdict"] for one in data["decisions"]] == [one["verdict"] for one in today["decisions"].values()]
    assert data["today"] == today["text"]
    plain = folder.audit(name, "--out", "out")
    assert plain.exit_code == 0
    for row in data["policies"]:
        assert re.search(rf"^{re.escape(row['policy'])} .* {row['total']:.3f} ", plain.stdout, re.MULTILINE)


def test_keys_that_the_page_names_are_there_and_all_that_are_there_are_named(folder):
    data = object_of(folder.audit(folder.exact("rules = [ld.UpdateRule(window=20)]"), "--json"))["data"]
    table = PAGE.read_text().split("| key of `data` | what |")[1].split("\n\n")[0]
    rows = [line.split("|") for line in table.splitlines()[2:]]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row[1])}
    assert named == set(data)
    (decisions,) = [row[2] for row in rows if "`decisions`" in row[1]]
    assert set(data["decisions"][0]) <= set(re.findall(r"`(\w+)`", decisions))
    (rules,) = [row[2] for row in rows if "`rules`" in row[1]]
    assert set(data["rules"]) == set(re.findall(r"`(\w+)`", rules)) - {"null"}


def test_an_error_prints_no_object(folder):
    result = folder.audit(folder.exact("cost = -1"), "--json")
    assert result.exit_code == 1
    assert not result.stdout
    assert "error:" in result.stderr


@pytest.mark.parametrize("option", ["--out", "--store", "--history", "--spells"])
def test_an_empty_path_is_wrong_usage(folder, option):
    result = folder.audit(folder.exact(), option, "")
    assert result.exit_code == 2
    assert "the path is empty" in " ".join(result.stderr.split())
    assert folder.names(".") == {"exact.py"}


def test_piped_text_is_plain_and_as_wide_as_ever(folder, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    result = folder.audit(folder.exact("rules = False"))
    assert max(map(len, result.stdout.splitlines())) <= 110
    assert not re.search(r"[\u2500-\u257f\x1b]", result.stdout)
    assert re.search(r"^predictive-debt threshold +\d", result.stdout, re.MULTILINE)
