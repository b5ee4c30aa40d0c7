"""Tables that keep what they cost: interrupted anywhere they come out the same, and nothing is mixed."""

import copy
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from tests.sampled_regression import SampledRegression

import learning_debt as ld
from learning_debt.data.content_hash import object_hash
from learning_debt.errors import OtherTableError
from learning_debt.spells import store_identity, table_store
from learning_debt.spells.pooled_anchors import Anchors

PRIOR = ld.NIG(np.zeros(2), np.eye(2), 2.0, 1.0)
WARM, PERIODS, ROWS = 6, 10, 5
SHADOWS = {"pooled": ld.PooledShadow(), "refit": ld.Refit(), "ladder": ld.ShadowLadder()}


def history(late=False, series=()):
    rng = np.random.default_rng(1)
    period = np.repeat(np.arange(WARM + PERIODS), ROWS)
    x = rng.normal(size=(len(period), 2))
    y = x[:, 0] * np.where(period >= WARM + PERIODS // 2, 2.0, 0.5) - x[:, 1] + rng.normal(size=len(period))
    data = xr.Dataset({"x": (("obs", "k"), x), "y": ("obs", y), "period": ("obs", period)})
    if late:
        data["arrived"] = data["period"] + (np.arange(len(period)) % ROWS == 0)
        data["row"] = ("obs", np.arange(len(period)))
    if series:
        data = xr.concat([data.assign(series=("obs", [name] * len(period))) for name in series], "obs")
    return data


def table(forecaster=None, data=None, **options):
    forecaster = SampledRegression(PRIOR, draws=100) if forecaster is None else forecaster
    asked = {"initial": WARM, "random_seed": 3, "progressbar": False} | options
    return ld.spell_table(forecaster, history() if data is None else data, **asked)


class PowerCutError(Exception):
    """Raised where a run ends."""


class Cut(SampledRegression):
    """Ends at one of its fits."""

    def __init__(self, at):
        super().__init__(PRIOR, draws=100)
        self.at = at

    def fit(self, data, **options):
        if self.fits == self.at:
            raise PowerCutError
        return super().fit(data, **options)


Cut.__module__, Cut.__qualname__ = SampledRegression.__module__, SampledRegression.__qualname__


def same(one, other):
    xr.testing.assert_identical(one.drop_vars("seconds"), other.drop_vars("seconds"))


@pytest.mark.parametrize(
    ("shadow", "late", "fit"),
    [
        ("pooled", False, 1),
        ("pooled", False, 3),
        ("refit", False, 0),
        ("refit", False, 3),
        ("refit", True, 3),
        ("ladder", True, 1),
    ],
)
def test_a_run_that_ended_at_a_fit_goes_on_there_and_comes_out_the_same(tmp_path, shadow, fit, late):
    data, keeper = history(late), SHADOWS[shadow]
    whole = table(data=data, shadow=keeper, store=tmp_path / "whole")
    cut, again = Cut(fit), SampledRegression(PRIOR, draws=100)
    try:
        table(cut, data, shadow=keeper, store=tmp_path / "cut")
        assert shadow == "ladder"  # which may need fewer fits
    except PowerCutError:
        pass
    resumed = table(again, data, shadow=keeper, store=tmp_path / "cut")
    same(whole, resumed)
    assert cut.fits + again.fits == len(list((tmp_path / "whole" / "series-00000" / "fits").iterdir()))
    plain = table(data=data, shadow=keeper)
    xr.testing.assert_allclose(plain.drop_vars("seconds"), whole.drop_vars("seconds"), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("shadow", "options"),
    [
        ("pooled", {}),
        ("refit", {"update_rule": ld.UpdateRule(window=5)}),
        ("refit", {"horizon": 2, "variables": ("debt", "score_gap")}),
        ("ladder", {"update_rule": ld.UpdateRule(discount=0.9)}),
        ("ladder", {"data": history(late=True)}),
    ],
)
def test_a_run_that_ended_between_two_columns_takes_those_that_are_there(tmp_path, monkeypatch, shadow, options):
    options = {"shadow": SHADOWS[shadow]} | options
    whole = table(store=tmp_path / "whole", **options)
    written = []

    def keep_column(self, way, period, column):
        if len(written) == 4:
            raise PowerCutError
        written.append(period)
        kept(self, way, period, column)

    kept = table_store.SeriesStore.keep_column
    monkeypatch.setattr(table_store.SeriesStore, "keep_column", keep_column)
    with pytest.raises(PowerCutError):
        table(store=tmp_path / "cut", **options)
    monkeypatch.setattr(table_store.SeriesStore, "keep_column", kept)
    there = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "cut" / "series-00000" / "periods").iterdir()}
    assert len(there) == 4
    same(whole, table(store=tmp_path / "cut", **options))
    after = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "cut" / "series-00000" / "periods").iterdir()}
    assert len(after) == PERIODS + 1 - options.get("horizon", 1)
    assert there.items() <= after.items()


