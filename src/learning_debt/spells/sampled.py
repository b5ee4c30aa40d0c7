"""Columns of the spell table from posterior draws, one period at a time as it happens live."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import NamedTuple

import numpy as np
import xarray as xr

from learning_debt.arrays.bridging.bridge import LogMarginal
from learning_debt.arrays.bridging.chain import ShadowChain
from learning_debt.arrays.draws.moment_match import importance
from learning_debt.debt.between_posteriors import DrawsRecord, debt_between, draws_record
from learning_debt.debt.from_densities import debt_from_densities
from learning_debt.debt.from_draws import LADDER_SHARE, NoLogMarginal, log_marginal
from learning_debt.doubt import Doubt
from learning_debt.errors import IncomparablePosteriorsError
from learning_debt.estimate import Estimate
from learning_debt.forecasters.base import SampledForecaster
from learning_debt.shadows.base import Shadow, ShadowKeeper, Upkeep, density_at, padded
from learning_debt.spells.estimate_signals import estimate_arrays, estimate_signals
from learning_debt.spells.forwarding import RememberingPredictor
from learning_debt.spells.held_likelihoods import HeldLikelihood, HeldLikelihoods, WeightedRows
from learning_debt.spells.issued_forecasts import SELF, IssuedForecasts
from learning_debt.spells.sampled_refusals import refuse_options, why_no_debt
from learning_debt.spells.step import Arrival, ArrivedGaps, Column, Period, Positions, StepOptions, period_seeds
from learning_debt.typing import Array

WORST_PARETO_K = 10.0
"""What a table holds, which must be finite, where the tail is worse than that or none can be fitted."""


@dataclass(frozen=True, eq=False)
class Stored:
    """A shadow that may be deployed.

    Attributes
    ----------
    posterior : DataTree
    draws : DrawsRecord
    seed : int
        For the bridge to its own Gaussian.
    """

    posterior: xr.DataTree
    draws: DrawsRecord
    seed: int


class SampledHoldings(NamedTuple):
    """What a sampled step goes on from; memory O(stored x draws).

    Attributes
    ----------
    shadow : Shadow
    stored : tuple of Stored
        Of every period so far, the shadow last.
    likelihoods : tuple of HeldLikelihood
        Of each of them, at its own draws; empty where there is no debt by log-likelihoods.
    chain : ShadowChain
        Of the stored posteriors that bridges step on.
    gaps : dict of int to sequence of Estimate
        By period of issue, gaps of forecasts whose outcomes are awaited.
    """

    shadow: Shadow
    stored: tuple[Stored, ...]
    likelihoods: tuple[HeldLikelihood, ...]
    chain: ShadowChain
    gaps: dict[int, list[Estimate]]


class _Debts(NamedTuple):
    """What comes of comparing a new shadow with the stored posteriors: signals, and what is held of it from now on."""

    signals: dict[str, Array]
    likelihoods: tuple[HeldLikelihood, ...]
    chain: ShadowChain
    no_debt: str


class SampledStep:
    """Scores and compares stored posteriors one by one; every signal of draws has a standard error and a verdict.

    Parameters
    ----------
    forecaster : SampledForecaster
    options : StepOptions, period_seeds
    keeper : ShadowKeeper
    seed : SeedSequence
        Period t takes the same seeds from it whatever comes after.
    """

    def __init__(
        self, forecaster: SampledForecaster, options: StepOptions, keeper: ShadowKeeper, seed: np.random.SeedSequence
    ) -> None:
        self.forecaster, self.options, self.keeper, self.seed = forecaster, options, keeper, seed
        self.forecasts = IssuedForecasts(forecaster, options.score)
        self.likelihoods = HeldLikelihoods(forecaster, options.update_rule.discount)
        self._marginal = cache(self._log_marginal)  # of a stored posterior, whatever it is compared with

    def start(self, period: Period) -> tuple[SampledHoldings, Upkeep]:
        """As in `learning_debt.spells.step.Step`.

        Raises
        ------
        ValueError
            If the model's rows, or the keeper, do not allow what is asked for: what rows need is known from the fit on.
        """
        fit_seed, _, bridge_seed = self._seeds(0)
        shadow, upkeep = self.keeper.start(self.forecaster, period.so_far, period.row_weight, fit_seed)
        refuse_options(self.forecaster, self.options, self.keeper)
        stored = Stored(shadow.posterior, draws_record(shadow.posterior), bridge_seed)
        held = (self.likelihoods.stored(period, shadow.posterior),) if self.by_likelihood else ()
        return SampledHoldings(shadow, (stored,), held, ShadowChain(LADDER_SHARE), {}), upkeep

    def step(
        self, held: SampledHoldings, period: Period, known: Column | None = None
    ) -> tuple[SampledHoldings, Column]:
        """As in `learning_debt.spells.step.Step`."""
        batch = self._batch(period, period.issued.rows)
        awaited = {issue: kept for issue, kept in held.gaps.items() if issue not in period.arriving}
        signals: dict[str, Array] = {}
        if known is None:
            held, gaps, signals = self._scored(held, period, batch)
            if self.options.learns_late:
                signals |= self._arrived(held, period, gaps)
            awaited |= {period.number: gaps} if period.awaited else {}
        else:  # gaps that are awaited later are worked out when they arrive
            held = self._advanced(held, period, batch)
        fit_seed, _, bridge_seed = self._seeds(period.number)
        shadow, upkeep = self.keeper.step(self.forecaster, held.shadow, period.so_far, period.row_weight, fit_seed)
        newest = Stored(shadow.posterior, draws_record(shadow.posterior), bridge_seed)
        debts = self._compared(held, period, newest, batch, known is None)
        signals |= debts.signals
        if "predictive_debt" in self.options.variables and known is None:
            signals |= self._predictive_debt(held.stored, period, newest.posterior, batch)
        held = SampledHoldings(shadow, (*held.stored, newest), debts.likelihoods, debts.chain, awaited)
        return held, Column(signals, upkeep, debts.no_debt) if known is None else known

    def _seeds(self, number: int) -> list[int]:
        return period_seeds(self.seed, number)

    @property
    def _no_debt(self) -> Doubt | None:
        """Why no two posteriors have a debt, if none have; known from the first fit on."""
        return why_no_debt(self.forecaster, self.options, self.keeper)

    @property
    def _debt_asked(self) -> bool:
        return not {"debt", "deployed_pareto_k"}.isdisjoint(self.options.variables)

    @property
    def by_likelihood(self) -> bool:
        """Whether debts go by log-likelihoods at draws, one number for each of which is held; known from a fit on."""
        return self._debt_asked and self._no_debt is None and self.keeper.exact

    def _scored(
        self, held: SampledHoldings, period: Period, batch: xr.Dataset
    ) -> tuple[SampledHoldings, list[Estimate], dict[str, Array]]:
        """Gaps of the period's forecasts; and, at the draws of every stored posterior, what is about to be learnt.

        Where outcomes come in on time both need the same log densities, which each posterior is asked for once.
        """
        stored, learnt = held.stored, self._learnt(held, period, batch)
        gaps, scores, likelihoods = [SELF] * len(stored), [SELF] * len(stored), list(held.likelihoods)
        posteriors, seed = [deployed.posterior for deployed in stored], self._seeds(period.number)[1]
        for s, asked, forecast, gaps[s] in self.forecasts.newest_first(posteriors, period.issued, period, batch, seed):
            if "deployed_score" in self.options.variables:
                scores[s] = self.options.score.mean_score(forecast)
            if learnt is not None:
                likelihoods[s] = self.likelihoods.advanced(likelihoods[s], period, asked, learnt, seed)
        signals = estimate_signals("score_gap", gaps)
        if "deployed_score" in self.options.variables:
            signals |= estimate_signals("deployed_score", scores)
        return held._replace(likelihoods=tuple(likelihoods)), gaps, signals

    def _learnt(self, held: SampledHoldings, period: Period, batch: xr.Dataset) -> WeightedRows | None:
        """Rows that are about to be learnt; the very `batch` that is forecast, where they are the same."""
        if not held.likelihoods:
            return None
        learnt = self.likelihoods.learnt(period, held.likelihoods[-1].row_weight)
        return learnt._replace(batch=batch) if np.array_equal(learnt.rows, period.issued.rows) else learnt

    def _advanced(self, held: SampledHoldings, period: Period, batch: xr.Dataset) -> SampledHoldings:
        """As `_scored`, without the scores."""
        learnt, seed = self._learnt(held, period, batch), self._seeds(period.number)[1]
        if learnt is None:
            return held
        likelihoods = [
            self.likelihoods.advanced(
                likelihood, period, RememberingPredictor(self.forecaster, deployed.posterior, batch), learnt, seed
            )
            for likelihood, deployed in zip(held.likelihoods, held.stored, strict=True)
        ]
        return held._replace(likelihoods=tuple(likelihoods))

    def _arrived(self, held: SampledHoldings, period: Period, own: list[Estimate]) -> dict[str, Array]:
        """What becomes known about forecasts of this period, whose gaps are `own`, and of earlier ones."""
        arrived = ArrivedGaps(len(held.stored))
        for arrival in period.arrivals:
            issue = arrival.forecasts.issue
            known = own if issue == period.number else held.gaps.get(issue)
            now = known if known is not None and arrival.whole else self._gaps(held, period, arrival, arrival.rows)
            then = (
                self._gaps(held, period, arrival, arrival.replaced)
                if len(arrival.replaced)
                else [SELF] * arrival.forecasts.posteriors
            )
            new, old, rows, replaced = (
                estimate_arrays(now),
                estimate_arrays(then),
                len(arrival.rows),
                len(arrival.replaced),
            )
            arrived.add(
                arrival,
                rows * new.value - replaced * old.value,
                rows * new.error + replaced * old.error,
                np.logical_and(new.reliable, old.reliable),
                np.where(new.doubt == 0, old.doubt, new.doubt),
            )
        return arrived.signals()

    def _gaps(self, held: SampledHoldings, period: Period, arrival: Arrival, rows: Positions) -> list[Estimate]:
        """Mean score of the newest posterior at issue minus that of each, at the outcomes of `rows`."""
        issued = arrival.forecasts
        posteriors, batch = (
            [deployed.posterior for deployed in held.stored[: issued.posteriors]],
            self._batch(period, rows),
        )
        found = self.forecasts.newest_first(posteriors, issued, period, batch, self._seeds(issued.issue)[1])
        return [gap for *_, gap in found][::-1]

    def _batch(self, period: Period, rows: Positions) -> xr.Dataset:
        return self.forecaster.as_batch(period.take(rows))

    def _compared(
        self, held: SampledHoldings, period: Period, newest: Stored, batch: xr.Dataset, asked: bool
    ) -> _Debts:
        """Posterior debts, where there are any, and the Pareto k of what would make the shadow of each posterior.

        Where they are not `asked` for, only what later ones need.
        """
        if self.by_likelihood:
            return self._by_log_likelihoods(held, period, newest, batch, asked)
        debts: list[Estimate | None] = [None] * len(held.stored)
        if asked and self._debt_asked and self._no_debt is None:
            debts = self._by_densities(held.stored, newest)
        signals = estimate_signals("debt", debts) if "debt" in self.options.variables else {}
        return _Debts(signals, (), held.chain, "" if self._no_debt is None else self._no_debt.text())

    def _by_log_likelihoods(
        self, held: SampledHoldings, period: Period, newest: Stored, batch: xr.Dataset, asked: bool
    ) -> _Debts:
        stored, variables, chain = held.stored, self.options.variables, held.chain
        at_shadow = self.likelihoods.at_newest(period, newest.posterior, held.likelihoods)
        at_deployed = [likelihood.beyond for likelihood in held.likelihoods]
        comparable = self._comparable(stored, newest, batch)
        if comparable.all():
            records = [deployed.draws for deployed in (*stored, newest)]
            chain = chain.copied()
            chain.add(
                at_deployed, at_shadow, [record.weight for record in records], [record.lineage for record in records]
            )
        debts: list[Estimate | None] = [None] * len(stored)
        tails = np.full(len(stored), np.nan)
        for s in np.flatnonzero(np.logical_and(comparable, asked)).tolist():
            if "deployed_pareto_k" in variables:
                tails[s] = _pareto_k(at_deployed[s], stored[s].draws.weight)
            if "debt" not in variables:
                continue
            same = np.array_equal(period.row_weight, padded(held.likelihoods[s].row_weight, len(period.row_weight)))
            if same:
                debts[s] = SELF
                continue
            debts[s] = debt_between(
                newest.draws,
                stored[s].draws,
                at_shadow[..., s],
                at_deployed[s],
                partial(self._marginal, newest),
                partial(self._marginal, stored[s]),
                partial(chain.links, s) if comparable.all() else None,
            )
        signals = estimate_signals("debt", debts) if "debt" in variables else {}
        signals |= {"deployed_pareto_k": tails} if "deployed_pareto_k" in variables else {}
        untold = next((debt.note for debt in debts if debt is not None and np.isnan(debt.value)), "")
        likelihoods = (*held.likelihoods, self.likelihoods.stored(period, newest.posterior))
        return _Debts(signals, likelihoods, chain, untold if comparable.all() else Doubt.GROWN.text())

    def _by_densities(self, stored: Sequence[Stored], newest: Stored) -> list[Estimate | None]:
        """Debts between approximate posteriors, which the keeper knows the densities of."""
        log_density, shadow = self.keeper.log_density, newest.posterior
        assert log_density is not None
        at_own = density_at(log_density, shadow, shadow)
        debts: list[Estimate | None] = [SELF] * len(stored)
        for s, deployed in enumerate(stored):
            if deployed.posterior is not shadow:
                at_deployed = density_at(log_density, deployed.posterior, shadow)
                debts[s] = debt_from_densities(at_own, at_deployed, weight_shadow=newest.draws.weight)
        return debts

    def _predictive_debt(
        self, stored: Sequence[Stored], period: Period, shadow: xr.DataTree, batch: xr.Dataset
    ) -> dict[str, Array]:
        contrast = self.forecasts.contrast(shadow, period.issued, period, batch, self._seeds(period.number)[1])
        nothing = Estimate(0.0, 0.0, diagnostics={"gap_sd": 0.0})
        debts = [
            nothing if deployed.posterior is shadow else contrast.against(deployed.posterior) for deployed in stored
        ]
        spreads = np.array([debt.diagnostics.get("gap_sd", np.nan) for debt in debts])
        return estimate_signals("predictive_debt", debts) | {"gap_sd": spreads}

    def _comparable(self, stored: Sequence[Stored], newest: Stored, batch: xr.Dataset) -> Array:
        """Which deployed posteriors have a debt to the shadow: all, unless groups or states have come since."""
        if not self.forecaster.growing_dims:
            self.forecaster.require_comparable(newest.posterior, stored[0].posterior, batch)
            return np.ones(len(stored), dtype=bool)
        found = []
        for deployed in stored:
            try:
                self.forecaster.require_comparable(newest.posterior, deployed.posterior, batch)
                found.append(True)
            except IncomparablePosteriorsError:
                found.append(False)
        return np.array(found)

    def _log_marginal(self, stored: Stored) -> LogMarginal | NoLogMarginal:
        return log_marginal(self.forecaster, stored.posterior, np.random.default_rng(stored.seed))


def _pareto_k(log_ratio: Array, weight: Array | None) -> float:
    """Pareto k-hat of draws that weigh `weight` and would weigh exp(`log_ratio`) times that, (chain, draw)."""
    with np.errstate(divide="ignore"):
        total = log_ratio if weight is None else log_ratio + np.log(weight)
    return min(importance(total).pareto_k, WORST_PARETO_K)
