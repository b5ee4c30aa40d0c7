"""A change of units changes bills by its factor, and no schedule, choice or verdict: every policy and every audit.

Scores may come in another unit (nats, EUR, cents): gaps, predictive debt and the deployed score are then multiplied by
it, and so is the cost. Or a unit of score may be worth another amount: then exposure is, and so is the cost.
"""

import dataclasses

import numpy as np
import pytest

import learning_debt as ld
from learning_debt.bench.cases import Protocol, run_cases
from learning_debt.bench.library_rows import CarriedContinuation
from learning_debt.bench.registry import ROWS
from learning_debt.policies import (
    CUSUM,
    Changepoint,
    ContinuationValue,
    CumulativeStaleness,
    ExpectedRegret,
    Never,
    RiverDetector,
    StalenessThreshold,
)
from learning_debt.policies.grids import calendars, readers_of_signals
from learning_debt.policies.rivals import rival_policies
from learning_debt.pricing.starts import bills_from_starts

from ..policies.test_policies import POLICIES

PERIODS = 44
OF_SCORES = ("score_gap", "predictive_debt", "deployed_score", "gap_sd", "score_gap_se", "predictive_debt_se")
COST = 0.4
every_unit = pytest.mark.parametrize("unit", [1e-6, 0.37, 100.0, 1e6])
every_change = pytest.mark.parametrize("change", ["of scores", "of exposure"])


@pytest.fixture(scope="module")
def spells():
    """A regression whose slope moves twice, three rows a period, and a Pareto k that only draws would have."""
    rng = np.random.default_rng(5)
    period = np.repeat(np.arange(PERIODS + 6), 3)
    x = rng.normal(size=period.size)
    y = np.select([period < 20, period < 38], [0.0, 1.5], -0.5) * x + rng.normal(size=period.size)
    forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    names = ["debt", "predictive_debt", "score_gap", "deployed_score", "parameter_gap", "residual_exceedance"]
    table = ld.spell_table(
        forecaster, {"x": x, "y": y, "period": period}, initial=6, variables=names, progressbar=False
    )
    return table.assign(deployed_pareto_k=0.5 + 0.1 * table["debt"])


def in_unit(table, unit, change):
    """The same table in another unit."""
    if change == "of exposure":
        return table.assign({name: table[name] * unit for name in ("exposure", "regret")})
    scaled = [name for name in (*OF_SCORES, "regret") if name in table]
    return table.assign({name: (table[name] * unit).assign_attrs(table[name].attrs) for name in scaled})


def same_policy(policy, unit, change):
    """The policy with those of its numbers that have the unit given in the other one."""
    if isinstance(policy, ExpectedRegret) and change == "of exposure":
        return policy if policy.per_nat else dataclasses.replace(policy, scale=policy.scale * unit)
    if change == "of exposure":
        return policy
    if isinstance(policy, ExpectedRegret):
        model = policy.model
        if isinstance(model, ld.HybridRegretModel):
            coefficients = np.array(model.coefficients) / [1, 1, 1, 1, 1, unit, 1, 1, 1]
            model = dataclasses.replace(model, coefficients=tuple(coefficients.tolist()))
        return dataclasses.replace(policy, model=model, scale=policy.scale * unit)
    if isinstance(policy, CUSUM | StalenessThreshold | CumulativeStaleness):
        return dataclasses.replace(policy, threshold=policy.threshold * unit)
    if isinstance(policy, Changepoint | RiverDetector):
        return dataclasses.replace(policy, scale=policy.scale * unit)
    if isinstance(policy, ContinuationValue) and policy.price is None:
        return CarriedContinuation(policy.model, unit=unit)
    return policy


