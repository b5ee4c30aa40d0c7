"""The worked example: its data are what they say, and sampled values meet the exact ones of its twin."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

import learning_debt as ld

MODEL = Path(__file__).parents[2] / "models" / "us_inflation.py"


@pytest.fixture(scope="module")
def model():
    spec = importlib.util.spec_from_file_location("us_inflation", MODEL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_shipped_columns_are_those_of_the_original_data(model):
    macrodata = pytest.importorskip("statsmodels.datasets.macrodata").load_pandas().data.iloc[1:]
    history = model.load_history()
    np.testing.assert_allclose(history["y"], macrodata["infl"].iloc[1:])
    np.testing.assert_allclose(history["x"].sel(coefficient="lagged_inflation"), macrodata["infl"].iloc[:-1])
    np.testing.assert_allclose(history["x"].sel(coefficient="lagged_unemployment"), macrodata["unemp"].iloc[:-1])
    quarters = [f"{year:.0f}Q{quarter:.0f}" for year, quarter in macrodata[["year", "quarter"]].iloc[1:].to_numpy()]
    assert history["period"].values.tolist() == quarters


def test_the_placeholder_quarter_is_left_out(model):
    first_forecast = model.load_history()["period"].values[0]
    assert first_forecast == "1959Q3"  # 1959Q2 is the first lag; 1959Q1 holds a placeholder


def test_the_calendar_is_every_fourth_quarter_after_the_first_fit(model):
    periods = model.load_history()["period"].values
    assert set(model.calendar) == {label for label in periods[model.initial :] if label[-1] == "4"}


@pytest.fixture(scope="module")
def tables(model):
    """Sampled and exact tables of the twin over its last 24 quarters, the 2008 crisis included."""
    history, initial = model.load_history(), 177
    sampled = ld.spell_table(
        ld.PyMCForecaster(model.build_twin),
        history,
        initial=initial,
        shadow=ld.Refit(),
        random_seed=3,
        progressbar=False,
    )
    exact = ld.spell_table(ld.ConjugateRegression(model.twin_prior), history, initial=initial, progressbar=False)
    return sampled, exact


@pytest.mark.parametrize("signal", ["debt", "predictive_debt", "score_gap"])
def test_sampled_signals_of_the_twin_meet_the_exact_ones(tables, signal):
    """Nuts draws: no reliable cell is off by more than 5 standard errors, and 90% intervals cover.

    Cells of one column share the shadow's draws and cells of one row the deployed posterior's, so 300 cells carry about
    as much information as 24 independent ones: coverage may fall to the 0.1% quantile of that binomial.
    """
    sampled, exact = tables
    error = sampled[f"{signal}_se"].values
    used = (error > 0) & sampled[f"{signal}_reliable"].values
    z = (sampled[signal].values - exact[signal].values)[used] / error[used]
    assert np.abs(z).max() < 5
    assert (np.abs(z) < 1.645).mean() > binom(24, 0.9).ppf(0.001) / 24
    assert used.sum() > 0.9 * (error > 0).sum()


def test_pooled_signals_of_the_twin_meet_the_exact_ones(model, tables):
    """All pairs of one table rest on the draws of two or three fits, so that only several tables say what covers."""
    forecaster, exact = ld.PyMCForecaster(model.build_twin), tables[1]
    missed = {"debt": [], "predictive_debt": [], "score_gap": []}
    for seed in range(1, 7):
        sampled = ld.spell_table(forecaster, model.load_history(), initial=177, random_seed=seed, progressbar=False)
        assert int(sampled["refits"].sum()) < 6
        for signal, misses in missed.items():
            error = sampled[f"{signal}_se"].values
            used = (error > 0) & sampled[f"{signal}_reliable"].values
            assert used.sum() > 0.9 * (error > 0).sum()
            misses.append(np.abs(sampled[signal].values - exact[signal].values)[used] / error[used])
    for signal, misses in missed.items():
        assert max(z.max() for z in misses) < 5, signal
        assert np.mean([(z < 1.645).mean() for z in misses]) > binom(12, 0.9).ppf(0.001) / 12, signal


def test_the_gap_spread_of_the_twin_meets_the_exact_one(tables):
    sampled, exact = tables
    ratio = (sampled["gap_sd"] / exact["gap_sd"]).values
    typical = exact["gap_sd"].values > 0.02
    assert abs(np.median(ratio[typical]) - 1) < 0.05


def test_every_shadow_of_the_twin_converged(tables):
    assert bool(tables[0]["converged"].all()), sorted(set(tables[0]["doubt"].values.ravel().tolist()))
