"""A row of the bench: a name, and what stands behind it; how it is written says what it may look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.policies import Policy
from learning_debt.policies.cost import RetrainingCost
from learning_debt.validation import require_callable, require_flag, require_names, require_text

__all__ = ["NotPossibleError", "Row"]

Candidates = Callable[[xr.Dataset, RetrainingCost, int], Sequence[Policy]]
Planner = Callable[[xr.Dataset, xr.Dataset, RetrainingCost], NDArray[np.bool_]]


class NotPossibleError(ValueError):
    """A row cannot be made on one history, whatever its table holds: its message becomes a note of the bench."""


@dataclass(frozen=True)
class Row:
    """A policy of the bench, with its candidates, or a planner.

    Attributes
    ----------
    name : str
        As tables and the command line have it.
    group : str
        What it belongs to, such as ``"ours"`` or ``"river"``: a name for several rows at once.
    candidates : callable, optional
        ``candidates(tuning, cost, random_seed)`` gives the policies that are tuned on the tuning part, a checked spell
        table; the cost is in the unit of the table's regret (``cost.per_retrain``). A `Calendar` among them is billed
        by the mean over all its phases. Numbers with a unit must be multiples of the cost, or of what the tuning part
        shows: a change of units must change no decision.
    planner : callable, optional
        In place of candidates: ``planner(tuning, evaluation, cost)`` gives a schedule, an array of bool of shape
        (series, periods of the evaluation), True where it retrains at the end of a period. A planner gets all of the
        evaluation so that it can read what is known by each period; no more than that may go into that period's
        decision, unless the name says "in hindsight".
    requires : tuple of str
        Signals that a table must hold; without them the row is left out, and a note says so.
    sees_cost : bool
        False where candidates are the same for every cost, and so are their decisions: they walk once for all.
    module, extra : str
        What must be importable, and the extra of this package that brings it; empty where nothing is needed.

    Raises
    ------
    TypeError, ValueError
        Without a name or a group, or with both, or neither, of candidates and planner.

    Examples
    --------
    >>> from learning_debt.policies import Calendar
    >>> row = Row("twice a year", "fixed", lambda tuning, cost, random_seed: [Calendar(26)], sees_cost=False)
    >>> row.missing
    ''
    """

    name: str
    group: str
    candidates: Candidates | None = None
    planner: Planner | None = None
    requires: tuple[str, ...] = ()
    sees_cost: bool = True
    module: str = ""
    extra: str = ""

    def __post_init__(self) -> None:
        for field in ("name", "group"):
            require_text(f"{field} of a row", getattr(self, field), "a name, such as 'CUSUM'")
        object.__setattr__(self, "requires", require_names("requires", self.requires))
        require_flag("sees_cost", self.sees_cost)
        if (self.candidates is None) == (self.planner is None):
            raise ValueError(f"candidates or planner: the row {self.name!r} must have one of them")
        if self.candidates is not None:
            remedy = "a function of the tuning part, the cost and a random seed"
            require_callable(f"candidates of {self.name!r}", self.candidates, remedy, takes=3)
        if self.planner is not None:
            remedy = "a function of the tuning part, the evaluation part and the cost"
            require_callable(f"planner of {self.name!r}", self.planner, remedy, takes=3)

    @property
    def missing(self) -> str:
        """What must be installed first, as a command; empty where nothing is."""
        if not self.module or find_spec(self.module) is not None:
            return ""
        return f"pip install 'learning-debt[{self.extra}]'" if self.extra else f"pip install {self.module}"
