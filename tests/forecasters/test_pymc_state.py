"""What a model holds outside its `pm.Data`: shared variables, arrays, globals, loops, black boxes, generators."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest
import scipy.sparse
import xarray as xr
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.sparse import as_sparse_variable, structured_dot
from scipy import stats

from learning_debt.errors import IncomparablePosteriorsError, UnsupportedModelError
from learning_debt.forecasters.pymc.forecaster import PyMCForecaster
from learning_debt.forecasters.pymc.model.graph import ModelGraph

SLOPES = np.array([[0.3, -0.2], [0.8, 0.1]])


def rows(count: int, seed: int, largest: float = 1.0) -> dict[str, np.ndarray]:
    """Rows of which the first is the largest, so that a first part of them has the same maximum."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, count)
    x[0] = largest
    return {"x": x, "y": rng.normal(size=count)}


def posterior() -> xr.DataTree:
    return xr.DataTree.from_dict({"posterior": xr.Dataset({"slope": (("chain", "draw"), SLOPES)})})


def model_of(mean):
    """A builder of a regression with ``mean(slope, x, data)``."""

    def build(data):
        with pm.Model() as model:
            x, y = (pm.Data(name, np.asarray(data[name]), dims="obs") for name in ("x", "y"))
            pm.Normal("outcome", mean(pm.Normal("slope", 0, 1), x, data), 1, observed=y, dims="obs")
        return model

    return build


def scores(data, factor):
    return stats.norm.logpdf(data["y"], SLOPES.reshape(-1, 1) * data["x"] * factor, 1)


def scored(forecaster, attached, data):
    return forecaster.log_density(attached, data)["outcome"].values


@pytest.fixture
def scale():
    """A number that lives outside the model, in whatever its owner likes to keep it in."""
    return pytensor.shared(2.0, name="scale")


def test_each_posterior_keeps_the_value_that_a_shared_variable_had(scale):
    forecaster = PyMCForecaster(model_of(lambda slope, x, _: slope * x * scale))
    before = forecaster.attach(posterior(), rows(20, 1))
    scale.set_value(5.0)
    after = forecaster.attach(posterior(), rows(30, 2))
    batch = rows(4, 3)
    np.testing.assert_allclose(scored(forecaster, before, batch), scores(batch, 2.0))
    np.testing.assert_allclose(scored(forecaster, after, batch), scores(batch, 5.0))
    with pytest.raises(IncomparablePosteriorsError, match="not on one scale"):
        forecaster.require_comparable(after, before, batch)


@pytest.mark.parametrize("sampler", ["nutpie", "pymc"])
def test_a_refit_samples_with_the_new_value(scale, sampler):
    pytest.importorskip("nutpie")
    forecaster = PyMCForecaster(
        model_of(lambda slope, x, _: slope * x * scale), draws=400, tune=300, chains=2, sampler=sampler
    )
    for value in (2.0, 5.0):
        scale.set_value(value)
        data = rows(25, int(value))
        precision = 1 + np.sum((data["x"] * value) ** 2)
        slope = forecaster.fit(data, random_seed=1)["posterior"]["slope"].values
        assert slope.std() * np.sqrt(precision) == pytest.approx(1, abs=0.2)  # 0.4 for the other value
        right = np.sum(data["x"] * value * data["y"]) / precision
        assert abs(slope.mean() - right) * np.sqrt(precision * slope.size / 10) < 4


def test_a_shared_variable_made_from_the_data_is_refused_once_it_changes():
    build = model_of(lambda slope, x, data: slope * x / pytensor.shared(float(np.max(data["x"]))))
    forecaster = PyMCForecaster(build)
    forecaster.attach(posterior(), rows(20, 1))
    with pytest.raises(UnsupportedModelError, match="prepare"):
        forecaster.attach(posterior(), {k: np.append(v, 9.0) for k, v in rows(20, 1).items()})


