"""Cells of the study, and one replication of a cell: fresh data, exact posteriors, draws of both, three signals."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import xarray as xr
from scipy.linalg import solve_triangular
from scipy.signal import lfilter
from scipy.stats import gamma, norm

import learning_debt as ld
from learning_debt.arrays.bridging.bridge import pooled_debt
from learning_debt.arrays.conjugate import nig
from learning_debt.arrays.conjugate.nig import NIG
from learning_debt.debt.from_draws import MINIMUM_OVERLAP
from learning_debt.forecasters.row_likelihood import weighted_likelihood

ROWS = 5
"""Rows of a period, and of the later batch that is forecast."""
WALK = 0.1
"""Root mean square of a random-walk step of the coefficients in one period, residual standard deviations."""
CORRELATION = 0.7
"""Of neighbouring correlated draws: about 18 effective draws per 100."""
SCENARIOS = {
    "no shift": {},
    "coefficients .5": {"shift": 0.5},
    "coefficients 2": {"shift": 2.0},
    "coefficients 8": {"shift": 8.0},
    "variance x4": {"variance": 4.0},
    "random walk": {"walk": WALK},
}
CHAINS = 4
SIGNALS = ("debt", "predictive_debt", "score_gap")
COLUMNS = (
    *(f"{signal}_{what}" for signal in SIGNALS for what in ("exact", "value", "se", "reliable")),
    *("overlap", "pooled_value", "pooled_se", "debt_slope", "predictive_debt_points"),
    *("predictive_debt_relative_variance", "score_gap_relative_variance"),
)


@dataclass(frozen=True)
class Cell:
    """One setting: what happened, periods since, coefficients, draws of each posterior and how they were made."""

    scenario: str
    periods: int
    coefficients: int
    draws: int
    sampler: str
    replications: int

    @property
    def name(self) -> str:
        """For the file and the seed."""
        words = (self.sampler, self.scenario, f"k{self.periods}", f"p{self.coefficients}", f"S{self.draws}")
        return "-".join(words).replace(" ", "_")


def cells(scale: float = 1.0) -> list[Cell]:
    """All cells, the number of replications times `scale`."""
    some = ("no shift", "coefficients .5", "coefficients 2", "variance x4")
    plan = [  # sampler, draws, coefficients, periods, scenarios, replications
        ("iid", 1000, 1, (1, 2, 5, 12), tuple(SCENARIOS), 1000),
        ("iid", 1000, 1, (50, 150), tuple(SCENARIOS), 250),
        ("iid", 4000, 1, (1, 2, 5, 12), tuple(SCENARIOS), 250),
        ("iid", 4000, 1, (50, 150), tuple(SCENARIOS), 60),
        ("iid", 1000, 10, (1, 2, 5, 12, 50, 150), tuple(SCENARIOS), 200),
        ("iid", 4000, 10, (1, 2, 5, 12, 50, 150), tuple(SCENARIOS), 60),
        ("iid", 1000, 50, (1, 12, 150), tuple(SCENARIOS), 60),
        ("iid", 4000, 50, (1, 12, 150), tuple(SCENARIOS), 30),
        ("iid", 1000, 100, (1, 12, 150), tuple(SCENARIOS), 40),
        ("iid", 4000, 100, (1, 12, 150), tuple(SCENARIOS), 20),
        ("correlated", 4000, 1, (1, 5, 50), some, 100),
        ("correlated", 4000, 10, (1, 5, 50), some, 60),
        ("NUTS", 4000, 1, (1, 12), some, 60),
        ("NUTS", 4000, 10, (1, 12), some, 60),
    ]
    return [
        Cell(scenario, k, p, draws, sampler, max(1, round(scale * replications)))
        for sampler, draws, p, periods, scenarios, replications in plan
        for k in periods
        for scenario in scenarios
    ]


class Forecaster(ld.ConjugateRegression):
    """The conjugate model without the checks of data, which would take longer than the estimates."""

    def as_batch(self, data: Any) -> xr.Dataset:
        """`data` as they are."""
        return data


@cache
def forecaster(coefficients: int) -> Forecaster:
    """The exact model: beta ~ N(0, variance), variance ~ inverse gamma(2, 1)."""
    return Forecaster(ld.NIG(np.zeros(coefficients), np.eye(coefficients), 2.0, 1.0))


@dataclass(frozen=True)
class World:
    """Rows before the deployment, rows since, and a later batch."""

    before: xr.Dataset
    since: xr.Dataset
    later: xr.Dataset


def draw_world(cell: Cell, rng: np.random.Generator) -> World:
    """Rows with residual variance 1 before the deployment, and from then on as the scenario says."""
    p = cell.coefficients
    change = {"shift": 0.0, "variance": 1.0, "walk": 0.0} | SCENARIOS[cell.scenario]
    beta = 0.3 * rng.normal(size=p)
    direction = rng.normal(size=p)

    def rows(path: np.ndarray, variance: float) -> xr.Dataset:
        x = rng.normal(size=(len(path), p))
        y = (x * path).sum(axis=1) + np.sqrt(variance) * rng.normal(size=len(path))
        return xr.Dataset({"x": (("obs", "coefficient"), x), "y": ("obs", y)})

    before = rows(np.tile(beta, (max(100, 4 * p), 1)), 1.0)
    steps = change["walk"] / np.sqrt(p) * rng.normal(size=(cell.periods + 1, p))
    moved = beta + change["shift"] * direction / np.linalg.norm(direction) + np.cumsum(steps, axis=0)
    after = rows(np.repeat(moved, ROWS, axis=0), change["variance"])
    return World(before, after.isel(obs=slice(-ROWS)), after.isel(obs=slice(-ROWS, None)))


def correlated(tree: xr.DataTree, rng: np.random.Generator) -> xr.DataTree:
    """The same posterior's draws as a stationary first-order autoregression of their normal scores, chain by chain."""
    posterior, mean = tree["posterior"].to_dataset(), tree["parameters"]["mean"].values
    shape, rate = (float(tree["parameters"][name]) for name in ("shape", "rate"))
    size = (CHAINS, posterior.sizes["draw"], len(mean) + 1)
    innovations = rng.normal(size=size) * np.sqrt(1 - CORRELATION**2)
    innovations[:, 0] = rng.normal(size=(CHAINS, size[-1]))
    scores = lfilter([1.0], [1.0, -CORRELATION], innovations, axis=1)
    variance = rate / gamma(shape).ppf(norm.cdf(scores[..., -1]))
    root = np.linalg.cholesky(tree["parameters"]["precision"].values)
    standard = solve_triangular(root.T, scores[..., :-1].reshape(-1, len(mean)).T).T.reshape(*size[:2], -1)
    drawn = {"coefficients": mean + np.sqrt(variance)[..., None] * standard, "variance": variance}
    dims = {name: posterior[name].dims for name in drawn}
    changed = posterior.assign({name: (dims[name], values) for name, values in drawn.items()})
    return xr.DataTree.from_dict({"posterior": changed, "parameters": tree["parameters"].to_dataset()})


