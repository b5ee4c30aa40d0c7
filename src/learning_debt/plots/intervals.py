"""Intervals that plots show: how wide, and around what."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import NormalDist
from typing import Any

import xarray as xr
from arviz_base import rcParams

from learning_debt.validation import describe, require_probability

BOUND, LOWER, UPPER = "ci_bound", "lower", "upper"
"""How ArviZ calls the ends of an interval: a dimension and its labels."""


def interval_probability(ci_prob: float | None) -> float:
    """The probability of an interval: ArviZ's default unless the caller says another.

    Raises
    ------
    TypeError, ValueError
    """
    return float(rcParams["stats.ci_prob"]) if ci_prob is None else require_probability("ci_prob", ci_prob)


def normal_interval(
    middle: xr.Dataset, error: xr.Dataset, probability: float, stats: Mapping[str, Any], visual: str
) -> xr.Dataset:
    """Ends of normal intervals, along ``ci_bound``, unless `stats` has them, or another probability, for `visual`.

    Parameters
    ----------
    middle, error : Dataset
        Values and their standard errors.
    probability : float
    stats : mapping
        For `visual` a mapping with ``prob``, or a Dataset of the ends along ``ci_bound``.
    visual : str

    Raises
    ------
    TypeError, ValueError, KeyError
        Naming what `stats` has that it may not have.

    Examples
    --------
    >>> ends = normal_interval(xr.Dataset({"a": 1.0}), xr.Dataset({"a": 0.1}), 0.9, {}, "band")
    >>> ends["a"].sel(ci_bound="upper").round(4).item()
    1.1645
    """
    given = stats.get(visual, {})
    if isinstance(given, xr.Dataset):
        return require_ends(given, middle, visual)
    if not isinstance(given, Mapping) or set(given) - {"prob"}:
        raise TypeError(
            f"stats[{visual!r}] must be a mapping with the key 'prob', or a Dataset along {BOUND!r}, "
            f"not {describe(given)}"
        )
    reach = half_width(require_probability(f"stats[{visual!r}]['prob']", given.get("prob", probability))) * error
    bound = xr.DataArray([LOWER, UPPER], dims=BOUND, name=BOUND)
    return xr.concat([middle - reach, middle + reach], dim=bound)


def half_width(probability: float) -> float:
    """Of a normal interval, in standard errors.

    Examples
    --------
    >>> round(half_width(0.9), 3)
    1.645
    """
    return NormalDist().inv_cdf(0.5 + probability / 2)


def require_ends(given: xr.Dataset, middle: xr.Dataset, visual: str) -> xr.Dataset:
    """The ends of intervals around `middle` that `stats` has for a visual.

    Raises
    ------
    TypeError, KeyError
    """
    if not isinstance(given, xr.Dataset):
        raise TypeError(f"stats[{visual!r}] must be a Dataset along {BOUND!r}, not {describe(given)}")
    for name in middle:
        if name not in given or BOUND not in given[name].dims or not {LOWER, UPPER} <= set(given[BOUND].values):
            raise KeyError(
                f"stats[{visual!r}] must hold {name!r} along {BOUND!r} with the labels {LOWER!r} and {UPPER!r}"
            )
    return given[list(middle)]
