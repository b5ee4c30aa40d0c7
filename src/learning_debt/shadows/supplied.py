"""Shadows that a user keeps current: variational, sequential, filtered, amortised."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from time import perf_counter
from typing import Any

import numpy as np
import xarray as xr

from learning_debt.arrays.draws.effective_size import weighted_size
from learning_debt.doubt import Doubt
from learning_debt.errors import NoJointDensityError
from learning_debt.forecasters.base import TRAINING, Attaching, SampledForecaster
from learning_debt.forecasters.convergence import MINIMUM_SIZE_PER_CHAIN, convergence
from learning_debt.forecasters.weights import MAXIMUM_PARETO_K, PARETO_K, WEIGHTS, relative_weights
from learning_debt.shadows.base import LogDensity, Shadow, Upkeep, checked_weight, density_at, padded
from learning_debt.typing import Array
from learning_debt.validation import require_callable, require_flag

Update = Callable[[xr.Dataset, Array, xr.DataTree | None, int | None], xr.DataTree]


class SuppliedShadow:
    """Keeps the shadow current by a function of the user's own: ADVI, Pathfinder, SMC, a Kalman filter, a network.

    Parameters
    ----------
    update : callable
        ``update(data, row_weight, previous, random_seed) -> DataTree``. `data` holds all rows so far, `row_weight`,
        shape (rows,), the factor of each row's log-likelihood (0: not seen, dropped or superseded), and `previous` is
        what the function returned in the period before, None at first; what it keeps there in groups or attributes of
        its own comes back. The tree needs a group ``posterior`` with the model's free variables along (chain, draw);
        draws may carry weights (`learning_debt.with_weights`).
    exact : bool
        Whether the draws come from the posterior itself, up to Monte-Carlo error. Only the owner can know.
    log_density : callable, optional
        ``log_density(posterior, points) -> (chain, draw)``: normalised log density of what `update` stands for, in
        nats, at the draws of another such tree, with respect to the same coordinates for every posterior. `posterior`
        is one that this keeper handed out.

    See Also
    --------
    Refit, ShadowLadder : Keepers that fit the model themselves.
    with_weights : Draws that weigh differently.
    debt_from_densities : Debt between approximate posteriors.

    Notes
    -----
    Score gap and predictive debt are statements about forecasts: they hold for any posterior, exact or not, and compare
    what would be forecast. Posterior debt from log-likelihoods rests on Bayes' theorem and so on ``exact=True``: with a
    mean-field posterior it came out at 1.57 nats, where 6.12 were true, and nothing in the draws showed it. With
    ``exact=False`` posterior debt is that between the approximations, E_p[log p - log q], if `log_density` is given,
    and otherwise is not reported. Either way an approximation's debt contains changes of its own error: the gap to the
    exact posterior may grow while approximate shadows stand still.

    Raises
    ------
    TypeError
        If `update` or `log_density` cannot be called, or `exact` is not True or False.

    Examples
    --------
    >>> from learning_debt import NIG, ConjugateRegression
    >>> forecaster = ConjugateRegression(NIG(0, 1, 2, 1))
    >>> def update(data, row_weight, previous, random_seed):
    ...     return forecaster.sample(forecaster.fit(data, row_weight=row_weight), random_seed=random_seed)
    >>> keeper = SuppliedShadow(update, exact=True)
    >>> rows = xr.Dataset({"x": ("obs", [1.0, 2.0]), "y": ("obs", [1.1, 1.9])})
    >>> shadow, upkeep = keeper.start(forecaster, rows, np.ones(2), random_seed=1)
    >>> upkeep.rung, upkeep.converged
    ('supplied', True)
    """

    def __init__(self, update: Update, *, exact: bool, log_density: LogDensity | None = None) -> None:
        require_callable("update", update, "a function (data, row_weight, previous, random_seed)")
        if log_density is not None:
            require_callable("log_density", log_density, "a function (posterior, points)")
        self.update, self.exact = update, require_flag("exact", exact)
        self.log_density = None if log_density is None else _Checked(log_density)

    def start(
        self, forecaster: SampledForecaster, data: xr.Dataset, row_weight: Array, random_seed: int | None = None
    ) -> tuple[Shadow, Upkeep]:
        """As in `ShadowKeeper.start`."""
        return self._updated(forecaster, data, row_weight, None, random_seed)

    def step(
        self,
        forecaster: SampledForecaster,
        shadow: Shadow,
        data: xr.Dataset,
        row_weight: Array,
        random_seed: int | None = None,
    ) -> tuple[Shadow, Upkeep]:
        """As in `ShadowKeeper.step`."""
        weight = checked_weight(data, row_weight, forecaster.observation_dim)
        padded(shadow.row_weight, len(weight))  # refuses rows that have disappeared
        previous = shadow.posterior if shadow.memory is None else shadow.memory
        return self._updated(forecaster, data, weight, previous, random_seed)

    def _updated(
        self, forecaster: SampledForecaster, data: xr.Dataset, row_weight: Array, previous: Any, random_seed: int | None
    ) -> tuple[Shadow, Upkeep]:
        weight = checked_weight(data, row_weight, forecaster.observation_dim)
        begun = perf_counter()
        tree = self.update(data, weight.copy(), previous, random_seed)
        seconds = perf_counter() - begun
        posterior = _read(forecaster, tree, data, weight)
        return Shadow(posterior, weight, tree), _upkeep(posterior, seconds, self.exact)


class _Checked:
    """A user's log density, its answer checked. A class, so that a keeper can be pickled."""

    def __init__(self, function: LogDensity) -> None:
        self.function = function

    def __call__(self, posterior: xr.DataTree, points: xr.DataTree) -> Array:
        return density_at(self.function, posterior, points)


