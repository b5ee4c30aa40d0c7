"""What grows with the data: groups never seen, states of weeks to come, a latent variable of every row.

The truth is the density of a batch when the parameters (with the states of the training rows) are known and what is new
follows its prior given them: closed forms for Gaussian states, integrals or sums for the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pymc as pm
import xarray as xr
from scipy import special, stats

from .case import Case, along_rows, covariates


@dataclass(frozen=True)
class Law:
    """Log density of each row by itself, of all together, and the rows' moments."""

    rows: np.ndarray
    joint: float
    mean: np.ndarray
    variance: np.ndarray


@dataclass(frozen=True)
class Growing(Case):
    """A case whose `law(theta, data, start)` says how the rows from `start` on are distributed when it was fitted to
    the first `trained` rows; `needs_past` says whether the rows in between matter."""

    law: Callable[..., Law] | None = None
    needs_past: bool = False

    def rows(self, first: int, stop: int | None = None) -> xr.Dataset:
        """Rows `first` up to `stop`; a table of the stores holds those that have been seen by then."""
        rows = super().rows(first, stop)
        if "store" not in rows.dims:
            return rows
        return rows.sel(store=np.unique(self.data["store_index"].values[:stop]))


def gaussian(mean, covariance, y):
    variance = np.diag(covariance)
    rows = stats.norm.logpdf(y, mean, np.sqrt(variance))
    return Law(rows, float(stats.multivariate_normal.logpdf(y, mean, covariance)), mean, variance)


# New groups ----------------------------------------------------------------------------------------------------------


def stores(centred):
    def build(data):
        labels, index = np.unique(data["store_index"], return_inverse=True)
        with pm.Model(coords={"store": labels}) as model:
            store, y = pm.Data("store_index", index, dims="obs"), pm.Data("y", data["y"].values, dims="obs")
            level, spread = pm.Normal("level", 0, 1), pm.HalfNormal("spread", 1)
            if centred:
                effect = pm.Normal("effect", level, spread, dims="store")
            else:
                effect = level + spread * pm.Normal("effect", 0, 1, dims="store")
            pm.Normal("outcome", effect[store], pm.HalfNormal("scale", 1), observed=y, dims="obs")
        return model

    return build


def stores_law(centred):
    def law(theta, data, start, trained):
        known = np.unique(data["store_index"].values[:trained]).tolist()
        effect = theta["effect"] if centred else theta["level"] + theta["spread"] * theta["effect"]
        rows = data["store_index"].values[start:]
        mean = np.array([effect[known.index(r)] if r in known else theta["level"] for r in rows])
        shared = (rows[:, None] == rows) & ~np.isin(rows, known)
        covariance = theta["spread"] ** 2 * shared + theta["scale"] ** 2 * np.eye(len(rows))
        return gaussian(mean, covariance, data["y"].values[start:])

    return law


def nested_by_sum(data):
    """Store effects around nothing, added to the effects of their regions."""
    stores, store_index = np.unique(data["store_index"], return_inverse=True)
    regions, region_index = np.unique(data["region_index"], return_inverse=True)
    with pm.Model(coords={"store": stores, "region": regions}) as model:
        store, region = (
            pm.Data("store_index", store_index, dims="obs"),
            pm.Data("region_index", region_index, dims="obs"),
        )
        y = pm.Data("y", data["y"].values, dims="obs")
        across, within = pm.HalfNormal("across", 1), pm.HalfNormal("within", 1)
        of_region = pm.Normal("of_region", 1, across, dims="region")
        of_store = pm.Normal("of_store", 0, within, dims="store")
        pm.Normal("outcome", of_region[region] + of_store[store], 0.5, observed=y, dims="obs")
    return model


def nested_by_table(data):
    """Store effects around those of their regions, by a table of which region a store is in."""
    stores = data["store"].values
    regions, region_of_store = np.unique(data["region_of_store"], return_inverse=True)
    with pm.Model(coords={"store": stores, "region": regions}) as model:
        store = pm.Data("store_index", np.searchsorted(stores, data["store_index"]), dims="obs")
        region_of_store = pm.Data("region_of_store", region_of_store, dims="store")
        y = pm.Data("y", data["y"].values, dims="obs")
        across, within = pm.HalfNormal("across", 1), pm.HalfNormal("within", 1)
        of_region = pm.Normal("of_region", 1, across, dims="region")
        of_store = pm.Normal("of_store", of_region[region_of_store], within, dims="store")
        pm.Normal("outcome", of_store[store], 0.5, observed=y, dims="obs")
    return model


