"""Shadows that users keep current: a filter that is exact, a variational fit that is not, and what comes back wrong."""

import pickle
import re

import numpy as np
import pytest
import xarray as xr
from scipy.stats import norm

import learning_debt as ld
from learning_debt.arrays.conjugate.nig import NIG
from learning_debt.data.update_rule import UpdateRule
from learning_debt.forecasters.conjugate_regression import ConjugateRegression
from learning_debt.forecasters.weights import with_weights
from learning_debt.shadows.base import Shadow
from learning_debt.shadows.supplied import SuppliedShadow

PRIOR = NIG([0.5, -0.5], [[2.0, 0.3], [0.3, 1.5]], 4.0, 3.0)
EXACT = ConjugateRegression(PRIOR)


def regression_rows(rows=24, seed=0):
    generator = np.random.default_rng(seed)
    x = np.column_stack([np.ones(rows), generator.normal(size=rows)])
    y = x @ [1.0, -0.7] + 0.8 * generator.normal(size=rows)
    return xr.Dataset({"x": (("obs", "coefficient"), x), "y": ("obs", y)})


def forgotten(posterior, discount):
    """The posterior with the likelihood of all rows so far raised to the power `discount`."""
    precision = discount * posterior.precision + (1 - discount) * EXACT.prior.precision
    pull = discount * posterior.precision @ posterior.mean + (1 - discount) * EXACT.prior.precision @ EXACT.prior.mean
    mean = np.linalg.solve(precision, pull)
    squares = [nig.mean @ nig.precision @ nig.mean + 2 * nig.rate for nig in (posterior, EXACT.prior)]
    rate = (discount * squares[0] + (1 - discount) * squares[1] - mean @ precision @ mean) / 2
    return NIG(mean, precision, discount * posterior.shape + (1 - discount) * EXACT.prior.shape, rate)


def filtered(data, row_weight, previous, random_seed):
    """Recursive least squares, a Kalman filter with forgetting: looks at the rows of this period only."""
    state, seen, discount = EXACT.prior, 0, 1.0
    if previous is not None:
        state = NIG(*(previous["parameters"][field].values for field in NIG._fields))
        seen = previous.attrs["rows_seen"]
        discount = row_weight[seen - 1]  # the newest row of the period before had weight one
    state = EXACT.update(forgotten(state, discount), data.isel(obs=slice(seen, None)))
    tree = EXACT.sample(state, draws=1000, random_seed=random_seed)
    tree.attrs["rows_seen"] = data.sizes["obs"]
    return tree


def test_a_filter_is_an_exact_shadow():
    keeper, data, rule = SuppliedShadow(filtered, exact=True), regression_rows(), UpdateRule(discount=0.8)
    shadow = None
    for period in range(1, 7):
        rows = data.isel(obs=slice(4 * period))
        weight = rule.weights(period - 1 - np.arange(4 * period) // 4)
        arguments = (EXACT, rows, weight, period) if shadow is None else (EXACT, shadow, rows, weight, period)
        shadow, upkeep = (keeper.start if shadow is None else keeper.step)(*arguments)
        held = NIG(*(shadow.posterior["parameters"][field].values for field in NIG._fields))
        for one, two in zip(held, EXACT.fit(rows, row_weight=weight), strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-9)
        assert (upkeep.rung, upkeep.refits, upkeep.converged, upkeep.note) == ("supplied", 0, True, "")
        assert np.isnan(upkeep.evaluations)
        assert upkeep.seconds > 0
    deployed = EXACT.fit(data.isel(obs=slice(4)))
    debt = ld.predictive_debt(EXACT, shadow.posterior, EXACT.sample(deployed, random_seed=9), data)
    assert abs(debt.value - EXACT.predictive_debt(held, deployed, data)) < 4 * debt.standard_error


def test_what_a_function_keeps_comes_back_to_it_and_survives_pickling():
    keeper = SuppliedShadow(filtered, exact=True)
    shadow, _ = pickle.loads(pickle.dumps(keeper)).start(EXACT, regression_rows(4), np.ones(4), 1)
    again, _ = keeper.step(EXACT, Shadow(shadow.posterior, shadow.row_weight), regression_rows(8), np.ones(8), 1)
    assert again.posterior.attrs["rows_seen"] == 8
    with pytest.raises(ValueError, match="fewer than the 8"):
        keeper.step(EXACT, again, regression_rows(4), np.ones(4), 1)


def test_one_chain_has_no_rhat_and_weights_cost_draws():
    def one_chain(data, row_weight, previous, random_seed):
        return EXACT.sample(EXACT.fit(data, row_weight=row_weight), chains=1, random_seed=random_seed)

    def weighted(data, row_weight, previous, random_seed):
        return with_weights(one_chain(data, row_weight, previous, random_seed), np.log([[9.0] + [0.001] * 999]))

    rows, ones = regression_rows(), np.ones(24)
    _, upkeep = SuppliedShadow(one_chain, exact=True).start(EXACT, rows, ones, 1)
    assert upkeep.converged
    assert "no R-hat" in upkeep.note
    _, upkeep = SuppliedShadow(weighted, exact=False).start(EXACT, rows, ones, 1)
    assert not upkeep.converged
    assert upkeep.effective_size < 2
    assert "approximate" in upkeep.note


def returns(tree):
    return SuppliedShadow(lambda *_: tree, exact=True)


@pytest.mark.parametrize(
    ("tree", "error", "what"),
    [
        (PRIOR, TypeError, "DataTree of draws, not NIG"),
        (xr.DataTree(), ValueError, "group 'posterior'"),
        ({"variance": (("chain", "draw"), [[np.nan]])}, ValueError, "'variance' that are not finite"),
        ({"variance": ("draw", [1.0])}, ValueError, "along chain and draw"),
        ({"beta": (("chain", "draw"), [[1.0]])}, ld.IncomparablePosteriorsError, "lacks"),
    ],
)
def test_what_comes_back_is_checked(tree, error, what):
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset(tree)}) if isinstance(tree, dict) else tree
    with pytest.raises(error, match=re.escape(what)):
        returns(tree).start(EXACT, regression_rows(), np.ones(24))


