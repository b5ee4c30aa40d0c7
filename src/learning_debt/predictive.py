"""Predictive distributions as mixtures of draws: row by row at outcomes, and as a whole against another."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.arrays import mixture, quadrature
from learning_debt.estimate import Estimate
from learning_debt.posteriors.base import SampledForecaster

Array = NDArray[np.float64]

MAXIMUM_RELATIVE_VARIANCE = 0.005
"""Squared relative Monte-Carlo error of a mixture density above which its logarithm is not trusted.

About 200 effective draws must carry a density. With fewer, plug-in divergences come out too large and 90% intervals
cover less than half of the time (conjugate regression, shifts of 1.5 to 8 standard deviations)."""
POINTS = (33, 129, 513)
"""Quadrature points a row: a finer rule is tried when one disagrees with its own half."""
MASS_TOLERANCE = {"continuous": 1e-3, "count": 1e-2}
"""Mass of the shadow's predictive distribution that a rule may miss. The divergence of counts is accurate to a tenth of
what the mass is off, since errors of both densities cancel; a point mass beside a density must show."""
MONTE_CARLO_DRAWS = 1000
MAXIMUM_POINTS = 10_000
"""Points of all rows together that are held at once, each with a density at every draw."""


def row_log_density(forecaster: SampledForecaster, posterior: xr.DataTree, batch: xr.Dataset) -> Array:
    """Log density of every row at every draw, shape (chain, draw, rows), summed over outcomes."""
    densities = forecaster.log_density(posterior, batch)
    total = sum(variable.values for variable in densities.data_vars.values())
    return np.asarray(total).reshape(posterior["posterior"].sizes["chain"], -1, np.shape(total)[-1])


def row_mixture(forecaster: SampledForecaster, posterior: xr.DataTree, batch: xr.Dataset) -> mixture.Mixture:
    """Log predictive density of every row of `batch`."""
    return mixture.mixture(row_log_density(forecaster, posterior, batch))


def gap_from_mixtures(shadow: mixture.Mixture, deployed: mixture.Mixture) -> Estimate:
    """Score gap of two mixtures at realised outcomes, with the verdict on its error."""
    gap = mixture.score_gap(shadow, deployed)
    diagnostics = {"relative_variance": gap.relative_variance}
    if not np.isfinite(gap.value):
        note = "a posterior gives a realised outcome no density at any draw"
        return Estimate(gap.value, float("nan"), False, gap.value > 0, diagnostics, note)
    reliable = gap.relative_variance <= MAXIMUM_RELATIVE_VARIANCE
    note = "" if reliable else "too few draws reach the realised outcome: draw more"
    return Estimate(gap.value, gap.standard_error, reliable, diagnostics=diagnostics, note=note)


class _Rule(NamedTuple):
    """Points (as a batch), the shadow's densities there, and their probabilities at two resolutions."""

    batch: xr.Dataset
    shadow: mixture.Mixture
    probability: Array
    coarse: Array


