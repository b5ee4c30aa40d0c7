"""Columns that a PyMC model does not use may hold anything; a gap, a mask or text in one that it uses is named."""

import numpy as np
import pandas as pd
import pymc as pm
import pytest
import xarray as xr
from scipy import stats

import learning_debt as ld

ROWS = 24
SOLD = np.random.default_rng(1).poisson(3, ROWS)
ODD = {
    "note": np.array([None] * 20 + ["closed"] * 4, dtype=object),
    "budget": np.r_[np.nan, np.ones(ROWS - 1)],
    "price/kg": np.ones(ROWS),
    "mixture": np.array([1, "a"] * (ROWS // 2), dtype=object),
    "complex": np.ones(ROWS) + 1j,
    "lists": pd.Series([[1]] * ROWS),
    "flag": pd.array([True, None] * (ROWS // 2), dtype="boolean"),
    "": np.ones(ROWS),
}


def sales(data):
    with pm.Model() as model:
        sold = pm.Data("sold", data["sold"].values, dims="obs")
        pm.Poisson("outcome", pm.Gamma("rate", 1, 1), observed=sold, dims="obs")
    return model


def by_store(data):
    stores = sorted(set(data["store"].values.tolist()))
    with pm.Model(coords={"store": stores}) as model:
        store = pm.Data("store_index", [stores.index(one) for one in data["store"].values], dims="obs")
        sold = pm.Data("sold", data["sold"].values, dims="obs")
        pm.Poisson("outcome", pm.Gamma("rate", 1, 1, dims="store")[store], observed=sold, dims="obs")
    return model


def filled(data, fitted=None):
    """An owner's own way with gaps: the mean of the training data."""
    fitted = {"budget": float(data["budget"].mean())} if fitted is None else fitted
    return data.assign(budget=data["budget"].fillna(fitted["budget"])), fitted


def on_budget(data):
    with pm.Model() as model:
        budget = pm.Data("budget", data["budget"].values, dims="obs")
        sold = pm.Data("sold", data["sold"].values, dims="obs")
        pm.Poisson("outcome", pm.Gamma("rate", 1, 1) * budget, observed=sold, dims="obs")
    return model


def forecaster(build_model=sales, **options):
    return ld.PyMCForecaster(build_model, draws=50, tune=50, chains=2, **options)


def expected(posterior, counts, factor=1.0):
    """Poisson log density of each row at each draw, shape (sample, row)."""
    rate = posterior["posterior"]["rate"].values.reshape(-1, 1)
    return stats.poisson.logpmf(counts, rate * factor)


@pytest.fixture(scope="module")
def fitted():
    model = forecaster()
    return model, model.fit({"sold": SOLD.astype("uint8"), **ODD}, random_seed=1)


def test_columns_that_nobody_uses_are_not_stored_and_the_posterior_travels(fitted, tmp_path):
    model, posterior = fitted
    assert set(posterior["training_data"].data_vars) == {"sold"}
    posterior.to_netcdf(tmp_path / "posterior.nc", engine="h5netcdf")
    read = xr.open_datatree(tmp_path / "posterior.nc", engine="h5netcdf")
    batch = {"sold": SOLD[:3], **{name: column[:3] for name, column in ODD.items()}}
    np.testing.assert_allclose(model.log_density(read, batch)["outcome"], expected(posterior, SOLD[:3]), rtol=1e-10)


@pytest.mark.parametrize(
    "sold",
    [
        np.ma.masked_array(SOLD, mask=np.arange(ROWS) == 5),
        ("obs", np.ma.masked_array(SOLD, mask=np.arange(ROWS) == 5)),
        pd.array([*SOLD[:5], None, *SOLD[6:]], dtype="Int64"),
        pd.Series(np.ma.masked_array(SOLD, mask=np.arange(ROWS) == 5).astype(float).filled(np.nan)),
    ],
    ids=["masked", "pair", "Int64", "NaN"],
)
def test_a_gap_in_the_outcome_is_named_at_every_entry(fitted, sold):
    model, posterior = fitted
    history = {"sold": sold, "period": np.arange(ROWS)}
    with pytest.raises(ValueError, match="'sold' is not finite at obs=5"):
        forecaster().fit(history)
    with pytest.raises(ValueError, match="'sold' is not finite at obs=5"):
        model.log_density(posterior, history)
    with pytest.raises(ValueError, match="'sold' is not finite at obs=5"):
        ld.score_gap(model, posterior, posterior, history)
    for one in (forecaster(), model):  # before the first fit, whether the forecaster was used before or not
        with pytest.raises(ValueError, match="'sold' is not finite at obs=5"):
            ld.spell_table(one, history, initial=4, progressbar=False)


def test_text_and_gaps_that_the_builder_stumbles_over_are_named():
    with pytest.raises(ValueError, match=r"'sold' must hold numbers, not text such as '1,004'.*build_model failed"):
        forecaster().fit({"sold": [f"{1000 + one:,}" for one in SOLD]})
    stores = np.array(["a", None, *["b"] * 22], dtype=object)
    with pytest.raises(ValueError, match=r"'store' has a missing label at position 1.*build_model failed"):
        forecaster(by_store).fit({"sold": SOLD, "store": stores})


def test_a_name_that_no_posterior_can_hold_is_refused_where_it_is_used():
    def build_model(data):
        with pm.Model() as model:
            sold = pm.Data("sold/kg", data["sold/kg"].values, dims="obs")
            pm.Poisson("outcome", pm.Gamma("rate", 1, 1), observed=sold, dims="obs")
        return model

    with pytest.raises(ValueError, match=r"'sold/kg' has a name that cannot be stored.*rename"):
        forecaster(build_model).fit({"sold/kg": SOLD})


def test_preparation_may_fill_a_gap(tmp_path):
    budget = np.r_[np.nan, np.linspace(1.0, 3.0, ROWS - 1)]
    model = forecaster(on_budget, prepare=filled)
    posterior = model.fit({"sold": SOLD, "budget": budget}, random_seed=1)
    batch = {"sold": SOLD[:2], "budget": [np.nan, 5.0]}
    right = expected(posterior, SOLD[:2], np.array([np.nanmean(budget), 5.0]))
    np.testing.assert_allclose(model.log_density(posterior, batch)["outcome"], right, rtol=1e-10)
    posterior.to_netcdf(tmp_path / "posterior.nc", engine="h5netcdf")
    read = xr.open_datatree(tmp_path / "posterior.nc", engine="h5netcdf")
    fresh = forecaster(on_budget, prepare=filled)
    np.testing.assert_allclose(fresh.log_density(read, batch)["outcome"], right, rtol=1e-10)


def test_durations_where_the_model_needs_numbers_are_named():
    rows = {"sold": SOLD.astype("timedelta64[D]"), "since": np.arange(ROWS).astype("datetime64[D]")}
    with pytest.raises(ValueError, match="'sold' must hold numbers, not timedelta64") as caught:
        ld.PyMCForecaster(sales).fit(rows)
    assert "since" not in str(caught.value)


def test_weights_in_another_order_than_the_rows_are_refused():
    weight = pd.Series(np.arange(1.0, ROWS + 1))
    with pytest.raises(ValueError, match="row_weight carries the labels of the rows in another order"):
        ld.PyMCForecaster(sales).fit(pd.DataFrame({"sold": SOLD}), row_weight=weight[::-1])