def nested_law(by_table):
    def law(theta, data, start, trained):
        known = {n: np.unique(data[f"{n}_index"].values[:trained]).tolist() for n in ("store", "region")}
        store, region = data["store_index"].values[start:], data["region_index"].values[start:]
        new_store, new_region = ~np.isin(store, known["store"]), ~np.isin(region, known["region"])
        mean = np.where(new_region, 1.0, 0.0)
        for k in range(len(store)):
            if not new_region[k] and (new_store[k] or not by_table):
                mean[k] += theta["of_region"][known["region"].index(region[k])]
            if not new_store[k]:
                mean[k] += theta["of_store"][known["store"].index(store[k])]
        covariance = theta["across"] ** 2 * ((region[:, None] == region) & new_region)
        covariance = covariance + theta["within"] ** 2 * ((store[:, None] == store) & new_store)
        return gaussian(mean, covariance + 0.25 * np.eye(len(store)), data["y"].values[start:])

    return law


def store_kinds(data):
    """A store's type is an integer; a new store's is drawn."""
    labels, index = np.unique(data["store_index"], return_inverse=True)
    with pm.Model(coords={"store": labels}) as model:
        store, y = pm.Data("store_index", index, dims="obs"), pm.Data("y", data["y"].values, dims="obs")
        kind = pm.Bernoulli("kind", pm.Beta("share", 2, 2), dims="store")
        pm.Normal("outcome", pm.Normal("level", [0, 3], 1, shape=2)[kind[store]], 1, observed=y, dims="obs")
    return model


def store_kinds_law(theta, data, start, trained):
    known = np.unique(data["store_index"].values[:trained]).tolist()
    rows, y = data["store_index"].values[start:], data["y"].values[start:]
    share = np.array([theta["kind"][known.index(r)] if r in known else theta["share"] for r in rows])
    density = np.stack([stats.norm.pdf(y, level, 1) for level in theta["level"]])
    logs, joint = np.log((1 - share) * density[0] + share * density[1]), 0.0
    for label in np.unique(rows):
        mine = rows == label
        joint += np.log((1 - share[mine][0]) * density[0, mine].prod() + share[mine][0] * density[1, mine].prod())
    low, high = theta["level"]
    return Law(logs, joint, low + share * (high - low), 1 + share * (1 - share) * (high - low) ** 2)


# States of weeks to come ---------------------------------------------------------------------------------------------


def weekly(state):
    """Rows look up the state of their week."""

    def build(data):
        weeks, index = np.unique(data["week_index"], return_inverse=True)
        with pm.Model(coords={"week": weeks}) as model:
            week, y = pm.Data("week_index", index, dims="obs"), pm.Data("y", data["y"].values, dims="obs")
            pm.Normal("outcome", state()[week], pm.HalfNormal("scale", 1), observed=y, dims="obs")
        return model

    return build


def walking_state():
    step = pm.HalfNormal("step", 1)
    return pm.GaussianRandomWalk("state", 0.2, step, init_dist=pm.Normal.dist(0, 2), dims="week")


def cumulated_state():
    return pm.Normal("first", 0, 2) + pm.HalfNormal("step", 1) * pm.Normal("push", 0, 1, dims="week").cumsum()


def autoregressive_state():
    rho, step = pm.Normal("rho", 0, 0.5, shape=1), pm.HalfNormal("step", 1)
    return pm.AR("state", rho, step, init_dist=pm.Normal.dist(0, 1, shape=1), dims="week")


def trending_state():
    tilt = (pm.HalfNormal("tilt_step", 1) * pm.Normal("tilt_push", 0, 1, dims="week")).cumsum()
    return (tilt + pm.HalfNormal("step", 1) * pm.Normal("push", 0, 1, dims="week")).cumsum()


def weekly_law(forward):
    """``forward(theta, steps) -> (mean, covariance)`` of the state so many weeks after the last one trained on."""

    def law(theta, data, start, trained):
        week = data["week_index"].values
        steps = week[start:] - week[:trained].max()
        mean, covariance = forward(theta, steps)
        return gaussian(mean, covariance + theta["scale"] ** 2 * np.eye(len(steps)), data["y"].values[start:])

    return law


def shared_pushes(steps, weight):
    """Covariance of states that answer to unit pushes: ``weight(age)`` of a push that many weeks old."""
    responses = [[weight(h - i) if i <= h else 0.0 for i in range(1, max(steps) + 1)] for h in steps]
    return np.array(responses) @ np.array(responses).T


def walking_forward(theta, steps):
    return theta["state"][-1] + 0.2 * steps, theta["step"] ** 2 * shared_pushes(steps, lambda _: 1.0)


def cumulated_forward(theta, steps):
    now = theta["first"] + theta["step"] * theta["push"].sum()
    return np.full(len(steps), now), theta["step"] ** 2 * shared_pushes(steps, lambda _: 1.0)


