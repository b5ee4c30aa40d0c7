"""The walk of docs/monitor.md, typed as it is printed, in a clone's folder; every line that it shows must come out."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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
