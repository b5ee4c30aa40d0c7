"""A built `pm.Model` read as graphs whose draws, data and dimension lengths are explicit arguments.

Everything a model's answer may depend on is made an argument here, by identity: the free variables, every `pm.Data`
and every dimension length. What remains in the graphs are constants (the values that other shared variables hold among
them), so two builds of one model can be compared.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Any

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
from pymc.logprob.basic import transformed_conditional_logp
from pymc.pytensorf import compile as compile_pymc
from pytensor.compile.mode import Mode
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Constant, Variable, equal_computations
from pytensor.graph.replace import clone_replace, graph_replace
from pytensor.graph.traversal import graph_inputs
from pytensor.tensor.random.type import RandomType

from learning_debt.forecasters.base import ROW_WEIGHT
from learning_debt.forecasters.pymc.model.coordinate_labels import of_model
from learning_debt.forecasters.pymc.model.fingerprint import arrays, fingerprint
from learning_debt.forecasters.pymc.model.outcomes import GAUSSIAN, Outcome, row_outcomes
from learning_debt.forecasters.pymc.model.threads import WORKSHOP, one_at_a_time
from learning_debt.forecasters.pymc.model.whole_numbers import as_float, cut_by_model, inputs_by_value, takes_fractions

# Runs each operation as numpy would. Compiles in milliseconds, which is what checks on a handful of draws need.
PYTHON_MODE = Mode(linker="py", optimizer="fast_compile")

Arguments = dict[str, dict[str, np.ndarray]]
"""Values by kind ("draw", "data", "length", "value" or "weight"), then by name."""


def compile_python(inputs: list[Variable], outputs: Any) -> Any:
    """Compile without a compiler: for checks, transforms and predictive draws."""
    with WORKSHOP, pytensor.config.change_flags(cxx=""):  # or the inside of a Scan would be compiled, for a minute
        options = {"mode": PYTHON_MODE, "random_seed": False, "on_unused_input": "ignore"}
        return one_at_a_time(compile_pymc(inputs, outputs, **options))


def _same_value(first: Any, second: Any) -> bool:
    if hasattr(first, "indptr"):
        return first.shape == second.shape and (first != second).nnz == 0
    return np.array_equal(first, second, equal_nan=np.asarray(first).dtype.kind == "f")


class ModelGraph:
    """Graphs of one built model.

    Parameters
    ----------
    model : pm.Model
    observation_dim : str
        Name of the dimension over observations in the data.
    growing_dims : tuple of str
        Dimensions (as named in the data) along which free variables take new entries.
    columns : frozenset of str, optional
        Data variables that run along the rows, where data are at hand.
    fractions : bool
        Whether `pm.Data` of whole numbers become float arguments where the model computes with them.

    Attributes
    ----------
    outcomes : tuple of Outcome
        Observed variables along the rows. Any others belong to the prior.
    fractional : frozenset of str
        `pm.Data` of whole numbers whose arguments are floats, so that no batch is cut.
    draws, data, lengths, values, weights : dict of str to TensorVariable
        Arguments: natural-scale free variables, `pm.Data`, lengths of dimensions held by the model,
        unconstrained free variables (by name of the free variable), and the weights of the rows.
    """

    def __init__(
        self,
        model: pm.Model,
        observation_dim: str = "obs",
        growing_dims: tuple[str, ...] = (),
        columns: frozenset[str] | None = None,
        fractions: bool = True,
    ) -> None:
        self.model = model
        self._read_with = (observation_dim, growing_dims, columns)
        self.free = tuple(model.free_RVs)
        self.outcomes: tuple[Outcome, ...] = row_outcomes(model, observation_dim, columns)
        self.draws = {rv.name: rv.type(name=f"draw_{rv.name}") for rv in self.free}
        self.values = {rv.name: model.rvs_to_values[rv].type(name=f"value_{rv.name}") for rv in self.free}
        self.fractional = takes_fractions(model) if fractions else frozenset()
        self.data = {
            variable.name: as_float(variable)
            if variable.name in self.fractional
            else variable.type(name=f"data_{variable.name}")
            for variable in model.data_vars
        }
        self.lengths = {
            dim: length.type(name=f"length_{dim}")
            for dim, length in model.dim_lengths.items()
            if isinstance(length, SharedVariable)
        }
        self.weights = {ROW_WEIGHT: pt.dvector("argument_row_weight")}
        self._held: dict[Variable, Constant] = {}
        self._known: dict[Variable, Variable] = {variable: self.data[variable.name] for variable in model.data_vars}
        self._known |= {model.dim_lengths[dim]: argument for dim, argument in self.lengths.items()}
        first = self.outcomes[0]
        self.row_dim: str | None = (
            self.dims(first.data, first.variable.ndim)[first.row_axis]
            or self.dims(first.name, first.variable.ndim)[first.row_axis]
        )
        """The model's own name of the dimension over observations."""
        with WORKSHOP:  # or another thread may be at the data of a model that is ready
            self.own = self.own_arguments()
            self._coords = dict(model.coords)
        """Data and lengths that the model was read with."""
        self.growing_dims = tuple(self.row_dim if dim == observation_dim else dim for dim in growing_dims)

    def as_built(self) -> ModelGraph:
        """The same model in the types of its own `pm.Data`, as a sampler computes it."""
        return ModelGraph(self.model, *self._read_with, fractions=False)

    @property
    def coords(self) -> dict[str, tuple | None]:
        """Labels of each dimension; None where the model has none."""
        return dict(self._coords)

    @property
    def outcome_data(self) -> tuple[str, ...]:
        """Names of the `pm.Data` that hold the outcomes."""
        return tuple(outcome.data for outcome in self.outcomes)

    @property
    def observed(self) -> list[Variable]:
        """The observed random variables along the rows."""
        return [outcome.variable for outcome in self.outcomes]

    @cached_property
    def growing(self) -> dict[str, tuple[int, ...]]:
        """Axes along which each free variable takes new entries."""
        axes = {
            rv.name: tuple(axis for axis, dim in enumerate(self.dims(rv.name, rv.ndim)) if dim in self.growing_dims)
            for rv in self.free
        }
        return {name: found for name, found in axes.items() if found}

    def dims(self, name: str, ndim: int) -> tuple[str | None, ...]:
        """Dimension names of a model variable, None where it has none."""
        return tuple(self.model.named_vars_to_dims.get(name) or (None,) * ndim)

    def _with_arguments(self, outputs: list[Variable], more: dict[Variable, Variable]) -> list[Variable]:
        return clone_replace(self._frozen(outputs), replace={**self._known, **more}, rebuild_strict=False)

    def _frozen(self, outputs: list[Variable]) -> list[Variable]:
        """The same graph with the numbers that shared variables hold now: data are what `pm.Data` hold, nothing else.

        They are constants of this build, so that a build with other numbers is seen to be another one.
        """
        for variable in graph_inputs(outputs):
            aside = variable in self._known or variable in self._held or isinstance(variable.type, RandomType)
            if isinstance(variable, SharedVariable) and not aside:
                value = variable.get_value(borrow=False)
                self._held[variable] = variable.type.make_constant(value, name=variable.name)
        return clone_replace(outputs, replace=self._held) if self._held else outputs

    @cached_property
    def _arrays(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Constant arrays, which PyTensor does not copy, beside what they held when the graph was read."""
        return [(array, array.copy()) for array in arrays(self._generative)]

    @property
    def rewritten(self) -> str:
        """Which constant array was changed in place since the graph was read, in words; nothing where none was."""
        changed = [array for array, before in self._arrays if not _same_value(array, before)]
        return f"an array of shape {changed[0].shape} that the model uses was changed in place" if changed else ""

    @property
    def moved(self) -> str:
        """As `rewritten`, also of shared variables, whose values the sampler takes from the model."""
        for variable, held in self._held.items():
            if not _same_value(variable.get_value(borrow=True), held.data):
                return f"the pytensor.shared variable {variable.name or 'without a name'!r} was given another value"
        return self.rewritten

    @cached_property
    def pointwise(self) -> list[Variable]:
        """log p(y_n | rows before n, theta) of each outcome, shape (observation,), of `draws`, `data` and `lengths`.

        Of a path it is the log density of all rows together, a scalar.
        """
        natural = {rv: self.draws[rv.name] for rv in self.free}
        values = {rv: self.model.rvs_to_values[rv] for rv in self.observed}
        joints = transformed_conditional_logp(
            self.observed, rvs_to_values={**natural, **values}, rvs_to_transforms={}, jacobian=False
        )
        terms = [
            outcome.gaussian_terms(values[outcome.variable])
            if outcome.spans_rows and outcome.operation == GAUSSIAN
            else outcome.row_terms(joint)
            for outcome, joint in zip(self.outcomes, joints, strict=True)
        ]
        return self.of_draws(terms)

    @cached_property
    def joint(self) -> Variable:
        """Log prior, Jacobian, log likelihood and potentials, a scalar, of `values`, `data` and `lengths`."""
        return self._with_arguments([self.model.logp()], self._value_arguments)[0]

    @cached_property
    def weighted_joint(self) -> Variable:
        """As `joint`, each row's log likelihood times its weight; of `weights` as well."""
        natural = {self.draws[rv.name]: value for rv, value in zip(self.free, self.backward, strict=True)}
        terms = clone_replace(self.pointwise, replace=natural)
        return pt.add(self.prior, *[(self.weights[ROW_WEIGHT] * term).sum() for term in terms])

    @cached_property
    def prior(self) -> Variable:
        """Log prior with Jacobian and potentials, a scalar, of `values`, `data` and `lengths`."""
        return self._prior_of(list(self.free))

    @cached_property
    def fixed_prior(self) -> Variable:
        """The part of `prior` that does not grow."""
        return self._prior_of([rv for rv in self.free if rv.name not in self.growing])

    def _prior_of(self, free: list[Variable]) -> Variable:
        aside = [rv for rv in self.model.observed_RVs if rv not in self.observed]
        terms = [*free, *aside, *self.model.potentials]
        density = self.model.logp(vars=terms) if terms else pt.as_tensor(0.0)
        return self._with_arguments([density], self._value_arguments)[0]

    @property
    def _value_arguments(self) -> dict[Variable, Variable]:
        return {self.model.rvs_to_values[rv]: self.values[rv.name] for rv in self.free}

    def random(self, variables: list[Variable]) -> list[Variable]:
        """Random variables of the model, of `draws`, `data` and `lengths`, on generators of their own."""
        generators = {
            variable: pytensor.shared(np.random.default_rng(), name=variable.name)
            for variable in graph_inputs(variables)
            if isinstance(variable, SharedVariable) and isinstance(variable.type, RandomType)
        }
        natural = {rv: self.draws[rv.name] for rv in self.free if rv not in variables}
        return self._with_arguments(variables, {**natural, **generators})

    def of_draws(self, variables: list[Variable]) -> list[Variable]:
        """Variables of the model as functions of `draws`, `data` and `lengths`."""
        return self._with_arguments(variables, {rv: self.draws[rv.name] for rv in self.free})

    def of_model(self, outputs: list[Variable]) -> list[Variable]:
        """Functions of `draws`, `data` and `lengths` as functions of the model's own variables."""
        own = {argument: pt.cast(variable, argument.dtype) for variable, argument in self._known.items()}
        replace = {**own, **{self.draws[rv.name]: rv for rv in self.free}}
        return list(graph_replace(outputs, replace, strict=False))  # clone_replace would clone the free variables, too

    @cached_property
    def predictive(self) -> list[Variable]:
        """The observed variables as random variables."""
        return self.random(self.observed)

    @cached_property
    def lagged(self) -> bool:
        """Whether outcomes are covariates too, of rows after them."""
        return any(self.data[name] in self.inputs_of([rv]) for rv in self.predictive for name in self.outcome_data)

    @cached_property
    def crossed(self) -> bool:
        """Whether an outcome is a covariate of another outcome."""
        pairs = zip(self.predictive, self.outcome_data, strict=True)
        return any(
            self.data[name] in self.inputs_of([rv]) for rv, own in pairs for name in self.outcome_data if name != own
        )

    def inputs_of(self, outputs: list[Variable]) -> set[Variable]:
        """What these variables depend on by value."""
        return inputs_by_value(outputs)

    @cached_property
    def forward(self) -> list[Variable]:
        """Free variables on the unconstrained scale, of `draws`."""
        outputs = []
        for rv in self.free:
            transform = self.model.rvs_to_transforms[rv]
            outputs.append(rv if transform is None else transform.forward(rv, *rv.owner.inputs))
        return self.of_draws(outputs)

    @cached_property
    def backward(self) -> list[Variable]:
        """Free variables on the natural scale, of `values`."""
        outputs = self.model.replace_rvs_by_values(list(self.free))
        return self._with_arguments(outputs, self._value_arguments)

    @cached_property
    def reference_points(self) -> dict[str, np.ndarray]:
        """Three unconstrained points near the initial one, shape (3, ...) each: where builds are compared."""
        with WORKSHOP, pytensor.config.change_flags(cxx=""):
            start = self.model.initial_point(0)
        generator = np.random.default_rng(20260101)
        points = {}
        for rv in self.free:
            value = np.asarray(start[self.model.rvs_to_values[rv].name])
            noise = 0.3 * generator.standard_normal((3, *value.shape))
            points[rv.name] = np.broadcast_to(value, noise.shape) + (0 if value.dtype.kind in "iub" else noise)
            points[rv.name] = points[rv.name].astype(value.dtype)
        return points

    @cached_property
    def reference_draws(self) -> dict[str, np.ndarray]:
        """`reference_points` on the natural scale, shape (3, ...) each."""
        inputs = [*self.values.values(), *self.data.values(), *self.lengths.values()]
        function = compile_python(inputs, self.backward)
        own = self.own
        fixed = [own["data"][name] for name in self.data] + [own["length"][name] for name in self.lengths]
        rows = [function(*(self.reference_points[rv.name][i] for rv in self.free), *fixed) for i in range(3)]
        return {rv.name: np.stack([row[k] for row in rows]) for k, rv in enumerate(self.free)}

    def own_arguments(self) -> Arguments:
        """Data and lengths the model holds at this moment."""
        return {
            "data": {variable.name: variable.get_value() for variable in self.model.data_vars},
            "length": {dim: self.model.dim_lengths[dim].get_value() for dim in self.lengths},
        }

    @cached_property
    def whole(self) -> frozenset[str]:
        """`pm.Data` that take whole numbers only: positions, and what the model itself counts by."""
        held = {name for name, argument in self.data.items() if argument.dtype.startswith(("int", "uint"))}
        counted = {outcome.data for outcome in self.outcomes if outcome.variable.dtype.startswith(("int", "uint"))}
        return frozenset(held | counted | cut_by_model(self.model))

    @cached_property
    def data_in_prior(self) -> tuple[str, ...]:
        """`pm.Data` (or lengths) that the prior or a potential depends on."""
        used = set(graph_inputs([self.prior]))
        return tuple(name for name, argument in self.data.items() if argument in used)

    @cached_property
    def data_in_potentials(self) -> tuple[str, ...]:
        """`pm.Data` that a `pm.Potential` depends on."""
        used = set(graph_inputs(self.model.potentials))
        return tuple(variable.name for variable in self.model.data_vars if variable in used)

    @cached_property
    def structure(self) -> str:
        """Hash of what makes it this model: variables, dims, distributions, transforms. No data, sizes or numbers."""
        parts = [("free", *self._describe(rv)) for rv in self.free]
        parts += [("observed", *self._describe(outcome.variable), outcome.data) for outcome in self.outcomes]
        parts += [("data", name, argument.ndim) for name, argument in self.data.items()]
        parts += [("potential", potential.name) for potential in self.model.potentials]
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

    def _describe(self, rv: Variable) -> tuple:
        transform = type(self.model.rvs_to_transforms.get(rv)).__name__
        return rv.name, self.dims(rv.name, rv.ndim), rv.ndim, str(rv.dtype), type(rv.owner.op).__name__, transform

    @cached_property
    def _generative(self) -> list[Variable]:
        """All that defines the density, without the cost of deriving it."""
        observed = self.model.observed_RVs
        outputs = [*self.free, *observed, *(self.model.rvs_to_values[rv] for rv in observed), *self.model.potentials]
        outputs += self.forward
        # A custom distribution hides its formula in a Python function, so its derived density must speak for it.
        opaque = any("Custom" in type(rv.owner.op).__name__ for rv in (*self.free, *observed))
        return self._frozen([*outputs, *self.pointwise, self.joint] if opaque else outputs)

    @cached_property
    def constants(self) -> str:
        """Hash of the steps and numbers of the density: differs when a build computed something from its data."""
        names = {rv: f"free {rv.name}" for rv in self.free}
        names |= {variable: f"data {variable.name}" for variable in self.model.data_vars}
        names |= {self.model.dim_lengths[dim]: f"length {dim}" for dim in self.lengths}
        for arguments in (self.draws, self.values, self.data, self.lengths):
            names |= {argument: str(argument.name) for argument in arguments.values()}
        assert self._arrays is not None  # looked up now, before their owner may change them
        return fingerprint(self._generative, names)

    @cached_property
    def layout(self) -> str:
        """Hash of the coordinate labels other than the rows', and of the present size of what grows."""
        known = {dim: of_model(dim, values) for dim, values in self.group_coords.items()}
        labels = sorted(
            (dim, str(labels_of_dim.kind), tuple(labels_of_dim.texts)) for dim, labels_of_dim in known.items()
        )
        sizes = [(name, self.reference_points[name].shape[1:]) for name in self.growing]
        return hashlib.sha256(repr((labels, sizes) if sizes else labels).encode()).hexdigest()[:16]

    @property
    def group_coords(self) -> dict[str, tuple]:
        """Labels of the dimensions that free variables run over."""
        used = {dim for rv in self.free for dim in self.dims(rv.name, rv.ndim) if dim is not None}
        return {dim: tuple(values) for dim, values in self.coords.items() if dim in used and values is not None}

    def computes_the_same(self, other: ModelGraph) -> bool:
        """Whether both builds are one and the same density, constants included, so that compiled code is shared."""
        if self.structure != other.structure or list(self.lengths) != list(other.lengths):
            return False
        if self.moved or other.moved:
            return False
        mine, theirs = self._leaves, other._leaves
        if len(mine) != len(theirs) or any(a.type != b.type for a, b in zip(mine, theirs, strict=True)):
            return False
        return equal_computations(self._generative, other._generative, mine, theirs)

    @cached_property
    def _leaves(self) -> list[Variable]:
        generators = [v for v in graph_inputs(self._generative) if isinstance(v.type, RandomType)]
        arguments = [*self.draws.values(), *self.values.values(), *self.data.values(), *self.lengths.values()]
        return [*arguments, *self._known, *generators]

    @cached_property
    def has_discrete(self) -> bool:
        """Whether a free variable is discrete."""
        return any(rv.dtype.startswith(("int", "uint", "bool")) for rv in self.free)
