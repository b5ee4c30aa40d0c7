"""What a spell table is made of: its options, checked, the plan of each series, and the labels around the numbers."""

from __future__ import annotations

import os
import warnings
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

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
from learning_debt.data.update_rule import UpdateRule
from learning_debt.errors import noted
from learning_debt.forecasters.conjugate_regression import ConjugateRegression
from learning_debt.scores import Score, as_score
from learning_debt.spells.checks import fewest_periods
from learning_debt.spells.doubt_codes import code_attributes
from learning_debt.spells.exposure import exposures
from learning_debt.spells.forecast_schedule import Plan
from learning_debt.spells.schema import (
    CELLS,
    DEPLOYED_SCORE,
    DIMS,
    ESTIMATED,
    FLAGS,
    VARIABLES,
    TableFacts,
    derived_regret,
    doubt_of,
    per_observation,
    reliable_of,
    se_of,
)
from learning_debt.spells.table_loop import Columns
from learning_debt.spells.table_options import check_options
from learning_debt.validation import require_instance


class Layout(NamedTuple):
    """A spell table whose cells are yet to be worked out.

    Attributes
    ----------
    plans : list of Plan
        One for each series; they cover the same periods.
    numbers : list of int
        Which of the history's series they are, from 0.
    series : Labels
    rows : ndarray, shape (series, period)
        Rows that the forecasts issued in a period are for.
    exposure : ndarray, shape (series, period)
        What one unit of mean score gap is worth.
    """

    plans: list[Plan]
    numbers: list[int]
    series: Labels
    rows: np.ndarray
    exposure: np.ndarray

    def of_series(self, first: int, stop: int) -> Layout:
        """That of the series from `first` up to, not including, `stop`."""
        part = slice(first, stop)
        series = Labels(self.series.index[part], self.series.kind, self.series.what)
        return Layout(self.plans[part], self.numbers[part], series, self.rows[part], self.exposure[part])

    def table(self, columns: list[Columns]) -> xr.Dataset:
        """The table, of the columns of each series."""
        plan = self.plans[0]
        (labels, kind), initial, periods = stored_labels(plan.history.labels), plan.initial, plan.periods
        no_debt = next((column.no_debt for column in columns if column.no_debt and "debt" in plan.variables), "")
        cells = {name: np.stack([column.cells[name] for column in columns]) for name in columns[0].cells}
        not_pooled = next((column.not_pooled for column in columns if column.not_pooled), "")
        why = f"the table holds no debt: {no_debt}" if no_debt else ""
        if no_debt:
            warnings.warn(why, UserWarning, stacklevel=3)
            without = ("debt", se_of("debt"), reliable_of("debt"), doubt_of("debt"))
            cells = {name: values for name, values in cells.items() if name not in without}
        dataset = xr.Dataset(
            {name: (_dims_of(name, values), values, _attributes_of(name)) for name, values in cells.items()},
            coords={
                SERIES: (SERIES, *stored_labels(self.series.index, self.series.what)),
                "deployed_at": np.arange(periods),
                "period": np.arange(1, periods + 1),
                "label": ("period", labels[initial : initial + periods], kind),
                "earlier": ("earlier", labels[:initial], kind),
                "deployed_label": ("deployed_at", labels[initial - 1 : initial - 1 + periods], kind),
            },
            attrs=_facts(plan, why, not_pooled).attributes(),
        )
        dataset["rows"] = ((SERIES, "period"), self.rows)
        dataset["exposure"] = ((SERIES, "period"), self.exposure)
        dataset["regret"] = derived_regret(dataset)
        return dataset


def lay_out(
    forecaster: Any,
    history: Any,
    *,
    initial: int,
    exposure: Any,
    variables: Any,
    varying_rows: bool,
    score: Any,
    update_rule: Any,
    shadow: Any,
    horizon: int,
    random_seed: Any,
    progressbar: bool,
    executor: Any,
    store: Any = None,
    ragged: bool = False,
) -> list[Layout]:
    """Check everything that can be checked without a fit; arguments and errors are those of `spell_table`.

    One layout, or, where series may be `ragged`, one for all that cover the same periods.
    """
    periods = {"initial": initial, "horizon": horizon}
    flags = {"varying_rows": varying_rows, "progressbar": progressbar}
    asked = ESTIMATED if variables is None else variables
    names = check_options(forecaster, asked, update_rule, shadow, random_seed, executor, periods, flags)
    if store is not None:
        require_instance("store", store, (str, os.PathLike), "the path of a directory, or left out")
    dim = forecaster.observation_dim
    series, parts = _split_series(as_dataset(history, dim, RESERVED), dim)
    rule, chosen = UpdateRule() if update_rule is None else update_rule, as_score(score)
    if not isinstance(forecaster, ConjugateRegression):
        names = _of_score(names, chosen, asked=variables is not None)
    plans = []
    for name, part in zip(series.texts, parts, strict=True):
        with _noted_series(name, len(parts)):
            cut = split_periods(part, dim, varying_rows=varying_rows)
        plans.append(Plan(cut, int(initial), int(horizon), rule, chosen, names))
    if not ragged:
        _require_same_periods(plans, series)
    for name, plan in zip(series.texts, plans, strict=True):
        with _noted_series(name, len(plans)):
            _check_plan(plan)
    worth, alike = ("rows" if chosen.in_money else 1.0) if exposure is None else exposure, _alike(plans)
    return [_laid_out(plans, numbers, series, worth, only=len(alike) == 1) for numbers in alike]