def test_the_owner_must_say_whether_it_is_exact():
    with pytest.raises(TypeError, match="exact"):
        SuppliedShadow(filtered)
    with pytest.raises(TypeError, match="exact must be True or False"):
        SuppliedShadow(filtered, exact="yes")
    with pytest.raises(TypeError, match="update must be a function"):
        SuppliedShadow(None, exact=True)


def test_log_densities_are_checked():
    keeper = SuppliedShadow(filtered, exact=True, log_density=lambda *_: np.full(3, np.nan))
    shadow, _ = keeper.start(EXACT, regression_rows(), np.ones(24), 1)
    with pytest.raises(ValueError, match="shape"):
        keeper.log_density(shadow.posterior, shadow.posterior)
    keeper = SuppliedShadow(filtered, exact=True, log_density=lambda *_: np.full((4, 1000), np.nan))
    with pytest.raises(ValueError, match="not NaN"):
        keeper.log_density(shadow.posterior, shadow.posterior)


def as_draws(twin, exact):
    """Exact draws under the names of the PyMC model."""
    drawn = twin.sample(exact, random_seed=3)["posterior"].to_dataset().rename(coefficients="beta")
    return xr.DataTree.from_dict({"posterior": drawn.assign_coords(coefficient=["intercept", "slope"])})


