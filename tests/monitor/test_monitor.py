"""One period in, one decision out: the same decisions as an audit of the same rows, each recorded once."""

import json
import shutil
from itertools import product

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import learning_debt as ld
from learning_debt.data import plain_labels
from learning_debt.monitor import verify_folder
from learning_debt.policies.saving import from_text

from .a_monitor import AGREED, FORECASTER, INITIAL, contents, history, made, part, walked

ROWS = history()
RULES = [ld.UpdateRule(), ld.UpdateRule(window=9), ld.UpdateRule(discount=0.9)]
POLICIES = [
    ld.policies.CUSUM(0.5),
    ld.policies.PredictiveDebtThreshold(40.0),
    ld.policies.Calendar(7, 2),
    ld.policies.BlendedThreshold(40.0, 0.1, 0.9),
    ld.policies.DebtThreshold(1.0, ld.AgeAdjustment.fit(np.arange(1.0, 41.0), np.arange(1, 41))),
]
OF_THE_VERDICT = ("verdict", "spell_age", "break_even_cost", "cost", "unit", "doubts", "believed_regret")
LEARNED = ("reason", "conflict", "probability")
"""What is learned from all cells that are kept."""


@pytest.fixture(scope="module")
def walked_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("monitor") / "state"
    walked(made(folder, ROWS), ROWS)
    return folder


@pytest.fixture
def folder(walked_folder, tmp_path):
    return shutil.copytree(walked_folder, tmp_path / "state")


def told(one, other):
    """Whether two recorded values are the same, NaN included."""
    return one == other or (one != one and other != other)


@pytest.mark.slow
@pytest.mark.parametrize("retained", [6, 60])
@pytest.mark.parametrize(
    ("rule", "policy"), [*product(RULES[:1], POLICIES), *product(RULES[1:], POLICIES[::3])], ids=str
)
def test_an_audit_of_the_same_rows_gives_the_same_decisions_to_the_last_bit(tmp_path, rule, policy, retained):
    monitor = made(tmp_path / "state", ROWS, initial=26, policy=policy, update_rule=rule, retained=retained)
    decisions = walked(monitor, ROWS, first=26, stop=44)
    spells, all_kept = monitor.spells(), retained > len(decisions)
    for decision in decisions:
        table = spells.isel(deployed_at=slice(decision.period), period=slice(decision.period))
        again = ld.decide(table, policy, 0.3, deployed_label=decision.deployed_label, horizon=12)
        names = (*OF_THE_VERDICT, *LEARNED) if all_kept else OF_THE_VERDICT
        assert [name for name in names if not told(getattr(decision, name), getattr(again, name))] == []
        assert told(decision.realised_regret, again.realised_regret.value)
        assert not all_kept or told(decision.expected_regret, again.expected_regret.value)
    assert monitor.verify(replay=True).findings == ()


def test_the_table_of_the_compiled_engine_agrees_to_rounding(folder):
    monitor = ld.Monitor.open(folder, FORECASTER)
    mine = monitor.spells()
    theirs = ld.spell_table(FORECASTER, ROWS, initial=INITIAL, progressbar=False)
    for name in ("debt", "predictive_debt", "score_gap", "deployed_score", "gap_sd"):
        np.testing.assert_allclose(mine[name], theirs[name], rtol=1e-7, atol=1e-10)


def test_every_signal_of_the_ledger_is_that_of_the_table(folder):
    monitor = ld.Monitor.open(folder, FORECASTER)
    spells, decisions = monitor.spells(), monitor.history()
    deployed = [spells["deployed_label"].values.tolist().index(label) for label in decisions["deployed_label"].values]
    at = {"deployed_at": xr.DataArray(deployed, dims="period"), "period": decisions["period"] - 1}
    for name in ("debt", "predictive_debt", "score_gap"):
        np.testing.assert_array_equal(spells[name].isel(series=0, **at).values, decisions[name].values)
    regret = spells["regret"].isel(series=0, **at).values
    np.testing.assert_allclose(decisions["regret_so_far"].values, np.cumsum(regret), rtol=1e-12)


