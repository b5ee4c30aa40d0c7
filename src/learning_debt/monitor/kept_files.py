"""Posteriors and rows as files: netCDF, which holds numbers and text and nothing that runs."""

from __future__ import annotations

from io import BytesIO
from typing import Literal

import numpy as np
import xarray as xr

from learning_debt.arrays.conjugate.nig import NIG, as_nig
from learning_debt.data import restored_dataset, stored_dataset

ENGINE: Literal["h5netcdf"] = "h5netcdf"


def rows_to_bytes(rows: xr.Dataset) -> bytes:
    """Rows as they came.

    Raises
    ------
    ValueError
        If a column holds what no file can.
    """
    try:
        return bytes(stored_dataset(rows).to_netcdf(engine=ENGINE))
    except Exception as error:  # of xarray or of the file's library, each with its own
        raise ValueError(
            f"the rows cannot be kept as netCDF ({type(error).__name__}: {error}); leave out the columns that no model "
            "uses, or turn them into numbers, text or dates"
        ) from error


def rows_from_bytes(content: bytes) -> xr.Dataset:
    """What `rows_to_bytes` wrote."""
    return restored_dataset(xr.load_dataset(BytesIO(content), engine=ENGINE))


def exact_to_bytes(posterior: NIG) -> bytes:
    """A normal-inverse-gamma posterior."""
    mean = np.asarray(posterior.mean)
    rows = xr.Dataset(
        {
            "mean": ("coefficient", mean),
            "precision": (("coefficient", "coefficient_column"), np.asarray(posterior.precision)),
            "shape": ((), float(posterior.shape)),
            "rate": ((), float(posterior.rate)),
        }
    )
    return bytes(rows.to_netcdf(engine=ENGINE))


def exact_from_bytes(content: bytes) -> NIG:
    """What `exact_to_bytes` wrote, checked.

    Raises
    ------
    ValueError
    """
    stored = xr.load_dataset(BytesIO(content), engine=ENGINE)
    parts = [np.asarray(stored[name].values, dtype=float) for name in NIG._fields]
    as_nig(NIG(*parts))
    return NIG(*parts)


def draws_to_bytes(posterior: xr.DataTree) -> bytes:
    """A posterior of draws.

    Raises
    ------
    ValueError
        If it holds what no file can.
    """
    try:
        return bytes(posterior.to_netcdf(engine=ENGINE))
    except Exception as error:  # of xarray or of the file's library, each with its own
        raise ValueError(f"the posterior cannot be kept as netCDF ({type(error).__name__}: {error})") from error


def draws_from_bytes(content: bytes) -> xr.DataTree:
    """What `draws_to_bytes` wrote."""
    return xr.load_datatree(BytesIO(content), engine=ENGINE)
