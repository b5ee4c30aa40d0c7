"""One keeper over one history: what every period took, and how far its forecast was from the exact one."""

from __future__ import annotations

from dataclasses import dataclass
from time import process_time
from typing import Any
from unittest.mock import patch

import numpy as np
import xarray as xr

from learning_debt import ConjugateRegression, posterior_debt
from learning_debt.arrays.conjugate import nig
from learning_debt.arrays.conjugate.nig import NIG
from learning_debt.arrays.draws.moment_match import Importance
from learning_debt.forecasters.convergence import Convergence
from learning_debt.forecasters.weights import relative_weights
from learning_debt.shadows import ladder as shadow_module
from learning_debt.shadows import refit as keeper_module
from learning_debt.shadows.base import Shadow
from learning_debt.shadows.ladder import ShadowLadder
from learning_debt.shadows.refit import Refit
from learning_debt.shadows.reweighting import PROBES
from shadow_upkeep import worlds

DEBT_EVERY = 40


class KOnly(ShadowLadder):
    """Weights are served by their Pareto k alone."""

    def enough(self, weights: Importance, anchor: Any) -> bool:
        return weights.pareto_k <= self.maximum_pareto_k


class SizeOnly(ShadowLadder):
    """Weights are served by their effective size alone."""

    def enough(self, weights: Importance, anchor: Any) -> bool:
        return weights.effective_size >= self.minimum_effective_share * weights.log_weight.size


KEEPERS: dict[str, Any] = {
    "refit": Refit(),
    "reweight": ShadowLadder("reweight", minimum_effective_share=0.1, draws_factor=1),
    "ladder": ShadowLadder(minimum_effective_share=0.1, draws_factor=1),
    "reweight, 4 fits": ShadowLadder("reweight", minimum_effective_share=1.0, draws_factor=4),
    "ladder, 4 fits": ShadowLadder(minimum_effective_share=1.0, draws_factor=4),
    "ladder, 16 fits": ShadowLadder(minimum_effective_share=4.0, draws_factor=16),
    "compile": ShadowLadder(minimum_effective_share=0.9, draws_factor=1),
    "k only": KOnly("reweight", draws_factor=1),
    "size only": SizeOnly("reweight", minimum_effective_share=0.1, draws_factor=1),
}
"""Plain names take one fit's draws and a tenth of them as enough; with 4 fits, weights must be worth one fit,
with 16 four. "compile" only calls upon every rung."""


@dataclass(frozen=True)
class Cell:
    """What is walked: `every` above 1 looks at every so many periods only, to price a refit."""

    engine: str
    coefficients: int
    scenario: str
    keeper: str
    periods: int = 200
    every: int = 1

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.engine}-{self.coefficients}-{self.scenario}-{self.keeper}".replace(" ", "_").replace(",", "")


def walk(cell: Cell, seed: int, replication: int, forecaster: Any = None) -> list[dict[str, Any]]:
    """A record for every period looked at, the first fit first."""
    rng = np.random.default_rng([seed, cell.coefficients, worlds.SCENARIOS.index(cell.scenario), replication])
    data, period = worlds.history(cell.coefficients, cell.scenario, cell.periods, rng)
    forecaster = forecaster or worlds.exact_draws(cell.coefficients)
    if cell.engine != "exact draws":
        return _walk(cell, forecaster, data, period, rng)
    size = 4000.0 * getattr(KEEPERS[cell.keeper], "draws_factor", 1)
    independent = Convergence(1.0, size, 0, True)
    with (  # independent draws need no diagnosis, a fixed prior no check: most of the time, as sampling takes none
        patch.object(keeper_module, "believable", lambda _: independent),
        patch.object(shadow_module, "believable", lambda _: independent),
        patch.object(shadow_module, "ratio_agrees", _taken_for_granted),
    ):
        return _walk(cell, forecaster, data, period, rng)


