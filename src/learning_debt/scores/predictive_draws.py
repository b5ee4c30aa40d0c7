"""Scores of forecasts known by their predictive draws; they serve models without a tractable likelihood, too."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from typing import NamedTuple

import numpy as np
import xarray as xr

from learning_debt.arrays.draws.effective_size import ENOUGH, chosen_inflation, weighted_size
from learning_debt.arrays.losses.distance_scores import Scored, WeightedDraws
from learning_debt.arrays.losses.divergence import Beyond, Divergence, SumError, variance_of_sum
from learning_debt.data import append_rows, take_rows
from learning_debt.doubt import Doubt
from learning_debt.estimate import Estimate
from learning_debt.forecasters.base import Predictor
from learning_debt.forecasters.weights import doubts_of_weights, relative_weights
from learning_debt.scores.base import Score
from learning_debt.typing import Array

MAXIMUM_SHARE = 0.1
"""Of the variance that a single draw may carry; beyond, tails are too heavy for a standard error."""
MAXIMUM_JUMP = 1.1
"""Standard errors by which one row's decision may jump as it comes to lie elsewhere (counts). Beyond, the estimate has
two values rather than a normal error."""


class DrawsForecast(NamedTuple):
    """What is kept of a forecast of a batch.

    Attributes
    ----------
    loss : ndarray, shape (rows,)
    influence : ndarray, shape (chain, draw)
        Of each draw on the mean loss.
    remainder : float
        Variance of the mean loss that the influences do not explain.
    jump : float
        The largest step from one likely decision to the next.
    usual : float
        Variance that does not hang on which decision was hit, to hold the jump against.
    weight : ndarray, shape (chain, draw)
        Mean one.
    beyond : Beyond or None
        Where too few draws lie beyond the level of a quantile, how many.
    doubts : tuple of Doubt
        What speaks against the weights.
    token : str
        Of the predictive draws: forecasts from the same draws are the same.
    blocks : ndarray, shape (blocks,), optional
        As in `Scored`.
    """

    loss: Array
    influence: Array
    remainder: float
    jump: float
    usual: float
    weight: Array
    beyond: Beyond | None = None
    doubts: tuple[Doubt, ...] = ()
    token: str = ""
    blocks: Array | None = None


class PredictiveDrawsScore(Score):
    """A score of predictive draws: `_scored` at outcomes, `_diverged` between two forecasts."""

    vector: bool | None = False
    """Whether outcomes are vectors, one a row; None for as they come."""

    @abstractmethod
    def _scored(self, draws: WeightedDraws, outcome: Array) -> Scored: ...

    @abstractmethod
    def _diverged(self, shadow: WeightedDraws, deployed: WeightedDraws) -> Divergence: ...

    def _error(self, forecast: DrawsForecast, other: DrawsForecast | None = None) -> SumError:
        """Of the mean loss of a forecast, less that of another."""
        second = np.zeros_like(forecast.influence) if other is None else -other.influence
        return variance_of_sum(forecast.influence, second)

    def forecast(
        self,
        forecaster: Predictor,
        posterior: xr.DataTree,
        batch: xr.Dataset,
        past: xr.Dataset | None = None,
        random_seed: int | None = None,
    ) -> DrawsForecast:
        """Loss at the outcomes and the influence of every draw on it."""
        draws = predictive_draws(forecaster, posterior, batch, past, random_seed, vector=self.vector)
        outcome = outcomes(forecaster, batch, vector=self.vector)
        scored = self._scored(draws, outcome)
        doubts = doubts_of_weights(posterior)
        return DrawsForecast(*scored[:5], draws.weight, scored.beyond, doubts, _token(draws), scored.blocks)

    def gap(self, shadow: DrawsForecast, deployed: DrawsForecast) -> Estimate:
        """As in `Score.gap`, in `unit`."""
        if shadow.token == deployed.token:
            return Estimate(0.0, 0.0)
        value = float((deployed.loss - shadow.loss).mean())
        known = self._error(deployed, shadow)
        error = float(np.sqrt(known.variance + shadow.remainder + deployed.remainder))
        jump = max(shadow.jump, deployed.jump), shadow.usual + deployed.usual
        verdict = *known[1:], relative_jump(*jump, error)
        beyond, doubts = shadow.beyond or deployed.beyond, (*shadow.doubts, *deployed.doubts)
        return judged(value, error, *verdict, (shadow.weight, deployed.weight), {}, beyond, doubts)

    def mean_score(self, forecast: DrawsForecast) -> Estimate:
        """As in `Score.mean_score`, in `unit`."""
        known = self._error(forecast)
        error = float(np.sqrt(known.variance + forecast.remainder))
        weights = forecast.weight, forecast.weight
        verdict = *known[1:], relative_jump(forecast.jump, forecast.usual, error)
        return judged(-float(forecast.loss.mean()), error, *verdict, weights, {}, forecast.beyond, forecast.doubts)

    def contrast(
        self,
        forecaster: Predictor,
        shadow: xr.DataTree,
        batch: xr.Dataset,
        random_seed: int | None = None,
        past: xr.Dataset | None = None,
    ) -> DrawsContrast:
        """Predictive draws of the shadow, to be held against those of deployed posteriors made from the same seed."""
        return DrawsContrast(self, forecaster, shadow, batch, random_seed, past)


class DrawsContrast:
    """The shadow's predictive draws of a batch, ready to be held against any deployed posterior."""

    def __init__(
        self,
        score: PredictiveDrawsScore,
        forecaster: Predictor,
        shadow: xr.DataTree,
        batch: xr.Dataset,
        random_seed: int | None,
        past: xr.Dataset | None,
    ) -> None:
        self.score, self.forecaster, self.batch, self.past = score, forecaster, batch, past
        self.seed = int(np.random.SeedSequence().generate_state(1)[0]) if random_seed is None else random_seed
        self.draws, self.doubts = self._draws(shadow), doubts_of_weights(shadow)

    def _draws(self, posterior: xr.DataTree) -> WeightedDraws:
        return predictive_draws(self.forecaster, posterior, self.batch, self.past, self.seed, vector=self.score.vector)

    def against(self, deployed: xr.DataTree) -> Estimate:
        """Divergence of the deployed forecast from the shadow's, mean per observation, in the score's unit."""
        theirs = self._draws(deployed)
        if _token(self.draws) == _token(theirs):
            return Estimate(0.0, 0.0, diagnostics={"gap_sd": 0.0})
        result = self.score._diverged(self.draws, theirs)
        diagnostics = {"gap_sd": result.gap_sd, "bias": result.bias}
        weights = self.draws.weight, theirs.weight
        jump = relative_jump(result.jump, result.usual, result.standard_error)
        verdict = result.size, result.share, result.heaviest, jump
        doubts = (*self.doubts, *doubts_of_weights(deployed))
        return judged(result.value, result.standard_error, *verdict, weights, diagnostics, result.beyond, doubts)


