"""Training plans against closed forms, their certificate, and each other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import linprog

import learning_debt as ld
from learning_debt.arrays.effort.training_rates import Cells, best_ages, effort_of, onto_budget, value_of
from learning_debt.budget import (
    EmpiricalDuration,
    ExponentialCurve,
    ExponentialDuration,
    HyperexponentialDuration,
    PowerCurve,
    WeibullDuration,
    fit_durations,
    plan_effort,
)

CURVE = ExponentialCurve(0.1, 0.9, 1.0)
HYPER = HyperexponentialDuration((0.8, 0.2), (2.0, 0.1))


def test_front_loading_of_exponential_durations_is_the_closed_form():
    mu, b, largest, c, gain, k = 0.5, 0.3, 1.0, 0.1, 0.9, 1.0
    plan = plan_effort(ExponentialDuration(mu), CURVE, b, largest)
    stop = -np.log(1 - b / largest) / mu
    nu = mu + k * largest
    loss = c + gain * ((mu / nu) * (1 - np.exp(-nu * stop)) + np.exp(-nu * stop))
    assert plan.kind == "front-loaded"
    assert plan.stop_age == pytest.approx(stop)
    assert stop == pytest.approx(0.71335, abs=5e-6)
    assert plan.loss == pytest.approx(loss, abs=1e-6)
    assert (round(loss, 4), round(plan.constant_loss, 4)) == (0.6058, 0.6625)
    assert plan.constant_loss == pytest.approx(c + gain * mu / (mu + k * b), abs=1e-6)
    assert plan.spent == pytest.approx(b)
    assert plan.gap == pytest.approx(0.0, abs=1e-6)
    solved = plan_effort(ExponentialDuration(mu), CURVE, b, largest, method="solved")
    assert solved.loss == pytest.approx(loss, abs=1e-6)


def test_front_loading_of_weibull_durations():
    """Exactly .6742 and .7611; on a coarse grid of ages .673 and .760 are found."""
    law, b = WeibullDuration(2.0, 2.0), 0.3
    plan = plan_effort(law, CURVE, b, 1.0)
    exact = quad(lambda age: law.survival(age) * CURVE.loss(min(age, plan.stop_age)), 0, 20, points=[plan.stop_age])[0]
    constant = quad(lambda age: law.survival(age) * CURVE.loss(b * age), 0, 20)[0]
    assert plan.loss == pytest.approx(exact / law.mean, abs=1e-6)
    assert plan.constant_loss == pytest.approx(constant / law.mean, abs=1e-5)
    assert (plan.loss, plan.constant_loss) == pytest.approx((0.673, 0.760), abs=0.0015)
    assert plan.gap == pytest.approx(0.0, abs=1e-5)


def test_where_residual_life_rises_front_loading_loses_to_a_constant_rate():
    """Exactly .5111, .4179 and .3345. Sums to the left over ages .02 apart are .0042 more: .516, .422 and .339."""
    plan = plan_effort(HYPER, CURVE, 0.3, 5.0)
    weights, rates = np.array([0.8, 0.2]), np.array([2.0, 0.1])
    constant = 0.1 + 0.9 * (weights / rates * rates / (rates + 0.3)).sum() / HYPER.mean
    assert plan.kind == "solved"
    assert plan.constant_loss == pytest.approx(constant, abs=1e-5)
    assert (plan.front_loaded_loss, plan.constant_loss, plan.loss) == pytest.approx((0.5111, 0.4179, 0.3345), abs=1e-4)
    coarse = np.arange(0, 200, 0.02)
    share = HYPER.survival(coarse) * 0.02 / HYPER.mean
    early = plan_effort(HYPER, CURVE, 0.3, 5.0, method="front-loaded")
    summed = [
        (share * CURVE.loss(one)).sum() for one in (early.effort_at(coarse), 0.3 * coarse, plan.effort_at(coarse))
    ]
    assert summed == pytest.approx([0.516, 0.422, 0.339], abs=0.001)
    assert plan.loss < plan.constant_loss < plan.front_loaded_loss
    assert early.loss - early.gap <= plan.loss + 1e-9
    assert 0 < plan.gap < 1e-4
    assert plan.spent == pytest.approx(0.3)


def test_a_budget_for_all_of_it_trains_always():
    plan = plan_effort(ExponentialDuration(0.5), CURVE, 1.0, 1.0)
    assert (plan.kind, plan.spent, plan.gap, plan.price) == ("always", 1.0, 0.0, 0.0)
    assert plan.loss == pytest.approx(0.1 + 0.9 * 0.5 / 1.5, abs=1e-6)
    assert "Train always" in str(plan)
    assert plan_effort(HYPER, CURVE, 9.0, 1.0, method="solved").spent == 1.0


def test_a_budget_of_which_the_end_is_idle_says_so():
    idle = plan_effort(ExponentialDuration(0.01), CURVE, 0.3, 1.0)
    assert any("buys next to nothing" in note for note in idle.notes)
    assert not plan_effort(ExponentialDuration(0.5), CURVE, 0.3, 1.0).notes


def test_the_price_is_the_slope_of_the_loss_in_the_budget():
    for law, largest in ((ExponentialDuration(0.5), 1.0), (HYPER, 5.0)):
        less, plan, more = (plan_effort(law, CURVE, b, largest, tolerance=1e-6) for b in (0.29, 0.3, 0.31))
        assert plan.price == pytest.approx((less.loss - more.loss) / 0.02, rel=0.01)


def two_kinds(share, fast, ratio):
    return HyperexponentialDuration((share, 1 - share), (fast, fast * ratio))


def seen(durations):
    return EmpiricalDuration([float(one) for one in durations])


laws = st.one_of(
    st.floats(0.05, 3.0).map(ExponentialDuration),
    st.builds(WeibullDuration, st.floats(0.6, 5.0), st.floats(0.5, 20.0)),
    st.builds(two_kinds, st.floats(0.1, 0.9), st.floats(0.2, 3.0), st.floats(0.03, 0.9)),
    st.lists(st.integers(1, 40), min_size=2, max_size=12).map(seen),
)
curves = st.one_of(
    st.builds(ExponentialCurve, st.floats(-2, 2), st.floats(0.1, 3), st.floats(0.1, 3)),
    st.builds(PowerCurve, st.floats(-2, 2), st.floats(0.1, 3), st.floats(0.2, 3)),
)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(law=laws, curve=curves, largest=st.floats(0.3, 5.0), share=st.floats(0.05, 0.9))
def test_no_plan_is_worse_than_the_simple_ones_and_each_keeps_its_budget(law, curve, largest, share):
    b = share * largest
    plan = plan_effort(law, curve, b, largest, cells=200, tolerance=1e-3)
    solved = plan_effort(law, curve, b, largest, cells=200, tolerance=1e-3, method="solved")
    close = 2e-3 * curve.gain  # how exactly 200 ages tell a loss
    for one in (plan, solved):
        assert one.spent == pytest.approx(b, rel=1e-6)
        assert one.loss <= min(one.front_loaded_loss, one.constant_loss) + one.gap + close
        assert one.schedule["rate"].max() <= largest * (1 + 1e-9)
        assert one.schedule["rate"].min() >= 0
        assert one.gap >= 0
    if law.residual_life_trend in ("decreasing", "constant"):
        assert plan.kind == "front-loaded"
        assert plan.loss <= solved.loss + close
        assert plan.gap <= close


def test_the_pieces_of_the_search_are_what_they_say():
    rng = np.random.default_rng(1)
    cells = Cells(rng.uniform(1, 2, 6), rng.uniform(0, 1, 6))
    rate, marginal = rng.uniform(size=6), rng.normal(size=6)
    assert marginal @ effort_of(rate, cells) == pytest.approx(value_of(marginal, cells) @ rate)  # adjoint
    value = rng.normal(size=6)
    by_lp = linprog(-value, A_ub=np.ones((1, 6)), b_ub=[6 * 0.7], A_eq=None, bounds=(0, 2.0))
    assert value.clip(0) @ best_ages(value.clip(0), 0.7, 2.0) >= -by_lp.fun - 1e-9
    away = rng.normal(2, 3, 6)
    nearest = onto_budget(away, 0.7, 2.0)
    assert nearest.mean() == pytest.approx(0.7)
    for other in 2.0 * rng.uniform(size=(200, 6)):
        allowed = other * min(1.0, 0.7 / other.mean())
        assert (away - nearest) @ (allowed - nearest) <= 1e-9  # what a projection is


def test_a_plan_shows_itself_and_is_judged_under_other_laws():
    fit = fit_durations([14, 9, 22, 17, 11, 19, 6], [True] * 6 + [False])
    plan = plan_effort(fit, CURVE, 0.3, 1.0)
    assert plan.loss_under(fit.duration) == pytest.approx(plan.loss)
    assert plan.spent_under(ExponentialDuration(1.0)) > plan.spent  # short concepts are all beginnings
    assert "shape of a Weibull law" in str(plan)
    assert "<table>" in plan._repr_html_()
    assert list(plan.to_dataframe().columns) == ["rate", "effort", "loss", "survival"]
    assert plan.as_dict()["kind"] == "front-loaded"
    open_question = plan_effort(fit_durations([3.0, 14.0, 5.0]), CURVE, 0.3, 1.0)
    assert "cannot be told" in " ".join(open_question.notes)


@pytest.mark.parametrize("unit", [1e-18, 1e18])
def test_plans_and_curves_do_not_depend_on_the_unit_of_time_or_effort(unit):
    curve, law = ld.budget.ExponentialCurve(0.1, 0.9, 1.0), ld.budget.ExponentialDuration(0.5)
    there = ld.budget.plan_effort(ld.budget.ExponentialDuration(0.5 / unit), curve, 0.3 / unit, 1 / unit, cells=200)
    here = ld.budget.plan_effort(law, curve, 0.3, 1.0, cells=200)
    assert (there.loss, there.gap, there.price) == pytest.approx((here.loss, here.gap, here.price * unit), rel=1e-6)
    effort, loss = np.arange(9.0), np.array([2.1, 1.6, 1.3, 1.1, 0.93, 0.85, 0.76, 0.74, 0.68])
    first = ld.budget.fit_learning_curve(effort, loss, np.full(9, 0.03))
    other = ld.budget.fit_learning_curve(effort * unit, loss / unit, np.full(9, 0.03) / unit)
    assert other.family == first.family
    assert other.aic == pytest.approx(first.aic, rel=1e-4)
    assert other.curve.loss(effort * unit) * unit == pytest.approx(first.curve.loss(effort), rel=1e-4)


def test_a_flat_curve_is_refused_although_it_falls_by_rounding():
    with pytest.raises(ValueError, match="loss must fall with effort"):
        ld.budget.fit_learning_curve(np.arange(13), np.full(13, 1 / 3))
