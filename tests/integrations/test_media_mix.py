"""pymc-marketing's MMM: its own scores in the target's unit, given the past that adstock needs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

mix = pytest.importorskip("pymc_marketing.mmm")
pm = pytest.importorskip("pymc")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

import learning_debt as ld  # noqa: E402
from learning_debt.integrations.model_builder import from_model_builder  # noqa: E402

FIRST, BATCH, DRAWS = slice(0, 40), slice(40, 45), 12


def media_mix(**options):
    return mix.MMM(
        date_column="date",
        channel_columns=["tv", "web"],
        control_columns=["price"],
        target_column="sales",
        yearly_seasonality=2,
        adstock=mix.GeometricAdstock(l_max=4),
        saturation=mix.LogisticSaturation(),
        **options,
    )


@pytest.fixture(scope="module")
def weeks():
    """Sixty weeks; both channels peak, for good, in the first week, and the target grows."""
    generator = np.random.default_rng(1)
    spend = generator.gamma(2, 50, (60, 2))
    spend[0] = 500
    inputs = pd.DataFrame(spend, columns=["tv", "web"]).assign(
        date=pd.date_range("2023-01-02", periods=60, freq="W-MON"), price=generator.normal(size=60)
    )
    sales = 300 + spend @ [0.8, 1.5] + 10 * np.arange(60) + 20 * generator.normal(size=60)
    sales[55] = 4000
    return inputs, pd.Series(sales, name="sales")


def taken(weeks, rows):
    return weeks[0].iloc[rows], weeks[1].iloc[rows]


def table(weeks, rows):
    return weeks[0].iloc[rows].assign(target_data=weeks[1].iloc[rows])


@pytest.fixture(scope="module")
def served(weeks):
    """A built MMM, draws of its prior, its forecaster, and the draws as a posterior of that."""
    model = media_mix()
    model.build_model(*taken(weeks, FIRST))
    options = {"compile_kwargs": {"mode": "FAST_COMPILE"}, "random_seed": 1}
    prior = pm.sample_prior_predictive(DRAWS, model=model.model, **options)["prior"].to_dataset()
    draws = xr.DataTree.from_dict({"posterior": prior[[rv.name for rv in model.model.free_RVs]]})
    forecaster = from_model_builder(media_mix(), *taken(weeks, FIRST))
    return model, draws, forecaster, forecaster.attach(draws, table(weeks, FIRST))


def test_new_weeks_score_as_the_mmm_scores_them_in_the_targets_unit(served, weeks):
    model, draws, forecaster, posterior = served
    ours = forecaster.log_density(posterior, table(weeks, BATCH), table(weeks, FIRST))["y"].values
    rows = model._posterior_predictive_data_transformation(*taken(weeks, slice(0, 45)))
    with model._set_xarray_data(rows, model=model.model.copy()):
        theirs = pm.compute_log_likelihood(draws, progressbar=False, extend_inferencedata=False)["y"]
    theirs = theirs.transpose("chain", "draw", "date").values.reshape(DRAWS, 45)[:, 40:]
    scale = float(model.model["target_scale"].get_value())
    np.testing.assert_allclose(ours, theirs - np.log(scale), rtol=1e-9)


def test_weeks_are_not_scored_without_the_weeks_before(served, weeks):
    _, _, forecaster, posterior = served
    assert forecaster.needs_past
    with pytest.raises(ValueError, match="past"):
        forecaster.log_density(posterior, table(weeks, BATCH))
    batch, past = table(weeks, BATCH), table(weeks, FIRST)
    scores = forecaster.log_density(posterior, batch, past)["y"].values
    nothing = forecaster.as_batch(past).isel(obs=slice(0))
    begun = forecaster.log_density(posterior, batch, nothing)["y"].values
    assert np.abs(scores - begun)[:, 0].max() > 0.01  # the carry-over of the weeks before


def test_one_forecast_scores_the_same_under_every_scale(served, weeks):
    """A retrained MMM scales by a larger maximum; in its own unit the same forecast would seem to score better."""
    model, draws, forecaster, posterior = served
    retrained = from_model_builder(media_mix(), *weeks)
    built = media_mix()
    built.build_model(*weeks)
    ratio = float(built.model["target_scale"].get_value()) / float(model.model["target_scale"].get_value())
    scaled = draws["posterior"].to_dataset()
    for name in ("intercept_contribution", "saturation_beta", "gamma_control", "gamma_fourier", "y_sigma"):
        scaled[name] = scaled[name] / ratio
    same = retrained.attach(xr.DataTree.from_dict({"posterior": scaled}), table(weeks, slice(None)))
    rows = table(weeks, BATCH), table(weeks, FIRST)
    gap = retrained.log_density(same, *rows)["y"] - forecaster.log_density(posterior, *rows)["y"]
    np.testing.assert_allclose(gap, 0, atol=1e-8)
    assert np.log(ratio) > 0.5  # nats a row: the gap between scores of two scaled targets


def test_what_is_not_one_series_by_date_is_refused(weeks):
    inputs, sales = weeks
    with pytest.raises(ld.UnsupportedModelError, match="panel"):
        from_model_builder(media_mix(dims=("geo",)), inputs.assign(geo="east"), sales)
    forecaster = from_model_builder(media_mix(), *taken(weeks, FIRST))
    with pytest.raises(ValueError, match="must increase"):
        forecaster.fit(table(weeks, slice(None, None, -1)))
