"""Deaths in England and Wales next month, as a negative binomial count on temperature, trend and season.

The history is one of the bench's (learning_debt.bench.histories): 197 months to May 2022, with two waves of COVID that
nothing in the regression foretells. Its exact neighbour there is a normal regression of log deaths on the same columns.
"""

import numpy as np
import pymc as pm
import xarray as xr

from learning_debt.bench.histories import HISTORIES

COLUMNS = HISTORIES["deaths"].load()["coefficient"].values.tolist()
USUAL_TEMPERATURE = {"intercept": 9.4, "season_sine_1": -3.7, "season_cosine_1": -4.5}
"""Of a month, in degrees: a wave about 9.4. Temperature itself is so much of a season that samplers mix badly."""
TEN_DEGREES = 10.0


def load_history() -> xr.Dataset:
    """Deaths of each month beside its temperature (in tens of degrees above what is usual), trend and season."""
    x = HISTORIES["deaths"].load()["x"].copy()
    usual = sum(part * x.sel(coefficient=name) for name, part in USUAL_TEMPERATURE.items())
    x.loc[{"coefficient": "temperature"}] = (x.sel(coefficient="temperature") - usual) / TEN_DEGREES
    return xr.Dataset({"x": x, "deaths": ("obs", HISTORIES["deaths"].load_raw()["deaths"].to_numpy())})


def build_model(data: xr.Dataset) -> pm.Model:
    """Log-linear in the columns; `spread` is the standard deviation of the rate about them, as a share."""
    prior_mean = np.where(np.array(COLUMNS) == "intercept", np.log(45_000.0), 0.0)
    with pm.Model(coords={"coefficient": COLUMNS}) as model:
        x = pm.Data("x", data["x"], dims=("obs", "coefficient"))
        deaths = pm.Data("deaths", data["deaths"].values, dims="obs")
        coefficients = pm.Normal("coefficients", prior_mean, 0.2, dims="coefficient")
        spread = pm.HalfNormal("spread", 0.2)
        rate = pm.math.exp(x @ coefficients)
        pm.NegativeBinomial("count", mu=rate, alpha=spread**-2, observed=deaths, dims="obs")
    return model


# A retrain (refit, review, sign-off) is worth half a nat of log score. Replace it by what yours costs.
cost = 0.5

initial = 39
calendar = 12
