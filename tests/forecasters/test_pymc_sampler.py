"""A sampler's word: interrupts, draws that are missing or not finite, rows that are not the posterior's, threads."""

from __future__ import annotations

import json
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pymc as pm
import pytest
import xarray as xr
from scipy import stats

from learning_debt.forecasters.pymc.forecaster import PyMCForecaster

STORES = ["Graz", "Linz", "Wels"]


def build(data):
    with pm.Model(coords={"store": STORES}) as model:
        x, y = (pm.Data(name, np.asarray(data[name]), dims="obs") for name in ("x", "y"))
        slope, level = pm.Normal("slope", 0, 1), pm.Normal("level", 0, 1, dims="store")
        pm.Normal("outcome", slope * x + level.sum(), 1, observed=y, dims="obs")
    return model


def rows(count=12, seed=1):
    rng = np.random.default_rng(seed)
    return {"x": rng.normal(size=count), "y": rng.normal(size=count)}


def tree(chains=2, draws=10, **groups):
    rng = np.random.default_rng(7)
    variables = {
        "slope": (("chain", "draw"), rng.normal(size=(chains, draws))),
        "level": (("chain", "draw", "store"), rng.normal(size=(chains, draws, 3))),
    }
    coords = {"store": STORES, "chain": np.arange(chains), "draw": np.arange(draws)}
    return xr.DataTree.from_dict({"posterior": xr.Dataset(variables, coords=coords), **groups})


def own_groups(data, names=("y", "x"), dtype=float):
    """What samplers store of the data."""
    columns = {name: ("obs", np.asarray(data[name], dtype=dtype)) for name in names}
    observed = {"outcome": columns.pop("y")} if "y" in columns else {}
    return {"observed_data": xr.Dataset(observed), "constant_data": xr.Dataset(columns)}


@pytest.fixture(scope="module")
def forecaster():
    return PyMCForecaster(build, draws=10, tune=10, chains=2, compile_kwargs={"mode": "FAST_COMPILE"})


# Interrupts and missing draws ----------------------------------------------------------------------------------------


def test_an_interrupt_of_nutpie_is_an_interrupt(student, models, monkeypatch):
    pytest.importorskip("nutpie")
    forecaster, _ = student
    monkeypatch.setattr(forecaster._sampler, "draws", 50_000_000)
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 2)
    try:
        with pytest.raises(KeyboardInterrupt):
            forecaster.fit(models.student.data(50), random_seed=1)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def cut(result):
    """A `pm.sample` that is interrupted: what is there so far, or an error where there is nothing."""

    def sample(**_):
        if isinstance(result, Exception):
            raise result
        return result

    return sample


@pytest.mark.parametrize(
    "result",
    [tree(2, 7), tree(1, 10), xr.DataTree(), ValueError("Not enough samples to build a trace.")],
    ids=["draws", "chains", "tuning", "nothing"],
)
def test_pm_sample_cut_short_is_an_interrupt(monkeypatch, result):
    monkeypatch.setattr(pm, "sample", cut(result))
    with pytest.raises(KeyboardInterrupt):
        PyMCForecaster(build, draws=10, chains=2, sampler="pymc").fit(rows())


def test_nutpie_with_too_few_draws_is_an_error(monkeypatch):
    nutpie = pytest.importorskip("nutpie")
    short = PyMCForecaster(build, draws=10, chains=2, sampler="nutpie")
    monkeypatch.setattr(short._sampler, "_compile", lambda *_: None)
    monkeypatch.setattr("learning_debt.forecasters.pymc.sampling.sampler._with_arguments", lambda *_: None)
    monkeypatch.setattr(nutpie, "sample", lambda *_, **__: SimpleNamespace(wait=lambda: tree(2, 7)))
    with pytest.raises(RuntimeError, match=r"gave 7 draws in 2 chain\(s\), not 10 in 2"):
        short.fit(rows())


@pytest.mark.parametrize("where", ["fit", "attach", "score"])
def test_draws_that_are_not_finite_name_parameter_chain_and_label(monkeypatch, forecaster, where):
    broken = tree()
    broken["posterior"]["level"].values[1, 4, 2] = np.inf
    place = r"'level' is inf in chain 1, draw 4, store Wels \(1 of 20 draws\)"
    if where == "fit":
        monkeypatch.setattr(pm, "sample", cut(broken))
        monkeypatch.setattr(forecaster._sampler, "name", "pymc")
        with pytest.raises(RuntimeError, match=place):
            forecaster.fit(rows())
    elif where == "attach":
        with pytest.raises(ValueError, match=place):
            forecaster.attach(broken, rows())
    else:
        forecaster.attach(tree(), rows())
        with pytest.raises(ValueError, match=place):
            forecaster.log_density(broken, rows())


