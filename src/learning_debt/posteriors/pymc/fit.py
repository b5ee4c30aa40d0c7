"""Drawing from a posterior: nutpie compiled once and handed new data, `pm.sample` where that cannot be."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
import pymc as pm
import xarray as xr

from learning_debt.errors import UnsupportedModelError
from learning_debt.posteriors.pymc.density import canonical
from learning_debt.posteriors.pymc.graph import Arguments, ModelGraph

SamplerName = Literal["nutpie", "pymc"]


class Sampler:
    """Draws from the posterior of one model after another, compiling only when the density itself changed."""

    def __init__(self, draws: int, tune: int, chains: int, name: SamplerName | None) -> None:
        self.draws, self.tune, self.chains, self.name = draws, tune, chains, name
        self._compiled: list[tuple[ModelGraph, Any]] = []

    def __getstate__(self) -> dict[str, Any]:
        """Compiled models stay behind when a forecaster travels to another process."""
        return {**self.__dict__, "_compiled": []}

    def sample(
        self, graph: ModelGraph, arguments: Arguments, random_seed: int | None, progressbar: bool
    ) -> xr.DataTree:
        """Posterior draws and sample statistics given the data in `arguments`."""
        which = self._choose(graph)
        try:
            if which == "nutpie":
                tree = self._nutpie(graph, arguments, random_seed, progressbar)
            else:
                tree = self._pymc(graph, arguments, random_seed, progressbar)
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException as error:  # a panic in nutpie's Rust code is not an Exception
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise RuntimeError(
                f"sampling with {which} failed: {reason}. Check the model at its starting point with "
                "model.debug() on the same data"
            ) from error
        return _tidy(tree, graph)

    def _choose(self, graph: ModelGraph) -> SamplerName:
        if self.name == "pymc":
            return "pymc"
        usable = find_spec("nutpie") is not None and not graph.has_discrete
        if self.name == "nutpie" and not usable:
            why = "it has discrete free variables" if graph.has_discrete else "nutpie is not installed"
            raise UnsupportedModelError(f"sampler='nutpie' cannot sample this model: {why}; use sampler='pymc'")
        return "nutpie" if usable else "pymc"

    def _nutpie(
        self, graph: ModelGraph, arguments: Arguments, random_seed: int | None, progressbar: bool
    ) -> xr.DataTree:
        import nutpie

        compiled = _with_arguments(*self._compile(graph), arguments)
        return nutpie.sample(
            compiled,
            draws=self.draws,
            tune=self.tune,
            chains=self.chains,
            cores=min(self.chains, os.cpu_count() or 1),
            seed=random_seed,
            save_warmup=False,
            progress_bar=progressbar,
        )

    def _compile(self, graph: ModelGraph) -> tuple[ModelGraph, Any]:
        import nutpie

        for known, compiled in self._compiled:
            # Starting points and stored shapes are compiled in as well, hence the same labels are asked for.
            if known is graph or (known.layout == graph.layout and known.computes_the_same(graph)):
                return known, compiled
        names = [rv.name for rv in graph.free]  # a Deterministic over rows would panic at a new number of rows
        compiled = nutpie.compile_pymc_model(graph.model, var_names=names)
        self._compiled = [*self._compiled[-3:], (graph, compiled)]
        return graph, compiled

    def _pymc(self, graph: ModelGraph, arguments: Arguments, random_seed: int | None, progressbar: bool) -> xr.DataTree:
        with _data_set(graph, arguments), _quiet(progressbar), graph.model:
            return pm.sample(
                draws=self.draws,
                tune=self.tune,
                chains=self.chains,
                cores=min(self.chains, os.cpu_count() or 1),
                random_seed=random_seed,
                progressbar=progressbar,
                var_names=[rv.name for rv in graph.free],
                nuts_sampler="pymc",
            )


def _with_arguments(graph: ModelGraph, compiled: Any, arguments: Arguments) -> Any:
    """The compiled model on other data.

    By identity of the shared variable rather than by name as nutpie's ``with_data``: a dimension length and a data
    variable may share a name.
    """
    from nutpie.compile_pymc import update_user_data

    values = {variable: arguments["data"][variable.name] for variable in graph.model.data_vars}
    values |= {graph.model.dim_lengths[dim]: arguments["length"][dim] for dim in graph.lengths}
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


def _tidy(tree: xr.DataTree, graph: ModelGraph) -> xr.DataTree:
    """Draws and sample statistics only, in types that netCDF can hold."""
    posterior = tree["posterior"].to_dataset()[[rv.name for rv in graph.free]]
    for name, variable in posterior.data_vars.items():
        if not np.isfinite(variable.values).all():
            raise RuntimeError(f"sampling gave draws of {name!r} that are not finite")
    groups = {"posterior": posterior}
    if "sample_stats" in tree.children:
        stats = tree["sample_stats"].to_dataset()
        writable = [name for name, variable in stats.data_vars.items() if variable.dtype.kind in "biuf"]
        groups["sample_stats"] = stats[writable]
    for dataset in groups.values():
        dataset.attrs = {k: v for k, v in dataset.attrs.items() if isinstance(v, str | int | float)}
    return xr.DataTree.from_dict(groups)
