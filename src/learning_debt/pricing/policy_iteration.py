"""Learn what waiting is worth, by letting a policy play every spell of known histories against what came after."""

from __future__ import annotations

from collections.abc import Sequence, Set
from concurrent.futures import Executor
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.arrays.schedules.cost_to_go import waiting_excess
from learning_debt.data import SERIES
from learning_debt.policies import BlendedThreshold, ContinuationValue, Policy
from learning_debt.policies.base import require_policy
from learning_debt.policies.cost import RetrainingCost, as_cost
from learning_debt.policies.models.continuation import ContinuationModel, features
from learning_debt.policies.signal_reader import SignalReader
from learning_debt.pricing.replays import ACCOUNTINGS, charged_regret
from learning_debt.spells import check_spells
from learning_debt.spells.schema import ARRIVED_GAP
from learning_debt.typing import Array
from learning_debt.validation import (
    require_choice,
    require_executor,
    require_number,
    require_seed,
    require_whole_number,
)

START = BlendedThreshold(multiplier=64.0, weight=0.1, decay=0.9)
"""The policy that plays first."""
LATE = 5
"""Periods past the retrain of the policy that plays, in one spell, from which cells are still learned."""


def fit_continuation(
    spells: xr.Dataset | Sequence[xr.Dataset],
    costs: RetrainingCost | float | Sequence[RetrainingCost | float],
    *,
    accounting: str = "signed",
    start: Policy = START,
    iterations: int = 2,
    decay: float = 0.95,
    cells: int = 150_000,
    random_seed: int | None = 0,
    executor: Executor | None = None,
) -> ContinuationModel:
    """Learn, from spell tables of known histories, how much more the rest of the bill will be if a retrain waits.

    Approximate policy iteration: the policy `start` plays every spell of the tables; since the tables hold what came
    after, the rest of the bill with and without a retrain at any of its periods is known (`waiting_excess`); the
    difference is regressed on signals; retraining where it is positive is the policy that plays next.

    Parameters
    ----------
    spells : Dataset or sequence of Datasets
        Tables with debt, predictive debt and score gap, best of many series, some with shifts and some without: of
        your own past, or simulated from a model with the drift you expect. Several may differ in their periods.
    costs : RetrainingCost or float, or a sequence of them
        Of one retrain. The model serves all costs between them; the closer together, the better it serves each.
    accounting : {"signed", "positive"}
    start : Policy
        Must start its memory afresh with the spell, as all policies here do.
    iterations : int
        How often a policy plays and is learned from.
    decay : float
        Weight, a period later, of a score gap in the sum of the spell's gaps.
    cells : int
        Most cells, of each table and cost, that the regression is made on.
    random_seed : int, optional
        Of the choice of cells.
    executor : concurrent.futures.Executor, optional
        Works on costs and tables side by side; threads will do.

    Raises
    ------
    ValueError, KeyError
        For a missing, zero or negative cost, a table without the signals, or too few cells (ten for each of the 30
        coefficients are needed to compute, many times that to learn something worth having).

    See Also
    --------
    policies.ContinuationValue : The policy that retrains by the result.
    tune : Chooses among policies with a few numbers.

    Notes
    -----
    Cells of one series hang together, and coefficients are as good as the series are many. On one short history the
    thresholds have one to three numbers to tune and are the better choice.

    References
    ----------
    Longstaff & Schwartz, *Valuing American options by simulation: a simple least-squares approach*, Review of Financial
    Studies 14 (2001), 113-147, regress the value of waiting on what is known in the same way.

    Examples
    --------
    >>> import learning_debt as ld
    >>> rng = np.random.default_rng(1)
    >>> series, period = np.repeat(np.arange(12), 60), np.tile(np.arange(60), 12)
    >>> slope, x = np.where(period < 20 + 3 * series, 0.0, 2.0), rng.normal(size=720)
    >>> history = {"x": x, "y": slope * x + rng.normal(size=720), "period": period, "series": series}
    >>> forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    >>> spells = ld.spell_table(forecaster, history, initial=10, progressbar=False)
    >>> policy = ld.policies.ContinuationValue(fit_continuation(spells, [0.1, 0.5]))
    >>> bills = [float(ld.replay(spells, choice, 0.3).objective.mean()) for choice in (policy, ld.policies.Never())]
    >>> bills[0] < bills[1]
    True
    """
    require_choice("accounting", accounting, ACCOUNTINGS)
    require_policy("start", start)
    for name, value in (("iterations", iterations), ("cells", cells)):
        require_whole_number(name, value, at_least=1)
    require_number("decay", decay, at_least=0, at_most=1)
    require_seed("random_seed", random_seed)
    require_executor(executor)
    prices = [_as_price(cost) for cost in _listed("costs", costs)]
    needed = {*ContinuationValue.requires, *start.requires}
    tables = [_by_period(check_spells(table, sorted(needed)), needed, decay) for table in _listed("spells", spells)]
    lessons = [
        _Lesson(table, _priced(cost, table), accounting, cells, seed)
        for seed, (table, cost) in enumerate((table, cost) for table in tables for cost in prices)
    ]
    run = executor.map if executor is not None else map
    policy = start
    for iteration in range(iterations):
        learnt = list(run(partial(_learn, policy=policy, iteration=iteration, random_seed=random_seed), lessons))
        *seen, excess = (np.concatenate(part) for part in zip(*learnt, strict=True))
        model = ContinuationModel.fit(tuple(seen), excess, decay=decay)
        policy = ContinuationValue(model)
    return model


