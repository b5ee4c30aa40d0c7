"""Bounded parameters by block: where their bounds are, and debts near them against closed forms."""

import numpy as np
import pymc as pm
import pytest
import xarray as xr
from scipy import special, stats

import learning_debt as ld
from learning_debt.debt.selection import Block
from learning_debt.debt.unconstrained_scale import model_bounds, on_real_line

Z90 = stats.norm.ppf(0.95)
LOW, HIGH = 2.0, 10.0


def tree(**values):
    """Draws of shape (chain, draw, ...)."""
    variables = {
        name: (("chain", "draw", *(f"{name}_dim_{k}" for k in range(array.ndim - 2))), array)
        for name, array in values.items()
    }
    return xr.DataTree.from_dict({"posterior": xr.Dataset(variables)})


def beta_divergence(a, b, other_a, other_b):
    """KL(Beta(a, b)‖Beta(other_a, other_b))."""
    change = special.betaln(other_a, other_b) - special.betaln(a, b)
    at = (a - other_a) * special.psi(a) + (b - other_b) * special.psi(b)
    return change + at + (other_a - a + other_b - b) * special.psi(a + b)


def build(data):
    """A share of each of two shops, the first on a scale from 2 to 10; only the first is observed."""
    with pm.Model() as model:
        hits, trials = (pm.Data(name, data[name].values, dims="obs") for name in ("hits", "trials"))
        level = pm.Uniform("level", LOW, HIGH, shape=2)
        share = pm.Deterministic("share", (level[0] - LOW) / (HIGH - LOW))
        pm.Binomial("outcome", n=trials, p=share, observed=hits, dims="obs")
    return model


@pytest.fixture(scope="module")
def forecaster():
    return ld.PyMCForecaster(build)


def posterior(forecaster, rng, counts, draws=1000):
    hits, trials = (np.array(column) for column in zip(*counts, strict=True))
    share = rng.beta(1 + hits.sum(), 1 + (trials - hits).sum(), size=(4, draws))
    level = np.stack([LOW + (HIGH - LOW) * share, rng.uniform(LOW, HIGH, size=share.shape)], axis=-1)
    return forecaster.attach(tree(level=level, share=share), {"hits": hits, "trials": trials})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "since"), [((50, 50), (48, 50)), ((1000, 1000), (998, 1000)), ((0, 50), (2, 50)), ((1000, 1000), (1, 1))]
)
def test_debt_near_either_bound_is_that_of_the_beta_posteriors(forecaster, before, since):
    """30 replications each: no bias beyond 4 standard errors of the mean, coverage within 4 binomial sigma.

    Off the real line the mean was short by 1%, 7 standard errors of this mean at the upper bound.
    """
    rng, found = np.random.default_rng(51), []
    counts = [(hits, trials - hits) for hits, trials in (before, since)]
    truth = beta_divergence(*(1 + np.sum(counts, axis=0)), *(1 + np.array(counts[0])))
    for _ in range(30):
        shadow, deployed = (posterior(forecaster, rng, seen) for seen in ([before, since], [before]))
        debt = ld.debt_by_block(forecaster, shadow, deployed, {"hits": [since[0]], "trials": [since[1]]})
        assert debt["block"].values.tolist() == ["level[0]", "level[1]", "share"]
        assert debt["reliable"].all()
        assert debt["value"][1] < 0.01
        # The same quantity on two scales, of which the model names the bounds of one only.
        assert float(debt["value"][0]) == pytest.approx(float(debt["value"][2]), rel=1e-6)
        found.append((float(debt["value"][0]), float(debt["standard_error"][0])))
    value, error = np.array(found).T
    assert abs(value.mean() - truth) < 4 * value.std() / np.sqrt(30) + 0.004 * truth
    assert abs(np.mean(np.abs(value - truth) < Z90 * error) - 0.9) < 4 * np.sqrt(0.09 / 30)


