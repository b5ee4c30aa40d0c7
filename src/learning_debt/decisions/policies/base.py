"""The policy protocol: `init(lanes) -> state`, pure `step(state, signals) -> (state, retrain)`."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from learning_debt.signals import Signals

PerLane = float | NDArray[np.float64]
"""A parameter: one number, or one per lane so that many candidates walk at once."""

Step = tuple[Any, NDArray[np.bool_]]


class Policy(ABC):
    """Decides, one period at a time and from signals only, which lanes retrain.

    Policies are frozen dataclasses. Their numeric parameters broadcast over lanes. State is an array or None; a
    policy starts a lane's state afresh where ``signals.spell_age == 1``, so that a retrain it did not order is
    handled too.
    """

    requires: ClassVar[tuple[str, ...]] = ()
    """Signals the policy reads; they must be present in the table."""

    def init(self, lanes: int) -> Any:
        """State before the first period."""
        return None

    @abstractmethod
    def step(self, state: Any, signals: Signals) -> Step:
        """Return the new state and who retrains, shape (lanes,), without changing either argument."""

    def __str__(self) -> str:
        fields = [getattr(self, field.name) for field in dataclasses.fields(self)]  # type: ignore[arg-type]
        numbers = ", ".join(f"{value:.4g}" for value in fields if _is_number(value))
        return f"{type(self).__name__}({numbers})"


def stack(candidates: Sequence[Policy], lanes_each: int) -> Policy | None:
    """One policy that walks all candidates side by side, `lanes_each` lanes for each in turn.

    None if the candidates differ in more than their numbers.
    """
    first = candidates[0]
    if any(type(candidate) is not type(first) for candidate in candidates):
        return None
    changes: dict[str, Any] = {}
    for field in dataclasses.fields(first):  # type: ignore[arg-type]
        values = [getattr(candidate, field.name) for candidate in candidates]
        if all(_is_number(value) for value in values):
            changes[field.name] = np.repeat(values, lanes_each)
        elif any(value is not values[0] for value in values):
            return None
    return dataclasses.replace(first, **changes)  # type: ignore[type-var]


def require_positive(name: str, value: PerLane) -> None:
    """Raise unless a policy parameter is finite and positive."""
    if not (np.isfinite(value).all() and (np.asarray(value) > 0).all()):
        raise ValueError(f"{name} must be positive and finite, not {value}")


def require_probabilities(name: str, value: PerLane) -> None:
    """Raise unless a policy parameter lies between 0 and 1."""
    if not ((np.asarray(value) >= 0) & (np.asarray(value) <= 1)).all():
        raise ValueError(f"{name} must lie between 0 and 1, not {value}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
