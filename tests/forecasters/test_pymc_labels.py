"""Labels of every kind in a PyMC model: sampled, stored, read back, matched by value, in order of time."""

import datetime
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import pymc as pm
import pytest
import xarray as xr
from scipy import special, stats

import learning_debt as ld
from learning_debt.data import stored_labels
from learning_debt.debt.selection import chosen_blocks
from learning_debt.errors import IncomparablePosteriorsError

DAYS = pd.date_range("2024-01-01", periods=3)
KINDS = {
    "text": ["b", "a", 'ü, [")'],
    "whole": [30, 10, 20],
    "float": [0.5, 2.0, 1.25],
    "flag": [True, False, True],
    "day": [day.date() for day in DAYS],
    "moment": list(DAYS + pd.Timedelta("90min")),
    "zone": list(DAYS.tz_localize("Europe/Vienna")),
    "month": list(pd.period_range("2024-01", periods=3, freq="M")),
    "wait": list(pd.to_timedelta([1, 2, 3], "h")),
    "age": list(pd.IntervalIndex.from_breaks([0, 30, 60, 90])),
    "cell": [("Graz", 1), ("Graz", 2), ("Linz", 1)],
}


def build_model(data):
    """An effect of each column named in the attributes, coded by lists of Python."""
    effects = 0.0
    with pm.Model() as model:
        for name in data.attrs["names"].split():
            given = data[name].values.tolist()
            model.add_coord(name, list(dict.fromkeys(given)))
            index = np.array([model.coords[name].index(one) for one in given])
            position = pm.Data(f"{name}_index", index, dims="obs")
            effects = effects + pm.Normal(f"{name}_effect", 0, 3, dims=name)[position]
        y = pm.Data("y", data["y"].values, dims="obs")
        pm.Normal("outcome", effects, 1, observed=y, dims="obs")
    return model


def column(labels):
    values = np.empty(len(labels), dtype=object)
    for position, label in enumerate(labels):
        values[position] = label
    return ("obs", values)


def rows_of(names, times=2):
    columns = {name: column(KINDS[name] * times) for name in names}
    y = np.random.default_rng(1).normal(size=3 * times)
    return xr.Dataset({**columns, "y": ("obs", y)}, attrs={"names": " ".join(names)})


SAMPLED = ("zone", "month", "cell", "day")


@pytest.fixture(scope="module", params=["nutpie", "pymc"])
def sampled(request):
    forecaster = ld.PyMCForecaster(
        build_model, draws=15, tune=30, chains=2, sampler=request.param, compile_kwargs={"mode": "FAST_COMPILE"}
    )
    return forecaster, forecaster.fit(rows_of(SAMPLED), random_seed=1)


@pytest.fixture(scope="module")
def by_hand():
    forecaster = ld.PyMCForecaster(build_model, compile_kwargs={"mode": "FAST_COMPILE"})
    rng, draws, coords = np.random.default_rng(1), {}, {}
    for name, labels in KINDS.items():
        stored, attributes = stored_labels(list(dict.fromkeys(labels)))
        draws[f"{name}_effect"] = (("chain", "draw", name), rng.normal(size=(2, 15, len(stored))))
        coords[name] = (name, stored, attributes)
    posterior = xr.DataTree.from_dict({"posterior": xr.Dataset(draws, coords=coords)})
    return forecaster, forecaster.attach(posterior, rows_of(KINDS))


def exact(posterior, names, batch):
    """Log density from the draws, each label's effect found by comparing plain Python values."""
    group, mean = posterior["posterior"], 0.0
    for name in names:
        order = list(dict.fromkeys(KINDS[name]))
        places = [order.index(label) for label in batch[name].values.tolist()]
        mean = mean + group[f"{name}_effect"].values.reshape(30, -1)[:, places]
    return stats.norm.logpdf(batch["y"].values, mean, 1)


