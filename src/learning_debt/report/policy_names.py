"""What the page calls the policies of an audit, and which of them it draws."""

from __future__ import annotations

import numpy as np
import xarray as xr

from learning_debt.auditing import Audit
from learning_debt.auditing.split_evaluation import BEST, ORACLE, YOURS
from learning_debt.report.html_parts import shortened

SAID = {
    ORACLE: "perfect hindsight (oracle)",
    "never": "never retrain",
    "always": "retrain every period",
}
"""Names that say more to who has not read the paper."""
STYLES = {YOURS: "calendar", ORACLE: "hindsight", "never": "never", "always": "always", BEST: "interval"}
OTHERS = ("other-1", "other-2", "other-3", "other-4")


BEST_IS = "the interval that did best on the earlier part"


def said(name: str) -> str:
    """A policy's name for the reader."""
    return shortened(SAID.get(name, name))


def style_of(audit: Audit, name: str) -> str:
    """Its colour, as a class of the style sheet."""
    if name == audit.decided_by:
        return "decider"
    if name == audit.benchmark:
        return "calendar"
    others = [one for one in audit.replays if one not in STYLES and one != audit.decided_by]
    return STYLES.get(name) or OTHERS[others.index(name) % len(OTHERS)]


def cheapest(total: xr.DataArray) -> list[str]:
    """Policies that cost least, but for hindsight; several where they cost the same.

    Parameters
    ----------
    total : DataArray (policy)

    Examples
    --------
    >>> total = xr.DataArray([2.0, 1.0, 1.0, 0.5], coords={"policy": ["never", "CUSUM", "recommended", "oracle"]})
    >>> cheapest(total)
    ['CUSUM', 'recommended']
    """
    names = [name for name in total["policy"].values.tolist() if name != ORACLE]
    values = total.sel(policy=names).values
    alike = np.isclose(values, values.min(), rtol=1e-9, atol=0.0)
    return [name for name, least in zip(names, alike, strict=True) if least]


def by_cost(audit: Audit) -> list[str]:
    """All policies, the cheapest first, and perfect hindsight, which nobody has, last."""
    total = {name: float(replay.objective.mean()) for name, replay in audit.replays.items()}
    return sorted(total, key=lambda name: (name == ORACLE, total[name]))


def main_ones(audit: Audit) -> list[str]:
    """Those that the page draws until the reader asks for others: today's, what decides, never, and hindsight."""
    rivals = [name for name in by_cost(audit) if name not in (ORACLE, "always") and name not in as_never(audit)]
    wanted = {audit.benchmark, audit.decided_by, "never", ORACLE, *rivals[:1]}
    return [name for name in audit.replays if name in wanted]


def as_never(audit: Audit) -> list[str]:
    """Policies that came to the same as never: they made no retrain."""
    return [
        name
        for name, replay in audit.replays.items()
        if name not in ("never", ORACLE, audit.benchmark, audit.decided_by) and int(replay.retrains.sum()) == 0
    ]
