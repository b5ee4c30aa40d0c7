"""The shadow's predictive distribution of a batch, and its divergence from those of deployed posteriors."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import xarray as xr

from learning_debt.arrays.predictive import mixture
from learning_debt.arrays.predictive.families import RowDistributions
from learning_debt.arrays.predictive.integration import Integral, average, integral
from learning_debt.arrays.predictive.outcome_draws import OutcomeDraws, Outcomes, by_weight
from learning_debt.arrays.predictive.outcome_points import MAXIMUM_POINTS, POINTS, OutcomePoints
from learning_debt.doubt import Doubt
from learning_debt.estimate import Estimate
from learning_debt.forecasters.base import Predictor
from learning_debt.forecasters.outcome_densities import (
    Nodes,
    distributions_of,
    log_density_with,
)
from learning_debt.forecasters.row_likelihood import row_chunks
from learning_debt.forecasters.weights import doubts_of_weights, relative_weights, was_moved, with_moves
from learning_debt.scores.row_mixtures import (
    MAXIMUM_RELATIVE_VARIANCE,
    doubts_of_error,
    posterior_mixture,
    tolerated_error,
)
from learning_debt.typing import Array

MAXIMUM_AVERAGED_VARIANCE = 0.04
"""The same for averages over predictive draws, whose own error covers what some 25 effective draws still get wrong.

1,017 pairs of Dirichlet posteriors of 5 to 10 shares, 3 to 8 nats apart, 1,000 draws each, between .01 and .04: 90%
intervals covered .90, with a largest miss of 4.3 standard errors."""
MONTE_CARLO_DRAWS = 1000
"""Outcomes at which both densities are taken where no rule of integration serves."""
MORE_DRAWS = (1, 4, 10)
"""Times that number, where fewer outcomes do not carry the debt, as far as `MAXIMUM_POINTS` allows."""
CARRYING_DRAWS = 100
"""Outcomes that must carry an average over predictive draws for its error to be known.

