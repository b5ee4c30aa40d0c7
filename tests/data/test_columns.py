"""Columns of every kind at the one door: turned into numpy's own types, or refused by name where they are used."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import learning_debt as ld
from learning_debt.data import as_dataset, as_past, plain_values

WHOLE = [3, 250, 7, 100]
FORMS = {
    "uint8": np.array(WHOLE, dtype="uint8"),
    "int16, bytes swapped": np.array(WHOLE, dtype=">i2"),
    "float16": np.array(WHOLE, dtype="float16"),
    "float32, bytes swapped": np.array(WHOLE, dtype=">f4"),
    "longdouble": np.array(WHOLE, dtype="longdouble"),
    "Int64": pd.array(WHOLE, dtype="Int64"),
    "UInt8": pd.array(WHOLE, dtype="UInt8"),
    "Float64": pd.array(WHOLE, dtype="Float64"),
    "category": pd.Categorical(WHOLE, categories=[1, *WHOLE]),
    "sparse": pd.arrays.SparseArray(WHOLE),
    "Decimal": [Decimal(one) for one in WHOLE],
    "Fraction": [Fraction(one) for one in WHOLE],
    "objects": np.array(WHOLE, dtype=object),
    "objects of numpy": np.array([np.uint8(one) for one in WHOLE], dtype=object),
    "no cell masked": np.ma.masked_array(WHOLE, mask=[False] * 4),
}
GAPS = {
    "masked": np.ma.masked_array([1.0, 999.0, 3.0], mask=[False, True, False]),
    "masked whole": np.ma.masked_array([1, 999, 3], mask=[False, True, False]),
    "masked truth": np.ma.masked_array([True, True, False], mask=[False, True, False]),
    "masked date": np.ma.masked_array(np.arange(3).astype("M8[D]"), mask=[False, True, False]),
    "Int64": pd.array([1, None, 3], dtype="Int64"),
    "Float64": pd.array([1.0, None, 3.0], dtype="Float64"),
    "boolean": pd.array([True, None, False], dtype="boolean"),
    "string": pd.array(["a", None, "b"], dtype="string"),
    "category": pd.Categorical(["a", None, "b"]),
    "category of numbers": pd.Categorical([1, None, 3]),
    "date": pd.to_datetime(["2024-01-01", None, "2024-01-03"]),
    "time zone": pd.to_datetime(["2024-01-01", None, "2024-01-03"], utc=True),
    "Period": pd.PeriodIndex(["2024-01", None, "2024-03"], freq="M"),
    "Decimal": np.array([Decimal(1), Decimal("NaN"), Decimal(3)]),
    "None": np.array([1.0, None, 3.0], dtype=object),
}


def put(column, how):
    """The column at every entry: a mapping, a pair, a frame, a Dataset that holds pandas' own arrays."""
    if how == "mapping":
        return {"x": column}
    if how == "pair":
        return {"x": ("obs", column)}
    if how == "Dataset":
        return xr.Dataset({"x": ("obs", column)})
    return pd.DataFrame({"x": column})


@pytest.mark.parametrize("how", ["mapping", "pair", "frame", "Dataset"])
@pytest.mark.parametrize("form", FORMS)
def test_whole_numbers_of_every_type_do_arithmetic_without_wrapping(form, how):
    x = as_dataset(put(FORMS[form], how))["x"].values
    assert x.dtype in (np.int64, np.float64)
    assert (x - 251).tolist() == [-248, -1, -244, -151]
    assert (x * x).tolist() == [9, 62500, 49, 10000]


