"""A change in the score gap, by Bayesian online changepoint detection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, override

import numpy as np

from learning_debt.arrays.schedules.run_lengths import RunPrior, Runs, observe
from learning_debt.policies.base import PerLane, Policy, Step
from learning_debt.policies.signals import Signals

PRIOR = RunPrior(mean=0.0, precision=0.003, shape=3.0, rate=0.75)
"""Of the mean and variance of a run's gaps, in units of `Changepoint.scale`: means within about ten typical gaps, a
spread of about half of one. Wide means matter most: with a precision of 0.1 bills were half as large again."""


@dataclass(frozen=True, eq=False, repr=False)
class Changepoint(Policy):
    """Retrain when the score gap has probably changed within the last `recent` periods.

    The run-length posterior of Adams & MacKay (arXiv 0710.3742) on the gaps of the spell, in units of `scale`: normal
    runs of unknown mean and variance, and a change before each period with probability `hazard`. The start of the
    spell counts as no change. Gaps stand for the standardised residuals of the deployed model: every table has them.

    Parameters
    ----------
    hazard : float
        Of a change in a period; 1 / L for runs of L periods on average.
    recent : int
    threshold : float
        Probability of a change within the last `recent` periods above which it retrains.
    scale : float
        A typical gap, in the unit of the table's score.

    See Also
    --------
    CUSUM : Adds gaps up.
    RiverDetector : Other detectors of change.

    Notes
    -----
    A gap may change for the better too. The state has shape (lanes, longest spell so far, 3): for every run length its
    log probability, and the mean and rate of its gaps.
    """

    requires: ClassVar[tuple[str, ...]] = ("score_gap",)
    hazard: PerLane
    recent: PerLane
    threshold: PerLane
    scale: PerLane = 1.0

    def __post_init__(self) -> None:
        for name in ("hazard", "threshold"):
            self._require(name, at_least=0, at_most=1)
        self._require("recent", whole=True, at_least=1)
        self._require("scale", above=0)

    @override
    def init(self, lanes: int) -> Any:
        return np.empty((lanes, 0, 3))

    @override
    def step(self, state: Any, signals: Signals) -> Step:
        chance, mean, rate = np.moveaxis(state, -1, 0)
        begun = np.where(signals.spell_age[:, None] == 1, -np.inf, chance)
        runs = observe(Runs(begun, mean, rate), signals.score_gap / self.scale, self.hazard, PRIOR)
        length = np.arange(1, runs.mean.shape[1] + 1)
        recently = (length <= np.asarray(self.recent)[..., None]) & (length < signals.spell_age[:, None])
        changed = np.where(recently, np.exp(runs.log_probability), 0.0).sum(axis=1)
        longest = length[np.isfinite(runs.log_probability).any(axis=0)].max()
        return np.stack(runs, axis=-1)[:, :longest], changed > self.threshold
