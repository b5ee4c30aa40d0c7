"""Quantile, newsvendor and distance scores where draws know little: few draws beyond a level, counts, heavy tails.

    python benchmarks/score_cells.py [--replications 1000] [--draws 250] [--seed 1] [--only TEXT]

Posteriors are predictive draws themselves, four chains of `--draws` from known distributions, so that truths are sums,
closed forms or quadratures. Every line: replications, share called reliable, truth; of the reliable bias, rms error,
mean standard error, coverage of 90% intervals with its binomial error, the largest |error / standard error|.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Callable, Iterator
from itertools import pairwise, product
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from scipy import stats
from scipy.integrate import quad
from scipy.special import gammaln, hyp1f1

import learning_debt as ld
from learning_debt.scores import CRPS, DrawsScore, EnergyScore, NewsvendorLoss, QuantileLoss, Score

CHAINS = 4


class Drawn:
    """A forecaster whose posteriors hold the forecasts."""

    observation_dim, observed, needs_past, feedback = "obs", ("y",), False, False

    def as_batch(self, data: Any) -> xr.Dataset:
        """Outcomes as a Dataset."""
        y = np.asarray(data["y"], dtype=float)
        return xr.Dataset({"y": (("obs", "value")[: y.ndim], y)})

    def fit(self, data: Any, **options: Any) -> xr.DataTree:
        """There is none: the draws are made elsewhere."""
        raise NotImplementedError

    def predict(self, posterior: xr.DataTree, rows: Any, past: Any = None, *, random_seed: Any = None) -> xr.Dataset:
        """The forecasts themselves."""
        values = posterior["posterior"]["y"].values
        flat = values.reshape(-1, *values.shape[2:])
        return xr.Dataset({"y": (("sample", "obs", "value")[: flat.ndim], flat)})


class Cell(NamedTuple):
    """Two distributions, a row each per entry of their parameters, the score, and how draws of both are made.

    `same` is the score of the package that a function of the user's is equal to; `values` are those of one outcome.
    """

    name: str
    score: Score
    shadow: Any
    deployed: Any
    make: Callable[[np.random.Generator, Any, tuple[int, ...]], np.ndarray]
    rows: int = 1
    same: Score | None = None
    values: int = 1


def absolute_error(draws: np.ndarray, outcome: np.ndarray) -> np.ndarray:
    """Of the median."""
    return -np.abs(np.median(draws, axis=0) - outcome)


def ranked(draws: np.ndarray, outcome: np.ndarray) -> np.ndarray:
    """The CRPS, from the ranks."""
    z, n = np.sort(draws, axis=0), len(draws)
    weight = (2 * np.arange(1, n + 1) - n - 1) / (n * (n - 1))
    return weight @ z - np.abs(draws - outcome).mean(axis=0)


def independent(rng: np.random.Generator, forecast: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Independent draws."""
    return np.asarray(forecast.rvs(size=shape, random_state=rng), dtype=float)


