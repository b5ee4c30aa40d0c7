"""Models, and histories with a shift halfway through what is replayed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

COEFFICIENTS, ROWS = 5, 5
LAGS = 8


@dataclass(frozen=True)
class Case:
    """One model and one history.

    Attributes
    ----------
    build_model : callable
        As `learning_debt.PyMCForecaster` takes it.
    simulate : callable
        ``simulate(rng)``: rows with ``period``, numbered from 0.
    initial : int
        Periods of the first fit.
    draws, tune : int
        Of each of four chains.
    options : dict
        Other arguments of the forecaster.
    """

    name: str
    build_model: Callable[[xr.Dataset], Any]
    simulate: Callable[[np.random.Generator], xr.Dataset]
    initial: int
    draws: int = 1000
    tune: int = 1000
    options: tuple[tuple[str, Any], ...] = ()


class Panel(NamedTuple):
    """Stores, weeks, and the weeks before the first period."""

    stores: int
    weeks: int
    initial: int


def regression_rows(
    rng: np.random.Generator, initial: int = 12, periods: int = 60, tails: float = np.inf
) -> xr.Dataset:
    """A regression of noise 1 whose intercept moves by 1; Student-t noise where `tails` degrees of freedom are few."""
    period = np.repeat(np.arange(initial + periods), ROWS)
    x = rng.normal(size=(period.size, COEFFICIENTS))
    x[:, 0] = 1.0
    noise = rng.normal(size=period.size) if np.isinf(tails) else rng.standard_t(tails, size=period.size)
    y = x @ rng.normal(size=COEFFICIENTS) + (period >= initial + periods // 2) + noise
    return xr.Dataset({"x": (("obs", "coefficient"), x), "y": ("obs", y)}, coords={"period": ("obs", period)})


def conjugate_regression(data: xr.Dataset) -> Any:
    """Normal errors; coefficients' prior is in units of the noise."""
    import pymc as pm

    with pm.Model(coords={"coefficient": np.arange(COEFFICIENTS)}) as model:
        x = pm.Data("x", data["x"].values, dims=("obs", "coefficient"))
        y = pm.Data("y", data["y"].values, dims="obs")
        sd = pm.math.sqrt(pm.InverseGamma("variance", 3.0, 2.0))
        beta = pm.Normal("beta", 0.0, sd, dims="coefficient")
        pm.Normal("outcome", x @ beta, sd, observed=y, dims="obs")
    return model


def student_t_regression(data: xr.Dataset) -> Any:
    """The same with heavy tails, and no conjugate prior."""
    import pymc as pm

    with pm.Model(coords={"coefficient": np.arange(COEFFICIENTS)}) as model:
        x = pm.Data("x", data["x"].values, dims=("obs", "coefficient"))
        y = pm.Data("y", data["y"].values, dims="obs")
        beta = pm.Normal("beta", 0.0, 2.0, dims="coefficient")
        scale, freedom = pm.HalfNormal("scale", 3.0), pm.Gamma("degrees_of_freedom", 2.0, 0.1)
        pm.StudentT("outcome", nu=freedom, mu=x @ beta, sigma=scale, observed=y, dims="obs")
    return model


def sales(rng: np.random.Generator, panel: Panel) -> xr.Dataset:
    """Weekly sales of every store; half of the stores lose a fifth of theirs halfway through the replay."""
    week, store = np.repeat(np.arange(panel.weeks), panel.stores), np.tile(np.arange(panel.stores), panel.weeks)
    price, promotion = rng.normal(size=week.size), rng.random(week.size) < 0.2
    late = week >= (panel.initial + panel.weeks) // 2
    level = 2.5 + 0.4 * rng.normal(size=panel.stores)
    rate = np.exp(level[store] - 0.2 * price + 0.3 * promotion + np.log(0.8) * (late & (store % 2 == 0)))
    sold = rng.negative_binomial(5.0, 5.0 / (5.0 + rate))
    columns = {
        "store": store,
        "price": price,
        "promotion": promotion.astype(float),
        "trend": (week - panel.initial) / 52.0,
        "sold": sold,
    }
    return xr.Dataset({name: ("obs", values) for name, values in columns.items()}, coords={"period": ("obs", week)})


