"""One build of a model: its identity, its compiled functions, its entries for what is new."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import xarray as xr

from learning_debt.data import require_time_order
from learning_debt.errors import UnsupportedModelError
from learning_debt.forecasters.pymc.compiled.density import Transforms
from learning_debt.forecasters.pymc.compiled.new_entries import Continuation, Growth
from learning_debt.forecasters.pymc.compiled.simulation import Simulation
from learning_debt.forecasters.pymc.inputs.index_guard import IndexGuard
from learning_debt.forecasters.pymc.inputs.model_data import Columns
from learning_debt.forecasters.pymc.inputs.posterior_draws import PosteriorDraws, read_draws
from learning_debt.forecasters.pymc.model.coordinate_labels import of_column
from learning_debt.forecasters.pymc.model.graph import Arguments
from learning_debt.forecasters.pymc.model.outcomes import Outcome


@dataclass
class Build(Columns):
    """A model built on one data set: which posteriors belong to it, and its compiled functions.

    Attributes
    ----------
    computed : list of str
        `pm.Data` without rows that the builder made itself: part of what identifies the build.
    """

    computed: list[str] = field(default_factory=list)

    @cached_property
    def predictive(self) -> Simulation:
        """Predictive draws of all outcomes."""
        return Simulation(self.graph, self.graph.predictive)

    @cached_property
    def growth(self) -> Growth:
        """Further entries of the free variables."""
        return Growth(self.graph)

    def continuation(self, outcome: Outcome) -> Continuation:
        """Draws of an outcome whose rows are one series, given the rows before."""
        return Continuation(self.graph, outcome.variable, (outcome.row_axis,))

    @cached_property
    def transforms(self) -> Transforms:
        """Natural to unconstrained scale and back."""
        return Transforms(self.graph)

    @cached_property
    def predicting_guard(self) -> IndexGuard:
        """Index checks of the predictive distribution, which has no outcome."""
        return IndexGuard(self.graph, self.graph.predictive, frozenset(self.graph.outcome_data))

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Natural-scale shape of each free variable."""
        return {name: values.shape[1:] for name, values in self.graph.reference_draws.items()}

    @cached_property
    def key(self) -> tuple[str, str, str]:
        """What a posterior must have been fitted with to belong to this build."""
        learned = hashlib.sha256(self.graph.constants.encode())
        for name in self.computed:
            learned.update(np.ascontiguousarray(self.own["data"][name]).tobytes())
        return self.graph.structure, self.graph.layout, learned.hexdigest()[:16]

    @cached_property
    def alike(self) -> tuple[str, str, str]:
        """What builds of one compiled density on the same groups have in common."""
        return self.graph.structure, self.graph.layout, self.graph.constants

    def require_own_labels(self, rows: xr.Dataset, observation_dim: str) -> None:
        """Raise if data to be fitted carry other group labels, as coordinates, than the model was built with."""
        for dim, labels in self.labels.items():
            if dim not in rows.coords or rows.variables[dim].dims != (dim,) or dim == observation_dim:
                continue
            given = of_column(dim, rows.variables[dim].values)
            if not given.same_as(labels):
                raise UnsupportedModelError(
                    f"the data are labelled {given.texts[:8]} along {dim!r}, but the model was made for "
                    f"{labels.texts[:8]}; a ready model cannot change its groups: pass build_model instead"
                )

    def require_labels_in_order(self, dims: tuple[str, ...]) -> None:
        """Raise if states along one of these dimensions follow each other and its labels are not in order of time."""
        for dim in dims:
            require_time_order(
                replace(self.labels[dim], what=f"labels of {dim!r}"),
                f"states along {dim!r} follow each other as its labels stand. Sort them by time in build_model, or use "
                "dates, periods, numbers, or text that sorts as time goes on ('2024-W05')",
            )

    def grow(
        self, draws: PosteriorDraws, arguments: Arguments, rows: int, training: int | None, seed: np.random.SeedSequence
    ) -> dict[str, np.ndarray]:
        """Draws with entries for every label and row of `arguments`.

        `training` is the number of rows, at the beginning, whose entries the posterior holds; None when each row's
        are drawn afresh.
        """
        values = draws.values
        if not self.graph.growing:
            return values
        lengths = {dim: int(length) for dim, length in arguments["length"].items()}
        if self.graph.row_dim in self.graph.growing_dims:
            lengths[str(self.graph.row_dim)] = rows
            if training is None:
                values = self._without_rows(values)
        grown = self.growth.extended(values, arguments, lengths, seed)
        self.growing_guard.check({**arguments, "draw": grown})
        return grown

    def _without_rows(self, values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        cut = dict(values)
        for name, axes in self.graph.growing.items():
            dims = self.graph.dims(name, values[name].ndim - 1)
            for axis in axes:
                if dims[axis] == self.graph.row_dim:
                    cut[name] = cut[name][(slice(None),) * (axis + 1) + (slice(0),)]
        return cut

    def read(self, posterior: xr.DataTree, *, own_labels: bool = True) -> PosteriorDraws:
        """Draws with their labels, checked against this build."""
        return read_draws(self.graph, self.shapes, posterior, own_labels=own_labels)

    def learn_labels(self, rows: xr.Dataset, observation_dim: str) -> None:
        """Find which integer data variables the model's builder made from labels, and refuse changed columns.

        A column that `build_model` alters before it reaches `pm.Data` would be scored unaltered later.
        """
        given = {name: self._variable(name, rows, observation_dim, None) for name in self.graph.data}
        self.computed += [name for name, variable in given.items() if variable is None]
        columns = {
            name: (variable, self.own["data"][name])
            for name, variable in given.items()
            if variable is not None and variable.ndim == self.graph.data[name].ndim
        }
        plain = []
        for name, (variable, own) in columns.items():
            source = self._column(name, rows, observation_dim) or name
            if not self._from_labels(name, source, variable, own):
                plain.append(name)
        for name in plain:
            _require_held(name, columns[name][0].values, columns[name][1])
        arguments = self.arguments(rows, observation_dim)["data"] if plain else {}
        for name in plain:
            own = columns[name][1]
            if arguments[name].shape != own.shape or not np.array_equal(arguments[name], own):
                raise UnsupportedModelError(
                    f"build_model changes {name!r} before it puts it into pm.Data({name!r}), so later rows would be "
                    "scored unchanged; move the computation into prepare(data, fitted), which freezes what it learns "
                    "from the training data"
                )

    def _from_labels(self, name: str, source: str, variable: xr.Variable, own: np.ndarray) -> bool:
        """Whether the builder turned this column of labels into positions; noted, as is a column of positions."""
        dim = self._index_dim(name)
        if own.dtype.kind not in "iu" or dim not in self.labels or variable.shape != own.shape:
            return False
        known = self.labels[dim]
        given = of_column(source, variable.values)
        alike = given.kind == known.kind and known.index.is_unique
        if alike and np.array_equal(given.positions(known).reshape(own.shape), own):
            self.labelled[source] = dim
            return True
        if variable.dtype.kind in "iuf" and np.array_equal(variable.values, own):
            self.counted.add(source)
        return False


def _require_held(name: str, values: np.ndarray, own: np.ndarray) -> None:
    """Raise if `pm.Data`, which keeps whole numbers as int32, holds others than it was given."""
    if values.dtype.kind not in "iu" or own.dtype.kind not in "iu" or values.shape != own.shape or not values.size:
        return
    bounds = np.iinfo(own.dtype)
    if values.min() < bounds.min or values.max() > bounds.max:
        largest = values.flat[np.argmax(np.abs(values.astype(float)))]
        raise UnsupportedModelError(
            f"pm.Data({name!r}) holds whole numbers as {own.dtype}, in which {largest} has no place: give it floats, "
            f"pm.Data({name!r}, data[{name!r}].values.astype(float))"
        )
