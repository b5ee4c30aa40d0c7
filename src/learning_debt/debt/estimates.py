"""Debt, predictive debt and score gap between two posteriors of one forecaster, exact or from draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from learning_debt.arrays.bridging.chain import Link
from learning_debt.arrays.conjugate.nig import NIG, as_nig
from learning_debt.data import as_past, require_same_rows, take_rows
from learning_debt.debt.between_posteriors import debt_between, draws_record, link_between
from learning_debt.debt.from_draws import log_marginal
from learning_debt.estimate import Estimate
from learning_debt.forecasters.base import SampledForecaster, require_forecaster, row_weight, training_data
from learning_debt.forecasters.conjugate_regression import ConjugateRegression
from learning_debt.forecasters.row_likelihood import possible, row_log_density, weighted_likelihood
from learning_debt.scores import Score, as_score
from learning_debt.typing import Array
from learning_debt.validation import (
    describe,
    require_instance,
    require_numbers,
    require_seed,
    require_sequence,
    require_whole_number,
)

POSTERIOR = "a posterior, an NIG or a DataTree of draws, as forecaster.fit(data) returns it"


def posterior_debt(
    forecaster: Any,
    shadow: Any,
    deployed: Any,
    new_data: Any,
    removed_data: Any = None,
    *,
    new_weight: ArrayLike | None = None,
    removed_weight: ArrayLike | None = None,
    chain: Sequence[tuple[Any, int]] = (),
    random_seed: int | None = None,
) -> Estimate:
    """Posterior debt KL(shadow‖deployed) in nats: how far belief has moved since the last retrain.

    Parameters
    ----------
    forecaster : Forecaster
        The model both posteriors belong to.
    shadow, deployed : posterior
        Both exact (``NIG``) or both draws (``DataTree``); draws must come from exact samplers, and may carry weights
        (`learning_debt.forecasters.weights`). Posteriors made from the same draws, one by reweighting or moving the
        other's, are known by their lineage.
    new_data : Dataset, mapping or data frame
        What the shadow has seen and the deployed posterior has not.
    removed_data : Dataset, mapping or data frame, optional
        What the deployed posterior had seen and the shadow no longer holds.

        Where rows need the rows before them (``forecaster.needs_past``), those are the data the posteriors carry from
        their fits, and `new_data` must follow them.
    new_weight, removed_weight : array_like, shape (rows,), optional
        What each row's log-likelihood counts for; one each if left out. Under a discounting `UpdateRule`, `new_data`
        are all rows and `new_weight` is their weight in the shadow less that in the deployed posterior, which is
        negative for rows that have aged.
    chain : sequence of (posterior, int)
        Stored shadows between the two, oldest first, each with the number of rows of `new_data` it has seen: for
        posteriors so far apart that draws do not overlap and no Gaussian bridge serves.
    random_seed : int, optional
        For the Gaussian bridge, which is needed when the two sets of draws do not overlap.

    Returns
    -------
    Estimate
        Exact posteriors give a standard error of 0. When draws do not overlap and no bridge is available, the
        estimate is a lower bound: no overlap means *large* debt. Never reliable where a posterior's weights have too
        heavy a tail (Pareto k above 0.7), or moved draws are worth under a quarter of their number.

    Raises
    ------
    IncomparablePosteriorsError
        If the two do not share parameters, labels, prior and preparation.
    ValueError
        If data are empty, non-finite or incomplete, weights do not fit their rows, posteriors made from the same draws
        hold different numbers of them, or a chain is out of order or given with removed data or weights.

    See Also
    --------
    predictive_debt : What that change of belief does to forecasts.
    score_gap : What it did to forecasts whose outcomes are known.
    debt_by_group, debt_by_block : Which rows, and which parameters, belief has moved by.
    debt_from_densities : For approximate posteriors that know their density.

    References
    ----------
    Katz, *Cost-sensitive retraining via posterior learning debt*, arXiv 2604.06438.

    Bennett, *Efficient estimation of free energy differences from Monte Carlo data*, Journal of Computational Physics
    22 (1976), 245-268: the estimate from draws that overlap.

    Meng & Schilling, *Warp bridge sampling*, Journal of Computational and Graphical Statistics 11 (2002), 552-586: the
    bridge where they do not.

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
    require_seed("random_seed", random_seed)
    stored = _as_chain(chain)
    batch = as_rows(forecaster, "new_data", new_data)
    removed = None if removed_data is None else as_rows(forecaster, "removed_data", removed_data)
    for name, weight, rows in (("new_weight", new_weight, new_data), ("removed_weight", removed_weight, removed_data)):
        require_same_rows(name, weight, rows, forecaster.observation_dim)
    weights = (
        _row_weight(new_weight, batch, forecaster, "new_weight"),
        _row_weight(removed_weight, batch if removed is None else removed, forecaster, "removed_weight"),
    )
    if exact:
        return Estimate(forecaster.posterior_debt(shadow, deployed), 0.0)
    forecaster.require_comparable(shadow, deployed, batch)
    if forecaster.needs_past and removed is not None:
        # What leaves the window was past to what stays, so the two windows are scored whole.
        at_shadow, at_deployed = (_window_ratio(forecaster, at, shadow, deployed) for at in (shadow, deployed))
    else:
        before = training_data(deployed) if forecaster.needs_past else None
        at_shadow, at_deployed = (
            log_ratio(forecaster, posterior, batch, removed, past=before, weights=weights)
            for posterior in (shadow, deployed)
        )
    if stored and (removed is not None or weights[0] is not None):
        raise ValueError(
            "chain takes neither removed data nor row weights: its posteriors must each have seen more rows"
        )
    rng = np.random.default_rng(random_seed)
    return debt_between(
        draws_record(shadow),
        draws_record(deployed),
        at_shadow,
        at_deployed,
        lambda: log_marginal(forecaster, shadow, rng),
        lambda: log_marginal(forecaster, deployed, rng),
        chain=(lambda: _stored_chain(forecaster, [(deployed, 0), *stored], shadow, batch)) if stored else None,
    )