def store_counts(stores: int) -> Callable[[xr.Dataset], Any]:
    """Negative binomial sales; levels of stores are partially pooled. Six parameters and one a store."""

    def build_model(data: xr.Dataset) -> Any:
        import pymc as pm

        with pm.Model(coords={"place": np.arange(stores)}) as model:
            store = pm.Data("store", data["store"].values, dims="obs")
            price = pm.Data("price", data["price"].values, dims="obs")
            promotion = pm.Data("promotion", data["promotion"].values, dims="obs")
            trend = pm.Data("trend", data["trend"].values, dims="obs")
            sold = pm.Data("sold", data["sold"].values, dims="obs")
            level, spread = pm.Normal("level", 2.0, 1.0), pm.HalfNormal("spread", 1.0)
            store_level = pm.Normal("store_level", level, spread, dims="place")
            slopes = [pm.Normal(f"{name}_slope", 0.0, 0.5) for name in ("price", "promotion", "trend")]
            shown = slopes[0] * price + slopes[1] * promotion + slopes[2] * trend
            size = pm.Gamma("dispersion", 3.0, 0.5)
            pm.NegativeBinomial("sales", pm.math.exp(store_level[store] + shown), size, observed=sold, dims="obs")
        return model

    return build_model


def media_weeks(rng: np.random.Generator, weeks: int = 104, initial: int = 52) -> xr.Dataset:
    """Two channels whose spend lingers and saturates, a price and a season; the second channel loses half its reach."""
    week = np.arange(weeks)
    spend = rng.gamma(1.0, 0.5, size=(weeks, 2))
    reach = np.array([1.0, 1.5]) * np.where(week[:, None] >= (initial + weeks) // 2, [1.0, 0.5], 1.0)
    kept = 0.5 ** np.arange(LAGS)
    stock = np.stack([np.convolve(channel, kept)[:weeks] for channel in spend.T], axis=1)
    price, season = rng.normal(size=weeks), np.stack([f(2 * np.pi * week / 52) for f in (np.sin, np.cos)], axis=1)
    mean = 5.0 + (reach * (1 - np.exp(-stock))).sum(axis=1) - 0.3 * price + season @ [0.3, 0.2]
    columns = {
        "spend": (("obs", "channel"), spend),
        "price": ("obs", price),
        "season": (("obs", "wave"), season),
        "y": ("obs", mean + 0.3 * rng.normal(size=weeks)),
    }
    return xr.Dataset(columns, coords={"period": ("obs", week)})


def media_mix(data: xr.Dataset) -> Any:
    """Geometric adstock of eight weeks, so that a row needs the seven before it; ten parameters."""
    import pymc as pm
    import pytensor.tensor as pt

    with pm.Model(coords={"channel": np.arange(2), "wave": np.arange(2)}) as model:
        spend = pm.Data("spend", data["spend"].values, dims=("obs", "channel"))
        price = pm.Data("price", data["price"].values, dims="obs")
        season = pm.Data("season", data["season"].values, dims=("obs", "wave"))
        y = pm.Data("y", data["y"].values, dims="obs")
        keep = pm.Beta("keep", 3.0, 3.0, dims="channel")
        reach = pm.LogNormal("reach", 0.0, 0.5, dims="channel")
        level, slope, scale = pm.Normal("level", 5.0, 2.0), pm.Normal("slope", 0.0, 1.0), pm.HalfNormal("scale", 1.0)
        waves = pm.Normal("waves", 0.0, 0.5, dims="wave")
        padded = pt.concatenate([pt.zeros((LAGS - 1, 2)), spend])
        stock = sum(keep**lag * padded[LAGS - 1 - lag : padded.shape[0] - lag] for lag in range(LAGS))
        mean = level + ((1 - pm.math.exp(-stock)) * reach).sum(axis=1) + slope * price + season @ waves
        pm.Normal("outcome", mean, scale, observed=y, dims="obs")
    return model


def _counts(panel: Panel, draws: int) -> Case:
    name = f"counts_{panel.stores}x{panel.weeks}"
    return Case(name, store_counts(panel.stores), lambda rng: sales(rng, panel), panel.initial, draws, draws)


CASES = {
    case.name: case
    for case in (
        Case("twin", conjugate_regression, regression_rows, 12),
        Case("student_t", student_t_regression, lambda rng: regression_rows(rng, tails=4.0), 12),
        _counts(Panel(10, 52, 26), 1000),
        _counts(Panel(50, 104, 52), 500),
        _counts(Panel(200, 156, 56), 500),
        Case("media_mix", media_mix, media_weeks, 52, options=(("context_rows", LAGS - 1),)),
    )
}
