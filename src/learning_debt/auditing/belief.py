"""Whether what the forecasts gained agrees with what the model itself expected them to gain."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.arrays.schedules.walk import deployed_during
from learning_debt.data import SERIES
from learning_debt.representations import plain_number
from learning_debt.spells import check_spells
from learning_debt.spells.checks import require_schedule, require_table
from learning_debt.spells.schema import TableFacts, standard_error
from learning_debt.typing import Array
from learning_debt.validation import require_instance, require_probability

REQUIRED = ("score_gap", "predictive_debt", "gap_sd")
MINIMUM_PERIODS = 8
"""Pairs of gap and belief below which nothing is said."""
PROBABILITY = 0.99
AS_EXPECTED, LESS, MORE, TOO_SHORT = "as expected", "less than expected", "more than expected", "too short"


def belief_check(
    spells: xr.Dataset, schedule: xr.DataArray | None = None, *, probability: float = PROBABILITY
) -> xr.Dataset:
    """Compare realised score gaps with the predictive debt of the period before, which is what the shadow expected.

    Predictive debt is the score gap that the shadow itself expects. If the model is right, gap minus belief has mean
    zero in every period whatever came before (a martingale difference) and the spread that the shadow expects, so

        z = sum_t (g_t - b_t) / sqrt(sum_t v_t + Monte-Carlo variance)

    is about standard normal. A model with wrong tails, a wrong variance or a wrong mean expects gains that do not come.

    Parameters
    ----------
    spells : Dataset
        With ``score_gap``, ``predictive_debt`` and ``gap_sd``, as `spell_table` makes it.
    schedule : DataArray of bool, dims (series, period), optional
        Retrains, as in ``Replay.schedule``: what was in service is then checked. Without it every posterior is checked
        as if it had never been replaced.
    probability : float
        Of no verdict but "as expected" when the model is right.

    Returns
    -------
    Dataset
        Dimensions ``series`` and, without a schedule, ``deployed_at``. ``score_gap`` and ``belief`` (means over the
        periods compared, in the table's unit), ``spread`` (standard deviation of their difference that the shadow
        expects, Monte-Carlo error included), ``z`` = (score_gap - belief) / spread, ``periods``, ``verdict``
        ("as expected", "less than expected", "more than expected" or "too short", below 8 periods), ``flag``
        (whether it is one of the middle two) and ``sentence``.

    Raises
    ------
    KeyError
        If a signal is missing.
    ValueError
        If the schedule or the table has the wrong shape, or `probability` is not one.

    See Also
    --------
    predictive_debt, score_gap : The two that are compared.
    audit : Says in its notes where they disagree.

    Notes
    -----
    The belief of period t belongs to the shadow of t - 1, on the inputs of t. A ``"prequential"`` table holds that
    shadow on the inputs of t - 1 only, and on those of t a shadow that has seen their outcomes. The former is taken:
    it is known before t. Over many periods the sum of beliefs is off by little more than its first and last terms, as
    long as inputs do not drift. (In tables with timing ``"separate"`` the belief of the same period is honest.)
    Rows of a period are independent given the shadow in `gap_sd`; that they share its parameters is left out.
    Monte-Carlo errors of different periods come from the same deployed draws and are added up as if fully dependent.
    Where forecasts are several steps ahead or outcomes arrive late, the gap of the forecasts issued in t, with their
    final outcomes, is held against the belief of the shadow that issued them, that of t - 1.
    A shadow that forgets, in a window or by a discount, expects to gain over what it has forgotten; where nothing moves
    it does not, and "less" then speaks against the rule.
    "More than expected" is also what a world gives that moves faster than the shadow follows.

    Measured on exact tables of 40 periods of 5 rows (`benchmarks/belief.py`, 250 streams each), "less" and "more":
    right model .013 and .000 (1000 streams); Student-t(3) errors .36 and .06; unequal variances .38 and .04; an
    omitted square .34 and .02; common shocks within a period .02 and .01; a coefficient that moves by one standard
    deviation .00 and .90, one that walks .01 and .37. Right model, 300 streams each: horizon 3 .007 and .003, horizon 6
    .010 and .017, outcomes up to 3 periods late .010 and .003, both .020 and .00; a window of 20 periods .15 and .00,
    horizon 3 with a discount of .95 .037 and .00. With one row a period: right model .02 and .00, wrong tails,
    variance or mean .13, .21 and .27 "less".

    Examples
    --------
    >>> import learning_debt as ld
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=(60, 2))
    >>> history = {"x": x, "y": x.sum(axis=1) + rng.normal(size=60), "period": np.arange(60)}
    >>> forecaster = ld.ConjugateRegression(ld.NIG(np.zeros(2), np.eye(2), 2.0, 1.0))
    >>> spells = ld.spell_table(forecaster, history, initial=20, progressbar=False)
    >>> str(belief_check(spells)["verdict"].sel(deployed_at=0).item())
    'as expected'
    """
    require_probability("probability", probability)
    if schedule is not None:
        require_instance("schedule", schedule, xr.DataArray, "a DataArray of bool, as in Replay.schedule")
    require_table("spells", spells)
    missing = [name for name in REQUIRED if name not in spells]
    if missing:
        raise KeyError(f"spells lack {missing[0]!r}, without which gaps cannot be held against beliefs")
    return _held_against_beliefs(check_spells(spells, ["score_gap"]), schedule, probability)


def _held_against_beliefs(table: xr.Dataset, schedule: xr.DataArray | None, probability: float) -> xr.Dataset:
    """`belief_check` of a checked table, or of some of its posteriors."""
    lag = 0 if TableFacts.from_table(table).timing == "separate" else 1
    gap, gap_se = table["score_gap"].values, _errors(table, "score_gap")
    belief, spread, belief_se = (
        delayed(values, lag)
        for values in (table["predictive_debt"].values, table["gap_sd"].values, _errors(table, "predictive_debt"))
    )
    compared = np.isfinite(gap) & np.isfinite(belief) & np.isfinite(spread)
    axes: tuple[int, ...] = (2,)
    if schedule is not None:
        compared &= _in_service(table, schedule)
        axes = (1, 2)

    def total(values: Array) -> Array:
        return np.asarray(np.where(compared, values, 0.0).sum(axis=axes))

    periods = compared.sum(axis=axes)
    variance = total(spread**2) + total(gap_se) ** 2 + total(belief_se) ** 2
    count = np.where(periods > 0, periods, np.nan)
    return _verdicts(table, total(gap) / count, total(belief) / count, np.sqrt(variance) / count, periods, probability)


def belief_ratio(spells: xr.Dataset, probability: float = PROBABILITY) -> float | None:
    """Gaps over what was expected of them, of the first posterior and all series; None where they agree."""
    if not belief_notes(spells, probability):
        return None
    check = _held_against_beliefs(spells.isel(deployed_at=[0]), None, probability)
    known = check["periods"] > 0
    return float((check["score_gap"].where(known).sum() / check["belief"].where(known).sum()).item())


def belief_notes(spells: xr.Dataset, probability: float = PROBABILITY) -> list[str]:
    """What to tell the reader of an audit of a checked table: one sentence if gaps disagree with beliefs, else nothing.

    The first posterior is followed through the whole table, as if never replaced. With several series `probability`
    is that none of them disagrees when the model is right.
    """
    if any(name not in spells for name in REQUIRED):
        return []
    series = spells.sizes.get(SERIES, 1)
    first = spells.isel(deployed_at=[0])
    check = _held_against_beliefs(first, None, 1 - (1 - probability) / series).isel(deployed_at=0)
    flagged = np.flatnonzero(check["flag"].values)
    if flagged.size == 0:
        return []
    worst = flagged[np.argmax(np.abs(check["z"].values[flagged]))]
    where = "" if series == 1 else f"In {flagged.size} of {series} series; in {check[SERIES].values[worst]}: "
    return [where + str(check["sentence"].values[worst])]


def _errors(table: xr.Dataset, name: str) -> Array:
    """Standard errors of a signal, 0 where there are none."""
    return np.nan_to_num(standard_error(table, name).values)


def delayed(cells: Array, lag: int) -> Array:
    """Cells (series, deployed_at, period) moved on by `lag` periods; NaN where nothing was believed yet."""
    if lag == 0:
        return cells
    return np.concatenate([np.full_like(cells[..., :lag], np.nan), cells[..., :-lag]], axis=-1)


def _in_service(table: xr.Dataset, schedule: xr.DataArray) -> NDArray[np.bool_]:
    """Whether a posterior served in a period, shape (series, deployed_at, period)."""
    serving = deployed_during(require_schedule(table, schedule))
    return np.asarray(serving[:, None, :] == np.arange(serving.shape[1])[:, None])


def _verdicts(
    table: xr.Dataset, gap: Array, belief: Array, spread: Array, periods: NDArray[np.int_], probability: float
) -> xr.Dataset:
    dims = (SERIES, "deployed_at")[: gap.ndim]
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.where((periods >= MINIMUM_PERIODS) & (spread > 0), (gap - belief) / spread, np.nan)
    limit = NormalDist().inv_cdf((1 + probability) / 2)
    verdict = np.select([np.isnan(z), z < -limit, z > limit], [TOO_SHORT, LESS, MORE], AS_EXPECTED)
    columns = {"score_gap": gap, "belief": belief, "spread": spread, "z": z, "periods": periods, "verdict": verdict}
    unit = TableFacts.from_table(table).unit
    sentences = [
        _sentence(*figures, unit=unit)
        for figures in zip(*(columns[name].ravel().tolist() for name in columns), strict=True)
    ]
    columns |= {"flag": np.abs(z) > limit, "sentence": np.array(sentences).reshape(z.shape)}
    coords = {dim: table[dim].values for dim in dims}
    attrs = {"unit": unit, "probability": probability}
    return xr.Dataset({name: (dims, values) for name, values in columns.items()}, coords, attrs)


def _sentence(gap: float, belief: float, spread: float, z: float, periods: int, verdict: str, *, unit: str) -> str:
    if verdict == TOO_SHORT:
        return f"Too short to hold gains against expectations: {periods} periods."
    figures = (
        f"a mean gap of {plain_number(gap)} {unit} over {periods} periods, where it expected {plain_number(belief)} ± "
        f"{plain_number(spread, 2)} (z = {z:.1f})"
    )
    if verdict == LESS:
        return (
            f"The forecasts gained less than the model itself expected: {figures}. It sees debt where there is none, "
            "so treat debt-based policies with care, and look for wrong tails, variances or missing structure."
        )
    if verdict == MORE:
        return (
            f"The forecasts gained more than the model itself expected: {figures}. The world moves faster than the "
            "shadow follows, or the model is wrong; debt understates what waiting costs."
        )
    return f"The forecasts gained what the model itself expected: {figures}."
