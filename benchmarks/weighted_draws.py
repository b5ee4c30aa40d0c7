"""Do estimates between posteriors made from the same draws have right values and right errors?

Conjugate regression, whose debt, predictive debt and score gap are exact. Draws of a posterior (independent or
autoregressive) are reweighted by Pareto-smoothed likelihoods or moved by moment matching, and debt, predictive debt and
score gap are estimated and held against the truth. With ``--normals`` N(0, 1) is reweighted to normals .2 to 2.3 nats
away, by likelihoods as they are and Pareto-smoothed, and held against the same draws and against others: debt alone, of
1,000 and 4,000 draws. Run as ``python benchmarks/weighted_draws.py [--replications N] [--draws N] [--seed N]
[--normals]``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import NamedTuple

import numpy as np
from arviz_stats.base import array_stats
from numpy.typing import NDArray
from scipy import signal, stats

from learning_debt.arrays.conjugate import nig
from learning_debt.arrays.draws.effective_size import weighted_size
from learning_debt.arrays.predictive import mixture
from learning_debt.debt.from_draws import NoLogMarginal, debt_from_draws
from learning_debt.doubt import Doubt
from learning_debt.estimate import Estimate
from learning_debt.forecasters.weights import MAXIMUM_PARETO_K, MINIMUM_MOVED_SHARE
from learning_debt.scores.row_mixtures import supported

Array = NDArray[np.float64]

CHAINS, OLD, NEW = 4, 30, 6
SHIFTS = (0.0, 1.0, 3.0)
CASES = ("reweighted from deployed", "two reweightings of one anchor", "weighted and independent", "moved and anchor")
Z90 = float(stats.norm.ppf(0.95))


class World(NamedTuple):
    """Exact posteriors before, between and after, and the rows that came: x (rows, 2), y (rows,)."""

    anchor: nig.NIG
    deployed: nig.NIG
    shadow: nig.NIG
    x: Array
    y: Array
    early: int
    x_next: Array
    y_next: Array


class Draws(NamedTuple):
    """Weighted draws: coefficients (chain, draw, 2), variance and weight (chain, draw), lineage, Pareto k, if moved."""

    coefficients: Array
    variance: Array
    weight: Array | None
    lineage: str
    pareto_k: float = 0.0
    moved: bool = False


def world(shift: float, early: int, rng: np.random.Generator) -> World:
    """`OLD` rows, `NEW` rows of which `early` are the deployed posterior's already, and the next one."""
    x = np.column_stack([np.ones(OLD + NEW), rng.normal(size=OLD + NEW)])
    y = x @ [1.0, -0.5] + rng.normal(size=OLD + NEW) + shift * (np.arange(OLD + NEW) >= OLD)
    prior = nig.as_nig(nig.NIG(np.zeros(2), np.eye(2) / 4, 2.0, 1.0))
    anchor = nig.update(prior, x[:OLD], y[:OLD])
    deployed, shadow = (nig.update(prior, x[: OLD + n], y[: OLD + n]) for n in (early, NEW))
    x_next = np.array([[1.0, 0.5]])
    y_next = x_next @ [1.0, -0.5] + shift + rng.normal(size=1)
    return World(anchor, deployed, shadow, x[OLD:], y[OLD:], early, x_next, y_next)


def draws_of(posterior: nig.NIG, shape: tuple[int, int], phi: float, rng: np.random.Generator, lineage: str) -> Draws:
    """Draws of an exact posterior, autoregressive in a Gaussian copula."""
    z = signal.lfilter([np.sqrt(1 - phi**2)], [1.0, -phi], rng.normal(size=(3, shape[0], shape[1] + 100)))[..., 100:]
    variance = stats.invgamma.isf(stats.norm.sf(z[0]), posterior.shape, scale=posterior.rate)
    root = np.linalg.cholesky(np.linalg.inv(posterior.precision))
    coefficients = posterior.mean + np.sqrt(variance)[..., None] * np.einsum("jk,kcd->cdj", root, z[1:])
    return Draws(coefficients, np.asarray(variance), None, lineage)


def log_likelihood(draws: Draws, x: Array, y: Array) -> Array:
    """Of every row at every draw, shape (chain, draw, rows)."""
    spread = np.sqrt(draws.variance)[..., None]
    return np.asarray(stats.norm.logpdf(y, draws.coefficients @ x.T, spread))


def reweighted(draws: Draws, log_ratio: Array) -> Draws:
    """The same draws under Pareto-smoothed weights."""
    smoothed, k = array_stats.psislw(-log_ratio.ravel())
    weight = np.exp(smoothed - smoothed.max()).reshape(log_ratio.shape)
    return draws._replace(weight=weight / weight.mean(), pareto_k=float(k))


