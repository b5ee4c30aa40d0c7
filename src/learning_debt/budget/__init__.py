"""How much training to buy, and when to ship it, where concepts last for random times."""

from learning_debt.budget.concepts import concept_durations, concept_losses, durations_from_ledger
from learning_debt.budget.curve_fit import LearningCurveFit, fit_learning_curve
from learning_debt.budget.duration_fit import DurationFit, fit_durations
from learning_debt.budget.durations import Duration, ExponentialDuration, HyperexponentialDuration, WeibullDuration
from learning_debt.budget.effort_plan import EffortPlan
from learning_debt.budget.effort_planning import plan_effort
from learning_debt.budget.empirical_duration import EmpiricalDuration
from learning_debt.budget.estimation_cost import EstimationCost, estimation_cost
from learning_debt.budget.learning_curves import ExponentialCurve, LearningCurve, PowerCurve
from learning_debt.budget.shipping_plan import ShippingPlan, plan_shipments

__all__ = [
    "Duration",
    "DurationFit",
    "EffortPlan",
    "EmpiricalDuration",
    "EstimationCost",
    "ExponentialCurve",
    "ExponentialDuration",
    "HyperexponentialDuration",
    "LearningCurve",
    "LearningCurveFit",
    "PowerCurve",
    "ShippingPlan",
    "WeibullDuration",
    "concept_durations",
    "concept_losses",
    "durations_from_ledger",
    "estimation_cost",
    "fit_durations",
    "fit_learning_curve",
    "plan_effort",
    "plan_shipments",
]
