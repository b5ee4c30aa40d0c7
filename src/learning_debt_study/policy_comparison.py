"""Every policy of an evaluation beside a benchmark."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from learning_debt.typing import Array
from learning_debt_study.published_tables import BOOTSTRAP_SEED, STABLE, chosen, shifting_cells


def comparison(evaluation: xr.Dataset, benchmark: str = "cusum_tuned", resamples: int = 500) -> pd.DataFrame:
    """Every policy beside a benchmark, at every score unit: one row for each of both.

    Parameters
    ----------
    evaluation : Dataset
    benchmark : str
    resamples : int
        Behind each interval.

    Returns
    -------
    DataFrame
        Columns ``score_unit_mode``, ``policy``; over the cells with a shift ``cell_wins`` of ``n_cells``, the mean
        ratio of objectives to the benchmark's ``mean_relative`` with its paired 90 % bootstrap interval ``ci_05``,
        ``ci_95``, the worst cell ``max_relative``, the mean ratio to the oracle ``mean_to_oracle`` (missing without
        one), and wins against the debt threshold ``wins_debt_threshold`` (likewise); over the cells without one the
        ratio of mean objectives ``no_shift_relative`` and mean retrains ``no_shift_retrains`` (missing without such
        cells).

    Notes
    -----
    The interval takes cells and tuned parameters as given and resamples the paths of each cell, the same ones for
    policy and benchmark. What tuning on other paths would have changed shows between repetitions of the pass.
    """
    rng = np.random.default_rng(BOOTSTRAP_SEED)
    rows, names = [], [str(name) for name in evaluation["policy"].values]
    for unit in map(str, evaluation["score_unit_mode"].values):
        cells = {name: shifting_cells(evaluation, name, unit).to_numpy() for name in names}
        means = {name: values.mean(axis=-1) for name, values in cells.items()}
        paths = cells[benchmark].shape[-1]
        weights = rng.multinomial(paths, np.full(paths, 1 / paths), size=(*means[benchmark].shape, resamples)) / paths
        resampled = {name: (weights @ values[..., None])[..., 0] for name, values in cells.items()}
        for name in names:
            ratio = means[name] / means[benchmark]
            again = (resampled[name] / resampled[benchmark]).reshape(-1, resamples).mean(axis=0)
            low, high = np.quantile(again, [0.05, 0.95])
            rows.append(
                {
                    "score_unit_mode": unit,
                    "policy": name,
                    "cell_wins": int((ratio < 1).sum()),
                    "n_cells": ratio.size,
                    "mean_relative": ratio.mean(),
                    "ci_05": low,
                    "ci_95": high,
                    "max_relative": ratio.max(),
                    "mean_to_oracle": _mean_ratio(means, name, "oracle"),
                    "wins_debt_threshold": _wins(means, name, "debt_threshold_tuned"),
                    **_without_shift(evaluation, name, benchmark, unit),
                }
            )
    return pd.DataFrame(rows)


def _mean_ratio(means: dict[str, Array], policy: str, benchmark: str) -> float:
    return float((means[policy] / means[benchmark]).mean()) if benchmark in means else np.nan


def _wins(means: dict[str, Array], policy: str, benchmark: str) -> float:
    return float((means[policy] < means[benchmark]).sum()) if benchmark in means else np.nan


def _without_shift(evaluation: xr.Dataset, policy: str, benchmark: str, unit: str) -> dict[str, float]:
    if STABLE not in evaluation["shift_type"].values:
        return {"no_shift_relative": np.nan, "no_shift_retrains": np.nan}
    calm, other = (
        chosen(evaluation, policy=name, score_unit_mode=unit, shift_type=STABLE) for name in (policy, benchmark)
    )
    return {
        "no_shift_relative": float(calm["objective"].mean() / other["objective"].mean()),
        "no_shift_retrains": float(calm["retrains"].mean()),
    }
