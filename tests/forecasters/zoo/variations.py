"""The same structures as others write them: without dims, ready models, constants for experiments, dates as labels."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import xarray as xr
from scipy import stats

from .case import Case, along_rows, covariates, from_law
from .growing import Growing, gaussian, shared_pushes, walking_forward
from .series import (
    adstock_mean,
    autoregression_law,
    gaussian_process_law,
    lagged_outcome_mean,
    of_gaussian,
    of_means,
    shifted,
)

# No names of dimensions anywhere -------------------------------------------------------------------------------------


def bare(data, *names):
    return [pm.Data(name, data[name].values) for name in names]


def bare_adstock(data):
    with pm.Model() as model:
        spend, y = bare(data, "spend", "y")
        keep, reach, rate = pm.Beta("keep", 2, 2), pm.HalfNormal("reach", 3), pm.HalfNormal("rate", 1)
        age = pt.arange(spend.shape[0])[:, None] - pt.arange(spend.shape[0])
        stock = pt.switch(age >= 0, keep ** pt.maximum(age, 0), 0.0) @ spend
        pm.Normal("outcome", reach * (1 - pm.math.exp(-rate * stock)), pm.HalfNormal("scale", 1), observed=y)
    return model


def bare_lag(data):
    with pm.Model() as model:
        x, y = bare(data, "x", "y")
        mean = pm.Normal("slope", 0, 1) * x + pm.Normal("persistence", 0, 1) * shifted(y)
        pm.Normal("outcome", mean, pm.HalfNormal("scale", 1), observed=y)
    return model


def bare_autoregression(data):
    with pm.Model() as model:
        (y,) = bare(data, "y")
        rho, start = pm.Normal("rho", 0, 0.5, shape=3), pm.Normal.dist(0.5, 1, shape=2)
        pm.AR("outcome", rho, pm.HalfNormal("scale", 1), constant=True, init_dist=start, observed=y)
    return model


def bare_process(data):
    with pm.Model() as model:
        x, y = bare(data, "x", "y")
        kernel = pm.HalfNormal("height", 1) ** 2 * pm.gp.cov.ExpQuad(1, ls=pm.HalfNormal("length", 1))
        gp = pm.gp.Marginal(mean_func=pm.gp.mean.Constant(pm.Normal("level", 0, 1)), cov_func=kernel)
        gp.marginal_likelihood("outcome", X=x[:, None], y=y, sigma=pm.HalfNormal("scale", 1))
    return model


def bare_panel(data):
    with pm.Model() as model:
        x, y = bare(data, "x", "y")
        pm.Normal("outcome", pm.Normal("slope", 0, 1) * x, 1, observed=y)
    return model


def bare_panel_terms(theta, data):
    return {"outcome": stats.norm.logpdf(data["y"].values, theta["slope"] * data["x"].values, 1).sum(axis=1)}


def bare_panel_moments(theta, data, start):
    mean = theta["slope"] * data["x"].values[start:]
    return mean, np.ones_like(mean)


def sideways_panel(data):
    """The rows are the second axis."""
    with pm.Model(coords={"geo": data["geo"].values}) as model:
        x, y = (pm.Data(name, data[name].values, dims=("geo", "date")) for name in ("x", "y"))
        level = pm.Normal("level", 0, 1, dims="geo")
        pm.Normal("outcome", level[:, None] + pm.Normal("slope", 0, 1) * x, 1, observed=y, dims=("geo", "date"))
    return model


def sideways_mean(theta, data):
    return theta["level"][:, None] + theta["slope"] * data["x"].values


def sideways_terms(theta, data):
    return {"outcome": stats.norm.logpdf(data["y"].values, sideways_mean(theta, data), 1).sum(axis=0)}


def sideways_moments(theta, data, start):
    mean = sideways_mean(theta, data)[:, start:].T
    return mean, np.ones_like(mean)


# Experiments as constants, an autoregression beside a regression ------------------------------------------------------


def constant_lift_test(data):
    with pm.Model() as model:
        x, y = bare(data, "x", "y")
        slope = pm.HalfNormal("slope", 1)
        pm.Normal("measured", slope * np.array([1.0, 2.0]), 0.3, observed=np.array([0.7, 2.2]))
        pm.Normal("outcome", slope * x, 1, observed=y)
    return model


def walk_beside_regression(data):
    with pm.Model() as model:
        x, y, sold = (pm.Data(name, data[name].values, dims="obs") for name in ("x", "y", "sold"))
        step = pm.HalfNormal("step", 1)
        pm.GaussianRandomWalk("price", 0.1, step, init_dist=pm.Normal.dist(0, 2), observed=y, dims="obs")
        pm.Poisson("sales", pm.math.exp(pm.Normal("slope", 0, 1) * x), observed=sold, dims="obs")
    return model


def walk_beside_terms(theta, data):
    y = data["y"].values
    price = np.append(stats.norm.logpdf(y[0], 0, 2), stats.norm.logpdf(np.diff(y), 0.1, theta["step"]))
    return {
        "price": price,
        "sales": stats.poisson.logpmf(data["sold"].values, np.exp(theta["slope"] * data["x"].values)),
    }


def walk_beside_moments(theta, data, start):
    steps, mu = np.arange(1, data.sizes["obs"] - start + 1), np.exp(theta["slope"] * data["x"].values[start:])
    walk = data["y"].values[start - 1] + 0.1 * steps, theta["step"] ** 2 * steps
    return {"price": walk, "sales": (mu, mu)}


def walk_of_surprises(data):
    """Steps with heavy tails."""
    with pm.Model() as model:
        y = pm.Data("y", data["y"].values, dims="obs")
        steps = pm.StudentT.dist(nu=9, mu=0, sigma=pm.HalfNormal("scale", 1))
        pm.RandomWalk("outcome", innovation_dist=steps, init_dist=pm.Normal.dist(0, 2), observed=y, dims="obs")
    return model


def walk_of_surprises_terms(theta, data):
    y = data["y"].values
    return {"outcome": np.append(stats.norm.logpdf(y[0], 0, 2), stats.t.logpdf(np.diff(y), 9, 0, theta["scale"]))}


def walk_of_surprises_moments(theta, data, start):
    steps = np.arange(1, data.sizes["obs"] - start + 1)
    return np.full(len(steps), data["y"].values[start - 1]), steps * theta["scale"] ** 2 * 9 / 7


# Time series that score and cannot be drawn ---------------------------------------------------------------------------


def volatility(data):
    with pm.Model() as model:
        y = pm.Data("y", data["y"].values, dims="obs")
        shares = {"alpha_1": pm.Beta("news", 1, 1), "beta_1": pm.Beta("memory", 1, 1)}
        pm.GARCH11("outcome", omega=pm.HalfNormal("floor", 1), initial_vol=0.5, **shares, observed=y, dims="obs")
    return model


def volatility_terms(theta, data):
    y, deviation, terms = data["y"].values, 0.5, []
    for k, value in enumerate(y):
        if k:
            variance = theta["floor"] + theta["news"] * y[k - 1] ** 2 + theta["memory"] * deviation**2
            deviation = np.sqrt(variance)
        terms.append(stats.norm.logpdf(value, 0, deviation))
    return {"outcome": np.array(terms)}


def generated(data):
    """An autoregression written as a loop that draws; PyMC derives its density."""

    def dist(start, rho, scale, steps, size):
        def step(last, rho, scale):
            value = pm.Normal.dist(rho * last, scale)
            return value, pm.pytensorf.collect_default_updates([value])

        path, _ = pytensor.scan(step, outputs_info=[start], non_sequences=[rho, scale], n_steps=steps, strict=True)
        return path

    with pm.Model() as model:
        (y,) = bare(data, "y")
        rho, scale = pm.Normal("rho", 0, 1), pm.HalfNormal("scale", 1)
        start = pt.constant(2.0, dtype="float64")
        pm.CustomDist("outcome", start, rho, scale, y.shape[0], dist=dist, observed=y)
    return model


def generated_terms(theta, data):
    y = data["y"].values
    return {"outcome": stats.norm.logpdf(y, theta["rho"] * np.append(2.0, y[:-1]), theta["scale"])}


# Groups and weeks at once, dates as labels, effects that vary together ------------------------------------------------


def store_weeks(data):
    """Each store has a walk of its own: a new week goes on, a new store begins."""
    stores, store_index = np.unique(data["store_index"], return_inverse=True)
    weeks, week_index = np.unique(data["week_index"], return_inverse=True)
    with pm.Model(coords={"store": stores, "week": weeks}) as model:
        store, week = pm.Data("store_index", store_index, dims="obs"), pm.Data("week_index", week_index, dims="obs")
        y = pm.Data("y", data["y"].values, dims="obs")
        start, step = pm.Normal.dist(0, 2), pm.HalfNormal("step", 1)
        state = pm.GaussianRandomWalk("state", 0.2, step, init_dist=start, dims=("store", "week"))
        pm.Normal("outcome", state[store, week], pm.HalfNormal("scale", 1), observed=y, dims="obs")
    return model


def store_weeks_law(theta, data, start, trained):
    """The walk of a known store goes on from its last state; a new one's begins in the first week of all."""
    store, week = (data[name].values for name in ("store_index", "week_index"))
    known, last = np.unique(store[:trained]).tolist(), week[:trained].max()
    store, week = store[start:], week[start:]
    mean, covariance = np.empty(len(store)), np.zeros((len(store), len(store)))
    for k, (one, now) in enumerate(zip(store, week, strict=True)):
        mean[k] = 0.2 * now if one not in known else theta["state"][known.index(one), -1] + 0.2 * (now - last)
        for j, (other, then) in enumerate(zip(store, week, strict=True)):
            if one == other:
                common = min(now, then) - (last if one in known else 0)
                covariance[k, j] = theta["step"] ** 2 * common + (0.0 if one in known else 4.0)
    return gaussian(mean, covariance + theta["scale"] ** 2 * np.eye(len(store)), data["y"].values[start:])