def moved(draws: Draws, source: nig.NIG, target: nig.NIG) -> Draws:
    """Draws moved to the weighted mean and spread that the target has by their weights, and weighted for the rest."""

    def log_density(points: Array, posterior: nig.NIG) -> Array:
        flat = points.reshape(-1, 3)
        density = nig.log_density(posterior, flat[:, :2], np.exp(flat[:, 2])) + flat[:, 2]
        return np.asarray(density).reshape(points.shape[:2])

    points = np.concatenate([draws.coefficients, np.log(draws.variance)[..., None]], axis=-1)
    weight = reweighted(draws, log_density(points, target) - log_density(points, source)).weight
    assert weight is not None
    half = points.shape[1] // 2
    to, jacobian = np.empty_like(points), np.empty(points.shape[:2])
    # The moments of one half move the other: draws moved by their own moments are biased by as much as their error.
    for fit, use in ((slice(half), slice(half, None)), (slice(half, None), slice(half))):
        flat, own = points[:, fit].reshape(-1, 3), weight[:, fit].ravel()
        centre, spread = np.average(flat, axis=0, weights=own), np.sqrt(np.cov(flat.T, aweights=own).diagonal())
        scale = spread / flat.std(axis=0)
        to[:, use] = centre + (points[:, use] - flat.mean(axis=0)) * scale
        jacobian[:, use] = np.log(scale).sum()
    arrived = draws._replace(coefficients=to[..., :2], variance=np.exp(to[..., 2]), moved=True)
    return reweighted(arrived, log_density(to, target) - log_density(points, source) + jacobian)


def pair(case: str, at: World, shape: tuple[int, int], phi: float, rng: np.random.Generator) -> tuple[Draws, Draws]:
    """Shadow and deployed draws."""
    anchor = draws_of(at.anchor, shape, phi, rng, "anchor")
    rows = log_likelihood(anchor, at.x, at.y)
    if case == "reweighted from deployed":
        return reweighted(anchor, rows.sum(axis=-1)), anchor
    if case == "two reweightings of one anchor":
        return reweighted(anchor, rows.sum(axis=-1)), reweighted(anchor, rows[..., : at.early].sum(axis=-1))
    if case == "weighted and independent":
        return reweighted(anchor, rows.sum(axis=-1)), draws_of(at.deployed, shape, phi, rng, "independent")
    return moved(anchor, at.anchor, at.shadow), anchor


def estimates(at: World, shadow: Draws, deployed: Draws) -> dict[str, tuple[Estimate, float]]:
    """Debt, predictive debt and score gap with their truths."""
    new = slice(at.early, None)
    log_ratios = (log_likelihood(one, at.x[new], at.y[new]).sum(axis=-1) for one in (shadow, deployed))
    together = shadow.lineage == deployed.lineage
    weights = {"weight_shadow": shadow.weight, "weight_deployed": deployed.weight, "together": together}
    debt = debt_from_draws(*log_ratios, no_marginal, no_marginal, **weights)
    grid = nig_grid(at)
    at_points = [mixtures(one, np.repeat(at.x_next, len(grid), axis=0), grid) for one in (shadow, deployed)]
    mass = np.exp(at_points[0].log_density)
    predictive = judged(mixture.divergence(*at_points, mass / mass.sum()), *at_points)
    at_outcome = [mixtures(one, at.x_next, at.y_next) for one in (shadow, deployed)]
    gap = judged(mixture.score_gap(*at_outcome), *at_outcome)
    scores = [float(nig.log_score(one, at.x_next, at.y_next)[0]) for one in (at.shadow, at.deployed)]
    trusted = max(shadow.pareto_k, deployed.pareto_k) <= 0.7 and not (shadow.moved and uneven(shadow))
    found = {
        "debt": (debt, float(nig.kl(at.shadow, at.deployed))),
        "predictive debt": (predictive, float(nig.predictive_debt(at.shadow, at.deployed, at.x_next))),
        "score gap": (gap, scores[0] - scores[1]),
    }
    return {
        name: (Estimate(one.value, one.standard_error, one.reliable and trusted), truth)
        for name, (one, truth) in found.items()
    }


def uneven(draws: Draws) -> bool:
    """Whether moved draws are worth less than the public estimators ask for."""
    assert draws.weight is not None
    return weighted_size(draws.weight) < MINIMUM_MOVED_SHARE * draws.weight.size


def nig_grid(at: World) -> Array:
    """Points over the shadow's predictive distribution of the next row."""
    centre = float((at.x_next @ at.shadow.mean)[0])
    scale = float(np.sqrt(at.shadow.rate / at.shadow.shape * 1.3))
    return centre + scale * np.linspace(-9, 9, 73)


def mixtures(draws: Draws, x: Array, y: Array) -> mixture.Mixture:
    """Of the draws, at outcomes."""
    return mixture.mixture(log_likelihood(draws, x, y), draws.weight, draws.lineage)