@cache
def pymc_twin(draws: int) -> ld.PyMCForecaster:
    """The same model in PyMC, sampled by NUTS."""
    import pymc as pm

    def build_model(data: xr.Dataset) -> pm.Model:
        with pm.Model() as model:
            x = pm.Data("x", data["x"].values, dims=("obs", "coefficient"))
            y = pm.Data("y", data["y"].values, dims="obs")
            variance = pm.InverseGamma("variance", 2.0, 1.0)
            beta = pm.Normal("beta", 0.0, pm.math.sqrt(variance), shape=data.sizes["coefficient"])
            pm.Normal("outcome", x @ beta, pm.math.sqrt(variance), observed=y, dims="obs")
        return model

    return ld.PyMCForecaster(build_model, draws=draws // CHAINS, tune=500, chains=CHAINS)


def exact_values(world: World, shadow: NIG, deployed: NIG) -> tuple[float, float, float]:
    """Debt, predictive debt and score gap, nats, from the exact posteriors."""
    x, y = world.later["x"].values, world.later["y"].values
    gap = nig.log_score(shadow, x, y) - nig.log_score(deployed, x, y)
    return float(nig.kl(shadow, deployed)), float(nig.predictive_debt(shadow, deployed, x)), float(gap.mean())


def draw_pair(
    cell: Cell, world: World, shadow: NIG, deployed: NIG, rng: np.random.Generator
) -> tuple[Any, list[xr.DataTree]]:
    """The forecaster that users would call, and draws of the shadow's and the deployed posterior."""
    seeds = rng.integers(2**31, size=2).tolist()
    if cell.sampler == "NUTS":
        seen = xr.concat([world.before, world.since], dim="obs"), world.before
        twin = pymc_twin(cell.draws)
        return twin, [twin.fit(rows, random_seed=seed) for rows, seed in zip(seen, seeds, strict=True)]
    model, shape = forecaster(cell.coefficients), {"draws": cell.draws // CHAINS, "chains": CHAINS}
    pair = [model.sample(one, random_seed=seed, **shape) for one, seed in zip((shadow, deployed), seeds, strict=True)]
    return model, [correlated(one, rng) for one in pair] if cell.sampler == "correlated" else pair


@np.errstate(over="ignore")  # a pooled standard error without any overlap
def replicate(cell: Cell, seed: int, replication: int) -> dict[str, float]:
    """All columns of one replication; the same numbers for the same cell, seed and replication."""
    rng = np.random.default_rng([seed, zlib.crc32(cell.name.encode()), replication])
    world = draw_world(cell, rng)
    deployed = forecaster(cell.coefficients).fit(world.before)
    shadow = forecaster(cell.coefficients).update(deployed, world.since)
    model, pair = draw_pair(cell, world, shadow, deployed, rng)
    option = {"random_seed": int(rng.integers(2**31))}
    estimates = (
        ld.posterior_debt(model, *pair, world.since, **option),
        ld.predictive_debt(model, *pair, world.later, **option),
        ld.score_gap(model, *pair, world.later),
    )
    result: dict[str, float] = {}
    for signal, truth, found in zip(SIGNALS, exact_values(world, shadow, deployed), estimates, strict=True):
        entries = (truth, found.value, found.standard_error, float(found.reliable))
        result |= {f"{signal}_{w}": v for w, v in zip(("exact", "value", "se", "reliable"), entries, strict=True)}
        result |= {f"{signal}_{key}": number for key, number in found.diagnostics.items()}
    result["overlap"] = result["debt_overlap"]
    pooled = estimates[0].value, estimates[0].standard_error
    if result["overlap"] < MINIMUM_OVERLAP:  # another estimator was taken
        pooled = pooled_debt(*(weighted_likelihood(model, one, world.since) for one in reversed(pair)))[:2]
    result |= {"pooled_value": pooled[0], "pooled_se": pooled[1]}
    return {name: result.get(name, np.nan) for name in COLUMNS}
