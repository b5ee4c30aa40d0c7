"""Moved draws back on their natural scale."""

import numpy as np
import pytest
import xarray as xr

from learning_debt.arrays.nig import NIG
from learning_debt.posteriors.conjugate import ConjugateRegression


def test_exact_draws_come_back():
    forecaster = ConjugateRegression(NIG([0.0, 1.0], np.eye(2), 3, 2), coefficient_names=["level", "slope"])
    tree = forecaster.sample(forecaster.prior, draws=7, chains=2, random_seed=1)
    points = forecaster.unconstrained_draws(tree)
    back = forecaster.constrained_draws(tree, points)
    xr.testing.assert_allclose(back, tree["posterior"].to_dataset(), rtol=1e-12)
    with pytest.raises(ValueError, match=r"shape \(chain, draw, 3\)"):
        forecaster.constrained_draws(tree, points[0])
