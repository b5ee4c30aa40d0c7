"""What several plots say and show in the same way: names with units, looks of policies, retrains, series."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import xarray as xr

from learning_debt.auditing import Audit
from learning_debt.data import SERIES
from learning_debt.plots.drawing import Canvas
from learning_debt.plots.shapes import vertical_lines
from learning_debt.spells.schema import VARIABLES, TableFacts

AUDIT = "an Audit, as ld.audit(spells, cost) returns it"
WORDS = {"debt": "posterior debt", "parameter_gap": "gap of parameters"}
"""Variables of a table that have another name in words."""


def variable_label(table: xr.Dataset, name: Hashable, between: str = "\n") -> str:
    r"""Name of a variable of a table with its unit.

    Examples
    --------
    >>> variable_label(xr.Dataset(attrs={"unit": "EUR per observation"}), "score_gap")
    'score gap\n(EUR per obs.)'
    """
    words = WORDS.get(str(name), str(name).replace("_", " "))
    unit = TableFacts.from_table(table).unit_of(str(name), short=True) if name in VARIABLES else ""
    return f"{words}{between}({unit})" if unit else words


def variable_labels(table: xr.Dataset, names: Sequence[Hashable]) -> dict[Hashable, Hashable]:
    """`variable_label` of each."""
    return {name: variable_label(table, name) for name in names}


def policy_aesthetics(
    policies: Sequence[str], emphasised: str, among: Sequence[str] | None = None
) -> dict[str, list[Any]]:
    """Colour, line style and width of each policy, the same whichever of those it is `among` are drawn.

    Examples
    --------
    >>> looks = policy_aesthetics(["always", "your calendar", "CUSUM", "oracle"], "your calendar")
    >>> looks["color"], looks["linestyle"]
    (['B3', 'B1', 'C0', 'B2'], ['C3', 'C0', 'C0', 'C1'])
    """
    roles = {
        "never": ("B3", "C2", 1.5),
        "always": ("B3", "C3", 1.5),
        "oracle": ("B2", "C1", 2.0),
        emphasised: ("B1", "C0", 3.0),
    }
    others = sorted(name for name in among or policies if name not in roles)
    looks = [roles.get(name) or _of_a_rank(others.index(name)) for name in policies]
    return {key: [look[place] for look in looks] for place, key in enumerate(("color", "linestyle", "width"))}


def _of_a_rank(place: int) -> tuple[str, str, float]:
    """Ten colours, then the same ones with a broken line."""
    return f"C{place % 10}", "C0" if place < 10 else "C3", 1.8


def policy_mappings(policies: Sequence[str], audit: Audit, keys: Sequence[str]) -> dict[str, tuple[list[str], Any]]:
    """Aesthetics `keys` of policies, as `Options.canvas` takes them."""
    looks = policy_aesthetics(policies, audit.benchmark, list(audit.replays))
    return {key: (["policy"], values) for key, values in looks.items() if key in keys}


def draw_retrains(canvas: Canvas, retrained: xr.DataArray, names: Sequence[Hashable]) -> None:
    """Vertical lines half a period after each retrain's period: from there on its posterior serves.

    `retrained` is bool along ``period``, and ``series`` where series are facets; every variable of `names` has the
    lines.
    """
    after = xr.DataArray(np.arange(1, retrained.sizes["period"] + 1) + 0.5, dims="period")
    somewhere = np.flatnonzero(retrained.values.reshape(-1, after.size).any(axis=0))
    if somewhere.size == 0:
        return
    after, made = after.isel(period=somewhere), retrained.isel(period=somewhere).drop_vars("period", errors="ignore")
    data, marks = xr.Dataset({name: after.where(made) for name in names}), {"mark": somewhere.size}
    canvas.draw("retrain", vertical_lines, data, artist_dims=marks, color="B3", linestyle="C1", width=1.0)


def drawn_series(table: xr.Dataset, most: int) -> xr.Dataset:
    """The first series of a checked table: those that are drawn."""
    return table.isel({SERIES: slice(0, most)})