def predictive_debt(
    forecaster: Any,
    shadow: Any,
    deployed: Any,
    batch: Any,
    score: Score | str = "log",
    *,
    past: Any = None,
    random_seed: int | None = None,
) -> Estimate:
    """Predictive debt: the score that the shadow itself expects to gain over the deployed posterior, per observation.

    It is the mean over the rows of `batch` of the score's divergence of the deployed forecast from the shadow's: for
    the log score KL(p(y|x) ‖ q(y|x)) in nats, for others in their unit (see `learning_debt.scores`). The outcomes in
    `batch` are not used, except where outcomes feed back (``forecaster.feedback``): there each row is forecast from
    the realised rows before it.

    Parameters
    ----------
    forecaster, shadow, deployed
        As in `posterior_debt`; approximate posteriors are welcome here.
    batch : Dataset, mapping or data frame
        Inputs to forecast.
    score : Score or str
        ``"log"``, ``"crps"``, ``"energy"``, or a score such as ``NewsvendorLoss(4, 1, "EUR")``.
    past : Dataset, mapping or data frame, optional
        All rows the batch follows, where the model needs them (``forecaster.needs_past``).
    random_seed : int, optional
        For the predictive draws, and for states and groups that a posterior has not seen.

    See Also
    --------
    score_gap : The same difference, realised.
    posterior_debt : How far belief itself has moved.
    belief_check : Whether realised gaps agree with predictive debt.

    References
    ----------
    Gneiting & Raftery, *Strictly proper scoring rules, prediction, and estimation*, JASA 102 (2007), 359-378.

    Examples
    --------
    >>> import learning_debt as ld
    >>> forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    >>> batch = {"x": [1.0], "y": [1.0]}
    >>> posterior = forecaster.fit(batch)
    >>> ld.predictive_debt(forecaster, posterior, posterior, batch).value
    0.0
    """
    chosen = as_score(score)
    exactly = both_exact(forecaster, shadow, deployed)
    require_seed("random_seed", random_seed)
    rows = as_rows(forecaster, "batch", batch)
    if exactly:
        exact = _exact_pair(forecaster, shadow, deployed)
        return Estimate(float(chosen.exact_divergence(*exact, rows["x"].values)), 0.0)
    return chosen.contrast(forecaster, shadow, rows, random_seed, _past(forecaster, past)).against(deployed)


