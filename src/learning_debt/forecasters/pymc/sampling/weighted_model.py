"""Models whose rows carry weights: which weights a model can take, and the model that takes them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import xarray as xr
from pytensor.graph.basic import Variable
from pytensor.graph.replace import graph_replace

from learning_debt.data import as_dataset, require_same_rows, take_rows
from learning_debt.errors import UnsupportedModelError
from learning_debt.forecasters.base import as_row_weight
from learning_debt.forecasters.pymc.build import Build
from learning_debt.forecasters.pymc.compiled.density import Scoring
from learning_debt.forecasters.pymc.model.graph import ModelGraph

LIKELIHOOD, WEIGHT_DATA = "learning_debt_weighted_likelihood", "learning_debt_row_weight"
ONLY_WINDOWS = "only weights of 1 for rows next to each other, and 0 for the rows before and after them, are possible"


class Held(NamedTuple):
    """The rows that a posterior holds.

    Attributes
    ----------
    rows : xarray.Dataset
        As they were given, without those of weight zero.
    weight : ndarray or None
        Of each row held; None where all are one.
    window : bool
        Whether the rows held are neighbours of weight one, or all there are.
    """

    rows: xr.Dataset
    weight: np.ndarray | None
    window: bool


def held_rows(data: Any, row_weight: Any, observation_dim: str) -> Held:
    """Rows of weight above zero; raises if there is none."""
    rows = as_dataset(data, observation_dim, ())
    require_same_rows("row_weight", row_weight, data, observation_dim)
    weight = as_row_weight(row_weight, rows.sizes[observation_dim])
    if weight is None:
        return Held(rows, None, True)
    kept = np.flatnonzero(weight > 0)
    if not len(kept):
        raise ValueError("row_weight is 0 in every row; a fit needs at least one row of weight above 0")
    positive = as_row_weight(weight[kept], len(kept))
    neighbours = kept[-1] - kept[0] + 1 == len(kept)
    return Held(take_rows(rows, kept, observation_dim), positive, positive is None and bool(neighbours))


def require_weightable(held: Held, build: Build, scoring: Scoring) -> None:
    """Raise ``UnsupportedModelError`` unless the model takes these weights as they are meant.

    A row that is weighted, or left out between others, must stand for itself.
    """
    graph = build.graph
    if scoring.needs_past:
        raise UnsupportedModelError(
            f"rows of this model depend on the rows before them, so a row cannot be weighted by itself: {ONLY_WINDOWS}"
        )
    if held.weight is not None and graph.row_dim in graph.growing_dims:
        raise UnsupportedModelError(
            f"each row of this model has a latent variable of its own (growing dimension {graph.row_dim!r}), whose "
            f"prior would keep its full weight: marginalise it; until then {ONLY_WINDOWS}"
        )
    along = [name for name in graph.data_in_potentials if build.row_axis(name) is not None]
    if held.weight is not None and along:
        raise UnsupportedModelError(
            f"a pm.Potential depends on the rows of {along}, and its terms cannot be weighted with the rows'; write "
            "it as an observed variable (pm.CustomDist)"
        )


class Weighted(NamedTuple):
    """A model with weighted rows.

    Attributes
    ----------
    model : pymc.Model
        Shares all variables with the plain model, so that data are set in both at once.
    weight : SharedVariable
        Weights of the rows, shape (rows,).
    """

    model: pm.Model
    weight: Any


def weighted_model(graph: ModelGraph) -> Weighted:
    """The model with a potential, the weighted sum of row terms, in place of the outcomes along the rows."""
    plain = graph.model
    model = pm.Model(model=None, check_bounds=plain.check_bounds)
    model._coords, model._dim_lengths = plain._coords, plain._dim_lengths  # as `model_from_fgraph` hands them on
    for variable in plain.data_vars:
        model.data_vars.append(variable)
        _name(model, variable, graph)
    for rv in plain.basic_RVs:
        if rv in graph.observed:
            continue
        (model.free_RVs if rv in graph.free else model.observed_RVs).append(rv)
        model.create_value_var(
            rv, transform=plain.rvs_to_transforms[rv], default_transform=None, value_var=plain.rvs_to_values[rv]
        )
        if rv in graph.free:
            model.set_initval(rv, plain.rvs_to_initial_values[rv])
        _name(model, rv, graph)
    outcomes: dict[Variable, Variable] = {rv: plain.rvs_to_values[rv] for rv in graph.observed}
    for potential in graph_replace(list(plain.potentials), outcomes, strict=False) if plain.potentials else []:
        model.potentials.append(potential)
        _name(model, potential, graph)
    weight = pytensor.shared(np.ones(1), name=WEIGHT_DATA, shape=(None,))
    with model:
        pm.Potential(LIKELIHOOD, weighted_sum(graph.of_model(graph.pointwise), weight))
    return Weighted(model, weight)


def weighted_sum(terms: list[Variable], weight: Variable) -> Variable:
    """Sum over outcomes and rows of weight times log density, a scalar."""
    return pt.add(pt.as_tensor(0.0), *[(weight * term).sum() for term in terms])


def _name(model: pm.Model, variable: Variable, graph: ModelGraph) -> None:
    model.add_named_variable(variable, dims=graph.model.named_vars_to_dims.get(variable.name))
