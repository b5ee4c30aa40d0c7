"""Rows of other people's policies."""

from __future__ import annotations

from functools import partial

import xarray as xr

from learning_debt.bench.rows import Row
from learning_debt.policies import Policy
from learning_debt.policies.cost import RetrainingCost
from learning_debt.policies.rivals import RIVER_SETTINGS, rival_policies

__all__ = ["RIVAL_ROWS"]


def _of_policies(name: str, tuning: xr.Dataset, cost: RetrainingCost, random_seed: int) -> list[Policy]:
    """The grid of a rival of `learning_debt.rival_policies`, scaled by the whole tuning part."""
    return rival_policies(tuning, split=1.0, river=name in RIVER_SETTINGS)[name]


def _row(name: str, group: str, *requires: str, module: str = "", extra: str = "") -> Row:
    made = partial(_of_policies, name)
    return Row(name, group, made, requires=requires, sees_cost=False, module=module, extra=extra)


RIVAL_ROWS = (
    *(_row(name, "river", "score_gap", module="river", extra="detectors") for name in RIVER_SETTINGS),
    _row("changepoint", "changepoint", "score_gap"),
    _row("Cara T", "Cara", "deployed_score"),
    _row("Cara CT", "Cara", "deployed_score"),
    _row("Cara P", "Cara"),
    _row("Pareto k", "Pareto k", "deployed_pareto_k"),
)
