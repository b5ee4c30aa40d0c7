"""The reference study's tables, from the evaluation of one pass.

An evaluation is a dataset with dimensions ``score_unit_mode``, ``kappa`` (cost ratio), ``shift_type``, ``shift_prob``,
``policy`` and ``path``, and variables ``regret``, ``retrains`` and ``objective`` (regret plus the retraining cost times
retrains), each summed over the periods of a path. A cell is one (probability, shift type, cost ratio); in a cell, the
relative objective of a policy is its mean objective over that of a benchmark, and a ratio below 1 is a win.

Katz (arXiv 2604.06438), Table 1 and the tables of its supplement.
"""

from __future__ import annotations

from itertools import product
from typing import Protocol

import numpy as np
import pandas as pd
import xarray as xr
from numba import njit
from numpy.typing import NDArray

from learning_debt.arrays.compilation import CACHE
from learning_debt.typing import Array
from learning_debt_study import random_stream

PRIMARY_UNIT = "q75"
"""Score unit of Table 1: the 0.75 quantile of positive calibration regret."""
TABLE_1_PAIRS = tuple(
    product(
        ("debt_threshold_tuned", "debt_utility_tuned", "hybrid_utility_tuned"),
        ("calendar_tuned", "cusum_tuned"),
    )
)
"""(policy, benchmark) of Table 1, in published order: the bootstrap's stream runs through them."""
BOOTSTRAP_SEED = 20260429
NO_SHIFT_POLICIES = ("debt_threshold_tuned", "cusum_tuned", "calendar_tuned", "never_retrain", "always_retrain")
"""Policies whose behaviour without shifts is published."""
BENCHMARKS = {"vs cusum": "cusum_tuned", "vs calendar": "calendar_tuned"}

STABLE = "none"
_CELL = ("shift_prob", "shift_type", "kappa")
"""Coordinates of a cell, the outermost of the published order first."""


class CalibrationFacts(Protocol):
    """What a row of the audit tells of the calibration, besides ratios."""

    @property
    def frac_deployed_better(self) -> float:
        """Share of calibration periods in which the deployed posterior scored better than the shadow."""

    @property
    def mean_sqrt_debt(self) -> float:
        """Mean root of debt over calibration periods."""


def policy_summary(evaluation: xr.Dataset) -> pd.DataFrame:
    """Means over the paths of every cell and policy.

    Returns
    -------
    DataFrame
        Columns ``score_unit_mode``, ``kappa``, ``shift_prob``, ``shift_type``, ``policy``, ``mean_objective``,
        ``se_objective`` (sample standard deviation over the root of the number of paths; missing for one path),
        ``mean_regret``, ``mean_retrains``; the first column varies slowest.

    Examples
    --------
    >>> shape = (1, 1, 1, 1, 1, 2)
    >>> dims = ("score_unit_mode", "kappa", "shift_type", "shift_prob", "policy", "path")
    >>> names = {"score_unit_mode": ["q75"], "kappa": [1.0], "shift_type": ["none"], "shift_prob": [0.1]}
    >>> values = {"objective": [4.0, 6.0], "regret": [1.0, 2.0], "retrains": [3.0, 4.0]}
    >>> evaluation = xr.Dataset(
    ...     {name: (dims, np.reshape(value, shape)) for name, value in values.items()},
    ...     coords=names | {"policy": ["always_retrain"]},
    ... )
    >>> policy_summary(evaluation).iloc[0, 5:].to_dict()
    {'mean_objective': 5.0, 'se_objective': 1.0, 'mean_regret': 1.5, 'mean_retrains': 3.5}
    """
    objective = evaluation["objective"]
    count = objective.sizes["path"]
    spread = objective.std("path", ddof=1, skipna=False) if count > 1 else xr.full_like(objective[..., 0], np.nan)
    columns = {
        "mean_objective": _over_paths(objective),
        "se_objective": spread / np.sqrt(count),
        "mean_regret": _over_paths(evaluation["regret"]),
        "mean_retrains": _over_paths(evaluation["retrains"]),
    }
    order = ["score_unit_mode", "kappa", "shift_prob", "shift_type", "policy"]
    frame = xr.Dataset(columns).to_dataframe(dim_order=order).reset_index()
    return frame[[*order, *columns]]


