"""Calls that a help desk will get next week, from a level that follows the latest weeks: an adaptive forecaster.

The history is simulated, with a fixed seed: the level walks at random, a little every week. The noise about it is two
and a half times as large in some weeks as in the others, which no model of the level alone follows. A rival that does
not adapt, `rival`, knows the mean of its training data, and is exact.

The model is the local level in its innovations form (simple exponential smoothing): the forecast is a weighted mean of
the latest weeks, each worth `1 - gain` of the week after it. It follows the level without being retrained. What a
retrain learns anew is the gain and the size of surprises, which stand for the two variances of the local level.
"""

import numpy as np
import pymc as pm
import xarray as xr

import learning_debt as ld

LAGS, WEEKS = 24, 140
NOISY = (60, 110)
"""Weeks in which the noise is large, the first of them included."""
STEP, NOISE, FACTOR, START = 0.5, 1.0, 2.5, 20.0


def simulate(random_seed: int, noisy: tuple[int, int] = NOISY) -> xr.Dataset:
    """Weeks of calls (in hundreds), each beside the `LAGS` weeks before it; `noisy=(0, 0)` for a noise that stays."""
    rng = np.random.default_rng(random_seed)
    week = np.arange(-LAGS, WEEKS)
    level = START + STEP * rng.normal(size=week.size).cumsum()
    size = np.where((week >= noisy[0]) & (week < noisy[1]), FACTOR * NOISE, NOISE)
    calls = level + size * rng.normal(size=week.size)
    latest = np.lib.stride_tricks.sliding_window_view(calls, LAGS)[:WEEKS, ::-1]
    return xr.Dataset(
        {"latest": (("obs", "lag"), latest.copy()), "calls": ("obs", calls[LAGS:])},
        coords={"period": ("obs", week[LAGS:]), "lag": np.arange(1, LAGS + 1)},
    )


def load_history() -> xr.Dataset:
    """The history with noisy weeks in the middle."""
    return simulate(1)


def build_model(data: xr.Dataset) -> pm.Model:
    """An exponentially weighted mean of the latest weeks, and normal surprises."""
    with pm.Model(coords={"lag": np.arange(1, LAGS + 1)}) as model:
        latest = pm.Data("latest", data["latest"].values, dims=("obs", "lag"))
        calls = pm.Data("calls", data["calls"].values, dims="obs")
        gain = pm.Beta("gain", 2.0, 4.0)  # a third or so of every surprise stays in the level
        surprise = pm.HalfNormal("surprise", 3.0)  # hundreds of calls
        weight = (1 - gain) ** np.arange(LAGS)
        pm.Normal("week", latest @ (weight / weight.sum()), surprise, observed=calls, dims="obs")
    return model


def rival_rows(data: xr.Dataset) -> xr.Dataset:
    """The same weeks for a forecaster that knows one level, the mean of its training data: a regression on ones."""
    ones = xr.ones_like(data["calls"]).expand_dims(coefficient=["level"], axis=1)
    return xr.Dataset({"x": ones, "y": data["calls"]})


rival = ld.ConjugateRegression(ld.NIG([START], [[0.04]], 2.0, 4.0), coefficient_names=["level"])

# A retrain is worth half a nat of log score. Replace it by what yours costs.
cost = 0.5

update_rule = ld.UpdateRule(window=52)
initial = 28
calendar = 8
