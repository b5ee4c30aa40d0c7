"""Moved draws back on their natural scale."""

import numpy as np
import pytest
import xarray as xr

from learning_debt.arrays.conjugate.nig import NIG
from learning_debt.errors import NoJointDensityError
from learning_debt.forecasters.conjugate_regression import ConjugateRegression

pm = pytest.importorskip("pymc")

from learning_debt.forecasters.pymc.forecaster import PyMCForecaster  # noqa: E402

STORES = ["Graz", "Linz", "Wien"]
CHEAP = {"compile_kwargs": {"mode": "FAST_COMPILE"}}


def test_exact_draws_come_back():
    forecaster = ConjugateRegression(NIG([0.0, 1.0], np.eye(2), 3, 2), coefficient_names=["level", "slope"])
    tree = forecaster.sample(forecaster.prior, draws=7, chains=2, random_seed=1)
    points = forecaster.unconstrained_draws(tree)
    back = forecaster.constrained_draws(tree, points)
    xr.testing.assert_allclose(back, tree["posterior"].to_dataset(), rtol=1e-12)
    with pytest.raises(ValueError, match=r"shape \(chain, draw, 3\)"):
        forecaster.constrained_draws(tree, points[0])


def every_transform(data):
    """Variables on the real line, above zero, in intervals, on a simplex, in order, a Cholesky factor, summing to 0."""
    with pm.Model(coords={"store": STORES}) as model:
        y = pm.Data("y", data["y"], dims="obs")
        level, scale = pm.Normal("level", 0, 1), pm.HalfNormal("scale", 1, dims="store")
        share, place = pm.Beta("share", 2, 3), pm.Uniform("place", -1, pm.math.exp(level))
        split = pm.Dirichlet("split", np.ones(3), dims="store")
        cuts = pm.Normal("cuts", [-1, 0, 1], 1, transform=pm.distributions.transforms.ordered)
        factor = pm.LKJCholeskyCov("factor", n=3, eta=2, sd_dist=pm.Exponential.dist(1), compute_corr=False)
        effect = pm.ZeroSumNormal("effect", dims="store")
        mean = level + share + place + (split * effect).sum() + cuts.sum() + factor.sum()
        pm.Normal("outcome", mean, scale.sum(), observed=y, dims="obs")
    return model


@pytest.fixture(scope="module")
def transformed():
    data = {"y": np.array([0.3, -1.2, 0.8])}
    model, variables = every_transform(data), {}
    for rv, draws in zip(
        model.free_RVs, pm.draw(model.free_RVs, draws=12, random_seed=1, mode="FAST_COMPILE"), strict=True
    ):
        draws = np.sort(draws, axis=-1) if rv.name == "cuts" else draws
        dims = model.named_vars_to_dims.get(rv.name) or [f"{rv.name}_{k}" for k in range(draws.ndim - 1)]
        variables[rv.name] = (("chain", "draw", *dims), draws.reshape(2, 6, *draws.shape[1:]))
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset(variables, coords={"store": STORES})})
    forecaster = PyMCForecaster(every_transform, **CHEAP)
    return forecaster, forecaster.attach(tree, data)


def test_every_transform_and_its_labels_come_back(transformed):
    forecaster, posterior = transformed
    points = forecaster.unconstrained_draws(posterior)
    back, own = forecaster.constrained_draws(posterior, points), posterior["posterior"].to_dataset()
    assert set(back.data_vars) == set(own.data_vars)
    for name, variable in own.data_vars.items():
        assert back[name].dims == variable.dims
        np.testing.assert_allclose(back[name].values, variable.values, rtol=1e-10, atol=1e-10)
    assert back["store"].values.tolist() == STORES
    tree = xr.DataTree.from_dict({"posterior": back})
    np.testing.assert_allclose(forecaster.unconstrained_draws(tree), points, rtol=1e-8, atol=1e-8)


def test_moved_points_are_draws_that_can_be_scored(transformed):
    forecaster, posterior = transformed
    points = 0.9 * forecaster.unconstrained_draws(posterior)[:, :4] + 0.05
    moved = posterior.copy()
    moved["posterior"] = xr.DataTree(forecaster.constrained_draws(posterior, points))
    drawn = moved["posterior"]
    assert drawn.sizes["draw"] == 4
    np.testing.assert_allclose(drawn["split"].sum("store"), 1, atol=1e-12)
    np.testing.assert_allclose(drawn["effect"].sum("store"), 0, atol=1e-12)
    assert (np.diff(drawn["cuts"].values) > 0).all()
    joint = forecaster.log_joint(moved, points.reshape(8, -1))
    assert forecaster.log_density(moved, {"y": [0.1, 0.2]})["outcome"].shape == (8, 2)
    assert np.isfinite(joint).all()


def test_points_of_another_shape_are_refused(transformed):
    forecaster, posterior = transformed
    points = forecaster.unconstrained_draws(posterior)
    with pytest.raises(ValueError, match="chain, draw, parameters"):
        forecaster.constrained_draws(posterior, points[0])
    with pytest.raises(ValueError, match="finite"):
        forecaster.constrained_draws(posterior, np.full_like(points, np.nan))
    with pytest.raises(ValueError, match=f"{points.shape[-1]}"):
        forecaster.constrained_draws(posterior, points[..., :-1])


def test_discrete_variables_have_no_such_scale():
    def build(data):
        with pm.Model() as model:
            kind = pm.Bernoulli("kind", 0.5)
            pm.Normal("outcome", kind, 1, observed=pm.Data("y", data["y"], dims="obs"), dims="obs")
        return model

    tree = xr.DataTree.from_dict({"posterior": xr.Dataset({"kind": (("chain", "draw"), [[0, 1]])})})
    forecaster = PyMCForecaster(build, **CHEAP)
    with pytest.raises(NoJointDensityError, match="discrete"):
        forecaster.constrained_draws(forecaster.attach(tree, {"y": [0.1, 0.2]}), np.zeros((1, 2, 1)))
