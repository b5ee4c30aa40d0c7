"""Odd columns at the doors of data: the answer of plain floats, or a refusal that names the column."""

import datetime
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import learning_debt as ld
from learning_debt.data import as_dataset, split_periods

ROWS = 12
PERIODS = np.repeat(np.arange(6), 2)
FORECASTER = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 3.0, 2.0))

# Whole numbers 0..9 in types that hold them exactly: each is read as the float of the same value.
SAME = {
    "list": list,
    "tuple": tuple,
    **{
        name: (lambda numbers, name=name: np.array(numbers, dtype=name))
        for name in ("i1", "u1", "u2", "i4", "u8", ">i4")
    },
    **{name: (lambda numbers, name=name: np.array(numbers, dtype=name)) for name in ("f2", "f4", ">f8", "f8", "g")},
    "objects": lambda numbers: np.array(numbers, dtype=object),
    "decimals": lambda numbers: np.array([Decimal(number) for number in numbers], dtype=object),
    "fractions": lambda numbers: np.array([Fraction(number) for number in numbers], dtype=object),
    "mixed reals": lambda numbers: np.array([float(n) if n % 2 else int(n) for n in numbers], dtype=object),
    "nothing masked": lambda numbers: np.ma.masked_array(numbers, mask=False),
    "Int64": lambda numbers: pd.array(numbers, dtype="Int64"),
    "UInt8": lambda numbers: pd.array(numbers, dtype="UInt8"),
    "Float32": lambda numbers: pd.array(numbers, dtype="Float32"),
    "series": lambda numbers: pd.Series(numbers),
    "sparse": lambda numbers: pd.Series(pd.arrays.SparseArray(numbers)),
    "view": lambda numbers: np.repeat(np.array(numbers, dtype=float), 2)[::2],
    "read only": lambda numbers: np.broadcast_to(np.array(numbers, dtype=float), (1, len(numbers)))[0],
}


def at(place, entry, dtype=float):
    """A column with one other entry."""

    def make(numbers):
        column = np.array(numbers, dtype=dtype)
        column[place] = entry
        return column

    return make


def masked(numbers):
    return np.ma.masked_array(np.array(numbers, dtype=float), mask=np.arange(len(numbers)) == 3)


WRONG = {
    "nan": at(2, np.nan),
    "inf": at(5, np.inf),
    "minus inf": at(0, -np.inf),
    "None": at(1, None, object),
    "NA": at(1, pd.NA, object),
    "NaT": at(1, pd.NaT, object),
    "text among numbers": at(4, "7", object),
    "list among numbers": at(4, [7.0], object),
    "dict": at(4, {"a": 1}, object),
    "complex among numbers": at(4, 1j, object),
    "beyond 64 bits": at(4, 10**40, object),
    "masked": masked,
    "masked whole": lambda numbers: np.ma.masked_array(np.array(numbers), mask=np.arange(len(numbers)) == 3),
    "nullable": lambda numbers: pd.array([None, *numbers[1:]], dtype="Int64"),
    "nullable float": lambda numbers: pd.Series([pd.NA, *numbers[1:]], dtype="Float64"),
    "complex": lambda numbers: np.array(numbers, dtype=complex),
    "text": lambda numbers: np.array([str(number) for number in numbers]),
    "text objects": lambda numbers: np.array([str(number) for number in numbers], dtype=object),
    "bytes": lambda numbers: np.array([str(number).encode() for number in numbers]),
    "dates": lambda numbers: np.array(numbers, dtype="datetime64[D]"),
    "durations": lambda numbers: np.array(numbers, dtype="timedelta64[s]"),
    "duration objects": lambda numbers: np.array([*np.array(numbers, dtype="timedelta64[D]")], dtype=object),
    "a duration": at(2, np.timedelta64(3, "D"), object),
    "periods": lambda numbers: pd.period_range("2024-01", periods=len(numbers), freq="M"),
    "python dates": lambda numbers: np.array([datetime.date(2024, 1, 1 + n) for n in numbers], dtype=object),
    "records": lambda numbers: np.array([(n,) for n in numbers], dtype=[("a", float)]),
    "one short": lambda numbers: np.array(numbers[1:], dtype=float),
    "one long": lambda numbers: np.array([*numbers, 1.0]),
    "two columns": lambda numbers: np.column_stack([numbers, numbers]).astype(float),
    "one number": lambda _: 3.0,
    "nothing": lambda _: np.array([]),
    "None alone": lambda _: None,
    "word": lambda _: "word",
    "ragged": lambda numbers: [[1.0, 2.0], *map(float, numbers[1:])],
    "generator": lambda numbers: (number for number in numbers),
    "set": lambda numbers: set(numbers),
}
HUGE = {"1e160": at(3, 1e160), "1e308": at(3, 1e308), "tiny": at(3, 5e-324), "long": at(3, 10**17, object)}
numbers = st.lists(st.integers(0, 9), min_size=ROWS, max_size=ROWS)
columns = st.sampled_from(["x", "y"])
x_and_y = st.tuples(numbers, numbers)


def history(both, name, column):
    """Plain floats, and the same with one column put differently."""
    plain = {"x": np.array(both[0], dtype=float), "y": np.array(both[1], dtype=float), "period": PERIODS}
    values = plain[name].astype(int).tolist()
    return plain, plain | {name: column(values)}


def table_of(data):
    return ld.spell_table(FORECASTER, data, initial=2, progressbar=False)


