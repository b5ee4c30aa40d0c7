"""The fake sampled forecaster of the tests: exact draws in no time, and the closed form of everything beside it."""

import numpy as np
import xarray as xr

from learning_debt import NIG, ConjugateRegression
from learning_debt.arrays.conjugate import nig
from learning_debt.forecasters.base import GRADIENT_EVALUATIONS, ROW_WEIGHT, TRAINING, TRAINING_WEIGHT, row_weight

PRIOR = NIG(np.zeros(1), np.eye(1), 2.0, 1.0)


class SampledRegression:
    """Conjugate regression as a sampler would serve it: fits are independent draws, with the rows that they hold.

    `exact` is the same model with closed forms, and `exact_posterior` the posterior that draws stand for. It is no
    `ConjugateRegression`, so that nothing takes an exact path. Tests change one method of it in a subclass.
    """

    observation_dim, observed = "obs", ("y",)
    needs_past = feedback = False
    growing_dims = ()
    gradient_evaluations = 0

    def __init__(self, prior=PRIOR, *, draws=250, chains=4, coefficient_names=None):
        self.exact = ConjugateRegression(prior, coefficient_names=coefficient_names)
        self.draws, self.chains, self.fits = draws, chains, 0

    def fingerprint(self, data):
        return f"{self.exact.fingerprint(data)} {self.draws} {self.chains}"

    def as_batch(self, data):
        return self.exact.as_batch(data)

    def fit(self, data, *, row_weight=None, random_seed=None):
        self.fits += 1
        batch = self.as_batch(data)
        posterior = self.exact.fit(batch, row_weight=row_weight)
        tree = self.exact.sample(posterior, draws=self.draws, chains=self.chains, random_seed=random_seed)
        del tree["parameters"]
        tree.attrs[GRADIENT_EVALUATIONS] = self.gradient_evaluations
        weight = np.ones(batch.sizes["obs"]) if row_weight is None else np.asarray(row_weight, dtype=float)
        tree[TRAINING] = xr.DataTree(batch.isel(obs=weight > 0))
        if (weight[weight > 0] != 1).any():
            tree[TRAINING_WEIGHT] = xr.DataTree(xr.Dataset({ROW_WEIGHT: ("obs", weight[weight > 0])}))
        return tree

    def exact_posterior(self, posterior):
        """The closed form of the posterior that draws were made from."""
        return self.exact.fit(posterior[TRAINING].to_dataset(inherit=False), row_weight=row_weight(posterior))

    def log_density(self, posterior, batch, past=None, *, random_seed=None):
        return self.exact.log_density(posterior, batch, past, random_seed=random_seed)

    def predict(self, posterior, batch, past=None, *, random_seed=None):
        return self.exact.predict(posterior, batch, past, random_seed=random_seed)

    def outcome_kind(self):
        return self.exact.outcome_kind()

    def unconstrained_draws(self, posterior):
        return self.exact.unconstrained_draws(posterior)

    def constrained_draws(self, posterior, unconstrained):
        return self.exact.constrained_draws(posterior, unconstrained)

    def log_joint(self, posterior, unconstrained):
        exact = self.exact_posterior(posterior)
        coefficients, log_variance = unconstrained[:, :-1], unconstrained[:, -1]
        density = nig.log_density(exact, coefficients, np.exp(log_variance)) + log_variance
        return density + nig.log_evidence(self.exact.prior, exact)

    def require_comparable(self, shadow, deployed, batch):
        self.exact.require_comparable(shadow, deployed, batch)
