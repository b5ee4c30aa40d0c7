"""Do predictive debt and score gap have right values and right errors, whatever the outcomes are?

Each family has draws of two posteriors, a shadow and a deployed one, in several cells: no shift, a small one, a large
one, and what is special to it (a point mass that has nearly gone, deployed tails that reach farther). Draws are a
function of standard normals, so that posteriors are exact and chains can be made autoregressive or weighted; truths
are integrals over those normals (Gauss-Hermite) and over the outcome. Printed per family and cell: replications, share
called reliable, truth, and over the reliable ones bias, RMSE, median miss over the truth (root mean square of the
truths), mean standard error, share of 90% intervals that cover with its binomial error, and the largest miss in
standard errors. Cells are marked where coverage is not .85 to .95, up to two binomial errors, or a miss is over 5
standard errors. Run as ``python benchmarks/predictive_families.py [--replications N] [--seed N] [--draws N]
[--correlation R] [--weighted [MEAN SD]] [--rows N] [--family NAME ...] [--cell NAME ...] [--what NAME]
[--output FILE]``.
"""

from __future__ import annotations

import argparse
import csv
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import signal, special, stats

from learning_debt.estimate import Estimate
from learning_debt.forecasters.weights import with_weights
from learning_debt.scores.predictive_contrast import PredictiveContrast
from learning_debt.scores.row_mixtures import gap_from_mixtures, row_mixture

sys.path.insert(0, str(Path(__file__).parent))
from outcome_families import Family, Parameters, Posterior, families

Array = NDArray[np.float64]
CHAINS = 4
Z90 = float(stats.norm.ppf(0.95))
PROPOSAL = [0.2, 1.15]
"""Mean and standard deviation of the normals behind weighted draws of a shadow."""
BAND = 0.85, 0.95
"""What 90% intervals should cover at least and at most, up to two binomial errors."""
LARGEST_MISS = 5.0
"""Standard errors that no reliable value should be off by."""
COLUMNS = [
    "family",
    "cell",
    "signal",
    "draws",
    "correlation",
    "weights",
    "rows",
    "seed",
    "replications",
    "share_reliable",
    "truth",
    "bias",
    "rmse",
    "relative_error",
    "standard_error",
    "coverage",
    "coverage_error",
    "largest_miss",
    "verdict",
]


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


def weighted(
    posterior: Posterior, normals: int, shape: tuple[int, int], proposal: list[float], rng: Any
) -> xr.DataTree:
    """Draws from another distribution of the normals, which make up for it by their weights."""
    mean, sd = proposal
    z = mean + sd * rng.normal(size=(normals, *shape))
    log_weight = (stats.norm.logpdf(z) - stats.norm.logpdf(z, mean, sd)).sum(axis=0)
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
    outcomes = possible_outcomes(family, shadow_of, rng)
    gaps = predictive(family, shadow_of, outcomes) - predictive(family, deployed_of, outcomes)
    for number in range(options.replications):
        if options.weighted:
            shadow = weighted(shadow_of, family.normals, shape, options.weighted, rng)
        else:
            shadow = drawn(shadow_of, family.normals, shape, options.correlation, rng)
        deployed = drawn(deployed_of, family.normals, shape, options.correlation, rng)
        if options.what in ("all", "debt"):
            rows = model.as_batch({"y": ("obs", np.zeros(options.rows))})
            yield "debt", PredictiveContrast(model, shadow, rows, number).against(deployed), exact
        if options.what in ("all", "gap"):
            chosen = rng.integers(len(outcomes), size=options.rows)
            batch = model.as_batch({"y": (("obs", "part")[: outcomes.ndim], outcomes[chosen])})
            pair = [row_mixture(model, one, batch) for one in (shadow, deployed)]
            yield "gap", gap_from_mixtures(*pair), float(gaps[chosen].mean())


def possible_outcomes(family: Family, posterior: Posterior, rng: Any) -> Array:
    """What may come true, from the shadow's own predictive distribution."""
    parameters = [np.reshape(p, (-1, 1)) for p in posterior(*rng.normal(size=(family.normals, 500)))]
    return np.asarray(family.draw(rng, *parameters), dtype=float).squeeze(1)


