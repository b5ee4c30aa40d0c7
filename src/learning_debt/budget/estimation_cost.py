"""What it costs that durations are estimated: plans made from other draws of the same kind, judged by one truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from learning_debt.budget.curve_fit import LearningCurveFit
from learning_debt.budget.duration_fit import FAMILIES, DurationFit, likeliest, redrawn
from learning_debt.budget.durations import Duration
from learning_debt.budget.effort_planning import as_curve, plan_effort
from learning_debt.budget.learning_curves import LearningCurve
from learning_debt.representations import Part, Sentence, as_html, as_text, plain_number
from learning_debt.typing import Array
from learning_debt.validation import (
    require_instance,
    require_number,
    require_probability,
    require_seed,
    require_whole_number,
)

CELLS, TOLERANCE = 200, 1e-3
"""Of the plans that are made again and again."""


@dataclass(frozen=True)
class EstimationCost:
    """Result of `estimation_cost`.

    Attributes
    ----------
    regret : ndarray, shape (resamples,)
        Loss a period of a plan from estimated durations, with effort over the budget at its price, less that of the
        plan that knows the law. At least 0, up to how exactly plans are made.
    spent : ndarray, shape (resamples,)
        Effort a period that these plans come to take.
    kinds : dict of str to float
        Share of these plans that are of each kind.
    mean, low, high : float
        Of `regret`, and its interval.
    spent_low, spent_high : float
        Interval of `spent`.
    best_loss, untrained_loss : float
        Of the plan that knows the law, and of no training.
    budget, probability : float
    concepts : int
        From which each law was estimated.
    """

    regret: Array
    spent: Array
    kinds: dict[str, float]
    mean: float
    low: float
    high: float
    spent_low: float
    spent_high: float
    best_loss: float
    untrained_loss: float
    budget: float
    probability: float
    concepts: int

    def sentence(self) -> str:
        """What the estimation costs, for the owner."""
        share = self.mean / max(self.untrained_loss - self.best_loss, 1e-300)
        return (
            f"That durations are estimated from {self.concepts} concepts costs {plain_number(self.mean, 2)} a period "
            f"on average ({self.probability:.0%} of plans {plain_number(max(self.low, 0.0), 2)} to "
            f"{plain_number(self.high, 2)}), {share:.1%} of what training gains. Such plans come to spend "
            f"{plain_number(self.spent_low, 2)} to {plain_number(self.spent_high, 2)} a period where "
            f"{plain_number(self.budget, 2)} was meant."
        )

    def as_dict(self) -> dict[str, Any]:
        """What it says, in types that JSON holds."""
        names = ("mean", "low", "high", "spent_low", "spent_high", "best_loss", "probability", "concepts")
        said = {name: getattr(self, name) for name in names}
        return said | {"kinds": dict(self.kinds), "resamples": int(self.regret.size), "sentence": self.sentence()}

    def parts(self) -> list[Part]:
        """What it says, in the parts that its text and its HTML are made from."""
        return [Sentence(self.sentence())]

    def __str__(self) -> str:
        return as_text(self.parts())

    def __repr__(self) -> str:
        return f"<EstimationCost from {self.concepts} concepts: {plain_number(self.mean, 2)} a period>"

    def _repr_html_(self) -> str:
        return as_html(self.parts())


def estimation_cost(
    fit: DurationFit,
    curve: LearningCurve | LearningCurveFit,
    budget: float,
    max_rate: float,
    *,
    truth: Duration | None = None,
    resamples: int = 100,
    probability: float = 0.9,
    random_seed: int | None = 0,
) -> EstimationCost:
    """What a training plan loses because the law of durations is estimated from few of them.

    Parameters
    ----------
    fit : DurationFit
        From `fit_durations`.
    curve : LearningCurve or LearningCurveFit
    budget, max_rate : float
        As of `plan_effort`.
    truth : Duration, optional
        The law that durations are drawn from and plans are judged by; that of the fit unless told.
    resamples : int
        At least 10.
    probability : float
        Of the intervals.
    random_seed : int, optional

    Returns
    -------
    EstimationCost

    Raises
    ------
    TypeError, ValueError

    Notes
    -----
    A parametric bootstrap: as many durations as were seen are drawn from the law and cut where those that had not ended
    were; a law of the same families is chosen anew, a plan made from it, and judged under the true law. A wrong law
    also misses the budget. What is spent beyond it, or left, counts at the price of the budget in the plan that knows
    the law, so that the regret is not below 0, whatever a plan spends: the problem is convex.

    Examples
    --------
    >>> from learning_debt.budget import ExponentialCurve, fit_durations
    >>> fit = fit_durations([14, 9, 22, 17, 11, 19, 6], [True] * 6 + [False])
    >>> cost = estimation_cost(fit, ExponentialCurve(0.1, 0.9, 0.5), budget=0.3, max_rate=1.0, resamples=20)
    >>> bool(0 <= cost.mean < 0.02)
    True
    """
    given = require_instance("fit", fit, DurationFit, "what fit_durations returns")
    g = as_curve(curve)
    remedy = "a law of durations, such as ExponentialDuration(1), or left out"
    law = given.duration if truth is None else require_instance("truth", truth, Duration, remedy)
    allowed, largest = require_number("budget", budget, above=0), require_number("max_rate", max_rate, above=0)
    require_whole_number("resamples", resamples, at_least=10)
    require_probability("probability", probability)
    require_seed("random_seed", random_seed)
    families = tuple(name for name in FAMILIES if name in given.candidates)
    best = plan_effort(law, g, allowed, largest)
    regret, spent, kinds = [], [], []
    for drawn in redrawn(law, given.durations, given.observed, resamples, random_seed):
        estimated = likeliest(drawn, given.observed, families)
        plan = plan_effort(estimated, g, allowed, largest, tolerance=TOLERANCE, cells=CELLS)
        spent.append(plan.spent_under(law))
        regret.append(plan.loss_under(law) + best.price * (spent[-1] - best.spent) - best.loss)
        kinds.append(plan.kind)
    edges = [(1 - probability) / 2, (1 + probability) / 2]
    low, high = np.quantile(regret, edges)
    spent_low, spent_high = np.quantile(spent, edges)
    return EstimationCost(
        regret=np.array(regret),
        spent=np.array(spent),
        kinds={kind: kinds.count(kind) / resamples for kind in sorted(set(kinds))},
        mean=float(np.mean(regret)),
        low=float(low),
        high=float(high),
        spent_low=float(spent_low),
        spent_high=float(spent_high),
        best_loss=best.loss,
        untrained_loss=best.untrained_loss,
        budget=allowed,
        probability=probability,
        concepts=int(given.durations.size),
    )