@every_unit
@every_change
@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: str(policy)[:40])
def test_every_policy_does_the_same(policy, unit, change, spells):
    table, again = (one.assign_coords(label=("period", np.arange(1, PERIODS + 1))) for one in (spells, spells))
    here = ld.replay(table, policy, COST)
    there = ld.replay(in_unit(again, unit, change), same_policy(policy, unit, change), COST * unit)
    np.testing.assert_array_equal(here.schedule, there.schedule)
    for name in ("objective", "bill", "regret", "paid", "net_score"):
        np.testing.assert_allclose(getattr(there, name), unit * getattr(here, name), rtol=1e-9, atol=1e-12 * unit)


def grids_of(table, cost):
    """All candidates that an audit may tune, rivals among them."""
    rows = {"never": [Never()], "calendars": calendars(table)}
    return rows | readers_of_signals(table, cost) | rival_policies(table, split=1.0)


@every_unit
@every_change
def test_every_grid_walks_and_is_tuned_the_same(unit, change, spells):
    other = in_unit(spells, unit, change)
    parts = [ld.check_spells(ld.select_periods(one, 0, 28)) for one in (spells, other)]
    costs = [ld.RetrainingCost(COST), ld.RetrainingCost(COST * unit)]
    here, there = (grids_of(part, cost) for part, cost in zip(parts, costs, strict=True))
    assert list(here) == list(there)
    for name in here:
        found = [ld.tune(*asked, starts=6) for asked in zip(parts, (here[name], there[name]), costs, strict=True)]
        assert found[0].index == found[1].index, name
        for column in ("objective", "difference", "difference_se"):
            expected = unit * found[0].table[column]
            np.testing.assert_allclose(found[1].table[column], expected, rtol=1e-9, atol=1e-11 * unit, err_msg=name)
        np.testing.assert_array_equal(found[0].table["retrains"], found[1].table["retrains"], err_msg=name)
        bills = [
            bills_from_starts(*asked, [0, 9]) for asked in zip(parts, (here[name], there[name]), costs, strict=True)
        ]
        np.testing.assert_allclose(bills[1], unit * bills[0], rtol=1e-9, atol=1e-12 * unit, err_msg=name)


@every_unit
@every_change
@pytest.mark.parametrize("cost", [COST, 0.0], ids=["a cost", "retrains are free"])
def test_an_audit_says_the_same(cost, unit, change, spells):
    here, there = (
        ld.audit(
            table,
            price,
            calendar=9,
            resamples=50,
            policies=lambda tuning: rival_policies(tuning, split=1.0, river=False),
            starts=8,
        )
        for table, price in ((spells, cost), (in_unit(spells, unit, change), cost * unit))
    )
    for name, replay in here.replays.items():
        np.testing.assert_array_equal(replay.schedule, there.replays[name].schedule, err_msg=name)
        np.testing.assert_allclose(there.replays[name].bill, unit * replay.bill, rtol=1e-9, atol=1e-12 * unit)
    for name in ("total", "regret", "difference", "difference_low", "difference_high", "total_positive", "net_score"):
        np.testing.assert_allclose(
            there.table[name], unit * here.table[name], rtol=1e-9, atol=1e-10 * unit, err_msg=name
        )
    for name in ("retrains", "ratio", "selected_share", "frac_deployed_better"):
        np.testing.assert_allclose(there.table[name], here.table[name], rtol=1e-9, err_msg=name)
    said = [(one.decided_by, one.decided_share, one.distinguishable, one.decision.verdict) for one in (here, there)]
    assert said[0] == said[1]
    decisions = here.decision, there.decision
    for name in ("probability", "horizon", "spell_age"):
        assert getattr(decisions[0], name) == pytest.approx(getattr(decisions[1], name), rel=1e-6)
    expected = unit * decisions[0].expected_regret.value
    assert decisions[1].expected_regret.value == pytest.approx(expected, rel=1e-6)
    if cost:
        expected = unit * decisions[0].break_even_cost
        assert decisions[1].break_even_cost == pytest.approx(expected, rel=1e-6, nan_ok=True)


