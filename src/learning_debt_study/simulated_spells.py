"""Exact spell tables of simulated paths, timing "separate", by the library's engine for conjugate forecasters.

Predictive debt is that of normal distributions with the means and variances of the Student-t predictives. With at least
300 degrees of freedom, as at the published sizes, it is within 2% of the exact value, in most cells within 0.5%.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.arrays.conjugate.nig import NIG, as_nig
from learning_debt.arrays.conjugate.posterior_chain import PosteriorChain, posterior_chain
from learning_debt.arrays.conjugate.shape_terms import ShapeTerms, shape_terms
from learning_debt.arrays.conjugate.spell_cells import SpellCells, spell_cells
from learning_debt.data import SERIES
from learning_debt.spells.schema import TableFacts
from learning_debt.typing import Array
from learning_debt_study.scenarios import Paths

PRIOR = (0.0, 1.0, 2.0, 1.0)
"""Mean, precision, shape and rate before the warm start."""

ROWS_A_LOGARITHM = 40
"""Densities of so many rows are multiplied before a logarithm is taken: their residuals are a few noises at most."""


class Cells(NamedTuple):
    """Cells of the table, all arrays of shape (paths, T, T): [path, s, t - 1] is period t served by what s trained.

    Entries with s >= t are NaN. `regret` is the evaluation rows' signed gap; predictive debt, score gap and
    deployed score are those of the monitor rows.
    """

    debt: Array
    predictive_debt: Array
    score_gap: Array
    deployed_score: Array
    parameter_gap: Array
    residual_exceedance: Array
    regret: Array


def study_cells(paths: Paths, threads: int = 1) -> Cells:
    """Signals of every (path, s, t); arithmetic as in the reference study's sections 1 and 4.

    Examples
    --------
    >>> from learning_debt_study.scenarios import SMOKE, cell_seeds, draw_paths
    >>> cells = study_cells(draw_paths("none", 0.1, cell_seeds("tuning", "none", 0.1, SMOKE), design=SMOKE))
    >>> cells.debt.shape, bool((cells.debt[:, 0, 0] > 0).all())
    ((2, 50, 50), True)
    """
    count, periods = paths.coefficient.shape
    cells = Cells(*(np.full((count, periods, periods), np.nan) for _ in Cells._fields))
    terms = shape_terms(_chain(paths, 0).shape)  # the same on all paths
    edges = np.linspace(0, count, min(threads, count) + 1).astype(int)
    parts = [range(first, last) for first, last in pairwise(edges)]

    def fill(part: range) -> None:
        unused = np.empty((periods, periods))
        for i in part:
            _fill_path(paths, i, terms, cells, unused)

    if len(parts) == 1:
        fill(parts[0])
        return cells
    with ThreadPoolExecutor(len(parts)) as pool:
        list(pool.map(fill, parts))
    return cells


def study_table(paths: Paths, threads: int = 1) -> xr.Dataset:
    """The spell table of simulated paths, as `spell_table` makes it of a history; dimension ``series`` for paths."""
    cells = study_cells(paths, threads)
    count, periods = paths.coefficient.shape
    dims = (SERIES, "deployed_at", "period")
    per_period = (SERIES, "period")
    return xr.Dataset(
        {name: (dims, values) for name, values in cells._asdict().items()}
        | {name: (per_period, np.ones((count, periods))) for name in ("rows", "exposure")},
        coords={
            SERIES: np.arange(count),
            "deployed_at": np.arange(periods),
            "period": np.arange(1, periods + 1),
            "label": ("period", np.arange(1, periods + 1)),
        },
        attrs=TableFacts(timing="separate").attributes(),
    )


def _fill_path(paths: Paths, i: int, terms: ShapeTerms, cells: Cells, unused: Array) -> None:
    """The cells of one path: all signals on its monitor rows, and the gap on its evaluation rows."""
    chain = _chain(paths, i)
    own = Cells(*(values[i] for values in cells))
    monitored = SpellCells(
        debt=own.debt,
        predictive_debt=own.predictive_debt,
        gap_sd=unused,
        deployed_score=own.deployed_score,
        score_gap=own.score_gap,
        parameter_gap=own.parameter_gap,
        residual_exceedance=own.residual_exceedance,
    )
    evaluated = SpellCells(unused, unused, unused, unused, own.regret, unused, np.empty((0, 0)))
    options: dict[str, Any] = {"newest_is_shadow": True, "rows_a_logarithm": ROWS_A_LOGARITHM, "terms": terms}
    rows = _rows(paths.monitor_x[i], paths.monitor_y[i])
    spell_cells(chain, *rows, **options, divergence="normal", cells=monitored)
    rows = _rows(paths.evaluation_x[i], paths.evaluation_y[i])
    spell_cells(chain, *rows, **options, debt=False, divergence=None, cells=evaluated)


def _chain(paths: Paths, i: int) -> PosteriorChain:
    """Posteriors after the warm start and after every period of one path."""
    x, y, starts = _rows(paths.update_x[i], paths.update_y[i])
    warm = len(paths.warm_start_y[i])
    return posterior_chain(
        as_nig(NIG(*PRIOR)),
        np.concatenate([paths.warm_start_x[i][:, None], x]),
        np.concatenate([paths.warm_start_y[i], y]),
        np.concatenate([[0], warm + starts]),
        1,
        np.ones(len(starts)),
    )


def _rows(x: Array, y: Array) -> tuple[Array, Array, NDArray[np.int64]]:
    """Rows of all periods one after the other, one coefficient each, and where those of each period start."""
    periods, rows = y.shape
    return x.reshape(-1, 1), y.ravel(), rows * np.arange(periods + 1)
