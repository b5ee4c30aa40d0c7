"""Rows that score alone: groups, static arrays beside the rows, panels, several outcomes, smooth functions."""

from __future__ import annotations

import numpy as np
import pymc as pm
import xarray as xr
from scipy import stats

from .case import Case, along_rows, covariates, from_law

STORES = np.array(["Graz", "Linz", "Wien"])


def codes(data, name, labels):
    """Positions of a column's labels."""
    return np.searchsorted(labels, data[name].values)


# Static arrays -------------------------------------------------------------------------------------------------------


def neighbours(data):
    """Store effects smoothed over a matrix of distances, which is data but has no rows."""
    stores, index = np.unique(data["store_index"], return_inverse=True)
    with pm.Model(coords={"store": stores, "other": stores}) as model:
        store, y = pm.Data("store_index", index, dims="obs"), pm.Data("y", data["y"].values, dims="obs")
        distance = pm.Data("distance", data["distance"].values, dims=("store", "other"))
        effect = pm.Normal("effect", 0, 1, dims="other")
        pm.Normal("outcome", (pm.math.exp(-distance) @ effect)[store], 1, observed=y, dims="obs")
    return model


def neighbours_law(theta, data):
    smooth = np.exp(-data["distance"].values) @ theta["effect"]
    return stats.norm(smooth[codes(data, "store_index", STORES)], 1)


def holidays(data):
    """Weights of the days around a holiday, given once, looked up by each row."""
    with pm.Model(coords={"offset": [-1, 0, 1, 99]}) as model:
        weight = pm.Data("weight", data["weight"].values, dims="offset")
        offset = pm.Data("offset_index", data["offset_index"].values, dims="obs")
        y = pm.Data("y", data["y"].values, dims="obs")
        pm.Normal("outcome", pm.Normal("lift", 0, 1) * weight[offset], 1, observed=y, dims="obs")
    return model


def holidays_law(theta, data):
    return stats.norm(theta["lift"] * data["weight"].values[data["offset_index"].values], 1)


def with_lift_test(data):
    """Results of experiments as a likelihood of its own: they do not run along the rows, so they are prior."""
    with pm.Model() as model:
        x, y = (pm.Data(name, data[name].values, dims="obs") for name in ("x", "y"))
        spent = pm.Data("spent", data["spent"].values, dims="experiment")
        lift = pm.Data("lift", data["lift"].values, dims="experiment")
        slope = pm.HalfNormal("slope", 1)
        pm.Normal("measured", slope * spent, 0.3, observed=lift, dims="experiment")
        pm.Normal("outcome", slope * x, 1, observed=y, dims="obs")
    return model


# Several outcomes, panels --------------------------------------------------------------------------------------------


def two_outcomes(data):
    with pm.Model() as model:
        x, sold, price = (pm.Data(name, data[name].values, dims="obs") for name in ("x", "sold", "price"))
        level, scale = pm.Normal("level", 0, 1), pm.HalfNormal("scale", 1)
        pm.Poisson("sales", pm.math.exp(level + 0.5 * x), observed=sold, dims="obs")
        pm.Normal("paid", level - x, scale, observed=price, dims="obs")
    return model


def _two_laws(theta, data):
    x = data["x"].values
    return {
        "sales": (stats.poisson(np.exp(theta["level"] + 0.5 * x)), data["sold"].values),
        "paid": (stats.norm(theta["level"] - x, theta["scale"]), data["price"].values),
    }


def two_terms(theta, data):
    laws = _two_laws(theta, data)
    return {"sales": laws["sales"][0].logpmf(laws["sales"][1]), "paid": laws["paid"][0].logpdf(laws["paid"][1])}


def two_moments(theta, data, start):
    rows = _two_laws(theta, data.isel(obs=slice(start, None)))
    count = data.sizes["obs"] - start
    return {name: (law.mean(), np.broadcast_to(law.var(), count)) for name, (law, _) in rows.items()}


