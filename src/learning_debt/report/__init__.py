"""The page that the owner of a forecaster reads."""

from learning_debt.report.writer import require_storable, require_writable, write_report, write_spells

__all__ = ["require_storable", "require_writable", "write_report", "write_spells"]
