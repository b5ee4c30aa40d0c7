"""The one door: what a public call checks of its arguments, before anything expensive happens."""

from learning_debt.validation.numbers import (
    require_flag,
    require_number,
    require_numbers,
    require_probability,
    require_seed,
    require_whole_number,
)
from learning_debt.validation.objects import (
    describe,
    harmless,
    nearest,
    require_callable,
    require_choice,
    require_executor,
    require_instance,
    require_names,
    require_sequence,
    require_text,
    suggestion,
)

__all__ = [
    "describe",
    "harmless",
    "nearest",
    "require_callable",
    "require_choice",
    "require_executor",
    "require_flag",
    "require_instance",
    "require_names",
    "require_number",
    "require_numbers",
    "require_probability",
    "require_seed",
    "require_sequence",
    "require_text",
    "require_whole_number",
    "suggestion",
]
