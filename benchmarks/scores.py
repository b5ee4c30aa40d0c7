"""Scores of draws against exact values: coverage, error and reliability by score and shift.

    python benchmarks/scores.py [--replications 100] [--draws 1000 4000]

A conjugate regression is fitted to 60 rows, and again with 40 more from a world that has shifted by so much. Draws of
both posteriors are exact and independent; each replication draws both anew and estimates divergence and gap of a batch
of five rows. Columns: exact value, rms error, standard error (rms), bias, 90% coverage, largest |error / standard
error|, and the share called reliable. Then the seconds that one cell of a table takes, by rows, and the microseconds of
an exact one.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import learning_debt as ld
from learning_debt.forecasters.conjugate_regression import ConjugateRegression
from learning_debt.scores import CRPS, NewsvendorLoss, QuantileLoss, Score

SHIFTS = {"none": (0.0, 1.0), "small": (0.3, 1.0), "large": (2.0, 1.0), "variance": (0.0, 2.0)}
SCORES: tuple[Score, ...] = (CRPS(), QuantileLoss(0.5), QuantileLoss(0.95), NewsvendorLoss(4.0, 1.0, "EUR"))


def world(shift: float, sd: float) -> tuple[ConjugateRegression, ld.NIG, ld.NIG, dict[str, np.ndarray]]:
    """Forecaster, shadow, deployed posterior and a batch."""
    rng = np.random.default_rng(20)

    def rows(n: int, move: float, spread: float) -> dict[str, np.ndarray]:
        x = np.column_stack([np.ones(n), rng.normal(size=n)])
        return {"x": x, "y": x @ [1.0 + move, 2.0 - move] + spread * rng.normal(size=n)}

    forecaster = ld.ConjugateRegression(ld.NIG(np.zeros(2), np.eye(2), 2.0, 1.0))
    deployed = forecaster.fit(rows(60, 0.0, 1.0))
    return forecaster, forecaster.update(deployed, rows(40, shift, sd)), deployed, rows(5, shift, sd)


def study(score: Score, shift: str, draws: int, replications: int, shared: bool) -> dict[str, np.ndarray]:
    """Values, standard errors and reliability of both estimates, and the exact values."""
    forecaster, shadow, deployed, batch = world(*SHIFTS[shift])
    rows = forecaster.as_batch(batch)
    x, y = rows["x"].values, rows["y"].values
    exact = [score.exact_divergence(shadow, deployed, x)]
    exact.append((score.exact_score(shadow, x, y) - score.exact_score(deployed, x, y)).mean())
    found = np.empty((2, replications, 3))
    for r in range(replications):
        p = forecaster.sample(shadow, draws=draws // 4, random_seed=10_000 + r)
        q = forecaster.sample(deployed, draws=draws // 4, random_seed=20_000 + r)
        contrast = score.contrast(forecaster, p, rows, r)
        other = r if shared else r + 10**6
        if not shared:
            contrast.seed = other  # type: ignore[attr-defined]
        forecasts = (score.forecast(forecaster, p, rows, None, r), score.forecast(forecaster, q, rows, None, other))
        for k, estimate in enumerate((contrast.against(q), score.gap(*forecasts))):
            found[k, r] = estimate.value, estimate.standard_error, estimate.reliable
    return {"exact": np.array(exact, dtype=float), "found": found}


def line(exact: float, found: np.ndarray) -> str:
    """One row of the table; truncated divergences count as covered when their interval reaches the truth."""
    value, error, reliable = found.T
    z = np.abs(value - exact) / error
    rmse = np.sqrt(((value - exact) ** 2).mean())
    numbers = f"{exact:10.5f} {rmse:9.5f} {np.sqrt((error**2).mean()):9.5f} {value.mean() - exact:9.5f}"
    return f"{numbers} {(z < 1.645).mean():6.3f} {z.max():6.2f} {reliable.mean():6.2f}"


def speed(score: Score, draws: int) -> str:
    """Seconds for one divergence from draws, by rows; microseconds for an exact one of a row."""
    forecaster, shadow, deployed, _ = world(*SHIFTS["small"])
    p, q = (forecaster.sample(one, draws=draws // 4, random_seed=seed) for seed, one in enumerate((shadow, deployed)))
    parts = []
    for rows in (1, 10, 50):
        x = np.column_stack([np.ones(rows), np.linspace(-2, 2, rows)])
        batch = forecaster.as_batch({"x": x, "y": x.sum(axis=1)})
        contrast = score.contrast(forecaster, p, batch, 1)
        began = time.perf_counter()
        contrast.against(q)
        parts.append(f"{rows} rows {time.perf_counter() - began:.4f}")
    x = np.column_stack([np.ones(1000), np.linspace(-2, 2, 1000)])
    score.exact_divergence(shadow, deployed, x)
    began = time.perf_counter()
    score.exact_divergence(shadow, deployed, x)
    return ", ".join(parts) + f"; exact {(time.perf_counter() - began) * 1e3:.1f} us a row"


def main() -> None:
    """Print one block for each number of draws."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replications", type=int, default=100)
    parser.add_argument("--draws", type=int, nargs="+", default=[1000, 4000])
    parser.add_argument("--independent", action="store_true", help="no common random numbers")
    arguments = parser.parse_args()
    began = time.perf_counter()
    for draws in arguments.draws:
        head = f"{'exact':>10} {'rmse':>9} {'se':>9} {'bias':>9} {'cover':>6} {'max z':>6} {'reliable':>6}"
        noise = np.sqrt(0.09 / arguments.replications)
        print(f"\n{draws} draws, {arguments.replications} replications (coverage error {noise:.3f})")
        print(f"{'score':<16} {'shift':<9} {'':<5} {head}")
        for score in SCORES:
            for shift in SHIFTS:
                result = study(score, shift, draws, arguments.replications, not arguments.independent)
                for what, exact, found in zip(("debt", "gap"), result["exact"], result["found"], strict=True):
                    print(f"{score.name:<16} {shift:<9} {what:<5} {line(exact, found)}", flush=True)
        for score in SCORES:
            print(f"{score.name:<16} {speed(score, draws)}")
    print(f"{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