def test_labels_of_every_kind_are_found_again(by_hand):
    forecaster, posterior = by_hand
    batch = rows_of(KINDS, 1).isel(obs=[2, 0, 1])
    other_types = batch.assign(
        moment=("obs", DAYS[[2, 0, 1]].values + np.timedelta64(90, "m")),
        day=("obs", DAYS[[2, 0, 1]].values),
        zone=column([one.tz_convert("UTC") for one in batch["zone"].values]),
        whole=("obs", np.array([20.0, 30.0, 10.0])),
    )
    for rows in (batch, other_types):
        found = forecaster.log_density(posterior, rows)["outcome"].values
        np.testing.assert_allclose(found, exact(posterior, KINDS, batch), rtol=1e-7)


@pytest.mark.parametrize("name", KINDS)
def test_labels_of_another_kind_or_unseen_are_named(by_hand, name):
    forecaster, posterior = by_hand
    batch = rows_of(KINDS, 1)
    other = "age" if name != "age" else "cell"
    with pytest.raises(ValueError, match=f"data variable '{name}': the label .* labels of the posterior's coordinate"):
        forecaster.log_density(posterior, batch.assign({name: column(KINDS[other])}))
    unseen = {"text": "z", "whole": 40, "float": 9.5, "zone": DAYS[0].tz_localize("UTC") + pd.Timedelta("9D")}
    if name in unseen:
        labels = [unseen[name], *KINDS[name][1:]]
        with pytest.raises(ValueError, match=f"data variable '{name}' holds the label .* at row 0, unseen when"):
            forecaster.log_density(posterior, batch.assign({name: column(labels)}))


def test_samplers_take_labels_of_every_kind(sampled):
    forecaster, posterior = sampled
    batch = rows_of(SAMPLED, 1).isel(obs=[2, 0, 1])
    found = forecaster.log_density(posterior, batch)["outcome"].values
    np.testing.assert_allclose(found, exact(posterior, SAMPLED, batch), rtol=1e-7)
    assert forecaster.growing_dims == ()
    assert posterior["posterior"]["month"].values.tolist() == ["2024-01", "2024-02", "2024-03"]


