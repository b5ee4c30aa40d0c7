"""A model file's twin: its sampled table is begun by a process beside the command, which depends on it for nothing."""

import contextlib
import os
import signal
import textwrap

import numpy as np
import pytest
import xarray as xr

import learning_debt as ld
from learning_debt.cli import twin_of_file
from learning_debt.cli.command_endings import PlainConsole
from learning_debt.cli.model_file import imported
from learning_debt.cli.twin_of_file import TwinOfFile, begun_beside

pytestmark = pytest.mark.slow  # each begins a process

PRIOR = ld.NIG(np.zeros(1), np.eye(1), 2.0, 1.0)
PERIODS, INITIAL = 12, 4

HEAD = """
import threading, time
import learning_debt as ld
from tests.sampled_regression import SampledRegression
prior = ld.NIG(0.0, 1.0, 2.0, 1.0)
"""


def history():
    rng = np.random.default_rng(1)
    rows = np.repeat(np.arange(INITIAL + PERIODS), 3)
    y = rng.normal(size=rows.size)
    return xr.Dataset({"x": (("obs", "k"), np.ones((rows.size, 1))), "y": ("obs", y)}, {"period": ("obs", rows)})


@pytest.fixture
def twin_of(tmp_path):
    def make(module, home="store"):
        options = {"initial": INITIAL, "progressbar": False, "random_seed": 3, "shadow": None, "store": None}
        pair = (module.twin, ld.ConjugateRegression(PRIOR))
        return TwinOfFile.of(pair, history(), options, PERIODS, tmp_path / home)

    return make


@pytest.fixture
def module_of(tmp_path):
    def write(body):
        path = tmp_path / "model.py"
        path.write_text(HEAD + textwrap.dedent(body))
        return imported(path)

    return write


COUNTED = """
class Twin(SampledRegression):
    fits = 0
    def fit(self, data, **options):
        Twin.fits += 1
        return super().fit(data, **options)
twin = Twin(prior, draws=400)
"""


def test_the_fits_of_the_other_process_are_not_made_again_and_come_out_the_same(module_of, twin_of):
    with module_of(COUNTED) as module:
        with begun_beside(twin_of(module), module) as beside:
            beside.join()
            assert beside.exitcode == 0
            passing = []
            found = twin_of(module).compared(PlainConsole(), passing, beside)
        assert module.Twin.fits == 0
        assert [path.name for path in passing] == ["store"]
        alone = twin_of(module, "alone").compared(PlainConsole(), [], None)
        assert module.Twin.fits > 0
    xr.testing.assert_identical(found.sampled.drop_vars("seconds"), alone.sampled.drop_vars("seconds"))
    xr.testing.assert_identical(found.comparison, alone.comparison)


def test_what_fails_there_fails_here_with_its_own_words(module_of, twin_of, capfd):
    body = """
    class Failing(SampledRegression):
        def fit(self, data, **options):
            raise RuntimeError("no fit today")
    twin = Failing(prior)
    """
    with module_of(body) as module, begun_beside(twin_of(module), module) as beside:
        beside.join()
        assert beside.exitcode == 1
        assert "no fit today" not in "".join(capfd.readouterr())
        with pytest.raises(RuntimeError, match="no fit today"):
            twin_of(module).compared(PlainConsole(), [], beside)


def test_the_other_process_ends_with_the_block(module_of, twin_of):
    body = """
    class Endless(SampledRegression):
        def fit(self, data, **options):
            time.sleep(600)
    twin = Endless(prior)
    """
    with module_of(body) as module:
        with contextlib.suppress(KeyboardInterrupt), begun_beside(twin_of(module), module) as beside:
            os.kill(beside.pid, signal.SIGINT)  # as a terminal does: it would answer with a traceback
            beside.join(2.0)
            assert beside.is_alive()
            raise KeyboardInterrupt
        assert not beside.is_alive()
        assert signal.getsignal(signal.SIGINT) is not signal.SIG_IGN


def test_what_cannot_travel_is_made_here_alone(module_of, twin_of):
    body = """
    class Held(SampledRegression):
        def __init__(self):
            super().__init__(prior, draws=400)
            self.lock = threading.Lock()
    twin = Held()
    """
    with module_of(body) as module, begun_beside(twin_of(module), module) as beside:
        assert beside is None
        assert twin_of(module).compared(PlainConsole(), [], beside).comparison.sizes


@pytest.mark.parametrize("cores", [1, None])
def test_one_core_begins_nothing_beside(module_of, twin_of, monkeypatch, cores):
    monkeypatch.setattr(twin_of_file.os, "cpu_count", lambda: cores)
    with module_of(COUNTED) as module, begun_beside(twin_of(module), module) as beside:
        assert beside is None
    with begun_beside(None, module) as beside:
        assert beside is None
