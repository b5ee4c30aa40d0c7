"""What is refused: models whose numbers on new rows would be wrong without a sign of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import xarray as xr

from .case import along_rows, covariates

TRAINED = 6


@dataclass(frozen=True)
class Refused:
    """A model, what the refusal must say, and its parameters, at which the batch built alone scores wrongly.

    `wrong` says whether the naive number can be computed at all.
    """

    name: str
    build: Callable[[xr.Dataset], pm.Model]
    message: str
    theta: Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    wrong: bool = True


def columns(data, *names):
    return [pm.Data(name, data[name].values, dims="obs") for name in names]


def hsgp(data):
    """The box of the basis is laid around the rows at hand."""
    with pytensor.config.change_flags(mode="FAST_COMPILE"), pm.Model() as model:
        x, y = columns(data, "x", "y")
        smooth = pm.gp.HSGP(m=[3], c=1.5, cov_func=pm.gp.cov.ExpQuad(1, ls=1.0))
        basis, root = smooth.prior_linearized(x[:, None])
        pm.Normal("outcome", basis @ (pm.Normal("weight", 0, 1, shape=3) * root), 0.5, observed=y, dims="obs")
    return model


def knots(data):
    """A broken line whose knot is the median of the rows at hand."""
    with pm.Model() as model:
        x, y = columns(data, "x", "y")
        bend = pt.maximum(x - float(np.median(data["x"])), 0)
        pm.Normal("outcome", pm.Normal("slope", 0, 1) * x + pm.Normal("bend", 0, 1) * bend, 1, observed=y, dims="obs")
    return model


def centred(data):
    with pm.Model() as model:
        x, y = columns(data, "x", "y")
        pm.Normal("outcome", pm.Normal("slope", 0, 1) * (x - x.mean()), 1, observed=y, dims="obs")
    return model


def centred_beside_a_walk(data):
    """One outcome is a time series, the other still looks at the whole batch."""
    with pm.Model() as model:
        x, y, price = columns(data, "x", "y", "price")
        step = pm.HalfNormal("step", 1)
        pm.GaussianRandomWalk("walk", 0.1, step, init_dist=pm.Normal.dist(0, 2), observed=price, dims="obs")
        pm.Normal("outcome", pm.Normal("slope", 0, 1) * (x - x.mean()), 1, observed=y, dims="obs")
    return model


def smoothed_both_ways(data):
    """The row after enters the mean: hindsight, which no forecast has."""
    with pm.Model() as model:
        x, y = columns(data, "x", "y")
        after = pt.concatenate([x[1:], [0.0]])
        pm.Normal("outcome", pm.Normal("slope", 0, 1) * (x + after) / 2, 1, observed=y, dims="obs")
    return model


def prepared(data):
    with pm.Model() as model:
        smooth, y = columns(data, "smooth", "y")
        pm.Normal("outcome", pm.Normal("slope", 0, 1) * smooth, 1, observed=y, dims="obs")
    return model


def smooth_both_ways(data, fitted=None):
    x = data["x"].values
    return data.assign(smooth=("obs", (x + np.append(x[1:], 0.0)) / 2)), {}


def sparse(approximation):
    def build(data):
        with pm.Model() as model:
            x, y = columns(data, "x", "y")
            kernel = pm.HalfNormal("height", 1) ** 2 * pm.gp.cov.ExpQuad(1, ls=1.0)
            gp = pm.gp.MarginalApprox(cov_func=kernel, approx=approximation)
            inducing = np.array([[-1.0], [0.0], [1.0]])
            gp.marginal_likelihood("outcome", X=x[:, None], Xu=inducing, y=y, sigma=0.5)
        return model

    return build


def imputed(data):
    with pm.Model() as model:
        (x,) = columns(data, "x")
        holes = np.ma.masked_array(data["y"].values, np.arange(data.sizes["obs"]) == 1)
        pm.Normal("outcome", pm.Normal("slope", 0, 1) * x, 1, observed=holes)
    return model


def zero_sum(data):
    labels, index = np.unique(data["store_index"], return_inverse=True)
    with pm.Model(coords={"store": labels}) as model:
        store, y = pm.Data("store_index", index, dims="obs"), pm.Data("y", data["y"].values, dims="obs")
        pm.Normal("outcome", pm.ZeroSumNormal("effect", 1, dims="store")[store], 1, observed=y, dims="obs")
    return model


def part_of_many(data):
    """Each row counts as several."""
    with pm.Model() as model:
        x, y = columns(data, "x", "y")
        pm.Normal("outcome", pm.Normal("slope", 0, 1) * x, 1, observed=y, total_size=1000)
    return model


def baked(data):
    """A lag made of numbers inside the model, out of reach of new rows."""
    with pm.Model() as model:
        (y,) = columns(data, "y")
        before = np.append(0.0, data["y"].values[:-1])
        pm.Normal("outcome", pm.Normal("persistence", 0, 1) * before, 1, observed=y, dims="obs")
    return model


def _data():
    rng, x = covariates(10)
    store = np.array(["Graz", "Linz", "Wien"])[np.arange(10) % 3]
    y, price = x + rng.normal(size=10), np.cumsum(rng.normal(size=10))
    return along_rows(x=x + np.arange(10) / 5, y=y, price=price, store_index=store)


DATA = _data()

CASES = [
    Refused("HSGP around the batch", hsgp, r"prepare\(data, fitted\)", {"weight": np.array([0.9, -0.6, 0.8])}),
    Refused("knots of the batch", knots, r"prepare\(data, fitted\)", {"slope": 0.5, "bend": 0.9}),
    Refused("centred on the batch", centred, r"prepare\(data, fitted\)", {"slope": 0.8}),
    Refused(
        "centred beside a walk",
        centred_beside_a_walk,
        r"prepare\(data, fitted\)",
        {"slope": 0.8, "step": 0.7},
    ),
    Refused("smoothed both ways", smoothed_both_ways, r"rows after it.*prepare\(data, fitted\)", {"slope": 0.8}),
    Refused(
        "prepared both ways",
        prepared,
        "when it sees fewer of them",
        {"slope": 0.8},
        {"prepare": smooth_both_ways},
    ),
    Refused("FITC", sparse("FITC"), "no observed variable", {"height": 1.1}, wrong=False),
    Refused("VFE", sparse("VFE"), "no observed variable", {"height": 1.1}, wrong=False),
    Refused("imputed outcomes", imputed, "drop the rows without outcome", {"slope": 0.8}, wrong=False),
    Refused(
        "growing zero-sum effects",
        zero_sum,
        "sum to zero|zero-sum|ZeroSum",
        {"effect": ("store", np.array([0.5, -0.8, 0.3]))},
        {"growing_dims": ("store",)},
        wrong=False,
    ),
    Refused("total_size", part_of_many, "total_size", {"slope": 0.8}, wrong=False),
    Refused("lag of numbers", baked, r"pm\.Data", {"persistence": 0.8}, wrong=False),
]
