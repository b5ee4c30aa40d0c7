"""The audit of a history: policies tuned on its first part, billed on the rest, and what that says about today."""

from learning_debt.auditing.many_splits import repeat_audit
from learning_debt.auditing.one_split import Audit, audit

__all__ = ["Audit", "audit", "repeat_audit"]
