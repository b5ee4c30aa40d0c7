"""Models of real histories: what they load, and their log density against scipy's; with a sampler on a few periods."""

import numpy as np
import pytest
from scipy import stats

pytest.importorskip("pymc")

from pathlib import Path

import learning_debt as ld
from learning_debt.bench.histories import HISTORIES
from learning_debt.cli.model_file import imported

MODELS = Path(__file__).parents[2] / "models"
NAMES = ("monthly_deaths", "avocado_demand", "census_employment")
every_model = pytest.mark.parametrize("name", NAMES)


def module_of(name):
    with imported(MODELS / f"{name}.py") as module:
        return module


def log_density(module, data, point):
    """Log density of prior and rows at a point of named values, by the model."""
    model = module.build_model(data)
    names = [variable.name for variable in model.free_RVs]
    logp = model.compile_fn(
        model.logp(jacobian=False), inputs=model.value_vars, on_unused_input="ignore", point_fn=False
    )
    transforms = [model.rvs_to_transforms[variable] for variable in model.free_RVs]
    values = [
        point[name] if transform is None else transform.forward(point[name], *variable.owner.inputs).eval()
        for name, transform, variable in zip(names, transforms, model.free_RVs, strict=True)
    ]
    return float(logp(*values))


def first_rows(module, periods):
    data = module.load_history()
    labels = np.unique(data["period"].values)[:periods]
    return data.isel(obs=np.flatnonzero(np.isin(data["period"].values, labels)))


def half_normal(value, sd):
    return stats.halfnorm(scale=sd).logpdf(value).sum()


@pytest.mark.parametrize("seed", range(3))
def test_deaths_have_the_density_of_a_negative_binomial(seed):
    module, rng = module_of("monthly_deaths"), np.random.default_rng(seed)
    data = first_rows(module, 24)
    coefficients, spread = rng.normal(0, 0.1, 9), rng.uniform(0.02, 0.2)
    coefficients[0] += np.log(45_000)
    rate, size = np.exp(data["x"].values @ coefficients), spread**-2
    expected = stats.nbinom(size, size / (size + rate)).logpmf(data["deaths"].values).sum()
    expected += stats.norm([np.log(45_000), *[0.0] * 8], 0.2).logpdf(coefficients).sum() + half_normal(spread, 0.2)
    found = log_density(module, data, {"coefficients": coefficients, "spread": spread})
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_demand_has_the_density_of_its_hierarchy(seed):
    module, rng = module_of("avocado_demand"), np.random.default_rng(seed)
    data = first_rows(module, 3)
    mean, between = rng.normal(size=4), rng.uniform(0.05, 0.3, 4)
    coefficients, of_season = rng.normal(mean, between, (8, 4)), rng.normal(0, 0.1, 4)
    scale = rng.uniform(0.05, 0.3, 8)
    own, seasons, expected = data["own"].values, data["seasons"].values, 0.0
    for row, (city, volume) in enumerate(zip(data["city"].values, data["log_volume"].values, strict=True)):
        place = module.CITIES.index(city)
        forecast = own[row] @ coefficients[place] + seasons[row] @ of_season
        expected += stats.norm(forecast, scale[place]).logpdf(volume)
    expected += stats.norm([0.0, 0.5, -0.5, 0.2], 0.5).logpdf(mean).sum()
    expected += stats.norm(mean, between).logpdf(coefficients).sum() + stats.norm(0, 0.1).logpdf(of_season).sum()
    expected += stats.lognorm(0.5, scale=0.15).logpdf(between).sum() + stats.lognorm(0.5, scale=0.1).logpdf(scale).sum()
    point = {"mean": mean, "between": between, "coefficients": coefficients, "of_season": of_season}
    assert log_density(module, data, point | {"scale": scale}) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_employment_has_the_density_of_a_logistic_regression(seed):
    module, rng = module_of("census_employment"), np.random.default_rng(seed)
    data = first_rows(module, 1)
    coefficients = rng.normal(0, 0.5, 12)
    probability = 1 / (1 + np.exp(-data["x"].values @ coefficients))
    expected = stats.bernoulli(probability).logpmf(data["employed"].values).sum()
    expected += stats.norm(0, 1.5).logpdf(coefficients).sum()
    assert log_density(module, data, {"coefficients": coefficients}) == pytest.approx(expected, rel=1e-9)


def test_deaths_are_those_of_the_history_and_temperature_is_above_what_is_usual():
    data, history = module_of("monthly_deaths").load_history(), HISTORIES["deaths"].load()
    np.testing.assert_allclose(np.log(data["deaths"]), history["y"])
    temperature = HISTORIES["deaths"].load_raw()["temperature"].to_numpy()
    angle = 2 * np.pi * np.array([int(month[-2:]) for month in data["period"].values]) / 12
    above = temperature - 9.4 + 3.7 * np.sin(angle) + 4.5 * np.cos(angle)
    np.testing.assert_allclose(data["x"].sel(coefficient="temperature"), above / 10, atol=1e-12)
    assert np.abs(above[:48].reshape(4, 12).mean(axis=0)).max() < 1.5  # no month of the first years is usually off
    assert data["period"].values.tolist() == history["period"].values.tolist()
    worst = int(data["deaths"].argmax())
    assert data["period"].values[worst] == "2020-04"
    assert data["deaths"].values[worst] == pytest.approx(88_000, abs=500)  # registrations of that month, by the ONS


