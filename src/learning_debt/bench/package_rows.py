"""Rows of other people's packages, the extra ``bench``."""

from __future__ import annotations

from functools import partial

from learning_debt.bench.other_packages import driftfdr_fleet, lfmm_alarms, retrainopt_policies
from learning_debt.bench.rows import Planner, Row

__all__ = ["PACKAGE_ROWS"]


def _row(name: str, package: str, planner: Planner, *requires: str) -> Row:
    return Row(name, package, planner=planner, requires=requires, module=package, extra="bench")


def _learned(stream: str) -> Planner:
    return partial(retrainopt_policies.learned_schedule, stream=stream)


PACKAGE_ROWS = (
    _row("retrainopt Base", "retrainopt", retrainopt_policies.base_schedule),
    _row("retrainopt Learned", "retrainopt", _learned("deployed_score"), "deployed_score"),
    _row("retrainopt Learned, on regret", "retrainopt", _learned("regret")),
    _row("lfmm alarm", "lfmm", lfmm_alarms.alarm_schedule),
    _row("driftfdr", "driftfdr", driftfdr_fleet.fleet_schedule),
)
"""What is chosen or learned is so on the tuning part; in the evaluation a decision rests on periods that are over."""
