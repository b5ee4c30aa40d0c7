"""What refitting every period would cost, from a few fits of several sizes and a few columns of pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import nnls


def straight_line(at: ArrayLike, cost: ArrayLike) -> tuple[float, float]:
    """Intercept and slope, neither below 0, with the least squared relative error."""
    at, cost = np.asarray(at, dtype=float), np.asarray(cost, dtype=float)
    weight = 1 / np.maximum(cost, 1e-9)
    (intercept, slope), _ = nnls(np.stack([weight, weight * at], axis=1), weight * cost)
    return float(intercept), float(slope)


def refit_price(fits: Sequence[dict[str, Any]], columns: Sequence[dict[str, Any]], rows: ArrayLike) -> dict[str, float]:
    """Seconds and evaluations of a refit for each of `rows` (rows held, shape (T + 1,)), and of all pairs.

    A fit's cost is a straight line in its rows. That of the column which follows shadow t, in which t posteriors are
    compared with it and t + 1 are scored, is one in t from 1 on; the first has nothing to compare, and counts as it is.
    """
    rows = np.asarray(rows, dtype=float)
    stored, price = np.arange(len(rows), dtype=float), {}
    for what in ("seconds", "evaluations"):
        line = straight_line([fit["rows"] for fit in fits], [fit[what] for fit in fits])
        price[f"fit_{what}"] = float((line[0] + line[1] * rows).sum())
        first, later = columns[0], columns[1:]
        line = straight_line([column["stored"] for column in later], [column[what] for column in later])
        price[f"pair_{what}"] = float(first[what] + (line[0] + line[1] * stored[1:]).sum())
    return price


def lines(parts: dict[str, Sequence[dict[str, float]]]) -> str:
    """What was timed, in words."""
    fits = ", ".join(f"{fit['seconds']:.1f} s ({fit['rows']:.0f} rows)" for fit in parts["fits"])
    columns = ", ".join(f"{column['seconds']:.1f} s ({column['stored']:.0f})" for column in parts["columns"])
    return f"  fits: {fits}\n  columns (posteriors compared): {columns}"
