"""Learning curves from losses that were seen, and whether these fall ever more slowly at all."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import OptimizeWarning, curve_fit, nnls
from scipy.special import chdtrc

from learning_debt.budget.learning_curves import ExponentialCurve, LearningCurve, PowerCurve
from learning_debt.representations import Column, Part, Sentence, Table, aligned, as_html, as_text, plain_number
from learning_debt.typing import Array
from learning_debt.validation import require_names, require_numbers

FEWEST_EFFORTS = 4
BENT = 0.05
"""Chance, were the curve convex, below which losses that lie so far from any convex curve count against it."""
STARTS = (0.1, 0.3, 1.0, 3.0, 10.0)
"""Rates that a search begins from, in units of one over the median effort."""


class _Family(NamedTuple):
    """A form of curve: its parameters, as `curve_fit` varies them, and the curve they make."""

    names: tuple[str, ...]
    curve: Callable[..., LearningCurve]
    loss: Callable[..., Array]
    start: Callable[[float], tuple[float, ...]]


FAMILIES = {
    "exponential": _Family(
        ("floor", "gain", "rate"),
        ExponentialCurve,
        lambda effort, floor, gain, rate: floor + gain * np.exp(-rate * effort),
        lambda rate: (rate,),
    ),
    "power": _Family(
        ("floor", "gain", "exponent", "scale"),
        PowerCurve,
        lambda effort, floor, gain, exponent, scale: floor + gain * (1 + effort / scale) ** -exponent,
        lambda rate: (0.7, 1 / rate),
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
    if not curves[chosen].loss(0.0) > curves[chosen].loss(efforts.max()):
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
    """Parameters, their errors and the criterion of the best fit from several starts."""
    spread, count = float(np.ptp(loss)) or 1.0, len(family.names)
    lower, upper = [-np.inf, 0.0] + [1e-9] * (count - 2), [np.inf] * count
    if count == 4:
        upper[2] = 20.0  # beyond that a power is an exponential
    best: tuple[float, Array, Array] | None = None
    for start in STARTS:
        guess = [loss.min() - 0.05 * spread, 1.1 * spread, *family.start(start / float(np.median(effort[effort > 0])))]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OptimizeWarning)  # an error that is not settled is infinite, and says so
            try:
                found, covariance = curve_fit(
                    family.loss, effort, loss, guess, errors, errors is not None, bounds=(lower, upper), max_nfev=2000
                )
            except RuntimeError:  # no minimum from this start
                continue
        squares = float((((loss - family.loss(effort, *found)) / (1.0 if errors is None else errors)) ** 2).sum())
        if best is None or squares < best[0]:
            best = squares, found, np.sqrt(np.diag(covariance))
    if best is None:
        raise ValueError("loss must fall with effort towards a level, and no such curve comes near these losses")
    squares, found, standard = best
    number = effort.size
    fit = squares if errors is not None else number * np.log(max(squares / number, 1e-300))
    few = number - count - 1
    aic = fit + 2 * count + (2 * count * (count + 1) / few if few > 0 else np.inf)
    return [float(one) for one in found], [float(one) for one in standard], float(aic)


def _chance_if_convex(effort: Array, loss: Array, errors: Array) -> float:
    """Chance that losses lie so far from the nearest curve that falls and is convex, if the truth is one."""
    knots = np.unique(effort)[1:]
    hinges = np.maximum(knots - effort[:, None], 0.0)
    level = np.ones((effort.size, 1))
    design = np.hstack([level, -level, hinges]) / errors[:, None]
    weights, distance = nnls(design, loss / errors)
    degrees = max(effort.size - 1 - int((weights[2:] > 0).sum()), 1)
    return float(chdtrc(degrees, distance**2))
