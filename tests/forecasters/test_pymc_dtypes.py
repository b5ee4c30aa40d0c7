"""Values of a batch are never cut to the type of the data that the model was built with."""

import numpy as np
import pymc as pm
import pytest
import xarray as xr
from scipy import special, stats

import learning_debt as ld
from learning_debt.errors import UnsupportedModelError

CHAINS, DRAWS = 2, 40


def by_hand(**values):
    """A posterior of given draws, shape (CHAINS * DRAWS, ...)."""
    variables = {
        name: (("chain", "draw", *(f"{name}_dim_{k}" for k in range(np.ndim(value) - 1))), np.asarray(value))
        for name, value in values.items()
    }
    shaped = {name: (dims, array.reshape(CHAINS, -1, *array.shape[1:])) for name, (dims, array) in variables.items()}
    return xr.DataTree.from_dict({"posterior": xr.Dataset(shaped)})


def line(data):
    """y = slope x + price, all of them pm.Data as they come; `price` has no rows."""
    with pm.Model() as model:
        x = pm.Data("x", data["x"].values, dims="obs")
        y = pm.Data("y", data["y"].values, dims="obs")
        price = pm.Data("price", data["price"].values)
        slope = pm.Normal("slope", 0, 10)
        pm.Normal("outcome", slope * x + price, 2.0, observed=y, dims="obs")
    return model


def rows(kind, x=(3, 1, 4, 1, 5, 9), y=(2, 7, 1, 8, 2, 8), price=2):
    return {"x": np.array(x).astype(kind), "y": np.array(y).astype(kind), "price": ((), np.array(price).astype(kind))}


@pytest.fixture(scope="module")
def slopes():
    return np.random.default_rng(1).normal(1.0, 0.2, CHAINS * DRAWS)


@pytest.fixture(scope="module", params=["int64", "int32", "uint8", "int8", "float32", "float64"])
def fitted(request, slopes):
    forecaster = ld.PyMCForecaster(line)
    return forecaster, forecaster.attach(by_hand(slope=slopes), rows(request.param))


def exact(slopes, batch):
    x, y, price = (np.asarray(batch[name], dtype=float) for name in ("x", "y", "price"))
    return stats.norm.logpdf(y, slopes[:, None] * x + price, 2.0)


@pytest.mark.parametrize(
    "batch",
    [
        {"x": [18.9, -2.5], "y": [20.25, -1.0], "price": 2.5},
        {"x": [18.9, 300.0], "y": [1, 2], "price": 2},
        {"x": np.array([250, 7], dtype="uint8"), "y": np.array([255, 0], dtype="uint8"), "price": np.float32(0.5)},
        {"x": np.array([0.1, 7], dtype="float32"), "y": [True, False], "price": 2},
    ],
)
def test_a_batch_scores_as_it_stands(fitted, slopes, batch):
    forecaster, posterior = fitted
    given = {"x": batch["x"], "y": batch["y"], "price": ((), np.asarray(batch["price"]))}
    found = forecaster.log_density(posterior, given)["outcome"].values
    np.testing.assert_allclose(found, exact(slopes, batch), rtol=1e-8)


def test_predictive_draws_do_not_depend_on_the_type_of_the_data(fitted, slopes):
    forecaster, posterior = fitted
    drawn = forecaster.predict(posterior, {"x": [0.5], "price": ((), 0.25)}, random_seed=3)["outcome"].values[:, 0]
    rest = (drawn - 0.5 * slopes - 0.25) / 2.0
    assert (drawn != np.round(drawn)).all()
    assert stats.kstest(rest, "norm").pvalue > 0.001


def test_the_joint_density_counts_whole_numbers_as_numbers(fitted, slopes):
    forecaster, posterior = fitted
    points = np.array([[0.5], [1.5]])
    values = forecaster.log_joint(posterior, points)
    y, x = np.array([2, 7, 1, 8, 2, 8]), np.array([3, 1, 4, 1, 5, 9])
    truth = stats.norm.logpdf(points[:, 0], 0, 10) + stats.norm.logpdf(y, points * x + 2, 2.0).sum(axis=1)
    np.testing.assert_allclose(values, truth, rtol=1e-8)