def dated_level(data):
    """A local level whose weeks are dates, the first of them those of the last week trained on."""
    weeks, index = np.unique(data["week_index"], return_inverse=True)
    with pm.Model(coords={"week": weeks}) as model:
        week, y = pm.Data("week_index", index, dims="obs"), pm.Data("y", data["y"].values, dims="obs")
        state = pm.GaussianRandomWalk(
            "state", 0.2, pm.HalfNormal("step", 1), init_dist=pm.Normal.dist(0, 2), dims="week"
        )
        pm.Normal("outcome", state[week], pm.HalfNormal("scale", 1), observed=y, dims="obs")
    return model


def in_weeks(data):
    return (data["week_index"].values - data["week_index"].values[0]) / np.timedelta64(7, "D")


def dated_law(forward):
    def law(theta, data, start, trained):
        week = in_weeks(data).astype(int)
        steps = week[start:] - week[:trained].max()
        mean, covariance = forward(theta, np.maximum(steps, 0))
        return gaussian(mean, covariance + theta["scale"] ** 2 * np.eye(len(steps)), data["y"].values[start:])

    return law


def varying_slopes(data):
    """Level and slope of a store come from one bivariate normal."""
    stores, index = np.unique(data["store_index"], return_inverse=True)
    with pm.Model(coords={"store": stores, "kind": ["level", "slope"]}) as model:
        store = pm.Data("store_index", index, dims="obs")
        x, y = (pm.Data(name, data[name].values, dims="obs") for name in ("x", "y"))
        cholesky, _, _ = pm.LKJCholeskyCov("factor", n=2, eta=2, sd_dist=pm.HalfNormal.dist(1, shape=2))
        centre = pm.Normal("centre", 0, 1, dims="kind")
        effect = pm.MvNormal("effect", centre, chol=cholesky, dims=("store", "kind"))
        pm.Normal("outcome", effect[store, 0] + effect[store, 1] * x, 0.7, observed=y, dims="obs")
    return model


