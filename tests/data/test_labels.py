"""Labels of every kind: one form, matched by value, in order, stored and turned back."""

import datetime
import decimal
import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from learning_debt.data import (
    as_labels,
    first_gap,
    label_text,
    require_time_order,
    restored_dataset,
    restored_labels,
    stored_dataset,
    stored_labels,
)

DAYS = pd.date_range("2024-03-30", periods=3)

KINDS = {
    "text": ["b", "a", 'ü, [")'],
    "bytes": np.array([b"b", b"a", b"c"]),
    "whole number": [3, 1, 2**62],
    "unsigned": np.array([3, 1, 255], dtype="uint8"),
    "number": [1.5, -2.0, 3.0],
    "decimal": [decimal.Decimal("1.5"), decimal.Decimal(2)],
    "truth value": [True, False],
    "date": [day.date() for day in DAYS],
    "moment": DAYS + pd.Timedelta("90min"),
    "nanoseconds": DAYS.astype("datetime64[ns]") + pd.Timedelta(1, "ns"),
    "long ago": np.array(["1789-07-14", "1969-07-20"], dtype="datetime64[D]"),
    "zone": DAYS.tz_localize("Europe/Vienna"),
    "two zones": [pd.Timestamp("2024-01-01", tz="UTC"), pd.Timestamp("2024-01-02", tz="Asia/Tokyo")],
    "week": pd.period_range("2024-01-01", periods=3, freq="W-WED"),
    "quarter": pd.period_range("2024", periods=3, freq="Q-JAN"),
    "duration": pd.to_timedelta([90, 1, 0], unit="min"),
    "interval": pd.IntervalIndex.from_breaks([0, 30.5, 60, 1e9], closed="left"),
    "interval of dates": pd.interval_range(DAYS[0], periods=3),
    "tuple": [("Graz", "A"), ('Graz, "', "B"), ("Linz", "A")],
    "index of tuples": pd.MultiIndex.from_tuples([("Graz", 1), ("Linz", 2)]),
    "tuple of many": [("a", 1, DAYS[0], True, pd.Period("2024-01", "M"), pd.Timedelta("1h"), ("b", 0.5))],
    "category": pd.Categorical(["y", "x"], categories=["y", "x", "z"]),
}


