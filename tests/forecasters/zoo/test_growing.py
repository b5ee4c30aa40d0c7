"""New groups, states of weeks to come, latent variables of the rows: drawn from their prior given the posterior."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytest
import xarray as xr

from learning_debt.errors import IncomparablePosteriorsError, UnsupportedModelError
from learning_debt.forecasters.pymc.forecaster import PyMCForecaster

from .case import CHEAP, moment_errors
from .growing import CASES
from .pairs import CASES as PAIRS
from .pairs import matches
from .variations import GROWING as VARIATIONS

NAMED = {case.name: case for case in CASES}
DRAWS = 1200


def errors_of_densities(log_density, law):
    """Distances, in standard errors, of the mean density at simulated states from the integral over them.

    `log_density` has shape (samples, rows); rows by themselves first, then all together.
    """
    log = np.column_stack([log_density, log_density.sum(axis=1)])
    truth = np.exp(np.append(law.rows, law.joint))
    density = np.exp(log)
    error = np.maximum(density.std(axis=0, ddof=1) / np.sqrt(len(log)), 1e-7 * truth)
    return (density.mean(axis=0) - truth) / error


@pytest.fixture(scope="module", params=[*CASES, *VARIATIONS, *PAIRS], ids=lambda case: case.name)
def attached(request):
    case = request.param
    forecaster = case.forecaster()
    return case, forecaster, forecaster.attach(case.posterior(same=DRAWS), case.past)


def test_the_mean_density_is_the_integral_over_what_is_new(attached):
    case, forecaster, posterior = attached
    scored = forecaster.log_density(posterior, case.batch, case.past, random_seed=1)["outcome"]
    assert scored.dims == ("sample", "obs")
    law = case.law(case.theta_at(0), case.data, case.trained, case.trained)
    assert np.abs(errors_of_densities(scored.values, law)).max() < 4


def test_steps_since_training_count(attached):
    """Rows between training and batch are not learned from, but time goes by."""
    case, forecaster, posterior = attached
    start = case.trained + 2
    scored = forecaster.log_density(posterior, case.rows(start), case.rows(0, start), random_seed=2)["outcome"]
    law = case.law(case.theta_at(0), case.data, start, case.trained)
    assert np.abs(errors_of_densities(scored.values, law)).max() < 4


def test_draws_have_the_moments_of_the_integral(attached):
    case, forecaster, posterior = attached
    drawn = forecaster.predict(posterior, case.batch, case.past, random_seed=3)["outcome"]
    law = case.law(case.theta_at(0), case.data, case.trained, case.trained)
    assert moment_errors(drawn.values, law.mean, law.variance) < 4


def test_a_past_is_asked_for_where_it_matters(attached):
    case, forecaster, posterior = attached
    assert forecaster.needs_past is case.needs_past
    if case.needs_past:
        with pytest.raises(ValueError, match="past"):
            forecaster.log_density(posterior, case.batch)
    else:
        alone = forecaster.log_density(posterior, case.batch, random_seed=4)
        assert alone.equals(forecaster.log_density(posterior, case.batch, case.past, random_seed=4))


def test_one_seed_gives_one_set_of_states(attached):
    case, forecaster, posterior = attached
    first, again, other = (
        forecaster.log_density(posterior, case.batch, case.past, random_seed=seed)["outcome"] for seed in (5, 5, 6)
    )
    assert first.equals(again)
    assert not first.equals(other)


@pytest.mark.parametrize("name", ["new stores", "local level", "overdispersed rows", "walk over the rows"])
def test_without_growing_dims_it_is_refused_with_the_remedy(name):
    case = NAMED[name]
    forecaster = case.forecaster(growing_dims=())

    def score():
        return forecaster.log_density(forecaster.attach(case.posterior(), case.past), case.batch, case.past)

    with pytest.raises(ValueError, match="growing_dims"):
        score()


def test_a_batch_goes_on_with_the_rows_that_the_posterior_holds():
    """Its outcomes may be others, as where a predictive density is asked for at points, its other columns may not."""
    case = NAMED["walk over the rows"]
    forecaster = case.forecaster()
    posterior = forecaster.attach(case.posterior(), case.past)
    before, held, later = case.rows(0, 4), case.rows(4, 5), case.rows(6, 7)
    asked = held.assign(y=held["y"] + 1.0)
    theta = [case.theta_at(draw) for draw in range(4)]
    right = [[-0.5 * ((float(asked["y"][0]) - t["state"][4]) / t["scale"]) ** 2 - np.log(t["scale"])] for t in theta]
    scored = forecaster.log_density(posterior, asked, before)["outcome"].values
    np.testing.assert_allclose(scored + 0.5 * np.log(2 * np.pi), right)
    for rows in (later, later.drop_vars("y")):
        with pytest.raises(ValueError, match="its rows are others"):
            forecaster.predict(posterior, rows, before)
    with pytest.raises(ValueError, match="its rows are others"):
        forecaster.log_density(posterior, later, before)


def longer(case, posterior, labels):
    """The posterior of more rows: as before where it was, zero for what came since."""
    dim = case.options["growing_dims"][0]
    dataset = posterior["posterior"].to_dataset()
    grown = dataset.reindex({dim: labels}, fill_value=0.0) if dim in dataset.coords else None
    if grown is None:
        more = len(labels) - dataset.sizes[dim]
        grown = dataset.pad({dim: (0, more)}, constant_values=0.0)
    return xr.DataTree.from_dict({"posterior": grown})


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("new stores", ["Bern", "Graz", "Linz", "Wien"]),
        ("local level", np.arange(7)),
        ("overdispersed rows", np.arange(9)),
    ],
)
def test_posteriors_with_other_entries_have_no_posterior_debt(name, labels):
    case = NAMED[name]
    forecaster = case.forecaster()
    deployed = forecaster.attach(case.posterior(), case.past)
    shadow = forecaster.attach(longer(case, case.posterior(), labels), case.data)
    with pytest.raises(IncomparablePosteriorsError, match="predictive debt"):
        forecaster.require_comparable(shadow, deployed, case.batch)


def test_what_plugging_in_would_have_given():
    """A new store at its group's mean, or next week's state held where the last was, is too sure of itself."""
    store, week = NAMED["new stores"], NAMED["local level"]
    for case, mean in ((store, store.theta["level"]), (week, week.theta["state"][1][-1])):
        theta, batch = case.theta_at(0), case.batch.isel(obs=[-1])
        law = case.law(theta, case.data, case.data.sizes["obs"] - 1, case.trained)
        surprise = batch["y"].values + 3.0  # an outcome far from expected, as in a spell that went wrong
        plugged = -0.5 * ((surprise - mean) / theta["scale"]) ** 2 - np.log(theta["scale"] * np.sqrt(2 * np.pi))
        integral = -0.5 * (surprise - law.mean) ** 2 / law.variance - 0.5 * np.log(2 * np.pi * law.variance)
        assert (integral - plugged > 1).all()


def test_weeks_go_on_in_their_own_order_whatever_the_order_of_the_rows():
    case = NAMED["local level"]
    forecaster = case.forecaster()
    posterior = forecaster.attach(case.posterior(same=DRAWS), case.past)
    backwards = np.arange(case.data.sizes["obs"] - 1, case.trained - 1, -1)
    drawn = forecaster.predict(posterior, case.data.isel(obs=backwards), case.past, random_seed=1)["outcome"]
    law = case.law(case.theta_at(0), case.data, case.trained, case.trained)
    assert moment_errors(drawn.values, law.mean[::-1], law.variance[::-1]) < 4


def centred_inside(data):
    """Effects around their own mean: a new store would move every other one."""
    labels, index = np.unique(data["store_index"], return_inverse=True)
    with pm.Model(coords={"store": labels}) as model:
        store, y = pm.Data("store_index", index, dims="obs"), pm.Data("y", data["y"].values, dims="obs")
        effect = pm.Normal("effect", 0, 1, dims="store")
        pm.Normal("outcome", (effect - effect.mean())[store], pm.HalfNormal("scale", 1), observed=y, dims="obs")
    return model


def test_effects_that_new_ones_would_change_are_refused():
    case = NAMED["new stores"]
    forecaster = PyMCForecaster(centred_inside, compile_kwargs=CHEAP, growing_dims=("store",))
    with pytest.raises(UnsupportedModelError, match="change the effects of the known ones"):
        forecaster.attach(case.posterior(), case.past)


def test_pairs_of_effects_that_new_ones_would_change_are_refused():
    build = matches(lambda strength, _, home, away: (strength - strength.mean())[home] + strength[away])
    forecaster = PyMCForecaster(build, compile_kwargs=CHEAP, growing_dims=("team",))
    with pytest.raises(UnsupportedModelError, match="change the effects of the known ones"):
        forecaster.attach(PAIRS[0].posterior(), PAIRS[0].past)


@pytest.mark.parametrize("name", ["walk over the rows", "latent process, non-centred"])
def test_states_of_the_rows_are_not_given_to_other_rows(name):
    """The posterior holds a state of each training row: a past that begins elsewhere is refused."""
    case = NAMED[name]
    forecaster = case.forecaster()
    posterior = forecaster.attach(case.posterior(), case.past)
    for past in (case.rows(case.trained, case.trained + 1), case.rows(1, case.trained + 1)):
        with pytest.raises(ValueError, match="must begin with the rows the posterior was fitted to"):
            forecaster.log_density(posterior, case.rows(case.trained + 1), past)
