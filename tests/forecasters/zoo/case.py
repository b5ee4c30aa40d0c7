"""What a model of the zoo is: a builder, rows, hand-made draws, and the scores of its rows worked out apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import xarray as xr
from pymc.logprob import transformed_conditional_logp

from learning_debt.forecasters.pymc.forecaster import PyMCForecaster

CHEAP = {"mode": "FAST_COMPILE"}
"""Compiled in a moment, run slowly: right for a handful of rows."""
FACTORS = 1 - 0.07 * np.arange(4)
"""Draws of the zoo: the case's parameters times these, so that no two draws are alike."""

Theta = dict[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    """One structure of model, with an independent account of what it says.

    Attributes
    ----------
    build : callable
        ``build_model(data)``.
    data : xarray.Dataset
        Rows in order. The posterior is taken to be fitted to the first `trained` of them; the others are the batch.
    theta : dict
        Free variables of the model: a value, or ``(dims, value)``.
    terms : callable
        ``terms(theta, data) -> {observed random variable: log p(row | rows before it, theta)}``, each of shape (rows,).
    moments : callable
        ``moments(theta, data, start) -> (mean, variance)`` of the outcome in the rows from `start` on, given the rows
        before `start` only; shape (rows - start, ...). A dict for several outcomes; None where draws are refused.
    whole : tuple of str
        Free variables that every draw keeps as they are (simplices, discrete ones).
    options : dict
        Of the forecaster.
    alone : bool
        Whether a row scores without the rows before it.
    """

    name: str
    build: Callable[[xr.Dataset], pm.Model]
    data: xr.Dataset
    theta: Mapping[str, Any]
    terms: Callable[[Theta, xr.Dataset], dict[str, np.ndarray]]
    moments: Callable[[Theta, xr.Dataset, int], Any] | None
    whole: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    alone: bool = True
    trained: int = 5
    tolerance: float = 1e-9
    ahead: int = 2

    @property
    def dim(self) -> str:
        """The observation dimension."""
        return self.options.get("observation_dim", "obs")

    @property
    def past(self) -> xr.Dataset:
        """The rows the posterior was fitted to."""
        return self.rows(0, self.trained)

    @property
    def batch(self) -> xr.Dataset:
        """The rows after them."""
        return self.rows(self.trained)

    def rows(self, first: int, stop: int | None = None) -> xr.Dataset:
        """Rows `first` up to, not including, `stop`."""
        return self.data.isel({self.dim: slice(first, stop)})

    def forecaster(self, **options: Any) -> PyMCForecaster:
        """A forecaster of its own."""
        return PyMCForecaster(self.build, compile_kwargs=CHEAP, **{**self.options, **options})

    def theta_at(self, draw: int, stretch: float = 1.0) -> Theta:
        """Parameters at one of the draws of `posterior`."""
        values = {name: np.asarray(_value(entry)) for name, entry in self.theta.items()}
        return {name: v if name in self.whole else v * FACTORS[draw] * stretch for name, v in values.items()}

    def posterior(self, *, same: int = 0, stretch: float = 1.0) -> xr.DataTree:
        """Four draws in two chains, times `stretch`; or, with `same`, the first of them so many times."""
        thetas = [self.theta_at(0 if same else draw, stretch) for draw in range(same or len(FACTORS))]
        chains = 2
        variables = {}
        for name, entry in self.theta.items():
            dims = tuple(f"{name}_{axis}" for axis in range(np.ndim(_value(entry))))
            if isinstance(entry, tuple):
                dims = (entry[0],) if isinstance(entry[0], str) else entry[0]
            values = np.stack([theta[name] for theta in thetas])
            variables[name] = (("chain", "draw", *dims), values.reshape(chains, -1, *values.shape[1:]))
        used = {dim for dims, _ in variables.values() for dim in dims}
        prepare = self.options.get("prepare")
        model = self.build(prepare(self.past)[0] if prepare else self.past)
        coords = {dim: np.asarray(labels) for dim, labels in model.coords.items() if labels is not None and dim in used}
        return xr.DataTree.from_dict({"posterior": xr.Dataset(variables, coords=coords)})


def _value(entry: Any) -> Any:
    return entry[1] if isinstance(entry, tuple) else entry


def from_law(law: Callable[[Theta, xr.Dataset], Any], outcome: str = "y", observed: str = "outcome") -> dict[str, Any]:
    """`terms` and `moments` of rows that follow a frozen scipy distribution each, whatever the other rows are."""

    def terms(theta: Theta, data: xr.Dataset) -> dict[str, np.ndarray]:
        rows = law(theta, data)
        log = rows.logpdf if hasattr(rows, "logpdf") and hasattr(rows.dist, "pdf") else rows.logpmf
        return {observed: log(data[outcome].values)}

    def moments(theta: Theta, data: xr.Dataset, start: int) -> tuple[np.ndarray, np.ndarray]:
        rows = law(theta, data)
        count = data[outcome].shape[0]
        return tuple(np.broadcast_to(moment, count)[start:] for moment in (rows.mean(), rows.var()))

    return {"terms": terms, "moments": moments}


def scored_on_its_own(model: pm.Model, theta: Theta) -> dict[str, np.ndarray]:
    """What PyMC gives for the observed variables of a model built on a batch and nothing else."""
    values = {rv: pt.as_tensor_variable(theta[rv.name]) for rv in model.free_RVs}
    values |= {rv: model.rvs_to_values[rv] for rv in model.observed_RVs}
    terms = transformed_conditional_logp(model.observed_RVs, rvs_to_values=values, rvs_to_transforms={}, jacobian=False)
    return {rv.name: term.eval(mode="FAST_COMPILE") for rv, term in zip(model.observed_RVs, terms, strict=True)}


def moment_errors(draws: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> float:
    """Largest distance, in standard errors, of the draws' mean and variance (samples first) from the given ones."""
    count, centred = len(draws), draws - draws.mean(0)
    spread = draws.var(0, ddof=1)
    of_mean = np.sqrt(np.maximum(variance, 1e-12) / count)
    of_variance = np.sqrt(np.maximum((centred**4).mean(0) - spread**2, 1e-12) / count)
    return float(max((np.abs(draws.mean(0) - mean) / of_mean).max(), (np.abs(spread - variance) / of_variance).max()))


def covariates(rows: int = 9, seed: int = 1) -> tuple[np.random.Generator, np.ndarray]:
    """A generator and a covariate."""
    rng = np.random.default_rng(seed)
    return rng, rng.normal(size=rows)


def along_rows(**columns: Any) -> xr.Dataset:
    """Columns along ``obs``; a pair of dims and values where there is more to it."""
    return xr.Dataset({name: c if isinstance(c, tuple) else ("obs", np.asarray(c)) for name, c in columns.items()})
