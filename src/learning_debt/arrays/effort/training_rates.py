"""How fast to train at each age of a concept, so that the loss at a random moment is least at a mean rate.

At a random moment the age of the concept at hand has the density S(a) / EY. Cut into n cells of equal probability,
the loss is the plain mean of g(E) over the cells and the effort spent that of the rate: a convex programme over the
rates of the cells, shape (n,), between 0 and the largest rate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from learning_debt.typing import Array

HALVINGS = 45
ROUNDING = 1e-14


class Cells(NamedTuple):
    """Ages cut into cells of equal probability at a random moment.

    Attributes
    ----------
    width : ndarray, shape (n,)
        Of each cell; that of the last, which has no end, is 0.
    inner : ndarray, shape (n,)
        From the beginning of each cell to its median.
    """

    width: Array
    inner: Array

    @classmethod
    def of(cls, begins: Array, medians: Array) -> Cells:
        """Of the ages at which cells begin, and their medians."""
        return cls(np.append(np.diff(begins), 0.0), medians - begins)

    @property
    def stiffness(self) -> Array:
        """How strongly the loss bends along the rate of each cell, roughly: steps are the shorter the stiffer."""
        left = 1 - (np.arange(self.width.size) + 0.5) / self.width.size
        wide = np.maximum(self.width, self.inner) * np.sqrt(left)
        return np.asarray(np.maximum(wide / wide.mean(), 1e-9))


class Rates(NamedTuple):
    """The rates that were found, and how far from the least their loss can be at most.

    Attributes
    ----------
    rate : ndarray, shape (n,)
    loss, gap : float
        No rates at this budget lose less than ``loss - gap``.
    price : float
        How much less is lost for a little more budget, per unit of effort.
    """

    rate: Array
    loss: float
    gap: float
    price: float


def effort_of(rate: Array, cells: Cells) -> Array:
    """Effort spent on the concept by the median of each cell, shape (n,).

    Examples
    --------
    >>> effort_of(np.array([1.0, 0.0, 2.0]), Cells(np.array([1.0, 1.0, 0.0]), np.array([0.5, 0.5, 0.5]))).tolist()
    [0.5, 1.0, 2.0]
    """
    spent = rate * cells.width
    return np.asarray(np.cumsum(spent) - spent + rate * cells.inner)


def value_of(marginal: Array, cells: Cells) -> Array:
    """What the rate of each cell is worth, of what effort is worth in each: the adjoint of `effort_of`."""
    later = np.cumsum(marginal[::-1])[::-1] - marginal
    return np.asarray(cells.width * later + cells.inner * marginal)


def best_ages(value: Array, budget: float, largest: float) -> Array:
    """The rates of mean `budget` that are worth most where worth is linear: the most valuable cells at full rate.

    Examples
    --------
    >>> best_ages(np.array([1.0, 3.0, 2.0, 0.0]), 0.75, 2.0).tolist()
    [0.0, 2.0, 1.0, 0.0]
    """
    order, rate = np.argsort(-value, kind="stable"), np.zeros(value.size)
    filled = np.clip(value.size * budget / largest - np.arange(value.size), 0.0, 1.0)
    rate[order] = largest * filled
    return rate


def onto_budget(rate: Array, budget: float, largest: float, stiffness: Array | float = 1.0) -> Array:
    """The nearest rates from 0 to `largest` whose mean is `budget` at most; distances count by `stiffness`.

    Examples
    --------
    >>> onto_budget(np.array([3.0, 1.0, -1.0]), 1.0, 2.0).round(6).tolist()
    [2.0, 1.0, 0.0]
    """
    inside = np.clip(rate, 0.0, largest)
    if inside.mean() <= budget:
        return inside
    low, high = 0.0, float((rate * stiffness).max())
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        too_much = np.clip(rate - middle / stiffness, 0.0, largest).mean() > budget
        low, high = (middle, high) if too_much else (low, middle)
    return np.clip(rate - high / stiffness, 0.0, largest)


def certificate(rate: Array, slope: Array, cells: Cells, budget: float, largest: float) -> tuple[float, float]:
    """How much any other rates may be better by at most, and the price of the budget.

    The loss is convex, so that it lies above its tangent; on the tangent the best rates are `best_ages`
    (Frank & Wolfe 1956).

    Parameters
    ----------
    slope : ndarray, shape (n,)
        g'(E) at the effort of each cell.
    """
    value = -value_of(slope, cells)
    best = best_ages(value, budget, largest)
    partly = np.sort(value)[::-1][min(int(value.size * budget / largest), value.size - 1)]
    return float((value * (best - rate)).mean()), float(max(partly, 0.0))


def least_loss(
    start: Array,
    cells: Cells,
    budget: float,
    largest: float,
    loss: Callable[[Array], Array],
    slope: Callable[[Array], Array],
    *,
    tolerance: float,
    steps: int,
) -> Rates:
    """Rates from 0 to `largest` of mean `budget` that lose least, by projected gradients with momentum.

    Stops when the certificate is `tolerance` at most, or after so many steps. The momentum is Nesterov's, dropped where
    it leads uphill (O'Donoghue & Candès 2015); a step is as long as the loss keeps below its quadratic bound.

    Parameters
    ----------
    start : ndarray, shape (n,)
        Rates that keep the budget.
    loss, slope : callable
        g and its derivative, of effort.
    """
    rate = ahead = best = start
    momentum, steepness, lowest, stiff = 1.0, 1e-6, np.inf, cells.stiffness
    gap, price = np.inf, 0.0
    for step in range(steps + 1):
        if step % 5 == 0:
            now = float(loss(effort_of(rate, cells)).mean())
            this_gap, this_price = certificate(rate, slope(effort_of(rate, cells)), cells, budget, largest)
            if now - this_gap > lowest - gap or now < lowest:
                best, lowest, gap, price = rate, now, this_gap, this_price
            if gap <= tolerance:
                break
        effort = effort_of(ahead, cells)
        level, uphill = loss(effort).mean(), value_of(slope(effort), cells)
        while True:
            moved = onto_budget(ahead - uphill / (steepness * stiff), budget, largest, stiff)
            by = moved - ahead
            bound = level + (uphill * by + steepness / 2 * stiff * by**2).mean()
            if loss(effort_of(moved, cells)).mean() <= bound + ROUNDING * abs(level) or steepness > 1e12:
                break
            steepness *= 2
        if (stiff * (ahead - moved) * (moved - rate)).mean() > 0:
            momentum = 1.0
        after = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = np.maximum(moved + (momentum - 1) / after * (moved - rate), 0.0)
        rate, momentum, steepness = moved, after, steepness * 0.95
    return Rates(best, lowest, gap, price)