def same_posterior(first, second):
    for ours, theirs in zip(first, second, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@settings(max_examples=150)
@given(x_and_y, columns, st.sampled_from(sorted(SAME)))
def test_a_column_of_another_type_is_read_as_its_numbers(both, name, kind):
    plain, odd = history(both, name, SAME[kind])
    same_posterior(FORECASTER.fit(plain), FORECASTER.fit(odd))
    np.testing.assert_array_equal(as_dataset(odd)[name].values.astype(float), plain[name])
    np.testing.assert_array_equal(split_periods(odd).data[name].values.astype(float), plain[name])


@settings(max_examples=25)
@given(x_and_y, columns, st.sampled_from(sorted(SAME)))
def test_a_table_of_another_type_is_that_of_its_numbers(both, name, kind):
    plain, odd = history(both, name, SAME[kind])
    assert table_of(plain).identical(table_of(odd))


@settings(max_examples=200)
@given(x_and_y, columns, st.sampled_from(sorted(WRONG)))
def test_a_column_that_holds_no_numbers_is_refused_by_name(door, both, name, kind):
    _, odd = history(both, name, WRONG[kind])
    assert door(lambda: FORECASTER.fit(odd), repr(name), f"{name} ", "arrays of data do not fit") is None


@settings(max_examples=40)
@given(x_and_y, columns, st.sampled_from(sorted(WRONG)))
def test_a_history_with_a_column_of_no_numbers_is_refused_by_name(door, both, name, kind):
    _, odd = history(both, name, WRONG[kind])
    assert door(lambda: table_of(odd), repr(name), f"{name} ", "arrays of data do not fit") is None


@settings(max_examples=40)
@given(x_and_y, columns, st.sampled_from(sorted(HUGE)))
def test_huge_numbers_give_a_finite_answer_or_a_refusal(door, both, name, kind):
    _, odd = history(both, name, HUGE[kind])
    posterior = door(lambda: FORECASTER.fit(odd), repr(name), f"{name} ", "data")
    if posterior is not None:
        assert all(np.isfinite(np.asarray(part, dtype=float)).all() for part in posterior)
    table = door(lambda: table_of(odd), repr(name), f"{name} ", "data")
    if table is not None:
        upper = np.triu(np.ones((table.sizes["period"],) * 2, dtype=bool))
        for variable in ("regret", "score_gap", "debt", "predictive_debt"):
            assert np.isfinite(table[variable].values[:, upper]).all(), variable


@settings(max_examples=25)
@given(numbers, st.sampled_from([("y", "y"), ("x", "x"), ("period", "period"), ("1", 1)]))
def test_a_name_that_comes_twice_is_refused(door, values, twice):
    column = np.array(values, dtype=float)
    frame = pd.DataFrame({"x": column, "y": column, "period": PERIODS})
    frame = pd.concat([frame, pd.DataFrame({0: column, 1: column})], axis=1)
    frame.columns = ["x", "y", "period", *twice]
    for call in (as_dataset, split_periods, FORECASTER.fit, table_of):
        assert door(lambda call=call: call(frame), repr(str(twice[0]))) is None


@settings(max_examples=60)
@given(
    st.one_of(
        st.none(),
        st.integers(),
        st.floats(),
        st.text(max_size=3),
        st.lists(st.integers(), max_size=3),
        st.binary(max_size=3),
    )
)
def test_what_is_no_container_is_refused(door, value):
    for call in (as_dataset, split_periods, FORECASTER.fit, table_of):
        assert door(lambda call=call: call(value), "data") is None


LABELS = {
    "numbers": lambda order: np.array(order) * 1.0,
    "whole numbers": lambda order: np.array(order, dtype="u1"),
    "text": lambda order: np.array([f"week {one:02d}" for one in order]),
    "dates": lambda order: np.datetime64("2024-01-01", "D") + 7 * np.array(order),
    "nanoseconds": lambda order: np.datetime64("2024-01-01", "ns") + np.array(order),
    "tz": lambda order: pd.Timestamp("2024-03-25", tz="Europe/Berlin") + pd.to_timedelta(np.array(order), unit="D"),
    "periods": lambda order: pd.PeriodIndex([pd.Period("2024Q1") + one for one in order]),
    "category": lambda order: pd.Categorical([f"c{one:02d}" for one in order]),
    "python dates": lambda order: np.array([datetime.date(2024, 1, 1 + one) for one in order], dtype=object),
    "durations": lambda order: np.array(order, dtype="timedelta64[D]"),
}


@settings(max_examples=80)
@given(st.lists(st.integers(0, 20), min_size=2, max_size=6, unique=True), st.sampled_from(sorted(LABELS)), st.data())
def test_periods_of_any_kind_are_cut_where_their_labels_change(door, order, kind, data):
    rows = data.draw(st.lists(st.integers(1, 3), min_size=len(order), max_size=len(order)))
    labels = np.repeat(order, rows).tolist()
    odd = {"y": np.arange(len(labels)), "period": LABELS[kind](labels)}
    cut = door(lambda: split_periods(odd, varying_rows=True), "period")
    if sorted(order) == order:
        assert cut is not None, "refused in order"
        assert cut.rows.tolist() == rows
    else:
        assert cut is None, "accepted out of order"


@pytest.mark.parametrize("name", ["period", "arrived", "row"])
@settings(max_examples=60)
@given(
    numbers,
    st.sampled_from(
        sorted(
            {*WRONG}
            - {
                "text",
                "text objects",
                "dates",
                "durations",
                "duration objects",
                "periods",
                "python dates",
                "complex",
            }
        )
    ),
)
def test_labels_with_a_gap_or_a_stranger_are_refused_by_name(door, name, values, kind):
    ordered = sorted(values)
    odd = {"y": np.arange(ROWS), "period": ordered, "arrived": ordered, "row": np.arange(ROWS)}
    odd[name] = WRONG[kind](ordered)
    assert (
        door(lambda: split_periods(odd, varying_rows=True), repr(name), "arrays of data do not fit", f"history {name}")
        is None
    )
