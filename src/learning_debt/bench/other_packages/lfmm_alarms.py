"""The package lfmm 0.1: its alarms on the losses of a spell table, its walk and its oracle.

Myakala, Label-free model monitoring. Python 3.10 and later; it brings polars, pyarrow and scikit-learn.

What a spell table is there: a ``ModelBank`` with ``loss[k, t]``, the charged regret of the model deployed after period
k in period t + 1; that is its accounting to the letter, down to no retrain in the last period. Its detectors are fitted
on a reference window when a model goes into service, and here that is what a freshly retrained model lost in each of
the last periods before. Each period then brings one value, so of its detectors those apply that read the model's output
and not its inputs: ADWIN and the Kolmogorov-Smirnov test on losses, and an alarm where recent losses are on average
above the reference by more than a margin (`EstimatorAlarm`). Which detector, its number, how many periods it looks at
and what it watches are chosen by the bill of the tuning part, on a dozen series at most.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.bench.other_packages.loss_tables import (
    fresh,
    losses,
    one_price,
    require_package,
    some_series,
    watched,
)
from learning_debt.policies.cost import RetrainingCost
from learning_debt.policies.rivals import typical_size
from learning_debt.pricing.replays import charged_regret
from learning_debt.typing import Array

PACKAGE = "lfmm[streaming]>=0.1,<0.2"
REFERENCE, FEWEST = 20, 4
"""Periods of the reference window, at most and at least. Where too few lie before a retrain, as at the very beginning,
the detector waits until there are enough."""
WIDTHS = (1, 4, 8)
"""Periods that count as recent."""
MARGINS = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, np.inf)
"""In typical sizes of what losses rise by in a spell; infinity never alarms."""
KS_LEVELS, KS_WIDTH = (0.05,), 8
ADWIN_LEVELS = (0.002, 0.05, 0.3)


class Setting(NamedTuple):
    """A detector, its number, the periods it looks at, and what it watches."""

    detector: str
    number: float
    width: int
    stream: str


class Watched(NamedTuple):
    """Losses of one series: of each model in each period, and of freshly retrained ones before the table begins."""

    loss: Array
    before: Array

    def reference(self, k: int, t: int) -> Array:
        """Fresh losses of the last periods before model k went into service or, of too few, up to entry t."""
        known = k if len(self.before) + k >= FEWEST else t + 1
        return np.concatenate([self.before, np.diagonal(self.loss)[:known]])[-REFERENCE:]


def alarm_schedule(
    tuning: xr.Dataset,
    evaluation: xr.Dataset,
    cost: RetrainingCost,
    accounting: str = "signed",
    *,
    in_hindsight: bool = False,
) -> NDArray[np.bool_]:
    """The alarm with the least bill in tuning, or in the evaluation itself, on the evaluation: (series, period)."""
    streams, some = watched([tuning, evaluation]), some_series(tuning)
    tried, earlier = (some_series(evaluation), some) if in_hindsight else (some, None)
    setting = tuned_alarm(tried, earlier, cost, accounting, streams)
    rise = _typical_rise(losses(some, cost, setting.stream))
    charged = charged_regret(evaluation, cost, accounting)
    seen = _seen(evaluation, tuning, cost, setting.stream)
    return np.array(
        [_walk(regret, one, setting, rise)[1] for regret, one in zip(charged, seen, strict=True)], dtype=bool
    )


def tuned_alarm(
    table: xr.Dataset, earlier: xr.Dataset | None, cost: RetrainingCost, accounting: str, streams: list[str]
) -> Setting:
    """The setting with the least mean bill over the series of a table; of equals the first."""
    charged, price = charged_regret(table, cost, accounting), one_price(cost)
    bills = {}
    for stream in streams:
        rise = _typical_rise(losses(table if earlier is None else earlier, cost, stream))
        seen = _seen(table, earlier, cost, stream)
        for setting in settings(stream):
            walks = [_walk(regret, one, setting, rise) for regret, one in zip(charged, seen, strict=True)]
            bills[setting] = sum(total + price * sum(schedule) for total, schedule in walks)
    return min(bills, key=bills.__getitem__)


def _seen(table: xr.Dataset, earlier: xr.Dataset | None, cost: RetrainingCost, stream: str) -> list[Watched]:
    """What the alarms of each series of a table watch."""
    loss = losses(table, cost, stream)
    before = np.empty((len(loss), 0)) if earlier is None else fresh(losses(earlier, cost, stream))
    return [Watched(*one) for one in zip(loss, before, strict=True)]


def settings(stream: str) -> list[Setting]:
    """What is tried on a stream."""
    return [
        *(Setting("margin", number, width, stream) for number, width in product(MARGINS, WIDTHS)),
        *(Setting("Kolmogorov-Smirnov", level, KS_WIDTH, stream) for level in KS_LEVELS),
        *(Setting("ADWIN", level, 1, stream) for level in ADWIN_LEVELS),
    ]


def hindsight_schedule(table: xr.Dataset, cost: RetrainingCost, accounting: str = "signed") -> NDArray[np.bool_]:
    """What the package's oracle would have done, shape (series, period)."""
    retrain = require_package("lfmm.retrain", PACKAGE)
    charged = charged_regret(table, cost, accounting)
    return np.array(
        [_as_schedule(retrain.oracle(_bank(regret), one_price(cost))[1], len(regret)) for regret in charged]
    )