Where fewer do, the largest terms may be missing, and value and error come out too small together. Predictive
distributions known exactly, 2,000 replications each: with the first 1,000 outcomes, 90% intervals covered .82
(exponential, few rows), .83 (Student-t, small shift), .86 (exponential, small shift) and .89 (Student-t, heavier), and
missed by up to 10 standard errors; with as many as it takes .93, .93, .91 and .91, and up to 5, with a third to half of
the error. Where 50 were enough, the third covered .89 and missed by 6."""
DEPLOYED_SHARE = 0.25
"""Share of them drawn from the deployed posterior, which finds what it expects and the shadow does not."""


class PredictiveContrast:
    """The shadow's predictive distribution on a batch, ready to be held against any deployed posterior.

    What depends on the shadow alone (points, weights, its own densities) is computed once; `against` is cheap.
    One-dimensional outcomes are integrated (their support by quadrature in several resolutions, and numbers that have
    mass added; counts by summation); where the deployed posterior expects what lies beyond these points and that
    matters, over points for both. Anything else, and whatever no points resolve, is averaged over predictive draws.

    Rows are forecast one by one, each given `past` and, where outcomes feed back, the batch's rows before it.
    """

    def __init__(
        self,
        forecaster: Predictor,
        shadow: xr.DataTree,
        batch: xr.Dataset,
        random_seed: int | None = None,
        past: xr.Dataset | None = None,
    ) -> None:
        self.forecaster, self.shadow, self.batch, self.past = forecaster, shadow, batch, past
        self.rows = batch.sizes[forecaster.observation_dim]
        self.kind, self.moved = forecaster.outcome_kind(), was_moved(shadow)
        self._parts: list[PredictiveContrast] = []
        self._distributions: list[tuple[xr.DataTree, RowDistributions | None]] = []
        chunks = self._chunks()
        seeds = np.random.SeedSequence(random_seed).generate_state(len(chunks) + 3).tolist()
        more_seed = seeds.pop()
        self._deployed_seed = seeds.pop()
        self._state_seed = seeds.pop()  # states and groups simulated alike at all points of a row
        if len(chunks) > 1:
            parts = zip(chunks, seeds, strict=True)
            self._parts = [PredictiveContrast(forecaster, shadow, rows, seed, then) for (rows, then), seed in parts]
        else:
            first = self._predictive_draws(shadow, random_seed)
            self._draws = self._outcomes(shadow, first, more_seed)
            if self.kind != "other":
                (draws,) = first.values()
                self._own = OutcomePoints(self.kind, draws, self._by_weight(draws), self._shadow_at)

    def _chunks(self) -> list[tuple[xr.Dataset, xr.Dataset | None]]:
        """Rows to look at together, with what is past by then: a bounded number; one where outcomes feed back."""
        together = 1 if self.forecaster.feedback else MAXIMUM_POINTS // POINTS[0]
        return list(row_chunks(self.forecaster, self.batch, self.past, together))

    def against(self, deployed: xr.DataTree) -> Estimate:
        """Predictive debt of `deployed`, nats per observation."""
        estimate = with_moves(self._against(deployed), self.moved, was_moved(deployed))
        return estimate.with_doubts(*doubts_of_weights(self.shadow, deployed))

    def _against(self, deployed: xr.DataTree) -> Estimate:
        if self._parts:
            return _combined([part._against(deployed) for part in self._parts], [part.rows for part in self._parts])
        if self.kind != "other":
            estimate = self._integrated(self._own, deployed)
            if estimate is None:
                (theirs,) = self._predictive_draws(deployed, self._deployed_seed).values()
                estimate = self._integrated(self._own.with_draws(theirs), deployed)
            if estimate is not None:
                return estimate
        return self._averaged(deployed)

    def _integrated(self, places: OutcomePoints, deployed: xr.DataTree) -> Estimate | None:
        """By the first rule, of rising resolution, that is right for this deployed posterior; None if no rule is."""
        (outcome,) = self.forecaster.observed
        for points in POINTS:
            rule = places.at(points)
            if rule is None:
                continue
            nodes, at = rule
            at_deployed = self._densities(deployed, {outcome: nodes})
            found = integral(at, at_deployed)
            if not np.isfinite(found.unresolved):
                return None
            tolerated = tolerated_error(found.found.standard_error, found.found.value)
            if found.unresolved <= tolerated:
                beyond = 0.5 * found.found.standard_error
                if found.left_out <= max(beyond, 1e-7 if places is self._own else tolerated):
                    return self._estimate(found, at.shadow, at_deployed, at.probability)
                if self.kind == "continuous":
                    return None  # no finer rule mends what lies beyond
                continue  # the masses of a sum over strides may be off, which those of a finer one are not
        return None

    def _estimate(
        self,
        found: Integral,
        shadow: mixture.Mixture,
        deployed: mixture.Mixture,
        at: Array,
        most: float = MAXIMUM_RELATIVE_VARIANCE,
    ) -> Estimate:
        spread = mixture.gap_spread(shadow, deployed, at, self.rows)
        diagnostics = {"points": at.size / self.rows, "gap_sd": spread}
        diagnostics |= {"relative_variance": found.found.relative_variance, "effective_draws": found.found.size}
        doubts = doubts_of_error(found.found, (shadow, deployed), Doubt.FEW_REACH_OUTCOMES, most)
        if not _carried(found):
            doubts = (*doubts, Doubt.FEW_CARRY_DEBT)
        return Estimate(found.found.value, found.standard_error, diagnostics=diagnostics, doubts=doubts)

    def _averaged(self, deployed: xr.DataTree) -> Estimate:
        """Over predictive draws of both posteriors, until enough of them carry the debt or no more can be held."""
        theirs = self._outcomes(deployed, self._predictive_draws(deployed, self._deployed_seed), self._deployed_seed)
        for number in self._numbers():
            found, estimate = self._average(deployed, theirs, number)
            if _carried(found):
                return estimate
        return estimate

    def _numbers(self) -> list[int]:
        """Of draws of the batch; no more than the first where each is a call of its own, after the rows before it."""
        count = self._draws.count
        most = max(MAXIMUM_POINTS // self._draws.cells, min(count, 100))
        numbers = [min(times * min(count, MONTE_CARLO_DRAWS), most) for times in MORE_DRAWS]
        return numbers[:1] if self.forecaster.needs_past else sorted(set(numbers))

    def _average(self, deployed: xr.DataTree, theirs: OutcomeDraws, number: int) -> tuple[Integral, Estimate]:
        """Over about `number` draws of the whole batch, each of which is one term, whatever its rows."""
        few = max(round(number * DEPLOYED_SHARE), 1)
        (own, shares), (other, their_shares) = self._draws.take(max(number - few, 1)), theirs.take(few)
        nodes = {name: np.moveaxis(np.concatenate([draws, other[name]]), 0, 1) for name, draws in own.items()}
        shadow, at_deployed = (self._densities(posterior, nodes) for posterior in (self.shadow, deployed))
        found, probability = average(shadow, at_deployed, (shares, their_shares), 1 - DEPLOYED_SHARE)
        if np.isfinite(found.found.value):
            return found, self._estimate(found, shadow, at_deployed, probability, MAXIMUM_AVERAGED_VARIANCE)
        diagnostics, doubts = {"points": 0.0, "gap_sd": float("nan")}, (Doubt.OUTCOMES_RULED_OUT,)
        return found, Estimate(float("inf"), float("nan"), lower_bound=True, diagnostics=diagnostics, doubts=doubts)

    def _outcomes(self, posterior: xr.DataTree, first: Outcomes, seed: int) -> OutcomeDraws:
        weight = relative_weights(posterior)
        again = partial(self._predictive_draws, posterior)
        return OutcomeDraws(first, None if weight is None else weight.ravel(), again, seed)

    def _predictive_draws(self, posterior: xr.DataTree, seed: int | None) -> Outcomes:
        drawn = self.forecaster.predict(posterior, self.batch, self.past, random_seed=seed)
        return dict(zip(self.forecaster.observed, (v.values for v in drawn.data_vars.values()), strict=True))

    def _shadow_at(self, nodes: Array) -> mixture.Mixture:
        (outcome,) = self.forecaster.observed
        return self._densities(self.shadow, {outcome: nodes})

    def _by_weight(self, draws: Array) -> Array:
        """Predictive draws of the shadow, shape (draws, rows), as often as they weigh."""
        weight = relative_weights(self.shadow)
        if weight is None:
            return draws
        chosen, share = by_weight(weight, len(draws), len(draws))
        return np.repeat(draws[chosen], np.rint(share * len(draws)).astype(int), axis=0)

    def _densities(self, posterior: xr.DataTree, nodes: Nodes) -> mixture.Mixture:
        """Log predictive density at every point, row by row: point j of row i is entry i * points + j."""
        known = None if self.kind == "other" else self._known_distributions(posterior)
        density = log_density_with(known, self.forecaster, posterior, self.batch, nodes, self.past, self._state_seed)
        return posterior_mixture(posterior, density.reshape(*density.shape[:2], -1))

    def _known_distributions(self, posterior: xr.DataTree) -> RowDistributions | None:
        """Of this batch at the shadow or the latest deployed posterior, found once for all rules."""
        for known, distributions in self._distributions:
            if known is posterior:
                return distributions
        found = distributions_of(self.forecaster, posterior, self.batch, self.past, self._state_seed)
        self._distributions = [*self._distributions[:1], (posterior, found)]
        return found


def _carried(found: Integral) -> bool:
    """Whether enough predictive draws carry an average, or their error hardly adds to that of the posteriors."""
    return found.carried >= CARRYING_DRAWS or found.unresolved <= tolerated_error(
        found.found.standard_error, found.found.value
    )


def _combined(parts: list[Estimate], rows: list[int]) -> Estimate:
    """Mean over all rows; errors of chunks come from the same posterior draws and are taken as fully dependent."""
    weights = np.array(rows) / sum(rows)
    spread = float(np.sqrt(sum((w * part.diagnostics["gap_sd"]) ** 2 for w, part in zip(weights, parts, strict=True))))
    worst = max(parts, key=lambda part: (not part.reliable, part.diagnostics.get("relative_variance", np.inf)))
    size = min(part.diagnostics.get("effective_draws", np.inf) for part in parts)
    return replace(
        worst,
        value=float(weights @ [part.value for part in parts]),
        standard_error=float(weights @ [part.standard_error for part in parts]),
        lower_bound=any(part.lower_bound for part in parts),
        diagnostics=worst.diagnostics | {"gap_sd": spread, "effective_draws": size},
        doubts=tuple(dict.fromkeys(doubt for part in (worst, *parts) for doubt in part.doubts)),
    )
