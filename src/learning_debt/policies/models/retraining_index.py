"""How much regret a retrain is expected to avoid, by several settings that were learned on many worlds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from json import loads
from typing import Any

import numpy as np

from learning_debt.policies.models.history_facts import USUAL_SHARE_BELOW, HistoryFacts
from learning_debt.typing import Array
from learning_debt.validation import require_instance, require_number, require_sequence

HORIZON_FEATURES = ("one", "age", "noise", "slope", "level", "below")
"""What the log of the horizon is linear in: 1, log spell age, log noise of gaps, log slope of gaps on beliefs, log ratio
of the mean gap to the noise, share of gaps below zero less the usual one."""
SETTINGS_FILE = "retraining_index.json"
LEAST_SLOPE, LARGEST_SLOPE = 0.03, 30.0
LEAST_NOISE, LEAST_LEVEL, LEAST_EXPECTED, LARGEST = 1e-6, 1e-3, 1e-7, 1e9
LEAST_WEIGHT, LARGEST_WEIGHT = 0.05, 1e4


@dataclass(frozen=True)
class IndexSetting:
    """Numbers of one setting.

    Attributes
    ----------
    belief_scale, slope_power : float
        Expected gap a period before any is seen: predictive debt, times exp(scale), times the slope of gaps on beliefs
        to a power.
    belief_weight, noise_power : float
        Periods that this expectation counts for: exp(weight), times the noise of gaps over it to a power.
    decay : float
        Weight of a gap one period later.
    fresh_share : float
        Share of the mean gap of fresh posteriors that a retrain does not avoid.
    horizon : tuple of float
        Coefficients of the log of the periods for which a retrain avoids the expected gap, as `HORIZON_FEATURES`.
    """

    belief_scale: float
    slope_power: float
    belief_weight: float
    noise_power: float
    decay: float
    fresh_share: float
    horizon: tuple[float, ...]

    def __post_init__(self) -> None:
        for name in ("belief_scale", "slope_power", "belief_weight", "noise_power"):
            object.__setattr__(self, name, require_number(name, getattr(self, name)))
        object.__setattr__(self, "decay", require_number("decay", self.decay, at_least=0, below=1))
        object.__setattr__(self, "fresh_share", require_number("fresh_share", self.fresh_share, at_least=0))
        given = require_sequence("horizon", self.horizon, f"the coefficients of {', '.join(HORIZON_FEATURES)}")
        if len(given) != len(HORIZON_FEATURES):
            raise ValueError(f"horizon must hold {len(HORIZON_FEATURES)} numbers, not {len(given)}")
        numbers = tuple(require_number(f"horizon[{place}]", value) for place, value in enumerate(given))
        object.__setattr__(self, "horizon", numbers)


@dataclass(frozen=True)
class RetrainingIndex:
    """Log of the regret that a retrain is expected to avoid, in costs of a retrain, by each of several settings.

    A period's gap is expected as a filter would: the belief of the shadow, corrected by how gaps followed beliefs in
    this history, counts for some periods, and the gaps of the spell for theirs. What is expected, less a share of what
    a fresh posterior loses too, times a horizon, is what a retrain avoids. The horizon is longer in a long spell,
    since what lasted may last.

    Attributes
    ----------
    settings : tuple of IndexSetting

    Examples
    --------
    >>> index = learned_index()
    >>> facts = HistoryFacts(periods=50, pairs=49, belief=1.0, gap=1.0, square=0.5, level=1.0, fresh=0.5, below=20.0)
    >>> state = index.init(2)
    >>> state = index.remember(state, np.array([0.0, 0.5]), np.array([3, 3]))
    >>> found = index.log_avoided(state, np.array([0.001, 0.2]), np.array([3, 3]), RelativeFacts.of(facts, np.ones(2)))
    >>> (found > 0).mean(axis=0)
    array([0., 1.])
    """

    settings: tuple[IndexSetting, ...]

    def __post_init__(self) -> None:
        given = require_sequence("settings", self.settings, "a list of IndexSetting")
        if not given:
            raise ValueError("settings must hold at least one setting")
        for place, setting in enumerate(given):
            require_instance(f"settings[{place}]", setting, IndexSetting, "an IndexSetting")
        object.__setattr__(self, "settings", tuple(given))

    def init(self, lanes: int) -> Array:
        """Memory before a spell: the decayed sum of gaps by each setting."""
        return np.zeros((len(self.settings), lanes))

    def remember(self, memory: Array, gap: Array, age: Array) -> Array:
        """The memory with a period's gap, in costs of a retrain; it starts afresh at age 1. All shape (..., lanes)."""
        return np.asarray(self._column("decay") * np.where(age == 1, 0.0, memory) + gap)

    def log_avoided(self, memory: Array, belief: Array, age: Array, facts: RelativeFacts) -> Array:
        """Log of the regret a retrain is expected to avoid, shape (settings, lanes).

        Parameters
        ----------
        memory : ndarray, shape (settings, lanes)
            With the gap of the period.
        belief : ndarray, shape (lanes,)
            Predictive debt in costs of a retrain.
        age : ndarray, shape (lanes,)
        facts : RelativeFacts
        """
        expected = np.clip(belief, 1e-9, LARGEST)
        prior = np.exp(self._column("belief_scale")) * expected * facts.slope ** self._column("slope_power")
        prior = np.maximum(prior, LEAST_EXPECTED)
        weight = np.exp(self._column("belief_weight")) * (facts.noise / prior) ** self._column("noise_power")
        weight = np.clip(weight, LEAST_WEIGHT, LARGEST_WEIGHT)
        decay = self._column("decay")
        counted = (1 - decay**age) / (1 - decay)
        gap = (weight * prior + memory) / (weight + counted)
        gap = gap - self._column("fresh_share") * np.maximum(facts.fresh, 0.0)
        features = _horizon_features(age, facts)
        horizon = np.array([setting.horizon for setting in self.settings]) @ features
        return np.asarray(np.log(np.maximum(gap, LEAST_EXPECTED)) + horizon)

    def _column(self, name: str) -> Array:
        return np.array([[getattr(setting, name)] for setting in self.settings])