def summary(found: list[tuple[Estimate, float]]) -> dict[str, float]:
    """What was found in a cell; replications and truth alone where nothing is reliable."""
    exact = np.array([one for _, one in found])
    used = np.array([one.reliable for one, _ in found])
    summed = {"replications": len(found), "share_reliable": used.mean(), "truth": float(np.sqrt((exact**2).mean()))}
    if not used.any():
        return summed
    value, error = np.array([(one.value, one.standard_error) for one, _ in found])[used].T
    miss = value - exact[used]
    cover = float(np.mean(np.abs(miss) <= Z90 * error + 1e-15))
    in_errors = miss / np.maximum(error, 1e-300)
    return summed | {
        "bias": miss.mean(),
        "rmse": np.sqrt((miss**2).mean()),
        "relative_error": np.median(np.abs(miss)) / summed["truth"] if summed["truth"] else np.nan,
        "standard_error": error.mean(),
        "coverage": cover,
        "coverage_error": np.sqrt(cover * (1 - cover) / len(miss)),
        "largest_miss": in_errors[np.abs(in_errors).argmax()],
    }


def verdict(cell: dict[str, float]) -> str:
    """Whether what is called reliable holds what it promises.

    A divergence of zero lies at the end of what its estimates can be, so that their intervals may cover it always.
    """
    if "coverage" not in cell:
        return "nothing reliable"
    if abs(cell["largest_miss"]) > LARGEST_MISS:
        return "miss"
    low, high = (2 * np.sqrt(end * (1 - end) / (cell["share_reliable"] * cell["replications"])) for end in BAND)
    if cell["coverage"] < BAND[0] - low:
        return "covers too little"
    return "covers too much" if cell["coverage"] > BAND[1] + high and cell["truth"] > 0 else "pass"


def line(name: str, cell: dict[str, float]) -> str:
    """A cell in one line."""
    head = f"{name:44s} n {cell['replications']:5d} reliable {cell['share_reliable']:6.1%} truth {cell['truth']:9.5f}"
    if "coverage" not in cell:
        return head
    return (
        f"{head} bias {cell['bias']:+.6f} rmse {cell['rmse']:.6f} relative {cell['relative_error']:.3f} "
        f"error {cell['standard_error']:.6f} covers {cell['coverage']:.3f} +- {cell['coverage_error']:.3f} "
        f"worst {cell['largest_miss']:+.1f}" + (f"  <<< {said}" if (said := verdict(cell)) != "pass" else "")
    )


def append(path: Path, row: dict[str, Any]) -> None:
    """A row more at the end of a table, which is begun where there is none."""
    new = not path.exists()
    with path.open("a", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if new:
            table.writeheader()
        table.writerow({name: f"{v:.4g}" if isinstance(v, float) else v for name, v in row.items()})


def main(arguments: list[str] | None = None) -> None:
    """Print one line per family, cell and estimate."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--replications", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--draws", type=int, default=1000, help="of each posterior, in four chains")
    parser.add_argument("--correlation", type=float, default=0.0, help="of one draw of a chain with the next")
    parser.add_argument(
        "--weighted",
        nargs="*",
        type=float,
        metavar="MEAN SD",
        help="shadows whose draws carry weights, as they come from normals with this mean and standard deviation",
    )
    parser.add_argument("--rows", type=int, default=1)
    parser.add_argument("--family", nargs="+", choices=list(families()), help="those of these names; all if left out")
    parser.add_argument("--cell", nargs="+", help="those of these names; all if left out")
    parser.add_argument("--what", choices=("all", "debt", "gap"), default="all")
    parser.add_argument("--output", type=Path, help="CSV file that takes the table, after what it holds")
    options = parser.parse_args(arguments)
    if options.weighted is not None:
        options.weighted = options.weighted or PROPOSAL
    setting = {
        "draws": options.draws,
        "correlation": options.correlation,
        "weights": "" if options.weighted is None else "N({:g}, {:g})".format(*options.weighted),
        "rows": options.rows,
        "seed": options.seed,
    }
    for name, family in families().items():
        if options.family and name not in options.family:
            continue
        for number, cell in enumerate(family.cells):
            if options.cell and cell not in options.cell:
                continue
            found: dict[str, list[tuple[Estimate, float]]] = {}
            rng = np.random.default_rng([options.seed, zlib.crc32(name.encode()), number])
            for what, estimate, exact in replications(family, cell, options, rng):
                found.setdefault(what, []).append((estimate, exact))
            for what, results in found.items():
                of_cell = summary(results)
                print(line(f"{name}, {cell}, {what}", of_cell), flush=True)
                if options.output:
                    named = {"family": name, "cell": cell, "signal": what, "verdict": verdict(of_cell)}
                    append(options.output, named | setting | of_cell)


if __name__ == "__main__":
    main()
