"""The page that the owner of a forecaster reads."""

from learning_debt.report.writer import require_writable, write_report

__all__ = ["require_writable", "write_report"]
