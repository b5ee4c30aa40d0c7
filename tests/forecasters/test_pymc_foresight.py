"""What the whole history shows is refused before the first fit."""

import numpy as np
import pandas as pd
import pymc as pm
import pytest

import learning_debt as ld
from learning_debt.errors import UnsupportedModelError


class Unfitted(ld.PyMCForecaster):
    """Told apart from one that is fitted: here a fit is an error of its own."""

    def fit(self, *args, **options):
        raise RuntimeError("the first fit")


def walk(data):
    weeks, index = np.unique(data["week"].values, return_inverse=True)
    with pm.Model(coords={"week": weeks}) as model:
        week, y = pm.Data("week_index", index, dims="obs"), pm.Data("y", data["y"].values, dims="obs")
        level = pm.GaussianRandomWalk("level", 0.0, 1.0, init_dist=pm.Normal.dist(0, 2), dims="week")
        pm.Normal("outcome", level[week], 0.5, observed=y, dims="obs")
    return model


def trend(data):
    """The same walk as cumulated steps."""
    weeks, index = np.unique(data["week"].values, return_inverse=True)
    with pm.Model(coords={"week": weeks}) as model:
        week, y = pm.Data("week_index", index, dims="obs"), pm.Data("y", data["y"].values, dims="obs")
        steps = pm.Normal("steps", 0.0, 1.0, dims="week")
        pm.Normal("outcome", steps.cumsum()[week], 0.5, observed=y, dims="obs")
    return model


def upwards(data):
    with pm.Model() as model:
        x, y = pm.Data("x", np.abs(data["x"].values), dims="obs"), pm.Data("y", data["y"].values, dims="obs")
        pm.Normal("outcome", pm.Normal("slope", 0, 1) * x, 1.0, observed=y, dims="obs")
    return model


def history(weeks):
    count = len(weeks)
    return pd.DataFrame({"week": weeks, "period": np.arange(count), "y": np.zeros(count), "x": np.ones(count)})


@pytest.mark.parametrize("build_model", [walk, trend])
@pytest.mark.parametrize(
    ("weeks", "initial", "why"),
    [
        ([1, 2, 3, 4, 5, 6, 8], 4, "7 is left out along 'week'"),
        ([1, 2, 3, 5, 6], 2, "4 is left out along 'week'"),
        ([f"2024-W{k:02d}" for k in (1, 2, 3, 4, 6)], 4, "2024-W05 is left out along 'week'"),
        ([f"W{k}" for k in range(6, 11)], 4, "labels of 'week' are out of order: W6 follows W10"),
        ([1, 2, 3, 5, 6, 7], 4, "the first fit"),  # the model itself has taken a gap for one step
        ([1, 1, 2, 3, 3, 4], 4, "the first fit"),
    ],
)
def test_a_gap_later_on_is_told_before_the_first_fit(build_model, weeks, initial, why):
    forecaster = Unfitted(build_model, growing_dims=("week",), compile_kwargs={"mode": "FAST_COMPILE"})
    with pytest.raises((ValueError, RuntimeError), match=why):
        ld.spell_table(forecaster, history(weeks), initial=initial, progressbar=False)


def test_a_builder_that_changes_later_rows_is_told_before_the_first_fit():
    rows = history(list(range(8)))
    with pytest.raises(RuntimeError, match="the first fit"):
        ld.spell_table(Unfitted(upwards), rows, initial=4, progressbar=False)
    with pytest.raises(UnsupportedModelError, match="build_model changes 'x'"):
        ld.spell_table(Unfitted(upwards), rows.assign(x=[1.0] * 7 + [-1.0]), initial=4, progressbar=False)


@pytest.mark.parametrize(
    ("growing", "why"), [((), "'store' holds the label 'c' at row 9.*growing_dims"), (("store",), "the first fit")]
)
def test_a_store_that_comes_later_is_told_before_the_first_fit(growing, why):
    def build_model(data):
        stores, index = np.unique(data["store"].values, return_inverse=True)
        with pm.Model(coords={"store": stores}) as model:
            store, y = pm.Data("store_index", index, dims="obs"), pm.Data("y", data["y"].values, dims="obs")
            pm.Normal("outcome", pm.Normal("level", 0, 1, dims="store")[store], 1.0, observed=y, dims="obs")
        return model

    stores = {"period": np.repeat(np.arange(5), 2), "store": ["a", "b"] * 4 + ["b", "c"], "y": np.zeros(10)}
    with pytest.raises((ValueError, RuntimeError), match=why):
        ld.spell_table(Unfitted(build_model, growing_dims=growing), stores, initial=2, progressbar=False)


def test_labels_given_to_pm_data_are_told_where_they_belong():
    def build_model(data):
        with pm.Model() as model:
            pm.Data("store", data["store"].values, dims="obs")
        return model

    with pytest.raises(ValueError, match=r"'store' hold labels, which pm.Data does not take: give it their positions"):
        ld.PyMCForecaster(build_model).fit({"store": ["a", "b"], "y": [0.0, 1.0]})
