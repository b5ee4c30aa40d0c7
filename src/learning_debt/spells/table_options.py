"""What a spell table was asked to be: its options, checked before any fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from learning_debt.data.update_rule import UpdateRule
from learning_debt.forecasters.base import require_forecaster, require_sampled_forecaster
from learning_debt.forecasters.conjugate_regression import ConjugateRegression
from learning_debt.shadows.base import require_keeper
from learning_debt.shadows.refit import Refit
from learning_debt.spells.schema import DRAWS_ONLY, ESTIMATED, EXACT_ONLY, OPTIONAL
from learning_debt.validation import (
    require_executor,
    require_flag,
    require_instance,
    require_names,
    require_seed,
    require_whole_number,
)


def check_options(
    forecaster: Any,
    variables: Any,
    update_rule: Any,
    shadow: Any,
    random_seed: Any,
    executor: Any,
    periods: dict[str, Any],
    flags: dict[str, Any],
) -> tuple[str, ...]:
    """Names of the variables, all options checked; `periods` are numbers of them, `flags` True or False.

    Raises
    ------
    TypeError, ValueError
        Naming the first option that cannot be.
    """
    require_forecaster("forecaster", forecaster)
    exact = isinstance(forecaster, ConjugateRegression)
    if not exact:
        require_sampled_forecaster("forecaster", forecaster)
    names = require_names("variables", variables, (*ESTIMATED, *OPTIONAL))
    _check_variables(names, exact)
    for name, value in periods.items():
        require_whole_number(name, value, at_least=1)
    for name, value in flags.items():
        require_flag(name, value)
    if update_rule is not None:
        require_instance("update_rule", update_rule, UpdateRule, "an UpdateRule, such as ld.UpdateRule(window=52)")
    if shadow is not None:
        require_keeper("shadow", shadow)
    require_seed("random_seed", random_seed)
    require_executor(executor)
    if exact and not isinstance(shadow, Refit | None):
        raise ValueError(
            f"shadow: exact posteriors are updated exactly, not by a {type(shadow).__name__}; leave it out, or hand "
            "over a forecaster of draws"
        )
    if "deployed_pareto_k" in names and shadow is not None and not shadow.exact:
        raise ValueError(
            "variables: deployed_pareto_k needs what posterior debt needs, and here the shadow's keeper hands out "
            "approximate posteriors"
        )
    return names


def _check_variables(variables: Sequence[str], exact: bool) -> None:
    exact_only, draws_only = (sorted(set(variables) & set(names)) for names in (EXACT_ONLY, DRAWS_ONLY))
    if exact_only and not exact:
        raise ValueError(
            f"variables {exact_only} are offered for a ConjugateRegression only; for a sampled forecaster choose "
            f"from {(*ESTIMATED, *DRAWS_ONLY)}"
        )
    if draws_only and exact:
        raise ValueError(
            f"variables {draws_only} are about posterior draws, and a ConjugateRegression has none; choose from "
            f"{(*ESTIMATED, *EXACT_ONLY)}"
        )
