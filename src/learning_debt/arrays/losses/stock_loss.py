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

from learning_debt.arrays.draws.effective_size import effective_size
from learning_debt.arrays.losses.distance_scores import Scored, WeightedDraws
from learning_debt.arrays.losses.divergence import Beyond, Divergence, near_zero, variance_of_sum
from learning_debt.typing import Array


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
        normal quantiles `CASES` of that error.
    error : ndarray, shape (rows,)
        Standard error of that share.
    influence : ndarray, shape (samples, rows)
        Of each draw on the level at which the quantile is looked up; mean zero over the draws.
    atom : ndarray of bool, shape (cases, rows)
        Whether several draws agree on a likely place, as counts do.
    beyond : Beyond or None
        Where too few draws lie beyond the quantile for it to be known, how many.
    """

    value: Array
    likely: Array
    error: Array
    influence: Array
    atom: NDArray[np.bool_]
    beyond: Beyond | None


CASES = np.linspace(-4.0, 4.0, 33)
"""As far as four standard errors: whether a stock wavers must not depend on which side of the edge the draws fell."""
LIKELY = np.exp(-(CASES**2) / 2) / np.exp(-(CASES**2) / 2).sum()
"""How likely each case is."""
BROADER = np.exp(-(CASES**2) / 6) / np.exp(-(CASES**2) / 6).sum()
"""The same for an error of three times the variance."""
LAGS = np.exp(-((np.arange(1, 17) / 4) ** 2) / 4) / (1 + 2 * np.exp(-((np.arange(1, 17) / 4) ** 2) / 4).sum())
"""How likely two cases lie one, two, ... steps apart in one direction."""
NEAR_EDGES = 1.0
"""Share of a count's variance that is added for edges that happen to lie near its level, where it is twice as large."""
MINIMUM_BEYOND = 16
"""Effective draws that must lie beyond a level on either side: with as many, four standard errors away are the last."""


def best_stock(draws: WeightedDraws, level: float) -> Stock:
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


def _in_order(draws: WeightedDraws) -> Ordered:
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


def _quantiles(draws: WeightedDraws, ordered: Ordered, level: float) -> Stock:
    weight = draws.weight.ravel()
    x = draws.values.reshape(weight.size, -1)
    value = _at_levels(ordered.value, ordered.share, np.full((1, x.shape[1]), level))[0]
    influence = -_centred_below(x, value, weight)
    size = effective_size(influence.mean(axis=1).reshape(draws.weight.shape))
    error = np.sqrt(level * (1 - level) * (weight**2).mean() / size)
    errors = np.maximum(influence.std(axis=0, ddof=1) / np.sqrt(size), error if np.isfinite(error) else 0.0)
    likely = _at_levels(ordered.value, ordered.share, level + errors * CASES[:, None])
    columns = zip(ordered.value.T, likely.T, strict=True)
    ends = [[np.searchsorted(z, at, side=side) for side in ("left", "right")] for z, at in columns]
    atom = np.stack([right - left > 1 for left, right in ends], axis=1)
    return Stock(value, likely, errors, influence, atom, _beyond(ordered.share, level, size / weight.size))


def _beyond(share: Array, level: float, worth: float) -> Beyond | None:
    """How many draws lie beyond a level, where they are too few; `worth` is the effective share of draws.

    Draws of much weight there count for few (Kish). Ties are told apart by their rank, so a stock that most draws agree
    on is known.
    """
    squares = np.cumsum(np.diff(share, axis=0, prepend=0.0) ** 2, axis=0)
    below = share < level
    low, low_squares = np.where(below, share, 0.0).max(axis=0), np.where(below, squares, 0.0).max(axis=0)
    sides = (low**2, low_squares), ((share[-1] - low) ** 2, squares[-1] - low_squares)
    counts = [worth * mass / np.maximum(square, 1e-300) for mass, square in sides]
    tail = min(level, 1 - level)
    expected = worth * tail / squares[-1].max()
    found = min(float(np.min(counts)), expected)
    if found > MINIMUM_BEYOND - 1:  # a quantile lies on a draw
        return None
    return Beyond(found, level, float(f"{len(share) * MINIMUM_BEYOND / expected:.2g}"))


def _at_levels(sorted_values: Array, reached: Array, levels: Array) -> Array:
    """Value of each row whose cumulative weight is nearest to each level.

    That weight is on average k / (S + 1) for the k-th of S draws. Rounding up instead would shift a quantile by half a
    draw, which shows where costs are steep.
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
    mean : ndarray, shape (rows,)
        Over the likely stocks. Where a stock wavers between two counts it weighs them as their evidence does.
    excess : ndarray, shape (rows,)
        What errors of a stock add to a smooth function of it, on average.
    remainder : ndarray, shape (rows,)
        Variance that the regression leaves; for counts, and as much again as all their errors have. A stock near
        an edge errs to one side, with up to twice the variance that holds on average over the places of edges.
    jump : ndarray, shape (rows,)
        The largest step between neighbouring stocks, counts within four standard errors; elsewhere what a regression
        leaves of it, within two.
    usual : ndarray, shape (rows,)
        Variance that errors of a stock bring, on average over the places within four standard errors. That at the place
        itself hangs on luck: a stock far from an edge by chance looks certain.
    """

    slope: Array
    mean: Array
    excess: Array
    remainder: Array
    jump: Array
    usual: Array


