"""Errors of pooled spell tables and of a refit every period, both against exact tables of the same conjugate model.

    python benchmarks/pooled_tables.py [--coefficients 3 5 20 50] [--periods 60 150] [--replications 4] [--sticky 0.8]

A world is a regression whose coefficients or noise change half way, or walk. Rows come five a period after a warm-up.
Either way takes independent draws of the exact posteriors, 1,000 a fit (or chains that follow an AR process). Tables
are held against `ld.spell_table` of the closed forms, cell by cell. Intervals are at 90%, over cells called reliable;
cells of one table share their draws, so the error of a coverage is that of its mean over tables. Each replication is
new data and new draws. Results are added to benchmarks/results/pooled_tables.csv, one line per table
and signal. Pooled tables need `ld.PooledShadow`.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

import learning_debt as ld

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from sampled_regression import SampledRegression

RESULTS = Path(__file__).parent / "results" / "pooled_tables.csv"
WORLDS = ("no shift", "1 sd", "3 sd", "variance x 4", "walk")
SIGNALS = ("debt", "predictive_debt", "score_gap")
ROWS = 5
Z90 = 1.6448536269514722


def prior(coefficients: int) -> ld.NIG:
    return ld.NIG(np.zeros(coefficients), np.eye(coefficients), 2.0, 1.0)


def history(world: str, coefficients: int, periods: int, rng: np.random.Generator) -> xr.Dataset:
    """Rows of a warm-up period 0 and of periods 1..T; the change has the size of the noise's standard deviation."""
    warm = max(60, 6 * coefficients)
    rows = warm + ROWS * periods
    x = rng.normal(size=(rows, coefficients))
    period = np.concatenate([np.zeros(warm, dtype=int), 1 + np.repeat(np.arange(periods), ROWS)])
    direction = rng.normal(size=coefficients)
    direction /= np.linalg.norm(direction)
    late = period > periods // 2
    slopes = np.tile(0.3 * rng.normal(size=coefficients), (rows, 1))
    if world in ("1 sd", "3 sd"):
        slopes += float(world.split()[0]) * late[:, None] * direction
    if world == "walk":
        steps = rng.normal(size=(periods + 1, coefficients)) / np.sqrt(periods * coefficients)
        slopes += np.cumsum(np.where(np.arange(periods + 1)[:, None] > 0, steps, 0.0), axis=0)[period]
    sd = np.where(late, 2.0, 1.0) if world == "variance x 4" else np.ones(rows)
    y = (x * slopes).sum(1) + sd * rng.normal(size=rows)
    return xr.Dataset({"x": (("obs", "coefficient"), x), "y": ("obs", y), "period": ("obs", period)})


class StickyRegression(SampledRegression):
    """Chains that follow a stationary AR(1) process in normal scores, with exact margins.

    Coefficients come from AR normals given the variance, and the variance by its quantile at another one.
    """

    def __init__(self, *args, correlation: float, **options) -> None:
        super().__init__(*args, **options)
        self.correlation = correlation

    def fit(self, data, *, row_weight=None, random_seed=None):
        from scipy.stats import gamma, norm

        tree = super().fit(data, row_weight=row_weight, random_seed=random_seed)
        exact = self.exact_posterior(tree)
        rng = np.random.default_rng(random_seed)
        p = exact.mean.shape[-1]
        noise = rng.normal(size=(self.chains, self.draws, p + 1))
        noise[:, 1:] *= np.sqrt(1 - self.correlation**2)
        for n in range(1, self.draws):
            noise[:, n] += self.correlation * noise[:, n - 1]
        variance = exact.rate / gamma.ppf(norm.cdf(noise[..., p]), exact.shape)
        root = np.linalg.cholesky(exact.precision)
        moved = np.linalg.solve(root.T, noise[..., :p].reshape(-1, p).T).T.reshape(self.chains, self.draws, p)
        drawn = tree["posterior"].to_dataset().copy()
        drawn["coefficients"].values[:] = exact.mean + np.sqrt(variance)[..., None] * moved
        drawn["variance"].values[:] = variance
        tree["posterior"] = xr.DataTree(drawn)
        return tree


def made(coefficients: int, sticky: float) -> SampledRegression:
    if sticky:
        return StickyRegression(prior(coefficients), correlation=sticky)
    return SampledRegression(prior(coefficients))


