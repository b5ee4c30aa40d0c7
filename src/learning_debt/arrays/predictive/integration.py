"""Divergences of predictive distributions as integrals, or as averages, with what either leaves out in their errors."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from learning_debt.arrays.predictive import mixture
from learning_debt.arrays.predictive.mixture import Mixture, MonteCarlo
from learning_debt.typing import Array

ROUNDING = 1e-9
"""What two sums that should be one may differ by."""
LEAST_RATE = 0.1
"""Share of the difference between two resolutions that the error of the finer one is taken to be at least."""
COUNT_RATE = 0.5
"""That share for sums over strided counts. Of sums over wide counts that were off by over .1%, half were off by less
than .2 of the difference, four in five by less than .4, one in ten by more than .7."""


class Points(NamedTuple):
    """Where two densities are held against each other, row by row.

    Attributes
    ----------
    shadow : Mixture
        Densities of the shadow, row after row.
    mass, coarse_mass : ndarray, shape (rows, points)
        What each point stands for under the shadow, at full and at half the resolution; each row sums to about one.
    line : int
        Leading points of a row that lie along a line, evenly in the variable of integration; the others are atoms. Zero
        for counts.
    """

    shadow: Mixture
    mass: Array
    coarse_mass: Array
    line: int

    @property
    def probability(self) -> Array:
        """Probabilities of the points of all rows side by side, each row weighing the same; shape (rows * points,)."""
        return normalised(self.mass).ravel()


class Integral(NamedTuple):
    """A divergence with the Monte-Carlo error of its posteriors, and errors that come on top.

    Attributes
    ----------
    found : MonteCarlo
    unresolved : float
        What a finer rule, or more predictive draws, would mend.
    left_out : float
        What lies where there are no points.
    carried : float
        Of an average: the number of random points that carry it, (sum t)^2 / sum t^2 of their terms t >= 0.
    """

    found: MonteCarlo
    unresolved: float
    left_out: float = 0.0
    carried: float = np.inf

    @property
    def standard_error(self) -> float:
        """All errors together."""
        return float(np.sqrt(self.found.standard_error**2 + self.unresolved**2 + self.left_out**2))


class Rule(NamedTuple):
    """What the points of a rule say of two densities, whatever Monte Carlo adds.

    Attributes
    ----------
    share : ndarray, shape (points of all rows,)
        Probability of each point under the shadow.
    others : ndarray, shape (points of all rows,), or None
        The same under the deployed distribution, where the points hold all of it.
    unresolved, left_out, carried : float
        As in `Integral`; `unresolved` is infinite where the deployed distribution rules out a point of the shadow.
    """

    share: Array
    others: Array | None
    unresolved: float
    left_out: float = 0.0
    carried: float = np.inf


def by_rule(points: Points, log_density: Array) -> list[Rule]:
    """What half a rule's resolution and the masses at its points say of the divergence from each of some densities.

    Two formulas agree where all of a deployed distribution's mass is at the points: the mean of h = log f_p/f_q, and
    that of h + expm1(-h), in which errors of the rule cancel. Where its mass there differs from one by more than the
    rule's own error, some of it lies elsewhere, the second formula is wrong, and the first is used.

    Parameters
    ----------
    points : Points
    log_density : ndarray, shape (distributions, points of all rows)
        Of deployed distributions, row after row.
    """
    masses = [points.mass, points.coarse_mass, *_coarsest(points)]
    shares = np.stack([normalised(mass).ravel() for mass in masses])
    share = shares[0]
    h = mixture.log_ratio(points.shadow.log_density, log_density, points.mass.ravel())
    possible = np.isfinite(h).all(axis=1)
    h = np.where(possible[:, None], h, 0.0)
    ratio = np.exp(-np.maximum(h, -700.0))
    beyond = ratio @ shares.T - 1
    surplus = np.maximum(np.abs(beyond[:, 0]) - 2 * _error(beyond), 0.0)
    whole = surplus <= np.maximum(0.01 * (h @ share), ROUNDING)  # so little matters to neither formula
    unresolved = _error(np.where(whole[:, None], h + ratio - 1, h) @ shares.T)
    left_out = surplus * whole + _left_out(masses, ratio, whole) + _tails(share, h, points)
    return [
        Rule(share, share * ratio[q] if whole[q] else None, float(unresolved[q]), float(left_out[q]))
        if possible[q]
        else Rule(share, None, float("inf"))
        for q in range(len(h))
    ]


def integral(points: Points, deployed: Mixture) -> Integral:
    """Divergence by a rule of integration, with the errors of the rule and of the draws."""
    (rule,) = by_rule(points, deployed.log_density[None])
    if not np.isfinite(rule.unresolved):
        infinite = MonteCarlo(float("inf"), float("inf"), float("inf"))
        return Integral(infinite, float("inf"))
    found = mixture.divergence(points.shadow, deployed, rule.share, rule.others)
    return Integral(found, rule.unresolved, rule.left_out)


def _left_out(masses: list[Array], ratio: Array, whole: NDArray[np.bool_]) -> Array:
    """What each divergence gains at least where there are no points, from the masses both distributions have there.

    A part of the shadow's mass m and of the other's n adds at least m log(m/n) (the log-sum inequality). As much of the
    shadow's mass as the rule does not vouch for may lie with what the other has beyond the points.
    """
    by_row = np.stack(masses)  # (resolutions, rows, points)
    sums = by_row.sum(axis=2).T
    others = np.einsum("rij,qij->qir", by_row, ratio.reshape(len(ratio), *by_row.shape[1:]))
    own = np.maximum(np.abs(1 - sums[:, 0]) + np.where(whole, -1.0, 1.0)[:, None] * _error(sums), 0.0)
    other = np.maximum(np.abs(1 - others[..., 0]) - _error(others), 1e-12)
    own = np.where(own > ROUNDING, own, 0.0)
    return np.asarray(np.mean(own * np.abs(np.log(np.where(own > 0, own, 1.0) / other)), axis=1))


def _tails(share: Array, h: Array, points: Points) -> Array:
    """What lies beyond the ends of a line, if terms go on to fall as they do from the last but one to the last."""
    if not points.line:
        return np.zeros(len(h))
    terms = np.abs(share * h).reshape(len(h), *points.mass.shape)
    total = np.zeros(len(h))
    for last, before in ((points.line - 1, points.line - 2), (0, 1)):
        end, next_to_it = terms[..., last], terms[..., before]
        fall = np.clip(end / np.where(next_to_it > 0, next_to_it, 1.0), 0.0, 0.95)
        total += (end * fall / (1 - fall)).sum(axis=1)
    return total


def _coarsest(points: Points) -> list[Array]:
    """What the points stand for at a quarter of the resolution; nothing for counts."""
    if not points.line:
        return []
    mass = np.zeros_like(points.mass)
    mass[:, : points.line : 4] = 4 * points.mass[:, : points.line : 4]
    mass[:, points.line :] = points.mass[:, points.line :]
    return [mass]


def _error(values: Array) -> Array:
    """Of the first of two or three values at falling resolution: their difference, times how fast it falls.

    Shape (..., values) to (...).
    """
    step = np.abs(values[..., 0] - values[..., 1])
    if values.shape[-1] == 2:
        return np.asarray(step * COUNT_RATE)
    before = np.maximum(np.abs(values[..., 1] - values[..., 2]), 1e-300)
    return np.asarray(step * np.clip(step / before, LEAST_RATE, 1.0))


def by_average(
    shadow: Mixture, deployed: Mixture, shares: tuple[Array, Array], part: float, proposed: Array | None = None
) -> Rule:
    """What random points say of two densities: predictive draws of the shadow and of what the deployed one expects.

    What is averaged, (f_p h + f_q - f_p) / m with h = log f_p/f_q and m the density of the points, is never negative,
    and nothing is taken for granted: wherever either has mass there are points, and f_p/m and f_q/m are bounded.

    Parameters
    ----------
    shadow, deployed : Mixture
        At the points of all rows, row after row; in each row first those drawn from the shadow.
    shares : tuple of ndarray
        What each draw of the batch from the shadow, and from the other distribution, counts for; each sums to one.
    part : float
        Weight of the shadow in the mixture m.
    proposed : ndarray, shape (points of all rows,), optional
        Log density of the other distribution, of which the deployed one is a part; the deployed one itself if left out.
    """
    counts = np.concatenate([part * shares[0], (1 - part) * shares[1]])
    rows = shadow.log_density.size // counts.size
    other_half = deployed.log_density if proposed is None else proposed
    with np.errstate(divide="ignore"):
        log_both = np.logaddexp(np.log(part) + shadow.log_density, np.log1p(-part) + other_half)
    own, other = (np.exp(densities.log_density - log_both) for densities in (shadow, deployed))
    weight = np.tile(counts, rows) / rows
    h = mixture.log_ratio(shadow.log_density, deployed.log_density, own)
    if not np.isfinite(h).all():
        return Rule(weight * own, weight * other, float("inf"))
    near = (own > 0) & (np.abs(h) < 1)  # there, other - own would lose digits
    terms = own * (h + np.expm1(-np.where(near, h, 0.0))) + np.where(near, 0.0, other - own)
    mean, error = _mean(terms, rows, shares, part)
    square = float(counts**2 @ terms.reshape(rows, -1).mean(axis=0) ** 2)
    carried = mean**2 / square if square > 0 else np.inf
    # Both masses are one: what is off by more than three of its errors was not drawn in proportion, or not at all.
    checks = [_mean(density - 1, rows, shares, part) for density in (own, other)]
    surplus = max(abs(mass) - 3 * error_of_mass for mass, error_of_mass in checks)
    return Rule(weight * own, weight * other, error, surplus if surplus > ROUNDING else 0.0, carried)


def average(shadow: Mixture, deployed: Mixture, shares: tuple[Array, Array], part: float) -> tuple[Integral, Array]:
    """Divergence as an average over predictive draws of both posteriors, as in `by_average`.

    Returns
    -------
    Integral
        Its error is that of the random points.
    ndarray, shape (points of all rows,)
        Probability of each point under the shadow, summing to one.
    """
    rule = by_average(shadow, deployed, shares, part)
    found = mixture.divergence(shadow, deployed, rule.share, rule.others)
    rows = shadow.log_density.size // sum(map(len, shares))
    return Integral(found, *rule[2:]), normalised(rule.share.reshape(rows, -1)).ravel()


def _mean(terms: Array, rows: int, shares: tuple[Array, Array], part: float) -> tuple[float, float]:
    """Mean of terms at all points over rows and draws of both posteriors, and its standard error."""
    split = np.split(terms.reshape(rows, -1).mean(axis=0), [len(shares[0])])
    parts = np.array([part, 1 - part])
    means = [share @ values for share, values in zip(shares, split, strict=True)]
    errors = [_error_of_mean(values, share) for share, values in zip(shares, split, strict=True)]
    return float(parts @ means), float(np.hypot(*(parts * errors)))


def _error_of_mean(terms: Array, share: Array) -> float:
    """Standard error of the weighted mean of independent terms.

    Their variance is an estimate, which came out too small where the large terms are few and one too few was drawn;
    there the mean came out too small, too. One standard error of the variance is added to it.
    """
    if len(terms) < 2:
        return float("nan")
    square = (share * (terms - share @ terms)) ** 2
    return float(np.sqrt(square.sum() / (1 - 1 / len(terms)) + np.sqrt((square**2).sum())))


def normalised(mass: Array) -> Array:
    """Masses of shape (rows, points) as probabilities of all of them, each row weighing the same."""
    return np.asarray(mass / mass.sum(axis=1, keepdims=True) / len(mass))
