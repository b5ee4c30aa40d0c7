"""How many rows a rule leaves, and whether they are enough to fit what is to be fitted."""

from __future__ import annotations

import numpy as np
import xarray as xr

from learning_debt.data import SERIES
from learning_debt.data.update_rule import UpdateRule
from learning_debt.forecasters.conjugate_regression import ConjugateRegression
from learning_debt.representations import plain_number

ROWS_PER_COEFFICIENT = 2
"""Rows below which a linear regression cannot be estimated adequately (Austin & Steyerberg, *The number of subjects per
variable required in linear regression analyses*, Journal of Clinical Epidemiology 68 (2015), 627-636)."""
SLACK = 1e-3
"""Of a sum of weights that grows towards its limit for as long as the history does."""


def rows_left(table: xr.Dataset, rule: UpdateRule) -> tuple[float, float]:
    """Sum of the weights of all rows, and of all periods, at the end of a checked table; the least of its series.

    Periods before the first are taken to have as many rows as the others have on average.

    Examples
    --------
    >>> import learning_debt as ld
    >>> gap = np.where(np.triu(np.ones((4, 4))) > 0, 0.0, np.nan)
    >>> table = xr.Dataset({"score_gap": (("deployed_at", "period"), gap), "rows": ("period", [3.0, 3.0, 5.0, 5.0])})
    >>> rows_left(ld.check_spells(table), UpdateRule(window=3))
    (13.0, 3.0)
    """
    rows = table["rows"].transpose(SERIES, "period").values.astype(float)
    earlier = table.sizes.get("earlier", 0)
    known = np.hstack([np.repeat(rows.mean(axis=1, keepdims=True), earlier, axis=1), rows])
    weight = rule.weights(np.arange(known.shape[1])[::-1])
    return float((known @ weight).min()), float(weight.sum())


def coefficients_of(forecaster: object) -> int | None:
    """Coefficients that a regression has to learn; None of a model whose parameters are not told apart so simply."""
    return forecaster.prior.mean.shape[-1] if isinstance(forecaster, ConjugateRegression) else None


def too_few(rows: float, coefficients: int | None) -> str:
    """Why a rule that leaves so many rows is not chosen, or nothing.

    Examples
    --------
    >>> too_few(10.0, 9)
    'it leaves 10 rows for 9 coefficients, so that the prior decides; at least 2 rows each are asked for'
    >>> too_few(10.0, 4), too_few(10.0, None)
    ('', '')
    """
    if coefficients is None or rows >= ROWS_PER_COEFFICIENT * coefficients * (1 - SLACK):
        return ""
    return (
        f"it leaves {plain_number(rows)} rows for {coefficients} coefficients, so that the prior decides; at least "
        f"{ROWS_PER_COEFFICIENT} rows each are asked for"
    )
