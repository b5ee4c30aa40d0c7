"""Scores of predictive draws ask whether the draws' weights can be trusted."""

import numpy as np
import pytest

import learning_debt as ld


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
