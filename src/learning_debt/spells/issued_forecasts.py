"""What stored posteriors forecast in one period: after which rows, of which rows, each asked once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import xarray as xr

from learning_debt.estimate import Estimate
from learning_debt.forecasters.base import Predictor, SampledForecaster
from learning_debt.scores import Score
from learning_debt.scores.base import Contrast
from learning_debt.spells.forwarding import RememberingPredictor
from learning_debt.spells.simulated_outcomes import LastOfPath
from learning_debt.spells.step import Forecasts, Period

SELF = Estimate(0.0, 0.0)
"""Of a posterior held against itself."""


class IssuedForecasts:
    """Forecasts of one issue, in the units of a score.

    Parameters
    ----------
    forecaster : SampledForecaster
    score : Score
    """

    def __init__(self, forecaster: SampledForecaster, score: Score) -> None:
        self.forecaster, self.score = forecaster, score

    def newest_first(
        self,
        posteriors: Sequence[xr.DataTree],
        issued: Forecasts,
        period: Period,
        batch: xr.Dataset,
        random_seed: int,
    ) -> Iterator[tuple[int, RememberingPredictor, Any, Estimate]]:
        """Position of every posterior, who was asked, its forecast of `batch`, and by how much the newest was better.

        A posterior that is the newest itself is not asked again.
        """
        between, past = self._past(issued, period)
        newest = None
        for s in reversed(range(len(posteriors))):
            posterior = posteriors[s]
            asked = RememberingPredictor(self.forecaster, posterior, batch)
            if newest is not None and posterior is posteriors[-1]:
                yield s, asked, newest, SELF
                continue
            predictor = asked if between is None else LastOfPath(asked, between)
            forecast = self.score.forecast(predictor, posterior, batch, past, random_seed)
            if newest is None:
                newest = forecast
                yield s, asked, forecast, SELF
            else:
                yield s, asked, forecast, self.score.gap(newest, forecast)

    def contrast(
        self, shadow: xr.DataTree, issued: Forecasts, period: Period, batch: xr.Dataset, random_seed: int
    ) -> Contrast:
        """The shadow's forecast of the inputs of `batch`."""
        between, past = self._past(issued, period)
        predictor: Predictor = self.forecaster if between is None else LastOfPath(self.forecaster, between)
        return self.score.contrast(predictor, shadow, batch, random_seed, past)

    def _past(self, issued: Forecasts, period: Period) -> tuple[xr.Dataset | None, xr.Dataset | None]:
        """Rows to be simulated before those forecast, where outcomes feed back; and rows before, where needed."""
        if not self.forecaster.needs_past:
            return None, None
        if self.forecaster.feedback and issued.before > issued.known:
            between = self.forecaster.as_batch(period.take(slice(issued.known, issued.before)))
            return between, period.take(slice(issued.known))
        return None, period.take(slice(issued.before))
