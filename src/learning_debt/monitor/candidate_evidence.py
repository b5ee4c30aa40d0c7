"""What a ledger knows about the shadow as a candidate: its diagnostics, its score gaps, what it forecasts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
import xarray as xr

from learning_debt.arrays.conjugate.nig import NIG, predictive
from learning_debt.arrays.draws.resampling import systematic_draws
from learning_debt.estimate import Estimate
from learning_debt.forecasters.base import Predictor
from learning_debt.forecasters.conjugate_regression import ConjugateRegression
from learning_debt.forecasters.convergence import Convergence
from learning_debt.forecasters.weights import relative_weights
from learning_debt.monitor.candidate_gate import CandidateCheck, check_candidate, shift_of_draws, shift_of_moments
from learning_debt.monitor.ledger import Ledger
from learning_debt.monitor.live_session import LiveSession
from learning_debt.monitor.standing import Standing
from learning_debt.typing import Array

MOST_PERIODS = 104
"""Periods of the present spell whose scores are compared, at most: the last ones."""


def evidence(session: LiveSession, ledger: Ledger, *, largest_shift: float | None, error_rate: float) -> CandidateCheck:
    """Check the shadow against what is in service.

    Its score gaps are those of the shadow before each period, which had not seen the period's rows: what the same model
    with data as new as could be would have gained.
    """
    standing = Standing.of(ledger)
    gaps = ledger.all(
        "SELECT score_gap, score_gap_se, score_gap_reliable FROM signals WHERE deployed_at = ? "
        "AND score_gap IS NOT NULL ORDER BY period DESC LIMIT ?",
        standing.in_service,
        MOST_PERIODS,
    )[::-1]
    own = ledger.first("SELECT * FROM periods WHERE number = ?", standing.last)
    assert own is not None
    size = float("nan") if own["effective_size"] is None else own["effective_size"]
    check = check_candidate(
        [row["score_gap"] for row in gaps],
        monte_carlo_errors=[row["score_gap_se"] or 0.0 for row in gaps],
        convergence=Convergence(float("nan"), size, 0, bool(own["converged"]), own["doubt"]),
        forecast_shift=_shift(session, ledger, standing),
        largest_shift=largest_shift,
        error_rate=error_rate,
    )
    unsure = sum(row["score_gap_reliable"] == 0 for row in gaps)
    said = f"{unsure} of {len(gaps)} score gaps are not reliable"
    return replace(check, notes=(*check.notes, said)) if unsure else check


def _shift(session: LiveSession, ledger: Ledger, standing: Standing) -> Estimate | None:
    """How far the forecasts of the last period's rows have moved; None without a forecaster to ask."""
    forecaster = session.forecaster
    if forecaster is None:
        return None
    deployed, candidate = session.posteriors_of(ledger, [standing.in_service, standing.last])
    rows = session.rows_of(ledger, [standing.last])
    if isinstance(forecaster, ConjugateRegression):
        batch = forecaster.as_batch(rows)
        (means, _), (before, spread) = (_moments(each, batch) for each in (candidate, deployed))
        return shift_of_moments(means, before, spread)
    asked = cast(Predictor, forecaster)
    past = session.rows_of(ledger, range(standing.last)) if asked.needs_past else None
    seed = session.settings.seed
    return shift_of_draws(*(_forecasts(asked, each, rows, past, seed) for each in (candidate, deployed)))


def _moments(posterior: NIG, batch: xr.Dataset) -> tuple[Array, Array]:
    """Mean and standard deviation of the forecast of every row; infinite where it has none."""
    degrees, place, scale = predictive(posterior, batch["x"].values)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.where(degrees > 2, scale * np.sqrt(degrees / (degrees - 2)), np.inf)
    return place, spread


def _forecasts(forecaster: Predictor, posterior: Any, rows: Any, past: Any, seed: int) -> Array:
    """Predictive draws of all outcomes of the rows, shape (chain, draw, value)."""
    chains, draws = (posterior["posterior"].sizes[dim] for dim in ("chain", "draw"))
    predicted = forecaster.predict(posterior, rows, past, random_seed=seed)
    values = [np.asarray(one.transpose("sample", ...).values, dtype=float) for one in predicted.data_vars.values()]
    flat = np.concatenate([one.reshape(chains * draws, -1) for one in values], axis=1)
    weight = relative_weights(posterior)
    if weight is not None:
        flat = flat[systematic_draws(weight, chains * draws)]
    return np.asarray(flat.reshape(chains, draws, -1))
