"""The spell tables of many series, a few at a time, so that a fleet of any size goes through in bounded memory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from typing import Any

import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from learning_debt.data.update_rule import UpdateRule
from learning_debt.forecasters.base import Forecaster
from learning_debt.scores import Score
from learning_debt.shadows.base import ShadowKeeper
from learning_debt.spells.series_replays import Replays, prepared_replays
from learning_debt.validation import require_whole_number


def spell_tables(
    forecaster: Forecaster,
    history: Any,
    *,
    initial: int,
    series_per_table: int = 100,
    exposure: float | str | ArrayLike | xr.DataArray | pd.Series | pd.DataFrame | None = None,
    variables: Sequence[str] | None = None,
    varying_rows: bool = False,
    score: Score | str = "log",
    update_rule: UpdateRule | None = None,
    shadow: ShadowKeeper | None = None,
    horizon: int = 1,
    random_seed: int | None = None,
    progressbar: bool = True,
    executor: Executor | None = None,
    store: str | os.PathLike[str] | None = None,
) -> Iterator[xr.Dataset]:
    """Replay the histories of many series, and hand over their spell tables so many series at a time.

    One after the other they are the table that `spell_table` makes of all series at once, to the last digit, but only
    one need be held. Series may begin and end when they like, as stores open and close: those that cover the same
    periods share tables, whose periods are numbered from their own first ones. Everything that can be refused is
    refused at the call, before the first table.

    Parameters
    ----------
    forecaster : Forecaster
    history : Dataset, mapping or data frame
        With ``period`` and ``series`` along the observation dimension.
    initial : int
        Periods of each series that its first posterior holds.
    series_per_table : int
        The last table may have fewer. A cell takes about 90 bytes: 100 series of 200 periods 350 MB.
    exposure, variables, varying_rows, score, update_rule, shadow, horizon, random_seed, progressbar : optional
        As in `spell_table`. Where series cover other periods than each other, `exposure` is matched by labels only.
    executor : concurrent.futures.Executor, optional
        Runs the series of one table side by side, when it is asked for. The exact tables of a ``ConjugateRegression``
        are compiled, and threads will do for them.
    store : path, optional
        As in `spell_table`.

    Yields
    ------
    xarray.Dataset
        As from `spell_table`.

    Raises
    ------
    TypeError, ValueError
        As `spell_table`, and if `series_per_table` is not a whole number from 1.

    See Also
    --------
    spell_table : One table of all series.
    audit, decide : What is done with each.

    Examples
    --------
    >>> import numpy as np
    >>> import learning_debt as ld
    >>> rng = np.random.default_rng(1)
    >>> history = {"x": rng.normal(size=120), "y": rng.normal(size=120), "period": np.tile(np.arange(40), 3)}
    >>> history["series"] = np.repeat(["north", "south", "west"], 40)
    >>> forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    >>> tables = spell_tables(forecaster, history, initial=10, series_per_table=2, progressbar=False)
    >>> [(table["series"].values.tolist(), float(ld.oracle(table, 0.1).retrains.mean())) for table in tables]
    [(['north', 'south'], 3.5), (['west'], 2.0)]
    """
    size = require_whole_number("series_per_table", series_per_table, at_least=1)
    replays = prepared_replays(
        forecaster,
        history,
        initial=initial,
        exposure=exposure,
        variables=variables,
        varying_rows=varying_rows,
        score=score,
        update_rule=update_rule,
        shadow=shadow,
        horizon=horizon,
        random_seed=random_seed,
        progressbar=progressbar,
        executor=executor,
        store=store,
        ragged=True,
    )
    return _tables(replays, size)


def _tables(replays: list[Replays], size: int) -> Iterator[xr.Dataset]:
    for alike in replays:
        for first in range(0, len(alike.jobs), size):
            yield alike.table(first, min(first + size, len(alike.jobs)))