@pytest.mark.parametrize("how", ["mapping", "pair", "frame", "Dataset"])
@pytest.mark.parametrize("form", GAPS)
def test_a_gap_of_every_kind_is_refused_where_the_column_is_used_and_only_there(form, how):
    if how == "Dataset" and form.startswith(("masked truth", "masked date")):
        pytest.skip("xarray itself fills these")
    data = put(GAPS[form], how)
    for door in (as_dataset, lambda rows: as_past(rows, "obs")):
        with pytest.raises(ValueError, match=r"'x' (is not finite at obs=1|has a missing (label|date).* \[?1\]?$)"):
            door(data)
    assert as_dataset(data, "obs", ()).sizes["obs"] == 3


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([1 + 0j, 2], "'x' holds complex numbers"),
        (np.array([1, "a"], dtype=object), r"'x' mixes numbers \(1 \(int\)\) and text \('a' \(str\)\)"),
        (np.array([[1], {}], dtype=object), r"'x' holds \[1\] \(list\) at position 0"),
        (np.array([10**30, 1], dtype=object), "'x' holds 1000000000000000000000000000000, beyond 64 bits"),
        (np.array([b"\xff", b"a"]), "'x' holds bytes"),
        (np.zeros(2, dtype=[("a", int)]), "'x' holds records"),
    ],
)
def test_what_is_neither_number_nor_label_is_refused_where_it_is_used(column, message):
    with pytest.raises(ValueError, match=message):
        as_dataset({"x": ("obs", column)})
    as_dataset({"x": ("obs", column)}, "obs", ["y"])


def test_plain_columns_stay_the_objects_they_are():
    data = xr.Dataset({"x": ("obs", [1.0, 2.0]), "store": ("obs", ["a", "b"])})
    assert as_dataset(data).identical(data)
    assert plain_values(np.array([2**64 - 1], dtype="uint64")).tolist() == [2**64 - 1]


def test_names_that_come_twice_are_refused_however_they_are_written():
    with pytest.raises(ValueError, match=r"repeated column names: \['1'\]"):
        as_dataset({1: [1.0], "1": [2.0]})


def test_series_of_one_mapping_stand_side_by_side():
    y = pd.Series([1.0, 2.0, 3.0])
    dates = pd.Series([1.0, 2.0, 3.0], index=pd.date_range("2024", periods=3))
    assert as_dataset({"y": y, "x": dates}).sizes["obs"] == 3  # indexes that say nothing about each other
    labelled = xr.DataArray([3.0, 2.0, 1.0], dims="obs", coords={"obs": [2, 1, 0]})
    for other in (y[::-1], labelled, y[::-1].to_frame()):
        with pytest.raises(ValueError, match=r"'y' and 'x' carry row labels .* that differ"):
            as_dataset({"y": y, "x": other})
    assert as_dataset({"y": y, "x": labelled[::-1]})["x"].values.tolist() == [1.0, 2.0, 3.0]


PRIOR = ld.NIG(0.0, 1.0, 2.0, 1.0)
EXACT = ld.ConjugateRegression(PRIOR)


def history(**columns):
    rng = np.random.default_rng(1)
    x = rng.normal(size=30)
    return {"x": x, "y": 2 * x + rng.normal(size=30), "period": np.arange(30), **columns}


def spells(data, prior=PRIOR, **options):
    return ld.spell_table(ld.ConjugateRegression(prior), data, initial=10, progressbar=False, **options)


@pytest.mark.parametrize(
    "column",
    [
        np.array([None] * 29 + ["closed"], dtype=object),
        np.r_[np.nan, np.ones(29)],
        np.array([1, "a"] * 15, dtype=object),
        np.ones(30) + 1j,
        pd.array([True, None] * 15, dtype="boolean"),
    ],
    ids=["note", "gap", "mixture", "complex", "NA"],
)
def test_a_column_that_nobody_uses_changes_no_table(column):
    xr.testing.assert_identical(spells(history(**{"price/kg": column})), spells(history()))