@pytest.mark.parametrize("name", KINDS)
def test_labels_come_back_from_their_stored_form(name, tmp_path):
    labels = as_labels(KINDS[name])
    array, attributes = stored_labels(KINDS[name])
    assert array.dtype != object
    assert array.shape == (len(labels),)
    given = xr.Dataset({"effect": ("cell", np.zeros(len(labels)))}, coords={"cell": ("cell", array, attributes)})
    given.to_netcdf(tmp_path / "draws.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "draws.nc", engine="h5netcdf") as saved:
        read = restored_labels(saved["cell"].values, saved["cell"].attrs)
    assert read.kind == labels.kind
    assert read.index.tolist() == labels.index.tolist()
    assert read.positions(labels).tolist() == list(range(len(labels)))


@pytest.mark.parametrize("name", KINDS)
def test_labels_in_an_array_of_objects_are_the_same_labels(name):
    labels, column = as_labels(KINDS[name]), np.empty(len(KINDS[name]), dtype=object)
    column[:] = list(KINDS[name])
    assert as_labels(column).kind == labels.kind
    assert as_labels(column[::-1]).positions(labels).tolist() == list(range(len(labels)))[::-1]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([1, 2], [1.0, 2.0]),
        ([1, 2], np.array([1, 2], dtype="uint8")),
        ([1, 2], [decimal.Decimal(1), decimal.Decimal("2.0")]),
        ([2**60 + 1, 1], np.array([2**60 + 1, 1], dtype="uint64")),
        (["a", "b"], pd.Categorical(["a", "b"])),
        (["a", "b"], np.array([b"a", b"b"])),
        ([datetime.date(2024, 1, 1)], [np.datetime64("2024-01-01T00", "ns")]),
        ([datetime.date(2024, 1, 1)], [datetime.datetime(2024, 1, 1)]),
        ([pd.Timestamp("2024-01-01 01:00", tz="Europe/Vienna")], [pd.Timestamp("2024-01-01", tz="UTC")]),
        ([datetime.timedelta(hours=1)], np.array([60], dtype="timedelta64[m]")),
        ([pd.Interval(0, 1)], [pd.Interval(0.0, 1.0)]),
        ([("a", 1)], [("a", 1.0)]),
        ([("a", datetime.date(2024, 1, 1))], [("a", pd.Timestamp("2024-01-01"))]),
    ],
)
def test_one_value_is_one_label_whatever_type_it_came_in(one, other):
    places = list(range(len(one)))
    assert as_labels(one).positions(as_labels(other)).tolist() == places
    assert as_labels(other).positions(as_labels(one)).tolist() == places


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        (["1"], [1], "is text, but labels of the posterior such as 1 are numbers"),
        ([1], ["1"], "is a number, but labels of the posterior such as '1' are text"),
        ([True], [1], "is a truth value, but .* are numbers"),
        (["2024-01-01"], [datetime.date(2024, 1, 1)], "is text, but .* are dates"),
        ([DAYS[0]], [DAYS[0].tz_localize("UTC")], "is a date, but .* are dates with a time zone"),
        ([pd.Period("2024-01", "M")], [pd.Period("2024Q1", "Q")], "period of frequency 'M', but .* frequency 'Q-DEC'"),
        ([pd.Period("2024-01-01", "D")], [DAYS[0]], "is a period of frequency 'D', but .* are dates"),
        ([pd.Interval(0, 1)], [pd.Interval(0, 1, "left")], "closed on right, but .* closed on left"),
        ([15], [pd.Interval(0, 30)], "is a number, but .* intervals"),
        ([("a", "1")], [("a", 1)], "tuple of text, text, but .* tuples of text, number"),
        ([("a",)], ["a"], "is a tuple of text, but .* are text"),
    ],
)
def test_labels_of_two_kinds_are_refused_by_name(one, other, words):
    with pytest.raises(ValueError, match=f"^data variable 'store': .*{words}"):
        as_labels(one, "data variable 'store'").positions(as_labels(other, "the posterior"))


def test_large_ids_are_not_rounded():
    assert as_labels([2**53 + 1]).positions(as_labels([0.5, 2.0**53])).tolist() == [-1]


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        ([1, "a"], TypeError, "1 .int. at position 0 is a number and 'a' .str. at position 1 is text"),
        ([1, True], TypeError, "truth value"),
        ([DAYS[0], DAYS[0].tz_localize("UTC")], TypeError, "date with a time zone"),
        ([pd.Period("2024", "Y"), pd.Period("2024-01", "M")], TypeError, "frequency 'M'"),
        (["a", None], ValueError, "the label at position 1 is missing"),
        ([1.0, np.nan], ValueError, "position 1 is missing"),
        ([DAYS[0], pd.NaT], ValueError, "position 1 is missing"),
        ([1j], TypeError, "is no label"),
        ([object()], TypeError, "is no label"),
    ],
)
def test_what_is_no_label_is_refused_by_name(values, error, words):
    with pytest.raises(error, match=f"column 'store': .*{words}"):
        as_labels(values, "column 'store'")


def test_known_labels_are_each_there_once():
    with pytest.raises(ValueError, match="the posterior hold the label 'a' more than once"):
        as_labels(["a"]).positions(as_labels(["a", "a"], "the posterior"))


def test_no_labels_match_any_kind():
    assert as_labels([]).positions(as_labels(["a"])).tolist() == []


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("a", "a"),
        (1.0, "1"),
        (0.25, "0.25"),
        (np.datetime64("2024-01-05"), "2024-01-05"),
        (datetime.date(2024, 1, 5), "2024-01-05"),
        (pd.Timestamp("2024-01-05 06:30"), "2024-01-05 06:30:00"),
        (pd.Timestamp("2024-01-05", tz="Europe/Vienna"), "2024-01-05 00:00:00+01:00"),
        (pd.Period("2024-01", "M"), "2024-01"),
        (("Graz", 1), "('Graz', 1)"),
        (True, "True"),
    ],
)
def test_text_of_a_label(label, text):
    assert label_text(label) == text


