"""The plainest keeper of the shadow: a refit every period."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import numpy as np
import xarray as xr

from learning_debt.data import take_rows
from learning_debt.forecasters.base import FIT_SECONDS, GRADIENT_EVALUATIONS, Forecaster
from learning_debt.shadows.base import Shadow, Upkeep, believable, checked_weight, kept, padded
from learning_debt.typing import Array


class Refit:
    """A full refit at every step that changes a row's weight; cheaper keepers are compared with it.

    Rows of weight zero are left out of the fit. A fit whose draws fail `learning_debt.forecasters.convergence` is
    handed on with ``converged=False`` and tried again at the next step, even if nothing changed.

    See Also
    --------
    ShadowLadder : Refits only where cheaper steps will not do.
    SuppliedShadow : Posteriors by a function of your own.

    Examples
    --------
    >>> from learning_debt import NIG, ConjugateRegression
    >>> keeper, exact = Refit(), ConjugateRegression(NIG(0, 1, 2, 1))
    >>> data = xr.Dataset({"x": ("obs", [1.0, 2.0]), "y": ("obs", [1.1, 1.9])})
    >>> shadow, upkeep = keeper.start(exact, data, np.ones(2))
    >>> upkeep.refits, keeper.step(exact, shadow, data, np.ones(2))[1].refits
    (1, 0)
    """

    exact = True
    log_density = None

    def start(
        self, forecaster: Forecaster, data: xr.Dataset, row_weight: Array, random_seed: int | None = None
    ) -> tuple[Shadow, Upkeep]:
        """As in `ShadowKeeper.start`."""
        return refit(forecaster, data, row_weight, random_seed)

    def step(
        self,
        forecaster: Forecaster,
        shadow: Shadow,
        data: xr.Dataset,
        row_weight: Array,
        random_seed: int | None = None,
    ) -> tuple[Shadow, Upkeep]:
        """As in `ShadowKeeper.step`."""
        weight = checked_weight(data, row_weight, forecaster.observation_dim)
        if np.array_equal(padded(shadow.row_weight, len(weight)), weight) and believable(shadow.posterior).converged:
            return kept(shadow, weight)
        return refit(forecaster, data, weight, random_seed)


def refit(
    forecaster: Forecaster,
    data: xr.Dataset,
    row_weight: Array,
    random_seed: int | None = None,
    note: str = "",
    *,
    fits: int = 1,
) -> tuple[Shadow, Upkeep]:
    """The model fitted to the rows of positive weight, `fits` times, with the chains of all fits side by side."""
    begun = perf_counter()
    weight = checked_weight(data, row_weight, forecaster.observation_dim)
    held = np.flatnonzero(weight)
    span = slice(int(held[0]), int(held[-1]) + 1)  # gaps in between are for the forecaster to judge
    rows, weights = take_rows(data, span, forecaster.observation_dim), weight[span]
    seeds = [random_seed] if fits == 1 else np.random.SeedSequence(random_seed).generate_state(fits).tolist()
    weighted = {} if (weights == 1).all() else {"row_weight": weights}  # a forecaster that weighs no rows need not know
    posterior = side_by_side([forecaster.fit(rows, **weighted, random_seed=seed) for seed in seeds])
    found = believable(posterior)
    attributes = posterior.attrs if isinstance(posterior, xr.DataTree) else {}
    upkeep = Upkeep(
        "refit",
        float("nan"),
        found.effective_size,
        fits,
        float(attributes.get(GRADIENT_EVALUATIONS, 0)) * held.size,
        float(attributes.get(FIT_SECONDS, perf_counter() - begun)),
        found.converged,
        note,
        found.reason,
        found.doubts,
    )
    return Shadow(posterior, weight), upkeep


def side_by_side(posteriors: list[Any]) -> Any:
    """Fits of one model to the same rows as one posterior with all their chains; an exact one stays as it is."""
    if len(posteriors) == 1 or not isinstance(posteriors[0], xr.DataTree):
        return posteriors[0]
    joined = posteriors[0].copy()
    added = [GRADIENT_EVALUATIONS, *[FIT_SECONDS] * (FIT_SECONDS in joined.attrs)]
    sums = {name: sum(posterior.attrs.get(name, 0) for posterior in posteriors) for name in added}
    joined.attrs = {**joined.attrs, **sums}
    for name in ("posterior", "sample_stats"):
        if name in joined.children:
            group = xr.concat([posterior[name].to_dataset(inherit=False) for posterior in posteriors], "chain")
            joined[name] = xr.DataTree(group.assign_coords(chain=np.arange(group.sizes["chain"])))
    return joined
