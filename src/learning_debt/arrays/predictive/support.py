"""Where a one-dimensional distribution lives: the edges of its support, and the single numbers that have mass."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from learning_debt.typing import Array

LogDensity = Callable[[Array], Array]
"""Log densities at numbers of shape (rows, points), of the same shape."""

USUAL_EDGES = (0.0, 1.0, -1.0, np.pi, -np.pi)
"""Looked at first: where supports of named distributions end."""
PROBES = 8
ROUNDS = 17
"""As many times an edge is looked for among `PROBES` numbers: 9^17 is more than a number's digits can tell apart."""
MAXIMUM_ATOMS = 8
"""Numbers a row that may have mass: more of them are a lattice, which nothing here integrates."""
STEP = 1e-9
"""Relative distance at which a density is still that at the number itself."""
SAME = 1e-3
"""Difference of log densities within which they are the same."""


class Support(NamedTuple):
    """Lower and upper edge of each row, (rows,), infinite where there is none; atoms, (rows, n), padded with NaN."""

    lower: Array
    upper: Array
    atoms: Array


def repeated(draws: Array) -> list[Array] | None:
    """Numbers that come more than once among the draws (draws, rows) of each row; None if there are too many.

    Examples
    --------
    >>> repeated(np.array([[0.0, 1.0], [0.5, 2.0], [0.0, 3.0]]))
    [array([0.]), array([], dtype=float64)]
    """
    ordered = np.sort(draws, axis=0)
    again = ordered[1:] == ordered[:-1]
    found = [
        np.unique(ordered[1:, row][again[:, row]]) if again[:, row].any() else np.empty(0)
        for row in range(draws.shape[1])
    ]
    return None if max(len(atoms) for atoms in found) > MAXIMUM_ATOMS else found


def atoms(log_density: LogDensity, candidates: list[Array]) -> Array:
    """Those candidates of each row whose density is that of neither side: they have mass; padded with NaN."""
    width = max((len(candidate) for candidate in candidates), default=0)
    at = np.stack([np.pad(candidate, (0, width - len(candidate)), constant_values=np.nan) for candidate in candidates])
    if not width:
        return at
    known = np.where(np.isnan(at), 0.0, at)
    step = STEP * np.maximum(np.abs(known), STEP)
    here, below, above = np.split(log_density(np.concatenate([known, known - step, known + step], axis=1)), 3, axis=1)
    with np.errstate(invalid="ignore"):
        apart = ~(np.abs(here - below) <= SAME) & ~(np.abs(here - above) <= SAME)
    return np.where(np.isfinite(here) & apart & ~np.isnan(at), at, np.nan)


def edge(log_density: LogDensity, outside: Array, inside: Array, candidates: list[Array]) -> Array:
    """Where the density ends between numbers `outside` it and `inside` it, one of each a row; shape (rows,).

    Rows whose `outside` has a density have no edge: infinite, with the sign of the side.
    """
    side = np.sign(outside - inside)
    outer, inner = outside.astype(float), inside.astype(float)
    unknown = np.isneginf(log_density(outer[:, None])[:, 0])
    found = np.where(unknown, np.nan, side * np.inf)
    if not unknown.any():
        return found
    guess = _guesses(candidates)
    step = side[:, None] * STEP * np.maximum(np.abs(guess), STEP)
    beyond, within = np.split(log_density(np.concatenate([guess + step, guess - step], axis=1)), 2, axis=1)
    right = np.isneginf(beyond) & np.isfinite(within)
    found = np.where(unknown & right.any(axis=1), guess[np.arange(len(guess)), right.argmax(axis=1)], found)
    if np.isnan(found).any():
        found = np.where(np.isnan(found), _narrowed(log_density, outer, inner), found)
    return found


def outermost_count(log_density: LogDensity, outside: Array, inside: Array, side: float) -> Array:
    """The last count with a density from counts `inside` to counts `outside`, one of each a row; shape (rows,).

    Rows whose `outside` has a density have no edge: infinite, with the sign of the `side`, -1 below and 1 above.
    Densities are asked for at whole numbers only.
    """
    ended = np.isneginf(log_density(outside[:, None])[:, 0])
    if not ended.any():
        return np.full(len(outside), side * np.inf)
    return np.where(ended, _narrowed(log_density, outside, inside, whole=True) - side, side * np.inf)


def _guesses(candidates: list[Array]) -> Array:
    """Numbers to try as edges of each row, (rows, guesses): those that have mass, and usual ones."""
    width = max((len(candidate) for candidate in candidates), default=0)
    own = [np.pad(candidate, (0, width - len(candidate))) for candidate in candidates]
    return np.column_stack([np.stack(own), np.tile(USUAL_EDGES, (len(candidates), 1))])


def _narrowed(log_density: LogDensity, outer: Array, inner: Array, whole: bool = False) -> Array:
    """The last number outside, of all or of the whole ones, by cutting what lies between into ever smaller parts."""
    share = np.arange(1, PROBES + 1) / (PROBES + 1)
    rows = np.arange(len(outer))
    for _ in range(ROUNDS):
        probes = outer[:, None] + (inner - outer)[:, None] * share
        if whole:
            if np.abs(outer - inner).max() <= 1:
                break
            probes = np.rint(probes)
        steps = np.column_stack([outer, probes, inner])
        first = 1 + np.argmax(
            np.column_stack([np.isfinite(log_density(probes)), np.ones(len(outer), dtype=bool)]), axis=1
        )
        outer, inner = steps[rows, first - 1], steps[rows, first]
    return outer
