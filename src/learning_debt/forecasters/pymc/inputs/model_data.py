"""What a model's `pm.Data` take from named rows: order, labels, types and lengths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np
import xarray as xr

from learning_debt.data import Labels, not_numbers, require_usable, require_variables
from learning_debt.forecasters.pymc.compiled.density import Density
from learning_debt.forecasters.pymc.inputs.index_guard import IndexGuard
from learning_debt.forecasters.pymc.inputs.posterior_draws import PosteriorDraws
from learning_debt.forecasters.pymc.model.coordinate_labels import (
    GroupLabels,
    encode,
    extended,
    of_column,
    of_model,
    require_labels,
)
from learning_debt.forecasters.pymc.model.graph import Arguments, ModelGraph

MOST_NEW_ENTRIES = 10_000
"""Entries along a growing dimension without labels beyond which a position is taken for an error."""


@dataclass
class Columns:
    """The data variables of a model built on one data set.

    Attributes
    ----------
    graph : ModelGraph
    density : Density
        Compiled functions, shared by builds that compute the same.
    labelled : dict of str to str
        Columns of labels that the model's builder turned into positions, with the dimension whose labels they are.
    counted : set of str
        Columns of positions.
    listing : callable
        Labels that the model has along a dimension when it is built on other rows; None where that is not known.
    """

    graph: ModelGraph
    density: Density
    labelled: dict[str, str] = field(default_factory=dict)
    counted: set[str] = field(default_factory=set)
    listing: Callable[[xr.Dataset, str], Labels | None] = lambda _rows, _dim: None

    @cached_property
    def own(self) -> Arguments:
        """Data and lengths the model was built with."""
        return self.graph.own

    @cached_property
    def labels(self) -> GroupLabels:
        """Labels of the model's dimensions, other than the rows'."""
        return {
            dim: of_model(dim, values)
            for dim, values in self.graph.coords.items()
            if values is not None and dim != self.graph.row_dim
        }

    @cached_property
    def scoring_guard(self) -> IndexGuard:
        """Index checks of the log density."""
        return IndexGuard(self.graph, self.graph.pointwise)

    @cached_property
    def growing_guard(self) -> IndexGuard:
        """Index checks of the priors that new entries are drawn from."""
        growing = [rv for rv in self.graph.free if rv.name in self.graph.growing]
        return IndexGuard(self.graph, [self.graph.random([rv])[0] for rv in growing])

    def lacks_static(self, rows: xr.Dataset) -> bool:
        """Whether a `pm.Data` that does not run along the rows is left out of them."""
        return any(name not in rows.variables and not self._runs_along_rows(name) for name in self.graph.data)

    def require_rows(self, rows: xr.Dataset, observation_dim: str) -> None:
        """Raise, naming the first covariate that the rows lack, or the first column used that has a gap or the like."""
        for name in self.graph.data:
            if name not in self.graph.outcome_data or name in rows.variables:
                self._variable(name, rows, observation_dim, None)

    def arguments(
        self,
        rows: xr.Dataset,
        observation_dim: str,
        *,
        draws: PosteriorDraws | None = None,
        static: xr.Dataset | None = None,
        outcome: bool = True,
        labelled: xr.Dataset | None = None,
    ) -> Arguments:
        """Data and lengths for these rows.

        `static` holds what the rows may leave out: variables without observation dimension, from the training data.
        Labels and group sizes come from `draws`, else from the model itself; new labels from `labelled`, the rows
        together with those before them.
        """
        labels = self.known_labels(rows if labelled is None else labelled, observation_dim, draws)
        count = rows.sizes[observation_dim]
        data, along_rows = {}, set()
        for name, argument in self.graph.data.items():
            row_axis = self.row_axis(name)
            dims = self.graph.dims(name, argument.ndim)
            if name in self.graph.outcome_data and not outcome and name not in rows.variables:
                shape = list(self.own["data"][name].shape)
                shape[row_axis or 0] = count
                data[name] = np.zeros(shape, dtype=argument.dtype)
                along_rows.add(dims[row_axis or 0])
                continue
            variable = self._variable(name, rows, observation_dim, static)
            if variable is None:
                data[name] = self.own["data"][name]
                continue
            if name in self.graph.outcome_data and observation_dim not in variable.dims:
                raise ValueError(f"outcome {name!r} must run along {observation_dim!r}, not {variable.dims}")
            variable = _in_order(name, variable, dims, argument.ndim, observation_dim, row_axis)
            variable = self._by_label(variable, dims, rows, labels)
            source = self._column(name, rows, observation_dim) or name
            data[name] = self._values(name, source, variable, labels)
            if observation_dim in variable.dims:
                along_rows.add(dims[variable.dims.index(observation_dim)])
            self._check_shape(name, data[name], variable.dims, observation_dim)
            if not set(dims) & set(self.graph.growing_dims):
                require_labels(name, variable, dims, rows, labels, observation_dim)
        lengths = self._lengths(along_rows, count, draws, labels, data)
        self._check_lengths(data, lengths, along_rows)
        return {"data": data, "length": lengths}

    def _by_label(self, variable: xr.Variable, dims: tuple, rows: xr.Dataset, labels: GroupLabels) -> xr.Variable:
        """Attributes of groups that may grow, in the order in which this posterior has the groups."""
        for dim, model_dim in zip(variable.dims, dims, strict=True):
            if model_dim not in self.graph.growing_dims or model_dim not in labels or dim not in rows.coords:
                continue
            if dim not in rows.dims:
                continue
            positions = labels[model_dim].positions(of_column(str(dim), rows.variables[dim].values))
            if (positions >= 0).all():
                variable = variable.isel({dim: positions})
        return variable

    def known_labels(self, rows: xr.Dataset, observation_dim: str, draws: PosteriorDraws | None) -> GroupLabels:
        """Labels of the posterior (of the model itself without one), and the rows' new ones where they may grow."""
        labels = self.labels if draws is None else {**self.labels, **draws.labels}
        if draws is None:
            return labels
        ordered = self.density.scoring.ordered if self.density.scoring is not None else ()
        given: dict[str, list[Labels]] = {}
        for name, dim in self.index_dims.items():
            if dim not in self.graph.growing_dims or dim not in labels:
                continue
            variable = self._variable(name, rows, observation_dim, None)
            source = self._column(name, rows, observation_dim) or name
            if variable is not None and self._label_dim(name, source, variable, labels) == dim:
                given.setdefault(dim, []).append(of_column(source, variable.values))
        for dim, columns in given.items():
            listed = partial(self.listing, rows, dim)
            labels = {**labels, dim: extended(labels[dim], columns, dim, dim in ordered, listed)}
        return labels

    def _variable(
        self, name: str, rows: xr.Dataset, observation_dim: str, static: xr.Dataset | None
    ) -> xr.Variable | None:
        column = self._column(name, rows, observation_dim)
        if column is not None:
            require_usable(rows, [column])
            return rows.variables[column]
        if static is not None and name in static.variables and observation_dim not in static.variables[name].dims:
            return static.variables[name]
        if self._runs_along_rows(name):
            try:
                require_variables(rows, [name], "the data")
            except KeyError as error:
                raise KeyError(
                    f"{error.args[0]}. Every pm.Data along the rows is looked up by its name; what build_model "
                    "computes from other columns belongs in prepare(data, fitted)"
                ) from None
        return None

    def _column(self, name: str, rows: xr.Dataset, observation_dim: str) -> str | None:
        """Which column of the rows a data variable is taken from: its own, or that of the labels it indexes."""
        if name in rows.variables:
            return name
        dim = self._index_dim(name) if self._runs_along_rows(name) else None
        labels = dim is not None and dim in rows.variables and rows.variables[dim].dims == (observation_dim,)
        return dim if labels else None

    def used_columns(self, rows: xr.Dataset, observation_dim: str) -> set[str]:
        """The columns of the rows that the model's data are taken from."""
        found = (self._column(name, rows, observation_dim) for name in self.graph.data)
        return {name for name in found if name is not None}

    def _runs_along_rows(self, name: str) -> bool:
        return self.row_axis(name) is not None

    def row_axis(self, name: str) -> int | None:
        """Axis of a data variable that runs over the rows, if one does."""
        for outcome in self.graph.outcomes:
            if name == outcome.data:
                return outcome.row_axis
        dims, shape = self.graph.dims(name, self.graph.data[name].ndim), self.own["data"][name].shape
        if any(dim is not None for dim in dims) and self.graph.row_dim is not None:
            return dims.index(self.graph.row_dim) if self.graph.row_dim in dims else None
        first = self.graph.outcomes[0]
        rows = self.own["data"][first.data].shape[first.row_axis]
        return 0 if len(shape) > 0 and shape[0] == rows else None

    def own_rows(self, observation_dim: str) -> xr.Dataset:
        """The data the model was built with, as rows."""
        variables = {}
        for name, values in self.own["data"].items():
            axis = self.row_axis(name)
            dims = [f"{name}_dim_{k}" if k != axis else observation_dim for k in range(values.ndim)]
            variables[name] = (dims, values)
        return xr.Dataset(variables)

    def first_rows(self, arguments: Arguments, count: int) -> Arguments:
        """Arguments of the first `count` rows only."""
        data = {
            name: values
            if (axis := self.row_axis(name)) is None
            else np.moveaxis(np.moveaxis(values, axis, 0)[:count], 0, axis)
            for name, values in arguments["data"].items()
        }
        lengths = dict(arguments["length"])
        if self.graph.row_dim in lengths:
            lengths[str(self.graph.row_dim)] = np.asarray(count, dtype="int64")
        return {**arguments, "data": data, "length": lengths}

    @cached_property
    def index_dims(self) -> dict[str, str | None]:
        """The dimension each data variable indexes, if it is an index."""
        guards = (self.scoring_guard, self.growing_guard)
        return {name: next(filter(None, (g.indexed_dim(name) for g in guards)), None) for name in self.graph.data}

    def _index_dim(self, name: str) -> str | None:
        return self.index_dims[name]

    def _values(self, name: str, source: str, variable: xr.Variable, labels: GroupLabels) -> np.ndarray:
        dim = self._label_dim(name, source, variable, labels)
        if dim is not None:
            codes = encode(source, variable.values, dim, labels)
            return codes.astype(self.graph.data[name].dtype)
        if variable.dtype.kind not in "iufb":
            raise ValueError(f"{not_numbers(name, variable.values)}; pm.Data {name!r} takes numbers")
        return self._uncut(name, variable.values)

    def _uncut(self, name: str, values: np.ndarray) -> np.ndarray:
        """Numbers in the type of their argument; raises where that would change one."""
        dtype = self.graph.data[name].dtype
        rounded = values.dtype.kind == "f" and name in self.graph.whole and values != np.round(values)
        if np.any(rounded):
            place = np.argwhere(rounded)[0]
            raise ValueError(
                f"data variable {name!r} must hold whole numbers; row {place[0]} holds {values[tuple(place)]}, and the "
                "model counts by them or takes them for positions"
            )
        with np.errstate(invalid="ignore"):  # numbers too large are found below
            cast = values.astype(dtype, copy=False)
        if dtype == "bool" or cast.dtype.kind in "iu":
            other = np.argwhere(cast != values)
            if len(other):
                held = "True or False" if dtype == "bool" else f"numbers that fit into {dtype}"
                raise ValueError(
                    f"data variable {name!r} must hold {held}, the type that pm.Data {name!r} was built with; row "
                    f"{other[0][0]} holds {values[tuple(other[0])]}"
                )
        return cast

    def _label_dim(self, name: str, source: str, variable: xr.Variable, labels: GroupLabels) -> str | None:
        """The dimension whose labels the column `source` holds; None where it holds numbers or positions.

        A column of whole numbers named after a dimension holds its labels, unless the model was built with it as
        positions. In a column named as the `pm.Data` itself they are positions, unless the model was built from labels.
        """
        if self.own["data"][name].dtype.kind not in "iu":
            return None
        numbers = variable.dtype.kind in "iufb"
        dim = self._index_dim(name)
        if source in self.labelled:
            return self.labelled[source]
        if numbers and (source in self.counted or source == name or dim not in labels):
            return None
        if dim is not None and dim in labels:
            return dim
        given = of_column(name, variable.values)
        fitting = [
            dim
            for dim, known in labels.items()
            if known.kind == given.kind and known.index.is_unique and (given.positions(known) >= 0).any()
        ]
        if len(fitting) != 1:
            raise ValueError(
                f"data variable {name!r} holds labels, and it is not clear which coordinate of the model they belong "
                f"to ({sorted(labels)}); give coords to the dimension it indexes"
            )
        return fitting[0]

    def _check_shape(self, name: str, values: np.ndarray, dims: tuple, observation_dim: str) -> None:
        own = self.own["data"][name].shape
        for axis, dim in enumerate(dims):
            model_dim = self.graph.dims(name, len(own))[axis]
            if dim != observation_dim and model_dim not in self.graph.lengths and values.shape[axis] != own[axis]:
                raise ValueError(
                    f"data variable {name!r} has length {values.shape[axis]} along axis {axis}, "
                    f"but the model was built with {own[axis]}"
                )

    def _lengths(
        self,
        along_rows: set,
        count: int,
        draws: PosteriorDraws | None,
        labels: GroupLabels,
        data: dict[str, np.ndarray],
    ) -> dict[str, np.ndarray]:
        lengths = {}
        for dim in self.graph.lengths:
            known = {} if draws is None else draws.lengths
            length = count if dim in along_rows else known.get(dim, self.own["length"][dim])
            if dim in self.graph.growing_dims and dim not in along_rows and draws is not None:
                length = self._grown(dim, int(length), labels, data)
            lengths[dim] = np.asarray(length, dtype="int64")
        return lengths

    def _grown(self, dim: str, length: int, labels: GroupLabels, data: dict[str, np.ndarray]) -> int:
        """Length that the rows at hand ask for: by their labels, or by the largest position."""
        if dim in labels:
            return len(labels[dim])
        for name, index_dim in self.index_dims.items():
            if index_dim != dim or not data[name].size:
                continue
            last = int(data[name].max())
            if last >= length + MOST_NEW_ENTRIES:
                raise ValueError(
                    f"data variable {name!r} gives the position {last} along {dim!r}, of which the posterior holds "
                    f"{length}: a typing error? At most {MOST_NEW_ENTRIES} entries are drawn anew"
                )
            length = max(length, last + 1)
        return length

    def _check_lengths(self, data: dict[str, np.ndarray], lengths: dict[str, np.ndarray], along_rows: set) -> None:
        for name, values in data.items():
            for axis, dim in enumerate(self.graph.dims(name, values.ndim)):
                if dim in lengths and dim not in along_rows and values.shape[axis] != int(lengths[dim]):
                    raise ValueError(
                        f"data variable {name!r} has length {values.shape[axis]} along {dim!r}; the posterior has "
                        f"{int(lengths[dim])} entries there"
                    )


def _in_order(
    name: str, variable: xr.Variable, dims: tuple, ndim: int, observation_dim: str, row_axis: int | None
) -> xr.Variable:
    if variable.ndim != ndim:
        raise ValueError(f"data variable {name!r} has {variable.ndim} dimension(s); pm.Data {name!r} has {ndim}")
    if ndim > 1 and None not in dims and variable.dims != dims and set(variable.dims) == set(dims):
        return variable.transpose(*dims)
    if observation_dim in variable.dims and row_axis is not None and variable.dims.index(observation_dim) != row_axis:
        others = [dim for dim in variable.dims if dim != observation_dim]
        return variable.transpose(*others[:row_axis], observation_dim, *others[row_axis:])
    return variable
