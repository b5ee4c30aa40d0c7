"""ConjugateRegression: exact methods against the array floor, draws through the interface of sampled models."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

from learning_debt.arrays.conjugate import nig
from learning_debt.arrays.conjugate.nig import NIG
from learning_debt.errors import IncomparablePosteriorsError
from learning_debt.forecasters.base import Forecaster, SampledForecaster
from learning_debt.forecasters.conjugate_regression import ConjugateRegression

PRIOR = NIG([0.5, 0.0], [[2.0, 0.5], [0.5, 1.0]], 3, 2)


@pytest.fixture
def data():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(30, 2))
    return {"x": x, "y": x @ [1.0, -2.0] + rng.normal(size=30)}


@pytest.fixture
def forecaster():
    return ConjugateRegression(PRIOR)


def rows(data, chosen):
    return {name: values[chosen] for name, values in data.items()}


def test_it_meets_both_protocols(forecaster):
    assert isinstance(forecaster, Forecaster)
    assert isinstance(forecaster, SampledForecaster)
    assert forecaster.observed == ("y",)
    assert forecaster.outcome_kind() == "continuous"


def test_fit_and_update_give_the_posterior_of_all_rows(forecaster, data):
    posterior = forecaster.fit(data, random_seed=1)
    parts = forecaster.update(forecaster.fit(rows(data, slice(0, 11))), rows(data, slice(11, None)))
    for one, other, direct in zip(posterior, parts, nig.update(forecaster.prior, data["x"], data["y"]), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
        np.testing.assert_array_equal(one, direct)


def test_exact_methods_are_those_of_the_array_floor(forecaster, data):
    deployed, shadow = forecaster.fit(rows(data, slice(0, 10))), forecaster.fit(data)
    scores = forecaster.log_score(shadow, data)
    assert scores.dims == ("obs",)
    np.testing.assert_array_equal(scores, nig.log_score(shadow, data["x"], data["y"]))
    assert forecaster.posterior_debt(shadow, deployed) == float(nig.kl(shadow, deployed))
    assert forecaster.predictive_debt(shadow, deployed, data) == float(nig.predictive_debt(shadow, deployed, data["x"]))


def test_one_coefficient_may_come_as_a_vector_or_a_column():
    forecaster = ConjugateRegression(NIG(0, 1, 2, 1), observation_dim="day")
    x, y = np.array([1.0, 2.0]), np.array([1.5, 3.5])
    vector = forecaster.as_batch({"x": x, "y": y})
    column = forecaster.as_batch(xr.Dataset({"x": (("feature", "day"), x[None]), "y": ("day", y)}))
    assert vector["x"].dims == ("day", "coefficient")
    xr.testing.assert_equal(vector, column)
    xr.testing.assert_equal(forecaster.as_batch(vector), vector)


def test_named_columns_are_matched_by_name(data):
    forecaster = ConjugateRegression(PRIOR, coefficient_names=["price", "rain"])
    named = xr.Dataset(
        {"x": (("obs", "feature"), data["x"]), "y": ("obs", data["y"])}, coords={"feature": ["price", "rain"]}
    )
    expected = forecaster.fit(data)
    for one, other in zip(forecaster.fit(named.isel(feature=[1, 0])), expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert list(forecaster.sample(expected, draws=2)["posterior"]["coefficient"].values) == ["price", "rain"]
    with pytest.raises(ValueError, match=r"columns \['price', 'snow'\], the model \['price', 'rain'\]"):
        forecaster.fit(named.assign_coords(feature=["price", "snow"]))


def test_draws_are_laid_out_chain_by_chain_and_repeat_with_their_seed(forecaster, data):
    tree = forecaster.sample(forecaster.fit(data), draws=7, chains=3, random_seed=4)
    assert dict(tree["posterior"].sizes) == {"chain": 3, "draw": 7, "coefficient": 2}
    assert tree.identical(forecaster.sample(forecaster.fit(data), draws=7, chains=3, random_seed=4))
    density = forecaster.log_density(tree, data)["y"]
    assert density.dims == ("sample", "obs")
    last = tree["posterior"].isel(chain=2, draw=1)
    expected = stats.norm.logpdf(data["y"], data["x"] @ last["coefficients"].values, np.sqrt(last["variance"].item()))
    np.testing.assert_allclose(density[2 * 7 + 1], expected, rtol=1e-12)
    points = forecaster.unconstrained_draws(tree)
    np.testing.assert_array_equal(points[..., :2], tree["posterior"]["coefficients"])
    np.testing.assert_allclose(np.exp(points[..., 2]), tree["posterior"]["variance"])


def test_scores_of_the_draws_average_to_the_exact_log_score(forecaster, data):
    posterior = forecaster.fit(rows(data, slice(0, 20)))
    tree = forecaster.sample(posterior, draws=5000, random_seed=2)
    density = np.exp(forecaster.log_density(tree, data, past=data)["y"].values)
    mean, error = density.mean(0), density.std(0, ddof=1) / np.sqrt(len(density))
    exact = np.exp(forecaster.log_score(posterior, data).values)
    assert (np.abs(mean - exact) < 4 * error).all()  # 4 sigma


def test_predictive_draws_follow_the_exact_predictive(forecaster, data):
    posterior = forecaster.fit(rows(data, slice(0, 20)))
    tree = forecaster.sample(posterior, draws=2500, random_seed=5)
    drawn = forecaster.predict(tree, {"x": data["x"][:3]}, random_seed=6)["y"]
    assert drawn.dims == ("sample", "obs")
    df, location, scale = nig.predictive(posterior, data["x"][:3])
    for row in range(3):
        assert stats.kstest(drawn[:, row], stats.t(df[0], location[row], scale[row]).cdf).pvalue > 1e-4


def test_log_joint_is_prior_times_likelihood_on_the_unconstrained_scale(forecaster, data):
    posterior = forecaster.fit(data)
    tree = forecaster.sample(posterior, draws=10, chains=2, random_seed=3)
    points = forecaster.unconstrained_draws(tree).reshape(-1, 3)
    variance = np.exp(points[:, 2])
    likelihood = forecaster.log_density(tree, data)["y"].values.sum(1)
    expected = nig.log_density(forecaster.prior, points[:, :2], variance) + likelihood + points[:, 2]
    joint = forecaster.log_joint(tree, points)
    np.testing.assert_allclose(joint, expected, rtol=1e-11)
    constant = joint - nig.log_density(posterior, points[:, :2], variance) - points[:, 2]
    np.testing.assert_allclose(constant, nig.log_evidence(forecaster.prior, posterior), rtol=1e-11)
    with pytest.raises(ValueError, match=r"shape \(points, 3\)"):
        forecaster.log_joint(tree, points[:, :2])


def test_draws_survive_a_netcdf_file(forecaster, data, tmp_path):
    tree = forecaster.sample(forecaster.fit(data), draws=3, chains=2, random_seed=3)
    tree.to_netcdf(tmp_path / "posterior.nc", engine="h5netcdf")
    with xr.open_datatree(tmp_path / "posterior.nc", engine="h5netcdf") as read:
        points = forecaster.unconstrained_draws(read).reshape(-1, 3)
        np.testing.assert_array_equal(forecaster.log_joint(read, points), forecaster.log_joint(tree, points))


def test_posteriors_of_one_model_are_comparable_and_others_are_not(forecaster, data):
    batch = forecaster.as_batch(data)
    tree = forecaster.sample(forecaster.fit(data), draws=3, random_seed=3)
    forecaster.require_comparable(tree, tree, batch)
    named = ConjugateRegression(PRIOR, coefficient_names=["price", "rain"])
    other_labels = named.sample(named.fit(data), draws=3)
    with pytest.raises(IncomparablePosteriorsError, match="coefficients are"):
        forecaster.require_comparable(tree, other_labels, batch)
    single = ConjugateRegression(NIG(0, 1, 2, 1))
    with pytest.raises(IncomparablePosteriorsError, match=r"deployed .* with 2 coefficient"):
        forecaster.require_comparable(tree, single.sample(single.prior, draws=3), batch)
    foreign = xr.DataTree.from_dict({"posterior": xr.Dataset({"variance": (("chain", "draw"), np.ones((1, 2)))})})
    with pytest.raises(IncomparablePosteriorsError, match=r"lacks \['coefficients'\]"):
        forecaster.log_density(foreign, batch)
    with pytest.raises(IncomparablePosteriorsError, match=r"'parameters' lacks"):
        forecaster.log_joint(tree.filter(lambda node: node.name != "parameters"), np.zeros((1, 3)))


def test_the_wrong_kind_of_posterior_is_refused_with_what_to_do(forecaster, data):
    posterior = forecaster.fit(data)
    for method in (forecaster.log_density, forecaster.predict):
        with pytest.raises(TypeError, match="sample it first, or use log_score"):
            method(posterior, data)
    tree = forecaster.sample(posterior, draws=3)
    with pytest.raises(TypeError, match="exact methods take the NIG"):
        forecaster.log_score(tree, data)
    with pytest.raises(TypeError, match="must be a DataTree"):
        forecaster.log_density(tree.to_dict(), data)
    with pytest.raises(TypeError, match="shadow must be an exact posterior, the NIG"):
        forecaster.posterior_debt((0, 1, 2, 1), posterior)
    with pytest.raises(ValueError, match=r"shadow has 1 coefficient\(s\), the prior 2"):
        forecaster.posterior_debt(NIG(0, 1, 2, 1), posterior)
    with pytest.raises(ValueError, match="must be a single NIG"):
        forecaster.posterior_debt(posterior._replace(shape=np.array([2.0, 3.0])), posterior)
    with pytest.raises(ValueError, match="draws must be a whole number that is at least 1"):
        forecaster.sample(posterior, draws=0)


def test_bad_priors_are_named():
    with pytest.raises(ValueError, match="rate must be positive"):
        ConjugateRegression(NIG(0, 1, 2, 0))
    with pytest.raises(ValueError, match="without leading axes"):
        ConjugateRegression(NIG(0, 1, [2, 3], 1))
    with pytest.raises(ValueError, match="coefficient_names must be 2 different names"):
        ConjugateRegression(PRIOR, coefficient_names=["price", "price"])


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"x": np.ones((30, 3))}, ValueError, r"'x' has 3 column\(s\), the prior 2 coefficient"),
        ({"x": np.ones(30)}, ValueError, r"'x' has 1 column\(s\), the prior 2"),
        ({"x": np.ones((30, 2, 2))}, ValueError, "'x' must have dims"),
        ({"x": np.full((30, 2), "a")}, ValueError, "'x' must hold numbers"),
        ({"x": np.ones((29, 2))}, ValueError, "do not fit together"),
        ({"y": np.full(30, np.nan)}, ValueError, "'y' is not finite at obs=0"),
        ({"y": np.ones((30, 2))}, ValueError, "'y' must run along 'obs' only"),
        ({"x": np.ones((0, 2)), "y": np.ones(0)}, ValueError, "no rows"),
    ],
)
def test_bad_rows_are_named(forecaster, data, change, error, message):
    with pytest.raises(error, match=message):
        forecaster.as_batch({**data, **change})


def test_missing_variables_are_named(forecaster, data):
    with pytest.raises(KeyError, match="lacks the variable 'y'"):
        forecaster.as_batch({"x": data["x"]})
    with pytest.raises(KeyError, match="lacks the variable 'x'"):
        forecaster.predict(forecaster.sample(forecaster.prior, draws=2), {"y": data["y"]})


NAMES = ["intercept", "price", "promotion"]
TABLE = pd.DataFrame(
    {"price": [2.0, 3.0, 2.5, 2.2], "promotion": [True, False, False, True], "y": [1.0, 2.0, 1.4, 0.9], "note": "a"}
)
MATRIX = {"x": np.column_stack([np.ones(4), TABLE["price"], TABLE["promotion"]]), "y": TABLE["y"]}


@pytest.fixture(name="named")
def three_named_coefficients():
    return ConjugateRegression(NIG(np.zeros(3), np.eye(3), 2, 1), coefficient_names=NAMES)


def same(first, second):
    return all(np.allclose(one, other, rtol=1e-12, atol=0) for one, other in zip(first, second, strict=True))


def test_a_table_with_a_column_for_each_name_is_the_matrix(named):
    posterior = named.fit(MATRIX)
    assert same(named.fit(TABLE), posterior)
    assert same(named.fit(TABLE[["y", "promotion", "price"]]), posterior), "whatever the order of the columns"
    assert same(named.fit(TABLE.assign(intercept=1.0)), posterior)
    assert not same(named.fit(TABLE.assign(intercept=0.5)), posterior), "a column intercept counts where there is one"
    np.testing.assert_array_equal(named.log_score(posterior, TABLE), named.log_score(posterior, MATRIX))
    draws = named.sample(posterior, draws=5, random_seed=1)
    for method in (named.predict, named.row_distributions):
        of_table = method(draws, TABLE.drop(columns="y"), random_seed=1)
        of_matrix = method(draws, {"x": MATRIX["x"]}, random_seed=1)
        values = [found["y"] if method == named.predict else found.parameters[0] for found in (of_table, of_matrix)]
        np.testing.assert_array_equal(*values)


def test_a_matrix_comes_before_columns_and_a_coefficient_may_be_called_x(named):
    assert same(named.fit(MATRIX | {"price": TABLE["price"] * 9}), named.fit(MATRIX))
    called = ConjugateRegression(NIG(np.zeros(2), np.eye(2), 2, 1), coefficient_names=["intercept", "x"])
    plain = ConjugateRegression(NIG(np.zeros(2), np.eye(2), 2, 1))
    expected = plain.fit({"x": MATRIX["x"][:, :2], "y": TABLE["y"]})
    assert same(called.fit({"x": TABLE["price"], "y": TABLE["y"]}), expected)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"promotion": None}, KeyError, r"lacks the variable 'promotion' \(it has"),
        ({"y": None}, KeyError, "lacks the variable 'y'"),
        ({"promotion": ["yes", "no", "no", "yes"]}, ValueError, "'promotion' must hold numbers"),
        ({"price": [2.0, np.nan, 2.5, 2.2]}, ValueError, "'price' is not finite at obs=1"),
        ({"price": ("store", [2.0])}, ValueError, "'price' must run along 'obs' only"),
        ({"price": [2.0, 1e99, 2.5, 2.2]}, ValueError, "'price' holds numbers as large as 1e"),
    ],
)
def test_bad_columns_are_named(named, change, error, message):
    rows = TABLE.to_dict("list") | change
    with pytest.raises(error, match=message):
        named.fit({name: values for name, values in rows.items() if values is not None})


def test_rows_of_a_table_are_told_how_columns_are_named():
    with pytest.raises(KeyError, match=r"once coefficient_names=\['intercept', 'price'\] names them"):
        ConjugateRegression(PRIOR).fit(TABLE)
