"""A user's own table: every variable of a known name is checked for what it holds and along which dimensions."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import learning_debt as ld
from learning_debt.data import plain_labels

PERIODS = 5
CELL = ("deployed_at", "period")
UPPER = np.triu(np.ones((PERIODS, PERIODS), dtype=bool))


def cells(fill=0.1):
    return np.where(UPPER, fill, np.nan)


def table(**variables):
    given = {"score_gap": (CELL, cells()), **variables}
    labels = {name: given.pop(name) for name in ("label", "deployed_label", "series", "earlier") if name in given}
    return xr.Dataset(given, coords=labels)


NEGATIVE = cells(0.1)
NEGATIVE[1, 3] = -0.1

WRONG = {
    "complex regret": ({"regret": (CELL, cells() + 0j)}, "'regret' must hold real numbers, not complex"),
    "text": ({"debt": (CELL, cells().astype(str))}, "'debt' must hold numbers, not text such as '0.1'"),
    "objects": ({"debt": (CELL, np.full((PERIODS, PERIODS), {}, dtype=object))}, "'debt' must hold numbers"),
    "truth for numbers": ({"debt": (CELL, UPPER)}, "'debt' must hold numbers, not bool"),
    "dates for numbers": ({"debt": (CELL, UPPER.astype("m8[D]"))}, "'debt' must hold numbers"),
    "a signal by period": ({"debt": ("period", np.ones(PERIODS))}, r"'debt' runs along \('period',\); it must"),
    "a signal with draws": (
        {"debt": (("draw", *CELL), np.ones((2, PERIODS, PERIODS)))},
        "'debt' runs along .*'draw'.*; it must run along .'deployed_at', 'period'., and 'series'",
    ),
    "errors by period": ({"score_gap_se": ("period", np.ones(PERIODS))}, r"'score_gap_se' runs along \('period',\)"),
    "errors below 0": (
        {"score_gap_se": (CELL, NEGATIVE)},
        r"'score_gap_se' must hold standard errors, at least 0, not -0.1 at position \{'deployed_at': 1, 'period': 3\}",
    ),
    "verdict by period": ({"debt_reliable": ("period", np.ones(PERIODS, bool))}, "'debt_reliable' runs along"),
    "verdict of numbers": ({"debt_reliable": (CELL, cells())}, "'debt_reliable' must hold True and False, not float64"),
    "verdict of text": ({"debt_reliable": (CELL, np.full((PERIODS, PERIODS), "yes"))}, "must hold True and False"),
    "converged by posterior": (
        {"converged": ("deployed_at", np.ones(PERIODS, bool))},
        r"'converged' runs along \('deployed_at',\); it must run along \('period',\)",
    ),
    "converged by cell": ({"converged": (CELL, UPPER)}, "'converged' runs along"),
    "converged scalar": ({"converged": True}, r"'converged' runs along \(\)"),
    "deployed by period": (
        {"deployed_converged": ("period", np.ones(PERIODS, bool))},
        "'deployed_converged' runs along",
    ),
    "exposure by cell": ({"exposure": (CELL, cells())}, "'exposure' runs along"),
    "exposure complex": ({"exposure": ("period", np.ones(PERIODS) + 0j)}, "'exposure' must hold real numbers"),
    "rows of text": ({"rows": ("period", list("abcde"))}, "'rows' must hold numbers, not text such as 'a'"),
    "codes below 0": (
        {"score_gap_doubt": (CELL, np.full((PERIODS, PERIODS), -1, dtype=np.int8))},
        "'score_gap_doubt' must hold codes of doubts",
    ),
    "codes without values": (
        {"score_gap_doubt": (CELL, UPPER.astype(np.int8), {"flag_meanings": "none few_draws"})},
        "'score_gap_doubt' must have attributes 'flag_values' and 'flag_meanings'",
    ),
    "codes of too few names": (
        {"score_gap_doubt": (CELL, UPPER.astype(np.int8), {"flag_values": [0, 1], "flag_meanings": "none"})},
        "'score_gap_doubt' must have attributes 'flag_values' and 'flag_meanings'",
    ),
    "label by posterior": ({"label": ("deployed_at", list("abcde"))}, r"'label' runs along \('deployed_at',\)"),
    "label twice": ({"label": ("period", list("abcda"))}, "'label' holds a more than once"),
    "label 1 and 1.0": (
        {"label": ("period", np.array([1, 1.0, 2, 3, 4], dtype=object))},
        "'label' holds 1 more than once",
    ),
    "labels mixed": (
        {"label": ("period", np.array([1, "a", 2, 3, 4], dtype=object))},
        "'label': labels must be of one kind",
    ),
    "series twice": (
        {"score_gap": (("series", *CELL), np.stack([cells()] * 2)), "series": ["a", "a"]},
        "'series' holds a more than once",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_variable_that_does_not_fit_is_named_with_what_it_has_and_needs(case):
    variables, message = WRONG[case]
    wrong = table(**variables)
    never = ld.policies.Never()
    for door in (
        ld.check_spells,
        lambda spells: ld.replay(spells, never, 0.1),
        lambda spells: ld.oracle(spells, 0.1),
        lambda spells: ld.tune(spells, [never], 0.1),
        lambda spells: ld.decide(spells, ld.policies.CUSUM(0.5), 0.1, horizon=2),
    ):
        with pytest.raises((ValueError, TypeError), match=message):
            door(wrong)


@pytest.mark.parametrize(
    "values",
    [
        UPPER.astype("uint8"),
        UPPER.astype("float16"),
        np.where(UPPER, 1, 0),
        np.array([[Decimal(int(one)) for one in row] for row in UPPER]),
    ],
    ids=["uint8", "float16", "int64", "Decimal"],
)
def test_numbers_of_every_type_bill_alike(values):
    never = ld.replay(table(score_gap=(CELL, values)), ld.policies.Never(), 0.5)
    assert never.objective.item() == PERIODS  # one a period
    best = ld.oracle(table(score_gap=(CELL, values)), 0.5)
    assert best.objective.item() == PERIODS


def test_truth_may_be_written_as_0_and_1():
    spells = ld.check_spells(table(converged=("period", [1, 1, 0, 1, 1]), score_gap_reliable=(CELL, UPPER.astype(int))))
    assert spells["converged"].values.tolist() == [[True, True, False, True, True]]
    assert spells["score_gap_reliable"].dtype == bool


def test_labels_of_pandas_are_stored_as_files_hold_them(tmp_path):
    months = pd.period_range("2024-01", periods=PERIODS, freq="M")
    spells = ld.check_spells(table(label=("period", months.astype(object))))
    spells.to_netcdf(tmp_path / "spells.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "spells.nc", engine="h5netcdf") as read:
        assert plain_labels(ld.check_spells(read.load())["label"]) == months.tolist()


def test_variables_of_other_names_are_the_owners_own():
    note = ("period", np.array(["a", None, 1, {}, []], dtype=object))
    assert ld.check_spells(table(note=note))["note"].dtype == object


def derived(exposure=2.0):
    return ld.check_spells(table(exposure=("period", np.full(PERIODS, exposure))))


CHANGED = {
    "exposure": lambda spells: spells.assign(exposure=3 * spells["exposure"]),
    "score gap": lambda spells: spells.assign(score_gap=spells["score_gap"] + 1.0),
    "exposure left out": lambda spells: spells.drop_vars("exposure"),
    "regret": lambda spells: spells.assign(regret=spells["regret"].copy(data=spells["regret"].values - 1.0)),
    "one cell": lambda spells: spells.assign(exposure=spells["exposure"].where(spells["period"] < PERIODS, 2.1)),
}


@pytest.mark.parametrize("change", CHANGED)
def test_regret_that_was_not_changed_along_is_refused_with_both_remedies(change):
    stale = CHANGED[change](derived())
    for door in (
        ld.check_spells,
        lambda spells: ld.replay(spells, ld.policies.Never(), 0.1),
        lambda spells: ld.decide(spells, ld.policies.CUSUM(0.5), 0.1, horizon=2),
    ):
        with pytest.raises(
            ValueError, match=r"'regret' is .*exposure x score_gap is .*drop_vars.*attrs\['derived_from'\]"
        ):
            door(stale)
    made_anew = ld.check_spells(stale.drop_vars("regret"))
    xr.testing.assert_equal(
        made_anew["regret"], (stale.get("exposure", 1.0) * stale["score_gap"]).transpose(*made_anew["regret"].dims)
    )
    own = stale.copy()
    del own["regret"].attrs["derived_from"]
    np.testing.assert_array_equal(ld.check_spells(own)["regret"], stale["regret"])


def test_regret_from_the_owners_books_may_be_anything():
    books = ld.check_spells(table(regret=(CELL, cells(7.0)), exposure=("period", np.full(PERIODS, 2.0))))
    assert ld.replay(books, ld.policies.Never(), 0.5).objective.item() == 7.0 * PERIODS
    assert "derived_from" not in books["regret"].attrs


def test_regret_stays_current_through_cuts_files_and_single_precision(tmp_path):
    spells = derived(1 / 3)
    spells.to_netcdf(tmp_path / "spells.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "spells.nc", engine="h5netcdf") as read:
        stored = read.load()
    small = spells.astype("float32")
    for same in (
        stored,
        small,
        ld.select_periods(spells, 2, 4),
        spells.transpose(),
        spells.isel(series=0),
        spells.fillna(9.0),
    ):
        assert same["regret"].attrs == {"derived_from": "exposure x score_gap"}
        ld.check_spells(same)
    with pytest.raises(ValueError, match="series 0, deployed_at 0, period 1"):
        ld.check_spells(ld.select_periods(spells, 2, 4).assign(exposure=("period", [1.0, 1.0])))
