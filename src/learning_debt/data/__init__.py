"""Observations with names, and a history of them cut into periods."""

from learning_debt.data.columns import not_numbers, plain_values, why_unusable
from learning_debt.data.data_frames import as_frame, records
from learning_debt.data.history import PERIOD, RESERVED, SERIES, History, split_periods
from learning_debt.data.label_spacing import absent_labels, first_gap, read_together, shows_spacing
from learning_debt.data.label_storage import restored_dataset, restored_labels, stored_dataset, stored_labels
from learning_debt.data.label_times import require_time_order
from learning_debt.data.labels import Kind, Labels, as_labels, label_text, require_same_kind
from learning_debt.data.observations import (
    append_rows,
    as_dataset,
    as_past,
    plain_labels,
    require_same_rows,
    require_usable,
    require_variables,
    take_rows,
)

__all__ = [
    "PERIOD",
    "RESERVED",
    "SERIES",
    "History",
    "Kind",
    "Labels",
    "absent_labels",
    "append_rows",
    "as_dataset",
    "as_frame",
    "as_labels",
    "as_past",
    "first_gap",
    "label_text",
    "not_numbers",
    "plain_labels",
    "plain_values",
    "read_together",
    "records",
    "require_same_kind",
    "require_same_rows",
    "require_time_order",
    "require_usable",
    "require_variables",
    "restored_dataset",
    "restored_labels",
    "shows_spacing",
    "split_periods",
    "stored_dataset",
    "stored_labels",
    "take_rows",
    "why_unusable",
]