class Sticky(SampledRegression):
    """A fit to one number of rows is four chains that lie apart."""

    def fit(self, data, *, row_weight=None, random_seed=None):
        posterior = super().fit(data, row_weight=row_weight, random_seed=random_seed)
        if len(data["y"]) == (WARM + PERIODS) * ROWS:
            group = posterior["posterior"].to_dataset()
            for name in group.data_vars:
                apart = 0.05 * np.arange(group.sizes["chain"]) * float(group[name].std())
                group[name] = group[name] + 40 * xr.DataArray(apart, dims="chain")
            posterior["posterior"] = xr.DataTree(group)
        return posterior


def test_a_whole_table_is_read_without_a_fit_and_without_its_seed(tmp_path):
    first = table(store=tmp_path / "store", random_seed=None)
    forecaster = SampledRegression(PRIOR, draws=100)
    same(first, table(forecaster, store=tmp_path / "store", random_seed=None))
    assert forecaster.fits == 0


def test_every_series_has_its_own_part(tmp_path):
    data = history(series=("a", "b"))
    whole = table(data=data)
    cut = Cut(8)
    with pytest.raises(PowerCutError):
        table(cut, data, store=tmp_path / "store")
    again = SampledRegression(PRIOR, draws=100)
    resumed = table(again, data, store=tmp_path / "store")
    xr.testing.assert_allclose(whole.drop_vars("seconds"), resumed.drop_vars("seconds"), rtol=1e-10, atol=1e-12)
    assert {part.name for part in (tmp_path / "store").iterdir()} == {"store.json", "series-00000", "series-00001"}


def test_posteriors_of_a_replay_are_made_of_the_fits_of_its_table(tmp_path):
    table(shadow=ld.PooledShadow(), store=tmp_path / "store")
    forecaster = SampledRegression(PRIOR, draws=100)
    replayed = ld.replayed_posteriors(
        forecaster, history(), initial=WARM, random_seed=3, progressbar=False, store=tmp_path / "store"
    )
    assert forecaster.fits == 0
    assert replayed.periods == PERIODS
    ld.replayed_posteriors(forecaster, history(), initial=WARM, progressbar=False, store=tmp_path / "first")
    fits = forecaster.fits
    table(forecaster, random_seed=None, store=tmp_path / "first")
    assert forecaster.fits == fits
    with pytest.raises(OtherTableError, match="score is log"):
        table(forecaster, random_seed=None, score="crps", store=tmp_path / "first")


def told_of(replayed):
    return [repr(one._replace(seconds=0)) for one in replayed.upkeep]


def test_of_a_samplers_statistics_a_store_keeps_which_transitions_diverged(tmp_path):
    """The verdict on a fit rests on it; the others would be most of the file."""

    class Diverging(SampledRegression):
        def fit(self, data, **options):
            tree = super().fit(data, **options)
            shape = (
                ("chain", "draw"),
                np.ones([tree["posterior"].sizes[dim] for dim in ("chain", "draw")], dtype=bool),
            )
            tree["sample_stats"] = xr.DataTree(xr.Dataset({"diverging": shape, "energy": shape}, attrs={"asked": 100}))
            return tree

    kept = table(Diverging(PRIOR, draws=100), store=tmp_path / "kept", shadow=SHADOWS["refit"])
    plain = table(Diverging(PRIOR, draws=100), shadow=SHADOWS["refit"])
    xr.testing.assert_identical(kept.drop_vars("seconds"), plain.drop_vars("seconds"))
    assert not kept["converged"].any()
    for file in (tmp_path / "kept").rglob("fits/*.nc"):
        statistics = xr.load_datatree(file, engine="h5netcdf")["sample_stats"]
        assert list(statistics.data_vars) == ["diverging"]
        assert statistics.attrs == {"asked": 100}


