"""What a store of fits tells forecasters apart by: everything a fit follows from, alike in every process."""

import subprocess
import sys
import textwrap

import numpy as np
import pymc as pm
import pytest

import learning_debt as ld

DATA = {"x": np.linspace(-1, 1, 8), "y": np.arange(8.0)}


def builder(prior=2.0, offset=0.0, likelihood=pm.Normal):
    def build_model(data):
        with pm.Model() as model:
            x, y = (pm.Data(name, data[name].values, dims="obs") for name in ("x", "y"))
            likelihood("outcome", pm.Normal("slope", 0, prior) * x + offset, 1.0, observed=y, dims="obs")
        return model

    return build_model


def halved(data, fitted=None):
    return data.assign(x=data["x"] / 2), {}


def doubled(data, fitted=None):
    return data.assign(x=data["x"] * 2), {}


FORECASTERS = {
    "plain": lambda: ld.PyMCForecaster(builder()),
    "another prior": lambda: ld.PyMCForecaster(builder(prior=2.5)),
    "another constant of a closure": lambda: ld.PyMCForecaster(builder(offset=1e-6)),
    "another likelihood": lambda: ld.PyMCForecaster(builder(likelihood=pm.Laplace)),
    "fewer draws": lambda: ld.PyMCForecaster(builder(), draws=500),
    "more chains": lambda: ld.PyMCForecaster(builder(), chains=6),
    "another sampler": lambda: ld.PyMCForecaster(builder(), sampler="pymc"),
    "a preparation": lambda: ld.PyMCForecaster(builder(), prepare=halved),
    "another preparation": lambda: ld.PyMCForecaster(builder(), prepare=doubled),
    "exact": lambda: ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0)),
    "exact with another prior": lambda: ld.ConjugateRegression(ld.NIG(0.0, 1.5, 2.0, 1.0)),
}


def test_forecasters_that_fit_differently_differ_and_those_that_do_not_are_alike():
    once = {name: make().fingerprint(DATA) for name, make in FORECASTERS.items()}
    assert once == {name: make().fingerprint(DATA) for name, make in FORECASTERS.items()}
    assert len(set(once.values())) == len(FORECASTERS)


def test_a_fit_does_not_change_it():
    forecaster = ld.PyMCForecaster(builder(), draws=20, tune=20, chains=2)
    before = forecaster.fingerprint(DATA)
    forecaster.fit(DATA, random_seed=1)
    assert forecaster.fingerprint(DATA) == before


PROGRAM = """
    from tests.forecasters.test_fingerprints import DATA, FORECASTERS
    print(*(FORECASTERS[name]().fingerprint(DATA) for name in ("plain", "exact")))
"""


@pytest.mark.slow
def test_it_is_the_same_in_another_process():
    found = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM)], capture_output=True, text=True, check=True
    ).stdout.split()
    assert found == [FORECASTERS[name]().fingerprint(DATA) for name in ("plain", "exact")]