class PredictiveContrast:
    """The shadow's predictive distribution on a batch, ready to be held against any deployed posterior.

    What depends on the shadow alone (points, weights, its own densities) is computed once; `against` is cheap.
    One-dimensional outcomes are integrated (the real line by quadrature in two resolutions, counts by summation);
    anything else, and whatever the quadrature does not resolve, is averaged over predictive draws.
    """

    def __init__(
        self, forecaster: SampledForecaster, shadow: xr.DataTree, batch: xr.Dataset, random_seed: int | None = None
    ) -> None:
        self.forecaster, self.shadow, self.batch = forecaster, shadow, batch
        self.rows = batch.sizes[forecaster.observation_dim]
        self.kind = forecaster.outcome_kind()
        self._rules: dict[int, _Rule | None] = {}
        self._coarsest = 0
        most = MAXIMUM_POINTS // POINTS[0]
        chunks = [slice(first, first + most) for first in range(0, self.rows, most)]
        self._parts: list[PredictiveContrast] = []
        if len(chunks) > 1:  # one chunk of rows at a time bounds memory
            seeds = np.random.SeedSequence(random_seed).generate_state(len(chunks)).tolist()
            rows = [batch.isel({forecaster.observation_dim: chunk}) for chunk in chunks]
            self._parts = [PredictiveContrast(forecaster, shadow, *one) for one in zip(rows, seeds, strict=True)]
        else:
            self.draws = forecaster.predict(shadow, batch, random_seed=random_seed)

    def against(self, deployed: xr.DataTree) -> Estimate:
        """Predictive debt of `deployed`, nats per observation."""
        if self._parts:
            return _combined([part.against(deployed) for part in self._parts], [part.rows for part in self._parts])
        for points in POINTS[self._coarsest :]:
            rule = self._rule(points)
            if rule is None:
                continue
            at_deployed = row_mixture(self.forecaster, deployed, rule.batch)
            fine = mixture.divergence(rule.shadow, at_deployed, rule.probability)
            if not np.isfinite(fine.value):
                break
            if self._resolved(rule, at_deployed, fine):
                return _divergence_estimate(fine, fine.standard_error, self._diagnostics(rule, at_deployed))
            self._coarsest = min(POINTS.index(points) + 1, len(POINTS) - 1)  # the next deployed posterior is much alike
        return self._monte_carlo(deployed)

    def _resolved(self, rule: _Rule, at_deployed: mixture.Mixture, fine: mixture.MonteCarlo) -> bool:
        """Whether the rule at half its resolution gives the same value, within what Monte Carlo blurs anyway."""
        values = [mixture.plug_in_divergence(rule.shadow, at_deployed, p) for p in (rule.probability, rule.coarse)]
        # Over counts the trapezoid is of second order; over the real line an abrupt end may leave it at first.
        error = abs(values[0] - values[1]) / (3 if self.kind == "count" else 1)
        return error <= max(0.25 * fine.standard_error, 0.01 * values[0], 1e-7)

    def _diagnostics(self, rule: _Rule, at_deployed: mixture.Mixture) -> dict[str, float]:
        spread = mixture.gap_spread(rule.shadow, at_deployed, rule.probability, self.rows)
        return {"points": rule.probability.size / self.rows, "gap_sd": spread}

    def _monte_carlo(self, deployed: xr.DataTree) -> Estimate:
        rule = self._random_rule()
        at_deployed = row_mixture(self.forecaster, deployed, rule.batch)
        result = mixture.divergence(rule.shadow, at_deployed, rule.probability)
        if not np.isfinite(result.value):
            note = "the deployed posterior rules out outcomes the shadow expects: the debt is infinite at these draws"
            return Estimate(float("inf"), float("nan"), False, True, {"points": 0.0, "gap_sd": float("nan")}, note)
        # Points stand row by row; one predictive draw of the whole batch is one term.
        h = (rule.shadow.log_density - at_deployed.log_density).reshape(self.rows, -1)
        terms = (h + np.expm1(-h) if result.value < 0.5 else h).mean(axis=0)
        error = float(np.hypot(result.standard_error, terms.std(ddof=1) / np.sqrt(len(terms))))
        return _divergence_estimate(result, error, self._diagnostics(rule, at_deployed))

    def _rule(self, points: int) -> _Rule | None:
        if points not in self._rules:
            self._rules[points] = self._build_rule(points)
        return self._rules[points]

    def _build_rule(self, points: int) -> _Rule | None:
        if self.kind not in MASS_TOLERANCE:
            return None
        draws = self._outcome_draws()
        place = quadrature.real_line if self.kind == "continuous" else quadrature.counts
        nodes, weights, coarse = quadrature.stacked([place(one, points) for one in draws.T])
        if nodes.size > 2 * MAXIMUM_POINTS:
            return None
        batch = self._at(nodes)
        shadow = row_mixture(self.forecaster, self.shadow, batch)
        density = np.exp(shadow.log_density).reshape(nodes.shape)
        if np.abs((density * weights).sum(axis=1) - 1).max() > MASS_TOLERANCE[self.kind]:
            return None
        return _Rule(batch, shadow, _normalised(density * weights), _normalised(density * coarse))

    def _random_rule(self) -> _Rule:
        if 0 not in self._rules:
            draws = self._outcome_draws()
            number = min(len(draws), MONTE_CARLO_DRAWS, MAXIMUM_POINTS // self.rows)
            chosen = draws[np.linspace(0, len(draws) - 1, number).astype(int)]
            batch = self._at(chosen.T)
            shadow = row_mixture(self.forecaster, self.shadow, batch)
            probability = np.full(chosen.size, 1 / chosen.size)
            self._rules[0] = _Rule(batch, shadow, probability, probability)
        rule = self._rules[0]
        assert rule is not None
        return rule

    def _outcome_draws(self) -> Array:
        """Predictive draws, shape (draws, rows)."""
        (name,) = self.draws.data_vars
        return self.draws[name].values

    def _at(self, nodes: Array) -> xr.Dataset:
        """The batch with every row repeated for each of its nodes, shape (rows, points), set as outcomes."""
        dim, (outcome,) = self.forecaster.observation_dim, self.forecaster.observed
        repeated = self.batch.isel({dim: np.repeat(np.arange(self.rows), nodes.shape[1])})
        return repeated.assign({outcome: (dim, nodes.ravel())})


def _combined(parts: list[Estimate], rows: list[int]) -> Estimate:
    """Mean over all rows; errors of chunks come from the same posterior draws and are taken as fully dependent."""
    weights = np.array(rows) / sum(rows)
    spread = float(np.sqrt(sum((w * part.diagnostics["gap_sd"]) ** 2 for w, part in zip(weights, parts, strict=True))))
    worst = max(parts, key=lambda part: part.diagnostics.get("relative_variance", np.inf))
    return replace(
        worst,
        value=float(weights @ [part.value for part in parts]),
        standard_error=float(weights @ [part.standard_error for part in parts]),
        reliable=all(part.reliable for part in parts),
        lower_bound=any(part.lower_bound for part in parts),
        diagnostics=worst.diagnostics | {"gap_sd": spread},
    )


def _normalised(mass: Array) -> Array:
    """Probabilities of points of all rows side by side, each row weighing the same."""
    return (mass / mass.sum(axis=1, keepdims=True) / len(mass)).ravel()


def _divergence_estimate(result: mixture.MonteCarlo, error: float, diagnostics: dict[str, float]) -> Estimate:
    diagnostics["relative_variance"] = result.relative_variance
    reliable = result.relative_variance <= MAXIMUM_RELATIVE_VARIANCE
    note = "" if reliable else "too few draws reach the other posterior's outcomes: draw more"
    return Estimate(result.value, error, reliable, diagnostics=diagnostics, note=note)
