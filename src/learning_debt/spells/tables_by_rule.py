"""Spell tables of one history under several update rules, which share their fits where they can."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from learning_debt.data.update_rule import UpdateRule
from learning_debt.errors import NotPooledError
from learning_debt.forecasters.base import Forecaster, require_sampled_forecaster
from learning_debt.forecasters.conjugate_regression import ConjugateRegression
from learning_debt.shadows.base import ShadowKeeper
from learning_debt.shadows.pooled import PooledShadow
from learning_debt.spells.pooled_rules import columns_by_rule
from learning_debt.spells.series_plans import lay_out
from learning_debt.spells.series_replays import check_rows
from learning_debt.spells.table_builder import spell_table
from learning_debt.validation import require_instance


def tables_by_rule(
    forecaster: Forecaster,
    history: Any,
    rules: Mapping[str, UpdateRule],
    *,
    shadow: ShadowKeeper | None,
    random_seed: int | None,
    progressbar: bool,
    executor: Executor | None,
    store: str | os.PathLike[str] | None,
    **options: Any,
) -> dict[str, xr.Dataset]:
    """A table for every rule, by its name; arguments are those of `spell_table`.

    Sampled posteriors of all rules come from one pool, unless fits are to be kept in a store, the keeper is no
    `PooledShadow`, or there can be no such pool.
    """
    keeper = PooledShadow() if shadow is None else shadow
    run: dict[str, Any] = {
        "shadow": shadow,
        "random_seed": random_seed,
        "progressbar": progressbar,
        "executor": executor,
    }
    sampled = not isinstance(forecaster, ConjugateRegression)
    if sampled and store is None and len(rules) > 1 and isinstance(keeper, PooledShadow):
        try:
            return _from_one_pool(forecaster, history, rules, keeper, run | options)
        except NotPooledError:  # each table says why it has none of its own
            pass
    return {
        name: spell_table(forecaster, history, **run, **options, update_rule=rule, store=_within(store, name))
        for name, rule in rules.items()
    }


def _from_one_pool(
    forecaster: Forecaster, history: Any, rules: Mapping[str, UpdateRule], keeper: PooledShadow, options: dict[str, Any]
) -> dict[str, xr.Dataset]:
    """All tables, one series after the other.

    Raises
    ------
    NotPooledError
    """
    model = require_sampled_forecaster("forecaster", forecaster)
    layouts = [lay_out(forecaster, history, update_rule=rule, **options)[0] for rule in rules.values()]
    for plan in (plan for layout in layouts for plan in layout.plans):
        check_rows(forecaster, plan)
    series = len(layouts[0].plans)
    by_series = [
        columns_by_rule(
            model,
            [layout.plans[number] for layout in layouts],
            keeper,
            seed,
            progressbar=options["progressbar"],
            executor=options["executor"],
        )
        for number, seed in enumerate(np.random.SeedSequence(options["random_seed"]).spawn(series))
    ]
    return {
        name: layout.table([columns[place] for columns in by_series])
        for place, (name, layout) in enumerate(zip(rules, layouts, strict=True))
    }


def _within(store: str | os.PathLike[str] | None, name: str) -> Path | None:
    """A directory of its own for the fits of a rule."""
    if store is None:
        return None
    require_instance("store", store, (str, os.PathLike), "the path of a directory, or left out")
    return Path(store) / re.sub(r"[^0-9A-Za-z.]+", "-", name).strip("-")
