"""Do predictive debt and score gap have right values and right errors, whatever the outcomes are?

Each family has draws of two posteriors, a shadow and a deployed one, in several cells: no shift, a small one, a large
one, and what is special to it (a point mass that has nearly gone, deployed tails that reach farther). Draws are a
function of standard normals, so that posteriors are exact and chains can be made autoregressive or weighted; truths
are integrals over those normals (Gauss-Hermite) and over the outcome. Printed per family and cell: replications, share
called reliable, truth, and over the reliable ones bias, RMSE, mean standard error, share of 90% intervals that cover
with its binomial error, and the largest miss in standard errors. Run as ``python benchmarks/predictive_families.py
[--replications N] [--seed N] [--draws N] [--correlation R] [--weighted] [--rows N] [--family NAME] [--what NAME]``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import signal, special, stats

from learning_debt.estimate import Estimate
from learning_debt.forecasters.weights import with_weights
from learning_debt.scores.predictive_contrast import PredictiveContrast, gap_from_mixtures, row_mixture

sys.path.insert(0, str(Path(__file__).parent))
from outcome_families import Family, Parameters, Posterior, families

Array = NDArray[np.float64]
CHAINS = 4
Z90 = float(stats.norm.ppf(0.95))
PROPOSAL = 0.2, 1.15
"""Mean and standard deviation of the normals behind weighted draws of a shadow."""


class Model:
    """A forecaster of one outcome whose rows are all alike."""

    observation_dim, observed = "obs", ("y",)
    needs_past = feedback = False

    def __init__(self, family: Family) -> None:
        self.family = family

    def as_batch(self, data: Any) -> xr.Dataset:
        """Rows as they are."""
        return xr.Dataset(data)

    def outcome_kind(self) -> str:
        """As the family says."""
        return self.family.kind

    def log_density(self, posterior: Any, batch: Any, past: Any = None, *, random_seed: Any = None) -> xr.Dataset:
        """At every draw and row."""
        values = self.family.log_density(batch["y"].values, *_parameters(posterior))
        return xr.Dataset({"y": (("sample", "obs"), values)})

    def predict(self, posterior: Any, batch: Any, past: Any = None, *, random_seed: Any = None) -> xr.Dataset:
        """One draw of the batch per posterior draw."""
        rng, parameters = np.random.default_rng(random_seed), _parameters(posterior)
        rows = [self.family.draw(rng, *parameters) for _ in range(batch.sizes["obs"])]
        values = np.stack([np.asarray(row, dtype=float).squeeze(1) for row in rows], axis=1)
        return xr.Dataset({"y": (("sample", "obs", "part")[: values.ndim], values)})


def _parameters(posterior: Any) -> list[Array]:
    draws = posterior["posterior"]
    return [draws[name].values.reshape(-1, 1) for name in sorted(draws.data_vars)]


def drawn(posterior: Posterior, normals: int, shape: tuple[int, int], correlation: float, rng: Any) -> xr.DataTree:
    """Draws, autoregressive in the normals behind them."""
    noise = rng.normal(size=(normals, shape[0], shape[1] + 100))
    z = signal.lfilter([np.sqrt(1 - correlation**2)], [1.0, -correlation], noise)[..., 100:]
    return _tree(posterior(*z), shape)


def weighted(posterior: Posterior, normals: int, shape: tuple[int, int], rng: Any) -> xr.DataTree:
    """Draws from a wider proposal, which make up for it by their weights."""
    z = PROPOSAL[0] + PROPOSAL[1] * rng.normal(size=(normals, *shape))
    log_weight = (stats.norm.logpdf(z) - stats.norm.logpdf(z, *PROPOSAL)).sum(axis=0)
    return with_weights(_tree(posterior(*z), shape), log_weight)


def _tree(parameters: Parameters, shape: tuple[int, int]) -> xr.DataTree:
    named = {f"theta_{i}": (("chain", "draw"), np.broadcast_to(p, shape)) for i, p in enumerate(parameters)}
    return xr.DataTree.from_dict({"posterior": xr.Dataset(named)})


def predictive(family: Family, posterior: Posterior, y: Array, nodes: int = 0) -> Array:
    """Log predictive density of the exact posterior at `y`, by Gauss-Hermite quadrature over its normals."""
    if family.log_predictive is not None:
        return family.log_predictive(posterior, y)
    node, weight = np.polynomial.hermite_e.hermegauss(nodes or (150 if family.normals == 1 else 60))
    z = np.meshgrid(*[node] * family.normals, indexing="ij")
    share = np.prod(np.meshgrid(*[weight / weight.sum()] * family.normals, indexing="ij"), axis=0)
    parameters = [np.broadcast_to(p, share.shape).reshape(-1, 1) for p in posterior(*z)]
    blocks = np.array_split(y, max(len(y) * share.size // 2_000_000, 1))
    with np.errstate(divide="ignore"):
        log_share = np.log(share.reshape(-1, 1))
        each = [special.logsumexp(family.log_density(b, *parameters) + log_share, axis=0) for b in blocks]
    return np.concatenate(each)


def truth(family: Family, cell: str) -> float:
    """Divergence of the exact predictive distributions."""
    if family.exact is not None:
        return family.exact[cell]
    y, weight = family.grid
    log_p, log_q = (predictive(family, one, y) for one in family.cells[cell])
    mass = np.where(log_p > -745, np.exp(log_p) * weight, 0.0)
    if abs(mass.sum() - 1) > 1e-6:
        raise RuntimeError(f"the grid holds {mass.sum()} of the mass in cell {cell!r}")
    inside = mass > 0
    return float(mass[inside] @ (log_p[inside] - log_q[inside]))


def replications(
    family: Family, cell: str, options: argparse.Namespace, rng: Any
) -> Iterator[tuple[str, Estimate, float]]:
    """Predictive debt and score gap of fresh draws, with their truths."""
    model, exact = Model(family), truth(family, cell)
    shape = CHAINS, options.draws // CHAINS
    shadow_of, deployed_of = family.cells[cell]
    scalar = family.exact is None
    outcomes = _outcomes(family, shadow_of, rng)
    if scalar:
        gaps = predictive(family, shadow_of, outcomes) - predictive(family, deployed_of, outcomes)
    for number in range(options.replications):
        if options.weighted:
            shadow = weighted(shadow_of, family.normals, shape, rng)
        else:
            shadow = drawn(shadow_of, family.normals, shape, options.correlation, rng)
        deployed = drawn(deployed_of, family.normals, shape, options.correlation, rng)
        if options.what in ("all", "debt"):
            rows = model.as_batch({"y": ("obs", np.zeros(options.rows))})
            yield "debt", PredictiveContrast(model, shadow, rows, number).against(deployed), exact
        if scalar and options.what in ("all", "gap"):
            chosen = rng.integers(len(outcomes), size=options.rows)
            batch = model.as_batch({"y": ("obs", outcomes[chosen])})
            pair = [row_mixture(model, one, batch) for one in (shadow, deployed)]
            yield "gap", gap_from_mixtures(*pair), float(gaps[chosen].mean())


def _outcomes(family: Family, posterior: Posterior, rng: Any) -> Array:
    """What may come true, from the shadow's own predictive distribution."""
    parameters = [np.reshape(p, (-1, 1)) for p in posterior(*rng.normal(size=(family.normals, 500)))]
    return np.asarray(family.draw(rng, *parameters), dtype=float).squeeze(1)


