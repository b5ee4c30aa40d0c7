"""The posterior of any period of a replay, from the pool of draws that its spell table is made of."""

from __future__ import annotations

import os
import warnings
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from learning_debt.arrays.conjugate.nig import NIG
from learning_debt.arrays.draws.fit_shares import FitShares
from learning_debt.data.update_rule import UpdateRule
from learning_debt.errors import NotPooledError
from learning_debt.forecasters.base import Forecaster, require_sampled_forecaster
from learning_debt.forecasters.conjugate_regression import ConjugateRegression
from learning_debt.forecasters.weights import with_fit_shares, with_weights
from learning_debt.shadows.base import Upkeep
from learning_debt.shadows.pooled import PooledShadow
from learning_debt.shadows.reweighting import holding
from learning_debt.spells.forecast_schedule import Plan
from learning_debt.spells.pooled import pooled_draws, upkeep_of
from learning_debt.spells.pooled_draws import PooledDraws
from learning_debt.spells.progress import Stages
from learning_debt.spells.schema import REFIT
from learning_debt.spells.series_plans import lay_out
from learning_debt.spells.series_replays import check_rows
from learning_debt.spells.step import period_seeds
from learning_debt.spells.store_identity import OF_SIGNALS, identity_of
from learning_debt.spells.stored_fits import with_stored_fits
from learning_debt.spells.table_store import opened
from learning_debt.validation import require_instance, require_whole_number


@dataclass(frozen=True, eq=False)
class ReplayedPosteriors:
    """What was believed at the end of every period of a replay.

    Periods are numbered as in the spell table: 0 is the end of the initial part, 1..T are those that follow.

    Attributes
    ----------
    labels : ndarray, shape (T + 1,)
        The owner's label of each period: of the last one that its posterior holds.
    upkeep : tuple of Upkeep
        Of each period, whether it was fitted or weighted (``rung``), the independent draws that it is worth, and
        whether it can be believed; empty where posteriors are exact.

    See Also
    --------
    replayed_posteriors : Makes it.
    """

    forecaster: Forecaster
    plan: Plan
    draws: PooledDraws | None = None
    upkeep: tuple[Upkeep, ...] = ()

    def __repr__(self) -> str:
        said = f"ReplayedPosteriors of the first fit and {self.periods} periods after it"
        if not self.upkeep:
            return f"<{said}, exact>"
        fitted = sum(upkeep.rung == REFIT for upkeep in self.upkeep)
        poor = sum(not upkeep.converged for upkeep in self.upkeep)
        return f"<{said}: {fitted} fitted, {len(self.upkeep) - fitted} weighted, {poor} that cannot be believed>"

    @property
    def periods(self) -> int:
        """T, the periods after the initial ones."""
        return self.plan.periods

    @property
    def labels(self) -> np.ndarray:
        """As above."""
        first = self.plan.position(0)
        return self.plan.history.labels[first : first + self.periods + 1]

    def posterior(self, period: int) -> xr.DataTree | NIG:
        """The posterior at the end of `period`.

        Parameters
        ----------
        period : int
            0..T.

        Returns
        -------
        DataTree or NIG
            All draws of the pool, the same for every period, with the weights of this one and the rows that it holds;
            exact where the forecaster is.

        Raises
        ------
        TypeError, ValueError
            If there is no such period.
        """
        number = self._number("period", period)
        held = self.plan.period(number)
        if self.draws is None:
            return self.forecaster.fit(held.so_far, row_weight=held.row_weight)
        pool, posterior = self.draws.pool, self.draws.posterior
        shape = posterior["posterior"].sizes["chain"], posterior["posterior"].sizes["draw"]
        chains = int(pool.counts[0]) // shape[1]
        shares = FitShares(pool.shares.T.reshape(*shape, -1), np.repeat(np.arange(len(pool.anchors)), chains))
        with np.errstate(divide="ignore"):
            log_weight = np.log(pool.weight[number]).reshape(shape)
        own = holding(posterior, held.so_far, held.row_weight, self.forecaster.observation_dim)
        return with_fit_shares(with_weights(own, log_weight, pareto_k=self.upkeep[number].pareto_k), shares)

    def rows_between(self, deployed_at: int, period: int) -> dict[str, xr.Dataset | None]:
        """What the posterior of `period` holds and that of `deployed_at` does not, and the other way round.

        Parameters
        ----------
        deployed_at, period : int
            0..T, the first before the second.

        Returns
        -------
        dict
            ``new_data`` and ``removed_data`` (None where nothing left), as `posterior_debt`, `debt_by_group` and
            `debt_by_block` take them.

        Raises
        ------
        TypeError, ValueError
            If there are no such periods, they are out of order, or rows weigh other than 0 or 1, as under a discount.
        """
        earlier, later = self._number("deployed_at", deployed_at), self._number("period", period)
        if earlier >= later:
            raise ValueError(f"deployed_at={earlier} must be before period={later}: it is the first of the two")
        before, after = self.plan.row_weight(earlier), self.plan.row_weight(later)
        if not np.isin([before, after], (0.0, 1.0)).all():
            raise ValueError(
                "rows_between: under a discount every row weighs something else in each period, and none has just come "
                "or gone; choose an update_rule without one, or hand posterior_debt all rows with new_weight"
            )
        removed = np.flatnonzero(before > after)
        new = self.plan.history.take(np.flatnonzero(after > before))
        return {"new_data": new, "removed_data": self.plan.history.take(removed) if removed.size else None}

    def _number(self, name: str, period: Any) -> int:
        number = require_whole_number(name, period, at_least=0)
        if number > self.periods:
            raise ValueError(f"{name} must be from 0 to {self.periods}, the last period of the replay, not {number}")
        return number