def _noted_series(name: str, count: int) -> AbstractContextManager[None]:
    """Say with an error which of several series it is about."""
    return noted(f"of series {name}") if count > 1 else nullcontext()


def _of_score(names: tuple[str, ...], score: Score, *, asked: bool) -> tuple[str, ...]:
    """Those of the variables that draws tell under a score; `asked` says whether the caller named them."""
    if DEPLOYED_SCORE not in names or not score.differences_only:
        return names
    if asked:
        raise NotImplementedError(
            f"variables: the {score.name} score is known for differences only; leave out deployed_score"
        )
    return tuple(name for name in names if name != DEPLOYED_SCORE)


def _alike(plans: list[Plan]) -> list[list[int]]:
    """Numbers of the plans that cover the same periods, in order of appearance."""
    found: dict[tuple[Any, ...], list[int]] = {}
    for number, plan in enumerate(plans):
        found.setdefault(tuple(plan.history.labels.tolist()), []).append(number)
    return list(found.values())


def _laid_out(plans: list[Plan], numbers: list[int], series: Labels, exposure: Any, *, only: bool) -> Layout:
    own, plan = [plans[number] for number in numbers], plans[numbers[0]]
    rows = np.stack([one.history.rows[one.target(1) : one.target(one.periods) + 1] for one in own])
    issued = as_labels(plan.history.labels[plan.initial : plan.initial + plan.periods], "periods")
    names = Labels(series.index[numbers], series.kind, series.what)
    return Layout(own, numbers, names, rows, exposures(exposure, rows, issued, names, only_table=only))


def _facts(plan: Plan, no_debt: str, not_pooled: str) -> TableFacts:
    score = plan.score
    return TableFacts(
        timing="prequential",
        score=score.name,
        unit=per_observation(score.unit),
        currency=score.unit if score.in_money else None,
        update_rule=plan.update_rule,
        horizon=plan.horizon,
        no_debt=no_debt,
        not_pooled=not_pooled,
    )


def _dims_of(name: str, values: np.ndarray) -> tuple[str, ...]:
    if values.ndim == 3:
        return DIMS
    return (SERIES, *VARIABLES[name].dims)


def _attributes_of(name: str) -> dict[str, Any]:
    """The names of the codes, where a variable holds codes of doubts."""
    return code_attributes() if name in map(doubt_of, (*CELLS, *FLAGS)) else {}


def _split_series(data: xr.Dataset, dim: str) -> tuple[Labels, list[xr.Dataset]]:
    """Labels of the series, in the order in which they appear, and the rows of each."""
    if SERIES not in data.variables:
        return as_labels([0], "series"), [data]
    if data[SERIES].dims != (dim,):
        raise ValueError(f"history variable 'series' must run along {dim!r} only, not {data[SERIES].dims}")
    labels = as_labels(data[SERIES].values, "history variable 'series'")
    stored_labels(labels.index, labels.what)  # raises where no file can hold them
    codes, distinct = labels.index.factorize()
    rows = np.split(np.argsort(codes, kind="stable"), np.bincount(codes).cumsum()[:-1])
    parts = [take_rows(data, own, dim) for own in rows]
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
        lacking = next((period for period in first if period not in set(own)), None)
        whose = name if lacking is not None else series.texts[0]
        lacking = lacking if lacking is not None else next(period for period in own if period not in set(first))
        raise ValueError(
            f"all series of a history must cover the same periods: {'; '.join(spans)}; series {whose} lacks "
            f"{label_text(lacking)}. Cut them to what they share, or use spell_tables, whose tables hold "
            "those that cover the same ones"
        )


def _check_plan(plan: Plan) -> None:
    initial, horizon, periods = plan.initial, plan.horizon, len(plan.history)
    needed = fewest_periods(horizon=horizon) + horizon - 1
    most = f"initial of at most {periods - needed}, or " if periods > needed else ""
    cure = f"an audit needs at least {needed} periods after the first fit: take {most}more history"
    if initial >= periods:
        raise ValueError(f"initial={initial} leaves no period to look at: the history has {periods}; {cure}")
    if plan.periods < 1:
        raise ValueError(
            f"horizon={horizon} leaves no forecast with an outcome: the history has {periods} periods, {initial} of "
            f"them initial; {cure}"
        )
    if not plan.row_weight(0).any():
        raise ValueError(
            f"no row is known and held at the end of the {initial} initial period(s), so that there is nothing to fit "
            "the first posterior to; take more of them"
        )
    if plan.learns_late and "residual_exceedance" in plan.variables:
        raise ValueError(
            "variables: residual_exceedance looks at the outcomes of the period's own forecasts, which are not known "
            "in it where the horizon is above 1 or outcomes arrive late; use score_gap"
        )
