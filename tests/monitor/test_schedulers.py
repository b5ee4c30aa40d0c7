"""The lines and files for schedulers in the docs: run, with programs in place of those that they call."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

PAGE = (Path(__file__).parents[2] / "docs" / "monitor-operations.md").read_text(encoding="utf-8")
pytestmark = pytest.mark.integration


@pytest.fixture
def programs(tmp_path):
    """A folder of programs that note how they were called; `learning-debt` ends in the code that its file holds."""
    home = tmp_path / "bin"
    home.mkdir()
    for name in ("learning-debt", "mail"):
        ending = f'exit "$(cat "{tmp_path}/code")"' if name == "learning-debt" else ""
        (home / name).write_text(f'#!/bin/sh\necho "{name} $*" >> "{tmp_path}/called"\n{ending}\n')
        (home / name).chmod(0o755)
    return home


def called(programs, code, shell, script, **environment):
    """Exit code of a script while `learning-debt` ends in a code, and the programs that it called."""
    home = programs.parent
    (home / "code").write_text(str(code))
    (home / "called").write_text("")
    path = {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run([*shell, script], env=os.environ | path | environment, check=False)
    return done.returncode, [line.split()[0] for line in (home / "called").read_text().splitlines()]


def section(title, language):
    """The first fenced or indented block under a heading."""
    under = PAGE.split(f"### {title}\n", 1)[1].split("\n### ", 1)[0]
    if not language:
        return re.findall(r"(?m)(?:^ {4}.*\n|^\n(?= {4}))+", under)
    return re.findall(rf"(?s)```{language}\n(.*?)```", under)


def test_a_line_of_cron_sends_mail_when_it_is_to_retrain_and_only_then(programs, tmp_path):
    lines = [line.strip() for block in section("cron", "") for line in block.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    assert len(lines) == 2
    for line in lines:
        assert re.match(r"5 6 \* \* 1 ", line)
        assert "%" not in line  # cron takes it for the end of a line
    mailing, quiet = (re.sub(r"^(\S+\s+){5}", "", line).replace("/srv/forecast", str(tmp_path)) for line in lines)
    for code in (0, 1, 10, 20):
        _, done = called(programs, code, ["sh", "-c"], mailing)
        assert done == ["learning-debt", *["mail"] * (code == 10)]
    assert called(programs, 1, ["sh", "-c"], quiet) == (1, ["learning-debt"])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_takes_its_unit_and_its_timer(programs, tmp_path):
    (text,) = section("systemd timer", "")
    for part in re.split(r"(?m)^ *# /etc/systemd/system/", text)[1:]:
        name, _, lines = part.partition("\n")
        unit = re.sub(r"(?m)^ {4}", "", lines).replace("ExecStart=learning-debt", f"ExecStart={programs}/learning-debt")
        (tmp_path / name).write_text(unit)
    units = sorted(tmp_path.glob("forecast-monitor.*"))
    assert [one.suffix for one in units] == [".service", ".timer"]
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    about = [line for line in (done.stdout + done.stderr).splitlines() if "forecast-monitor" in line]
    assert (done.returncode, about) == (0, []), done.stderr
    assert re.search(r"(?m)^SuccessExitStatus=10 20$", units[0].read_text())


def test_a_workflow_goes_on_after_a_verdict_and_stops_at_an_error(programs, tmp_path):
    (text,) = section("GitHub Actions", "yaml")
    workflow = yaml.safe_load(text)
    assert workflow["concurrency"] == {"group": "monitor", "cancel-in-progress": False}
    steps = workflow["jobs"]["observe"]["steps"]
    (observing,) = [step for step in steps if step.get("id") == "observe"]
    said = tmp_path / "said"
    for code, ends, output in ((0, 0, ""), (10, 0, "retrain=yes\n"), (20, 0, ""), (1, 1, ""), (2, 2, "")):
        said.write_text("")
        shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"]  # as a runner's
        assert called(programs, code, shell, observing["run"], GITHUB_OUTPUT=str(said))[0] == ends
        assert said.read_text() == output
    assert steps[-1]["if"] == "steps.observe.outputs.retrain == 'yes'"


@pytest.mark.parametrize("title", ["Airflow", "Prefect"])
def test_what_is_written_in_python_is_python(title):
    (text,) = section(title, "python sketch")
    compile(text, title, "exec")


def test_rules_of_alerts_are_rules():
    under = PAGE.split("## Metrics\n", 1)[1]
    (group,) = yaml.safe_load(re.findall(r"(?s)```yaml\n(.*?)```", under)[0])["groups"]
    assert all(set(rule) == {"alert", "expr"} for rule in group["rules"])