def test_the_bill_is_that_of_a_replay_of_the_policy(folder):
    monitor = ld.Monitor.open(folder, FORECASTER)
    replay = ld.replay(monitor.spells(), AGREED["policy"], AGREED["cost"])
    last = monitor.history().isel(period=-1)
    assert last["retrains"] > 1
    assert last["retrains"] == replay.retrains.item()
    assert last["regret_so_far"].item() == pytest.approx(replay.regret.item())


def test_the_same_batch_again_changes_nothing(folder):
    monitor, before = ld.Monitor.open(folder, FORECASTER), contents(folder)
    decision = monitor.observe(part(ROWS, 41))
    assert decision.label == 41
    assert decision.receipt == monitor.observe(part(ROWS, 30, 42)).receipt
    assert contents(folder) == before


def test_several_periods_at_once_are_those_one_by_one(tmp_path, folder):
    monitor = made(tmp_path / "other", ROWS, policy=ld.policies.Never())
    monitor.observe(part(ROWS, INITIAL, 30))
    assert monitor.observe(part(ROWS, 25, 40)).label == 39
    one_by_one = made(tmp_path / "third", ROWS, policy=ld.policies.Never())
    for period in range(INITIAL, 40):
        one_by_one.observe(part(ROWS, period))
    first, second = monitor.history(), one_by_one.history()
    timed = ["receipt", "seconds", "decided_at"]
    xr.testing.assert_identical(first.drop_vars(timed), second.drop_vars(timed))


def frame(**changed):
    return {"x": np.ones((1, 2)), "y": np.ones(1), "period": np.array([60])} | changed


REFUSED = {
    "other data": (lambda: part(history(seed=2), 59), "period 59 has been observed with other data"),
    "other data of the first history": (lambda: part(history(seed=2), 3), "period 3 has been observed with other data"),
    "a period skipped": (lambda: frame(period=[61]), "period 60 is left out"),
    "a period before the last": (lambda: frame(period=[-5]), "does not come after 59"),
    "periods in another order": (lambda: {"x": np.ones((2, 2)), "y": np.ones(2), "period": [61, 60]}, "out of order"),
    "no period": (lambda: {"x": np.ones((1, 2)), "y": [1.0]}, "lacks the variable 'period'"),
    "a label of another kind": (lambda: frame(period=["60"]), "text"),
    "not a number": (lambda: frame(y=[np.nan]), "y"),
    "infinite": (lambda: frame(x=[[1.0, np.inf]]), "x"),
    "text": (lambda: frame(y=["a"]), "column 'y'"),
    "no outcome": (lambda: {"x": np.ones((1, 2)), "period": [60]}, "lacks the column 'y'"),
    "a further column": (lambda: frame(z=[1.0]), "column 'z'"),
    "another width": (lambda: frame(x=np.ones((1, 3))), "column 'x'"),
    "no rows": (lambda: {"x": np.ones((0, 2)), "y": np.ones(0), "period": np.ones(0)}, "no rows"),
    "no table": (lambda: 3, "data must be"),
    "late rows": (lambda: frame(arrived=[60]), "late"),
    "several series": (
        lambda: {"x": np.ones((2, 2)), "y": np.ones(2), "period": [60, 60], "series": ["a", "b"]},
        "several series",
    ),
}


