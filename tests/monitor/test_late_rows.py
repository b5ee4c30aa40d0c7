"""Rows that come late or are revised: learnt when they become known, as in a table of the same history."""

import numpy as np
import pandas as pd
import pytest
from tests.sampled_regression import SampledRegression

import learning_debt as ld
from learning_debt.monitor import verify_folder

INITIAL, PERIODS, LATE = 8, 24, 2
EXACT = ld.ConjugateRegression(ld.NIG([0.0, 0.0], np.eye(2), 2.0, 1.0))


def history(seed=1):
    """Three rows a period, by name; some arrive one or two periods late, some are revised."""
    rng = np.random.default_rng(seed)
    rows = []
    for period in range(PERIODS):
        for name in range(3):
            x, noise = rng.normal(), rng.normal()
            late = int(rng.integers(1, LATE + 1)) if name and rng.random() < 0.3 else 0
            y = 1.0 + (2.0 if period < 14 else 0.0) * x + noise
            rows.append({"period": period, "row": name, "arrived": period + late, "one": 1.0, "x": x, "y": y})
            if name == 0 and rng.random() < 0.4:
                rows.append(rows[-1] | {"arrived": period + 1, "y": y + 0.5 * rng.normal()})
    frame = pd.DataFrame(rows)
    return frame[frame["arrived"] < PERIODS]


def as_rows(frame):
    named = {name: frame[name].to_numpy() for name in ("period", "row", "arrived", "y")}
    return named | {"x": frame[["one", "x"]].to_numpy()}


FRAME = history()


def known_in(first, stop):
    """Rows that become known in these periods."""
    return as_rows(FRAME[(FRAME["arrived"] >= first) & (FRAME["arrived"] < stop)])


def made(folder, forecaster=EXACT, **changed):
    agreed = {"cost": 0.3, "policy": ld.policies.CUSUM(0.5), "calendar": 8, "late": LATE, "retained": 40} | changed
    return ld.Monitor.create(folder, forecaster, known_in(0, INITIAL), **agreed)


@pytest.mark.parametrize("rule", [ld.UpdateRule(), ld.UpdateRule(window=6)], ids=str)
def test_what_policies_see_is_that_of_a_table_of_the_whole_history(tmp_path, rule):
    monitor = made(tmp_path / "state", update_rule=rule)
    for period in range(INITIAL, PERIODS):
        if monitor.observe(known_in(period, period + 1)).verdict == "retrain":
            monitor.redeploy(force=True)
    table = ld.spell_table(
        EXACT, as_rows(FRAME), initial=INITIAL, update_rule=rule, varying_rows=True, progressbar=False
    )
    assert "arrived_gap" in table
    replay = ld.replay(table, ld.policies.CUSUM(0.5), 0.3)
    decisions = monitor.history()
    assert decisions["verdict"].values[:-1].tolist() == [
        "retrain" if retrained else "wait" for retrained in replay.schedule.values[0][:-1]
    ]
    trained = table["deployed_label"].values.tolist()
    for place, label in enumerate(decisions["deployed_label"].values.tolist()):
        expected = table["debt"].values[0, trained.index(label), place]
        np.testing.assert_allclose(decisions["debt"].values[place], expected, rtol=1e-8, atol=1e-10)
    mine = monitor.spells()
    np.testing.assert_allclose(mine["arrived_gap"], table["arrived_gap"], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(mine["debt"], table["debt"], rtol=1e-8, atol=1e-10)
    assert monitor.verify(replay=True).findings == ()


def test_draws_learn_late_rows_as_a_table_does(tmp_path):
    def forecaster():
        return SampledRegression(ld.NIG(np.zeros(2), np.eye(2), 2.0, 1.0))

    monitor = made(tmp_path / "state", forecaster(), random_seed=5)
    for period in range(INITIAL, INITIAL + 6):
        monitor = ld.Monitor.open(monitor.path, forecaster()) if period == INITIAL + 3 else monitor
        monitor.observe(known_in(period, period + 1))
    rows = as_rows(FRAME[FRAME["arrived"] < INITIAL + 6])
    table = ld.spell_table(
        forecaster(), rows, initial=INITIAL, random_seed=5, shadow=ld.Refit(), varying_rows=True, progressbar=False
    )
    np.testing.assert_allclose(monitor.history()["debt"], table["debt"].values[0, 0], rtol=1e-6)
    assert monitor.verify(replay=True).ok


def test_a_history_may_hold_late_rows_and_the_walk_goes_on_from_them(tmp_path):
    monitor = ld.Monitor.create(
        tmp_path / "state", EXACT, known_in(0, 16), initial=INITIAL, cost=0.3, policy=ld.policies.Never(), calendar=8,
        late=LATE,
    )  # fmt: skip
    assert monitor.status()["period"] == 16 - INITIAL
    assert monitor.observe(known_in(10, 17)).label == 16
    assert monitor.verify(replay=True).ok


def row(**changed):
    one = {"period": [INITIAL], "row": [0], "arrived": [INITIAL], "x": np.ones((1, 2)), "y": [1.0]}
    return {name: np.concatenate([np.asarray(changed.get(name, one[name])), np.asarray(one[name])]) for name in one}


REFUSED = {
    "too late": (row(period=[INITIAL - 3], row=[9]), "row of period 5, which is more than 2 periods before"),
    "of no period": (row(period=[-7], row=[9]), "row of period -7, which is no period that was observed"),
    "twice at once": (row(), "both arrived 8"),
    "yet to come": (row(row=[9], arrived=[INITIAL + 1]), "after its last period"),
    "without a name": ({"period": [INITIAL], "x": np.ones((1, 2)), "y": [1.0]}, "lacks the column 'row'"),
}


@pytest.mark.parametrize(("batch", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_late_is_refused(tmp_path, batch, message):
    monitor = made(tmp_path / "state")
    with pytest.raises(ValueError, match=message):
        monitor.observe(batch)
    assert monitor.status()["period"] == 0
    assert verify_folder(monitor.path).ok


def test_policies_that_read_scores_of_the_period_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"policy: .* reads deployed_score"):
        made(tmp_path / "state", policy=ld.policies.StalenessThreshold(1.0))
    with pytest.raises(ValueError, match="retained must be"):
        made(tmp_path / "state", retained=5)