def test_the_fits_of_a_pool_are_not_sought_again(tmp_path, monkeypatch):
    options = {"initial": WARM, "random_seed": 3, "progressbar": False, "store": tmp_path / "store"}
    sought = ld.replayed_posteriors(SampledRegression(PRIOR, draws=100), history(), **options)
    monkeypatch.setattr(Anchors, "found", None)
    again = ld.replayed_posteriors(SampledRegression(PRIOR, draws=100), history(), **options)
    assert again.draws.pool.anchors == sought.draws.pool.anchors
    np.testing.assert_array_equal(again.draws.pool.weight, sought.draws.pool.weight)
    assert told_of(again) == told_of(sought)


def test_a_pool_that_left_fits_out_is_found_again(tmp_path):
    """Fits that do not converge are made twice, and left out where they stay so."""
    options = {"initial": np.int64(WARM), "random_seed": 3, "progressbar": False, "store": tmp_path / "store"}
    with pytest.warns(UserWarning, match="cannot be believed"):
        sought = ld.replayed_posteriors(Sticky(PRIOR, draws=100), history(), **options)
    told = json.loads((tmp_path / "store" / "series-00000" / "search.json").read_text())
    assert told["left_out"]
    assert [1 for _, salt, _ in told["fitted"] if salt == 1]
    with pytest.warns(UserWarning, match="cannot be believed"):
        again = ld.replayed_posteriors(Sticky(PRIOR, draws=100), history(), **options)
    assert again.draws.pool.anchors == sought.draws.pool.anchors
    assert told_of(again) == told_of(sought)


class Restless(SampledRegression):
    """Does not repeat itself: a fit with the same seed has other draws, of period 5 far from where they belong."""

    def __init__(self, apart=0.0):
        super().__init__(PRIOR, draws=100)
        self.apart = apart

    def fit(self, data, *, row_weight=None, random_seed=None):
        posterior = super().fit(data, row_weight=row_weight, random_seed=random_seed + 1 if self.apart else random_seed)
        if len(data["y"]) == (WARM + 5) * ROWS:
            group = posterior["posterior"].to_dataset()
            moved = {name: group[name] + self.apart * group[name].std() for name in group.data_vars}
            posterior["posterior"] = xr.DataTree(group.assign(moved))
        return posterior


@pytest.mark.filterwarnings("ignore:.*cannot be believed")
def test_fits_that_were_lost_and_come_out_otherwise_are_checked_anew(tmp_path):
    options = {"initial": WARM, "random_seed": 3, "progressbar": False, "store": tmp_path / "store"}
    sought = ld.replayed_posteriors(Restless(), history(), **options)
    assert 5 in sought.draws.pool.anchors
    for file in (tmp_path / "store" / "series-00000" / "fits").iterdir():
        with xr.open_datatree(file, engine="h5netcdf") as kept:
            lost = kept["training_data"].sizes["obs"] == (WARM + 5) * ROWS
        if lost:
            file.unlink()
    again = ld.replayed_posteriors(Restless(3.0), history(), **options)
    told = json.loads((tmp_path / "store" / "series-00000" / "search.json").read_text())
    assert 5 not in again.draws.pool.anchors
    assert 5 in told["left_out"]


@pytest.mark.parametrize("content", ["", "{}", "[]", "null", '{"fitted": [], "left_out": [], "notes": []}'])
def test_a_search_that_cannot_be_read_is_named(tmp_path, content):
    options = {"initial": WARM, "random_seed": 3, "progressbar": False, "store": tmp_path / "store"}
    ld.replayed_posteriors(Restless(), history(), **options)
    file = tmp_path / "store" / "series-00000" / "search.json"
    file.write_text(content)
    with pytest.raises(ValueError, match=r"search.json cannot be read .*; delete it, and it is made anew"):
        ld.replayed_posteriors(Restless(), history(), **options)
    file.write_text('{"fitted": [[99, 0, ""]], "left_out": [7], "notes": []}')
    assert len(ld.replayed_posteriors(Restless(), history(), **options).draws.pool.anchors) > 1


