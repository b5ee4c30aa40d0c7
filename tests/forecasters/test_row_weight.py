"""Posteriors of weighted rows: windows and discounts, exact and sampled."""

import pickle

import numpy as np
import pytest
import xarray as xr
from arviz_stats.base import array_stats
from scipy.stats import norm

from learning_debt.arrays.conjugate import nig
from learning_debt.arrays.conjugate.nig import NIG
from learning_debt.errors import UnsupportedModelError
from learning_debt.forecasters.base import GRADIENT_EVALUATIONS, as_row_weight, row_weight
from learning_debt.forecasters.conjugate_regression import ConjugateRegression
from learning_debt.forecasters.weights import drawn_together, relative_weights, with_weights

pm = pytest.importorskip("pymc")

from learning_debt.forecasters.pymc.forecaster import PyMCForecaster  # noqa: E402

EXACT = ConjugateRegression(NIG([0.5, -0.5], [[2.0, 0.3], [0.3, 1.5]], 4.0, 3.0))


def regression_rows(rows=12, seed=0):
    generator = np.random.default_rng(seed)
    x = np.column_stack([np.ones(rows), generator.normal(size=rows)])
    return {"x": x, "y": x @ [1.0, -0.7] + 0.8 * generator.normal(size=rows)}


def largest_gap(first, second):
    return max(np.abs(one - two).max() for one, two in zip(first, second, strict=True))


def test_whole_weights_are_repeated_rows_and_zero_is_no_row():
    data, times = regression_rows(), np.arange(12) % 4
    repeated = {name: values[np.repeat(np.arange(12), times)] for name, values in data.items()}
    assert largest_gap(EXACT.fit(data, row_weight=times), EXACT.fit(repeated)) < 1e-12
    assert largest_gap(EXACT.fit(data, row_weight=np.zeros(12)), EXACT.prior) == 0


def test_weighted_updates_add_up():
    data, weight = regression_rows(), np.random.default_rng(1).uniform(0, 2, 12)
    first, rest = ({name: values[part] for name, values in data.items()} for part in (slice(5), slice(5, None)))
    stepwise = EXACT.update(EXACT.fit(first, row_weight=weight[:5]), rest, weight[5:])
    assert largest_gap(stepwise, EXACT.fit(data, row_weight=weight)) < 1e-12


def test_exact_joint_density_is_prior_plus_weighted_terms():
    data, weight = regression_rows(), np.random.default_rng(1).uniform(0, 2, 12)
    tree = EXACT.sample(EXACT.fit(data, row_weight=weight), draws=5, chains=1, random_seed=1)
    points = EXACT.unconstrained_draws(tree)[0]
    coefficients, variance = points[:, :2], np.exp(points[:, 2])
    terms = norm.logpdf(data["y"], coefficients @ data["x"].T, np.sqrt(variance)[:, None])
    expected = nig.log_density(EXACT.prior, coefficients, variance) + points[:, 2] + terms @ weight
    np.testing.assert_allclose(EXACT.log_joint(tree, points), expected, atol=1e-10)
    assert tree.attrs[GRADIENT_EVALUATIONS] == 0


@pytest.mark.parametrize(
    ("weight", "what"),
    [
        (np.full(12, -0.1), "row_weight must be numbers that are at least 0, not -0.1 at position 0"),
        (np.append(np.ones(11), np.nan), "row_weight must be .* not nan at position 11"),
        (np.append(np.ones(11), np.inf), "row_weight must be .* not inf at position 11"),
        (np.ones(11), r"shape \(12,\)"),
        (1.0, r"shape \(12,\)"),
        (["a"] * 12, "row_weight must be numbers"),
    ],
)
def test_wrong_weights_are_refused(weight, what):
    with pytest.raises((ValueError, TypeError), match=what):
        EXACT.fit(regression_rows(), row_weight=weight)


def test_weights_that_are_all_one_are_none():
    assert as_row_weight(np.ones(3), 3) is None
    assert as_row_weight(None, 3) is None


# PyMC models ---------------------------------------------------------------------------------------------------------


def exact_twin(models):
    prior = models.conjugate.prior
    return ConjugateRegression(NIG(prior["mean"], prior["precision"], prior["shape"], prior["rate"]))


def largest_z(posterior, exact):
    """Largest distance, in Monte-Carlo errors, of posterior means from the exact ones."""
    drawn = posterior["posterior"].to_dataset()
    columns = {"beta": exact.mean, "variance": exact.rate / (exact.shape - 1)}
    errors = []
    for name, mean in columns.items():
        drawn_mean, error = mean_and_error(drawn[name])
        errors.append(np.abs(drawn_mean - mean) / error)
    return max(np.max(error) for error in errors)


def mean_and_error(variable):
    """Mean over draws and its Monte-Carlo standard error."""
    values = variable.transpose("chain", "draw", ...).values
    size = array_stats.ess(values, chain_axis=0, draw_axis=1)
    return values.mean((0, 1)), values.std((0, 1)) / np.sqrt(size)


