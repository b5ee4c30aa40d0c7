"""A Bambi model as a forecaster: its formula, priors and design matrices, with everything it learned held still."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import xarray as xr

from learning_debt.data import as_dataset
from learning_debt.forecasters.pymc.forecaster import PyMCForecaster
from learning_debt.forecasters.pymc.model_checks.forecaster_options import check_common, check_counts
from learning_debt.forecasters.pymc.sampling.sampler import SamplerName
from learning_debt.integrations.bambi_rows import BambiRows

if TYPE_CHECKING:
    import bambi


def from_bambi(
    model: bambi.Model,
    *,
    observation_dim: str = "obs",
    draws: int = 1000,
    tune: int = 1000,
    chains: int = 4,
    sampler: SamplerName | None = None,
) -> PyMCForecaster:
    """A forecaster that is this Bambi model, on any rows.

    What Bambi learned from the data the model was made with stays as it is in every refit: the scales of its automatic
    priors, the means its predictors are centred on, and the state of ``center``, ``scale``, ``bs`` and their like. So
    all posteriors of one forecaster share one prior and one scale, and there is debt between them. Groups and
    categories are matched by label.

    Parameters
    ----------
    model : bambi.Model
        Built or not, fitted or not. Its data should hold every group that later rows may carry.
    observation_dim : str
        Name of the dimension over observations, for data given as a Dataset.
    draws, tune, chains : int
        Posterior draws and tuning steps of each chain, and chains.
    sampler : {"nutpie", "pymc"}, optional
        As for `PyMCForecaster`.

    Returns
    -------
    PyMCForecaster
        Takes data frames with the columns of the formula. Log densities are of the outcome column itself, the same
        numbers as ``model.compute_log_likelihood``. Free variables are named as in Bambi, with two exceptions: where
        Bambi centres the predictors the intercept is ``Intercept_centered``, the one that Bambi samples and then
        converts; and semicolons stand for commas, which nutpie cannot read. ``attach`` takes posteriors of
        ``model.fit``.

    Raises
    ------
    UnsupportedModelError
        If new rows cannot be served exactly: several outcomes or categories, ordinal families, trials, weights,
        censoring, truncation, a transformed outcome, hsgp terms, potentials.

    Examples
    --------
    >>> import bambi, pandas as pd  # doctest: +SKIP
    >>> sales = pd.read_csv("sales.csv")  # doctest: +SKIP
    >>> forecaster = from_bambi(bambi.Model("sold ~ scale(price) + (1 | store)", sales))  # doctest: +SKIP
    >>> deployed = forecaster.fit(sales, random_seed=1)  # doctest: +SKIP
    """
    check_counts(None, draws=draws, tune=tune, chains=chains)
    check_common(observation_dim, sampler)
    options = {"draws": draws, "tune": tune, "chains": chains, "sampler": sampler}
    return BambiForecaster(BambiRows(model, observation_dim), **options)


class BambiForecaster(PyMCForecaster):
    """What `from_bambi` returns: a `PyMCForecaster` that also knows how Bambi writes its posteriors."""

    def __init__(self, rows: BambiRows, **options: Any) -> None:
        super().__init__(rows.build_model, prepare=rows.prepare, observation_dim=rows.observation_dim, **options)
        self._rows = rows

    def attach(self, posterior: xr.DataTree, data: Any, row_weight: Any = None) -> xr.DataTree:
        """A copy of a posterior drawn elsewhere, such as one of ``model.fit``, that serves as one of `fit`.

        Raises
        ------
        ValueError
            If a posterior of ``model.fit`` was fitted to other outcomes than `data` holds.
        """
        own = self._rows.own_posterior(posterior, as_dataset(data, self.observation_dim, ()))
        return super().attach(own, data, row_weight)
