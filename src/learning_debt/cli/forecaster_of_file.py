"""Which forecaster a model file means, and what it says of it."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import learning_debt as ld
from learning_debt.validation import describe, require_callable

ENTRIES = ("forecaster", "build_model", "model")
"""Names under which a model file may hand over what is audited."""
ROWS_OF_A_BUILDER = ("X", "y")
MISSING = object()


def forecaster_options() -> tuple[str, ...]:
    """Options that a model file may set beside its model, by name."""
    return tuple(name for name in inspect.signature(ld.PyMCForecaster).parameters if name not in ENTRIES)


def forecaster_of(file: str, said: Mapping[str, Any], given: Mapping[str, Any]) -> tuple[Any, str]:
    """The forecaster that a model file means, and where it comes from.

    Parameters
    ----------
    file : str
        Name of the file.
    said : mapping of str to object
        What the file says.
    given : mapping of str to object
        Options of the command line, which come before those of the file.

    Raises
    ------
    AttributeError
        If the file holds no model.
    ValueError
        If it holds several, or says something that its model has no use for.
    TypeError
        If something is not what its name says.
    """
    if said.get("forecaster") is not None:
        ready = said["forecaster"]
        maker = _maker_of(ready, said)
        if maker is None:
            _require_forecaster(ready)
            _require_no_other_options(ready, said, given)
            return ready, f"forecaster, a {type(ready).__name__}"
        return _made(maker, "forecaster", said, given), f"forecaster, a {_kind(ready)}"
    name, maker = _from_parts(file, said)
    return _made(maker, name, said, given), name


def _from_parts(file: str, said: Mapping[str, Any]) -> tuple[str, Callable[..., Any]]:
    """What a forecaster is made from: `build_model`, `model`, or the one model that the file holds."""
    by_model = _maker_of(said.get("model"), said)
    if said.get("build_model") is not None:
        if by_model is not None:
            raise ValueError(
                f"{file} holds both build_model and model, a {_kind(said['model'])}: leave out one of them"
            )
        build = require_callable("build_model", said["build_model"], "a function of the data", takes=1)
        return "build_model", partial(ld.PyMCForecaster, build)
    if by_model is not None:
        return "model", by_model
    found = {name: maker for name, value in said.items() if (maker := _maker_of(value, said)) is not None}
    ready = [name for name, value in said.items() if _is_forecaster(value)]
    if len(found) + len(ready) > 1:
        raise ValueError(f"{file} holds several models ({', '.join([*found, *ready])}): call the right one 'model'")
    if ready:
        raise AttributeError(f"{file} holds a forecaster called {ready[0]}: call it 'forecaster'")
    if not found:
        raise AttributeError(
            f"{file} defines no build_model(data), and holds neither a forecaster nor a model; define one of them"
        )
    ((name, maker),) = found.items()
    return name, maker


def _maker_of(value: Any, said: Mapping[str, Any]) -> Callable[..., Any] | None:
    """What makes a forecaster of a ready model of some library, or None where `value` is no such model."""
    kind = _kind(value)
    if kind == "PyMC model":
        return partial(ld.PyMCForecaster, model=value)
    if kind == "Bambi model":
        from learning_debt.integrations.bambi_model import from_bambi

        return partial(from_bambi, value)
    if kind == "ModelBuilder":
        from learning_debt.integrations.model_builder import from_model_builder

        absent = [name for name in ROWS_OF_A_BUILDER if said.get(name) is None]
        if absent:
            raise AttributeError(
                f"{' and '.join(absent)} missing: a ModelBuilder is built on rows that it learns its scales from; "
                "define X, a data frame, and y"
            )
        return partial(from_model_builder, value, said["X"], said["y"])
    return None


def _kind(value: Any) -> str:
    """Of which library a ready model is; nothing, where it is none. No library is imported for that."""
    for library, word in (("pymc", "PyMC model"), ("bambi", "Bambi model")):
        kind = getattr(sys.modules.get(library), "Model", None)
        if isinstance(kind, type) and isinstance(value, kind):
            return word
    parts = (getattr(value, name, None) for name in ("build_model", "_data_setter"))
    return "ModelBuilder" if not isinstance(value, type) and all(map(callable, parts)) else ""


def _made(maker: Callable[..., Any], name: str, said: Mapping[str, Any], given: Mapping[str, Any]) -> Any:
    """A forecaster with the options that the file and the command line name."""
    options = {option: said[option] for option in forecaster_options() if option in said} | dict(given)
    taken = inspect.signature(maker).parameters
    strange = [option for option in options if option not in taken]
    if strange:
        possible = ", ".join(option for option in forecaster_options() if option in taken)
        raise ValueError(f"{', '.join(strange)}: {name} has no use for it; it takes {possible}")
    return maker(**options)


def _is_forecaster(value: Any) -> bool:
    return not isinstance(value, type) and callable(getattr(value, "fit", None)) and hasattr(value, "observation_dim")


def _require_forecaster(ready: Any) -> None:
    if not _is_forecaster(ready):
        raise TypeError(
            f"forecaster must be a ready forecaster, such as ld.PyMCForecaster(build_model), not {describe(ready)}"
        )


def _require_no_other_options(ready: Any, said: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Refuse what is said beside a ready forecaster, unless it was made with just that."""
    if given:
        raise ValueError(
            f"--{next(iter(given))} has no say over the ready forecaster of the model file; set it there, where the "
            "forecaster is made"
        )
    made_with = getattr(ready, "options", {})
    for name in forecaster_options():
        if name not in said:
            continue
        own = made_with.get(name, getattr(ready, name, MISSING))
        if not (own is said[name] or _equal(own, said[name])):
            raise ValueError(
                f"forecaster and {name}: a ready forecaster is what it was made with, and {name} has no say over it; "
                f"give {name} to the forecaster itself, or leave it out"
            )


def _equal(first: Any, second: Any) -> bool:
    try:
        return bool(first == second)
    except (ValueError, TypeError):  # arrays have no one answer
        return False
