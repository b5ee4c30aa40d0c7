"""Do debt, predictive debt and score gaps from autocorrelated draws have right errors, where they are called reliable?

N(m, s^2) against N(0, 1), drawn as autoregressive chains: the truth is known, and so is the log-likelihood between the
two. Where chains are worth about as many draws as are asked for, the verdict picks those whose effective size came out
too large, and with it too small an error. Printed per cell: the truth, the share called reliable, and over those bias,
RMSE, mean standard error, the share of 90% intervals that cover with its binomial error, and the largest miss in
standard errors. With ``--forecasts`` the draws also forecast outcomes N(theta, 3^2): predictive debt, and a score gap.
Run as ``python benchmarks/sticky_chains.py [--replications N] [--seed N] [--only PHI ...] [--forecasts]``.
"""

from __future__ import annotations

import argparse
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import signal, stats

from learning_debt.arrays.bridging.bridge import LogMarginal, TooFewDrawsError, gaussian_log_marginal
from learning_debt.arrays.predictive import mixture
from learning_debt.debt.from_draws import NoLogMarginal, debt_from_draws
from learning_debt.doubt import Doubt
from learning_debt.estimate import Estimate
from learning_debt.scores.row_mixtures import gap_from_mixtures, supported

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
FORECAST_NORMALS = NORMALS[1:3]
FORECAST_SHAPES = dict.fromkeys((0.5, 0.8, 0.9, 0.95, 0.97), ((1, 1000), (4, 250), (1, 4000), (4, 1000)))
NOISE = 3.0
"""Standard deviation of an outcome at known theta: parameters are known well against it, as they are in most models."""
LOG_SCALE = float(np.log(NOISE * np.sqrt(2 * np.pi)))
OUTCOMES = np.array([-2.0, 0.5, 4.0])
Z90 = float(stats.norm.ppf(0.95))


def chains(rng: np.random.Generator, shape: tuple[int, int], phi: float) -> Array:
    """Autoregressive standard normal chains, from their stationary distribution."""
    noise = rng.normal(size=shape) * np.sqrt(1 - phi**2)
    noise[:, 0] /= np.sqrt(1 - phi**2)
    return np.asarray(signal.lfilter([1.0], [1.0, -phi], noise, axis=-1))


def debt(rng: np.random.Generator, shadow: Array, deployed: Array, mean: float, sd: float) -> Estimate:
    """From draws of both, with the Gaussian bridge where they do not overlap."""

    def marginal(draws: Array, centre: float, spread: float) -> LogMarginal | NoLogMarginal:
        try:
            return gaussian_log_marginal(draws[..., None], lambda x: stats.norm.logpdf(x[:, 0], centre, spread), rng)
        except TooFewDrawsError as error:
            return NoLogMarginal(Doubt.FEW_FOR_GAUSSIAN, str(error))

    ratios = (stats.norm.logpdf(one, mean, sd) - stats.norm.logpdf(one) for one in (shadow, deployed))
    return debt_from_draws(*ratios, lambda: marginal(shadow, mean, sd), lambda: marginal(deployed, 0.0, 1.0))


def forecasts(shadow: Array, deployed: Array, mean: float, sd: float) -> dict[str, Estimate]:
    """Predictive debt, by the trapezoid rule, and score gap."""
    y = mean + np.hypot(NOISE, sd) * np.linspace(-8, 8, 25)
    at_points, at_outcomes = (
        [mixture.mixture(-(((at - theta[..., None]) / NOISE) ** 2) / 2 - LOG_SCALE) for theta in (shadow, deployed)]
        for at in (y, OUTCOMES)
    )
    mass = np.exp(at_points[0].log_density)
    found = mixture.divergence(*at_points, mass / mass.sum())
    predictive = Estimate(found.value, found.standard_error, supported(found, *at_points))
    return {"predictive": predictive, "gap": gap_from_mixtures(*at_outcomes)}


def truths(mean: float, sd: float) -> dict[str, float]:
    """Of all three."""
    ours, theirs = np.hypot(NOISE, sd), np.hypot(NOISE, 1.0)
    gaps = stats.norm.logpdf(OUTCOMES, mean, ours) - stats.norm.logpdf(OUTCOMES, 0.0, theirs)
    return {
        "debt": (sd**2 + mean**2 - 1) / 2 - float(np.log(sd)),
        "predictive": ((ours**2 + mean**2) / theirs**2 - 1) / 2 - float(np.log(ours / theirs)),
        "gap": float(gaps.mean()),
    }


def cell(
    rng: np.random.Generator, shape: tuple[int, int], phi: float, normal: tuple[float, float], number: int, more: bool
) -> dict[str, list[Estimate]]:
    """Estimates from so many fresh pairs of draws."""
    mean, sd = normal
    found: dict[str, list[Estimate]] = {}
    for _ in range(number):
        deployed, shadow = chains(rng, shape, phi), mean + sd * chains(rng, shape, phi)
        each = {"debt": debt(rng, shadow, deployed, mean, sd)}
        for quantity, one in (each | (forecasts(shadow, deployed, mean, sd) if more else {})).items():
            found.setdefault(quantity, []).append(one)
    return found


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
    parser.add_argument("--only", type=float, nargs="*", help="autocorrelations")
    parser.add_argument("--forecasts", action="store_true", help="predictive debt and score gap, too")
    options = parser.parse_args()
    shapes, normals = (FORECAST_SHAPES, FORECAST_NORMALS) if options.forecasts else (SHAPES, NORMALS)
    print(
        f"{'AR':>5}{'chains x draws':>16} {'':<11}{'truth':>8}{'reliable':>10}{'bias':>10}{'rmse':>9}{'error':>9}",
        end="",
    )
    print(f"{'coverage':>17}{'largest':>8}")
    for normal, phi in product(normals, options.only or shapes):
        for shape in shapes[phi]:
            rng = np.random.default_rng([options.seed, int(1000 * phi), *shape, int(100 * normal[0])])
            exact = truths(*normal)
            found = cell(rng, shape, phi, normal, options.replications, options.forecasts)
            for quantity, estimates in found.items():
                line = summary(estimates, exact[quantity])
                print(f"{phi:5.2f}{shape[0]:>9} x {shape[1]:<5}{quantity:<11}{line}", flush=True)


if __name__ == "__main__":
    main()
