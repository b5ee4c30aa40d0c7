"""The study's signals from posterior draws, computed where a policy looks: cells of a walk instead of whole tables.

A sampled table of one path costs minutes, most of it for cells that no policy visits. Here a cell is worked out when
it is first asked for, by the estimators that users get, and kept: policies and costs that walk through the same cells
share them. Below the labels, on arrays, this is six times as fast as through a forecaster.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from learning_debt.arrays.bridging import bridge
from learning_debt.arrays.compilation import CACHE
from learning_debt.arrays.conjugate import nig
from learning_debt.arrays.conjugate.nig import NIG
from learning_debt.arrays.draws.moment_match import importance
from learning_debt.arrays.predictive import mixture, quadrature
from learning_debt.arrays.predictive.integration import Points, integral
from learning_debt.arrays.predictive.mixture import Mixture
from learning_debt.arrays.predictive.outcome_points import MASS_TOLERANCE, POINTS
from learning_debt.arrays.schedules import walk
from learning_debt.debt.from_draws import NoLogMarginal, debt_from_draws
from learning_debt.doubt import Doubt
from learning_debt.estimate import Estimate
from learning_debt.policies import Policy
from learning_debt.policies.signals import Signals
from learning_debt.scores.row_mixtures import gap_from_mixtures, score_from_mixture, supported, tolerated_error
from learning_debt.spells.schema import ESTIMATED, OPTIONAL, se_of
from learning_debt.typing import Array
from learning_debt_study.path_posteriors import DrawnPosterior, DrawPosterior, seed_of, study_posteriors
from learning_debt_study.scenarios import Paths
from learning_debt_study.simulated_spells import PRIOR


class DrawnCells:
    """Signals of single cells (path, s, t) from draws, each worked out once.

    As in the study ("separate" timing), the shadow has seen the update rows of t, and gaps, scores and predictive debt
    are those of the monitor rows of t.

    Parameters
    ----------
    paths : Paths
    draws : callable
        ``draws(path, period)``, as `exact_draws` makes it; asked once for each posterior. Any exact sampler will do.
    random_seed : int
        For the Gaussian bridges, and where predictive debt is integrated.

    Examples
    --------
    >>> from learning_debt_study.scenarios import SMOKE, cell_seeds, draw_paths
    >>> paths = draw_paths("abrupt_coef", 0.1, cell_seeds("tuning", "abrupt_coef", 0.1, SMOKE), design=SMOKE)
    >>> from learning_debt_study.path_posteriors import exact_draws
    >>> cells = DrawnCells(paths, exact_draws(paths, 1000))
    >>> cells.estimate("debt", 0, 10, 30) is cells.estimate("debt", 0, 10, 30)
    True
    """

    def __init__(self, paths: Paths, draws: DrawPosterior, random_seed: int = 0) -> None:
        self.paths, self.random_seed = paths, random_seed
        self.estimate = cache(self._estimate)
        self.draws = cache(draws)
        self.marginal = cache(self._marginal)
        self.posteriors, self._totals = study_posteriors(paths), _running_totals(paths)
        # Walks look at one period of all paths together: what depends on its shadow alone is kept as long.
        self._rule = lru_cache(len(POINTS) * len(paths.coefficient))(self._build_rule)
        self._forecast = lru_cache(2 * len(paths.coefficient))(self._build_forecast)

    def _estimate(self, name: str, path: int, s: int, t: int) -> Estimate:
        """Signal `name` of period t = 1..T served by what was trained after s < t.

        Raises
        ------
        KeyError
            If draws of this model do not offer the signal.
        """
        known: dict[str, Callable[[int, int, int], Estimate]] = {
            "debt": self._debt,
            "predictive_debt": self._predictive_debt,
            "score_gap": lambda *at: gap_from_mixtures(self._forecast(path, t, t), self._forecast(*at)),
            "deployed_score": lambda *at: score_from_mixture(self._forecast(*at)),
            "deployed_pareto_k": self._deployed_pareto_k,
        }
        if name not in known:
            raise KeyError(f"draws of the study offer no signal {name!r}, only {', '.join(known)}")
        return known[name](path, s, t)

    def _debt(self, path: int, s: int, t: int) -> Estimate:
        at_shadow, at_deployed = (self._log_likelihood(path, at, s, t) for at in (t, s))
        return debt_from_draws(at_shadow, at_deployed, lambda: self.marginal(path, t), lambda: self.marginal(path, s))

    def _deployed_pareto_k(self, path: int, s: int, t: int) -> Estimate:
        return Estimate(importance(self._log_likelihood(path, s, s, t)).pareto_k, float("nan"))

    def _log_likelihood(self, path: int, at: int, s: int, t: int) -> Array:
        """Of the update rows of s + 1..t at the draws of the posterior after `at`, shape (chain, draw), nats."""
        rows, xx, xy, yy = self._totals[path, t] - self._totals[path, s]
        slope, variance = self.draws(path, at)
        squares = yy - 2 * slope * xy + slope**2 * xx
        return -0.5 * (rows * np.log(2 * np.pi * variance) + squares / variance)

    def _marginal(self, path: int, period: int) -> bridge.LogMarginal | NoLogMarginal:
        """Log marginal likelihood of all rows until `period`, by a bridge from the draws to their Gaussian."""
        exact, prior = NIG(*(values[path, period] for values in self.posteriors)), nig.as_nig(NIG(*PRIOR))
        evidence = nig.log_evidence(prior, exact)

        def log_joint(points: Array) -> Array:  # prior times likelihood is posterior times evidence
            return nig.log_density(exact, points[:, :1], np.exp(points[:, 1])) + points[:, 1] + evidence

        drawn = self.draws(path, period)
        rng = np.random.default_rng(seed_of(self.random_seed, "bridge", path, period))
        try:
            points = np.stack([drawn.coefficient, np.log(drawn.variance)], axis=-1)
            return bridge.gaussian_log_marginal(points, log_joint, rng)
        except bridge.TooFewDrawsError as error:
            return NoLogMarginal(Doubt.FEW_FOR_GAUSSIAN, str(error))

    def _predictive_debt(self, path: int, s: int, t: int) -> Estimate:
        """By quadrature over the shadow's predictive, finer until half the resolution gives the same value."""
        for points in POINTS:
            rule = self._rule(path, t, points)
            at_deployed = _mixture(self.draws(path, s), rule.x, rule.y)
            found = integral(rule.at, at_deployed)
            if rule.whole and max(found.unresolved, found.left_out) <= tolerated_error(
                found.found.standard_error, found.found.value
            ):
                return Estimate(
                    found.found.value, found.standard_error, supported(found.found, rule.at.shadow, at_deployed)
                )
        return Estimate(found.found.value, found.standard_error, False, note="no quadrature resolves the predictive")

    def _build_rule(self, path: int, t: int, points: int) -> _Rule:
        x, drawn = self.paths.monitor_x[path, t - 1], self.draws(path, t)
        slope, variance = drawn.coefficient.reshape(-1, 1), drawn.variance.reshape(-1, 1)
        noise = np.random.default_rng(seed_of(self.random_seed, "outcomes", path, t)).normal(size=(len(slope), len(x)))
        outcomes = slope * x + np.sqrt(variance) * noise
        y, weight, coarse = quadrature.stacked([quadrature.real_line(column, points) for column in outcomes.T])
        at = np.repeat(x, points), y.ravel()
        shadow = _mixture(drawn, *at)
        density = np.exp(shadow.log_density).reshape(y.shape)
        whole = bool(np.abs((density * weight).sum(axis=1) - 1).max() <= MASS_TOLERANCE["continuous"])
        return _Rule(*at, Points(shadow, density * weight, density * coarse, points), whole)

    def _build_forecast(self, path: int, period: int, t: int) -> Mixture:
        """Of the monitor rows of t, by the posterior after `period`."""
        return _mixture(self.draws(path, period), self.paths.monitor_x[path, t - 1], self.paths.monitor_y[path, t - 1])