def line(name: str, found: list[tuple[Estimate, float]]) -> str:
    """What was found in a cell, in one line."""
    reliable = [(one.value - exact, one.standard_error) for one, exact in found if one.reliable]
    head = f"{name:44s} n {len(found):5d} reliable {len(reliable) / len(found):6.1%}"
    head += f" truth {np.median([exact for _, exact in found]):9.5f}"
    if not reliable:
        return head
    miss, error = np.array(reliable).T
    z = miss / np.maximum(error, 1e-300)
    cover = float(np.mean(np.abs(miss) <= Z90 * error + 1e-15))
    binomial = np.sqrt(cover * (1 - cover) / len(miss))
    flag = "  <<<" if cover < 0.85 - 2 * binomial or np.abs(z).max() > 6 else ""
    return (
        f"{head} bias {miss.mean():+.6f} rmse {np.sqrt((miss**2).mean()):.6f} error {error.mean():.6f} "
        f"covers {cover:.3f} +- {binomial:.3f} worst {z[np.abs(z).argmax()]:+.1f}{flag}"
    )


def main(arguments: list[str] | None = None) -> None:
    """Print one line per family, cell and estimate."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--replications", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--draws", type=int, default=1000, help="of each posterior, in four chains")
    parser.add_argument("--correlation", type=float, default=0.0, help="of one draw of a chain with the next")
    parser.add_argument("--weighted", action="store_true", help="shadows whose draws carry weights")
    parser.add_argument("--rows", type=int, default=1)
    parser.add_argument("--family", default="", help="those whose name begins so; all if left out")
    parser.add_argument("--what", choices=("all", "debt", "gap"), default="all")
    options = parser.parse_args(arguments)
    for name, family in families().items():
        if not name.startswith(options.family):
            continue
        for number, cell in enumerate(family.cells):
            found: dict[str, list[tuple[Estimate, float]]] = {}
            rng = np.random.default_rng([options.seed, number])
            for what, estimate, exact in replications(family, cell, options, rng):
                found.setdefault(what, []).append((estimate, exact))
            for what, results in found.items():
                print(line(f"{name}, {cell}, {what}", results), flush=True)


if __name__ == "__main__":
    main()