def test_saved_posteriors_serve_in_a_new_process(by_hand, tmp_path):
    forecaster, posterior = by_hand
    posterior.to_netcdf(tmp_path / "posterior.nc", engine="h5netcdf")
    np.save(tmp_path / "expected.npy", forecaster.log_density(posterior, rows_of(KINDS, 1))["outcome"].values)
    program = f"""
    import sys

    sys.path.insert(0, {str(Path(__file__).parent)!r})
    import numpy as np, xarray as xr
    import learning_debt as ld
    from test_pymc_labels import KINDS, build_model, rows_of

    read = xr.open_datatree({str(tmp_path / "posterior.nc")!r}, engine="h5netcdf")
    expected = np.load({str(tmp_path / "expected.npy")!r})
    bare = xr.DataTree.from_dict({{"posterior": read["posterior"].to_dataset()}})
    new = ld.PyMCForecaster(build_model, compile_kwargs={{"mode": "FAST_COMPILE"}})
    np.testing.assert_allclose(new.log_density(read, rows_of(KINDS, 1))["outcome"].values, expected, rtol=1e-12)
    attached = new.attach(bare, rows_of(KINDS))
    np.testing.assert_allclose(new.log_density(attached, rows_of(KINDS, 1))["outcome"].values, expected, rtol=1e-12)
    new.require_comparable(read, attached, rows_of(KINDS, 1))
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True)


def test_blocks_are_chosen_by_label(by_hand):
    group = by_hand[1]["posterior"].to_dataset()
    chosen = {"month_effect": {"month": KINDS["month"][1]}, "cell_effect": {"cell": ("Linz", 1)}}
    assert [(one.label, one.places.tolist()) for one in chosen_blocks(group, chosen, joint=False)] == [
        ("month_effect[2024-02]", [1]),
        ("cell_effect[('Linz', 1)]", [2]),
    ]
    with pytest.raises(KeyError, match=r"labelled '2024-02' \(text; labels there are period of frequency 'M'\)"):
        list(chosen_blocks(group, {"month_effect": {"month": "2024-02"}}, joint=False))


def levels(data):
    """A level for each store, coded by numpy."""
    stores, index = np.unique(data["store"].values, return_inverse=True)
    with pm.Model(coords={"store": stores}) as model:
        store, y = pm.Data("store_index", index, dims="obs"), pm.Data("y", data["y"].values, dims="obs")
        pm.Normal("outcome", pm.Normal("level", 0, 3, dims="store")[store], 1, observed=y, dims="obs")
    return model


def drawn(name, dim, labels, values):
    """A posterior of 2 chains with labels along one dimension."""
    shaped = np.asarray(values).reshape(2, -1, len(labels))
    return xr.DataTree.from_dict(
        {"posterior": xr.Dataset({name: (("chain", "draw", dim), shaped)}, coords={dim: np.asarray(labels)})}
    )


LEVELS = np.random.default_rng(3).normal(np.array([-6.0, -2.0, 3.0, 7.0]), size=(20, 4))
NUMBERS = np.array([1, 2, 3, 4] * 3)
STORES = {
    "text": NUMBERS.astype(str),
    "number": NUMBERS,
    "float": NUMBERS * 1.0,
    "date": np.datetime64("2024-01-01", "us") + NUMBERS * np.timedelta64(7, "D"),
}


@pytest.mark.parametrize("growing", [(), ("store",)])
@pytest.mark.parametrize("trained", STORES)
@pytest.mark.parametrize("asked", STORES)
def test_labels_match_by_value_or_are_refused_by_name(trained, asked, growing):
    forecaster = ld.PyMCForecaster(levels, growing_dims=growing, compile_kwargs={"mode": "FAST_COMPILE"})
    data = {"store": np.asarray(STORES[trained]), "y": np.zeros(12)}
    posterior = forecaster.attach(drawn("level", "store", np.unique(data["store"]), LEVELS), data)
    batch = {"store": np.asarray(STORES[asked])[[0, 2]], "y": [-6.0, 3.0]}
    numbers = {"number", "float"}
    if trained == asked or {trained, asked} == numbers:
        found = forecaster.log_density(posterior, batch, random_seed=1)["outcome"].values
        np.testing.assert_allclose(found, stats.norm.logpdf([-6.0, 3.0], LEVELS[:, [0, 2]], 1), rtol=1e-7)
        return
    word = "a number" if asked in numbers else asked
    with pytest.raises(ValueError, match=f"data variable 'store': the label .* is (a )?{word}, but labels of the post"):
        forecaster.log_density(posterior, batch, random_seed=1)


def test_positions_are_positions_only_where_the_data_say_so():
    forecaster = ld.PyMCForecaster(levels, compile_kwargs={"mode": "FAST_COMPILE"})
    data = {"store": STORES["number"], "y": np.zeros(12)}
    posterior = forecaster.attach(drawn("level", "store", [1, 2, 3, 4], LEVELS), data)
    by_label, by_position = (
        forecaster.log_density(posterior, {name: [1, 3], "y": [0.0, 0.0]})["outcome"].values
        for name in ("store", "store_index")
    )
    np.testing.assert_allclose(by_label, stats.norm.logpdf(0, LEVELS[:, [0, 2]], 1), rtol=1e-7)
    np.testing.assert_allclose(by_position, stats.norm.logpdf(0, LEVELS[:, [1, 3]], 1), rtol=1e-7)


def test_one_forecaster_keeps_labels_of_two_kinds_apart():
    forecaster = ld.PyMCForecaster(levels, compile_kwargs={"mode": "FAST_COMPILE"})
    posteriors = {
        kind: forecaster.attach(
            drawn("level", "store", np.unique(STORES[kind]), LEVELS), {"store": STORES[kind], "y": np.zeros(12)}
        )
        for kind in ("text", "number")
    }
    for kind, posterior in posteriors.items():
        forecaster.log_density(posterior, {"store": STORES[kind][:1], "y": [0.0]})
    with pytest.raises(IncomparablePosteriorsError, match=r"labels of 'store' differ .*1 \(text\).*1 \(number\)"):
        forecaster.require_comparable(posteriors["text"], posteriors["number"], {"store": ["1"], "y": [0.0]})


def walk(data):
    """A random walk over weeks, coded by numpy."""
    weeks, index = np.unique(data["week"].values, return_inverse=True)
    with pm.Model(coords={"week": weeks}) as model:
        week, y = pm.Data("week_index", index, dims="obs"), pm.Data("y", data["y"].values, dims="obs")
        level = pm.GaussianRandomWalk("level", 1.0, 0.5, init_dist=pm.Normal.dist(0, 2), dims="week")
        pm.Normal("outcome", level[week], 0.5, observed=y, dims="obs")
    return model


MONDAYS = pd.date_range("2024-02-12", periods=12, freq="W-MON")  # over the change of the clocks in March
TIMES = {
    "number": np.arange(12),
    "date": MONDAYS.to_numpy(),
    "plain date": np.array([day.date() for day in MONDAYS], dtype=object),
    "zone": MONDAYS.tz_localize("Europe/Vienna").to_numpy(),
    "Period": MONDAYS.to_period("W").astype(object).to_numpy(),
    "text": np.array([f"2024-W{week:02d}" for week in range(7, 19)]),
}
STATES = np.random.default_rng(4).normal(size=(600, 8)) * 0.3 + np.arange(8.0)


@pytest.fixture(scope="module")
def walks():
    forecaster = ld.PyMCForecaster(walk, growing_dims=("week",), compile_kwargs={"mode": "FAST_COMPILE"})
    found = {}
    for kind, weeks in TIMES.items():
        with_labels = drawn("level", "week", list(range(8)), STATES)
        group = with_labels["posterior"].to_dataset()
        group = group.assign_coords(week=("week", pd.Index(weeks[:8], tupleize_cols=False).to_numpy()))
        with_labels["posterior"] = group
        found[kind] = forecaster.attach(with_labels, weekly(kind, range(8)))
    return forecaster, found


def weekly(kind, weeks):
    weeks = list(weeks)
    return xr.Dataset({"week": ("obs", TIMES[kind][weeks]), "y": ("obs", np.array(weeks, dtype=float))})


@pytest.mark.parametrize("kind", TIMES)
def test_a_walk_goes_on_in_time(walks, kind):
    forecaster, posteriors = walks
    past, batch = weekly(kind, range(8)), weekly(kind, [10, 8, 9])
    found = forecaster.log_density(posteriors[kind], batch, past=past, random_seed=2)["outcome"].values
    scores = special.logsumexp(found, axis=0) - np.log(600)
    truth = [
        special.logsumexp(stats.norm.logpdf(week, STATES[:, -1] + steps, np.sqrt(0.25 * steps + 0.25))) - np.log(600)
        for week, steps in ((10, 3), (8, 1), (9, 2))
    ]
    np.testing.assert_allclose(scores, truth, atol=0.15)  # 4 standard errors of a mean over 600 drawn states
    numbers = (weekly("number", weeks) for weeks in ([10, 8, 9], range(8)))
    as_numbers = forecaster.log_density(posteriors["number"], *numbers, random_seed=2)
    np.testing.assert_allclose(found, as_numbers["outcome"].values, rtol=1e-12)


@pytest.mark.parametrize("kind", TIMES)
def test_weeks_left_out_or_before_the_last_are_refused(walks, kind):
    forecaster, posteriors = walks
    with pytest.raises(ValueError, match=r"is left out along 'week' between .* Hand over the rows"):
        forecaster.log_density(posteriors[kind], weekly(kind, [9]), past=weekly(kind, range(8)))
    with pytest.raises(ValueError, match="is left out along 'week'"):
        forecaster.log_density(posteriors[kind], weekly(kind, [8, 11]), past=weekly(kind, range(8)))
    with pytest.raises(ValueError, match="is left out along 'week'"):
        forecaster.log_density(posteriors[kind], weekly(kind, [10]), past=weekly(kind, range(9)))
    forecaster.log_density(posteriors[kind], weekly(kind, [10]), past=weekly(kind, range(10)))


def test_weeks_between_known_ones_are_refused():
    forecaster = ld.PyMCForecaster(walk, growing_dims=("week",), compile_kwargs={"mode": "FAST_COMPILE"})
    known = [1, 2, 3, 4, 6, 7, 8, 9]  # nothing sold in the sixth week, which the model takes for one step
    for kind in TIMES:
        posterior = drawn("level", "week", list(range(8)), STATES)
        group = posterior["posterior"].to_dataset()
        labels = pd.Index(TIMES[kind][known], tupleize_cols=False).to_numpy()
        posterior["posterior"] = group.assign_coords(week=("week", labels))
        posterior, past = forecaster.attach(posterior, weekly(kind, known)), weekly(kind, known)
        forecaster.log_density(posterior, weekly(kind, [10, 11]), past=past)
        with pytest.raises(ValueError, match="is a new label along 'week' but lies before the last known one"):
            forecaster.log_density(posterior, weekly(kind, [5]), past=past)


def weekly_walk(weeks_of):
    """A trend of one a week, all but exact, over the weeks that `weeks_of` makes of the column."""

    def build_model(data):
        weeks = weeks_of(data["week"].values)
        index = pd.Index(weeks).get_indexer(data["week"].values)
        with pm.Model(coords={"week": weeks}) as model:
            week, y = pm.Data("week_index", index, dims="obs"), pm.Data("y", data["y"].values, dims="obs")
            start = pm.Normal.dist(0, 2)
            level = pm.GaussianRandomWalk("level", 1.0, 1e-6, init_dist=start, dims="week")
            pm.Normal("outcome", level[week], 0.5, observed=y, dims="obs")
        return model

    return ld.PyMCForecaster(build_model, growing_dims=("week",), compile_kwargs={"mode": "FAST_COMPILE"})


def after_walk(forecaster, held, train, batch, outcomes=0.0):
    """Log densities of a batch after eight known states, and the steps that each row lies beyond the last of them."""
    past = {"week": train, "y": np.zeros(len(train))}
    posterior = forecaster.attach(drawn("level", "week", held, STATES), past)
    found = forecaster.log_density(posterior, {"week": batch, "y": np.full(len(batch), outcomes)}, past=past)
    return found["outcome"].values


def is_steps(steps):
    return stats.norm.logpdf(0.0, STATES[:, -1:] + np.array(steps), 0.5)


def test_text_goes_on_by_the_time_it_names():
    """Week 11 comes after week 10, and week 9 before it, though text sorts otherwise."""
    forecaster, weeks = weekly_walk(pd.unique), [f"week {k}" for k in range(3, 11)]
    found = after_walk(forecaster, weeks, weeks, ["week 12", "week 11"])
    np.testing.assert_allclose(found, is_steps([2, 1]), atol=1e-3)
    with pytest.raises(ValueError, match="week 11 is left out along 'week'"):
        after_walk(forecaster, weeks, weeks, ["week 12"])
    names = ["north", "east", "south", "west", "low", "mid", "high", "top"]
    with pytest.raises(ValueError, match=r"'zenith' is a new label .* not in their order.*2024-W05"):
        after_walk(forecaster, names, names, ["zenith"])


def test_weeks_sorted_as_text_are_refused_before_the_fit():
    weeks = [f"week {k}" for k in range(3, 11)]
    with pytest.raises(ValueError, match=r"labels of 'week' are out of order: week 3 follows week 10; .*'2024-W05'"):
        weekly_walk(np.unique).attach(drawn("level", "week", sorted(weeks), STATES), {"week": weeks, "y": np.zeros(8)})


def test_weeks_that_the_model_lists_count_though_no_row_has_them():
    def every_week(weeks):
        return np.arange(weeks.min(), weeks.max() + 1)

    forecaster = weekly_walk(every_week)
    for train in ([1, 2, 3, 4, 5, 6, 7, 8], [1, 3, 8]):
        found = after_walk(forecaster, list(range(1, 9)), train, [12, 9])
        np.testing.assert_allclose(found, is_steps([4, 1]), atol=1e-3)


def test_a_table_that_the_builder_makes_of_the_rows_is_no_column():
    """Which region a store is in, looked up among the rows: the column of regions has a value for each row."""

    def build_model(data):
        stores, index = np.unique(data["store"].values, return_inverse=True)
        at = [data["store"].values.tolist().index(store) for store in stores]
        regions, of_store = np.unique(data["region"].values[at], return_inverse=True)
        with pm.Model(coords={"store": stores, "region": regions}) as model:
            store, y = pm.Data("store_index", index, dims="obs"), pm.Data("y", data["y"].values, dims="obs")
            level = pm.Normal("level", 0, 1, dims="region")[pm.Data("of_store", of_store, dims="store")]
            pm.Normal("outcome", pm.Normal("of", level, 1, dims="store")[store], 0.5, observed=y, dims="obs")
        return model

    rows = {"store": list("abcd") * 3, "region": list("XYXY") * 3, "y": np.zeros(12)}
    rng = np.random.default_rng(1)
    posterior = drawn("of", "store", list("abcd"), rng.normal(size=(20, 4)))
    level = xr.DataArray(rng.normal(size=(2, 10, 2)), dims=("chain", "draw", "region"), coords={"region": ["X", "Y"]})
    posterior["posterior"] = posterior["posterior"].to_dataset().assign(level=level)
    forecaster = ld.PyMCForecaster(build_model, growing_dims=("store",), compile_kwargs={"mode": "FAST_COMPILE"})
    posterior = forecaster.attach(posterior, rows)
    found = forecaster.log_density(posterior, {"store": ["d", "b"], "region": ["Y", "Y"], "y": [0.0, 1.0]})
    of = posterior["posterior"]["of"].values.reshape(20, 4)[:, [3, 1]]
    np.testing.assert_allclose(found["outcome"].values, stats.norm.logpdf([0.0, 1.0], of, 0.5), atol=1e-8)
    with pytest.raises(ValueError, match="'of_store' has length 4 along 'store'"):
        forecaster.log_density(posterior, {"store": ["e"], "region": ["Y"], "y": [0.0]})


def test_a_past_of_other_labels_is_not_taken_for_the_same(walks):
    """numpy would make text of the numbers that follow text."""
    forecaster, posteriors = walks
    past = weekly("text", range(8))
    with pytest.raises((TypeError, ValueError), match=r"'week'.* number"):
        forecaster.log_density(posteriors["text"], weekly("number", [8]), past=past)


def test_a_date_is_one_label_whatever_it_came_as(walks):
    forecaster, posteriors = walks
    batch = xr.Dataset({"week": column([datetime.date(2024, 4, 8)]), "y": ("obs", [8.0])})
    found = forecaster.log_density(posteriors["date"], batch, past=weekly("date", range(8)), random_seed=2)
    same = forecaster.log_density(posteriors["date"], weekly("date", [8]), past=weekly("date", range(8)), random_seed=2)
    np.testing.assert_array_equal(found["outcome"].values, same["outcome"].values)


def test_states_drawn_on_from_whole_numbers_are_not_cut(walks):
    forecaster, _ = walks
    whole = drawn("level", "week", list(range(8)), np.tile(np.arange(8), (600, 1)))
    posterior = forecaster.attach(whole, weekly("number", range(8)))
    found = forecaster.predict(posterior, weekly("number", [8]), past=weekly("number", range(8)), random_seed=5)
    drift_and_noise = stats.norm(7 + 1, np.sqrt(0.25 + 0.25))
    assert stats.kstest(found["outcome"].values[:, 0], drift_and_noise.cdf).pvalue > 0.001
