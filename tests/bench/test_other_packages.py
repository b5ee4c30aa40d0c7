"""Rows of other packages: small tables with known answers, their oracles against ours, and no look at the future."""

import sys

import numpy as np
import pytest
import xarray as xr

import learning_debt as ld
from learning_debt.bench.other_packages import driftfdr_fleet, lfmm_alarms, retrainopt_policies
from learning_debt.bench.other_packages.loss_tables import losses
from learning_debt.bench.package_rows import HINDSIGHT_ROWS, PACKAGE_ROWS
from learning_debt.bench.rows import NotPossibleError
from learning_debt.spells import check_spells, select_periods

ROWS = {row.name: row for row in PACKAGE_ROWS}
every_row = pytest.mark.parametrize("name", ROWS)
DIMS = ("series", "deployed_at", "period")


def drifting_table(series=3, periods=60, noise=0.1, seed=0):
    """Regret that grows with age, faster after each third of the history, beside scores with the outcome's noise."""
    rng = np.random.default_rng(seed)
    age = np.arange(1, periods + 1) - np.arange(periods)[:, None]
    speed = 0.02 * (1 + np.arange(periods) // (periods // 3))
    gap = (age - 1) * speed + rng.normal(0, noise, (series, periods, periods)) * (age > 1)
    own = rng.normal(-1.0, 0.3, (series, 1, periods))
    cells = {"score_gap": gap, "deployed_score": own - gap}
    return check_spells(
        xr.Dataset({name: (DIMS, np.where(age >= 1, values, np.nan)) for name, values in cells.items()})
    )


@pytest.fixture(scope="module")
def parts():
    table = drifting_table()
    return select_periods(table, 0, 36), select_periods(table, 36)


def package_schedule(name, tuning, evaluation, amount):
    return ROWS[name].planner(tuning, evaluation, price(amount))


def price(amount):
    return ld.RetrainingCost(amount)


@pytest.mark.parametrize("accounting", ["signed", "positive"])
@pytest.mark.parametrize("amount", [0.05, 0.4, 3.0])
@pytest.mark.parametrize("package", ["retrainopt", "lfmm"])
def test_their_planner_is_our_oracle(package, amount, accounting):
    pytest.importorskip(package)
    table = drifting_table(periods=24)
    plan = retrainopt_policies.planned_schedule if package == "retrainopt" else lfmm_alarms.hindsight_schedule
    theirs, ours = plan(table, price(amount), accounting), ld.oracle(table, amount, accounting)
    np.testing.assert_allclose(bills(theirs, table, amount, accounting), ours.objective, rtol=1e-12)
    np.testing.assert_array_equal(theirs.sum(axis=1), ours.retrains)


def bills(schedule, table, amount, accounting="signed"):
    """What a schedule of each series costs, by `replay` of its dates."""
    dates = [ld.policies.Schedule(table["label"].values[np.asarray(row)].tolist()) for row in schedule]
    replays = [ld.replay(table.isel(series=[i]), one, amount, accounting) for i, one in enumerate(dates)]
    return np.array([float(one.objective.item()) for one in replays])


def test_lfmm_walks_to_the_bill_of_our_replay(parts):
    """Its `simulate` adds up what `replay` adds up, retrain by retrain."""
    pytest.importorskip("lfmm")
    tuning, _ = parts
    setting = lfmm_alarms.Setting("margin", 1.0, 4, "regret")
    regret = tuning["regret"].values[0]
    total, schedule = lfmm_alarms._walk(regret, lfmm_alarms.Watched(regret, np.empty(0)), setting, 0.2)
    assert sum(schedule) > 1
    assert [total] == pytest.approx(bills([schedule], tuning.isel(series=[0]), 0.0), rel=1e-12)


def test_lfmm_margin_is_the_rule_written_out(parts):
    """Mean loss of the last periods of the spell, above the mean of the last fresh ones before it by a margin."""
    pytest.importorskip("lfmm")
    tuning, _ = parts
    loss = losses(tuning, price(0.1), "deployed_score")[1]
    number, width, rise = 0.5, 3, 0.4
    setting = lfmm_alarms.Setting("margin", number, width, "deployed_score")
    _, schedule = lfmm_alarms._walk(tuning["regret"].values[1], lfmm_alarms.Watched(loss, np.empty(0)), setting, rise)
    deployed, expected, fresh_losses = 0, [], np.diagonal(loss)
    for t in range(len(loss) - 1):
        reference = fresh_losses[: deployed if deployed >= 4 else t + 1][-20:]
        recent = loss[deployed, max(deployed, t + 1 - width) : t + 1]
        alarm = len(reference) >= 4 and recent.mean() - reference.mean() > number * rise
        expected.append(alarm)
        deployed = t + 1 if alarm else deployed
    assert sum(expected) > 2
    assert schedule == [*expected, False]


def test_base_is_a_calendar_of_the_mean_interval(parts):
    pytest.importorskip("retrainopt")
    tuning, evaluation = parts
    planned = ld.oracle(tuning, 0.4).retrains.sum()
    interval = int(np.ceil(tuning.sizes["period"] * tuning.sizes["series"] / int(planned)))
    calendar = ld.replay(evaluation, ld.policies.Calendar(interval), 0.4)
    theirs = package_schedule("retrainopt Base", tuning, evaluation, 0.4)
    assert 1 < interval < 20
    np.testing.assert_array_equal(theirs, calendar.schedule)


def test_base_never_retrains_where_the_plan_does_not(parts):
    pytest.importorskip("retrainopt")
    assert not package_schedule("retrainopt Base", *parts, 1e6).any()
    assert not package_schedule("retrainopt Learned", *parts, 1e6).any()


def test_learned_decides_as_the_package_does_row_by_row(parts):
    """The forest asked once for all series says what `decide` says of each."""
    retrainopt = pytest.importorskip("retrainopt")
    tuning, evaluation = parts
    cost = price(0.4)
    policy = retrainopt_policies.learned_policy(tuning, cost, stream="regret")
    schedule = retrainopt_policies.learned_schedule(tuning, evaluation, cost, stream="regret")
    loss, seen = losses(evaluation, cost, "regret") / cost.per_retrain, []
    for lane, row in enumerate(schedule):
        deployed, stale = 0, []
        for t in range(1, len(row)):
            stale.append(loss[lane, deployed, t - 1] - loss[lane, deployed, deployed])
            state = retrainopt.OnlineState(t, stale[-1], sum(stale), t - deployed)
            retrain = policy.decide(state, train_size=1).action is retrainopt.DecisionAction.RETRAIN
            assert retrain == row[t - 1]
            seen.append(retrain)
            if retrain:
                deployed, stale = t, []
    assert 0 < sum(seen) < len(seen)


def test_learned_imitates_the_plan_it_was_fitted_on(parts):
    """On its own rows a forest of 100 trees says mostly what it was told."""
    pytest.importorskip("retrainopt")
    tuning, _ = parts
    plan = retrainopt_policies.planned_schedule(tuning, price(0.4), "signed")
    again = retrainopt_policies.learned_schedule(tuning, tuning, price(0.4), stream="regret")
    never = ld.replay(tuning, ld.policies.Never(), 0.4).objective.sum()
    assert np.mean(plan == again) > 0.9
    assert bills(again, tuning, 0.4).sum() < 0.5 * float(never)


def test_driftfdr_alarms_are_those_of_its_own_batch_run():
    """`monitored` gives the alarms of the package's `run_monitor` where nothing depends on what was retrained."""
    driftfdr = pytest.importorskip("driftfdr")
    rng = np.random.default_rng(3)
    stream = rng.normal(size=(4, 60))
    stream[1, 30:] += 3.0
    loss = np.broadcast_to(stream[:, None, :], (4, 60, 60))  # every model loses the same
    setting = driftfdr_fleet.Setting("mean shift of 1", 0.2, np.inf, "regret")
    ours = driftfdr_fleet.monitored(loss, setting, 1.0)
    config = driftfdr.MonitorConfig(
        n_ref=driftfdr_fleet.REFERENCE,
        window=1,
        horizon=driftfdr_fleet.HORIZON,
        calibration=driftfdr.CalibrationConfig(n_boot=driftfdr_fleet.REPLICATES),
    )
    scenario = driftfdr.Scenario.from_arrays(stream)
    result = driftfdr.run_monitor(scenario, driftfdr.MeanShift(1), driftfdr.make_procedure("bh_window", 0.2), config)
    alarms = result.tests[result.tests["rejected"]]
    theirs = np.zeros((4, 60), dtype=bool)
    theirs[alarms["stream"], alarms["t_end"] - 1] = True
    theirs[:, -1] = False  # nobody retrains in the last period
    assert ours[1, 30:36].any()
    np.testing.assert_array_equal(ours, theirs)


@every_row
def test_no_row_sees_the_future(name, parts):
    """Cut or changed, what comes later leaves every decision before it as it was."""
    skip_unless_there(name)
    tuning, evaluation = parts
    whole = package_schedule(name, tuning, evaluation, 0.2)
    kept = 15
    cut = package_schedule(name, tuning, select_periods(evaluation, 0, kept), 0.2)
    later = evaluation["period"] > kept
    other = evaluation.assign({one: cells.where(~later, 5 - 3 * cells) for one, cells in in_cells(evaluation)})
    changed = package_schedule(name, tuning, other, 0.2)
    assert whole.shape == (3, evaluation.sizes["period"])
    assert not whole[:, -1].any()
    np.testing.assert_array_equal(cut[:, : kept - 1], whole[:, : kept - 1])
    np.testing.assert_array_equal(changed[:, :kept], whole[:, :kept])


@every_row
def test_a_row_beats_never_where_drift_is_plain(name):
    """And it costs more than the oracle. (With more noise the forest on regret learns to wait for ever.)"""
    skip_unless_there(name)
    table = drifting_table(noise=0.01)
    tuning, evaluation = select_periods(table, 0, 36), select_periods(table, 36)
    schedule = package_schedule(name, tuning, evaluation, 0.2)
    bill = bills(schedule, evaluation, 0.2).sum()
    assert bill < 0.6 * float(ld.replay(evaluation, ld.policies.Never(), 0.2).objective.sum())
    assert bill > float(ld.oracle(evaluation, 0.2).objective.sum())


def test_rows_of_hindsight_are_the_oracle_and_the_best_alarm(parts):
    for module in ("retrainopt", "lfmm"):
        pytest.importorskip(module)
    tuning, evaluation = parts
    plan, oracle, best = (row.planner(tuning, evaluation, price(0.2)) for row in HINDSIGHT_ROWS)
    least = ld.oracle(evaluation, 0.2).objective
    np.testing.assert_allclose(bills(plan, evaluation, 0.2), least, rtol=1e-12)
    np.testing.assert_allclose(bills(oracle, evaluation, 0.2), least, rtol=1e-12)
    tuned = package_schedule("lfmm alarm", tuning, evaluation, 0.2)
    assert least.sum() < bills(best, evaluation, 0.2).sum() <= bills(tuned, evaluation, 0.2).sum()


@pytest.mark.parametrize("factor", [128.0, 2.0**-30])
@every_row
def test_units_change_nothing(name, factor, parts):
    """Scores and a cost in cents instead of euros, or in thousands of millions: the same retrains."""
    skip_unless_there(name)

    def in_other_unit(table):
        return table.assign({one: factor * cells for one, cells in in_cells(table)})

    tuning, evaluation = parts
    plain = package_schedule(name, tuning, evaluation, 0.2)
    other = package_schedule(name, in_other_unit(tuning), in_other_unit(evaluation), factor * 0.2)
    np.testing.assert_array_equal(other, plain)


@pytest.mark.parametrize("detector", driftfdr_fleet.DETECTORS)
def test_a_monitor_has_the_same_alarms_whatever_the_unit(detector, parts):
    pytest.importorskip("driftfdr")
    loss, factor = losses(parts[0], price(1.0), "deployed_score"), 2.0**-30
    setting = driftfdr_fleet.Setting(detector, 0.3, 10.0, "deployed_score")
    plain = driftfdr_fleet.monitored(loss, setting, 0.2)
    assert plain.any()
    np.testing.assert_array_equal(driftfdr_fleet.monitored(factor * loss, setting, factor * 0.2), plain)


@every_row
def test_a_missing_package_is_named(name, parts, monkeypatch):
    for module in {"retrainopt", "lfmm.retrain", "driftfdr"}:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r"extra 'bench'.*pip install 'learning-debt\[bench\]'"):
        package_schedule(name, *parts, 0.2)


