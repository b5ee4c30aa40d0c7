"""The spell table: every signal for every pair (deployed after s, looked at in t), s < t, in one Dataset."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any

import numpy as np
import xarray as xr

from learning_debt.data import SERIES, History, as_dataset, split_periods, take_rows
from learning_debt.posteriors.conjugate import ConjugateRegression
from learning_debt.signals import OPTIONAL, SAMPLED
from learning_debt.spells.exact import exact_columns
from learning_debt.spells.sampled import sampled_columns

DIMS = (SERIES, "deployed_at", "period")


def spell_table(
    forecaster: Any,
    history: Any,
    *,
    initial: int,
    exposure: float = 1.0,
    variables: Sequence[str] = SAMPLED,
    varying_rows: bool = False,
    random_seed: int | None = None,
    progressbar: bool = True,
    executor: Executor | None = None,
) -> xr.Dataset:
    """Replay a history once, so that any policy can be priced on it afterwards.

    The shadow is refitted after every period. Period t is scored by every deployed posterior s < t and by the
    shadow of t - 1, none of which has seen it; then the shadow takes it in, and debt and predictive debt compare
    the shadow of t with each deployed one (timing ``"prequential"``).

    Parameters
    ----------
    forecaster : Forecaster
        A ``ConjugateRegression`` gives exact values; any other forecaster is sampled.
    history : Dataset, mapping or data frame
        Observations with ``period`` along the observation dimension, in time order, and optionally ``series``.
    initial : int
        Periods used for the first posterior, deployed at 0. Those that follow are numbered 1..T.
    exposure : float
        What one unit of mean score gap is worth in a period.
    variables : sequence of {"debt", "predictive_debt", "score_gap", "parameter_gap", "residual_exceedance"}
        What to compute; ``score_gap`` is always there, since regret is made from it. The last two need a
        ``ConjugateRegression``.
    varying_rows : bool
        Set it when the number of rows a period truly varies between one and more.
    random_seed : int, optional
    progressbar : bool
    executor : concurrent.futures.Executor, optional
        Runs several series side by side.

    Returns
    -------
    xarray.Dataset
        Dimensions ``series``, ``deployed_at`` (0..T-1) and ``period`` (1..T); NaN where s >= t. Per cell ``debt``,
        ``predictive_debt``, ``score_gap`` (nats), their ``_se`` and ``_reliable``, ``gap_sd`` (standard deviation of
        the period's mean gap as the shadow expects it, nats) and ``regret`` = exposure x gap, signed; when asked for,
        ``parameter_gap`` (Euclidean distance between the shadow's and the deployed mean coefficients) and
        ``residual_exceedance`` (share of the period's rows that miss the deployed forecast by more than two
        residual standard deviations), without ``_se``. Per period
        ``rows``, ``exposure``, ``converged`` (whether the shadow's sampler passed its diagnostics;
        ``deployed_converged`` is the same for what is deployed) and the owner's ``label``; ``earlier`` holds
        the labels of the periods before the first. ``debt`` is left out, with a warning, where the forecaster's groups
        or states grow.

    Raises
    ------
    ValueError
        If `initial` leaves no period, if periods are out of order or duplicated, if data are not finite.
    IncomparablePosteriorsError
        If debt does not exist between the forecaster's own posteriors; leave ``"debt"`` out of `variables` then.

    Examples
    --------
    >>> import learning_debt as ld
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=40)
    >>> history = {"x": x, "y": 2 * x + rng.normal(size=40), "period": np.arange(40)}
    >>> spells = spell_table(ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0)), history, initial=10, progressbar=False)
    >>> spells["debt"].dims, spells["debt"].shape
    (('series', 'deployed_at', 'period'), (1, 30, 30))
    """
    exact = isinstance(forecaster, ConjugateRegression)
    _check_arguments(variables, exposure, exact)
    dim = forecaster.observation_dim
    data = as_dataset(history, dim)
    parts = _split_series(data, dim)
    histories = [split_periods(part, dim, varying_rows=varying_rows) for _, part in parts]
    for one in histories:
        _check_initial(initial, len(one))
        if len(one) != len(histories[0]) or (one.labels != histories[0].labels).any():
            raise ValueError("all series of a history must cover the same periods")
    seeds = np.random.SeedSequence(random_seed).spawn(len(histories))
    engine = exact_columns if exact else sampled_columns
    run = executor.map if executor is not None else map
    jobs = [
        (engine, forecaster, one, initial, tuple(variables), seed, progressbar)
        for one, seed in zip(histories, seeds, strict=True)
    ]
    columns = list(run(_one_series, jobs))
    return _label(columns, histories, [name for name, _ in parts], initial, exposure)


def _one_series(job: tuple[Callable[..., dict[str, np.ndarray]], Any, History, int, tuple[str, ...], Any, bool]) -> Any:
    engine, forecaster, history, initial, variables, seed, progressbar = job
    return engine(forecaster, history, initial, variables, random_seed=seed, progressbar=progressbar)


def _label(
    columns: list[dict[str, np.ndarray]], histories: list[History], names: list[Any], initial: int, exposure: float
) -> xr.Dataset:
    labels, periods = histories[0].labels, len(histories[0]) - initial
    cells = {name: np.stack([column[name] for column in columns]) for name in columns[0]}
    dataset = xr.Dataset(
        {name: (_dims_of(name, values), values) for name, values in cells.items()},
        coords={
            SERIES: names,
            "deployed_at": np.arange(periods),
            "period": np.arange(1, periods + 1),
            "label": ("period", labels[initial:]),
            "earlier": labels[:initial],
            "deployed_label": ("deployed_at", labels[initial - 1 : -1]),
        },
        attrs={"timing": "prequential", "score": "log", "unit": "nats per observation", "update_rule": "all data"},
    )
    dataset = _without_missing_debt(dataset)
    dataset["rows"] = ((SERIES, "period"), np.stack([history.rows[initial:] for history in histories]))
    dataset["exposure"] = xr.full_like(dataset["rows"], exposure, dtype=float)
    dataset["regret"] = dataset["exposure"] * dataset["score_gap"]
    dataset["regret"] = dataset["regret"].transpose(*DIMS)
    return dataset


def _without_missing_debt(dataset: xr.Dataset) -> xr.Dataset:
    """Leave debt out, and say so, where some posteriors have no debt between them: policies need all of it."""
    present = np.triu(np.ones((dataset.sizes["period"],) * 2, dtype=bool))
    if "debt" not in dataset or not np.isnan(dataset["debt"].values[:, present]).any():
        return dataset
    why = (
        "the table holds no debt: groups or states came with the rows, and between posteriors that differ in them no "
        "posterior debt exists; predictive_debt and score_gap do"
    )
    warnings.warn(why, UserWarning, stacklevel=3)
    return dataset.drop_vars([name for name in dataset if str(name).startswith("debt")]).assign_attrs(debt=why)


def _dims_of(name: str, values: np.ndarray) -> tuple[str, ...]:
    if values.ndim == 3:
        return DIMS
    return (SERIES, "deployed_at") if name == "deployed_converged" else (SERIES, "period")


def check_spells(spells: xr.Dataset, requires: Sequence[str] = ()) -> xr.Dataset:
    """Check a table, whether made by `spell_table` or put together by its user, and complete what can be implied.

    A user's own table needs dimensions ``deployed_at`` (0..T-1) and ``period`` (1..T) and the variable ``regret`` or
    ``score_gap``; standard errors default to 0, exposure and rows to 1.

    Raises
    ------
    TypeError, ValueError, KeyError
        Naming the dimension or variable that is missing or does not fit.

    Examples
    --------
    >>> gap = [[0.0, 0.3], [np.nan, 0.0]]
    >>> table = check_spells(xr.Dataset({"score_gap": (("deployed_at", "period"), gap)}))
    >>> table.sizes["series"], float(table["regret"].isel(deployed_at=0, period=1).item())
    (1, 0.3)
    """
    if not isinstance(spells, xr.Dataset):
        raise TypeError(f"spells must be an xarray.Dataset, not {type(spells).__name__}")
    for dim in DIMS[1:]:
        if dim not in spells.dims:
            raise ValueError(f"spells lack the dimension {dim!r}; they have {sorted(map(str, spells.dims))}")
    if spells.sizes["deployed_at"] != spells.sizes["period"]:
        raise ValueError(
            f"spells have {spells.sizes['deployed_at']} values of deployed_at and {spells.sizes['period']} periods; "
            "a table holds deployed_at 0..T-1 and period 1..T"
        )
    _check_positions(spells)
    complete = _completed(spells)
    for name in requires:
        if name not in complete:
            raise KeyError(
                f"spells lack the signal {name!r}, which the policy reads; they have {sorted(map(str, complete))}"
            )
    upper = np.triu(np.ones((complete.sizes["period"],) * 2, dtype=bool))
    for name in {"regret", *requires}:
        if not np.isfinite(complete[name].values[:, upper]).all():
            hole = np.argwhere(~np.isfinite(complete[name].values) & upper)[0]
            raise ValueError(
                f"spells variable {name!r} is not finite for series {hole[0]}, deployed_at {hole[1]}, "
                f"period {hole[2] + 1}"
            )
    return complete


def _completed(spells: xr.Dataset) -> xr.Dataset:
    complete = spells if SERIES in spells.dims else spells.expand_dims({SERIES: [0]})
    periods = complete.sizes["period"]
    complete = complete.assign_coords(period=np.arange(1, periods + 1), deployed_at=np.arange(periods))
    if "label" not in complete.coords:
        complete = complete.assign_coords(label=("period", complete["period"].values))
    ones = xr.DataArray(np.ones((complete.sizes[SERIES], periods)), dims=(SERIES, "period"))
    for name in ("rows", "exposure"):
        values = complete[name] * ones if name in complete else ones
        if not (np.isfinite(values) & (values > 0)).all():
            raise ValueError(f"spells variable {name!r} must be positive and finite in every period")
        complete = complete.assign({name: values.transpose(SERIES, "period")})
    for name, dim in (("converged", "period"), ("deployed_converged", "deployed_at")):
        if name in complete and SERIES not in complete[name].dims:
            complete = complete.assign(
                {name: complete[name].expand_dims({SERIES: complete[SERIES]}).transpose(SERIES, dim)}
            )
    if "regret" not in complete and "score_gap" not in complete:
        raise KeyError("spells need 'regret' or 'score_gap'; neither is there")
    if "regret" not in complete:
        complete = complete.assign(regret=complete["exposure"] * complete["score_gap"])
    cells = [name for name, variable in complete.data_vars.items() if {"deployed_at", "period"} <= set(variable.dims)]
    return complete.assign({name: _without_past(complete[name]) for name in cells})


def _without_past(cells: xr.DataArray) -> xr.DataArray:
    """Cells in the order of `DIMS`, those with s >= t blanked: nothing was deployed there, whatever they hold."""
    ordered = cells if SERIES in cells.dims else cells.expand_dims(SERIES)
    ordered = ordered.transpose(*DIMS)
    present = np.triu(np.ones((ordered.sizes["period"],) * 2, dtype=bool))
    past = ordered.values[:, ~present]
    if not past.any() or (past.dtype.kind == "f" and np.isnan(past).all()):
        return ordered
    return ordered.where(xr.DataArray(present, dims=DIMS[1:]), False if past.dtype.kind == "b" else np.nan)


def _check_positions(spells: xr.Dataset) -> None:
    """Coordinates, where given, must count: a shifted or reversed table would be read wrongly."""
    for dim, first in (("deployed_at", 0), ("period", 1)):
        if dim in spells.coords and not np.array_equal(spells[dim].values, first + np.arange(spells.sizes[dim])):
            raise ValueError(
                f"spells coordinate {dim!r} does not count: deployed_at must be 0..T-1 and period 1..T. "
                "Use from_period to cut a table, and keep the owner's names of periods in the coordinate 'label'"
            )


def from_period(spells: xr.Dataset, first: int, last: int | None = None) -> xr.Dataset:
    """The table of a history that starts afresh after period `first` and ends with `last`, numbered from 1 again.

    What is deployed at the start is the shadow of period `first`.

    Examples
    --------
    >>> gap = np.triu(np.arange(9.0).reshape(3, 3))
    >>> part = from_period(xr.Dataset({"score_gap": (("deployed_at", "period"), gap)}), 1)
    >>> part["score_gap"].values.tolist()
    [[4.0, 5.0], [0.0, 8.0]]
    """
    stop = spells.sizes["period"] if last is None else last
    if not 0 <= first < stop <= spells.sizes["period"]:
        raise ValueError(
            f"first and last must satisfy 0 <= first < last <= {spells.sizes['period']}, not {first}, {stop}"
        )
    part = spells.isel(deployed_at=slice(first, stop), period=slice(first, stop))
    if "label" in spells.coords and first > 0:
        before = spells["label"].values[:first]
        known = np.concatenate([spells["earlier"].values, before]) if "earlier" in spells.coords else before
        part = part.drop_vars("earlier", errors="ignore").assign_coords(earlier=known)
    return part.assign_coords(deployed_at=np.arange(stop - first), period=np.arange(1, stop - first + 1))


def _split_series(data: xr.Dataset, dim: str) -> list[tuple[Any, xr.Dataset]]:
    if SERIES not in data.variables:
        return [(0, data)]
    if data[SERIES].dims != (dim,):
        raise ValueError(f"history variable 'series' must run along {dim!r} only, not {data[SERIES].dims}")
    labels = data[SERIES].values
    return [(name, take_rows(data, np.flatnonzero(labels == name), dim)) for name in dict.fromkeys(labels.tolist())]


def _check_arguments(variables: Sequence[str], exposure: float, exact: bool) -> None:
    unknown = sorted(set(variables) - {*SAMPLED, *OPTIONAL})
    if unknown:
        raise ValueError(f"variables {unknown} are unknown; choose from {(*SAMPLED, *OPTIONAL)}")
    exact_only = sorted(set(variables) & set(OPTIONAL))
    if exact_only and not exact:
        raise ValueError(
            f"variables {exact_only} are offered for a ConjugateRegression only; for a sampled forecaster choose "
            f"from {SAMPLED}"
        )
    if not (np.isfinite(exposure) and exposure > 0):
        raise ValueError(f"exposure must be positive and finite, not {exposure}")


def _check_initial(initial: int, periods: int) -> None:
    if isinstance(initial, bool) or not isinstance(initial, int | np.integer) or initial < 1:
        raise ValueError(f"initial must be a whole number of periods, at least 1, not {initial!r}")
    if initial >= periods:
        raise ValueError(f"initial={initial} leaves no period to look at: the history has {periods}")
