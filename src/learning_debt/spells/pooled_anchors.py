"""Which periods of a replay are fitted, so that their pooled draws serve all others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from itertools import pairwise
from time import perf_counter
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.arrays.bridging.log_normalisers import NotConnectedError
from learning_debt.arrays.bridging.multistate import Pool, pooled
from learning_debt.arrays.bridging.pool_checks import (
    HEAVIEST_TAIL,
    HEAVY_TAIL,
    departures_of,
    tail_index,
    tails_of_others,
)
from learning_debt.arrays.bridging.thinning import thinnings
from learning_debt.errors import IncomparablePosteriorsError, NotPooledError, UnsupportedModelError, noted
from learning_debt.executors import mapped
from learning_debt.forecasters.base import SampledForecaster
from learning_debt.forecasters.convergence import MINIMUM_SIZE_PER_CHAIN
from learning_debt.forecasters.row_likelihood import weighted_likelihood, weighted_sum
from learning_debt.shadows.base import Upkeep
from learning_debt.shadows.pooled import PooledShadow
from learning_debt.shadows.refit import side_by_side
from learning_debt.shadows.reweighting import at_draws
from learning_debt.spells.anchor_fits import (
    Anchor,
    Job,
    Search,
    added,
    fitted_to,
    groups_of,
    kept_draws,
    layout_of,
    thinned_size,
)
from learning_debt.spells.forecast_schedule import Plan
from learning_debt.spells.progress import Stage
from learning_debt.spells.sampled_refusals import outcome_kind_of
from learning_debt.typing import Array

LARGEST_DEPARTURE, LARGEST_AT_HEAVY_TAIL = 5.0, 8.0
"""Standard errors by which an anchor's own moments may depart from what the draws of the others say they are.

