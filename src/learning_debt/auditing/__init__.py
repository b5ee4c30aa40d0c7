"""The audit of a history: policies tuned on its first part, billed on the rest, and what that says about today."""

from learning_debt.auditing.history_audit import Audit, audit
from learning_debt.auditing.repeated_audit import repeat_audit
from learning_debt.auditing.rule_comparison import RuleComparison
from learning_debt.auditing.rules_over_history import compare_rules

__all__ = ["Audit", "RuleComparison", "audit", "compare_rules", "repeat_audit"]
