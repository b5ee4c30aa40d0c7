"""How a run ends: exit codes, one clear line, and output that is whole or not there, whatever happens meanwhile."""

import os
import re
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest
import typer
import xarray as xr

import learning_debt as ld
from learning_debt.cli import run_audit
from learning_debt.cli.command_endings import Terminated, clear_endings

SOURCE = Path(ld.__file__).parents[1]
FILES = {"report.html", "policies.csv", "today.json", "bill.png", "schedule.png", "signals.png", "spells.nc"}
WAIT = """
import pathlib, time
def wait():
    pathlib.Path("ready").touch()
    time.sleep(60)
"""
IN_THE_FITS = """
plain = SampledRegression.fit
def fit(self, *arguments, **options):
    if self.fits > 3:
        wait()
    return plain(self, *arguments, **options)
SampledRegression.fit = fit
"""
COUNTING = """
import pathlib
plain = SampledRegression.fit
def fit(self, *arguments, **options):
    found = plain(self, *arguments, **options)
    pathlib.Path("fits").write_text(str(self.fits))
    return found
SampledRegression.fit = fit
"""
AFTER_THE_FITS = """
def policies(tuning):
    wait()
    return {}
"""


def start(folder, *arguments, **options):
    environment = os.environ | {"PYTHONPATH": str(SOURCE), "OMP_NUM_THREADS": "1"}
    quick = ["--no-what-if"] if arguments[0] == "audit" else []
    program = [sys.executable, "-m", "learning_debt", *map(str, arguments), *quick]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "preexec_fn": heed_interrupts} | options
    return subprocess.Popen(program, cwd=folder.path, env=environment, text=True, **pipes)


