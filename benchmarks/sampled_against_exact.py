"""Sampled debt, predictive debt and score gap against exact values, on exact draws of the conjugate posterior.

Each case draws fresh data, updates the exact posterior, draws from both posteriors and compares. Printed per signal:
the median exact value, the share of estimates called reliable, and over those bias, RMSE, median relative error, the
share of 90% intervals that cover (binomial error of 300 replications: 1.7%) and the largest miss in standard errors.
"""

import argparse
import time

import numpy as np

import learning_debt as ld

CASES = [  # coefficients, rows before, rows since, shift of the coefficients, factor on the variance
    (1, 60, 5, 0.0, 1.0),
    (1, 60, 10, 0.5, 1.0),
    (1, 60, 20, 2.0, 1.0),
    (3, 60, 60, 0.0, 1.0),
    (3, 60, 20, 0.0, 4.0),
    (3, 60, 60, 2.0, 4.0),
    (10, 100, 100, 0.5, 1.0),
    (10, 100, 200, 8.0, 1.0),
]


def replicate(case: tuple[int, int, int, float, float], draws: int, rng: np.random.Generator) -> dict[str, tuple]:
    """Exact value, estimate, standard error and reliability of each signal, on one data set."""
    p, before, since, shift, factor = case
    forecaster = ld.ConjugateRegression(ld.NIG(np.zeros(p), np.eye(p), 2.0, 1.0))
    beta = 0.3 * rng.normal(size=p)

    def rows(number: int, moved: float, variance: float) -> dict[str, np.ndarray]:
        x = rng.normal(size=(number, p))
        return {"x": x, "y": x @ (beta + moved / np.sqrt(p)) + np.sqrt(variance) * rng.normal(size=number)}

    first, second, batch = rows(before, 0.0, 1.0), rows(since, shift, factor), rows(5, shift, factor)
    deployed = forecaster.fit(first)
    shadow = forecaster.update(deployed, second)
    seeds = rng.integers(2**31, size=2)
    sampled = [
        forecaster.sample(posterior, draws=draws // 4, chains=4, random_seed=int(seed))
        for posterior, seed in zip((shadow, deployed), seeds, strict=True)
    ]
    signals = {
        "debt": (ld.posterior_debt, second),
        "predictive debt": (ld.predictive_debt, batch),
        "score gap": (ld.score_gap, batch),
    }
    result = {}
    for name, (estimate, data) in signals.items():
        seed = {} if name == "score gap" else {"random_seed": int(seeds[0])}
        exact = estimate(forecaster, shadow, deployed, data)
        found = estimate(forecaster, *sampled, data, **seed)
        result[name] = (exact.value, found.value, found.standard_error, found.reliable)
    return result


def main() -> None:
    """Print one block per case and number of draws."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    print(
        f"{'p':>3} {'n0':>4} {'n1':>4} {'shift':>5} {'var':>4} {'draws':>5} {'signal':>16} {'exact':>9} "
        f"{'reliable':>8} {'bias':>9} {'rmse':>8} {'rel.err':>7} {'cover':>5} {'max z':>5}"
    )
    start = time.perf_counter()
    for draws in (1000, 4000):
        for case in CASES:
            found = [replicate(case, draws, rng) for _ in range(arguments.replications)]
            for signal in found[0]:
                report(case, draws, signal, np.array([one[signal] for one in found], dtype=float))
    print(f"{time.perf_counter() - start:.0f} s")


def report(case: tuple, draws: int, signal: str, values: np.ndarray) -> None:
    """Print one line."""
    exact, found, error, reliable = values.T
    used = reliable > 0
    p, before, since, shift, factor = case
    head = f"{p:3d} {before:4d} {since:4d} {shift:5.1f} {factor:4.1f} {draws:5d} {signal:>16} {np.median(exact):9.3g} "
    if not used.any():
        print(f"{head}{0:8.1%}")
        return
    miss = (found - exact)[used]
    z = np.abs(miss) / error[used]
    print(
        f"{head}{used.mean():8.1%} {miss.mean():+9.2g} {np.sqrt((miss**2).mean()):8.2g} "
        f"{np.median(np.abs(miss / exact[used])):7.1%} {(z < 1.645).mean():5.0%} {z.max():5.1f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
