"""Today's decision in words: what it rests on, and why verdict and chance differ where they do."""

from __future__ import annotations

import numpy as np

from learning_debt.data import label_text
from learning_debt.estimate import Estimate
from learning_debt.policies.recommended import Recommended
from learning_debt.pricing.verdict import Decision
from learning_debt.representations import listed, plain_number

FAR_OFF = 2.0
"""Factor between the shadow's belief and the expected regret above which both are said."""
READ = {
    "score_gap": "the gaps of this spell",
    "predictive_debt": "what the shadow expects of the next period",
    "debt": "posterior debt",
    "deployed_score": "the scores of what serves",
    "parameter_gap": "how far the parameters have moved",
    "residual_exceedance": "the rows that miss the forecast",
    "deployed_pareto_k": "how unevenly the deployed draws weigh",
}
"""What a policy goes by, for the reader."""


def reason_of(decision: Decision, doubt: str, ahead: int) -> str:
    """One sentence; `doubt` says why it cannot tell, `ahead` how many periods forecasts look ahead."""
    served = f"trained after {label_text(decision.deployed_label)}, in service for {period_count(decision.spell_age)}"
    if doubt:
        return f"cannot tell ({served}): {doubt}"
    sure = f", with {share(decision.support)} of its weight" if np.isfinite(decision.support) else ""
    says = f"{'the recommended policy' if isinstance(decision.policy, Recommended) else decision.policy}{sure}"
    if not np.isfinite(decision.expected_regret.value):
        parts = [f"{decision.verdict} ({served}): {says} says so"]
    else:
        parts = [f"{decision.verdict} ({served}), says {says}: {_worth(decision, ahead)}"]
        parts += [f"the chance that it pays is {share(decision.probability)}"]
    parts += [decision.conflict] if decision.conflict else []
    parts += [_so_far(decision)] if np.isfinite(decision.realised_regret.value) else []
    if np.isfinite(decision.break_even_cost):
        learned = "with what it has learned at this cost, " if decision.policy.refits else ""
        asks = asks_otherwise(decision)
        apart = f", {asks}, because {by_words(decision.policy.requires)}" if asks else ""
        parts.append(
            f"{learned}the verdict flips at a cost of {plain_number(decision.break_even_cost)} {decision.unit}{apart}"
        )
    return "; ".join(parts)


def conflict_of(decision: Decision) -> str:
    """Why the policy says otherwise than the chance, where it does; empty where they agree or nothing can be told."""
    chance = decision.probability
    opposed = {"retrain": chance < 0.5, "wait": chance > 0.5}
    if not opposed.get(decision.verdict, False):
        return ""
    goes_by = by_words(decision.policy.requires)
    if decision.verdict == "retrain":
        return f"the policy retrains although this one retrain is more likely not to pay, because {goes_by}"
    return f"the policy waits although a retrain today is more likely to pay than not, because {goes_by}"


def asks_otherwise(decision: Decision) -> str:
    """Where the verdict flips far from what this one retrain is expected to avoid, that it does; else empty."""
    expected, flips = decision.expected_regret.value, decision.break_even_cost
    if not (np.isfinite(expected) and np.isfinite(flips)):
        return ""
    if decision.verdict == "wait" and flips * FAR_OFF < expected:
        return "well below what this one retrain is expected to avoid"
    if decision.verdict == "retrain" and flips > FAR_OFF * max(expected, 0.0):
        return "well above what this one retrain is expected to avoid"
    return ""


def by_words(requires: tuple[str, ...]) -> str:
    """What a policy goes by instead of the forecast.

    Examples
    --------
    >>> by_words(())
    'it keeps to its own dates and looks neither at signals nor at this forecast'
    >>> by_words(("score_gap",))
    'it goes by the gaps of this spell and its own threshold, not by this forecast'
    """
    if not requires:
        return "it keeps to its own dates and looks neither at signals nor at this forecast"
    read = [READ.get(name, name.replace("_", " ")) for name in requires]
    return f"it goes by {listed(read)} and its own threshold, not by this forecast"


def share(probability: float) -> str:
    """A probability, never rounded to a certainty, nor across one half.

    Examples
    --------
    >>> share(1.0), share(0.001), share(0.497), share(0.31)
    ('over 99%', 'under 1%', 'just under 50%', '31%')
    """
    if probability < 0.01:
        return "under 1%"
    if probability > 0.99:
        return "over 99%"
    if probability != 0.5 and round(100 * probability) == 50:
        return f"just {'under' if probability < 0.5 else 'over'} 50%"
    return f"{probability:.0%}"


def with_error(estimate: Estimate, unit: str) -> str:
    """A value with its standard error, where it has one.

    Examples
    --------
    >>> from learning_debt.estimate import Estimate
    >>> with_error(Estimate(0.1234, 0.02), "EUR")
    '0.123 ± 0.02 EUR'
    """
    error = f" ± {plain_number(estimate.standard_error, 1)}" if estimate.standard_error > 0 else ""
    return f"{plain_number(estimate.value)}{error} {unit}"


def _worth(decision: Decision, ahead: int) -> str:
    over = f"the next {period_count(decision.horizon)}"
    over = over if ahead == 1 else f"the forecasts of {over}, each {ahead} periods ahead,"
    expected, belief = decision.expected_regret.value, decision.believed_regret
    alone = ""
    if np.isfinite(belief) and not expected / FAR_OFF <= belief <= expected * FAR_OFF:
        alone = f" (by this history's own gaps; the shadow alone expects {plain_number(belief)})"
    return (
        f"a retrain is expected to avoid {with_error(decision.expected_regret, decision.unit)} of regret over "
        f"{over}{alone} and costs {plain_number(decision.cost)} {decision.unit}"
    )


def _so_far(decision: Decision) -> str:
    realised = decision.realised_regret
    verb = "cost" if realised.value >= 0 else "gained"
    size = with_error(realised if realised.value >= 0 else _negated(realised), decision.unit)
    return f"so far this spell has {verb} {size} against the shadow"


def _negated(estimate: Estimate) -> Estimate:
    return type(estimate)(-estimate.value, estimate.standard_error)


def period_count(count: int) -> str:
    """So many periods, in words."""
    return f"{count} period{'s' if count != 1 else ''}"
