"""Series and fits side by side: in threads, processes and on a cluster, with the numbers of one after the other."""

import multiprocessing
import os
import signal
import time
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from tests.sampled_regression import SampledRegression
from tests.spells.test_store import PERIODS, PRIOR, ROWS, WARM, history, table

import learning_debt as ld

SPAWN = multiprocessing.get_context("spawn")
NAMES = ("a", "b", "c", "d")


def same(one, other):
    xr.testing.assert_identical(one.drop_vars("seconds"), other.drop_vars("seconds"))


def of_a_notebook():
    """A forecaster whose class only this function knows, as a cell of a notebook would."""

    class Own(SampledRegression):
        def fit(self, data, **options):
            return super().fit(data, **options)

    return Own(PRIOR, draws=100)


@pytest.fixture(scope="module")
def processes():
    with ProcessPoolExecutor(2, mp_context=SPAWN) as pool:
        yield pool


@pytest.mark.parametrize("kind", ["threads", "processes"])
@pytest.mark.parametrize("series", [NAMES, ()])
def test_side_by_side_is_one_after_the_other(processes, kind, series):
    data = history(series=series)
    expected = table(of_a_notebook(), data)
    if kind == "processes":
        same(expected, table(of_a_notebook(), data, executor=processes))
        return
    with ThreadPoolExecutor(2) as threads:
        same(expected, table(of_a_notebook(), data, executor=threads))


@pytest.mark.slow
def test_a_builder_of_a_notebook_is_sent_and_compiled_once_a_worker(processes, tmp_path):
    pytest.importorskip("nutpie")
    import pymc as pm

    builds = str(tmp_path)

    def build_model(data):
        open(os.path.join(builds, str(os.getpid())), "a").close()
        with pm.Model() as model:
            x = pm.Data("x", data["x"].values, dims="obs")
            y = pm.Data("y", data["y"].values, dims="obs")
            pm.Normal("outcome", pm.Normal("slope", 0, 2) * x, pm.HalfNormal("sd", 2), observed=y, dims="obs")
        return model

    data = history(series=("a", "b"))
    data = data.assign(x=data["x"].isel(k=0))
    forecaster = ld.PyMCForecaster(build_model, draws=100, tune=200)
    expected = table(forecaster, data)
    same(expected, table(forecaster, data, executor=processes))
    assert {path.name for path in tmp_path.iterdir()} - {str(os.getpid())}


class Dying(SampledRegression):
    """Its process is killed at one of its fits, once."""

    def __init__(self, mark):
        super().__init__(PRIOR, draws=100)
        self.mark = str(mark)

    def fit(self, data, **options):
        if self.fits == 2:
            try:
                os.mkdir(self.mark)  # the first who comes here
            except FileExistsError:
                pass
            else:
                time.sleep(0.5)
                os.kill(os.getpid(), signal.SIGKILL)
        return super().fit(data, **options)


def test_a_worker_that_is_killed_is_named_and_its_series_go_on_from_their_store(tmp_path):
    data, store = history(series=NAMES), tmp_path / "store"
    (tmp_path / "mark").mkdir()
    expected = table(Dying(tmp_path / "mark"), data)
    (tmp_path / "mark").rmdir()
    with pytest.raises(BrokenExecutor) as broken, ProcessPoolExecutor(2, mp_context=SPAWN) as pool:
        table(Dying(tmp_path / "mark"), data, store=store, executor=pool)
    assert "has gone away" in " ".join(broken.value.__notes__)
    fits = {file: file.stat().st_mtime_ns for file in store.rglob("*.nc")}
    assert fits
    with ProcessPoolExecutor(2, mp_context=SPAWN) as pool:
        same(expected, table(Dying(tmp_path / "mark"), data, store=store, executor=pool))
    assert fits.items() <= {file: file.stat().st_mtime_ns for file in store.rglob("*.nc")}.items()


@pytest.fixture(scope="module")
def cluster():
    distributed, dask = pytest.importorskip("distributed"), pytest.importorskip("dask")
    as_here: dict[str, str] = {}  # dask would give linear algebra one thread, which rounds otherwise than several
    with (
        dask.config.set({"distributed.nanny.pre-spawn-environ": as_here}),
        distributed.LocalCluster(
            n_workers=3, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
        ) as local,
        distributed.Client(local) as client,
    ):
        yield client


@pytest.mark.slow
def test_a_cluster_gives_the_same_numbers_though_a_worker_is_killed(cluster, tmp_path):
    data = history(series=NAMES)
    (tmp_path / "mark").mkdir()
    expected = table(Dying(tmp_path / "mark"), data)
    same(expected, table(of_a_notebook(), data, executor=cluster.get_executor()))
    (tmp_path / "mark").rmdir()
    before = set(cluster.scheduler_info()["workers"])
    same(expected, table(Dying(tmp_path / "mark"), data, executor=cluster.get_executor()))
    assert (tmp_path / "mark").exists()
    assert set(cluster.scheduler_info()["workers"]) != before