class _Rule(NamedTuple):
    """Points of all rows side by side, what they stand for, and whether they hold all of the shadow's mass."""

    x: Array
    y: Array
    at: Points
    whole: bool


def _mixture(drawn: DrawnPosterior, x: Array, y: Array) -> Mixture:
    """Predictive density of outcomes y at inputs x, both of shape (points,)."""
    out = np.empty((*drawn.coefficient.shape, len(x)))
    _fill_log_density(drawn.coefficient.ravel(), drawn.variance.ravel(), x, y, out.reshape(-1, len(x)))
    return mixture.mixture(out)


@njit(cache=CACHE, nogil=True)
def _fill_log_density(coefficient: Array, variance: Array, x: Array, y: Array, out: Array) -> None:
    for i in range(out.shape[0]):
        constant, half_precision = -0.5 * math.log(2.0 * math.pi * variance[i]), 0.5 / variance[i]
        for k in range(out.shape[1]):
            residual = y[k] - coefficient[i] * x[k]
            out[i, k] = constant - residual * residual * half_precision


class DrawnSignals:
    """What lanes see in a period, read from `DrawnCells`; for `learning_debt.pricing.replays.walk_signals`.

    Parameters
    ----------
    cells : DrawnCells
    requires : sequence of str
        Signals that the walking policy reads; the others are NaN.
    cost : array_like, shape (lanes,) or a number
        Of one retrain, nats.
    path : array_like of int, shape (lanes,)
        Path of each lane.
    """

    def __init__(self, cells: DrawnCells, requires: Sequence[str], cost: ArrayLike, path: ArrayLike) -> None:
        self.cells, self.requires = cells, tuple(dict.fromkeys(requires))
        self.path = np.asarray(path, dtype=np.int64)
        self.cost = np.broadcast_to(np.asarray(cost, dtype=float), self.path.shape)

    def __call__(self, t: int, deployed_at: NDArray[np.int64]) -> Signals:
        """Signals of period t = 1..T for lanes deployed at `deployed_at`."""
        pairs, place = np.unique(np.stack([self.path, deployed_at], axis=1), axis=0, return_inverse=True)
        place = place.ravel()
        found = [[self.cells.estimate(name, *pair, t) for name in self.requires] for pair in pairs.tolist()]

        def column(name: str, attribute: str, default: Any) -> Any:
            if name not in self.requires:
                return np.full(place.shape, default)
            number = self.requires.index(name)
            return np.array([getattr(row[number], attribute) for row in found])[place]

        reliable = np.array([all(estimate.reliable for estimate in row) for row in found])[place]  # all of none: true
        values = {name: column(name, "value", np.nan) for name in (*ESTIMATED, *OPTIONAL)}
        errors = {se_of(name): column(name, "standard_error", 0.0) for name in ESTIMATED}
        return Signals(
            period=t,
            label=t,
            spell_age=t - deployed_at,
            cost=self.cost,
            exposure=np.ones(place.shape),
            reliable=reliable,
            converged=np.ones(place.shape, dtype=bool),
            **values,
            **errors,
        )


