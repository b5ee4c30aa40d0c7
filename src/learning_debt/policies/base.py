"""The policy protocol: `init(lanes) -> state`, pure `step(state, signals) -> (state, retrain)`."""

from __future__ import annotations

import dataclasses
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.policies.cost import RetrainingCost
from learning_debt.policies.signal_reader import known_after
from learning_debt.policies.signals import Signals
from learning_debt.typing import Array
from learning_debt.validation import (
    require_instance,
    require_number,
    require_numbers,
    require_sequence,
    require_whole_number,
)

PerLane = float | NDArray[np.float64]
"""A parameter: one number, or one per lane so that many candidates walk at once."""

Step = tuple[Any, NDArray[np.bool_]]


class Policy(ABC):
    """Decides, one period at a time and from signals only, which lanes retrain.

    Policies are frozen dataclasses that inherit from this class. Their numeric parameters broadcast over lanes. State
    is an array or None; a policy starts a lane's state afresh where ``signals.spell_age == 1``, so that a retrain it
    did not order is handled too. A signal that is not named in `requires` is NaN.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> import xarray as xr
    >>> import learning_debt as ld
    >>> @dataclass(frozen=True)
    ... class LargestGap(ld.policies.Policy):
    ...     threshold: float
    ...     requires = ("score_gap",)
    ...     def step(self, state, signals):
    ...         return state, signals.score_gap > self.threshold
    >>> gap = [[0.0, 0.3, 0.4], [np.nan, 0.0, 0.1], [np.nan, np.nan, 0.0]]
    >>> spells = xr.Dataset({"score_gap": (("deployed_at", "period"), gap)})
    >>> ld.replay(spells, LargestGap(0.2), cost=0.25).dates
    [[2]]
    """

    requires: ClassVar[tuple[str, ...]]
    """Signals the policy reads; they must be present in the table. All others are NaN in what `step` is given."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse a policy that does not say what it reads: NaN would make it wait for ever without a word."""
        super().__init_subclass__(**kwargs)
        if not hasattr(cls, "requires"):
            raise TypeError(
                f"the policy {cls.__name__} must name the signals that it reads, as in requires = ('score_gap',), or "
                "() if it reads none: those that are not named are NaN in what step is given"
            )

    refits: ClassVar[bool] = False
    """Whether `refit` learns anything; who walks a policy need not gather cells for one that does not."""

    def refit(self, spells: xr.Dataset, cost: RetrainingCost) -> Policy:
        """The policy with what a history has taught it so far.

        It is asked in every period before `step`, with the cells of all periods up to and including this one. A state
        that `step` returned before stays valid.

        Parameters
        ----------
        spells : Dataset
            Of a checked spell table, of all series that the lanes belong to, the signals in `requires` as policies
            see them, and the exposure. Rows of posteriors that are not kept may be NaN.
        cost : RetrainingCost
            Resolved.
        """
        return self

    def refit_each(self, spells: xr.Dataset, cost: RetrainingCost, periods: Sequence[int]) -> Iterator[Policy]:
        """`refit` in each of `periods`, one after the other: what a walk over a known history asks for.

        A policy that learns from all of them in one pass may do that here. What it has learned by a period must be what
        `refit` learns from the cells up to that period alone.
        """
        policy: Policy = self
        for period in periods:
            policy = policy.refit(known_after(spells, period), cost)
            yield policy

    def init(self, lanes: int) -> Any:
        """State before the first period."""
        return None

    @abstractmethod
    def step(self, state: Any, signals: Signals) -> Step:
        """Return the new state and who retrains, shape (lanes,), without changing either argument."""

    def share_in_favour(self, state: Any, signals: Signals) -> Array:
        """How much of a policy that weighs several views would retrain, 0 to 1, shape (lanes,); else NaN.

        State and signals are as `step` is given them.
        """
        return np.full(signals.spell_age.shape, np.nan)

    def _require(self, name: str, *, whole: bool = False, finite: bool = True, **bounds: float) -> None:
        """Check a parameter, and keep it as a plain number or an array of one per lane; see `per_lane`."""
        object.__setattr__(self, name, per_lane(name, getattr(self, name), whole=whole, finite=finite, **bounds))

    def __eq__(self, other: object) -> bool:
        if not dataclasses.is_dataclass(self):
            return self is other
        return type(other) is type(self) and all(map(_same, _values(self), _values(other)))

    def __hash__(self) -> int:
        if not dataclasses.is_dataclass(self):
            return object.__hash__(self)
        values = (value.tobytes() if isinstance(value, np.ndarray) else value for value in _values(self))
        return hash((type(self), *values))

    def __repr__(self) -> str:
        shown = (f"{field.name}={_exactly(getattr(self, field.name))}" for field in _fields(self))
        return f"{type(self).__name__}({', '.join(shown)})"

    def __str__(self) -> str:
        return f"{type(self).__name__}({', '.join(filter(None, map(briefly, _values(self))))})"


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