@every_unit
@every_change
def test_several_splits_say_the_same(unit, change, spells):
    tables = (spells, COST), (in_unit(spells, unit, change), COST * unit)
    here, there = (ld.repeat_audit(table, cost, (0.4, 0.6), calendar=9) for table, cost in tables)
    assert here.attrs["summary"] == there.attrs["summary"]
    np.testing.assert_allclose(there["total_per_period"], unit * here["total_per_period"], rtol=1e-9, atol=1e-12 * unit)
    np.testing.assert_array_equal(here["rank"], there["rank"])


def regression(rule):
    """The same history under an update rule."""
    rng = np.random.default_rng(8)
    period = np.repeat(np.arange(60), 4)
    x = rng.normal(size=period.size)
    history = {"x": x, "y": np.where(period < 30, 0.0, 1.5) * x + rng.normal(size=period.size), "period": period}
    forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    return ld.spell_table(forecaster, history, initial=8, update_rule=rule, progressbar=False)


@every_unit
@every_change
def test_rules_compare_the_same(unit, change):
    rules = {str(rule): rule for rule in (ld.UpdateRule(), ld.UpdateRule(window=12))}
    tables = {name: regression(rule) for name, rule in rules.items()}
    others = {name: in_unit(table, unit, change) for name, table in tables.items()}
    options = {"calendar": 6, "resamples": 100, "coefficient_count": 1}
    here, there = (
        ld.audit(several, cost, **options).rules for several, cost in ((tables, COST), (others, COST * unit))
    )
    for name in ("saving", "low", "high"):
        for part in ("savings", "table"):
            ours, theirs = getattr(here, part)[name], getattr(there, part)[name]
            np.testing.assert_allclose(theirs, unit * ours, rtol=1e-8, atol=1e-10 * unit, err_msg=f"{part} {name}")
    for name in ("rule", "chosen_share"):
        np.testing.assert_array_equal(here.savings[name], there.savings[name], err_msg=name)
    assert (here.recommended, here.calendar) == (there.recommended, there.calendar)


@pytest.mark.parametrize("unit", [1e-6, 100.0, 1e6])
def test_compare_rules_says_the_same_where_exposure_is_in_another_unit(unit):
    rng = np.random.default_rng(8)
    period = np.repeat(np.arange(60), 4)
    x = rng.normal(size=period.size)
    history = {"x": x, "y": np.where(period < 30, 0.0, 1.5) * x + rng.normal(size=period.size), "period": period}
    rules = [ld.UpdateRule(), ld.UpdateRule(window=12)]
    forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    options = {"initial": 8, "resamples": 100, "random_seed": 1, "progressbar": False}
    here, there = (
        ld.compare_rules(forecaster, history, rules, COST * worth, exposure=worth, **options) for worth in (1.0, unit)
    )
    np.testing.assert_allclose(there.savings["saving"], unit * here.savings["saving"], rtol=1e-8, atol=1e-10 * unit)
    assert here.recommended == there.recommended
    assert here.savings["rule"].values.tolist() == there.savings["rule"].values.tolist()


@pytest.mark.slow
@pytest.mark.parametrize("unit", [1e-6, 1e6])
@every_change
def test_every_row_of_the_bench_pays_the_same_in_costs_of_a_retrain(unit, change, spells):
    rows = [row for row in ROWS.values() if not row.missing]
    protocol = Protocol(rows, (0.25, 4.0), (0.6,), "signed", 20, 0)
    here, there = (
        run_cases(ld.check_spells(table), protocol)[0].set_index(["policy", "cost_ratio"])
        for table in (spells, in_unit(spells, unit, change))
    )
    assert len(here) > 50
    assert here.index.equals(there.index)
    for name in ("retrains", "bill", "regret", "excess", "oracle"):
        np.testing.assert_allclose(there[name], here[name], rtol=1e-9, atol=1e-9, err_msg=name)