def score_gap(
    forecaster: Any,
    shadow: Any,
    deployed: Any,
    batch: Any,
    score: Score | str = "log",
    *,
    past: Any = None,
    random_seed: int | None = None,
) -> Estimate:
    """Realised score gap: mean score of the shadow minus that of the deployed posterior, per observation.

    Positive when the deployed posterior forecast worse. **Neither posterior may have seen `batch`**: a shadow that
    holds it flatters itself by more than any Monte-Carlo error.

    Parameters
    ----------
    forecaster, shadow, deployed
        As in `posterior_debt`.
    batch : Dataset, mapping or data frame
        Inputs and realised outcomes.
    score : Score or str
        ``"log"``, ``"crps"``, ``"energy"``, or a score such as ``NewsvendorLoss(4, 1, "EUR")``.
    past : Dataset, mapping or data frame, optional
        All rows the batch follows, where the model needs them (``forecaster.needs_past``).
    random_seed : int, optional
        For predictive draws, and for states and groups that a posterior has not seen.

    See Also
    --------
    predictive_debt : What the shadow expects this gap to be.
    posterior_debt : How far belief itself has moved.
    spell_table : Gaps of a whole history, in which no posterior has seen what it is scored on.

    Examples
    --------
    >>> import learning_debt as ld
    >>> forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    >>> deployed = forecaster.fit({"x": [1.0, 2.0], "y": [0.0, 0.1]})
    >>> shadow = forecaster.update(deployed, {"x": [1.0, 2.0], "y": [1.0, 2.1]})
    >>> ld.score_gap(forecaster, shadow, deployed, {"x": [1.0], "y": [1.1]}).value > 0
    True
    """
    chosen = as_score(score)
    exactly = both_exact(forecaster, shadow, deployed)
    require_seed("random_seed", random_seed)
    rows = as_rows(forecaster, "batch", batch)
    if exactly:
        exact = _exact_pair(forecaster, shadow, deployed)
        scores = [chosen.exact_score(posterior, rows["x"].values, rows["y"].values) for posterior in exact]
        return Estimate(float((scores[0] - scores[1]).mean()), 0.0)
    before = _past(forecaster, past)
    seed = int(np.random.SeedSequence().generate_state(1)[0]) if random_seed is None else random_seed  # one for both
    forecasts = [chosen.forecast(forecaster, posterior, rows, before, seed) for posterior in (shadow, deployed)]
    return chosen.gap(*forecasts)


def log_ratio(
    forecaster: SampledForecaster,
    posterior: xr.DataTree,
    new: xr.Dataset,
    removed: xr.Dataset | None = None,
    *,
    past: xr.Dataset | None = None,
    weights: tuple[Array | None, Array | None] = (None, None),
) -> Array:
    """Log-likelihood of `new` rows, after `past`, less that of `removed` ones, at every draw, shape (chain, draw).

    `weights` are those of both sets of rows, one for each row where left out. A draw that rules out what has come is
    ruled out (``-inf``), whatever else it rules out.
    """
    total = weighted_likelihood(forecaster, posterior, new, weights[0], past)
    if removed is not None:
        with np.errstate(invalid="ignore"):
            total = total - weighted_likelihood(forecaster, posterior, removed, weights[1])
    return possible(total)


def _row_weight(values: ArrayLike | None, batch: xr.Dataset, forecaster: SampledForecaster, name: str) -> Array | None:
    if values is None:
        return None
    return require_numbers(name, values, shape=(batch.sizes[forecaster.observation_dim],))


def as_rows(forecaster: Any, name: str, data: Any) -> xr.Dataset:
    """Checked rows of a forecaster; a posterior in their place is refused by name.

    Raises
    ------
    TypeError, KeyError, ValueError
    """
    if isinstance(data, NIG | xr.DataTree):
        raise TypeError(f"{name} must be rows (a Dataset, a mapping or a data frame), not a posterior: see the order")
    batch: xr.Dataset = forecaster.as_batch(data)
    return batch


