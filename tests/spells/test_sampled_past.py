"""Tables of models whose rows follow from rows before them, and of models that grow."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

pm = pytest.importorskip("pymc")

import learning_debt as ld  # noqa: E402
from learning_debt.spells.simulated_outcomes import LastOfPath  # noqa: E402

CHEAP = {"mode": "FAST_COMPILE"}
WEEKS, INITIAL = 9, 6


def carried_over(data):
    """Spending works on for a week."""
    with pm.Model() as model:
        spend, y = (pm.Data(name, data[name].values, dims="obs") for name in ("spend", "y"))
        before = pm.math.concatenate([[0.0], spend[:-1]])
        pm.Normal("sales", pm.Normal("effect", 0, 1) * (spend + 0.5 * before), 1, observed=y, dims="obs")
    return model


def local_level(data):
    weeks = np.unique(data["week"])
    with pm.Model(coords={"week": weeks}) as model:
        week = pm.Data("week_index", np.searchsorted(weeks, data["week"]), dims="obs")
        y = pm.Data("y", data["y"].values, dims="obs")
        level = pm.GaussianRandomWalk("level", sigma=1, init_dist=pm.Normal.dist(0, 1), dims="week")
        pm.Normal("sales", level[week], 1, observed=y, dims="obs")
    return model


@pytest.fixture
def history():
    rng = np.random.default_rng(5)
    weeks = np.repeat(np.arange(WEEKS), 2)
    return xr.Dataset(
        {
            "week": ("obs", weeks),
            "period": ("obs", weeks),
            "spend": ("obs", rng.gamma(2, size=2 * WEEKS)),
            "y": ("obs", rng.normal(size=2 * WEEKS)),
        }
    )


def drawn_from_the_prior(forecaster):
    """Draws that need no sampler: the table is about what is done with draws, not about what they are."""

    def sample(graph, arguments, random_seed, progressbar):
        rng = np.random.default_rng(random_seed)
        variables, coords = {}, {}
        for rv in graph.free:
            dims = graph.dims(rv.name, rv.ndim)
            shape = [len(graph.coords[dim]) for dim in dims]
            variables[rv.name] = (("chain", "draw", *dims), rng.normal(size=(4, 100, *shape)).cumsum(axis=-1))
            coords |= {dim: list(graph.coords[dim]) for dim in dims}
        return xr.DataTree.from_dict({"posterior": xr.Dataset(variables, coords=coords)})

    forecaster._sampler.sample = sample
    return forecaster


def test_every_period_is_scored_after_its_own_past(history):
    forecaster = drawn_from_the_prior(ld.PyMCForecaster(carried_over, compile_kwargs=CHEAP))
    table = ld.spell_table(
        forecaster, history, initial=INITIAL, variables=["debt", "score_gap"], random_seed=1, progressbar=False
    )
    seeds = np.random.SeedSequence(1).spawn(1)[0].generate_state(3 * (WEEKS - INITIAL + 1)).reshape(-1, 3)[:, 0]
    rows = [history.isel(obs=slice(0, 2 * (INITIAL + t))).drop_vars("period") for t in range(WEEKS - INITIAL + 1)]
    posteriors = [forecaster.fit(part, random_seed=int(seed)) for part, seed in zip(rows, seeds, strict=True)]
    batch, past = rows[3].isel(obs=slice(-2, None)), rows[2]
    expected = ld.score_gap(forecaster, posteriors[2], posteriors[0], batch, past=past)
    assert table["score_gap"].values[0, 0, 2] == pytest.approx(expected.value)
    alone = ld.score_gap(forecaster, posteriors[2], posteriors[0], batch, past=past.isel(obs=slice(0)))
    assert abs(alone.value - expected.value) > 1e-3  # what a table that forgets the past would hold
    new = rows[3].isel(obs=slice(2 * INITIAL, None))
    debt = ld.posterior_debt(forecaster, posteriors[3], posteriors[0], new)
    assert table["debt"].values[0, 0, 2] == pytest.approx(debt.value)


def test_debt_is_left_out_where_states_grow_and_the_table_says_so(history):
    forecaster = ld.PyMCForecaster(local_level, growing_dims=("week",), compile_kwargs=CHEAP)
    forecaster = drawn_from_the_prior(forecaster)
    with pytest.warns(UserWarning, match="holds no debt: groups or states came with the rows"):
        table = ld.spell_table(forecaster, history, initial=INITIAL, random_seed=1, progressbar=False)
    assert not [name for name in table if str(name).startswith("debt")]
    assert "no posterior debt exists" in table.attrs["debt"]
    upper = np.triu_indices(WEEKS - INITIAL)
    assert np.isfinite(table["score_gap"].values[0][upper]).all()
    assert (table["predictive_debt"].values[0][upper] >= 0).all()
    assert forecaster.needs_past
    assert ld.replay(table, ld.policies.Calendar(2), cost=0.1).retrains.item() >= 1


def autoregression(data):
    with pm.Model() as model:
        y = pm.Data("y", data["y"].values, dims="obs")
        rho = pm.math.stack([pm.Normal("rho", 0, 0.3)])
        start = pm.Normal.dist(0, 1, shape=1)
        pm.AR("level", rho, 0.5, init_dist=start, observed=y, dims="obs")
    return model


def lagged_by_hand(data):
    with pm.Model() as model:
        y = pm.Data("y", data["y"].values, dims="obs")
        before = pm.math.concatenate([[0.0], y[:-1]])
        pm.Normal("level", pm.Normal("rho", 0, 0.3) * before, 0.5, observed=y, dims="obs")
    return model


def test_two_steps_ahead_of_an_autoregression_its_path_is_simulated(history):
    """y(t+2) given y(t) = N(rho^2 y(t), 0.25 (1 + rho^2)), at every draw of rho; the outcome in between is not used."""
    forecaster = drawn_from_the_prior(ld.PyMCForecaster(autoregression, compile_kwargs=CHEAP))
    rows = history[["y"]]
    posterior = forecaster.fit(rows.isel(obs=slice(0, 12)), random_seed=1)
    assert forecaster.feedback
    ahead = LastOfPath(forecaster, rows.isel(obs=[12]))
    wide = xr.concat([posterior["posterior"].to_dataset()] * 20, "draw").assign_coords(draw=np.arange(2000))
    many = posterior.copy()
    many["posterior"] = xr.DataTree(wide)
    past, target = rows.isel(obs=slice(0, 12)), rows.isel(obs=[13])
    drawn = ahead.predict(many, target, past, random_seed=2)["level"].values[:, 0]
    rho, last = wide["rho"].values.ravel(), float(past["y"][-1])
    standard = (drawn - rho**2 * last) / (0.5 * np.sqrt(1 + rho**2))
    assert abs(standard.mean()) < 4 / np.sqrt(standard.size)
    assert abs(standard.var() - 1) < 4 * np.sqrt(2 / standard.size)
    with pytest.raises(NotImplementedError, match="draws but no density"):
        ahead.log_density(posterior, target, past)
    data = history[["y", "period"]]
    options = {"initial": INITIAL, "horizon": 2, "random_seed": 1, "progressbar": False}
    table = ld.spell_table(forecaster, data, score="crps", variables=["predictive_debt"], **options)
    assert np.isfinite(table["predictive_debt"].values[0][np.triu_indices(WEEKS - INITIAL - 1)]).all()
    with pytest.raises(ValueError, match="choose a score of draws"):
        ld.spell_table(forecaster, data, **options)
    by_hand = drawn_from_the_prior(ld.PyMCForecaster(lagged_by_hand, compile_kwargs=CHEAP))
    with pytest.raises(ld.UnsupportedModelError, match="or a random walk"):
        ld.spell_table(by_hand, data, score="crps", **options)


def test_in_a_rolling_window_rows_are_scored_after_all_that_was_before(history):
    forecaster = drawn_from_the_prior(ld.PyMCForecaster(carried_over, compile_kwargs=CHEAP))
    options = {"initial": INITIAL, "variables": ["debt", "score_gap"], "random_seed": 1, "progressbar": False}
    with pytest.warns(UserWarning, match="what leaves a rolling window was past to what stays"):
        table = ld.spell_table(forecaster, history, update_rule=ld.UpdateRule(window=4), **options)
    seeds = np.random.SeedSequence(1).spawn(1)[0].generate_state(3 * (WEEKS - INITIAL + 1)).reshape(-1, 3)[:, 0]
    windows = [history.isel(obs=slice(2 * (INITIAL + t - 4), 2 * (INITIAL + t))) for t in range(3)]
    posteriors = [forecaster.fit(part, random_seed=int(seed)) for part, seed in zip(windows, seeds, strict=False)]
    batch, past = history.isel(obs=slice(16, 18)), history.isel(obs=slice(0, 16))
    expected = ld.score_gap(forecaster, posteriors[2], posteriors[0], batch, past=past)
    assert table["score_gap"].values[0, 0, 2] == pytest.approx(expected.value)
    states = drawn_from_the_prior(ld.PyMCForecaster(local_level, growing_dims=("week",), compile_kwargs=CHEAP))
    with pytest.raises(ValueError, match="states of this model follow from the first row"):
        ld.spell_table(states, history, update_rule=ld.UpdateRule(window=4), **options)
