"""The observed variables of a model whose data run along the rows, and how each of their rows is scored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Constant, Variable
from pytensor.graph.traversal import graph_inputs

from learning_debt.errors import UnsupportedModelError

PATHS = ("RandomWalkRV", "AutoRegressiveRV", "GARCH11RV", "EulerMaruyamaRV")
"""Time series whose first k values have, taken alone, the distribution of the same series stopped at k."""
GAUSSIAN = "MvNormalRV"


@dataclass(frozen=True)
class Outcome:
    """An observed variable along the rows.

    Attributes
    ----------
    variable : Variable
        The observed random variable.
    data : str
        Name of the `pm.Data` that holds its values.
    row_axis : int
        Axis that runs over the rows.
    """

    variable: Variable
    data: str
    row_axis: int

    @property
    def name(self) -> str:
        """Name of the random variable."""
        return str(self.variable.name)

    @property
    def operation(self) -> str:
        """Name of the distribution's operation."""
        return type(self.variable.owner.op).__name__

    @property
    def spans_rows(self) -> bool:
        """Whether all rows are one draw of a multivariate distribution or of a time series."""
        return self.row_axis >= self.variable.ndim - self.variable.owner.op.ndim_supp

    @property
    def is_path(self) -> bool:
        """Whether the rows are one time series, whose density comes as a single number."""
        return self.spans_rows and self.operation in PATHS

    def row_terms(self, joint: Variable) -> Variable:
        """One log density a row, from what PyMC derives; for a path the single number that it is."""
        if not self.spans_rows:
            by_row = pt.moveaxis(joint, self.row_axis, 0)
            return by_row.reshape((by_row.shape[0], -1)).sum(axis=1) if by_row.ndim > 1 else by_row
        return joint.sum() if self.is_path else joint

    def gaussian_terms(self, value: Variable) -> Variable:
        """log p(y_k | y_1..y_(k-1)) of a multivariate normal over the rows, read off its Cholesky factor.

        With L L' = covariance and L z = y - mean, the terms are -z_k**2/2 - log L_kk - log(2 pi)/2.
        """
        mean, covariance = self.variable.owner.op.dist_params(self.variable.owner)
        factor = pt.linalg.cholesky(covariance)
        residual = pt.linalg.solve_triangular(factor, value - mean, lower=True)
        return -0.5 * residual**2 - pt.log(pt.diagonal(factor)) - 0.5 * np.log(2 * np.pi)


def row_outcomes(model: Any, observation_dim: str, columns: frozenset[str] | None = None) -> tuple[Outcome, ...]:
    """The observed variables that run along the rows, in the model's order.

    Others (lift tests, calibration likelihoods) have data of their own and count as part of the prior. `columns` names
    the data variables that run along the rows, where data are at hand.

    Raises
    ------
    UnsupportedModelError
        If there is none, or if one cannot take new rows.
    """
    observed = list(model.observed_RVs)
    if not observed:
        raise UnsupportedModelError("the model has no observed variable; pass observed=pm.Data(...) to the likelihood")
    along = [rv for rv in observed if observation_dim in _dims(model, rv)]
    if not along and columns is not None:
        along = [rv for rv in observed if any(holder.name in columns for holder in _holders(model, rv))]
    along = along or _of_same_length(model, observed)
    return tuple(_outcome(model, rv, observation_dim) for rv in along)


def _of_same_length(model: Any, observed: list[Variable]) -> list[Variable]:
    """Without a named dimension to go by: those whose data have as many rows as the first `pm.Data` observed."""
    if len(observed) == 1:
        return observed
    lengths = [_length(model, rv) for rv in observed]
    rows = next((n for rv, n in zip(observed, lengths, strict=True) if _holders(model, rv)), lengths[0])
    return [rv for rv, length in zip(observed, lengths, strict=True) if length == rows]


def _length(model: Any, rv: Variable) -> int:
    holders = _holders(model, rv)
    values = holders[0].get_value() if holders else getattr(model.rvs_to_values[rv], "data", np.empty(0))
    return int(np.shape(values)[0]) if np.ndim(values) else 0


def _dims(model: Any, rv: Variable) -> tuple[str | None, ...]:
    own = model.named_vars_to_dims.get(rv.name)
    if own:
        return tuple(own)
    holders = _holders(model, rv)
    return tuple(model.named_vars_to_dims.get(holders[0].name) or ()) if len(holders) == 1 else ()


def _holders(model: Any, rv: Variable) -> list[Variable]:
    inputs = graph_inputs([model.rvs_to_values[rv]])
    return [v for v in inputs if not isinstance(v, Constant) and v in model.data_vars]


def _outcome(model: Any, rv: Variable, observation_dim: str) -> Outcome:
    if rv.ndim == 0:
        raise UnsupportedModelError(f"observed variable {rv.name!r} is a single number; its rows need a dimension")
    if "Minibatch" in type(rv.owner.op).__name__:
        raise UnsupportedModelError(
            f"each row of {rv.name!r} counts as several (total_size); posteriors of minibatches have no exact debt "
            "and no score per row. Leave total_size out"
        )
    holder = _require_outcome_data(model, rv)
    dims = _dims(model, rv)
    axis = dims.index(observation_dim) if observation_dim in dims else 0
    outcome = Outcome(rv, holder.name, axis)
    if outcome.spans_rows and not outcome.is_path and (outcome.operation != GAUSSIAN or rv.ndim != 1):
        raise UnsupportedModelError(
            f"all rows of {rv.name!r} are one draw of {outcome.operation.removesuffix('RV')}, whose density does not "
            "split into rows: rows of one multivariate normal, AR, GaussianRandomWalk, GARCH11 or EulerMaruyama do"
        )
    if outcome.is_path and rv.ndim != 1:
        raise UnsupportedModelError(
            f"observed time series {rv.name!r} has {rv.ndim} dimensions; one series is needed: give each its own model"
        )
    return outcome


def _require_outcome_data(model: Any, observed: Variable) -> Variable:
    value = model.rvs_to_values[observed]
    holders = [variable for variable in graph_inputs([value]) if not isinstance(variable, Constant)]
    if len(holders) != 1 or holders[0] not in model.data_vars:
        raise UnsupportedModelError(
            f"the outcome of {observed.name!r} is a constant, not pm.Data, so it cannot be replaced by new rows; "
            "build it from pm.Data: observed=pm.Data('y', data['y'])"
        )
    node = value.owner
    while node is not None:
        if type(getattr(node.op, "scalar_op", None)).__name__ != "Cast":
            raise UnsupportedModelError(
                f"the outcome of {observed.name!r} is computed from pm.Data {holders[0].name!r} inside the model; "
                "compute it before, so that pm.Data holds the outcome itself"
            )
        node = node.inputs[0].owner
    return holders[0]
