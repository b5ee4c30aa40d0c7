"""Which posterior of a spell table is in service, by the label of the period after which it was trained."""

from __future__ import annotations

import difflib
from typing import Any

import numpy as np
import xarray as xr

from learning_debt.data import plain_labels


def deployed_after(spells: xr.Dataset, label: Any, argument: str = "deployed_label") -> int:
    """Number, 0..T-1, of the posterior that was trained after the period called `label`.

    Labels are matched by value.

    Parameters
    ----------
    spells : Dataset
        A checked table.
    label : object
    argument : str
        What the caller calls the label.

    Raises
    ------
    ValueError
        If no posterior of the table was trained then; the message says which were.

    Examples
    --------
    >>> import learning_debt as ld
    >>> gap = (("deployed_at", "period"), [[0.0, 0.3], [np.nan, 0.0]])
    >>> spells = ld.check_spells(xr.Dataset({"score_gap": gap}, {"label": ("period", ["2024", "2025"])}))
    >>> deployed_after(spells, "2024")
    1
    """
    periods, known = plain_labels(spells["label"]), trained_after(spells)
    wanted = plain_labels(label) if isinstance(label, np.generic | np.ndarray) and np.ndim(label) == 0 else label
    if wanted in known and not isinstance(wanted, bool):
        return known.index(wanted)
    span = f"what the table holds was trained after {known[0]!s} at the earliest and {known[-1]!s} at the latest"
    if wanted == periods[-1]:
        raise ValueError(
            f"{argument}: {label!s} is the last period of the table, so that what was trained after it has served none "
            "yet, and there is nothing to decide"
        )
    if "earlier" in spells.coords and wanted in plain_labels(spells["earlier"]):
        raise ValueError(f"{argument}: {label!s} lies before the table; {span}. Give spell_table a smaller initial")
    near = difflib.get_close_matches(str(label), [str(one) for one in known], n=3)
    hint = f"; near it are {', '.join(near)}" if near else ""
    raise ValueError(f"{argument}: {label!r} is no period of the table; {span}{hint}")


def trained_after(spells: xr.Dataset) -> list[Any]:
    """Labels of the periods after which posteriors 0..T-1 were trained; 0 where the first one's is not known."""
    if "deployed_label" in spells.coords:
        return plain_labels(spells["deployed_label"])
    return [0, *plain_labels(spells["label"])[:-1]]
