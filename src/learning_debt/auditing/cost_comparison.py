"""What the rows of a trial cost, how sure that is, and which of them a history can tell apart."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from learning_debt.arrays.draws.resampling import choose_again, resample_counts, resampled_totals
from learning_debt.auditing.split_evaluation import BEST, RIVAL, YOURS, Trial
from learning_debt.pricing.net_scores import shadow_totals
from learning_debt.pricing.replays import Replay
from learning_debt.typing import Array


class Resampled(NamedTuple):
    """What might have been chosen and paid.

    Attributes
    ----------
    totals : dict of str to ndarray, shape (resamples,)
        Of every row.
    shares : dict of str to float
        How often a row's reported candidate was chosen again; NaN where there is no choice.
    decided : ndarray, shape (resamples,)
        Totals of the policy that would have decided: the best in tuning of all rows that may.
    decided_share : float
        How often that was of the row that decides today.
    """

    totals: dict[str, Array]
    shares: dict[str, float]
    decided: Array
    decided_share: float


def resample(trial: Trial, resamples: int, rng: np.random.Generator) -> Resampled:
    """Resample both parts of the history; every row chooses anew on the first what it pays for on the second.

    So the spread is that of tuned policies, the luck of tuning included. Several series are resampled whole, both
    parts of a series together. Grids, calibrations and a resolved cost are held as they were.
    """
    series, periods = trial.evaluation.sizes["series"], trial.evaluation.sizes["period"]
    before = resample_counts(series, trial.tuning.sizes["period"], resamples, rng)
    after = before if series > 1 else resample_counts(series, periods, resamples, rng)
    totals, shares = {}, dict.fromkeys(trial.replays, float("nan"))
    least, decided = [], []
    for name, (tuning, evaluation) in trial.bills.items():
        seen = resampled_totals(tuning.total, before)
        totals[name], chosen = choose_again(seen, resampled_totals(evaluation.total, after))
        if len(trial.rows[name]) > 1:
            shares[name] = float((chosen == trial.tuned[name].index).mean())
        if name in trial.deciders:
            least.append(seen.min(axis=0))
            decided.append(totals[name])
    for name in trial.replays.keys() - totals.keys():  # the oracle, which nobody chooses
        totals[name] = resampled_totals(trial.replays[name].bill.values[None], after)[0]
    would, which = choose_again(np.array(least), np.array(decided))
    return Resampled(totals, shares, would, float((which == trial.deciders.index(trial.decided_by)).mean()))


def compare(trial: Trial, again: Resampled, probability: float) -> xr.Dataset:
    """The audit's table (policy): means over series of what each row cost, and its difference to the benchmark."""
    names, cost, against = list(trial.replays), trial.cost, trial.benchmark
    replays = trial.replays.values()
    total = np.array([float(replay.objective.mean()) for replay in replays])
    base = float(trial.replays[against].objective.mean())
    low, high = np.array([interval(again.totals[name] - again.totals[against], probability) for name in names]).T
    columns: dict[str, Any] = {
        "retrains": [float(replay.retrains.mean()) for replay in replays],
        "regret": [float(replay.regret.mean()) for replay in replays],
        "total": total,
        "total_se": [float(np.sqrt((replay.objective_se**2).sum())) / len(replay.objective) for replay in replays],
        "ratio": total / base if base > 0 else np.full(len(names), np.nan),
        "difference": total - base,
        "difference_low": low,
        "difference_high": high,
        "selected_share": [again.shares[name] for name in names],
        "total_positive": [float("nan") if cost.in_money else _total_positive(replay) for replay in replays],
        "net_score": [float(replay.net_score.mean(skipna=False)) for replay in replays],
        "shadow_score": np.full(len(names), shadow_totals(trial.evaluation, cost).mean()),
        "frac_deployed_better": [float(replay.frac_deployed_better.mean()) for replay in replays],
        "parameter": [str(trial.tuned[name].policy) if name in trial.tuned else "in hindsight" for name in names],
    }
    attrs = {"unit": cost.unit, "accounting": trial.accounting, "benchmark": against, "probability": probability}
    attrs["net_score_reason"] = next((one.net_score_reason for one in replays if one.net_score_reason), "")
    return xr.Dataset({name: ("policy", values) for name, values in columns.items()}, {"policy": names}, attrs)


def told_apart(trial: Trial, again: Resampled, probability: float) -> dict[str, str]:
    """Whether deciding as today is ``"cheaper"`` or ``"dearer"`` than the usual rivals, or one ``"cannot tell"``.

    By the interval of the difference of bills; the policy that decides is chosen anew on each resample.
    """
    verdicts = {}
    for rival in (YOURS, BEST, RIVAL):
        if rival in again.totals and rival != trial.decided_by:
            low, high = interval(again.decided - again.totals[rival], probability)
            verdicts[rival] = "cheaper" if high < 0 else "dearer" if low > 0 else "cannot tell"
    return verdicts


def interval(resampled: Array, probability: float) -> Array:
    """Central interval of resampled values: lower and upper bound."""
    return np.asarray(np.quantile(resampled, [(1 - probability) / 2, (1 + probability) / 2]))


def _total_positive(replay: Replay) -> float:
    """What the same schedule costs when only positive regret counts."""
    positive = np.maximum(replay.bill.values - replay.paid.values, 0.0) + replay.paid.values
    return float(positive.sum(axis=1).mean())
