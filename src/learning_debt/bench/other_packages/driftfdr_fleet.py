"""The package driftfdr 0.1: a fleet of models whose alarms keep an error rate.

Deviatov, driftfdr. Python 3.10 and later (its classifiers end at 3.12; it runs on 3.13); needs nothing that is not here
already.

What a spell table is there: a fleet, one model a series, whose loss arrives once a period. Its `StreamingMonitor` takes
the first periods after each retrain as a reference, calibrates its detector on them by a bootstrap, and corrects the
p-values of all series of a period for their number (Benjamini-Hochberg; of one series that is the plain level). Its
tolerance, by how much a loss may rise, comes from the cost of a retrain by its own `tolerance_from_cost`. Windows of
hundreds of values, for which it is meant, do not exist in histories like these: the reference is 8 periods, a window is
one. Detector, level, tolerance and what is watched are chosen by the bill of the tuning
part, on a dozen series at most.
"""

from __future__ import annotations

from itertools import product
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.arrays.schedules import walk
from learning_debt.bench.other_packages.loss_tables import losses, one_price, require_package, some_series, watched
from learning_debt.policies.cost import RetrainingCost
from learning_debt.pricing.replays import charged_regret
from learning_debt.typing import Array

PACKAGE = "driftfdr>=0.1.1,<0.2"
REFERENCE, HORIZON, REPLICATES = 8, 8, 500
"""Periods of the reference; those that a detector looks back; bootstrap replicates (its default of 2,000 is for levels
of thousandths)."""
DETECTORS = ("e-CUSUM", "mean shift of 1", "mean shift of 3")
"""The two that its authors recommend, and the shortest mean shift."""
LEVELS = (0.05, 0.3)
PERIODS_TO_EARN = (np.inf, 10.0)
"""Periods in which a rise must earn a retrain; infinity is no tolerance."""


class Setting(NamedTuple):
    """A detector, its level, in how many periods a rise must earn a retrain, and what is watched."""

    detector: str
    level: float
    periods_to_earn: float
    stream: str


def fleet_schedule(
    tuning: xr.Dataset, evaluation: xr.Dataset, cost: RetrainingCost, accounting: str = "signed"
) -> NDArray[np.bool_]:
    """The monitor with the least bill in tuning, on the evaluation, shape (series, period)."""
    setting = tuned_monitor(some_series(tuning), cost, accounting, watched([tuning, evaluation]))
    return monitored(losses(evaluation, cost, setting.stream), setting, one_price(cost))


def tuned_monitor(tuning: xr.Dataset, cost: RetrainingCost, accounting: str, streams: list[str]) -> Setting:
    """The setting with the least mean bill over the series of the tuning part; of equals the first."""
    charged, price = charged_regret(tuning, cost, accounting), one_price(cost)
    lanes = np.arange(len(charged))
    bills = {}
    for setting in (Setting(*one) for one in product(DETECTORS, LEVELS, PERIODS_TO_EARN, streams)):
        schedule = monitored(losses(tuning, cost, setting.stream), setting, price)
        bills[setting] = walk.along_schedule(charged, lanes, schedule).sum() + price * schedule.sum()
    return min(bills, key=bills.__getitem__)


def monitored(loss: Array, setting: Setting, price: float) -> NDArray[np.bool_]:
    """Schedule of a monitor that watches losses of shape (series, period, period)."""
    driftfdr = require_package("driftfdr", PACKAGE)
    series = range(len(loss))
    unit = price or 1.0  # the bootstrap takes variances below 1e-12 for that
    loss, tolerance = loss / unit, driftfdr.tolerance_from_cost(price / unit, setting.periods_to_earn)
    monitor = driftfdr.StreamingMonitor(
        model_ids=list(series),
        detector_factory=lambda: _detector(driftfdr, setting.detector),
        procedure="bh_window",
        alpha=setting.level,
        n_ref=REFERENCE,
        window=1,
        horizon=HORIZON,
        calibration=driftfdr.CalibrationConfig(n_boot=REPLICATES, tolerance=tolerance),
    )

    def decide(t: int, deployed_at: NDArray[np.int64]) -> NDArray[np.bool_]:
        alarmed = monitor.update({i: float(loss[i, deployed_at[i], t - 1]) for i in series})
        return np.isin(series, alarmed)

    return walk.walk(loss.shape[2], len(loss), decide)


def _detector(driftfdr: Any, name: str) -> Any:
    return driftfdr.ECUSUM() if name == "e-CUSUM" else driftfdr.MeanShift(int(name.split()[-1]))
