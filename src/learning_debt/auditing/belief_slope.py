"""How much of what a shadow expects to gain comes: the slope of gaps on the beliefs of the period before."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.special import stdtrit

from learning_debt.auditing.belief import MINIMUM_PERIODS, REQUIRED, delayed
from learning_debt.spells import check_spells
from learning_debt.spells.checks import require_table
from learning_debt.spells.schema import TableFacts
from learning_debt.typing import Array
from learning_debt.validation import require_probability


def belief_slope(spells: xr.Dataset, *, probability: float = 0.9) -> xr.Dataset:
    """Slope of realised gaps on predictive debt of the period before, over all spells known so far, period by period.

    Predictive debt b is the gap g that the shadow itself expects, so of a model that is right the slope is 1:

        slope(t) = sum g b / v  /  sum b^2 / v,    over all s and all periods up to t,

    weighted least squares through the origin, with v the variance that the shadow expects of the gap. Below 1 gains do
    not come as expected (tails, variances or structure are wrong); above 1 the world moves faster than the shadow
    follows. A belief times the slope is a gap to be expected.

    Parameters
    ----------
    spells : Dataset
        With ``score_gap``, ``predictive_debt`` and ``gap_sd``, as `spell_table` makes it.
    probability : float
        Of the intervals.

    Returns
    -------
    xarray.Dataset
        Dimension ``period`` (1..T): ``slope`` (over all series), ``slope_se``, the interval ``slope_low`` to
        ``slope_high``, ``pairs`` of gap and belief behind it, ``reliable`` (if worth 8 periods of equal weight) and
        ``label``. NaN while there is no pair. Of a single series take ``spells.isel(series=[0])``.

    Raises
    ------
    KeyError
        If a signal is missing.
    TypeError, ValueError
        As `check_spells`, or if `probability` is not one.

    See Also
    --------
    belief_check : The same question as a test, along one schedule.
    ageing_curve : What the gaps are by age.
    plots.plot_belief_slope : The slope as a picture.

    Notes
    -----
    Beliefs and periods are those of `belief_check`. Gaps of one period share its outcomes, and count as one: the error
    is a jackknife over periods, the interval Student's. It takes what happens in different periods as uncorrelated,
    which is so where the model is right, and not where it is wrong in the same direction for long.

    Measured on exact tables of 100 periods, 200 histories each: 90% intervals held 1 in .89 (one row a period) and .91
    (four) of the histories of a right model, in .81 and .91 where a coefficient walks and the shadow discounts by .9.
    Student-t(3) errors gave slopes around .1, held in .77; jumps in one period of 20 slopes around 3, held in .6 and
    .4: there the error says how far from 1 the slope of this history is, and little of the next one. Without weights
    the largest beliefs decide: the same right models then had slopes of .3 in the middle.

    Where forecasts are several steps ahead, the slope of period t holds the gaps that are known in it. Where outcomes
    come late or are revised it holds final outcomes, and looks back. Draws make beliefs uncertain, which draws a slope
    towards 0 where beliefs are not larger than their errors.

    Examples
    --------
    >>> import learning_debt as ld
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=(60, 2))
    >>> history = {"x": x, "y": x.sum(axis=1) + rng.normal(size=60), "period": np.arange(60)}
    >>> forecaster = ld.ConjugateRegression(ld.NIG(np.zeros(2), np.eye(2), 2.0, 1.0))
    >>> spells = ld.spell_table(forecaster, history, initial=20, progressbar=False)
    >>> last = belief_slope(spells).isel(period=-1)
    >>> bool(last["slope_low"] < 1 < last["slope_high"])
    True
    """
    require_probability("probability", probability)
    require_table("spells", spells)
    missing = [name for name in REQUIRED if name not in spells]
    if missing:
        raise KeyError(f"spells lack {missing[0]!r}, without which gaps cannot be held against beliefs")
    table = check_spells(spells, ["score_gap"])
    products, squares, pairs = _of_periods(table)
    product, square = products.cumsum(), squares.cumsum()
    counted = np.cumsum(squares > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = product / square
        error = _jackknife_error(products, squares)
        half = stdtrit(np.where(counted > 1, counted - 1, np.nan), (1 + probability) / 2) * error
        worth = square**2 / np.cumsum(squares**2)
    values = {"slope": slope, "slope_se": error, "slope_low": slope - half, "slope_high": slope + half}
    values |= {"pairs": pairs.cumsum(), "reliable": worth >= MINIMUM_PERIODS}
    coords = {"period": table["period"].values, "label": table["label"]}
    return xr.Dataset({name: ("period", of) for name, of in values.items()}, coords, {"probability": probability})


def _of_periods(table: xr.Dataset) -> tuple[Array, Array, Array]:
    """Sums of g b / v and b^2 / v, and pairs, that become known in each period, shape (period,)."""
    facts = TableFacts.from_table(table)
    lag = 0 if facts.timing == "separate" else 1
    gap = table["score_gap"].values
    belief, spread = (delayed(table[name].values, lag) for name in ("predictive_debt", "gap_sd"))
    held = np.isfinite(gap) & np.isfinite(belief) & (spread > 0) & np.isfinite(spread)
    weight = np.where(held, 1 / np.where(held, spread, 1.0) ** 2, 0.0)
    gap, belief = np.where(held, gap, 0.0), np.where(held, belief, 0.0)
    sums = (weight * gap * belief, weight * belief**2, held.astype(float))
    products, squares, pairs = (_known_later(part.sum(axis=(0, 1)), facts.horizon - 1) for part in sums)
    return products, squares, pairs.astype(int)


def _known_later(of_period: Array, lag: int) -> Array:
    """What was issued in each period, at the period in which it is known."""
    return np.concatenate([np.zeros(lag), of_period])[: len(of_period)]


def _jackknife_error(products: Array, squares: Array) -> Array:
    """Standard error of every running ratio of sums, each period left out in turn, shape (period,)."""
    upto = np.tri(len(squares), dtype=bool) & (squares > 0)
    without = (products.cumsum()[:, None] - products) / (squares.cumsum()[:, None] - squares)
    count = upto.sum(axis=1)
    middle = np.where(upto, without, 0.0).sum(axis=1) / count
    spread = np.where(upto, (without - middle[:, None]) ** 2, 0.0).sum(axis=1)
    return np.where(count > 1, np.sqrt((count - 1) / count * spread), np.nan)
