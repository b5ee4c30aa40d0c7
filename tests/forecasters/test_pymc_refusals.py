"""What is refused, with its remedy: structures, stale or changing models, indices, labels, foreign posteriors."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from learning_debt.errors import IncomparablePosteriorsError, UnsupportedModelError

pm = pytest.importorskip("pymc")
pt = pytest.importorskip("pytensor.tensor")

from learning_debt.forecasters.pymc.forecaster import PyMCForecaster  # noqa: E402

X, Y = np.linspace(-1, 1, 12), np.linspace(0, 2, 12) ** 2
DATA = {"x": X, "y": Y}


def never_sampled(build_model, **options):
    """A forecaster whose sampler must not be reached."""
    forecaster = PyMCForecaster(build_model, **options)

    def fail(*_, **__):
        raise AssertionError("sampled a model that should have been refused")

    forecaster._sampler.sample = fail
    return forecaster


def regression(data, *, center=0.0, scale=1.0, prior_scale=3.0):
    with pm.Model() as model:
        x, y = pm.Data("x", data["x"].values), pm.Data("y", data["y"].values)
        slope = pm.Normal("slope", 0, prior_scale)
        pm.Normal("outcome", slope * (x - center) / scale, 1, observed=y)
    return model


def scaled_inside(data):
    return regression(data, center=float(data["x"].mean()), scale=float(data["x"].std()))


def scaled_column(data):
    with pm.Model() as model:
        x = pm.Data("x", ((data["x"] - data["x"].mean()) / data["x"].std()).values)
        y = pm.Data("y", data["y"].values)
        pm.Normal("outcome", pm.Normal("slope", 0, 1) * x, 1, observed=y)
    return model


def prior_from_data(data):
    return regression(data, prior_scale=float(data["y"].std()))


def prior_from_symbolic_data(data):
    with pm.Model() as model:
        x, y = pm.Data("x", data["x"].values), pm.Data("y", data["y"].values)
        pm.Normal("outcome", pm.Normal("slope", 0, 1 / x.std()) * x, 1, observed=y)
    return model


def static_from_data(data):
    with pm.Model() as model:
        x, y = pm.Data("x", data["x"].values), pm.Data("y", data["y"].values)
        center = pm.Data("center", float(data["x"].mean()))
        pm.Normal("outcome", pm.Normal("slope", 0, 1) * (x - center), 1, observed=y)
    return model


def centered_on_the_batch(data):
    with pm.Model() as model:
        x, y = pm.Data("x", data["x"].values), pm.Data("y", data["y"].values)
        pm.Normal("outcome", pm.Normal("slope", 0, 1) * (x - x.mean()), 1, observed=y)
    return model


def baked_covariate(data):
    with pm.Model() as model:
        y = pm.Data("y", data["y"].values)
        pm.Normal("outcome", pm.Normal("slope", 0, 1) * data["x"].values, 1, observed=y)
    return model


def baked_outcome(data):
    with pm.Model() as model:
        x = pm.Data("x", data["x"].values)
        pm.Normal("outcome", pm.Normal("slope", 0, 1) * x, 1, observed=data["y"].values)
    return model


def computed_outcome(data):
    with pm.Model() as model:
        y = pm.Data("y", data["y"].values)
        pm.Normal("outcome", pm.Normal("slope", 0, 1), 1, observed=pt.log1p(y))
    return model


def imputed_outcome(data):
    with pm.Model() as model:
        y = np.where(np.arange(data.sizes["obs"]) == 1, np.nan, data["y"].values)
        with pytest.warns(Warning, match="missing|imputed"):
            pm.Normal("outcome", pm.Normal("slope", 0, 1), 1, observed=y)
    return model


def no_outcome(_data):
    with pm.Model() as model:
        pm.Normal("level", 0, 1)
    return model


def ring(data):
    """Rows that are neighbours in space: no order, hence no past."""
    rows = data.sizes["obs"]
    neighbours = np.roll(np.eye(rows), 1, axis=0) + np.roll(np.eye(rows), -1, axis=0)
    with pm.Model() as model:
        y = pm.Data("y", data["y"].values)
        pm.CAR("outcome", mu=np.zeros(rows), W=neighbours, alpha=0.5, tau=pm.HalfNormal("tau", 1), observed=y)
    return model


def latent_by_dim(data):
    with pm.Model() as model:
        y = pm.Data("y", data["y"].values, dims="obs")
        pm.Normal("outcome", pm.Normal("latent", 0, 1, dims="obs"), 1, observed=y, dims="obs")
    return model


def latent_by_shape(data):
    with pm.Model() as model:
        y = pm.Data("y", data["y"].values)
        pm.Normal("outcome", pm.Normal("latent", 0, 1, shape=y.shape), 1, observed=y)
    return model


@pytest.mark.parametrize(
    ("build_model", "message"),
    [
        (scaled_inside, r"move the computation into prepare\(data, fitted\)"),
        (scaled_column, r"build_model changes 'x' before it puts it into pm.Data"),
        (prior_from_data, r"log prior differs by .* prepare\(data, fitted\)"),
        (static_from_data, "log likelihood of the same rows differs"),
        (centered_on_the_batch, "changes with the rows after it"),
        (baked_covariate, "baked in as a constant; build it from pm.Data"),
        (baked_outcome, "is a constant, not pm.Data"),
        (computed_outcome, "is computed from pm.Data 'y' inside the model"),
        (imputed_outcome, "missing values that PyMC imputes"),
        (no_outcome, "no observed variable"),
        (ring, "one draw of CAR, whose density does not split into rows"),
        (latent_by_dim, r"one entry per observation.*growing_dims=\('obs',\)"),
        (latent_by_shape, "free variable 'latent' .* marginalise|new number of rows"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_first_fit_refuses(build_model, message):
    with pytest.raises(UnsupportedModelError, match=message):
        never_sampled(build_model).fit(DATA)


@pytest.mark.parametrize("build_model", [baked_outcome, no_outcome, ring])
def test_a_ready_model_is_refused_at_once(build_model):
    with pytest.raises(UnsupportedModelError):
        PyMCForecaster(model=build_model(xr.Dataset({k: ("obs", v) for k, v in DATA.items()})))


@pytest.mark.parametrize("build_model", [baked_covariate, latent_by_shape, centered_on_the_batch])
def test_a_ready_model_is_refused_at_its_first_fit(build_model):
    forecaster = PyMCForecaster(model=build_model(xr.Dataset({k: ("obs", v) for k, v in DATA.items()})))
    with pytest.raises(UnsupportedModelError):
        forecaster.fit(DATA)


def test_constructor_refuses_what_it_cannot_use():
    with pytest.raises(TypeError, match="exactly one"):
        PyMCForecaster()
    with pytest.raises(TypeError, match=r"model=\.\.\."):
        PyMCForecaster(regression(xr.Dataset({k: ("obs", v) for k, v in DATA.items()})))
    with pytest.raises(ValueError, match="draws must be a whole number that is at least 1, not 0"):
        PyMCForecaster(regression, draws=0)
    with pytest.raises(TypeError, match="chains must be a whole number that is at least 1, not True"):
        PyMCForecaster(regression, chains=True)
    with pytest.raises(ValueError, match="sampler must be"):
        PyMCForecaster(regression, sampler="stan")
    with pytest.raises(RuntimeError, match="fit"):
        _ = PyMCForecaster(regression).observed
    with pytest.raises(TypeError, match=r"must return a pm\.Model"):
        PyMCForecaster(lambda _: None).fit(DATA)


def hsgp(data, fixed=False):
    with pm.Model() as model:
        x, y = pm.Data("x", data["x"].values, dims="obs"), pm.Data("y", data["y"].values, dims="obs")
        gp = pm.gp.HSGP(m=[6], cov_func=pm.gp.cov.ExpQuad(1, ls=0.5), **({"L": [2.0]} if fixed else {"c": 1.5}))
        if fixed:
            gp.prior_linearized(np.array([[-1.0], [1.0]]))
        pm.Normal("outcome", gp.prior("smooth", X=x[:, None]), 1, observed=y, dims="obs")
    return model


def latent(data, **more):
    with pm.Model() as model:
        x, y = pm.Data("x", data["x"].values, dims="obs"), pm.Data("y", data["y"].values, dims="obs")
        gp = pm.gp.Latent(cov_func=pm.gp.cov.ExpQuad(1, ls=0.5))
        pm.Normal("outcome", gp.prior("smooth", X=x[:, None], **more), 1, observed=y, dims="obs")
    return model


@pytest.mark.parametrize(
    ("refused", "message", "remedied", "growing"),
    [
        (hsgp, r"L=\[\.\.\.\].* gp\.prior_linearized", lambda data: hsgp(data, fixed=True), ()),
        (latent, r"dims='obs'\) .* growing_dims=\('obs',\)", lambda data: latent(data, dims="obs"), ("obs",)),
    ],
    ids=["hsgp", "latent"],
)
def test_processes_are_refused_with_a_remedy_that_works(refused, message, remedied, growing):
    rows = xr.Dataset({name: ("obs", values) for name, values in DATA.items()})
    for given in ((), growing):
        with pytest.raises(UnsupportedModelError, match=message):
            never_sampled(refused, growing_dims=given).fit(rows)
    with pytest.raises(AssertionError, match="sampled"):
        never_sampled(remedied, growing_dims=growing).fit(rows)


class Marketing:
    """Looks like a ModelBuilder."""

    def build_model(self, X, y): ...

    def _data_setter(self, X, y): ...


@pytest.mark.parametrize("argument", ["build_model", "model"])
def test_models_of_other_packages_name_their_own_door(argument):
    bambi = type("Model", (), {"__module__": "bambi.models"})()
    with pytest.raises(TypeError, match=rf"{argument} is a bambi.models.Model.* from_bambi\(model\)"):
        PyMCForecaster(**{argument: bambi})
    with pytest.raises(TypeError, match=rf"{argument} is a .*Marketing.* from_model_builder\(builder, X, y\)"):
        PyMCForecaster(**{argument: Marketing()})


def test_missing_data_are_named_with_the_nearest_spelling():
    with pytest.raises(KeyError, match="did you mean 'x1'"):
        never_sampled(lambda data: regression(data.rename(x1="x"))).fit({"x1": X, "y": Y})


def test_prepare_must_return_arrays_keep_rows_and_use_what_it_learned():
    with pytest.raises(TypeError, match="Dataset or a dict of arrays, not list"):
        never_sampled(regression, prepare=lambda data, fitted=None: (data, [1])).fit(DATA)  # noqa: ARG005
    with pytest.raises(TypeError, match="must be numbers or labels, not object"):
        never_sampled(regression, prepare=lambda data, fitted=None: (data, {"a": object()})).fit(DATA)  # noqa: ARG005
    with pytest.raises(ValueError, match="turned 12 rows into 11"):
        never_sampled(regression, prepare=lambda data, fitted=None: (data.isel(obs=slice(1, None)), {})).fit(DATA)  # noqa: ARG005

    def forgetful(data, fitted=None):
        return data.assign(x=data["x"] - data["x"].mean()), {"mean": data["x"].mean()}

    with pytest.raises(UnsupportedModelError, match="must use `fitted`"):
        never_sampled(regression, prepare=forgetful).fit(DATA)


# Rows and posteriors of a fitted forecaster --------------------------------------------------------------------------


def test_rows_that_cannot_be_scored(stores, models):
    forecaster, posterior = stores
    batch = models.stores.data(4)
    with pytest.raises(KeyError, match="lacks the variable 'x'"):
        forecaster.log_density(posterior, batch.drop_vars("x"))
    with pytest.raises(KeyError, match="lacks the variable 'sold'"):
        forecaster.log_density(posterior, batch.drop_vars("sold"))
    with pytest.raises(ValueError, match="no rows"):
        forecaster.log_density(posterior, batch.isel(obs=slice(0, 0)))
    with pytest.raises(ValueError, match="'x' is not finite at obs=2"):
        forecaster.log_density(posterior, batch.assign(x=("obs", [0, 0, np.nan, 0])))
    with pytest.raises(ValueError, match=r"whole numbers; row 1 holds 2\.5"):
        forecaster.log_density(posterior, batch.assign(sold=("obs", [1, 2.5, 3, 4])))
    with pytest.raises(ValueError, match="has 2 dimension"):
        forecaster.log_density(posterior, batch.assign(x=(("obs", "k"), np.zeros((4, 2)))))


def test_unseen_labels_and_indices_never_reach_compiled_code(stores, models):
    forecaster, posterior = stores
    batch = models.stores.data(4)
    unseen = batch.assign(store=("obs", ["Graz", "Wein", "Graz", "Linz"]))
    with pytest.raises(ValueError, match=r"'Wein' at row 1, unseen .* did you mean 'Wien'"):
        forecaster.log_density(posterior, unseen)
    with pytest.raises(ValueError, match="'Wein' at row 1"):
        forecaster.predict(posterior, unseen)
    for wrong in (3, -1, 10**6):
        codes = batch.drop_vars("store").assign(store_index=("obs", [0, 1, wrong, 2]))
        for score in (forecaster.log_density, forecaster.predict):
            with pytest.raises(ValueError, match=rf"'store_index' gives the index {wrong} at row 2, outside 0 to 2"):
                score(posterior, codes)


def test_labels_not_positions(stores, models):
    """A batch of one store alone is scored with that store's level, whichever its position among the batch's own."""
    forecaster, posterior = stores
    batch = models.stores.data(6)
    whole = forecaster.log_density(posterior, batch)["sales"]
    only_last = forecaster.log_density(posterior, batch.isel(obs=[2, 5]))["sales"]
    np.testing.assert_array_equal(only_last.values, whole.values[:, [2, 5]])
    codes = batch.drop_vars("store").assign(store_index=("obs", [0, 1, 2, 0, 1, 2]))
    np.testing.assert_array_equal(forecaster.log_density(posterior, codes)["sales"].values, whole.values)


def test_posteriors_of_another_model(stores, conjugate, models):
    forecaster, posterior = stores
    batch = models.stores.data(4)
    with pytest.raises(IncomparablePosteriorsError, match="belongs to another model"):
        forecaster.log_density(conjugate[1], batch)
    group = posterior["posterior"].to_dataset()

    def foreign(dataset):
        return xr.DataTree.from_dict({"posterior": dataset})

    with pytest.raises(IncomparablePosteriorsError, match="'slope'; did you mean 'slopes'"):
        forecaster.log_density(foreign(group.rename(slope="slopes")), batch)
    with pytest.raises(IncomparablePosteriorsError, match=r"1 dimension\(s\) in the posterior and 0"):
        forecaster.log_density(foreign(group.assign(slope=group["slope"].expand_dims(k=2, axis=-1))), batch)
    with pytest.raises(IncomparablePosteriorsError, match="assign the coordinate"):
        forecaster.log_density(foreign(group.drop_vars("store")), batch)
    with pytest.raises(ValueError, match="'slope' are not all finite"):
        forecaster.log_density(foreign(group.assign(slope=group["slope"] * np.nan)), batch)
    with pytest.raises(TypeError, match="DataTree"):
        forecaster.log_density(group, batch)
    with pytest.raises(ValueError, match="no group 'posterior'"):
        forecaster.log_density(xr.DataTree(), batch)
    with pytest.raises(ValueError, match="does not carry its training data; use attach"):
        forecaster.log_joint(foreign(group), np.zeros((1, 7)))


def test_a_foreign_posterior_is_scored_by_its_own_labels(stores, models):
    """The same draws with their stores in another order give the same scores."""
    forecaster, posterior = stores
    batch = models.stores.data(4)
    reordered = posterior["posterior"].to_dataset().isel(store=[2, 0, 1])
    tree = xr.DataTree.from_dict({"posterior": reordered})
    expected = forecaster.log_density(posterior, batch)
    xr.testing.assert_allclose(forecaster.log_density(tree, batch), expected, rtol=1e-14)


def test_predict_needs_no_outcome_but_scores_do(student, models):
    forecaster, posterior = student
    batch = models.student.data(3).drop_vars("y")
    assert forecaster.predict(posterior, batch).sizes == {"sample": 2000, "obs": 3}
    with pytest.raises(KeyError, match="'y'"):
        forecaster.log_density(posterior, batch)


def test_a_posterior_from_elsewhere_meets_the_same_checks():
    model = centered_on_the_batch(xr.Dataset({k: ("obs", v) for k, v in DATA.items()}))
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset({"slope": (("chain", "draw"), np.ones((1, 5)))})})
    with pytest.raises(UnsupportedModelError, match="changes with the rows after it"):
        PyMCForecaster(model=model).log_density(tree, {"x": X**2, "y": Y})
    with pytest.raises(UnsupportedModelError, match=r"prepare\(data, fitted\)"):
        PyMCForecaster(scaled_inside).log_density(tree, DATA)


def test_a_fit_on_indices_outside_their_group_is_refused():
    def three_stores(data):
        with pm.Model(coords={"store": ["a", "b", "c"]}) as model:
            index, y = pm.Data("index", data["index"].values), pm.Data("y", data["y"].values)
            pm.Normal("outcome", pm.Normal("level", 0, 1, dims="store")[index], 1, observed=y)
        return model

    for wrong in (3, -1):
        with pytest.raises(ValueError, match=rf"'index' gives the index {wrong} at row 4, outside 0 to 2"):
            never_sampled(three_stores).fit({"index": [0, 1, 2, 0, wrong, 1], "y": np.zeros(6)})


def test_an_index_into_a_table_of_indices_is_checked_too():
    region = np.array([0, 1, 1, 0])

    def nested(data):
        with pm.Model(coords={"region": ["north", "south"]}) as model:
            shop, y = pm.Data("shop", data["shop"].values), pm.Data("y", data["y"].values)
            level = pm.Normal("level", 0, 1, dims="region")
            pm.Normal("outcome", level[pt.as_tensor(region)[shop]], 1, observed=y)
        return model

    for wrong in (4, -1):
        with pytest.raises(ValueError, match=r"'shop'.* an unseen label"):
            never_sampled(nested).fit({"shop": [0, 1, 2, wrong], "y": np.zeros(4)})
