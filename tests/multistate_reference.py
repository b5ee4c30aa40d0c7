"""Multistate reweighting the slow way, an oracle for the fast one: equations solved by a library, errors by jackknife.

One pool of draws n = 1..N of anchors a, `counts[a]` of each in turn; log densities `anchors` (anchor, draw) and
`states` (state, draw), known up to a constant a row. Shirts & Chodera (2008), equations 11 to 15. Influences are
differences of the whole estimate when one draw counts a little more or less, so no formula of an influence enters.
"""

from collections.abc import Callable

import numpy as np
from scipy.optimize import root
from scipy.special import logsumexp

STEP = 1e-4


def log_normalisers(anchors: np.ndarray, counts: np.ndarray, multiplicity: np.ndarray | None = None) -> np.ndarray:
    """log Z of the anchors, the first 0: that sum_n v_n r_a(n) = N_a; shape (anchor,)."""
    v = np.ones(anchors.shape[1]) if multiplicity is None else multiplicity

    def excess(free: np.ndarray) -> np.ndarray:
        joint = np.log(counts)[:, None] + anchors - np.concatenate([[0.0], free])[:, None]
        return ((np.exp(joint - logsumexp(joint, axis=0)) * v).sum(1) - counts)[1:]

    if len(counts) == 1:
        return np.zeros(1)
    found = root(excess, np.zeros(len(counts) - 1), method="hybr", options={"xtol": 1e-13})
    assert np.abs(excess(found.x)).max() < 1e-8 * counts.sum(), found.message
    return np.concatenate([[0.0], found.x])


class Pool:
    """What the pool says of any state, each draw counted `multiplicity` times."""

    def __init__(self, anchors: np.ndarray, counts: np.ndarray, multiplicity: np.ndarray | None = None) -> None:
        self.v = np.ones(anchors.shape[1]) if multiplicity is None else multiplicity
        self.log_z = log_normalisers(anchors, counts, self.v)
        self.log_mixture = logsumexp(np.log(counts)[:, None] + anchors - self.log_z[:, None], axis=0)

    def log_normaliser(self, state: np.ndarray) -> float:
        return float(logsumexp(state - self.log_mixture + np.log(self.v)))

    def weights(self, state: np.ndarray) -> np.ndarray:
        return self.v * np.exp(state - self.log_mixture - self.log_normaliser(state))

    def mean(self, state: np.ndarray, values: np.ndarray) -> float:
        return float(self.weights(state) @ values)

    def debt(self, shadow: np.ndarray, deployed: np.ndarray) -> float:
        gap = self.log_normaliser(shadow) - self.log_normaliser(deployed)
        return self.mean(shadow, shadow - deployed) - gap


def influence(anchors: np.ndarray, counts: np.ndarray, of: Callable[[Pool], float]) -> np.ndarray:
    """Slope of an estimate on how often each draw counts, shape (draw,), by central differences."""
    slopes = np.empty(anchors.shape[1])
    for n in range(anchors.shape[1]):
        values = []
        for sign in (1, -1):
            v = np.ones(anchors.shape[1])
            v[n] += sign * STEP
            values.append(of(Pool(anchors, counts, v)))
        slopes[n] = (values[0] - values[1]) / (2 * STEP)
    return slopes


def standard_error(influences: np.ndarray, counts: np.ndarray) -> float:
    """Of independent draws, stratified by anchor: the square root of the sum of N_a times the variance within a."""
    parts = np.split(influences, np.cumsum(counts)[:-1])
    return float(np.sqrt(sum(part.size * part.var(ddof=1) for part in parts)))