def _walk(regret: Array, seen: Watched, setting: Setting, rise: float) -> tuple[float, list[bool]]:
    """Total regret and schedule of an alarm, by the package's own walk."""
    retrain = require_package("lfmm.retrain", PACKAGE)
    make = _detector(setting, rise)

    class Alarm(retrain.Policy):  # type: ignore[name-defined]
        """Its `OnAlarm`, which reads a stream's rows, for a table that has one loss a period."""

        def reset(self, bank: Any) -> None:
            self.fitted: dict[int, Any] = {}

        def retrain(self, bank: Any, t: int, k: int) -> bool:
            if k not in self.fitted:
                reference = seen.reference(k, t)
                if len(reference) < FEWEST:
                    return False
                self.fitted[k] = make().fit(None, reference, np.zeros(len(reference)))
            recent = seen.loss[k, max(k, t + 1 - setting.width) : t + 1]
            return bool(self.fitted[k].score(None, recent, None)[1])

    total, starts = retrain.simulate(_bank(regret), Alarm())
    return float(total), _as_schedule(starts, len(regret))


def _detector(setting: Setting, rise: float) -> Callable[[], Any]:
    detectors = require_package("lfmm.detectors", PACKAGE)
    estimators = require_package("lfmm.estimators", PACKAGE)

    class RecentScore(estimators.Estimator):  # type: ignore[name-defined]
        """Mean score (minus the loss) of the periods that count as recent."""

        def fit(self, proba_ref: Array, y_ref: Array, threshold: float = 0.5) -> Any:
            self.ref = {"accuracy": -float(np.mean(proba_ref))}
            return self

        def estimate(self, metric: str, proba: Array, history: Any) -> float:
            return -float(np.mean(proba))

    if setting.detector == "margin":
        return lambda: detectors.EstimatorAlarm(RecentScore(), "accuracy", setting.number * rise)
    if setting.detector == "ADWIN":
        require_package("river", "river>=0.25")
        return lambda: detectors.ADWINScores(setting.number)
    return lambda: detectors.ScoreKS(setting.number)


def _bank(regret: Array) -> Any:
    """A bank without stream and models; its walk and oracle read the losses only."""
    periods = list(range(len(regret)))
    retrain = require_package("lfmm.retrain", PACKAGE)
    return retrain.ModelBank(stream=None, freq="", periods=periods, models=[], loss=regret, loss_name="regret")


def _as_schedule(starts: list[int], periods: int) -> list[bool]:
    """A model that starts to serve with entry k, that is in period k + 1, was retrained after period k."""
    return [t in starts for t in range(1, periods + 1)]


def _typical_rise(loss: Array) -> float:
    """Typical size of what a model loses beyond a fresh one, over all cells."""
    return typical_size(loss - fresh(loss)[:, None, :])
