"""Checks of numbers: real, finite, within bounds, and never text, a truth value or a masked cell."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learning_debt.typing import Array
from learning_debt.validation.objects import describe


def require_number(
    name: str,
    value: Any,
    *,
    above: float | None = None,
    at_least: float | None = None,
    below: float | None = None,
    at_most: float | None = None,
    finite: bool = True,
) -> float:
    """One real number within its bounds, finite unless `finite` is False; then a bound still refuses NaN.

    Raises
    ------
    TypeError
        If `value` is no real number: text, a truth value, complex, several numbers.
    ValueError
        If it is masked, not finite or out of bounds.

    Examples
    --------
    >>> require_number("amount", 3, at_least=0)
    3.0
    >>> require_number("amount", "0.1", at_least=0)
    Traceback (most recent call last):
    TypeError: amount must be a number that is at least 0, not '0.1' (str)
    """
    wanted = _wanted("a number", above, at_least, below, at_most, finite)
    if not _is_real(value):
        raise TypeError(f"{name} must be {wanted}, not {describe(value)}")
    if np.ma.is_masked(value):
        raise ValueError(f"{name} must be {wanted}, not masked")
    number = _as_float(value)
    if (finite and not np.isfinite(number)) or not _inside(np.asarray(number), above, at_least, below, at_most):
        raise ValueError(f"{name} must be {wanted}, not {number:g}")
    return number


def require_whole_number(name: str, value: Any, *, at_least: int | None = None, at_most: int | None = None) -> int:
    """One whole number within its bounds; ``3.0`` is none, nor is ``True``.

    Raises
    ------
    TypeError, ValueError

    Examples
    --------
    >>> require_whole_number("horizon", np.int64(4), at_least=1)
    4
    """
    wanted = _wanted("a whole number", None, at_least, None, at_most)
    try:
        number = None if isinstance(value, bool | np.bool_) else operator.index(value)
    except TypeError:
        number = None
    if number is None:
        kind = ValueError if _is_real(value) else TypeError
        raise kind(f"{name} must be {wanted}, not {describe(value)}")
    if (at_least is not None and number < at_least) or (at_most is not None and number > at_most):
        raise ValueError(f"{name} must be {wanted}, not {number}")
    return number


def require_seed(name: str, value: Any) -> int | None:
    """A seed of random numbers: a whole number from 0, or None for another one every time.

    Raises
    ------
    TypeError, ValueError

    Examples
    --------
    >>> require_seed("random_seed", 1), require_seed("random_seed", None)
    (1, None)
    """
    return None if value is None else require_whole_number(name, value, at_least=0)


def require_probability(name: str, value: Any) -> float:
    """A number strictly between 0 and 1.

    Raises
    ------
    TypeError, ValueError
    """
    return require_number(name, value, above=0, below=1)


def require_flag(name: str, value: Any) -> bool:
    """True or False; 0, 1, "no" and None are refused.

    Raises
    ------
    TypeError

    Examples
    --------
    >>> require_flag("varying_rows", "no")
    Traceback (most recent call last):
    TypeError: varying_rows must be True or False, not 'no' (str)
    """
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, not {describe(value)}")
    return bool(value)


def require_numbers(
    name: str,
    values: Any,
    *,
    above: float | None = None,
    at_least: float | None = None,
    below: float | None = None,
    at_most: float | None = None,
    finite: bool = True,
    shape: tuple[int, ...] | None = None,
) -> Array:
    """One or several real numbers within their bounds, as an array of any shape, or of `shape` where given.

    They are finite unless `finite` is False; then a bound still refuses NaN.

    Raises
    ------
    TypeError, ValueError
        Naming the first entry that does not fit.

    Examples
    --------
    >>> require_numbers("exposure", [1, 2], above=0).tolist()
    [1.0, 2.0]
    """
    if isinstance(values, tuple) and hasattr(values, "_fields"):  # a record is no list of its fields
        raise TypeError(f"{name} must be numbers, not {describe(values)}")
    try:
        array = np.ma.asarray(values) if np.ma.isMaskedArray(values) else np.asarray(values)
    except ValueError as error:
        raise TypeError(f"{name} must be finite numbers; its entries have different lengths") from error
    except TypeError as error:  # what refuses to become an array, such as a Dataset
        raise TypeError(f"{name} must be numbers, not {describe(values)}") from error
    wanted = _wanted("numbers" if array.ndim else "a number", above, at_least, below, at_most, finite)
    if array.dtype.kind == "O" and all(_is_real(entry) for entry in array.ravel()):
        array = np.ma.array([_as_float(entry) for entry in array.ravel()]).reshape(array.shape)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must be {wanted}, not {describe(values)}")
    masked, plain = np.ma.getmaskarray(array), np.asarray(np.ma.getdata(array), dtype=float)
    if shape is not None and plain.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, not {plain.shape}")
    wrong = masked | ~_inside(plain, above, at_least, below, at_most)
    if finite:
        wrong |= ~np.isfinite(plain)
    if wrong.any():
        place = tuple(int(index) for index in np.argwhere(wrong)[0])
        found = "masked" if masked[place] else f"{plain[place]:g}"
        where = f" at position {place[0] if len(place) == 1 else place}" if place else ""
        raise ValueError(f"{name} must be {wanted}, not {found}{where}")
    return plain


def _as_float(value: Any) -> float:
    """A real number as a float; a whole number too large for one is infinite."""
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _is_real(value: Any) -> bool:
    """Whether a value is one real number: Python's, numpy's, or an array of one without dimensions."""
    if isinstance(value, bool | np.bool_ | str | bytes | complex | np.timedelta64) or value is None:
        return False  # numpy counts a duration as a whole number
    if isinstance(value, int | float | np.integer | np.floating):
        return True
    dtype, shape = getattr(value, "dtype", None), getattr(value, "shape", None)
    return shape == () and getattr(dtype, "kind", "") in "iuf"


def _inside(
    numbers: NDArray[Any], above: float | None, at_least: float | None, below: float | None, at_most: float | None
) -> NDArray[np.bool_]:
    """Which numbers keep all bounds that are given."""
    inside = np.ones(numbers.shape, dtype=bool)
    if above is not None:
        inside &= numbers > above
    if at_least is not None:
        inside &= numbers >= at_least
    if below is not None:
        inside &= numbers < below
    if at_most is not None:
        inside &= numbers <= at_most
    return inside


def _wanted(
    what: str,
    above: float | None,
    at_least: float | None,
    below: float | None,
    at_most: float | None,
    finite: bool = True,
) -> str:
    """What a number has to be, in words."""
    words = (("above", above), ("at least", at_least), ("below", below), ("at most", at_most))
    bounds = [f"{word} {bound:g}" for word, bound in words if bound is not None]
    if not bounds and finite:
        return {"numbers": "finite numbers", "a number": "a finite number"}.get(what, what)
    if not bounds:
        return what
    return f"{what} {'that are' if what == 'numbers' else 'that is'} {' and '.join(bounds)}"
