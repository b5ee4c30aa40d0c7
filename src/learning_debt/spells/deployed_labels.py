"""Which posterior of a spell table is in service, by the label of the period after which it was trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from learning_debt.data import Labels, as_labels, plain_labels, restored_labels
from learning_debt.validation import describe, nearest


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
        If no posterior of the table was trained then; the message says which were. If the label is of another kind.

    Examples
    --------
    >>> import numpy as np, learning_debt as ld
    >>> gap = (("deployed_at", "period"), [[0.0, 0.3], [np.nan, 0.0]])
    >>> spells = ld.check_spells(xr.Dataset({"score_gap": gap}, {"label": ("period", ["2024", "2025"])}))
    >>> deployed_after(spells, "2024")
    1
    """
    if isinstance(label, Mapping | np.ma.MaskedArray) or (
        np.ndim(label) and not isinstance(label, tuple)
    ):  # a tuple may be a label
        raise TypeError(f"{argument} must be one label of a period, not {describe(label)}")
    periods = _labels(spells, "label", "the periods of the table")
    trained = "deployed_label" in spells.coords
    known = _labels(spells, "deployed_label", periods.what) if trained else periods
    wanted = as_labels([label], argument)
    found = int(wanted.positions(known)[0])
    if found >= 0 and (trained or found < len(periods) - 1):
        return found if trained else found + 1
    name, texts = wanted.texts[0], known.texts
    if wanted.positions(periods)[0] == len(periods) - 1:
        raise ValueError(
            f"{argument}: {name} is the last period of the table, so that what was trained after it has served none "
            "yet, and there is nothing to decide"
        )
    span = f"what the table holds was trained after {texts[0]} at the earliest and {texts[-1]} at the latest"
    if "earlier" in spells.coords and wanted.positions(_labels(spells, "earlier", periods.what))[0] >= 0:
        raise ValueError(f"{argument}: {name} lies before the table; {span}. Give spell_table a smaller initial")
    near = nearest(name, texts, 3)
    hint = f"; near it are {', '.join(near)}" if near else ""
    raise ValueError(f"{argument}: {name} is no period of the table; {span}{hint}")


def trained_after(spells: xr.Dataset) -> list[Any]:
    """Labels of the periods after which posteriors 0..T-1 were trained; 0 where the first one's is not known."""
    if "deployed_label" in spells.coords:
        return plain_labels(spells["deployed_label"])
    return [0, *plain_labels(spells["label"])[:-1]]


def _labels(spells: xr.Dataset, name: str, what: str) -> Labels:
    return restored_labels(spells[name].values, spells[name].attrs, what)
