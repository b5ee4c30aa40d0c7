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

from learning_debt.arrays.distance_scores import Divergence, Draws, Scored, near_zero, variance_of_sum
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


Loss = Callable[[Array], Array]


class Stock(NamedTuple):
    """Quantiles of predictive draws, row by row, and how sure they are.

    Attributes
    ----------
    value : ndarray, shape (rows,)
    error : ndarray, shape (rows,)
        Standard error.
    influence : ndarray, shape (samples, rows)
        Of each draw on the quantile, mean zero over the draws.
    """

    value: Array
    error: Array
    influence: Array


def best_stock(draws: Draws, level: float) -> Stock:
    """Quantile of draws (chain, draw, rows) with its influence function (level - 1{X <= a}) / f(a).

    1 / f(a) is the difference of the quantiles two standard errors (of the level) to both sides, by their distance in
    level: the scale on which the quantile is uncertain. It needs no density: a discrete outcome whose quantile is
    certain gets no error, one that wavers between two values gets one of the order of their distance.
    """
    weight = draws.weight.ravel()
    x = draws.values.reshape(weight.size, -1)
    order = np.argsort(x, axis=0)
    z, reached = np.take_along_axis(x, order, axis=0), np.cumsum(weight[order] / weight.size, axis=0)
    value = _at_level(z, reached, level)
    distance = -_centred_below(x, value, weight)
    size = effective_size(distance.mean(axis=1).reshape(draws.weight.shape))
    error = distance.std(axis=0, ddof=1) / np.sqrt(size)
    reach = np.maximum(2 * error, 2 / weight.size)
    low, high = np.maximum(level - reach, 0.0), np.minimum(level + reach, 1.0)
    slope = (_at_level(z, reached, high) - _at_level(z, reached, low)) / (high - low)
    return Stock(value, error * slope, distance * slope)


def _at_level(sorted_values: Array, reached: Array, level: ArrayLike) -> Array:
    """Smallest value at which the cumulative weight reaches the level, shape (rows,)."""
    first = (reached < np.asarray(level) - 1e-12).sum(axis=0)
    return np.take_along_axis(sorted_values, np.minimum(first, len(reached) - 1)[None], axis=0)[0]


def stock_score(draws: Draws, outcome: Array, under: float, over: float) -> Scored:
    """Loss, at outcomes (rows,), of the best stock by draws (chain, draw, rows).

    An outcome within reach of the stock's own error makes its loss bend; slopes are taken between the stock one
    standard error to both sides.
    """
    stock = best_stock(draws, under / (under + over))
    slope = _slope(stock, lambda at: stock_loss(at, outcome, under, over))
    influence = (stock.influence * slope).mean(axis=1)
    return Scored(stock_loss(stock.value, outcome, under, over), influence.reshape(draws.weight.shape))


def _slope(stock: Stock, loss: Loss) -> Array:
    step = np.maximum(stock.error, 1e-9 * (1 + np.abs(stock.value)))
    return np.asarray((loss(stock.value + step) - loss(stock.value - step)) / (2 * step))


def stock_divergence(shadow: Draws, deployed: Draws, under: float, over: float) -> Divergence:
    """Extra cost, expected by the shadow, of the deployed stock; mean over the rows.

    Draws (chain, draw, rows) of the two may depend on each other sample by sample, as in `crps_divergence`.

    Notes
    -----
    With c(a) the mean loss over the shadow's draws the plug-in is c(b) - c(a), a and b the two stocks. The errors of
    a, of b and of c each enter it squared: E = c''(a) V(a) / 2 + c''(b) V(b) / 2 + Cov(c'(b), b), which is taken off.
    c is convex and needs no density: its slope and bend are taken one standard error of the stock to both sides.
    """
    level, weight = under / (under + over), shadow.weight.ravel()
    x = shadow.values.reshape(weight.size, -1)
    ours, theirs = best_stock(shadow, level), best_stock(deployed, level)

    def loss(at: Array) -> Array:
        return stock_loss(at, x, under, over)

    extra = loss(theirs.value) - loss(ours.value)
    value = weight @ extra / weight.size
    slope, bend = _slope_and_bend(theirs, loss, weight)
    of_shadow = (weight[:, None] * (extra - value)).mean(axis=1).reshape(shadow.weight.shape)
    of_deployed = (theirs.influence * slope).mean(axis=1).reshape(deployed.weight.shape)
    first_order, size, heaviest = variance_of_sum(of_shadow, of_deployed)
    bends = bend + _slope_and_bend(ours, loss, weight)[1]
    if of_shadow.shape == of_deployed.shape:
        bends += (under + over) * _covariance(
            _centred_below(x, theirs.value, weight), theirs.influence, of_shadow.shape
        )
    bias = float(bends.mean())
    second_order = 2 * max(bias, 0.0) ** 2  # of all rows erring alike, the most there can be
    debt, error = near_zero(float(value.mean()), bias, first_order, second_order)
    spread = np.sqrt((weight @ (extra - value) ** 2 / weight.size).sum()) / x.shape[1]
    return Divergence(debt, error, float(spread), bias, size, heaviest)


def _centred_below(x: Array, stock: Array, weight: Array) -> Array:
    """What each draw adds to the probability of an outcome of at most the stock, less its mean, (samples, rows)."""
    below = x <= stock
    return weight[:, None] * (below - weight @ below / weight.size)


def _covariance(first: Array, second: Array, chains: tuple[int, ...]) -> Array:
    """Covariance of the means of two influences (samples, rows), row by row."""
    return (first * second).mean(axis=0) / effective_size(first.mean(axis=1).reshape(chains))


def _slope_and_bend(stock: Stock, loss: Loss, weight: Array) -> tuple[Array, Array]:
    """Slope of the mean loss at the stock, and how much it rises on average as the stock errs."""
    step = np.maximum(stock.error, 1e-9 * (1 + np.abs(stock.value)))
    low, middle, high = (weight @ loss(stock.value + d) / weight.size for d in (-step, 0.0, step))
    return (high - low) / (2 * step), np.maximum(high + low - 2 * middle, 0.0) / 2
