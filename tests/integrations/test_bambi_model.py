"""Bambi models as forecasters: the same scores as Bambi's own on new rows, exact debt, and clear refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

bambi = pytest.importorskip("bambi")
pm = pytest.importorskip("pymc")

import learning_debt as ld  # noqa: E402
from learning_debt.forecasters.pymc.forecaster import PyMCForecaster  # noqa: E402
from learning_debt.integrations.bambi_model import from_bambi  # noqa: E402

SMALL = {"draws": 40, "tune": 60, "chains": 2}
UNCOMPILED = {"compile_kwargs": {"mode": "FAST_COMPILE"}, "cores": 1, "random_seed": 1, "progressbar": False}


def shop_data(rows, seed=0, shops=(11, 12, 13, 14)):
    generator = np.random.default_rng(seed)
    x, z = generator.normal(5, 2, rows), generator.normal(size=rows)
    shop = np.array(shops)[generator.integers(len(shops), size=rows)]
    day = np.array(["week", "fair", "holiday"])[np.arange(rows) % 3]
    y = 1 + 0.5 * x + (shop - 12) * 0.3 + np.exp(0.1 * z) * generator.normal(size=rows)
    sold = generator.poisson(np.exp(0.2 * z + np.log(x**2 + 1)))
    return pd.DataFrame({"x": x, "z": z, "shop": shop, "day": day, "y": y, "sold": sold, "size": x**2 + 1})


def normal_model(data):
    formula = bambi.Formula("y ~ scale(x) + bs(z, df=4) + day + (1 + z|shop) + (day|shop)", "sigma ~ center(z)")
    return bambi.Model(formula, data, categorical="shop")


def count_model(data):
    return bambi.Model("sold ~ 0 + day + z:x + offset(log(size)) + (1|shop:day)", data, family="negativebinomial")


def reported_by_bambi(model):
    """Draws as ``model.fit`` hands them out; of the prior, since any draws show whether scores agree."""
    model.build()
    options = {"mode": "FAST_COMPILE"}
    prior = pm.sample_prior_predictive(60, model=model.backend.model, random_seed=3, compile_kwargs=options)
    names = [rv.name for rv in model.backend.model.unobserved_RVs if rv.name not in model.conditional_parameters]
    draws = xr.DataTree.from_dict({"posterior": prior["prior"].to_dataset()[names]})
    return model.backend._clean_results(draws, omit_offsets=True, include_response_params=False)


@pytest.fixture(scope="module", params=[normal_model, count_model])
def served(request):
    """A Bambi model made from 90 rows, its own posterior, and the forecaster that holds it."""
    data = shop_data(90)
    model = request.param(data)
    fitted = reported_by_bambi(model)
    forecaster = from_bambi(model, **SMALL, sampler="pymc")
    return model, fitted, forecaster, forecaster.attach(fitted, data)


def test_new_rows_score_as_bambi_scores_them(served):
    model, fitted, forecaster, posterior = served
    batch = shop_data(7, seed=5)
    theirs = model.compute_log_likelihood(fitted, data=batch, inplace=False)["log_likelihood"]
    theirs = theirs[model.response_term.name].transpose("chain", "draw", "__obs__").values
    ours = forecaster.log_density(posterior, batch)[f"{model.response_term.name}_observed"].values
    # A negative binomial of large dispersion subtracts large gamma functions: eight digits remain, in either's code.
    np.testing.assert_allclose(ours, theirs.reshape(ours.shape), rtol=1e-6)
    one = forecaster.log_density(posterior, batch.iloc[[3]]).to_dataarray().values[0, :, 0]
    np.testing.assert_allclose(one, ours[:, 3], rtol=1e-12)


def test_predictive_draws_have_bambis_mean(served):
    model, fitted, forecaster, posterior = served
    batch = shop_data(4, seed=6)
    drawn = forecaster.predict(posterior, batch, random_seed=1).to_dataarray().values[0]
    mean = model.predict(fitted, data=batch, inplace=False)["posterior"]["mu"]
    mean = mean.transpose("chain", "draw", "__obs__").values.reshape(drawn.shape)
    residual = drawn - mean
    error = residual.std(axis=0) / np.sqrt(len(residual))  # given its parameters every draw is independent
    assert (np.abs(residual.mean(axis=0)) < 4 * error).all()


def test_an_intercept_of_uncentred_predictors_is_never_read_as_it_stands():
    """Bambi writes the intercept of the uncentred predictors under the name of the one it sampled."""
    data = shop_data(60)
    model = bambi.Model("y ~ x + z", data)
    fitted = model.fit(**SMALL, **UNCOMPILED)
    forecaster = from_bambi(model, **SMALL, sampler="pymc")
    with pytest.raises(ld.IncomparablePosteriorsError, match="Intercept_centered"):
        PyMCForecaster.attach(forecaster, fitted, data)
    right = forecaster.log_density(forecaster.attach(fitted, data), data)
    wrongly_named = fitted["posterior"].to_dataset().rename(Intercept="Intercept_centered")
    fitted["posterior"] = wrongly_named
    wrong = forecaster.log_density(PyMCForecaster.attach(forecaster, fitted, data), data)
    assert float(np.abs((right - wrong).to_dataarray().mean())) > 1  # nats a row: what the name prevents


def gaussian_posterior(design, y, prior_mean, prior_sd):
    """Posterior mean and covariance of coefficients with unit noise."""
    precision = design.T @ design + np.diag(prior_sd**-2.0)
    covariance = np.linalg.inv(precision)
    return covariance @ (design.T @ y + prior_mean / prior_sd**2), covariance


def gaussian_kl(mean_p, covariance_p, mean_q, covariance_q):
    difference = mean_q - mean_p
    solved = np.linalg.solve(covariance_q, covariance_p)
    quadratic = difference @ np.linalg.solve(covariance_q, difference)
    return 0.5 * (np.trace(solved) - len(mean_p) + quadratic - np.linalg.slogdet(solved)[1])


def test_debt_between_retrains_is_exact():
    data = shop_data(120)
    model = bambi.Model("y ~ scale(x) + z", data.iloc[:60], priors={"sigma": 1.0})
    forecaster = from_bambi(model)
    deployed, shadow = forecaster.fit(data.iloc[:60], random_seed=1), forecaster.fit(data, random_seed=2)
    estimate = ld.posterior_debt(forecaster, shadow, deployed, data.iloc[60:])
    component = model.conditional_parameters["mu"]
    first = data.iloc[:60]
    columns = np.column_stack([(data.x - first.x.mean()) / first.x.std(ddof=0), data.z - first.z.mean()])
    design = np.column_stack([np.ones(120), columns])
    terms = [component.intercept_term, *component.common_terms.values()]
    mean, sd = (np.array([float(term.prior.args[name]) for term in terms]) for name in ("mu", "sigma"))
    posteriors = [gaussian_posterior(design[:rows], data.y.values[:rows], mean, sd) for rows in (120, 60)]
    exact = gaussian_kl(*posteriors[0], *posteriors[1])
    assert exact > 0.05
    assert estimate.value == pytest.approx(exact, abs=4 * estimate.standard_error)


def test_statistics_of_another_data_set_are_another_model():
    """A Bambi model made afresh learns other scales: its draws under the first model's scales are refused."""
    data = shop_data(120)
    first, second = (from_bambi(bambi.Model("y ~ scale(x)", data.iloc[:rows]), **SMALL) for rows in (60, 120))
    values = {name: (("chain", "draw"), np.ones((1, 3))) for name in ("Intercept_centered", "scale(x)", "sigma")}
    posterior = second.attach(xr.DataTree.from_dict({"posterior": xr.Dataset(values)}), data)
    with pytest.raises(ld.IncomparablePosteriorsError, match="another Bambi model"):
        first.log_density(posterior, data)


