"""A strategy in a monitor: it promotes, rolls back after a failure, and leaves a ledger that holds."""

import numpy as np
import pytest

import learning_debt as ld
from learning_debt.data.update_rule import UpdateRule
from learning_debt.errors import CandidateRefusedError
from learning_debt.serving import Choice, FollowLeader, Naive, next_served, put_into_service

pytestmark = pytest.mark.slow
FORECASTER = ld.ConjugateRegression(ld.NIG([0.0, 0.0], np.eye(2), 2.0, 1.0))
AGREED = {"cost": 0.3, "policy": ld.policies.Never(), "calendar": 12}
LEADER = FollowLeader(UpdateRule(window=3))
BAD = (30, 31)


def rows_of(period, rng, rows=6, change=99, bad=BAD, shift=8.0):
    x = np.column_stack([np.ones(rows), rng.normal(size=rows)])
    y = 1.0 + (2.0 if period < change else -1.0) * x[:, 1] + rng.normal(size=rows)
    return {"x": x, "y": y + shift * (period in bad), "period": np.full(rows, period)}


def monitor_of(path, rng, **options):
    past = [rows_of(period, rng) for period in range(20)]
    history = {name: np.concatenate([one[name] for one in past]) for name in past[0]}
    return ld.Monitor.create(path, FORECASTER, history, **AGREED, **options)


@pytest.fixture(scope="module")
def after_a_failure(tmp_path_factory):
    """Two periods of corrupted outcomes were learned and put into service; then rows are right again."""
    rng = np.random.default_rng(1)
    monitor = monitor_of(tmp_path_factory.mktemp("serving") / "state", rng)
    for period in range(20, 32):
        monitor.observe(rows_of(period, rng))
    monitor.redeploy(reason="injected failure", force=True)
    choices = []
    for period in range(32, 40):
        monitor.observe(rows_of(period, rng))
        choices.append(next_served(monitor, LEADER))
        put_into_service(monitor, choices[-1])
    return monitor, choices


def test_it_rolls_back_after_an_injected_failure_within_few_batches(after_a_failure):
    monitor, choices = after_a_failure
    actions = [one.action for one in choices]
    assert "roll back" in actions[:3]
    assert set(actions[3:]) == {"keep"}
    assert monitor.status()["in_service"] == 19
    back = choices[actions.index("roll back")]
    assert back.trained_after == 19
    assert back.scores["19"] == max(back.scores.values())


def test_the_ledger_has_the_reason_and_verifies(after_a_failure):
    monitor, choices = after_a_failure
    (back,) = [one for one in choices if one.action == "roll back"]
    with ld.Monitor.open(monitor.path)._session.writing("reading") as ledger:
        reasons = [row["reason"] for row in ledger.all("SELECT reason FROM entries WHERE kind = 'rollback'")]
    assert reasons == [back.reason]
    assert "FollowLeader" in back.reason
    assert "a row more than what serves" in back.reason
    assert monitor.verify(replay=True).ok


def test_scores_are_those_of_the_audit_of_the_ledger(after_a_failure):
    """The ledger's gaps are those of its spell table."""
    monitor, _ = after_a_failure
    gaps = monitor.score_gaps()
    table = monitor.spells()["score_gap"].squeeze("series", drop=True)
    found = gaps.sel(deployed_at=0).values
    assert found == pytest.approx(table.sel(deployed_at=0).values)
    assert np.isnan(gaps.sel(deployed_at=12, period=12))


def test_it_promotes_the_shadow_after_a_change(tmp_path):
    rng = np.random.default_rng(2)
    monitor = monitor_of(tmp_path / "state", rng, update_rule=UpdateRule(window=6))
    actions = []
    for period in range(20, 29):
        monitor.observe(rows_of(period, rng, change=20))
        actions.append((choice := next_served(monitor, LEADER)).action)
        with pytest.raises(ValueError, match="choice was made after period 7"):
            put_into_service(monitor, Choice("promote", 7, 7, {}, "late"))
        put_into_service(monitor, choice)
    assert "promote" in actions
    assert monitor.status()["in_service"] >= 20


def test_a_shadow_that_does_not_pass_is_not_promoted(tmp_path):
    """The shadow has learned what is wrong; naive would serve it."""
    rng = np.random.default_rng(3)
    monitor = monitor_of(tmp_path / "state", rng)
    with pytest.raises(ValueError, match="monitor has observed no period yet"):
        next_served(monitor, Naive())
    for period in range(20, 45):
        monitor.observe(rows_of(period, rng, bad=(24,), shift=30.0))
    choice = next_served(monitor, Naive())
    assert choice.action == "promote"
    with pytest.raises(CandidateRefusedError):
        put_into_service(monitor, choice)
    assert monitor.status()["in_service"] == 19
    assert put_into_service(monitor, choice, force=True)["in_service"] == 44
