"""The policy that is recommended where an owner has one history."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from typing import Any, ClassVar, override

import numpy as np
import xarray as xr

from learning_debt.policies.base import Policy, Step
from learning_debt.policies.blended_threshold import BlendedThreshold
from learning_debt.policies.continuation_value import ContinuationValue
from learning_debt.policies.cost import RetrainingCost
from learning_debt.policies.fixed import Never, SpellLimit
from learning_debt.policies.models.candidate_tally import CandidateTally, as_one_policy
from learning_debt.policies.models.learned_continuation import study_continuation
from learning_debt.policies.page_cusum import PageCUSUM
from learning_debt.policies.signals import Signals
from learning_debt.typing import Array
from learning_debt.validation import require_choice, require_flag, require_instance

LEARNING_RATE = 0.2
"""Weights fall by exp(-rate) for every cost of a retrain that a candidate paid more than another."""
BLENDS = tuple(product(np.geomspace(4.0, 640.0, 8).tolist(), (0.1, 0.4), (0.8, 0.95)))
PRICES = tuple((4.0 ** np.arange(-4, 5)).tolist())
INTERVALS = (1, 2, 3, 4, 6, 8, 10, 13, 16, 20, 26, 40, 52, 80)
SUMS = tuple(product(np.geomspace(0.1, 40.0, 8).tolist(), (0.0, 0.1)))
"""Multiplier, weight and decay of blended thresholds; typical bad periods of the study that a retrain counts as for
the continuation value; threshold and allowance of Page's sums. None has a unit."""
SHARES = (1.0, 1.0, 1.0, 0.2, 0.2)
"""Of each kind in the weight before anything is known."""