MONTH_ENDS = pd.date_range("2023-10-31", periods=8, freq="ME")
MONDAYS = pd.date_range("2024-03-11", periods=8, freq="W-MON", tz="Europe/Vienna")  # over the change of the clocks


@pytest.mark.parametrize(
    ("known", "new", "gap"),
    [
        ([1, 2, 3], [4, 5], None),
        ([1, 2, 3], [5], "4"),
        ([1, 2, 3], [4, 6], "5"),
        ([10, 20, 30], [40], None),
        ([10, 20, 30], [50], "40"),
        ([0.1, 0.2, 0.3], [0.4, 0.5], None),
        ([0.1, 0.2, 0.3], [0.5], "0.4"),
        ([1, 2, 3, 4, 6], [9], None),  # the model itself has taken a gap for one step
        ([1, 2], [9], None),
        (MONTH_ENDS[:5], MONTH_ENDS[5:], None),
        (MONTH_ENDS[:5], MONTH_ENDS[6:], "2024-03-31"),
        (MONDAYS[:3], MONDAYS[3:], None),
        (MONDAYS[:3], MONDAYS[4:], "2024-04-01 00:00:00+02:00"),
        (pd.period_range("2023-12", periods=3, freq="M"), [pd.Period("2024-03", "M")], None),
        (pd.period_range("2023-12", periods=3, freq="M"), [pd.Period("2024-04", "M")], "2024-03"),
        (pd.period_range("2024-01", periods=3, freq="2M"), [pd.Period("2024-07", "2M")], None),
        (pd.period_range("2024-01", periods=3, freq="2M"), [pd.Period("2024-09", "2M")], "2024-07"),
        (pd.to_timedelta([0, 1, 2], "h"), pd.to_timedelta([3], "h"), None),
        (pd.to_timedelta([0, 1, 2], "h"), pd.to_timedelta([4], "h"), "0 days 03:00:00"),
        (["2020-W51", "2020-W52", "2020-W53"], ["2021-W01"], None),
        (["2021-W50", "2021-W51", "2021-W52"], ["2022-W02"], "2022-W01"),
        (["2023-11", "2023-12", "2024-01"], ["2024-02"], None),
        (["2023-11", "2023-12", "2024-01"], ["2024-03"], "2024-02"),
        (["2023Q2", "2023Q3", "2023Q4"], ["2024Q2"], "2024Q1"),
        (["2023-Q2", "2023-Q3", "2023-Q4"], ["2024-Q1"], None),
        (["2021", "2022", "2023"], ["2025"], "2024"),
        (["2024-02-27", "2024-02-28", "2024-02-29"], ["2024-03-02"], "2024-03-01"),
        (["2024-01-03", "2024-01-04", "2024-01-05"], ["2024-01-08"], None),  # Friday, Monday
        (["a", "b", "c"], ["e"], None),
        (["2024-W58", "2024-W59", "2024-W60"], ["2024-W62"], None),
        (["W7", "W8", "W9"], ["W10"], None),
        (["W08", "W09", "W10"], ["W12"], "W11"),
        (["98", "99", "100"], ["102"], "101"),
        (["0.1", "0.2", "0.3"], ["0.5"], "0.4"),
        ([202410, 202411, 202412], [202501], None),  # months
        ([202411, 202412, 202501], [202503], "202502"),
        ([202450, 202451, 202452], [202501], None),  # weeks
        (["202401", "202402", "202403"], ["202405"], "202404"),
        (["2024/10", "2024/11", "2024/12"], ["2025/02"], "2025/01"),
        (["Oct 2024", "Nov 2024", "Dec 2024"], ["Jan 2025"], None),
        (["Oct 2024", "Nov 2024", "Dec 2024"], ["Feb 2025"], "2025-01"),
        (["Q3 2023", "Q4 2023", "Q1 2024"], ["Q3 2024"], "Q2 2024"),
        (["20240228", "20240229", "20240301"], ["20240303"], "2024-03-02"),
        (["01.11.2024", "01.12.2024", "01.01.2025"], ["01.02.2025"], None),
        (["01.11.2024", "01.12.2024", "01.01.2025"], ["01.03.2025"], "2025-02-01"),
        (["01/15/2024", "01/22/2024", "01/29/2024"], ["02/05/2024"], None),
        (["01/15/2024", "01/22/2024", "01/29/2024"], ["02/12/2024"], "2024-02-05"),
        (pd.IntervalIndex.from_breaks(range(4)), [pd.Interval(3, 4)], None),
        (pd.IntervalIndex.from_breaks(range(4)), [pd.Interval(4, 5)], "the interval that starts at 3"),
    ],
)
def test_a_gap_is_found_where_labels_show_their_spacing(known, new, gap):
    assert first_gap(as_labels(known), as_labels(new)) == gap


