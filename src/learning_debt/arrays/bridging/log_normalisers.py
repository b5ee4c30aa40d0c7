"""Normalising constants of a few posteriors from draws of each, all at once: the equations of multistate reweighting.

References
----------
Shirts & Chodera, *Statistically optimal analysis of samples from multiple equilibrium states*, Journal of Chemical
Physics 129 (2008), 124105.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import brentq
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree
from scipy.special import expit, logsumexp

from learning_debt.arrays.bridging.bridge import MOST_HALVINGS
from learning_debt.typing import Array

CONVERGED = 1e-9
"""Share of an anchor's draws by which the sum of their responsibilities may be off."""
MOST_STEPS = 200


class NotConnectedError(ValueError):
    """The anchors do not overlap enough for their normalising constants to be found."""


def log_normalisers(at_anchors: Array, counts: Array) -> Array:
    """Log normalising constants of the anchors, relative to the first.

    The convex objective sum_n log sum_a N_a exp(L_a(θ_n) - f_a) + sum_a N_a f_a is minimised by damped Newton steps,
    from where two-state ratios of neighbouring anchors put it; where they do not settle, from those of near ones.

    Parameters
    ----------
    at_anchors : ndarray, shape (anchors, draws)
        L_a at every draw of the pool, nats; ``-inf`` where an anchor rules the draw out.
    counts : ndarray, shape (anchors,)
        Draws of each anchor; those of the first anchor come first in the pool, and so on.

    Returns
    -------
    ndarray, shape (anchors,)

    Raises
    ------
    NotConnectedError
        If the steps do not settle.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> theta = np.concatenate([rng.normal(0, 1, 4000), rng.normal(0.5, 1, 4000)])
    >>> f = log_normalisers(np.stack([0 * theta, 0.5 * theta - 0.125]), np.array([4000, 4000]))
    >>> f.shape, bool(abs(f[1]) < 0.05)
    ((2,), True)
    """
    counts = np.asarray(counts, dtype=float)
    neighbours = [(a - 1, a) for a in range(1, len(counts))]
    for pairs in (neighbours, _nearest(at_anchors, counts)) if len(counts) > 2 else (neighbours,):
        f = _settled(at_anchors, counts, _two_state_ratios(at_anchors, counts, pairs))
        if f is not None:
            return f
    raise NotConnectedError("the anchors' normalising constants did not settle: do their draws overlap?")


def _settled(at_anchors: Array, counts: Array, f: Array) -> Array | None:
    """The minimum from `f` on; None where the steps do not settle."""
    objective = _objective(at_anchors, counts, f)
    for _ in range(MOST_STEPS):
        shares = responsibilities(at_anchors, counts, f)
        excess = counts - shares.sum(axis=1)
        if np.abs(excess / counts).max() <= CONVERGED:
            return f
        step = np.linalg.lstsq(curvature(shares)[1:, 1:], excess[1:], rcond=1e-13)[0]
        length = 1.0
        while length > 1e-8:
            tried = np.append(0.0, f[1:] - length * step)
            reached = _objective(at_anchors, counts, tried)
            if reached <= objective + 1e-13 * abs(objective):
                break
            length /= 2
        f, objective = tried, reached
    return None


def _two_state_ratios(at_anchors: Array, counts: Array, pairs: Sequence[tuple[int, int]]) -> Array:
    """Normalising constants by the two-state acceptance ratio (Bennett 1976) of pairs, the first of which is known."""
    ends, f = np.cumsum(counts).astype(int), np.zeros(len(counts))
    for known, a in pairs:
        both = np.r_[tuple(slice(ends[one] - int(counts[one]), ends[one]) for one in sorted((known, a)))]
        with np.errstate(invalid="ignore"):
            log_ratio = at_anchors[a, both] - at_anchors[known, both]
        log_ratio = log_ratio[np.isfinite(log_ratio)]
        if not len(log_ratio):
            raise NotConnectedError("two neighbouring anchors rule out all draws of each other")
        odds = np.log(counts[a] / counts[known])

        def excess(step: float, log_ratio: Array = log_ratio, odds: float = odds, own: float = counts[a]) -> float:
            return float(own - expit(log_ratio - step + odds).sum())

        low, high = log_ratio.min() - 50.0, log_ratio.max() + 50.0
        inside = excess(low) < 0 < excess(high)
        f[a] = f[known] + (
            brentq(excess, low, high, xtol=1e-6, maxiter=MOST_HALVINGS) if inside else float(np.median(log_ratio))
        )
    return f


def _nearest(at_anchors: Array, counts: Array) -> list[tuple[int, int]]:
    """Pairs of anchors that lead from the first to each other one by the least Jeffreys divergences, a spanning tree.

    Anchors of several update rules have no order in which neighbours are near.
    """
    starts = np.cumsum(np.append(0, counts[:-1])).astype(int)
    mean = np.add.reduceat(np.maximum(at_anchors, -1e300), starts, axis=1) / counts  # of L_a over the draws of b
    own = np.diag(mean)
    distance = np.maximum(own[:, None] + own - mean - mean.T, 0.0) + 1e-9  # an entry of 0 would be no edge
    before = breadth_first_order(minimum_spanning_tree(distance), 0, directed=False)
    return [(int(before[1][a]), int(a)) for a in before[0][1:]]


def responsibilities(at_anchors: Array, counts: Array, f: Array) -> Array:
    """Probability that a draw of the mixture came from each anchor, shape (anchors, draws)."""
    terms = at_anchors + (np.log(counts) - f)[:, None]
    return np.asarray(np.exp(terms - logsumexp(terms, axis=0)))


def curvature(shares: Array) -> Array:
    """sum_n diag(r(n)) - r(n) r(n)', shape (anchors, anchors)."""
    return np.asarray(np.diag(shares.sum(axis=1)) - shares @ shares.T)


def _objective(at_anchors: Array, counts: Array, f: Array) -> float:
    return float(logsumexp(at_anchors + (np.log(counts) - f)[:, None], axis=0).sum() + counts @ f)
