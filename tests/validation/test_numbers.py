"""What counts as a number at the door, and what a refusal names."""

import fractions

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from learning_debt.validation import (
    require_flag,
    require_number,
    require_numbers,
    require_probability,
    require_seed,
    require_whole_number,
)


@pytest.mark.parametrize(
    "value", [2, 2.0, np.int8(2), np.uint64(2), np.float32(2), np.array(2), xr.DataArray(2.0)], ids=repr
)
def test_every_real_number_is_a_number(value):
    number = require_number("amount", value)
    assert number == 2.0
    assert type(number) is float


@pytest.mark.parametrize(
    "value",
    [
        "0.1",
        None,
        True,
        np.True_,
        1j,
        b"1",
        [1.0],
        np.ones(2),
        object(),
        {},
        pd.NA,
        np.datetime64(1, "D"),
        np.timedelta64(1),
    ],
)
def test_what_is_no_number_is_a_type_error_that_names_the_argument(value):
    for check in (require_number, require_whole_number, require_probability):
        with pytest.raises(TypeError, match=r"^amount must be "):
            check("amount", value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, np.ma.masked_array(1.0, True)])
def test_what_is_not_finite_or_masked_is_refused(value):
    with pytest.raises(ValueError, match="amount must be a finite number"):
        require_number("amount", value)
    with pytest.raises(ValueError, match="amount must be a finite number"):
        require_numbers("amount", value)


def test_bounds_are_kept_and_said():
    assert require_number("x", 0, at_least=0, below=1) == 0
    with pytest.raises(ValueError, match="x must be a number that is at least 0 and below 1, not 1"):
        require_number("x", 1, at_least=0, below=1)
    with pytest.raises(ValueError, match="x must be a number that is above 0 and at most 1, not 0"):
        require_number("x", 0, above=0, at_most=1)
    for edge in (0, 1):
        with pytest.raises(ValueError, match="p must be a number that is above 0 and below 1"):
            require_probability("p", edge)


def test_whole_numbers_are_of_whole_type():
    assert require_whole_number("n", np.uint8(3), at_least=3, at_most=3) == 3
    assert require_whole_number("n", 10**30) == 10**30
    for value in (3.0, np.float64(3), fractions.Fraction(3)):
        with pytest.raises((ValueError, TypeError), match="n must be a whole number that is at least 1, not "):
            require_whole_number("n", value, at_least=1)
    with pytest.raises(ValueError, match="n must be a whole number that is at least 1 and at most 9, not 10"):
        require_whole_number("n", 10, at_least=1, at_most=9)


def test_arrays_name_the_entry():
    assert require_numbers("w", [[1, 2], [3, 4]], above=0).shape == (2, 2)
    assert require_numbers("w", np.array([1, 2], dtype=object)).dtype == float
    with pytest.raises(ValueError, match="w must be numbers that are above 0, not -1 at position 1"):
        require_numbers("w", [1, -1], above=0)
    with pytest.raises(ValueError, match=r"w must be finite numbers, not nan at position \(1, 0\)"):
        require_numbers("w", [[1.0], [np.nan]])
    with pytest.raises(ValueError, match="w must be finite numbers, not masked at position 0"):
        require_numbers("w", np.ma.masked_equal([1, 2], 1))
    for wrong in (["1"], [1j], [True], [None], [[1], [1, 2]], [[1, 2], "a"], "ab"):
        with pytest.raises(TypeError, match="w must be"):
            require_numbers("w", wrong)


def test_flags_are_true_or_false():
    assert require_flag("f", np.True_) is True
    for wrong in (0, 1, "no", None, [True]):
        with pytest.raises(TypeError, match="f must be True or False"):
            require_flag("f", wrong)


def test_infinities_pass_only_where_they_may_and_nan_only_without_bounds():
    assert require_number("threshold", np.inf, finite=False) == np.inf
    assert np.isnan(require_number("value", np.nan, finite=False))
    assert np.isnan(require_numbers("debt", [1.0, np.nan], finite=False)[1])
    with pytest.raises(ValueError, match="threshold must be a number that is at least -inf, not nan"):
        require_number("threshold", np.nan, at_least=-np.inf, finite=False)
    with pytest.raises(ValueError, match="amount must be a finite number, not inf"):
        require_number("amount", 10**400)


def test_numbers_have_the_shape_that_is_asked_for():
    assert require_numbers("coefficients", (1, 2), shape=(2,)).tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match=r"coefficients must have shape \(2,\), not \(3,\)"):
        require_numbers("coefficients", (1, 2, 3), shape=(2,))
    for other in (xr.Dataset({"a": 1.0}), range, {"a": 1}, lambda: 1):
        with pytest.raises(TypeError, match="coefficients must be"):
            require_numbers("coefficients", other)


def test_a_seed_is_a_whole_number_or_nothing():
    assert require_seed("random_seed", None) is None
    assert require_seed("random_seed", np.int64(3)) == 3
    for wrong in (-1, 1.5, "1", True, np.nan, [1], np.random.default_rng(1)):
        with pytest.raises((TypeError, ValueError), match="random_seed must be a whole number that is at least 0"):
            require_seed("random_seed", wrong)
