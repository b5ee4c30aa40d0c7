"""Tables of many series, a few at a time: the same numbers as one table of all, refusals before the first."""

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import xarray as xr

import learning_debt as ld

PERIODS, INITIAL = 20, 6


@pytest.fixture
def fleet(make_history):
    histories = [make_history(PERIODS, 3, 2, seed=number, shift_at=12) for number in range(5)]
    together = {name: np.concatenate([history[name] for history in histories]) for name in histories[0]}
    together["series"] = np.repeat(["e", "d", "c", "b", "a"], PERIODS * 3)
    mixed = np.argsort(together["period"], kind="stable")  # rows of all series of a period side by side
    return {name: values[mixed] for name, values in together.items()}


FORECASTER = ld.ConjugateRegression(ld.NIG(np.zeros(2), np.eye(2), 2.0, 1.0))
OPTIONS = {"initial": INITIAL, "progressbar": False}


def one_by_one(fleet, **options):
    return list(ld.spell_tables(FORECASTER, fleet, **OPTIONS, **options))


@pytest.mark.parametrize(("size", "expected"), [(1, [1] * 5), (2, [2, 2, 1]), (100, [5])])
def test_tables_one_after_the_other_are_the_table_of_all_series(fleet, size, expected):
    exposure = xr.DataArray(np.arange(1.0, 6.0), dims="series", coords={"series": list("abcde")})
    whole = ld.spell_table(FORECASTER, fleet, exposure=exposure, **OPTIONS)
    parts = one_by_one(fleet, series_per_table=size, exposure=exposure)
    assert [part.sizes["series"] for part in parts] == expected
    xr.testing.assert_identical(xr.concat(parts, "series", data_vars="minimal", join="exact"), whole)


def test_threads_change_no_digit(fleet):
    with ThreadPoolExecutor(2) as executor:
        parts = one_by_one(fleet, series_per_table=3, executor=executor)
    for part, alone in zip(parts, one_by_one(fleet, series_per_table=3), strict=True):
        xr.testing.assert_identical(part, alone)


def test_a_table_is_let_go_before_the_next_but_one(fleet):
    before = []
    for table in ld.spell_tables(FORECASTER, fleet, series_per_table=1, **OPTIONS):
        gc.collect()
        assert sum(reference() is not None for reference in before) <= 1
        before.append(
            weakref.ref(table["debt"].values.base if table["debt"].values.base is not None else table["debt"].values)
        )


@pytest.mark.parametrize("size", [0, 2.5, "many"])
def test_what_is_wrong_is_said_at_the_call_not_at_the_first_table(fleet, size):
    with pytest.raises((TypeError, ValueError), match="series_per_table"):
        ld.spell_tables(FORECASTER, fleet, series_per_table=size, **OPTIONS)
    fleet["y"][7] = np.nan
    with pytest.raises(ValueError, match="'y'"):
        ld.spell_tables(FORECASTER, fleet, **OPTIONS)