def test_refits_forget_the_weights_and_the_data_before_them(conjugate, models, monkeypatch):
    forecaster, _ = conjugate
    twin, data, fewer = exact_twin(models), models.conjugate.data(40), models.conjugate.data(25, seed=3)
    steep = np.linspace(0, 2, 40)
    fits = [
        (data, steep),
        (data, None),
        (data, 0.8 ** np.arange(40)),
        (fewer, None),
        (fewer, steep[:25]),
        (data, steep),
    ]
    seen = []
    for step, (rows, weight) in enumerate(fits):
        posterior = forecaster.fit(rows, row_weight=weight, random_seed=1)
        if step == 0:  # from here on nothing is compiled
            monkeypatch.setattr("nutpie.compile_pymc_model", None)
        exact = twin.fit({"x": rows["x"].values, "y": rows["y"].values}, row_weight=weight)
        assert largest_z(posterior, exact) < 4.5  # 18 comparisons
        draws = posterior["posterior"].to_dataset().isel(chain=0, draw=slice(5))
        points = np.column_stack([draws["beta"].values, np.log(draws["variance"].values)])
        order = forecaster.unconstrained_draws(posterior)[0, :5]
        expected = twin.log_joint(twin.sample(exact, draws=1, random_seed=1), points)
        np.testing.assert_allclose(forecaster.log_joint(posterior, order), expected, rtol=1e-8)
        assert posterior.attrs[GRADIENT_EVALUATIONS] >= 2 * 4 * 1000  # tuning too, in four chains
        seen.append(posterior)
    assert seen[0]["posterior"].equals(seen[-1]["posterior"])
    assert seen[0]["training_data"].sizes["obs"] == 39
    np.testing.assert_array_equal(row_weight(seen[0]), steep[1:])
    assert row_weight(seen[1]) is None


def test_zeros_and_ones_are_the_same_model_on_fewer_rows(conjugate, models):
    forecaster, _ = conjugate
    data, window = models.conjugate.data(40), np.repeat([0.0, 1.0], [15, 25])
    windowed = forecaster.fit(data, row_weight=window, random_seed=2)
    alone = forecaster.fit(data.isel(obs=slice(15, None)), random_seed=2)
    assert windowed["posterior"].equals(alone["posterior"])
    assert windowed["training_data"].equals(alone["training_data"])
    assert set(windowed.children) == set(alone.children)


def test_weights_come_back_from_a_file_in_a_new_forecaster(conjugate, models, tmp_path):
    forecaster, posterior = conjugate
    data, weight = models.conjugate.data(40), np.linspace(0, 2, 40)
    held = forecaster.attach(posterior, data, row_weight=weight)
    held.to_netcdf(tmp_path / "held.nc")
    again = xr.open_datatree(tmp_path / "held.nc").load()
    points = forecaster.unconstrained_draws(held)[0, :3]
    other = PyMCForecaster(models.conjugate.build)
    np.testing.assert_allclose(other.log_joint(again, points), forecaster.log_joint(held, points), rtol=1e-12)
    travelled = pickle.loads(pickle.dumps(forecaster))
    np.testing.assert_allclose(travelled.log_joint(held, points), forecaster.log_joint(held, points), rtol=1e-12)
    plain = forecaster.attach(held, data)
    assert row_weight(plain) is None
    assert not np.allclose(forecaster.log_joint(plain, points), forecaster.log_joint(held, points))


def test_weights_of_draws_outlast_the_data_they_are_given(conjugate, models):
    forecaster, posterior = conjugate
    log_weight = np.linspace(0, 1, 4000).reshape(4, 1000)
    drawn = with_weights(posterior, log_weight, pareto_k=0.3)
    held = forecaster.attach(drawn, models.conjugate.data(30), row_weight=np.full(30, 0.5))
    np.testing.assert_array_equal(relative_weights(held), relative_weights(drawn))
    assert drawn_together(held, posterior)
    assert held.attrs[GRADIENT_EVALUATIONS] == posterior.attrs[GRADIENT_EVALUATIONS]


def counts(data):
    with pm.Model() as model:
        x, y = pm.Data("x", data["x"], dims="obs"), pm.Data("y", data["y"], dims="obs")
        mean = pm.math.exp(pm.Normal("level", 0, 2) + pm.Normal("slope", 0, 1) * x)
        pm.Poisson("outcome", mean, observed=y, dims="obs")
    return model


def test_pm_sample_takes_weights_too():
    generator = np.random.default_rng(1)
    x = generator.normal(size=10)
    data = xr.Dataset({"x": ("obs", x), "y": ("obs", generator.poisson(np.exp(0.5 + x)))})
    times = np.arange(10) % 3
    ready = counts(data)
    forecaster = PyMCForecaster(model=ready, sampler="pymc", draws=400, tune=400, chains=2)
    weighted = forecaster.fit(data, row_weight=times, random_seed=1)
    repeated = forecaster.fit(data.isel(obs=np.repeat(np.arange(10), times)), random_seed=2)
    for name in ("level", "slope"):
        (one, first), (two, second) = (mean_and_error(tree["posterior"][name]) for tree in (weighted, repeated))
        assert abs(one - two) < 4 * np.hypot(first, second)
    assert set(weighted["posterior"].data_vars) == {"level", "slope"}
    np.testing.assert_array_equal(ready["y"].get_value(), data["y"])
    assert len(ready.potentials) == 0


def test_what_cannot_be_weighted_is_refused(models):
    forecaster, rows = PyMCForecaster(counts), xr.Dataset({"x": ("obs", [0.0, 1.0]), "y": ("obs", [1, 2])})
    with pytest.raises(ValueError, match="0 in every row"):
        forecaster.fit(rows, row_weight=[0, 0])
    with pytest.raises(ValueError, match=r"row_weight must be .* not -.* at position 1"):
        forecaster.fit(rows, row_weight=[1, -1])

    def pulled(data):
        with counts(data) as model:
            pm.Potential("pull", -(model["x"] ** 2).sum() * model["slope"] ** 2)
        return model

    draws = np.random.default_rng(1).normal(size=(2, 2, 10))
    posterior = xr.Dataset({name: (("chain", "draw"), draws[k]) for k, name in enumerate(("level", "slope"))})
    tree = xr.DataTree.from_dict({"posterior": posterior})
    with pytest.raises(UnsupportedModelError, match=r"pm.Potential depends on the rows of \['x'\]"):
        PyMCForecaster(pulled).attach(tree, rows, [0.5, 1])
