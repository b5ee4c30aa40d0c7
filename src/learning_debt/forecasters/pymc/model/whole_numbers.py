"""Which `pm.Data` of whole numbers may take fractions: all that the model computes with, none that it counts by.

PyMC keeps the type that data came in, and whole numbers come as int32. A later batch with fractions, or the points at
which an outcome of whole numbers is integrated, must not be cut to that.
"""

from __future__ import annotations

from typing import Any

import pytensor.tensor as pt
from pymc.distributions.distribution import SymbolicRandomVariable
from pytensor.graph.basic import Variable
from pytensor.graph.replace import clone_replace
from pytensor.graph.traversal import ancestors
from pytensor.tensor.random.op import RandomVariable
from pytensor.tensor.shape import Shape, Shape_i


def takes_fractions(model: Any) -> frozenset[str]:
    """Names of the whole-number `pm.Data` that can be floats in every place where the model uses them.

    Not so where they are positions, or numbers of trials, or what a distribution of whole numbers is observed at.
    """
    outputs = _outputs(model)
    whole = [variable for variable in model.data_vars if variable.dtype.startswith(("int", "uint"))]
    return frozenset(variable.name for variable in whole if _computed_with(variable, outputs))


def cut_by_model(model: Any) -> frozenset[str]:
    """Names of the `pm.Data` that the model itself turns into whole numbers."""
    cut = {node.inputs[0] for node in _cuts(_outputs(model))}
    return frozenset(variable.name for variable in model.data_vars if variable in cut)


def as_float(variable: Variable) -> Variable:
    """A float argument in place of a whole-number one."""
    return pt.TensorType("float64", variable.type.shape)(f"data_{variable.name}")


def inputs_by_value(outputs: list[Variable]) -> set[Variable]:
    """What these variables depend on by value: how many rows there are is no input."""
    above = [v for v in ancestors(outputs) if v.owner is not None]
    shapes = [v for v in above if isinstance(v.owner.op, Shape | Shape_i)]
    return set(ancestors(outputs, blockers=shapes))


def _outputs(model: Any) -> list[Variable]:
    observed = [model.rvs_to_values[rv] for rv in model.observed_RVs]
    return [*model.basic_RVs, *observed, *model.potentials]


def _computed_with(variable: Variable, outputs: list[Variable]) -> bool:
    used = [output for output in outputs if variable in set(ancestors([output]))]
    if not used or _counts(variable, used):
        return False
    try:
        changed = clone_replace(used, {variable: as_float(variable)}, rebuild_strict=False)
    except (TypeError, ValueError, NotImplementedError, AssertionError):  # an index, a bit, a loop over whole numbers
        return False
    # Where an operation insists on whole numbers, pytensor cuts the float before it.
    same = all(first.dtype == second.dtype for first, second in zip(used, changed, strict=True))
    return same and len(_cuts(changed)) == len(_cuts(used))


def _counts(variable: Variable, outputs: list[Variable]) -> bool:
    """Whether it is a whole-number parameter of a distribution of whole numbers, such as a number of trials."""
    for node in {v.owner for v in ancestors(outputs) if v.owner is not None}:
        if not isinstance(node.op, RandomVariable | SymbolicRandomVariable):
            continue
        if not any(output.dtype.startswith(("int", "uint", "bool")) for output in node.outputs if _is_tensor(output)):
            continue
        inputs = node.op.dist_params(node) if isinstance(node.op, RandomVariable) else node.inputs
        parameters = [
            parameter for parameter in inputs if _is_tensor(parameter) and parameter.dtype.startswith(("int", "uint"))
        ]
        if variable in inputs_by_value(parameters):
            return True
    return False


def _is_tensor(variable: Variable) -> bool:
    return hasattr(variable.type, "dtype")


def _cuts(outputs: list[Variable]) -> list[Any]:
    """Nodes that turn floats into whole numbers by dropping what follows the point."""
    return [
        node
        for node in {v.owner for v in ancestors(outputs) if v.owner is not None}
        if type(getattr(node.op, "scalar_op", None)).__name__ == "Cast"
        and node.outputs[0].dtype.startswith(("int", "uint", "bool"))
        and node.inputs[0].dtype.startswith("float")
    ]