OTHERS = {
    "another history": {"data": history().assign(y=history()["y"] + 1e-9)},
    "another history|": {"data": history().isel(obs=slice(0, -ROWS))},
    "initial is 6 there and 7 here": {"initial": 7},
    "random_seed is 3 there and 4 here": {"random_seed": 4},
    "score is log": {"score": "crps"},
    "update_rule is": {"update_rule": ld.UpdateRule(window=5)},
    "another shadow": {"shadow": ld.PooledShadow(minimum_effective_share=0.9)},
    "variables is": {"variables": ("score_gap",)},
    "horizon is 1 there and 2 here": {"horizon": 2, "variables": ("score_gap",)},
    "another forecaster|forecaster is": {"forecaster": True},
}


@pytest.mark.parametrize("said", OTHERS)
def test_a_store_of_another_table_is_refused_by_name_before_a_fit_and_stays(tmp_path, said, monkeypatch):
    store = tmp_path / "store"
    whole = table(store=store)
    options = dict(OTHERS[said])
    forecaster = SampledRegression(PRIOR, draws=100)
    if options.pop("forecaster", None):
        monkeypatch.setattr(SampledRegression, "fingerprint", lambda *_: "mine", raising=False)
    data = options.pop("data", None)
    with pytest.raises(OtherTableError, match=said.rstrip("|")) as refused:
        table(forecaster, data, store=store, **options)
    assert str(store) in str(refused.value)
    assert forecaster.fits == 0
    monkeypatch.undo()
    same(whole, table(forecaster, store=store))
    assert forecaster.fits == 0


def test_late_rows_and_revisions_are_part_of_a_history(tmp_path):
    data = history(late=True)
    table(data=data, store=tmp_path)
    with pytest.raises(OtherTableError, match="another history"):
        table(data=data.assign(arrived=data["arrived"] + (data["row"] == 12)), store=tmp_path)
    with pytest.raises(OtherTableError, match="another history"):
        table(
            data=data.assign(row=data["row"].copy(data=np.where(data["row"] == 12, 999, data["row"]))), store=tmp_path
        )


class Keeper:
    """A keeper of one's own, with a number that no repr shows."""

    exact, log_density = False, None

    def __init__(self, number):
        self.number, self.plain = number, ld.Refit()

    def start(self, *arguments, **options):
        return self.plain.start(*arguments, **options)

    def step(self, *arguments, **options):
        return self.plain.step(*arguments, **options)


def supplied(width):
    return ld.SuppliedShadow(lambda *arguments: width * len(arguments), exact=False)


PAIRS = {
    "a keeper": (Keeper(1), Keeper(2)),
    "a function": (supplied(1.0), supplied(2.0)),
    "code": (lambda x: x + 1, lambda x: x + 2),
    "an array": ({"a": np.arange(3)}, {"a": np.arange(3.0)}),
    "a forecaster": (SampledRegression(PRIOR), SampledRegression(PRIOR._replace(rate=2.0))),
}


@pytest.mark.parametrize("kind", PAIRS)
def test_objects_are_told_by_what_they_hold(kind):
    one, other = PAIRS[kind]
    assert object_hash(one) == object_hash(copy.deepcopy(one))
    assert object_hash(one) != object_hash(other)


def test_a_keeper_of_ones_own_with_another_number_is_another(tmp_path):
    table(store=tmp_path, variables=("score_gap",), shadow=Keeper(1))
    with pytest.raises(OtherTableError, match="shadow is"):
        table(store=tmp_path, variables=("score_gap",), shadow=Keeper(2))


class Scaled(SampledRegression):
    """Its prior follows from the rows at hand, as that of a builder may."""

    def __init__(self, rate):
        super().__init__(PRIOR, draws=100)
        self.rate = rate

    def fingerprint(self, data):
        return f"{super().fingerprint(data)} {self.rate(data)}"