def level(data):
    with pm.Model() as model:
        y = pm.Data("y", data["y"].values, dims="obs")
        pm.Normal("outcome", pm.Normal("mu", 0, 50), 0.5, observed=y, dims="obs")
    return model


@pytest.mark.parametrize("kind", ["int64", "uint8", "float64"])
def test_predictive_debt_of_whole_number_outcomes(kind):
    """KL of the two normal predictive distributions, whatever type the outcome came in."""
    rng = np.random.default_rng(2)
    old, new = (np.rint(mean + 0.5 * rng.normal(size=30)).astype(kind) for mean in (20.0, 21.5))
    forecaster, posteriors, moments = ld.PyMCForecaster(level), [], []
    for values in (np.r_[old, new], old):
        precision = 1 / 50**2 + len(values) / 0.25
        mean = values.sum(dtype=float) / 0.25 / precision
        quantiles = special.ndtri((np.arange(1000) + 0.5) / 1000)
        draws = rng.permutation(mean + quantiles / np.sqrt(precision))
        posteriors.append(forecaster.attach(by_hand(mu=draws), {"y": values}))
        moments.append((mean, np.sqrt(0.25 + 1 / precision)))
    (m1, s1), (m2, s2) = moments
    divergence = np.log(s2 / s1) + (s1**2 + (m1 - m2) ** 2) / (2 * s2**2) - 0.5
    found = ld.predictive_debt(forecaster, *posteriors, {"y": new[:3]}, random_seed=1)
    assert found.value == pytest.approx(divergence, rel=0.02)


def counts(data):
    with pm.Model(coords={"shop": ["a", "b"]}) as model:
        shop = pm.Data("shop_index", data["shop_index"].values, dims="obs")
        trials = pm.Data("trials", data["trials"].values, dims="obs")
        flag = pm.Data("flag", data["flag"].values, dims="obs")
        sold = pm.Data("sold", data["sold"].values, dims="obs")
        effect = pm.Normal("effect", 0, 1, dims="shop")
        pm.Binomial("outcome", n=trials, logit_p=effect[shop] + 0.1 * flag, observed=sold, dims="obs")
    return model


COUNTS = {"shop_index": [0, 1, 0, 1], "trials": [5, 6, 7, 8], "flag": [True, False, False, True], "sold": [1, 2, 3, 4]}


@pytest.fixture(scope="module")
def counted():
    forecaster = ld.PyMCForecaster(counts)
    posterior = by_hand(effect=np.random.default_rng(1).normal(size=(CHAINS * DRAWS, 2)))
    posterior["posterior"] = (
        posterior["posterior"].to_dataset().rename(effect_dim_0="shop").assign_coords(shop=["a", "b"])
    )
    return forecaster, forecaster.attach(posterior, COUNTS)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("sold", 2.5, "'sold' must hold whole numbers; row 1 holds 2.5"),
        ("trials", 6.5, "'trials' must hold whole numbers; row 1 holds 6.5"),
        ("shop_index", 0.5, "'shop_index' must hold whole numbers; row 1 holds 0.5"),
        ("flag", 0.5, "'flag' must hold True or False.*row 1 holds 0.5"),
        ("flag", 2, "'flag' must hold True or False.*row 1 holds 2"),
        ("sold", 3_000_000_000, "'sold' must hold numbers that fit into int32.*row 1 holds 3000000000"),
        ("trials", 1e19, "'trials' must hold numbers that fit into int32.*row 1 holds 1e\\+19"),
    ],
)
def test_what_the_model_counts_by_is_whole(counted, name, value, words):
    forecaster, posterior = counted
    batch = {**COUNTS, name: [COUNTS[name][0], value, *COUNTS[name][2:]]}
    with pytest.raises(ValueError, match=words):
        forecaster.log_density(posterior, batch)


