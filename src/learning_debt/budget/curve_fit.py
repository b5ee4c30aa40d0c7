"""Learning curves from losses that were seen, and whether these fall ever more slowly at all."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import OptimizeWarning, curve_fit, nnls
from scipy.special import chdtrc

from learning_debt.arrays.evidence.akaike import corrected_aic
from learning_debt.budget.learning_curves import ExponentialCurve, LearningCurve, PowerCurve
from learning_debt.representations import Column, Part, Sentence, Table, aligned, as_html, as_text, plain_number
from learning_debt.typing import Array
from learning_debt.validation import require_names, require_numbers

FEWEST_EFFORTS = 4
LEAST_FALL = 1e-3
"""Of the range of losses, below which nothing is gained by effort."""
ROUNDING = 1e-12
"""Of the largest loss: falls that are not told from rounding."""
BENT = 0.05
"""Chance, were the curve convex, below which losses that lie so far from any convex curve count against it."""
GRID = 16
"""Points of each parameter that a search begins from, its bounds among them."""


class _Family(NamedTuple):
    """A form of curve: its parameters, the curve they make, and how it falls from 1 to 0 by those after the first two.

    `bounds` has the least and the largest of those, in units of one over the longest and the shortest effort for a
    rate, of the shortest and the longest for a scale; `powers` is which power of the unit of effort each is in.
    """

    names: tuple[str, ...]
    curve: Callable[..., LearningCurve]
    fall: Callable[..., Array]
    bounds: Callable[[float, float], tuple[tuple[float, float], ...]]
    powers: tuple[int, ...]


FAMILIES = {
    "exponential": _Family(
        ("floor", "gain", "rate"),
        ExponentialCurve,
        lambda effort, rate: np.exp(-rate * effort),
        lambda shortest, longest: ((0.05 / longest, 10 / shortest),),
        (-1,),
    ),
    "power": _Family(
        ("floor", "gain", "exponent", "scale"),
        PowerCurve,
        lambda effort, exponent, scale: (1 + effort / scale) ** -exponent,
        lambda shortest, longest: ((0.05, 20.0), (0.05 * shortest, 10 * longest)),
        (0, 1),
    ),
}


@dataclass(frozen=True)
class LearningCurveFit:
    """Result of `fit_learning_curve`.

    Attributes
    ----------
    curve : LearningCurve
        The one that was chosen.
    family : str
    candidates : dict of str to LearningCurve
    standard_errors : dict of str to float
        Of the chosen curve's parameters, by their names; infinite where the data do not settle one.
    aic : dict of str to float
        Of each candidate, with the correction for few points; lower is better.
    convex : bool
        False where losses lie too far from every curve that falls and is convex.
    convexity_chance : float
        Chance that they lie as far if the curve is one; NaN without errors.
    effort, loss, errors : ndarray, shape (points,)
        What was fitted; `errors` is NaN where none were given.
    """

    curve: LearningCurve
    family: str
    candidates: dict[str, LearningCurve]
    standard_errors: dict[str, float]
    aic: dict[str, float]
    convex: bool
    convexity_chance: float
    effort: Array
    loss: Array
    errors: Array

    def sentence(self) -> str:
        """What the curve is worth, and what speaks against it."""
        first, last = (float(self.curve.loss(edge)) for edge in (0.0, self.effort.max()))
        said = (
            f"From no effort to {plain_number(self.effort.max())} the loss falls from {plain_number(first)} to "
            f"{plain_number(last)}."
        )
        if self.convex:
            return said
        return (
            f"{said} The losses do not fall ever more slowly, as the plans assume (chance "
            f"{plain_number(self.convexity_chance, 1)}): their certificates hold for the fitted curve only."
        )

    def to_dataframe(self) -> pd.DataFrame:
        """A row a point: ``loss``, its ``error`` and ``fitted``, by ``effort``."""
        columns = {"loss": self.loss, "error": self.errors, "fitted": self.curve.loss(self.effort)}
        return pd.DataFrame(columns, index=pd.Index(self.effort, name="effort"))

    def as_dict(self) -> dict[str, Any]:
        """What it says, in types that JSON holds; numbers that are not known are None."""
        errors = {name: of if np.isfinite(of) else None for name, of in self.standard_errors.items()}
        chance = self.convexity_chance if np.isfinite(self.convexity_chance) else None
        parameters = {name: float(getattr(self.curve, name)) for name in errors}
        said = {"family": self.family, "parameters": parameters, "standard_errors": errors, "convex": self.convex}
        return said | {"convexity_chance": chance, "points": int(self.effort.size)}

    def parts(self) -> list[Part]:
        """What it says, in the parts that its text and its HTML are made from."""
        names = list(self.standard_errors)
        errors = list(self.standard_errors.values())
        columns = [
            Column("value", aligned([getattr(self.curve, name) for name in names])),
            Column("error", [plain_number(error, 2) if np.isfinite(error) else "not settled" for error in errors]),
        ]
        table = Table(f"{self.family} learning curve", Column("parameter", names), columns)
        return [Sentence(f"{self.curve}.", lead="Loss:"), Sentence(self.sentence()), table]

    def __str__(self) -> str:
        return as_text(self.parts())

    def __repr__(self) -> str:
        return f"<LearningCurveFit of {self.effort.size} points: {self.curve}>"

    def _repr_html_(self) -> str:
        return as_html(self.parts())


def fit_learning_curve(
    effort: Any, loss: Any, errors: Any = None, *, families: tuple[str, ...] | list[str] = tuple(FAMILIES)
) -> LearningCurveFit:
    """A learning curve from losses after known effort.

    Parameters
    ----------
    effort : sequence of float
        At least 0, of at least four different sizes. Count it in what you buy: periods of new rows, labels, draws.
    loss : sequence of float
        Mean loss of a period after that effort, lower is better: minus a log score, a CRPS, money.
    errors : sequence of float, optional
        Standard errors of the losses, above 0. Without them all losses count alike and convexity is not checked.
    families : sequence of {"exponential", "power"}
        Forms to choose from, by Akaike's criterion.

    Returns
    -------
    LearningCurveFit

    Raises
    ------
    TypeError, ValueError
        If a list has another length than the others, or losses do not fall at all.

    See Also
    --------
    concept_losses : Losses by periods learned from, out of a spell table.

    Notes
    -----
    Convexity is checked without a form: the nearest curve that falls and is convex, a sum of hinges, is fitted by
    non-negative least squares, and its weighted squared distance is compared with a chi-squared law of as many degrees
    as there are points beyond its knots. Below a chance of .05 `convex` is False.

    Examples
    --------
    >>> effort = np.arange(8.0)
    >>> fit = fit_learning_curve(effort, ExponentialCurve(0.1, 0.9, 1.0).loss(effort), np.full(8, 0.01))
    >>> fit.curve.rate.__round__(3), fit.convex
    (1.0, True)
    """
    efforts, losses, sizes = _checked(effort, loss, errors)
    names = require_names("families", families, tuple(FAMILIES))
    if not names:
        raise ValueError(f"families must name at least one of {', '.join(FAMILIES)}")
    found = {name: _fitted(FAMILIES[name], efforts, losses, sizes) for name in names}
    aic = {name: one[2] for name, one in found.items()}
    chosen = min(names, key=lambda name: aic[name])
    curves = {name: FAMILIES[name].curve(*one[0]) for name, one in found.items()}
    fall = float(curves[chosen].loss(0.0) - curves[chosen].loss(efforts.max()))
    if fall <= max(LEAST_FALL * np.ptp(losses), ROUNDING * np.abs(losses).max()):
        raise ValueError(
            "loss must fall with effort, and these losses do not: more training buys nothing that a plan could divide"
        )
    chance = _chance_if_convex(efforts, losses, sizes) if sizes is not None else np.nan
    standard = dict(zip(FAMILIES[chosen].names, found[chosen][1], strict=True))
    kept = np.full(efforts.shape, np.nan) if sizes is None else sizes
    return LearningCurveFit(
        curves[chosen], chosen, curves, standard, aic, not chance < BENT, float(chance), efforts, losses, kept
    )


def _checked(effort: Any, loss: Any, errors: Any) -> tuple[Array, Array, Array | None]:
    efforts = require_numbers("effort", effort, at_least=0)
    if efforts.ndim != 1 or np.unique(efforts).size < FEWEST_EFFORTS:
        raise ValueError(
            f"effort must be a list of numbers, at least {FEWEST_EFFORTS} of them different, not "
            f"{np.unique(efforts).size} of shape {efforts.shape}"
        )
    losses = require_numbers("loss", loss, shape=efforts.shape)
    sizes = None if errors is None else require_numbers("errors", errors, above=0, shape=efforts.shape)
    return efforts, losses, sizes


def _fitted(
    family: _Family, effort: Array, loss: Array, errors: Array | None
) -> tuple[list[float], list[float], float]:
    """Parameters, their errors and the criterion of the best fit, whatever the units of effort and loss.

    The search has absolute tolerances, so that it is made in units of the longest effort and of the range of losses.
    """
    longest, least, span = float(effort.max()), float(loss.min()), float(np.ptp(loss)) or 1.0
    sizes = None if errors is None else errors / span
    found, standard, aic = _searched(family, effort / longest, (loss - least) / span, sizes)
    units = np.array([span, span, *(longest**power for power in family.powers)])
    values = found * units + np.array([least, *np.zeros(len(found) - 1)])
    by_unit = 0.0 if errors is not None else 2 * effort.size * np.log(span)
    return values.tolist(), (standard * units).tolist(), float(aic + by_unit)


def _searched(family: _Family, effort: Array, loss: Array, errors: Array | None) -> tuple[Array, Array, float]:
    """Parameters, their errors and the criterion of the best fit, from the best point of a grid.

    Floor and gain are linear: at each point of a grid of the others they are least squares.
    """
    sizes, count = np.ones(loss.shape) if errors is None else errors, len(family.names)
    bounds = family.bounds(float(effort[effort > 0].min()), float(effort.max()))
    best = min((_at(family, point, effort, loss, sizes) for point in _grid(bounds)), key=lambda one: one[0])
    squares, found, standard = best[0], best[1], np.full(count, np.inf)

    def predicted(effort: Array, floor: float, gain: float, *others: float) -> Array:
        return floor + gain * family.fall(effort, *others)

    low, high = zip((-np.inf, np.inf), (0.0, np.inf), *bounds, strict=True)
    with warnings.catch_warnings(), suppress(RuntimeError):  # where no step leads further, the grid's point stands
        warnings.simplefilter("ignore", OptimizeWarning)  # an error that is not settled is infinite, and says so
        nearer, covariance = curve_fit(
            predicted, effort, loss, found, sizes, errors is not None, bounds=(low, high), max_nfev=400
        )
        after = float((((loss - predicted(effort, *nearer)) / sizes) ** 2).sum())
        if after <= squares:
            squares, found, standard = after, nearer, np.sqrt(np.diag(covariance))
    number = effort.size
    fit = squares if errors is not None else number * np.log(max(squares / number, 1e-300))
    return np.asarray(found), standard, float(corrected_aic(fit, count, number))


def _grid(bounds: tuple[tuple[float, float], ...]) -> Iterator[tuple[float, ...]]:
    """Points between bounds, evenly spaced in their logarithms."""
    return product(*(np.geomspace(low, high, GRID)[1:-1].tolist() for low, high in bounds))


def _at(family: _Family, point: tuple[float, ...], effort: Array, loss: Array, sizes: Array) -> tuple[float, Array]:
    """Squares and parameters of the best floor and gain, where the other parameters are given."""
    fall = family.fall(effort, *point)
    weight = sizes**-2.0 / (sizes**-2.0).sum()
    centred = fall - weight @ fall
    gain = max(float(weight @ (centred * loss)) / max(float(weight @ centred**2), 1e-300), 0.0)
    floor = float(weight @ (loss - gain * fall))
    return float((((loss - floor - gain * fall) / sizes) ** 2).sum()), np.array([floor, gain, *point])


def _chance_if_convex(effort: Array, loss: Array, errors: Array) -> float:
    """Chance that losses lie so far from the nearest curve that falls and is convex, if the truth is one."""
    knots = np.unique(effort)[1:]
    hinges = np.maximum(knots - effort[:, None], 0.0)
    level = np.ones((effort.size, 1))
    design = np.hstack([level, -level, hinges]) / errors[:, None]
    weights, distance = nnls(design, loss / errors)
    degrees = max(effort.size - 1 - int((weights[2:] > 0).sum()), 1)
    return float(chdtrc(degrees, distance**2))
