"""Every score asks whether the draws' weights can be trusted, and how many independent draws they are worth."""

import re

import numpy as np
import pytest
import xarray as xr
from scipy import signal, stats

import learning_debt as ld
from learning_debt.data import as_dataset

NOISE = 1.0


class AroundTheta:
    """y ~ N(theta, NOISE^2)."""

    observation_dim, observed, needs_past, feedback = "obs", ("y",), False, False

    def as_batch(self, data):
        return as_dataset(data, "obs")

    def fit(self, data, *, random_seed=None):
        raise NotImplementedError

    def log_density(self, posterior, batch, past=None, *, random_seed=None):
        theta = posterior["posterior"]["theta"].values.reshape(-1, 1)
        return xr.Dataset({"y": (("sample", "obs"), stats.norm.logpdf(batch["y"].values, theta, NOISE))})

    def predict(self, posterior, batch, past=None, *, random_seed=None):
        theta = posterior["posterior"]["theta"].values.reshape(-1, 1)
        noise = NOISE * np.random.default_rng(random_seed).normal(size=(theta.size, batch.sizes["obs"]))
        return xr.Dataset({"y": (("sample", "obs"), theta + noise)})

    def outcome_kind(self):
        return "continuous"

    def unconstrained_draws(self, posterior):
        raise NotImplementedError

    def log_joint(self, posterior, unconstrained):
        raise NotImplementedError

    def constrained_draws(self, posterior, unconstrained):
        raise NotImplementedError

    def require_comparable(self, shadow, deployed, batch):
        pass


def absolute_error(draws, outcome):
    return -np.abs(np.median(draws, axis=0) - outcome)


SCORES = [
    *("log", "crps", "energy", ld.scores.QuantileLoss(0.5), ld.scores.NewsvendorLoss(2.0, 1.0)),
    ld.scores.DrawsScore(absolute_error, "absolute error"),
]


def autoregressive(rng, centre, correlation, draws):
    noise = np.sqrt(1 - correlation**2) * rng.normal(size=(1, draws + 500))
    theta = centre + signal.lfilter([1.0], [1.0, -correlation], noise, axis=-1)[:, 500:]
    return xr.DataTree.from_dict({"posterior": xr.Dataset({"theta": (("chain", "draw"), theta)})})


@pytest.mark.slow
@pytest.mark.parametrize("score", SCORES, ids=str)
@pytest.mark.parametrize("same_number", [True, False])
@pytest.mark.parametrize("correlation", [0.0, 0.98])
def test_draws_that_are_worth_few_are_relied_on_by_no_score(score, same_number, correlation):
    """AR(.98) and as much noise of outcomes: 2,500 draws are worth 2,500 (1 + 1) / (99 + 1) = 50."""
    rng = np.random.default_rng(12)
    numbers = 2500, 2500 if same_number else 2000
    pair = [autoregressive(rng, centre, correlation, n) for centre, n in zip((0.5, 0.0), numbers, strict=True)]
    for ask in (ld.score_gap, ld.predictive_debt):
        estimate = ask(AroundTheta(), *pair, {"y": [1.0, 1.5, 2.0]}, score, random_seed=2)
        assert estimate.reliable is (correlation == 0)
        if correlation:
            assert re.match(r"only \d+ effective draws", estimate.note)
            assert estimate.diagnostics["effective_draws"] < 100


@pytest.mark.parametrize("score", ["crps", "log", ld.scores.NewsvendorLoss(2.0, 1.0), ld.scores.QuantileLoss(0.5)])
@pytest.mark.parametrize(("pareto_k", "reliable"), [(0.3, True), (0.9, False)])
def test_weights_with_a_heavy_tail_are_not_relied_on(score, pareto_k, reliable):
    rng = np.random.default_rng(11)
    x = rng.normal(size=200)
    data = {"x": x, "y": x + rng.normal(size=200)}
    forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    draws = forecaster.sample(forecaster.fit(data), draws=1000, random_seed=1)
    weighted = ld.with_weights(draws, 0.1 * rng.normal(size=(4, 1000)), pareto_k=pareto_k)
    batch = {"x": x[:20], "y": data["y"][:20]}
    for ask in (ld.score_gap, ld.predictive_debt):
        estimate = ask(forecaster, weighted, draws, batch, score, random_seed=2)
        assert estimate.reliable is reliable
        assert bool(estimate.note) is not reliable
