"""Columns of the spell table from posterior draws, one period at a time as it happens live."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import numpy as np
import xarray as xr
from rich.progress import track

from learning_debt.arrays.bridging.bridge import LogMarginal
from learning_debt.arrays.bridging.chain import ShadowChain
from learning_debt.arrays.draws.moment_match import importance
from learning_debt.debt.from_densities import debt_from_densities
from learning_debt.debt.from_draws import LADDER_SHARE, NoLogMarginal, debt_from_draws, log_marginal
from learning_debt.doubt import Doubt
from learning_debt.errors import IncomparablePosteriorsError, noted
from learning_debt.estimate import Estimate
from learning_debt.forecasters.base import SampledForecaster
from learning_debt.forecasters.weights import doubts_of_weights, lineage, relative_weights, was_moved, with_moves
from learning_debt.shadows.base import ShadowKeeper, Upkeep
from learning_debt.spells.density_cache import Asking
from learning_debt.spells.doubt_codes import code_of
from learning_debt.spells.held_likelihoods import HeldLikelihoods
from learning_debt.spells.plan import ArrivedGaps, Columns, Plan, Positions
from learning_debt.spells.schema import DRAWS_ONLY, UPKEEP, doubt_of, reliable_of, se_of
from learning_debt.spells.simulated_path import LastOfPath
from learning_debt.typing import Array

GROWN = (
    "groups or states came with the rows, and between posteriors that differ in them no posterior debt exists; "
    "predictive_debt and score_gap do"
)
APPROXIMATE = (
    "the shadow's keeper hands out approximate posteriors without their log density, so that no log-likelihood tells "
    "how far they are apart; predictive_debt and score_gap need no exact posteriors"
)
SLIDING = (
    "rows of this model depend on the rows before them, and what leaves a rolling window was past to what stays; "
    "predictive_debt and score_gap do without"
)

WORST_PARETO_K = 10.0
"""What a table holds, which must be finite, where the tail is worse than that or none can be fitted."""


def sampled_columns(
    forecaster: SampledForecaster,
    plan: Plan,
    *,
    keeper: ShadowKeeper,
    random_seed: np.random.SeedSequence | None = None,
    progressbar: bool = True,
) -> Columns:
    """Signals of one series, arrays (T, T) over (deployed_at, period), each with ``_se`` and ``_reliable``."""
    with noted(plan.where(0)):
        replay = _SampledReplay(forecaster, plan, keeper, random_seed or np.random.SeedSequence())
    steps = range(1, plan.periods + 1)
    for t in track(steps, description="keeping the shadow current", disable=not progressbar, transient=True):
        with noted(plan.where(t)):
            replay.advance(t)
    return replay.finished()


class _SampledReplay:
    """Holds every posterior so far and, for each, the log-likelihood of all it has not seen; memory O(T x draws)."""

    def __init__(
        self, forecaster: SampledForecaster, plan: Plan, keeper: ShadowKeeper, seed: np.random.SeedSequence
    ) -> None:
        self.plan, self.keeper = plan, keeper
        self.log_density = getattr(keeper, "log_density", None)
        self.seeds = seed.generate_state(3 * (plan.periods + 1)).reshape(-1, 3).tolist()
        self.cells = _empty_cells(plan)
        self.arrived = ArrivedGaps(plan.periods)
        data, weight = plan.so_far(0)
        self.shadow, upkeep = keeper.start(forecaster, data, weight, self.seeds[0][0])
        _refuse(forecaster, plan, keeper)
        self.upkeep: list[Upkeep] = [upkeep]
        self.posteriors: list[xr.DataTree] = []
        self.weights: list[Array | None] = []
        self.lineages: list[str] = []
        self.doubts: list[tuple[Doubt, ...]] = []
        self.moved: list[bool] = []
        self._store(self.shadow.posterior)
        by_parameters = {"debt", "deployed_pareto_k"} & set(plan.variables)
        self.no_debt = _why_no_debt(forecaster, plan, keeper) if by_parameters else "not asked for"
        self.forecaster = Asking(forecaster, plan.history)
        by_likelihood = not self.no_debt and getattr(keeper, "exact", True)
        self.held = HeldLikelihoods(self.forecaster, plan, self.shadow.posterior) if by_likelihood else None
        self.ladder = ShadowChain(LADDER_SHARE)
        self.marginal = cache(self._log_marginal)

    def advance(self, t: int) -> None:
        """Score what is forecast in period t by everything deployed before it, then let the shadow learn."""
        rows = self.plan.forecast_rows(t)
        self.forecaster.expect(None if self.held is None else self.held.changing(self.plan.row_weight(t)))
        self._score(t, rows)
        data, weight = self.plan.so_far(t)
        self.shadow, upkeep = self.keeper.step(self.forecaster.forecaster, self.shadow, data, weight, self.seeds[t][0])
        self.upkeep.append(upkeep)
        deployed = list(self.posteriors)
        self._store(self.shadow.posterior)
        if self.held is not None:
            self._by_likelihood(t, self.held, deployed, self.plan.row_weight(t), rows)
        elif not self.no_debt:
            self._debt_by_densities(t, deployed)
        if "predictive_debt" in self.plan.variables:
            self._predictive_debt(t, deployed, rows)

    def _store(self, posterior: xr.DataTree) -> None:
        self.posteriors.append(posterior)
        self.weights.append(relative_weights(posterior))
        self.lineages.append(lineage(posterior))
        self.doubts.append(doubts_of_weights(posterior))
        self.moved.append(was_moved(posterior))

    def finished(self) -> Columns:
        """All columns, upkeep and convergence among them."""
        converged = np.array([one.converged for one in self.upkeep])
        doubts = np.array([one.doubt for one in self.upkeep])
        steps = self.upkeep[1:]
        cells = {**self.cells, "deployed_converged": converged[:-1], "converged": converged[1:]}
        cells |= {"deployed_doubt": doubts[:-1], "doubt": doubts[1:]}
        codes = np.array([code_of(one.doubts) for one in self.upkeep], dtype=np.int8)
        cells |= {doubt_of("deployed_converged"): codes[:-1], doubt_of("converged"): codes[1:]}
        for name in UPKEEP:
            cells[name] = np.array([getattr(one, name) for one in steps])
        if self.plan.learns_late:
            cells |= self.arrived.cells()
        if "debt" in self.plan.variables and not self.no_debt and np.isnan(_upper(cells["debt"])).any():
            self.no_debt = GROWN
        return Columns(cells, self.no_debt)

    def _score(self, t: int, rows: Positions) -> None:
        """Gaps of the forecasts issued in t, at their final outcomes and at those that become known."""
        gaps = self._gaps(t, rows)
        for s, estimate in enumerate(gaps):
            self._put("score_gap", s, t, estimate)
        if not self.plan.learns_late:
            return
        for arrival in self.plan.arrivals(t):
            final = np.array_equal(arrival.rows, rows)
            new = gaps if final else self._gaps(t, arrival.rows)
            before = self._gaps(t, arrival.replaced) if len(arrival.replaced) else [Estimate(0.0, 0.0)] * t
            sizes = len(arrival.rows), len(arrival.replaced)
            for s, (now, then) in enumerate(zip(new, before, strict=True)):
                total = sizes[0] * now.value - sizes[1] * then.value
                error = sizes[0] * now.standard_error + sizes[1] * then.standard_error
                doubt = code_of((*now.doubts, *then.doubts))
                self.arrived.add(arrival, s, total, error, now.reliable and then.reliable, doubt)

    def _gaps(self, t: int, rows: Positions) -> list[Estimate]:
        """Mean score of the newest posterior minus that of each, at the outcomes of `rows`, which are forecast in t."""
        forecaster, past = self._as_of(t)
        batch = self.forecaster.batch(rows)
        score, state_seed = self.plan.score, self.seeds[t][1]
        newest = score.forecast(forecaster, self.posteriors[-1], batch, past, state_seed)
        gaps = []
        for s, posterior in enumerate(self.posteriors):
            serves_itself = posterior is self.posteriors[-1]
            one = newest if serves_itself else score.forecast(forecaster, posterior, batch, past, state_seed)
            gaps.append(Estimate(0.0, 0.0) if serves_itself else score.gap(newest, one))
            if "deployed_score" in self.plan.variables:  # asked for only where these rows are the period's own
                self._put("deployed_score", s, t, score.mean_score(one))
        return gaps

    def _as_of(self, t: int) -> tuple[Any, xr.Dataset | None]:
        """What forecasts in t, and the rows before its target where the model needs them.

        Where outcomes feed back, those between issue and target are simulated.
        """
        if not self.forecaster.needs_past:
            return self.forecaster, None
        history, plan = self.plan.history, self.plan
        if self.forecaster.feedback and plan.horizon > 1:
            between = self.forecaster.as_batch(history.periods(plan.position(t), plan.target(t)))
            return LastOfPath(self.forecaster, between), history.periods(0, plan.position(t))
        return self.forecaster, history.periods(0, plan.target(t))

    def _by_likelihood(
        self, t: int, held: HeldLikelihoods, deployed: list[xr.DataTree], weight: Array, rows: Positions
    ) -> None:
        """Debt, and the Pareto k of what would make the shadow of each deployed posterior."""
        held.advance(deployed, weight, self.seeds[t][1])
        at_shadow = held.add(self.shadow.posterior, weight)
        comparable = self._comparable(self.forecaster.batch(rows))
        at_deployed = [np.broadcast_to(one, at_shadow.shape[:2]) for one in held.beyond[:-1]]
        if comparable.all():
            self.ladder.add(at_deployed, at_shadow, self.weights, self.lineages)
        for s in np.flatnonzero(comparable).tolist():
            if "deployed_pareto_k" in self.plan.variables:
                self.cells["deployed_pareto_k"][s, t - 1] = _pareto_k(at_deployed[s], self.weights[s])
            if "debt" not in self.plan.variables:
                continue
            if np.array_equal(weight, held.weights[s]):
                self._put("debt", s, t, Estimate(0.0, 0.0))
                continue
            chain = partial(self.ladder.links, s) if comparable.all() else None
            self._put("debt", s, t, self._debt_between(s, t, at_shadow[..., s], at_deployed[s], chain))

    def _debt_between(self, s: int, t: int, at_shadow: Array, at_deployed: Array, chain: Any) -> Estimate:
        # What has come and what has gone may both rule a draw out: what has come counts.
        at_shadow, at_deployed = (np.where(np.isnan(one), -np.inf, one) for one in (at_shadow, at_deployed))
        estimate = debt_from_draws(
            at_shadow,
            at_deployed,
            partial(self.marginal, t),
            partial(self.marginal, s),
            chain=chain,
            weight_shadow=self.weights[t],
            weight_deployed=self.weights[s],
            together=self.lineages[s] == self.lineages[t],
        )
        estimate = with_moves(estimate, self.moved[t], self.moved[s])
        return estimate.with_doubts(*self.doubts[t], *self.doubts[s])

    def _debt_by_densities(self, t: int, deployed: list[xr.DataTree]) -> None:
        """Debts between approximate posteriors, which the keeper knows the densities of."""
        shadow, log_density = self.shadow.posterior, self.log_density
        assert log_density is not None
        at_own = log_density(shadow, shadow)
        for s, posterior in enumerate(deployed):
            estimate = Estimate(0.0, 0.0)
            if posterior is not shadow:
                estimate = debt_from_densities(at_own, log_density(posterior, shadow), weight_shadow=self.weights[t])
            self._put("debt", s, t, estimate)

    def _predictive_debt(self, t: int, deployed: list[xr.DataTree], rows: Positions) -> None:
        forecaster, past = self._as_of(t)
        batch = self.forecaster.batch(rows)
        contrast = self.plan.score.contrast(forecaster, self.shadow.posterior, batch, self.seeds[t][1], past)
        for s, posterior in enumerate(deployed):
            same = posterior is self.shadow.posterior
            estimate = Estimate(0.0, 0.0, diagnostics={"gap_sd": 0.0}) if same else contrast.against(posterior)
            self._put("predictive_debt", s, t, estimate)
            self.cells["gap_sd"][s, t - 1] = estimate.diagnostics.get("gap_sd", np.nan)

    def _comparable(self, batch: xr.Dataset) -> Array:
        """Which deployed posteriors have a debt to the shadow: all, unless groups or states have come since."""
        shadow, deployed = self.posteriors[-1], self.posteriors[:-1]
        if not getattr(self.forecaster, "growing_dims", ()):
            self.forecaster.require_comparable(shadow, deployed[0], batch)
            return np.ones(len(deployed), dtype=bool)
        found = []
        for one in deployed:
            try:
                self.forecaster.require_comparable(shadow, one, batch)
                found.append(True)
            except IncomparablePosteriorsError:
                found.append(False)
        return np.array(found)

    def _log_marginal(self, t: int) -> LogMarginal | NoLogMarginal:
        return log_marginal(self.forecaster, self.posteriors[t], np.random.default_rng(self.seeds[t][2]))

    def _put(self, name: str, s: int, t: int, estimate: Estimate) -> None:
        self.cells[name][s, t - 1] = estimate.value
        self.cells[se_of(name)][s, t - 1] = estimate.standard_error
        self.cells[reliable_of(name)][s, t - 1] = estimate.reliable
        self.cells[doubt_of(name)][s, t - 1] = code_of(estimate.doubts)


def _empty_cells(plan: Plan) -> dict[str, Array]:
    shape, names = (plan.periods, plan.periods), {*plan.variables, "score_gap"}
    cells: dict[str, Any] = {name: np.full(shape, np.nan) for name in names}
    cells |= {se_of(name): np.full(shape, np.nan) for name in names - set(DRAWS_ONLY)}
    cells |= {reliable_of(name): np.zeros(shape, dtype=bool) for name in names - set(DRAWS_ONLY)}
    cells |= {doubt_of(name): np.zeros(shape, dtype=np.int8) for name in names - set(DRAWS_ONLY)}
    if "predictive_debt" in plan.variables:
        cells["gap_sd"] = np.full(shape, np.nan)
    return cells


def _upper(cells: Array) -> Array:
    return cells[np.triu_indices(len(cells))]


def _pareto_k(log_ratio: Array, weight: Array | None) -> float:
    """Pareto k-hat of draws that weigh `weight` and would weigh exp(`log_ratio`) times that, (chain, draw)."""
    with np.errstate(divide="ignore"):
        total = log_ratio if weight is None else log_ratio + np.log(weight)
    return min(importance(total).pareto_k, WORST_PARETO_K)


def _refuse(forecaster: SampledForecaster, plan: Plan, keeper: ShadowKeeper) -> None:
    """Raise where the shadow's keeper, or rows that depend on rows before them, do not allow what is asked for."""
    if "deployed_pareto_k" in plan.variables:
        why = "" if getattr(keeper, "exact", True) else "the shadow's keeper hands out approximate posteriors"
        if why := why or _why_no_debt(forecaster, plan, keeper):
            raise ValueError(f"variables: deployed_pareto_k needs what posterior debt needs, and here {why}")
    if not forecaster.needs_past:
        return
    if plan.update_rule.discount < 1:
        raise ValueError(
            "update_rule: rows of this model depend on the rows before them, so that a row cannot be discounted on its "
            "own; use all data"
        )
    if not plan.history.on_time:
        raise ValueError(
            "history: rows of this model depend on the rows before them, so that none may arrive late or be revised; "
            "leave 'arrived' and 'row' out, and the last periods until they are final"
        )
    if plan.update_rule.window is not None and len(getattr(forecaster, "growing_dims", ())) > 0:
        raise ValueError(
            f"update_rule: states of this model follow from the first row it was fitted to, which a {plan.update_rule} "
            "leaves out; use all data"
        )
    if forecaster.feedback and plan.horizon > 1 and plan.score.name == "log":
        raise ValueError(
            f"horizon={plan.horizon}: outcomes of this model feed back into its forecasts, and their density several "
            "steps ahead has no closed form; choose a score of draws, such as score='crps'"
        )


def _why_no_debt(forecaster: SampledForecaster, plan: Plan, keeper: ShadowKeeper) -> str:
    """Why no two posteriors of this table have a posterior debt that can be told, or nothing."""
    if not getattr(keeper, "exact", True):
        return APPROXIMATE if getattr(keeper, "log_density", None) is None else ""
    if forecaster.needs_past and plan.update_rule.window is not None:
        return SLIDING
    return ""