def retrains_everywhere(table: xr.Dataset, policy: Policy, cost: RetrainingCost) -> NDArray[np.bool_]:
    """What a policy says at the end of every period of every spell, shape (series, T, T); False where s >= t.

    Parameters
    ----------
    table : Dataset
        Checked.
    policy : Policy
    cost : RetrainingCost
        Resolved.
    """
    series, periods = table.sizes[SERIES], table.sizes["period"]
    starts = np.tile(np.arange(periods), series)
    see = SignalReader(table, policy.requires, cost, np.repeat(np.arange(series), periods))
    state, says = policy.init(starts.size), np.zeros((series, periods, periods), dtype=bool)
    for t in range(1, periods + 1):
        # Lanes whose spell is yet to begin look at a first period instead, which leaves no trace in a policy's memory.
        state, retrain = policy.step(state, see(t, np.minimum(starts, t - 1)))
        says[:, :, t - 1] = retrain.reshape(series, periods) & (np.arange(periods) < t)
    return says


class _Lesson(NamedTuple):
    """One table at one cost."""

    table: xr.Dataset
    cost: RetrainingCost
    accounting: str
    cells: int
    seed: int


def _learn(lesson: _Lesson, *, policy: Policy, iteration: int, random_seed: int | None) -> tuple[Array, ...]:
    """Features and excess, in costs of a retrain, of cells that matter under the policy that plays."""
    table, cost, periods = lesson.table, lesson.cost, lesson.table.sizes["period"]
    says = retrains_everywhere(table, policy, cost)
    price = np.broadcast_to(cost.retraining_costs(table), says.shape)
    excess = waiting_excess(charged_regret(table, cost, lesson.accounting), says, price)
    s, t = np.ogrid[:periods, 1 : periods + 1]
    matters = (np.cumsum(says, axis=2, dtype=np.int16) <= LATE) & (s < t) & np.isfinite(excess)
    chosen = np.flatnonzero(matters)
    if chosen.size > lesson.cells:
        rng = np.random.default_rng(None if random_seed is None else [random_seed, iteration, lesson.seed])
        chosen = rng.choice(chosen, lesson.cells, replace=False, shuffle=False)
    at = np.unravel_index(chosen, says.shape)
    exposure = (cost.exposure(table) * table["exposure"]).transpose(SERIES, "period").values[at[0], at[2]]
    expected, moved, gaps = (table[name].values[at] for name in ("predictive_debt", "debt", GAPS))
    return *features(expected, moved, gaps, at[2] + 1 - at[1], price[at] / exposure), excess[at] / price[at]


GAPS = "discounted_gaps"


def _by_period(table: xr.Dataset, signals: Set[str], decay: float) -> xr.Dataset:
    """Regret and signals with the cells of a period side by side in memory, the order in which spells are played.

    With them goes the sum of each spell's score gaps so far, each discounted by its age.
    """
    cells = [name for name in table if table[name].dims == (SERIES, "deployed_at", "period")]
    kept = {"regret", *signals, ARRIVED_GAP} & set(cells)
    ordered = {name: np.ascontiguousarray(table[name].values.transpose(2, 0, 1)) for name in kept}
    total = np.nan_to_num(ordered[ARRIVED_GAP if ARRIVED_GAP in table else "score_gap"])
    for t in range(1, len(total)):
        total[t] += decay * total[t - 1]
    ordered[GAPS] = total
    dims = ("period", SERIES, "deployed_at")
    played = table.drop_vars(cells).assign({name: (dims, values) for name, values in ordered.items()})
    return played.transpose(SERIES, "deployed_at", "period", ...)


def _as_price(cost: Any) -> RetrainingCost:
    try:
        return as_cost(cost)
    except (TypeError, ValueError) as error:
        raise type(error)(f"costs: {error}") from error


def _priced(cost: RetrainingCost, table: xr.Dataset) -> RetrainingCost:
    resolved = cost.resolve(table)
    if not (resolved.retraining_costs(table) != 0).all():
        raise ValueError("costs must be positive: a retrain that costs nothing is always worth it")
    return resolved


def _listed(name: str, values: Any) -> list[Any]:
    """One or several, as a list."""
    if not isinstance(values, list | tuple) and not (isinstance(values, np.ndarray) and values.ndim):
        return [values]
    if len(values) == 0:
        raise ValueError(f"{name} must hold at least one")
    return list(values)
