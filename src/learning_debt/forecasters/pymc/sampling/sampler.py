"""Drawing from a posterior: nutpie compiled once and handed new data, `pm.sample` where that cannot be."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, Literal, NamedTuple

import numpy as np
import pymc as pm
import xarray as xr

from learning_debt.data import stored_labels
from learning_debt.errors import UnsupportedModelError
from learning_debt.forecasters.base import GRADIENT_EVALUATIONS, ROW_WEIGHT
from learning_debt.forecasters.convergence import not_finite
from learning_debt.forecasters.pymc.compiled.batched_arguments import canonical
from learning_debt.forecasters.pymc.model.graph import Arguments, ModelGraph
from learning_debt.forecasters.pymc.model.threads import in_workshop
from learning_debt.forecasters.pymc.sampling.weighted_model import weighted_model

SamplerName = Literal["nutpie", "pymc"]


class Sampler:
    """Draws from the posterior of one model after another, compiling only when the density itself changed."""

    def __init__(self, draws: int, tune: int, chains: int, name: SamplerName | None) -> None:
        self.draws, self.tune, self.chains, self.name = draws, tune, chains, name
        self._compiled: list[_Compiled] = []

    def __getstate__(self) -> dict[str, Any]:
        """Compiled models stay behind when a forecaster travels to another process."""
        return {**self.__dict__, "_compiled": []}

    def sample(
        self, graph: ModelGraph, arguments: Arguments, random_seed: int | None, progressbar: bool
    ) -> xr.DataTree:
        """Posterior draws and sample statistics given the data, and weights if there are any, in `arguments`."""
        which = self._choose(graph)
        for variable in graph.model.data_vars:
            _require_uncut(variable.name, arguments["data"][variable.name], variable.dtype)
        try:
            if which == "nutpie":
                tree = self._nutpie(graph, arguments, random_seed, progressbar)
            else:
                tree = self._pymc(graph, arguments, random_seed, progressbar)
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException as error:  # a panic in nutpie's Rust code is not an Exception
            if _cut_short(error):
                raise KeyboardInterrupt("sampling was interrupted") from error
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise RuntimeError(
                f"sampling with {which} failed: {reason}. Check the model at its starting point with "
                "model.debug() on the same data"
            ) from error
        self._require_all_draws(tree, which)
        return _tidy(tree, graph)

    def _require_all_draws(self, tree: xr.DataTree, which: SamplerName) -> None:
        """Raise unless every chain holds the draws asked for; what tuning took is kept apart and does not count.

        `pm.sample` answers an interrupt with the draws that it has so far, of some of the chains.
        """
        sizes = tree["posterior"].sizes if "posterior" in tree.children else {}  # it may have come as far as tuning
        got, wanted = (sizes.get("chain", 0), sizes.get("draw", 0)), (self.chains, self.draws)
        if got == wanted:
            return
        message = f"sampling with {which} gave {got[1]} draws in {got[0]} chain(s), not {wanted[1]} in {wanted[0]}"
        if which == "pymc":
            raise KeyboardInterrupt(f"{message}: it was interrupted")
        raise RuntimeError(message)

    def _choose(self, graph: ModelGraph) -> SamplerName:
        if self.name == "pymc":
            return "pymc"
        usable = find_spec("nutpie") is not None and not graph.has_discrete
        if self.name == "nutpie" and not usable:
            why = "it has discrete free variables" if graph.has_discrete else "nutpie is missing (pip install nutpie)"
            raise UnsupportedModelError(f"sampler='nutpie' cannot sample this model: {why}; use sampler='pymc'")
        return "nutpie" if usable else "pymc"

    def _nutpie(
        self, graph: ModelGraph, arguments: Arguments, random_seed: int | None, progressbar: bool
    ) -> xr.DataTree:
        import nutpie

        compiled = self._compile(graph, "weight" in arguments)
        running = nutpie.sample(
            _with_arguments(compiled, arguments),
            blocking=False,  # or an interrupt would end in a posterior of the draws so far
            draws=self.draws,
            tune=self.tune,
            chains=self.chains,
            cores=min(self.chains, os.cpu_count() or 1),
            seed=random_seed,
            save_warmup=True,
            progress_bar=progressbar,
        )
        try:
            tree = running.wait()
        except BaseException:
            running.cancel()
            raise
        assert isinstance(tree, xr.DataTree)
        return tree

    @in_workshop
    def _compile(self, graph: ModelGraph, weighted: bool) -> _Compiled:
        import nutpie

        for known in self._compiled:
            # Starting points and stored shapes are compiled in as well, hence the same labels are asked for.
            alike = known.graph is graph or (
                known.graph.layout == graph.layout and known.graph.computes_the_same(graph)
            )
            if alike and (known.weight is not None) == weighted:
                return known
        model, weight = weighted_model(graph) if weighted else (graph.model, None)
        names = [rv.name for rv in graph.free]  # a Deterministic over rows would panic at a new number of rows
        with _numbered(graph):
            compiled = _Compiled(graph, weight, nutpie.compile_pymc_model(model, var_names=names))
        self._compiled = [*self._compiled[-3:], compiled]
        return compiled

    @in_workshop
    def _pymc(self, graph: ModelGraph, arguments: Arguments, random_seed: int | None, progressbar: bool) -> xr.DataTree:
        model, weight = weighted_model(graph) if "weight" in arguments else (graph.model, None)
        if weight is not None:
            weight.set_value(arguments["weight"][ROW_WEIGHT])
        with _data_set(graph, arguments), _numbered(graph), _quiet(progressbar), model:
            return pm.sample(
                draws=self.draws,
                tune=self.tune,
                chains=self.chains,
                cores=min(self.chains, os.cpu_count() or 1),
                random_seed=random_seed,
                progressbar=progressbar,
                var_names=[rv.name for rv in graph.free],
                nuts_sampler="pymc",
                discard_tuned_samples=False,
            )


class _Compiled(NamedTuple):
    """A model compiled by nutpie; `weight` holds the weights of its rows, None in the plain model."""

    graph: ModelGraph
    weight: Any
    compiled: Any


def _with_arguments(known: _Compiled, arguments: Arguments) -> Any:
    """The compiled model on other data.

    By identity of the shared variable rather than by name as nutpie's ``with_data``: a dimension length and a data
    variable may share a name.
    """
    from nutpie.compile_pymc import update_user_data

    graph, compiled = known.graph, known.compiled
    values = {variable: arguments["data"][variable.name] for variable in graph.model.data_vars}
    values |= {graph.model.dim_lengths[dim]: arguments["length"][dim] for dim in graph.lengths}
    if known.weight is not None:
        values[known.weight] = arguments["weight"][ROW_WEIGHT]
    shared, record = compiled.shared_data.copy(), compiled.user_data.copy()
    for variable, key in compiled.shared_var_keys.items():
        if variable in values:
            array = np.array(values[variable], dtype=shared[key].dtype, order="C", copy=True)
            array.flags.writeable = False
            shared[key] = array
    return dataclasses.replace(compiled, shared_data=shared, user_data=update_user_data(record, shared))


@contextmanager
def _data_set(graph: ModelGraph, arguments: Arguments) -> Iterator[None]:
    """Set all data of the model, and give it back as it was."""
    before, labels = graph.own_arguments(), graph.coords

    def put(values: Arguments, restore: bool) -> None:
        for variable in graph.model.data_vars:
            variable.set_value(canonical(values["data"][variable.name], variable.dtype))
        for dim in graph.lengths:
            length = int(values["length"][dim])
            known = labels[dim]
            if known is not None and not restore and length != len(known):
                known = tuple(range(length))
            graph.model.set_dim(dim, length, known)

    put(arguments, restore=False)
    try:
        yield
    finally:
        put(before, restore=True)


def _require_uncut(name: str, values: np.ndarray, dtype: str) -> None:
    """Raise if a model's `pm.Data`, whose type is the one it was built with, cannot hold these values."""
    if dtype.startswith("float"):
        return
    other = np.argwhere(values != values.astype(dtype))
    if len(other):
        raise UnsupportedModelError(
            f"data variable {name!r} holds {values[tuple(other[0])]} at row {other[0][0]}, but pm.Data {name!r} is "
            f"made of {dtype} and would cut it: make it of floats, pm.Data({name!r}, values.astype(float))"
        )


