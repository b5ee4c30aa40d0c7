"""What cannot be asked of posteriors from draws, and why some have no debt; known from the first fit on."""

from __future__ import annotations

from learning_debt.doubt import Doubt
from learning_debt.forecasters.base import SampledForecaster
from learning_debt.shadows.base import ShadowKeeper
from learning_debt.spells.step import StepOptions

OUTCOME_KINDS = ("count", "continuous", "other")
"""What `Predictor.outcome_kind` may say."""


def refuse_options(forecaster: SampledForecaster, options: StepOptions, keeper: ShadowKeeper) -> None:
    """Raise where the shadow's keeper, or rows that depend on rows before them, do not allow what is asked for.

    Raises
    ------
    ValueError
        Naming the argument, and what to do instead.
    """
    if "deployed_pareto_k" in options.variables:
        doubt = why_no_debt(forecaster, options, keeper)
        if doubt is not None:
            raise ValueError(f"variables: deployed_pareto_k needs what posterior debt needs, and here {doubt.what}")
    if "predictive_debt" in options.variables:
        outcome_kind_of(forecaster)
    if not forecaster.needs_past:
        return
    if options.update_rule.discount < 1:
        raise ValueError(
            "update_rule: rows of this model depend on the rows before them, so that a row cannot be discounted on its "
            "own; use all data"
        )
    if not options.on_time:
        raise ValueError(
            "history: rows of this model depend on the rows before them, so that none may arrive late or be revised; "
            "leave 'arrived' and 'row' out, and the last periods until they are final"
        )
    if options.update_rule.window is not None and forecaster.growing_dims:
        raise ValueError(
            "update_rule: states of this model follow from the first row it was fitted to, which a "
            f"{options.update_rule} leaves out; use all data"
        )
    if forecaster.feedback and options.horizon > 1 and options.score.name == "log":
        raise ValueError(
            f"horizon={options.horizon}: outcomes of this model feed back into its forecasts, and their density "
            "several steps ahead has no closed form; choose a score of draws, such as score='crps'"
        )


def outcome_kind_of(forecaster: SampledForecaster) -> str:
    """What the forecaster says of its outcomes.

    Raises
    ------
    ValueError
        If it is none of what it may say.
    """
    kind = forecaster.outcome_kind()
    if kind not in OUTCOME_KINDS:
        raise ValueError(f"forecaster: outcome_kind() must return one of {', '.join(OUTCOME_KINDS)}, not {kind!r}")
    return kind


def why_no_debt(forecaster: SampledForecaster, options: StepOptions, keeper: ShadowKeeper) -> Doubt | None:
    """Why no two posteriors of this table have a posterior debt that can be told, if none has."""
    if not keeper.exact:
        return Doubt.APPROXIMATE_SHADOWS if keeper.log_density is None else None
    if forecaster.needs_past and options.update_rule.window is not None:
        return Doubt.SLIDING_WINDOW
    return None
