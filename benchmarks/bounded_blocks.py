"""Do debts of single parameters have right values and errors where the parameter has bounds?

Conjugate models of one parameter, or of probabilities on a simplex: the truth of an entry is a divergence of beta or
gamma distributions in closed form. Draws are autoregressive in a Gaussian copula. Printed per cell: the truth, the
share called reliable, and over those bias, RMSE, mean standard error, the share of 90% intervals that cover with its
binomial error, and the largest miss in standard errors; last, how often a bound lies above the truth (5% is due).
Run as ``python benchmarks/bounded_blocks.py [--replications N] [--seed N] [--phi PHI] [--only TEXT]``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import signal, stats
from scipy.special import betaln, digamma, gammaln

from learning_debt.debt.by_block import labels_by, sampled_debt
from learning_debt.debt.from_draws import NoLogMarginal, debt_from_draws
from learning_debt.debt.selection import Block
from learning_debt.debt.unconstrained_scale import on_real_line
from learning_debt.doubt import Doubt

Array = NDArray[np.float64]

Z90 = float(stats.norm.ppf(0.95))
SHAPE = 4, 1000


def beta_divergence(p: tuple[float, float], q: tuple[float, float]) -> float:
    """KL of beta distributions, nats."""
    (a, b), (c, d) = p, q
    means = (a - c) * digamma(a) + (b - d) * digamma(b) + (c - a + d - b) * digamma(a + b)
    return float(betaln(c, d) - betaln(a, b) + means)


def gamma_divergence(p: tuple[float, float], q: tuple[float, float]) -> float:
    """KL of gamma distributions of shape and rate, nats."""
    (a, r), (c, s) = p, q
    return float((a - c) * digamma(a) - gammaln(a) + gammaln(c) + c * np.log(r / s) + a * (s - r) / r)


class Cell(NamedTuple):
    """Deployed and shadow parameters of a family, the map of its draws to the parameter, and the bounds known of it."""

    name: str
    family: str
    deployed: tuple[float, ...]
    shadow: tuple[float, ...]
    place: Callable[[Array], Array] = np.asarray
    low: float = np.nan
    high: float = np.nan

    @property
    def truth(self) -> float:
        """Debt of the parameter, of a simplex that of its first entry, nats."""
        if self.family == "gamma":
            return gamma_divergence(self.shadow[:2], self.deployed[:2])
        p, q = ((one[0], sum(one[1:])) for one in (self.shadow, self.deployed))
        return beta_divergence(p, q)


CELLS = (
    Cell("probability near 1, small", "beta", (40.0, 1.5), (60.0, 1.5), low=0, high=1),
    Cell("probability near 1, large", "beta", (40.0, 1.5), (60.0, 5.5), low=0, high=1),
    Cell("probability near 0, small", "beta", (1.2, 200.0), (1.2, 260.0), low=0, high=1),
    Cell("probability near 0, large", "beta", (1.2, 200.0), (9.2, 260.0), low=0, high=1),
    Cell("uniform prior, some rows", "beta", (1.0, 1.0), (4.0, 3.0), low=0, high=1),
    Cell("uniform prior, many rows", "beta", (1.0, 1.0), (40.0, 10.0), low=0, high=1),
    Cell("density infinite at both ends", "beta", (0.5, 0.5), (3.5, 0.5), low=0, high=1),
    Cell("rate, small", "gamma", (2.0, 1.0), (5.0, 2.0), low=0, high=np.inf),
    Cell("rate, large", "gamma", (2.0, 1.0), (32.0, 6.0), low=0, high=np.inf),
    Cell("rate, exponential prior", "gamma", (1.0, 1.0), (1.0, 3.0), low=0, high=np.inf),
    Cell("lower bound 5", "gamma", (1.5, 1.0), (4.5, 2.5), lambda x: 5 + x, 5, np.inf),
    Cell("upper bound -3", "gamma", (1.5, 1.0), (4.5, 2.5), lambda x: -3 - x, -np.inf, -3),
    Cell("between 2 and 7", "beta", (2.0, 1.0), (9.0, 2.0), lambda x: 2 + 5 * x, 2, 7),
    Cell("between 2 and 7, bounds not known", "beta", (20.0, 10.0), (32.0, 18.0), lambda x: 2 + 5 * x),
    Cell("entry of a simplex", "dirichlet", (1.0, 1.0, 1.0), (4.0, 2.0, 6.0)),
    Cell("rare entry of a simplex", "dirichlet", (0.5, 10.0, 10.0), (2.5, 40.0, 30.0)),
)


def uniforms(rng: np.random.Generator, phi: float) -> Array:
    """Autoregressive chains with uniform marginals, shape (chain, draw)."""
    noise = rng.normal(size=SHAPE) * np.sqrt(1 - phi**2)
    noise[:, 0] /= np.sqrt(1 - phi**2)
    return np.asarray(stats.norm.cdf(signal.lfilter([1.0], [1.0, -phi], noise, axis=-1)))


def draws(rng: np.random.Generator, family: str, parameters: tuple[float, ...], phi: float) -> Array:
    """Of a posterior, shape (chain, draw, entries): a gamma, or probabilities that add up to 1 with the rest."""
    if family == "gamma":
        return stats.gamma.ppf(uniforms(rng, phi), parameters[0], scale=1 / parameters[1])[..., None]
    left, parts = np.ones(SHAPE), []
    for k, one in enumerate(parameters[:-1]):  # a Dirichlet breaks sticks
        share = stats.beta.ppf(uniforms(rng, phi), one, sum(parameters[k + 1 :]))
        parts.append(left * share)
        left = left * (1 - share)
    return np.stack([*parts, left], axis=-1)


def log_ratio(cell: Cell, values: Array) -> Array:
    """Log-likelihood of the rows between deployed posterior and shadow, nats up to a constant."""
    change = np.subtract(cell.shadow, cell.deployed)
    if cell.family == "gamma":
        return np.asarray(change[0] * np.log(values[..., 0]) - change[1] * values[..., 0])
    return np.asarray(np.log(np.maximum(values, 1e-300)) @ change)


def debt(cell: Cell, phi: float, rng: np.random.Generator) -> tuple[float, float, bool]:
    """Value, standard error and verdict from fresh draws; a bound where it is not reliable."""
    deployed, shadow = (draws(rng, cell.family, one, phi) for one in (cell.deployed, cell.shadow))
    at_deployed, at_shadow = log_ratio(cell, deployed), log_ratio(cell, shadow)
    whole = debt_from_draws(at_shadow, at_deployed, *2 * (lambda: NoLogMarginal(Doubt.NO_JOINT_DENSITY),))
    labels = labels_by(whole, at_shadow, at_deployed)
    groups = [xr.Dataset({"x": (("chain", "draw"), cell.place(one[..., 0]))}) for one in (shadow, deployed)]
    bounds = {} if np.isnan(cell.low) else {"x": (np.array([cell.low]), np.array([cell.high]))}
    pair = on_real_line(Block("x", "x", np.array([0])), *groups, bounds)
    return sampled_debt(*pair, labels)[:3]


def summary(found: list[tuple[float, float, bool]], truth: float) -> str:
    """One line about the reliable ones, and about the bounds."""
    kept = np.array([one[:2] for one in found if one[2]]).reshape(-1, 2)
    bounds = np.array([one[0] for one in found if not one[2]])
    line = f"{truth:8.3f}{len(kept) / len(found):10.1%}"
    if len(kept):
        miss, error = kept[:, 0] - truth, kept[:, 1]
        z = miss / error
        line += (
            f"{miss.mean():+10.4f}{np.sqrt((miss**2).mean()):9.4f}{error.mean():9.4f}"
            f"{np.mean(np.abs(z) < Z90):9.3f} ± {np.sqrt(0.09 / len(kept)):.3f}{z[np.abs(z).argmax()]:+8.1f}"
        )
    return line + (f"   {np.mean(bounds > truth):.3f} of {len(bounds)} bounds" if len(bounds) else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--phi", type=float, default=0.5)
    parser.add_argument("--only", default="", help="cells whose names hold this text")
    options = parser.parse_args()
    print(f"{'cell':36}{'truth':>8}{'reliable':>10}{'bias':>10}{'rmse':>9}{'error':>9}{'coverage':>17}{'largest':>8}")
    for number, cell in enumerate(CELLS):
        if options.only in cell.name:
            rng = np.random.default_rng([options.seed, number, int(1000 * options.phi)])
            found = [debt(cell, options.phi, rng) for _ in range(options.replications)]
            print(f"{cell.name:36}{summary(found, cell.truth)}", flush=True)


if __name__ == "__main__":
    main()