def test_groups_count_by_label(served):
    model, _, forecaster, posterior = served
    name = f"{model.response_term.name}_observed"
    batch = shop_data(9, seed=8)
    scores = forecaster.log_density(posterior, batch)[name].values
    reverse = forecaster.log_density(posterior, batch.iloc[::-1].assign(shop=lambda d: d.shop.astype("category")))
    np.testing.assert_allclose(reverse[name].values[:, ::-1], scores)
    with pytest.raises(ValueError, match="99"):
        forecaster.log_density(posterior, batch.assign(shop=99))
    with pytest.raises(KeyError, match="shop"):
        forecaster.log_density(posterior, batch.drop(columns="shop"))


def test_a_mean_of_the_batch_inside_the_formula_is_refused():
    data = shop_data(60)
    forecaster = from_bambi(bambi.Model("y ~ I(x - np.mean(x))", data, extra_namespace={"np": np}), **SMALL)
    with pytest.raises(ld.UnsupportedModelError, match="other values"):
        forecaster.fit(data)


@pytest.mark.parametrize(
    ("formula", "options", "reason"),
    [
        ("censored(y, status) ~ x", {}, "censored"),
        ("weighted(y, size) ~ x", {}, "weighted"),
        ("p(sold, trials) ~ x", {"family": "binomial"}, "computed in the formula"),
        ("log(size) ~ x", {}, "computed in the formula"),
        ("y ~ hsgp(x, m=5, c=1.5)", {}, "Gaussian process"),
        ("day ~ x", {"family": "categorical"}, "several categories"),
        ("day ~ x", {"family": "cumulative"}, "several categories"),
        ("status ~ x", {"family": "bernoulli"}, "holds categories"),
        ("y ~ x", {"potentials": [("x", lambda x: -(x**2))]}, "potentials"),
    ],
)
def test_what_cannot_be_served_exactly_is_refused(formula, options, reason):
    data = shop_data(60).assign(status=np.where(np.arange(60) % 4, "none", "right"), trials=500)
    with pytest.raises(ld.UnsupportedModelError, match=reason):
        from_bambi(bambi.Model(formula, data, **options))


def test_only_a_bambi_model_is_taken():
    with pytest.raises(TypeError, match=r"bambi\.Model"):
        from_bambi("y ~ x")
