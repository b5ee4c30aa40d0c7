"""Rows of other people's packages, the extra ``bench``."""

from __future__ import annotations

from functools import partial

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.bench.other_packages import driftfdr_fleet, lfmm_alarms, retrainopt_policies
from learning_debt.bench.rows import Planner, Row
from learning_debt.policies.cost import RetrainingCost

__all__ = ["HINDSIGHT_ROWS", "PACKAGE_ROWS"]


def _row(name: str, package: str, planner: Planner, *requires: str) -> Row:
    return Row(name, package, planner=planner, requires=requires, module=package, extra="bench")


def _learned(stream: str) -> Planner:
    return partial(retrainopt_policies.learned_schedule, stream=stream)


def _plan(tuning: xr.Dataset, evaluation: xr.Dataset, cost: RetrainingCost) -> NDArray[np.bool_]:
    return retrainopt_policies.planned_schedule(evaluation, cost)


def _oracle(tuning: xr.Dataset, evaluation: xr.Dataset, cost: RetrainingCost) -> NDArray[np.bool_]:
    return lfmm_alarms.hindsight_schedule(evaluation, cost)


PACKAGE_ROWS = (
    _row("retrainopt Base", "retrainopt", retrainopt_policies.base_schedule),
    _row("retrainopt Learned", "retrainopt", _learned("deployed_score"), "deployed_score"),
    _row("retrainopt Learned, on regret", "retrainopt", _learned("regret")),
    _row("lfmm alarm", "lfmm", lfmm_alarms.alarm_schedule),
    _row("driftfdr", "driftfdr", driftfdr_fleet.fleet_schedule),
)
"""What is chosen or learned is so on the tuning part; in the evaluation a decision rests on periods that are over."""
HINDSIGHT_ROWS = (
    _row("retrainopt plan, in hindsight", "retrainopt", _plan),
    _row("lfmm oracle, in hindsight", "lfmm", _oracle),
    _row("lfmm best alarm, in hindsight", "lfmm", partial(lfmm_alarms.alarm_schedule, in_hindsight=True)),
)
"""What these packages compute of a history that is over. The first two pay what the oracle pays."""