def relative_jump(jump: float, usual: float, error: float) -> float:
    """A jump in standard errors, the smaller of the one found and the one that luck has no part in."""
    return jump / max(min(error, float(np.sqrt(usual))), 1e-300) if jump > 0 else 0.0


def judged(
    value: float,
    error: float,
    size: float,
    share: float,
    heaviest: float,
    jump: float,
    weights: tuple[Array, Array],
    diagnostics: dict[str, float],
    beyond: Beyond | None = None,
    doubts: tuple[Doubt, ...] = (),
) -> Estimate:
    """An estimate with the verdict on its error: enough effective draws, none of which carries the error alone.

    `size` is what the draws are worth as autocorrelation goes, `share` that over their number, `doubts` what speaks
    against the estimate beforehand.
    """
    effective = min(size, *map(weighted_size, weights))
    error *= chosen_inflation(size, share)
    diagnostics = diagnostics | {"effective_draws": effective, "heaviest_draw": heaviest, "jump": jump}
    if beyond is not None:
        diagnostics |= {"level": beyond.level, "draws_beyond": beyond.draws, "draws_needed": beyond.needed}
    known = bool(np.isfinite(value) and np.isfinite(error))
    found = {
        Doubt.ERROR_UNKNOWN: not known,
        Doubt.FEW_BEYOND_LEVEL: beyond is not None,
        **dict.fromkeys(doubts, True),
        Doubt.FEW_DRAWS: effective < ENOUGH,
        Doubt.HEAVY_TAILS: heaviest > MAXIMUM_SHARE,
        Doubt.WAVERING_DECISION: jump > MAXIMUM_JUMP,
    }
    against = [doubt for doubt, holds in found.items() if holds]
    return Estimate(value, error if known else float("nan"), diagnostics=diagnostics).with_doubts(*against)


