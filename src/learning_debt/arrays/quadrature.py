"""Points and weights that integrate a predictive density over the real line or sum it over the counts.

Every rule comes at two resolutions on the same points, the second of which judges the first.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


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


def real_line(draws: Array, points: int) -> Rule:
    """Trapezoid in u of y = median + scale * sinh(u): even in the middle, geometric in the tails.

    One rule serves light and heavy tails; it converges geometrically for smooth densities.

    Parameters
    ----------
    draws : ndarray, shape (draws,)
        Draws of the outcome; they set centre, scale and range (three times as far as the farthest draw).
    points : int
        Odd number of points.

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
    reach = np.arcsinh(3 * np.abs(draws - centre).max() / scale) if spread else np.arcsinh(10.0)
    u = np.linspace(-reach, reach, points)
    weights = scale * np.cosh(u) * (u[1] - u[0])
    coarse = np.zeros(points)
    coarse[::2] = 2 * weights[::2]
    return Rule(centre + scale * np.sinh(u), weights, coarse)


def counts(draws: Array, points: int) -> Rule:
    """Trapezoid over the counts: every one where the draws are dense or near the lowest, geometrically fewer beyond.

    Where all counts are among the points the sum is complete, and the coarse rule is the same.

    Parameters
    ----------
    draws : ndarray, shape (draws,)
        Draws of the outcome, whole numbers from 0 on.
    points : int
        About how many points to use.

    Examples
    --------
    >>> from scipy.stats import poisson
    >>> k, weights, coarse_weights = counts(poisson(400).rvs(500, random_state=1), 65)
    >>> len(k) < 100, round(float(weights @ poisson(400).pmf(k)), 2)
    (True, 1.0)
    """
    around_the_median = np.maximum(np.rint(real_line(draws, points).points), 0.0)
    lowest = around_the_median.min()
    upwards = np.geomspace(1.0, max(2.0, np.median(draws) - lowest + 1.0), points // 3) - 1.0
    k = np.unique(np.concatenate([around_the_median, lowest + np.rint(upwards)]))
    weights = _trapezoid(k)
    coarse = np.zeros_like(weights)
    coarse[::2] = _trapezoid(k[::2])
    return Rule(k, weights, weights if (np.diff(k) == 1).all() else coarse)


def _trapezoid(k: Array) -> Array:
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
