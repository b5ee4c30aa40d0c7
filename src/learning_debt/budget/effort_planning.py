"""Which training rates lose least at a budget: front-loaded where old concepts end soon, solved for elsewhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr

from learning_debt.arrays.effort.training_rates import Cells, certificate, effort_of, least_loss, onto_budget
from learning_debt.budget.curve_fit import LearningCurveFit
from learning_debt.budget.duration_fit import DurationFit, as_duration
from learning_debt.budget.durations import Duration
from learning_debt.budget.effort_plan import EffortPlan, ages_at_moments, effort_along, mean_loss, mean_rate
from learning_debt.budget.learning_curves import LearningCurve
from learning_debt.typing import Array
from learning_debt.validation import require_choice, require_instance, require_number, require_whole_number

METHODS = ("auto", "front-loaded", "constant", "solved")
MOST_STEPS = 3000
IDLE = 0.01
"""Share of what training gains, below which the end of a budget buys next to nothing."""


def plan_effort(
    duration: Duration | DurationFit,
    curve: LearningCurve | LearningCurveFit,
    budget: float,
    max_rate: float,
    *,
    method: str = "auto",
    tolerance: float = 1e-4,
    cells: int = 1000,
) -> EffortPlan:
    r"""Divide a training budget over the ages of concepts so that the mean loss is least.

    Parameters
    ----------
    duration : Duration or DurationFit
        How long concepts last.
    curve : LearningCurve or LearningCurveFit
        Loss by effort spent since the concept began.
    budget : float
        Effort a period on average, above 0.
    max_rate : float
        Effort a period at most, above 0.
    method : {"auto", "front-loaded", "constant", "solved"}
        ``"auto"``: always at full rate if the budget allows it, front-loaded if the mean residual life does not rise
        with age, else solved.
    tolerance : float
        Certificate at which a solved plan is good enough, as a share of what training can gain.
    cells : int
        Ages that a solved plan distinguishes, at least 10.

    Returns
    -------
    EffortPlan

    Raises
    ------
    TypeError, ValueError

    See Also
    --------
    plan_shipments : When to put what was learned into service.
    estimation_cost : What it costs that durations are estimated.

    Notes
    -----
    A concept of age a has had effort E(a), the integral of the rates e. With S the survival and Y the duration,

    .. math:: J = \frac{1}{E Y} \int S(a)\, g(E(a))\, da, \qquad
              \frac{1}{E Y} \int S(a)\, e(a)\, da \le b, \qquad 0 \le e \le e_{max},

    is convex in e, since g is convex and E linear. Where the mean residual life does not rise with age, full rate from
    age 0 to the age at which the budget is spent is optimal. Where it rises, young concepts are mostly about to end,
    and front-loading can lose to a constant rate; then projected gradients find the rates on an age grid. The
    certificate `gap` is that of Frank and Wolfe, whichever way rates were found: the best rates on the tangent of J,
    which are full rate where effort is worth most per unit of survival, bound every plan's loss from below. It holds
    for the grid of `cells` ages, equally likely at a random moment.

    The problem, and that front-loading is optimal under a falling mean residual life, are those of Beytur, de Veciana,
    Vikalo & Chan (arXiv 2512.12816); solver, certificate and estimation are this library's.

    Examples
    --------
    >>> from learning_debt.budget import ExponentialCurve, ExponentialDuration
    >>> plan = plan_effort(ExponentialDuration(0.5), ExponentialCurve(0.1, 0.9, 1.0), budget=0.3, max_rate=1.0)
    >>> round(plan.stop_age, 5), round(plan.loss, 4), round(plan.constant_loss, 4)
    (0.71335, 0.6058, 0.6625)
    """
    law, fit = as_duration("duration", duration)
    g = as_curve(curve)
    allowed, largest = require_number("budget", budget, above=0), require_number("max_rate", max_rate, above=0)
    require_choice("method", method, METHODS)
    close = require_number("tolerance", tolerance, above=0)
    require_whole_number("cells", cells, at_least=10, at_most=20000)
    if method == "auto" and law.residual_life_trend in ("decreasing", "constant"):
        method = "front-loaded"
    if method == "constant" or largest <= allowed:
        begins, rates = np.zeros(1), np.array([min(allowed, largest)])
        method = "always" if largest <= allowed else method
        return _as_plan(law, g, allowed, largest, method, begins, rates, cells, fit=fit)
    stop = stop_age(law, allowed, largest)
    if method == "front-loaded":
        begins, rates = front_loaded(stop, largest)
        return _as_plan(law, g, allowed, largest, method, begins, rates, cells, stop=stop, fit=fit)
    begins, rates, gap, price = _solved(law, g, allowed, largest, close, cells)
    solved = _as_plan(law, g, allowed, largest, "solved", begins, rates, cells, found=(gap, price), fit=fit)
    if method == "auto" and solved.front_loaded_loss <= solved.loss + gap:  # the simpler one is as good
        early = plan_effort(duration, curve, budget, max_rate, method="front-loaded", cells=cells)
        return replace(early, gap=max(min(early.gap, early.loss - solved.loss + gap), 0.0))
    return solved


def as_curve(curve: LearningCurve | LearningCurveFit) -> LearningCurve:
    """A curve, or that of a fit.

    Raises
    ------
    TypeError
    """
    remedy = (
        "a loss by effort: ExponentialCurve(floor, gain, rate), PowerCurve(...), or what fit_learning_curve returns"
    )
    if isinstance(curve, LearningCurveFit):
        return curve.curve
    return require_instance("curve", curve, LearningCurve, remedy)


def stop_age(duration: Duration, budget: float, max_rate: float) -> float:
    """The age until which a budget lasts at full rate: max_rate × (1 - R(age) / E[Y]) = budget."""
    return float(duration.age_quantile(budget / max_rate)) if budget < max_rate else float("inf")


def front_loaded(stop: float, max_rate: float) -> tuple[Array, Array]:
    """Ages and rates of full rate until an age."""
    return np.array([0.0, stop]), np.array([max_rate, 0.0])


def grid_of(duration: Duration, cells: int) -> tuple[Array, Cells]:
    """Ages at which cells of equal probability begin, and the cells."""
    ages = duration.age_quantile(np.arange(2 * cells) / (2 * cells))
    return ages[::2], Cells.of(ages[::2], ages[1::2])


def _solved(
    duration: Duration, curve: LearningCurve, budget: float, max_rate: float, tolerance: float, cells: int
) -> tuple[Array, Array, float, float]:
    """Ages, rates, certificate and price: from the better of front-loading and a constant rate."""
    begins, grid = grid_of(duration, cells)
    early = np.clip(cells * budget / max_rate - np.arange(cells), 0.0, 1.0) * max_rate
    starts = [early, np.full(cells, budget)]
    start = min(starts, key=lambda rate: float(curve.loss(effort_of(rate, grid)).mean()))
    gain = float(curve.loss(0.0) - curve.loss(effort_of(np.full(cells, max_rate), grid)).mean())
    close = max(tolerance * gain, 1e-15)
    found = least_loss(start, grid, budget, max_rate, curve.loss, curve.slope, tolerance=close, steps=MOST_STEPS)
    return begins, found.rate, found.gap, found.price


def _as_plan(
    duration: Duration,
    curve: LearningCurve,
    budget: float,
    max_rate: float,
    kind: str,
    begins: Array,
    rates: Array,
    cells: int,
    *,
    stop: float = float("nan"),
    found: tuple[float, float] | None = None,
    fit: DurationFit | None = None,
) -> EffortPlan:
    """The plan of rates that hold from one age to the next, with what it loses beside others."""
    edges, early, ages = np.zeros(1), stop_age(duration, budget, max_rate), ages_at_moments(duration)
    gap, price = found or (0.0, 0.0)
    if found is None and kind != "always":
        gap, price = _certified(duration, curve, budget, max_rate, begins, rates, cells)
    until = front_loaded(early, max_rate) if np.isfinite(early) else (edges, np.array([max_rate]))
    efforts, loss = effort_along(begins, begins, rates), mean_loss(ages, curve, begins, rates)
    schedule = xr.Dataset(
        {
            "rate": ("age", rates),
            "effort": ("age", efforts),
            "loss": ("age", curve.loss(efforts)),
            "survival": ("age", duration.survival(begins)),
        },
        {"age": begins},
    )
    return EffortPlan(
        kind=kind,
        stop_age=float("inf") if kind == "always" else stop,
        loss=loss,
        gap=gap,
        spent=mean_rate(duration, begins, rates),
        price=price,
        constant_loss=mean_loss(ages, curve, edges, np.array([min(budget, max_rate)])),
        front_loaded_loss=mean_loss(ages, curve, *until),
        untrained_loss=float(curve.loss(0.0)),
        schedule=schedule,
        duration=duration,
        curve=curve,
        budget=budget,
        max_rate=max_rate,
        notes=(*_notes(kind, fit), *_idle(kind, price * budget, loss, float(curve.loss(0.0)))),
    )


def _certified(
    duration: Duration, curve: LearningCurve, budget: float, max_rate: float, begins: Array, rates: Array, cells: int
) -> tuple[float, float]:
    """Certificate and price of rates that were not searched for, on the age grid of a search."""
    ages, grid = grid_of(duration, cells)
    ends = np.append(ages[1:], ages[-1] + duration.mean)  # the last cell has no end; its unit is that of ages
    spent = effort_along(ends, begins, rates) - effort_along(ages, begins, rates)
    width = ends - ages  # 0 where ages are too close to tell apart
    rate = np.divide(spent, width, out=np.zeros(spent.shape), where=width > 0)
    of_cells = onto_budget(rate, budget, max_rate)
    gap, price = certificate(of_cells, curve.slope(effort_of(of_cells, grid)), grid, budget, max_rate)
    return max(gap, 0.0), price


def _notes(kind: str, fit: DurationFit | None) -> tuple[str, ...]:
    """What an estimated law leaves open."""
    if fit is None or kind in ("always", "constant"):
        return ()
    if fit.residual_life_trend == "cannot be told":
        return (f"{fit.sentence()} The plan follows the likeliest law; estimation_cost says what a wrong one costs.",)
    return (fit.sentence(),)


def _idle(kind: str, worth: float, loss: float, untrained: float) -> tuple[str, ...]:
    """Whether there is more budget than training can use; `worth` is that of all of it at the price of its end."""
    if kind not in ("front-loaded", "solved") or worth > IDLE * (untrained - loss):
        return ()
    return ("The end of this budget buys next to nothing: a smaller one would lose hardly more.",)
