"""Debt by parameter block and by group of rows against exact values, on exact draws of the conjugate posterior.

Each replication draws fresh data, updates the exact posterior, draws from both posteriors and compares. Printed per
kind of block: the median exact value, the share called reliable, and over those bias, RMSE, the share of 90% intervals
that cover and the largest miss in standard errors; for the others, the share of lower bounds that hold. The binomial
error of the coverage is .9% at 1000 replications. The last columns compare with the divergence of moment-matched
Gaussians on the same draws: its bias and RMSE, to show what skewness costs.
"""

import argparse
import time

import numpy as np
from scipy.signal import lfilter
from scipy.special import gammaincinv, ndtr

import learning_debt as ld

CASES = [  # coefficients, rows before, rows since, shift of the first coefficient, factor on the variance, draws, rho
    (3, 30, 10, 0.5, 1.0, 250, 0.0),
    (2, 3, 3, 1.0, 1.0, 500, 0.0),
    (3, 30, 30, 1.0, 1.0, 500, 0.0),
    (3, 30, 20, 0.0, 4.0, 500, 0.0),
    (3, 30, 30, 3.0, 1.0, 500, 0.0),
    (5, 60, 30, 0.5, 1.0, 500, 0.7),
]


def sample(forecaster, posterior, draws, rho, rng):
    """Exact draws; with rho, the innovations of the sampler's normals and of the variance follow an AR(1) process."""
    tree = forecaster.sample(posterior, draws=draws, chains=4, random_seed=int(rng.integers(2**31)))
    if rho == 0:
        return tree
    p = len(posterior.mean)
    noise = rng.normal(size=(4, draws + 200, p + 1))
    noise = lfilter([np.sqrt(1 - rho**2)], [1, -rho], noise, axis=1)[:, 200:]
    variance = posterior.rate / gammaincinv(posterior.shape, ndtr(noise[..., -1]))
    root = np.linalg.inv(np.linalg.cholesky(posterior.precision))
    coefficients = posterior.mean + np.sqrt(variance)[..., None] * (noise[..., :-1] @ root)
    group = tree["posterior"].to_dataset()
    tree["posterior"] = group.assign(
        coefficients=group["coefficients"].copy(data=coefficients), variance=group["variance"].copy(data=variance)
    )
    return tree


def gaussian(tree_p, tree_q, name, place):
    """Divergence of moment-matched Gaussians on the scale the estimator uses."""
    first, second = (
        np.asarray(tree["posterior"][name]).reshape(-1, *np.shape(tree["posterior"][name])[2:])
        for tree in (tree_p, tree_q)
    )
    if name == "variance":
        first, second = np.log(first), np.log(second)
    else:
        first, second = first[:, place], second[:, place]
    s, t = first.var(), second.var()
    return 0.5 * (np.log(t / s) + s / t - 1 + (first.mean() - second.mean()) ** 2 / t)


def replicate(case, rng):
    """Kind -> rows of (exact, estimate, standard error, reliable, Gaussian)."""
    p, before, since, shift, factor, draws, rho = case
    forecaster = ld.ConjugateRegression(ld.NIG(np.zeros(p), np.eye(p), 3.0, 2.0))
    x, y = rng.normal(size=(before + since, p)), rng.normal(size=before + since)
    late = np.arange(len(x)) >= before
    y = np.where(late, np.sqrt(factor), 1.0) * y + x.sum(1) + shift * late * x[:, 0]
    new = {"x": x[late], "y": y[late], "group": np.arange(since) % 3}
    deployed = forecaster.fit({"x": x[~late], "y": y[~late]})
    shadow = forecaster.update(deployed, {"x": new["x"], "y": new["y"]})
    trees = [sample(forecaster, one, draws, rho, rng) for one in (shadow, deployed)]
    found = {}
    for joint in (False, True):
        wanted = None if not joint else "coefficients"
        exact = ld.debt_by_block(forecaster, shadow, deployed, new, wanted, joint=joint)
        estimate = ld.debt_by_block(forecaster, *trees, new, wanted, joint=joint)
        for k, variable in enumerate(exact["variable"].values):
            kind = "all coefficients" if joint else {"coefficients": "coefficient"}.get(variable, variable)
            normal = np.nan if joint else gaussian(*trees, variable, k)
            found.setdefault(kind, []).append(
                (
                    *(
                        float(d[v][k])
                        for d, v in (
                            (exact, "value"),
                            (estimate, "value"),
                            (estimate, "standard_error"),
                            (estimate, "reliable"),
                        )
                    ),
                    normal,
                )
            )
    exact = ld.debt_by_group(forecaster, shadow, deployed, new, "group")
    estimate = ld.debt_by_group(forecaster, *trees, new, "group")
    found["group of rows"] = [
        (float(exact["value"][k]), *(float(estimate[v][k]) for v in ("value", "standard_error", "reliable")), np.nan)
        for k in range(3)
    ]
    return found


def report(case, kind, rows):
    """Print one line."""
    exact, found, error, reliable, normal = rows.T
    used = reliable > 0
    head = f"{case!s:>42} {kind:>16} {np.median(exact):8.3g} {used.mean():6.1%}"
    text = ""
    if used.any():
        miss = (found - exact)[used]
        z = np.abs(miss) / error[used]
        text = f" {miss.mean():+9.2g} {np.sqrt((miss**2).mean()):8.2g} {(z < 1.645).mean():6.1%} {z.max():6.1f}"
        off = (normal - exact)[used]
        text += f"   {off.mean():+9.2g} {np.sqrt((off**2).mean()):8.2g}"
    if not used.all():
        text += f"   bounds hold {(found <= exact)[~used].mean():.1%}, median {np.median((found / exact)[~used]):.2f}"
    print(head + text, flush=True)


def main():
    """Print one block per case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, nargs="*", default=range(len(CASES)), help="positions in CASES")
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    print(
        f"{'p, before, since, shift, var, draws, rho':>42} {'block':>16} {'exact':>8} {'used':>6} {'bias':>9} "
        f"{'rmse':>8} {'cover':>6} {'max z':>6}   {'N bias':>9} {'N rmse':>8}"
    )
    for case in (CASES[k] for k in arguments.cases):
        start, kinds = time.perf_counter(), {}
        for _ in range(arguments.replications):
            for kind, rows in replicate(case, rng).items():
                kinds.setdefault(kind, []).extend(rows)
        for kind, rows in kinds.items():
            report(case, kind, np.array(rows, dtype=float))
        print(f"{(time.perf_counter() - start) / arguments.replications * 1e3:.0f} ms a replication")


if __name__ == "__main__":
    main()