Where the others' weights have no variance, their own errors are too small: of exact draws, one in a hundred departed by
3.3 where the tail index was at most .5, and by 6.1 where it was between that and .7."""


@dataclass
class Anchors:
    """The fits of one replay, and the pool they make."""

    forecaster: SampledForecaster
    plan: Plan
    keeper: PooledShadow
    seeds: Sequence[int]
    stage: Stage
    executor: Executor | None = None
    fits: dict[int, Anchor] = field(default_factory=dict)
    left_out: dict[int, Upkeep] = field(default_factory=dict)
    notes: dict[int, str] = field(default_factory=dict)
    fitted: list[list[Any]] = field(default_factory=list)
    _tails: WeakKeyDictionary[Pool, dict[int, float]] = field(default_factory=WeakKeyDictionary)

    def __post_init__(self) -> None:
        self.groups = groups_of(self.plan)

    def found(self) -> Pool:
        """The pool, once every period is worth enough draws.

        Raises
        ------
        NotPooledError
            If the model's posteriors cannot be pooled.
        """
        self._fit([0])
        self._require_poolable()
        pool = self._served([self.plan.periods])
        while poor := self._few(t for t, anchor in self.fits.items() if not anchor.upkeep.converged):
            pool = self._without(poor)
        pool = self._checked(pool)
        if contradicted := self._few(self.notes):
            pool = self._checked(self._without(contradicted))
        return pool

    def found_again(self, search: Search) -> Pool:
        """The pool of a search that was made before, if its fits are the same as then; else what is found now.

        They are not where they were not kept and a sampler does not repeat itself. Nothing is known of other draws.

        Raises
        ------
        NotPooledError
            If what is asked of the pool now is more than was asked of it then, or as in `found`.
        """
        if not {t for t, *_ in search.fitted} <= {*range(self.plan.periods + 1)}:
            return self.found()
        self.stage.expect(len(search.fitted))
        for t, salt, told in search.fitted:
            self._fit_once([t], salt)
            if len(self.fitted) == 1:
                self._require_poolable()
            if self.fitted[-1] != [t, salt, told]:
                self.fits, self.fitted = {}, []
                return self.found()
        self.left_out = {t: self.fits.pop(t).upkeep for t in search.left_out if t in self.fits}
        self.notes = {t: why for t, why in search.notes if t in self.fits}
        return self.pool()

    @property
    def search(self) -> Search:
        """How the pool was found."""
        notes = [[int(t), why] for t, why in self.notes.items()]
        return Search(self.fitted, [int(t) for t in sorted(self.left_out)], notes)

    def _served(self, wanted: Sequence[int]) -> Pool:
        """The pool with these fits, and more until every period is served."""
        while True:
            self._fit(wanted)
            pool = self.pool()
            wanted = self._wanted(pool)
            if not wanted:
                return pool

    def _few(self, periods: Iterable[int]) -> list[int]:
        """These fits, if they and those left out before are fewer than the others: else all are in doubt."""
        chosen = list(periods)
        return chosen if 2 * len(chosen) + len(self.left_out) < len(self.fits) else []

    def _without(self, periods: Iterable[int]) -> Pool:
        """The pool without these fits, on which many periods would rest; others serve theirs as far as they can."""
        for t in periods:
            self.left_out[t] = self.fits.pop(t).upkeep
        return self._served([])

    def pool(self, every: Array | None = None) -> Pool:
        """All draws so far, or one in so many of each anchor's chains, weighted for every state."""
        anchors = [self.fits[t] for t in sorted(self.fits)]
        each = [1.0] * len(anchors) if every is None else every.tolist()
        kept = [kept_draws(anchor.shape[1], one_in) for anchor, one_in in zip(anchors, each, strict=True)]
        by_group = [
            anchor.by_group.reshape(*anchor.shape, -1)[:, few] for anchor, few in zip(anchors, kept, strict=True)
        ]
        by_draw = np.concatenate([part.reshape(-1, part.shape[-1]) for part in by_group])
        at_states = weighted_sum(by_draw[None], self.groups.weight.T)[0].T
        shapes = [(anchor.shape[0], len(few)) for anchor, few in zip(anchors, kept, strict=True)]
        sizes = [thinned_size(anchor, one_in) for anchor, one_in in zip(anchors, each, strict=True)]
        try:
            return pooled(at_states, sorted(self.fits), shapes, np.fmax(sizes, 1.0).tolist())
        except NotConnectedError as error:
            raise NotPooledError(str(error)) from error

    def posterior(self, every: Array | None = None) -> xr.DataTree:
        """The draws of `pool`, chain by chain, in its order; thinned ones as one chain."""
        anchors = [self.fits[t] for t in sorted(self.fits)]
        whole = side_by_side([anchor.posterior for anchor in anchors])
        if every is None:
            return whole
        places, first = [], 0
        for (chains, draws), one_in in zip((anchor.shape for anchor in anchors), every.tolist(), strict=True):
            at = np.meshgrid(np.arange(first, first + chains), kept_draws(draws, one_in), indexing="ij")
            places.append(np.stack(at, axis=-1).reshape(-1, 2))
            first += chains
        return at_draws(whole, np.concatenate(places))

    def spared(self, pool: Pool) -> Array:
        """One in how many draws of each anchor serves, see `thinnings`."""
        return thinnings(pool, lambda place, every: thinned_size(self.fits[pool.anchors[place]], every))

    def _fit(self, periods: Iterable[int], salt: int = 0) -> None:
        chosen = sorted(periods)
        self.stage.expect(self.stage.done + len(chosen))
        self._fit_once(chosen, salt)
        self._require_alike(chosen)
        poor = [t for t in chosen if not self.fits[t].upkeep.converged]
        if poor and not salt:  # many periods would rest on it
            self._fit(poor, salt=1)

    def _fit_once(self, chosen: Sequence[int], salt: int) -> None:
        jobs = [Job(*self._held(t), self._seed(t, salt), self.plan.where(t)) for t in chosen]
        executor = self.executor if len(jobs) > 1 else None
        fitted = mapped(executor, fitted_to, self.forecaster, jobs)
        for t, (posterior, upkeep) in zip(chosen, fitted, strict=True):
            with noted(self.plan.where(t)):
                self.fits[t] = self._anchor(posterior, added(upkeep, self.fits.get(t)))
            told = hashlib.sha256(np.ascontiguousarray(self.fits[t].by_group).tobytes()).hexdigest()[:16]
            self.fitted.append([int(t), salt, told])
            self.stage.advance()

    def _held(self, t: int) -> tuple[xr.Dataset, Array]:
        period = self.plan.period(t)
        return period.so_far, period.row_weight

    def _seed(self, t: int, salt: int) -> int:
        return int(np.random.SeedSequence([self.seeds[t], salt]).generate_state(1)[0]) if salt else int(self.seeds[t])

    def _anchor(self, posterior: xr.DataTree, upkeep: Upkeep) -> Anchor:
        begun, rows = perf_counter(), self.groups.rows
        batch = self.forecaster.as_batch(self.plan.history.take(rows))
        past = self.plan.history.take(slice(int(rows[0]))) if self.forecaster.needs_past else None
        found = weighted_likelihood(self.forecaster, posterior, batch, self.groups.members, past)
        by_group = found.reshape(-1, found.shape[-1])
        if np.isnan(by_group).any():
            raise NotPooledError("the likelihood is not a number at some draws")
        try:
            points = self.forecaster.unconstrained_draws(posterior)
            points = np.ascontiguousarray(points.reshape(-1, points.shape[-1]).T)
        except (NotImplementedError, UnsupportedModelError):
            points = None
        spent = upkeep.evaluations + float(len(by_group) * len(rows))
        return Anchor(
            posterior,
            upkeep._replace(evaluations=spent, seconds=upkeep.seconds + perf_counter() - begun),
            by_group,
            points,
        )

    def _require_poolable(self) -> None:
        """What is known of the model from its first fit on."""
        if self.forecaster.needs_past:
            if self.forecaster.feedback:
                raise NotPooledError("rows depend on the outcomes before them")
            if not np.isin(self.groups.weight, (0.0, 1.0)).all() or (np.diff(self.groups.weight, axis=0) < 0).any():
                raise NotPooledError("rows that need their past are pooled only where all data are held")
        if "predictive_debt" in self.plan.variables and outcome_kind_of(self.forecaster) == "other":
            raise NotPooledError("the outcomes of a row are several, or have several values")

    def _require_alike(self, new: Sequence[int]) -> None:
        """Whether new posteriors have the same entries and the same model as the first one."""
        one = self.fits[min(self.fits)]
        first, layout = one.posterior, layout_of(one.posterior)
        for t in new:
            posterior = self.fits[t].posterior
            if posterior is first:
                continue
            if self.fits[t].shape != one.shape:
                raise NotPooledError(f"fits have {one.shape} and {self.fits[t].shape} chains and draws")
            if layout_of(posterior) != layout:
                raise NotPooledError("posteriors of different periods have different parameters or labels")
            batch = self.forecaster.as_batch(self.plan.history.take(self.plan.forecast_rows(max(t, 1))))
            try:
                self.forecaster.require_comparable(posterior, first, batch)
            except IncomparablePosteriorsError as error:
                raise NotPooledError(f"posteriors of different periods cannot be compared: {error}") from error

    def enough(self, pool: Pool) -> NDArray[np.bool_]:
        """Which states are worth enough draws, shape (states,)."""
        sizes = np.array([self.fits[t].upkeep.effective_size for t in pool.anchors])
        chains = self.fits[pool.anchors[0]].shape[0]
        least = max(self.keeper.minimum_effective_share * float(np.median(sizes)), MINIMUM_SIZE_PER_CHAIN * chains)
        large = pool.effective_draws >= min(least, 0.9 * float(sizes.min()))
        for t in np.flatnonzero(large):
            large[t] = t in self.fits or self.pareto_k(pool, int(t)) <= self.keeper.maximum_pareto_k
        return large

    def pareto_k(self, pool: Pool, state: int) -> float:
        """Tail index of the weights of one state over the pool, which many ask for."""
        known = self._tails.setdefault(pool, {})
        if state not in known:
            known[state] = tail_index(pool.weight[state], float(np.median(pool.worth)))
        return known[state]

    def _wanted(self, pool: Pool) -> list[int]:
        """The middle of what is not served yet, of each stretch between two anchors; then neighbours to check by."""
        failing = np.setdiff1d(np.flatnonzero(~self.enough(pool)), list(self.left_out))
        wanted = set()
        for low, high in pairwise((-1, *sorted(self.fits), self.plan.periods + 1)):
            within = failing[(failing > low) & (failing < high)]
            if len(within):
                wanted.add(int(within[len(within) // 2]))
        return sorted(wanted or self._neighbours(pool) - {*self.left_out})

    def _neighbours(self, pool: Pool) -> set[int]:
        """Half way to the nearest anchor from each one that the others' draws do not reach."""
        order, found = pool.anchors, set[int]()
        for a, reached in enumerate(tails_of_others(pool) <= HEAVIEST_TAIL):
            between = [sorted((order[a], t)) for t in (*order[max(a - 1, 0) : a], *order[a + 1 : a + 2])]
            apart = [(high - low, (low + high) // 2) for low, high in between if high - low > 1]
            if apart and not reached:
                found.add(min(apart)[1])
        return found

    def _checked(self, pool: Pool) -> Pool:
        """The pool, with anchors that the draws of the others contradict fitted anew; what stays so is noted."""
        for attempt in (1, 2):
            tails = tails_of_others(pool)
            departures = departures_of(pool, [self.fits[t].points for t in pool.anchors], tails)
            excess = departures / np.where(tails > HEAVY_TAIL, LARGEST_AT_HEAVY_TAIL, LARGEST_DEPARTURE)
            worst = int(np.argmax(np.nan_to_num(excess)))
            if not excess[worst] > 1:
                self.notes = {}
                return pool
            t = pool.anchors[worst]
            self.notes = {t: f"{departures[worst]:.0f} standard errors from what the other fits say"}
            if attempt == 1:
                self._fit([t], salt=2)
                pool = self.pool()
        return pool
