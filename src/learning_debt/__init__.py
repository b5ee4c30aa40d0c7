"""Retrain a Bayesian forecaster now, or wait? Learning debt, what waiting costs, and one decision.

Names are imported when they are first used, so that ``import learning_debt`` takes no time.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from learning_debt.moved import serve_old_names

if TYPE_CHECKING:
    from learning_debt import bench, budget, policies, scores, serving
    from learning_debt.arrays.conjugate.nig import NIG
    from learning_debt.auditing import Audit, RuleComparison, audit, compare_rules, repeat_audit
    from learning_debt.auditing.ageing import ageing_curve
    from learning_debt.auditing.belief import belief_check
    from learning_debt.auditing.belief_slope import belief_slope
    from learning_debt.auditing.diagnosis import Diagnosis, diagnose
    from learning_debt.auditing.implied_cost import ImpliedCost, implied_cost
    from learning_debt.auditing.shadow_scores import shadow_scores
    from learning_debt.data.update_rule import UpdateRule
    from learning_debt.debt import debt_by_block, debt_by_group
    from learning_debt.debt.estimates import posterior_debt, predictive_debt, score_gap
    from learning_debt.debt.from_densities import debt_from_densities
    from learning_debt.doubt import Doubt
    from learning_debt.errors import (
        IncomparablePosteriorsError,
        NotPooledError,
        OtherTableError,
        UnsupportedModelError,
    )
    from learning_debt.estimate import Estimate
    from learning_debt.forecasters.conjugate_regression import ConjugateRegression
    from learning_debt.forecasters.pymc.forecaster import PyMCForecaster
    from learning_debt.forecasters.weights import equal_weights, with_weights
    from learning_debt.integrations.sampling_wrapper import ForecasterSamplingWrapper
    from learning_debt.monitor import Monitor
    from learning_debt.policies.cost import RetrainingCost
    from learning_debt.policies.models.calibration import AgeAdjustment
    from learning_debt.policies.models.continuation import ContinuationModel
    from learning_debt.policies.models.regret import DebtRegretModel, HybridRegretModel
    from learning_debt.policies.models.two_state_filter import TwoStateEmissions
    from learning_debt.policies.rivals import rival_policies
    from learning_debt.policies.signals import Signals
    from learning_debt.pricing.decision import Decision, decide, decide_all
    from learning_debt.pricing.policy_iteration import fit_continuation
    from learning_debt.pricing.replays import Replay, oracle, replay
    from learning_debt.pricing.tuning import Tuned, tune
    from learning_debt.shadows.ladder import ShadowLadder
    from learning_debt.shadows.pooled import PooledShadow
    from learning_debt.shadows.refit import Refit
    from learning_debt.shadows.supplied import SuppliedShadow
    from learning_debt.spells import (
        check_spells,
        compare_tables,
        from_period,
        replayed_posteriors,
        select_periods,
        spell_table,
        spell_tables,
    )

__version__ = "0.2.0.dev0"

__all__ = [
    "NIG",
    "AgeAdjustment",
    "Audit",
    "ConjugateRegression",
    "ContinuationModel",
    "DebtRegretModel",
    "Decision",
    "Diagnosis",
    "Doubt",
    "Estimate",
    "ForecasterSamplingWrapper",
    "HybridRegretModel",
    "ImpliedCost",
    "IncomparablePosteriorsError",
    "Monitor",
    "NotPooledError",
    "OtherTableError",
    "PooledShadow",
    "PyMCForecaster",
    "Refit",
    "Replay",
    "RetrainingCost",
    "RuleComparison",
    "ShadowLadder",
    "Signals",
    "SuppliedShadow",
    "Tuned",
    "TwoStateEmissions",
    "UnsupportedModelError",
    "UpdateRule",
    "ageing_curve",
    "audit",
    "belief_check",
    "belief_slope",
    "bench",
    "budget",
    "check_spells",
    "compare_rules",
    "compare_tables",
    "debt_by_block",
    "debt_by_group",
    "debt_from_densities",
    "decide",
    "decide_all",
    "diagnose",
    "equal_weights",
    "fit_continuation",
    "from_period",
    "implied_cost",
    "oracle",
    "policies",
    "posterior_debt",
    "predictive_debt",
    "repeat_audit",
    "replay",
    "replayed_posteriors",
    "rival_policies",
    "score_gap",
    "scores",
    "select_periods",
    "serving",
    "shadow_scores",
    "spell_table",
    "spell_tables",
    "tune",
    "with_weights",
]

_MODULES = {
    "NIG": "learning_debt.arrays.conjugate.nig",
    "AgeAdjustment": "learning_debt.policies.models.calibration",
    "Audit": "learning_debt.auditing",
    "ConjugateRegression": "learning_debt.forecasters.conjugate_regression",
    "ContinuationModel": "learning_debt.policies.models.continuation",
    "DebtRegretModel": "learning_debt.policies.models.regret",
    "Decision": "learning_debt.pricing.decision",
    "Diagnosis": "learning_debt.auditing.diagnosis",
    "Doubt": "learning_debt.doubt",
    "Estimate": "learning_debt.estimate",
    "ForecasterSamplingWrapper": "learning_debt.integrations.sampling_wrapper",
    "HybridRegretModel": "learning_debt.policies.models.regret",
    "ImpliedCost": "learning_debt.auditing.implied_cost",
    "IncomparablePosteriorsError": "learning_debt.errors",
    "Monitor": "learning_debt.monitor",
    "NotPooledError": "learning_debt.errors",
    "OtherTableError": "learning_debt.errors",
    "PooledShadow": "learning_debt.shadows.pooled",
    "PyMCForecaster": "learning_debt.forecasters.pymc.forecaster",
    "Refit": "learning_debt.shadows.refit",
    "Replay": "learning_debt.pricing.replays",
    "RetrainingCost": "learning_debt.policies.cost",
    "RuleComparison": "learning_debt.auditing",
    "ShadowLadder": "learning_debt.shadows.ladder",
    "Signals": "learning_debt.policies.signals",
    "SuppliedShadow": "learning_debt.shadows.supplied",
    "Tuned": "learning_debt.pricing.tuning",
    "TwoStateEmissions": "learning_debt.policies.models.two_state_filter",
    "UnsupportedModelError": "learning_debt.errors",
    "UpdateRule": "learning_debt.data.update_rule",
    "ageing_curve": "learning_debt.auditing.ageing",
    "audit": "learning_debt.auditing",
    "belief_check": "learning_debt.auditing.belief",
    "belief_slope": "learning_debt.auditing.belief_slope",
    "bench": "learning_debt",
    "budget": "learning_debt",
    "check_spells": "learning_debt.spells",
    "compare_rules": "learning_debt.auditing",
    "compare_tables": "learning_debt.spells",
    "debt_by_block": "learning_debt.debt",
    "debt_by_group": "learning_debt.debt",
    "debt_from_densities": "learning_debt.debt.from_densities",
    "decide": "learning_debt.pricing.decision",
    "decide_all": "learning_debt.pricing.decision",
    "diagnose": "learning_debt.auditing.diagnosis",
    "equal_weights": "learning_debt.forecasters.weights",
    "fit_continuation": "learning_debt.pricing.policy_iteration",
    "from_period": "learning_debt.spells",
    "implied_cost": "learning_debt.auditing.implied_cost",
    "oracle": "learning_debt.pricing.replays",
    "policies": "learning_debt",
    "posterior_debt": "learning_debt.debt.estimates",
    "predictive_debt": "learning_debt.debt.estimates",
    "repeat_audit": "learning_debt.auditing",
    "replay": "learning_debt.pricing.replays",
    "replayed_posteriors": "learning_debt.spells",
    "rival_policies": "learning_debt.policies.rivals",
    "score_gap": "learning_debt.debt.estimates",
    "scores": "learning_debt",
    "select_periods": "learning_debt.spells",
    "serving": "learning_debt",
    "shadow_scores": "learning_debt.auditing.shadow_scores",
    "spell_table": "learning_debt.spells",
    "spell_tables": "learning_debt.spells",
    "tune": "learning_debt.pricing.tuning",
    "with_weights": "learning_debt.forecasters.weights",
}
"""Where each public name is found; the imports above say the same to type checkers."""

serve_old_names()


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _MODULES[name]
    value = import_module(f"{home}.{name}") if home == __name__ else getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
