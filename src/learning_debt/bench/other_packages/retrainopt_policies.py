"""The package retrainopt 0.4: its planner, and its Base and Learned online policies.

Yang and Mathioudakis, Automated Retraining for Cost-Optimal ML, ECML PKDD 2026. Python 3.10 and later; the Learned
policy needs scikit-learn.

What a spell table is there: step k of its timeline is period k + 1, the candidate of step k is the model deployed after
period k, its ``future_losses`` are that model's row of charged regret, and every retrain costs the same. So its exact
planner solves what `learning_debt.oracle` solves. A retrain that the plan orders at step k is one after period k here,
decided on what was known at the end of period k. Losses must not be negative there: each period's least is
subtracted, which changes no schedule.

The online policies are fitted on the exact plan of the tuning part and then see three numbers at the end of a
period: staleness (the deployed model's loss less its loss in the first period it served), its sum since the retrain,
and the periods since. Losses are in costs of a retrain, since the forest takes features that differ by less than 1e-7
for equal. Nothing else is tuned. Of several series, plans and rows are put one after the other: one policy for all.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.arrays.schedules import walk
from learning_debt.bench.other_packages.loss_tables import losses, one_price, require_package, watched
from learning_debt.bench.rows import NotPossibleError
from learning_debt.data import SERIES
from learning_debt.policies.cost import RetrainingCost
from learning_debt.pricing.replays import charged_regret
from learning_debt.typing import Array

PACKAGE = "retrainopt[sklearn]>=0.4.2,<0.5"
ONLY_SIZE = 1
"""Rows to train on: the spell table knows models trained on all that their update rule holds, and no smaller ones."""


def planned_schedule(table: xr.Dataset, cost: RetrainingCost, accounting: str = "signed") -> NDArray[np.bool_]:
    """What the exact planner would have done in hindsight, shape (series, period); as cheap as the oracle."""
    charged, price = charged_regret(table, cost, accounting), one_price(cost)
    return np.array([_retrains(_plan(regret, price)) for regret in charged])


def base_schedule(
    tuning: xr.Dataset, evaluation: xr.Dataset, cost: RetrainingCost, accounting: str = "signed"
) -> NDArray[np.bool_]:
    """The Base policy: the mean interval of the plan of the tuning part, shape (series, period)."""
    plans = [_plan(regret, one_price(cost)) for regret in charged_regret(tuning, cost, accounting)]
    retrainopt = require_package("retrainopt", PACKAGE)
    together = retrainopt.PlanResult(
        method="exact",
        decisions=[retrainopt.Decision(one.action, one.n_samples) for plan in plans for one in plan.decisions],
        total_cost=sum(plan.total_cost for plan in plans),
        training_cost=sum(plan.training_cost for plan in plans),
        loss_cost=sum(plan.loss_cost for plan in plans),
    )
    policy = retrainopt.BaseOnlinePolicy.from_plan(together)

    def decide(t: int, deployed_at: NDArray[np.int64]) -> NDArray[np.bool_]:
        states = [retrainopt.OnlineState(t, 0.0, 0.0, age) for age in (t - deployed_at).tolist()]
        decisions = [policy.decide(state, train_size=ONLY_SIZE) for state in states]
        return np.array([one.action is retrainopt.DecisionAction.RETRAIN for one in decisions])

    return walk.walk(evaluation.sizes["period"], evaluation.sizes[SERIES], decide)


def learned_schedule(
    tuning: xr.Dataset, evaluation: xr.Dataset, cost: RetrainingCost, accounting: str = "signed", *, stream: str
) -> NDArray[np.bool_]:
    """The Learned policy: a forest that imitates the plan of the tuning part, shape (series, period)."""
    if stream not in watched([tuning, evaluation]):
        raise NotPossibleError(f"spells must hold {stream} in every cell")
    policy = learned_policy(tuning, cost, accounting, stream=stream)
    loss = losses(evaluation, cost, stream) / _unit(cost)
    series, periods = loss.shape[0], loss.shape[2]
    # The package decides one row at a time. Its forest says the same of all cells at once, in a hundredth of the time.
    retrain = np.zeros(loss.shape, dtype=bool)
    cells = np.triu_indices(periods)
    retrain[:, *cells] = policy._classifier.predict(_staleness(loss)[:, *cells].reshape(-1, 3)).reshape(series, -1)
    lanes = np.arange(series)
    return walk.walk(periods, series, lambda t, deployed_at: retrain[lanes, deployed_at, t - 1])


def learned_policy(tuning: xr.Dataset, cost: RetrainingCost, accounting: str = "signed", *, stream: str) -> Any:
    """`retrainopt.LearnedOnlinePolicy`, fitted on what the plan saw and did in the tuning part."""
    retrainopt = require_package("retrainopt", PACKAGE)
    plan = planned_schedule(tuning, cost, accounting)
    seen = walk.along_schedule(_staleness(losses(tuning, cost, stream) / _unit(cost)), np.arange(len(plan)), plan)
    states, decisions = [], []
    for lane, t in np.ndindex(len(plan), plan.shape[1] - 1):  # none is decided in the last period
        now, so_far, age = seen[lane, t].tolist()
        states.append(retrainopt.OnlineState(lane * plan.shape[1] + t, now, so_far, int(age)))
        action = retrainopt.DecisionAction.RETRAIN if plan[lane, t] else retrainopt.DecisionAction.KEEP
        decisions.append(retrainopt.Decision(action, ONLY_SIZE if plan[lane, t] else None))
    require_package("sklearn.ensemble", PACKAGE)
    return retrainopt.LearnedOnlinePolicy().fit(states, decisions)


def _unit(cost: RetrainingCost) -> float:
    """The price of a retrain; 1 where it costs nothing."""
    return one_price(cost) or 1.0


def _staleness(loss: Array) -> Array:
    """What the online policies see in every cell, shape (series, T, T, 3): staleness, its sum so far, age."""
    periods = loss.shape[2]
    stale = np.nan_to_num(loss - np.diagonal(loss, axis1=1, axis2=2)[:, :, None])
    age = np.arange(1, periods + 1) - np.arange(periods)[:, None]
    return np.stack([stale, stale.cumsum(axis=2), np.broadcast_to(age, loss.shape)], axis=-1)


def _plan(regret: Array, price: float) -> Any:
    """The package's exact plan of one series; `regret` has shape (periods, periods)."""
    retrainopt = require_package("retrainopt", PACKAGE)
    above_least = regret - np.nanmin(regret, axis=0)
    periods = len(regret)

    class Timeline(retrainopt.TimelineDataset):  # type: ignore[name-defined]
        num_steps = periods

        def get_train_block(self, step: int) -> Any:
            return [step]

        def get_eval_block(self, step: int) -> Any:
            return [step]

        def train_size(self, step: int) -> int:
            return ONLY_SIZE

    class Evaluations:
        def evaluate_initial_model(self, initial_model: Any = None) -> Any:
            return self._row((-1, 0), 0, 0.0)

        def evaluate_candidate(self, step: int, n_samples: int) -> Any:
            return self._row((step, n_samples), step, price)

        evaluate_candidate_uncached = evaluate_candidate

        def iter_cached_candidates(self) -> Any:
            return iter(())

        def _row(self, model: tuple[int, int], first: int, paid: float) -> Any:
            future = {t: float(above_least[first, t]) for t in range(first, periods)}
            return retrainopt.CandidateEvaluation(model, ONLY_SIZE, 0.0, paid, future)

    config = retrainopt.PlannerConfig(n_choices=(ONLY_SIZE,))
    return retrainopt.RetrainingPlanner(Timeline(), None, config, evaluator=Evaluations()).plan("exact")


def _retrains(plan: Any) -> list[bool]:
    """After which periods a plan retrains: at step k it replaces what served period k; at step 0 nothing did."""
    return [decision.action.value == "retrain" for decision in plan.decisions[1:]] + [False]