@pytest.mark.parametrize(("batch", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_observed_is_refused_and_nothing_changes(folder, batch, message):
    monitor, before = ld.Monitor.open(folder, FORECASTER), contents(folder)
    with pytest.raises((ValueError, KeyError, TypeError), match=message):
        monitor.observe(batch())
    assert contents(folder) == before


def test_a_gap_may_be_said_to_be_none(folder):
    monitor = ld.Monitor.open(folder, FORECASTER)
    assert monitor.observe(frame(period=[61]), gaps=True).label == 61


def test_a_retrain_a_rollback_and_a_word(tmp_path):
    monitor = made(tmp_path / "state", ROWS, policy=ld.policies.Never())
    monitor.observe(part(ROWS, INITIAL, 24))
    status = monitor.redeploy(reason="spring")
    assert (status["in_service"], status["answer"], status["verdict"]) == (23, "redeploy", "wait")
    with pytest.raises(ValueError, match="trained after 23 is in service already"):
        monitor.redeploy()
    assert monitor.observe(part(ROWS, 24)).deployed_label == 23
    assert monitor.observe(part(ROWS, 25)).spell_age == 2
    assert monitor.rollback(reason="complaints")["in_service"] == INITIAL - 1
    decision = monitor.observe(part(ROWS, 26))
    assert (decision.deployed_label, decision.spell_age, decision.retrains) == (INITIAL - 1, 7, 1)
    assert monitor.rollback(to=23)["rollback_to"] == [INITIAL - 1]
    with pytest.raises(ValueError, match="to: 24 is no period after which one was trained that has been in service"):
        monitor.rollback(to=24)
    assert monitor.decline(reason="holidays")["answer"] == "decline"
    assert monitor.verify(replay=True).ok


def test_a_rolled_back_posterior_has_the_decision_of_its_row_of_the_table(tmp_path):
    monitor = made(tmp_path / "state", ROWS)
    monitor.observe(part(ROWS, INITIAL, 26))
    monitor.redeploy()
    monitor.observe(part(ROWS, 26, 30))
    monitor.rollback()
    decision = monitor.observe(part(ROWS, 30))
    again = ld.decide(monitor.spells(), AGREED["policy"], 0.3, deployed_label=INITIAL - 1, horizon=12)
    assert decision.reason == again.reason
    assert decision.realised_regret == again.realised_regret.value


def test_posteriors_that_are_kept_stay_as_many_as_agreed(tmp_path):
    monitor = made(tmp_path / "state", ROWS, retained=5)
    walked(monitor, ROWS)
    status = monitor.status()
    assert len(status["retained"]) == 5
    assert {status["last_label"], status["in_service"]} <= set(status["retained"])
    assert len(list((tmp_path / "state" / "posteriors").iterdir())) == 5
    decisions = monitor.history()
    assert decisions["recalled_share"].values[:5].tolist() == [1.0] * 5
    assert 0.15 < decisions["recalled_share"].values[-1] < 0.5
    assert decisions["recalled_periods"].values.tolist() == [*range(1, 41)]
    assert "rest on the last 40 period(s); of all pairs of a posterior and a period in them" in monitor.explain()
    assert "rest on the last" not in monitor.explain(INITIAL)


def test_another_forecaster_is_refused_with_both_fingerprints_until_it_is_adopted(folder):
    other = ld.ConjugateRegression(ld.NIG([0.0, 0.5], np.eye(2), 2.0, 1.0))
    with pytest.raises(ValueError, match=r"is of the forecaster .*ConjugateRegression [0-9a-f]+, and this one is"):
        ld.Monitor.open(folder, other)
    monitor = ld.Monitor.open(folder)
    with pytest.raises(ValueError, match="opened without its forecaster"):
        monitor.observe(part(ROWS, 41))
    monitor.adopt(other, reason="the prior was rounded")
    assert ld.Monitor.open(folder, other).observe(frame()).label == 60
    with pytest.raises(ValueError, match="is of the forecaster"):
        ld.Monitor.open(folder, FORECASTER)
    assert monitor.verify().ok


class MyPolicy(ld.policies.Policy):
    requires = ()

    def step(self, state, signals):
        return state, signals.spell_age > 3


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"policy": MyPolicy()}, "policy: .* cannot be kept in a monitor's folder"),
        ({"policy": ld.policies.ParetoKThreshold(0.7)}, "deployed_pareto_k"),
        ({"cost": None}, "cost is missing"),
        ({"cost": ld.RetrainingCost(cost_ratio=1.0)}, "cost: a cost_ratio is measured on a table"),
        ({"calendar": None}, "calendar is missing"),
        ({"retained": 2}, "retained must be"),
        ({"policy": ld.policies.Schedule(["2024-01"])}, "policy dates: the label '2024-01' is text"),
        ({"exposure": "lines"}, "exposure must be a number or 'rows'"),
        ({"initial": 99}, "initial"),
        ({"last_retrain": 99}, "last_retrain 99 is no period"),
    ],
)
def test_what_cannot_be_agreed_is_refused_and_no_folder_is_made(tmp_path, changed, message):
    with pytest.raises((ValueError, TypeError), match=message):
        ld.Monitor.create(tmp_path / "state", FORECASTER, part(ROWS, 0, INITIAL), **(AGREED | changed))
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_there_is_left_alone(folder):
    before = contents(folder)
    with pytest.raises(ValueError, match="is there already"):
        made(folder, ROWS)
    assert contents(folder) == before