def _token(draws: WeightedDraws) -> str:
    parts = (np.ascontiguousarray(part) for part in draws)
    return hashlib.sha256(b"".join(str(part.shape).encode() + part.tobytes() for part in parts)).hexdigest()


def predictive_draws(
    forecaster: Predictor,
    posterior: xr.DataTree,
    batch: xr.Dataset,
    past: xr.Dataset | None,
    random_seed: int | None,
    *,
    vector: bool | None = False,
) -> WeightedDraws:
    """One predictive draw of every row per posterior draw, with the posterior's weights.

    Where outcomes feed back each row is drawn given the realised rows before it. The seed goes with the number of
    draws: posteriors of as many draws share their random numbers sample by sample, others share none.
    """
    sizes = posterior["posterior"].sizes
    chains, draws = sizes["chain"], sizes["draw"]
    dim = forecaster.observation_dim
    seeds: list[int | None]
    pieces = [(batch, past)]
    if forecaster.feedback and past is not None:
        pieces = [
            (
                take_rows(batch, slice(k, k + 1), dim),
                append_rows(past, take_rows(batch, slice(k), dim), dim) if k else past,
            )
            for k in range(batch.sizes[dim])
        ]
    if random_seed is None:
        seeds = [None] * len(pieces)
    else:
        seeds = np.random.SeedSequence([random_seed, chains * draws]).generate_state(len(pieces)).tolist()
    parts = [
        _values(forecaster.predict(posterior, rows, then, random_seed=seed), forecaster, vector)
        for (rows, then), seed in zip(pieces, seeds, strict=True)
    ]
    values = np.concatenate(parts, axis=1)
    weight = relative_weights(posterior)
    ones = np.ones((chains, draws))
    return WeightedDraws(values.reshape(chains, draws, *values.shape[1:]), ones if weight is None else weight)


def outcomes(forecaster: Predictor, batch: xr.Dataset, *, vector: bool | None = False) -> Array:
    """Realised outcomes, shape (rows,), or (rows, values) for vectors."""
    return _values(batch[list(forecaster.observed)], forecaster, vector, sample=False)


def _values(data: xr.Dataset, forecaster: Predictor, vector: bool | None, *, sample: bool = True) -> Array:
    """Outcomes as floats, (samples, rows) or, for vectors, (samples, rows, values); no first axis without `sample`."""
    leading = ("sample", forecaster.observation_dim) if sample else (forecaster.observation_dim,)
    arrays = [data[name].transpose(*leading, ...).values.astype(float) for name in data.data_vars]
    scalar = len(arrays) == 1 and arrays[0].ndim == len(leading)
    if vector or (vector is None and not scalar):
        return np.concatenate([array.reshape(*array.shape[: len(leading)], -1) for array in arrays], axis=-1)
    if not scalar:
        raise ValueError("this score is for one number a row, and the outcome holds several: use EnergyScore()")
    return arrays[0]