def side_by_side(policies: Sequence[Policy], lanes_each: int) -> list[tuple[NDArray[np.int64], Policy]]:
    """Policies that walk together: their places, and one policy of `lanes_each` lanes for each of them in turn.

    Those are together that differ in their numbers only, all else being the same object.

    Examples
    --------
    >>> from learning_debt.policies import CUSUM, Never
    >>> [(which.tolist(), str(policy)) for which, policy in side_by_side([CUSUM(1.0), Never(), CUSUM(2.0)], 1)]
    [([0, 2], 'CUSUM(2 lanes from 1 to 2)'), ([1], 'Never()')]
    """
    kinds: dict[tuple[Any, ...], list[int]] = {}
    for place, policy in enumerate(policies):
        rest = [id(value) for value in _values(policy) if not _is_number(value)]
        alike = (type(policy), *rest) if dataclasses.is_dataclass(policy) else (id(policy),)
        kinds.setdefault(alike, []).append(place)
    found = []
    for places in kinds.values():
        several = [policies[place] for place in places]
        together = stack(several, lanes_each) if dataclasses.is_dataclass(several[0]) else None
        found.append((np.array(places), several[0] if together is None else together))
    return found


def require_policy(name: str, value: Any) -> Policy:
    """A policy, or a refusal that shows one.

    Raises
    ------
    TypeError
    """
    remedy = "a policy, such as ld.policies.PredictiveDebtThreshold(16)"
    return require_instance(name, value, Policy, remedy)


def require_policies(name: str, value: Any) -> list[Policy]:
    """Policies, at least one.

    Raises
    ------
    TypeError, ValueError
    """
    policies = require_sequence(name, value, "a list of policies")
    if not policies:
        raise ValueError(f"{name} must hold at least one policy")
    return [require_policy(f"{name}[{place}]", policy) for place, policy in enumerate(policies)]


def per_lane(name: str, value: Any, *, whole: bool = False, finite: bool = True, **bounds: Any) -> Any:
    """A checked parameter: a plain number, whole where it came as a whole number, or an array of one per lane.

    Raises
    ------
    TypeError, ValueError
        If it is no number, not finite (NaN where infinity is allowed), out of bounds, or not whole where it must be.

    Examples
    --------
    >>> per_lane("threshold", np.int64(2), above=0), per_lane("threshold", np.array([1, 2]), above=0)
    (2, array([1., 2.]))
    """
    if not finite:
        bounds = {"at_least": float("-inf")} | bounds  # which leaves NaN out
    if isinstance(value, np.ndarray) and value.ndim == 1 and value.size:
        numbers = require_numbers(name, value, finite=finite, **bounds)
        if whole and (numbers != np.floor(numbers)).any():
            raise ValueError(f"{name} must be whole numbers, not {value}")
        return numbers
    if whole:
        return require_whole_number(name, value, **bounds)
    number = require_number(name, value, finite=finite, **bounds)
    return int(value) if isinstance(value, int | np.integer) else number


def briefly(value: Any) -> str:
    """A number as the ``str`` of a policy shows it, to four digits, or the range of an array; nothing for the rest."""
    if _is_number(value):
        return f"{value:.4g}"
    if isinstance(value, np.ndarray):
        return f"{len(value)} lanes from {value.min():.4g} to {value.max():.4g}"
    return ""


def mark(learned: Any) -> str:
    """Six digits that tell one learned model from another, for a policy's ``str``.

    Examples
    --------
    >>> mark("a model") == mark("a model"), mark("a model") == mark("another")
    (True, False)
    """
    return "#" + hashlib.sha256(repr(learned).encode()).hexdigest()[:6]


def _fields(policy: Any) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(policy) if dataclasses.is_dataclass(policy) else ()


def _values(policy: Any) -> list[Any]:
    return [getattr(policy, field.name) for field in _fields(policy)]


def _same(first: Any, other: Any) -> bool:
    if isinstance(first, np.ndarray) or isinstance(other, np.ndarray):
        return np.array_equal(first, other)
    return bool(first == other)


def _exactly(value: Any) -> str:
    """As Python reads it again; numpy would round and shorten an array."""
    return f"array({value.tolist()})" if isinstance(value, np.ndarray) else repr(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