def heed_interrupts():
    """As a command of a terminal would, also where the tests themselves run in the background and ignore them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def when_ready(folder, process):
    deadline = time.monotonic() + 120
    while not (folder.path / "ready").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt, 130), (Terminated, 143)])
def test_a_signal_that_is_raised_where_no_error_comes_out_is_not_lost(error, code, capsys):
    class Finalised:
        def __del__(self):
            raise error

    def work():
        with clear_endings():
            Finalised()
            time.sleep(20)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(typer.Exit) as ended:
            work()
    finally:
        signal.signal(signal.SIGINT, before)
    assert ended.value.exit_code == code
    assert "ignored" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_signal_in_the_fits_keeps_them_and_the_same_command_goes_on(folder, number, code, word):
    process = start(folder, "audit", folder.drawn(WAIT, IN_THE_FITS), "--out", "deep/audit")
    when_ready(folder, process)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    store = Path("deep/audit.store")
    assert process.returncode == code
    assert errors.split() == f"{word}, the fits so far are kept in {store}; the same command goes on from them".split()
    assert {one.name for one in folder.path.iterdir()} <= {"drawn.py", "ready", "deep", "__pycache__"}
    kept = list((folder.path / store).rglob("*.nc"))
    assert len(kept) == 4
    again = folder.audit(folder.drawn(COUNTING), "--out", "deep/audit")
    assert again.exit_code == 0, again.output
    assert "(4 of them kept from an earlier run)" in " ".join(again.output.split())
    fits = int((folder.path / "fits").read_text())
    assert fits > 0
    table = xr.load_dataset(folder.path / "deep" / "audit" / "spells.nc", engine="h5netcdf")
    assert fits + 4 - int(table["refits"].sum()) in (1, 2)  # the first period, which may have been tried twice
    assert not (folder.path / store).exists()


def test_a_store_of_another_model_is_left_alone_and_one_of_ones_own_is_kept(folder):
    assert folder.audit(folder.drawn(), "--store", "mine").exit_code == 0
    assert (folder.path / "mine" / "store.json").exists()
    (folder.path / "mine").rename(folder.path / "audit.store")
    other = folder.audit("drawn.py", "--seed", "5")
    assert other.exit_code == 0, other.output
    assert "random_seed is 1 there and 5 here" in " ".join(other.output.split())
    assert (folder.path / "audit.store" / "store.json").exists()
    assert not (folder.path / "audit.store-2").exists()
    refused = folder.audit("drawn.py", "--seed", "5", "--store", "audit.store")
    assert refused.exit_code == 1
    assert "random_seed is 1 there and 5 here" in " ".join(refused.output.split())


def test_a_directory_that_is_no_store_is_not_said_to_keep_fits(folder):
    (folder.path / "mine").mkdir()
    (folder.path / "mine" / "thesis.txt").write_text("mine")
    refused = folder.audit(folder.drawn(), "--store", "mine")
    assert refused.exit_code == 1
    assert "mine is no store and not empty" in " ".join(refused.output.split())
    assert "are kept in" not in " ".join(refused.output.split())


def test_a_signal_after_the_fits_leaves_their_table_and_says_how_to_go_on(folder):
    process = start(folder, "audit", folder.exact(WAIT, AFTER_THE_FITS))
    when_ready(folder, process)
    process.terminate()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143
    assert (
        "terminated, the fits are kept in audit/spells.nc; go on with: learning-debt audit exact.py --spells" in errors
    )
    assert "Traceback" not in errors
    assert folder.names() == {"spells.nc"}
    folder.exact()
    result = folder.audit("exact.py", "--spells", "audit/spells.nc")
    assert result.exit_code == 0, result.output
    assert folder.names() == FILES


def test_a_reader_that_leaves_does_not_stop_the_work(folder):
    process = start(folder, "audit", folder.exact("print('read me')"))
    process.stdout.close()
    errors = process.stderr.read()
    assert process.wait(timeout=120) == 0
    assert errors == ""
    assert folder.names() == FILES


@pytest.mark.skipif(os.name != "posix", reason="closes streams by their numbers")
@pytest.mark.parametrize("closed", [(1,), (2,), (0, 1, 2)])
def test_streams_that_were_never_open_do_not_stop_the_work(folder, closed):
    def close():
        for number in closed:
            os.close(number)

    process = start(folder, "audit", folder.exact(), preexec_fn=close)
    _, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "")
    assert folder.names() == FILES
    kept = xr.load_dataset(folder.path / "audit" / "spells.nc", engine="h5netcdf")
    assert kept.sizes["period"] == 47


@pytest.mark.skipif(os.name != "posix", reason="limits the size of files")
def test_a_full_disk_is_one_clear_line(folder):
    def limit():
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))

    process = start(folder, "audit", folder.exact(), preexec_fn=limit)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert len(errors.strip().splitlines()) == 1
    assert "error: cannot write the report to audit: [Errno 27] File too large" in errors
    assert not folder.names()


def test_a_link_to_nowhere_is_refused_before_the_first_fit(folder):
    (folder.path / "audit").symlink_to("nowhere")
    result = folder.audit(folder.exact("forecaster = None"))
    assert result.exit_code == 1
    assert "audit: it is a link to what does not exist" in result.stderr
    assert "audit/deep: " in folder.audit("exact.py", "--out", "audit/deep").stderr


def test_two_runs_at_once_never_make_a_mixture(folder):
    money = "cost = ld.RetrainingCost(20, money_per_nat=5, currency='{}')"
    names = [folder.exact(money.format(currency), name=f"{currency}.py") for currency in ("FIRSTCOIN", "OTHERCOIN")]
    processes = [start(folder, "audit", name) for name in names]
    outputs = [one.communicate(timeout=180) for one in processes]
    assert [one.returncode for one in processes] == [0, 0], outputs
    assert folder.names() == FILES
    page, table = ((folder.path / "audit" / name).read_text() for name in ("report.html", "policies.csv"))
    (winner,) = {"FIRSTCOIN", "OTHERCOIN"} & set(table.replace(",", " ").split())
    (loser,) = {"FIRSTCOIN", "OTHERCOIN"} - {winner}
    assert winner in page
    assert loser not in page


def test_the_version(folder):
    process = start(folder, "--version")
    assert process.communicate(timeout=60)[0].strip() == f"learning-debt {ld.__version__}"
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("line", "options", "message"),
    [
        ("", ["--split", "0.9"], "split=0.9 of 47 periods"),
        ("", ["--split", "1.5"], "split"),
        ("", ["--initial", "60"], "split=0.6 of 10 periods"),
        ("", ["--calendar", "0"], "calendar must be a whole number that is at least 1, not 0"),
        ("calendar = ['2024-W99']", [], "2024-W99"),
        ("calendar = 'monthly'", [], "calendar must be"),
        ("", ["--accounting", "postive"], "accounting must be one of"),
        ("cost = ld.RetrainingCost(5, money_per_nat=2)", ["--accounting", "positive"], "positive accounting"),
        ("cost = ld.RetrainingCost(5, currency='EUR')", [], "a cost in EUR cannot be held against regret in nats"),
        (
            "cost = ld.RetrainingCost(5, currency='EUR')\nscore = ld.scores.NewsvendorLoss(4, 1, currency='USD')",
            [],
            "the cost is in EUR, the table's score in USD",
        ),
        ("cost = ld.RetrainingCost(1, per_change=2)\nvariables = ('score_gap',)", [], "per_change is a price of"),
        ("", ["--last-retrain", "2024-W1"], "last_retrain: 2024-W1 is no period of the table.*near it are 2024-W"),
        ("", ["--last-retrain", "2024-W69"], "last period"),
        ("", ["--last-retrain", "2024-W03"], "lies before the table.*smaller initial"),
        ("last_retrain = 61", [], "last_retrain: the label 61 is a number"),
        ("policies = {'never': [ld.policies.CUSUM(1)]}", [], "the name 'never' is taken"),
        ("policies = {'mine': [ld.policies.ParetoKThreshold(0.7)]}", [], "deployed_pareto_k"),
        ("exposure = -1", [], "exposure must be"),
        ("horizon = 0", [], "horizon must be"),
        ("probability = 2", [], "probability must"),
        ("cost = '0.2'", [], "cost must be a number"),
        ("cost = None", [], "a retraining cost is missing.*set cost in drawn.py, or give --cost"),
        ("", ["--cost", "-1"], "--cost must be a number that is at least 0, not -1"),
        ("def policies():\n    return {}", [], "policies must be a function of the tuning part: too many"),
        ("def load_history(path):\n    return path", [], "load_history must be a function without arguments: missing"),
        (
            "def load_history():\n    return 'h.csv'",
            [],
            "data frame, not str, as load_history.. of drawn.py returned it",
        ),
        ("build_twin = lambda data: data\ntwin_prior = 3", [], "twin_prior must be an ld.NIG, not 3"),
        ("forecaster = None\nbuild_model = lambda: 3", [], "build_model must be a function of the data: too many"),
        ("score = 'crsp'", [], "crsp"),
        ("", ["--seed", "-1"], "--seed must be a whole number that is at least 0"),
        ("", ["--spells", "drawn.py"], "is not a readable netCDF"),
        ("", ["--spells", "s.nc", "--initial", "20"], "--initial has no say over --spells"),
        ("", ["--spells", "s.nc", "--draws", "20"], "--draws has no say over --spells"),
    ],
)
def test_all_that_can_be_refused_is_refused_before_the_first_fit(folder, line, options, message):
    unfit = "def unfit(self, data, **options):\n    raise AssertionError('asked for a fit')\n"
    result = folder.audit(folder.drawn(unfit, "SampledRegression.fit = unfit", line), *options)
    assert result.exit_code == 1
    assert "asked for a fit" not in result.stderr
    assert re.search(message, result.stderr)
    assert len(result.stderr.strip().splitlines()) == 1
    assert not folder.names()


def test_a_price_of_seconds_is_refused_before_the_table_where_posteriors_are_exact(folder):
    result = folder.audit(folder.exact("cost = ld.RetrainingCost(0.1, per_second=2)"))
    assert (result.exit_code, folder.names()) == (1, set())
    assert "per_second is a price of 'seconds'" in result.stderr


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("raise SystemExit(0)", "error: the program was told to end (SystemExit: 0)"),
        ("raise GeneratorExit", "error: GeneratorExit (exact.py, line"),
        ("class Odd(BaseException): pass\nraise Odd('odd')", "error: Odd: odd (exact.py, line"),
        ("def load_history():\n    raise SystemExit(0)", "in load_history)"),
        ("raise ValueError('one\\ntwo\\n\\x1b[2J')", "error: ValueError: one two \\x1b[2J (exact.py, line"),
    ],
)
def test_whatever_a_model_file_raises_is_one_line_and_no_success(folder, line, message):
    result = folder.audit(folder.exact(line))
    assert result.exit_code == 1
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_table_priced_anew_says_nothing_of_how_it_was_stored(folder):
    assert folder.audit(folder.exact()).exit_code == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error", xr.SerializationWarning)
        result = folder.audit("exact.py", "--spells", "audit/spells.nc", "--cost", "0.3")
    assert (result.exit_code, result.stderr) == (0, "")


def test_wrong_usage_has_the_exit_code_of_the_command_line_library(folder):
    assert folder.audit(folder.exact(), "--calendar", "often").exit_code == 2
    assert folder.audit().exit_code == 2


@pytest.mark.parametrize("broken", ["audit", "write_report", "audit_parts"])
def test_what_fails_after_the_fits_costs_no_fit(folder, monkeypatch, broken):
    """Whether it is the audit (of a table that is no rehearsal), the report or what is printed."""
    real, calls = ld.audit, []

    def fail(*arguments, **options):
        calls.append(arguments)
        if broken == "audit" and len(calls) == 1:
            return real(*arguments, **options)
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(ld if broken == "audit" else run_audit, broken, fail)
    result = folder.audit(folder.exact())
    assert result.exit_code == 1
    assert "RuntimeError: the disk is full, the fits are kept in audit/spells.nc" in result.stderr
    assert folder.names() == (FILES if broken == "audit_parts" else {"spells.nc"})
    monkeypatch.undo()


def test_a_new_table_does_not_replace_that_of_an_old_report(folder, monkeypatch):
    assert folder.audit(folder.exact()).exit_code == 0
    before = {name: (folder.path / "audit" / name).read_bytes() for name in FILES}
    monkeypatch.setattr(run_audit, "write_report", None)
    result = folder.audit(folder.exact("initial = 20"))
    assert "the fits are kept in audit/new-spells.nc" in result.stderr
    assert {name: (folder.path / "audit" / name).read_bytes() for name in FILES} == before
    monkeypatch.undo()
    monkeypatch.chdir(folder.path)
    assert folder.audit("exact.py", "--spells", "audit/new-spells.nc").exit_code == 0
    assert folder.names() == FILES


HOSTILE = "\x1b[2J\x1b]0;owned\x07[bold red]=1+1[/] :bomb: \u202e"


@pytest.mark.filterwarnings("ignore:Glyph")
def test_hostile_names_reach_the_terminal_as_text(folder):
    lines = [f"policies = {{{HOSTILE!r}: [ld.policies.CUSUM(0.3)]}}", f"__doc__ = {HOSTILE!r}"]
    lines += [f"cost = ld.RetrainingCost(5, money_per_nat=2, currency={HOSTILE!r})", f"calender = {HOSTILE!r}"]
    result = folder.audit(folder.exact(*lines))
    assert result.exit_code == 0, result.output
    assert not {letter for letter in result.output if not letter.isprintable()} - {"\n"}
    assert "\\x1b[2J" in result.output
    assert "[bold red]=1+1[/] :bomb:" in result.output
    failed = folder.audit(folder.exact(*lines, f"calendar = [{HOSTILE!r}]"))
    assert failed.exit_code == 1
    assert not {letter for letter in failed.stderr if not letter.isprintable()} - {"\n"}
