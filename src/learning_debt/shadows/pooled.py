"""The keeper of a shadow whose whole history is known: a few fits serve every period."""

from __future__ import annotations

from dataclasses import dataclass, field

import xarray as xr

from learning_debt.forecasters.base import SampledForecaster
from learning_debt.shadows.base import Shadow, ShadowKeeper, Upkeep, require_keeper
from learning_debt.shadows.refit import Refit
from learning_debt.typing import Array
from learning_debt.validation import require_number


@dataclass(frozen=True)
class PooledShadow:
    """Fits a few periods of a replay, the anchors, and weights all their draws for every other period, from both sides.

    `spell_table` knows the whole history, so that a posterior need not be sampled where it can be weighted. Anchors are
    added, by bisection, until every period is worth enough draws. Then the densities of a period's rows are taken once,
    at the pool of all draws, and not once for every posterior that may be deployed.

    It serves tables of the log score whose forecasts are for the period in which they are issued, of models with one
    set of parameters throughout. Anything else goes one period at a time by `otherwise`, and the table's attribute
    ``not_pooled`` says why. ``rung`` says which periods were fitted.

    Parameters
    ----------
    minimum_effective_share : float
        Effective draws that every period must be worth, as a share of those of one fit. More anchors are fitted where
        it is larger.
    maximum_pareto_k : float
        Largest tail index of the weights of a period; above 0.5 they have no variance, and errors are not known.
    otherwise : ShadowKeeper
        What serves where a pool cannot.

    See Also
    --------
    Refit : A refit every period.
    ShadowLadder : Reweights from the past only, as one must where the future is not known.
    spell_table : Takes it as `shadow`.

    Notes
    -----
    Every fit is held against the others: its mean parameters against those of the other fits' draws, weighted for it.
    One that departs by more than five standard errors is fitted anew, and so is one that fails the sampler's own
    diagnostics. If the second fit is no better it is left out, and its period is weighted like any other. Where that
    would be half of the fits they stay, and the periods that rest on them are not ``converged``. Where the others'
    draws do not reach a fit, periods between it and its neighbour are fitted, until they do.

    Where few draws lie between two neighbouring periods, posterior debt across goes by the pool and by the log marginal
    likelihoods of a fit on either side, each as much as its variance allows. Where none lies between them, every period
    is weighted on the draws of its own side, and posterior debt across goes by the log marginal likelihoods alone.

    References
    ----------
    Shirts & Chodera, *Statistically optimal analysis of samples from multiple equilibrium states*, Journal of Chemical
    Physics 129 (2008), 124105.

    Examples
    --------
    >>> PooledShadow(minimum_effective_share=0.8).maximum_pareto_k
    0.5
    """

    minimum_effective_share: float = 0.5
    maximum_pareto_k: float = 0.5
    otherwise: ShadowKeeper = field(default_factory=Refit)

    exact = True
    log_density = None

    def __post_init__(self) -> None:
        share = require_number("minimum_effective_share", self.minimum_effective_share, above=0, at_most=1)
        object.__setattr__(self, "minimum_effective_share", share)
        largest = require_number("maximum_pareto_k", self.maximum_pareto_k, above=0, at_most=1)
        object.__setattr__(self, "maximum_pareto_k", largest)
        require_keeper("otherwise", self.otherwise)
        if not self.otherwise.exact:
            raise ValueError("otherwise must be a keeper of exact posteriors, such as ld.Refit()")

    def start(
        self, forecaster: SampledForecaster, data: xr.Dataset, row_weight: Array, random_seed: int | None = None
    ) -> tuple[Shadow, Upkeep]:
        """As in `ShadowKeeper.start`, by `otherwise`: one period at a time there is nothing to pool."""
        return self.otherwise.start(forecaster, data, row_weight, random_seed)

    def step(
        self,
        forecaster: SampledForecaster,
        shadow: Shadow,
        data: xr.Dataset,
        row_weight: Array,
        random_seed: int | None = None,
    ) -> tuple[Shadow, Upkeep]:
        """As in `ShadowKeeper.step`, by `otherwise`."""
        return self.otherwise.step(forecaster, shadow, data, row_weight, random_seed)
