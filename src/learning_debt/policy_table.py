"""What the rows of a trial cost, how sure that is, and which of them a history can tell apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.arrays.resampling import choose_again, resample_counts, resampled_totals
from learning_debt.replay import Replay
from learning_debt.trial import BEST, RIVAL, YOURS, Trial

Array = NDArray[np.float64]


def resample(trial: Trial, resamples: int, rng: np.random.Generator) -> tuple[dict[str, Array], dict[str, float]]:
    """Totals of every row in each resample, and how often its reported candidate was chosen again.

    Both parts of the history are resampled. Each row chooses anew on the first what it pays for on the second, so
    that the spread is that of tuned policies, the luck of tuning included. Several series are resampled whole, both
    parts of a series together. Grids, calibrations and a resolved cost are held as they were.
    """
    series, periods = trial.evaluation.sizes["series"], trial.evaluation.sizes["period"]
    before = resample_counts(series, trial.tuning.sizes["period"], resamples, rng)
    after = before if series > 1 else resample_counts(series, periods, resamples, rng)
    totals, shares = {}, {}
    for name, one in trial.replays.items():
        shares[name] = float("nan")
        if name not in trial.bills:  # the oracle, which nobody chooses
            totals[name] = resampled_totals(one.bill.values[None], after)[0]
            continue
        tuning, evaluation = trial.bills[name]
        totals[name], chosen = choose_again(
            resampled_totals(tuning.total, before), resampled_totals(evaluation.total, after)
        )
        if len(trial.rows[name]) > 1:
            shares[name] = float((chosen == trial.tuned[name].index).mean())
    return totals, shares


def compare(trial: Trial, totals: dict[str, Array], shares: dict[str, float], probability: float) -> xr.Dataset:
    """The audit's table (policy): means over series of what each row cost, and its difference to the benchmark."""
    names, cost, against = list(trial.replays), trial.cost, trial.benchmark
    replays = trial.replays.values()
    total = np.array([float(one.objective.mean()) for one in replays])
    base = float(trial.replays[against].objective.mean())
    low, high = np.array([interval(totals[name] - totals[against], probability) for name in names]).T
    columns: dict[str, Any] = {
        "retrains": [float(one.retrains.mean()) for one in replays],
        "regret": [float(one.regret.mean()) for one in replays],
        "total": total,
        "total_se": [float(np.sqrt((one.objective_se**2).sum())) / len(one.objective) for one in replays],
        "ratio": total / base if base > 0 else np.full(len(names), np.nan),
        "difference": total - base,
        "difference_low": low,
        "difference_high": high,
        "selected_share": [shares[name] for name in names],
        "total_positive": [float("nan") if cost.in_money else _total_positive(one) for one in replays],
        "parameter": [str(trial.tuned[name].policy) if name in trial.tuned else "in hindsight" for name in names],
    }
    attrs = {"unit": cost.unit, "accounting": trial.accounting, "benchmark": against, "probability": probability}
    return xr.Dataset({name: ("policy", values) for name, values in columns.items()}, {"policy": names}, attrs)


def told_apart(trial: Trial, totals: dict[str, Array], probability: float) -> dict[str, str]:
    """Whether the policy that decides is ``"cheaper"`` or ``"dearer"`` than the usual rivals, or one ``"cannot tell"``.

    By the interval of the difference of their bills; each is held against it for itself.
    """
    verdicts = {}
    for rival in (YOURS, BEST, RIVAL):
        if rival in totals and rival != trial.decided_by:
            low, high = interval(totals[trial.decided_by] - totals[rival], probability)
            verdicts[rival] = "cheaper" if high < 0 else "dearer" if low > 0 else "cannot tell"
    return verdicts


def interval(resampled: Array, probability: float) -> Array:
    """Central interval of resampled values: lower and upper bound."""
    return np.asarray(np.quantile(resampled, [(1 - probability) / 2, (1 + probability) / 2]))


def _total_positive(one: Replay) -> float:
    """What the same schedule costs when only positive regret counts."""
    positive = np.maximum(one.bill.values - one.paid.values, 0.0) + one.paid.values
    return float(positive.sum(axis=1).mean())
