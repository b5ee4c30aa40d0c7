"""Which parameters, and which rows, carry most of the debt between what serves and the shadow: from posteriors kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from learning_debt.arrays.conjugate.nig import NIG
from learning_debt.data import as_dataset, label_text
from learning_debt.debt import debt_by_block, debt_by_group
from learning_debt.monitor.decision_records import plain_label
from learning_debt.monitor.kept_labels import labels_of
from learning_debt.monitor.late_rows import with_lateness
from learning_debt.monitor.ledger import Ledger
from learning_debt.monitor.live_rows import LiveRows
from learning_debt.monitor.live_session import LiveSession
from learning_debt.monitor.standing import Standing
from learning_debt.representations import plain_number

MOST = 5
"""Parts that are named, and entries of parameters of a posterior of draws that are looked at closely."""
LONG_NUMBER = 8
"""Characters beyond which the name of a group that is a number, such as a price, is shortened for people."""
NOT_COMPARED = ("chain", "draw")
NOT_TOLD = "What moved is not told"


@dataclass(frozen=True)
class MovedPart:
    """Parameters, or a group of rows, and what they carry of the debt.

    Attributes
    ----------
    name : str
        As in ``coefficients[price]``, or the group's label.
    value, standard_error : float
        Nats, and the Monte-Carlo error: 0 where posteriors are exact, NaN where `value` is a lower bound.
    reliable : bool
        False where the draws only tell a bound, or do not support the error.
    """

    name: str
    value: float
    standard_error: float
    reliable: bool

    def __str__(self) -> str:
        error = f" ± {plain_number(self.standard_error, 1)}" if self.standard_error > 0 else ""
        bound = "at least " if np.isnan(self.standard_error) else ""
        return f"{_shortened(self.name)} {bound}{plain_number(self.value)}{error}"


@dataclass(frozen=True)
class Moved:
    """What belief has moved in since what serves was trained.

    Attributes
    ----------
    label, deployed_label : int or str
        Of the period, and of that after which what then served was trained.
    blocks : tuple of MovedPart
        Parameters by `learning_debt.debt_by_block`, those that carry most first. They share what they learnt together,
        and do not add up to the debt.
    groups : tuple of MovedPart
        Groups of rows by `learning_debt.debt_by_group`, in the same order; their sum is the Jeffreys divergence.
    by : str
        The column that the groups are of; empty where none was named.
    notes : tuple of str
        What could not be told, and why.
    """

    label: int | str
    deployed_label: int | str
    blocks: tuple[MovedPart, ...]
    groups: tuple[MovedPart, ...]
    by: str
    notes: tuple[str, ...]

    def __str__(self) -> str:
        told = []
        if self.blocks:
            told.append(f"Moved most since {self.deployed_label}, by parameter, in nats: {_listed(self.blocks)}.")
        if self.groups:
            told.append(f"Rows that moved it most, by {self.by}, in nats: {_listed(self.groups)}.")
        return "\n".join([*told, *self.notes])


def _shortened(name: str) -> str:
    """A name that is a number with its first digits; as it is where it is none, or has no more."""
    try:
        return plain_number(float(name), 4) if len(name) > LONG_NUMBER else name
    except ValueError:
        return name


def _listed(parts: Sequence[MovedPart]) -> str:
    return ", ".join(str(part) for part in parts)


def what_moved(session: LiveSession, ledger: Ledger, number: int, by: str | None) -> Moved:
    """What moved between what served in a period and the shadow at its end.

    Raises
    ------
    ValueError
        If there is no column `by`.
    """
    standing, forecaster = Standing.of(ledger), session.require_forecaster()
    if by is not None and by not in standing.created["columns"]:
        raise ValueError(f"by: the rows have no column {by!r}; they have {', '.join(standing.created['columns'])}")
    row = ledger.first("SELECT deployed_at FROM decisions WHERE period = ?", number)
    assert row is not None
    deployed_at = int(row["deployed_at"])
    label, served = (plain_label(standing.label(ledger, one)) for one in (number, deployed_at))
    gone = [name for name, one in ((label, number), (served, deployed_at)) if one not in standing.stored]
    if gone:
        return Moved(label, served, (), (), by or "", (f"{NOT_TOLD}: the posterior of {gone[0]} is not kept.",))
    shadow, deployed = session.posteriors_of(ledger, [number, deployed_at])
    new, removed = _between(session, ledger, standing, deployed_at, number)
    if new is None and not isinstance(shadow, NIG):
        told = f"{NOT_TOLD}: by the update rule the weights of all rows have changed."
        return Moved(label, served, (), (), by or "", (told,))
    notes: list[str] = []
    blocks: tuple[MovedPart, ...] = ()
    groups: tuple[MovedPart, ...] = ()
    try:
        chosen = None if isinstance(shadow, NIG) else most_moved(shadow, deployed)
        rows = session.rows_of(ledger, [number]) if new is None else new
        seed = session.settings.seed
        found = debt_by_block(
            forecaster, shadow, deployed, rows, chosen, removed_data=None if new is None else removed, random_seed=seed
        )
        blocks = _parts(found, found["block"].values)
        if by is not None and new is not None:
            found = debt_by_group(forecaster, shadow, deployed, new, by, removed_data=removed)
            groups = _parts(found, found[by].values)
    except (ValueError, KeyError) as error:  # of posteriors that cannot be compared, or whose draws carry weights
        notes.append(f"{NOT_TOLD}: {error.args[0] if error.args else error}.")
    if by is not None and new is None:
        notes.append(f"By {by} it is not told: by the update rule the weights of all rows have changed.")
    return Moved(label, served, blocks, groups, by or "", tuple(notes))


def _parts(found: xr.Dataset, labels: Any) -> tuple[MovedPart, ...]:
    """The parts that carry most."""
    columns = (found[name].values.tolist() for name in ("value", "standard_error", "reliable"))
    parts = [MovedPart(label_text(name), *rest) for name, *rest in zip(labels.tolist(), *columns, strict=True)]
    return tuple(sorted(parts, key=lambda part: -part.value)[:MOST])


def most_moved(shadow: xr.DataTree, deployed: xr.DataTree) -> Mapping[str, Mapping[str, Any] | None]:
    """Entries of parameters whose means and standard deviations have moved most, as `debt_by_block` takes them.

    A close look at an entry costs a regression, and a model may have thousands.
    """
    ours, theirs = (tree["posterior"].to_dataset() for tree in (shadow, deployed))
    alike = [name for name in ours.data_vars if name in theirs and _same_entries(ours[name], theirs[name])]
    found: list[tuple[float, str, dict[str, Any]]] = []
    for name in alike:
        moved = _gaussian_debt(ours[name], theirs[name])
        for place in np.argsort(-moved.values, axis=None, kind="stable")[:MOST].tolist():
            at = np.unravel_index(place, moved.shape)
            entry = {str(dim): moved[dim].values[one] for dim, one in zip(moved.dims, at, strict=True)}
            found.append((float(moved.values[at]), str(name), entry))
    chosen: dict[str, dict[str, list[Any]]] = {}
    for _, name, entry in sorted(found, key=lambda one: -one[0])[:MOST]:
        labels = chosen.setdefault(name, {dim: [] for dim in entry})
        for dim, label in entry.items():
            labels[dim] += [label] if label not in labels[dim] else []
    return {name: labels or None for name, labels in chosen.items()}


def _same_entries(ours: xr.DataArray, theirs: xr.DataArray) -> bool:
    dims = [dim for dim in ours.dims if dim not in NOT_COMPARED]
    return ours.dtype.kind == "f" and all(
        dim in theirs.sizes and np.array_equal(ours[dim].values, theirs[dim].values) for dim in dims
    )


def _gaussian_debt(ours: xr.DataArray, theirs: xr.DataArray) -> xr.DataArray:
    """Divergence of Gaussians with the draws' moments, by entry; entries that never move count as unmoved."""
    mean, variance = ours.mean(NOT_COMPARED), ours.var(NOT_COMPARED)
    before, spread = theirs.mean(NOT_COMPARED), theirs.var(NOT_COMPARED)
    with np.errstate(divide="ignore", invalid="ignore"):
        debt = 0.5 * ((variance + (mean - before) ** 2) / spread - 1 - np.log(variance / spread))
    return debt.where(np.isfinite(debt), 0.0)


def _between(
    session: LiveSession, ledger: Ledger, standing: Standing, deployed_at: int, number: int
) -> tuple[xr.Dataset | None, xr.Dataset | None]:
    """Rows that the shadow holds and what serves did not, and those that it holds no longer.

    None in place of the first where rows are held in part, as with a discount, and of the second where there are none.
    """
    settings = session.settings
    dim, rule = settings.observation_dim, settings.update_rule
    rows = session.rows_of(ledger, range(number + 1))
    counts = standing.counts(ledger, standing.first)[: number - standing.first + 1]
    live = LiveRows(rows, standing.first, counts, dim)
    if settings.late:
        live = with_lateness(live, labels_of(standing.labels(ledger)[: len(counts)]), settings.late)
    known = sum(counts[: deployed_at - standing.first + 1])
    held = live.weights(deployed_at, rule)
    held[known:] = 0.0
    change = live.weights(number, rule) - held
    if not np.isin(change, (-1.0, 0.0, 1.0)).all():
        return None, None
    new, removed = (as_dataset(rows, dim, ()).isel({dim: np.flatnonzero(change == sign)}) for sign in (1.0, -1.0))
    return new, removed if removed.sizes[dim] else None
