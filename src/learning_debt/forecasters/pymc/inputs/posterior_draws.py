"""Draws of a posterior, from whichever sampler, checked against the model they are said to belong to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from learning_debt.errors import IncomparablePosteriorsError
from learning_debt.forecasters.convergence import not_finite
from learning_debt.forecasters.pymc.model.coordinate_labels import GroupLabels, different, of_model, of_posterior
from learning_debt.forecasters.pymc.model.graph import ModelGraph
from learning_debt.validation import suggestion


@dataclass(frozen=True)
class PosteriorDraws:
    """Draws of the free variables, sample axis first, with the labels of their other axes."""

    values: dict[str, np.ndarray]
    chains: int
    draws: int
    labels: GroupLabels
    lengths: dict[str, int]

    @property
    def samples(self) -> int:
        """Chains times draws."""
        return self.chains * self.draws


def posterior_group(posterior: Any) -> xr.Dataset:
    """The draws of a posterior, as a dataset."""
    if not isinstance(posterior, xr.DataTree):
        raise TypeError(f"a posterior is an xarray.DataTree with a group 'posterior', not {type(posterior).__name__}")
    if "posterior" not in posterior.children:
        raise ValueError(f"the DataTree has no group 'posterior'; its groups are {sorted(posterior.children)}")
    dataset = posterior.children["posterior"].dataset
    for dim in ("chain", "draw"):
        if dim not in dataset.dims:
            raise ValueError(
                f"the posterior has no dimension {dim!r}; its dimensions are {sorted(map(str, dataset.dims))}"
            )
    return dataset


def read_draws(
    graph: ModelGraph, shapes: dict[str, tuple[int, ...]], posterior: xr.DataTree, *, own_labels: bool = True
) -> PosteriorDraws:
    """Draws with their labels, checked against a model whose free variables have these `shapes`.

    With ``own_labels=False`` the posterior's group labels are taken as the truth: the model only lends its graph.
    """
    dataset = posterior_group(posterior)
    missing = [rv.name for rv in graph.free if rv.name not in dataset.variables]
    if missing:
        present = sorted(map(str, dataset.data_vars))
        raise IncomparablePosteriorsError(
            f"the posterior lacks the model's free variable {missing[0]!r}{suggestion(missing[0], present)} "
            f"(it has {present}); it belongs to another model"
        )
    values, labels, lengths = {}, {}, {}
    for rv in graph.free:
        variable = dataset.variables[rv.name]
        if variable.dims[:2] != ("chain", "draw"):
            variable = variable.transpose("chain", "draw", ...)
        dims = graph.dims(rv.name, rv.ndim)
        _check_draws(graph, rv.name, variable, shapes[rv.name], dataset, own_labels)
        for axis, dim in enumerate(dims):
            if dim is not None:
                lengths[dim] = variable.shape[axis + 2]
                if dim in dataset.variables and dim != graph.row_dim:
                    labels[dim] = of_posterior(dim, dataset)
        values[rv.name] = _typed(rv.name, variable.values, str(rv.dtype)).reshape(-1, *variable.shape[2:])
    chains, draws = variable.shape[:2]
    return PosteriorDraws(values, chains, draws, labels, lengths)


def _typed(name: str, values: np.ndarray, dtype: str) -> np.ndarray:
    """Draws in the type of their variable: states drawn on from whole numbers would be cut to whole numbers."""
    if values.dtype.kind not in "biuf":
        raise ValueError(f"the posterior's draws of {name!r} must be numbers, not {values.dtype}")
    typed = values.astype(dtype, copy=False)
    if typed.dtype.kind in "biu" and (typed != values).any():
        raise ValueError(f"the posterior's draws of {name!r} must be whole numbers ({dtype}), as the model has it")
    return typed


def _check_draws(
    graph: ModelGraph,
    name: str,
    variable: xr.Variable,
    shape: tuple[int, ...],
    dataset: xr.Dataset,
    own_labels: bool,
) -> None:
    dims = graph.dims(name, len(shape))
    if variable.ndim != len(dims) + 2:
        raise IncomparablePosteriorsError(
            f"{name!r} has {variable.ndim - 2} dimension(s) in the posterior and {len(dims)} in the model"
        )
    for axis, dim in enumerate(dims):
        size, expected = variable.shape[axis + 2], shape[axis]
        free = (not own_labels and dim in graph.lengths) or dim in graph.growing_dims
        if dim is not None and graph.coords.get(dim) is not None:
            _require_labels(name, dim, str(variable.dims[axis + 2]), dataset, None if free else graph.coords[dim])
        if size != expected and not free:
            raise IncomparablePosteriorsError(
                f"{name!r} has length {size} along {dim or f'axis {axis}'!r} in the posterior, {expected} in the model"
            )
    if variable.shape[0] * variable.shape[1] == 0:
        raise ValueError("the posterior holds no draws")
    if wrong := not_finite(dataset[name]):
        raise ValueError(f"the posterior's draws of {name!r} are not all finite: {wrong}")


def _require_labels(name: str, dim: str, given_dim: str, dataset: xr.Dataset, coordinate: Any) -> None:
    if given_dim != dim or dim not in dataset.variables:
        raise IncomparablePosteriorsError(
            f"{name!r} runs along {dim!r} with labels in the model, but along {given_dim!r} without them in the "
            "posterior; assign the coordinate so that labels can be matched, not positions"
        )
    if coordinate is None:
        return
    given, expected = of_posterior(dim, dataset), of_model(dim, coordinate)
    if given.same_as(expected):
        return
    unlike = different(given, expected)
    what = f"differ in {unlike[:8]}" if unlike else "are in another order"
    raise IncomparablePosteriorsError(
        f"the labels of {dim!r} in the posterior and in the model {what}; they belong to different groups, between "
        "which there is no posterior debt (predictive debt only)"
    )


def labelled_draws(values: dict[str, np.ndarray], sizes: tuple[int, int], posterior: xr.DataTree) -> xr.Dataset:
    """Values of free variables, sample axis first, as a ``posterior`` group of so many chains and draws.

    The labels of their other axes are those of `posterior`.
    """
    known = posterior_group(posterior)
    variables = {}
    for name, array in values.items():
        dims = [dim for dim in known[name].dims if dim not in ("chain", "draw")]
        variables[name] = (("chain", "draw", *dims), array.reshape(*sizes, *array.shape[1:]))
    used = {dim for dims, _ in variables.values() for dim in dims[2:]}
    labels = {dim: known.coords[dim].variable for dim in used if dim in known.coords}
    return xr.Dataset(variables, coords={"chain": np.arange(sizes[0]), "draw": np.arange(sizes[1]), **labels})
