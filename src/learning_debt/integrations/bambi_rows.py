"""Rows of a data frame as the design of a Bambi model, and the design as a `pm.Model` that takes any number of rows."""

from __future__ import annotations

import hashlib
from copy import copy
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
import xarray as xr

from learning_debt.data import require_usable, require_variables
from learning_debt.errors import IncomparablePosteriorsError, UnsupportedModelError

if TYPE_CHECKING:
    import bambi

FINGERPRINT = "bambi_model"
ROWS = "__obs__"
CENTERED, OBSERVED = "_centered", "_observed"


class BambiRows:
    """Turns rows into the design of a Bambi model, and the design into a `pm.Model` that takes any number of rows."""

    def __init__(self, model: bambi.Model, observation_dim: str) -> None:
        _require_servable(model)
        if not model.built:
            model.build()
        self.model, self.observation_dim = model, observation_dim
        self.outcome = model.response_term.name
        self.means = {name: _training_means(component) for name, component in model.conditional_parameters.items()}
        self.fingerprint = _fingerprint(model)
        prepared, _ = self.prepare(_as_rows(model.data, observation_dim))
        self.reference = self.build_model(prepared)
        _require_the_same_density(self.reference, model.backend.model)

    def prepare(self, data: xr.Dataset, fitted: xr.Dataset | None = None) -> tuple[xr.Dataset, dict[str, Any]]:
        """Rows with their design, evaluated as Bambi's ``predict`` does: by the state of the model's own data."""
        if fitted is not None and str(fitted[FINGERPRINT].values) != self.fingerprint:
            raise IncomparablePosteriorsError(
                "the posterior was fitted with another Bambi model, or one made from other data: its centring, scaling "
                "and categories differ. Score it with a forecaster of the model that fitted it"
            )
        dim = self.observation_dim
        require_variables(data, self._columns(), "the data")
        require_usable(data, [*self._columns(), self.outcome])
        frame = pd.DataFrame({str(k): v.values for k, v in data.variables.items() if v.dims == (dim,)})
        prepared = data.copy()
        for name, component in self.model.conditional_parameters.items():
            prepared = prepared.assign(self._design(name, component, frame))
        return prepared, {FINGERPRINT: self.fingerprint}

    def own_posterior(self, posterior: xr.DataTree, data: xr.Dataset) -> xr.DataTree:
        """A posterior of ``model.fit`` with Bambi's own variables: intercept recentred, offsets of groups restored.

        Bambi reports the intercept of the uncentred predictors; read as it stands, it would score every row wrong.
        """
        free = [rv.name for rv in self.reference.free_RVs]
        if "posterior" not in posterior.children or set(free) <= set(posterior["posterior"].data_vars):
            return posterior
        self._require_own_outcomes(posterior, data)
        draws = self.model._re_center_intercept(posterior)["posterior"].to_dataset()
        names = {_plain(str(name)): str(name) for name in draws.data_vars}
        names |= {name + CENTERED: name for name in _centred_intercepts(self.model)}
        variables = {}
        for name in free:
            if names.get(name) not in draws:
                raise IncomparablePosteriorsError(f"the posterior lacks {name!r}; it is of another Bambi model")
            dims = ("chain", "draw", *self.reference.named_vars_to_dims.get(name, ()))
            given = draws[names[name]]
            kinds = {_kind(str(dim)): dim for dim in given.dims}
            variables[name] = (dims, given.transpose(*(kinds[_kind(dim)] for dim in dims)).values)
        used = {dim for dims, _ in variables.values() for dim in dims[2:]}
        coords = {dim: np.asarray(self.reference.coords[dim]) for dim in used}
        return xr.DataTree.from_dict({"posterior": xr.Dataset(variables, coords=coords)})

    def _require_own_outcomes(self, posterior: xr.DataTree, data: xr.Dataset) -> None:
        name = self.model.response_term.alias or self.outcome
        own = np.squeeze(self.model.response_term.data)
        fitted = posterior["observed_data"][name].values if "observed_data" in posterior.children else own
        for what, values in (("the posterior", fitted), ("data", data[self.outcome].values)):
            if not np.array_equal(np.asarray(values, dtype=float), np.asarray(own, dtype=float)):
                raise ValueError(
                    f"{what} and the Bambi model hold different outcomes {self.outcome!r}; a posterior of model.fit is "
                    "attached with the data of that model: attach(posterior, model.data)"
                )

    def _columns(self) -> list[str]:
        used = set().union(*(c.design.model.var_names for c in self.model.conditional_parameters.values()))
        return [name for name in map(str, self.model.data.columns) if name in used and name != self.outcome]

    def _design(self, name: str, component: Any, frame: pd.DataFrame) -> dict[str, tuple]:
        """Design variables of one parameter of the outcome's distribution."""
        design, dim = component.design, self.observation_dim
        variables: dict[str, tuple] = {}
        common: Any = None
        group: Any = None
        try:
            if design.common:
                common = design.common.evaluate_new_data(frame)
            if design.group:
                group = design.group.evaluate_new_data(frame)
        except ValueError as error:
            raise ValueError(
                f"{error} Its effect is not in the posterior: make the Bambi model from data that hold the label, or "
                "drop the row"
            ) from error
        if component.common_terms:
            columns = [common.design_matrix[:, common.slices[term]] for term in component.common_terms]
            variables[f"{name}_design"] = ((dim, f"{name}_column"), np.column_stack(columns) - self.means[name])
        if component.offset_terms:
            offsets = [common.design_matrix[:, common.slices[term]] for term in component.offset_terms]
            variables[f"{name}_shift"] = (dim, np.column_stack(offsets).sum(axis=1))
        for term in component.group_specific_terms.values():
            block = group.design_matrix[:, group.slices[term.term.name]]
            variables |= _group_variables(term, block.toarray() if hasattr(block, "toarray") else block, dim)
        return variables

    def build_model(self, data: xr.Dataset) -> pm.Model:
        """Bambi's model with its design and outcome as `pm.Data`."""
        from bambi.backend.model_components import ConstantComponent
        from bambi.backend.pymc import PyMCModel
        from bambi.backend.terms import ResponseTerm

        with pm.Model() as model:
            backend = SimpleNamespace(model=model, INVLINKS=PyMCModel.INVLINKS, constant_components={})
            for name, component in self.model.marginal_parameters.items():
                backend.constant_components[name] = ConstantComponent(component)
                backend.constant_components[name].build(backend, self.model)
            backend.distributional_components = {
                name: SimpleNamespace(output=self._linear_predictor(model, name, component, data))
                for name, component in self.model.conditional_parameters.items()
            }
            plain = dict.fromkeys(("is_censored", "is_truncated", "is_constrained", "is_weighted"), False)
            observed = pm.Data(self.outcome, data[self.outcome].values, dims=ROWS)
            response = SimpleNamespace(data=observed, name=self.outcome + OBSERVED, alias=None, **plain)
            ResponseTerm(response, self.model.family).build(backend, self.model)
        return model

    def _linear_predictor(self, model: pm.Model, name: str, component: Any, data: xr.Dataset) -> Any:
        from bambi.backend.terms import CommonTerm, GroupSpecificTerm, InterceptTerm
        from bambi.backend.utils import noncentered_default_for

        def rows(variable: str) -> Any:
            dims = (ROWS, f"{variable}_column")[: data[variable].ndim]
            return pm.Data(variable, data[variable].values, dims=dims)

        def effect(term: Any) -> Any:
            for dim, labels in term.coords.items():
                if dim not in model.coords:
                    model.add_coords({dim: labels})
            return term.build(self.model)

        predictor: Any = pt.zeros(1)
        if component.intercept_term:
            intercept = InterceptTerm(component.intercept_term)
            if intercept.name in _centred_intercepts(self.model):
                intercept = InterceptTerm(_renamed(component.intercept_term, intercept.name + CENTERED))
            predictor += intercept.build(self.model)
        if component.offset_terms:
            predictor += rows(f"{name}_shift")
        if component.common_terms:
            effects = [effect(CommonTerm(_readable(term))) for term in component.common_terms.values()]
            predictor += pt.dot(rows(f"{name}_design"), pt.concatenate(effects))
        noncentered = noncentered_default_for(self.model, name)
        for term in component.group_specific_terms.values():
            effects = effect(GroupSpecificTerm(_readable(term), noncentered))[rows(f"{term.name}_group")]
            share = effects * rows(f"{term.name}_predictor")
            predictor += share.sum(axis=1) if share.ndim > 1 else share
        return predictor


