"""Who is employed in Massachusetts, by the census."""

from functools import partial

import xarray as xr

from learning_debt.bench.histories.data_files import read_data
from learning_debt.bench.histories.real_history import RealHistory
from learning_debt.bench.histories.regression_rows import regression_rows

__all__ = ["MASSACHUSETTS"]

FILE = "massachusetts_employment.csv.gz"
YES_OR_NO = ["female", "high_school", "bachelor", "married", "disability", "group_quarters", "not_citizen", "moved"]


def load() -> xr.Dataset:
    """Whether a person is employed (1 or 0) on age, school, family and health: a linear probability."""
    people = read_data(FILE)
    age = people["age"] / 10
    columns = {"age": age, "age_squared": age**2, "age_cubed": age**3, **{name: people[name] for name in YES_OR_NO}}
    period = people["year"].astype(str) + "." + people["part"].astype(str).str.zfill(2)
    return regression_rows(columns, people["employed"], period.to_numpy(dtype=str))


MASSACHUSETTS = RealHistory(
    name="massachusetts",
    title="Employment in Massachusetts",
    period="twelfth of a year's census sample",
    drift=(
        "Hardly anything: 59 to 60 percent of persons from 16 on are employed in each of the four years, and the "
        "coefficients of one year differ from those of the next no more than chance allows (chi-squared 8 to 20, "
        "12 degrees of freedom). It shows what policies pay where nothing happens."
    ),
    source="US Census Bureau, American Community Survey (public use microdata), from nannyml",
    licence="public domain",
    leakage=(
        "Periods are no months: respondents carry a year only, so each year's are scattered over twelve parts, "
        "between which nothing can change but by chance."
    ),
    load=load,
    load_raw=partial(read_data, FILE),
)