def _response(stock: Stock, function: Callable[[Array], Array]) -> Response:
    """Of a function of stocks (..., rows), by statistical linearisation.

    Notes
    -----
    The mean over the likely stocks exceeds a smooth function f at the true one by f'' var, half of it from the error of
    the stock itself; that over stocks of thrice the variance exceeds the first by the same. Neither hangs on which
    count a wavering stock fell on.
    """
    likely = function(stock.likely)
    middle = likely[len(CASES) // 2]
    values = likely - middle  # exact zeros where all places cost the same
    mean = LIKELY @ values
    slope = (LIKELY * CASES) @ values / (LIKELY @ CASES**2)
    left = values - mean - slope * CASES[:, None]
    counts = stock.atom[1:] | stock.atom[:-1]
    near = (np.abs(CASES[1:] + CASES[:-1]) <= 4)[:, None]
    jump = np.abs(np.where(counts, np.diff(values, axis=0), near * np.diff(left, axis=0))).max(axis=0)
    excess = (BROADER @ values - mean) / 2
    usual = sum(share * ((values[lag:] - values[:-lag]) ** 2).mean(axis=0) for lag, share in enumerate(LAGS, 1))
    allowance = NEAR_EDGES * counts.any(axis=0)
    remainder = LIKELY @ left**2 + allowance * (LIKELY @ (values - mean) ** 2)
    slope = slope / np.maximum(stock.error, 1e-300)
    return Response(slope, middle + mean, excess, remainder, jump, np.asarray((1 + allowance) * usual))


def stock_score(draws: WeightedDraws, outcome: Array, under: float, over: float) -> Scored:
    """Loss, at outcomes (rows,), of the best stock by draws (chain, draw, rows); the mean over its likely places."""
    stock = best_stock(draws, under / (under + over))
    response = _response(stock, lambda at: stock_loss(at, outcome, under, over))
    influence = (stock.influence * response.slope).mean(axis=1).reshape(draws.weight.shape)
    remainder = float(response.remainder.sum()) / len(outcome) ** 2
    jump, usual = float(response.jump.max()) / len(outcome), float(response.usual.sum()) / len(outcome) ** 2
    return Scored(response.mean, influence, remainder, jump, usual, stock.beyond)


def stock_divergence(shadow: WeightedDraws, deployed: WeightedDraws, under: float, over: float) -> Divergence:
    """Extra cost, expected by the shadow, of the deployed stock; mean over the rows.

    Draws (chain, draw, rows) of the two may depend on each other sample by sample, as in `crps_divergence`.

    Notes
    -----
    With c(a) the mean loss over the shadow's draws the divergence is c(b) - c(a), a and b the two stocks. The errors of
    a, of b and of c each enter it squared: what b costs more on average as it errs, twice (once for the mean over its
    likely places), and the covariance of b with the slope of c at b, are taken off. At a the two cancel: what a costs
    more is what c, being least there, shows too little.
    """
    level, weight = under / (under + over), shadow.weight.ravel()
    x = shadow.values.reshape(weight.size, -1)
    ordered = _in_order(shadow)
    ours, theirs = _quantiles(shadow, ordered, level), best_stock(deployed, level)

    def cost(at: Array) -> Array:
        return _mean_loss(ordered, at, under, over)

    extra = _likely_loss(theirs, x, under, over) - _likely_loss(ours, x, under, over)
    value = weight @ extra / weight.size
    response, own = _response(theirs, cost), _response(ours, cost)
    of_shadow = (weight[:, None] * (extra - value)).mean(axis=1).reshape(shadow.weight.shape)
    of_deployed = (theirs.influence * response.slope).mean(axis=1).reshape(deployed.weight.shape)
    errors = variance_of_sum(of_shadow, of_deployed)
    excess = response.excess + own.excess
    if of_shadow.shape == of_deployed.shape:
        moved = theirs.influence * _response(theirs, lambda at: at).slope
        excess += (under + over) * _covariance(_centred_below(x, theirs.value, weight), moved, of_shadow.shape)
    bias = float(excess.mean())
    plug_in = float((response.mean - response.excess - own.mean + own.excess).mean())
    second_order = 2 * max(bias, 0.0) ** 2  # of all rows erring alike, the most there can be
    remainder = float(response.remainder.sum()) / x.shape[1] ** 2
    debt, error = near_zero(plug_in, bias, errors.variance + remainder, second_order)
    spread = np.sqrt((weight @ (extra - value) ** 2 / weight.size).sum()) / x.shape[1]
    jump, usual = float(response.jump.max()) / x.shape[1], float(response.usual.sum()) / x.shape[1] ** 2
    usual += variance_of_sum(of_shadow, np.zeros_like(of_shadow)).variance
    return Divergence(debt, error, float(spread), bias, *errors[1:], jump, usual, ours.beyond or theirs.beyond)


def _likely_loss(stock: Stock, x: Array, under: float, over: float) -> Array:
    """Mean loss over the likely stocks at outcomes (samples, rows): linear between one stock and the next."""
    out = np.empty_like(x)
    for row, (likely, outcome) in enumerate(zip(stock.likely.T, x.T, strict=True)):
        at = LIKELY @ stock_loss(likely[:, None], likely, under, over)
        beyond = under * np.maximum(outcome - likely[-1], 0) + over * np.maximum(likely[0] - outcome, 0)
        out[:, row] = np.interp(outcome, likely, at) + beyond
    return out


def _centred_below(x: Array, stock: Array, weight: Array) -> Array:
    """What each draw adds to the probability of an outcome of at most the stock, less its mean, (samples, rows)."""
    below = x <= stock
    return weight[:, None] * (below - weight @ below / weight.size)


def _covariance(first: Array, second: Array, chains: tuple[int, ...]) -> Array:
    """Covariance of the means of two influences (samples, rows), row by row."""
    return np.asarray((first * second).mean(axis=0) / effective_size(first.mean(axis=1).reshape(chains)))