@dataclass(frozen=True)
class RelativeFacts:
    """`HistoryFacts` in costs of a retrain, shape (lanes,): slope and share of better gaps are numbers anyway."""

    slope: Array
    noise: Array
    level: Array
    fresh: Array
    below: Array

    @classmethod
    def of(cls, facts: HistoryFacts, price: Array) -> RelativeFacts:
        """At what a retrain costs in the unit of gaps; where nothing is known, noise is as large as that."""
        noise = np.full(price.shape, 1.0) if np.isnan(facts.noise) else np.clip(facts.noise / price, 0.0, LARGEST)
        return cls(
            slope=np.full(price.shape, np.clip(facts.slope, LEAST_SLOPE, LARGEST_SLOPE)),
            noise=np.maximum(noise, LEAST_NOISE),
            level=np.clip(facts.mean_level / price, -LARGEST, LARGEST),
            fresh=np.clip(facts.mean_fresh / price, -LARGEST, LARGEST),
            below=np.full(price.shape, facts.share_below),
        )


def _horizon_features(age: Array, facts: RelativeFacts) -> Array:
    """As `HORIZON_FEATURES` names them, shape (features, lanes)."""
    level = np.log(np.maximum(facts.level / facts.noise, LEAST_LEVEL))
    below = facts.below - USUAL_SHARE_BELOW
    return np.stack([np.ones(age.shape), np.log(age), np.log(facts.noise), np.log(facts.slope), level, below])


@lru_cache(maxsize=1)
def learned_index() -> RetrainingIndex:
    """The settings that come with the library, learned on simulated worlds."""
    kept: Sequence[dict[str, Any]] = loads(
        files("learning_debt.policies.models").joinpath(SETTINGS_FILE).read_text("utf-8")
    )["settings"]
    return RetrainingIndex(tuple(IndexSetting(**setting) for setting in kept))
