"""Whether a person in Massachusetts is employed, by a logistic regression on age, school, family and health.

The history is one of the bench's (learning_debt.bench.histories): 48 samples of 400 persons, twelve a year, in which
nothing drifts to speak of. Its exact neighbour there is a linear probability on the same columns.
"""

import pymc as pm
import xarray as xr

import learning_debt as ld
from learning_debt.bench.histories import HISTORIES

MIDDLE_AGE, TWENTY_YEARS = 45.0, 20.0
USUAL = {
    "female": 0.5,
    "high_school": 0.9,
    "bachelor": 0.4,
    "married": 0.5,
    "disability": 0.15,
    "group_quarters": 0.1,
    "not_citizen": 0.1,
    "moved": 0.1,
}
"""About the share of persons. Columns less these, and powers of age less what lower ones hold of them, are nearly
uncorrelated, so that a sampler takes a third of the steps."""


def load_history() -> xr.Dataset:
    """Employment of each person beside age (in twenties of years about 45) and what is yes or no (less `USUAL`)."""
    data = HISTORIES["massachusetts"].load()
    x = data["x"].copy()
    age = (10 * x.sel(coefficient="age") - MIDDLE_AGE) / TWENTY_YEARS
    for name, values in {"age": age, "age_squared": age**2 - 1, "age_cubed": age**3 - 2 * age}.items():
        x.loc[{"coefficient": name}] = values
    for name, share in USUAL.items():
        x.loc[{"coefficient": name}] -= share
    return xr.Dataset({"x": x, "employed": ("obs", data["y"].values.astype(int))})


def build_model(data: xr.Dataset) -> pm.Model:
    """Log odds are linear in the columns."""
    with pm.Model(coords={"coefficient": data["coefficient"].values.tolist()}) as model:
        x = pm.Data("x", data["x"], dims=("obs", "coefficient"))
        employed = pm.Data("employed", data["employed"].values, dims="obs")
        coefficients = pm.Normal("coefficients", 0.0, 1.5, dims="coefficient")
        pm.Bernoulli("is_employed", logit_p=x @ coefficients, observed=employed, dims="obs")
    return model


# A nat of a person's forecast is worth 5 dollars, a retrain a day of somebody's time. Replace both by yours.
cost = ld.RetrainingCost(400.0, money_per_nat=5.0, currency="USD")

initial = 9
calendar = 12
