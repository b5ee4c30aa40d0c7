"""Candidates made of forecasters: what each would have forecast of every batch, before it was known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from learning_debt.data import PERIOD, History, split_periods, stored_labels
from learning_debt.data.update_rule import UpdateRule
from learning_debt.forecasters.base import (
    FarSighted,
    Forecaster,
    require_forecaster,
    require_sampled_forecaster,
)
from learning_debt.forecasters.conjugate_regression import ConjugateRegression
from learning_debt.scores import LogScore, Score, as_score
from learning_debt.serving.score_tables import BATCH, CANDIDATE, ROW_BATCH, ROW_SCORE, ROWS, SCORE, VALIDATION
from learning_debt.spells.progress import Stages
from learning_debt.typing import Array
from learning_debt.validation import require_flag, require_instance, require_seed, require_text, require_whole_number


@dataclass(frozen=True)
class Candidate:
    """A forecaster, what of the past its posterior holds, and how often it is fitted anew.

    Parameters
    ----------
    forecaster : Forecaster
    update_rule : UpdateRule
        Which rows a fit holds, and how much each weighs: all data, a rolling window, or the past discounted.
    every : int, optional
        It is fitted anew after so many periods: with 1 it is a shadow. None: never, it stays as it was after the
        initial periods.

    Raises
    ------
    TypeError, ValueError

    Examples
    --------
    >>> import learning_debt as ld
    >>> forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    >>> frozen, yearly = Candidate(forecaster, every=None), Candidate(forecaster, ld.UpdateRule(window=52), every=52)
    """

    forecaster: Forecaster
    update_rule: UpdateRule = field(default_factory=UpdateRule)
    every: int | None = 1

    def __post_init__(self) -> None:
        require_forecaster("forecaster", self.forecaster)
        remedy = "an UpdateRule, such as ld.UpdateRule(window=52)"
        require_instance("update_rule", self.update_rule, UpdateRule, remedy)
        if self.every is not None:
            object.__setattr__(self, "every", require_whole_number("every", self.every, at_least=1))

    def fits_after(self, periods: int) -> bool:
        """Whether it is fitted anew once so many periods have followed the initial ones."""
        return periods == 0 or (self.every is not None and periods % self.every == 0)


def candidate_scores(
    candidates: Mapping[str, Candidate],
    history: Any,
    *,
    initial: int,
    score: Score | str = "log",
    varying_rows: bool = False,
    random_seed: int | None = None,
    progressbar: bool = True,
) -> xr.Dataset:
    """Score every candidate on every period after the initial ones, before it learns from that period.

    Parameters
    ----------
    candidates : mapping of str to Candidate
        In the order in which they were made, the newest last: that is what `Naive` serves.
    history : Dataset, mapping or data frame
        Of one series, with ``period``, as `spell_table` takes it.
    initial : int
        Periods of the first fits.
    score : Score or str
    varying_rows : bool
        As in `spell_table`.
    random_seed : int, optional
    progressbar : bool

    Returns
    -------
    Dataset
        ``score`` (batch, candidate), the mean over the period's rows, higher is better; ``validation`` (batch,
        candidate), the score of the same candidate on the period before, which is the latest that it had not been
        fitted to when it was scored; ``rows`` (batch). Of the log score also ``row_score`` (row, candidate) and
        ``row_batch`` (row), which stacking reads. Batches carry the labels of their periods.

    Raises
    ------
    TypeError, ValueError, KeyError
        Naming the argument, before anything is fitted.

    Notes
    -----
    Each candidate is fitted once in ``every`` periods. Exact forecasters are scored exactly. Where fits are dear, one
    spell table holds the scores of all posteriors of a forecaster: ``deployed_score``, with ``deployed_at`` as the
    candidate.

    Examples
    --------
    >>> import learning_debt as ld
    >>> rng = np.random.default_rng(1)
    >>> x, week = rng.normal(size=40), np.arange(40)
    >>> rows = {"x": x, "y": np.where(week < 25, 2.0, 0.0) * x + rng.normal(size=40), "period": week}
    >>> exact = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    >>> held = {"frozen": Candidate(exact, every=None), "last ten": Candidate(exact, ld.UpdateRule(window=10))}
    >>> table = candidate_scores(held, rows, initial=10, progressbar=False)
    >>> dict(table.sizes), table["score"].mean("batch").values.round(2).tolist()
    ({'batch': 30, 'candidate': 2, 'row': 30}, [-1.49, -1.36])
    """
    held, measure = _require_candidates(candidates), as_score(score)
    require_flag("varying_rows", varying_rows)
    require_flag("progressbar", progressbar)
    seed = require_seed("random_seed", random_seed)
    dim = next(iter(held.values())).forecaster.observation_dim
    cut = split_periods(history, dim, varying_rows=varying_rows)
    first = require_whole_number("initial", initial, at_least=1, at_most=len(cut) - 1)
    for one in held.values():
        one.forecaster.as_batch(cut.data)
        if isinstance(one.forecaster, FarSighted):
            one.forecaster.require_history(cut.data, int(cut.starts[first]))
    found: dict[str, list[Array]] = {}
    with Stages(progressbar) as stages:
        for name, one in held.items():
            with stages.stage(f"scoring {name}", len(cut) - first) as stage:
                found[name] = []
                for values in _scored(one, cut, first, measure, seed):
                    found[name].append(values)
                    stage.advance()
    return _table(found, cut, first, measure)


def _require_candidates(candidates: Any) -> dict[str, Candidate]:
    remedy = "a mapping of names to candidates, such as {'frozen': ld.serving.Candidate(forecaster, every=None)}"
    require_instance("candidates", candidates, Mapping, remedy)
    if len(candidates) < 2:
        raise ValueError(f"candidates must hold at least two of them, not {len(candidates)}")
    for name, one in candidates.items():
        require_text("candidates", name, remedy)
        require_instance(f"candidates[{name!r}]", one, Candidate, "an ld.serving.Candidate(forecaster)")
    dims = {one.forecaster.observation_dim for one in candidates.values()}
    if len(dims) > 1:
        raise ValueError(f"candidates must read rows along one dimension, not {sorted(dims)}")
    return dict(candidates)


def _scored(candidate: Candidate, cut: History, first: int, score: Score, seed: int | None) -> Iterator[Array]:
    """Scores of each period after the initial ones: of its rows, or, where only draws tell, their mean alone."""
    posterior: Any = None
    for period in range(first, len(cut)):
        known = cut.take(slice(0, int(cut.starts[period])))
        if candidate.fits_after(period - first):
            weight = cut.row_weight(period - 1, candidate.update_rule)[: int(cut.starts[period])]
            posterior = candidate.forecaster.fit(known, row_weight=weight, random_seed=seed)
        yield _scores_of(candidate.forecaster, posterior, cut.final(period), known, score, seed)


def _scores_of(
    forecaster: Forecaster, posterior: Any, batch: xr.Dataset, known: xr.Dataset, score: Score, seed: int | None
) -> Array:
    if isinstance(forecaster, ConjugateRegression):
        rows = forecaster.as_batch(batch)
        return np.asarray(score.exact_score(posterior, rows["x"].values, rows["y"].values))
    sampled = require_sampled_forecaster("candidates", forecaster)
    past = known if sampled.needs_past else None
    forecast = score.forecast(sampled, posterior, sampled.as_batch(batch), past, seed)
    if isinstance(score, LogScore):
        return np.asarray(forecast.log_density)
    return np.array([score.mean_score(forecast).value])


def _table(found: Mapping[str, list[Array]], cut: History, first: int, score: Score) -> xr.Dataset:
    means = np.array([[values.mean() for values in of] for of in found.values()]).T
    before = np.vstack([np.full(len(found), np.nan), means[:-1]])
    labels, kind = stored_labels(cut.labels[first:], PERIOD)
    table = xr.Dataset(
        {
            SCORE: ((BATCH, CANDIDATE), means),
            VALIDATION: ((BATCH, CANDIDATE), before),
            ROWS: (BATCH, cut.rows[first:].astype(float)),
        },
        {BATCH: (BATCH, labels, kind), CANDIDATE: list(found)},
        {"unit": score.unit, "score": score.name},
    )
    if isinstance(score, LogScore):
        counts = [len(values) for values in next(iter(found.values()))]
        table[ROW_SCORE] = ("row", CANDIDATE), np.stack([np.concatenate(of) for of in found.values()], axis=1)
        table[ROW_BATCH] = "row", np.repeat(np.arange(len(counts)), counts)
    return table