def test_what_cannot_be_asked_is_a_note_of_the_bench(parts):
    tuning, evaluation = parts
    with pytest.raises(NotPossibleError, match="per_change"):
        ROWS["retrainopt Base"].planner(tuning, evaluation, ld.RetrainingCost(0.2, per_change=1.0))
    late = [part.assign(arrived_gap=part["score_gap"]) for part in parts]
    for name in ("lfmm alarm", "driftfdr", "retrainopt Learned"):
        with pytest.raises(NotPossibleError, match="look ahead"):
            package_schedule(name, *late, 0.2)


def skip_unless_there(name):
    pytest.importorskip(ROWS[name].module)


def in_cells(table):
    """The variables of a table that every pair (deployed, period) has."""
    return [(name, cells) for name, cells in table.data_vars.items() if set(DIMS) <= set(cells.dims)]


@pytest.mark.parametrize("detector", ["ADWIN", "Kolmogorov-Smirnov"])
def test_every_detector_of_lfmm_can_alarm_and_need_not(detector):
    """A loss that jumps is alarmed at (ADWIN looks at every 32nd value only); one that does not is left alone."""
    for module in ("lfmm", "river"):
        pytest.importorskip(module)
    setting = next(one for one in lfmm_alarms.settings("regret")[::-1] if one.detector == detector)
    noise = np.random.default_rng(1).normal(0, 0.1, 80)
    jump = np.where(np.arange(80) >= 40, 5.0, 0.0)
    for loss, alarms in ((noise + jump, True), (noise, False)):
        seen = lfmm_alarms.Watched(np.broadcast_to(loss, (80, 80)), np.empty(0))
        schedule = lfmm_alarms._walk(np.zeros((80, 80)), seen, setting, 1.0)[1]
        assert any(schedule[40:]) == alarms
        assert not any(schedule[:40])
