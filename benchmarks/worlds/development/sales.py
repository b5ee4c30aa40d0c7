"""What a country or a trade makes, sells and uses by the week, the month and the quarter, one series each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from benchmarks.worlds.development.packages import r_frame
from benchmarks.worlds.development.regression_columns import columns_of, equal_periods

WEEKS = 52.18


@dataclass(frozen=True)
class Sales:
    """Logarithm of one column of an R data set, by its past and its season.

    Attributes
    ----------
    package, data, column : str
    cycle : float
        Rows in a season.
    waves : int
        Frequencies of the season that are columns.
    lags : tuple of int
    trend : bool
    rows : int
        Rows a period.
    """

    package: str
    data: str
    column: str = "value"
    cycle: float = 12
    waves: int = 4
    lags: tuple[int, ...] = (1,)
    trend: bool = False
    rows: int = 1

    def __call__(self) -> xr.Dataset:
        """The history."""
        values = r_frame(self.package, self.data)[self.column].astype(float)
        seasons = [(self.cycle, self.waves)]
        return equal_periods(columns_of(np.log(values), self.lags, seasons, trend=self.trend), self.rows)


HISTORIES = {
    "antidiabetic_drugs": Sales("fpp2", "a10", trend=True),
    "corticosteroids": Sales("fpp2", "h02", trend=True),
    "eating_out": Sales("fpp2", "auscafe", waves=3, rows=2),
    "united_states_electricity": Sales("fpp2", "usmelec", trend=True, rows=2),
    "australian_gas": Sales("forecast", "gas", waves=3, rows=2),
    "wine": Sales("forecast", "wineind", trend=True),
    "beer": Sales("fpp2", "ausbeer", cycle=4, waves=1, lags=(1, 4)),
    "cement": Sales("fpp2", "qcement", cycle=4, waves=1),
    "quarterly_gas": Sales("fpp2", "qgas", cycle=4, waves=1, lags=(1, 4)),
    "quarterly_electricity": Sales("fpp2", "qauselec", cycle=4, waves=1),
    "wool": Sales("forecast", "woolyrnq", cycle=4, waves=1),
    "debit_cards": Sales("fpp2", "debitcards", trend=True),
    "electrical_equipment": Sales("fpp2", "elecequip"),
    "air_passengers": Sales("datasets", "AirPassengers"),
    "petrol_supplied": Sales("fpp2", "gasoline", cycle=WEEKS, waves=2, lags=(1, 2), rows=6),
    "canadian_gas": Sales("fpp3", "canadian_gas", "Volume", rows=3),
    "peace_bridge": Sales("Stat2Data", "PeaceBridge2003", "Traffic"),
    "heating_oil": Sales("Stat2Data", "HeatingOil", "FuelOil", waves=3, rows=2),
    "blog_views": Sales("fpp2", "hyndsight", cycle=7, waves=3, rows=2),
    "british_gas": Sales("datasets", "UKgas", cycle=4, waves=1),
}
