"""What the bench knows of one real history."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd
import xarray as xr

from learning_debt.arrays.conjugate.nig import NIG
from learning_debt.data.update_rule import UpdateRule
from learning_debt.forecasters.conjugate_regression import ConjugateRegression
from learning_debt.spells import spell_table
from learning_debt.typing import Array

__all__ = ["PRIORS", "RealHistory"]

INITIAL_SHARE, FEWEST_INITIAL = 0.2, 4
SIGNALS = ("debt", "predictive_debt", "score_gap", "deployed_score", "parameter_gap", "residual_exceedance")
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
    load_raw : callable () -> DataFrame
        The data file, which the README beside it describes column by column.

    Examples
    --------
    >>> from learning_debt.bench.histories import HISTORIES
    >>> inflation = HISTORIES["inflation"]
    >>> data = inflation.load()
    >>> len(data["period"]), inflation.initial(data)
    (201, 40)
    """

    name: str
    title: str
    period: str
    drift: str
    source: str
    licence: str
    leakage: str
    load: Callable[[], xr.Dataset]
    load_raw: Callable[[], pd.DataFrame]

    def initial(self, data: xr.Dataset) -> int:
        """Periods of the first fit: a fifth of the history, at least four."""
        return max(FEWEST_INITIAL, int(INITIAL_SHARE * len(np.unique(data["period"].values))))

    def standardised(self) -> xr.Dataset:
        """The history with columns and outcome less their mean, by their sd; the constant is left alone.

        Mean and sd are those of the initial part, of each series its own: what an owner knew at the first fit.
        """
        data = self.load()
        first = np.isin(data["period"].values, np.unique(data["period"].values)[: self.initial(data)])
        series = data["series"].values if "series" in data else np.zeros(data.sizes["obs"])
        x, y = data["x"].values.astype(float), data["y"].values.astype(float)
        for one in np.unique(series):
            rows = series == one
            x[rows] = _standardised(x[rows], first[rows])
            y[rows] = _standardised(y[rows], first[rows])
        return data.assign(x=(data["x"].dims, x), y=(data["y"].dims, y))

    def forecaster(self, data: xr.Dataset, prior: str = "weak") -> ConjugateRegression:
        """The exact regression under one of `PRIORS`."""
        if prior not in PRIORS:
            raise ValueError(f"prior must be one of {', '.join(PRIORS)}, not {prior!r}")
        return ConjugateRegression(PRIORS[prior](data.sizes["coefficient"]))

    def spells(self, update_rule: UpdateRule | None = None, prior: str = "weak") -> xr.Dataset:
        """The exact spell table of the standardised history.

        Parameters
        ----------
        update_rule : UpdateRule, optional
            What the shadow holds of the past; all of it if left out.
        prior : str
            One of `PRIORS`.

        Returns
        -------
        Dataset
            As `spell_table` makes it, with every signal that exact tables have, in nats of the standardised outcome.
        """
        data = self.standardised()
        return spell_table(
            self.forecaster(data, prior),
            data,
            initial=self.initial(data),
            variables=SIGNALS,
            update_rule=update_rule,
            progressbar=False,
        )


def _standardised(values: Array, first: Array) -> Array:
    """`values` (rows, ...) less their mean in the rows `first`, by their sd there; constants are left alone."""
    mean, sd = values[first].mean(axis=0), values[first].std(axis=0)
    constant = sd == 0
    return (values - np.where(constant, 0.0, mean)) / np.where(constant, 1.0, sd)