def test_mean_field_posteriors_of_a_pymc_model(models):
    """Each period's variational fit: forecasts nearly the exact ones', debt the closed form between two Gaussians."""
    pm = pytest.importorskip("pymc")
    pytensor = pytest.importorskip("pytensor")
    from learning_debt.forecasters.pymc.forecaster import PyMCForecaster

    forecaster = PyMCForecaster(models.conjugate.build, compile_kwargs={"mode": "FAST_COMPILE"})

    def mean_field(data, row_weight, previous, random_seed):
        seeded = {"random_seed": random_seed, "progressbar": False}
        rows = data.isel(obs=row_weight > 0)
        with pytensor.config.change_flags(mode="NUMBA"), models.conjugate.build(rows):  # C++ would take a minute
            fit = pm.fit(8000, method="advi", obj_optimizer=pm.adam(learning_rate=0.005), **seeded)
            draws = fit.sample(2000, random_seed=random_seed)["posterior"].to_dataset()
        gaussian = {name: ("parameter", value.eval()) for name, value in (("mean", fit.mean), ("sd", fit.std))}
        return xr.DataTree.from_dict({"posterior": draws, "gaussian": xr.Dataset(gaussian)})

    def gaussian_log_density(posterior, points):
        mean, sd = (posterior["gaussian"][name].values for name in ("mean", "sd"))
        z = (forecaster.unconstrained_draws(points) - mean) / sd
        return (-0.5 * z**2 - np.log(sd) - 0.5 * np.log(2 * np.pi)).sum(-1)

    keeper = SuppliedShadow(mean_field, exact=False, log_density=gaussian_log_density)
    data = models.conjugate.data(40)
    deployed, _ = keeper.start(forecaster, data.isel(obs=slice(12)), np.ones(12), 1)
    shadow, upkeep = keeper.step(forecaster, deployed, data, np.ones(40), 2)
    assert "no R-hat" in upkeep.note
    assert upkeep.converged
    assert shadow.posterior["training_data"].sizes["obs"] == 40

    log_ratio = keeper.log_density(shadow.posterior, shadow.posterior)
    log_ratio = log_ratio - keeper.log_density(deployed.posterior, shadow.posterior)
    p, q = (tree.posterior["gaussian"].to_dataset() for tree in (shadow, deployed))
    divergence = np.log(q["sd"] / p["sd"]) + (p["sd"] ** 2 + (p["mean"] - q["mean"]) ** 2) / (2 * q["sd"] ** 2) - 0.5
    error = log_ratio.std() / np.sqrt(log_ratio.size)
    assert abs(log_ratio.mean() - float(divergence.sum())) < 4 * error

    prior = models.conjugate.prior
    twin = ConjugateRegression(NIG(prior["mean"], prior["precision"], prior["shape"], prior["rate"]))
    batch = {"x": data["x"].values, "y": data["y"].values}
    exact = [twin.fit(batch), twin.fit({name: values[:12] for name, values in batch.items()})]
    debt = ld.predictive_debt(forecaster, shadow.posterior, deployed.posterior, data)
    lost = [
        np.sqrt(ld.predictive_debt(forecaster, as_draws(twin, nig), held.posterior, data).value)
        for nig, held in zip(exact, (shadow, deployed), strict=True)
    ]
    # Near each other, the root of a divergence is a distance: it differs by no more than the ends have moved.
    noise = 4 * debt.standard_error / (2 * np.sqrt(debt.value))
    difference = np.sqrt(debt.value) - np.sqrt(twin.predictive_debt(*exact, batch))
    assert abs(difference) < sum(lost) + noise


def test_debt_of_discounted_shadows_by_their_own_densities_is_the_closed_form():
    """A normal mean, whose posterior is known, handed over as an approximation that knows its density."""
    pm = pytest.importorskip("pymc")
    from learning_debt.forecasters.pymc.forecaster import PyMCForecaster

    def build(data):
        with pm.Model() as model:
            y = pm.Data("y", data["y"].values, dims="obs")
            pm.Normal("outcome", pm.Normal("mean", 0, 3), 1, observed=y, dims="obs")
        return model

    def moments(y, row_weight):
        precision = 1 / 9 + row_weight.sum()
        return (row_weight * y).sum() / precision, 1 / np.sqrt(precision)

    def update(data, row_weight, previous, random_seed):
        mean, sd = moments(data["y"].values, row_weight)
        draws = np.random.default_rng(random_seed).normal(mean, sd, size=(1, 2000))
        groups = {"posterior": {"mean": (("chain", "draw"), draws)}, "gaussian": {"mean": mean, "sd": sd}}
        return xr.DataTree.from_dict({name: xr.Dataset(group) for name, group in groups.items()})

    def log_density(posterior, points):
        return norm.logpdf(points["posterior"]["mean"], posterior["gaussian"]["mean"], posterior["gaussian"]["sd"])

    period, rule = np.arange(30) // 5, UpdateRule(discount=0.8)
    y = np.random.default_rng(1).normal(0.04 * np.arange(30))
    spells = ld.spell_table(
        PyMCForecaster(build, compile_kwargs={"mode": "FAST_COMPILE"}),
        {"y": y, "period": period},
        initial=3,
        shadow=SuppliedShadow(update, exact=False, log_density=log_density),
        update_rule=rule,
        random_seed=1,
    )
    debt, error = (spells[name].squeeze().values for name in ("debt", "debt_se"))
    seen = [moments(y, rule.weights(2 + k - period)) for k in range(4)]
    for s, t in zip(*np.triu_indices(3), strict=True):
        (mean, sd), (other, spread) = seen[t + 1], seen[s]
        expected = np.log(spread / sd) + (sd**2 + (mean - other) ** 2) / (2 * spread**2) - 0.5
        assert abs(debt[s, t] - expected) < 4 * error[s, t]