@pytest.mark.parametrize(
    "labels",
    [
        ["W1", "W2", "W10"],
        ["Jan 2024", "Feb 2024", "Apr 2024"],
        ["Q1 2023", "Q2 2023", "Q1 2024"],
        ["31.01.2024", "01.02.2024"],
        ["12/31/2023", "01/01/2024"],
        ["31/12/2023", "01/01/2024"],
        ["-3", "-2", "10"],
        ["1.5", "2.25", "10"],
        ["0.10", "0.5"],
        ["low", "mid", "high"],
        ["Spring 2024", "Autumn 2024"],
        [(2024, 9), (2024, 10)],
    ],
)
def test_labels_in_order_of_time(labels):
    require_time_order(as_labels(labels), "sort them")


@pytest.mark.parametrize(
    ("labels", "wrong"),
    [
        (["W1", "W10", "W2"], "W2 follows W10"),
        (["Apr 2024", "Feb 2024", "Jan 2024"], "Feb 2024 follows Apr 2024"),
        (["Q1 2023", "Q1 2024", "Q2 2023"], "Q2 2023 follows Q1 2024"),
        (["01.01.2024", "01.02.2024", "02.01.2024"], "02.01.2024 follows 01.02.2024"),
        (["01/15/2024", "01/22/2023"], "01/22/2023 follows 01/15/2024"),
        (["2024-1", "2024-10", "2024-2"], "2024-2 follows 2024-10"),
        (["1", "10", "2"], "2 follows 10"),
        ([3, 1], "1 follows 3"),
    ],
)
def test_labels_out_of_order_of_time_are_refused(labels, wrong):
    with pytest.raises(ValueError, match=re.escape(f"weeks are out of order: {wrong}; sort them")):
        require_time_order(as_labels(labels, "weeks"), "sort them")


def test_order_of_labels():
    assert as_labels(["2024-W09", "2024-W10"]).increasing
    assert not as_labels(["week 9", "week 10"]).increasing
    assert as_labels(pd.period_range("2024", periods=3, freq="Q")).increasing
    assert not as_labels([1, 1]).increasing


def test_columns_come_back_as_they_were(tmp_path):
    """Also in the types that Python lists of them have: a builder may call ``.values.tolist()``."""
    columns = {name: np.array(as_labels(KINDS[name]).index.astype(object)) for name in KINDS}
    columns |= {"day": np.array(KINDS["date"]), "micro": DAYS.to_numpy(), "odd": np.array([{1}, None, 1.5])}
    data = xr.Dataset({name: (f"{name}_rows", values) for name, values in columns.items()})
    stored = stored_dataset(data)
    assert stored_dataset(stored).identical(stored)
    stored.drop_vars("odd").to_netcdf(tmp_path / "rows.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "rows.nc", engine="h5netcdf") as saved:
        read = restored_dataset(saved)
    for name in read:
        assert read[name].values.tolist() == data[name].values.tolist(), name
    assert stored["odd"].values.tolist() == [{1}, None, 1.5]
