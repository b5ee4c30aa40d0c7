"""A hierarchical count model, for which a very long refit stands in for the truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from scipy.special import logsumexp

from learning_debt.arrays.draws.effective_size import effective_size
from learning_debt.forecasters.weights import relative_weights
from learning_debt.shadows.ladder import ShadowLadder
from learning_debt.shadows.refit import Refit

STORES, ROWS, INITIAL = 16, 16, 160
LONG_DRAWS = 12_000


def build_model(data: xr.Dataset) -> Any:
    """Negative binomial sales of sixteen stores whose levels are partially pooled; 20 parameters."""
    import pymc as pm

    with pm.Model(coords={"place": np.arange(STORES)}) as model:
        store = pm.Data("store", data["store"].values, dims="obs")
        x = pm.Data("x", data["x"].values, dims="obs")
        sold = pm.Data("sold", data["sold"].values, dims="obs")
        level, spread = pm.Normal("level", 1, 1), pm.HalfNormal("spread", 1)
        store_level = pm.Normal("store_level", level, spread, dims="place")
        slope, dispersion = pm.Normal("slope", 0, 1), pm.Gamma("dispersion", 3, 1)
        mean = pm.math.exp(store_level[store] + slope * x)
        pm.NegativeBinomial("sales", mu=mean, alpha=dispersion, observed=sold, dims="obs")
    return model


def sales(periods: int, shift: float, rng: np.random.Generator) -> tuple[xr.Dataset, np.ndarray]:
    """Rows and their periods; halfway the log level of all stores moves by `shift`."""
    period = np.repeat(np.arange(periods + 1), [INITIAL, *[ROWS] * periods])
    store, x = np.arange(period.size) % STORES, rng.normal(size=period.size)
    levels = 1.0 + 0.5 * rng.normal(size=STORES)
    mean = np.exp(levels[store] + 0.3 * x + shift * (period > periods // 2))
    sold = rng.negative_binomial(3.0, 3.0 / (3.0 + mean))
    return xr.Dataset({"store": ("obs", store), "x": ("obs", x), "sold": ("obs", sold)}), period


def hierarchical_walk(seed: int, periods: int, every: int = 10) -> list[dict[str, Any]]:
    """Ladder and refit against a long refit, at every so many periods, after no shift and after one of .5."""
    from learning_debt import PyMCForecaster

    forecaster = PyMCForecaster(build_model)
    long = PyMCForecaster(build_model, draws=LONG_DRAWS // 4)
    keepers = {"ladder, 4 fits": ShadowLadder(minimum_effective_share=1.0, draws_factor=4), "refit": Refit()}
    records = []
    for number, shift in enumerate((0.0, 0.5)):
        rng = np.random.default_rng([seed, 7, number])
        data, period = sales(periods, shift, rng)
        shadows = {}
        for t in range(periods + 1):
            rows = data.isel(obs=period <= t)
            weight, step_seed = np.ones(rows.sizes["obs"]), int(rng.integers(2**31))
            batch = data.isel(obs=period == t + 1)
            looked = t % every == 0 and 0 < t < periods
            truth = long.fit(rows, random_seed=step_seed + 1) if looked else None
            for name, keeper in keepers.items():
                if name == "refit" and not looked:
                    continue
                if name in shadows and name != "refit":
                    shadow, upkeep = keeper.step(forecaster, shadows[name], rows, weight, step_seed)
                else:
                    shadow, upkeep = keeper.start(forecaster, rows, weight, step_seed)
                shadows[name] = shadow
                record = {"engine": "hierarchical", "coefficients": 20, "scenario": f"shift {shift:g}", "keeper": name}
                record |= {"every": every if name == "refit" else 1, "replication": 0, "period": t, "held": len(weight)}
                record |= upkeep._asdict()
                if looked:
                    score, error = _score(forecaster, shadow.posterior, batch)
                    true_score, true_error = _score(long, truth, batch)
                    record |= {"log_score_error": score - true_score, "error_se": float(np.hypot(error, true_error))}
                records.append(record)
    return records


def _score(forecaster: Any, posterior: xr.DataTree, batch: xr.Dataset) -> tuple[float, float]:
    """Mean log score of rows to come, and its Monte-Carlo standard error."""
    density = forecaster.log_density(posterior, batch)["sales"].values
    weight = relative_weights(posterior)
    shape = posterior["posterior"].sizes["chain"], posterior["posterior"].sizes["draw"]
    weight = np.ones(shape) if weight is None else weight
    score = logsumexp(density, axis=0, b=weight.reshape(-1, 1) / weight.size)
    influence = weight * (np.exp(density - score).mean(axis=-1).reshape(shape) - 1)
    return float(score.mean()), float(np.sqrt(influence.var() / effective_size(influence)))
