"""Checks of objects, choices and names: each refusal names the argument, what came, and what would be right."""

from __future__ import annotations

import difflib
import inspect
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

LONGEST_DESCRIPTION = 80


def describe(value: Any) -> str:
    """A value as an error message shows it: its ``repr`` on one line, cut where it is long, and its type.

    Control characters come out escaped, so that a hostile name cannot write to the terminal.

    Examples
    --------
    >>> describe("0.1")
    "'0.1' (str)"
    >>> describe(None)
    'None'
    """
    try:
        text = repr(value)
    except Exception:  # the repr of a broken object must not hide the refusal of it
        text = "an object without a repr"
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    text = " ".join(text.split())
    if len(text) > LONGEST_DESCRIPTION:
        text = text[: LONGEST_DESCRIPTION - 1] + "…"
    return text if value is None else f"{text} ({type(value).__name__})"


def harmless(text: Any) -> str:
    r"""Text to be shown: characters that would steer a terminal, or cannot be shown, come out escaped.

    Examples
    --------
    >>> print(harmless("Graz\x1b[2J\u202e"))
    Graz\x1b[2J\u202e
    """
    lines = str(text).split("\n")
    return "\n".join(
        "".join(
            character if character.isprintable() else character.encode("unicode_escape").decode() for character in line
        )
        for line in lines
    )


def nearest(name: Any, choices: Iterable[Any], number: int = 1, cutoff: float = 0.6) -> list[str]:
    """The spellings among `choices` that are nearest to `name`, whatever its case; none where none is near.

    `cutoff` is the similarity that counts as near, from 0 to 1, as `difflib` measures it.

    Examples
    --------
    >>> nearest("Sighned", ["signed", "positive"]), nearest("x", ["signed", "positive"])
    (['signed'], [])
    """
    spelt = {str(choice).lower(): str(choice) for choice in choices}
    return [spelt[found] for found in difflib.get_close_matches(str(name).lower(), spelt, n=number, cutoff=cutoff)]


def suggestion(name: Any, choices: Iterable[Any]) -> str:
    """The nearest spelling among `choices` as the end of a message, nothing where none is near.

    Examples
    --------
    >>> suggestion("sighned", ["signed", "positive"])
    "; did you mean 'signed'?"
    >>> suggestion("x", ["signed", "positive"])
    ''
    """
    near = nearest(name, choices)
    return f"; did you mean {near[0]!r}?" if near else ""


def require_choice(name: str, value: Any, choices: Sequence[str]) -> str:
    """One of a few words.

    Raises
    ------
    TypeError, ValueError
        If `value` is not text, or none of `choices`.

    Examples
    --------
    >>> require_choice("accounting", "signed", ("signed", "positive"))
    'signed'
    """
    options = ", ".join(map(repr, choices))
    if not isinstance(value, str):
        raise TypeError(f"{name} must be one of {options}, not {describe(value)}")
    if value not in choices:
        raise ValueError(f"{name} must be one of {options}, not {value!r}{suggestion(value, choices)}")
    return str(value)


def require_instance[Kind](name: str, value: Any, kinds: type[Kind] | tuple[type[Kind], ...], remedy: str) -> Kind:
    """An object of the right type; `remedy` ends the sentence "`name` must be ...".

    Raises
    ------
    TypeError
        Naming the argument, the remedy and what came instead; where a class came in place of an object, that too.

    Examples
    --------
    >>> require_instance("update_rule", "all", float, "an UpdateRule, such as ld.UpdateRule(window=52)")
    Traceback (most recent call last):
    TypeError: update_rule must be an UpdateRule, such as ld.UpdateRule(window=52), not 'all' (str)
    """
    if isinstance(value, kinds):
        return value
    if isinstance(value, type) and issubclass(value, kinds):
        raise TypeError(f"{name} must be {remedy}, not the class {value.__name__} itself: call it")
    raise TypeError(f"{name} must be {remedy}, not {describe(value)}")


def require_text(name: str, value: Any, remedy: str = "text") -> str:
    """Text that is not blank; `remedy` ends the sentence "`name` must be ...".

    Raises
    ------
    TypeError, ValueError

    Examples
    --------
    >>> require_text("currency", "EUR", "a name, such as 'EUR'")
    'EUR'
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be {remedy}, not {describe(value)}")
    if not value.strip():
        raise ValueError(f"{name} must be {remedy}, not empty")
    return str(value)


def require_executor(value: Any) -> Executor | None:
    """None, or what runs tasks side by side.

    Raises
    ------
    TypeError
    """
    remedy = (
        "a concurrent.futures.Executor, such as ProcessPoolExecutor(4) or a dask client's get_executor(), or left out"
    )
    return None if value is None else require_instance("executor", value, Executor, remedy)


def require_callable(name: str, value: Any, remedy: str, takes: int | None = None) -> Callable[..., Any]:
    """Something that can be called, with `takes` arguments; `remedy` ends the sentence "`name` must be ...".

    Raises
    ------
    TypeError

    Examples
    --------
    >>> require_callable("build_model", lambda: None, "a function of the data", takes=1)
    Traceback (most recent call last):
    TypeError: build_model must be a function of the data: too many positional arguments
    """
    if not callable(value):
        raise TypeError(f"{name} must be {remedy}, not {describe(value)}")
    if takes is not None:
        try:
            signature = inspect.signature(value)
        except ValueError:  # some written in C do not say what they take
            return value
        try:
            signature.bind(*range(takes))
        except TypeError as error:
            raise TypeError(f"{name} must be {remedy}: {error}") from error
    return value


def require_sequence(name: str, value: Any, remedy: str) -> list[Any]:
    """The entries of a list, tuple or other iterable; a single text, bytes, mapping or record is refused.

    Raises
    ------
    TypeError

    Examples
    --------
    >>> require_sequence("candidates", (1, 2), "a list of policies")
    [1, 2]
    """
    if isinstance(value, str | bytes | os.PathLike | Mapping | type) or hasattr(value, "_fields"):
        raise TypeError(f"{name} must be {remedy}, not {describe(value)}")
    try:
        return list(value)
    except TypeError as error:
        raise TypeError(f"{name} must be {remedy}, not {describe(value)}") from error


def require_names(name: str, value: Any, choices: Sequence[str] | None = None) -> tuple[str, ...]:
    """Several words, from `choices` where given. One word by itself is refused, since its letters would be taken.

    Raises
    ------
    TypeError, ValueError

    Examples
    --------
    >>> require_names("variables", ["debt", "score_gap"])
    ('debt', 'score_gap')
    """
    if isinstance(value, str):
        raise TypeError(f"{name} must be a sequence of names, such as ({value!r},), not the text {value!r}")
    entries = require_sequence(name, value, "a sequence of names")
    for entry in entries:
        if not isinstance(entry, str):
            raise TypeError(f"{name} must hold names, not {describe(entry)}")
    if choices is not None:
        unknown = [entry for entry in entries if entry not in choices]
        if unknown:
            near = suggestion(unknown[0], choices)
            raise ValueError(f"{name} {unknown} are unknown; choose from {tuple(choices)}{near}")
    return tuple(map(str, entries))
