"""Spell tables of histories to learn from, made as those of the bench's real histories are."""

from __future__ import annotations

import pandas as pd
import xarray as xr

import learning_debt as ld
from learning_debt.bench.histories.real_history import RealHistory


def spells(data: xr.Dataset, update_rule: ld.UpdateRule, prior: str) -> xr.Dataset:
    """Exact table of a history whose columns and outcome are standardised by its first fifth, series by series.

    Parameters
    ----------
    data : Dataset
        As `kinds.simulated` gives it, or one of `development.DEVELOPMENT_HISTORIES`.
    update_rule : UpdateRule
    prior : str
        One of `learning_debt.bench.histories.real_history.PRIORS`.
    """
    record = RealHistory(
        name="development",
        title="Development",
        period="period",
        drift="",
        source="",
        licence="",
        leakage="",
        load=lambda: data,
        load_raw=pd.DataFrame,
    )
    return record.spells(update_rule, prior)