def panel(data):
    """A row is a date; the shops stand side by side."""
    with pm.Model(coords={"geo": data["geo"].values}) as model:
        x, y = (pm.Data(name, data[name].values, dims=("date", "geo")) for name in ("x", "y"))
        level = pm.Normal("level", 0, 1, dims="geo")
        pm.Normal("outcome", level + pm.Normal("slope", 0, 1) * x, 1, observed=y, dims=("date", "geo"))
    return model


def panel_terms(theta, data):
    law = stats.norm(theta["level"] + theta["slope"] * data["x"].values, 1)
    return {"outcome": law.logpdf(data["y"].values).sum(axis=1)}


def panel_moments(theta, data, start):
    mean = theta["level"] + theta["slope"] * data["x"].values[start:]
    return mean, np.ones_like(mean)


# Groups, seasons -----------------------------------------------------------------------------------------------------


def zero_sum(data):
    stores, index = np.unique(data["store_index"], return_inverse=True)
    with pm.Model(coords={"store": stores}) as model:
        store, y = pm.Data("store_index", index, dims="obs"), pm.Data("y", data["y"].values, dims="obs")
        effect = pm.ZeroSumNormal("effect", 1, dims="store")
        pm.Normal("outcome", pm.Normal("level", 0, 1) + effect[store], 1, observed=y, dims="obs")
    return model


def zero_sum_law(theta, data):
    return stats.norm(theta["level"] + theta["effect"][codes(data, "store_index", STORES)], 1)


def season(data):
    """One effect a month, by number: nothing grows."""
    with pm.Model(coords={"month": np.arange(12)}) as model:
        month, y = pm.Data("month_index", data["month_index"].values, dims="obs"), pm.Data("y", data["y"].values)
        effect = pm.Normal("effect", 0, 1, dims="month")
        pm.Normal("outcome", effect[month], pm.HalfNormal("scale", 1), observed=y)
    return model


def season_law(theta, data):
    return stats.norm(theta["effect"][data["month_index"].values], theta["scale"])


def store_type(data):
    """Each store is of one of two types, sampled as an integer."""
    stores, index = np.unique(data["store_index"], return_inverse=True)
    with pm.Model(coords={"store": stores}) as model:
        store, y = pm.Data("store_index", index, dims="obs"), pm.Data("y", data["y"].values, dims="obs")
        kind = pm.Bernoulli("kind", pm.Beta("share", 2, 2), dims="store")
        level = pm.Normal("level", [0, 3], 1, shape=2)
        pm.Normal("outcome", level[kind[store]], 1, observed=y, dims="obs")
    return model


def store_type_law(theta, data):
    return stats.norm(theta["level"][theta["kind"][codes(data, "store_index", STORES)]], 1)


# Smooth functions ----------------------------------------------------------------------------------------------------

WIDTH, CENTRE, BASES = 4.0, 0.3, 3


def frozen_hsgp(data):
    """The basis is laid over a fixed box around a fixed centre, so a batch has the basis of the training rows."""
    with pm.Model() as model:
        x, y = pm.Data("x", data["x"].values, dims="obs"), pm.Data("y", data["y"].values, dims="obs")
        kernel = pm.HalfNormal("height", 1) ** 2 * pm.gp.cov.ExpQuad(1, ls=1.0)
        smooth = pm.gp.HSGP(m=[BASES], L=[WIDTH], cov_func=kernel)
        smooth.prior_linearized(np.array([[CENTRE - 1.0], [CENTRE + 1.0]]))  # the first call lays the box
        basis, root = smooth.prior_linearized(x[:, None])
        weight = pm.Normal("weight", 0, 1, shape=BASES)
        pm.Normal("outcome", basis @ (weight * root), 0.5, observed=y, dims="obs")
    return model


def hsgp_law(theta, data):
    """Eigenfunctions of the Laplacian on a box, weighted by the kernel's spectral density (Solin & Särkkä 2020)."""
    frequency = np.pi * np.arange(1, BASES + 1) / (2 * WIDTH)
    basis = np.sin(frequency * (data["x"].values[:, None] - CENTRE + WIDTH)) / np.sqrt(WIDTH)
    density = theta["height"] ** 2 * np.sqrt(2 * np.pi) * np.exp(-(frequency**2) / 2)
    return stats.norm(basis @ (theta["weight"] * np.sqrt(density)), 0.5)


