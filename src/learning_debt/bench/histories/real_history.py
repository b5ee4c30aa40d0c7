"""What the bench knows of one real history."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import xarray as xr

from learning_debt.arrays.conjugate.nig import NIG
from learning_debt.data.update_rule import UpdateRule
from learning_debt.forecasters.conjugate_regression import ConjugateRegression
from learning_debt.spells import spell_table

__all__ = ["PRIORS", "RealHistory"]

INITIAL_SHARE, FEWEST_INITIAL = 0.2, 4
SIGNALS = ("debt", "predictive_debt", "score_gap", "deployed_score")
PRIORS: Mapping[str, Callable[[int], NIG]] = MappingProxyType(
    {
        "weak": lambda coefficients: NIG(np.zeros(coefficients), 0.1 * np.eye(coefficients), 2.0, 1.0),
        "firm": lambda coefficients: NIG(np.zeros(coefficients), np.eye(coefficients), 5.0, 4.0),
    }
)
"""Priors of a regression whose columns and outcome have mean 0 and sd 1 in the initial part."""


@dataclass(frozen=True)
class RealHistory:
    """A public history and the regression that forecasts it.

    Attributes
    ----------
    name, title : str
        As commands take it; as pictures show it.
    period : str
        What a period is, such as ``"quarter"``.
    drift : str
        What changed in it, in a sentence.
    source, licence : str
    leakage : str
        What its forecasts know that they could not have known; empty where there is nothing.
    load : callable () -> Dataset
        ``x`` (obs, coefficient), ``y`` (obs), ``period`` and, where there are several, ``series`` along obs, as
        `spell_table` takes them; in the outcome's own scale.
    """

    name: str
    title: str
    period: str
    drift: str
    source: str
    licence: str
    leakage: str
    load: Callable[[], xr.Dataset]

    def initial(self, data: xr.Dataset) -> int:
        """Periods of the first fit: a fifth of the history, at least four."""
        return max(FEWEST_INITIAL, int(INITIAL_SHARE * len(np.unique(data["period"].values))))

    def forecaster(self, data: xr.Dataset, prior: str = "weak") -> ConjugateRegression:
        """The exact regression under one of `PRIORS`."""
        return ConjugateRegression(PRIORS[prior](data.sizes["coefficient"]))

    def spells(self, update_rule: UpdateRule | None = None, prior: str = "weak") -> xr.Dataset:
        """The exact spell table."""
        raise NotImplementedError
