"""How much training each age of a concept gets, and what that loses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from learning_debt.budget.durations import Duration, require_duration
from learning_debt.budget.learning_curves import LearningCurve
from learning_debt.representations import Column, Part, Sentence, Table, aligned, as_html, as_text, plain_number
from learning_debt.typing import Array
from learning_debt.validation import require_numbers

FINE = 2000
"""Points of age at which a loss is averaged."""
MOST_ROWS = 8


@dataclass(frozen=True)
class EffortPlan:
    """Result of `plan_effort`: how fast to train at each age of a concept. Losses are means over periods.

    Attributes
    ----------
    kind : {"always", "front-loaded", "constant", "solved"}
    stop_age : float
        After which a front-loaded plan does not train any more, periods; infinite if it never stops, NaN of others.
    loss : float
        J = E[g(E(A))], A the age of the concept at a random moment.
    gap : float
        No plan at this budget loses less than ``loss - gap``.
    spent : float
        Effort a period, the budget unless training always is cheaper than that.
    price : float
        How much less would be lost for a little more budget, loss per unit of effort.
    constant_loss, front_loaded_loss, untrained_loss : float
        Of the same budget at a constant rate; spent from age 0 on at full rate; and of no training.
    schedule : Dataset (age)
        ``rate`` at which to train from this age to the next one, ``effort`` spent until then, ``loss`` and ``survival``
        at it.
    duration : Duration
    curve : LearningCurve
    budget, max_rate : float
    notes : tuple of str
        What the reader should know.
    """

    kind: str
    stop_age: float
    loss: float
    gap: float
    spent: float
    price: float
    constant_loss: float
    front_loaded_loss: float
    untrained_loss: float
    schedule: xr.Dataset
    duration: Duration
    curve: LearningCurve
    budget: float
    max_rate: float
    notes: tuple[str, ...] = ()

    def effort_at(self, age: ArrayLike) -> Array:
        """Effort spent on a concept by that age, of ages of any shape."""
        return effort_along(
            require_numbers("age", age, at_least=0), self.schedule["age"].values, self.schedule["rate"].values
        )

    def loss_under(self, duration: Duration) -> float:
        """Mean loss of this plan where concepts last otherwise than it assumes."""
        law = require_duration("duration", duration)
        return mean_loss(ages_at_moments(law), self.curve, self.schedule["age"].values, self.schedule["rate"].values)

    def spent_under(self, duration: Duration) -> float:
        """Effort a period of this plan where concepts last otherwise than it assumes."""
        law = require_duration("duration", duration)
        return mean_rate(law, self.schedule["age"].values, self.schedule["rate"].values)

    def sentence(self) -> str:
        """What to do, in one sentence."""
        full = plain_number(self.max_rate)
        if self.kind == "always":
            allowed = plain_number(self.budget)
            return f"Train always, at the full rate of {full} a period: the budget of {allowed} allows it."
        if self.kind == "front-loaded":
            return (
                f"When a concept begins, train at the full rate of {full} a period until it is "
                f"{plain_number(self.stop_age)} periods old, then stop until the next one begins."
            )
        if self.kind == "constant":
            return f"Train at a constant rate of {plain_number(self.spent)} a period."
        return self._solved_sentence()

    def _solved_sentence(self) -> str:
        ages, effort, rate = (self.schedule[name].values for name in ("age", "effort", "rate"))
        half, fastest = float(np.interp(effort[-1] / 2, effort, ages)), int(np.argmax(rate))
        begin = f"Train at {plain_number(rate[0])} a period when a concept begins"
        if rate[fastest] > 1.02 * rate[0]:
            begin += f", fastest ({plain_number(rate[fastest])}) at age {plain_number(ages[fastest], 2)}"
        last = float(np.interp(0.95 * effort[-1], effort, ages))
        return (
            f"{begin}, and hardly any more after age {plain_number(last, 2)}: half of the effort that a long concept "
            f"gets is spent by age {plain_number(half, 2)}."
        )

    def comparison_sentence(self) -> str:
        """What the plan loses beside the simpler ones."""
        said = f"It loses {plain_number(self.loss, 4)} a period on average; the same effort at a constant rate"
        said += f" {plain_number(self.constant_loss, 4)}"
        if self.kind == "solved":
            said += f", all of it at the beginning of each concept {plain_number(self.front_loaded_loss, 4)}"
        return (
            f"{said}, and no training {plain_number(self.untrained_loss)}. No plan of this budget loses less than "
            f"{plain_number(self.loss - self.gap, 4)}."
        )

    def to_dataframe(self) -> pd.DataFrame:
        """`schedule` as a data frame, by ``age``."""
        return self.schedule.to_dataframe()

    def as_dict(self) -> dict[str, Any]:
        """What it says, in types that JSON holds; numbers that are not known are None."""
        numbers = ("loss", "gap", "spent", "price", "constant_loss", "front_loaded_loss", "untrained_loss")
        said: dict[str, Any] = {"kind": self.kind, "stop_age": self.stop_age}
        said |= {name: getattr(self, name) for name in numbers} | {"budget": self.budget, "max_rate": self.max_rate}
        said = {name: None if isinstance(of, float) and np.isnan(of) else of for name, of in said.items()}
        few = self._few()
        schedule = [
            {"age": float(age), "rate": float(rate), "effort": float(effort)}
            for age, rate, effort in zip(few["age"].values, few["rate"].values, few["effort"].values, strict=True)
        ]
        words = {"sentence": self.sentence(), "comparison": self.comparison_sentence(), "notes": list(self.notes)}
        return said | {"duration": str(self.duration), "curve": str(self.curve), "schedule": schedule} | words

    def parts(self) -> list[Part]:
        """What it says, in the parts that its text and its HTML are made from."""
        losses = {
            "this plan": self.loss,
            "constant rate": self.constant_loss,
            "front-loaded": self.front_loaded_loss,
            "no training": self.untrained_loss,
        }
        if self.kind in ("constant", "front-loaded"):
            del losses["constant rate" if self.kind == "constant" else "front-loaded"]
        effort = [self.spent if name != "no training" else 0.0 for name in losses]
        table = Table(
            "a period, on average",
            Column("plan", list(losses)),
            [Column("loss", aligned(losses.values())), Column("effort", aligned(effort), 1)],
        )
        parts: list[Part] = [Sentence(self.sentence()), Sentence(self.comparison_sentence()), table]
        if self.kind == "solved":
            few = self._few()
            columns = [Column(name, aligned(few[name].values)) for name in ("rate", "effort", "loss")]
            parts.append(
                Table(
                    "what a concept gets by age", Column("age", aligned(few["age"].values)), columns, "to_dataframe()"
                )
            )
        about = f"Concepts last: {self.duration}. Loss: {self.curve}."
        return [*parts, Sentence(about), *(Sentence(note) for note in self.notes)]

    def _few(self) -> xr.Dataset:
        """A few rows of the schedule, at ages from 0 to that which 1 in 20 moments exceed."""
        ages = self.schedule["age"].values
        if ages.size <= MOST_ROWS:
            return self.schedule
        wanted = self.duration.age_quantile(np.linspace(0, 0.95, MOST_ROWS))
        return self.schedule.isel(age=np.unique(np.searchsorted(ages, wanted).clip(max=ages.size - 1)))

    def __str__(self) -> str:
        return as_text(self.parts())

    def __repr__(self) -> str:
        return f"<EffortPlan, {self.kind}: loss {plain_number(self.loss)}, {plain_number(self.spent)} a period>"

    def _repr_html_(self) -> str:
        return as_html(self.parts())


def effort_along(age: Array, begins: Array, rates: Array) -> Array:
    """Effort spent by an age, of rates that hold from one age to the next, and the last one for ever."""
    spent = np.concatenate([[0.0], np.cumsum(rates[:-1] * np.diff(begins))])
    place = np.searchsorted(begins, age, side="right") - 1
    return np.asarray(spent[place] + rates[place] * (age - begins[place]))


def ages_at_moments(duration: Duration) -> Array:
    """Equally likely ages of the concept at a random moment: midpoints of a fine grid."""
    return duration.age_quantile((np.arange(FINE) + 0.5) / FINE)


def mean_loss(ages: Array, curve: LearningCurve, begins: Array, rates: Array) -> float:
    """E[g(E(A))] over equally likely ages."""
    return float(curve.loss(effort_along(ages, begins, rates)).mean())


def mean_rate(duration: Duration, begins: Array, rates: Array) -> float:
    """Effort spent a period: the rates over the share of moments in which each holds."""
    left = np.append(duration.survival_integral(begins), 0.0)
    return float((rates * -np.diff(left)).sum() / duration.mean)
