"""At which ages of a concept to ship what has been learned of it: shortest paths over a grid of ages.

A shipment at age d serves with loss f(d) until the next one or the concept's end. With R(d) the integral of the
survival from d on, a schedule d_1 < d_2 < ... loses the sum of f(d_j) (R(d_j) - R(d_(j+1))) / EY over j = 0, 1, ...,
with d_0 = 0, and ships sum of S(d_j) / EY a period.

Throughout, arrays have an entry a node of the grid, the first of which is age 0, and no shipment: `loss` f, `served`
R / EY from 1 at age 0, `shipped` S / EY.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from learning_debt.typing import Array

ROUNDING = 1e-12
NEARLY_FREE = 1e-9
"""Price of a shipment where shipments are free but some bring nothing."""
MOST_TURNS = 100
"""Of a search over prices; each finds a schedule that no other price had, and a dozen are enough."""


class Schedule(NamedTuple):
    """Nodes at which is shipped, what that loses, and how many shipments a period it takes."""

    nodes: tuple[int, ...]
    loss: float
    rate: float


def schedule_at(nodes: tuple[int, ...], loss: Array, served: Array, shipped: Array) -> Schedule:
    """A schedule with its loss and rate.

    Examples
    --------
    >>> schedule_at((1,), np.array([1.0, 0.5]), np.array([1.0, 0.4]), np.array([0.5, 0.3]))
    Schedule(nodes=(1,), loss=0.8, rate=0.3)
    """
    stops = [(here, served[here]) for here in (0, *nodes)] + [(-1, 0.0)]
    lost = sum(loss[here] * (until - after) for (here, until), (_, after) in pairwise(stops))
    return Schedule(nodes, float(lost), float(sum(shipped[node] for node in nodes)))


def shortest_path(loss: Array, served: Array, shipped: Array, price: float) -> Schedule:
    """The schedule that loses least where a shipment costs `price`: the least over j > i.

    V(i) = min over j > i of f(i) (R(i) - R(j)) + price S(j) + V(j), or f(i) R(i) where nothing is shipped any more.

    Examples
    --------
    >>> shortest_path(np.array([1.0, 0.5]), np.array([1.0, 0.4]), np.array([0.5, 0.3]), 0.1).nodes
    (1,)
    >>> shortest_path(np.array([1.0, 0.5]), np.array([1.0, 0.4]), np.array([0.5, 0.3]), 1.0).nodes
    ()
    """
    count = loss.size
    rest, after = loss * served, np.full(count, count)
    for here in range(count - 2, -1, -1):
        ways = loss[here] * (served[here] - served[here + 1 :]) + price * shipped[here + 1 :] + rest[here + 1 :]
        best = int(np.argmin(ways))
        if ways[best] < rest[here] - ROUNDING:
            rest[here], after[here] = ways[best], here + 1 + best
    nodes, here = [], int(after[0])
    while here < count:
        nodes.append(here)
        here = int(after[here])
    return schedule_at(tuple(nodes), loss, served, shipped)


def schedules_around(loss: Array, served: Array, shipped: Array, rate: float) -> tuple[Schedule, Schedule, float]:
    """The two neighbours among schedules that are best at some price, one on each side of `rate`, and their price.

    The first ships less than `rate`, or both are the same where it can be met, or is more than pays. Begins with no
    shipment and with as many as pay, and asks at the price at which these two cost the same whether a third is better.
    """
    rare = schedule_at((), loss, served, shipped)
    often = shortest_path(loss, served, shipped, NEARLY_FREE)
    if often.rate <= rate:
        return often, often, 0.0
    price = 0.0
    for _ in range(MOST_TURNS):
        price = (rare.loss - often.loss) / (often.rate - rare.rate)
        between = shortest_path(loss, served, shipped, price)
        if between.loss + price * between.rate >= rare.loss + price * rare.rate - ROUNDING:
            break
        if between.rate <= rate:
            rare = between
        else:
            often = between
    return rare, often, price


def best_within(loss: Array, served: Array, shipped: Array, rate: float, parts: int = 240) -> Schedule:
    """The schedule that loses least among those that ship `rate` a period at most; rates are rounded up to 1 / `parts`.

    Examples
    --------
    >>> best_within(np.array([1.0, 0.5]), np.array([1.0, 0.4]), np.array([0.5, 0.3]), 0.2).nodes
    ()
    """
    count = loss.size
    takes = np.ceil(np.clip(shipped / rate, 0, 2) * parts - ROUNDING).astype(int)
    # cheapest[i, m]: lost before node i, when i is shipped and m parts of the rate are used up, i's own among them
    cheapest, came = np.full((count, parts + 1), np.inf), np.zeros((count, parts + 1), dtype=int)
    cheapest[0, 0] = 0.0
    for node in range(1, count):
        room = parts + 1 - takes[node]
        if room <= 0:
            continue
        ways = cheapest[:node, :room] + (loss[:node] * (served[:node] - served[node]))[:, None]
        came[node, takes[node] :] = ways.argmin(axis=0)
        cheapest[node, takes[node] :] = ways.min(axis=0) + NEARLY_FREE * shipped[node]
    last = int(np.argmin(cheapest + (loss * served)[:, None]))
    node, used = divmod(last, parts + 1)
    nodes: list[int] = []
    while node:
        nodes.append(node)
        node, used = int(came[node, used]), used - int(takes[node])
    return schedule_at(tuple(reversed(nodes)), loss, served, shipped)
