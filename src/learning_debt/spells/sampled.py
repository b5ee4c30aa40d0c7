"""Columns of the spell table from posterior draws, one period at a time as it happens live."""

from __future__ import annotations

from functools import cache, partial

import numpy as np
import xarray as xr
from rich.progress import track

from learning_debt.arrays.bridge import LogMarginal
from learning_debt.arrays.chain import Ladder
from learning_debt.arrays.mixture import mixture
from learning_debt.data import History
from learning_debt.debt import LADDER_SHARE, debt_from_draws, log_marginal
from learning_debt.errors import IncomparablePosteriorsError
from learning_debt.estimate import Estimate
from learning_debt.posteriors.base import SampledForecaster
from learning_debt.posteriors.convergence import convergence
from learning_debt.predictive import PredictiveContrast, gap_from_mixtures, row_log_density


def sampled_columns(
    forecaster: SampledForecaster,
    history: History,
    initial: int,
    variables: tuple[str, ...],
    *,
    random_seed: np.random.SeedSequence | None = None,
    progressbar: bool = True,
) -> dict[str, np.ndarray]:
    """Signals of one series, arrays (T, T) over (deployed_at, period), each with ``_se`` and ``_reliable``."""
    replay = _SampledReplay(forecaster, history, initial, variables, random_seed or np.random.SeedSequence())
    steps = range(1, replay.periods + 1)
    for t in track(steps, description="refitting the shadow", disable=not progressbar, transient=True):
        replay.advance(t)
    converged = np.array(replay.converged)
    return {**replay.cells, "deployed_converged": converged[:-1], "converged": converged[1:]}


class _SampledReplay:
    """Holds every posterior so far and, for each, the log-likelihood of all it has not seen; memory O(T x draws)."""

    def __init__(
        self,
        forecaster: SampledForecaster,
        history: History,
        initial: int,
        variables: tuple[str, ...],
        seed: np.random.SeedSequence,
    ) -> None:
        self.forecaster, self.history, self.initial, self.variables = forecaster, history, initial, variables
        self.periods = len(history) - initial
        self.seeds = seed.generate_state(3 * (self.periods + 1)).reshape(-1, 3).tolist()
        shape = (self.periods, self.periods)
        names = {*variables, "score_gap"}
        self.cells = {name: np.full(shape, np.nan) for name in names}
        self.cells |= {f"{name}_se": np.full(shape, np.nan) for name in names}
        self.cells |= {f"{name}_reliable": np.zeros(shape, dtype=bool) for name in names}
        if "predictive_debt" in variables:
            self.cells["gap_sd"] = np.full(shape, np.nan)
        self.posteriors = [self._fit(0)]
        self.converged = [convergence(self.posteriors[0]).converged]
        self.unseen: list[np.ndarray | float] = [0.0]  # log-likelihood of what each posterior has not seen
        self.ladder = Ladder(LADDER_SHARE)
        self.marginal = cache(self._log_marginal)

    def advance(self, t: int) -> None:
        """Score period t by everything deployed before it, then let the shadow take it in."""
        batch = self.forecaster.as_batch(self.history.periods(self.initial + t - 1, self.initial + t))
        past = self._past(t)
        state_seed = self.seeds[t][1]
        densities = [row_log_density(self.forecaster, one, batch, past, state_seed) for one in self.posteriors]
        self._score(t, densities)
        shadow = self._fit(t)
        self.posteriors.append(shadow)
        self.converged.append(convergence(shadow).converged)
        if "debt" in self.variables:
            self.unseen = [
                before + density.sum(axis=-1) for before, density in zip(self.unseen, densities, strict=True)
            ]
            self._debt(t, shadow, batch)
        if "predictive_debt" in self.variables:
            contrast = PredictiveContrast(self.forecaster, shadow, batch, self.seeds[t][1], past)
            for s, deployed in enumerate(self.posteriors[:-1]):
                estimate = contrast.against(deployed)
                self._put("predictive_debt", s, t, estimate)
                self.cells["gap_sd"][s, t - 1] = estimate.diagnostics.get("gap_sd", np.nan)
        self.unseen.append(0.0)

    def _fit(self, t: int) -> xr.DataTree:
        return self.forecaster.fit(self.history.periods(0, self.initial + t), random_seed=self.seeds[t][0])

    def _past(self, t: int) -> xr.Dataset | None:
        """All rows before period `t`, where the model needs them."""
        return self.history.periods(0, self.initial + t - 1) if self.forecaster.needs_past else None

    def _score(self, t: int, densities: list[np.ndarray]) -> None:
        shadow = mixture(densities[-1])
        for s, density in enumerate(densities[:-1]):
            self._put("score_gap", s, t, gap_from_mixtures(shadow, mixture(density)))
        self._put("score_gap", t - 1, t, Estimate(0.0, 0.0))  # what serves is the shadow itself

    def _debt(self, t: int, shadow: xr.DataTree, batch: xr.Dataset) -> None:
        comparable = self._comparable(shadow, batch)
        if not comparable.any():
            return
        seen = self.forecaster.as_batch(self.history.periods(self.initial, self.initial + t))
        rows = row_log_density(self.forecaster, shadow, seen, self._past(1))
        starts = self.history.starts[self.initial : self.initial + t] - self.history.starts[self.initial]
        by_period = np.add.reduceat(rows, starts, axis=-1)
        since = np.flip(np.cumsum(np.flip(by_period, axis=-1), axis=-1), axis=-1)  # [..., s] sums periods s+1..t
        at_deployed = [np.asarray(unseen) for unseen in self.unseen]
        if comparable.all():
            self.ladder.add(at_deployed, since)
        for s in np.flatnonzero(comparable).tolist():
            marginals = partial(self.marginal, t), partial(self.marginal, s)
            chain = partial(self.ladder.links, s) if comparable.all() else None
            self._put("debt", s, t, debt_from_draws(since[..., s], at_deployed[s], *marginals, chain=chain))

    def _comparable(self, shadow: xr.DataTree, batch: xr.Dataset) -> np.ndarray:
        """Which deployed posteriors have a debt to the shadow: all, unless groups or states have come since."""
        if not getattr(self.forecaster, "growing_dims", ()):
            self.forecaster.require_comparable(shadow, self.posteriors[0], batch)
            return np.ones(len(self.posteriors) - 1, dtype=bool)
        found = []
        for deployed in self.posteriors[:-1]:
            try:
                self.forecaster.require_comparable(shadow, deployed, batch)
                found.append(True)
            except IncomparablePosteriorsError:
                found.append(False)
        return np.array(found)

    def _log_marginal(self, t: int) -> LogMarginal | str:
        return log_marginal(self.forecaster, self.posteriors[t], np.random.default_rng(self.seeds[t][2]))

    def _put(self, name: str, s: int, t: int, estimate: Estimate) -> None:
        self.cells[name][s, t - 1] = estimate.value
        self.cells[f"{name}_se"][s, t - 1] = estimate.standard_error
        self.cells[f"{name}_reliable"][s, t - 1] = estimate.reliable
