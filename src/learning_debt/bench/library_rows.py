"""Rows of the policies of this library, with the grids of the bench."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any, cast, override

import numpy as np
import xarray as xr

from learning_debt.bench.rows import NotPossibleError, Row
from learning_debt.policies import (
    Alarm,
    Always,
    BlendedThreshold,
    Calendar,
    ContinuationValue,
    DebtThreshold,
    ExpectedRegret,
    Never,
    PageCUSUM,
    Policy,
    PredictiveDebtThreshold,
    Recommended,
    TwoState,
)
from learning_debt.policies.base import Step
from learning_debt.policies.cost import RetrainingCost
from learning_debt.policies.grids import DEBT_QUANTILES, cusums
from learning_debt.policies.models import (
    AgeAdjustment,
    DebtRegretModel,
    HybridRegretModel,
    TwoStateEmissions,
    score_unit,
)
from learning_debt.policies.models.learned_continuation import study_continuation
from learning_debt.policies.recommended import SUMS
from learning_debt.policies.signals import Signals
from learning_debt.pricing import fit_continuation
from learning_debt.typing import Array

__all__ = ["CALENDAR_ROW", "CUSUM_ROW", "GRID_ROWS", "LIBRARY_ROWS", "CarriedContinuation", "study_continuation"]

INTERVALS = (1, 2, 3, 4, 6, 8, 10, 13, 16, 20, 26, 40, 52, 80)
MULTIPLIERS = tuple(np.geomspace(1.0, 640.0, 20).tolist())
BLENDS = tuple(product(np.geomspace(4.0, 640.0, 12).tolist(), (0.05, 0.1, 0.2, 0.4), (0.8, 0.9, 0.95)))
"""Multiplier, weight and decay."""
ALARM_QUANTILES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975)
UTILITY_SCALES = tuple(np.geomspace(0.25, 64.0, 17).tolist())
HAZARDS = (0.01, 0.05, 0.2)
STALE_CHANCES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
STUDY_SCALES = tuple((4.0 ** np.arange(-4, 5)).tolist())


def _never(tuning: xr.Dataset, cost: RetrainingCost, random_seed: int) -> list[Policy]:
    return [Never()]


def _always(tuning: xr.Dataset, cost: RetrainingCost, random_seed: int) -> list[Policy]:
    return [Always()]


def _calendars(tuning: xr.Dataset, cost: RetrainingCost, random_seed: int) -> list[Policy]:
    return [Never(), *(Calendar(interval) for interval in INTERVALS)]


def _cusum(tuning: xr.Dataset, cost: RetrainingCost, random_seed: int) -> list[Policy]:
    return cusums(tuning, cost)


def _recommended(tuning: xr.Dataset, cost: RetrainingCost, random_seed: int) -> list[Policy]:
    return [Recommended()]


def _page_cusum(tuning: xr.Dataset, cost: RetrainingCost, random_seed: int) -> list[Policy]:
    return [PageCUSUM(*values) for values in SUMS]


def _debt(tuning: xr.Dataset, cost: RetrainingCost, random_seed: int) -> list[Policy]:
    debt, age = tuning["debt"].values, _ages(tuning)
    usual = _adjustment(tuning)
    normal = usual.standardise(debt, age)
    thresholds = np.quantile(normal[np.isfinite(normal)], DEBT_QUANTILES)
    return [DebtThreshold(float(threshold), usual) for threshold in thresholds]


def _alarm(tuning: xr.Dataset, cost: RetrainingCost, random_seed: int) -> list[Policy]:
    usual = _adjustment(tuning)
    return [Alarm(quantile, usual) for quantile in ALARM_QUANTILES]


def _predictive_debt(tuning: xr.Dataset, cost: RetrainingCost, random_seed: int) -> list[Policy]:
    return [PredictiveDebtThreshold(multiplier) for multiplier in MULTIPLIERS]


def _blended(tuning: xr.Dataset, cost: RetrainingCost, random_seed: int) -> list[Policy]:
    return [BlendedThreshold(*values) for values in BLENDS]


def _expected_regret(tuning: xr.Dataset, cost: RetrainingCost, random_seed: int) -> list[Policy]:
    age, regret, debt = _before(tuning, "debt")
    return _scaled(DebtRegretModel.fit, tuning, debt, age, regret)


def _hybrid_regret(tuning: xr.Dataset, cost: RetrainingCost, random_seed: int) -> list[Policy]:
    age, regret, debt, *others = _before(tuning, "debt", "score_gap", "parameter_gap", "residual_exceedance")
    return _scaled(HybridRegretModel.fit, tuning, debt, age, regret, *others)


def _two_state(tuning: xr.Dataset, cost: RetrainingCost, random_seed: int) -> list[Policy]:
    """Stale is what a bad period follows: one whose regret is in the upper quarter of the positive ones."""
    _, regret, debt = _before(tuning, "debt")
    bad = regret > score_unit(tuning["regret"].values)
    emissions = _fitted(TwoStateEmissions.fit, debt[~bad], debt[bad])
    return [TwoState(hazard, 0.0, chance, 1 - chance, emissions) for hazard, chance in product(HAZARDS, STALE_CHANCES)]


def _continuation(tuning: xr.Dataset, cost: RetrainingCost, random_seed: int) -> list[Policy]:
    return [ContinuationValue(_fitted(partial(fit_continuation, random_seed=random_seed), tuning, cost))]


def _of_the_study(tuning: xr.Dataset, cost: RetrainingCost, random_seed: int) -> list[Policy]:
    """As it is, but that a typical bad period counts as one of the study: else a cost in EUR would be one in nats."""
    return [_carried(tuning, 1.0)]


def _of_the_study_scaled(tuning: xr.Dataset, cost: RetrainingCost, random_seed: int) -> list[Policy]:
    """What counts as a typical bad period of the study is tuned."""
    return [_carried(tuning, scale) for scale in STUDY_SCALES]


def _carried(tuning: xr.Dataset, scale: float) -> CarriedContinuation:
    model, unit = study_continuation()
    return CarriedContinuation(model, unit=scale * _typical_gap(tuning) / unit)


@dataclass(frozen=True, eq=False, repr=False)
class CarriedContinuation(ContinuationValue):
    """A continuation value learned where scores had another unit: scores and costs are divided by `unit` first."""

    unit: float = 1.0

    @override
    def step(self, state: Any, signals: Signals) -> Step:
        scaled = {name: getattr(signals, name) / self.unit for name in ("predictive_debt", "score_gap", "cost")}
        return super().step(state, replace(signals, **scaled))

    def __str__(self) -> str:
        return f"{super().__str__()[:-1]}, in units of {self.unit:.3g})"


def _typical_gap(tuning: xr.Dataset) -> float:
    """The q75 score unit over the usual exposure: in the unit of score gaps."""
    return score_unit(tuning["regret"].values) / _exposure(tuning)


def _exposure(tuning: xr.Dataset) -> float:
    return float(np.median(tuning["exposure"].values))


def _ages(tuning: xr.Dataset) -> Array:
    """Of every cell, shape (series, T, T); 0 or below where nothing was deployed."""
    periods = tuning.sizes["period"]
    age = np.arange(1, periods + 1) - np.arange(periods)[:, None]
    return np.broadcast_to(age, tuning["regret"].shape)


def _adjustment(tuning: xr.Dataset) -> AgeAdjustment:
    """What debt is usual by age: on all cells, since nobody says which periods a real history had no shift in."""
    return cast(AgeAdjustment, _fitted(AgeAdjustment.fit, tuning["debt"].values, _ages(tuning)))


def _before(tuning: xr.Dataset, *signals: str) -> list[Array]:
    """Age, the regret of the period after, and signals, of every cell that has a period after it; flat.

    The regret of the same period would be no forecast: its rows are in the signals already.
    """
    values = [_ages(tuning)[..., :-1], tuning["regret"].values[..., 1:]]
    values += [tuning[name].values[..., :-1] for name in signals]
    present = np.all([np.isfinite(one) for one in values], axis=0)
    return [one[present] for one in values]


def _scaled(
    fit: Callable[..., Any], tuning: xr.Dataset, debt: Array, age: Array, regret: Array, *others: Array
) -> list[Policy]:
    """Expected regret by a model of regret in typical bad periods: the logarithm in it has a scale."""
    unit = score_unit(tuning["regret"].values)
    model = _fitted(partial(fit, calibration=_adjustment(tuning)), debt, age, regret / unit, *others)
    return [ExpectedRegret(scale * unit, model) for scale in UTILITY_SCALES]


def _fitted(fit: Callable[..., Any], *given: Any) -> Any:
    """What is learned from a tuning part, or why it cannot be."""
    try:
        return fit(*given)
    except ValueError as error:
        raise NotPossibleError(str(error)) from error


CALENDAR_ROW = Row("calendar", "fixed", _calendars, sees_cost=False)
CUSUM_ROW = Row("CUSUM", "rival", _cusum, requires=("score_gap",))
GRID_ROWS = (
    Row("never", "fixed", _never, sees_cost=False),
    Row("always", "fixed", _always, sees_cost=False),
    CALENDAR_ROW,
    CUSUM_ROW,
    Row("debt threshold", "ours", _debt, requires=("debt",), sees_cost=False),
    Row("predictive-debt threshold", "ours", _predictive_debt, requires=("predictive_debt",)),
    Row("blended threshold", "ours", _blended, requires=("predictive_debt", "score_gap")),
)
"""Rows whose candidates are what hindsight chooses from."""
LIBRARY_ROWS = (
    *GRID_ROWS,
    Row("recommended", "ours", _recommended, requires=Recommended.requires),
    Row("Page's CUSUM", "rival", _page_cusum, requires=PageCUSUM.requires),
    Row("alarm", "ours", _alarm, requires=("debt",), sees_cost=False),
    Row("expected regret", "ours", _expected_regret, requires=("debt",)),
    Row("hybrid regret", "ours", _hybrid_regret, requires=HybridRegretModel.requires),
    Row("two-state", "ours", _two_state, requires=("debt",), sees_cost=False),
    *(
        Row(name, "ours", made, requires=ContinuationValue.requires)
        for name, made in {
            "continuation value": _continuation,
            "continuation value of the study": _of_the_study,
            "continuation value of the study, unit tuned": _of_the_study_scaled,
        }.items()
    ),
)
