"""The walk of docs/monitor.md, typed as it is printed, in a clone's folder; every line that it shows must come out."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from learning_debt.cli import app

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "monitor.md"


def walk():
    """Commands of the page in order, each with the lines that it shows."""
    found = []
    for fence in re.findall(r"```console\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL):
        for line in fence.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


def comes_out(shown, lines):
    """Whether a line of the page is one of those that were printed; dots stand for anything."""
    pattern = r"\s+".join(re.escape(word) for word in shown.split()).replace(re.escape("..."), ".*")
    return any(re.fullmatch(rf"\s*{pattern}\s*", line) for line in lines)


@pytest.mark.integration
def test_the_walk_can_be_typed(tmp_path):
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "docs" / "toy_sales.py", tmp_path / "docs")
    programs = {"learning-debt": f"{sys.executable} -m learning_debt", "python": sys.executable}
    (tmp_path / "bin").mkdir()
    for name, program in programs.items():
        file = tmp_path / "bin" / name
        file.write_text(f'#!/bin/sh\nexec {program} "$@"\n')
        file.chmod(0o755)
    paths = {"PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT / "src")}
    commands = walk()
    assert len([command for command, _ in commands if " observe " in command]) == 5
    for command, shown in commands:
        done = subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, env=os.environ | paths, capture_output=True, text=True, check=False
        )
        assert done.returncode in (0, 10), done.stderr
        missing = [line for line in shown if not comes_out(line, done.stdout.splitlines())]
        assert not missing, f"{command}\n{done.stdout}{done.stderr}"


def fenced(first_line):
    """What stands in the block of the page that begins with a line."""
    (found,) = re.findall(rf"```[a-z ]+\n({re.escape(first_line)}\n.*?)```", PAGE.read_text("utf-8"), flags=re.DOTALL)
    return found


def weeks(first, stop):
    """Rows of some weeks under the names of the page's file, three a week."""
    rng = np.random.default_rng([3, first])
    week = np.repeat(np.arange(first, stop), 3)
    price, promotion = rng.normal(0, 0.3, size=week.size), rng.integers(0, 2, size=week.size)
    outcome = 3 - 2 * price + 0.5 * promotion + rng.normal(0, 0.2, size=week.size)
    labels = [f"2026-W{number:02d}" for number in week]
    return pd.DataFrame({"period": labels, "price": price, "promotion": promotion, "y": outcome})


FEW_DRAWS = """
import learning_debt as ld
policy, draws, tune, chains = ld.policies.CUSUM(0.5), 200, 200, 2
"""


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.parametrize(("model", "more", "trained"), [("exact.py", "", "W26"), ("sampled.py", FEW_DRAWS, "W44")])
def test_models_of_your_own_take_the_files_that_the_page_shows(tmp_path, monkeypatch, model, more, trained):
    monkeypatch.chdir(tmp_path)
    Path(model).write_text(fenced(f"# {model}") + more)
    history = weeks(1, 46)
    assert list(history) == fenced("period,price,promotion,y").splitlines()[0].split(",")
    history.to_csv("history.csv", index=False)
    weeks(46, 47)[["y", "promotion", "price", "period"]].to_csv("monday.csv", index=False)
    made = ["init", "state", "--model", model, "--history", "history.csv", "--last-retrain", f"2026-{trained}"]
    done = CliRunner().invoke(app, ["monitor", *made])
    assert done.exit_code == 0, done.output
    said = CliRunner().invoke(app, ["monitor", "observe", "state", "monday.csv", "--model", model])
    assert said.exit_code in (0, 10, 20), said.output
    assert said.stdout.startswith("state, 2026-W46: ")
    weeks(47, 48).drop(columns="promotion").to_csv("monday.csv", index=False)
    refused = CliRunner().invoke(app, ["monitor", "observe", "state", "monday.csv", "--model", model])
    assert refused.exit_code == 1
    assert (
        "lacks the column 'promotion', which the history has; a batch has the columns of the history" in refused.stderr
    )
