"""Retrain a Bayesian forecaster now, or wait? Learning debt, what waiting costs, and one decision.

PyMC is imported only when `PyMCForecaster` is first used.
"""

from typing import TYPE_CHECKING, Any

from learning_debt import scores
from learning_debt.arrays.nig import NIG
from learning_debt.attribution import debt_by_block, debt_by_group
from learning_debt.audit import Audit, audit, repeat_audit
from learning_debt.belief import belief_check
from learning_debt.decision import Decision, decide
from learning_debt.decisions import policies
from learning_debt.decisions.calibration import AgeAdjustment
from learning_debt.decisions.continuation import ContinuationModel
from learning_debt.decisions.cost import RetrainingCost
from learning_debt.decisions.expected_regret import DebtRegretModel, HybridRegretModel
from learning_debt.decisions.rivals import rival_policies
from learning_debt.decisions.two_state_filter import TwoStateEmissions
from learning_debt.densities import debt_from_densities
from learning_debt.errors import IncomparablePosteriorsError, UnsupportedModelError
from learning_debt.estimate import Estimate
from learning_debt.estimates import posterior_debt, predictive_debt, score_gap
from learning_debt.policy_iteration import fit_continuation
from learning_debt.posteriors.conjugate import ConjugateRegression
from learning_debt.posteriors.keeper import Refit
from learning_debt.posteriors.shadow import ShadowLadder
from learning_debt.posteriors.supplied import SuppliedShadow
from learning_debt.posteriors.weights import equal_weights, with_weights
from learning_debt.replay import Replay, oracle, replay
from learning_debt.signals import Signals
from learning_debt.spells import check_spells, compare_tables, from_period, spell_table
from learning_debt.tuning import Tuned, tune
from learning_debt.update_rule import UpdateRule

if TYPE_CHECKING:
    from learning_debt.integrations.sampling_wrapper import ForecasterSamplingWrapper
    from learning_debt.posteriors.pymc.forecaster import PyMCForecaster

__version__ = "0.1.0"

__all__ = [
    "NIG",
    "AgeAdjustment",
    "Audit",
    "ConjugateRegression",
    "ContinuationModel",
    "DebtRegretModel",
    "Decision",
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


def __getattr__(name: str) -> Any:
    if name == "PyMCForecaster":
        from learning_debt.posteriors.pymc.forecaster import PyMCForecaster

        return PyMCForecaster
    if name == "ForecasterSamplingWrapper":
        from learning_debt.integrations.sampling_wrapper import ForecasterSamplingWrapper

        return ForecasterSamplingWrapper
    raise AttributeError(f"module 'learning_debt' has no attribute {name!r}")
