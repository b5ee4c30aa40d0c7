"""Points at which the predictive distribution of a one-dimensional outcome is integrated, on its support."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from learning_debt.arrays.predictive import quadrature, support
from learning_debt.arrays.predictive.integration import Points
from learning_debt.arrays.predictive.mixture import Mixture
from learning_debt.typing import Array

POINTS = (33, 129, 513)
"""Quadrature points a row: a finer rule is tried when one disagrees with its own half.

33 serve whatever is smooth on the line, or in the logarithm of the distance to an edge; what passes is right to 1%."""
MASS_TOLERANCE = {"continuous": 1e-3, "count": 1e-2}
"""Mass of the shadow's predictive distribution that a rule may miss. The divergence of counts is accurate to a tenth of
what the mass is off, since errors of both densities cancel; a point mass beside a density must show."""
FAR = (10.0, 100.0)
"""Ranges of points that cover both posteriors: a tail with an infinite variance has mass far beyond its draws."""
MAXIMUM_POINTS = 10_000
"""Points of all rows together that are held at once, each with a density at every draw."""


class OutcomePoints:
    """Rules of integration of rising resolution for all rows of a batch, each built when it is first asked for.

    Parameters
    ----------
    kind : {"continuous", "count"}
    draws : ndarray, shape (draws, rows)
        Predictive draws, among which numbers that have mass come more than once.
    placed : ndarray, shape (draws, rows)
        Draws that set the range of the points: as often as they weigh.
    density : callable
        The shadow's density at numbers of shape (rows, points), as one mixture, row after row.
    within : ndarray, shape (2, rows), optional
        Numbers that the shadow does not rule out, the lowest and the highest known; those of `draws` if left out.
    reach : float
        Range on a line without edges, in distances from the median to the farthest draw.
    """

    def __init__(
        self,
        kind: str,
        draws: Array,
        placed: Array,
        density: Callable[[Array], Mixture],
        within: Array | None = None,
        reach: float = quadrature.REACH,
    ) -> None:
        self.kind, self._draws, self._placed, self._density, self._reach = kind, draws, placed, density, reach
        self._within = np.stack([draws.min(axis=0), draws.max(axis=0)]) if within is None else within
        self._support: support.Support | None = None
        self._ends: tuple[Array, Array] | None = None
        self._rules: dict[int, tuple[Array, Points] | None] = {}

    def with_draws(self, draws: Array, reach: float = FAR[-1]) -> OutcomePoints:
        """Points that cover these draws, of another posterior, as well, and reach farther into the tails."""
        seen, placed = (np.concatenate([points, draws]) for points in (self._draws, self._placed))
        return OutcomePoints(self.kind, seen, placed, self._density, self._within, reach)

    def at(self, points: int) -> tuple[Array, Points] | None:
        """Nodes, shape (rows, nodes), and what they stand for; None where they do not hold the shadow's mass."""
        if points not in self._rules:
            self._rules[points] = self._counts(points) if self.kind == "count" else self._line(points)
        return self._rules[points]

    def _counts(self, points: int) -> tuple[Array, Points] | None:
        first = self._ends is None
        if self._ends is None:
            self._ends = np.zeros(len(self._placed.T)), np.full(len(self._placed.T), np.inf)
        rule = self._between_ends(points)
        if rule is None:
            return None
        shadow = self._density(rule.points)
        if first and np.isneginf(shadow.log_density.reshape(rule.points.shape)[:, [0, -1]]).any():
            outside = zip((rule.points[:, 0], rule.points[:, -1]), self._within, (-1.0, 1.0), strict=True)
            low, high = (support.outermost_count(self._log_density, *end) for end in outside)
            self._ends = np.maximum(low, 0.0), high
            rule = self._between_ends(points)
            assert rule is not None  # it has no more points than before
            shadow = self._density(rule.points)
        return self._checked(rule, shadow, 0)

    def _between_ends(self, points: int) -> quadrature.Rule | None:
        """Counts of each row between the first and the last that the shadow does not rule out; None if too many."""
        assert self._ends is not None
        rule = quadrature.stacked(
            [
                quadrature.counts(outcomes, points, *ends)
                for outcomes, *ends in zip(self._placed.T, *self._ends, strict=True)
            ]
        )
        return None if rule.points.size > 2 * MAXIMUM_POINTS else rule

    def _line(self, points: int) -> tuple[Array, Points] | None:
        if len(self._placed.T) * points > 2 * MAXIMUM_POINTS:
            return None
        first = self._support is None
        if self._support is None:
            candidates = support.repeated(self._draws)
            if candidates is None:
                return None
            nowhere = np.full(len(candidates), np.inf)
            self._support = support.Support(-nowhere, nowhere, support.atoms(self._log_density, candidates))
        rule = self._on_support(points)
        shadow = self._density(rule.points)
        ends = rule.points[:, [0, points - 1]]
        if first and np.isneginf(shadow.log_density.reshape(rule.points.shape)[:, [0, points - 1]]).any():
            own = [atom[~np.isnan(atom)] for atom in self._support.atoms]
            edges = [support.edge(self._log_density, *at, own) for at in zip(ends.T, self._within, strict=True)]
            self._support = self._support._replace(lower=edges[0], upper=edges[1])
            rule = self._on_support(points)
            shadow = self._density(rule.points)
        return self._checked(rule, shadow, points)

    def _log_density(self, numbers: Array) -> Array:
        return self._density(numbers).log_density.reshape(numbers.shape)

    def _on_support(self, points: int) -> quadrature.Rule:
        """Points between the edges of each row, followed by its atoms, which weigh one."""
        assert self._support is not None
        rows = []
        for draws, low, high, atoms in zip(self._placed.T, *self._support, strict=True):
            continuous = draws[~np.isin(draws, atoms)] if atoms.size else draws
            line = quadrature.between(
                continuous if len(continuous) else draws, points, float(low), float(high), self._reach
            )
            weight = np.where(np.isnan(atoms), 0.0, 1.0)
            at = np.where(np.isnan(atoms), line.points[-1], atoms)
            parts = (line.points, at), (line.weights, weight), (line.coarse_weights, weight)
            rows.append(quadrature.Rule(*map(np.concatenate, parts)))
        return quadrature.stacked(rows)

    def _checked(self, rule: quadrature.Rule, shadow: Mixture, line: int) -> tuple[Array, Points] | None:
        density = np.exp(shadow.log_density).reshape(rule.points.shape)
        mass, coarse = density * rule.weights, density * rule.coarse_weights
        if not np.abs(mass.sum(axis=1) - 1).max() <= MASS_TOLERANCE[self.kind]:
            return None
        return rule.points, Points(shadow, mass, coarse, line)