def relative_objectives(
    evaluation: xr.Dataset, policy: str, benchmark: str, score_unit_mode: str = PRIMARY_UNIT
) -> pd.Series:
    """Ratio of two policies' mean objectives in every cell with a shift.

    Returns
    -------
    Series
        Indexed by ``shift_prob`` (outermost), ``shift_type``, ``kappa``: the published order of cells.

    Raises
    ------
    ValueError
        If the evaluation lacks one of the policies, the score unit or any cell with a shift.
    """
    above, below = (_over_paths(shifting_cells(evaluation, name, score_unit_mode)) for name in (policy, benchmark))
    ratio = (above / below).rename("relative_objective")
    return ratio.to_dataframe(dim_order=list(_CELL))["relative_objective"]


def table1(evaluation: xr.Dataset, bootstrap: int = 5000) -> pd.DataFrame:
    """Table 1: debt-based policies against the tuned calendar and CUSUM, at the primary score unit.

    Parameters
    ----------
    evaluation : Dataset
    bootstrap : int
        Resamples behind each interval; the published number unless given.

    Returns
    -------
    DataFrame
        One row for each of `TABLE_1_PAIRS`: ``cell_wins`` of ``n_cells``, and over the cells' relative objectives
        ``mean_relative`` with its 95 % interval ``ci_025``, ``ci_975``, ``median_relative``, ``iqr_25``, ``iqr_75``.

    Notes
    -----
    The interval takes cells as given and resamples the paths of each with replacement, the same ones for policy and
    benchmark. One stream, seeded once, runs through all pairs, resamples, cells and paths, in this order.
    All quantiles interpolate linearly (type 7 of Hyndman & Fan, 1996, The American Statistician 50, 361-365).
    """
    if bootstrap < 1:
        raise ValueError(f"bootstrap must be at least 1, not {bootstrap}")
    rows = []
    objectives = {name: _cell_array(evaluation, name) for pair in TABLE_1_PAIRS for name in pair}
    state = random_stream.new_state(BOOTSTRAP_SEED)
    for policy, benchmark in TABLE_1_PAIRS:
        ratio = relative_objectives(evaluation, policy, benchmark).to_numpy()
        paired = np.stack([objectives[policy], objectives[benchmark]], axis=-1)
        low, high = np.quantile(_resampled_means(state, paired, bootstrap), [0.025, 0.975])
        first, middle, third = np.quantile(ratio, [0.25, 0.5, 0.75])
        rows.append(
            {
                "policy": policy,
                "benchmark": benchmark,
                "cell_wins": int((ratio < 1).sum()),
                "n_cells": len(ratio),
                "mean_relative": ratio.mean(),
                "ci_025": low,
                "ci_975": high,
                "median_relative": middle,
                "iqr_25": first,
                "iqr_75": third,
            }
        )
    return pd.DataFrame(rows)


def no_shift(evaluation: xr.Dataset) -> pd.DataFrame:
    """What policies do where nothing ever shifts, at the primary score unit.

    Returns
    -------
    DataFrame
        Columns ``policy``, ``retrains``, ``objective``: means over paths, cost ratios and the (there idle) shift
        probabilities.
    """
    rows = []
    for policy in NO_SHIFT_POLICIES:
        calm = chosen(evaluation, policy=policy, score_unit_mode=PRIMARY_UNIT, shift_type=STABLE)
        means = {name: float(calm[name].mean(skipna=False)) for name in ("retrains", "objective")}
        rows.append({"policy": policy, **means})
    return pd.DataFrame(rows)


def sensitivity(evaluation: xr.Dataset, policy: str = "debt_threshold_tuned") -> pd.DataFrame:
    """How a policy fares against CUSUM and calendar under each score unit, over all cells and by shift type.

    Returns
    -------
    DataFrame
        Columns ``score_unit_mode``, ``benchmark``, ``shift_type`` ("all" or one of them), ``cell_wins``, ``n_cells``,
        ``mean_relative``.
    """
    rows = []
    for unit in evaluation["score_unit_mode"].values:
        for benchmark in BENCHMARKS.values():
            ratio = relative_objectives(evaluation, policy, benchmark, str(unit))
            by_shift = ratio.groupby(level="shift_type", sort=False)
            for shift, part in [("all", ratio), *by_shift]:
                rows.append(
                    {
                        "score_unit_mode": str(unit),
                        "benchmark": benchmark,
                        "shift_type": str(shift),
                        "cell_wins": int((part < 1).sum()),
                        "n_cells": len(part),
                        "mean_relative": part.mean(),
                    }
                )
    return pd.DataFrame(rows)


