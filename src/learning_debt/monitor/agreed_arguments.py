"""What was agreed about a monitor when it is made: all arguments checked, and settings that a file can hold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from learning_debt.data.update_rule import UpdateRule
from learning_debt.forecasters.base import Forecaster
from learning_debt.forecasters.conjugate_regression import ConjugateRegression
from learning_debt.monitor.agreed_settings import Settings, present_versions
from learning_debt.monitor.present_spell import facts_of
from learning_debt.monitor.retention import FEWEST
from learning_debt.policies.base import Policy, require_policy
from learning_debt.policies.cost import RetrainingCost, as_cost
from learning_debt.policies.saving import as_text
from learning_debt.scores import Score, as_score
from learning_debt.shadows.refit import Refit
from learning_debt.spells.schema import ESTIMATED, OPTIONAL
from learning_debt.spells.table_options import check_options
from learning_debt.validation import (
    require_number,
    require_probability,
    require_seed,
    require_whole_number,
)

RETAINED_EXACT, RETAINED_DRAWS = 20, 8
"""Posteriors that are held against the shadow, at most, unless told otherwise."""


def agreed(
    forecaster: Forecaster,
    *,
    policy: Any,
    cost: Any,
    calendar: Any,
    update_rule: Any = None,
    score: Any = "log",
    shadow: Any = None,
    exposure: Any = None,
    probability: Any = 0.9,
    retained: Any = None,
    late: Any = 0,
    varying_rows: Any = False,
    random_seed: Any = None,
) -> Settings:
    """Settings, all of them checked, but for what tells the forecaster from others; errors name the argument.

    Raises
    ------
    TypeError, ValueError
    """
    require_policy("policy", policy)
    names = tuple(dict.fromkeys((*ESTIMATED, *(name for name in policy.requires if name in OPTIONAL))))
    _require_calendar(calendar)
    flags, numbers = {"varying_rows": varying_rows}, {"calendar": calendar}
    check_options(forecaster, names, update_rule, shadow, random_seed, None, numbers, flags)
    require_probability("probability", probability)
    require_whole_number("late", late, at_least=0)
    _require_outcomes_in_time(policy, late)
    if retained is None:
        retained = RETAINED_EXACT if isinstance(forecaster, ConjugateRegression) else RETAINED_DRAWS
    require_whole_number("retained", retained, at_least=FEWEST + late)
    seed, chosen = require_seed("random_seed", random_seed), as_score(score)
    settings = Settings(
        forecaster="",
        policy=policy,
        cost=_priced(as_cost(cost)),
        update_rule=UpdateRule() if update_rule is None else update_rule,
        score=chosen,
        shadow=Refit() if shadow is None else shadow,
        variables=names,
        exposure=_exposure(exposure, chosen),
        horizon=int(calendar),
        probability=float(probability),
        retained=int(retained),
        late=int(late),
        varying_rows=bool(varying_rows),
        seed=int(np.random.SeedSequence().generate_state(1)[0] if seed is None else seed),
        observation_dim=forecaster.observation_dim,
        versions=present_versions(),
    )
    return _resolved(settings)


def _require_calendar(calendar: Any) -> None:
    if calendar is None:
        raise ValueError(
            "calendar is missing: say how many periods a retrain is expected to serve, as calendar=13; what a retrain "
            "is worth depends on it"
        )


def _require_outcomes_in_time(policy: Policy, late: int) -> None:
    if late and "deployed_score" in policy.requires:
        raise ValueError(
            f"policy: {policy} reads deployed_score, the score at the outcomes of the period, which are not all known "
            "in it where rows may come late; use one that reads score_gap"
        )


def _exposure(told: Any, score: Score) -> float:
    """As `Settings` keeps it: 0 for the rows of the period."""
    worth = ("rows" if score.in_money else 1.0) if told is None else told
    if not isinstance(worth, str):
        return float(require_number("exposure", worth, above=0))
    if worth != "rows":
        raise ValueError(f"exposure must be a number or 'rows', not {worth!r}")
    return 0.0


def _priced(cost: RetrainingCost) -> RetrainingCost:
    if cost.amount is None:
        raise ValueError(
            "cost: a cost_ratio is measured on a table, and a monitor begins without one: give an amount, or make the "
            "monitor from an audit, whose cost is resolved"
        )
    return cost


def _resolved(settings: Settings) -> Settings:
    """With the cost in the unit of the score; and all of it such that a file can hold it."""
    nothing = xr.Dataset(
        {name: (("series", "period"), np.ones((1, 1))) for name in ("rows", "regret")},
        attrs=facts_of(settings.score, settings).attributes(),
    )
    resolved = replace(settings, cost=settings.cost.resolve(nothing))
    for name in ("policy", "cost", "score", "shadow", "update_rule"):
        try:
            as_text(getattr(resolved, name))
        except TypeError as error:
            raise TypeError(
                f"{name}: {getattr(resolved, name)!r} cannot be kept in a monitor's folder, which holds no code; use "
                "one of this library's"
            ) from error
    return resolved
