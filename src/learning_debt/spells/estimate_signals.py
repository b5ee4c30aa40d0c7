"""Estimates of one signal, a posterior each, as the arrays that a spell table holds of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from learning_debt.estimate import Estimate
from learning_debt.spells.doubt_codes import code_of
from learning_debt.spells.schema import doubt_of, reliable_of, se_of
from learning_debt.typing import Array


class EstimateArrays(NamedTuple):
    """Estimates as arrays; NaN and not reliable where there is none."""

    value: Array
    error: Array
    reliable: Array
    doubt: Array


def estimate_arrays(estimates: Sequence[Estimate | None]) -> EstimateArrays:
    """One entry for each estimate."""
    found = [Estimate(np.nan, np.nan, False) if estimate is None else estimate for estimate in estimates]
    return EstimateArrays(
        np.array([estimate.value for estimate in found]),
        np.array([estimate.standard_error for estimate in found]),
        np.array([estimate.reliable for estimate in found], dtype=bool),
        np.array([code_of(estimate.doubts) for estimate in found], dtype=np.int8),
    )


def estimate_signals(name: str, estimates: Sequence[Estimate | None]) -> dict[str, Array]:
    """The signal `name` with its errors, verdicts and doubts, by the names of the table's variables."""
    parts = estimate_arrays(estimates)
    return {name: parts.value, se_of(name): parts.error, reliable_of(name): parts.reliable, doubt_of(name): parts.doubt}
