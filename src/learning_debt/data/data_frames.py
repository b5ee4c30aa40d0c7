"""Tables of results as data frames, and as plain records."""

from __future__ import annotations

from typing import Any

import pandas as pd
import xarray as xr

from learning_debt.data.label_storage import KIND, restored_labels


def as_frame(dataset: xr.Dataset) -> pd.DataFrame:
    """A table as a data frame by its dimensions, its attributes in ``attrs``; labels are the owner's own again.

    Examples
    --------
    >>> table = xr.Dataset({"total": ("policy", [1.5, 2.0])}, {"policy": ["never", "always"]}, {"unit": "nats"})
    >>> as_frame(table).loc["always", "total"].item(), as_frame(table).attrs
    (2.0, {'unit': 'nats'})
    """
    stored = {name: of for name, of in dataset.variables.items() if KIND in of.attrs and len(of.dims) == 1}
    restored = {
        name: (of.dims[0], restored_labels(of.values, of.attrs).index.astype(object).to_numpy())
        for name, of in stored.items()
    }
    frame = dataset.assign_coords(restored).to_dataframe()
    for name, of in stored.items():
        if name in frame and len(dataset.dims) == 1:
            frame[name] = restored_labels(of.values, of.attrs).index
    frame.attrs = dict(dataset.attrs)
    return frame


def records(dataset: xr.Dataset) -> list[dict[str, Any]]:
    """A table of one dimension as a list of rows.

    Examples
    --------
    >>> records(xr.Dataset({"total": ("policy", [1.5, 2.0])}, {"policy": ["never", "always"]}))
    [{'policy': 'never', 'total': 1.5}, {'policy': 'always', 'total': 2.0}]
    """
    return [
        {str(key): value for key, value in row.items()} for row in as_frame(dataset).reset_index().to_dict("records")
    ]