@pytest.fixture(scope="module", params=["recommended", "CUSUM"])
def audited(request):
    """An audit of forty periods, by the recommended policy or by one that learns nothing."""
    spells = ld.spell_table(FORECASTER, part(ROWS, 0, 40), initial=12, progressbar=False)
    policies = {"recommended": None} if request.param == "CUSUM" else None
    return ld.audit(spells, 0.3, calendar=8, resamples=20, policies=policies)


@pytest.mark.slow
@pytest.mark.parametrize("initial", [None, 30])
def test_the_first_decision_of_a_monitor_is_that_of_the_audit_it_was_made_from(tmp_path, audited, initial):
    """Its cells are at hand, whatever posteriors the walk since the last retrain has kept."""
    folder, again = tmp_path / "state", audited.decision
    monitor = ld.Monitor.from_audit(folder, audited, FORECASTER, part(ROWS, 0, 40), initial=initial, retained=5)
    decision = monitor.history().isel(period=-1)
    assert (decision["verdict"], decision["deployed_label"]) == (again.verdict, again.deployed_label)
    assert decision["reason"] == again.reason
    for name, theirs in (("expected_regret", again.expected_regret.value), ("probability", again.probability)):
        assert decision[name].item() == pytest.approx(theirs, rel=1e-6)
    assert decision["break_even_cost"].item() == pytest.approx(again.break_even_cost, rel=1e-6, nan_ok=True)
    assert monitor.observe(part(ROWS, 40)).label == 40
    monitor = ld.Monitor.open(folder, FORECASTER)
    assert monitor.observe(part(ROWS, 41)).label == 41
    assert monitor.verify(replay=True).findings == ()
    spells = monitor.spells()
    assert spells["label"].values.tolist() == [*range(12, 42)]
    mine = spells["debt"].isel(deployed_at=slice(28), period=slice(28))
    np.testing.assert_allclose(mine, audited.all_spells["debt"])


def test_an_audit_of_another_history_is_refused(tmp_path, audited):
    for rows, wrong in ((part(ROWS, 15, 40), "12"), (part(ROWS, 0, 35), "35")):
        with pytest.raises(ValueError, match=f"audit is of another history: its period {wrong}"):
            ld.Monitor.from_audit(tmp_path / "state", audited, FORECASTER, rows, last_retrain=34)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_history_may_go_on_where_the_audit_ends(tmp_path, audited):
    monitor = ld.Monitor.from_audit(tmp_path / "state", audited, FORECASTER, part(ROWS, 0, 48), last_retrain=46)
    assert monitor.status()["in_service"] == 46
    assert monitor.observe(part(ROWS, 48)).label == 48
    assert monitor.verify(replay=True).ok


@pytest.mark.slow
def test_what_an_audit_knew_is_part_of_the_record(tmp_path, audited):
    ld.Monitor.from_audit(tmp_path / "state", audited, FORECASTER, part(ROWS, 0, 40))
    (file,) = (tmp_path / "state" / "audited").iterdir()
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert verify_folder(tmp_path / "state").findings == (f"file audited/{file.name} was changed",)


def test_what_serves_may_have_been_trained_in_the_middle_of_the_history(tmp_path):
    first = made(tmp_path / "other", ROWS, initial=40)
    assert first.status()["period"] == 0
    both = ld.Monitor.create(tmp_path / "third", FORECASTER, part(ROWS, 0, 40), initial=10, last_retrain=33, **AGREED)
    assert both.status()["retrains"] == 1
    alone = ld.Monitor.create(tmp_path / "last", FORECASTER, part(ROWS, 0, 40), last_retrain=33, **AGREED)
    first, second = (each.history().isel(period=-1) for each in (both, alone))
    assert first["realised_regret"].item() == pytest.approx(second["realised_regret"].item(), rel=1e-9)
    assert (first["spell_age"], first["deployed_label"]) == (6, 33)


