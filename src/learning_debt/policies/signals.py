"""What a policy may see in one period: the same names whether exact, sampled or live."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.spells.schema import ARRIVED_GAP, ESTIMATED, se_of
from learning_debt.typing import Array

__all__ = ["Signals"]


@dataclass(frozen=True)
class Signals:
    """Signals of one period, one entry per lane, all arrays of shape (lanes,).

    Attributes
    ----------
    period : int
        Counted from 1.
    label : hashable
        The period's name in the owner's calendar.
    spell_age : ndarray of int
        Periods since the last retrain; 1 in the first period of a spell, where a policy's memory starts afresh.
    cost : ndarray
        Cost of one retrain, in the units of regret.
    exposure : ndarray
        Regret per unit of mean score gap in this period.
    debt, predictive_debt, score_gap : ndarray
        Posterior debt in nats, the other two in the unit of the table's score; NaN where the table does not hold the
        signal. ``score_gap`` is what a policy can know at the end of the period: where forecasts are several steps
        ahead, or outcomes arrive late or are revised, it is the table's ``arrived_gap``, what the period taught about
        the forecasts that the deployed posterior has issued, and 0 where it taught nothing. Bills are made of the final
        gaps, whenever they become known.
    parameter_gap : ndarray
        Distance between the shadow's and the deployed coefficients; NaN where the table does not hold it.
    residual_exceedance : ndarray
        Share of the period's rows that miss the deployed forecast by more than two residual standard deviations;
        NaN where the table does not hold it.
    deployed_score : ndarray
        Mean score of the deployed forecast at the period's outcomes, in the unit of the table's score, higher is
        better; NaN where the table does not hold it.
    deployed_pareto_k : ndarray
        Pareto k-hat of the importance weights that would turn the deployed posterior's draws into the shadow's; NaN
        where the table does not hold it.
    debt_se, predictive_debt_se, score_gap_se, deployed_score_se : ndarray
        Standard errors, 0 where exact.
    reliable : ndarray of bool
        False where the draws at hand do not support a signal's standard error, as when posteriors hardly overlap.
    converged : ndarray of bool
        False where the sampler's diagnostics failed for the shadow or the deployed posterior.
    """

    period: int
    label: Hashable
    spell_age: NDArray[np.int64]
    cost: Array
    exposure: Array
    debt: Array
    predictive_debt: Array
    score_gap: Array
    parameter_gap: Array
    residual_exceedance: Array
    deployed_score: Array
    deployed_pareto_k: Array
    debt_se: Array
    predictive_debt_se: Array
    score_gap_se: Array
    deployed_score_se: Array
    reliable: NDArray[np.bool_]
    converged: NDArray[np.bool_]

    def repeated(self, times: int) -> Signals:
        """The same lanes so many times, one after the other."""
        lanes: dict[str, Any] = {
            field.name: np.tile(value, times)
            for field in fields(self)
            if isinstance(value := getattr(self, field.name), np.ndarray)
        }
        return replace(self, **lanes)

    def shifted(self, standard_errors: float) -> Signals:
        """All sampled signals moved together by a number of their standard errors.

        Where a standard error is not to be trusted the signal is known only up to a factor: there it is halved or
        doubled instead. (Large debt is what makes errors untrustworthy; it is not in doubt that it is large.)
        """
        up = 0 if standard_errors == 0 else 1 if standard_errors > 0 else -1

        def moved(name: str) -> Array:
            value, error = getattr(self, name), getattr(self, se_of(name))
            roughly = value + up * np.where((value > 0) == (up > 0), 1.0, 0.5) * np.abs(value)
            return np.where(self.reliable, value + standard_errors * np.nan_to_num(error), roughly)

        changes: dict[str, Any] = {name: moved(name) for name in ESTIMATED}
        return replace(self, **changes)


def seen_as(table: xr.Dataset, name: str) -> str:
    """The variable of a table that policies see as the signal `name`."""
    return ARRIVED_GAP if name == "score_gap" and ARRIVED_GAP in table else name
