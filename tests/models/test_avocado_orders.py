"""The model of avocado orders: its rows against the raw data, its density against scipy's, a few periods in money."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

pytest.importorskip("pymc")

import learning_debt as ld
from learning_debt.bench.histories import HISTORIES
from learning_debt.cli.model_file import imported

MODEL = Path(__file__).parents[2] / "models" / "avocado_orders.py"


@pytest.fixture(scope="module")
def module():
    with imported(MODEL) as model:
        return model


@pytest.fixture(scope="module")
def history(module):
    return module.load_history()


def test_rows_are_the_sales_of_four_cities_in_thousands(module, history):
    raw = HISTORIES["avocado"].load_raw()
    raw = raw[raw["region"] == "Denver"].sort_values("week")
    rows = history.isel(obs=np.flatnonzero(history["city"].values == "Denver"))
    volume, price, week = (raw[name].to_numpy() for name in ("volume", "price", "week"))
    np.testing.assert_allclose(rows["sold"], volume[1:] / 1000)
    first = week[1:] < "2016"
    usual = np.log(volume[1:] / 1000)[first].mean()
    np.testing.assert_allclose(rows["usual"], usual)
    known = rows["known"]
    np.testing.assert_allclose(known.sel(coefficient="lagged_log_volume"), np.log(volume[:-1] / 1000) - usual)
    middle = np.log(price[1:])[first].mean()
    np.testing.assert_allclose(known.sel(coefficient="log_price"), np.log(price[1:]) - middle)
    np.testing.assert_allclose(known.sel(coefficient="price_change"), np.diff(np.log(price)), atol=1e-12)
    counts = np.unique(history["period"].values, return_counts=True)[1]
    assert counts.tolist() == [4 * len(module.CITIES)] * 42


@pytest.mark.slow
def test_density_is_that_of_the_hierarchy(module, history):
    data, rng = history.isel(obs=slice(0, 48)), np.random.default_rng(2)
    common, of_season = rng.normal(size=4), rng.normal(0, 0.1, 4)
    effect, scale = rng.normal(common, 0.15, (4, 4)), rng.uniform(0.05, 0.3, 4)
    place = np.array([module.CITIES.index(city) for city in data["city"].values])
    forecast = data["usual"].values + (data["known"].values * effect[place]).sum(axis=1)
    forecast += data["seasons"].values @ of_season
    expected = stats.lognorm(scale[place], scale=np.exp(forecast)).logpdf(data["sold"].values).sum()
    expected += stats.norm([0.0, 0.5, -0.3, -0.2], 0.5).logpdf(common).sum()
    expected += stats.norm(common, 0.15).logpdf(effect).sum() + stats.norm(0, 0.1).logpdf(of_season).sum()
    expected += stats.lognorm(0.5, scale=0.1).logpdf(scale).sum()
    model = module.build_model(data)
    logp = model.compile_logp(jacobian=False)
    point = {"common": common, "effect": effect, "of_season": of_season, "scale_log__": np.log(scale)}
    assert float(logp(point)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.slow
@pytest.mark.integration
def test_regret_of_a_frozen_year_is_money(module, history):
    """What was trained on 2015 orders worse in autumn 2017 than what was trained until then, in every period."""
    labels = np.unique(history["period"].values)
    forecaster = ld.PyMCForecaster(module.build_model, draws=300, tune=300, chains=2)
    until = {
        name: history.isel(obs=history["period"].values < label)
        for name, label in {"old": "2016", "new": "2017-09"}.items()
    }
    old, new = (forecaster.fit(rows, random_seed=1) for rows in until.values())
    gaps = []
    for label in labels[(labels > "2017-09") & (labels < "2018-01")]:
        batch = history.isel(obs=history["period"].values == label)
        gaps.append(ld.score_gap(forecaster, new, old, batch, module.score, random_seed=1).value)
    assert min(gaps) > 1000  # USD a row: a city's week
