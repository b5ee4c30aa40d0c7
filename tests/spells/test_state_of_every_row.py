"""A state of every row in a spell table, against the Kalman filter."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pymc as pm
import pytest
import xarray as xr
from scipy import stats

from learning_debt.forecasters.pymc.forecaster import PyMCForecaster
from learning_debt.shadows.supplied import SuppliedShadow
from learning_debt.spells.table_builder import spell_table

STEP, NOISE, DRAWS = 0.5, 0.8, 3000
INITIAL, PERIODS = 4, 4


def build(data):
    with pm.Model() as model:
        y = pm.Data("y", data["y"].values, dims="obs")
        level = pm.GaussianRandomWalk("level", 0, STEP, init_dist=pm.Normal.dist(0, 1), dims="obs")
        pm.Normal("outcome", level, NOISE, observed=y, dims="obs")
    return model


def smoothed(y):
    """Mean and covariance of the levels given the rows so far: a random walk that starts at a variance of one."""
    count = len(y)
    steps = np.arange(count)
    prior = 1 + STEP**2 * np.minimum(steps[:, None], steps)
    gain = prior @ np.linalg.inv(prior + NOISE**2 * np.eye(count))
    return gain @ y, prior - gain @ prior


def exact_draws(data, row_weight, previous, random_seed):
    mean, covariance = smoothed(data["y"].values)
    draws = np.random.default_rng(random_seed).multivariate_normal(mean, covariance, DRAWS)
    return xr.DataTree.from_dict({"posterior": xr.Dataset({"level": (("chain", "draw", "obs"), draws[None])})})


@pytest.fixture(scope="module")
def history():
    level = np.cumsum(np.random.default_rng(3).normal(scale=STEP, size=INITIAL + PERIODS))
    return pd.DataFrame({"y": level + 0.5, "period": np.arange(INITIAL + PERIODS)})


@pytest.fixture(scope="module")
def table(history):
    forecaster = PyMCForecaster(build, growing_dims=("obs",), compile_kwargs={"mode": "FAST_COMPILE"})
    with pytest.warns(UserWarning, match="the table holds no debt"):
        return spell_table(
            forecaster,
            history,
            initial=INITIAL,
            variables=("debt", "predictive_debt", "score_gap"),
            shadow=SuppliedShadow(exact_draws, exact=True),
            random_seed=2,
            progressbar=False,
        )


def forecast(y, ahead):
    """Mean and standard deviation of the outcome so many rows after the last; of the last row again at 0."""
    mean, covariance = smoothed(y)
    return mean[-1], np.sqrt(covariance[-1, -1] + STEP**2 * ahead + NOISE**2)


def cells():
    return [(s, t) for t in range(1, PERIODS + 1) for s in range(t)]


def errors(table, name, right):
    found = table.isel(series=0)
    return [
        (float(found[name].sel(deployed_at=s, period=t)) - right(s, t))
        / max(float(found[f"{name}_se"].sel(deployed_at=s, period=t)), 1e-12)
        for s, t in cells()
        if (name, s) != ("score_gap", t - 1)
    ]


def test_the_score_gap_is_that_of_two_filters(table, history):
    y = history["y"].values

    def gap(s, t):
        row = INITIAL + t - 1
        scores = [stats.norm.logpdf(y[row], *forecast(y[: INITIAL + k], t - k)) for k in (t - 1, s)]
        return scores[0] - scores[1]

    assert np.abs(errors(table, "score_gap", gap)).max() < 4


def test_predictive_debt_knows_the_state_that_the_shadow_holds(table, history):
    y = history["y"].values

    def divergence(s, t):
        (mean, sd), (other, wider) = forecast(y[: INITIAL + t], 0), forecast(y[: INITIAL + s], t - s)
        return np.log(wider / sd) + (sd**2 + (mean - other) ** 2) / (2 * wider**2) - 0.5

    assert np.abs(errors(table, "predictive_debt", divergence)).max() < 4
    assert table["predictive_debt_reliable"].isel(series=0).values[np.triu_indices(PERIODS)].all()


def test_no_debt_exists_between_posteriors_of_other_states(table):
    assert "debt" not in table
    assert {"predictive_debt", "score_gap"} <= set(table)
