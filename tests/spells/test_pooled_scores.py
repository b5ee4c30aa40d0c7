"""Scores of outcomes far from all that a posterior expects, from a pool: intervals where few draws reach them."""

import numpy as np
import pytest
import xarray as xr
from scipy.stats import t as student_t
from tests.sampled_regression import SampledRegression

import learning_debt as ld
from learning_debt.arrays.bridging.multistate import pooled
from learning_debt.spells.period_rows import PeriodRows
from learning_debt.spells.pooled_draws import PooledDraws
from learning_debt.spells.pooled_signals import PooledPeriod

COEFFICIENTS, ROWS, REPLICATIONS = 20, 5, 300
PRIOR = ld.NIG(np.zeros(COEFFICIENTS), np.eye(COEFFICIENTS), 2.0, 1.0)


def rows(rng, number):
    x = rng.normal(size=(number, COEFFICIENTS))
    return xr.Dataset({"x": (("obs", "k"), x), "y": ("obs", rng.normal(size=number))})


@pytest.mark.parametrize("away", [0.0, 3.8, 4.0])
def test_intervals_of_scores_cover_where_few_draws_reach_one_of_the_outcomes(away):
    rng, forecaster = np.random.default_rng(1), SampledRegression(PRIOR)
    data, batch = rows(rng, 60), rows(rng, ROWS)
    exact = forecaster.exact_posterior(forecaster.fit(data, random_seed=0))
    x, freedom = batch["x"].values, 2 * float(exact.shape)
    spread = 1 + np.einsum("ij,jk,ik->i", x, np.linalg.inv(exact.precision), x)
    scale = np.sqrt(2 * float(exact.rate) / freedom * spread)
    predictive = student_t(freedom, x @ exact.mean, scale)
    outcomes = predictive.mean() + scale * np.array([0, 0, 0, 0, away])
    batch = batch.assign(y=("obs", outcomes))
    truth, z = predictive.logpdf(outcomes).mean(), []
    for seed in range(REPLICATIONS):
        posterior = forecaster.fit(data, random_seed=seed)
        pool = pooled(np.zeros((2, 1000)), (0,), [(4, 250)], [1000.0])
        draws = PooledDraws(pool, posterior, np.ones(2, dtype=bool))
        _, (score,) = PooledPeriod(PeriodRows(forecaster, batch, None, 0), draws, 1).gaps()
        if score.reliable:
            z.append((score.value - truth) / score.standard_error)
    assert len(z) > 25
    covered = (np.abs(z) < 1.645).mean()
    assert covered > 0.9 - 3 * np.sqrt(0.09 / len(z))  # three binomial errors
    if away == 0:
        assert covered < 0.96
