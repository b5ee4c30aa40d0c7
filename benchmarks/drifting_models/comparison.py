"""What every policy costs on test series, tuned on tuning series, and how sure that is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

import learning_debt as ld
from drifting_models.policies import COST_RATIOS, UNITS, Calibration, Grids

Array = NDArray[np.float64]
RESAMPLES = 2000
CUSUM = "tuned CUSUM"


def bills(tuning: xr.Dataset, test: xr.Dataset, known: Calibration, rows: Grids, accounting: str) -> xr.Dataset:
    """``objective`` and ``retrains`` of every policy on every test series, dims (policy, unit, ratio, series)."""
    names = [*rows, "oracle"]
    shape = (len(names), len(UNITS), len(COST_RATIOS), test.sizes["series"])
    objective, retrains = np.empty(shape), np.empty(shape)
    for (unit, ratio), cost in known.costs.items():
        for place, name in enumerate(names):
            if name == "oracle":
                found = ld.oracle(test, cost, accounting)
            else:
                grid = rows[name]
                chosen = grid[0] if len(grid) == 1 else ld.tune(tuning, grid, cost, accounting).policy
                found = ld.replay(test, chosen, cost, accounting)
            at = place, UNITS.index(unit), COST_RATIOS.index(ratio)
            objective[at], retrains[at] = found.objective, found.retrains
    dims = ("policy", "unit", "ratio", "series")
    coords = {
        "policy": names,
        "unit": list(UNITS),
        "ratio": list(COST_RATIOS),
        "shift": ("series", test["shift"].values),
    }
    return xr.Dataset(
        {"objective": (dims, objective), "retrains": (dims, retrains)}, coords, {"accounting": accounting}
    )


def cell_table(found: xr.Dataset, model: str) -> pd.DataFrame:
    """Mean bill, retrains and ratio to tuned CUSUM of every cell (shift, unit, ratio) and policy."""
    frames = []
    for shift in dict.fromkeys(found["shift"].values.tolist()):
        part = found.isel(series=np.flatnonzero(found["shift"].values == shift))
        means = part.mean("series")
        means["ratio_to_cusum"] = means["objective"] / means["objective"].sel(policy=CUSUM)
        again = _resampled(part["objective"].values, np.random.default_rng(1))
        ratios = again / again[list(found["policy"].values).index(CUSUM)]
        dims = means["objective"].dims
        for name, level in (("low", 0.05), ("high", 0.95)):
            means[name] = (dims, np.quantile(ratios, level, axis=-1))
        frame = means.to_dataframe().reset_index().rename(columns={"ratio": "cost_ratio"})
        frames.append(frame.assign(shift=shift, series=part.sizes["series"]))
    return pd.concat(frames).assign(model=model, accounting=found.attrs["accounting"])


def summary(found: xr.Dataset, model: str) -> pd.DataFrame:
    """One row a policy: ratios over cells with a shift, wins, no-shift ratio, ratio to the oracle, with 90% intervals.

    Intervals are a bootstrap over series within each shift type, paired: all policies and costs see the same series.
    """
    names = found["policy"].values.tolist()
    shifts = list(dict.fromkeys(found["shift"].values.tolist()))
    rng, means, again = np.random.default_rng(1), {}, {}
    for shift in shifts:
        values = found["objective"].values[..., found["shift"].values == shift]
        means[shift], again[shift] = values.mean(axis=-1)[..., None], _resampled(values, rng)
    rows = []
    for place, name in enumerate(names):
        row: dict[str, Any] = {"model": model, "accounting": found.attrs["accounting"], "policy": name}
        for column, benchmark, of in (
            ("ratio", CUSUM, [shift for shift in shifts if shift != "none"]),
            ("no_shift", CUSUM, ["none"]),
            ("to_oracle", "oracle", [shift for shift in shifts if shift != "none"]),
        ):
            against = names.index(benchmark)
            value, spread = (_mean_ratio(source, of, place, against) for source in (means, again))
            row[column] = float(value[0])
            row[f"{column}_low"], row[f"{column}_high"] = np.quantile(spread, (0.05, 0.95)).tolist()
            if column == "ratio":
                cells = np.concatenate([_ratios(means, shift, place, against).ravel() for shift in of])
                row["wins"], row["cells"] = int((cells < 1 - 1e-12).sum()), cells.size
        rows.append(row)
    return pd.DataFrame(rows)


def _ratios(source: dict[str, Array], shift: str, place: int, against: int) -> Array:
    return source[shift][place] / source[shift][against]


def _mean_ratio(source: dict[str, Array], shifts: list[str], place: int, against: int) -> Array:
    """Mean over cells of the ratio of mean bills, shape (resamples,)."""
    return np.mean([_ratios(source, shift, place, against).mean(axis=(0, 1)) for shift in shifts], axis=0)


def _resampled(values: Array, rng: np.random.Generator) -> Array:
    """Mean bills of series drawn anew, shape (policy, unit, ratio, resamples)."""
    series = values.shape[-1]
    times = rng.multinomial(series, np.full(series, 1 / series), size=RESAMPLES)
    return values @ times.T / series