def judged(found: mixture.MonteCarlo, *of: mixture.Mixture) -> Estimate:
    """With the verdict of the public estimators."""
    return Estimate(found.value, found.standard_error, supported(found, *of))


def no_marginal() -> NoLogMarginal:
    """Here the overlap must do."""
    return NoLogMarginal(Doubt.NO_JOINT_DENSITY)


def normal_debt(
    rng: np.random.Generator, draws: int, phi: float, mean: float, smooth: bool, together: bool
) -> tuple[Estimate, float]:
    """Debt of N(mean, 1), made of draws of N(0, 1) by weights, with its truth."""
    noise = np.sqrt(1 - phi**2) * rng.normal(size=(2, CHAINS, draws // CHAINS + 200))
    theta, other = signal.lfilter([1.0], [1.0, -phi], noise, axis=-1)[..., 200:]
    ratio = mean * theta - mean**2 / 2
    smoothed, k = array_stats.psislw(-ratio.ravel())
    weight = np.exp(smoothed.reshape(theta.shape) - smoothed.max() if smooth else ratio - ratio.max())
    at_deployed = ratio if together else mean * other - mean**2 / 2
    weights = {"weight_shadow": weight / weight.mean(), "together": together}
    found = debt_from_draws(ratio, at_deployed, no_marginal, no_marginal, **weights)
    return replace(found, reliable=found.reliable and float(k) <= MAXIMUM_PARETO_K), mean**2 / 2


def normals(replications: int, seed: int) -> Iterator[Cell]:
    """All cells of debt between normals."""
    choices = product((1000, 4000), (0.0, 0.5, 0.9), (0.2, 0.4, 0.8, 1.5, 2.3), (False, True), (False, True))
    for number, (draws, phi, truth, smooth, together) in enumerate(choices):
        rng = np.random.default_rng([seed, number])
        cell = draws, phi, float(np.sqrt(2 * truth)), smooth, together
        several = [normal_debt(rng, *cell) for _ in range(replications)]
        name = f"{draws} {'smoothed' if smooth else 'as they are'}, {'same' if together else 'other'} draws"
        yield summary(name, phi, cell[2], "debt", several)


class Cell(NamedTuple):
    """One line of the table."""

    case: str
    phi: float
    shift: float
    quantity: str
    truth: float
    reliable: float
    coverage: float
    bias: float
    largest: float
    replications: int


def study(replications: int, draws: int, seed: int) -> Iterator[Cell]:
    """All cells; the rows that came are new in every replication."""
    for number, case in enumerate(CASES):
        for phi in (0.0, 0.8):
            for shift in SHIFTS:
                rng = np.random.default_rng([seed, number, int(10 * phi), int(10 * shift)])
                found: dict[str, list[tuple[Estimate, float]]] = {}
                for _ in range(replications):
                    early = 0 if case in (CASES[0], CASES[3]) else NEW // 2
                    at = world(shift, early, rng)
                    for name, one in estimates(at, *pair(case, at, (CHAINS, draws // CHAINS), phi, rng)).items():
                        found.setdefault(name, []).append(one)
                for name, several in found.items():
                    yield summary(case, phi, shift, name, several)


def summary(case: str, phi: float, shift: float, name: str, several: list[tuple[Estimate, float]]) -> Cell:
    """Coverage of 90% intervals, bias and largest miss in standard errors, of what is called reliable."""
    kept = [(one, truth) for one, truth in several if one.reliable]
    misses = np.array([(one.value - truth) / one.standard_error for one, truth in kept if one.standard_error > 0])
    truth = float(np.median([truth for _, truth in several]))
    share = len(kept) / len(several)
    if not misses.size:
        return Cell(case, phi, shift, name, truth, share, np.nan, np.nan, np.nan, 0)
    covered = float(np.mean(np.abs(misses) < Z90))
    errors = np.array([one.standard_error for one, _ in kept])
    bias = np.mean([one.value - truth for one, truth in kept]) / np.sqrt(np.mean(errors**2))
    return Cell(case, phi, shift, name, truth, share, covered, float(bias), float(np.abs(misses).max()), len(misses))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=100)
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--normals", action="store_true", help="debt between normals alone")
    options = parser.parse_args()
    print(f"{'case':32}{'AR':>4}{'shift':>6} {'quantity':16}{'truth':>8}{'reliable':>9}{'coverage':>16}", end="")
    print(f"{'bias/se':>10}{'largest':>9}")
    whole = (options.replications, options.draws, options.seed)
    for cell in normals(options.replications, options.seed) if options.normals else study(*whole):
        error = np.sqrt(0.09 / max(cell.replications, 1))
        print(
            f"{cell.case:32}{cell.phi:4.1f}{cell.shift:6.1f} {cell.quantity:16}{cell.truth:8.4f}{cell.reliable:9.2f}"
            f"{cell.coverage:9.3f} ± {error:.3f}{cell.bias:10.2f}{cell.largest:9.2f}"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
