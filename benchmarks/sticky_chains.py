"""Does posterior debt from autocorrelated draws have right errors, also among the samples that are called reliable?

N(m, s^2) against N(0, 1), drawn as autoregressive chains: the truth is known, and so is the log-likelihood between the
two. Where chains are worth about as many draws as are asked for, the verdict picks those whose effective size came out
too large, and with it too small an error. Printed per cell: the truth, the share called reliable, and over those bias,
RMSE, mean standard error, the share of 90% intervals that cover with its binomial error, and the largest miss in
standard errors. Run as ``python benchmarks/sticky_chains.py [--replications N] [--seed N] [--only PHI ...]``.
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray
from scipy import signal, stats

from learning_debt.arrays.bridging.bridge import LogMarginal, TooFewDrawsError, gaussian_log_marginal
from learning_debt.debt.from_draws import NoLogMarginal, debt_from_draws
from learning_debt.doubt import Doubt
from learning_debt.estimate import Estimate

Array = NDArray[np.float64]

NORMALS = ((0.3, 1.0), (0.5, 0.7), (1.5, 0.7), (4.4, 1.0))
"""Means and standard deviations of shadows: .045, .23, 1.2 and 9.7 nats from N(0, 1)."""
SHAPES = {
    0.0: ((1, 400), (4, 100)),
    0.5: ((4, 400),),
    0.9: ((1, 1000), (4, 400), (2, 1000), (4, 1000), (1, 4000)),
    0.95: ((1, 1000), (4, 400), (4, 1000), (2, 4000)),
    0.97: ((4, 1000),),
    0.98: ((4, 1000), (2, 4000), (4, 4000)),
    0.99: ((4, 1000), (1, 4000), (4, 4000)),
}
"""Chains and draws, by autocorrelation."""
Z90 = float(stats.norm.ppf(0.95))


def chains(rng: np.random.Generator, shape: tuple[int, int], phi: float) -> Array:
    """Autoregressive standard normal chains, from their stationary distribution."""
    noise = rng.normal(size=shape) * np.sqrt(1 - phi**2)
    noise[:, 0] /= np.sqrt(1 - phi**2)
    return np.asarray(signal.lfilter([1.0], [1.0, -phi], noise, axis=-1))


def estimate(rng: np.random.Generator, shape: tuple[int, int], phi: float, mean: float, sd: float) -> Estimate:
    """From fresh draws of both, with the Gaussian bridge where they do not overlap."""
    deployed, shadow = chains(rng, shape, phi), mean + sd * chains(rng, shape, phi)

    def marginal(draws: Array, centre: float, spread: float) -> LogMarginal | NoLogMarginal:
        try:
            return gaussian_log_marginal(draws[..., None], lambda x: stats.norm.logpdf(x[:, 0], centre, spread), rng)
        except TooFewDrawsError as error:
            return NoLogMarginal(Doubt.FEW_FOR_GAUSSIAN, str(error))

    ratios = (stats.norm.logpdf(one, mean, sd) - stats.norm.logpdf(one) for one in (shadow, deployed))
    return debt_from_draws(*ratios, lambda: marginal(shadow, mean, sd), lambda: marginal(deployed, 0.0, 1.0))


def summary(found: list[Estimate], truth: float) -> str:
    """One line about the reliable ones."""
    kept = [one for one in found if one.reliable]
    share = f"{truth:8.3f}{len(kept) / len(found):10.1%}"
    if not kept:
        return share
    miss, error = np.array([one.value for one in kept]) - truth, np.array([one.standard_error for one in kept])
    covered, z = np.mean(np.abs(miss) < Z90 * error), miss / error
    return (
        f"{share}{miss.mean():+10.4f}{np.sqrt((miss**2).mean()):9.4f}{error.mean():9.4f}"
        f"{covered:9.3f} ± {np.sqrt(0.09 / len(kept)):.3f}{z[np.abs(z).argmax()]:+8.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=float, nargs="*", default=list(SHAPES), help="autocorrelations")
    options = parser.parse_args()
    print(f"{'AR':>5}{'chains x draws':>16}{'truth':>8}{'reliable':>10}{'bias':>10}{'rmse':>9}{'error':>9}", end="")
    print(f"{'coverage':>17}{'largest':>8}")
    for phi in options.only:
        for shape in SHAPES[phi]:
            for mean, sd in NORMALS:
                rng = np.random.default_rng([options.seed, int(1000 * phi), *shape, int(100 * mean)])
                found = [estimate(rng, shape, phi, mean, sd) for _ in range(options.replications)]
                truth = (sd**2 + mean**2 - 1) / 2 - float(np.log(sd))
                print(f"{phi:5.2f}{shape[0]:>9} x {shape[1]:<5}{summary(found, truth)}", flush=True)


if __name__ == "__main__":
    main()
