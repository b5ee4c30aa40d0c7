"""What tells a forecaster from others, so that a changed one does not go on in another's place unseen."""

from __future__ import annotations

from typing import Any

import xarray as xr

from learning_debt.data.content_hash import object_hash
from learning_debt.forecasters.base import Fingerprinted, Forecaster
from learning_debt.forecasters.conjugate_regression import ConjugateRegression


def identity_at(forecaster: Forecaster, rows: xr.Dataset | None) -> str:
    """Name of its class and its own fingerprint, or, where it has none, a hash of all that it holds.

    `rows` are those of the first fit, which a model is built at; an exact forecaster needs none.
    """
    kind = type(forecaster)
    told = forecaster.fingerprint(rows) if isinstance(forecaster, Fingerprinted) else object_hash(forecaster)
    return f"{kind.__module__}.{kind.__qualname__} {told[:32]}"


def needs_rows(forecaster: Any) -> bool:
    """Whether `identity_at` looks at rows."""
    return isinstance(forecaster, Fingerprinted) and not isinstance(forecaster, ConjugateRegression)