@pytest.mark.slow
def test_a_cluster_that_goes_away_is_named(cluster, tmp_path):
    distributed = pytest.importorskip("distributed")

    class Closing(SampledRegression):
        def fit(self, data, **options):
            time.sleep(30)
            return super().fit(data, **options)

    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as local:
        client = distributed.Client(local)
        with ThreadPoolExecutor(1) as aside:
            waiting = aside.submit(
                table, Closing(PRIOR, draws=100), history(series=NAMES), executor=client.get_executor()
            )
            time.sleep(3)
            client.close()
            with pytest.raises(BaseException) as gone:  # noqa: PT011
                waiting.result()
    assert "has gone away" in " ".join(getattr(gone.value, "__notes__", [])), repr(gone.value)


def ragged(shortest=WARM + 4):
    """Series that open and close: all periods, the later ones, the earlier ones, all again."""
    parts = []
    for number, (first, last) in enumerate([(0, None), (5, None), (0, shortest), (0, None)]):
        own = history()
        own = own.assign(y=own["y"] + number)
        chosen = (own["period"] >= first) & (own["period"] < (WARM + PERIODS if last is None else last))
        own = own.isel(obs=np.flatnonzero(chosen.values))
        parts.append(own.assign(series=("obs", [NAMES[number]] * own.sizes["obs"])))
    return xr.concat(parts, "obs")


OPTIONS = {"initial": WARM, "progressbar": False, "random_seed": 3}


@pytest.mark.parametrize("size", [1, 100])
def test_series_that_open_and_close_have_the_tables_they_have_alone(size):
    exact = ld.ConjugateRegression(PRIOR)
    data = ragged()
    tables = list(ld.spell_tables(exact, data, series_per_table=size, **OPTIONS))
    names = [name for one in tables for name in one["series"].values.tolist()]
    assert names == ["a", "d", "b", "c"]
    assert len(tables) == (4 if size == 1 else 3)
    for one in tables:
        for name in one["series"].values.tolist():
            own = data.isel(obs=np.flatnonzero(data["series"].values == name)).drop_vars("series")
            alone = ld.spell_table(exact, own, **OPTIONS)
            found = one.sel(series=[name]).assign_coords(series=alone["series"])
            xr.testing.assert_equal(found, alone)


def test_series_that_open_and_close_are_sampled_and_kept(tmp_path):
    data = ragged()
    first = list(ld.spell_tables(SampledRegression(PRIOR, draws=100), data, store=tmp_path, **OPTIONS))
    again = SampledRegression(PRIOR, draws=100)
    for one, other in zip(first, ld.spell_tables(again, data, store=tmp_path, **OPTIONS), strict=True):
        same(one, other)
    assert again.fits == 0


def test_an_exposure_of_series_that_open_and_close_goes_by_labels_only():
    exact, data = ld.ConjugateRegression(PRIOR), ragged()
    labels = np.arange(WARM, WARM + PERIODS)
    tables = ld.spell_tables(exact, data, exposure=pd.Series(labels * 1.0, index=labels), **OPTIONS)
    for one in tables:
        np.testing.assert_array_equal(one["exposure"], np.tile(one["label"], (one.sizes["series"], 1)))
    shifted = data.assign(period=data["period"] + 1)  # numbers 1..T of one table are labels of another
    with pytest.raises(ValueError, match="exposure lacks the periods"):
        ld.spell_tables(exact, shifted, exposure=pd.Series(1.0, index=np.arange(1, PERIODS + 1)), **OPTIONS)
    for unlabelled in (np.ones(PERIODS), xr.DataArray(np.ones(PERIODS), dims="period")):
        with pytest.raises(ValueError, match="exposure has no labels, and series that cover other periods"):
            ld.spell_tables(exact, data, exposure=unlabelled, **OPTIONS)


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_an_executor_that_was_shut_down_before_the_tables_were_asked_for_is_named(kind):
    with kind(1) as pool:
        tables = ld.spell_tables(ld.ConjugateRegression(PRIOR), history(series=NAMES), executor=pool, **OPTIONS)
    with pytest.raises(RuntimeError) as late:
        next(tables)
    assert "executor= takes no more work" in " ".join(late.value.__notes__)


def test_a_series_whose_rows_cannot_be_cut_into_periods_is_named():
    data = history(series=NAMES)
    swapped = data.isel(obs=np.r_[0 : data.sizes["obs"] - 2 * ROWS, -ROWS:0, -2 * ROWS : -ROWS])
    with pytest.raises(ValueError, match="out of order") as disordered:
        ld.spell_tables(ld.ConjugateRegression(PRIOR), swapped, **OPTIONS)
    assert disordered.value.__notes__ == ["of series d"]


def test_a_series_that_is_too_short_is_named_before_the_first_table():
    with pytest.raises(ValueError, match="initial=6 leaves no period") as short:
        ld.spell_tables(ld.ConjugateRegression(PRIOR), ragged(shortest=5), **OPTIONS)
    assert short.value.__notes__ == ["of series c"]
    with pytest.raises(ValueError, match="use spell_tables"):
        ld.spell_table(ld.ConjugateRegression(PRIOR), ragged(), **OPTIONS)
