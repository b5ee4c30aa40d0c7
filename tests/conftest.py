"""Fixtures shared by the tests: random spell tables, hand-written signals, small histories."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, settings

from learning_debt.policies.signals import Signals

# The same inputs every time, on machines of any speed; `max_examples` is what each property takes unless it says so.
settings.register_profile(
    "learning-debt",
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("learning-debt")

TESTS = Path(__file__).parent
INTEGRATION = (
    "cli",
    "forecasters",
    "integrations",
    "models",
    "shadows/test_shadow_pymc.py",
    "shadows/test_supplied.py",
    "spells/test_sampled_past.py",
    "spells/test_state_of_every_row.py",
    "test_docs_pages.py",
    "test_notebooks.py",
)
"""Rooms and files of tests that run samplers, other packages' models, other processes, or whole pages."""
SLOW = ("properties", "report", "study")
"""Rooms of tests that try many inputs, draw whole reports, or simulate."""
LONGEST = ("test_notebooks.py", "monitor/test_folder.py", "models/test_real_histories.py", "spells/test_store.py")
"""Files that take minutes: they come first, so that no process is alone with one of them when the others are done."""
assert all((TESTS / room).exists() for room in (*INTEGRATION, *SLOW, *LONGEST)), "a room of tests has moved"


def pytest_collection_modifyitems(items):
    """Mark what stands in those rooms; other slow tests have their own mark. The longest files come first."""
    longest = {TESTS / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: longest.get(item.path, len(LONGEST)))
    for item in items:
        for mark, rooms in ((pytest.mark.integration, INTEGRATION), (pytest.mark.slow, SLOW)):
            if any(item.path.is_relative_to(TESTS / room) for room in rooms):
                item.add_marker(mark)


def random_table(periods, series=1, seed=0, *, exposure=1.0, rows=1, drift=0.03):
    """A spell table of noise in which old posteriors are worse; NaN where nothing was deployed yet."""
    rng = np.random.default_rng(seed)
    shape = (series, periods, periods)
    age = np.arange(1, periods + 1) - np.arange(periods)[:, None]
    cells = {
        "score_gap": drift * (age - 1) + 0.3 * rng.normal(size=shape),
        "debt": 0.05 * np.maximum(age, 0) * rng.gamma(2.0, size=shape),
        "predictive_debt": 0.01 * np.maximum(age, 0) * rng.gamma(2.0, size=shape),
    }
    dims = ("series", "deployed_at", "period")
    table = xr.Dataset({name: (dims, np.where(age > 0, values, np.nan)) for name, values in cells.items()})
    table["rows"] = (("series", "period"), np.broadcast_to(rows, (series, periods)).astype(float))
    table["exposure"] = (("series", "period"), np.broadcast_to(exposure, (series, periods)).astype(float))
    table["regret"] = (table["exposure"] * table["score_gap"]).transpose(*dims)
    return table.assign_coords(
        series=np.arange(series),
        deployed_at=np.arange(periods),
        period=np.arange(1, periods + 1),
        label=("period", [f"day {t:03d}" for t in range(1, periods + 1)]),
    )


def hand_written_signals(spell_age=1, *, period=1, label=None, **given):
    """Signals with the values `given`, zeros elsewhere; a number stands for every lane."""
    age = np.atleast_1d(np.asarray(spell_age))
    defaults = {"cost": 1.0, "exposure": 1.0, "reliable": True, "converged": True}
    names = [field.name for field in fields(Signals) if field.name not in ("period", "label", "spell_age")]
    values = {
        name: np.broadcast_to(np.asarray(given.pop(name, defaults.get(name, 0.0))), age.shape).copy() for name in names
    }
    assert not given, f"unknown signals {sorted(given)}"
    return Signals(period=period, label=period if label is None else label, spell_age=age, **values)


def simulated_history(periods, rows, coefficients, seed=0, shift_at=None):
    """Arrays x (n, p), y and period of a linear model whose coefficients jump by 2 after `shift_at` periods."""
    rng = np.random.default_rng(seed)
    counts = np.broadcast_to(rows, (periods,))
    period = np.repeat(np.arange(periods), counts)
    x = rng.normal(size=(period.size, coefficients))
    slope = 1.0 + 2.0 * (period >= (periods if shift_at is None else shift_at))
    return {"x": x, "y": slope * x.sum(axis=1) + rng.normal(size=period.size), "period": period}


@pytest.fixture
def random_spells():
    """Function: periods, series, seed -> a random spell table."""
    return random_table


@pytest.fixture
def make_signals():
    """Function: spell ages and any signals -> Signals."""
    return hand_written_signals


@pytest.fixture
def make_history():
    """Function: periods, rows, coefficients -> arrays of a simulated history."""
    return simulated_history