def test_a_chain_that_ends_early_is_named(forecaster):
    """Nutpie fills up with NaN where an interrupt found its chains at different draws."""
    broken = tree()
    for name in ("slope", "level"):
        broken["posterior"][name].values[1, 6:] = np.nan
    with pytest.raises(ValueError, match=r"in chain 1 ends after 6 of 10 draws \(was its sampler interrupted\?\)"):
        forecaster.attach(broken, rows())


def test_attaching_fewer_draws_than_nutpie_was_asked_for_warns(forecaster):
    stats_group = xr.Dataset(attrs={"inference_library_settings": json.dumps({"settings": {"num_draws": 10}})})
    forecaster.attach(tree(2, 10, sample_stats=stats_group), rows())
    with pytest.warns(UserWarning, match="7 draws a chain of the 10 that nutpie was asked for"):
        forecaster.attach(tree(2, 7, sample_stats=stats_group), rows())


# Rows that are not the posterior's -----------------------------------------------------------------------------------


def test_own_rows_are_accepted_in_any_precision(forecaster):
    data = rows()
    short = {name: np.array([float(f"{value:.5g}") for value in values]) for name, values in data.items()}
    for held in (own_groups(data), own_groups(data, dtype=np.float32), own_groups(short), own_groups(data, ("y",)), {}):
        assert forecaster.attach(tree(**held), data)["training_data"].sizes["obs"] == 12


@pytest.mark.parametrize("names", [("y",), ("x",), ("y", "x")])
def test_other_rows_are_refused(forecaster, names):
    own = own_groups(rows(12), names)
    with pytest.raises(ValueError, match="data: 10 rows, but the posterior was fitted to 12"):
        forecaster.attach(tree(**own), {name: values[:10] for name, values in rows(12).items()})
    changed = {name: values.copy() for name, values in rows(12).items()}
    for name in names:
        changed[name][5] += 0.5
    with pytest.raises(ValueError, match=rf"data: '{names[-1]}' is .* in row 5, but .* in the posterior's own"):
        forecaster.attach(tree(**own), changed)
    with pytest.raises(ValueError, match="in their order"):
        forecaster.attach(tree(**own), {name: values[::-1] for name, values in rows(12).items()})


def test_rows_of_weight_zero_may_be_in_the_posterior(forecaster):
    data, weight = rows(), np.r_[np.zeros(4), np.ones(8)]
    for own in (own_groups(data), own_groups({name: values[4:] for name, values in data.items()})):
        assert forecaster.attach(tree(**own), data, weight)["training_data"].sizes["obs"] == 8
    with pytest.raises(ValueError, match="row 0"):
        forecaster.attach(tree(**own_groups({name: values[::-1] for name, values in data.items()})), data, weight)


# Threads -------------------------------------------------------------------------------------------------------------


def test_threads_do_not_sample_from_each_others_data(monkeypatch):
    """Two forecasters of one ready model, and one of them twice: its data are set in place."""

    def watched(**_):
        model = pm.modelcontext(None)
        before = model["x"].get_value()
        time.sleep(0.05)
        np.testing.assert_array_equal(model["x"].get_value(), before)
        drawn = tree()
        drawn["posterior"]["slope"].values[:] = before.sum()
        return drawn

    monkeypatch.setattr(pm, "sample", watched)
    model = build(rows(4))
    options = {"draws": 10, "chains": 2, "sampler": "pymc"}
    two = [PyMCForecaster(model=model, **options) for _ in range(2)]
    jobs = [(two[k % 2], rows(10 + k, seed=k)) for k in range(6)]
    with ThreadPoolExecutor(6) as pool:
        posteriors = list(pool.map(lambda job: job[0].fit(job[1]), jobs))
    for (_, data), posterior in zip(jobs, posteriors, strict=True):
        np.testing.assert_allclose(posterior["posterior"]["slope"], data["x"].sum())
    np.testing.assert_array_equal(model["x"].get_value(), rows(4)["x"])


def test_threads_score_their_own_rows(forecaster):
    """Compiled code keeps its arguments in one place."""
    posterior = forecaster.attach(tree(), rows())
    slope, level = (posterior["posterior"][name].values.reshape(20, -1) for name in ("slope", "level"))

    def error(seed):
        batch = rows(3 + seed % 5, seed)
        right = stats.norm.logpdf(batch["y"], slope * batch["x"] + level.sum(axis=1, keepdims=True), 1)
        return np.abs(forecaster.log_density(posterior, batch)["outcome"].values - right).max()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            assert max(pool.map(error, range(150))) < 1e-9
    finally:
        sys.setswitchinterval(interval)


def test_threads_draw_what_their_seed_gives(forecaster):
    posterior = forecaster.attach(tree(), rows())
    right = [forecaster.predict(posterior, rows(4, seed), random_seed=seed)["outcome"].values for seed in range(12)]
    with ThreadPoolExecutor(4) as pool:
        drawn = list(
            pool.map(
                lambda seed: forecaster.predict(posterior, rows(4, seed), random_seed=seed)["outcome"].values, range(12)
            )
        )
    np.testing.assert_array_equal(drawn, right)
