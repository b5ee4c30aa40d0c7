"""A user's own proper score, as a function of predictive draws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learning_debt.arrays.draws.chain_blocks import block_labels
from learning_debt.arrays.draws.resampling import systematic_draws
from learning_debt.arrays.losses.distance_divergence import crps_divergence
from learning_debt.arrays.losses.distance_scores import Scored, WeightedDraws, crps
from learning_debt.arrays.losses.divergence import Divergence, SumError
from learning_debt.scores.predictive_draws import DrawsForecast, PredictiveDrawsScore
from learning_debt.typing import Array
from learning_debt.validation import require_callable, require_text

OUTCOMES = 50
"""Outcomes at which a divergence is averaged, half of them from each half of the shadow's draws."""


class DrawsScore(PredictiveDrawsScore):
    """A proper score given as ``function(draws, outcome)``, higher is better.

    Parameters
    ----------
    function : callable
        Of `draws`, shape (samples, rows), or (samples, rows, values) where an outcome holds several values, and of
        `outcome`, (rows,) or (rows, values). It returns the score of every row, shape (rows,). All draws weigh the
        same: those of weighted posteriors are resampled (systematically) first. It must take any number of draws in
        any order and leave both arrays as they are.
    name : str
        As tables and reports show it.
    unit : str
        Of one observation; ``"outcome"`` for the outcome's own.
    currency : str, optional
        Instead of a unit, if the score is money.

    Raises
    ------
    TypeError
        If `function` cannot be called, or a name is no text.
    ValueError
        If `currency` is empty; in use, if the function returns another shape or what is not finite.

    See Also
    --------
    CRPS, QuantileLoss, NewsvendorLoss : Scores of draws with far smaller errors.

    Notes
    -----
    Nothing is known of the function, so errors come from leaving out one block of draws after the other (a jackknife
    over about twenty blocks). What autocorrelated draws are worth is taken from their CRPS; below 100 effective draws
    nothing is relied on, as with any score.

    A divergence is split in half: outcomes from one half of the shadow's draws, forecasts from the other halves, and
    the other way round. A forecast made of S draws scores worse than the distribution behind it by something of order
    1 / S; of that, the difference between the two forecasts remains as bias. It vanishes where they are alike, so near
    zero there is none but for the truncation at zero. Fifty outcomes are the larger part of the error: where one of the
    scores of this package will do, it is far more precise.

    Tables built in other processes must find the function there: define it in a module, not as a lambda.

    Examples
    --------
    >>> def absolute_error(draws, outcome):
    ...     return -np.abs(np.median(draws, axis=0) - outcome)
    >>> score = DrawsScore(absolute_error, name="absolute error", unit="outcome")
    >>> score.name, score.unit, score.in_money
    ('absolute error', 'outcome', False)
    """

    vector = None

    def __init__(
        self, function: Callable[[Array, Array], Any], name: str, unit: str = "units", currency: str | None = None
    ) -> None:
        require_callable("function", function, "callable with (draws, outcome)")
        for what, text in (("name", name), ("unit", unit)):
            require_text(what, text)
        if currency is not None:
            require_text("currency", currency, "a name, such as 'EUR'")
        self.function, self._name, self._unit, self._currency = function, name, currency or unit, currency

    def __repr__(self) -> str:
        return f"DrawsScore({self._name!r}, unit={self._unit!r})"

    @property
    def name(self) -> str:
        """As given."""
        return self._name

    @property
    def unit(self) -> str:
        """As given, or the currency."""
        return self._unit

    @property
    def in_money(self) -> bool:
        """Whether a currency was given."""
        return self._currency is not None

    def _scored(self, draws: WeightedDraws, outcome: Array) -> Scored:
        """Losses, with one influence a block."""
        values, label = equally_weighted(draws)
        blocks = np.arange(label.max() + 1)
        without = np.array([self._scores(values[label != b], outcome).mean() for b in blocks])
        influence = (len(blocks) - 1) * (without - without.mean())
        worth = crps(_numbers(draws), outcome.ravel())
        return Scored(-self._scores(values, outcome), worth.influence, blocks=influence)

    def _diverged(self, shadow: WeightedDraws, deployed: WeightedDraws) -> Divergence:
        (x, label_x), (y, label_y) = equally_weighted(shadow), equally_weighted(deployed)
        gaps, variances = [], []
        for half in (0, 1):
            aside = x[label_x % 2 == half]
            outcomes = aside[np.linspace(0, len(aside) - 1, min(OUTCOMES // 2, len(aside))).astype(int)]
            ours, theirs = label_x % 2 != half, label_y % 2 != half
            gaps.append(self._gaps(x[ours], y[theirs], outcomes))
            left = np.unique(label_x[ours])
            without = [self._gaps(x[ours & (label_x != b)], y[theirs & (label_y != b)], outcomes).mean() for b in left]
            variances.append((len(left) - 1) * np.var(without))
        gap = np.concatenate(gaps)
        of_outcomes = gap.mean(axis=1).var(ddof=1) / len(gap)
        spread = float(np.sqrt(gap.var(axis=0, ddof=1).sum())) / gap.shape[1]
        # Either half's forecasts also serve the other half's outcomes: their errors are taken as fully dependent.
        error = float(np.sqrt(of_outcomes + (np.sqrt(variances).mean()) ** 2))
        worth = crps_divergence(_numbers(shadow), _numbers(deployed))
        return Divergence(max(float(gap.mean()), 0.0), error, spread, 0.0, worth.size, worth.share, 0.0)

    def _gaps(self, ours: Array, theirs: Array, outcomes: Array) -> Array:
        """Score of forecast `ours` minus that of `theirs`, shape (outcomes, rows)."""
        return np.stack([self._scores(ours, outcome) - self._scores(theirs, outcome) for outcome in outcomes])

    def _error(self, forecast: DrawsForecast, other: DrawsForecast | None = None) -> SumError:
        """By the blocks, which are independent; what the draws are worth, by the influences."""
        parts = [side.blocks for side in (forecast, other) if side is not None and side.blocks is not None]
        if len({len(part) for part in parts}) == 1:
            parts = [np.subtract(*parts) if len(parts) > 1 else parts[0]]
        variance = sum(float(part.var(ddof=1)) / part.size for part in parts)
        return super()._error(forecast, other)._replace(variance=variance, heaviest=0.0)

    def _scores(self, draws: Array, outcome: Array) -> Array:
        scores = np.asarray(self.function(draws, outcome), dtype=float)
        if scores.shape != outcome.shape[:1]:
            raise ValueError(
                f"the function of {self!r} must return one score a row, shape {outcome.shape[:1]}, not {scores.shape}"
            )
        if not np.isfinite(scores).all():
            raise ValueError(f"the function of {self!r} returned a score that is not finite")
        return scores


def _numbers(draws: WeightedDraws) -> WeightedDraws:
    """Every number of an outcome a row of its own."""
    return draws._replace(values=draws.values.reshape(*draws.weight.shape, -1))


def equally_weighted(draws: WeightedDraws) -> tuple[Array, NDArray[np.intp]]:
    """Draws that weigh the same, (samples, rows, ...), and the block each comes from, (samples,)."""
    weight, label = draws.weight.ravel(), block_labels(*draws.weight.shape).ravel()
    values = draws.values.reshape(weight.size, *draws.values.shape[2:])
    if np.ptp(weight) == 0:
        return values, label
    chosen = systematic_draws(weight, weight.size)
    return values[chosen], label[chosen]
