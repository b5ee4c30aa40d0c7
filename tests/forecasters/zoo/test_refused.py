"""Refusals name the remedy, and guard against numbers that would have been wrong."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytest
import xarray as xr
from scipy import stats

from learning_debt.errors import IncomparablePosteriorsError, UnsupportedModelError
from learning_debt.forecasters.pymc.forecaster import PyMCForecaster

from .case import CHEAP, along_rows, covariates, scored_on_its_own
from .refused import CASES, DATA, TRAINED


def by_hand(theta):
    variables = {}
    for name, entry in theta.items():
        dims, value = entry if isinstance(entry, tuple) else (None, entry)
        values = np.broadcast_to(value, (2, 2, *np.shape(value))).copy()
        own = [f"{name}_{axis}" for axis in range(np.ndim(value))] if dims is None else [dims]
        variables[name] = (("chain", "draw", *own), values)
    return xr.DataTree.from_dict({"posterior": xr.Dataset(variables)})


@pytest.mark.filterwarnings("ignore::pymc.exceptions.ImputationWarning")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_refused_with_the_remedy(case):
    forecaster = PyMCForecaster(case.build, compile_kwargs=CHEAP, **case.options)
    with pytest.raises(UnsupportedModelError, match=case.message):
        forecaster.attach(by_hand(case.theta), DATA.isel(obs=slice(0, TRAINED)))


@pytest.mark.parametrize("case", [case for case in CASES if case.wrong], ids=lambda case: case.name)
def test_the_number_it_guards_against(case):
    """The same rows at the same parameters score differently alone and among the others: at least one is wrong."""
    prepare = case.options.get("prepare", lambda data: (data, {}))
    theta = {name: np.asarray(entry[1] if isinstance(entry, tuple) else entry) for name, entry in case.theta.items()}
    part = DATA.isel(obs=slice(0, TRAINED))
    whole, alone = (scored_on_its_own(case.build(prepare(d)[0]), theta)["outcome"] for d in (DATA, part))
    assert np.abs(whole[:TRAINED] - alone).max() > 0.05


def weighed(data):
    """Old rows count less, by a Potential that takes part of their likelihood back."""
    with pm.Model() as model:
        x, y, age = (pm.Data(name, data[name].values, dims="obs") for name in ("x", "y", "age"))
        mean = pm.Normal("slope", 0, 1) * x
        pm.Normal("outcome", mean, 1, observed=y, dims="obs")
        pm.Potential("forgetting", pm.math.sum((0.9**age - 1) * pm.logp(pm.Normal.dist(mean, 1), y)))
    return model


def test_a_potential_of_the_data_has_no_posterior_debt():
    rng, x = covariates()
    data = along_rows(x=x, y=x + rng.normal(size=len(x)), age=np.arange(len(x))[::-1].astype(float))
    forecaster = PyMCForecaster(weighed, compile_kwargs=CHEAP)
    posterior = forecaster.attach(by_hand({"slope": 0.8}), data)
    scored = forecaster.log_density(posterior, data)["outcome"].values[0]
    np.testing.assert_allclose(scored, stats.norm.logpdf(data["y"].values, 0.8 * x, 1), rtol=1e-9)
    with pytest.raises(IncomparablePosteriorsError, match="Potential"):
        forecaster.require_comparable(posterior, posterior, data)
    # What debt would have been computed from: log likelihoods without the potential, off by this at this draw.
    assert abs(((0.9 ** data["age"].values - 1) * scored).sum()) > 1


def sales_given_price(data):
    """One outcome is an input of the other, in the same row."""
    with pm.Model() as model:
        price, sold = (pm.Data(name, data[name].values, dims="obs") for name in ("price", "sold"))
        pm.Normal("paid", pm.Normal("level", 0, 1), 1, observed=price, dims="obs")
        pm.Normal("sales", 2 * price, 0.1, observed=sold, dims="obs")
    return model


def test_outcomes_that_are_inputs_of_each_other_score_and_are_not_drawn():
    """Sales drawn at the price that came, beside a price drawn anew, would not belong together."""
    rng, price = covariates()
    data = along_rows(price=price, sold=2 * price + 0.1 * rng.normal(size=len(price)))
    forecaster = PyMCForecaster(sales_given_price, compile_kwargs=CHEAP)
    past, batch = data.isel(obs=slice(0, 6)), data.isel(obs=slice(6, None))
    posterior = forecaster.attach(by_hand({"level": 0.5}), past)
    scored = forecaster.log_density(posterior, batch, past)
    sold, paid = batch["sold"].values, batch["price"].values
    np.testing.assert_allclose(scored["paid"].values[0], stats.norm.logpdf(paid, 0.5, 1), rtol=1e-9)
    np.testing.assert_allclose(scored["sales"].values[0], stats.norm.logpdf(sold, 2 * paid, 0.1), rtol=1e-9)
    with pytest.raises(UnsupportedModelError, match="draw"):
        forecaster.predict(posterior, batch.isel(obs=[0]), past)
