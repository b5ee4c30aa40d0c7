"""Posterior debt of pooled spell tables on hard posteriors, against truth in closed form or by quadrature.

    python benchmarks/hard_tables.py [--replications 20] [--draws 500] [--only "funnel;gamma"] [--sticky 0 0.8]

The paths are those of benchmarks/hard_posteriors.py: eleven posteriors from deployed to shadow, each of which can be
drawn exactly. Here they are the periods of a replay, so that all 55 pairs of a table are looked at. Printed per case:
fits of 11, the share of pairs called reliable in periods that converged, and over those bias, RMSE, the share of 90%
intervals that cover, the largest miss in standard errors and how many missed by more than 5. Pairs of one table share
their draws.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import xarray as xr
from hard_posteriors import INNER, Case, cases, sticky

import learning_debt as ld

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from sampled_regression import SampledRegression

Z90 = 1.6448536269514722


class PathForecaster(SampledRegression):
    """A replay along a path of posteriors: the row of period k moves the posterior from place k - 1 to place k."""

    def __init__(self, case: Case, draws: int, repeat: float) -> None:
        super().__init__(draws=draws)
        self.posteriors, self.repeat = [case.path(u) for u in INNER], repeat

    def as_batch(self, data):
        return data if isinstance(data, xr.Dataset) else xr.Dataset(data)

    def fit(self, data, *, row_weight=None, random_seed=None):
        self.fits += 1
        rng = np.random.default_rng(random_seed)
        place = int(data["place"].values.max())
        draws = sticky(self.posteriors[place].draw(rng, (self.chains, self.draws)), rng, self.repeat)
        tree = xr.DataTree.from_dict({"posterior": xr.Dataset({"theta": (("chain", "draw", "k"), draws)})})
        tree.attrs["place"] = place
        return tree

    def log_density(self, posterior, batch, past=None, *, random_seed=None):
        theta = posterior["posterior"]["theta"].values
        steps = [self.posteriors[k].log_density(theta) - self.posteriors[k - 1].log_density(theta)
                 for k in batch["place"].values.tolist()]  # fmt: skip
        return xr.Dataset({"y": (("chain", "draw", "obs"), np.stack(steps, axis=-1))})

    def unconstrained_draws(self, posterior):
        return posterior["posterior"]["theta"].values

    def log_joint(self, posterior, unconstrained):
        """All posteriors of a path are normalised, as if each row had likelihood one on average."""
        with np.errstate(all="ignore"):
            density = self.posteriors[posterior.attrs["place"]].log_density(unconstrained)
        return np.where(np.isnan(density), -np.inf, density)

    def require_comparable(self, shadow, deployed, batch):
        """All places of a path share their parameter."""


def table(case: Case, draws: int, repeat: float, seed: int) -> xr.Dataset:
    place = np.arange(len(INNER))
    data = xr.Dataset({"y": ("obs", 0.0 * place), "place": ("obs", place), "period": ("obs", place)})
    return ld.spell_table(
        PathForecaster(case, draws, repeat),
        data,
        initial=1,
        variables=("debt",),
        shadow=ld.PooledShadow(),
        random_seed=seed,
        progressbar=False,
    )


def judged(case: Case, spells: xr.Dataset) -> tuple[np.ndarray, np.ndarray, int]:
    """Misses and errors of the pairs that can be relied on, and the number of all pairs."""
    one = spells.isel(series=0)
    value, error, reliable = (one[name].values for name in ("debt", "debt_se", "debt_reliable"))
    converged = one["converged"].values.astype(bool)
    deployed = one["deployed_converged"].values.astype(bool)
    misses, errors, pairs = [], [], 0
    for s, t in zip(*np.nonzero(np.isfinite(value) | (value == np.inf)), strict=True):
        pairs += 1
        if reliable[s, t] and converged[t] and deployed[s] and error[s, t] > 0:
            misses.append(value[s, t] - case.debt_of(INNER[t + 1], INNER[s]))
            errors.append(error[s, t])
    return np.array(misses), np.array(errors), pairs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=20)
    parser.add_argument("--draws", type=int, default=500, help="per chain, of four")
    parser.add_argument("--only", default="", help="cases whose name holds one of these, by semicolons")
    parser.add_argument("--sticky", type=float, nargs="+", default=[0.0, 0.8])
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    begun, total, over, worst = time.perf_counter(), 0, 0, 0.0
    print(f"{'case':36s} {'draws':6s} {'debt':>8s}  fits reliable      bias     rmse  cover  max z  over 5")
    for case in cases():
        if not any(part in case.name for part in asked.only.split(";")):
            continue
        for repeat in asked.sticky:
            tables = [
                table(case, asked.draws, repeat, asked.seed + number)
                for number in range(max(asked.replications // (10 if case.parameters > 50 else 1), 1))
            ]
            parts = [judged(case, one) for one in tables]
            miss, error = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
            fits = np.mean([int(one["refits"].sum()) + 1 for one in tables])
            head = f"{case.name:36s} {'sticky' if repeat else 'iid':6s} {case.debt:8.3g} {fits:5.1f}"
            if not len(miss):
                print(f"{head}    0.0%", flush=True)
                continue
            z = np.abs(miss) / error
            total, over, worst = total + len(z), over + int((z > 5).sum()), max(worst, float(z.max()))
            print(
                f"{head} {len(z) / sum(part[2] for part in parts):8.1%} {miss.mean():+9.2g} "
                f"{np.sqrt((miss**2).mean()):8.2g} {np.mean(z < Z90):6.1%} {z.max():6.1f} {(z > 5).sum():7d}",
                flush=True,
            )
    print(f"{total} pairs, {over} missed by over 5 errors, worst {worst:.1f}; {time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