def pass_summary(evaluation: xr.Dataset, calibration: CalibrationFacts) -> pd.DataFrame:
    """One pass's rows of the audit and of the severity sweep.

    Returns
    -------
    DataFrame
        One row per score unit: ``score_unit_mode``, ``n_cells``, the share of cells that debt_threshold won against
        CUSUM and calendar and its mean ratios (``dt_cusum_win``, ``dt_cusum_ratio``, ``dt_calendar_win``,
        ``dt_calendar_ratio``), and the calibration's ``frac_deployed_better`` and ``mean_sqrt_debt``.
    """
    rows = []
    for unit in evaluation["score_unit_mode"].values:
        cusum, calendar = (
            relative_objectives(evaluation, "debt_threshold_tuned", benchmark, str(unit)).to_numpy()
            for benchmark in ("cusum_tuned", "calendar_tuned")
        )
        rows.append(
            {
                "score_unit_mode": str(unit),
                "n_cells": len(cusum),
                "dt_cusum_win": (cusum < 1).mean(),
                "dt_cusum_ratio": cusum.mean(),
                "dt_calendar_win": (calendar < 1).mean(),
                "dt_calendar_ratio": calendar.mean(),
                "frac_deployed_better": calibration.frac_deployed_better,
                "mean_sqrt_debt": calibration.mean_sqrt_debt,
            }
        )
    return pd.DataFrame(rows)


def _over_paths(values: xr.DataArray) -> xr.DataArray:
    return values.mean("path", skipna=False).reset_coords(drop=True)


def chosen(evaluation: xr.Dataset, **labels: str) -> xr.Dataset:
    """Select by name, naming what is there if the name is not."""
    for dimension, label in labels.items():
        there = evaluation[dimension].values.tolist()
        if label not in there:
            raise ValueError(f"the evaluation has no {dimension} {label!r}, only {', '.join(map(str, there))}")
    return evaluation.sel(labels)


def shifting_cells(evaluation: xr.Dataset, policy: str, score_unit_mode: str) -> xr.DataArray:
    """Objectives of one policy in all cells with a shift, dimensions of a cell and ``path``."""
    objective = chosen(evaluation, policy=policy, score_unit_mode=score_unit_mode)["objective"]
    shifting = objective.sel(shift_type=objective["shift_type"] != STABLE)
    if not shifting.size:
        raise ValueError("the evaluation has no cell with a shift")
    return shifting.transpose(*_CELL, "path")


def _cell_array(evaluation: xr.Dataset, policy: str) -> Array:
    """The same at the primary score unit as an array, shape (cells, paths)."""
    objective = shifting_cells(evaluation, policy, PRIMARY_UNIT)
    return objective.to_numpy().reshape(-1, objective.sizes["path"]).astype(float)


@njit(cache=CACHE, nogil=True)
def _resampled_means(state: random_stream.State, paired: Array, count: int) -> Array:
    """Means over cells of the ratio of resampled sums; `paired` has shape (cells, paths, 2), the result (count,).

    The indices are those of `random_stream.index`, made in blocks, which takes a fifth of the time.
    """
    cells, paths = paired.shape[0], paired.shape[1]
    ready = np.empty(random_stream.WORDS, dtype=np.int64)
    used, filled = 0, 0
    means = np.empty(count)
    for i in range(count):
        total = 0.0
        for c in range(cells):
            above, below = 0.0, 0.0
            left = paths
            while left > 0:
                if used == filled:
                    # Never more uniforms than indices still to come, so the stream ends where single draws leave it.
                    due = left + paths * (cells - 1 - c + cells * (count - 1 - i))
                    used, filled = 0, _draw_indices(state, paths, due, ready)
                take = min(left, filled - used)
                for k in ready[used : used + take]:
                    above += paired[c, k, 0]
                    below += paired[c, k, 1]
                used += take
                left -= take
            total += above / below
        means[i] = total / cells
    return means


@njit(cache=CACHE, nogil=True)
def _draw_indices(state: random_stream.State, n: int, due: int, ready: NDArray[np.int64]) -> int:
    """Fill `ready` with the next of `due` draws of 0..n-1 from the first on, and return how many."""
    bits = 0
    while (1 << bits) < n:
        bits += 1
    tries = min(ready.shape[0], due)
    if bits >= 16:  # more than one uniform a try
        for k in range(tries):
            ready[k] = random_stream.index(state, n)
        return tries
    mask = (1 << bits) - 1
    filled = 0
    for _ in range(tries):
        ready[filled] = np.int64(65536.0 * random_stream.uniform(state)) & mask
        filled += ready[filled] < n
    return filled
