"""One period at a time: a step knows neither how many periods there are nor what is to come, and changes nothing."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

import learning_debt as ld
from learning_debt.data import split_periods
from learning_debt.data.update_rule import UpdateRule
from learning_debt.scores import CRPS, LogScore
from learning_debt.spells.exact import ExactStep
from learning_debt.spells.forecast_schedule import Plan
from learning_debt.spells.sampled import SampledStep
from learning_debt.spells.table_loop import collected_columns

from ..sampled_regression import SampledRegression

INITIAL, PERIODS, SHORT = 8, 7, 4
VARIABLES = ("debt", "predictive_debt", "score_gap")


def rows(late=False):
    rng = np.random.default_rng(3)
    period = np.repeat(np.arange(INITIAL + PERIODS), 2)
    x = rng.normal(size=period.size)
    slope = np.where(period < INITIAL + 2, 1.0, 6.0)  # so far apart that bridges and chains are needed
    history = {"x": x, "y": slope * x + rng.normal(size=period.size), "period": period}
    return history | ({"arrived": period + rng.integers(0, 3, size=period.size)} if late else {})


CASES = {
    "all data": ({}, False),
    "window": ({"update_rule": UpdateRule(window=4)}, False),
    "discount, late, two steps ahead": ({"update_rule": UpdateRule(discount=0.9), "horizon": 2}, True),
    "crps": ({"score": CRPS()}, False),
}
every_case = pytest.mark.parametrize("case", CASES)
every_engine = pytest.mark.parametrize("engine", ["exact", "sampled"])


def plan_of(case, **changed):
    options, late = CASES[case]
    options = {"horizon": 1, "update_rule": UpdateRule(), "score": LogScore()} | options
    return Plan(
        split_periods(rows(late)), INITIAL, options["horizon"], options["update_rule"], options["score"], VARIABLES
    )


def step_of(engine, plan):
    if engine == "exact":
        return ExactStep(SampledRegression().exact, plan.options)
    return SampledStep(SampledRegression(draws=100), plan.options, ld.Refit(), np.random.SeedSequence(5))


def walk(step, plan, stop):
    """Columns of the periods up to `stop`, and what is held after each."""
    held, _ = step.start(plan.period(0))
    for t in range(1, stop + 1):
        held, column = step.step(held, plan.period(t))
        yield held, column


def assert_same(first, second):
    assert first.signals.keys() == second.signals.keys()
    for name, values in first.signals.items():
        np.testing.assert_array_equal(values, second.signals[name], err_msg=name)
    assert first.upkeep._replace(seconds=0.0)[:3:2] == second.upkeep._replace(seconds=0.0)[:3:2]
    assert first.no_debt == second.no_debt


@pytest.mark.slow
@every_engine
@every_case
def test_a_table_is_its_columns_side_by_side(engine, case):
    plan = plan_of(case)
    cells = collected_columns(step_of(engine, plan), plan).cells
    for t, (_, column) in enumerate(walk(step_of(engine, plan), plan, plan.periods), 1):
        assert {"debt", "predictive_debt", "gap_sd", "score_gap"} < set(column.signals)
        assert ("arrived_gap" in column.signals) == plan.learns_late
        for name, values in column.signals.items():
            assert values.shape == (t,)
            np.testing.assert_array_equal(cells[name][:t, t - 1], values)


@every_engine
def test_a_longer_history_begins_with_the_table_of_a_shorter_one(engine):
    forecaster = SampledRegression(draws=100) if engine == "sampled" else SampledRegression(draws=100).exact
    history = rows()
    early = {name: values[history["period"] < INITIAL + SHORT] for name, values in history.items()}
    options = {"initial": INITIAL, "random_seed": 4, "progressbar": False}
    if engine == "sampled":  # a pool has draws of later fits
        options["shadow"] = ld.Refit()
    long, short = (ld.spell_table(forecaster, one, **options).drop_vars("seconds") for one in (history, early))
    begun = long.isel(deployed_at=slice(SHORT), period=slice(SHORT))
    xr.testing.assert_identical(begun.drop_vars("earlier"), short.drop_vars("earlier"))


@pytest.mark.slow
@every_engine
@pytest.mark.parametrize("case", ["all data", "window", "crps"])
def test_a_step_asks_for_no_row_of_a_later_period(engine, case):
    plan = plan_of(case)
    step = step_of(engine, plan)

    def so_far(t):
        period = plan.period(t)
        known = len(period.row_weight)

        def take(wanted):
            data = plan.history.take(slice(known))
            return data.isel(obs=wanted)  # raises where a row is not there yet

        assert plan.history.take(slice(None)).sizes["obs"] > known or t == plan.periods
        return replace(period, take=take)

    held, _ = step.start(so_far(0))
    for t, (_, whole) in enumerate(walk(step_of(engine, plan), plan, plan.periods), 1):
        held, column = step.step(held, so_far(t))
        assert_same(column, whole)


@pytest.mark.slow
@every_engine
@every_case
def test_what_is_held_can_be_stored_and_stays_as_it_is(engine, case):
    """A monitor that is killed takes the step again from what it stored, and comes to the same column."""
    plan = plan_of(case)
    step = step_of(engine, plan)
    held, _ = step.start(plan.period(0))
    for t in range(1, plan.periods + 1):
        stored = pickle.dumps(held)
        after, column = step.step(held, plan.period(t))
        assert_same(step.step(held, plan.period(t))[1], column)  # the first step has changed nothing
        restarted = step_of(engine, plan)
        assert_same(restarted.step(pickle.loads(stored), plan.period(t))[1], column)
        held = after


def test_what_is_held_grows_with_posteriors_and_draws_only():
    """Nothing of size (T, T): a posterior brings its draws, its log-likelihoods and the draws' tokens."""
    plan = plan_of("all data")
    sizes = [len(pickle.dumps(held)) for held, _ in walk(step_of("sampled", plan), plan, plan.periods)]
    growth = np.diff(sizes)
    assert growth.max() < 2 * 400 * 8 * 5  # links of a chain come now and then


def test_the_first_fit_has_no_forecasts():
    plan = plan_of("all data")
    step = step_of("exact", plan)
    held, _ = step.start(plan.period(0))
    with pytest.raises(ValueError, match="period 0 has no forecasts"):
        step.step(held, plan.period(0))
