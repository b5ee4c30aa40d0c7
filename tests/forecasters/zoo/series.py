"""Rows that depend on rows before them: lags, adstock, walks, Gaussian processes. They need a past."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import xarray as xr
from scipy import stats

from .case import Case, along_rows, covariates


def columns(data, *names):
    return [pm.Data(name, data[name].values, dims="obs") for name in names]


def shifted(values):
    """The row before; zero before the first."""
    return pt.concatenate([[0.0], values[:-1]])


def before(values):
    """`shifted` by a loop."""
    return np.array([0.0] + [values[k - 1] for k in range(1, len(values))])


def of_means(mean, scale):
    """Terms and moments of normal rows whose means are known from the inputs alone."""

    def terms(theta, data):
        return {"outcome": stats.norm.logpdf(data["y"].values, mean(theta, data), scale(theta))}

    def moments(theta, data, start):
        mu = mean(theta, data)[start:]
        return mu, np.full(mu.shape, scale(theta) ** 2)

    return {"terms": terms, "moments": moments}


def of_gaussian(law):
    """Terms and moments of jointly Gaussian rows, ``law(theta, data) -> (mean, covariance)``, by conditioning."""

    def given(mean, covariance, y, start):
        weights = np.linalg.solve(covariance[:start, :start], covariance[:start, start:]).T
        return mean[start:] + weights @ (y - mean[:start]), covariance[start:, start:] - weights @ covariance[
            :start, start:
        ]

    def terms(theta, data):
        (mean, covariance), y = law(theta, data), data["y"].values
        steps = [given(mean[: k + 1], covariance[: k + 1, : k + 1], y[:k], k) for k in range(len(y))]
        return {
            "outcome": np.array(
                [stats.norm.logpdf(v, m[0], c[0, 0] ** 0.5) for v, (m, c) in zip(y, steps, strict=True)]
            )
        }

    def moments(theta, data, start):
        mean, covariance = given(*law(theta, data), data["y"].values[:start], start)
        return mean, np.diag(covariance)

    return {"terms": terms, "moments": moments}


# Inputs that linger --------------------------------------------------------------------------------------------------


def adstock(data):
    """Spend lingers for ever, each period less, and saturates."""
    with pm.Model() as model:
        spend, y = columns(data, "spend", "y")
        keep, reach, rate = pm.Beta("keep", 2, 2), pm.HalfNormal("reach", 3), pm.HalfNormal("rate", 1)
        age = pt.arange(spend.shape[0])[:, None] - pt.arange(spend.shape[0])
        stock = pt.switch(age >= 0, keep ** pt.maximum(age, 0), 0.0) @ spend
        pm.Normal(
            "outcome", reach * (1 - pm.math.exp(-rate * stock)), pm.HalfNormal("scale", 1), observed=y, dims="obs"
        )
    return model


def adstock_mean(theta, data):
    stock, means = 0.0, []
    for spend in data["spend"].values:
        stock = spend + theta["keep"] * stock
        means.append(theta["reach"] * (1 - np.exp(-theta["rate"] * stock)))
    return np.array(means)


LAGS = 4


def short_adstock(data):
    """Spend lingers for three more periods."""
    with pm.Model() as model:
        spend, y = columns(data, "spend", "y")
        keep, reach = pm.Beta("keep", 2, 2), pm.HalfNormal("reach", 3)
        padded = pt.concatenate([pt.zeros(LAGS - 1), spend])
        stock = sum(keep**lag * padded[LAGS - 1 - lag : padded.shape[0] - lag] for lag in range(LAGS))
        pm.Normal("outcome", reach * stock, pm.HalfNormal("scale", 1), observed=y, dims="obs")
    return model


def short_adstock_mean(theta, data):
    spend = data["spend"].values
    return np.array(
        [
            theta["reach"] * sum(theta["keep"] ** lag * spend[k - lag] for lag in range(LAGS) if k >= lag)
            for k in range(len(spend))
        ]
    )


def scanned(data):
    """An exponentially smoothed input, by a loop inside the model."""
    with pm.Model() as model:
        x, y = columns(data, "x", "y")
        keep = pm.Beta("keep", 2, 2)
        smooth = pytensor.scan(
            lambda now, last, keep: keep * last + (1 - keep) * now,
            sequences=[x],
            outputs_info=[pt.zeros(())],
            non_sequences=[keep],
            return_updates=False,
        )
        pm.Normal("outcome", pm.Normal("slope", 0, 1) * smooth, 1, observed=y, dims="obs")
    return model


def scanned_mean(theta, data):
    last, means = 0.0, []
    for now in data["x"].values:
        last = theta["keep"] * last + (1 - theta["keep"]) * now
        means.append(theta["slope"] * last)
    return np.array(means)


def lagged_input(data):
    with pm.Model() as model:
        x, y = columns(data, "x", "y")
        now, then = pm.Normal("now", 0, 1), pm.Normal("then", 0, 1)
        pm.Normal("outcome", now * x + then * shifted(x), 1, observed=y, dims="obs")
    return model


def lagged_input_mean(theta, data):
    x = data["x"].values
    return theta["now"] * x + theta["then"] * before(x)


def prepared_input(data):
    with pm.Model() as model:
        x, then, y = columns(data, "x", "x_before", "y")
        pm.Normal("outcome", pm.Normal("now", 0, 1) * x + pm.Normal("then", 0, 1) * then, 1, observed=y, dims="obs")
    return model


def lag_of_input(data, fitted=None):
    return data.assign(x_before=("obs", before(data["x"].values))), {}


def wide_adstock(data):
    """Dates by shops; the stock runs along the dates."""
    with pm.Model(coords={"geo": data["geo"].values}) as model:
        spend, y = (pm.Data(name, data[name].values, dims=("date", "geo")) for name in ("spend", "y"))
        keep, reach = pm.Beta("keep", 2, 2), pm.HalfNormal("reach", 1, dims="geo")
        age = pt.arange(spend.shape[0])[:, None] - pt.arange(spend.shape[0])
        stock = pt.switch(age >= 0, keep ** pt.maximum(age, 0), 0.0) @ spend
        pm.Normal("outcome", reach * stock, 1, observed=y, dims=("date", "geo"))
    return model


def wide_mean(theta, data):
    stock, means = 0.0, []
    for spend in data["spend"].values:
        stock = spend + theta["keep"] * stock
        means.append(theta["reach"] * stock)
    return np.array(means)


def wide_terms(theta, data):
    return {"outcome": stats.norm.logpdf(data["y"].values, wide_mean(theta, data), 1).sum(axis=1)}


def wide_moments(theta, data, start):
    mean = wide_mean(theta, data)[start:]
    return mean, np.ones_like(mean)


def long_adstock(data):
    """The same panel in long form: a row for each date and shop."""
    shops, index = np.unique(data["geo_index"], return_inverse=True)
    with pm.Model(coords={"geo": shops}) as model:
        geo = pm.Data("geo_index", index, dims="obs")
        date, spend, y = columns(data, "date", "spend", "y")
        keep, reach = pm.Beta("keep", 2, 2), pm.HalfNormal("reach", 1, dims="geo")
        age = date[:, None] - date
        reaches = pt.eq(geo[:, None], geo) & (age >= 0)
        stock = pt.switch(reaches, keep ** pt.maximum(age, 0), 0.0) @ spend
        pm.Normal("outcome", reach[geo] * stock, 1, observed=y, dims="obs")
    return model


def long_mean(theta, data):
    stock, means = {"east": 0.0, "west": 0.0}, []
    for geo, spend in zip(data["geo_index"].values, data["spend"].values, strict=True):
        stock[geo] = spend + theta["keep"] * stock[geo]
        means.append(theta["reach"][["east", "west"].index(geo)] * stock[geo])
    return np.array(means)


# Outcomes that linger ------------------------------------------------------------------------------------------------


def lagged_outcome(data):
    with pm.Model() as model:
        x, y = columns(data, "x", "y")
        mean = pm.Normal("slope", 0, 1) * x + pm.Normal("persistence", 0, 1) * shifted(y)
        pm.Normal("outcome", mean, pm.HalfNormal("scale", 1), observed=y, dims="obs")
    return model


def prepared_outcome(data):
    with pm.Model() as model:
        x, then, y = columns(data, "x", "y_before", "y")
        mean = pm.Normal("slope", 0, 1) * x + pm.Normal("persistence", 0, 1) * then
        pm.Normal("outcome", mean, pm.HalfNormal("scale", 1), observed=y, dims="obs")
    return model


def lag_of_outcome(data, fitted=None):
    return data.assign(y_before=("obs", before(data["y"].values))), {}


def lagged_outcome_mean(theta, data):
    return theta["slope"] * data["x"].values + theta["persistence"] * before(data["y"].values)


def autoregression(data):
    with pm.Model() as model:
        (y,) = columns(data, "y")
        rho = pm.Normal("rho", 0, 0.5, shape=3)
        start = pm.Normal.dist(0.5, 1, shape=2)
        pm.AR("outcome", rho, pm.HalfNormal("scale", 1), constant=True, init_dist=start, observed=y, dims="obs")
    return model


def autoregression_law(theta, data):
    """y_k = c + r1 y_(k-1) + r2 y_(k-2) + e_k as one Gaussian; the first two rows are N(0.5, 1)."""
    rows, (constant, one, two) = data.sizes["obs"], theta["rho"]
    system, level, variance = np.eye(rows), np.full(rows, constant), np.full(rows, theta["scale"] ** 2)
    level[:2], variance[:2] = 0.5, 1.0
    for k in range(2, rows):
        system[k, k - 1], system[k, k - 2] = -one, -two
    inverse = np.linalg.inv(system)
    return inverse @ level, inverse @ np.diag(variance) @ inverse.T


def walk(data):
    with pm.Model() as model:
        (y,) = columns(data, "y")
        drift, start = pm.Normal("drift", 0, 1), pm.Normal.dist(0, 2)
        pm.GaussianRandomWalk("outcome", drift, pm.HalfNormal("scale", 1), init_dist=start, observed=y, dims="obs")
    return model


def walk_law(theta, data):
    step = np.arange(data.sizes["obs"])
    return theta["drift"] * step, 4.0 + theta["scale"] ** 2 * np.minimum(step[:, None], step)


def gaussian_process(data):
    with pm.Model() as model:
        x, y = columns(data, "x", "y")
        kernel = pm.HalfNormal("height", 1) ** 2 * pm.gp.cov.ExpQuad(1, ls=pm.HalfNormal("length", 1))
        gp = pm.gp.Marginal(mean_func=pm.gp.mean.Constant(pm.Normal("level", 0, 1)), cov_func=kernel)
        gp.marginal_likelihood("outcome", X=x[:, None], y=y, sigma=pm.HalfNormal("scale", 1), dims="obs")
    return model


def gaussian_process_law(theta, data):
    x = data["x"].values
    kernel = theta["height"] ** 2 * np.exp(-((x[:, None] - x) ** 2) / (2 * theta["length"] ** 2))
    return np.full(len(x), theta["level"]), kernel + (theta["scale"] ** 2 + JITTER) * np.eye(len(x))


JITTER = 1e-6
"""PyMC adds it to the diagonal."""


def correlated_errors(data):
    """One multivariate normal over all rows: errors that fade with the days between them."""
    with pm.Model() as model:
        x, day, y = columns(data, "x", "day", "y")
        fade, scale = pm.Beta("fade", 2, 2), pm.HalfNormal("scale", 1)
        covariance = scale**2 * fade ** pt.abs(day[:, None] - day)
        pm.MvNormal("outcome", pm.Normal("slope", 0, 1) * x, covariance, observed=y, dims="obs")
    return model


def correlated_errors_law(theta, data):
    day = data["day"].values
    return theta["slope"] * data["x"].values, theta["scale"] ** 2 * theta["fade"] ** np.abs(day[:, None] - day)


def _data():
    rng, x = covariates()
    rows = len(x)
    spend = rng.gamma(2, 0.5, rows)
    y = 1 + np.cumsum(rng.normal(size=rows)) * 0.5 + x
    wide = {name: (("date", "geo"), rng.gamma(2, 0.5, (rows, 2))) for name in ("spend", "y")}
    shops = np.array(["east", "west"])[np.arange(rows) % 2]
    return {
        "series": along_rows(x=x, y=y, spend=spend, day=np.cumsum(rng.integers(1, 4, rows)).astype(float)),
        "wide": xr.Dataset(wide, coords={"geo": ["east", "west"]}),
        "long": along_rows(y=y, spend=spend, geo_index=shops, date=np.arange(rows) // 2),
    }


DATA = _data()


def _unit(theta):
    return 1.0


def _scale(theta):
    return theta["scale"]


def _case(name, build, theta, truth, data="series", **more):
    return Case(name, build, DATA[data], theta, **truth, alone=False, **more)


STOCK = {"keep": 0.6, "reach": 1.5}
PERSISTENT = {"slope": 0.7, "persistence": 0.6, "scale": 0.8}

CASES = [
    _case("adstock", adstock, {**STOCK, "rate": 0.5, "scale": 0.8}, of_means(adstock_mean, _scale)),
    _case(
        "adstock of four periods",
        short_adstock,
        {**STOCK, "scale": 0.8},
        of_means(short_adstock_mean, _scale),
        options={"context_rows": LAGS - 1},
    ),
    _case("input smoothed by a loop", scanned, {"keep": 0.6, "slope": 1.2}, of_means(scanned_mean, _unit)),
    _case("lagged input", lagged_input, {"now": 0.5, "then": 0.8}, of_means(lagged_input_mean, _unit)),
    _case(
        "lagged input from prepare",
        prepared_input,
        {"now": 0.5, "then": 0.8},
        of_means(lagged_input_mean, _unit),
        options={"prepare": lag_of_input},
    ),
    _case(
        "wide adstock",
        wide_adstock,
        {"keep": 0.6, "reach": ("geo", np.array([0.5, 0.9]))},
        {"terms": wide_terms, "moments": wide_moments},
        "wide",
        options={"observation_dim": "date"},
    ),
    _case(
        "long adstock",
        long_adstock,
        {"keep": 0.6, "reach": ("geo", np.array([0.5, 0.9]))},
        of_means(long_mean, _unit),
        "long",
    ),
    _case("lagged outcome", lagged_outcome, PERSISTENT, of_means(lagged_outcome_mean, _scale), ahead=1),
    _case(
        "lagged outcome from prepare",
        prepared_outcome,
        PERSISTENT,
        of_means(lagged_outcome_mean, _scale),
        ahead=1,
        options={"prepare": lag_of_outcome},
    ),
    _case(
        "observed AR", autoregression, {"rho": np.array([0.3, 0.5, 0.2]), "scale": 0.8}, of_gaussian(autoregression_law)
    ),
    _case("observed walk", walk, {"drift": 0.3, "scale": 0.8}, of_gaussian(walk_law), tolerance=1e-7),
    _case(
        "marginal Gaussian process",
        gaussian_process,
        {"height": 1.2, "length": 0.9, "level": 0.5, "scale": 0.6},
        of_gaussian(gaussian_process_law),
    ),
    _case(
        "correlated errors",
        correlated_errors,
        {"slope": 0.7, "fade": 0.7, "scale": 0.9},
        of_gaussian(correlated_errors_law),
    ),
]
