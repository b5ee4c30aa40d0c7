"""The media mix models of pymc-marketing: their rows, and their model with an outcome in its own unit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
from pytensor.graph.replace import clone_replace, graph_replace
from pytensor.graph.rewriting.utils import rewrite_graph
from pytensor.tensor.random.op import RandomVariable

from learning_debt.errors import UnsupportedModelError

TARGET = "target_data"
LOCATION_AND_SCALE = {
    "NormalRV": (0, 1),
    "LaplaceRV": (0, 1),
    "LogisticRV": (0, 1),
    "CauchyRV": (0, 1),
    "StudentTRV": (1, 2),
}
"""Positions of location and scale among the parameters of distributions that a change of unit maps onto themselves."""
DISTRIBUTIONS = {
    "NormalRV": pm.Normal,
    "LaplaceRV": pm.Laplace,
    "LogisticRV": pm.Logistic,
    "CauchyRV": pm.Cauchy,
    "StudentTRV": pm.StudentT,
    "LogNormalRV": pm.LogNormal,
}


def is_media_mix(builder: Any) -> bool:
    """Whether a builder is pymc-marketing's MMM, whose ``_data_setter`` does nothing."""
    return all(hasattr(builder, name) for name in ("_posterior_predictive_data_transformation", "_set_xarray_data"))


def require_one_series(mmm: Any) -> None:
    """Raise ``UnsupportedModelError`` for a panel, whose rows are not one per date."""
    if mmm.dims:
        raise UnsupportedModelError(
            f"a media mix model with the panel dims {tuple(mmm.dims)} cannot be served on new rows; one without can"
        )


def set_rows(mmm: Any, inputs: pd.DataFrame, outcomes: pd.Series) -> None:
    """Give the built model other rows, as the MMM does before it predicts."""
    dates = pd.to_datetime(inputs[mmm.date_column])
    if not (dates.is_monotonic_increasing and dates.is_unique):
        raise ValueError(f"the dates in column {mmm.date_column!r} must increase from row to row, each once")
    rows = mmm._posterior_predictive_data_transformation(inputs, outcomes.rename(mmm.target_column))
    mmm._set_xarray_data(rows, model=mmm.model)
    for effect in mmm.mu_effects:
        effect.set_data(mmm, mmm.model, rows)


def in_own_unit(mmm: Any) -> pm.Model:
    """The MMM's model on ordinary tensors, whose outcome is the target itself rather than target / target_scale.

    With y / s = e and e of location m and scale w, y has location s m and scale s w. In its own unit an outcome scores
    the same whatever scale the model learned: log p(y) = log p(y / s) - log s.

    Raises
    ------
    UnsupportedModelError
        If the model has potentials or several likelihoods (lift tests), or its likelihood cannot change its unit.
    """
    source = mmm.model
    if source.potentials or len(source.observed_RVs) != 1:
        raise UnsupportedModelError("a media mix model with potentials or lift tests cannot be served on new rows")
    translation = _Translation()
    with pm.Model(coords={dim: labels for dim, labels in source.coords.items() if dim != "date"}) as model:
        for data in source.data_vars:
            translation.add(data, pm.Data(data.name, data.get_value(), dims=data.dims or None))
        for dim, length in source.dim_lengths.items():
            translation.add(length, model.dim_lengths[dim])
        for free in source.free_RVs:
            translation.add(free, model.register_rv(translation(free), free.name, dims=free.dims or None))
        (scaled,) = source.observed_RVs
        _observe(model, scaled.name, translation(scaled))
    return model


class _Translation:
    """Variables with dimensions as ordinary tensors, one by one in the order they depend on each other."""

    def __init__(self) -> None:
        # Rewriting copies what it passes through. Stand-ins keep it away from what the new model already holds.
        self.stand_ins: dict[Any, Any] = {}
        self.own: dict[Any, Any] = {}

    def add(self, variable: Any, translated: Any) -> None:
        """Take `translated` wherever `variable` occurs."""
        from pytensor.xtensor import as_xtensor

        stand_in = translated.type()
        dims = getattr(variable, "dims", None)
        self.stand_ins[variable] = stand_in if dims is None else as_xtensor(stand_in, dims=dims)
        self.own[stand_in] = translated

    def __call__(self, variable: Any) -> Any:
        """A random variable on ordinary tensors."""
        (graph,) = clone_replace([variable.values], replace=self.stand_ins)
        graph = rewrite_graph(graph, include=("lower_xtensor", "canonicalize"), clone=False)
        if not isinstance(getattr(graph.owner, "op", None), RandomVariable):
            raise UnsupportedModelError(f"the distribution of {variable.name!r} is not a plain one; use one that is")
        return graph_replace([graph], self.own, strict=False)[0]


def _observe(model: pm.Model, name: str, scaled: Any) -> None:
    kind, scale = type(scaled.owner.op).__name__, model["target_scale"]
    parameters = list(scaled.owner.op.dist_params(scaled.owner))
    if kind == "LogNormalRV":
        parameters[0] = parameters[0] + pt.log(scale)
    elif kind in LOCATION_AND_SCALE:
        for position in LOCATION_AND_SCALE[kind]:
            parameters[position] = parameters[position] * scale
    else:
        raise UnsupportedModelError(
            f"the likelihood {kind.removesuffix('RV')} of scaled outcomes cannot be turned into one of the outcome "
            f"itself; {', '.join(sorted(kind.removesuffix('RV') for kind in DISTRIBUTIONS))} can"
        )
    if not np.all(np.asarray(scale.get_value()) > 0):
        raise UnsupportedModelError("the scale of the target must be positive")
    DISTRIBUTIONS[kind](name, *parameters, observed=model[TARGET], dims="date")
