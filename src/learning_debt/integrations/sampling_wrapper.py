"""A forecaster as ArviZ sees a model it may refit: `arviz_stats.reloo`, `loo_kfold` and `lfo_cv` run on any of ours."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from arviz_stats import SamplingWrapper

from learning_debt.data import take_rows
from learning_debt.errors import UnsupportedModelError
from learning_debt.forecasters.base import SAMPLE, SampledForecaster, require_forecaster, training_data
from learning_debt.forecasters.weights import relative_weights, require_draws
from learning_debt.validation import require_instance, require_seed


class ForecasterSamplingWrapper(SamplingWrapper):
    """A forecaster, its data and its posterior, for the functions of `arviz_stats` that refit.

    Parameters
    ----------
    forecaster : SampledForecaster
        `PyMCForecaster`, or anything with its ``fit`` and ``log_density``.
    data : xarray.Dataset, mapping or pandas.DataFrame
        The rows `posterior` was fitted to, in the order they arrived where that matters (`lfo_cv`).
    posterior : xarray.DataTree
        Posterior of all rows, as from ``forecaster.fit(data)``.
    random_seed : int, optional
        Seed of the refits; each gets one of its own.
    fit_kwargs : dict, optional
        Further keyword arguments of every ``forecaster.fit``.

    Attributes
    ----------
    idata_orig : xarray.DataTree
        `posterior` with a group ``log_likelihood``, in nats, dims (chain, draw, observation), and ``observed_data``.
        This is what `loo`, `loo_kfold` and `lfo_cv` take as their first argument. Rows are numbered from 0 unless
        `data` labels them, each row differently.

    Raises
    ------
    UnsupportedModelError
        If there are several outcomes, or when a row is left out of the middle of a series whose rows need their past.
    ValueError
        If the posterior's draws carry weights.

    Notes
    -----
    In `lfo_cv` pass ``time_dim=forecaster.observation_dim``. Rows that need their past (lags, adstock) are scored given
    the rows that were kept and the left-out rows before them, the factorisation that `lfo_cv` documents.

    Examples
    --------
    A sampled forecaster (here one with exact draws) whose last row is an outlier; leaving it out takes a refit.

    >>> from arviz_stats import reloo
    >>> from learning_debt import NIG, ConjugateRegression
    >>> class Sampled(ConjugateRegression):
    ...     def fit(self, data, *, random_seed=None):
    ...         return self.sample(super().fit(data), random_seed=random_seed)
    >>> forecaster = Sampled(NIG(0, 1, 2, 1))
    >>> data = {"x": [1.0, 2.0, 3.0, 4.0], "y": [1.1, 1.9, 3.2, 12.0]}
    >>> wrapper = ForecasterSamplingWrapper(forecaster, data, forecaster.fit(data, random_seed=1), random_seed=2)
    >>> exact = forecaster.log_score(ConjugateRegression.fit(forecaster, {k: v[:3] for k, v in data.items()}), data)[3]
    >>> bool(abs(reloo(wrapper, pointwise=True, k_threshold=0).elpd_i[3] - exact) < 0.5)
    True
    """

    def __init__(
        self,
        forecaster: SampledForecaster,
        data: Any,
        posterior: xr.DataTree,
        *,
        random_seed: int | None = None,
        fit_kwargs: dict[str, Any] | None = None,
    ) -> None:
        require_forecaster("forecaster", forecaster)
        require_seed("random_seed", random_seed)
        require_draws("posterior", posterior)
        if fit_kwargs is not None:
            require_instance("fit_kwargs", fit_kwargs, dict, "a dict of arguments of forecaster.fit")
        self.forecaster = forecaster
        self._data = _numbered(forecaster.as_batch(data), forecaster.observation_dim)
        self._seeds = None if random_seed is None else np.random.default_rng(random_seed)
        if relative_weights(posterior) is not None:
            raise ValueError(
                "posterior has weighted draws, which cross-validation in ArviZ does not take: refit it, or resample it "
                "with learning_debt.forecasters.weights.equal_weights"
            )
        nothing = take_rows(self._data, slice(0), forecaster.observation_dim)
        log_likelihood = self._log_likelihood(posterior, self._data, nothing)
        outcomes = self._data[[name for name in forecaster.observed if name in self._data.variables]]
        groups = {name: child.to_dataset(inherit=False) for name, child in posterior.children.items()}
        groups |= {"log_likelihood": log_likelihood.to_dataset(), "observed_data": outcomes}
        super().__init__(forecaster, idata_orig=xr.DataTree.from_dict(groups), sample_kwargs=fit_kwargs)

    def sel_observations(self, idx: Any) -> tuple[xr.Dataset, xr.Dataset]:
        """Rows kept and rows left out, by position; those left out in the order asked for."""
        dim = self.forecaster.observation_dim
        rows = self._data.sizes[dim]
        excluded = np.atleast_1d(np.arange(rows)[idx])
        kept = np.setdiff1d(np.arange(rows), excluded)
        if kept.size == 0:
            raise ValueError("idx leaves no rows to fit; leave at least one row in")
        if self.forecaster.needs_past and not np.array_equal(excluded, np.arange(len(kept), rows)):
            raise UnsupportedModelError(
                "the rows of this model need the rows before them, so only the last rows can be left out: use lfo_cv"
            )
        return take_rows(self._data, kept, dim), take_rows(self._data, excluded, dim)

    def sample(self, modified_observed_data: xr.Dataset) -> xr.DataTree:
        """Posterior of the rows kept."""
        seed = None if self._seeds is None else int(self._seeds.integers(2**31))
        return self.forecaster.fit(modified_observed_data, random_seed=seed, **self.sample_kwargs)

    def get_inference_data(self, fitted_model: xr.DataTree) -> xr.DataTree:
        """The posterior itself: it is a DataTree already."""
        return fitted_model

    def log_likelihood__i(self, excluded_obs: xr.Dataset, idata__i: xr.DataTree) -> xr.DataArray:
        """Log density of the rows left out, in nats, dims (chain, draw, observation)."""
        past = training_data(idata__i) if self.forecaster.needs_past else None
        return self._log_likelihood(idata__i, excluded_obs, past)

    def _log_likelihood(self, posterior: xr.DataTree, rows: xr.Dataset, past: xr.Dataset | None) -> xr.DataArray:
        scores = self.forecaster.log_density(posterior, rows, past=past)
        if len(scores.data_vars) != 1:
            raise UnsupportedModelError(
                f"the model has the outcomes {sorted(map(str, scores.data_vars))}; cross-validation of one is supported"
            )
        (scored,) = scores.data_vars.values()
        dim, sizes = self.forecaster.observation_dim, posterior["posterior"].sizes
        shape = (sizes["chain"], sizes["draw"], rows.sizes[dim])
        coords = {name: posterior["posterior"][name].values for name in ("chain", "draw")}
        values = scored.transpose(SAMPLE, dim).values.reshape(shape)
        return xr.DataArray(
            values, dims=("chain", "draw", dim), coords={**coords, dim: rows[dim].values}, name=scored.name
        )


def _numbered(rows: xr.Dataset, dim: str) -> xr.Dataset:
    """Rows with labels of their own: ArviZ writes its results by label, and a repeated one would be overwritten."""
    if dim in rows.coords and len(np.unique(rows[dim].values)) == rows.sizes[dim]:
        return rows
    return rows.assign_coords({dim: np.arange(rows.sizes[dim])})
