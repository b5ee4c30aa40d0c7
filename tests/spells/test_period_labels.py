"""Labels of periods and series, of every kind, from the history through table, file, replay and decision."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import learning_debt as ld
from learning_debt.data import plain_labels, restored_labels, split_periods, stored_labels

ROWS, INITIAL = 24, 8
MONTHS = pd.period_range("2022-11", periods=ROWS, freq="M")
DAYS = pd.date_range("2024-03-20", periods=ROWS)


def as_objects(values):
    column = np.empty(len(values), dtype=object)
    column[:] = list(values)
    return column


LABELS = {
    "whole numbers": np.arange(100, 100 + ROWS),
    "uint8": np.arange(100, 100 + ROWS, dtype="uint8"),
    "fractions": np.arange(ROWS) / 4,
    "text": np.array([f"w{week:02d}" for week in range(ROWS)]),
    "dates": DAYS,
    "days of numpy": DAYS.to_numpy().astype("M8[D]"),
    "dates of Python": [day.date() for day in DAYS],
    "datetimes of Python": [day.to_pydatetime() for day in DAYS],
    "time zone": DAYS.tz_localize("Europe/Vienna"),
    "fixed offset": DAYS.tz_localize(dt.timezone(dt.timedelta(hours=5, minutes=30))),
    "UTC objects": as_objects(DAYS.tz_localize("UTC")),
    "hours through a change of the clock": pd.date_range(
        "2024-03-30 18:00", periods=ROWS, freq="h", tz="Europe/Vienna"
    ),
    "months": MONTHS,
    "quarters": pd.period_range("2020Q1", periods=ROWS, freq="Q-JAN"),
    "weeks": pd.period_range("2024-01-01", periods=ROWS, freq="W-TUE"),
    "days of pandas": pd.period_range("2024-01-01", periods=ROWS, freq="D"),
    "spans of time": pd.to_timedelta(np.arange(ROWS), unit="D"),
    "intervals": pd.interval_range(0, ROWS),
    "tuples": [(2020 + month // 12, month % 12 + 1) for month in range(ROWS)],
    "categories": pd.Categorical([f"w{week:02d}" for week in range(ROWS)]),
}


def history(period, **columns):
    rng = np.random.default_rng(1)
    x = rng.normal(size=ROWS)
    data = {"x": x, "y": 2 * x + rng.normal(size=ROWS), **columns}
    # a tuple alone is (dims, values), and a list of tuples an array of two dimensions
    return pd.DataFrame({**data, "period": as_objects(period) if isinstance(period, list) else period})


def table(data, **options):
    forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    return ld.spell_table(forecaster, data, initial=INITIAL, progressbar=False, **options)


@pytest.fixture(scope="module")
def plain():
    return table(history(np.arange(ROWS)))


@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_every_kind_pass_through_table_file_replay_and_decision(kind, plain, tmp_path):
    period = LABELS[kind]
    spells = table(history(period))
    np.testing.assert_array_equal(spells["score_gap"], plain["score_gap"])
    spells.to_netcdf(tmp_path / "spells.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "spells.nc", engine="h5netcdf") as file:
        read = ld.check_spells(file.load())
    given = plain_labels(as_objects(period) if isinstance(period, list) else period)
    for one in (spells, read):
        assert plain_labels(one["label"]) == given[INITIAL:]
        assert plain_labels(one["earlier"]) == given[:INITIAL]
        assert plain_labels(one["deployed_label"]) == given[INITIAL - 1 : -1]
    assert restored_labels(read["label"].values, read["label"].attrs).kind == (
        restored_labels(spells["label"].values, spells["label"].attrs).kind
    )
    owner = ld.policies.Schedule(as_objects(given[10:20:4]))
    assert ld.replay(read, owner, 0.1).dates == [given[10:20:4]]
    decision = ld.decide(read, ld.policies.CUSUM(0.5), 0.1, deployed_label=given[12], horizon=3)
    assert decision.deployed_label == given[12]
    assert decision.label == given[-1]
    assert decision.spell_age == ROWS - 13
    later = ld.select_periods(read, 5)
    assert plain_labels(later["earlier"]) == given[: INITIAL + 5]
    assert plain_labels(later["label"]) == given[INITIAL + 5 :]


def test_time_zones_are_kept(plain, tmp_path):
    spells = table(history(LABELS["time zone"]))
    labels = restored_labels(spells["label"].values, spells["label"].attrs).index
    assert str(labels.tz) == "Europe/Vienna"
    assert labels[0] == DAYS[INITIAL].tz_localize("Europe/Vienna")


@pytest.mark.parametrize(
    ("period", "message"),
    [
        (as_objects([*range(12), *"abcdefghijkl"]), "'period' mixes numbers .* and text"),
        (as_objects([*DAYS[:12], *DAYS[12:].tz_localize("UTC")]), "'period': labels must be of one kind"),
        (as_objects([*MONTHS[:12], *pd.period_range("2030", periods=12, freq="Q")]), "period.*frequency 'Q"),
        ([f"{week:02d}\x00a" for week in range(ROWS)], r"'00\\x00a' holds a character that no file can hold"),
        (as_objects([10**30 + week for week in range(ROWS)]), "'period' holds 10{30}, beyond 64 bits"),
        (LABELS["months"][::-1], "out of order: 2024-09 follows 2024-10"),
        (LABELS["time zone"][::-1], "out of order: 2024-04-11"),
        (as_objects(LABELS["intervals"])[::-1], "out of order"),
        (pd.Categorical(["Jan", "Feb"] * 12, categories=["Jan", "Feb"], ordered=True), "text labels must sort in time"),
        (np.arange(ROWS) + 0j, "'period' holds complex numbers"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_labels_that_make_no_calendar_are_refused_before_anything_is_done(period, message):
    with pytest.raises((ValueError, TypeError), match=message):
        table(history(period))


def test_half_a_character_is_no_label():
    with pytest.raises(ValueError, match=r"'period': the label .* holds a character that no file can hold"):
        stored_labels(np.array(["a\ud800"], dtype=object), "'period'")


def test_one_label_in_two_spellings_is_one_period():
    """1 and 1.0, one instant in two zones, one date as date and as datetime."""
    instants = pd.to_datetime(["2024-01-01 12:00", "2024-01-02 12:00"], utc=True)
    pairs = {
        "numbers": as_objects([1, 1.0, 2, 2.0]),
        "zones": as_objects([one for instant in instants for one in (instant, instant.tz_convert("Asia/Tokyo"))]),
        "dates": as_objects([one for day in DAYS[:2] for one in (day.date(), day.to_pydatetime())]),
    }
    for period in pairs.values():
        assert split_periods({"y": np.arange(4.0), "period": ("obs", period)}).rows.tolist() == [2, 2]


def test_arrivals_are_matched_by_what_they_mean():
    arrived = as_objects([DAYS[0].date(), DAYS[2].to_pydatetime(), DAYS[2]])
    late = split_periods({"y": [1.0, 2.0, 3.0], "period": DAYS[:3], "arrived": arrived})
    assert late.known_at.tolist() == [0, 2, 2]


WEIGHTS = np.linspace(1.0, 2.0, ROWS - INITIAL)
NUMBERS = np.arange(1, ROWS - INITIAL + 1)


@pytest.mark.parametrize("kind", ["dates", "months", "time zone", "text", "whole numbers"])
def test_exposure_is_matched_by_label_in_any_order(kind):
    labels, rows = LABELS[kind], history(LABELS[kind])
    for coordinate in (labels[INITIAL:], NUMBERS):
        plain = pd.Series(WEIGHTS, index=pd.Index(coordinate))
        array = xr.DataArray(WEIGHTS, dims="period", coords={"period": pd.Index(coordinate)})
        for given in (plain, plain[::-1], array, array[::-1]):
            np.testing.assert_array_equal(table(rows, exposure=given)["exposure"][0], WEIGHTS)
    whole = pd.Series(np.r_[np.full(INITIAL, 9.0), WEIGHTS], index=pd.Index(labels))  # more periods than are asked for
    np.testing.assert_array_equal(table(rows, exposure=whole)["exposure"][0], WEIGHTS)


@pytest.mark.parametrize(
    ("coordinate", "message"),
    [
        (np.arange(1000, 1000 + len(WEIGHTS)), r"exposure lacks the periods \['108', .*run from 1000 to 1015"),
        (np.arange(len(WEIGHTS)), "exposure lacks the periods"),
        ([f"w{k}" for k in NUMBERS], "exposure's periods are of another kind, such as w1"),
        (np.r_[NUMBERS[:-1], 1], "exposure's periods hold the label 1 twice"),
    ],
)
def test_exposure_of_other_periods_is_refused(coordinate, message):
    rows = history(LABELS["whole numbers"])
    for given in (
        pd.Series(WEIGHTS, index=coordinate),
        xr.DataArray(WEIGHTS, dims="period", coords={"period": np.asarray(coordinate)}),
    ):
        with pytest.raises(ValueError, match=message):
            table(rows, exposure=given)
    with pytest.raises(ValueError, match="exposure must be numbers that are above 0, not masked at position 3"):
        table(rows, exposure=np.ma.masked_array(WEIGHTS, mask=NUMBERS == 4))


def two_series(first="Graz", second="Linz", cut=0):
    data = history(LABELS["months"])
    return pd.concat([data.assign(series=first), data.iloc[cut:].assign(series=second, y=data["y"] + 1)])


def test_exposure_of_several_series_is_matched_by_label_too():
    frame = pd.DataFrame({"Linz": WEIGHTS, "Graz": 2 * WEIGHTS}, index=LABELS["months"][INITIAL:])
    spells = table(two_series(), exposure=frame[::-1])
    np.testing.assert_array_equal(spells["exposure"].sel(series="Linz"), WEIGHTS)
    np.testing.assert_array_equal(spells["exposure"].sel(series="Graz"), 2 * WEIGHTS)
    with pytest.raises(ValueError, match=r"exposure lacks the series \['Graz'\]"):
        table(two_series(), exposure=frame[["Linz"]])


@pytest.mark.parametrize(
    ("first", "second"),
    [(1, 2), (pd.Timestamp("2020"), pd.Timestamp("2021")), (pd.Period("2020", "Y"), pd.Period("2021", "Y"))],
)
def test_series_labels_are_written_too(first, second, tmp_path):
    data = two_series("a", "b")
    data["series"] = as_objects([first] * ROWS + [second] * ROWS)
    table(data).to_netcdf(tmp_path / "spells.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "spells.nc", engine="h5netcdf") as read:
        assert plain_labels(ld.check_spells(read)["series"]) == plain_labels(as_objects([first, second]))


def test_series_of_other_spans_are_named_with_their_spans():
    with pytest.raises(
        ValueError,
        match=r"series Graz has 24 period\(s\), 2022-11 to 2024-10; series Linz has 21 period\(s\), 2023-02 to "
        r"2024-10; series Linz lacks 2022-11",
    ):
        table(two_series(cut=3))
    with pytest.raises(ValueError, match=r"'series' mixes numbers .* and text"):
        table(two_series(first=1))
