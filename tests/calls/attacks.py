"""Wrong values for every argument, which of them an argument of some kind may take, and what a refusal must say."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

import learning_debt as ld


class NotOurs:
    """An object that nothing asks for."""


POSTERIOR = ld.NIG(0.0, 1.0, 2.0, 1.0)
WRONG: dict[str, Any] = {
    "none": None,
    "text": "abc",
    "number as text": "0.1",
    "empty text": "",
    "bytes": b"abc",
    "nan": float("nan"),
    "infinity": float("inf"),
    "complex": 1j,
    "true": True,
    "zero": 0,
    "negative": -1,
    "fraction": 2.5,
    "huge": 1e300,
    "texts": ["abc", "abd"],
    "numbers": [0.3, 0.2],
    "mapping": {"abc": [1.0]},
    "empty": [],
    "array": np.ones((2, 3, 4)),
    "masked": np.ma.masked,
    "class": NotOurs,
    "object": NotOurs(),
    "function": lambda: 1,
    "policy": ld.policies.Never(),
    "cost": ld.RetrainingCost(1.0),
    "score": ld.scores.LogScore(),
    "dataset": xr.Dataset({"other": ("row", [1.0, 2.0])}),
    "posterior": POSTERIOR,
    "draws": xr.DataTree.from_dict({"posterior": xr.Dataset({"other": (("chain", "draw"), [[0.0, 1.0]])})}),
    "forecaster": ld.ConjugateRegression(POSTERIOR),
    "forecaster's class": ld.ConjugateRegression,
}
"""One of everything. None of them is right for an argument unless its kind says so."""

FINITE = {"zero", "negative", "fraction", "huge"}
KINDS: dict[str, set[str]] = {
    "number": FINITE,
    "number or infinity": {*FINITE, "infinity"},
    "number or nan": {*FINITE, "infinity", "nan"},
    "positive": {"fraction", "huge"},
    "not negative": {"zero", "fraction", "huge"},
    "share": {"zero"},  # 0 to 1
    "probability": set(),  # strictly between
    "whole": set(),  # at least 1
    "whole from 0": {"zero"},
    "any whole": {"zero", "negative"},
    "flag": {"true"},
    "choice": set(),
    "text": {"text", "number as text"},
    "numbers": {"numbers", "array", *FINITE},
    "seed": {"none", "zero"},
    "function": {"function", "class", "forecaster's class"},
    "object": set(),
    "path": {"text", "number as text"},
    "cost": {"zero", "fraction", "huge", "cost"},
    "policy": {"policy"},
    "forecaster": {"forecaster"},
    "score": {"score"},
    "sequence": set(),
    "names": set(),
}
"""Entries of `WRONG` that an argument of each kind may take."""


class Argument(NamedTuple):
    """A right value, what kind of argument it is, and further entries of `WRONG` that are right for this one."""

    right: Any
    kind: str
    also: tuple[str, ...] = ()

    def wrong(self) -> dict[str, Any]:
        """The entries of `WRONG` that must be refused."""
        right = KINDS[self.kind] | set(self.also)
        chosen = {name: value for name, value in WRONG.items() if name not in right}
        return chosen | ({"its class": type(self.right)} if self.kind == "object" else {})


class Call(NamedTuple):
    """A public call with all its arguments; those in `left` are no business of these tests, for the reason given."""

    function: Callable[..., Any]
    arguments: Mapping[str, Argument]
    left: Mapping[str, tuple[Any, str]] = {}

    def rightly(self, **changed: Any) -> Any:
        """The call with right arguments but for those `changed`."""
        given = {name: argument.right for name, argument in self.arguments.items()}
        given |= {name: value for name, (value, _) in self.left.items()}
        return self.function(**{**given, **changed})


def fault(call: Call, name: str, value: Any) -> str:
    """What is wrong with how `call` takes `value` for the argument `name`; nothing where it is refused as it should.

    A refusal is a ValueError, TypeError or KeyError, raised by the library itself, that names the argument.
    """
    try:
        call.rightly(**{name: value})
    except (ValueError, TypeError, KeyError) as error:
        if "learning_debt" not in traceback.extract_tb(error.__traceback__)[-1].filename:
            return f"an error of another library: {type(error).__name__}: {error}"
        if not re.search(rf"\b{re.escape(name)}\b", str(error)):
            return f"does not name it: {error}"
        return ""
    except Exception as error:  # whatever comes out is what this looks for
        return f"{type(error).__name__}: {error}"
    return "accepted"
