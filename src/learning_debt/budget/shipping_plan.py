"""At which ages of a concept to put into service what has been learned of it, at a given number of shipments."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd

from learning_debt.arrays.effort.shipping_ages import Schedule, best_within, schedules_around
from learning_debt.budget.durations import Duration
from learning_debt.budget.effort_plan import EffortPlan
from learning_debt.representations import Column, Part, Sentence, Table, aligned, as_html, as_text, listed, plain_number
from learning_debt.typing import Array
from learning_debt.validation import require_instance, require_number, require_whole_number

HALVINGS = 60
FINE = 200
"""Points of age, and of the time since the last shipment, at which a fixed interval is averaged."""


@dataclass(frozen=True)
class ShippingPlan:
    """Result of `plan_shipments`. Losses are means over periods, rates shipments a period.

    Attributes
    ----------
    schedules : tuple of tuple of float
        Ages at which to ship, of one schedule or of two; empty where nothing is shipped.
    weights : tuple of float
        Chance with which each is drawn when a concept begins; they add up to one.
    loss, rate : float
        Of the mixture.
    price : float
        How much less would be lost for a few more shipments, loss per shipment.
    single : tuple of float
        The best schedule without drawing, found on the age grid.
    single_loss, single_rate : float
    once : float
        The best age of a single shipment within the rate; NaN if the rate allows none.
    once_loss : float
    interval_loss : float
        Of shipping every ``1 / rate`` periods whatever the age of the concept.
    always_loss : float
        Of shipping all the time, the loss of the training plan.
    unshipped_loss : float
        Of never shipping.
    allowed : float
        Shipments a period that were asked for.
    plan : EffortPlan
    """

    schedules: tuple[tuple[float, ...], ...]
    weights: tuple[float, ...]
    loss: float
    rate: float
    price: float
    single: tuple[float, ...]
    single_loss: float
    single_rate: float
    once: float
    once_loss: float
    interval_loss: float
    always_loss: float
    unshipped_loss: float
    allowed: float
    plan: EffortPlan

    def sentence(self) -> str:
        """What to do, in one sentence."""
        if len(self.schedules) == 1:
            return f"For each concept {_in_words(self.schedules[0])}."
        drawn = [
            f"with chance {plain_number(weight, 2)} {_in_words(ages)}"
            for ages, weight in zip(self.schedules, self.weights, strict=True)
        ]
        return f"When a concept begins, draw: {listed(drawn, 'or')}."

    def comparison_sentence(self) -> str:
        """What that loses beside simpler ways."""
        said = (
            f"It loses {plain_number(self.loss, 4)} a period on average at {plain_number(self.rate)} shipments a "
            f"period; shipping every {plain_number(1 / self.allowed)} periods, whatever the age of the concept, "
            f"{plain_number(self.interval_loss, 4)}, and shipping all the time {plain_number(self.always_loss, 4)}."
        )
        if len(self.schedules) > 1:
            said += f" Without drawing the best is to {_in_words(self.single)}: {plain_number(self.single_loss, 4)}."
        return said

    def to_dataframe(self) -> pd.DataFrame:
        """A row a shipment: its ``age``, the ``chance`` of its ``schedule``, by schedule and number from 1."""
        rows = [
            (schedule, number, age, weight)
            for schedule, (ages, weight) in enumerate(zip(self.schedules, self.weights, strict=True))
            for number, age in enumerate(ages, 1)
        ]
        frame = pd.DataFrame(rows, columns=["schedule", "shipment", "age", "chance"])
        return frame.set_index(["schedule", "shipment"])

    def as_dict(self) -> dict[str, Any]:
        """What it says, in types that JSON holds; numbers that are not known are None."""
        numbers = [one.name for one in fields(self) if isinstance(getattr(self, one.name), float)]
        said = {name: None if np.isnan(getattr(self, name)) else getattr(self, name) for name in numbers}
        schedules = [{"ages": list(a), "chance": w} for a, w in zip(self.schedules, self.weights, strict=True)]
        words = {"sentence": self.sentence(), "comparison": self.comparison_sentence()}
        return {"schedules": schedules, "single": list(self.single), **said, **words}

    def parts(self) -> list[Part]:
        """What it says, in the parts that its text and its HTML are made from."""
        rows = {
            "this plan": (self.loss, self.rate),
            "without drawing": (self.single_loss, self.single_rate),
            "fixed interval": (self.interval_loss, self.allowed),
            "all the time": (self.always_loss, np.inf),
            "never": (self.unshipped_loss, 0.0),
        }
        losses, rates = zip(*rows.values(), strict=True)
        columns = [
            Column("loss", aligned(losses)),
            Column("shipments", [plain_number(one) if np.isfinite(one) else "no limit" for one in rates], 1),
        ]
        table = Table("a period, on average", Column("shipping", list(rows)), columns)
        return [Sentence(self.sentence()), Sentence(self.comparison_sentence()), table]

    def __str__(self) -> str:
        return as_text(self.parts())

    def __repr__(self) -> str:
        return f"<ShippingPlan: loss {plain_number(self.loss)}, {plain_number(self.rate)} shipments a period>"

    def _repr_html_(self) -> str:
        return as_html(self.parts())


def plan_shipments(plan: EffortPlan, rate: float, *, ages: int = 400) -> ShippingPlan:
    r"""At which ages of a concept to ship what a training plan has learned by then, at a mean number of shipments.

    Parameters
    ----------
    plan : EffortPlan
        From `plan_effort`.
    rate : float
        Shipments a period on average, above 0.
    ages : int
        Ages that are distinguished, from 20 to 2000.

    Returns
    -------
    ShippingPlan

    Raises
    ------
    TypeError, ValueError

    Notes
    -----
    Until the first shipment a concept is served by what knows nothing of it. With f(a) = g(E(a)) and R the integral of
    the survival S, shipping at ages d_1 < d_2 < ... loses

    .. math:: J = \frac{1}{E Y} \sum_{j \ge 0} f(d_j) [R(d_j) - R(d_{j+1})], \quad d_0 = 0, \qquad
              \frac{1}{E Y} \sum_{j \ge 1} S(d_j) \le \rho .

    At a price of a shipment the best schedule is a shortest path over ages. Two such schedules of the same price lie
    around the rate; drawing one of them for each concept meets it, and loses no more than any schedule on these ages.
    Without drawing the best schedule is a shortest path over ages and what is left of the rate, rounded to 1/240 of it.
    Of a single shipment the loss falls and then rises with its age, up to where training stops, if the mean residual
    life does not rise: its best age is found by bisection.

    Examples
    --------
    >>> from learning_debt.budget import ExponentialCurve, ExponentialDuration, plan_effort
    >>> training = plan_effort(ExponentialDuration(0.5), ExponentialCurve(0.1, 0.9, 1.0), budget=0.3, max_rate=1.0)
    >>> shipping = plan_shipments(training, 0.15)
    >>> [round(weight, 3) for weight in shipping.weights], round(shipping.schedules[1][0], 4), round(shipping.loss, 4)
    ([0.571, 0.429], 0.7133, 0.8623)
    """
    training = require_instance("plan", plan, EffortPlan, "a training plan, from plan_effort")
    allowed = require_number("rate", rate, above=0)
    require_whole_number("ages", ages, at_least=20, at_most=2000)
    law = training.duration
    once = once_age(training, allowed)
    stop = [training.stop_age] if np.isfinite(training.stop_age) else []
    grid = np.unique(np.concatenate([law.age_quantile(np.arange(ages) / ages), stop, [once] if once == once else []]))
    loss = training.curve.loss(training.effort_at(grid))
    served, shipped = law.survival_integral(grid) / law.mean, law.survival(grid) / law.mean
    rare, often, price = schedules_around(loss, served, shipped, allowed)
    single = best_within(loss, served, shipped, allowed)
    mixed = [(rare, 1.0)] if often.rate == rare.rate else _mixed(rare, often, allowed)

    def at(schedule: Schedule) -> tuple[float, ...]:
        return tuple(float(grid[node]) for node in schedule.nodes)

    return ShippingPlan(
        schedules=tuple(at(schedule) for schedule, _ in mixed),
        weights=tuple(weight for _, weight in mixed),
        loss=sum(weight * schedule.loss for schedule, weight in mixed),
        rate=sum(weight * schedule.rate for schedule, weight in mixed),
        price=price,
        single=at(single),
        single_loss=single.loss,
        single_rate=single.rate,
        once=once,
        once_loss=float(_loss_of_once(training, np.asarray(once))) if once == once else float("nan"),
        interval_loss=interval_loss(training, 1 / allowed),
        always_loss=training.loss,
        unshipped_loss=training.untrained_loss,
        allowed=allowed,
        plan=training,
    )


def once_age(plan: EffortPlan, rate: float) -> float:
    """The age of a single shipment that loses least, not before the rate allows it; NaN where it never does.

    The gain (f(0) - f(d)) R(d) has the slope S(d) (-f'(d) m(d) - f(0) + f(d)). Up to where a front-loaded plan stops
    the bracket falls where m does not rise, and past it the gain falls: bisection. Elsewhere by a grid of ages.
    """
    law = plan.duration
    earliest = _age_at_survival(law, rate * law.mean)
    if not np.isfinite(earliest):
        return float("nan")
    if plan.kind not in ("front-loaded", "always", "constant") or law.residual_life_trend in ("increasing", "neither"):
        ages = np.concatenate([[earliest], earliest + law.age_quantile((np.arange(2000) + 0.5) / 2000)])
        return float(ages[np.argmin(_loss_of_once(plan, ages))])
    low, high = earliest, plan.stop_age if plan.kind == "front-loaded" else float(law.age_quantile(1 - 1e-9))
    if high <= low:
        return low
    speed = float(plan.schedule["rate"].values[0])
    before = float(plan.curve.loss(0.0))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        effort = plan.effort_at(middle)
        steep = -float(plan.curve.slope(effort)) * speed * float(law.mean_residual_life(middle))
        low, high = (middle, high) if steep > before - float(plan.curve.loss(effort)) else (low, middle)
    best = (low + high) / 2
    return plan.stop_age if plan.kind == "front-loaded" and plan.stop_age - best < 1e-9 * plan.stop_age else best


def interval_loss(plan: EffortPlan, interval: float) -> float:
    """Of shipping every so many periods whatever the age: at a random moment the last shipment is up to so long ago."""
    middles = (np.arange(FINE) + 0.5) / FINE
    ages = np.maximum(plan.duration.age_quantile(middles)[:, None] - interval * middles, 0.0)
    return float(plan.curve.loss(plan.effort_at(ages)).mean())


def _loss_of_once(plan: EffortPlan, age: Array) -> Array:
    served = plan.duration.survival_integral(age) / plan.duration.mean
    return np.asarray(plan.untrained_loss * (1 - served) + plan.curve.loss(plan.effort_at(age)) * served)


def _age_at_survival(law: Duration, level: float) -> float:
    """The first age that no larger share than `level` reaches."""
    if level >= 1:
        return 0.0
    low, high = 0.0, law.mean
    while float(law.survival(high)) > level:
        low, high = high, 2 * high
        if not np.isfinite(high):
            return float("inf")
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if float(law.survival(middle)) > level else (low, middle)
    return high


def _mixed(rare: Schedule, often: Schedule, rate: float) -> list[tuple[Schedule, float]]:
    weight = (often.rate - rate) / (often.rate - rare.rate)
    both = [(rare, float(weight)), (often, float(1 - weight))]
    return [one for one in both if one[1] > 1e-9]


def _in_words(ages: tuple[float, ...]) -> str:
    """A schedule as what to do: ages of the first few shipments."""
    if not ages:
        return "do not ship"
    few = [plain_number(age) for age in ages[:6]]
    more = f" and {len(ages) - 6} more times" if len(ages) > 6 else ""
    return f"ship at age {', '.join(few)}{more}" if more else f"ship at age {listed(few)}"