@contextmanager
def _numbered(graph: ModelGraph) -> Iterator[None]:
    """Positions in place of labels: samplers take only some kinds, and `_tidy` gives them back."""
    coords = graph.model._coords
    before = dict(coords)
    coords.update({dim: None if labels is None else tuple(range(len(labels))) for dim, labels in before.items()})
    try:
        yield
    finally:
        coords.update(before)


@contextmanager
def _quiet(progressbar: bool) -> Iterator[None]:
    logger = logging.getLogger("pymc")
    level = logger.level
    if not progressbar:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _cut_short(error: BaseException) -> bool:
    """Whether `pm.sample` was interrupted before it had a draw to hand out."""
    return isinstance(error, ValueError) and str(error).startswith("Not enough samples to build a trace")


def _tidy(tree: xr.DataTree, graph: ModelGraph) -> xr.DataTree:
    """Draws and sample statistics only, in types that netCDF can hold, with the labels of their dimensions."""
    posterior = tree["posterior"].to_dataset()[[rv.name for rv in graph.free]]
    for dim, labels in graph.coords.items():
        if labels is not None and posterior.sizes.get(dim) == len(labels):
            array, attributes = stored_labels(labels, f"the model's coordinate {dim!r}")
            posterior = posterior.assign_coords({dim: (dim, array, attributes)})
    for variable in posterior.data_vars.values():
        if wrong := not_finite(variable):
            raise RuntimeError(f"sampling gave draws that are not finite: {wrong}")
    groups = {"posterior": posterior}
    if "sample_stats" in tree.children:
        stats = tree["sample_stats"].to_dataset()
        writable = [name for name, variable in stats.data_vars.items() if variable.dtype.kind in "biuf"]
        groups["sample_stats"] = stats[writable]
    for dataset in groups.values():
        dataset.attrs = {k: v for k, v in dataset.attrs.items() if isinstance(v, str | int | float)}
    tidy = xr.DataTree.from_dict(groups)
    tidy.attrs = {GRADIENT_EVALUATIONS: _gradient_evaluations(tree)}
    return tidy


def _gradient_evaluations(tree: xr.DataTree) -> int:
    """Leapfrog steps of tuning and draws over all chains; steps of other samplers take no gradient."""
    steps = 0
    for group in ("warmup_sample_stats", "sample_stats"):
        stats = tree[group].dataset if group in tree.children else {}
        name = next((name for name in ("n_steps", "tree_size") if name in stats), None)
        steps += 0 if name is None else int(np.nansum(stats[name].values))
    return steps