def autoregressive_forward(theta, steps):
    rho = theta["rho"][0]
    return theta["state"][-1] * rho**steps, theta["step"] ** 2 * shared_pushes(steps, lambda age: rho**age)


def trending_forward(theta, steps):
    tilt = np.cumsum(theta["tilt_step"] * theta["tilt_push"])
    now = np.sum(tilt + theta["step"] * theta["push"])
    own = theta["step"] ** 2 * shared_pushes(steps, lambda _: 1.0)
    return now + steps * tilt[-1], own + theta["tilt_step"] ** 2 * shared_pushes(steps, lambda age: age + 1.0)


# A latent variable of every row --------------------------------------------------------------------------------------


def overdispersed(data):
    with pm.Model() as model:
        x, y = pm.Data("x", data["x"].values, dims="obs"), pm.Data("y", data["y"].values, dims="obs")
        noise = pm.Normal("noise", 0, pm.HalfNormal("spread", 1), dims="obs")
        pm.Poisson("outcome", pm.math.exp(pm.Normal("slope", 0, 1) * x + noise), observed=y, dims="obs")
    return model


def overdispersed_law(theta, data, start, trained):
    nodes, weights = special.roots_hermitenorm(60)
    mu, y = theta["slope"] * data["x"].values[start:], data["y"].values[start:]
    at_nodes = stats.poisson.pmf(y[:, None], np.exp(mu[:, None] + theta["spread"] * nodes))
    rows = np.log(at_nodes @ weights / weights.sum())
    mean = np.exp(mu + theta["spread"] ** 2 / 2)
    return Law(rows, float(rows.sum()), mean, mean + mean**2 * np.expm1(theta["spread"] ** 2))


def indicators(data):
    """Each row belongs to one of two components; which one is sampled."""
    with pm.Model() as model:
        y = pm.Data("y", data["y"].values, dims="obs")
        component = pm.Categorical("component", pm.Dirichlet("weight", [1, 1]), dims="obs")
        pm.Normal("outcome", pm.Normal("level", [0, 3], 1, shape=2)[component], 1, observed=y, dims="obs")
    return model


def indicators_law(theta, data, start, trained):
    y, (low, high), share = data["y"].values[start:], theta["level"], theta["weight"][1]
    rows = np.log((1 - share) * stats.norm.pdf(y, low, 1) + share * stats.norm.pdf(y, high, 1))
    mean = np.full(len(y), low + share * (high - low))
    return Law(rows, float(rows.sum()), mean, np.full(len(y), 1 + share * (1 - share) * (high - low) ** 2))


def walk_over_rows(data):
    with pm.Model() as model:
        y = pm.Data("y", data["y"].values, dims="obs")
        start, step = pm.Normal.dist(0, 2), pm.HalfNormal("step", 1)
        state = pm.GaussianRandomWalk("state", 0.2, step, init_dist=start, dims="obs")
        pm.Normal("outcome", state, pm.HalfNormal("scale", 1), observed=y, dims="obs")
    return model


def walk_over_rows_law(theta, data, start, trained):
    steps = np.arange(start, data.sizes["obs"]) - trained + 1
    mean, covariance = walking_forward(theta, steps)
    return gaussian(mean, covariance + theta["scale"] ** 2 * np.eye(len(steps)), data["y"].values[start:])


def latent_process(centred):
    def build(data):
        with pm.Model() as model:
            x, y = pm.Data("x", data["x"].values, dims="obs"), pm.Data("y", data["y"].values, dims="obs")
            gp = pm.gp.Latent(cov_func=pm.HalfNormal("height", 1) ** 2 * pm.gp.cov.ExpQuad(1, ls=0.8))
            smooth = gp.prior("smooth", X=x[:, None], reparameterize=not centred, dims="obs")
            pm.Normal("outcome", smooth, pm.HalfNormal("scale", 1), observed=y, dims="obs")
        return model

    return build


def latent_process_law(centred):
    def law(theta, data, start, trained):
        x = data["x"].values
        kernel = theta["height"] ** 2 * np.exp(-((x[:, None] - x) ** 2) / (2 * 0.8**2)) + 1e-6 * np.eye(len(x))
        old, new = slice(0, trained), slice(start, None)
        known = theta["smooth"] if centred else np.linalg.cholesky(kernel[old, old]) @ theta["smooth_rotated_"]
        weights = np.linalg.solve(kernel[old, old], kernel[old, new]).T
        covariance = kernel[new, new] - weights @ kernel[old, new]
        noise = theta["scale"] ** 2 * np.eye(len(covariance))
        return gaussian(weights @ known, covariance + noise, data["y"].values[new])

    return law


