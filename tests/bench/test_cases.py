"""Bills of the bench, held against replays and hand-made tables."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import learning_debt as ld
from learning_debt.bench.cases import HINDSIGHT, ORACLE, Protocol, run_cases
from learning_debt.bench.entries import first_billed, parts
from learning_debt.bench.library_rows import BLENDS, INTERVALS, MULTIPLIERS
from learning_debt.bench.registry import ROWS, chosen_rows
from learning_debt.bench.rows import NotPossibleError, Row
from learning_debt.policies import CUSUM, Calendar, Never
from learning_debt.policies.grids import CUSUM_MULTIPLES

SPLIT, RATIO = 0.6, 1.0
TOTALS = ("retrains", "regret", "bill", "oracle", "excess")


def protocol(*policies, ratios=(RATIO,), splits=(SPLIT,), accounting="signed"):
    return Protocol(chosen_rows(list(policies))[0], ratios, splits, accounting, 200, 0)


def bills(table, *policies, **options):
    """Means over series, by policy."""
    found, _ = run_cases(ld.check_spells(table), protocol(*policies, **options))
    return found.groupby("policy")[list(TOTALS)].mean()


def cost_of(table, ratio=RATIO, split=SPLIT):
    return ld.RetrainingCost(cost_ratio=ratio).resolve(parts(ld.check_spells(table), split)[0])


@pytest.mark.parametrize("split", [0.5, 0.6, 0.7])
def test_exactly_the_periods_after_the_split_are_billed(one, split):
    first = first_billed(one.sizes["period"], split)
    tuning, evaluation = parts(ld.check_spells(one), split)
    assert tuning.sizes["period"] == first
    assert evaluation["label"].values.tolist() == one["label"].values[first:].tolist()
    found, _ = run_cases(ld.check_spells(one), protocol(splits=(split,)))
    always = found[found["policy"] == "always"]
    assert always["periods"].item() == one.sizes["period"] - first
    assert always["retrains"].item() == one.sizes["period"] - first - 1  # none in the last period


def test_forecasts_whose_outcomes_lie_beyond_the_split_are_in_neither_part(one):
    ahead = ld.check_spells(one.assign_attrs(horizon=3).assign(arrived_gap=one["score_gap"]))
    tuning, evaluation = parts(ahead, 0.5)
    assert tuning.sizes["period"] == 20 - 2
    assert evaluation.sizes["period"] == 20


@pytest.mark.parametrize("name", ["never", "always", "CUSUM", "two-state", "Cara T", "changepoint", "expected regret"])
@pytest.mark.parametrize("table", ["one", "several"])
def test_bills_are_those_of_replays_of_what_tuning_chooses(name, table, request):
    table = ld.check_spells(request.getfixturevalue(table))
    tuning, evaluation = parts(table, SPLIT)
    cost = cost_of(table)
    tuned = ld.tune(tuning, list(ROWS[name].candidates(tuning, cost, 0)), cost, starts=1)
    expected = ld.replay(evaluation, tuned.policy, cost)
    found, _ = run_cases(table, protocol(name))
    mine = found[found["policy"] == name]
    assert set(mine["setting"]) == {str(tuned.policy)}
    np.testing.assert_allclose(mine["bill"], expected.objective / cost.per_retrain, rtol=1e-12)
    np.testing.assert_allclose(mine["retrains"], expected.retrains)
    np.testing.assert_allclose(mine["bill"], mine["regret"] + mine["retrains"])
    least = ld.oracle(evaluation, cost).objective / cost.per_retrain
    np.testing.assert_allclose(mine["oracle"], least)
    np.testing.assert_allclose(mine["excess"], mine["bill"] - least)
    np.testing.assert_allclose(mine["net_score"], expected.net_score)


def test_several_series_are_tuned_together_and_billed_each(several):
    found, _ = run_cases(ld.check_spells(several), protocol("blended threshold"))
    assert (found.groupby("policy")["setting"].nunique() == 1).all()
    assert (found.groupby("policy").size() == 3).all()
    assert found.groupby("policy")["bill"].nunique()["blended threshold"] == 3


def test_a_calendar_is_the_mean_over_its_phases_and_tuned_by_it(one):
    tuning, evaluation = parts(ld.check_spells(one), SPLIT)
    cost = cost_of(one)

    def mean_bill(part, interval):
        phases = [Calendar(interval, offset) for offset in range(interval)]
        return float(ld.tune(part, phases, cost, starts=1).table["objective"].mean()) / cost.per_retrain

    def never(part):
        return float(ld.replay(part, Never(), cost).objective.mean()) / cost.per_retrain

    candidates = {"Never()": never} | {
        f"Calendar({interval})": lambda part, interval=interval: mean_bill(part, interval) for interval in INTERVALS
    }
    chosen = min(candidates, key=lambda name: candidates[name](tuning))
    found, _ = run_cases(ld.check_spells(one), protocol())
    calendar, best = (found[found["policy"] == name].iloc[0] for name in ("calendar", "best calendar in hindsight"))
    assert calendar["setting"] == chosen
    assert calendar["bill"] == pytest.approx(candidates[chosen](evaluation))
    assert best["bill"] == pytest.approx(min(bill(evaluation) for bill in candidates.values()))


def test_net_scores_differ_as_bills_do(several):
    """On one table net score plus bill is the shadow's own score, whatever the policy, calendars included."""
    table = ld.check_spells(several)
    found, _ = run_cases(table, protocol("ours", "Cara"))
    own = found["net_score"] + found["bill"] * found["cost"]
    assert (own.groupby(found["series"]).agg(np.ptp) < 1e-9).all()


