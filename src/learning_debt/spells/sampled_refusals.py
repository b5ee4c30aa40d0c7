"""What cannot be asked of posteriors from draws, and why some have no debt; known from the first fit on."""

from __future__ import annotations

from learning_debt.forecasters.base import SampledForecaster
from learning_debt.shadows.base import ShadowKeeper
from learning_debt.spells.step import StepOptions

GROWN = (
    "groups or states came with the rows, and between posteriors that differ in them no posterior debt exists; "
    "predictive_debt and score_gap do"
)
APPROXIMATE = (
    "the shadow's keeper hands out approximate posteriors without their log density, so that no log-likelihood tells "
    "how far they are apart; predictive_debt and score_gap need no exact posteriors"
)
SLIDING = (
    "rows of this model depend on the rows before them, and what leaves a rolling window was past to what stays; "
    "predictive_debt and score_gap do without"
)


def refuse_options(forecaster: SampledForecaster, options: StepOptions, keeper: ShadowKeeper) -> None:
    """Raise where the shadow's keeper, or rows that depend on rows before them, do not allow what is asked for.

    Raises
    ------
    ValueError
        Naming the argument, and what to do instead.
    """
    if "deployed_pareto_k" in options.variables:
        why = "" if keeper.exact else "the shadow's keeper hands out approximate posteriors"
        if why := why or why_no_debt(forecaster, options, keeper):
            raise ValueError(f"variables: deployed_pareto_k needs what posterior debt needs, and here {why}")
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


def why_no_debt(forecaster: SampledForecaster, options: StepOptions, keeper: ShadowKeeper) -> str:
    """Why no two posteriors of this table have a posterior debt that can be told, or nothing."""
    if not keeper.exact:
        return APPROXIMATE if keeper.log_density is None else ""
    if forecaster.needs_past and options.update_rule.window is not None:
        return SLIDING
    return ""
