"""Schedulers on docs/monitor-operations.md: what can be run of them is run as it is printed, in a folder of its own."""

import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

import learning_debt as ld

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "monitor-operations.md").read_text(encoding="utf-8")
MODEL = """
import numpy as np
import learning_debt as ld

def load_history():
    x = np.random.default_rng(1).normal(size=40)
    y = 2 * x + np.random.default_rng(2).normal(size=40)
    return {"x": x, "y": y, "period": [f"w{week:03d}" for week in range(40)]}

forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
cost = 0.3
calendar = 13
policy = ld.policies.CUSUM(0.5)
"""
PLACE = "/srv/forecast"
BASH = shutil.which("bash")

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def section(title):
    """Text of the page below a heading, up to the next one."""
    return re.search(rf"^### {title}\n(.*?)(?=^##)", PAGE, flags=re.DOTALL | re.MULTILINE).group(1)


def fence(title, kind):
    return re.search(rf"```{kind}\n(.*?)```", section(title), flags=re.DOTALL).group(1)


def program(home, name, lines):
    (home / "bin").mkdir(exist_ok=True)
    file = home / "bin" / name
    file.write_text(f"#!/bin/sh\n{lines}\n")
    file.chmod(0o755)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a model file, a monitor of forty weeks, and two batches: a quiet week, and weeks that turned."""
    home = tmp_path_factory.mktemp("forecast")
    (home / "model.py").write_text(MODEL)
    program(home, "learning-debt", f'exec env PYTHONPATH={ROOT / "src"} {sys.executable} -m learning_debt "$@"')
    init = [home / "bin" / "learning-debt", "monitor", "init", "state", "--model", "model.py"]
    subprocess.run(init, cwd=home, check=True, capture_output=True)
    for name, slope, weeks in (("quiet", 2.0, 1), ("turned", -6.0, 6)):
        rng = np.random.default_rng(3)
        x = rng.normal(size=weeks)
        rows = {
            "period": [f"w{40 + week:03d}" for week in range(weeks)],
            "x": x,
            "y": slope * x + rng.normal(size=weeks),
        }
        pd.DataFrame(rows).to_csv(home / f"{name}.csv", index=False)
    return home


@pytest.fixture
def home(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "forecast"))


def scheduled(home, line, **variables):
    """Run a line as cron does: by sh, with hardly an environment."""
    environment = {"PATH": f"{home / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin", "HOME": str(home), **variables}
    line = line.replace(PLACE, str(home))
    return subprocess.run(
        ["/bin/sh", "-c", line], env=environment, cwd="/", capture_output=True, text=True, check=False
    )


CRON = re.findall(r"^    5 6 \* \* 1  (.*)$", section("cron"), flags=re.MULTILINE)


def test_there_are_two_lines_of_cron_without_a_percent_sign():
    """In which cron would see the end of the command."""
    assert len(CRON) == 2
    assert not any("%" in line for line in CRON)


@pytest.mark.parametrize(("batch", "mails"), [("quiet", False), ("turned", True)])
def test_cron_mails_when_it_is_to_retrain(home, batch, mails):
    shutil.copy(home / f"{batch}.csv", home / "new.csv")
    program(home, "mail", f'printf "%s " "$@" > {home}/mailed; cat >> {home}/mailed')
    scheduled(home, CRON[0])
    assert (home / "mailed").exists() == mails
    assert f": {'retrain' if mails else 'wait'}" in (home / "monitor.log").read_text()
    if mails:
        assert (home / "mailed").read_text().startswith("-s retrain owner state, w045: retrain")


def test_cron_stays_quiet_where_an_alert_says_it(home):
    shutil.copy(home / "turned.csv", home / "new.csv")
    done = scheduled(home, CRON[1], HOOK="http://127.0.0.1:9/")
    assert done.returncode == 0
    assert "did not take the alert" in done.stderr
    assert ld.Monitor.open(home / "state").status()["verdict"] == "retrain"


@pytest.mark.skipif(BASH is None, reason="GitHub's runners run steps by bash, which is not here")
@pytest.mark.parametrize(
    ("batch", "says", "code"), [("quiet", "", 0), ("turned", "retrain=yes\n", 0), ("nothing", "", 1)]
)
def test_the_step_of_the_workflow_says_whether_to_retrain(home, batch, says, code):
    lines = re.search(r"run: \|\n((?: {10}.*\n)+)", fence("GitHub Actions", "yaml")).group(1)
    if batch != "nothing":
        shutil.copy(home / f"{batch}.csv", home / "new.csv")
    step = home / "step.sh"
    step.write_text(re.sub(r"^ {10}", "", lines, flags=re.MULTILINE))
    environment = {"PATH": f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}", "GITHUB_OUTPUT": str(home / "output")}
    environment["HOOK"] = "http://127.0.0.1:9/"
    (home / "output").touch()
    shell = [BASH, "--noprofile", "--norc", "-eo", "pipefail", step]
    done = subprocess.run(shell, env=environment, cwd=home, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert (home / "output").read_text() == says


def imitation(monkeypatch, name, **members):
    """A module that is not installed, with decorators that leave functions as they are."""
    for place in range(1, name.count(".") + 2):
        parent = ".".join(name.split(".")[:place])
        monkeypatch.setitem(sys.modules, parent, ModuleType(parent))
    vars(importlib.import_module(name)).update(members)


def left_alone(*functions, **_):
    """As a decorator, with options or without."""
    return functions[0] if functions else left_alone


class Task:
    """What a task of Airflow is when a workflow is put together, and the function that it runs."""

    def __init__(self, function):
        self.function = function

    def __call__(self, *arguments):
        return self

    def __rshift__(self, other):
        return other


def test_the_tasks_of_airflow(home, monkeypatch):
    made_tasks = {}

    def task(function=None, **_):
        if function is None:
            return task
        made_tasks[function.__name__] = Task(function)
        return made_tasks[function.__name__]

    task.short_circuit = task.bash = task
    imitation(monkeypatch, "airflow.sdk", task=task, dag=left_alone)
    shown = fence("Airflow", "python sketch").replace(PLACE, str(home))
    monkeypatch.setenv("PATH", f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}")
    exec(compile(shown, "monitor-operations.md", "exec"), {})
    assert made_tasks["retrain"].function() == "python retrain.py"
    assert made_tasks["wants_retraining"].function("quiet.csv") is False
    turned = pd.read_csv(home / "turned.csv")
    turned.iloc[1:].to_csv(home / "later.csv", index=False)
    assert made_tasks["wants_retraining"].function("later.csv") is True
    with pytest.raises(subprocess.CalledProcessError):
        made_tasks["wants_retraining"].function("nothing.csv")


def test_the_flow_of_prefect(home, monkeypatch):
    imitation(monkeypatch, "prefect", flow=left_alone, task=left_alone)
    monkeypatch.chdir(home)
    retrained = []
    names = {
        "forecaster": lambda: ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0)),
        "retrain_and_redeploy": lambda: retrained.append(True),
    }
    exec(compile(fence("Prefect", "python sketch"), "monitor-operations.md", "exec"), names)
    names["monday"](pd.read_csv("quiet.csv"))
    assert not retrained
    names["monday"](pd.read_csv("turned.csv").iloc[1:])
    assert retrained == [True]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")
def test_the_units_of_systemd_are_units(tmp_path):
    lines = [line[4:] for line in section("systemd timer").splitlines() if line.startswith("    ")]
    parts = [part.split("\n", 1) for part in "\n".join(lines).split("# /etc/systemd/system/")[1:]]
    assert [name for name, _ in parts] == ["forecast-monitor.service", "forecast-monitor.timer"]
    for name, unit in parts:
        (tmp_path / name).write_text(unit.replace("learning-debt", "/bin/true").replace(PLACE, "/tmp"))
    done = subprocess.run(
        ["systemd-analyze", "verify", *(tmp_path / name for name, _ in parts)],
        capture_output=True,
        text=True,
        check=False,
    )
    about_ours = [line for line in done.stderr.splitlines() if "forecast-monitor" in line]
    assert not about_ours, done.stderr
