"""`PyMCForecaster`: any PyMC model, fitted again and again, its draws scored on any new rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import xarray as xr

from learning_debt.data import as_dataset
from learning_debt.errors import NoJointDensityError, UnsupportedModelError
from learning_debt.posteriors.base import SAMPLE
from learning_debt.posteriors.pymc.build import Build
from learning_debt.posteriors.pymc.checks import reference_pointwise, require_supported
from learning_debt.posteriors.pymc.compare import require_same_density, require_same_groups
from learning_debt.posteriors.pymc.density import split_points
from learning_debt.posteriors.pymc.draws import Draws
from learning_debt.posteriors.pymc.fit import Sampler, SamplerName
from learning_debt.posteriors.pymc.prepare import (
    PREPARATION,
    TRAINING,
    Preparation,
    Prepare,
    require_own_outcome,
    same_preparation,
)
from learning_debt.posteriors.pymc.registry import CONSTANTS, LAYOUT, STRUCTURE, BuildModel, Registry


class PyMCForecaster:
    """A PyMC model as a forecaster: fitted repeatedly, scored on rows it has not seen.

    Parameters
    ----------
    build_model : callable, optional
        ``build_model(data) -> pm.Model``, from an `xarray.Dataset`. Every column it uses goes unchanged into a
        `pm.Data` of the same name; what it learns from the data (means, knots, levels) belongs in `prepare`.
    model : pm.Model, optional
        A ready model whose outcome and covariates are `pm.Data`. One of `build_model` and `model` is needed.
    prepare : callable, optional
        ``prepare(data, fitted=None) -> (data, fitted)``. Called without `fitted` on the training data; what it returns
        (a Dataset or a dict of arrays) is stored with the posterior and handed back, as a Dataset, with every batch.
    observation_dim : str
        Name of the dimension over observations in the data.
    draws, tune, chains : int
        Posterior draws and tuning steps of each chain, and chains.
    sampler : {"nutpie", "pymc"}, optional
        None takes nutpie where it is installed and can sample the model, else `pm.sample`.

    Notes
    -----
    Groups are matched by label. Data may hold a group's labels in the column that the model's index is named after, or
    in a column named after the dimension it indexes; they are encoded by the labels of the posterior at hand. PyMC does
    not let a `pm.Data` share its name with a dimension, hence ``store_index`` below.

    Examples
    --------
    >>> import numpy as np, pymc as pm
    >>> def build_model(data):
    ...     stores, index = np.unique(data["store"], return_inverse=True)
    ...     with pm.Model(coords={"store": stores}) as model:
    ...         store_index = pm.Data("store_index", index, dims="obs")
    ...         sold = pm.Data("sold", data["sold"].values, dims="obs")
    ...         level = pm.Normal("level", 0, 2, dims="store")
    ...         pm.Poisson("sales", pm.math.exp(level[store_index]), observed=sold, dims="obs")
    ...     return model
    >>> forecaster = PyMCForecaster(build_model, draws=500)
    >>> data = {"store": ["Graz", "Linz", "Graz"], "sold": [3, 5, 2]}
    >>> posterior = forecaster.fit(data, random_seed=1)  # doctest: +SKIP
    >>> forecaster.log_density(posterior, {"store": ["Linz"], "sold": [4]}).sizes  # doctest: +SKIP
    Frozen({'sample': 2000, 'obs': 1})
    """

    def __init__(
        self,
        build_model: BuildModel | None = None,
        *,
        model: pm.Model | None = None,
        prepare: Prepare | None = None,
        observation_dim: str = "obs",
        draws: int = 1000,
        tune: int = 1000,
        chains: int = 4,
        sampler: SamplerName | None = None,
    ) -> None:
        _check_options(build_model, model, prepare, observation_dim, sampler)
        for name, value in (("draws", draws), ("tune", tune), ("chains", chains)):
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
                raise ValueError(f"{name} must be a positive integer, not {value!r}")
        self._observation_dim = observation_dim
        self._preparation = Preparation(prepare, observation_dim)
        self._registry = Registry(build_model, model, self._preparation, observation_dim)
        self._sampler = Sampler(int(draws), int(tune), int(chains), sampler)
        if model is not None:
            require_supported(model, observation_dim)

    @property
    def observation_dim(self) -> str:
        """Name of the dimension that runs over observations."""
        return self._observation_dim

    @property
    def observed(self) -> tuple[str, ...]:
        """Name of the data variable that holds the outcome. Known from the first fit or use of `build_model` on."""
        return (self._registry.any("observed").graph.outcome,)

    def as_batch(self, data: Any) -> xr.Dataset:
        """Rows as a checked Dataset; the outcome may be missing.

        Raises
        ------
        KeyError
            If a covariate is missing.
        ValueError
            If there are no rows or numbers are not finite.
        """
        rows = as_dataset(data, self._observation_dim)
        if not self._preparation and self._registry.latest is not None:
            self._registry.latest.require_rows(rows, self._observation_dim)
        return rows

    def fit(self, data: Any, *, random_seed: int | None = None, progressbar: bool = False) -> xr.DataTree:
        """Posterior given `data` and nothing else.

        Returns
        -------
        xarray.DataTree
            Groups ``posterior`` (free variables only), ``sample_stats``, ``training_data`` (as given), and
            ``preparation`` where the forecaster has one. It can be written as netCDF and scored after reading it back.

        Raises
        ------
        UnsupportedModelError
            If the model cannot be scored on new rows correctly; the message says what to change.
        RuntimeError
            If sampling fails.
        """
        raw = as_dataset(data, self._observation_dim)
        prepared, fitted = self._preparation.of_training(raw)
        build = self._registry.build(prepared)
        require_own_outcome(build.graph.outcome, raw, prepared)
        build.require_own_labels(prepared, self._observation_dim)
        arguments = build.arguments(prepared, self._observation_dim)
        self._registry.check(build, prepared, raw, fitted)
        self._registry.remember(build)
        build.scoring_guard.check({**arguments, "draw": build.graph.reference_draws})
        tree = self._sampler.sample(build.graph, arguments, random_seed, progressbar)
        return self._packaged(tree, raw, fitted, build)

    def attach(self, posterior: xr.DataTree, data: Any) -> xr.DataTree:
        """A copy of a posterior drawn elsewhere, with the data it was fitted to, so that it serves as one of `fit`.

        Needed where the forecaster has a `prepare`, and for posterior debt by the joint density.
        """
        raw = as_dataset(data, self._observation_dim)
        prepared, fitted = self._preparation.of_training(raw)
        build = self._registry.build(prepared)
        require_own_outcome(build.graph.outcome, raw, prepared)
        build.arguments(prepared, self._observation_dim)
        self._registry.check(build, prepared, raw, fitted)
        self._registry.remember(build)
        build.read(posterior)
        return self._packaged(posterior, raw, fitted, build)

    def log_density(self, posterior: xr.DataTree, batch: Any, past: Any = None) -> xr.Dataset:
        """Log density of every row at every draw, in nats.

        Returns
        -------
        xarray.Dataset
            One variable, named as the observed random variable, dims ("sample", observation_dim); sample = chain *
            draws + draw. Minus infinity is legal.

        Raises
        ------
        KeyError, ValueError
            If the rows lack a variable, hold an unseen label or an index outside its group, or score NaN.
        IncomparablePosteriorsError
            If the posterior belongs to another model.
        """
        _refuse_past(past)
        rows = as_dataset(batch, self._observation_dim)
        build, prepared, draws, static = self._context(posterior, rows)
        if rows.sizes[self._observation_dim] > 1 and build is self._registry.latest:
            self._registry.check(build, prepared)  # a posterior from elsewhere: the model was never fitted here
        arguments = build.arguments(prepared, self._observation_dim, draws=draws, static=static)
        arguments["draw"] = draws.values
        build.scoring_guard.check(arguments)
        values = build.density.log_density(arguments, draws.samples, rows.sizes[self._observation_dim])
        if np.isnan(values).any():
            sample, row = np.argwhere(np.isnan(values))[0]
            raise ValueError(f"the log density of row {row} is NaN at draw {sample}; check the row's values")
        return self._labelled(values, build, rows)

    def predict(
        self, posterior: xr.DataTree, batch: Any, past: Any = None, *, random_seed: int | None = None
    ) -> xr.Dataset:
        """One predictive draw of every row per posterior draw, dims ("sample", observation_dim).

        The batch needs no outcome. The same seed gives the same draws.
        """
        _refuse_past(past)
        rows = as_dataset(batch, self._observation_dim)
        build, prepared, draws, static = self._context(posterior, rows)
        arguments = build.arguments(prepared, self._observation_dim, draws=draws, static=static, outcome=False)
        arguments["draw"] = draws.values
        build.predicting_guard.check(arguments)
        values = build.predictive.draw(arguments, draws.samples, rows.sizes[self._observation_dim], random_seed)
        return self._labelled(values, build, rows)

    def outcome_kind(self) -> str:
        """``"continuous"`` (one real number a row), ``"count"`` (an integer from 0 on) or ``"other"``."""
        graph = self._registry.any("outcome_kind").graph
        if graph.observed.dtype.startswith("float"):
            return "continuous"
        pointwise = reference_pointwise(graph)
        own = graph.own_arguments()
        for value in (-1, -2, -10):
            own["data"][graph.outcome] = np.full_like(own["data"][graph.outcome], value)
            if np.isfinite(pointwise({"draw": graph.reference_draws, **own}, 0)).any():
                return "other"
        return "count"

    def unconstrained_draws(self, posterior: xr.DataTree) -> np.ndarray:
        """Draws on the whole real line, shape (chain, draw, parameters), ordered as the model's value variables."""
        build = self._registry.of(posterior)
        draws = build.read(posterior)
        if build.graph.has_discrete:
            raise NoJointDensityError("discrete free variables have no unconstrained scale; marginalise them")
        arguments = {**build.own, "draw": draws.values}
        return build.transforms.unconstrained(arguments, draws.samples).reshape(draws.chains, draws.draws, -1)

    def log_joint(self, posterior: xr.DataTree, unconstrained: np.ndarray) -> np.ndarray:
        """Log prior, Jacobian and log likelihood of the posterior's own training data, shape (points,).

        `unconstrained` has shape (points, parameters), ordered as `unconstrained_draws`.
        """
        build = self._registry.of(posterior)
        draws, training = build.read(posterior), self._preparation.of_stored(posterior)
        if training is None:
            raise NoJointDensityError("the posterior does not carry its training data; use attach(posterior, data)")
        arguments = build.arguments(training, self._observation_dim, draws=draws)
        points = np.asarray(unconstrained, dtype=float)
        arguments["value"] = split_points(build.graph, points)
        return build.density.log_joint(arguments, len(points), training.sizes[self._observation_dim])

    def require_comparable(self, shadow: xr.DataTree, deployed: xr.DataTree, batch: Any) -> None:
        """Raise ``IncomparablePosteriorsError`` unless posterior debt between the two exists.

        Asked for: the same free variables with the same labels, the same prior density, and the same log density of
        `batch` under both preparations, at shared draws.
        """
        first, second = self._registry.of(shadow), self._registry.of(deployed)
        require_same_groups(first.graph, second.graph, shadow, deployed)
        draws = first.read(shadow)
        second.read(deployed)
        if first is second and same_preparation(shadow, deployed) and not first.graph.data_in_prior:
            return
        rows = as_dataset(batch, self._observation_dim)
        posteriors = (shadow, deployed)
        trainings = [self._preparation.of_stored(tree) for tree in posteriors]
        batches = [self._preparation.of_batch(tree, rows) for tree in posteriors]
        require_same_density((first, second), draws, trainings, batches, self._observation_dim)

    def _context(self, posterior: xr.DataTree, rows: xr.Dataset) -> tuple[Build, xr.Dataset, Draws, xr.Dataset | None]:
        """Build, prepared rows, draws, and what the rows may leave out (static data, from the training data)."""
        prepared = self._preparation.of_batch(posterior, rows)
        build = self._registry.of(posterior, prepared)
        if build.graph.outcome in rows.variables:
            require_own_outcome(build.graph.outcome, rows, prepared)
        own = STRUCTURE in posterior.attrs or self._registry.model is not None
        static = None
        if TRAINING in posterior.children and build.lacks_static(prepared):
            static = self._preparation.of_stored(posterior)
        return build, prepared, build.read(posterior, own_labels=own), static

    def _packaged(self, tree: xr.DataTree, raw: xr.Dataset, fitted: xr.Dataset | None, build: Build) -> xr.DataTree:
        groups = {
            name: child.to_dataset(inherit=False)
            for name, child in tree.children.items()
            if name in ("posterior", "sample_stats")
        }
        groups[TRAINING] = raw.copy(deep=True)
        if fitted is not None:
            groups[PREPARATION] = fitted
        packaged = xr.DataTree.from_dict(groups)
        packaged.attrs = dict(zip((STRUCTURE, LAYOUT, CONSTANTS), build.key, strict=True))
        return packaged

    def _labelled(self, values: np.ndarray, build: Build, rows: xr.Dataset) -> xr.Dataset:
        dim = self._observation_dim
        coords = {dim: rows.variables[dim]} if dim in rows.coords else None
        return xr.Dataset({build.graph.observed.name: ((SAMPLE, dim), values)}, coords=coords)


def _check_options(build_model: Any, model: Any, prepare: Any, observation_dim: Any, sampler: Any) -> None:
    if (build_model is None) == (model is None):
        raise TypeError("pass exactly one of build_model and model")
    if build_model is not None and not callable(build_model):
        hint = "; a ready model goes in as model=..." if isinstance(build_model, pm.Model) else ""
        raise TypeError(f"build_model must be a function of the data, not {type(build_model).__name__}{hint}")
    if model is not None and not isinstance(model, pm.Model):
        raise TypeError(f"model must be a pm.Model, not {type(model).__name__}")
    if prepare is not None and not callable(prepare):
        raise TypeError(
            f"prepare must be a function (data, fitted=None) -> (data, fitted), not {type(prepare).__name__}"
        )
    if not isinstance(observation_dim, str) or not observation_dim:
        raise TypeError(f"observation_dim must be a name, not {observation_dim!r}")
    if sampler not in (None, "nutpie", "pymc"):
        raise ValueError(f"sampler must be None, 'nutpie' or 'pymc', not {sampler!r}")


def _refuse_past(past: Any) -> None:
    if past is not None:
        raise UnsupportedModelError("rows that need the rows before them (past=...) cannot be scored yet")
