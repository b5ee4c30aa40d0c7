"""Columns of the spell table from exact normal-inverse-gamma posteriors."""

from __future__ import annotations

from typing import Any

import numpy as np

from learning_debt.arrays import nig, student_t
from learning_debt.data import History
from learning_debt.posteriors.conjugate import ConjugateRegression
from learning_debt.signals import OPTIONAL


def exact_columns(
    forecaster: ConjugateRegression,
    history: History,
    initial: int,
    variables: tuple[str, ...],
    *,
    random_seed: Any = None,
    progressbar: bool = False,
) -> dict[str, np.ndarray]:
    """Signals of one series, arrays (T, T) over (deployed_at, period); standard errors are 0."""
    periods = len(history) - initial
    posteriors = [forecaster.fit(history.periods(0, initial))]
    cells: dict[str, np.ndarray] = {name: np.full((periods, periods), np.nan) for name in (*variables, "score_gap")}
    if "predictive_debt" in variables:
        cells["gap_sd"] = np.full((periods, periods), np.nan)
    for t in range(1, periods + 1):
        batch = forecaster.as_batch(history.periods(initial + t - 1, initial + t))
        x, y = batch["x"].values, batch["y"].values
        deployed = nig.NIG(*(np.stack(part) for part in zip(*posteriors, strict=True)))
        scores = nig.log_score(deployed, x, y).mean(axis=-1)
        cells["score_gap"][:t, t - 1] = scores[-1] - scores
        shadow = forecaster.update(posteriors[-1], batch)
        posteriors.append(shadow)
        if "debt" in variables:
            cells["debt"][:t, t - 1] = nig.kl(shadow, deployed)
        if "predictive_debt" in variables:
            cells["predictive_debt"][:t, t - 1] = nig.predictive_debt(shadow, deployed, x)
            cells["gap_sd"][:t, t - 1] = _gap_spread(shadow, deployed, x)
        if "parameter_gap" in variables:
            cells["parameter_gap"][:t, t - 1] = np.linalg.norm(shadow.mean - deployed.mean, axis=-1)
        if "residual_exceedance" in variables:
            cells["residual_exceedance"][:t, t - 1] = _residual_exceedance(deployed, x, y)
    present = np.triu(np.ones((periods, periods), dtype=bool))
    for name in {*variables, "score_gap"} - set(OPTIONAL):
        cells[f"{name}_se"] = np.where(present, 0.0, np.nan)
        cells[f"{name}_reliable"] = present.copy()
    cells["converged"] = cells["deployed_converged"] = np.ones(periods, dtype=bool)
    return cells


def _residual_exceedance(deployed: nig.NIG, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Share of rows with |y - x' mean| > 2 sqrt(rate / shape), shape (deployed,)."""
    residuals = np.abs(y - deployed.mean @ x.T)
    return (residuals > 2 * np.sqrt(deployed.rate / deployed.shape)[:, None]).mean(axis=-1)


def _gap_spread(shadow: nig.NIG, deployed: nig.NIG, x: np.ndarray) -> np.ndarray:
    """Standard deviation, under the shadow, of the period's mean log-score gap, shape (deployed,)."""
    df, location, scale = (np.asarray(part)[..., None] for part in nig.predictive(shadow, x))
    u = np.linspace(-8.0, 8.0, 161)
    y = location + scale * np.sinh(u)
    log_p = student_t.log_density(y, df, location, scale)
    log_q = student_t.log_density(y, *(np.asarray(part)[..., None] for part in nig.predictive(deployed, x)))
    weight = np.exp(log_p) * scale * np.cosh(u)
    weight /= weight.sum(axis=-1, keepdims=True)
    gap = log_p - log_q
    mean = (weight * gap).sum(axis=-1, keepdims=True)
    variance = (weight * (gap - mean) ** 2).sum(axis=-1)
    return np.sqrt(variance.sum(axis=-1)) / len(x)
