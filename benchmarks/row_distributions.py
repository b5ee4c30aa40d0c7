"""Log densities at points, and predictive debt from them: repeated rows against known families, side by side.

Draws are made up, so that nothing is sampled; both ways see the same ones. Medians of repeated calls after one that
does not count (compilation). `families` is the new way, `repeated` the compiled log density at every row and point.
"""

import statistics
import timeit
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pymc as pm
import xarray as xr

import learning_debt as ld
from learning_debt.forecasters.outcome_densities import log_density_at, repeated_log_density
from learning_debt.scores.predictive_contrast import PredictiveContrast

DRAWS, POINTS, STORES = 4000, 33, 10


class Repeating(ld.PyMCForecaster):
    """The same forecaster without known families."""

    def row_distributions(self, *_: Any, **__: Any) -> None:
        """None."""


def builder(family: str) -> Callable[[xr.Dataset], pm.Model]:
    """A model of stores with one slope."""

    def build_model(data: xr.Dataset) -> pm.Model:
        with pm.Model(coords={"store": np.arange(STORES)}) as model:
            store = pm.Data("store_index", data["store_index"].values, dims="obs")
            x, y = pm.Data("x", data["x"].values, dims="obs"), pm.Data("y", data["y"].values, dims="obs")
            effect, spread = pm.Normal("effect", dims="store"), pm.HalfNormal("spread")
            at = effect[store] + pm.Normal("slope") * x
            given = {"observed": y, "dims": "obs"}
            if family == "negative binomial":
                pm.NegativeBinomial("out", mu=pm.math.exp(2 + at), alpha=spread, **given)
            elif family == "Student-t":
                pm.StudentT("out", nu=np.float64(5), mu=at, sigma=spread, **given)
            else:
                pm.Normal("out", at, spread, **given)
        return model

    return build_model


def drawn(generator: np.random.Generator, shift: float) -> xr.DataTree:
    """A posterior of 4000 draws."""
    size = (4, DRAWS // 4)
    return xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset(
                {
                    "effect": (("chain", "draw", "store"), shift + 0.2 * generator.normal(size=(*size, STORES))),
                    "slope": (("chain", "draw"), 0.3 + 0.1 * generator.normal(size=size)),
                    "spread": (("chain", "draw"), 1.5 * np.exp(0.1 * generator.normal(size=size))),
                },
                coords={"store": np.arange(STORES)},
            )
        }
    )


def seconds(call: Callable[[], Any], repeats: int = 5) -> float:
    """Median wall time of a call, after one that does not count."""
    call()
    return statistics.median(timeit.repeat(call, number=1, repeat=repeats))


def main() -> None:
    """Print one line for each family and number of rows."""
    warnings.filterwarnings("ignore")
    for family in ("negative binomial", "Student-t", "normal"):
        for rows in (10, 50):
            compare(family, rows)


def compare(family: str, rows: int) -> None:
    """Print times of densities and of predictive debt, and the largest differences."""
    generator = np.random.default_rng(1)
    whole = family == "negative binomial"
    y = generator.poisson(8, rows) if whole else generator.normal(size=rows)
    data = xr.Dataset(
        {
            "store_index": ("obs", np.arange(rows) % STORES),
            "x": ("obs", generator.normal(size=rows)),
            "y": ("obs", y),
        }
    )
    ways = [kind(builder(family)) for kind in (ld.PyMCForecaster, Repeating)]
    shadow, deployed = (drawn(generator, shift) for shift in (0.1, 0.0))
    posteriors = [[way.attach(tree, data) for tree in (shadow, deployed)] for way in ways]
    nodes = np.tile(np.arange(POINTS) if whole else np.linspace(-8, 8, POINTS), (rows, 1))
    calls = [
        lambda: log_density_at(ways[0], posteriors[0][0], data, nodes),
        lambda: repeated_log_density(ways[1], posteriors[1][0], data, {"y": nodes}),
    ]
    apart = np.abs(calls[0]() - calls[1]()).max()
    new, old = (seconds(call) for call in calls)
    contrasts = [PredictiveContrast(way, tree[0], data, 1) for way, tree in zip(ways, posteriors, strict=True)]
    debts = [contrast.against(tree[1]).value for contrast, tree in zip(contrasts, posteriors, strict=True)]
    # A copy is another posterior, whose parameters are computed anew.
    against = [
        seconds(lambda contrast=contrast, tree=tree: contrast.against(tree[1].copy()))
        for contrast, tree in zip(contrasts, posteriors, strict=True)
    ]
    print(
        f"{family}, {rows} rows: densities {1e3 * old:.0f} ms repeated, {1e3 * new:.0f} ms by families: "
        f"{old / new:.1f} times (apart {apart:.0e}); against {1e3 * against[1]:.0f} and {1e3 * against[0]:.0f} ms: "
        f"{against[1] / against[0]:.1f} times (debt {debts[0]:.5f}, apart {abs(debts[0] - debts[1]):.0e})",
        flush=True,
    )


if __name__ == "__main__":
    main()
