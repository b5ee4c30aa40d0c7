"""Scores of a mixture of draws: f(y) = sum over draws s of W_s p(y | θ_s), and what its Monte-Carlo error is.

Weights W sum to one; w = W times the number of draws has mean one and is 1 where all draws weigh the same. A draw of
density p_s adds w_s p_s / f - w_s to the relative error of f: the influence function of a self-normalised mean.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from learning_debt.arrays.draws.effective_size import chosen_inflation, effective_size
from learning_debt.arrays.draws.fit_shares import FitShares, whole_influence
from learning_debt.doubt import Doubt
from learning_debt.typing import Array


class Mixture(NamedTuple):
    """Log predictive density of a set of draws at some points.

    Attributes
    ----------
    log_density : ndarray, shape (points,)
        log f at each point, nats.
    ratio : ndarray, shape (chain, draw, points)
        w_s p(y | θ_s) / f(y): each draw's share, with mean one over the draws; zero where f is zero.
    weight : ndarray, shape (chain, draw)
        Weights of the draws, with mean one.
    lineage : str
        Token of the draws: two mixtures with the same one, not empty, were drawn together, sample by sample.
    doubts : tuple of Doubt
        What speaks against the weights.
    shares : FitShares, optional
        Where the draws came from, if they are pooled from several fits.
    """

    log_density: Array
    ratio: Array
    weight: Array
    lineage: str = ""
    doubts: tuple[Doubt, ...] = ()
    shares: FitShares | None = None


class MonteCarlo(NamedTuple):
    """A value with its standard error.

    Attributes
    ----------
    value, standard_error : float
        Nats. The error is that of values which are kept only where `size` is large enough (`chosen_inflation`).
    relative_variance : float
        Squared Monte-Carlo error of log f_p/f_q at an outcome, root mean square over the outcomes; the delta method and
        the bias correction hold while it is small against one. A plain mean would hide a few outcomes far in the tail,
        where errors are larger than they look. What normalising the weights takes off is not counted, and of densities
        drawn together only the worse one: about 1 over the effective number of draws that carry an outcome.
    size : float
        Effective draws behind the standard error, of the posterior that has fewer; infinite where draws do not matter.
    """

    value: float
    standard_error: float
    relative_variance: float
    size: float = float("inf")


def mixture(log_density: Array, weight: ArrayLike | None = None, lineage: str = "") -> Mixture:
    """Mixture over draws of log densities of shape (chain, draw, points).

    Parameters
    ----------
    log_density : ndarray, shape (chain, draw, points)
        Nats.
    weight : array_like, shape (chain, draw), optional
        Relative weights of the draws; all the same if left out.
    lineage : str
        As in `Mixture`; empty for draws that share nothing with any others.

    Examples
    --------
    >>> mixture(np.log([[[0.2], [0.6]]])).log_density.round(4)
    array([-0.9163])
    >>> mixture(np.log([[[0.2], [0.6]]]), [[3.0, 1.0]]).log_density.round(4)
    array([-1.204])
    """
    relative = np.ones(log_density.shape[:2]) if weight is None else _mean_one(weight, log_density.shape[:2])
    if weight is not None:
        with np.errstate(divide="ignore"):
            log_density = log_density + np.log(relative)[..., None]
    peak = log_density.max(axis=(0, 1))
    finite_peak = np.where(np.isfinite(peak), peak, 0.0)
    density = log_density - finite_peak
    np.exp(density, out=density)
    mean = density.mean(axis=(0, 1))
    with np.errstate(divide="ignore"):
        log_mean = np.log(mean) + finite_peak
    density /= np.where(mean > 0, mean, 1.0)
    return Mixture(log_mean, density, relative, lineage)


def score_gap(shadow: Mixture, deployed: Mixture) -> MonteCarlo:
    """Mean log score of the shadow minus that of the deployed posterior, with its delta-method error.

    Positive when the shadow scores better. ``+inf`` if the deployed posterior gives an outcome no density.

    Raises
    ------
    ValueError
        If both were drawn together but do not hold the same number of draws.
    """
    with np.errstate(invalid="ignore"):  # both rule the outcome out: NaN, which is never reliable
        gaps = shadow.log_density - deployed.log_density
    error = _contrast(
        shadow, deployed, shadow.ratio.mean(axis=-1) - shadow.weight, deployed.weight - deployed.ratio.mean(axis=-1)
    )
    return _at_outcomes(float(gaps.mean()), error)


def mean_score(forecast: Mixture) -> MonteCarlo:
    """Mean log score at the points, with its delta-method error; ``-inf`` if one of them has no density.

    Examples
    --------
    >>> theta = np.random.default_rng(1).normal(size=(4, 1000, 1))
    >>> found = mean_score(mixture(-0.5 * (0.3 - theta) ** 2 - 0.5 * np.log(2 * np.pi)))
    >>> exact = -0.25 * 0.3**2 - 0.5 * np.log(4 * np.pi)   # N(0, 2) at 0.3
    >>> bool(abs(found.value - exact) < 4 * found.standard_error)
    True
    """
    of_mean = _mean_influence(forecast.ratio.mean(axis=-1) - forecast.weight, shares=forecast.shares)
    spread = _spread(forecast)
    error = _Error(of_mean, spread / of_mean.size, _carried(forecast, of_mean.size, spread))
    return _at_outcomes(float(forecast.log_density.mean()), error)


def divergence(
    shadow: Mixture, deployed: Mixture, probability: Array, deployed_probability: Array | None = None
) -> MonteCarlo:
    """Predictive debt KL(f_p‖f_q) from two mixtures at weighted points.

    Parameters
    ----------
    shadow, deployed : Mixture
        At the same points. Points of several rows may stand side by side.
    probability : ndarray, shape (points,)
        What each point stands for under f_p, summing to one: quadrature weight times f_p (over the number of rows).
    deployed_probability : ndarray, shape (points,), optional
        The same under f_q, if the points hold all of its mass.

    Returns
    -------
    MonteCarlo
        The error is that of the posterior draws; the error of the points comes on top. The bias of order 1 / draws
        that a plug-in divergence carries is taken off, and counted in the standard error.

    Raises
    ------
    ValueError
        If both were drawn together but do not hold the same number of draws.

    Notes
    -----
    With h = log f_p/f_q, the value is the integral of f_p h, or of f_p h + f_q - f_p where all of f_q is at the points:
    both masses are one, no term is negative, and errors of the points cancel. The error follows from the same formula.

    The bias is half the variance of log f_p/f_q, averaged over the outcomes: the sum of both densities' relative
    variances where they are independent, and far less where both come from the same draws.
    """
    value = plug_in_divergence(shadow, deployed, probability, deployed_probability)
    if not np.isfinite(value):
        return MonteCarlo(float("inf"), float("inf"), float("inf"))
    h = log_ratio(shadow.log_density, deployed.log_density, probability)
    own, other = probability * h, probability
    if deployed_probability is not None:
        other = probability - deployed_probability
    elif _drawn_together(shadow, deployed):
        # Each draw's own density integrates to one over the points, but for an error, which drawn together cancels too.
        own = own + probability
    # Where the shadow has more density than the deployed: how slowly chains move shows here when influences are small.
    side = probability * (h > 0)
    of_shadow, of_deployed = (
        density.ratio @ np.stack([part, side], axis=1) - density.weight[..., None] * [part.sum(), side.sum()]
        for density, part in ((shadow, own), (deployed, other))
    )
    error = _contrast(shadow, deployed, of_shadow[..., 0], -of_deployed[..., 0], of_shadow[..., 1], of_deployed[..., 1])
    bias = float(probability @ error.relative) / 2
    value, total = without_bias(value, bias, error.mean.inflated)
    return MonteCarlo(value, total, float(np.sqrt(probability @ error.trust**2)), error.mean.known_by)


def without_bias(value: float, bias: float, first_order: float) -> tuple[float, float]:
    """A plug-in divergence less its bias, and its standard error, from the variance of first order; nats.

    First-order errors vanish with the divergence, and hold along the direction in which the two happen to differ: at
    most 2 sqrt(bias * value). A divergence below its own bias may well be as large as that, in any direction.
    """
    if value < bias:
        first_order = max(first_order, 4 * bias**2)
    total = np.sqrt(first_order + bias**2)
    if value > bias:  # nor is one that came out too small known better for that
        total = np.sqrt(first_order * max((value - bias + total) / value, 1.0) + bias**2)
    return max(value - bias, 0.0), float(total)


def plug_in_divergence(
    shadow: Mixture, deployed: Mixture, probability: Array, deployed_probability: Array | None = None
) -> float:
    """The divergence of the two mixtures as they are, with the bias of their finite draws, as in `divergence`; nats."""
    value = float(probability @ log_ratio(shadow.log_density, deployed.log_density, probability))
    return value if deployed_probability is None else value + float((deployed_probability - probability).sum())


def gap_spread(shadow: Mixture, deployed: Mixture, probability: Array, rows: int) -> float:
    """Standard deviation, under the shadow, of the mean score gap over the rows of one period (nats).

    Points of the rows stand side by side, and `probability` sums to one over all of them, as in `divergence`; it
    carries the weights of the shadow's draws.
    """
    weight = probability.reshape(rows, -1) * rows
    gap = log_ratio(shadow.log_density, deployed.log_density, probability).reshape(rows, -1)
    mean = (weight * gap).sum(axis=1, keepdims=True)
    return float(np.sqrt((weight * (gap - mean) ** 2).sum())) / rows


class _Mean(NamedTuple):
    """Variance of a mean over draws, the effective draws behind it, and their share of those drawn."""

    variance: float
    size: float
    share: float

    @property
    def known_by(self) -> float:
        """The size; infinite where no draw adds anything, so that any number of them says the same."""
        return float("inf") if self.variance == 0 else self.size

    @property
    def inflated(self) -> float:
        """The variance, where the mean is kept for its size."""
        return self.variance * chosen_inflation(self.size, self.share) ** 2


class _Error(NamedTuple):
    """Error of a contrast; at each point, relative variance of f_p/f_q, and the one it is trusted by."""

    mean: _Mean
    relative: Array
    trust: Array


def _at_outcomes(value: float, error: _Error) -> MonteCarlo:
    trusted_by = float(np.sqrt((error.trust**2).mean()))
    return MonteCarlo(value, float(np.sqrt(error.mean.inflated)), trusted_by, error.mean.known_by)


def _contrast(
    shadow: Mixture,
    deployed: Mixture,
    from_shadow: Array,
    from_deployed: Array,
    slow_shadow: Array | None = None,
    slow_deployed: Array | None = None,
) -> _Error:
    """Error of a contrast from what each draw adds to it, shapes (chain, draw), on either side.

    Effective sizes are estimates, and those of influences may come out too large: the least with that of `slow_shadow`
    and `slow_deployed`, other functions of the draws, is used.

    Drawn together, both influences of one sample are added before the variance is taken. What is trusted is then the
    worse of both densities: their errors cancel, but an error that few draws make is not known better for that.
    """
    pair = shadow, deployed
    origins = [side.shares for side in pair]
    means = [*map(_mean_influence, (from_shadow, from_deployed), (slow_shadow, slow_deployed), origins)]
    spread = [_spread(side) for side in pair]
    carried = [_carried(side, mean.size, part) for side, mean, part in zip(pair, means, spread, strict=True)]
    if _drawn_together(shadow, deployed):
        slow = None if slow_shadow is None or slow_deployed is None else slow_shadow + slow_deployed
        together = _mean_influence(from_shadow + from_deployed, slow, shadow.shares)
        moments = _co_moment(shadow, shadow) + _co_moment(deployed, deployed) - 2 * _co_moment(shadow, deployed)
        relative = np.maximum(moments, 0.0) / together.size
        return _Error(together, relative, np.where(relative > 0, np.maximum(*carried), 0.0))
    own = [
        part if np.ptp(side.weight) == 0 else _co_moment(side, side) for side, part in zip(pair, spread, strict=True)
    ]
    relative = np.maximum(own[0], 0.0) / means[0].size + np.maximum(own[1], 0.0) / means[1].size
    variance, size = sum(mean.variance for mean in means), min(mean.known_by for mean in means)
    both = _Mean(variance, size, min(mean.share for mean in means))
    return _Error(both, relative, carried[0] + carried[1])


def _spread(side: Mixture) -> Array:
    """Variance over the draws of their relative densities, at each point."""
    return np.maximum(np.einsum("cdk,cdk->k", side.ratio, side.ratio) / side.weight.size - 1, 0.0)


def _carried(side: Mixture, size: float, spread: Array) -> Array:
    """One over the effective number of draws that carry a point; `size` of them speak for the mean over points."""
    return spread / min(size, effective_size(whole_influence(side.weight, side.shares)))


def _drawn_together(shadow: Mixture, deployed: Mixture) -> bool:
    together = shadow.lineage != "" and shadow.lineage == deployed.lineage
    if together and shadow.weight.shape != deployed.weight.shape:
        raise ValueError(
            f"shadow and deployed posterior come from the same draws, but hold {shadow.weight.shape} and "
            f"{deployed.weight.shape} (chain, draw) of them; thin both alike"
        )
    return together


def _mean_influence(influence: Array, slow: Array | None = None, shares: FitShares | None = None) -> _Mean:
    """Of the mean of `influence`, shape (chain, draw); the lesser effective size of the two functions of the draws."""
    influence = whole_influence(influence, shares)
    size = effective_size(influence)
    if slow is not None:
        size = min(size, effective_size(whole_influence(slow, shares)))
    return _Mean(float(influence.var(ddof=1)) / size, size, size / influence.size)


def _co_moment(first: Mixture, second: Mixture) -> Array:
    """Mean over the draws of (r - w) of the first times that of the second, at each point where both have density."""
    points, draws = first.log_density.size, first.weight.size
    moment = np.einsum("cdk,cdk->k", first.ratio, second.ratio) + (first.weight * second.weight).sum()
    for this, other in ((first, second), (second, first)):
        moment -= this.weight.ravel() @ other.ratio.reshape(draws, points)
    return np.where(np.isfinite(first.log_density) & np.isfinite(second.log_density), moment / draws, 0.0)


def log_ratio(shadow: Array, deployed: Array, probability: Array) -> Array:
    """h = log f_p/f_q where the point counts, else 0; ``inf`` where the deployed posterior rules the point out.

    From log densities at the points, of one deployed distribution or of several.
    """
    with np.errstate(invalid="ignore"):
        return np.where(probability > 0, shadow - deployed, 0.0)


def _mean_one(weight: ArrayLike, shape: tuple[int, ...]) -> Array:
    values = np.asarray(weight, dtype=float)
    if values.shape != shape:
        raise ValueError(f"weight must have shape (chain, draw) = {shape}, not {values.shape}")
    if not (values >= 0).all() or not 0 < values.sum() < np.inf:
        raise ValueError("weight must hold finite numbers of at least 0, not all 0")
    return values / values.mean()
