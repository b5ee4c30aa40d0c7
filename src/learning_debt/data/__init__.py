"""Observations with names, and a history of them cut into periods."""

from learning_debt.data.history import PERIOD, RESERVED, SERIES, History, split_periods
from learning_debt.data.observations import (
    as_dataset,
    as_past,
    follow,
    plain_labels,
    require_finite,
    require_variables,
    take_rows,
)

__all__ = [
    "PERIOD",
    "RESERVED",
    "SERIES",
    "History",
    "as_dataset",
    "as_past",
    "follow",
    "plain_labels",
    "require_finite",
    "require_variables",
    "split_periods",
    "take_rows",
]
