"""Debt, predictive debt and score gap between two posteriors of one forecaster, exact or from draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.arrays.nig import NIG
from learning_debt.data import as_past, take_rows
from learning_debt.debt import debt_from_draws, log_marginal
from learning_debt.estimate import Estimate
from learning_debt.posteriors.base import SampledForecaster, training_data
from learning_debt.posteriors.conjugate import ConjugateRegression
from learning_debt.predictive import PredictiveContrast, gap_from_mixtures, row_log_density, row_mixture

Array = NDArray[np.float64]


def posterior_debt(
    forecaster: Any,
    shadow: Any,
    deployed: Any,
    new_data: Any,
    removed_data: Any = None,
    *,
    random_seed: int | None = None,
) -> Estimate:
    """Posterior debt KL(shadow‖deployed) in nats: how far belief has moved since the last retrain.

    Parameters
    ----------
    forecaster : Forecaster
        The model both posteriors belong to.
    shadow, deployed : posterior
        Both exact (``NIG``) or both draws (``DataTree``); draws must come from exact samplers.
    new_data : Dataset, mapping or data frame
        What the shadow has seen and the deployed posterior has not.
    removed_data : Dataset, mapping or data frame, optional
        What the deployed posterior had seen and the shadow no longer holds.

        Where rows need the rows before them (``forecaster.needs_past``), those are the data the posteriors carry from
        their fits, and `new_data` must follow them.
    random_seed : int, optional
        For the Gaussian bridge, which is needed when the two sets of draws do not overlap.

    Returns
    -------
    Estimate
        Exact posteriors give a standard error of 0. When draws do not overlap and no bridge is available, the
        estimate is a lower bound: no overlap means *large* debt.

    Raises
    ------
    IncomparablePosteriorsError
        If the two do not share parameters, labels, prior and preparation.
    ValueError
        If data are empty, non-finite or incomplete.

    Examples
    --------
    >>> import learning_debt as ld
    >>> forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    >>> first = {"x": [1.0, 2.0, -1.0], "y": [0.9, 2.2, -1.1]}
    >>> second = {"x": [1.0, 2.0], "y": [3.0, 5.5]}
    >>> deployed = forecaster.fit(first)
    >>> shadow = forecaster.update(deployed, second)
    >>> round(ld.posterior_debt(forecaster, shadow, deployed, second).value, 2)
    3.39
    """
    exact = both_exact(forecaster, shadow, deployed)
    batch = forecaster.as_batch(new_data)
    removed = None if removed_data is None else forecaster.as_batch(removed_data)
    if exact:
        return Estimate(forecaster.posterior_debt(shadow, deployed), 0.0)
    forecaster.require_comparable(shadow, deployed, batch)
    if forecaster.needs_past and removed is not None:
        # What leaves the window was past to what stays, so the two windows are scored whole.
        at_shadow, at_deployed = (_window_ratio(forecaster, at, shadow, deployed) for at in (shadow, deployed))
    else:
        before = training_data(deployed) if forecaster.needs_past else None
        at_shadow = log_likelihood(forecaster, shadow, batch, before)
        at_deployed = log_likelihood(forecaster, deployed, batch, before)
        if removed is not None:
            at_shadow = at_shadow - log_likelihood(forecaster, shadow, removed)
            at_deployed = at_deployed - log_likelihood(forecaster, deployed, removed)
    rng = np.random.default_rng(random_seed)
    return debt_from_draws(
        at_shadow,
        at_deployed,
        lambda: log_marginal(forecaster, shadow, rng),
        lambda: log_marginal(forecaster, deployed, rng),
    )


def predictive_debt(
    forecaster: Any,
    shadow: Any,
    deployed: Any,
    batch: Any,
    score: str = "log",
    *,
    past: Any = None,
    random_seed: int | None = None,
) -> Estimate:
    """Predictive debt: mean over the rows of `batch` of KL(p(y|x) shadow ‖ p(y|x) deployed), nats per observation.

    It is the score the shadow itself expects to gain over the deployed posterior on these inputs. The outcomes in
    `batch` are not used, except where outcomes feed back (``forecaster.feedback``): there each row is forecast from the
    realised rows before it.

    Parameters
    ----------
    forecaster, shadow, deployed
        As in `posterior_debt`; approximate posteriors are welcome here.
    batch : Dataset, mapping or data frame
        Inputs to forecast.
    score : str
        Only ``"log"`` is available.
    past : Dataset, mapping or data frame, optional
        All rows the batch follows, where the model needs them (``forecaster.needs_past``).
    random_seed : int, optional
        For the predictive draws, and for states and groups that a posterior has not seen.

    Examples
    --------
    >>> import learning_debt as ld
    >>> forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    >>> batch = {"x": [1.0], "y": [1.0]}
    >>> posterior = forecaster.fit(batch)
    >>> ld.predictive_debt(forecaster, posterior, posterior, batch).value
    0.0
    """
    _require_log_score(score)
    rows = forecaster.as_batch(batch)
    if both_exact(forecaster, shadow, deployed):
        return Estimate(float(forecaster.predictive_debt(shadow, deployed, rows)), 0.0)
    return PredictiveContrast(forecaster, shadow, rows, random_seed, _past(forecaster, past)).against(deployed)


def score_gap(
    forecaster: Any,
    shadow: Any,
    deployed: Any,
    batch: Any,
    score: str = "log",
    *,
    past: Any = None,
    random_seed: int | None = None,
) -> Estimate:
    """Realised score gap: mean log score of the shadow minus that of the deployed posterior, nats per observation.

    Positive when the deployed posterior forecast worse. **Neither posterior may have seen `batch`**: a shadow that
    holds it flatters itself by more than any Monte-Carlo error.

    Parameters
    ----------
    forecaster, shadow, deployed
        As in `posterior_debt`.
    batch : Dataset, mapping or data frame
        Inputs and realised outcomes.
    score : str
        Only ``"log"`` is available.
    past : Dataset, mapping or data frame, optional
        All rows the batch follows, where the model needs them (``forecaster.needs_past``).
    random_seed : int, optional
        For states and groups that a posterior has not seen.

    Examples
    --------
    >>> import learning_debt as ld
    >>> forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    >>> deployed = forecaster.fit({"x": [1.0, 2.0], "y": [0.0, 0.1]})
    >>> shadow = forecaster.update(deployed, {"x": [1.0, 2.0], "y": [1.0, 2.1]})
    >>> ld.score_gap(forecaster, shadow, deployed, {"x": [1.0], "y": [1.1]}).value > 0
    True
    """
    _require_log_score(score)
    rows = forecaster.as_batch(batch)
    if both_exact(forecaster, shadow, deployed):
        gaps = forecaster.log_score(shadow, rows) - forecaster.log_score(deployed, rows)
        return Estimate(float(gaps.mean()), 0.0)
    before = _past(forecaster, past)
    mixtures = [row_mixture(forecaster, one, rows, before, random_seed) for one in (shadow, deployed)]
    return gap_from_mixtures(*mixtures)


def log_likelihood(
    forecaster: SampledForecaster, posterior: xr.DataTree, batch: xr.Dataset, past: xr.Dataset | None = None
) -> Array:
    """Total log-likelihood of `batch`, after `past`, at every draw, shape (chain, draw)."""
    return row_log_density(forecaster, posterior, batch, past).sum(axis=-1)


def _window_ratio(
    forecaster: SampledForecaster, posterior: xr.DataTree, shadow: xr.DataTree, deployed: xr.DataTree
) -> Array:
    """Log-likelihood of the shadow's window minus that of the deployed one's, at the draws of `posterior`."""
    totals = []
    for one in (shadow, deployed):
        window = training_data(one)
        nothing = take_rows(window, slice(0), forecaster.observation_dim)
        totals.append(log_likelihood(forecaster, posterior, window, nothing))
    return totals[0] - totals[1]


def _past(forecaster: SampledForecaster, past: Any) -> xr.Dataset | None:
    return None if past is None else as_past(past, forecaster.observation_dim)


def both_exact(forecaster: Any, shadow: Any, deployed: Any) -> bool:
    """Whether both posteriors are exact; one exact and one sampled is an error."""
    kinds = [isinstance(posterior, NIG) for posterior in (shadow, deployed)]
    if any(kinds) and not isinstance(forecaster, ConjugateRegression):
        raise TypeError(f"an NIG posterior needs a ConjugateRegression, not {type(forecaster).__name__}")
    if any(kinds) and not all(kinds):
        raise TypeError("shadow and deployed must be both exact (NIG) or both draws (DataTree); sample the exact one")
    return all(kinds)


def _require_log_score(score: str) -> None:
    if score != "log":
        raise ValueError(f"score must be 'log', not {score!r}: no other score is available yet")
