"""Columns of the spell table from exact normal-inverse-gamma posteriors."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from learning_debt.arrays.conjugate import nig
from learning_debt.arrays.conjugate.nig import NIG
from learning_debt.forecasters.conjugate_regression import ConjugateRegression
from learning_debt.shadows.base import Upkeep, padded
from learning_debt.spells.schema import EXACT_ONLY, doubt_of, reliable_of, se_of
from learning_debt.spells.step import ArrivedGaps, Column, Period, Positions, StepOptions
from learning_debt.typing import Array

UPKEEP = Upkeep("exact", float("nan"), float("inf"), 0, 0.0, 0.0, True)


class ExactHoldings(NamedTuple):
    """What an exact step goes on from.

    Attributes
    ----------
    posteriors : NIG
        Of every period so far, stacked along the first axis, the shadow last.
    row_weight : ndarray, shape (rows so far,)
        What the shadow holds.
    x, y : ndarray
        Rows so far, checked: shape (rows, coefficients) and (rows,).
    """

    posteriors: NIG
    row_weight: Array
    x: Array
    y: Array


class ExactStep:
    """Scores and compares all stored posteriors at once; standard errors are 0.

    Parameters
    ----------
    forecaster : ConjugateRegression
    options : StepOptions
    """

    def __init__(self, forecaster: ConjugateRegression, options: StepOptions) -> None:
        self.forecaster, self.options = forecaster, options

    def start(self, period: Period) -> tuple[ExactHoldings, Upkeep]:
        """As in `learning_debt.spells.step.Step`."""
        rows = self.forecaster.as_batch(period.so_far)
        x, y = rows["x"].values, rows["y"].values
        first = _fitted(self.forecaster.prior, x, y, period.row_weight)
        return ExactHoldings(NIG(*(np.asarray(part)[None] for part in first)), period.row_weight, x, y), UPKEEP

    def step(self, held: ExactHoldings, period: Period, known: Column | None = None) -> tuple[ExactHoldings, Column]:
        """As in `learning_debt.spells.step.Step`.

        Raises
        ------
        ValueError
            If a signal is not a number, since data or prior are out of floating point's range.
        """
        held = self._with_rows(held, period)
        deployed = held.posteriors
        signals = self._scored(held, period)
        shadow = self._learnt(held, period)
        signals |= self._compared(shadow, held, period)
        for name in {*self.options.variables, "score_gap"} - set(EXACT_ONLY):
            signals[se_of(name)] = np.zeros(len(deployed.shape))
            signals[reliable_of(name)] = np.ones(len(deployed.shape), dtype=bool)
            signals[doubt_of(name)] = np.zeros(len(deployed.shape), dtype=np.int8)
        grown = (np.append(old, np.asarray(new)[None], axis=0) for old, new in zip(deployed, shadow, strict=True))
        return held._replace(posteriors=NIG(*grown), row_weight=period.row_weight), Column(signals, UPKEEP)

    def _with_rows(self, held: ExactHoldings, period: Period) -> ExactHoldings:
        """With the rows that the period brings, those that are forecast in it included."""
        known, stop = len(held.y), max(len(period.row_weight), int(period.issued.rows.max()) + 1)
        if stop <= known:
            return held
        new = self.forecaster.as_batch(period.take(slice(known, stop)))
        x, y = np.concatenate([held.x, new["x"].values]), np.concatenate([held.y, new["y"].values])
        return held._replace(x=x, y=y)

    def _scored(self, held: ExactHoldings, period: Period) -> dict[str, Array]:
        """Gaps of the forecasts issued in the period, and of those whose outcomes become known in it."""
        scores = self._scores(held, held.posteriors, period.issued.rows)
        signals = {"score_gap": (scores[-1] - scores).mean(axis=-1)}
        if "deployed_score" in self.options.variables:
            signals["deployed_score"] = scores.mean(axis=-1)
        signals = {name: _numbers(name, values, period) for name, values in signals.items()}
        if not self.options.learns_late:
            return signals
        arrived = ArrivedGaps(len(scores))
        for arrival in period.arrivals:
            issuing = NIG(*(part[: arrival.forecasts.posteriors] for part in held.posteriors))
            gaps = (self._gap(held, issuing, rows).sum(axis=-1) for rows in (arrival.rows, arrival.replaced))
            arrived.add(arrival, next(gaps) - next(gaps))
        return signals | arrived.signals()

    def _gap(self, held: ExactHoldings, issuing: NIG, rows: Positions) -> Array:
        """Score of the newest posterior minus that of each, shape (issuing, rows)."""
        if not len(rows):
            return np.zeros((len(issuing.shape), 0))
        scores = self._scores(held, issuing, rows)
        return scores[-1] - scores

    def _scores(self, held: ExactHoldings, posteriors: NIG, rows: Positions) -> Array:
        """Shape (posteriors, rows)."""
        return self.options.score.exact_score(posteriors, held.x[rows], held.y[rows])

    def _compared(self, shadow: NIG, held: ExactHoldings, period: Period) -> dict[str, Array]:
        """What tells the new shadow from every stored posterior."""
        variables, score, deployed = self.options.variables, self.options.score, held.posteriors
        x, y = held.x[period.issued.rows], held.y[period.issued.rows]
        signals: dict[str, Array] = {}
        if "debt" in variables:
            signals["debt"] = nig.kl(shadow, deployed)
        if "predictive_debt" in variables:
            signals["predictive_debt"] = score.exact_divergence(shadow, deployed, x)
            signals["gap_sd"] = score.exact_gap_spread(shadow, deployed, x)
        if "parameter_gap" in variables:
            signals["parameter_gap"] = np.linalg.norm(shadow.mean - deployed.mean, axis=-1)
        if "residual_exceedance" in variables:
            signals["residual_exceedance"] = _residual_exceedance(deployed, x, y)
        return {name: _numbers(name, np.asarray(values), period) for name, values in signals.items()}

    def _learnt(self, held: ExactHoldings, period: Period) -> NIG:
        """The new shadow: the last one updated, where nothing that it holds has changed."""
        last = NIG(*(part[-1] for part in held.posteriors))
        before = padded(held.row_weight, len(period.row_weight))
        changed = period.row_weight - before
        if not changed.any():
            return last
        if (changed[before > 0] == 0).all():
            return _fitted(last, held.x, held.y, changed)
        return _fitted(self.forecaster.prior, held.x, held.y, period.row_weight)


def _fitted(prior: NIG, x: Array, y: Array, weight: Array) -> NIG:
    held = np.flatnonzero(weight > 0)
    weights = None if (weight[held] == 1).all() else weight[held]
    return nig.update(prior, x[held], y[held], weights)


def _numbers(name: str, values: Array, period: Period) -> Array:
    """The values of a signal, unless one of them is none."""
    if np.isnan(values).any():
        raise ValueError(
            f"{name} is not a number for the posterior deployed at {int(np.isnan(values).argmax())} in period "
            f"{period.number}: the data or the prior are too large or too small for floating point; bring them to "
            "another unit"
        )
    return values


def _residual_exceedance(deployed: NIG, x: Array, y: Array) -> Array:
    """Share of rows with |y - x' mean| > 2 sqrt(rate / shape), shape (deployed,)."""
    residuals = np.abs(y - deployed.mean @ x.T)
    return np.asarray((residuals > 2 * np.sqrt(deployed.rate / deployed.shape)[:, None]).mean(axis=-1))