# Potentials ----------------------------------------------------------------------------------------------------------


def with_potential(data):
    """A constraint on the parameters is part of the prior."""
    with pm.Model() as model:
        x, y = pm.Data("x", data["x"].values, dims="obs"), pm.Data("y", data["y"].values, dims="obs")
        slope = pm.Normal("slope", 0, 1)
        pm.Potential("mostly_positive", pm.math.log(pm.math.sigmoid(5 * slope)))
        pm.Normal("outcome", slope * x, 1, observed=y, dims="obs")
    return model


def slope_law(theta, data):
    return stats.norm(theta["slope"] * data["x"].values, 1)


def _data():
    rng, x = covariates()
    rows, y = len(x), x + rng.normal(size=len(x))
    distance = np.array([[0.0, 1.0, 2.0], [1.0, 0.0, 1.5], [2.0, 1.5, 0.0]])
    matrix = xr.DataArray(distance, dims=("store", "other"), coords={"store": STORES, "other": STORES})
    shops = along_rows(y=y, store_index=STORES[np.arange(rows) % 3])
    wide = rng.normal(size=(2, rows, 2))
    return {
        "line": along_rows(x=x, y=y),
        "stores": shops,
        "neighbours": shops.assign(distance=matrix),
        "holidays": along_rows(
            y=y, offset_index=np.arange(rows) % 4, weight=("offset", np.array([0.3, 1.0, 0.5, 0.0]))
        ),
        "lift": along_rows(
            x=x, y=y, spent=("experiment", np.array([1.0, 2.0])), lift=("experiment", np.array([0.7, 2.2]))
        ),
        "two": along_rows(x=x, price=y, sold=rng.poisson(2, rows)),
        "panel": xr.Dataset(
            {"x": (("date", "geo"), wide[0]), "y": (("date", "geo"), wide[1])}, coords={"geo": ["east", "west"]}
        ),
        "season": along_rows(y=y, month_index=np.arange(rows) * 5 % 12),
    }


DATA = _data()
EFFECT = ("store", np.array([0.5, -0.8, 0.3]))

CASES = [
    Case(
        "matrix of distances",
        neighbours,
        DATA["neighbours"],
        {"effect": ("other", EFFECT[1])},
        **from_law(neighbours_law),
    ),
    Case("weights of holidays", holidays, DATA["holidays"], {"lift": 0.8}, **from_law(holidays_law)),
    Case("lift test", with_lift_test, DATA["lift"], {"slope": 0.9}, **from_law(slope_law)),
    Case("two outcomes", two_outcomes, DATA["two"], {"level": 0.7, "scale": 0.9}, two_terms, two_moments),
    Case(
        "wide panel",
        panel,
        DATA["panel"],
        {"level": ("geo", np.array([0.5, -0.5])), "slope": 0.4},
        panel_terms,
        panel_moments,
        options={"observation_dim": "date"},
    ),
    Case("zero-sum effects", zero_sum, DATA["stores"], {"level": 0.4, "effect": EFFECT}, **from_law(zero_sum_law)),
    Case(
        "season by month",
        season,
        DATA["season"],
        {"effect": ("month", np.linspace(-1, 1, 12)), "scale": 0.9},
        **from_law(season_law),
    ),
    Case(
        "type of store",
        store_type,
        DATA["stores"],
        {"kind": ("store", np.array([0, 1, 0])), "share": 0.4, "level": np.array([0.2, 2.5])},
        **from_law(store_type_law),
        whole=("kind",),
    ),
    Case(
        "frozen HSGP",
        frozen_hsgp,
        DATA["line"],
        {"height": 1.1, "weight": np.array([0.7, -0.4, 0.9])},
        **from_law(hsgp_law),
        tolerance=1e-7,
    ),
    Case("potential without data", with_potential, DATA["line"], {"slope": 0.8}, **from_law(slope_law)),
]
