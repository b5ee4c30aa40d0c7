"""Rows that need a past: after it they score their conditional density, whole or in pieces; without it, a refusal."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytest
import xarray as xr

from learning_debt.errors import UnsupportedModelError
from learning_debt.forecasters.pymc.compiled import density, new_entries
from learning_debt.forecasters.pymc.forecaster import PyMCForecaster

from .case import CHEAP, along_rows, covariates, moment_errors, scored_on_its_own
from .refused import smoothed_both_ways
from .series import CASES, LAGS, shifted
from .variations import AFTER as VARIATIONS

NAMED = {case.name: case for case in (*CASES, *VARIATIONS)}


@pytest.fixture(scope="module", params=[*CASES, *VARIATIONS], ids=lambda case: case.name)
def attached(request):
    case = request.param
    forecaster = case.forecaster()
    return case, forecaster, forecaster.attach(case.posterior(), case.past)


def test_rows_score_what_the_formula_says_given_the_rows_before(attached):
    case, forecaster, posterior = attached
    scored = forecaster.log_density(posterior, case.batch, case.past)
    for draw in range(4):
        expected = case.terms(case.theta_at(draw), case.data)
        assert set(scored.data_vars) == set(expected)
        for name, terms in expected.items():
            assert scored[name].dims == ("sample", case.dim)
            got = scored[name].values[draw]
            np.testing.assert_allclose(got, terms[case.trained :], rtol=1e-9, atol=case.tolerance)


def test_a_batch_in_pieces_scores_the_same(attached):
    case, forecaster, posterior = attached
    cut = case.trained + 1
    whole = forecaster.log_density(posterior, case.batch, case.past)
    first = forecaster.log_density(posterior, case.rows(case.trained, cut), case.past)
    second = forecaster.log_density(posterior, case.rows(cut), case.rows(0, cut))
    xr.testing.assert_allclose(xr.concat([first, second], case.dim), whole, rtol=1e-9, atol=1e-9)


def test_without_the_past_the_number_would_be_another_so_it_is_asked_for(attached):
    case, forecaster, posterior = attached
    assert forecaster.needs_past is True
    with pytest.raises(ValueError, match="past"):
        forecaster.log_density(posterior, case.batch)
    with pytest.raises(ValueError, match="past"):
        forecaster.predict(posterior, case.batch.isel({case.dim: [0]}))
    prepare = case.options.get("prepare")
    batch = prepare(case.batch)[0] if prepare else case.batch
    naive = sum(terms.sum() for terms in scored_on_its_own(case.build(batch), case.theta_at(0)).values())
    truth = sum(terms[case.trained :].sum() for terms in case.terms(case.theta_at(0), case.data).values())
    assert abs(naive - truth) > 0.1


def test_draws_go_on_from_the_past_or_are_refused(attached):
    case, forecaster, posterior = attached
    if case.moments is None:
        with pytest.raises(UnsupportedModelError, match=r"draw|new entries"):
            forecaster.predict(posterior, case.batch.isel(obs=[0]), case.past)
        return
    if case.ahead == 1:
        with pytest.raises(UnsupportedModelError, match="one row at a time"):
            forecaster.predict(posterior, case.batch, case.past)
    posterior = forecaster.attach(case.posterior(same=500), case.past)
    stop = case.trained + case.ahead
    drawn = forecaster.predict(posterior, case.rows(case.trained, stop), case.past, random_seed=1)
    moments = case.moments(case.theta_at(0), case.rows(0, stop), case.trained)
    moments = moments if isinstance(moments, dict) else {"outcome": moments}
    for name, (mean, variance) in moments.items():
        assert drawn[name].sizes[case.dim] == case.ahead
        assert moment_errors(drawn[name].values, mean, variance) < 4


def test_context_rows_shorten_the_past():
    case = NAMED["adstock of four periods"]
    forecaster = case.forecaster()
    posterior = forecaster.attach(case.posterior(), case.past)
    short = forecaster.log_density(posterior, case.batch, case.rows(case.trained - LAGS + 1, case.trained))
    whole = forecaster.log_density(posterior, case.batch, case.past)
    np.testing.assert_allclose(short["outcome"].values, whole["outcome"].values, rtol=1e-9)


@pytest.mark.parametrize("name", ["adstock of four periods", "observed AR", "adstock"])
def test_too_few_context_rows_are_refused(name):
    case = NAMED[name]
    with pytest.raises(ValueError, match="context_rows"):
        case.forecaster(context_rows=1).attach(case.posterior(), case.past)


def test_a_past_that_does_not_fit_is_refused():
    case = NAMED["adstock"]
    forecaster = case.forecaster()
    posterior = forecaster.attach(case.posterior(), case.past)
    with pytest.raises(KeyError, match="spend"):
        forecaster.log_density(posterior, case.batch, case.past.drop_vars("spend"))
    holes = case.past["spend"].where(xr.DataArray(np.arange(case.trained) != 2, dims="obs"))
    with pytest.raises(ValueError, match="not finite"):
        forecaster.log_density(posterior, case.batch, case.past.assign(spend=holes))


@pytest.mark.parametrize("name", ["adstock", "adstock without dims", "observed AR", "wide adstock"])
def test_a_ready_model_does_the_same(name):
    case = NAMED[name]
    built, ready = case.forecaster(), PyMCForecaster(model=case.build(case.past), compile_kwargs=CHEAP, **case.options)
    scores = []
    for forecaster in (built, ready):
        posterior = forecaster.attach(case.posterior(), case.past)
        assert forecaster.needs_past is True
        scores.append(forecaster.log_density(posterior, case.batch, case.past))
    xr.testing.assert_allclose(*scores, rtol=1e-12)


def test_a_posterior_read_back_serves_in_a_new_forecaster(tmp_path):
    case = NAMED["lagged outcome"]
    posterior = case.forecaster().attach(case.posterior(), case.past)
    posterior.to_netcdf(tmp_path / "posterior.nc", engine="h5netcdf")
    read = xr.open_datatree(tmp_path / "posterior.nc", engine="h5netcdf")
    scored = case.forecaster().log_density(read, case.batch, case.past)["outcome"].values[0]
    truth = case.terms(case.theta_at(0), case.data)["outcome"][case.trained :]
    np.testing.assert_allclose(scored, truth, rtol=1e-9)
    with pytest.raises(ValueError, match="past"):
        case.forecaster().log_density(read, case.batch)


def campaign(rows=60, spend=3.0):
    """An input that was used once, or not yet."""
    rng, _ = covariates()
    return along_rows(x=np.where(np.arange(rows) == 37, spend, 0.0), y=rng.normal(size=rows))


@pytest.mark.parametrize("name", ["lagged input", "lagged input from prepare"])
@pytest.mark.parametrize("spend", [3.0, 0.0])
def test_a_lag_that_the_training_rows_hardly_show_is_found(name, spend):
    """One of sixty rows differs for the lag, or none; a batch after a busy row would be scored wrongly."""
    case = NAMED[name]
    forecaster = case.forecaster()
    posterior = forecaster.attach(case.posterior(), campaign(spend=spend))
    assert forecaster.needs_past is True
    data = campaign()
    batch, past = data.isel(obs=slice(38, 40)), data.isel(obs=slice(0, 38))
    scored = forecaster.log_density(posterior, batch, past)["outcome"].values[0]
    np.testing.assert_allclose(scored, case.terms(case.theta_at(0), data)["outcome"][38:40], rtol=1e-9)


def test_a_lag_of_whole_numbers_is_found():
    """Leaflets, by the thousand, in two of sixty weeks: neither sets of rows nor small moves show that they linger."""

    def leaflets(data):
        with pm.Model() as model:
            x, y = pm.Data("x", data["x"].values, dims="obs"), pm.Data("y", data["y"].values, dims="obs")
            pm.Normal("outcome", pm.Normal("then", 0, 1) * shifted(x), 1, observed=y, dims="obs")
        return model

    rows = np.arange(60)
    data = campaign().assign(x=("obs", np.where(rows == 37, 5, np.where(rows == 41, 8, 0))))
    forecaster = PyMCForecaster(leaflets, compile_kwargs=CHEAP)
    posterior = xr.DataTree.from_dict({"posterior": xr.Dataset({"then": (("chain", "draw"), np.full((1, 2), 0.8))})})
    forecaster.attach(posterior, data)
    assert forecaster.needs_past is True


def test_hindsight_that_the_training_rows_hardly_show_is_refused():
    forecaster = PyMCForecaster(smoothed_both_ways, compile_kwargs=CHEAP)
    posterior = xr.DataTree.from_dict({"posterior": xr.Dataset({"slope": (("chain", "draw"), np.full((1, 2), 0.8))})})
    with pytest.raises(UnsupportedModelError, match="rows after"):
        forecaster.attach(posterior, campaign())


@pytest.mark.parametrize("name", ["adstock", "marginal Gaussian process", "observed AR"])
def test_draws_in_chunks_are_the_same_draws(name, monkeypatch):
    """A few draws at a time, as many rows that meet in pairs make it necessary."""
    case = NAMED[name]
    forecaster = case.forecaster()
    posterior = forecaster.attach(case.posterior(), case.past)
    whole = forecaster.log_density(posterior, case.batch, case.past)
    monkeypatch.setattr(density, "CELLS", 8)
    monkeypatch.setattr(new_entries, "CELLS", 8)
    xr.testing.assert_allclose(forecaster.log_density(posterior, case.batch, case.past), whole, rtol=1e-12)
    posterior = forecaster.attach(case.posterior(same=400), case.past)
    stop = case.trained + case.ahead
    drawn = forecaster.predict(posterior, case.rows(case.trained, stop), case.past, random_seed=1)["outcome"]
    assert len(np.unique(drawn.values)) == drawn.size  # every chunk has random numbers of its own
    mean, variance = case.moments(case.theta_at(0), case.rows(0, stop), case.trained)
    assert moment_errors(drawn.values, mean, variance) < 4