def _data():
    rng, x = covariates()
    rows = len(x)
    y = 0.5 + rng.normal(size=rows)
    store = np.array(["Graz", "Linz", "Graz", "Linz", "Linz", "Graz", "Bern", "Bern", "Wien"])
    region = np.where(store == "Wien", "east", "south")
    return {
        "stores": along_rows(y=y, store_index=store, region_index=region),
        "table": along_rows(
            y=y, store_index=store, region_index=region, region_of_store=("store", ["south", "south", "south", "east"])
        ).assign_coords(store=["Bern", "Graz", "Linz", "Wien"]),
        "weeks": along_rows(y=y, week_index=np.array([0, 0, 1, 2, 3, 4, 4, 5, 6])),
        "counts": along_rows(x=x, y=rng.poisson(np.exp(0.5 * x))),
        "rows": along_rows(x=x, y=y),
    }


DATA = _data()


def _case(name, build, theta, law, data, dims, **more):
    return Growing(
        name, build, DATA[data], theta, terms=None, moments=None, law=law, options={"growing_dims": dims}, **more
    )


GROUP = {"level": 0.4, "spread": 0.9, "scale": 0.8, "effect": ("store", np.array([0.9, -0.3]))}
NESTED = {
    "across": 0.8,
    "within": 0.6,
    "of_region": ("region", np.array([0.7])),
    "of_store": ("store", np.array([0.4, -0.5])),
}
STATE = ("week", np.array([0.2, 0.5, 0.1, 0.6]))
PUSH = ("week", np.array([0.4, -0.2, 0.9, 0.3]))
WEEKLY = {"step": 0.6, "scale": 0.7}
ROW = ("obs", np.array([0.2, 0.5, -0.4, 0.6, 0.3]))
SMOOTH = 0.4 * DATA["rows"]["x"].values[:5]

CASES = [
    _case("new stores", stores(True), GROUP, stores_law(True), "stores", ("store",)),
    _case("new stores, non-centred", stores(False), GROUP, stores_law(False), "stores", ("store",)),
    _case("nested by sum", nested_by_sum, NESTED, nested_law(False), "stores", ("store", "region")),
    _case("nested by table", nested_by_table, NESTED, nested_law(True), "table", ("store", "region")),
    _case(
        "types of new stores",
        store_kinds,
        {"kind": ("store", np.array([0, 1])), "share": 0.4, "level": np.array([0.2, 2.0])},
        store_kinds_law,
        "stores",
        ("store",),
        whole=("kind",),
    ),
    _case(
        "local level",
        weekly(walking_state),
        {**WEEKLY, "state": STATE},
        weekly_law(walking_forward),
        "weeks",
        ("week",),
        needs_past=True,
    ),
    _case(
        "local level, non-centred",
        weekly(cumulated_state),
        {**WEEKLY, "first": 0.3, "push": PUSH},
        weekly_law(cumulated_forward),
        "weeks",
        ("week",),
        needs_past=True,
    ),
    _case(
        "autoregressive state",
        weekly(autoregressive_state),
        {**WEEKLY, "rho": np.array([0.7]), "state": STATE},
        weekly_law(autoregressive_forward),
        "weeks",
        ("week",),
        needs_past=True,
    ),
    _case(
        "local linear trend",
        weekly(trending_state),
        {**WEEKLY, "tilt_step": 0.3, "push": PUSH, "tilt_push": STATE},
        weekly_law(trending_forward),
        "weeks",
        ("week",),
        needs_past=True,
    ),
    _case(
        "overdispersed rows",
        overdispersed,
        {"slope": 0.5, "spread": 0.7, "noise": ROW},
        overdispersed_law,
        "counts",
        ("obs",),
    ),
    _case(
        "component of each row",
        indicators,
        {
            "weight": np.array([0.6, 0.4]),
            "level": np.array([0.2, 2.0]),
            "component": ("obs", np.array([0, 1, 1, 0, 0])),
        },
        indicators_law,
        "rows",
        ("obs",),
        whole=("weight", "component"),
    ),
    _case(
        "walk over the rows",
        walk_over_rows,
        {**WEEKLY, "state": ROW},
        walk_over_rows_law,
        "rows",
        ("obs",),
        needs_past=True,
    ),
    _case(
        "latent process, non-centred",
        latent_process(False),
        {"height": 1.1, "scale": 0.6, "smooth_rotated_": ROW},
        latent_process_law(False),
        "rows",
        ("obs",),
        needs_past=True,
    ),
    _case(
        "latent process, centred",
        latent_process(True),
        {"height": 1.1, "scale": 0.6, "smooth": ("obs", SMOOTH)},
        latent_process_law(True),
        "rows",
        ("obs",),
        needs_past=True,
    ),
]