def varying_slopes_law(theta, data, start, trained):
    known = np.unique(data["store_index"].values[:trained]).tolist()
    a, b, c = theta["factor"]
    shared = np.array([[a, 0], [b, c]]) @ np.array([[a, 0], [b, c]]).T
    rows, x = data["store_index"].values[start:], data["x"].values[start:]
    design = np.column_stack([np.ones(len(x)), x])
    of = [theta["effect"][known.index(r)] if r in known else theta["centre"] for r in rows]
    together = (rows[:, None] == rows) & ~np.isin(rows, known)
    covariance = (design @ shared @ design.T) * together + 0.49 * np.eye(len(x))
    return gaussian((design * np.array(of)).sum(axis=1), covariance, data["y"].values[start:])


def second_order_state(data):
    """A latent AR(2) with a constant."""
    weeks, index = np.unique(data["week_index"], return_inverse=True)
    with pm.Model(coords={"week": weeks}) as model:
        week, y = pm.Data("week_index", index, dims="obs"), pm.Data("y", data["y"].values, dims="obs")
        rho, step = pm.Normal("rho", 0, 0.5, shape=3), pm.HalfNormal("step", 1)
        start = pm.Normal.dist(0, 1, shape=2)
        state = pm.AR("state", rho, step, constant=True, init_dist=start, dims="week")
        pm.Normal("outcome", state[week], pm.HalfNormal("scale", 1), observed=y, dims="obs")
    return model