def test_bounds_are_the_model_s():
    def several(data):
        with pm.Model() as model:
            y = pm.Data("y", data["y"].values, dims="obs")
            at = pm.Normal("free", 0, 1, shape=2)
            pm.HalfNormal("scale", 1)
            pm.Beta("probability", 1, 1)
            pm.Uniform("between", -3, -1)
            pm.TruncatedNormal("above", 0, 1, lower=5)
            pm.TruncatedNormal("below", 0, 1, upper=-5, shape=2)
            pm.Dirichlet("simplex", np.ones(3))
            pm.Normal("ordered", [0, 1, 2], 1, transform=pm.distributions.transforms.ordered)
            top = pm.Exponential("top", 1)
            pm.Uniform("under", 0, top)
            pm.Normal("outcome", at.sum(), 1, observed=y, dims="obs")
        return model

    rng, one = np.random.default_rng(1), np.ones((1, 5))
    draws = {
        "free": rng.normal(size=(1, 5, 2)),
        "scale": one,
        "probability": 0.5 * one,
        "between": -2 * one,
        "above": 6 * one,
        "below": -6 * np.ones((1, 5, 2)),
        "simplex": rng.dirichlet(np.ones(3), (1, 5)),
        "ordered": np.sort(rng.normal(size=(1, 5, 3))),
        "top": 2 * one,
        "under": one,
    }
    forecaster = ld.PyMCForecaster(several)
    bounds = model_bounds(forecaster, forecaster.attach(tree(**draws), {"y": [0.0]}))
    unbounded = (-np.inf, np.inf)
    expected = {
        "free": [[one] * 2 for one in unbounded],
        "scale": [[0], [np.inf]],
        "probability": [[0], [1]],
        "between": [[-3], [-1]],
        "above": [[5], [np.inf]],
        "below": [[-np.inf] * 2, [-5] * 2],
        "ordered": [[one] * 3 for one in unbounded],
        "top": [[0], [np.inf]],
    }
    for name, limits in expected.items():
        np.testing.assert_allclose(bounds[name], limits, atol=1e-12, err_msg=name)
    for low, high in np.transpose(bounds["simplex"]):  # its entries do not go their own ways
        assert np.isnan([low, high]).all() or (low, high) == (0, 1)
    low, high = (float(one[0]) for one in bounds["under"])
    assert (np.isnan(low) and np.isnan(high)) or (low, high) == (0, np.inf)  # whatever the top is


@pytest.mark.parametrize(
    ("draws", "bounds", "expected"),
    [
        ([-1.0, 2.0], (-np.inf, np.inf), [-1.0, 2.0]),
        ([5.5, 7.0], (5.0, np.inf), np.log([0.5, 2.0])),
        ([-7.0, -5.5], (-np.inf, -5.0), -np.log([2.0, 0.5])),
        ([0.2, 0.5], (0.0, 1.0), [np.log(0.25), 0.0]),
        ([0.2, 1.0, 0.9], (0.0, 1.0), [np.log(0.25), np.log(10.0), np.log(9.0)]),  # rounded to its bound
        ([0.2, 0.5], (np.nan, np.nan), [np.log(0.25), 0.0]),
        ([-0.6, 0.6], (np.nan, np.nan), [np.log(0.25), np.log(4.0)]),
        ([-2.0, -0.5], (np.nan, np.nan), -np.log([2.0, 0.5])),
        ([0.5, 2.0], (np.nan, np.nan), np.log([0.5, 2.0])),
        ([-2.0, 0.5], (0.0, 1.0), [-2.0, 0.5]),  # not what the draws keep to
        ([1.0, 1.0], (0.0, 1.0), [1.0, 1.0]),
    ],
)
def test_one_entry_on_the_real_line(draws, bounds, expected):
    group = xr.Dataset({"b": (("chain", "draw"), np.array([draws]))})
    limits = {"b": tuple(np.array([one]) for one in bounds)}
    for values in on_real_line(Block("b", "b", np.array([0])), group, group, limits):
        np.testing.assert_allclose(values[0, :, 0], expected, atol=1e-12)
