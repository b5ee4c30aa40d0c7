"""``learning-debt serve``: who serves next, in text and as JSON, and clear words about tables that do not fit."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from learning_debt.cli import app

PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"


def serve(*arguments):
    return CliRunner().invoke(app, ["serve", *map(str, arguments)])


@pytest.fixture
def table(tmp_path, monkeypatch):
    """Scores of three candidates on thirty weeks, the second of which is best."""
    monkeypatch.chdir(tmp_path)
    scores = np.random.default_rng(1).normal([-1.5, -1.0, -1.3], 0.1, size=(30, 3))
    frame = pd.DataFrame(scores, columns=["old", "middle", "new"]).assign(
        batch=[f"2026-W{one:02d}" for one in range(30)]
    )
    long = frame.melt("batch", var_name="candidate", value_name="score")
    long.to_csv("scores.csv", index=False)
    return long


@pytest.mark.slow
def test_it_says_who_serves_next_and_what_strategies_would_have_scored(table):
    result = serve("scores.csv")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("middle serves next: chosen by follow the leader.")
    assert re.search(r"^naive +-1\.3", result.stdout, re.MULTILINE)
    assert "Best here: follow the leader" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 110
    table.to_parquet("scores.parquet", index=False)
    assert serve("scores.parquet").stdout == result.stdout
    table[(table["candidate"] != "new") | (table["batch"] > "2026-W20")].to_csv("later.csv", index=False)
    assert "serves next: chosen by follow the leader, discount." in serve("later.csv").stdout
    chosen = serve("scores.csv", "--strategy", "epsilon-greedy")
    assert "in 93% of its draws" in chosen.stdout or "in 94%" in chosen.stdout or "in 92%" in chosen.stdout


def test_json_is_one_object_of_the_keys_that_the_page_names(table):
    (line,) = serve("scores.csv", "--json").stdout.splitlines()
    told = json.loads(line)
    assert (told["schema"], told["command"]) == ("learning-debt/serving/1", "serve")
    data = told["data"]
    rows = PAGE.read_text().split("| key of `data` of `serve` | what |")[1].splitlines()[2:]
    named = {row.split("|")[1].strip(): row.split("|")[2] for row in rows if row.startswith("|")}
    assert {name for head in named for name in re.findall(r"`(\w+)`", head)} == set(data)
    assert set(data["evaluation"]) == set(re.findall(r"`(\w+)`", named["`evaluation`"])) - {"null", "ServingEvaluation"}
    assert data["next"]["candidate"] == data["evaluation"]["best_candidate"] == "middle"
    assert sum(data["next"]["chances"].values()) == 1


def test_a_record_of_what_served_is_enough_to_go_on(table):
    served = table[table["candidate"] == np.resize(["old", "middle", "new"], len(table))]
    served.to_csv("served.csv", index=False)
    result = serve("served.csv", "--not-scored", "--strategy", "UCB1", "--json")
    data = json.loads(result.stdout)["data"]
    assert data["next"]["candidate"] == "middle"
    assert data["evaluation"] is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.drop(columns="score"), "TABLE lacks the column"),
        (lambda frame: pd.concat([frame, frame.head(1)]), "TABLE holds batch 2026-W00 and candidate old twice"),
        (lambda frame: frame[frame["candidate"] == "old"], "TABLE must hold at least two candidates"),
        (lambda frame: frame.assign(score="good"), "TABLE score must be numbers"),
        (lambda frame: frame.assign(score=1.0), "all scores in bad.csv are the same"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_in_a_line(table, change, message):
    change(table).to_csv("bad.csv", index=False)
    result = serve("bad.csv")
    assert result.exit_code == 1
    assert not result.stdout
    (line,) = result.stderr.splitlines()
    assert message in line


def test_options_that_do_not_fit_are_refused(table):
    unknown = serve("scores.csv", "--strategy", "UCB2")
    assert unknown.exit_code == 1
    assert "did you mean 'UCB1'?" in unknown.stderr
    assert "there is no file" in serve("absent.csv").stderr
    assert serve("").exit_code == 2
    assert "initial must be" in serve("scores.csv", "--initial", 30).stderr
