"""`PyMCForecaster`: any PyMC model, fitted again and again, its draws scored on any new rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pymc as pm
import xarray as xr

from learning_debt.data import as_dataset
from learning_debt.errors import IncomparablePosteriorsError, UnsupportedModelError
from learning_debt.posteriors.base import SAMPLE
from learning_debt.posteriors.pymc_build import Build, Draws
from learning_debt.posteriors.pymc_checks import reference_pointwise, require_supported
from learning_debt.posteriors.pymc_compare import require_same_density, require_same_groups
from learning_debt.posteriors.pymc_density import Density, split_points
from learning_debt.posteriors.pymc_firstfit import require_faithful_build, require_faithful_preparation
from learning_debt.posteriors.pymc_fit import Sampler, SamplerName
from learning_debt.posteriors.pymc_graph import ModelGraph

PREPARATION, TRAINING = "preparation", "training_data"
STRUCTURE, LAYOUT, CONSTANTS = "learning_debt_structure", "learning_debt_layout", "learning_debt_constants"


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
        build_model: Callable[[xr.Dataset], pm.Model] | None = None,
        *,
        model: pm.Model | None = None,
        prepare: Callable[..., tuple[Any, Any]] | None = None,
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
        self._build_model, self._model, self._prepare = build_model, model, prepare
        self._observation_dim = observation_dim
        self._sampler = Sampler(int(draws), int(tune), int(chains), sampler)
        self._builds: dict[tuple[str, str, str], Build] = {}
        self._densities: list[Density] = []
        self._latest: Build | None = None
        if model is not None:
            require_supported(model, observation_dim)

    @property
    def observation_dim(self) -> str:
        """Name of the dimension that runs over observations."""
        return self._observation_dim

    @property
    def observed(self) -> tuple[str, ...]:
        """Name of the data variable that holds the outcome. Known from the first fit or use of `build_model` on."""
        return (self._any_build("observed").graph.outcome,)

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
        if self._prepare is None and self._latest is not None:
            self._latest.require_rows(rows, self._observation_dim)
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
        prepared, fitted = self._prepare_training(raw)
        build = self._build(prepared)
        build.require_own_labels(prepared, self._observation_dim)
        arguments = build.arguments(prepared, self._observation_dim)
        self._check_once(build, raw, prepared, fitted)
        build.scoring_guard.check({**arguments, "draw": build.graph.reference_draws})
        tree = self._sampler.sample(build.graph, arguments, random_seed, progressbar)
        return self._packaged(tree, raw, fitted, build)

    def attach(self, posterior: xr.DataTree, data: Any) -> xr.DataTree:
        """A copy of a posterior drawn elsewhere, with the data it was fitted to, so that it serves as one of `fit`.

        Needed where the forecaster has a `prepare`, and for posterior debt by the joint density.
        """
        raw = as_dataset(data, self._observation_dim)
        prepared, fitted = self._prepare_training(raw)
        build = self._build(prepared)
        build.arguments(prepared, self._observation_dim)
        self._check_once(build, raw, prepared, fitted)
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
        graph = self._any_build("outcome_kind").graph
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
        build = self._build_of(posterior)
        draws = build.read(posterior)
        if build.graph.has_discrete:
            raise UnsupportedModelError("discrete free variables have no unconstrained scale; marginalise them")
        arguments = {**build.own, "draw": draws.values}
        return build.transforms.unconstrained(arguments, draws.samples).reshape(draws.chains, draws.draws, -1)

    def log_joint(self, posterior: xr.DataTree, unconstrained: np.ndarray) -> np.ndarray:
        """Log prior, Jacobian and log likelihood of the posterior's own training data, shape (points,).

        `unconstrained` has shape (points, parameters), ordered as `unconstrained_draws`.
        """
        build = self._build_of(posterior)
        if TRAINING not in posterior.children:
            raise ValueError("the posterior does not carry its training data; use attach(posterior, data)")
        draws, training = build.read(posterior), self._prepared_training(posterior)
        arguments = build.arguments(training, self._observation_dim, draws=draws)
        shapes = {name: points.shape[1:] for name, points in build.graph.reference_points.items()}
        points = np.asarray(unconstrained, dtype=float)
        arguments["value"] = split_points(build.graph, points, shapes)
        return build.density.log_joint(arguments, len(points), training.sizes[self._observation_dim])

    def require_comparable(self, shadow: xr.DataTree, deployed: xr.DataTree, batch: Any) -> None:
        """Raise ``IncomparablePosteriorsError`` unless posterior debt between the two exists.

        Asked for: the same free variables with the same labels, the same prior density, and the same log density of
        `batch` under both preparations, at shared draws.
        """
        first, second = self._build_of(shadow), self._build_of(deployed)
        require_same_groups(first.graph, second.graph, shadow, deployed)
        draws = first.read(shadow)
        second.read(deployed)
        same_preparation = _same_preparation(shadow, deployed)
        if first is second and same_preparation and not first.graph.data_in_prior:
            return
        rows = as_dataset(batch, self._observation_dim)
        posteriors = (shadow, deployed)
        trainings = [self._prepared_training(tree) if TRAINING in tree.children else None for tree in posteriors]
        batches = [self._prepared_batch(tree, rows) for tree in posteriors]
        require_same_density((first, second), draws, trainings, batches, self._observation_dim)

    # How posteriors, builds and preparations belong together ---------------------------------------------------------

    def _any_build(self, what: str) -> Build:
        if self._latest is None and self._model is not None:
            self._build(None)
        if self._latest is None:
            raise RuntimeError(
                f"{what} is known once build_model has been used; call fit(data) or attach(posterior, data)"
            )
        return self._latest

    def _build(self, prepared: xr.Dataset | None) -> Build:
        """The model built on these rows; compiled functions are shared with earlier builds of the same density."""
        if self._model is not None:
            if self._latest is None:
                graph = ModelGraph(self._model)
                self._latest = Build(graph, Density(graph))
            return self._latest
        model = self._build_model(prepared)
        if not isinstance(model, pm.Model):
            raise TypeError(f"build_model must return a pm.Model, not {type(model).__name__}")
        require_supported(model, self._observation_dim)
        graph = ModelGraph(model)
        alike = (graph.structure, graph.layout, graph.constants)
        known = next((build for build in self._builds.values() if build.alike == alike), None)
        build = Build(graph, known.density if known is not None else self._density(graph))
        if known is not None:
            build.index_dims = known.index_dims
        build.learn_labels(prepared, self._observation_dim)
        return self._builds.get(build.key, build)

    def _density(self, graph: ModelGraph) -> Density:
        """Compiled functions of an equal build, or new ones."""
        return next((known for known in self._densities if known.graph.computes_the_same(graph)), None) or Density(
            graph
        )

    def _remember(self, build: Build) -> None:
        self._latest = build
        self._builds[build.key] = build

    def _check_once(self, build: Build, raw: xr.Dataset, prepared: xr.Dataset, fitted: xr.Dataset | None) -> None:
        """Checks of a model's first fit; a density that passed them needs them no more."""
        if build.density not in self._densities:
            if self._prepare is not None:
                require_faithful_preparation(self._call_prepare, raw, prepared, fitted, self._observation_dim)
            again = None if self._build_model is None else self._build
            require_faithful_build(build, prepared, self._observation_dim, again)
            self._densities.append(build.density)
        self._remember(build)

    def _build_of(self, posterior: xr.DataTree, rows: xr.Dataset | None = None) -> Build:
        """The build a posterior belongs to: known, rebuilt from its training data, or for a user's own the latest."""
        if not isinstance(posterior, xr.DataTree):
            raise TypeError(f"a posterior is an xarray.DataTree, not {type(posterior).__name__}")
        key = tuple(posterior.attrs.get(name) for name in (STRUCTURE, LAYOUT, CONSTANTS))
        if self._model is not None:
            build = self._any_build("the model")
            if key[0] is not None and key != build.key:
                raise IncomparablePosteriorsError(_other_model(build.graph.structure == key[0]))
            return build
        if key in self._builds:
            return self._builds[key]
        if key[0] is None:
            return self._build_of_foreign(rows)
        try:
            build = self._own_build(posterior)
        except (KeyError, ValueError, TypeError) as error:
            raise IncomparablePosteriorsError(f"{_other_model(False)} ({error})") from error
        if build.key != key:
            raise IncomparablePosteriorsError(_other_model(build.graph.structure == key[0]))
        self._remember(build)
        return build

    def _build_of_foreign(self, rows: xr.Dataset | None) -> Build:
        if self._latest is not None:
            return self._latest
        if rows is None:
            raise ValueError("the model of this posterior is not known yet; use attach(posterior, data)")
        try:
            self._latest = self._build(rows)
        except KeyError as error:
            raise KeyError(f"{error.args[0]}; or tell the model's data first with attach(posterior, data)") from error
        return self._latest

    def _own_build(self, posterior: xr.DataTree) -> Build:
        """The model built on the posterior's own training data."""
        if self._model is not None:
            return self._any_build("the model")
        if TRAINING not in posterior.children:
            raise ValueError("the posterior does not carry its training data; use attach(posterior, data)")
        return self._build(self._prepared_training(posterior))

    def _context(self, posterior: xr.DataTree, rows: xr.Dataset) -> tuple[Build, xr.Dataset, Draws, xr.Dataset | None]:
        prepared = self._prepared_batch(posterior, rows)
        build = self._build_of(posterior, prepared)
        own = STRUCTURE in posterior.attrs or self._model is not None
        static = (
            posterior.children[TRAINING].dataset if self._prepare is None and TRAINING in posterior.children else None
        )
        return build, prepared, build.read(posterior, own_labels=own), static

    def _prepared_batch(self, posterior: xr.DataTree, rows: xr.Dataset) -> xr.Dataset:
        if self._prepare is None:
            return rows
        if PREPARATION not in posterior.children:
            raise ValueError(
                "this forecaster prepares its data, and the posterior does not carry the preparation it was fitted "
                "with; use attach(posterior, data)"
            )
        return self._call_prepare(rows, posterior.children[PREPARATION].to_dataset(inherit=False))[0]

    def _prepared_training(self, posterior: xr.DataTree) -> xr.Dataset:
        training = posterior.children[TRAINING].to_dataset(inherit=False)
        return self._prepared_batch(posterior, training)

    def _prepare_training(self, raw: xr.Dataset) -> tuple[xr.Dataset, xr.Dataset | None]:
        return (raw, None) if self._prepare is None else self._call_prepare(raw, None)

    def _call_prepare(self, rows: xr.Dataset, fitted: xr.Dataset | None) -> tuple[xr.Dataset, xr.Dataset]:
        result = self._prepare(rows, fitted)
        if not isinstance(result, tuple) or len(result) != 2:
            raise TypeError(f"prepare must return (data, fitted), not {type(result).__name__}")
        prepared = as_dataset(result[0], self._observation_dim)
        before, after = rows.sizes[self._observation_dim], prepared.sizes[self._observation_dim]
        if before != after:
            raise ValueError(f"prepare turned {before} rows into {after}; every row must stay in its place")
        return prepared, fitted if fitted is not None else _as_fitted(result[1])

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