def replayed_posteriors(
    forecaster: Forecaster,
    history: Any,
    *,
    initial: int,
    varying_rows: bool = False,
    update_rule: UpdateRule | None = None,
    shadow: PooledShadow | None = None,
    random_seed: int | None = None,
    progressbar: bool = True,
    executor: Executor | None = None,
    store: str | os.PathLike[str] | None = None,
) -> ReplayedPosteriors:
    """The posteriors of all periods of a history, to look at what changed between any two of them.

    A few periods are fitted, and all draws together are weighted for every period, as `spell_table` does it: the same
    seed makes the same fits. Whatever takes a posterior takes these; debts between two of them count that both are made
    of the same draws.

    Parameters
    ----------
    forecaster : Forecaster
        A ``ConjugateRegression`` gives exact posteriors.
    history : Dataset, mapping or data frame
        As in `spell_table`, of one series.
    initial : int
        Periods that the posterior of period 0 holds.
    varying_rows : bool
        Set it when the number of rows a period truly varies between one and more.
    update_rule : UpdateRule, optional
        What a posterior holds of the past; all of it if left out.
    shadow : PooledShadow, optional
        How many draws a period must be worth; ``PooledShadow()`` if left out.
    random_seed : int, optional
    progressbar : bool
    executor : concurrent.futures.Executor, optional
        Runs several fits side by side.
    store : path, optional
        As in `spell_table`; that of the history's table has all fits already.

    Returns
    -------
    ReplayedPosteriors

    Raises
    ------
    NotPooledError
        If the posteriors of the model cannot be made from a pool: where it grows with its data, where rows arrive late,
        where two posteriors cannot be compared. Fit the periods of interest one by one then, by ``forecaster.fit``.
    ValueError
        If the history holds several series, and as in `spell_table`.

    Warns
    -----
    UserWarning
        If posteriors of some periods cannot be believed, because a fit did not converge or the fits contradict each
        other.

    See Also
    --------
    debt_by_block : Which parameters moved.
    debt_by_group : Which rows moved them.
    spell_table : Debt, predictive debt and gaps of all pairs of periods.
    equal_weights : Plain draws of one period, for plots.

    Examples
    --------
    >>> import learning_debt as ld
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=(40, 2))
    >>> y = x[:, 0] + np.where(np.arange(40) < 25, 0.0, 2.0) * x[:, 1] + rng.normal(size=40)
    >>> forecaster = ld.ConjugateRegression(ld.NIG(np.zeros(2), np.eye(2), 2.0, 1.0), coefficient_names=["a", "b"])
    >>> history = {"x": x, "y": y, "period": np.arange(40)}
    >>> replayed = replayed_posteriors(forecaster, history, initial=10, progressbar=False)
    >>> before, after = 15, 30
    >>> pair = replayed.posterior(after), replayed.posterior(before)
    >>> moved = ld.debt_by_block(forecaster, *pair, **replayed.rows_between(before, after))
    >>> moved["block"][moved["value"].values.argmax()].item()
    'coefficients[b]'
    """
    if shadow is not None:
        require_instance("shadow", shadow, PooledShadow, "a PooledShadow, whose draws serve all periods")
    (layout,) = lay_out(
        forecaster,
        history,
        initial=initial,
        exposure=None,
        variables=("debt",),
        varying_rows=varying_rows,
        score="log",
        update_rule=update_rule,
        shadow=shadow,
        horizon=1,
        random_seed=random_seed,
        progressbar=progressbar,
        executor=executor,
        store=store,
    )
    if len(layout.plans) > 1:
        raise ValueError(
            f"history holds {len(layout.plans)} series, and their posteriors are looked at one series at a time: "
            "choose the rows of one"
        )
    (plan,) = layout.plans
    check_rows(forecaster, plan)
    if isinstance(forecaster, ConjugateRegression):
        return ReplayedPosteriors(forecaster, plan)
    sampled = require_sampled_forecaster("forecaster", forecaster)
    keeper = PooledShadow() if shadow is None else shadow
    kept = None
    if store is not None:
        asked = identity_of(forecaster, history, [plan], keeper)
        of_fits = {name: told for name, told in asked.items() if name not in OF_SIGNALS}
        whole = opened(store, of_fits, random_seed)
        kept, random_seed = whole.series(0), whole.entropy
        sampled = with_stored_fits(sampled, kept)
    (seed,) = np.random.SeedSequence(random_seed).spawn(1)  # the table's, of its only series
    seeds = [period_seeds(seed, t)[0] for t in range(plan.periods + 1)]
    try:
        with Stages(progressbar) as stages:
            anchors, draws = pooled_draws(sampled, plan, keeper, seeds, stages, executor, kept)
    except NotPooledError as reason:
        raise NotPooledError(
            f"these posteriors cannot be made from one pool of draws: {reason}. Fit the periods that you want to "
            "compare one by one, with forecaster.fit"
        ) from reason
    upkeep = tuple(upkeep_of(anchors, draws))
    _warn(plan, upkeep)
    return ReplayedPosteriors(sampled, plan, draws, upkeep)


def _warn(plan: Plan, upkeep: tuple[Upkeep, ...]) -> None:
    poor = [t for t, one in enumerate(upkeep) if not one.converged]
    if poor:
        warnings.warn(
            f"{len(poor)} of {len(upkeep)} posteriors cannot be believed, the first {plan.where(poor[0])}: "
            f"{upkeep[poor[0]].doubt}; see upkeep",
            UserWarning,
            stacklevel=3,
        )