LABELS = {
    "months": pd.period_range("2020-01", periods=60, freq="M"),
    "days": pd.date_range("2020-01-01", periods=60),
    "weeks as text": pd.Index([f"{2020 + week // 52}-W{week % 52 + 1:02d}" for week in range(60)]),
    "days as numpy has them": np.arange("2020-01-01", "2020-03-01", dtype="datetime64[D]"),
    "halves": np.arange(60) / 2,
    "durations": pd.timedelta_range("0D", periods=60, freq="D"),
    "days with a zone": pd.date_range("2020-01-01", periods=60, tz="Europe/Vienna"),
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_labels_of_every_kind_come_back(tmp_path, labels):
    rows = pd.DataFrame({"y": ROWS["y"], "x": ROWS["x"][:, 1], "period": labels[ROWS["period"]]})
    forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    monitor = ld.Monitor.create(tmp_path / "state", forecaster, rows[:60], **AGREED)
    decision = monitor.observe(rows[60:66])
    (expected,) = plain_labels(pd.Index(labels[21:22]))
    assert decision.label == expected
    with pytest.raises(ValueError, match="is left out"):
        monitor.observe(rows[69:72])
    again = ld.Monitor.open(tmp_path / "state", forecaster)
    assert again.observe(rows[60:66]).receipt == decision.receipt
    assert again.observe(rows[66:69]).period == 3
    assert again.verify(replay=True).findings == ()
    assert again.explain(decision.label)
    assert monitor.spells().sizes["period"] == 3


@pytest.mark.parametrize(
    ("forecaster", "message"),
    [
        (ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0)), "has 2 column"),
        (ld.ConjugateRegression(ld.NIG([0.0, 0.0], np.eye(2), 2.0, 1.0), observation_dim="row"), "runs along 'row'"),
    ],
)
def test_a_forecaster_that_cannot_take_the_rows_is_not_adopted(folder, forecaster, message):
    before = contents(folder)
    with pytest.raises(ValueError, match=message):
        ld.Monitor.open(folder).adopt(forecaster, reason="it is simpler")
    assert contents(folder) == before


def test_the_settings_are_text_that_people_read(folder):
    text = (folder / "monitor.toml").read_text()
    assert "horizon = 12" in text
    line = next(line for line in text.splitlines() if line.startswith("policy"))
    assert from_text(json.loads(line.partition(" = ")[2])) == AGREED["policy"]


def test_it_says_what_it_knows_in_words_and_plain_values(folder):
    monitor = ld.Monitor.open(folder)
    status, text = monitor.status(), monitor.explain()
    assert status["reason"] in text
    assert status["head"] == status["receipt"] or status["answer"]
    assert all(isinstance(value, str | int | float | list) for value in status.values())
    assert "nats" in monitor.explain(41)
    with pytest.raises(ValueError, match="no decision was made in 3"):
        monitor.explain(3)


def test_an_audit_of_the_ledger_decides_about_what_is_in_service(folder):
    audit = ld.Monitor.open(folder, FORECASTER).audit(resamples=10)
    assert audit.decision.label == 59


def test_a_policy_that_refits_learns_before_it_decides(tmp_path, monkeypatch):
    """It is asked with the cells so far; what was agreed is what is recorded, and a replay learns the same."""
    cusum, seen = ld.policies.CUSUM, []

    def refit(self, spells, cost):
        seen.append(spells.sizes["period"])
        return cusum(0.1 * spells.sizes["period"])

    monkeypatch.setattr(cusum, "refits", True)
    monkeypatch.setattr(cusum, "refit", refit)
    monitor = made(tmp_path / "state", ROWS)
    monitor.observe(part(ROWS, 20, 24))
    assert seen == [1, 2, 3, 4]
    assert str(AGREED["policy"]) in monitor.explain()
    assert monitor.verify(replay=True).ok
