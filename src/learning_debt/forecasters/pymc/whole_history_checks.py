"""What a whole history shows before the first fit: whether states along it can go on from period to period."""

from __future__ import annotations

import xarray as xr

from learning_debt.data import Labels, take_rows
from learning_debt.forecasters.pymc.build import Build
from learning_debt.forecasters.pymc.model.coordinate_labels import following
from learning_debt.forecasters.pymc.model.threads import in_workshop
from learning_debt.forecasters.pymc.model_builds import Registry
from learning_debt.forecasters.pymc.model_checks.row_scoring import ordered_dims


@in_workshop
def require_steady_labels(registry: Registry, rows: xr.Dataset, first: int) -> None:
    """Raise unless the model of all rows holds, and its states go on one by one from those of the `first` rows.

    Where no dimension grows, the model of the `first` rows must know every label that comes later.
    """
    if registry.build_model is None:
        return
    build = registry.build(rows)
    if not registry.growing_dims:
        registry.build(take_rows(rows, slice(first), registry.observation_dim)).arguments(
            rows, registry.observation_dim
        )
    if not set(registry.growing_dims) - {registry.observation_dim}:
        return
    dims = _ordered(registry, build, rows)
    build.require_labels_in_order(dims)
    if not dims:
        return
    early = registry.build(take_rows(rows, slice(first), registry.observation_dim))
    for dim in dims:
        labels = build.labels[dim]
        # Of fewer than three labels it is not known yet how they follow each other.
        size = max(3, int((labels.positions(early.labels[dim]) >= 0).sum()))
        known, new = (Labels(labels.index[part], labels.kind, labels.what) for part in (slice(size), slice(size, None)))
        if len(new):
            following(known, new, dim)


def _ordered(registry: Registry, build: Build, rows: xr.Dataset) -> tuple[str, ...]:
    if build.density.scoring is not None:
        return build.density.scoring.ordered
    arguments = build.arguments(rows, registry.observation_dim)
    return ordered_dims(build, {**arguments, "draw": build.graph.reference_draws})