@dataclass(frozen=True, eq=False, repr=False)
class Recommended(Policy):
    """Retrain when the candidates that hold most of the weight would, weighed by what each would have paid so far.

    Candidates are blended thresholds, continuation values and Page's sums, over wide grids, and never or after so many
    periods. In every period each is billed for what it would have done in this history from many starts, and weights
    fall exponentially with the bill. So nothing needs tuning beforehand, and what a history teaches counts at once.

    Parameters
    ----------
    tally : CandidateTally, optional
        What the candidates would have paid in a history that is known beforehand; nothing is if left out.
    learns : bool
        Whether it learns from the history it walks. False where that is not one history, as in a simulation of many.
    accounting : {"signed", "positive"}
        How candidates are billed.

    Notes
    -----
    Exponential weights over experts, with the first three kinds of candidates alike at first, and a fifth of that for
    the other two. The learning rate of .2 a cost of a retrain, the grids and one start in ten periods were chosen on 74
    public histories and on simulated ones, none of which is in the bench; on those that are, see docs/policies.md.
    Learned weights for a start did worse there.

    See Also
    --------
    BlendedThreshold, ContinuationValue, PageCUSUM : The candidates.
    learning_debt.audit : Decides with this policy unless told otherwise.

    References
    ----------
    Cesa-Bianchi & Lugosi, *Prediction, Learning, and Games*, Cambridge University Press (2006), chapter 2.

    Examples
    --------
    >>> import learning_debt as ld
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=80)
    >>> history = {"x": x, "y": np.where(np.arange(80) < 50, 2, 0) * x + rng.normal(size=80), "period": np.arange(80)}
    >>> forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    >>> spells = ld.spell_table(forecaster, history, initial=20, progressbar=False)
    >>> replay = ld.replay(spells, Recommended(), cost=0.5)
    >>> 1 <= int(replay.retrains.item()) <= 6
    True
    """

    requires: ClassVar[tuple[str, ...]] = ("debt", "predictive_debt", "score_gap")
    tally: CandidateTally | None = None
    learns: bool = True
    accounting: str = "signed"

    def __post_init__(self) -> None:
        if self.tally is not None:
            require_instance("tally", self.tally, CandidateTally, "a CandidateTally")
        require_flag("learns", self.learns)
        require_choice("accounting", self.accounting, ("signed", "positive"))

    @property
    def refits(self) -> bool:  # type: ignore[override]
        """As `learns` says."""
        return self.learns

    @override
    def refit(self, spells: xr.Dataset, cost: RetrainingCost) -> Recommended:
        return replace(self, tally=self._tally.after(spells, cost, self.accounting))

    @override
    def refit_each(self, spells: xr.Dataset, cost: RetrainingCost, periods: Sequence[int]) -> Iterator[Recommended]:
        first = int(spells["period"].values[0])
        tallies = self._tally.after_each(spells, cost, [period - first + 1 for period in periods], self.accounting)
        return (replace(self, tally=tally) for tally in tallies)

    @override
    def init(self, lanes: int) -> Any:
        """What each kind of candidates remembers, a row a candidate."""
        return np.zeros((sum(map(len, candidates())), lanes))

    @override
    def step(self, state: Any, signals: Signals) -> Step:
        memory, would = self._each(state, signals)
        return memory, self._share(would) > 0.5

    @override
    def share_in_favour(self, state: Any, signals: Signals) -> Array:
        """Share of the weight that would retrain, shape (lanes,)."""
        return self._share(self._each(state, signals)[1])

    @property
    def weights(self) -> Array:
        """Of the candidates, shape (candidates,), in the order of `candidates`; they add up to 1."""
        first = np.concatenate(
            [np.full(len(kind), share / len(kind)) for kind, share in zip(candidates(), SHARES, strict=True)]
        )
        paid = self._tally.paid - self._tally.paid.min()
        weights = first * np.exp(-LEARNING_RATE * paid)
        return np.asarray(weights / weights.sum())

    @property
    def leader(self) -> Policy:
        """The candidate with the most weight."""
        return [policy for kind in candidates() for policy in kind][int(self.weights.argmax())]

    @property
    def _tally(self) -> CandidateTally:
        return CandidateTally.of(candidates()) if self.tally is None else self.tally

    def _each(self, state: Any, signals: Signals) -> tuple[Array, Array]:
        """What every candidate remembers and would do, shape (candidates, lanes)."""
        lanes = len(signals.spell_age)
        ends = np.cumsum([len(kind) for kind in candidates()])[:-1]
        found = [
            kind.step(part.ravel(), signals.repeated(len(part)))
            for kind, part in zip(_side_by_side(lanes), np.split(state, ends), strict=True)
        ]
        memory, would = (
            np.concatenate([part.reshape(-1, lanes) for part in parts]) for parts in zip(*found, strict=True)
        )
        return memory, would

    def _share(self, would: Array) -> Array:
        return np.asarray(self.weights @ would)

    def __str__(self) -> str:
        if self._tally.periods == 0:
            return "Recommended()" if self.learns else "Recommended(learns nothing)"
        return f"Recommended(led by {self.leader})"

    def __repr__(self) -> str:
        learned = "" if self.tally is None else f"tally={self.tally!r}, "
        return f"Recommended({learned}learns={self.learns}, accounting={self.accounting!r})"


@lru_cache(maxsize=1)
def candidates() -> tuple[Sequence[Policy], ...]:
    """The candidates of each kind.

    Examples
    --------
    >>> [len(kind) for kind in candidates()]
    [32, 9, 16, 1, 14]
    """
    model, unit = study_continuation()  # read when first asked for, not on import
    return (
        [BlendedThreshold(*values) for values in BLENDS],
        [ContinuationValue(model, unit * price) for price in PRICES],
        [PageCUSUM(*values) for values in SUMS],
        [Never()],
        [SpellLimit(interval) for interval in INTERVALS],
    )


@lru_cache(maxsize=16)
def _side_by_side(lanes: int) -> tuple[Policy, ...]:
    """The candidates of each kind as one policy over so many lanes each; a walk asks for the same in every period."""
    return tuple(as_one_policy(kind, lanes) for kind in candidates())