def second_order_forward(theta, steps):
    constant, one, two = theta["rho"]
    path, response = list(theta["state"][-2:]), [1.0, one]
    for _ in range(max(steps)):
        path.append(constant + one * path[-1] + two * path[-2])
        response.append(one * response[-1] + two * response[-2])
    return np.array(path)[1 + steps], theta["step"] ** 2 * shared_pushes(steps, lambda age: response[int(age)])


def weekly_data_law(forward):
    def law(theta, data, start, trained):
        week = data["week_index"].values
        steps = week[start:] - week[:trained].max()
        mean, covariance = forward(theta, steps)
        return gaussian(mean, covariance + theta["scale"] ** 2 * np.eye(len(steps)), data["y"].values[start:])

    return law


def _data():
    rng, x = covariates()
    rows = len(x)
    y = 1.5 + x + 0.5 * rng.normal(size=rows)
    weeks = np.datetime64("2024-01-01", "ns") + np.array([0, 0, 1, 2, 3, 3, 4, 5, 6]) * np.timedelta64(7, "D")
    store = np.array(["Graz", "Linz", "Graz", "Linz", "Graz", "Linz", "Bern", "Bern", "Graz"])
    wide = rng.normal(size=(2, rows, 2))
    return {
        "series": along_rows(x=x, y=y, spend=rng.gamma(2, 0.5, rows), sold=rng.poisson(2, rows)),
        "wide": xr.Dataset({name: (("obs", "geo"), wide[k]) for k, name in enumerate(("x", "y"))}),
        "sideways": xr.Dataset(
            {name: (("geo", "date"), wide[k].T) for k, name in enumerate(("x", "y"))}, coords={"geo": ["east", "west"]}
        ),
        "dated": along_rows(y=y, week_index=weeks),
        "weeks": along_rows(y=y, week_index=np.array([0, 0, 1, 2, 3, 4, 4, 5, 6])),
        "stores": along_rows(x=x, y=y, store_index=store),
        "both": along_rows(y=y, store_index=store, week_index=np.array([0, 0, 1, 1, 2, 3, 3, 4, 4])),
    }


DATA = _data()
PERSISTENT = {"slope": 0.7, "persistence": 0.6, "scale": 0.8}
STATE = np.array([0.2, 0.5, 0.1, 0.6])


def _scale(theta):
    return theta["scale"]


