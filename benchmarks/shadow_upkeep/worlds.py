"""Histories whose exact posterior is known at every period, and the forecasters that are fitted to them."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from learning_debt import NIG
from learning_debt.data import take_rows
from shadow_upkeep.regression import SampledRegression

ROWS = 5
SCENARIOS = ("no shift", "shift .5", "shift 2", "variance x4", "random walk")
"""Halfway the level moves by .5 or 2 residual standard deviations, or the residual variance becomes 4; or every
coefficient walks, so that a typical row moves by .1 residual standard deviations a period."""


def prior(coefficients: int) -> NIG:
    """A typical row's signal is of the size of its noise."""
    return NIG(np.zeros(coefficients), coefficients * np.eye(coefficients), 3.0, 2.0)


def initial_rows(coefficients: int) -> int:
    """Rows before the first period."""
    return max(60, 5 * coefficients)


def history(coefficients: int, scenario: str, periods: int, rng: np.random.Generator) -> tuple[xr.Dataset, np.ndarray]:
    """Rows x, y and the period of each; 0 are those before the first."""
    period = np.repeat(np.arange(periods + 1), [initial_rows(coefficients), *[ROWS] * periods])
    x = rng.normal(size=(period.size, coefficients))
    x[:, 0] = 1.0
    step = 0.1 if scenario == "random walk" else 0.0
    steps = step * rng.normal(size=(periods + 1, coefficients))
    steps[0] = rng.normal(size=coefficients)
    slopes = np.cumsum(steps, axis=0)[period] / np.sqrt(coefficients)
    late = period > periods // 2
    level = {"shift .5": 0.5, "shift 2": 2.0}.get(scenario, 0.0)
    noise = rng.normal(size=period.size) * np.where(late & (scenario == "variance x4"), 2.0, 1.0)
    y = (x * slopes).sum(axis=1) + level * late + noise
    return xr.Dataset({"x": (("obs", "coefficient"), x), "y": ("obs", y)}), period


def exact_draws(coefficients: int) -> SampledRegression:
    """Fits are independent draws, 4 chains of 1000."""
    return SampledRegression(prior(coefficients))


def nutpie_twin(coefficients: int) -> Any:
    """The same regression as a PyMC model, sampled by nutpie with 4 chains of 1000 after 1000 of tuning."""
    import pymc as pm

    from learning_debt import PyMCForecaster

    believed = prior(coefficients)

    def build_model(data: xr.Dataset) -> pm.Model:
        with pm.Model(coords={"coefficient": np.arange(coefficients)}) as model:
            x = pm.Data("x", data["x"].values, dims=("obs", "coefficient"))
            y = pm.Data("y", data["y"].values, dims="obs")
            variance = pm.InverseGamma("variance", believed.shape, believed.rate)
            spread = pm.math.sqrt(variance / believed.precision[0, 0])
            beta = pm.Normal("beta", 0, spread, dims="coefficient")
            pm.Normal("outcome", x @ beta, pm.math.sqrt(variance), observed=y, dims="obs")
        return model

    return PyMCForecaster(build_model, sampler="nutpie")


def up_to(data: xr.Dataset, period: np.ndarray, last: int) -> xr.Dataset:
    """Rows known at the end of period `last`."""
    return take_rows(data, slice(0, int((period <= last).sum())), "obs")


def of_period(data: xr.Dataset, period: np.ndarray, which: int) -> xr.Dataset:
    """Rows of one period."""
    return take_rows(data, np.flatnonzero(period == which), "obs")
