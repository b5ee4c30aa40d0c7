"""Which posteriors keep being held against the shadow: as many as were agreed, whatever the number of periods."""

from __future__ import annotations

from collections.abc import Sequence

FEWEST = 4


def kept(stored: Sequence[int], deployed: Sequence[int], limit: int, latest: int = 1) -> list[int]:
    """Numbers of the posteriors that go on, in order.

    Always the `latest` ones, the newest of which is the shadow, and what is in service. Then those that were in service
    before, the latest first, as long as they leave a quarter of the room. The rest are anchors: of these the one is let
    go whose neighbours are closest together, as a share of its age, so that they thin out the further back they lie.

    Parameters
    ----------
    stored : sequence of int
        Those at hand, the newest included, in order.
    deployed : sequence of int
        What has been in service, the latest last.
    limit : int
        At least `FEWEST`, and so many more as `latest` is above 1.
    latest : int
        More than one where forecasts of earlier shadows are still to be scored.

    Examples
    --------
    >>> held = [0]
    >>> for newest in range(1, 100):
    ...     held = kept([*held, newest], [0], 8)
    >>> held
    [0, 48, 71, 83, 91, 96, 98, 99]
    """
    newest = sorted(stored)[-latest:]
    latest_first = list(dict.fromkeys(reversed([number for number in deployed if number in set(stored)])))
    room = max(limit - len(newest) - max(limit // 4, 1), 1)
    always = {*newest, *latest_first[:room]}
    found = sorted(stored)
    while len(found) > limit:
        found.remove(_least(found, always))
    return found


def _least(stored: list[int], always: set[int]) -> int:
    """The one that is missed least."""
    newest = stored[-1]
    spread = {
        one: (after - before) / (newest - one)
        for before, one, after in zip([-1, *stored], stored, stored[1:], strict=False)
        if one not in always
    }
    return min(spread, key=lambda one: (spread[one], one))