@pytest.mark.parametrize(
    "rate",
    [lambda data: 1.0 + (data["series"].values[0] == "b"), lambda data: 1.0 + (data.sizes["obs"] > WARM * ROWS)],
    ids=["of another series", "of more rows"],
)
def test_a_model_that_differs_where_the_first_rows_do_not_show_it_is_another(tmp_path, rate):
    data, options = history(series=("a", "b")), {"variables": ("score_gap",), "shadow": ld.Refit(), "store": tmp_path}
    table(Scaled(lambda _: 1.0), data, **options)
    with pytest.raises(OtherTableError, match="another forecaster"):
        table(Scaled(rate), data, **options)
    table(Scaled(lambda _: 1.0), data, **options)


def test_a_store_stays_where_it_was_though_the_working_directory_does_not(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    exact, options = ld.ConjugateRegression(PRIOR), {"initial": WARM, "progressbar": False, "series_per_table": 1}
    tables = ld.spell_tables(exact, history(series=("a", "b")), store="store", **options)
    next(tables)
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert next(tables)["series"].item() == "b"
    assert len(list((tmp_path / "store").rglob("columns.npz"))) == 2


@pytest.mark.parametrize("dtype", ["datetime64[ns]", "timedelta64[s]", "object", "U5", "bool"])
def test_columns_of_any_kind_are_hashed(tmp_path, dtype):
    data = history()
    extra = np.arange(data.sizes["obs"]).astype(dtype if dtype != "object" else "O")
    data = data.assign(extra=("obs", extra))
    table(data=data, store=tmp_path)
    changed = extra.copy()
    changed[3] = extra[4] if dtype != "bool" else ~extra[3]
    with pytest.raises(OtherTableError, match="another history"):
        table(data=data.assign(extra=("obs", changed)), store=tmp_path)


def test_what_an_interrupted_beginning_left_is_no_obstacle(tmp_path):
    (tmp_path / ".store.json.123-456").write_text("{")
    table(store=tmp_path, random_seed=np.int64(3))


def test_two_runs_that_begin_one_store_together_do_not_mix(tmp_path, monkeypatch):
    begin = table_store._begin

    def late(contents, entropy, identity, *place):
        if not contents.exists():
            begin(contents, entropy, {**identity, "history": "of the other run"}, *place)
        begin(contents, entropy, identity, *place)

    monkeypatch.setattr(table_store, "_begin", late)
    with pytest.raises(OtherTableError, match="another history"):
        table(store=tmp_path)


def test_a_store_that_is_taken_away_is_named(tmp_path):
    class Removing(SampledRegression):
        def fit(self, data, **options):
            if self.fits == 3:
                shutil.rmtree(tmp_path / "store")
            return super().fit(data, **options)

    with pytest.raises(FileNotFoundError, match="store was taken away while a table was being kept there"):
        table(Removing(PRIOR, draws=100), shadow=ld.Refit(), store=tmp_path / "store")


class Unkept(SampledRegression):
    """Its posteriors have an attribute that netCDF does not know."""

    def fit(self, data, **options):
        tree = super().fit(data, **options)
        tree["posterior"].attrs["settings"] = {"of": object()}
        return tree


def test_posteriors_that_no_file_can_hold_are_said_and_cost_nothing(tmp_path):
    with pytest.warns(UserWarning, match="posteriors of this forecaster cannot be kept as netCDF"):
        kept = table(Unkept(PRIOR, draws=100), store=tmp_path)
    xr.testing.assert_equal(kept.drop_vars("seconds"), table(Unkept(PRIOR, draws=100)).drop_vars("seconds"))


def test_a_store_of_another_version_is_refused(tmp_path, monkeypatch):
    table(store=tmp_path)
    monkeypatch.setattr(store_identity, "version", lambda _: "99.0")
    with pytest.raises(OtherTableError, match=r"version of learning_debt is \S+ there and 99.0 here"):
        table(store=tmp_path)


def test_a_directory_that_is_no_store_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match="is no store and not empty"):
        table(store=tmp_path)
    with pytest.raises(ValueError, match="is no store and not empty"):
        table(store=tmp_path / "thesis.txt")
    with pytest.raises(NotADirectoryError, match=r"store: .*store.json cannot be written: Not a directory"):
        table(store=tmp_path / "thesis.txt" / "inside")
    with pytest.raises(TypeError, match="store must be the path of a directory"):
        table(store=3)