@pytest.mark.parametrize("kind", ["float64", "uint8", "int8"])
def test_whole_numbers_count_in_every_type(counted, kind):
    forecaster, posterior = counted
    batch = {name: np.array(values).astype(kind) for name, values in COUNTS.items()}
    found = forecaster.log_density(posterior, batch)["outcome"].values
    effect = posterior["posterior"]["effect"].values.reshape(-1, 2)
    chance = special.expit(effect[:, COUNTS["shop_index"]] + 0.1 * np.array(COUNTS["flag"]))
    np.testing.assert_allclose(found, stats.binom.logpmf(COUNTS["sold"], COUNTS["trials"], chance), rtol=1e-9)


def test_a_model_that_takes_its_numbers_for_whole_ones_is_asked_for_them():
    def build_model(data):
        with pm.Model() as model:
            x = pm.Data("x", data["x"].values, dims="obs")  # floats, of which the model itself cuts the fraction
            y = pm.Data("y", data["y"].values, dims="obs")
            pm.Normal("outcome", pm.Normal("mu", 0, 1, shape=3)[x.astype("int64")], 1, observed=y, dims="obs")
        return model

    forecaster = ld.PyMCForecaster(build_model)
    data = {"x": [0.0, 1.0, 2.0, 1.0], "y": [0.5, 1.5, 2.5, 1.0]}
    posterior = forecaster.attach(by_hand(mu=np.random.default_rng(1).normal(size=(80, 3))), data)
    with pytest.raises(ValueError, match=r"'x' must hold whole numbers; row 0 holds 1\.5"):
        forecaster.log_density(posterior, {"x": [1.5], "y": [0.5]})


def test_numbers_too_large_for_pymc_are_named():
    data = {"y": np.array([3_000_000_000, 1, 2], dtype="int64")}
    with pytest.raises(UnsupportedModelError, match=r"'y'\) holds whole numbers as int32, in which 3000000000"):
        ld.PyMCForecaster(level).attach(by_hand(mu=np.zeros(80)), data)


def test_arithmetic_that_runs_over_is_named():
    def build_model(data):
        with pm.Model() as model:
            x = pm.Data("x", data["x"].values, dims="obs")
            y = pm.Data("y", data["y"].values, dims="obs")
            pm.Normal("outcome", pm.Normal("slope", 0, 1) * x**2, 1, observed=y, dims="obs")
        return model

    data = {"x": np.array([1, 50_000, 2, 3]), "y": [0.5, 1.5, 2.5, 1.0]}
    with pytest.raises(UnsupportedModelError, match="'x', of type int32, runs over its end"):
        ld.PyMCForecaster(build_model).attach(by_hand(slope=np.zeros(80)), data)
    data["x"] = np.array([1, 40_000, 2, 3])
    ld.PyMCForecaster(build_model).attach(by_hand(slope=np.zeros(80)), data)


def test_a_ready_model_of_whole_numbers_scores_fractions_but_is_not_fitted_to_them(slopes):
    data = rows("int64")
    model = line(xr.Dataset({"x": ("obs", data["x"]), "y": ("obs", data["y"]), "price": data["price"]}))
    forecaster = ld.PyMCForecaster(model=model, draws=5, tune=5, chains=1)
    posterior = forecaster.attach(by_hand(slope=slopes), data)
    batch = {"x": [18.9], "y": [20.5], "price": 2.5}
    found = forecaster.log_density(posterior, {**batch, "price": ((), 2.5)})["outcome"].values
    np.testing.assert_allclose(found, exact(slopes, batch), rtol=1e-8)
    with pytest.raises(UnsupportedModelError, match=r"'x' holds 18\.9 at row 1, but pm.Data 'x' is made of int32"):
        forecaster.fit({"x": [3.0, 18.9], "y": [2.0, 7.0], "price": ((), 2)}, random_seed=1)
