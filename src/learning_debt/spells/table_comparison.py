"""A sampled spell table held against the exact one of the same model."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import xarray as xr

from learning_debt.data import plain_labels
from learning_debt.spells.checks import require_table
from learning_debt.spells.schema import (
    ARRIVED_GAP,
    DIMS,
    ESTIMATED,
    POOLED,
    REFIT,
    SERIES,
    TableFacts,
    reliability,
    se_of,
)
from learning_debt.validation import require_probability

SAME_ATTRIBUTES = ("timing", "score", "unit", "horizon", "update_rule")
SAME_LABELS = ("series", "label", "deployed_label")
"""What two tables must have in common, where both say it, for their cells to be about the same."""


def compare_tables(sampled: xr.Dataset, exact: xr.Dataset, probability: float = 0.9) -> xr.Dataset:
    """Bias, error and coverage of each sampled signal over all cells s < t.

    Cells in which both posteriors are the same, or nothing arrived (gap 0 by definition), are left out of the gaps.

    Returns
    -------
    Dataset (signal)
        ``cells``, ``bias`` and ``rmse`` (in the signal's unit, over reliable cells), ``median_relative_error`` (over
        reliable cells with exact value above 0.01), ``coverage`` (share of reliable cells whose interval of
        `probability` holds the exact value) and ``reliable_share``. ``attrs["pooled_fits"]``, where the sampled table
        was made from a pool, is the number of fits that all its cells rest on.

    Raises
    ------
    ValueError
        If the tables differ in size, in the labels of series or periods, or in what their attributes say of timing,
        score, unit, horizon or update rule, as far as both have them.

    See Also
    --------
    spell_table : Makes both tables, from draws and exactly.

    Notes
    -----
    Cells share their draws, so that the coverage within one table varies far more than their number suggests, and most
    in a table from a pool: twelve tables of some nine fits each covered 88% of predictive debts on average, each of
    them from 69% to 98%.

    Examples
    --------
    >>> exact = xr.Dataset({"debt": (("deployed_at", "period"), [[0.1, 0.2], [np.nan, 0.1]])})
    >>> sampled = exact.assign(debt=exact["debt"] + 0.01, debt_se=exact["debt"] * 0 + 0.02)
    >>> compare_tables(sampled, exact)["bias"].values.round(3).tolist()
    [0.01]
    """
    require_table("sampled", sampled)
    require_table("exact", exact)
    require_probability("probability", probability)
    sampled, exact = (table.transpose(*DIMS, ..., missing_dims="ignore") for table in (sampled, exact))
    require_alike_tables(sampled, exact)
    names = [name for name in (*ESTIMATED, ARRIVED_GAP) if name in sampled and name in exact]
    if not names:
        raise KeyError(f"sampled and exact share none of the signals {(*ESTIMATED, ARRIVED_GAP)}")
    bare = [se_of(name) for name in names if se_of(name) not in sampled]
    if bare:
        raise KeyError(f"sampled must hold the standard errors of its signals; it lacks {bare[0]!r}")
    rows = {name: _compare(sampled, exact, name, probability) for name in names}
    attrs = {"probability": probability, "unit": TableFacts.from_table(sampled).unit}
    if "rung" in sampled and (sampled["rung"] == POOLED).any():
        attrs["pooled_fits"] = int((sampled["rung"] == REFIT).sum()) + sampled.sizes.get(SERIES, 1)
    columns = {key: ("signal", [row[key] for row in rows.values()]) for key in next(iter(rows.values()))}
    return xr.Dataset(columns, coords={"signal": list(rows)}, attrs=attrs)


def shared_draws(comparison: xr.Dataset) -> str:
    """What a reader must know of the coverage of a pooled table; empty for any other."""
    if "pooled_fits" not in comparison.attrs:
        return ""
    return (
        f"All pairs rest on the draws of the same {comparison.attrs['pooled_fits']} fits: their intervals tend to hold "
        "the truth together or miss it together, and the coverage of one table may be far from that of many."
    )


def require_alike_tables(sampled: xr.Dataset, exact: xr.Dataset) -> None:
    """Refuse tables whose cells are about different things, naming what tells them apart."""
    sizes = [{dim: table.sizes[dim] for dim in DIMS if dim in table.sizes} for table in (sampled, exact)]
    if sizes[0] != sizes[1]:
        raise ValueError(f"the tables differ in size: {sizes[0]} and {sizes[1]}")
    for name in SAME_ATTRIBUTES:
        said = [table.attrs.get(name) for table in (sampled, exact)]
        if None not in said and said[0] != said[1]:
            raise ValueError(f"the tables differ in attrs[{name!r}]: {said[0]!r} and {said[1]!r}")
    for name in SAME_LABELS:
        if name in sampled.coords and name in exact.coords:
            labels = [plain_labels(table[name].expand_dims("one") if table[name].ndim == 0 else table[name])
                      for table in (sampled, exact)]  # fmt: skip
            if labels[0] != labels[1]:
                raise ValueError(
                    f"the tables differ in the labels {name!r}: {labels[0][0]!s} to {labels[0][-1]!s} and "
                    f"{labels[1][0]!s} to {labels[1][-1]!s}; both must hold the same ones in the same order"
                )


def _compare(sampled: xr.Dataset, exact: xr.Dataset, name: str, probability: float) -> dict[str, float]:
    truth, value, error = exact[name].values, sampled[name].values, sampled[se_of(name)].values
    cells = np.isfinite(truth)
    if name in ("score_gap", ARRIVED_GAP):
        cells = cells & (error > 0)
    trusted = reliability(sampled, name).values
    used = cells & trusted
    if not used.any():
        return {"cells": int(cells.sum()), "reliable_share": 0.0} | dict.fromkeys(
            ("bias", "rmse", "median_relative_error", "coverage"), float("nan")
        )
    miss = (value - truth)[used]
    large = np.abs(truth[used]) > 0.01
    half_width = NormalDist().inv_cdf((1 + probability) / 2) * error[used]
    return {
        "cells": int(cells.sum()),
        "reliable_share": float(used.sum() / cells.sum()),
        "bias": float(miss.mean()),
        "rmse": float(np.sqrt((miss**2).mean())),
        "median_relative_error": float(np.median(np.abs(miss[large] / truth[used][large])))
        if large.any()
        else float("nan"),
        "coverage": float((np.abs(miss) <= half_width).mean()),
    }
