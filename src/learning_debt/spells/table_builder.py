"""The spell table: every signal for every pair (deployed after s, looked at in t), s < t, in one Dataset."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any

import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from learning_debt.data.update_rule import UpdateRule
from learning_debt.forecasters.base import Forecaster
from learning_debt.scores import Score
from learning_debt.shadows.base import ShadowKeeper
from learning_debt.spells.series_replays import prepared_replays


def spell_table(
    forecaster: Forecaster,
    history: Any,
    *,
    initial: int,
    exposure: float | str | ArrayLike | xr.DataArray | pd.Series | pd.DataFrame | None = None,
    variables: Sequence[str] | None = None,
    varying_rows: bool = False,
    score: Score | str = "log",
    update_rule: UpdateRule | None = None,
    shadow: ShadowKeeper | None = None,
    horizon: int = 1,
    random_seed: int | None = None,
    progressbar: bool = True,
    executor: Executor | None = None,
    store: str | os.PathLike[str] | None = None,
) -> xr.Dataset:
    """Replay a history once, so that any policy can be priced on it afterwards.

    At the beginning of period t every deployed posterior s < t, and the shadow of t - 1, issue a forecast for period
    t + `horizon` - 1; none has seen it. At the end of t the shadow takes in what became known, and debt and predictive
    debt compare the shadow of t with each deployed one (timing ``"prequential"``).

    Parameters
    ----------
    forecaster : Forecaster
        A ``ConjugateRegression`` gives exact values; any other forecaster is sampled.
    history : Dataset, mapping or data frame
        Observations with ``period`` along the observation dimension, in time order, and optionally ``series``. Where
        outcomes arrive late or are revised, with ``arrived`` and ``row``, as `learning_debt.data.split_periods` has
        them.
    initial : int
        Periods used for the first posterior, deployed at 0. Those that follow are numbered 1..T, with
        T = periods - `initial` - (`horizon` - 1), since the last forecasts must have outcomes.
    exposure : float, "rows", array, DataArray, Series or data frame, optional
        What one unit of mean score gap is worth in a period: one number, the rows of the period, an array of one number
        per period, or a DataArray along ``series`` and ``period``, whose coordinates are matched: labels of series,
        and labels of periods or their numbers 1..T; a Series by its index, likewise. Periods are those in which
        forecasts are issued, rows those they are for. Left out, it is 1; the rows, where `score` is money.
    variables : sequence of str, optional
        What to compute, and nothing else. Left out, ``"debt"``, ``"predictive_debt"``, ``"score_gap"`` (always there,
        since regret is made from it) and, unless `score` is known for differences only, ``"deployed_score"``. More
        there is with a ``ConjugateRegression``, ``"parameter_gap"`` and ``"residual_exceedance"``, and with any other
        forecaster, ``"deployed_pareto_k"``.
    varying_rows : bool
        Set it when the number of rows a period truly varies between one and more.
    score : Score or "log"
        What gaps and predictive debt are measured in. Posterior debt is in nats whatever the score.
    update_rule : UpdateRule, optional
        What a shadow holds of the past; all of it if left out.
    shadow : ShadowKeeper, optional
        How the shadow is kept current; ``PooledShadow()`` if left out: a few fits serve all periods where the model and
        the score allow it, and a refit a period elsewhere. ``Refit()`` fits every period.
    horizon : int
        Periods ahead that forecasts are for, from 1.
    random_seed : int, optional
    progressbar : bool
    executor : concurrent.futures.Executor, optional
        Runs several series side by side; of a single one, the fits that one round of a pool asks for.
    store : path, optional
        A directory of its own, in which every fit and every period's signals are kept as soon as they are there. A
        table that was interrupted goes on from what it holds and comes out the same; left out, `random_seed` is then
        that of the first run. A store of another table is refused. Of a forecaster without a method ``fingerprint``,
        such as one of your own, only the class can be told from another. Of a sampler's statistics it holds
        ``diverging`` only.

    Returns
    -------
    xarray.Dataset
        Dimensions ``series``, ``deployed_at`` (0..T-1) and ``period`` (1..T); NaN where s >= t.

        Per cell ``debt`` (nats); ``predictive_debt`` and ``score_gap`` (in ``attrs["unit"]``) of the forecasts issued
        in the period, the gap with their final outcomes; their ``_se`` and ``_reliable``; ``gap_sd`` (standard
        deviation of the period's mean gap as the shadow expects it) and ``regret`` = exposure x gap, signed, whose
        attribute ``derived_from`` says so (`check_spells` refuses it once either has changed without it). Where
        `horizon` is above 1 or outcomes arrive late or are revised, also ``arrived_gap``: what the period taught
        about the forecasts that s has issued, the mean over the rows that became known, each with its gap less that
        of the vintage it replaces, 0 where none did. That is what policies see. ``deployed_score``, with ``_se`` and
        ``_reliable``, is the mean score of the deployed forecast at the period's final outcomes: bills of tables under
        other update rules or of other forecasters have it in common (``Replay.net_score``). Policies may read it where
        outcomes come in with their period. When asked for, ``parameter_gap`` (Euclidean distance between the shadow's
        and the deployed mean coefficients), ``residual_exceedance`` (share of the period's rows that miss the deployed
        forecast by more than two residual standard deviations) and ``deployed_pareto_k`` (Pareto k-hat of the weights
        that would turn the deployed posterior's draws into those of the shadow at the end of the period, at most 10).

        Per period ``rows``, ``exposure``, ``converged`` (whether the shadow can be believed; ``deployed_converged`` is
        the same for what is deployed), ``doubt`` and ``deployed_doubt`` (which diagnostic of which parameter failed;
        empty where none did), the owner's ``label``, and the upkeep of the shadow: ``rung``, ``refits``,
        ``evaluations``, ``seconds``, ``pareto_k`` and ``effective_size``, as in `Upkeep`; ``rung`` is ``"refit"`` where
        a period was fitted and ``"pooled"`` where it was weighted. ``attrs["not_pooled"]`` says why a table could not
        be made from a pool. ``earlier`` holds the labels of the periods
        before the first. ``debt`` is left out, with a warning, where there is none between the posteriors.

    Raises
    ------
    ValueError
        If `initial` leaves no period, if periods are out of order or duplicated, if data are not finite, if a model
        whose rows need their past meets rows that arrive late or are discounted, if `store` holds another table.
    OSError
        If `store` cannot be written, as on a full disk; what it holds stays whole.
    IncomparablePosteriorsError
        If debt does not exist between the forecaster's own posteriors; leave ``"debt"`` out of `variables` then.

    See Also
    --------
    audit : Prices policies on the table, and decides about today.
    replay, tune, oracle : One policy, the cheapest of many, the cheapest schedule in hindsight.
    spell_tables : The same of many series, a few at a time.
    check_spells : What a table of your own must hold.
    UpdateRule : What the shadow holds of the past.
    ShadowLadder, SuppliedShadow : Cheaper ways to keep it current, and your own.

    References
    ----------
    Katz, *Cost-sensitive retraining via posterior learning debt*, arXiv 2604.06438.

    Dawid, *Statistical theory: the prequential approach*, Journal of the Royal Statistical Society A 147 (1984),
    278-292.

    Examples
    --------
    >>> import numpy as np
    >>> import learning_debt as ld
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=40)
    >>> history = {"x": x, "y": 2 * x + rng.normal(size=40), "period": np.arange(40)}
    >>> spells = spell_table(ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0)), history, initial=10, progressbar=False)
    >>> spells["debt"].dims, spells["debt"].shape
    (('series', 'deployed_at', 'period'), (1, 30, 30))
    """
    (replays,) = prepared_replays(
        forecaster,
        history,
        initial=initial,
        exposure=exposure,
        variables=variables,
        varying_rows=varying_rows,
        score=score,
        update_rule=update_rule,
        shadow=shadow,
        horizon=horizon,
        random_seed=random_seed,
        progressbar=progressbar,
        executor=executor,
        store=store,
    )
    return replays.table()
