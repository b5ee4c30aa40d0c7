"""`PyMCForecaster`: any PyMC model, fitted again and again, its draws scored on any new rows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pymc as pm
import xarray as xr

from learning_debt.arrays.predictive.families import RowDistributions
from learning_debt.data import as_dataset, stored_dataset, why_unusable
from learning_debt.data.content_hash import content_hash, object_hash
from learning_debt.errors import NoJointDensityError
from learning_debt.forecasters.base import (
    GRADIENT_EVALUATIONS,
    ROW_WEIGHT,
    SAMPLE,
    TRAINING,
    TRAINING_WEIGHT,
    row_weight,
)
from learning_debt.forecasters.pymc.build import Build
from learning_debt.forecasters.pymc.compiled.density import cells_of, split_points
from learning_debt.forecasters.pymc.inputs.owner_columns import require_storable, storable
from learning_debt.forecasters.pymc.inputs.posterior_draws import labelled_draws
from learning_debt.forecasters.pymc.inputs.preparation import (
    PREPARATION,
    Preparation,
    Prepare,
    require_own_outcomes,
    same_preparation,
)
from learning_debt.forecasters.pymc.model.graph import Arguments
from learning_debt.forecasters.pymc.model_builds import CONSTANTS, LAYOUT, STRUCTURE, BuildModel, Registry, unmoved
from learning_debt.forecasters.pymc.model_checks.comparable import require_same_density, require_same_groups
from learning_debt.forecasters.pymc.model_checks.forecaster_options import (
    check_counts,
    check_options,
    checked_growing_dims,
)
from learning_debt.forecasters.pymc.model_checks.own_rows import require_own_rows, warn_if_cut_short
from learning_debt.forecasters.pymc.model_checks.supported import (
    outcome_kind,
    require_no_overflow,
    require_supported,
)
from learning_debt.forecasters.pymc.prepared_batch import BatchPreparation, PreparedBatch, predictive_draws, row_terms
from learning_debt.forecasters.pymc.sampling.sampler import Sampler, SamplerName
from learning_debt.forecasters.pymc.sampling.weighted_model import Held, held_rows, require_weightable
from learning_debt.forecasters.pymc.whole_history_checks import require_steady_labels
from learning_debt.forecasters.weights import LINEAGE, WEIGHTS

FITTED_BY = ("draws", "tune", "chains", "sampler", "growing_dims", "context_rows", "compile_kwargs")
"""Options that a fit follows from beside the model."""


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
    growing_dims : sequence of str
        Dimensions along which rows may bring labels (or, with `observation_dim` itself, rows) that a posterior holds no
        entry for: unseen groups, later states. The entries are drawn from their prior at each posterior draw. Labels
        along other dimensions must be known.
    context_rows : int, optional
        How many rows before a row it can depend on (lags, adstock). None takes all of them; a number, checked at the
        first fit, makes scoring after a long past cheap.
    draws, tune, chains : int
        Posterior draws and tuning steps of each chain, and chains.
    sampler : {"nutpie", "pymc"}, optional
        None takes nutpie where it is installed and can sample the model, else `pm.sample`.
    compile_kwargs : dict, optional
        For `pymc.compile` of the log density, e.g. ``{"mode": "FAST_COMPILE"}``.

    See Also
    --------
    ConjugateRegression : Exact posteriors of linear regression.
    spell_table : Replays a history with the forecaster.
    posterior_debt, predictive_debt, score_gap : Compare two of its posteriors.

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
        growing_dims: Sequence[str] = (),
        context_rows: int | None = None,
        compile_kwargs: dict[str, Any] | None = None,
    ) -> None:
        self._options = {name: value for name, value in locals().items() if name != "self"}
        check_options(build_model, model, prepare, observation_dim, sampler, compile_kwargs)
        growing = checked_growing_dims(growing_dims, model)
        check_counts(context_rows, draws=draws, tune=tune, chains=chains)
        self._observation_dim = observation_dim
        self._preparation = Preparation(prepare, observation_dim)
        self._registry = Registry(
            build_model, model, self._preparation, observation_dim, growing, context_rows, compile_kwargs
        )
        self._batches = BatchPreparation(self._registry)
        self._sampler = Sampler(int(draws), int(tune), int(chains), sampler)
        if model is not None:
            require_supported(model, observation_dim)

    @property
    def options(self) -> dict[str, Any]:
        """What this forecaster was made with, by the names of the arguments."""
        return dict(self._options)

    @property
    def observation_dim(self) -> str:
        """Name of the dimension that runs over observations."""
        return self._observation_dim

    @property
    def observed(self) -> tuple[str, ...]:
        """Data variables that hold the outcomes. Known from the first fit or use of `build_model` on."""
        return self._registry.any("observed").graph.outcome_data

    @property
    def growing_dims(self) -> tuple[str, ...]:
        """Dimensions along which rows may bring new entries."""
        return self._registry.growing_dims

    @property
    def needs_past(self) -> bool:
        """Whether a batch can be scored only together with the rows it follows. Known from the first fit on."""
        build = self._registry.any("needs_past")
        return self._registry.scoring(build).needs_past

    @property
    def feedback(self) -> bool:
        """Whether a row's distribution depends on the outcomes before it. Known from the first fit on."""
        return self._registry.scoring(self._registry.any("feedback")).feedback

    @property
    def thread_safe(self) -> bool:
        """Whether several threads may score with it at once: unless it has a `prepare`, which is the owner's own."""
        return self._options["prepare"] is None

    def as_batch(self, data: Any) -> xr.Dataset:
        """Rows as a checked Dataset; the outcome may be missing.

        Raises
        ------
        KeyError
            If a covariate is missing.
        ValueError
            If there are no rows, or if a column that the model uses has a gap, is not finite or complex.
        """
        rows = as_dataset(data, self._observation_dim, ())
        build = None if self._preparation else self._registry.latest
        if self._registry.latest is None and any(why_unusable(*column) for column in rows.variables.items()):
            # Whether the model uses the column that cannot be used is better known before the first fit than after.
            prepared, _ = self._preparation.of_training(rows)
            self._registry.build(prepared).require_rows(prepared, self._observation_dim)
        elif build is not None:
            build.require_rows(rows, self._observation_dim)
        return rows

    def require_history(self, history: Any, first: int) -> None:
        """Raise what fits to more and more rows of a history, from its `first` ones on, would come to raise.

        The builder is asked for the model of all rows, and along growing dimensions whose entries follow each other the
        labels must follow each other, too.

        Raises
        ------
        UnsupportedModelError
            If `build_model` changes columns before they reach `pm.Data`.
        ValueError
            If labels along such a dimension are out of order, or leave one out.
        """
        rows = as_dataset(history, self._observation_dim, ())
        prepared, _ = self._preparation.of_training(rows)
        require_steady_labels(self._registry, prepared, first)

    def fit(
        self, data: Any, *, row_weight: Any = None, random_seed: int | None = None, progressbar: bool = False
    ) -> xr.DataTree:
        """Posterior given `data` and nothing else.

        Parameters
        ----------
        data : Dataset, mapping or data frame
        row_weight : array_like, shape (rows,), optional
            Factor of each row's log-likelihood, at least 0, one each if left out; the prior keeps its own. Rows of
            weight zero are left out, also of the preparation and of the labels that `build_model` sees. Where
            `needs_past`, only windows are possible: neighbouring rows of weight one, all others zero.
        random_seed : int, optional
        progressbar : bool

        Returns
        -------
        xarray.DataTree
            Groups ``posterior`` (free variables only), ``sample_stats``, ``training_data`` (as given, without rows of
            weight zero), ``training_weight`` where those rows have other weights than one, and ``preparation`` where
            the forecaster has one. It can be written as netCDF and scored after reading it back.

        Raises
        ------
        UnsupportedModelError
            If the model cannot be scored on new rows correctly; the message says what to change.
        RuntimeError
            If sampling fails.
        """
        held = held_rows(data, row_weight, self._observation_dim)
        prepared, fitted = self._preparation.of_training(held.rows)
        build = self._registry.build(prepared)
        build.require_own_labels(prepared, self._observation_dim)
        arguments = self._trained(build, held, prepared, fitted)
        build.scoring_guard.check({**arguments, "draw": build.graph.reference_draws})
        tree = self._sampler.sample(build.graph, arguments, random_seed, progressbar)
        return self._packaged(tree, held, fitted, build)

    def attach(self, posterior: xr.DataTree, data: Any, row_weight: Any = None) -> xr.DataTree:
        """A copy of a posterior drawn elsewhere, with the data it was fitted to, so that it serves as one of `fit`.

        Needed where the forecaster has a `prepare`, and for posterior debt by the joint density. `row_weight` is as in
        `fit`: rows of weight zero are not stored.

        Raises
        ------
        ValueError
            If the posterior carries the data it was fitted to (groups ``observed_data``, ``constant_data``) and they
            are not these rows; if its draws are not all finite.
        IncomparablePosteriorsError
            If it lacks a free variable of the model, or has other labels.
        """
        held = held_rows(data, row_weight, self._observation_dim)
        prepared, fitted = self._preparation.of_training(held.rows)
        build = self._registry.build(prepared)
        build.read(posterior)
        arguments = build.arguments(prepared, self._observation_dim)
        require_own_rows(posterior, build, arguments, None if row_weight is None else np.flatnonzero(row_weight))
        warn_if_cut_short(posterior)
        self._trained(build, held, prepared, fitted)
        return self._packaged(posterior, held, fitted, build)

    def _trained(self, build: Build, held: Held, prepared: xr.Dataset, fitted: xr.Dataset | None) -> Arguments:
        """Arguments for the rows that a posterior holds; the build is checked with them and kept."""
        require_storable(held.rows, build.used_columns(held.rows, self._observation_dim))
        require_own_outcomes(build.graph.outcome_data, held.rows, prepared)
        arguments = build.arguments(prepared, self._observation_dim)
        self._registry.check(build, prepared, held.rows, fitted)
        unmoved(build)
        build.require_labels_in_order(() if build.density.scoring is None else build.density.scoring.ordered)
        require_no_overflow(build.graph, arguments)
        if not held.window:
            require_weightable(held, build, self._registry.scoring(build))
        self._registry.remember(build)
        return arguments if held.weight is None else {**arguments, "weight": {ROW_WEIGHT: held.weight}}

    def fingerprint(self, data: Any) -> str:
        """Hash of what a fit to `data` follows from beside its seed: the model built on it and the sampler's settings.

        Two forecasters with one fingerprint fit alike, in whichever process; versions of libraries are not part of it.
        """
        prepared, _ = self._preparation.of_training(as_dataset(data, self._observation_dim, ()))
        build = self._registry.build(prepared)
        settings = [(name, self._options[name]) for name in FITTED_BY]
        told = repr((build.alike, settings, content_hash(prepared), object_hash(self._options["prepare"])))
        return hashlib.sha256(told.encode()).hexdigest()[:32]

    def log_density(
        self, posterior: xr.DataTree, batch: Any, past: Any = None, *, random_seed: int | None = None
    ) -> xr.Dataset:
        """Log density of every row at every draw, in nats.

        Parameters
        ----------
        posterior : xarray.DataTree
        batch : Dataset, mapping or data frame
            Rows with their outcomes.
        past : Dataset, mapping or data frame, optional
            All rows that the batch follows, from the first one the model was fitted to; those before it (a window's
            past) are left out. Needed where `needs_past`; no rows at all say that the batch is the beginning. Each row
            is then scored given those before it, the batch's own included.
        random_seed : int, optional
            For entries along `growing_dims` that the posterior does not hold: the density is that at one draw of them.

        Returns
        -------
        xarray.Dataset
            One variable per outcome, named as the observed random variable (as its data where that name is the
            observation dimension's), dims ("sample", observation_dim); sample = chain * draws + draw. The terms of a
            row's several values are added up. Minus infinity is legal.

        Raises
        ------
        KeyError, ValueError
            If the rows lack a variable, hold an unseen label or an index outside its group, score NaN, or need `past`.
        IncomparablePosteriorsError
            If the posterior belongs to another model.
        """
        prepared = self._batches.prepare(posterior, batch, past, random_seed, outcome=True)
        prepared.build.scoring_guard.check(prepared.arguments)
        terms = row_terms(prepared.build, prepared.arguments, prepared.samples, prepared.rows, prepared.kept)
        for values in terms:
            if np.isnan(values).any():
                sample, row = np.argwhere(np.isnan(values))[0]
                raise ValueError(f"the log density of row {row} is NaN at draw {sample}; check the row's values")
        return self._labelled(terms, prepared)

    def row_distributions(
        self, posterior: xr.DataTree, batch: Any, past: Any = None, *, random_seed: int | None = None
    ) -> RowDistributions | None:
        """The outcome's distribution at every draw and row, which makes log densities at many outcomes cheap.

        The batch needs no outcomes; `past` and `random_seed` are as in `log_density`. None where the outcome is of no
        known one-dimensional family (`arrays.predictive.families`), where outcomes feed back, and for good where
        densities were not those of `log_density` when the two were first compared, on the batch at hand.
        """
        prepared = self._batches.prepare(posterior, batch, past, random_seed, outcome=False)
        density = prepared.build.density
        outcome = density.outcome_parameters
        if outcome is None or density.family_checked is False or (density.scoring and density.scoring.feedback):
            return None
        prepared.build.predicting_guard.check(prepared.arguments)
        cells = cells_of(prepared.rows, prepared.rows, density.pairs)
        found = outcome.at(prepared.arguments, prepared.samples, prepared.rows, prepared.kept, cells)
        if density.family_checked is None:
            probes = outcome.probes(found)
            density.family_checked = self._agree(found, probes, posterior, prepared.batch, past, random_seed)
        return found if density.family_checked else None

    def _agree(
        self,
        found: RowDistributions,
        probes: list[float],
        posterior: xr.DataTree,
        batch: xr.Dataset,
        past: Any,
        random_seed: int | None,
    ) -> bool:
        """Whether log densities of a known family are the compiled ones, at the same outcome for all rows."""
        (name,) = self.observed
        dtype = self._registry.of(posterior).graph.data[name].dtype
        for probe in probes:
            outcomes = np.full(found.shape[1], probe).astype(dtype)
            try:
                compiled = self.log_density(
                    posterior, batch.assign({name: (self._observation_dim, outcomes)}), past, random_seed=random_seed
                )
            except (ValueError, ArithmeticError):  # the owner's preparation refuses such outcomes, say
                return False
            (expected,) = (variable.values for variable in compiled.data_vars.values())
            ours = found.log_density(outcomes[:, None].astype(float))[..., 0]
            if not np.allclose(ours, expected, rtol=1e-9, atol=1e-9):
                return False
        return True

    def predict(
        self, posterior: xr.DataTree, batch: Any, past: Any = None, *, random_seed: int | None = None
    ) -> xr.Dataset:
        """One predictive draw of the batch per posterior draw, dims ("sample", observation_dim, ...).

        The batch needs no outcomes, and any it has are not used. `past` is as in `log_density`. The same seed gives the
        same draws.
        """
        prepared = self._batches.prepare(posterior, batch, past, random_seed, outcome=False)
        prepared.build.predicting_guard.check(prepared.arguments)
        return self._labelled(predictive_draws(prepared, random_seed), prepared)

    def outcome_kind(self) -> str:
        """``"continuous"`` (one real number a row), ``"count"`` (an integer from 0 on) or ``"other"``."""
        build = self._registry.any("outcome_kind")
        if build.density.outcome_kind is None:
            build.density.outcome_kind = outcome_kind(build.graph)
        return build.density.outcome_kind

    def unconstrained_draws(self, posterior: xr.DataTree) -> np.ndarray:
        """Draws on the whole real line, shape (chain, draw, parameters), ordered as the model's value variables."""
        build = self._registry.of(posterior)
        draws = build.read(posterior)
        if build.graph.has_discrete:
            raise NoJointDensityError("discrete free variables have no unconstrained scale; marginalise them")
        arguments = {**build.own, "draw": draws.values}
        return build.transforms.unconstrained(arguments, draws.samples).reshape(draws.chains, draws.draws, -1)

    def constrained_draws(self, posterior: xr.DataTree, unconstrained: np.ndarray) -> xr.Dataset:
        """Points on the whole real line as a ``posterior`` group, with the labels of `posterior`.

        The inverse of `unconstrained_draws`: `unconstrained` has shape (chain, draw, parameters) and its order.
        """
        build = self._registry.of(posterior)
        build.read(posterior)
        if build.graph.has_discrete:
            raise NoJointDensityError("discrete free variables have no unconstrained scale; marginalise them")
        points = np.asarray(unconstrained, dtype=float)
        if points.ndim != 3 or not np.isfinite(points).all():
            raise ValueError(f"unconstrained must be finite with shape (chain, draw, parameters), not {points.shape}")
        flat = split_points(build.graph, points.reshape(-1, points.shape[-1]))
        return labelled_draws(build.transforms.constrained({**build.own, "value": flat}), points.shape[:2], posterior)

    def log_joint(self, posterior: xr.DataTree, unconstrained: np.ndarray) -> np.ndarray:
        """Log prior, Jacobian and log likelihood of the posterior's own training data, shape (points,).

        Each row's log likelihood is multiplied by its training weight. `unconstrained` has shape (points, parameters),
        ordered as `unconstrained_draws`.
        """
        build = self._registry.of(posterior)
        draws, training = build.read(posterior), self._preparation.of_stored(posterior)
        if training is None:
            raise NoJointDensityError("the posterior does not carry its training data; use attach(posterior, data)")
        arguments = build.arguments(training, self._observation_dim, draws=draws)
        points = np.asarray(unconstrained, dtype=float)
        arguments["value"] = split_points(build.graph, points)
        weight = row_weight(posterior)
        if weight is not None:
            arguments["weight"] = {ROW_WEIGHT: weight}
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
        rows = as_dataset(batch, self._observation_dim, ())
        posteriors = (shadow, deployed)
        trainings = [self._preparation.of_stored(tree) for tree in posteriors]
        batches = [self._preparation.of_batch(tree, rows) for tree in posteriors]
        require_same_density((first, second), draws, trainings, batches, self._observation_dim)

    def _packaged(self, tree: xr.DataTree, held: Held, fitted: xr.Dataset | None, build: Build) -> xr.DataTree:
        groups = {
            name: child.to_dataset(inherit=False)
            for name, child in tree.children.items()
            if name in ("posterior", "sample_stats", WEIGHTS)
        }
        used = build.used_columns(held.rows, self._observation_dim)
        groups["posterior"] = stored_dataset(groups["posterior"])
        groups[TRAINING] = stored_dataset(storable(held.rows, used, prepared=bool(self._preparation)).copy(deep=True))
        if held.weight is not None:
            groups[TRAINING_WEIGHT] = xr.Dataset({ROW_WEIGHT: (self._observation_dim, held.weight)})
        if fitted is not None:
            groups[PREPARATION] = stored_dataset(fitted)
        packaged = xr.DataTree.from_dict(groups)
        kept = {name: tree.attrs[name] for name in (GRADIENT_EVALUATIONS, LINEAGE) if name in tree.attrs}
        packaged.attrs = {**kept, **dict(zip((STRUCTURE, LAYOUT, CONSTANTS), build.key, strict=True))}
        return packaged

    def _labelled(self, values: list[np.ndarray], prepared: PreparedBatch) -> xr.Dataset:
        dim = self._observation_dim
        # A variable named as a dimension would become a coordinate.
        names = [outcome.data if outcome.name == dim else outcome.name for outcome in prepared.build.graph.outcomes]
        variables = {
            name: ((SAMPLE, dim, *(f"{name}_dim_{k}" for k in range(1, array.ndim - 1))), array)
            for name, array in zip(names, values, strict=True)
        }
        return xr.Dataset(
            variables, coords={dim: prepared.batch.variables[dim]} if dim in prepared.batch.coords else None
        )
