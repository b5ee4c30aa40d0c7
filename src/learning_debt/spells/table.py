"""The spell table: every signal for every pair (deployed after s, looked at in t), s < t, in one Dataset."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import nullcontext
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from learning_debt.data import (
    RESERVED,
    SERIES,
    Labels,
    as_dataset,
    as_labels,
    label_text,
    split_periods,
    stored_labels,
    take_rows,
)
from learning_debt.errors import noted
from learning_debt.posteriors.conjugate import ConjugateRegression
from learning_debt.posteriors.shadow import Refit, ShadowKeeper
from learning_debt.scores import Score, as_score
from learning_debt.signals import SAMPLED
from learning_debt.spells.checks import DIMS
from learning_debt.spells.exact import exact_columns
from learning_debt.spells.exposure import exposures
from learning_debt.spells.options import check_options
from learning_debt.spells.plan import Columns, Plan
from learning_debt.spells.rehearsal import made_up_columns
from learning_debt.spells.sampled import sampled_columns
from learning_debt.update_rule import UpdateRule


def spell_table(
    forecaster: Any,
    history: Any,
    *,
    initial: int,
    exposure: float | str | ArrayLike | xr.DataArray | pd.Series | pd.DataFrame | None = None,
    variables: Sequence[str] = SAMPLED,
    varying_rows: bool = False,
    score: Score | str = "log",
    update_rule: UpdateRule | None = None,
    shadow: ShadowKeeper | None = None,
    horizon: int = 1,
    random_seed: int | None = None,
    progressbar: bool = True,
    executor: Executor | None = None,
    rehearse: bool = False,
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
    variables : sequence of str
        What to compute: ``"debt"``, ``"predictive_debt"``, ``"score_gap"`` (always there, since regret is made from
        it), ``"deployed_score"``; with a ``ConjugateRegression`` ``"parameter_gap"`` and ``"residual_exceedance"``;
        with any other forecaster ``"deployed_pareto_k"``.
    varying_rows : bool
        Set it when the number of rows a period truly varies between one and more.
    score : Score or "log"
        What gaps and predictive debt are measured in. Posterior debt is in nats whatever the score.
    update_rule : UpdateRule, optional
        What a shadow holds of the past; all of it if left out.
    shadow : ShadowKeeper, optional
        How the shadow is kept current; by a refit a period if left out.
    horizon : int
        Periods ahead that forecasts are for, from 1.
    random_seed : int, optional
    progressbar : bool
    executor : concurrent.futures.Executor, optional
        Runs several series side by side.
    rehearse : bool
        Set it to check everything and fit nothing: the table has the dimensions, labels, units and variables that it
        would have, and made-up signals. What prices, draws or stores it can be tried before a long run.

    Returns
    -------
    xarray.Dataset
        Dimensions ``series``, ``deployed_at`` (0..T-1) and ``period`` (1..T); NaN where s >= t.

        Per cell ``debt`` (nats); ``predictive_debt`` and ``score_gap`` (in ``attrs["unit"]``) of the forecasts issued
        in the period, the gap with their final outcomes; their ``_se`` and ``_reliable``; ``gap_sd`` (standard
        deviation of the period's mean gap as the shadow expects it) and ``regret`` = exposure x gap, signed. Where
        `horizon` is above 1 or outcomes arrive late or are revised, also ``arrived_gap``: what the period taught
        about the forecasts that s has issued, the mean over the rows that became known, each with its gap less that
        of the vintage it replaces, 0 where none did. That is what policies see. When asked for, ``parameter_gap``
        (Euclidean distance between the shadow's and the deployed mean coefficients) and ``residual_exceedance``
        (share of the period's rows that miss the deployed forecast by more than two residual standard deviations),
        ``deployed_score`` (mean score of the deployed forecast at the period's final outcomes) and
        ``deployed_pareto_k`` (Pareto k-hat of the weights that would turn the deployed posterior's draws into those of
        the shadow at the end of the period, at most 10); of these only the score has ``_se`` and ``_reliable``.

        Per period ``rows``, ``exposure``, ``converged`` (whether the shadow can be believed; ``deployed_converged`` is
        the same for what is deployed), ``doubt`` and ``deployed_doubt`` (which diagnostic of which parameter failed;
        empty where none did), the owner's ``label``, and the upkeep of the shadow: ``rung``, ``refits``,
        ``evaluations``, ``seconds`` and ``pareto_k``, as in `Upkeep`. ``earlier`` holds the labels of the periods
        before the first. ``debt`` is left out, with a warning, where there is none between the posteriors.

    Raises
    ------
    ValueError
        If `initial` leaves no period, if periods are out of order or duplicated, if data are not finite, if a model
        whose rows need their past meets rows that arrive late or are discounted.
    IncomparablePosteriorsError
        If debt does not exist between the forecaster's own posteriors; leave ``"debt"`` out of `variables` then.

    Examples
    --------
    >>> import learning_debt as ld
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=40)
    >>> history = {"x": x, "y": 2 * x + rng.normal(size=40), "period": np.arange(40)}
    >>> spells = spell_table(ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0)), history, initial=10, progressbar=False)
    >>> spells["debt"].dims, spells["debt"].shape
    (('series', 'deployed_at', 'period'), (1, 30, 30))
    """
    periods = {"initial": initial, "horizon": horizon}
    flags = {"varying_rows": varying_rows, "progressbar": progressbar, "rehearse": rehearse}
    check_options(forecaster, variables, update_rule, shadow, random_seed, executor, periods, flags)
    exact = isinstance(forecaster, ConjugateRegression)
    dim = forecaster.observation_dim
    series, parts = _split_series(as_dataset(history, dim, RESERVED), dim)
    rule, chosen = UpdateRule() if update_rule is None else update_rule, as_score(score)
    plans = [
        Plan(split_periods(part, dim, varying_rows=varying_rows), initial, horizon, rule, chosen, tuple(variables))
        for part in parts
    ]
    _require_same_periods(plans, series)
    for plan in plans:
        _check_plan(plan)
        if not rehearse:
            forecaster.as_batch(plan.history.data)  # what can be refused is refused before the first fit
    rows = np.stack([plan.history.rows[plan.target(1) : plan.target(plan.periods) + 1] for plan in plans])
    worth = ("rows" if chosen.in_money else 1.0) if exposure is None else exposure
    issued = as_labels(plans[0].history.labels[initial : initial + plans[0].periods], "periods")
    worth = exposures(worth, rows, issued, series)
    seeds = np.random.SeedSequence(random_seed).spawn(len(plans))
    engine = made_up_columns if rehearse else exact_columns if exact else sampled_columns
    keeper = Refit() if shadow is None else shadow
    jobs = [
        (engine, forecaster, plan, keeper, seed, progressbar, name if len(series) > 1 else None)
        for plan, seed, name in zip(plans, seeds, series.texts, strict=True)
    ]
    columns = list((executor.map if executor is not None and not rehearse else map)(_one_series, jobs))
    return _label(columns, plans[0], series, rows, worth)


