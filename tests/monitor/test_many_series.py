"""Many series in one folder are monitors of each, checked together and decided about one by one."""

import numpy as np
import pytest

import learning_debt as ld
from learning_debt.monitor import SeriesMonitors

from .a_monitor import AGREED, FORECASTER, contents, history, made, part

NAMES = ["north", "south", "west"]
ROWS = {name: history(30, seed=seed) for seed, name in enumerate(NAMES)}


def rows(first, stop, names=NAMES):
    parts = [part(ROWS[name], first, stop) for name in names]
    joined = {column: np.concatenate([one[column] for one in parts]) for column in ("x", "y", "period")}
    return joined | {"series": np.repeat(names, [len(one["y"]) for one in parts])}


@pytest.fixture
def monitors(tmp_path):
    return SeriesMonitors.create(tmp_path / "states", FORECASTER, rows(0, 20), AGREED)


def test_each_decision_is_that_of_the_series_alone(monitors, tmp_path):
    for period in range(20, 23):
        found = monitors.observe(rows(period, period + 1))
    for name in NAMES:
        alone = made(tmp_path / name, ROWS[name])
        decision = alone.observe(part(ROWS[name], 20, 23))
        assert found[name].reason == decision.reason
        assert found[name].debt == decision.debt
    again = SeriesMonitors.open(monitors.path, FORECASTER)
    assert {name: one.receipt for name, one in again.observe(rows(22, 23)).items()} == {
        name: one.receipt for name, one in found.items()
    }
    assert all(one.ok for one in again.verify(replay=True).values())


def test_a_series_has_its_own_retrains(monitors):
    monitors.observe(rows(20, 22))
    monitors.monitor("south").redeploy(force=True)
    status = {one["series"]: one["in_service"] for one in monitors.status()}
    assert status == {"north": 19, "south": 21, "west": 19}
    assert monitors.observe(rows(22, 23, ["south"]))["south"].spell_age == 1


def test_one_wrong_series_leaves_all_as_they_are(monitors):
    before = contents(monitors.path)
    batch = rows(20, 21)
    batch["y"][-1] = np.nan
    with pytest.raises(ValueError, match="y"):
        monitors.observe(batch)
    with pytest.raises(ValueError, match="there is no series east"):
        monitors.observe(rows(20, 21) | {"series": np.repeat(["north", "south", "east"], 3)})
    with pytest.raises(ValueError, match="period 20 is left out"):
        monitors.observe(rows(21, 22))
    assert contents(monitors.path) == before


def test_a_folder_is_made_as_a_whole_or_not_at_all(tmp_path):
    spoilt = rows(0, 20)
    spoilt["period"] = np.where(spoilt["series"] == "west", spoilt["period"][::-1], spoilt["period"])
    with pytest.raises(ValueError, match="out of order") as refused:
        SeriesMonitors.create(tmp_path / "states", FORECASTER, spoilt, AGREED)
    assert "of series west" in refused.value.__notes__
    assert not list(tmp_path.iterdir())
    with pytest.raises(FileNotFoundError, match="is no folder of monitors of many series"):
        SeriesMonitors.open(tmp_path)
    with pytest.raises(KeyError, match="lacks the variable 'series'"):
        SeriesMonitors.create(tmp_path / "states", FORECASTER, part(ROWS["north"], 0, 20), AGREED)


@pytest.mark.parametrize(
    ("agreed", "message"),
    [({"colour": 1}, "agreed: there is no argument 'colour'; there are cost"), ({"cost": 1.0}, "policy is missing")],
)
def test_what_is_agreed_is_what_a_monitor_takes(tmp_path, agreed, message):
    with pytest.raises(ValueError, match=message):
        SeriesMonitors.create(tmp_path / "states", FORECASTER, rows(0, 20), agreed)
    assert not list(tmp_path.iterdir())


def test_a_folder_of_many_series_is_no_monitor(monitors):
    with pytest.raises(ValueError, match=r"is a folder of many series: use SeriesMonitors\.open"):
        ld.Monitor.open(monitors.path, FORECASTER)
