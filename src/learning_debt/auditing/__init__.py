"""The audit of a history: policies tuned on its first part, billed on the rest, and what that says about today."""

from learning_debt.auditing.history_audit import Audit, audit
from learning_debt.auditing.repeated_audit import repeat_audit

__all__ = ["Audit", "audit", "repeat_audit"]