def _as_fitted(fitted: Any) -> xr.Dataset:
    if isinstance(fitted, xr.Dataset):
        return fitted
    if not isinstance(fitted, Mapping):
        raise TypeError(f"prepare must return as fitted a Dataset or a dict of arrays, not {type(fitted).__name__}")
    variables = {}
    for name, value in fitted.items():
        if isinstance(value, xr.DataArray | tuple):
            variables[str(name)] = value
            continue
        array = np.asarray(value)
        if array.dtype.kind == "O" and not all(isinstance(entry, str) for entry in array.ravel()):
            raise TypeError(f"prepare's fitted {name!r} must be numbers or labels, not {type(value).__name__}")
        variables[str(name)] = (tuple(f"{name}_dim_{axis}" for axis in range(array.ndim)), array)
    return xr.Dataset(variables)


def _same_preparation(shadow: xr.DataTree, deployed: xr.DataTree) -> bool:
    present = [PREPARATION in tree.children for tree in (shadow, deployed)]
    if not all(present):
        return present[0] == present[1]
    return shadow.children[PREPARATION].dataset.equals(deployed.children[PREPARATION].dataset)


def _refuse_past(past: Any) -> None:
    if past is not None:
        raise UnsupportedModelError("rows that need the rows before them (past=...) cannot be scored yet")


def _other_model(same_structure: bool) -> str:
    if same_structure:
        return (
            "the posterior was fitted with other group labels or other numbers inside the model (priors, constants, or "
            "something build_model computes from its data); score it with the forecaster that fitted it"
        )
    return "the posterior belongs to another model: its variables, dims or distributions differ from this forecaster's"