def slope_law(theta, data):
    return stats.norm(theta["slope"] * data["x"].values, 1)


ALONE = [
    Case("experiment of constants", constant_lift_test, DATA["series"], {"slope": 0.9}, **from_law(slope_law)),
    Case(
        "sideways panel",
        sideways_panel,
        DATA["sideways"],
        {"level": ("geo", np.array([0.5, -0.5])), "slope": 0.4},
        sideways_terms,
        sideways_moments,
        options={"observation_dim": "date"},
    ),
    Case("panel without dims", bare_panel, DATA["wide"], {"slope": 0.9}, bare_panel_terms, bare_panel_moments),
]
AFTER = [
    Case(
        "adstock without dims",
        bare_adstock,
        DATA["series"],
        {"keep": 0.6, "reach": 1.5, "rate": 0.5, "scale": 0.8},
        **of_means(adstock_mean, _scale),
        alone=False,
    ),
    Case(
        "lag without dims",
        bare_lag,
        DATA["series"],
        PERSISTENT,
        **of_means(lagged_outcome_mean, _scale),
        alone=False,
        ahead=1,
    ),
    Case(
        "AR without dims",
        bare_autoregression,
        DATA["series"],
        {"rho": np.array([0.3, 0.5, 0.2]), "scale": 0.8},
        **of_gaussian(autoregression_law),
        alone=False,
    ),
    Case(
        "process without dims",
        bare_process,
        DATA["series"],
        {"height": 1.2, "length": 0.9, "level": 0.5, "scale": 0.6},
        **of_gaussian(gaussian_process_law),
        alone=False,
    ),
    Case(
        "walk beside a regression",
        walk_beside_regression,
        DATA["series"],
        {"step": 0.8, "slope": 0.6},
        walk_beside_terms,
        walk_beside_moments,
        alone=False,
        tolerance=1e-7,
    ),
    Case(
        "walk of surprises",
        walk_of_surprises,
        DATA["series"],
        {"scale": 0.8},
        walk_of_surprises_terms,
        walk_of_surprises_moments,
        alone=False,
        tolerance=1e-6,
    ),
    Case(
        "GARCH",
        volatility,
        DATA["series"],
        {"floor": 0.3, "news": 0.2, "memory": 0.5},
        volatility_terms,
        None,
        alone=False,
    ),
    Case(
        "series drawn by a loop",
        generated,
        DATA["series"],
        {"rho": 0.9, "scale": 0.5},
        generated_terms,
        None,
        alone=False,
    ),
]


def _growing(name, build, data, theta, law, dims, **more):
    options = {"growing_dims": dims}
    return Growing(name, build, DATA[data], theta, None, None, law=law, options=options, **more)


GROWING = [
    _growing(
        "stores and weeks",
        store_weeks,
        "both",
        {"state": (("store", "week"), np.array([[0.2, 0.5, 0.1], [0.9, -0.2, 0.4]])), "step": 0.6, "scale": 0.7},
        store_weeks_law,
        ("store", "week"),
        needs_past=True,
    ),
    _growing(
        "weeks as dates",
        dated_level,
        "dated",
        {"state": ("week", STATE), "step": 0.6, "scale": 0.7},
        dated_law(walking_forward),
        ("week",),
        needs_past=True,
    ),
    _growing(
        "varying slopes",
        varying_slopes,
        "stores",
        {
            "effect": (("store", "kind"), np.array([[0.9, 0.3], [-0.3, 0.8]])),
            "centre": ("kind", np.array([0.2, 0.5])),
            "factor": np.array([0.9, 0.3, 0.6]),
        },
        varying_slopes_law,
        ("store",),
    ),
    _growing(
        "second-order state",
        second_order_state,
        "weeks",
        {"state": ("week", STATE), "rho": np.array([0.1, 0.6, 0.2]), "step": 0.6, "scale": 0.7},
        weekly_data_law(second_order_forward),
        ("week",),
        needs_past=True,
    ),
]