def _one_series(job: tuple[Callable[..., Columns], Any, Plan, Any, Any, bool, Any]) -> Columns:
    engine, forecaster, plan, keeper, seed, progressbar, name = job
    with noted(f"of series {name}") if name is not None else nullcontext():
        return engine(forecaster, plan, keeper=keeper, random_seed=seed, progressbar=progressbar)


def _label(columns: list[Columns], plan: Plan, series: Labels, rows: np.ndarray, worth: np.ndarray) -> xr.Dataset:
    (labels, kind), initial, periods = stored_labels(plan.history.labels), plan.initial, plan.periods
    no_debt = next((column.no_debt for column in columns if column.no_debt and "debt" in plan.variables), "")
    cells = {name: np.stack([column.cells[name] for column in columns]) for name in columns[0].cells}
    if no_debt:
        why = f"the table holds no debt: {no_debt}"
        warnings.warn(why, UserWarning, stacklevel=3)
        cells = {name: values for name, values in cells.items() if not name.startswith("debt")}
    dataset = xr.Dataset(
        {name: (_dims_of(name, values), values) for name, values in cells.items()},
        coords={
            SERIES: (SERIES, *stored_labels(series.index, series.what)),
            "deployed_at": np.arange(periods),
            "period": np.arange(1, periods + 1),
            "label": ("period", labels[initial : initial + periods], kind),
            "earlier": ("earlier", labels[:initial], kind),
            "deployed_label": ("deployed_at", labels[initial - 1 : initial - 1 + periods], kind),
        },
        attrs=_attributes(plan) | ({"debt": why} if no_debt else {}),
    )
    dataset["rows"] = ((SERIES, "period"), rows)
    dataset["exposure"] = ((SERIES, "period"), worth)
    dataset["regret"] = (dataset["exposure"] * dataset["score_gap"]).transpose(*DIMS)
    return dataset