def _read(forecaster: SampledForecaster, tree: Any, data: xr.Dataset, row_weight: Array) -> xr.DataTree:
    """The posterior as the forecaster reads it, with the rows it holds where the forecaster keeps them."""
    if not isinstance(tree, xr.DataTree):
        raise TypeError(f"update must return an xarray.DataTree of draws, not {type(tree).__name__}")
    if "posterior" not in tree.children:
        raise ValueError(f"update must return a tree with a group 'posterior'; it has {sorted(tree.children)}")
    draws = tree["posterior"].to_dataset()
    for name, variable in draws.data_vars.items():
        if not {"chain", "draw"} <= set(variable.dims):
            raise ValueError(f"update returned {name!r} along {variable.dims}; draws run along chain and draw")
        if variable.dtype.kind == "f" and not np.isfinite(variable.values).all():
            raise ValueError(f"update returned draws of {name!r} that are not finite")
    relative_weights(tree)
    if TRAINING not in tree.children and isinstance(forecaster, Attaching):
        attached = forecaster.attach(tree, data, row_weight)
        attached.update({name: child for name, child in tree.children.items() if name not in attached.children})
        attached.attrs = {**tree.attrs, **attached.attrs}
        return attached
    with suppress(NoJointDensityError):
        forecaster.unconstrained_draws(tree)  # reads it, and raises where variables or labels are another model's
    return tree


def _upkeep(posterior: xr.DataTree, seconds: float, exact: bool) -> Upkeep:
    """What can be said of draws whose origin is not known: their effective number, R-hat only between chains."""
    checked = convergence(posterior)
    weight, pareto_k, size = relative_weights(posterior), float("nan"), checked.effective_size
    sizes = posterior["posterior"].sizes
    said = [checked.reason] if checked.reason else []
    doubts = list(checked.doubts)
    if weight is not None:
        size *= weighted_size(weight) / weight.size
        pareto_k = float(posterior[WEIGHTS][PARETO_K])
        fewest = MINIMUM_SIZE_PER_CHAIN * sizes["chain"]
        numbers = {"effective_draws": size, "fewest_draws": float(fewest), "weights_pareto_k": pareto_k}
        failed = {Doubt.FEW_WEIGHTED: not size >= fewest, Doubt.UNEVEN_WEIGHTS: pareto_k > MAXIMUM_PARETO_K}
        of_weights = [doubt for doubt, holds in failed.items() if holds]
        said, doubts = said + [of_weight.said(numbers) for of_weight in of_weights], doubts + of_weights
    notes = ["one chain: there is no R-hat, and whether it converged is for its owner to say"]
    notes = notes if sizes["chain"] == 1 else []
    notes += [] if exact else ["approximate: draws do not show how far they are from the posterior"]
    verdict = not doubts, "; ".join(notes), "; ".join(said), tuple(doubts)
    return Upkeep("supplied", pareto_k, size, 0, float("nan"), seconds, *verdict)