def test_demand_comes_in_whole_periods_about_the_first_years_means():
    module = module_of("avocado_demand")
    data, raw = module.load_history(), HISTORIES["avocado"].load_raw()
    counts = np.unique(data["period"].values, return_counts=True)[1]
    assert set(counts.tolist()) == {4 * len(module.CITIES)}
    assert len(counts) == 168 // 4
    denver = raw[raw["region"] == "Denver"].sort_values("week")
    mean = np.log(denver["volume"].to_numpy())[1:][denver["week"].to_numpy()[1:] < "2016"].mean()
    rows = data.isel(obs=np.flatnonzero(data["city"].values == "Denver"))
    np.testing.assert_allclose(rows["log_volume"], np.log(denver["volume"].to_numpy())[1:] - mean)
    lagged = rows["own"].sel(of_a_city="lagged_log_volume").values
    np.testing.assert_allclose(lagged[1:], rows["log_volume"].values[:-1])
    price = np.log(denver["price"].to_numpy())[1:]
    usual = price[denver["week"].to_numpy()[1:] < "2016"].mean()
    np.testing.assert_allclose(rows["own"].sel(of_a_city="log_price"), price - usual)


def test_employment_is_that_of_the_persons():
    data, raw = module_of("census_employment").load_history(), HISTORIES["massachusetts"].load_raw()
    np.testing.assert_array_equal(data["employed"], raw["employed"])
    age = (raw["age"] - 45) / 20
    np.testing.assert_allclose(data["x"].sel(coefficient="age_cubed"), age**3 - 2 * age)
    np.testing.assert_allclose(data["x"].sel(coefficient="married"), raw["married"] - 0.5)
    assert np.linalg.cond(np.corrcoef(data["x"].values[:, 1:].T)) < 20
    assert np.unique(data["period"].values, return_counts=True)[1].tolist() == [400] * 48


@pytest.mark.parametrize("name", [*NAMES, "co2_trend"])
def test_what_an_owner_says_is_there(name):
    module = module_of(name)
    periods = len(np.unique(module.load_history()["period"].values))
    assert 4 <= module.initial < 0.4 * periods
    assert module.calendar < periods - module.initial
    assert isinstance(module.cost, float | ld.RetrainingCost)


@every_model
@pytest.mark.slow
@pytest.mark.integration
def test_a_pooled_table_of_the_first_periods_meets_its_own_refits(name):
    """Both ways rest on other draws, so that gaps differ by no more than 5 of their joint errors."""
    module = module_of(name)
    data = first_rows(module, module.initial + 5)
    forecaster = ld.PyMCForecaster(module.build_model, draws=1000, tune=700)
    options = {"initial": module.initial, "progressbar": False, "variables": ("debt", "score_gap", "deployed_score")}
    pooled = ld.spell_table(forecaster, data, random_seed=1, **options)
    refitted = ld.spell_table(forecaster, data, random_seed=2, shadow=ld.Refit(), **options)
    assert int(pooled["refits"].sum()) <= int(refitted["refits"].sum())
    assert bool(pooled["converged"].all())
    upper = np.triu(np.ones((5, 5), dtype=bool), 1)
    for signal in ("score_gap", "debt"):
        one, other = (table[signal].values[..., upper].ravel() for table in (pooled, refitted))
        error = np.hypot(*(table[f"{signal}_se"].values[..., upper].ravel() for table in (pooled, refitted)))
        used = np.logical_and(*(table[f"{signal}_reliable"].values[..., upper].ravel() for table in (pooled, refitted)))
        assert used.mean() > 0.25, signal  # which of ten cells are sure enough hangs on a machine's last digits
        assert np.abs((one - other)[used] / error[used]).max() < 5, signal
    assert np.isfinite(pooled["deployed_score"].values[..., np.triu(np.ones((5, 5), dtype=bool))]).all()


@pytest.mark.slow
def test_the_trend_of_co2_is_the_process_that_pymc_has():
    """The columns of the exact forecaster are PyMC's HSGP, and so is the density of the rows."""
    module, rng = module_of("co2_trend"), np.random.default_rng(1)
    data = module.load_history().isel(obs=slice(None, None, 9))
    line, weights, season = [340.0, 1.3], rng.normal(size=10), rng.normal(size=6)
    expected = stats.norm(data["x"].values @ np.r_[line, weights, season], 0.6).logpdf(data["y"].values).sum()
    noises = 0.6 / module.NOISE
    expected += stats.norm(module.PRIOR_MEAN[:2], module.PRIOR_SD[:2] * noises).logpdf(line).sum()
    expected += stats.norm(0, noises).logpdf(weights).sum() + stats.norm(0, 2 * noises).logpdf(season).sum()
    expected += stats.invgamma(module.prior.shape, scale=module.prior.rate).logpdf(0.36)
    point = {"line": np.array(line), "weights": weights, "season": season, "variance": np.array(0.36)}
    assert log_density(module, data, point) == pytest.approx(expected, rel=1e-6)


def test_co2_comes_in_means_of_four_weeks_of_what_was_measured():
    data, raw = module_of("co2_trend").load_history(), HISTORIES["co2"].load_raw()
    assert data["y"].values[0] == pytest.approx(raw["co2"][:4].mean())
    assert np.isfinite(data["y"]).all()
    assert set(np.unique(data["period"].values, return_counts=True)[1].tolist()) <= {1, 2}
    january = raw["week"].str[5:7].eq("01").to_numpy()
    assert raw["week"][january].iloc[0].startswith("1959")
    first = data.isel(obs=data["period"].values.tolist().index("1959-04-25"))
    assert float(first["year"]) == pytest.approx(1959 + (31 + 28 + 31 + 26 + 10) / 365, abs=0.02)
