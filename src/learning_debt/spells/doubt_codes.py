"""Doubts as a spell table holds them: one small whole number a cell, whose names stand in its attributes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.data import SERIES
from learning_debt.doubt import Doubt
from learning_debt.spells.schema import doubt_of

NONE = "none"


def code_of(doubts: Iterable[Doubt]) -> int:
    """What a cell holds of these doubts: the code of the first one, 0 for none.

    Examples
    --------
    >>> code_of([Doubt.NO_OVERLAP, Doubt.NO_JOINT_DENSITY]) == Doubt.NO_OVERLAP.code
    True
    """
    return next((doubt.code for doubt in doubts), 0)


def code_attributes() -> dict[str, Any]:
    """The codes and their names, as the CF conventions have them: ``flag_values`` and ``flag_meanings``."""
    names = [NONE, *(doubt.name.lower() for doubt in Doubt)]
    values = np.array([0, *(doubt.code for doubt in Doubt)], dtype=np.int8)
    return {"flag_values": values, "flag_meanings": " ".join(names)}


def decoded(codes: xr.DataArray) -> list[Doubt]:
    """The doubt of every cell that has one, by the names that the variable's attributes give its codes.

    A name that this release does not know, as of a later one's table, is left out.

    Examples
    --------
    >>> decoded(xr.DataArray([0, Doubt.SLOPE.code], attrs=code_attributes()))
    [<Doubt.SLOPE>]
    """
    known = _known(codes)
    return [known[code] for code in _present(codes).ravel().tolist() if code in known]


def doubts_each(cells: xr.Dataset, name: str) -> list[tuple[Doubt, ...]]:
    """What a table doubts about a signal, or about ``converged`` and its like, in one cell of each series.

    Parameters
    ----------
    cells : Dataset
        Dims (series), or none.
    name : str

    Examples
    --------
    >>> codes = xr.DataArray([Doubt.SLOPE.code, 0], dims="series", attrs=code_attributes())
    >>> doubts_each(xr.Dataset({"debt_doubt": codes}), "debt")
    [(<Doubt.SLOPE>,), ()]
    """
    count = cells.sizes.get(SERIES, 1)
    if doubt_of(name) not in cells:
        return [()] * count
    codes = cells[doubt_of(name)]
    known = _known(codes)
    present = np.broadcast_to(_present(codes), count).tolist()
    return [(known[code],) if code in known else () for code in present]


def _known(codes: xr.DataArray) -> dict[int, Doubt]:
    attributes = codes.attrs if "flag_meanings" in codes.attrs else code_attributes()
    values = np.atleast_1d(attributes["flag_values"]).tolist()
    names = dict(zip(values, str(attributes["flag_meanings"]).split(), strict=True))
    return {code: Doubt[name.upper()] for code, name in names.items() if name.upper() in Doubt.__members__}


def _present(codes: xr.DataArray) -> NDArray[np.int64]:
    return np.nan_to_num(np.asarray(codes.values, dtype=float)).astype(np.int64)