def _as_chain(chain: Any) -> list[tuple[Any, int]]:
    """Checked posteriors in between, each with the rows it has seen."""
    remedy = "pairs of a posterior and the number of rows of new_data it has seen"
    links = require_sequence("chain", chain, remedy)
    for place, pair in enumerate(links):
        if not (isinstance(pair, tuple | list) and len(pair) == 2):
            raise TypeError(f"chain must be {remedy}, not {describe(pair)} at position {place}")
        require_instance(f"chain[{place}]: the first of the pair", pair[0], xr.DataTree, POSTERIOR)
        require_whole_number(f"chain[{place}]: the number of rows", pair[1], at_least=0)
    return links


def _stored_chain(
    forecaster: SampledForecaster, stored: Sequence[tuple[xr.DataTree, int]], shadow: xr.DataTree, batch: xr.Dataset
) -> list[Link | None]:
    """Links from the deployed posterior over those in between to the shadow."""
    steps = [*stored, (shadow, batch.sizes[forecaster.observation_dim])]
    seen = [rows for _, rows in steps]
    if not (np.diff(seen) >= 0).all():
        raise ValueError(f"chain must see more and more of the {seen[-1]} rows of new_data, not {seen[1:-1]}")
    before = training_data(stored[0][0]) if forecaster.needs_past else None
    by_row = [row_log_density(forecaster, stored, batch, before) for stored, _ in steps]
    records = [draws_record(stored) for stored, _ in steps]
    return [
        link_between(
            records[k],
            records[k + 1],
            by_row[k][..., seen[k] : seen[k + 1]].sum(axis=-1),
            by_row[k + 1][..., seen[k] : seen[k + 1]].sum(axis=-1),
        )
        for k in range(len(steps) - 1)
    ]


def _window_ratio(
    forecaster: SampledForecaster, posterior: xr.DataTree, shadow: xr.DataTree, deployed: xr.DataTree
) -> Array:
    """Log-likelihood of the shadow's window minus that of the deployed one's, at the draws of `posterior`."""
    totals = []
    for one in (shadow, deployed):
        window = training_data(one)
        nothing = take_rows(window, slice(0), forecaster.observation_dim)
        totals.append(weighted_likelihood(forecaster, posterior, window, row_weight(one), nothing))
    with np.errstate(invalid="ignore"):
        return np.asarray(totals[0] - totals[1])


def _past(forecaster: SampledForecaster, past: Any) -> xr.Dataset | None:
    return None if past is None else as_past(past, forecaster.observation_dim, ())


def both_exact(forecaster: Any, shadow: Any, deployed: Any) -> bool:
    """Whether both posteriors are exact; one exact and one sampled is an error."""
    require_forecaster("forecaster", forecaster)
    for name, posterior in (("shadow", shadow), ("deployed", deployed)):
        require_instance(name, posterior, (NIG, xr.DataTree), POSTERIOR)
    kinds = [isinstance(posterior, NIG) for posterior in (shadow, deployed)]
    if any(kinds) and not isinstance(forecaster, ConjugateRegression):
        raise TypeError(f"an NIG posterior needs a ConjugateRegression, not {type(forecaster).__name__}")
    if any(kinds) and not all(kinds):
        raise TypeError("shadow and deployed must be both exact (NIG) or both draws (DataTree); sample the exact one")
    return all(kinds)


def _exact_pair(forecaster: ConjugateRegression, shadow: NIG, deployed: NIG) -> tuple[NIG, NIG]:
    """Both as arrays, or a refusal of what is not a posterior of this model."""
    p = forecaster.prior.mean.shape[-1]
    checked = as_nig(shadow), as_nig(deployed)
    for name, one in zip(("shadow", "deployed"), checked, strict=True):
        if one.mean.shape != (p,):
            raise ValueError(f"{name} has {one.mean.shape[-1]} coefficient(s), the prior {p}; it must be a single NIG")
    return checked