def _attributes(plan: Plan) -> dict[str, Any]:
    score = plan.score
    attributes: dict[str, Any] = {"timing": "prequential", "score": score.name, "unit": f"{score.unit} per observation"}
    attributes |= {"update_rule": str(plan.update_rule), "horizon": plan.horizon}
    return attributes | ({"currency": score.unit} if score.in_money else {})


def _dims_of(name: str, values: np.ndarray) -> tuple[str, ...]:
    if values.ndim == 3:
        return DIMS
    return (SERIES, "deployed_at") if name in ("deployed_converged", "deployed_doubt") else (SERIES, "period")


def _split_series(data: xr.Dataset, dim: str) -> tuple[Labels, list[xr.Dataset]]:
    """Labels of the series, in the order in which they appear, and the rows of each."""
    if SERIES not in data.variables:
        return as_labels([0], "series"), [data]
    if data[SERIES].dims != (dim,):
        raise ValueError(f"history variable 'series' must run along {dim!r} only, not {data[SERIES].dims}")
    labels = as_labels(data[SERIES].values, "history variable 'series'")
    stored_labels(labels.index, labels.what)  # raises where no file can hold them
    codes, distinct = labels.index.factorize()
    parts = [take_rows(data, np.flatnonzero(codes == code), dim) for code in range(len(distinct))]
    return Labels(distinct, labels.kind, "series"), parts


def _require_same_periods(plans: list[Plan], series: Labels) -> None:
    """Raise, naming two series that cover other periods than each other, and what each covers."""
    first = plans[0].history.labels.tolist()
    for name, plan in zip(series.texts, plans, strict=True):
        own = plan.history.labels.tolist()
        if own == first:
            continue
        spans = (f"series {who} has {len(of)} period(s), {label_text(of[0])} to {label_text(of[-1])}"
                 for who, of in ((series.texts[0], first), (name, own)))  # fmt: skip
        lacking = next((one for one in first if one not in set(own)), None)
        whose = name if lacking is not None else series.texts[0]
        lacking = lacking if lacking is not None else next(one for one in own if one not in set(first))
        raise ValueError(
            f"all series of a history must cover the same periods: {'; '.join(spans)}; series {whose} lacks "
            f"{label_text(lacking)}. Cut them to what they share, or make a table of each"
        )


def _check_plan(plan: Plan) -> None:
    initial, horizon, periods = plan.initial, plan.horizon, len(plan.history)
    if initial >= periods:
        raise ValueError(f"initial={initial} leaves no period to look at: the history has {periods}")
    if plan.periods < 1:
        raise ValueError(
            f"horizon={horizon} leaves no forecast with an outcome: the history has {periods} periods, {initial} of "
            "them initial"
        )
    if not plan.row_weight(0).any():
        raise ValueError(
            f"no row is known and held at the end of the {initial} initial period(s), so that there is nothing to fit "
            "the first posterior to; take more of them"
        )
    early = sorted({"residual_exceedance", "deployed_score"} & set(plan.variables))
    if plan.learns_late and early:
        raise ValueError(
            f"variables: {', '.join(early)} looks at the outcomes of the period's own forecasts, which are not known "
            "in it where the horizon is above 1 or outcomes arrive late; use score_gap"
        )