def test_a_shared_constant_stays_allowed_and_compiles_once():
    forecaster = PyMCForecaster(model_of(lambda slope, x, _: slope * x * pytensor.shared(2.0)))
    before, after = (forecaster.attach(posterior(), rows(count, count)) for count in (20, 30))
    batch = rows(4, 3)
    np.testing.assert_allclose(scored(forecaster, before, batch), scores(batch, 2.0))
    forecaster.require_comparable(after, before, batch)
    assert before.attrs == after.attrs


def test_an_array_changed_in_place_makes_another_model():
    table = np.array([2.0, 1.0])
    forecaster = PyMCForecaster(model_of(lambda slope, x, _: slope * x * pt.as_tensor(table)[0]))
    before = forecaster.attach(posterior(), rows(20, 1))
    table[0] = 5.0
    after = forecaster.attach(posterior(), rows(20, 1))
    batch = rows(4, 3)
    np.testing.assert_allclose(scored(forecaster, after, batch), scores(batch, 5.0))
    with pytest.raises(UnsupportedModelError, match=r"array of shape \(2,\) .* changed in place"):
        forecaster.log_density(before, batch)


def test_a_ready_model_whose_shared_variable_moves_is_refused(scale):
    forecaster = PyMCForecaster(model=model_of(lambda slope, x, _: slope * x * scale)(rows(20, 1)))
    before = forecaster.attach(posterior(), rows(20, 1))
    scale.set_value(5.0)
    for use in (
        lambda: forecaster.attach(posterior(), rows(30, 2)),
        lambda: forecaster.log_density(before, rows(4, 3)),
    ):
        with pytest.raises(UnsupportedModelError, match=r"'scale' was given another value .* pm\.Data"):
            use()


def test_a_generator_in_the_builder_is_refused():
    generator = np.random.default_rng(1)
    with pytest.raises(UnsupportedModelError, match="draws random numbers"):
        PyMCForecaster(model_of(lambda slope, x, _: slope * x * generator.normal())).attach(posterior(), rows(20, 1))


class Divided(Op):
    """A black box."""

    def __init__(self, by):
        self.by = np.array([by])

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, outputs):
        outputs[0][0] = inputs[0] / self.by


def looped(by):
    def step(x, before):
        return before * by + x

    return lambda slope, x, _: (
        slope * pytensor.scan(step, sequences=[x], outputs_info=[pt.as_tensor(np.float64(0))], return_updates=False)
    )


def boxed(by):
    def divided(x):
        return x / by

    return lambda slope, x, _: slope * pytensor.wrap_py(itypes=[pt.dvector], otypes=[pt.dvector])(divided)(x)


def sparse(by):
    return lambda slope, x, _: (
        slope * structured_dot(as_sparse_variable(scipy.sparse.csr_matrix(np.eye(20) * by)), x[:, None])[:, 0]
    )


KINDS = {
    "number": lambda by: lambda slope, x, _: slope * x * by,
    "array": lambda by: lambda slope, x, _: slope * x * np.full(20, by),
    "shared": lambda by: lambda slope, x, _: slope * x * pytensor.shared(by),
    "loop": looped,
    "operation": lambda by: lambda slope, x, _: slope * Divided(by)(x),
    "function": boxed,
    "sparse": sparse,
    "formula": lambda by: lambda slope, x, _: slope + x if by > 1 else slope * x,
    "order": lambda by: lambda slope, x, _: slope - x if by > 1 else x - slope,
}


@pytest.mark.parametrize("kind", KINDS)
def test_builds_are_told_apart_by_every_number_and_step(kind):
    one, again, other = (
        ModelGraph(model_of(KINDS[kind](by))(rows(20, seed))) for by, seed in ((0.5, 1), (0.5, 2), (1.5, 1))
    )
    assert one.constants == again.constants
    assert one.constants != other.constants
    assert not one.computes_the_same(other)
