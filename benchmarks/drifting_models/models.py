"""The three models as PyMC builds them, and their densities at draws, written out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import gammaln

Array = NDArray[np.float64]
Draws = dict[str, Array]
"""By parameter, shape (draws, ...)."""


def _regression(data: xr.Dataset, scale: float, outcome: Callable[..., Any]) -> Any:
    import pymc as pm

    with pm.Model(coords={"coefficient": np.arange(data.sizes["coefficient"])}) as model:
        x = pm.Data("x", data["x"].values, dims=("obs", "coefficient"))
        y = pm.Data("y", data["y"].values, dims="obs")
        beta = pm.Normal("beta", 0, scale, dims="coefficient")
        outcome(x @ beta, y)
    return model


def counts(data: xr.Dataset) -> Any:
    """Negative binomial counts with a log-linear mean."""
    import pymc as pm

    def outcome(predictor: Any, y: Any) -> None:
        dispersion = pm.Gamma("dispersion", 2, 0.25)
        pm.NegativeBinomial("outcome", mu=pm.math.exp(predictor), alpha=dispersion, observed=y, dims="obs")

    return _regression(data, 1.0, outcome)


def tails(data: xr.Dataset) -> Any:
    """Linear regression with Student-t errors of unknown scale and degrees of freedom."""
    import pymc as pm

    def outcome(predictor: Any, y: Any) -> None:
        scale, degrees = pm.HalfNormal("scale", 2), pm.Gamma("degrees", 2, 0.1)
        pm.StudentT("outcome", nu=degrees, mu=predictor, sigma=scale, observed=y, dims="obs")

    return _regression(data, 2.0, outcome)


def choices(data: xr.Dataset) -> Any:
    """Logistic regression."""
    import pymc as pm

    def outcome(predictor: Any, y: Any) -> None:
        pm.Bernoulli("outcome", logit_p=predictor, observed=y, dims="obs")

    return _regression(data, 1.5, outcome)


def counts_density(draws: Draws, x: Array, y: Array) -> Array:
    """Log density of every row at every draw, shape (draws, rows)."""
    predictor, dispersion = draws["beta"] @ x.T, draws["dispersion"][:, None]
    total = np.log(dispersion + np.exp(predictor))
    seen, where = np.unique(y, return_inverse=True)  # few distinct counts, so that few log gammas are asked for
    ways = gammaln(seen + dispersion) - gammaln(dispersion) - gammaln(seen + 1)
    return ways[:, where] + dispersion * (np.log(dispersion) - total) + y * (predictor - total)


def tails_density(draws: Draws, x: Array, y: Array) -> Array:
    """Log density of every row at every draw, shape (draws, rows)."""
    scale, degrees = draws["scale"][:, None], draws["degrees"][:, None]
    standard = (y - draws["beta"] @ x.T) / scale
    constant = gammaln((degrees + 1) / 2) - gammaln(degrees / 2) - np.log(degrees * np.pi) / 2 - np.log(scale)
    return constant - (degrees + 1) / 2 * np.log1p(standard**2 / degrees)


def choices_density(draws: Draws, x: Array, y: Array) -> Array:
    """Log density of every row at every draw, shape (draws, rows)."""
    density = -np.log1p(np.exp((1 - 2 * y) * (draws["beta"] @ x.T)))
    return np.where((y == 0) | (y == 1), density, -np.inf)


MODELS = {"counts": counts, "tails": tails, "choices": choices}
LOG_DENSITY = {"counts": counts_density, "tails": tails_density, "choices": choices_density}


def forecaster(name: str, draws: int = 250, tune: int = 250) -> Any:
    """The model as a forecaster of 4 chains, sampled by PyMC's sampler and scored by the density written out here.

    A table asks for a hundred million densities; log gammas of counts alone would take most of its time. The test
    holds the written density against the model's own.
    """
    from learning_debt import PyMCForecaster

    class Written(PyMCForecaster):
        def log_density(
            self, posterior: xr.DataTree, batch: Any, past: Any = None, *, random_seed: int | None = None
        ) -> xr.Dataset:
            values = LOG_DENSITY[name](flat(posterior), batch["x"].values, batch["y"].values)
            return xr.Dataset({"outcome": (("sample", "obs"), values)})

        def outcome_kind(self) -> str:
            return "continuous" if name == "tails" else "count"

    return Written(MODELS[name], draws=draws, tune=tune)


def flat(posterior: xr.DataTree, chains: slice = slice(None)) -> Draws:
    """Draws of some chains, one after another."""
    columns = {name: posterior["posterior"][name] for name in posterior["posterior"].data_vars}
    return {
        str(name): column.transpose("chain", "draw", ...).values[chains].reshape(-1, *column.shape[2:])
        for name, column in columns.items()
    }
