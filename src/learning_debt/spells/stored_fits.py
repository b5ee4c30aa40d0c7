"""Fits that are looked up before they are made."""

from __future__ import annotations

import copy
import hashlib
import warnings
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import xarray as xr

from learning_debt.data.content_hash import content_hash
from learning_debt.forecasters.base import FIT_SECONDS, Attaching, SampledForecaster
from learning_debt.spells.table_store import NotKeptError, SeriesStore


@dataclass(frozen=True, eq=False)
class StoredFit:
    """`fit` of a forecaster, which keeps what it finds and finds it again."""

    forecaster: SampledForecaster
    store: SeriesStore

    def __call__(self, data: Any, *, row_weight: Any = None, random_seed: int | None = None) -> xr.DataTree:
        """As `Forecaster.fit`. What is given back is what was read, so that it is the same in every run."""
        rows = self.forecaster.as_batch(data)
        weight = b"" if row_weight is None else np.asarray(row_weight, dtype=float).tobytes()
        key = hashlib.sha256(repr((content_hash(rows), weight, random_seed)).encode()).hexdigest()[:32]
        if (found := self.store.fit(key)) is None:
            begun = perf_counter()
            weighted = {} if row_weight is None else {"row_weight": row_weight}
            posterior = self.forecaster.fit(data, **weighted, random_seed=random_seed)
            posterior.attrs[FIT_SECONDS] = perf_counter() - begun
            try:
                self.store.keep_fit(key, _without_statistics(posterior))
            except NotKeptError as reason:
                warnings.warn(
                    f"store: posteriors of this forecaster cannot be kept as netCDF, so that a run that is cut short "
                    f"makes them again ({reason})",
                    UserWarning,
                    stacklevel=2,
                )
                return posterior
            found = self.store.fit(key)
            assert found is not None
        elif isinstance(self.forecaster, Attaching):
            self.forecaster.attach(found, data, row_weight)  # it has seen the rows, as after a fit
        return found


def _without_statistics(posterior: xr.DataTree) -> xr.DataTree:
    """The same fit; of what the sampler tells of each transition, only whether it diverged.

    The others are nineteen variables in nutpie: three times as many bytes as the draws of a small model, and the time
    to write and read them.
    """
    if "sample_stats" not in posterior.children:
        return posterior
    statistics = posterior["sample_stats"].to_dataset()
    kept = statistics.drop_vars([name for name in statistics.data_vars if name != "diverging"])
    return posterior.assign({"sample_stats": xr.DataTree(kept)})


def with_stored_fits(forecaster: SampledForecaster, store: SeriesStore) -> SampledForecaster:
    """The same forecaster, whose fits are kept in a store and not made again."""
    found = copy.copy(forecaster)
    try:
        object.__setattr__(found, "fit", StoredFit(forecaster, store))
    except AttributeError as error:
        raise TypeError(
            f"store: fits of a {type(forecaster).__name__} cannot be looked up first, since its class has __slots__ "
            "without '__dict__'; leave store out"
        ) from error
    return found