def _group_variables(term: Any, block: np.ndarray, dim: str) -> dict[str, tuple]:
    """Position of each row's group and the row's predictors of its effects, from (rows, groups x predictors).

    A row is zero everywhere but at its group; where it is zero there as well, any group will do.
    """
    block = np.asarray(block, dtype=float).reshape(len(block), len(term.groups), -1)
    group = np.abs(block).sum(axis=2).argmax(axis=1)
    predictor = block[np.arange(len(block)), group]
    if len(term.coords) == 1:
        return {f"{term.name}_group": (dim, group), f"{term.name}_predictor": (dim, predictor[:, 0])}
    dims = (dim, f"{term.name}_column")
    return {f"{term.name}_group": (dim, group), f"{term.name}_predictor": (dims, predictor)}


def _renamed(term: Any, name: str) -> Any:
    """A copy of a term under another name, by Bambi's own aliases."""
    renamed = copy(term)
    renamed.alias = name
    return renamed


def _plain(name: str) -> str:
    """A name without commas: nutpie takes a comma in the name of a dimension for two dimensions."""
    return name.replace(", ", ";").replace(",", ";")


def _kind(dim: str) -> str:
    """Which axis of an effect a dimension is, whatever the term is called: groups, their predictors, or columns."""
    return dim if dim in ("chain", "draw") else dim.split("__")[-1] if "__" in dim else "dim"


