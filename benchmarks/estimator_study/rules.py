"""Quadrature rules of the predictive debt on known densities: what the mass check and the two resolutions let through.

No draws carry the densities here: the error is that of the points alone.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy import integrate, stats

from learning_debt.arrays.predictive import quadrature
from learning_debt.arrays.predictive.integration import COUNT_RATE
from learning_debt.arrays.predictive.outcome_points import MASS_TOLERANCE, POINTS

AGREEMENT = 0.01
"""Relative difference between a rule and its own half, as `PredictiveContrast` asks where draws add no noise."""
CONTINUOUS = {
    "normal": (stats.norm(0.3, 1.2), stats.norm(0, 1)),
    "Student t, 3 degrees of freedom": (stats.t(3, 0.5, 1), stats.t(3, 0, 1.5)),
    "Student t, 8 standard deviations off": (stats.t(100, 8, 1.1), stats.t(100, 0, 1)),
    "lognormal": (stats.lognorm(0.8, scale=1.2), stats.lognorm(1.0)),
    "gamma, shape 2": (stats.gamma(2), stats.gamma(2, scale=1.2)),
    "exponential": (stats.expon(), stats.expon(scale=1.2)),
}
COUNTS = {
    f"negative binomial, mean {mean}, size {size}": tuple(
        stats.nbinom(size, size / (size + factor * mean)) for factor in (1.0, 1.15)
    )
    for mean in (3, 200, 2000)
    for size in (0.5, 2.0, 50.0)
}


def _log_ratio(shadow: Any, deployed: Any, density: str, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The shadow's density and log f_p/f_q, zero where the shadow has none."""
    mass = getattr(shadow, density)(y)
    with np.errstate(invalid="ignore"):
        ratio = getattr(shadow, f"log{density}")(y) - getattr(deployed, f"log{density}")(y)
    return mass, np.where(mass > 0, ratio, 0.0)


def _exact(shadow: Any, deployed: Any, density: str) -> float:
    if density == "pmf":
        y = np.arange(shadow.ppf(1 - 1e-14) * 1.5)
        mass, ratio = _log_ratio(shadow, deployed, density, y)
        return float(mass @ ratio)
    lowest, highest = shadow.support()
    limits = [lowest, *shadow.ppf([1e-6, 0.5, 1 - 1e-6]), highest]
    pieces = [
        integrate.quad(
            lambda y: float(np.prod(_log_ratio(shadow, deployed, density, np.array([y])))), low, high, limit=500
        )[0]
        for low, high in pairwise(limits)
    ]
    return float(sum(pieces))


def rule_errors(seeds: int = 50, draws: int = 4000) -> pd.DataFrame:
    """One row per pair of densities, number of points and seed: mass missed, disagreement and error of the value."""
    rows = []
    for kind, pairs, density in (("continuous", CONTINUOUS, "pdf"), ("count", COUNTS, "pmf")):
        place = quadrature.real_line if kind == "continuous" else quadrature.counts
        for name, (shadow, deployed) in pairs.items():
            exact = _exact(shadow, deployed, density)
            for seed in range(seeds):
                outcomes = shadow.rvs(draws, random_state=np.random.default_rng(seed)).astype(float)
                for points in POINTS:
                    y, *weights = place(outcomes, points)
                    mass, ratio = _log_ratio(shadow, deployed, density, y)
                    fine, coarse = (
                        (weight * mass) @ (ratio + np.expm1(-ratio)) / (weight @ mass) for weight in weights
                    )
                    disagreement = abs(fine - coarse) * (COUNT_RATE if kind == "count" else 1)
                    missed = abs(weights[0] @ mass - 1)
                    rows.append((kind, name, points, missed, disagreement / fine, abs(fine / exact - 1)))
    columns = ["kind", "densities", "points", "missed_mass", "disagreement", "relative_error"]
    return pd.DataFrame(rows, columns=columns)


def first_accepted(errors: pd.DataFrame, tolerance: dict[str, float] = MASS_TOLERANCE) -> pd.DataFrame:
    """Per pair of densities: points of the first rule that passes both checks, and the largest error let through."""
    seed = errors.groupby(["densities", "points"]).cumcount()
    good = (errors["missed_mass"] <= errors["kind"].map(tolerance)) & (errors["disagreement"] <= AGREEMENT)
    taken = errors.assign(seed=seed)[good].groupby(["densities", "seed"], sort=False).first()
    number = seed.max() + 1
    found = taken.groupby("densities", sort=False).agg(
        accepted=("points", "size"), points=("points", "median"), largest_error=("relative_error", "max")
    )
    found = found.reindex(errors["densities"].unique())
    return found.assign(accepted=found["accepted"].fillna(0) / number)
