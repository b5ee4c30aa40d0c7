"""Loss of the best stock a forecast suggests: cost `under` per unit of demand missed, `over` per unit left.

    L(a, y) = under (y - a)+ + over (a - y)+,     best a = quantile of the forecast at level under / (under + over)

(the newsvendor problem; with under = level and over = 1 - level it is the quantile, or pinball, loss). The divergence
of q from p is what p expects the stock of q to cost more than its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from learning_debt.arrays.distance_scores import Draws, Scored
from learning_debt.arrays.divergence import Divergence, near_zero, variance_of_sum
from learning_debt.arrays.effective_size import effective_size

Array = NDArray[np.float64]


def stock_loss(stock: ArrayLike, outcome: ArrayLike, under: float, over: float) -> Array:
    """Loss of a stock at an outcome, both broadcast.

    Examples
    --------
    >>> stock_loss(5.0, [3.0, 9.0], under=2.0, over=1.0).tolist()
    [2.0, 8.0]
    """
    short = np.asarray(outcome, dtype=float) - stock
    return np.asarray(np.where(short > 0, under, -over) * short)


class Stock(NamedTuple):
    """Quantiles of predictive draws, row by row, and how sure they are.

    Attributes
    ----------
    value : ndarray, shape (rows,)
    likely : ndarray, shape (cases, rows)
        Where else the quantile might have come to lie: at levels as far off as the share of draws below it errs, in the
        normal quantiles `CASES` of that error, each as likely.
    error : ndarray, shape (rows,)
        Standard error of that share.
    influence : ndarray, shape (samples, rows)
        Of each draw on the level at which the quantile is looked up; mean zero over the draws.
    """

    value: Array
    likely: Array
    error: Array
    influence: Array


CASES = ndtri((np.arange(16) + 0.5) / 16)


def best_stock(draws: Draws, level: float) -> Stock:
    """Quantile of draws (chain, draw, rows), and the places where more draws might put it.

    No density is needed, so outcomes may be counts: a quantile that is certain has one place, one that wavers between
    two counts has both, as often as it takes them.
    """
    return _quantiles(draws, _in_order(draws), level)


class Ordered(NamedTuple):
    """Draws of each row in ascending order, (samples, rows), with their shares and values summed up to each."""

    value: Array
    share: Array
    total: Array


def _in_order(draws: Draws) -> Ordered:
    weight = draws.weight.ravel()
    x = draws.values.reshape(weight.size, -1)
    order = np.argsort(x, axis=0)
    value, share = np.take_along_axis(x, order, axis=0), weight[order] / weight.size
    return Ordered(value, np.cumsum(share, axis=0), np.cumsum(share * value, axis=0))


def _mean_loss(draws: Ordered, stock: Array, under: float, over: float) -> Array:
    """Mean loss over the draws of each row, for stocks (..., rows)."""
    flat = stock.reshape(-1, stock.shape[-1])
    columns = zip(draws.value.T, flat.T, strict=True)
    below = np.stack([np.searchsorted(z, at, side="right") for z, at in columns], axis=1)
    share, total = (
        np.take_along_axis(np.concatenate([np.zeros((1, part.shape[1])), part]), below, axis=0)
        for part in (draws.share, draws.total)
    )
    loss = under * (draws.total[-1] - total - flat * (1 - share)) + over * (flat * share - total)
    return np.asarray(loss).reshape(stock.shape)


def _quantiles(draws: Draws, ordered: Ordered, level: float) -> Stock:
    weight = draws.weight.ravel()
    x = draws.values.reshape(weight.size, -1)
    value = _at_levels(ordered.value, ordered.share, np.full((1, x.shape[1]), level))[0]
    influence = -_centred_below(x, value, weight)
    size = effective_size(influence.mean(axis=1).reshape(draws.weight.shape))
    error = np.sqrt(level * (1 - level) * (weight**2).mean() / size)
    errors = np.maximum(influence.std(axis=0, ddof=1) / np.sqrt(size), error if np.isfinite(error) else 0.0)
    return Stock(value, _at_levels(ordered.value, ordered.share, level + errors * CASES[:, None]), errors, influence)


def _at_levels(sorted_values: Array, reached: Array, levels: Array) -> Array:
    """Value of each row whose cumulative weight, on average k / (S + 1) for the k-th of S draws, is nearest to each
    level.

    Rounding up instead would shift a quantile by half a draw, which shows where costs are steep.
    """
    between = (reached[:-1] + reached[1:]) / 2 * len(reached) / (len(reached) + 1)
    columns = zip(sorted_values.T, between.T, levels.T, strict=True)
    return np.stack([z[np.searchsorted(at, level)] for z, at, level in columns], axis=1)


class Response(NamedTuple):
    """What the errors of a stock do to a function of it, row by row.

    Attributes
    ----------
    slope : ndarray, shape (rows,)
        Per unit of level, by regression over the likely stocks.
    excess : ndarray, shape (rows,)
        Mean over the likely stocks less the value at the stock itself.
    remainder : ndarray, shape (rows,)
        Variance that the regression leaves.
    jump : ndarray, shape (rows,)
        The largest step away from it between neighbouring likely stocks.
    """

    slope: Array
    excess: Array
    remainder: Array
    jump: Array


def _response(stock: Stock, function: Callable[[Array], Array]) -> Response:
    """Of a function of stocks (..., rows), by statistical linearisation."""
    values = function(stock.likely)
    mean = values.mean(axis=0)
    error = np.maximum(stock.error, 1e-300)
    slope = CASES @ values / (CASES @ CASES)
    left = values - mean - slope * CASES[:, None]
    jump = np.abs(np.diff(left, axis=0)).max(axis=0)
    return Response(slope / error, mean - function(stock.value), (left**2).mean(axis=0), jump)


def stock_score(draws: Draws, outcome: Array, under: float, over: float) -> Scored:
    """Loss, at outcomes (rows,), of the best stock by draws (chain, draw, rows)."""
    stock = best_stock(draws, under / (under + over))
    response = _response(stock, lambda at: stock_loss(at, outcome, under, over))
    influence = (stock.influence * response.slope).mean(axis=1).reshape(draws.weight.shape)
    remainder = float(response.remainder.sum()) / len(outcome) ** 2
    jump = float(response.jump.max()) / len(outcome)
    return Scored(stock_loss(stock.value, outcome, under, over), influence, remainder, jump)


def stock_divergence(shadow: Draws, deployed: Draws, under: float, over: float) -> Divergence:
    """Extra cost, expected by the shadow, of the deployed stock; mean over the rows.

    Draws (chain, draw, rows) of the two may depend on each other sample by sample, as in `crps_divergence`.

    Notes
    -----
    With c(a) the mean loss over the shadow's draws the plug-in is c(b) - c(a), a and b the two stocks. The errors of
    a, of b and of c each enter it squared: what a and b cost more on average as they err, and the covariance of b
    with the slope of c at b, are taken off.
    """
    level, weight = under / (under + over), shadow.weight.ravel()
    x = shadow.values.reshape(weight.size, -1)
    ordered = _in_order(shadow)
    ours, theirs = _quantiles(shadow, ordered, level), best_stock(deployed, level)

    def cost(at: Array) -> Array:
        return _mean_loss(ordered, at, under, over)

    extra = stock_loss(theirs.value, x, under, over) - stock_loss(ours.value, x, under, over)
    value = weight @ extra / weight.size
    response = _response(theirs, cost)
    of_shadow = (weight[:, None] * (extra - value)).mean(axis=1).reshape(shadow.weight.shape)
    of_deployed = (theirs.influence * response.slope).mean(axis=1).reshape(deployed.weight.shape)
    first_order, size, heaviest = variance_of_sum(of_shadow, of_deployed)
    excess = response.excess + _response(ours, cost).excess
    if of_shadow.shape == of_deployed.shape:
        moved = theirs.influence * _response(theirs, lambda at: at).slope
        excess += (under + over) * _covariance(_centred_below(x, theirs.value, weight), moved, of_shadow.shape)
    bias = float(excess.mean())
    second_order = 2 * max(bias, 0.0) ** 2  # of all rows erring alike, the most there can be
    remainder = float(response.remainder.sum()) / x.shape[1] ** 2
    debt, error = near_zero(float(value.mean()), bias, first_order + remainder, second_order)
    spread = np.sqrt((weight @ (extra - value) ** 2 / weight.size).sum()) / x.shape[1]
    return Divergence(debt, error, float(spread), bias, size, heaviest, float(response.jump.max()) / x.shape[1])


def _centred_below(x: Array, stock: Array, weight: Array) -> Array:
    """What each draw adds to the probability of an outcome of at most the stock, less its mean, (samples, rows)."""
    below = x <= stock
    return weight[:, None] * (below - weight @ below / weight.size)


def _covariance(first: Array, second: Array, chains: tuple[int, ...]) -> Array:
    """Covariance of the means of two influences (samples, rows), row by row."""
    return np.asarray((first * second).mean(axis=0) / effective_size(first.mean(axis=1).reshape(chains)))