def figures(table: xr.Dataset, exact: xr.Dataset, signal: str) -> dict[str, float]:
    """Errors of one signal over the cells of one table in which the posteriors differ."""
    value, truth = table[signal].values.squeeze(0), exact[signal].values.squeeze(0)
    error = table[f"{signal}_se"].values.squeeze(0)
    reliable = table[f"{signal}_reliable"].values.squeeze(0).astype(bool)
    cells = np.isfinite(truth)
    if signal == "score_gap":  # of s = t - 1 with itself: 0 by definition
        cells &= np.arange(truth.shape[1])[None, :] > np.arange(truth.shape[0])[:, None]
    known = cells & np.isfinite(value)
    miss = np.where(known, value - truth, np.nan)
    used = known & reliable & (error > 0)
    z = np.abs(miss[used]) / error[used]
    relative = known & (truth > 0.01)
    return {
        "cells": int(cells.sum()),
        "unknown": int((cells & ~known).sum()),
        "rms": float(np.sqrt(np.mean(miss[known] ** 2))),
        "rms_se": float(np.sqrt(np.mean(error[used] ** 2))) if used.any() else np.nan,
        "relative": float(np.median(np.abs(miss[relative]) / truth[relative])) if relative.any() else np.nan,
        "rms_z": float(np.sqrt(np.mean(z**2))) if z.size else np.nan,
        "coverage": float(np.mean(z < Z90)) if z.size else np.nan,
        "reliable": float(reliable[cells].mean()),
        "largest_z": float(z.max()) if z.size else 0.0,
        "over_5": int((z > 5).sum()),
        "largest": float(np.nanmax(truth)),
    }


def run(world: str, coefficients: int, periods: int, seed: int, way: str, sticky: float) -> list[dict]:
    """One table; the same seed gives both ways the same data."""
    data = history(world, coefficients, periods, np.random.default_rng([seed, coefficients, periods]))
    exact = ld.spell_table(ld.ConjugateRegression(prior(coefficients)), data, initial=1, progressbar=False)
    shadow = ld.PooledShadow() if way == "pooled" else ld.Refit()
    forecaster, begun = made(coefficients, sticky), time.perf_counter()
    table = ld.spell_table(forecaster, data, initial=1, progressbar=False, random_seed=seed, shadow=shadow)
    common = {"way": way, "world": world, "p": coefficients, "T": periods, "sticky": sticky, "seed": seed}
    common |= {"fits": forecaster.fits, "seconds": round(time.perf_counter() - begun, 1)}
    return [common | {"signal": signal} | figures(table, exact, signal) for signal in SIGNALS]


def written(rows: list[dict], path: Path) -> None:
    fresh = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        if fresh:
            writer.writeheader()
        writer.writerows({key: f"{v:.4g}" if isinstance(v, float) else v for key, v in row.items()} for row in rows)


def summary(path: Path) -> pd.DataFrame:
    """One line per world, size and signal: both ways side by side, averaged over seeds.

    `ratio` is the root mean square error of pooled tables over that of refitted ones, over seeds that both have.
    """
    everything, lines = pd.read_csv(path), []
    for key, group in everything.groupby(["T", "p", "world", "sticky", "signal"], sort=False):
        pooled, refit = (group[group["way"] == way].set_index("seed") for way in ("pooled", "refit"))
        both = pooled.index.intersection(refit.index)
        line = dict(zip(("T", "p", "world", "sticky", "signal"), key, strict=True))
        for way, part in (("pooled", pooled), ("refit", refit)):
            if not len(part):
                continue
            line |= {
                f"fits {way}": part["fits"].mean(),
                f"rms {way}": np.sqrt((part["rms"] ** 2).mean()),
                f"rms se {way}": np.sqrt((part["rms_se"] ** 2).mean()),
                f"relative {way}": part["relative"].mean(),
                f"rms z {way}": np.sqrt((part["rms_z"] ** 2).mean()),
                f"covered {way}": part["coverage"].mean(),
                f"covered se {way}": part["coverage"].std() / np.sqrt(len(part)),
                f"reliable {way}": part["reliable"].mean(),
                f"largest z {way}": part["largest_z"].max(),
                f"tables {way}": len(part),
            }
        if len(both):
            squares = [(part.loc[both, "rms"] ** 2).mean() for part in (pooled, refit)]
            line["ratio"] = np.sqrt(squares[0] / squares[1])
        lines.append(line)
    return pd.DataFrame(lines).sort_values(["signal", "T", "p"], kind="stable")


def main() -> None:
    """Add tables that the results do not hold yet, then print one line per world, size and signal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--coefficients", type=int, nargs="+", default=[3, 5, 20, 50])
    parser.add_argument("--periods", type=int, nargs="+", default=[60, 150])
    parser.add_argument("--worlds", nargs="+", default=list(WORLDS), choices=WORLDS)
    parser.add_argument("--ways", nargs="+", default=["pooled", "refit"], choices=["pooled", "refit"])
    parser.add_argument("--replications", type=int, default=2)
    parser.add_argument("--sticky", type=float, default=0.0, help="correlation of neighbouring draws")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    known = pd.read_csv(arguments.results) if arguments.results.exists() else None
    sizes = product(range(1, arguments.replications + 1), arguments.periods, arguments.coefficients)
    for (seed, periods, coefficients), world, way in product(list(sizes), arguments.worlds, arguments.ways):
        asked = {"way": way, "world": world, "p": coefficients, "T": periods, "sticky": arguments.sticky, "seed": seed}
        if known is not None and (known[list(asked)] == pd.Series(asked)).all(axis=1).any():
            continue
        written(run(world, coefficients, periods, seed, way, arguments.sticky), arguments.results)
    with pd.option_context("display.width", 300, "display.max_columns", None, "display.max_rows", None):
        print(summary(arguments.results).to_string(index=False, float_format=lambda value: f"{value:.3g}"))


if __name__ == "__main__":
    main()