@pytest.mark.parametrize("broken", ["store.json", "series-00000/columns.npz"])
def test_a_file_that_cannot_be_read_is_named(tmp_path, broken):
    table(store=tmp_path)
    (tmp_path / broken).write_bytes((tmp_path / broken).read_bytes()[:50])
    with pytest.raises(ValueError, match=f"{Path(broken).name} cannot be read.*delete"):
        table(store=tmp_path)


def test_a_fit_that_cannot_be_read_is_named_and_made_anew_once_it_is_deleted(tmp_path):
    whole = table(store=tmp_path)
    (tmp_path / "series-00000" / "columns.npz").unlink()
    fit = next((tmp_path / "series-00000" / "fits").iterdir())
    fit.write_bytes(fit.read_bytes()[:1000])
    with pytest.raises(ValueError, match=f"{fit.name} cannot be read.*delete it"):
        table(store=tmp_path)
    fit.unlink()
    forecaster = SampledRegression(PRIOR, draws=100)
    same(whole, table(forecaster, store=tmp_path))
    assert forecaster.fits == 1


def test_a_full_disk_is_named_and_what_was_kept_stays(tmp_path, monkeypatch):
    whole = table(store=tmp_path / "whole", shadow=ld.Refit())
    synced = []

    def fsync(number):
        synced.append(number)
        if len(synced) > 6:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(table_store.os, "fsync", fsync)
    with pytest.raises(
        OSError, match="cannot be written: No space left on device; what was kept before is whole"
    ) as full:
        table(store=tmp_path / "store", shadow=ld.Refit())
    assert full.value.errno == errno.ENOSPC
    assert str(tmp_path / "store") in str(full.value)
    monkeypatch.undo()
    kept = [file for file in (tmp_path / "store").rglob("*") if file.is_file()]
    assert len(kept) == 6
    assert not any(file.name.startswith(".") for file in kept)
    forecaster = SampledRegression(PRIOR, draws=100)
    same(whole, table(forecaster, store=tmp_path / "store", shadow=ld.Refit()))
    assert forecaster.fits == PERIODS + 1 - sum(file.suffix == ".nc" for file in kept)


RUN = """
import signal, sys, time
import learning_debt as ld
from tests.sampled_regression import SampledRegression
from tests.spells.test_store import PRIOR, SHADOWS, table

class Slow(SampledRegression):
    def fit(self, data, **options):
        time.sleep(0.1)
        return super().fit(data, **options)

signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background jobs ignore
store, shadow, found = sys.argv[1:]
print("begun", flush=True)
table(Slow(PRIOR, draws=100), store=store, shadow=SHADOWS[shadow]).drop_vars("seconds").to_netcdf(found)
"""


def started(program, *arguments):
    path = os.pathsep.join(["src", ".", os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, str(program), *map(str, arguments)]
    run = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ | {"PYTHONPATH": path}
    )
    assert run.stdout.readline() == "begun\n"
    return run


@pytest.mark.slow
@pytest.mark.parametrize("shadow", ["pooled", "refit"])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_run_killed_at_any_moment_goes_on_and_comes_out_the_same(tmp_path, how, shadow):
    rng, moments = np.random.default_rng([how, shadow == "refit"]), 3
    program = tmp_path / "run.py"
    program.write_text(RUN)
    assert started(program, tmp_path / "uninterrupted", shadow, tmp_path / "uninterrupted.nc").wait() == 0
    with xr.open_dataset(tmp_path / "uninterrupted.nc") as expected:
        for moment in range(moments):
            store, found, ended = tmp_path / f"{moment}", tmp_path / f"{moment}.nc", None
            while ended != 0:
                run = started(program, store, shadow, found)
                if ended is None:
                    time.sleep(rng.uniform(0.1, 1.5))
                    run.send_signal(how)
                ended = run.wait()
            with xr.open_dataset(found) as resumed:
                xr.testing.assert_identical(expected, resumed)
