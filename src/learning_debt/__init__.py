"""Retrain a Bayesian forecaster now, or wait? Learning debt, what waiting costs, and one decision.

PyMC is imported only when `PyMCForecaster` is first used.
"""

from typing import TYPE_CHECKING, Any

from learning_debt import policies, scores
from learning_debt.arrays.conjugate.nig import NIG
from learning_debt.auditing import Audit, audit, repeat_audit
from learning_debt.auditing.belief import belief_check
from learning_debt.data.update_rule import UpdateRule
from learning_debt.debt import debt_by_block, debt_by_group
from learning_debt.debt.estimates import posterior_debt, predictive_debt, score_gap
from learning_debt.debt.from_densities import debt_from_densities
from learning_debt.doubt import Doubt
from learning_debt.errors import IncomparablePosteriorsError, UnsupportedModelError
from learning_debt.estimate import Estimate
from learning_debt.forecasters.conjugate_regression import ConjugateRegression
from learning_debt.forecasters.weights import equal_weights, with_weights
from learning_debt.moved import serve_old_names
from learning_debt.policies.cost import RetrainingCost
from learning_debt.policies.models.calibration import AgeAdjustment
from learning_debt.policies.models.continuation import ContinuationModel
from learning_debt.policies.models.regret import DebtRegretModel, HybridRegretModel
from learning_debt.policies.models.two_state_filter import TwoStateEmissions
from learning_debt.policies.rivals import rival_policies
from learning_debt.policies.signals import Signals
from learning_debt.pricing.decision import Decision, decide
from learning_debt.pricing.policy_iteration import fit_continuation
from learning_debt.pricing.replays import Replay, oracle, replay
from learning_debt.pricing.tuning import Tuned, tune
from learning_debt.shadows.ladder import ShadowLadder
from learning_debt.shadows.refit import Refit
from learning_debt.shadows.supplied import SuppliedShadow
from learning_debt.spells import check_spells, compare_tables, from_period, spell_table

if TYPE_CHECKING:
    from learning_debt.forecasters.pymc.forecaster import PyMCForecaster
    from learning_debt.integrations.sampling_wrapper import ForecasterSamplingWrapper

__version__ = "0.1.0"

__all__ = [
    "NIG",
    "AgeAdjustment",
    "Audit",
    "ConjugateRegression",
    "ContinuationModel",
    "DebtRegretModel",
    "Decision",
    "Doubt",
    "Estimate",
    "ForecasterSamplingWrapper",
    "HybridRegretModel",
    "IncomparablePosteriorsError",
    "PyMCForecaster",
    "Refit",
    "Replay",
    "RetrainingCost",
    "ShadowLadder",
    "Signals",
    "SuppliedShadow",
    "Tuned",
    "TwoStateEmissions",
    "UnsupportedModelError",
    "UpdateRule",
    "audit",
    "belief_check",
    "check_spells",
    "compare_tables",
    "debt_by_block",
    "debt_by_group",
    "debt_from_densities",
    "decide",
    "equal_weights",
    "fit_continuation",
    "from_period",
    "oracle",
    "policies",
    "posterior_debt",
    "predictive_debt",
    "repeat_audit",
    "replay",
    "rival_policies",
    "score_gap",
    "scores",
    "spell_table",
    "tune",
    "with_weights",
]


serve_old_names()


def __getattr__(name: str) -> Any:
    if name == "PyMCForecaster":
        from learning_debt.forecasters.pymc.forecaster import PyMCForecaster

        return PyMCForecaster
    if name == "ForecasterSamplingWrapper":
        from learning_debt.integrations.sampling_wrapper import ForecasterSamplingWrapper

        return ForecasterSamplingWrapper
    raise AttributeError(f"module 'learning_debt' has no attribute {name!r}")