def _taken_for_granted(_: Any, before: xr.DataTree, after: xr.DataTree, __: np.ndarray) -> tuple[bool, float]:
    """As `ratio_agrees`, with its count."""
    return True, float(PROBES * sum(tree["training_data"].sizes["obs"] for tree in (before, after)))


def _walk(
    cell: Cell, forecaster: Any, data: xr.Dataset, period: np.ndarray, rng: np.random.Generator
) -> list[dict[str, Any]]:
    keeper, model = KEEPERS[cell.keeper], ConjugateRegression(worlds.prior(cell.coefficients))
    seeds = rng.integers(2**31, size=cell.periods + 1).tolist()
    rows = worlds.up_to(data, period, 0)
    exact = model.fit(rows)
    begun = process_time()
    shadow, upkeep = keeper.start(forecaster, rows, np.ones(rows.sizes["obs"]), seeds[0])
    records = [_record(0, upkeep, held=rows.sizes["obs"], cpu_seconds=process_time() - begun)]
    deployed, since = (shadow, exact), 0
    for t in range(1, cell.periods + 1):
        batch = worlds.of_period(data, period, t)
        looked = t % cell.every == 0
        error = _score_error(forecaster, shadow, exact, batch) if looked else np.nan
        exact = model.update(exact, batch)
        if not looked and (t + 1) % cell.every:
            continue
        rows = worlds.up_to(data, period, t)
        begun = process_time()
        shadow, upkeep = keeper.step(forecaster, shadow, rows, np.ones(rows.sizes["obs"]), seeds[t])
        if not looked:
            continue
        taken = process_time() - begun
        record = _record(t, upkeep, held=rows.sizes["obs"], cpu_seconds=taken, log_score_error=error)
        if t % DEBT_EVERY == 0 and cell.every == 1:
            later = rows.isel(obs=slice(int((period <= since).sum()), None))
            record |= _debt(forecaster, shadow, exact, *deployed, later)
            deployed, since = (shadow, exact), t
        records.append(record)
    records[-1]["pass_cpu_seconds"] = _pass_seconds(forecaster, shadow)
    return records


def _record(t: int, upkeep: Any, **more: float) -> dict[str, Any]:
    return {"period": t, **upkeep._asdict(), **more}


def _score_error(forecaster: Any, shadow: Shadow, exact: NIG, batch: xr.Dataset) -> float:
    """Mean log score of draws less the exact one, over rows that neither has seen."""
    (density,) = forecaster.log_density(shadow.posterior, batch).data_vars.values()
    weight = relative_weights(shadow.posterior)
    peak = density.values.max(axis=0)
    with np.errstate(divide="ignore"):
        log_weight = 0.0 if weight is None else np.log(weight.reshape(-1, 1))
    score = np.log(np.exp(density.values - peak + log_weight).mean(axis=0)) + peak
    return float((score - nig.log_score(exact, batch["x"].values, batch["y"].values)).mean())


def _debt(
    forecaster: Any, shadow: Shadow, exact: NIG, deployed: Shadow, exact_deployed: NIG, later: xr.Dataset
) -> dict[str, Any]:
    """Posterior debt since the shadow kept as deployed, sampled and exact."""
    estimate = posterior_debt(forecaster, shadow.posterior, deployed.posterior, later)
    return {
        "debt": estimate.value,
        "debt_se": estimate.standard_error,
        "debt_reliable": estimate.reliable,
        "debt_exact": float(nig.kl(exact, exact_deployed)),
    }


def _pass_seconds(forecaster: Any, shadow: Shadow) -> float:
    """CPU seconds for the log density of all rows held, at the draws of one fit; the median of five."""
    points = forecaster.unconstrained_draws(shadow.posterior)
    points = points.reshape(-1, points.shape[-1])[:4000]
    forecaster.log_joint(shadow.posterior, points)
    taken = []
    for _ in range(5):
        begun = process_time()
        forecaster.log_joint(shadow.posterior, points)
        taken.append(process_time() - begun)
    return float(np.median(taken))