def sticky(rng: np.random.Generator, forecast: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Draws whose normal scores follow an AR(.9) along the chain."""
    z = rng.normal(size=shape)
    for k in range(1, shape[1]):
        z[:, k] = 0.9 * z[:, k - 1] + np.sqrt(1 - 0.81) * z[:, k]
    return np.asarray(forecast.ppf(stats.norm.cdf(z)), dtype=float)


def negative_binomial(rate: float, shape: float, rows: int) -> Any:
    """Counts whose rate is gamma; rows differ by a factor."""
    factor = np.exp(0.3 * stats.norm.ppf((np.arange(rows) + 0.5) / rows)) if rows > 1 else np.ones(1)
    return stats.nbinom(shape, 1 / (1 + rate * factor / shape))


def point_masses(*probabilities: float) -> Any:
    """Masses on 0, 1, 2, ..."""
    return stats.rv_discrete(values=(np.arange(len(probabilities)), probabilities))


def inflated(zero: float, rate: float) -> Any:
    """Poisson counts, none with probability `zero` besides."""
    counts = np.arange(40)
    mass = (1 - zero) * stats.poisson.pmf(counts, rate)
    return point_masses(*np.r_[mass[0] + zero + 1 - zero - mass.sum(), mass[1:]])


def capped(rate: float, cap: int) -> Any:
    """Poisson counts of which more than `cap` are never seen."""
    mass = stats.poisson.pmf(np.arange(cap), rate)
    return point_masses(*mass, 1 - mass.sum())


def cells() -> Iterator[Cell]:
    """All cells."""
    money = NewsvendorLoss(4.0, 1.0, "EUR")
    for rows in (1, 5, 20, 50):
        for ours, theirs in ((4.0, 3.0), (22.0, 20.0)):
            pair = negative_binomial(ours, 150.0, rows), negative_binomial(theirs, 60.0, rows)
            yield Cell(f"counts {ours:g}/{theirs:g}, {rows} rows", money, *pair, independent, rows)
    yield Cell(
        "edge at .8", money, point_masses(0.2, 0.2, 0.2, 0.2, 0.1, 0.1), point_masses(0.2, 0.3, 0.3, 0.2), independent
    )
    yield Cell("zeros .7/.79", money, inflated(0.7, 3.0), inflated(0.79, 3.0), independent)
    yield Cell("capped at 8", money, capped(6.0, 8), capped(5.0, 8), independent)
    for level in (0.5, 0.9, 0.95, 0.98, 0.984, 0.99, 0.02, 0.001, 0.9999):
        yield Cell(f"normal {level}", QuantileLoss(level), stats.norm(0.5), stats.norm(), independent)
        yield Cell(f"Student 3 {level}", QuantileLoss(level), stats.t(3, 0.5), stats.t(3), independent)
    yield Cell("sticky .8", QuantileLoss(0.8), stats.norm(0.5), stats.norm(), sticky)
    yield Cell("sticky", CRPS(), stats.norm(0.5), stats.norm(), sticky)
    for df in (3.0, 2.0, 1.5, 1.0):
        yield Cell(f"Student {df:g}", CRPS(), stats.t(df, 0.5), stats.t(df), independent)
    yield Cell("Student 1.5 under normal", CRPS(), stats.norm(), stats.t(1.5), independent)
    yield Cell("lognormal 1.2/1", CRPS(), stats.lognorm(1.2), stats.lognorm(1.0), independent)
    yield Cell("zeros .7/.79", CRPS(), inflated(0.7, 3.0), inflated(0.79, 3.0), independent)
    own = DrawsScore(absolute_error, "absolute error"), DrawsScore(ranked, "ranked")
    for rows, make in product((1, 5), (independent, sticky)):
        label, pair = f"normal{' sticky' * (make is sticky)}, {rows} rows", (stats.norm(0.5), stats.norm())
        for score, same in zip(own, (NewsvendorLoss(1.0, 1.0), EnergyScore()), strict=True):
            yield Cell(label, score, *pair, make, rows, same)
        vectors = stats.norm([0.5, 0.8, 0.2]), stats.norm([0.0, 0.3, 0.3])
        yield Cell(f"{label} of 3 values", EnergyScore(), *vectors, make, rows, None, 3)


def mean_length(shift: np.ndarray, variance: float) -> np.ndarray:
    """Mean Euclidean norm of normal vectors (..., values) around `shift`."""
    half = shift.shape[-1] / 2
    confluent = hyp1f1(-0.5, half, -(shift**2).sum(axis=-1) / (2 * variance))
    return np.asarray(np.sqrt(2 * variance) * np.exp(gammaln(half + 0.5) - gammaln(half)) * confluent)


def energy_truths(cell: Cell, outcome: np.ndarray) -> dict[str, float]:
    """Of unit normals: the mean distances within either cancel."""
    outcome = outcome.reshape(cell.rows, -1)
    p, q = (np.broadcast_to(one.mean(), outcome.shape) for one in (cell.shadow, cell.deployed))
    gap = mean_length(q - outcome, 1.0) - mean_length(p - outcome, 1.0)
    debt = mean_length(p - q, 2.0) - mean_length(np.zeros_like(p), 2.0)
    return {"debt": float(debt.mean()), "gap": float(gap.mean())}


def integrated(function: Callable[[float], float], low: float, high: float) -> float:
    """Integral over (low, high), piece by piece."""
    edges = [low, *[edge for edge in (-1e4, -100, -10, -3, 0, 3, 10, 100, 1e4) if low < edge < high], high]
    return sum(quad(function, a, b, limit=200)[0] for a, b in pairwise(edges))


def truths(cell: Cell, outcome: np.ndarray) -> dict[str, float]:
    """Predictive debt and gap."""
    if cell.same is not None:
        cell = cell._replace(score=cell.same, same=None)
    if isinstance(cell.score, EnergyScore):
        return energy_truths(cell, outcome)
    p, q = cell.shadow, cell.deployed
    discrete = not hasattr(p, "pdf") or isinstance(getattr(p, "dist", p), stats.rv_discrete)
    if isinstance(cell.score, CRPS):
        if discrete:
            k = np.arange(60)
            gap = sum(((one.cdf(k) - (k >= outcome)) ** 2).sum() * sign for one, sign in ((q, 1), (p, -1)))
            return {"debt": float(((p.cdf(k) - q.cdf(k)) ** 2).sum()), "gap": float(gap)}
        y = float(outcome[0])
        gap = sum(
            sign
            * (
                integrated(lambda x, one=one: one.cdf(x) ** 2, -1e6, y)
                + integrated(lambda x, one=one: one.sf(x) ** 2, y, 1e6)
            )
            for one, sign in ((q, 1), (p, -1))
        )
        return {"debt": integrated(lambda x: (p.cdf(x) - q.cdf(x)) ** 2, -1e6, 1e6), "gap": gap}
    under, over = cell.score._costs  # type: ignore[attr-defined]
    stocks = [np.broadcast_to(one.ppf(under / (under + over)), (cell.rows,)) for one in (p, q)]

    def loss(stock: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.where(y > stock, under * (y - stock), over * (stock - y))

    gap = float((loss(stocks[1], outcome) - loss(stocks[0], outcome)).mean())
    if discrete:
        k = np.arange(2000)[:, None]
        debt = float((p.pmf(k) * (loss(stocks[1], k) - loss(stocks[0], k))).sum(axis=0).mean())
    else:
        debt = quad(lambda x: (under + over) * p.cdf(x) - under, stocks[0][0], stocks[1][0])[0]
    return {"debt": debt, "gap": gap}


def line(found: np.ndarray, truth: float) -> str:
    """One row of the table; `found` holds value, standard error and verdict."""
    value, error, reliable = found.T
    trusted = reliable == 1
    head = f"{len(found):6d} {trusted.mean():8.3f} {truth:10.5f}"
    if not trusted.any():
        return head
    off, error = value[trusted] - truth, error[trusted]
    off[np.abs(off) < 1e-9] = 0.0  # counts are hit exactly
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(off == 0, 0.0, np.abs(off) / error)
    numbers = f"{off.mean():9.5f} {np.sqrt((off**2).mean()):9.5f} {error.mean():9.5f}"
    return f"{head} {numbers} {(z <= 1.645).mean():6.3f} +- {np.sqrt(0.09 / trusted.sum()):.3f} {z.max():6.2f}"


def study(cell: Cell, draws: int, replications: int, seed: int) -> Iterator[str]:
    """Lines for predictive debt and gap."""
    rng = np.random.default_rng([seed, zlib.crc32(f"{cell.name} {cell.score.name}".encode())])
    places = (cell.rows, cell.values)[: 1 + (cell.values > 1)]
    level = (0.618 * np.arange(cell.rows * cell.values).reshape(places) + 0.37) % 1
    outcome = np.broadcast_to(cell.shadow.ppf(level), places).astype(float)
    exact, forecaster = truths(cell, outcome), Drawn()
    found: dict[str, list[tuple[float, float, bool]]] = {"debt": [], "gap": []}
    dims = ("chain", "draw", "obs", "value")
    for _ in range(replications):
        pair = [
            xr.DataTree.from_dict({"posterior": xr.Dataset({"y": (dims[: values.ndim], values)})})
            for values in (cell.make(rng, one, (CHAINS, draws, *places)) for one in (cell.shadow, cell.deployed))
        ]
        for what, ask in (("debt", ld.predictive_debt), ("gap", ld.score_gap)):
            estimate = ask(forecaster, *pair, {"y": outcome}, cell.score, random_seed=1)
            found[what].append((estimate.value, estimate.standard_error, estimate.reliable))
    for what, results in found.items():
        yield f"{cell.name:<26} {cell.score.name:<16} {what:<5} {line(np.array(results, dtype=float), exact[what])}"


def main() -> None:
    """Print all cells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replications", type=int, default=1000)
    parser.add_argument("--draws", type=int, default=250, help="of each of four chains")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="cells whose name holds this text")
    arguments = parser.parse_args()
    head = f"{'n':>6} {'reliable':>8} {'truth':>10} {'bias':>9} {'rmse':>9} {'se':>9} {'cover':>15} {'max z':>6}"
    print(f"{'cell':<26} {'score':<16} {'':<5} {head}")
    for cell in cells():
        if arguments.only in f"{cell.name} {cell.score.name}":
            for text in study(cell, arguments.draws, arguments.replications, arguments.seed):
                print(text, flush=True)


if __name__ == "__main__":
    main()