def test_errors_of_sampled_tables_are_in_costs_of_a_retrain(one):
    cells = ("series", "deployed_at", "period")
    table = ld.check_spells(one.assign(score_gap_se=(cells, np.full(one["score_gap"].shape, 0.02))))
    found, _ = run_cases(table, protocol("two-state"))
    _, evaluation = parts(table, SPLIT)
    lines = found.set_index("policy")
    cost = cost_of(one)
    never = ld.replay(evaluation, Never(), cost)
    assert lines.loc["never", "bill_se"] == pytest.approx(float(never.objective_se.item()) / cost.per_retrain)
    assert lines.loc["never", "bill_se"] == pytest.approx(16 * 0.02 / cost.per_retrain)


@pytest.mark.slow
def test_hindsight_is_as_cheap_as_any_grid_and_no_cheaper_than_the_oracle(several):
    found = bills(several, "ours")
    cheapest = found.drop(index=[*HINDSIGHT, "alarm", "two-state", "expected regret"])["bill"].min()
    assert found.loc["best candidate in hindsight", "bill"] <= cheapest + 1e-12
    assert (found["excess"] >= -1e-9).all()
    assert found.loc[ORACLE, "excess"] == 0
    cost = cost_of(several)
    tuning, evaluation = parts(ld.check_spells(several), SPLIT)
    grids = [CUSUM(multiple * cost.per_retrain) for multiple in CUSUM_MULTIPLES]
    grids += [ld.policies.PredictiveDebtThreshold(multiplier) for multiplier in MULTIPLIERS]
    grids += [ld.policies.BlendedThreshold(*values) for values in BLENDS]
    grids += ROWS["debt threshold"].candidates(tuning, cost, 0)
    least = min(float(ld.replay(evaluation, policy, cost).objective.mean()) for policy in grids) / cost.per_retrain
    expected = min(least, found.loc["best calendar in hindsight", "bill"])
    assert found.loc["best candidate in hindsight", "bill"] == pytest.approx(expected)


def test_hindsight_does_not_depend_on_what_is_asked_for(one):
    narrow, wide = bills(one), bills(one, "ours")
    pd.testing.assert_frame_equal(narrow, wide.loc[narrow.index])


SCALED = ("predictive_debt", "score_gap", "deployed_score", "regret", "gap_sd")


@pytest.mark.slow
@pytest.mark.parametrize("factor", [1000.0, 1e-3])
@pytest.mark.parametrize("table", ["one", "several"])
def test_a_change_of_units_changes_no_bill(table, factor, request):
    """Scores and, since it is a multiple of a typical bad period, the cost times a thousand: every row, every bill."""
    table = ld.check_spells(request.getfixturevalue(table))
    larger = table.assign({name: factor * table[name] for name in SCALED if name in table})
    everything = [name for name, row in ROWS.items() if not row.missing]
    here, there = (bills(one, *everything, ratios=(0.25, 4.0)) for one in (table, larger))
    assert len(here) > 20
    pd.testing.assert_frame_equal(here, there, rtol=1e-6, atol=1e-6)


def test_what_does_not_see_the_cost_is_billed_at_each_all_the_same(one):
    table = ld.check_spells(one)
    together, _ = run_cases(table, protocol("Cara", "debt threshold", ratios=(0.25, 4.0)))
    apart = [run_cases(table, protocol("Cara", "debt threshold", ratios=(ratio,)))[0] for ratio in (0.25, 4.0)]
    pd.testing.assert_frame_equal(together, pd.concat(apart, ignore_index=True))


def test_positive_accounting_charges_no_gains(one):
    assert (bills(one, accounting="positive")["regret"] >= 0).all()
    assert (bills(one)["regret"] < bills(one, accounting="positive")["regret"]).any()


