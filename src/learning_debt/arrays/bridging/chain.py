"""Debt without overlap and without a Gaussian: a chain of bridges over the shadows in between.

Between deployed posterior s and shadow t lie the shadows of the periods s+1..t-1. Neighbours overlap where s and t do
not, and normalisers multiply: log Z(s, t) = log Z(s, u) + log Z(u, t).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from learning_debt.arrays.bridging.bridge import optimal_bridge
from learning_debt.arrays.bridging.label_slope import LabelSlope, label_slope
from learning_debt.arrays.draws.effective_size import (
    draw_counts,
    effective_share,
    influence_on_mean,
    variance_of_mean,
    weighted_mean,
)
from learning_debt.typing import Array


class Link(NamedTuple):
    """Bridge between two posteriors of a chain.

    Attributes
    ----------
    log_normaliser : float
        log Z of the data that the later posterior holds and the earlier one does not, nats.
    overlap : float
        Effective number of draws that could be of either.
    share : float
        Overlap of the distributions themselves, 1 where they are the same and 0 where they do not meet.
    label_slope : LabelSlope
    earlier_influence, later_influence : ndarray, shape (chain, draw)
        What each draw adds to the error of `log_normaliser`, whose error is the sum of both means, nats.
    lineages : tuple of str
        Tokens of the earlier and the later draws; the same ones, not empty, were drawn together.
    size : float
        Effective draws of the smaller set, as autocorrelation goes.
    """

    log_normaliser: float
    overlap: float
    share: float
    label_slope: LabelSlope
    earlier_influence: Array
    later_influence: Array
    lineages: tuple[str, str] = ("", "")
    size: float = float("inf")


class ChainedDebt(NamedTuple):
    """Debt by a chain of bridges: value and standard error in nats, and what can be said of its links.

    That is the least overlap of one, their number, the slope that lies furthest from 1 in standard errors, and the
    least effective draws of one.
    """

    value: float
    standard_error: float
    overlap: float
    links: int
    label_slope: LabelSlope
    size: float


def link(
    at_earlier: Array,
    at_later: Array,
    *,
    weight_earlier: Array | None = None,
    weight_later: Array | None = None,
    lineages: tuple[str, str] = ("", ""),
) -> Link | None:
    """Bridge one posterior to a later one; ``None`` when either rules out every draw of the other, or at a NaN.

    Parameters
    ----------
    at_earlier, at_later : ndarray, shape (chain, draw)
        Log-likelihood of what the later posterior holds and the earlier one does not, at draws of each; ``-inf`` is
        legal at the earlier one's, and at later draws of weight zero.
    weight_earlier, weight_later : ndarray, shape (chain, draw), optional
        Relative weights of the draws; all the same if left out.
    lineages : tuple of str
        As in `Link`.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> step = link(rng.normal(size=(4, 500)) - 0.5, rng.normal(1.0, 1.0, size=(4, 500)) - 0.5)   # log Z = 0
    >>> abs(step.log_normaliser) < 0.2
    True
    """
    n_earlier, n_later = draw_counts(at_earlier, weight_earlier), draw_counts(at_later, weight_later)
    earlier, later = at_earlier[n_earlier > 0], at_later[n_later > 0]
    if np.isneginf(earlier).all() or np.isposinf(later).all() or np.isnan(earlier).any() or np.isnan(later).any():
        return None
    sizes = float(n_earlier.sum()), float(n_later.sum())
    if np.ptp(np.concatenate([at_earlier.ravel(), at_later.ravel()])) == 0:
        nothing = LabelSlope(float("nan"), float("inf"), 0.0)
        still = np.zeros(at_earlier.shape), np.zeros(at_later.shape)
        return Link(float(at_later.flat[0]), min(sizes), 1.0, nothing, *still, lineages)
    flat = (None if weight is None else weight.ravel() for weight in (weight_earlier, weight_later))
    log_normaliser, w_earlier, w_later = optimal_bridge(at_earlier.ravel(), at_later.ravel(), *flat)
    w_earlier, w_later = w_earlier.reshape(at_earlier.shape), w_later.reshape(at_later.shape)
    terms = n_earlier * w_earlier * (1 - w_earlier), n_later * w_later * (1 - w_later)
    scale = 1 / max(float(terms[0].sum() + terms[1].sum()), 1e-300)
    own = influence_on_mean(w_earlier, weight_earlier), influence_on_mean(w_later, weight_later)
    together = lineages[0] == lineages[1] != ""
    weights = {"weight_reference": weight_earlier, "weight_target": weight_later}
    slope = label_slope(at_earlier, at_later, log_normaliser, **weights, together=together)
    shared = float((n_earlier * w_earlier).sum())
    share = shared * (1 / sizes[0] + 1 / sizes[1])  # equal distributions weigh every draw n / (m + n)
    influences = sizes[0] * scale * own[0], sizes[1] * scale * own[1]
    effective = effective_share(*own)
    size = effective * min(at_earlier.size, at_later.size)
    return Link(log_normaliser, shared * effective, share, slope, *influences, lineages, size)


def chained_debt(links: Sequence[Link], at_shadow: Array, weight_shadow: Array | None = None) -> ChainedDebt:
    """Debt KL(shadow‖deployed) = E_p[l] - log Z, with log Z summed over the links of a chain.

    Two links share the draws of the posterior between them, and the last one shares the shadow's with E_p[l]; what a
    draw does to both is added before its variance is taken, so that no covariance is lost. The same goes for posteriors
    anywhere in the chain that were drawn together.

    Parameters
    ----------
    links : sequence of Link
        From the deployed posterior to the shadow, each beginning with the draws on which the last one ended.
    at_shadow : ndarray, shape (chain, draw)
        Log-likelihood of all data since the deployed posterior at the shadow's draws, nats.
    weight_shadow : ndarray, shape (chain, draw), optional
        Relative weights of the shadow's draws; all the same if left out.

    Raises
    ------
    ValueError
        If draws that should be the same ones differ in number.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> draws = [rng.normal(mean, 1.0, size=(4, 1000)) for mean in (0.0, 2.0, 4.0)]
    >>> def log_ratio(points, earlier, later):
    ...     return (later - earlier) * points - (later**2 - earlier**2) / 2
    >>> steps = [link(log_ratio(draws[k], 2 * k, 2 * k + 2), log_ratio(draws[k + 1], 2 * k, 2 * k + 2)) for k in (0, 1)]
    >>> estimate = chained_debt(steps, log_ratio(draws[2], 0, 4))   # N(4, 1) against N(0, 1): debt 8
    >>> abs(estimate.value - 8) < 4 * estimate.standard_error
    True
    """
    starts = [*(step.earlier_influence for step in links[1:]), at_shadow]
    for number, (end, start) in enumerate(zip(links, starts, strict=True)):
        if end.later_influence.shape != start.shape:
            raise ValueError(
                f"link {number} ends on draws of shape {end.later_influence.shape}, but those that follow have shape "
                f"{start.shape}; each link must begin with the draws on which the last one ended"
            )
    value = weighted_mean(at_shadow, weight_shadow) - sum(step.log_normaliser for step in links)
    influences = [-links[0].earlier_influence]
    influences += [-(before.later_influence + after.earlier_influence) for before, after in pairwise(links)]
    influences.append(influence_on_mean(at_shadow, weight_shadow) - links[-1].later_influence)
    lineages = [links[0].lineages[0], *(step.lineages[1] for step in links)]
    variance = sum(variance_of_mean(influence) for influence in _by_lineage(influences, lineages))
    worst = max((step.label_slope for step in links), key=lambda slope: abs(slope.departure))
    overlap, size = min(step.overlap for step in links), min(step.size for step in links)
    return ChainedDebt(value, float(np.sqrt(variance)), overlap, len(links), worst, size)


def _by_lineage(influences: Sequence[Array], lineages: Sequence[str]) -> list[Array]:
    """Influences of draws made together, added sample by sample; those without a lineage stand alone."""
    added: dict[object, Array] = {}
    for number, (influence, lineage) in enumerate(zip(influences, lineages, strict=True)):
        key: object = lineage or number
        added[key] = added[key] + influence if key in added else influence
    return list(added.values())


class NewestLinks(NamedTuple):
    """What the links from earlier posteriors to the newest one are made of; arguments of `ShadowChain.add`."""

    at_earlier: Sequence[Array]
    at_newest: Array
    weights: Sequence[Array | None]
    lineages: Sequence[str]

    def link(self, s: int) -> Link | None:
        """From posterior `s` to the newest one."""
        return link(
            self.at_earlier[s],
            self.at_newest[..., s],
            weight_earlier=self.weights[s],
            weight_later=self.weights[-1],
            lineages=(self.lineages[s], self.lineages[-1]),
        )


class ShadowChain:
    """Which of the stored posteriors chains step on, and their links; memory O(posteriors x draws).

    A posterior is kept when the one after it overlaps too little with the last that was kept, so that steps are as
    coarse as overlap allows. Every posterior needs one link, to the first one kept after it.

    Parameters
    ----------
    minimum_share : float
        Share of overlap (`Link.share`) that a step must keep.
    """

    def __init__(self, minimum_share: float) -> None:
        self.minimum_share = minimum_share
        self.kept = [0]
        self.onwards: dict[int, tuple[int, Link | None]] = {}
        self.last: Link | None = None
        self.newest: NewestLinks | None = None

    def copied(self) -> ShadowChain:
        """One that can be added to while this one stays as it is."""
        other = ShadowChain(self.minimum_share)
        other.kept, other.onwards, other.last, other.newest = [*self.kept], {**self.onwards}, self.last, self.newest
        return other

    def add(
        self,
        at_earlier: Sequence[Array],
        at_newest: Array,
        weights: Sequence[Array | None] | None = None,
        lineages: Sequence[str] | None = None,
    ) -> None:
        """Take in the next posterior.

        Parameters
        ----------
        at_earlier : sequence of ndarray, shape (chain, draw)
            For every earlier posterior, log-likelihood at its draws of what it has not seen and the newest has.
        at_newest : ndarray, shape (chain, draw, earlier)
            The same at the newest posterior's draws.
        weights : sequence of ndarray or None, optional
            Relative weights of the draws of every posterior so far, the newest last; None where all weigh the same.
        lineages : sequence of str, optional
            Token of the draws of every posterior so far, the newest last; empty for draws that share nothing.
        """
        newest, last = len(at_earlier), self.kept[-1]
        arrived = NewestLinks(at_earlier, at_newest, weights or [None] * (newest + 1), lineages or [""] * (newest + 1))
        self.last = arrived.link(last)
        too_little = self.last is None or self.last.share < self.minimum_share
        if self.newest is not None and newest - 1 > last and too_little:
            self.onwards |= {s: (newest - 1, self.newest.link(s)) for s in range(last, newest - 1)}
            last = newest - 1
            self.kept.append(last)
            self.last = arrived.link(last)
        self.newest = arrived

    def links(self, start: int) -> list[Link | None]:
        """Steps from posterior `start` to the newest one; empty for those after the last one kept."""
        if start > self.kept[-1]:
            return []
        steps = []
        while start < self.kept[-1]:
            start, step = self.onwards[start]
            steps.append(step)
        return [*steps, self.last]