def _readable(term: Any) -> Any:
    name = term.alias or term.name
    return _renamed(term, _plain(name)) if "," in name else term


def _as_rows(frame: pd.DataFrame, observation_dim: str) -> xr.Dataset:
    return xr.Dataset({str(name): (observation_dim, np.asarray(frame[name])) for name in frame.columns})


def _training_means(component: Any) -> np.ndarray | float:
    """What Bambi centres the common predictors on: their means in the model's own data, where there is an intercept."""
    if not (component.intercept_term and component.common_terms and component.spec.center_predictors):
        return 0.0
    return np.column_stack([term.data for term in component.common_terms.values()]).mean(axis=0)


def _centred_intercepts(model: bambi.Model) -> set[str]:
    """Names of the intercepts that Bambi samples for centred predictors."""
    return {
        component.intercept_term.alias or component.intercept_term.name
        for component in model.conditional_parameters.values()
        if component.intercept_term and component.common_terms and model.center_predictors
    }


def _fingerprint(model: bambi.Model) -> str:
    """Hash of formula and data, which decide all that Bambi learned."""
    digest = hashlib.sha256(repr((str(model.formula), model.center_predictors)).encode())
    for name in model.data.columns:
        column = model.data[name]
        plain = column.astype(str) if column.dtype.kind not in "iufb" else column
        digest.update(str(name).encode() + pd.util.hash_pandas_object(plain, index=False).to_numpy().tobytes())
    return digest.hexdigest()[:16]


def _require_servable(model: Any) -> None:
    """Raise ``UnsupportedModelError`` naming what cannot be served exactly on new rows."""
    import bambi
    from bambi.families.multivariate import MultivariateFamily
    from bambi.families.univariate import Categorical, Cumulative, StoppingRatio

    if not isinstance(model, bambi.Model):
        raise TypeError(f"model must be a bambi.Model, not {type(model).__name__}")
    response = model.response_term
    kinds = ("censored", "truncated", "constrained", "weighted")
    special = [kind for kind in kinds if getattr(response, f"is_{kind}")]
    hsgp = [name for c in model.conditional_parameters.values() for name in c.hsgp_terms]
    refusals = {
        f"family {model.family.name!r} has several categories or outcomes a row": isinstance(
            model.family, MultivariateFamily | Categorical | Cumulative | StoppingRatio
        ),
        f"the outcome is {' and '.join(special)}": bool(special),
        f"the terms {hsgp} are Gaussian processes": bool(hsgp),
        "the model has potentials": bool(model.potentials),
        f"the outcome {response.name!r} is computed in the formula; compute it as a column before": (
            not special and response.name not in model.data.columns
        ),
        f"the outcome {response.name!r} holds categories; code it as numbers": response.categorical,
    }
    for reason, applies in refusals.items():
        if applies:
            raise UnsupportedModelError(f"this Bambi model cannot be served on new rows exactly: {reason}")


def _require_the_same_density(ours: pm.Model, theirs: pm.Model) -> None:
    """Raise unless our model is Bambi's on Bambi's own data: the check behind everything above."""
    start, generator = theirs.initial_point(0), np.random.default_rng(20260101)
    rename = {name: _plain(name) for name in start} | {
        rv.name.removesuffix(CENTERED): rv.name for rv in ours.free_RVs if rv.name.endswith(CENTERED)
    }
    if sorted(rename[name] for name in start) != sorted(variable.name for variable in ours.value_vars):
        raise UnsupportedModelError("this Bambi model has variables that cannot be rebuilt on new rows")
    log_densities = [model.compile_logp(mode="FAST_COMPILE") for model in (ours, theirs)]
    for _ in range(2):
        point = {name: value + 0.3 * generator.standard_normal(np.shape(value)) for name, value in start.items()}
        values = log_densities[0]({rename[name]: value for name, value in point.items()}), log_densities[1](point)
        if not np.allclose(*values, rtol=1e-8, equal_nan=True):
            raise UnsupportedModelError(
                f"this Bambi model cannot be served on new rows exactly: on its own data the log density is {values[0]}"
                f" where Bambi's is {values[1]}"
            )