@pytest.mark.parametrize(
    "column",
    [
        np.ma.masked_array(np.ones(30), mask=np.arange(30) == 15),
        ("obs", np.ma.masked_array(np.ones(30), mask=np.arange(30) == 15)),
        pd.array([*[1] * 15, None, *[1] * 14], dtype="Int64"),
    ],
)
def test_a_masked_outcome_is_missing_for_the_exact_model_too(column):
    with pytest.raises(ValueError, match="'y' is not finite at obs=15"):
        spells(history(y=column))
    for use in (EXACT.fit, EXACT.as_batch, lambda rows: EXACT.log_score(PRIOR, rows)):
        with pytest.raises(ValueError, match="'y' is not finite at obs=15"):
            use(history(y=column))


def test_numbers_written_as_text_are_refused_with_the_remedy():
    with pytest.raises(ValueError, match=r"'y' must hold numbers, not text such as '1,234': turn it into numbers"):
        EXACT.fit({"x": [1.0, 2.0], "y": ["1,234", "2"]})


def test_a_change_of_unit_changes_no_debt_and_too_large_a_unit_is_refused():
    """Debt is invariant under y -> c y, x -> k x with the prior scaled along; so are gaps of log scores."""
    plain = spells(history())
    for k, c in ((1e58, 1e58), (1.0, 1e59), (1e-60, 1e-60)):
        scaled = history(x=history()["x"] * k, y=history()["y"] * c)
        other = spells(scaled, ld.NIG(0.0, k**2, 2.0, c**2))
        for name in ("debt", "predictive_debt", "score_gap"):
            np.testing.assert_allclose(other[name], plain[name], rtol=1e-9, atol=1e-11)
    for large in (1e61, 1e160, 1e300):
        with pytest.raises(ValueError, match=r"'y' holds numbers as large as .* within 1e\+60"):
            spells(history(y=np.r_[history()["y"][:29], large]))


ROW_NAMES = pd.Index(list("pqrs"))
NEW = pd.DataFrame({"x": [1.0, 2.0, -1.0, 0.5], "y": [0.9, 2.2, -1.1, 3.0]}, index=ROW_NAMES)
OTHER_ORDER = {
    "Series": pd.Series([4.0, 3.0, 2.0, 1.0], index=ROW_NAMES[::-1]),
    "DataArray": xr.DataArray([4.0, 3.0, 2.0, 1.0], dims="obs", coords={"obs": ROW_NAMES[::-1]}),
}


@pytest.mark.parametrize("kind", OTHER_ORDER)
def test_numbers_beside_the_rows_stand_in_their_order(kind):
    """Weights and groups whose labels are those of the rows in another order would be taken by position."""
    other, deployed = OTHER_ORDER[kind], EXACT.fit(NEW[:2])
    rows = NEW if kind == "Series" else NEW.rename_axis("obs").to_xarray()
    calls = {
        "row_weight": lambda weight: EXACT.fit(rows, row_weight=weight),
        "new_weight": lambda weight: ld.posterior_debt(EXACT, EXACT.fit(NEW), deployed, rows, new_weight=weight),
        "by": lambda weight: ld.debt_by_group(EXACT, EXACT.fit(NEW), deployed, rows, by=weight),
    }
    for name, call in calls.items():
        with pytest.raises(ValueError, match=f"{name} carries the labels of the rows in another order"):
            call(other)
        call(other[::-1])
        call(other.values)
    by_label = EXACT.fit(NEW, row_weight=OTHER_ORDER["Series"][::-1])
    assert by_label == EXACT.fit(NEW, row_weight=[1.0, 2.0, 3.0, 4.0])


@pytest.mark.parametrize(
    "by", [["a", None, "b", "a"], ["1", 1, "1", 1], np.ma.masked_array([1, 1, 2, 2], [0, 1, 0, 0])]
)
def test_groups_without_a_label_or_of_several_kinds_are_refused(by):
    with pytest.raises((TypeError, ValueError), match=r"by: .*(missing|of one kind)"):
        ld.debt_by_group(EXACT, EXACT.fit(NEW), EXACT.fit(NEW[:2]), NEW, by=by)
