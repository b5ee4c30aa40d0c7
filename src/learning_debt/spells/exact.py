"""Columns of the spell table from exact normal-inverse-gamma posteriors."""

from __future__ import annotations

from typing import Any

import numpy as np

from learning_debt.arrays.conjugate import nig
from learning_debt.arrays.conjugate.nig import NIG
from learning_debt.errors import noted
from learning_debt.forecasters.conjugate_regression import ConjugateRegression
from learning_debt.spells.plan import ArrivedGaps, Columns, Plan
from learning_debt.spells.schema import EXACT_ONLY, FLAGS, doubt_of, reliable_of, se_of
from learning_debt.typing import Array


def exact_columns(
    forecaster: ConjugateRegression,
    plan: Plan,
    *,
    keeper: Any = None,
    random_seed: Any = None,
    progressbar: bool = False,
) -> Columns:
    """Signals of one series, arrays (T, T) over (deployed_at, period); standard errors are 0."""
    with noted(plan.where(0)):
        replay = _ExactReplay(forecaster, plan)
    for t in range(1, plan.periods + 1):
        with noted(plan.where(t)):
            replay.advance(t)
    return Columns(replay.finished())


class _ExactReplay:
    """Holds every posterior so far; all of them are scored at once."""

    def __init__(self, forecaster: ConjugateRegression, plan: Plan) -> None:
        self.plan, self.prior = plan, forecaster.prior
        rows = forecaster.as_batch(plan.history.data)
        self.x, self.y = rows["x"].values, rows["y"].values
        shape = (plan.periods, plan.periods)
        self.cells: dict[str, Array] = {name: np.full(shape, np.nan) for name in (*plan.variables, "score_gap")}
        if "predictive_debt" in plan.variables:
            self.cells["gap_sd"] = np.full(shape, np.nan)
        self.arrived = ArrivedGaps(plan.periods)
        self.weight = plan.row_weight(0)
        self.posteriors = [self._fit(self.prior, self.weight)]

    def advance(self, t: int) -> None:
        """Score what is forecast in period t by everything deployed before it, then let the shadow learn."""
        deployed = NIG(*(np.stack(part) for part in zip(*self.posteriors, strict=True)))
        self._score(t, deployed)
        weight = self.plan.row_weight(t)
        shadow = self._learnt(weight)
        self.posteriors.append(shadow)
        self.weight = weight
        self._compare(t, shadow, deployed)

    def finished(self) -> dict[str, Array]:
        """All columns, the errors of exact values and the upkeep of exact shadows among them."""
        periods, cells = self.plan.periods, self.cells
        present = np.triu(np.ones((periods, periods), dtype=bool))
        for name, values in cells.items():
            if np.isnan(values[present]).any():
                s, t = np.argwhere(np.isnan(values) & present)[0]
                raise ValueError(
                    f"{name} is not a number for the posterior deployed at {s} in period {t + 1}: the data or the "
                    "prior are too large or too small for floating point; bring them to another unit"
                )
        for name in {*self.plan.variables, "score_gap"} - set(EXACT_ONLY):
            cells[se_of(name)] = np.where(present, 0.0, np.nan)
            cells[reliable_of(name)] = present.copy()
            cells[doubt_of(name)] = np.zeros(present.shape, dtype=np.int8)
        if self.plan.learns_late:
            cells |= self.arrived.cells()
        cells["converged"] = cells["deployed_converged"] = np.ones(periods, dtype=bool)
        cells["doubt"] = cells["deployed_doubt"] = np.full(periods, "")
        cells |= {doubt_of(flag): np.zeros(periods, dtype=np.int8) for flag in FLAGS}
        cells["rung"] = np.full(periods, "exact")
        cells["refits"] = np.zeros(periods, dtype=int)
        cells |= {name: np.zeros(periods) for name in ("evaluations", "seconds")}
        return cells | {"pareto_k": np.full(periods, np.nan)}

    def _score(self, t: int, deployed: NIG) -> None:
        rows = self.plan.forecast_rows(t)
        scores = self._scores(deployed, rows)
        self.cells["score_gap"][:t, t - 1] = (scores[-1] - scores).mean(axis=-1)
        if "deployed_score" in self.plan.variables:
            self.cells["deployed_score"][:t, t - 1] = scores.mean(axis=-1)
        if not self.plan.learns_late:
            return
        for arrival in self.plan.arrivals(t):
            gaps = (self._gap(deployed, part).sum(axis=-1) for part in (arrival.rows, arrival.replaced))
            self.arrived.add(arrival, slice(t), next(gaps) - next(gaps))

    def _gap(self, deployed: NIG, rows: np.ndarray) -> Array:
        """Score of the newest posterior minus that of each, shape (deployed, rows)."""
        if not len(rows):
            return np.zeros((len(deployed.shape), 0))
        scores = self._scores(deployed, rows)
        return scores[-1] - scores

    def _scores(self, deployed: NIG, rows: np.ndarray) -> Array:
        """Shape (deployed, rows)."""
        return self.plan.score.exact_score(deployed, self.x[rows], self.y[rows])

    def _compare(self, t: int, shadow: NIG, deployed: NIG) -> None:
        variables, at = self.plan.variables, (slice(t), t - 1)
        rows = self.plan.forecast_rows(t)
        x, y = self.x[rows], self.y[rows]
        if "debt" in variables:
            self.cells["debt"][at] = nig.kl(shadow, deployed)
        if "predictive_debt" in variables:
            self.cells["predictive_debt"][at] = self.plan.score.exact_divergence(shadow, deployed, x)
            self.cells["gap_sd"][at] = self.plan.score.exact_gap_spread(shadow, deployed, x)
        if "parameter_gap" in variables:
            self.cells["parameter_gap"][at] = np.linalg.norm(shadow.mean - deployed.mean, axis=-1)
        if "residual_exceedance" in variables:
            self.cells["residual_exceedance"][at] = _residual_exceedance(deployed, x, y)

    def _learnt(self, weight: Array) -> NIG:
        """The shadow that holds rows by `weight`: the last one updated, where nothing that it holds has changed."""
        changed = weight - self.weight
        if not changed.any():
            return self.posteriors[-1]
        if (changed[self.weight > 0] == 0).all():
            return self._fit(self.posteriors[-1], changed)
        return self._fit(self.prior, weight)

    def _fit(self, prior: NIG, weight: Array) -> NIG:
        held = np.flatnonzero(weight > 0)
        weights = None if (weight[held] == 1).all() else weight[held]
        return nig.update(prior, self.x[held], self.y[held], weights)


def _residual_exceedance(deployed: NIG, x: Array, y: Array) -> Array:
    """Share of rows with |y - x' mean| > 2 sqrt(rate / shape), shape (deployed,)."""
    residuals = np.abs(y - deployed.mean @ x.T)
    return np.asarray((residuals > 2 * np.sqrt(deployed.rate / deployed.shape)[:, None]).mean(axis=-1))
