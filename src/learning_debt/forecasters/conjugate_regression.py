"""The exact forecaster: Bayesian linear regression whose posterior, scores and debt need no sampling."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from learning_debt.arrays.conjugate import nig as exact
from learning_debt.arrays.conjugate.nig import NIG
from learning_debt.arrays.predictive.families import RowDistributions
from learning_debt.data import as_dataset, require_same_rows, require_variables
from learning_debt.errors import IncomparablePosteriorsError
from learning_debt.forecasters.base import GRADIENT_EVALUATIONS, SAMPLE, as_row_weight
from learning_debt.forecasters.design_matrix import as_numbers, has_matrix, side_by_side
from learning_debt.validation import (
    describe,
    require_instance,
    require_names,
    require_seed,
    require_text,
    require_whole_number,
)

COEFFICIENT = "coefficient"
_DRAWN = ("coefficients", "variance")


class ConjugateRegression:
    """Linear regression y = x' beta + N(0, s2) with a normal-inverse-gamma prior.

    Its posteriors are `NIG` records and everything about them is exact. `sample` turns one into draws that this same
    object scores and predicts like any sampled model, so every sampled estimate can be held against the exact value.

    Parameters
    ----------
    prior : NIG
        ``NIG(mean, precision, shape, rate)``; with one coefficient, plain numbers.
    observation_dim : str
        Name of the dimension that runs over observations.
    coefficient_names : sequence of str, optional
        Labels of the columns of x in the prior's order. With them, a batch whose x carries labels is matched by
        label, never by position, and draws carry them; without them columns count by position. With them rows may
        also come without ``x`` and with a column of each name instead, as in a CSV file or a data frame; where they
        have no column ``intercept``, that coefficient's is all ones.

    Raises
    ------
    TypeError, ValueError
        Naming the field of the prior that is wrong, or names that do not fit it.

    See Also
    --------
    NIG : Its prior and its posteriors.
    PyMCForecaster : Any PyMC model.

    Examples
    --------
    >>> forecaster = ConjugateRegression(NIG(0, 1, 2, 1))
    >>> deployed = forecaster.fit({"x": [1.0, 2.0], "y": [1.1, 1.9]})
    >>> shadow = forecaster.update(deployed, {"x": [1.0, -1.0], "y": [3.0, -3.1]})
    >>> round(forecaster.posterior_debt(shadow, deployed), 3)
    1.886

    With names, rows are those of a table:

    >>> named = ConjugateRegression(NIG([0, 0], np.eye(2), 2, 1), coefficient_names=["intercept", "price"])
    >>> named.as_batch({"price": [2.0, 3.0], "y": [1.1, 1.9]})["x"].values.tolist()
    [[1.0, 2.0], [1.0, 3.0]]
    """

    def __init__(
        self, prior: NIG, *, observation_dim: str = "obs", coefficient_names: Sequence[str] | None = None
    ) -> None:
        require_instance("prior", prior, NIG, "an NIG(mean, precision, shape, rate)")
        self._prior = exact.as_nig(prior)
        if any(np.ndim(value) for value in (self._prior.shape, self._prior.rate)) or self._prior.mean.ndim > 1:
            raise ValueError("prior must be a single NIG, without leading axes of mean, precision, shape or rate")
        require_text("observation_dim", observation_dim, "a name")
        p = self._prior.mean.shape[-1]
        names = None if coefficient_names is None else list(require_names("coefficient_names", coefficient_names))
        if names is not None and (len(names) != p or len(set(names)) != p):
            raise ValueError(f"coefficient_names must be {p} different names, one per prior coefficient, not {names}")
        self._names = names
        self._observation_dim = observation_dim

    @property
    def observation_dim(self) -> str:
        """Name of the dimension that runs over observations."""
        return self._observation_dim

    @property
    def prior(self) -> NIG:
        """The prior, as arrays."""
        return self._prior

    @property
    def observed(self) -> tuple[str, ...]:
        """Data variable that holds the outcomes."""
        return ("y",)

    @property
    def growing_dims(self) -> tuple[str, ...]:
        """None: rows bring nothing that a posterior does not hold."""
        return ()

    @property
    def thread_safe(self) -> bool:
        """True: no call changes it."""
        return True

    def fingerprint(self, data: Any) -> str:
        """Hash of the prior and the names of the coefficients, which posteriors given `data` follow from."""
        prior = [np.asarray(part).tolist() for part in self._prior]
        return hashlib.sha256(repr((prior, self._names)).encode()).hexdigest()[:32]

    def as_batch(self, data: Any) -> xr.Dataset:
        """Convert and check rows.

        Parameters
        ----------
        data : xarray.Dataset, mapping or pandas.DataFrame
            With ``x`` (observation, coefficient), or (observation,) for a single coefficient, and ``y`` (observation);
            in place of ``x`` a column for each of the `coefficient_names`.

        Returns
        -------
        xarray.Dataset
            ``x`` with dims (observation, "coefficient") and ``y`` with dims (observation,), both float.

        Raises
        ------
        KeyError
            If y is missing, or x and a column for one of the names.
        ValueError
            If there are no rows, a value is not finite or not a number, or x has not one column per prior coefficient.
        """
        dataset = as_dataset(data, self.observation_dim, ["x", "y"])
        self._require_columns(dataset)
        design = self._design(dataset)
        outcome = as_numbers(dataset["y"], "y")
        if outcome.dims != (self.observation_dim,):
            raise ValueError(f"data variable 'y' must run along {self.observation_dim!r} only, not {outcome.dims}")
        return xr.Dataset({"x": design, "y": outcome})

    def _require_columns(self, dataset: xr.Dataset) -> None:
        """Refuse rows without y, or without x, which a data frame has under names of its own."""
        if self._names is not None:
            require_variables(dataset, ["y"])
            return
        try:
            require_variables(dataset, ["x", "y"])
        except KeyError as error:
            raise KeyError(
                f"{error.args[0]}: ConjugateRegression reads the outcome y, and x with a column for each of its "
                f"{self.prior.mean.shape[-1]} coefficient(s), ones for an intercept among them; from a data frame, "
                "{'x': np.column_stack([np.ones(len(frame)), frame['price']]), 'y': frame['sold'], 'period': "
                "frame['period']}; or it reads a column for each coefficient, once coefficient_names=['intercept', "
                "'price'] names them"
            ) from None

    def fit(self, data: Any, *, row_weight: Any = None, random_seed: int | None = None) -> NIG:
        """Posterior given `data` and nothing else.

        Parameters
        ----------
        data : Dataset, mapping or data frame
        row_weight : array_like, shape (rows,), optional
            Power of each row's likelihood, at least 0, one each if left out; the prior keeps its own. All zero gives
            the prior.
        random_seed : int, optional
            Has no use here and is accepted for the protocol.

        Examples
        --------
        >>> forecaster, rows = ConjugateRegression(NIG(0, 1, 2, 1)), {"x": [1.0, 2.0], "y": [1.1, 1.9]}
        >>> bool(forecaster.fit(rows, row_weight=[0.0, 1.0]) == forecaster.fit({"x": [2.0], "y": [1.9]}))
        True
        """
        require_seed("random_seed", random_seed)
        return self.update(self.prior, data, row_weight)

    def update(self, posterior: NIG, batch: Any, row_weight: Any = None) -> NIG:
        """Posterior after the rows of `batch`, weighted as in `fit`; the same as a fit to all rows seen so far."""
        require_same_rows("row_weight", row_weight, batch, self.observation_dim)
        batch = self.as_batch(batch)
        weight = as_row_weight(row_weight, batch.sizes[self.observation_dim])
        return exact.update(self._exact(posterior, "posterior"), batch["x"].values, batch["y"].values, weight)

    def log_score(self, posterior: NIG, batch: Any) -> xr.DataArray:
        """Exact log predictive density of every row on its own, dims (observation,), in nats; higher is better."""
        batch = self.as_batch(batch)
        scores = exact.log_score(self._exact(posterior, "posterior"), batch["x"].values, batch["y"].values)
        return batch["y"].copy(data=scores).rename("log_score")

    def predictive_debt(self, shadow: NIG, deployed: NIG, batch: Any) -> float:
        """Exact mean over the batch's inputs of KL(shadow predictive || deployed predictive), nats per observation."""
        batch = self.as_batch(batch)
        shadow, deployed = self._exact(shadow, "shadow"), self._exact(deployed, "deployed")
        return float(exact.predictive_debt(shadow, deployed, batch["x"].values))

    def posterior_debt(self, shadow: NIG, deployed: NIG) -> float:
        """Exact KL(shadow || deployed) over coefficients and variance, in nats."""
        return float(exact.kl(self._exact(shadow, "shadow"), self._exact(deployed, "deployed")))

    def sample(
        self, posterior: NIG, *, draws: int = 1000, chains: int = 4, random_seed: int | None = None
    ) -> xr.DataTree:
        """Independent posterior draws, laid out as any sampler's.

        Parameters
        ----------
        posterior : NIG
        draws, chains : int
            Draws per chain, and chains.
        random_seed : int, optional

        Returns
        -------
        xarray.DataTree
            Group ``posterior`` with ``coefficients`` (chain, draw, coefficient) and ``variance`` (chain, draw); group
            ``parameters`` with the NIG drawn from.

        Raises
        ------
        TypeError, ValueError
            If `posterior` is no NIG of this model, or `draws` or `chains` is below 1.

        Examples
        --------
        >>> forecaster = ConjugateRegression(NIG(0, 1, 2, 1))
        >>> forecaster.sample(forecaster.prior, draws=5, chains=2, random_seed=1)["posterior"]["coefficients"].shape
        (2, 5, 1)
        """
        posterior = self._exact(posterior, "posterior")
        require_whole_number("draws", draws, at_least=1)
        require_whole_number("chains", chains, at_least=1)
        require_seed("random_seed", random_seed)
        coefficients, variance = exact.sample(posterior, draws * chains, np.random.default_rng(random_seed))
        labels = np.arange(coefficients.shape[-1]) if self._names is None else self._names
        drawn = xr.Dataset(
            {
                "coefficients": (("chain", "draw", COEFFICIENT), coefficients.reshape(chains, draws, -1)),
                "variance": (("chain", "draw"), variance.reshape(chains, draws)),
            },
            coords={"chain": np.arange(chains), "draw": np.arange(draws), COEFFICIENT: labels},
        )
        parameters = xr.Dataset(
            {
                "mean": (COEFFICIENT, posterior.mean),
                "precision": ((COEFFICIENT, f"{COEFFICIENT}_column"), posterior.precision),
                "shape": ((), posterior.shape),
                "rate": ((), posterior.rate),
            }
        )
        tree = xr.DataTree.from_dict({"posterior": drawn, "parameters": parameters})
        tree.attrs = {GRADIENT_EVALUATIONS: 0}
        return tree

    @property
    def needs_past(self) -> bool:
        """False: rows are exchangeable given the parameters."""
        return False

    @property
    def feedback(self) -> bool:
        """False: no outcome enters another row's distribution."""
        return False

    def log_density(
        self, posterior: xr.DataTree, batch: Any, past: Any = None, *, random_seed: int | None = None
    ) -> xr.Dataset:
        """Log density of every row at every draw, variable ``y`` with dims (sample, observation), in nats.

        Rows are exchangeable given the parameters, so `past` and `random_seed` change nothing. A `NIG` is refused.
        """
        require_seed("random_seed", random_seed)
        batch = self.as_batch(batch)
        coefficients, variance = self._draws(posterior)
        residual = batch["y"].values - coefficients @ batch["x"].values.T
        values = -0.5 * (np.log(2 * math.pi * variance)[:, None] + residual**2 / variance[:, None])
        return self._per_sample(values, batch["y"])

    def row_distributions(
        self, posterior: xr.DataTree, batch: Any, past: Any = None, *, random_seed: int | None = None
    ) -> RowDistributions:
        """Normal distributions of the outcome at every draw and row; the batch needs no ``y``."""
        require_seed("random_seed", random_seed)
        dataset = as_dataset(batch, self.observation_dim, ["x"])
        coefficients, variance = self._draws(posterior)
        location = coefficients @ self._design(dataset).values.T
        return RowDistributions("normal", (location, np.sqrt(variance)[:, None]), location.shape)

    def predict(
        self, posterior: xr.DataTree, batch: Any, past: Any = None, *, random_seed: int | None = None
    ) -> xr.Dataset:
        """One outcome of every row per posterior draw, ``y`` (sample, observation); `past` is ignored.

        The batch needs no ``y``.
        """
        require_seed("random_seed", random_seed)
        dataset = as_dataset(batch, self.observation_dim, ["x"])
        design = self._design(dataset)
        coefficients, variance = self._draws(posterior)
        location = coefficients @ design.values.T
        noise = np.random.default_rng(random_seed).normal(size=location.shape)
        return self._per_sample(location + np.sqrt(variance)[:, None] * noise, design.isel({COEFFICIENT: 0}, drop=True))

    def outcome_kind(self) -> str:
        """``"continuous"``: predictive densities integrate over the real line."""
        return "continuous"

    def unconstrained_draws(self, posterior: xr.DataTree) -> np.ndarray:
        """Coefficients and log variance, shape (chain, draw, p + 1)."""
        coefficients, variance = self._draws(posterior)
        points = np.concatenate([coefficients, np.log(variance)[:, None]], axis=1)
        sizes = posterior["posterior"].sizes
        return points.reshape(sizes["chain"], sizes["draw"], -1)

    def constrained_draws(self, posterior: xr.DataTree, unconstrained: np.ndarray) -> xr.Dataset:
        """Points of shape (chain, draw, p + 1) as a ``posterior`` group, labelled as `posterior` is.

        The inverse of `unconstrained_draws`.

        Raises
        ------
        ValueError
            If the points have another shape or are not finite.
        """
        self._draws(posterior)
        points = np.asarray(unconstrained, dtype=float)
        p = self.prior.mean.shape[-1]
        if points.ndim != 3 or points.shape[-1] != p + 1 or not np.isfinite(points).all():
            raise ValueError(f"unconstrained must be finite with shape (chain, draw, {p + 1}), not {points.shape}")
        labels = posterior["posterior"].to_dataset()["coefficients"][COEFFICIENT].values
        return xr.Dataset(
            {
                "coefficients": (("chain", "draw", COEFFICIENT), points[..., :-1]),
                "variance": (("chain", "draw"), np.exp(points[..., -1])),
            },
            coords={"chain": np.arange(len(points)), "draw": np.arange(points.shape[1]), COEFFICIENT: labels},
        )

    def log_joint(self, posterior: xr.DataTree, unconstrained: np.ndarray) -> np.ndarray:
        """Log prior plus log likelihood of the data behind `posterior`, with Jacobian; (points, p + 1) to (points,).

        By Bayes' theorem it is the posterior's log density plus the log evidence, which needs no data at hand.
        """
        parameters = self._parameters(posterior)
        unconstrained = np.asarray(unconstrained, dtype=float)
        p = self.prior.mean.shape[-1]
        if unconstrained.ndim != 2 or unconstrained.shape[-1] != p + 1:
            raise ValueError(f"unconstrained points must have shape (points, {p + 1}), not {unconstrained.shape}")
        coefficients, log_variance = unconstrained[:, :-1], unconstrained[:, -1]
        log_posterior = exact.log_density(parameters, coefficients, np.exp(log_variance)) + log_variance
        return log_posterior + exact.log_evidence(self.prior, parameters)

    def require_comparable(self, shadow: xr.DataTree, deployed: xr.DataTree, batch: xr.Dataset) -> None:
        """Raise ``IncomparablePosteriorsError`` unless both hold draws of this model with the same coefficients."""
        labels = []
        for name, posterior in (("shadow", shadow), ("deployed", deployed)):
            self._draws(posterior, name)
            labels.append(posterior["posterior"].to_dataset()["coefficients"][COEFFICIENT].values.tolist())
        if labels[0] != labels[1]:
            raise IncomparablePosteriorsError(
                f"the shadow's coefficients are {labels[0]}, the deployed posterior's {labels[1]}"
            )

    def _design(self, dataset: xr.Dataset) -> xr.DataArray:
        """x as floats with dims (observation, coefficient), columns in the prior's order."""
        if self._names is not None and not has_matrix(dataset, self._names):
            return side_by_side(dataset, self._names, self.observation_dim, COEFFICIENT)
        require_variables(dataset, ["x"])
        x = as_numbers(dataset["x"], "x")
        if x.dims == (self.observation_dim,):
            x = x.expand_dims(COEFFICIENT, axis=1)
        if x.ndim != 2 or self.observation_dim not in x.dims:
            raise ValueError(
                f"data variable 'x' must have dims ({self.observation_dim!r}, 'coefficient'), not {x.dims}"
            )
        x = x.transpose(self.observation_dim, ...)
        column_dim = x.dims[1]
        x = x if column_dim == COEFFICIENT else x.rename({column_dim: COEFFICIENT})
        p = self.prior.mean.shape[-1]
        if x.sizes[COEFFICIENT] != p:
            raise ValueError(f"data variable 'x' has {x.sizes[COEFFICIENT]} column(s), the prior {p} coefficient(s)")
        if self._names is None or COEFFICIENT not in x.coords:
            return x
        labels = [str(label) for label in x[COEFFICIENT].values]
        if sorted(labels) != sorted(self._names):
            raise ValueError(f"data variable 'x' has the columns {labels}, the model {self._names}")
        return x.isel({COEFFICIENT: [labels.index(name) for name in self._names]})

    def _exact(self, posterior: Any, name: str) -> NIG:
        """The checked NIG, or a refusal that says what to do instead."""
        if isinstance(posterior, xr.DataTree):
            raise TypeError(f"{name} holds draws; exact methods take the NIG that fit or update returned")
        require_instance(name, posterior, NIG, "an exact posterior, the NIG that fit or update returned")
        checked = exact.as_nig(posterior)
        p, expected = checked.mean.shape[-1], self.prior.mean.shape[-1]
        if p != expected:
            raise ValueError(f"{name} has {p} coefficient(s), the prior {expected}")
        if checked.mean.ndim > 1 or checked.precision.ndim > 2 or checked.shape.ndim or checked.rate.ndim:
            raise ValueError(f"{name} must be a single NIG; for many at once use learning_debt.arrays.conjugate.nig")
        return checked

    def _draws(self, posterior: Any, name: str = "posterior") -> tuple[np.ndarray, np.ndarray]:
        """Coefficients (sample, p) and variance (sample,), chain by chain."""
        self._require_groups(posterior, name, {"posterior": _DRAWN})
        drawn = posterior["posterior"].to_dataset()
        p = self.prior.mean.shape[-1]
        if set(drawn["coefficients"].dims) != {"chain", "draw", COEFFICIENT} or drawn.sizes[COEFFICIENT] != p:
            raise IncomparablePosteriorsError(
                f"{name} variable 'coefficients' must have dims (chain, draw, coefficient) with {p} coefficient(s), "
                f"not {dict(drawn['coefficients'].sizes)}"
            )
        coefficients = drawn["coefficients"].transpose("chain", "draw", COEFFICIENT).values
        variance = drawn["variance"].transpose("chain", "draw").values
        return coefficients.reshape(-1, p), variance.ravel()

    def _parameters(self, posterior: Any) -> NIG:
        self._require_groups(posterior, "posterior", {"posterior": _DRAWN, "parameters": NIG._fields})
        parameters = posterior["parameters"]
        return self._exact(NIG(*(parameters[field].values for field in NIG._fields)), "posterior")

    def _require_groups(self, posterior: Any, name: str, groups: dict[str, tuple[str, ...]]) -> None:
        if isinstance(posterior, NIG):
            raise TypeError(
                f"{name} is a NIG and this method needs draws: sample it first, or use log_score, predictive_debt and "
                "posterior_debt, which are exact"
            )
        if not isinstance(posterior, xr.DataTree):
            raise TypeError(f"{name} must be a DataTree of draws, not {describe(posterior)}")
        for group, names in groups.items():
            present = set(posterior[group].data_vars) if group in posterior.children else set()
            missing = [variable for variable in names if variable not in present]
            if missing:
                raise IncomparablePosteriorsError(
                    f"{name} is not a posterior of ConjugateRegression: its group {group!r} lacks {missing}"
                )

    def _per_sample(self, values: np.ndarray, row: xr.DataArray) -> xr.Dataset:
        """Label values (sample, observation) with the coordinates of the batch's rows."""
        coords = {name: coord for name, coord in row.coords.items() if coord.dims == (self.observation_dim,)}
        return xr.Dataset({"y": ((SAMPLE, self.observation_dim), values)}, coords=coords)
