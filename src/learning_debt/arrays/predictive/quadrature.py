"""Points and weights that integrate a predictive density over the real line or sum it over the counts.

Every rule comes at two resolutions on the same points, the second of which judges the first.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import special

from learning_debt.typing import Array

REACH = 3.0
"""Range of a rule, in distances from the median to the farthest draw."""
LONGEST = 690.0
"""Largest logarithm of a distance to an edge: beyond, it is no longer a number."""
ROUGH = 2.5
"""Ratio of neighbouring gaps between counts over which no cubic is laid through them."""


class Rule(NamedTuple):
    """Points of one row.

    Attributes
    ----------
    points, weights, coarse_weights : ndarray, shape (points,)
        The coarse rule uses every second point; the others have weight 0 in it.
    """

    points: Array
    weights: Array
    coarse_weights: Array


def real_line(draws: Array, points: int, reach: float = REACH) -> Rule:
    """Trapezoid in u of y = median + scale * sinh(u): even in the middle, geometric in the tails.

    One rule serves light and heavy tails; it converges geometrically for smooth densities.

    Parameters
    ----------
    draws : ndarray, shape (draws,)
        Draws of the outcome; they set centre, scale and range.
    points : int
        Odd number of points.
    reach : float
        Range, in distances from the median to the farthest draw.

    Examples
    --------
    >>> from scipy.stats import norm
    >>> y, weights, coarse_weights = real_line(np.random.default_rng(1).normal(size=500), 33)
    >>> round(float(weights @ norm.pdf(y)), 6), round(float(coarse_weights @ norm.pdf(y)), 4)
    (1.0, 1.0)
    """
    low, centre, high = np.quantile(draws, [0.25, 0.5, 0.75])
    spread = float(draws.std())
    scale = (high - low) / 1.349 or spread or 1.0
    end = np.arcsinh(reach * np.abs(draws - centre).max() / scale) if spread else np.arcsinh(10.0)
    u = np.linspace(-end, end, points)
    weights = scale * np.cosh(u) * (u[1] - u[0])
    coarse = np.zeros(points)
    coarse[::2] = 2 * weights[::2]
    return Rule(centre + scale * np.sinh(u), weights, coarse)


def between(draws: Array, points: int, lower: float = -np.inf, upper: float = np.inf, reach: float = REACH) -> Rule:
    """The rule of `real_line` on a support with edges, for the logarithm of the distance to an edge or the logit.

    A density may jump at an edge, rise without bound there or vanish: in the logarithm it is smooth and fades away.

    Parameters
    ----------
    draws : ndarray, shape (draws,)
        Draws of the outcome; those that do not lie between the edges are passed over.
    points : int
        Odd number of points.
    lower, upper : float
        Edges of the support; infinite where there is none.
    reach : float
        As in `real_line`, on a line without edges.

    Examples
    --------
    >>> from scipy.stats import expon
    >>> y, weights, coarse_weights = between(np.random.default_rng(1).exponential(size=500), 33, lower=0.0)
    >>> round(float(weights @ expon.pdf(y)), 4), bool(y.min() > 0)
    (1.0, True)
    """
    inside = draws[(draws > lower) & (draws < upper)]
    if np.isinf(lower) and np.isinf(upper):
        return real_line(inside if len(inside) else draws, points, reach)
    if np.isinf(upper):
        t, weights, coarse = real_line(_bounded(np.log(inside - lower)), points)
        distance = np.exp(np.clip(t, -LONGEST, LONGEST))
        return Rule(lower + distance, weights * distance, coarse * distance)
    if np.isinf(lower):
        t, weights, coarse = real_line(_bounded(np.log(upper - inside)), points)
        distance = np.exp(np.clip(t, -LONGEST, LONGEST))
        return Rule(upper - distance, weights * distance, coarse * distance)
    t, weights, coarse = real_line(_bounded(np.log(inside - lower) - np.log(upper - inside)), points)
    share, rest = special.expit(t), special.expit(-t)
    slope = (upper - lower) * share * rest
    # Counted from the nearer edge, so that no point falls on one.
    return Rule(
        np.where(t < 0, lower + (upper - lower) * share, upper - (upper - lower) * rest),
        weights * slope,
        coarse * slope,
    )


def _bounded(logarithms: Array) -> Array:
    """As they are, but near enough that three times as far is still a number; two that differ where none is left."""
    return np.clip(logarithms, -LONGEST / 4, LONGEST / 4) if len(logarithms) else np.array([-1.0, 1.0])


def counts(draws: Array, points: int, lowest: float = 0.0, highest: float = np.inf) -> Rule:
    """Sum over the counts: every one where the draws are dense or near the lowest, geometrically fewer beyond.

    Where all counts are among the points the sum is complete, and the coarse rule is the same. Between points apart,
    cubics through the nearest four are summed. Over 44 pairs of negative binomial, Poisson, binomial and beta-binomial
    distributions with means of 30 to 10,000, half of the divergences accepted from 33 points were within .02% and all
    within .7%; by lines half were within .3% and all within 1.4%.

    Parameters
    ----------
    draws : ndarray, shape (draws,)
        Draws of the outcome, whole numbers.
    points : int
        About how many points to use.
    lowest, highest : float
        Counts beyond which there are none.

    Examples
    --------
    >>> from scipy.stats import poisson
    >>> k, weights, coarse_weights = counts(poisson(400).rvs(500, random_state=1), 65)
    >>> len(k) < 100, round(float(weights @ poisson(400).pmf(k)), 4)
    (True, 1.0)
    """
    line = real_line(draws, points).points
    first, last = (np.clip(np.rint(end), lowest, highest) for end in line[[0, -1]])
    k = np.arange(first, last + 1) if last - first < points else _graded(line, first, last)
    # Where every count is among the points the sum is exact: only strides are doubled.
    stride = np.concatenate([[False], np.diff(k) > 1, [False]])
    apart = stride[1:] | stride[:-1]
    kept = ~apart | (np.arange(len(k)) % 2 == 0)
    coarse = np.zeros(len(k))
    coarse[kept] = _sum_of_lines(k[kept])
    return Rule(k, _sum_of_cubics(k), coarse)


def _graded(line: Array, first: float, last: float) -> Array:
    """Whole numbers as dense as the points of a line and, up to its middle, a third as many of even ratios together.

    Strides grow smoothly, as cubics need it.
    """
    centre = max(line[len(line) // 2] - first, 1.0)
    between = line[(line > first) & (line < last)]
    at = np.unique(np.concatenate([first + np.expm1(np.linspace(0, np.log1p(centre), len(line))), between, [last]]))
    along = np.interp(at, line, np.arange(len(line)))
    upwards = len(line) // 3 * np.log1p(np.minimum(at - first, centre)) / np.log1p(centre)
    place = along + upwards
    return np.unique(np.rint(np.interp(np.linspace(place[0], place[-1], int(np.ptp(place)) + 2), place, at)))


def _sum_of_cubics(k: Array) -> Array:
    """Weights that sum, over all whole numbers from the first to the last of `k`, the cubics through its values.

    Lines are summed where one gap is over `ROUGH` times the next: cubics would swing there.
    """
    gap = np.diff(k)
    if len(k) == 1 or gap.max() == 1:
        return np.ones(len(k))
    near = np.clip(np.arange(len(gap)) - 1, 0, len(k) - 4)[:, None] + np.arange(4)
    cubic = (np.abs(np.diff(np.log(gap[near[:, :3]]), axis=1)) <= np.log(ROUGH)).all(axis=1)
    powers, width = np.arange(4), (k[near[:, 3]] - k[near[:, 0]])[:, None]
    at = ((k[near] - k[:-1, None]) / width)[:, None, :] ** powers[:, None]
    # Sums of 1, m, m^2 and m^3 over the whole numbers m from 0 to gap - 1.
    sums = np.stack([gap, gap * (gap - 1) / 2, gap * (gap - 1) * (2 * gap - 1) / 6, (gap * (gap - 1) / 2) ** 2], axis=1)
    of_cubics = np.linalg.solve(at, (sums / width**powers)[..., None])[..., 0]
    weights = np.zeros(len(k))
    np.add.at(weights, near[cubic], of_cubics[cubic])
    weights[:-1] += np.where(cubic, 0.0, (gap + 1) / 2)
    weights[1:] += np.where(cubic, 0.0, (gap - 1) / 2)
    weights[-1] += 1.0
    return weights


def _sum_of_lines(k: Array) -> Array:
    """Weights that sum a function linear between the counts k over all counts from the first to the last."""
    gaps = np.concatenate([[1.0], np.diff(k), [1.0]])
    return (gaps[:-1] + gaps[1:]) / 2


def stacked(rules: list[Rule]) -> Rule:
    """Rules of several rows as arrays (rows, points); shorter ones repeat their last point with weight 0."""
    longest = max(len(rule.points) for rule in rules)
    padding = [longest - len(rule.points) for rule in rules]
    points = np.stack([np.pad(rule.points, (0, n), mode="edge") for rule, n in zip(rules, padding, strict=True)])
    weights = np.stack([np.pad(rule.weights, (0, n)) for rule, n in zip(rules, padding, strict=True)])
    coarse = np.stack([np.pad(rule.coarse_weights, (0, n)) for rule, n in zip(rules, padding, strict=True)])
    return Rule(points, weights, coarse)
