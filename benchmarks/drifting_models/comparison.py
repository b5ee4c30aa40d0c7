"""What every policy costs on series that it was not tuned on, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

import learning_debt as ld
from drifting_models.policies import COST_RATIOS, SEES_COST, UNITS, calibrate, costs_of, grids
from learning_debt.arrays.schedules import walk
from learning_debt.policies import ContinuationValue, Policy
from learning_debt.pricing.replays import ACCOUNTINGS
from learning_debt.pricing.walks import walk_candidates
from learning_debt.spells import check_spells

Array = NDArray[np.float64]
RESAMPLES = 2000
CUSUM = "tuned CUSUM"
KNOWING = ", if true gaps were seen"
"""Rows that are no policies: their signal is the regret itself, free of what the noise of few rows adds to it."""


def compare(tables: dict[str, xr.Dataset], carried: ld.ContinuationModel) -> dict[tuple[str, str], xr.Dataset]:
    """``objective`` and ``retrains`` by (model, accounting), dims (policy, unit, ratio, series).

    Every round of series is billed once, with policies calibrated, learned and tuned on the other rounds.
    """
    costs = {name: costs_of(table) for name, table in tables.items()}
    every = np.concatenate([one.ravel() for one in costs.values()])
    spread = np.geomspace(every.min(), every.max(), 6).tolist()
    parts: dict[tuple[str, str], list[xr.Dataset]] = {}
    for fold in sorted({number for table in tables.values() for number in table["number"].values.tolist()}):
        known = {name: table.isel(series=table["number"].values != fold) for name, table in tables.items()}
        pooled = {one: ld.fit_continuation(list(known.values()), spread, accounting=one) for one in ACCOUNTINGS}
        for name, table in tables.items():
            paid, held_out = costs[name].ravel().tolist(), table["number"].values == fold
            rows = grids(known[name], calibrate(known[name]))
            walked = {row: walk_grid(table, grid, paid) for row, grid in rows.items()}
            knowing = table.assign(score_gap=table["regret"], predictive_debt=table["regret"])
            for row in ("tuned CUSUM", "predictive-debt threshold"):
                walked[f"{row}{KNOWING}"] = walk_grid(knowing, rows[row], paid)
            for accounting in ACCOUNTINGS:
                learned = {
                    "continuation value": ld.fit_continuation(known[name], paid, accounting=accounting),
                    "continuation, pooled": pooled[accounting],
                    "continuation, of the conjugate study": carried,
                }
                more = {row: walk_grid(table, [ContinuationValue(model)], paid) for row, model in learned.items()}
                found = bills(table, walked | more, costs[name], held_out, accounting)
                parts.setdefault((name, accounting), []).append(found)
    return {key: xr.concat(found, "series", combine_attrs="override") for key, found in parts.items()}


class Walked(NamedTuple):
    """Totals along the schedules of a grid, shape (candidate, cost, series); of one cost where it is not looked at."""

    signed: Array
    positive: Array
    retrains: Array


def walk_grid(table: xr.Dataset, grid: Sequence[Policy], costs: Sequence[float]) -> Walked:
    """All candidates on all series at all costs."""
    series, faced = table.sizes["series"], costs if isinstance(grid[0], SEES_COST) else [0.0]
    policies, lanes = [one for one in grid for _ in faced], np.tile(np.arange(series), len(grid) * len(faced))
    checked = check_spells(table, grid[0].requires)
    schedule = walk_candidates(checked, policies, np.tile(faced, len(grid))).reshape(lanes.size, -1)
    regret = walk.along_schedule(checked["regret"].values, lanes, schedule)
    shape = (len(grid), len(faced), series)
    totals = (regret, np.maximum(regret, 0.0), schedule)
    return Walked(*(np.asarray(one.sum(axis=1), dtype=float).reshape(shape) for one in totals))


def bills(
    table: xr.Dataset, walked: dict[str, Walked], costs: Array, held_out: NDArray[np.bool_], accounting: str
) -> xr.Dataset:
    """Of every policy on the series held out, each at every cost with the candidate that is best on the others."""
    paid = costs.ravel()[:, None]
    objective, retrains = [], []
    for found in walked.values():
        total = getattr(found, accounting) + paid * found.retrains
        best = total[..., ~held_out].mean(axis=-1).argmin(axis=0)
        objective.append(total[best, np.arange(paid.size)][:, held_out])
        retrains.append(np.broadcast_to(found.retrains, total.shape)[best, np.arange(paid.size)][:, held_out])
    hindsight = [ld.oracle(table.isel(series=held_out), float(cost), accounting) for cost in costs.ravel()]
    objective.append(np.stack([one.objective.values for one in hindsight]))
    retrains.append(np.stack([one.retrains.values for one in hindsight]))
    shape, dims = (len(walked) + 1, *costs.shape, -1), ("policy", "unit", "ratio", "series")
    coords = {"policy": [*walked, "oracle"], "unit": list(UNITS), "ratio": list(COST_RATIOS)}
    data = {"objective": np.stack(objective).reshape(shape), "retrains": np.stack(retrains).reshape(shape)}
    found = xr.Dataset({name: (dims, values) for name, values in data.items()}, coords, {"accounting": accounting})
    return found.assign_coords(shift=("series", table["shift"].values[held_out]))


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


def summary(found: Sequence[xr.Dataset], model: str) -> pd.DataFrame:
    """One row a policy: ratios over cells with a shift, wins, no-shift ratio, and the oracle's, with 90% intervals.

    ``excess`` is what a policy pays beyond the oracle over what tuned CUSUM does: a signed oracle profits from luck,
    and where its bill is near zero ``to_oracle`` means nothing. `found` holds one Dataset a model; cells of several
    weigh the same. Intervals are a bootstrap over series within each model and shift type, paired: all policies and
    costs see the same series. What another set of tuning series would have chosen is not in them.
    """
    names, rng = found[0]["policy"].values.tolist(), np.random.default_rng(1)
    means, again = {}, {}
    for place, one in enumerate(found):
        for shift in dict.fromkeys(one["shift"].values.tolist()):
            values = one["objective"].values[..., one["shift"].values == shift]
            means[place, shift], again[place, shift] = values.mean(axis=-1)[..., None], _resampled(values, rng)
    shifting = [key for key in means if key[1] != "none"]
    stable = [key for key in means if key[1] == "none"]
    cusum, oracle = names.index(CUSUM), names.index("oracle")
    rows = []
    for place, name in enumerate(names):
        row: dict[str, Any] = {"model": model, "accounting": found[0].attrs["accounting"], "policy": name}
        for column, keys, against in (
            ("ratio", shifting, cusum),
            ("no_shift", stable, cusum),
            ("to_oracle", shifting, oracle),
        ):
            value, spread = (_mean_ratio(source, keys, place, against) for source in (means, again))
            row[column] = float(value[0])
            row[f"{column}_low"], row[f"{column}_high"] = np.quantile(spread, (0.05, 0.95)).tolist()
        value, spread = (_mean_excess(source, shifting, place, cusum, oracle) for source in (means, again))
        row["excess"] = float(value[0])
        row["excess_low"], row["excess_high"] = np.quantile(spread, (0.05, 0.95)).tolist()
        cells = np.concatenate([_ratios(means, key, place, cusum).ravel() for key in shifting])
        rows.append(row | {"wins": int((cells < 1 - 1e-12).sum()), "cells": cells.size})
    return pd.DataFrame(rows)


Key = tuple[int, str]


def _ratios(source: dict[Key, Array], key: Key, place: int, against: int) -> Array:
    return source[key][place] / source[key][against]


def _mean_ratio(source: dict[Key, Array], keys: list[Key], place: int, against: int) -> Array:
    """Mean over cells of the ratio of mean bills, shape (resamples,)."""
    return np.mean([_ratios(source, key, place, against).mean(axis=(0, 1)) for key in keys], axis=0)


def _mean_excess(source: dict[Key, Array], keys: list[Key], place: int, cusum: int, oracle: int) -> Array:
    """Mean over cells of the excess over the oracle, in that of tuned CUSUM, shape (resamples,)."""
    least = {key: source[key][oracle] for key in keys}
    shares = [(source[key][place] - least[key]) / (source[key][cusum] - least[key]) for key in keys]
    return np.mean([share.mean(axis=(0, 1)) for share in shares], axis=0)


def _resampled(values: Array, rng: np.random.Generator) -> Array:
    """Mean bills of series drawn anew, shape (policy, unit, ratio, resamples)."""
    series = values.shape[-1]
    times = rng.multinomial(series, np.full(series, 1 / series), size=RESAMPLES)
    return values @ times.T / series