def test_rows_whose_signals_are_missing_are_left_out_with_a_note(one):
    table = ld.check_spells(one[["score_gap", "predictive_debt"]])
    found, notes = run_cases(table, protocol("Cara", "debt threshold", "blended threshold"))
    assert not {"Cara T", "Cara CT", "debt threshold"} & set(found["policy"])
    assert {"Cara P", "blended threshold"} <= set(found["policy"])
    said = notes.set_index("policy")["note"]
    assert said[""].startswith("net_score is empty: the spell table holds no deployed_score")
    assert found["net_score"].isna().all()
    assert said["Cara T"] == "the table lacks 'deployed_score'"
    assert said["debt threshold"] == "the table lacks 'debt'"


def test_debt_that_is_not_finite_leaves_out_what_reads_it(one):
    table = ld.check_spells(one.assign(debt=one["debt"].where(one["period"] != 7, np.inf)))
    found, notes = run_cases(table, protocol("debt threshold", "predictive-debt threshold"))
    assert "debt threshold" not in set(found["policy"])
    assert "predictive-debt threshold" in set(found["policy"])
    assert "'debt' is not finite" in notes.set_index("policy").loc["debt threshold", "note"]


def test_what_a_row_cannot_learn_is_noted_once(one):
    def impossible(tuning, cost, random_seed):
        raise NotPossibleError("too little to learn from")

    mine = Row("mine", "mine", impossible)
    found, notes = run_cases(ld.check_spells(one), protocol(mine, ratios=(1.0, 4.0)))
    assert "mine" not in set(found["policy"])
    assert notes[["policy", "note"]].values.tolist() == [
        ["mine", "too little to learn from (left out in 2 of 2 cases)"]
    ]


def half(tuning, evaluation, cost):
    """Retrain once in the middle, and in the last period, which is not made."""
    schedule = np.zeros((evaluation.sizes["series"], evaluation.sizes["period"]), dtype=bool)
    schedule[:, [7, -1]] = True
    return schedule


def test_a_planner_is_billed_for_its_schedule(several):
    mine = Row("mine", "mine", planner=half)
    found, _ = run_cases(ld.check_spells(several), protocol(mine))
    _, evaluation = parts(ld.check_spells(several), SPLIT)
    expected = ld.replay(evaluation, ld.policies.Schedule([evaluation["label"].values[7]]), cost_of(several))
    lines = found[found["policy"] == "mine"]
    np.testing.assert_allclose(lines["bill"], expected.objective / cost_of(several).per_retrain)
    assert (lines["retrains"] == 1).all()


def test_a_schedule_of_the_wrong_shape_is_refused(one):
    mine = Row("mine", "mine", planner=lambda *_: np.zeros(3))
    with pytest.raises(ValueError, match=r"planner 'mine' must return an array of bool of shape \(1, 16\)"):
        run_cases(ld.check_spells(one), protocol(mine))


def test_intervals_hold_the_bill(one):
    found, _ = run_cases(ld.check_spells(one), protocol())
    assert (found["bill_low"] <= found["bill"] + 1e-9).all()
    assert (found["bill_high"] >= found["bill"] - 1e-9).all()
    oracle = found[found["policy"] == ORACLE].iloc[0]
    assert oracle["excess_low"] == oracle["excess_high"] == 0


def test_a_table_made_by_hand():
    """Four periods after the split, one of which costs 10 unless there was a retrain; a typical bad period costs 2."""
    gap = np.triu(np.full((20, 20), 2.0), 1)
    gap[:, 19] = np.where(np.arange(20) <= 16, 10.0, 0.0)
    gap[np.tril_indices(20, -1)] = np.nan
    found = bills(xr.Dataset({"score_gap": (("deployed_at", "period"), gap)}), splits=(0.8,))
    # Never: 0, 2, 2 and 10 nats at 2 a cost. Always: three retrains. Best: one retrain, after the first or second.
    assert found.loc["never", "bill"] == pytest.approx(7.0)
    assert found.loc["always", "bill"] == pytest.approx(3.0)
    assert found.loc[ORACLE, "bill"] == pytest.approx(2.0)


def test_a_row_whose_policy_reads_more_than_the_row_says_is_left_out_where_the_table_lacks_it(one):
    """Unseen, the signal would be NaN, and its threshold a second row of never."""
    forgetful = Row("mine", "mine", lambda *_: [ld.policies.PredictiveDebtThreshold(8.0)])
    found, notes = run_cases(ld.check_spells(one.drop_vars("predictive_debt")), protocol(forgetful))
    assert "mine" not in found["policy"].tolist()
    assert "lacks 'predictive_debt'" in notes.set_index("policy")["note"]["mine"]
    found, notes = run_cases(ld.check_spells(one), protocol(forgetful))
    assert "mine" in found["policy"].tolist()
    assert "mine" not in notes["policy"].tolist()
