"""The same audit at several splits of one history, which shows how stable the choice of policy is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import xarray as xr
from scipy.stats import rankdata

from learning_debt.auditing.split_evaluation import ORACLE, Question, Rows, Trial, run_trial
from learning_debt.policies import Policy
from learning_debt.policies.cost import RetrainingCost
from learning_debt.spells import check_spells
from learning_debt.validation import require_probability, require_sequence


def repeat_audit(
    spells: xr.Dataset,
    cost: RetrainingCost | float | None,
    splits: Sequence[float] = (0.4, 0.5, 0.6, 0.7),
    *,
    calendar: int | Iterable[Any] | Policy | None = None,
    accounting: str = "signed",
    policies: Rows | Callable[[xr.Dataset], Rows] | None = None,
    starts: int | None = None,
) -> xr.Dataset:
    """Calibrate, tune and evaluate at several splits of one history.

    Parameters
    ----------
    spells, cost, calendar, accounting, policies, starts
        As `audit` takes them.
    splits : sequence of float
        Shares of the periods to tune on. The parts of different splits overlap, so agreement between them is a check
        of the choice, not independent evidence for it.

    Returns
    -------
    xarray.Dataset
        Dimensions ``split`` and ``policy``: ``total_per_period`` (bill per period reported on, mean over series),
        ``ratio`` to the benchmark's bill (NaN where that is not positive), ``rank`` by bill (1 is the cheapest; ties
        share their mean rank; NaN for the oracle, which no policy can beat) and ``parameter``. Per split
        ``decided_by``, the row that would decide (see `audit`). ``attrs["summary"]`` says in words how stable that is.

    Raises
    ------
    ValueError
        As `audit`, or without splits.

    See Also
    --------
    audit : One split, with intervals and the decision for today.

    Examples
    --------
    >>> import learning_debt as ld
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=80)
    >>> history = {"x": x, "y": np.where(np.arange(80) < 40, 2, 0) * x + rng.normal(size=80), "period": np.arange(80)}
    >>> forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    >>> table = ld.spell_table(forecaster, history, initial=10, progressbar=False)
    >>> result = repeat_audit(table, cost=0.1, splits=(0.4, 0.6))
    >>> result["decided_by"].sizes["split"], bool((result["rank"].min("policy") >= 1).all())
    (2, True)
    """
    given = require_sequence("splits", splits, "a list of shares of the periods, such as (0.4, 0.6)")
    shares = [require_probability(f"splits[{place}]", split) for place, split in enumerate(given)]
    if not shares or len(set(shares)) < len(shares):
        raise ValueError(f"splits must be different shares of the periods, at least one, not {list(splits)}")
    question = Question.of(cost, calendar, accounting, policies, starts)
    table = check_spells(spells)
    trials = [run_trial(table, question, split) for split in shares]
    result = xr.concat([_columns(trial) for trial in trials], xr.DataArray(shares, dims="split", name="split"))
    attrs = {"unit": trials[0].cost.unit, "accounting": accounting, "benchmark": trials[0].benchmark}
    return result.assign_attrs(attrs | {"summary": _summary(result, attrs["benchmark"])})


def _columns(trial: Trial) -> xr.Dataset:
    """What each row of a trial cost, and what it had tuned to."""
    names = list(trial.replays)
    total = np.array([float(replay.objective.mean()) for replay in trial.replays.values()])
    base, real = total[names.index(trial.benchmark)], np.array([name != ORACLE for name in names])
    rank = np.full(len(names), np.nan)
    rank[real] = rankdata(np.round(total[real] / (np.abs(total).max() or 1.0), 12))  # equal whatever the unit
    columns = {
        "total_per_period": total / trial.evaluation.sizes["period"],
        "ratio": total / base if base > 0 else np.full(len(names), np.nan),
        "rank": rank,
        "parameter": [str(trial.tuned[name].policy) if name in trial.tuned else "in hindsight" for name in names],
    }
    data = {name: ("policy", values) for name, values in columns.items()}
    return xr.Dataset(data | {"decided_by": ((), trial.decided_by)}, {"policy": names})


def _summary(result: xr.Dataset, benchmark: str) -> str:
    """How stable the choice is, in words."""
    chosen = [str(name) for name in result["decided_by"].values]
    rows = [result.sel(split=split, policy=name) for split, name in zip(result["split"].values, chosen, strict=True)]
    count = len(rows)
    named = Counter(chosen).most_common()
    who = ", ".join(f"{name} at {times}" for name, times in named) + f" of {count} splits"
    settings = Counter(str(row["parameter"].item()) for row in rows)
    same = "always with the same setting" if len(settings) == 1 else f"with {len(settings)} different settings in all"
    ranks = ", ".join(f"{float(row['rank']):g}" for row in rows)
    of = int(result["rank"].isel(split=0).count())
    ratios = np.array([float(row["ratio"]) for row in rows])
    known = bool(np.isfinite(ratios).all())
    against = f", at {np.min(ratios):.2f} to {np.max(ratios):.2f} times the bill of {benchmark}" if known else ""
    return f"Deciding: {who}, {same}. In what followed it came out {ranks} of {of}{against}."
