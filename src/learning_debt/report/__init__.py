"""The page that the owner of a forecaster reads."""

from learning_debt.report.moved_parts import Staleness, posteriors_are_cheap, staleness
from learning_debt.report.writer import require_storable, require_writable, write_report, write_spells

__all__ = [
    "Staleness",
    "posteriors_are_cheap",
    "require_storable",
    "require_writable",
    "staleness",
    "write_report",
    "write_spells",
]