def walk_drawn(cells: DrawnCells, policies: Sequence[Policy], costs: Sequence[float]) -> NDArray[np.bool_]:
    """Schedules of several policies on all paths, shape (policies, paths, periods); policy j faces ``costs[j]``.

    All take a period before any takes the next, so that what depends on the period's shadow alone is worked out once.
    """
    count, periods = cells.paths.coefficient.shape
    path = np.arange(count)
    sights = [DrawnSignals(cells, policy.requires, cost, path) for policy, cost in zip(policies, costs, strict=True)]
    states = [policy.init(count) for policy in policies]

    def decide(t: int, deployed_at: NDArray[np.int64]) -> NDArray[np.bool_]:
        retrain = np.empty((len(policies), count), dtype=bool)
        for j, (policy, see) in enumerate(zip(policies, sights, strict=True)):
            signals = see(t, deployed_at.reshape(len(policies), count)[j])
            states[j], retrain[j] = policy.step(states[j], signals)
        return retrain.ravel()

    return walk.walk(periods, len(policies) * count, decide).reshape(len(policies), count, periods)


def _running_totals(paths: Paths) -> Array:
    """Rows and sums of x^2, xy and y^2 over the update rows of periods 1..t, shape (paths, T + 1, 4)."""
    x, y = paths.update_x, paths.update_y
    sums = np.stack([np.ones_like(x), x * x, x * y, y * y], axis=-1).sum(axis=2).cumsum(axis=1)
    return np.concatenate([np.zeros_like(sums[:, :1]), sums], axis=1)
