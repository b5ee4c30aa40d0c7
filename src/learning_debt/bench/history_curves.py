"""How forecasts age on every history, how far beliefs foretell it, and what each shadow itself scored."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from learning_debt.auditing.ageing import ageing_curve
from learning_debt.auditing.belief import REQUIRED
from learning_debt.auditing.belief_slope import belief_slope
from learning_debt.auditing.shadow_scores import shadow_scores
from learning_debt.data import SERIES
from learning_debt.spells.schema import DEPLOYED_SCORE, se_of

AGEING, SLOPE, SCORE = "regret by age", "slope of gaps on beliefs", "score of the shadow"
CURVE_COLUMNS = (
    *("history", "forecaster", "prior", "update_rule", "curve", "place"),
    *("value", "standard_error", "low", "high", "reliable"),
)
"""Of a bench's curves; `place` is an age, or the number of a period."""


def curves_of(table: xr.Dataset) -> pd.DataFrame:
    """Curves of one checked table, a line for each place; those whose signals it lacks are left out.

    Regret by age is in the unit of the table's regret. The score of the shadow is the mean over the periods so far, per
    observation and over series, without an interval.
    """
    found = [_lines(ageing_curve(table), "regret", "age", AGEING)]
    if all(name in table for name in REQUIRED):
        found.append(_lines(belief_slope(table), "slope", "period", SLOPE))
    if DEPLOYED_SCORE in table and "score_gap" in table:
        own = shadow_scores(table)["shadow_score"].mean(SERIES).values
        place = np.arange(1, len(own) + 1)
        found.append(pd.DataFrame({"curve": SCORE, "place": place, "value": np.cumsum(own) / place, "reliable": True}))
    return pd.concat(found, ignore_index=True).reindex(columns=CURVE_COLUMNS[4:])


def _lines(curve: xr.Dataset, name: str, dim: str, what: str) -> pd.DataFrame:
    named = {"value": name, "standard_error": se_of(name), "low": f"{name}_low", "high": f"{name}_high"}
    columns = {column: curve[variable].values for column, variable in named.items()}
    return pd.DataFrame({"curve": what, "place": curve[dim].values} | columns | {"reliable": curve["reliable"].values})
