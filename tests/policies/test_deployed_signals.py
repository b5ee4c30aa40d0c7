"""The deployed model's own score, and the Pareto k of its draws: against direct computation, and where refused."""

import numpy as np
import pytest
from arviz_stats.base import array_stats
from scipy import stats

import learning_debt as ld
from learning_debt.policies.cost import RetrainingCost
from learning_debt.policies.signal_reader import SignalReader
from learning_debt.spells import check_spells
from learning_debt.spells.sampled import _pareto_k

from ..sampled_regression import SampledRegression

INITIAL, PERIODS, ROWS = 20, 6, 4
WANTED = ("debt", "deployed_score", "deployed_pareto_k")


class Recording(SampledRegression):
    """Keeps every posterior."""

    def __init__(self):
        super().__init__(draws=500)
        self.posteriors = []

    def fit(self, data, *, row_weight=None, random_seed=None):
        self.posteriors.append(super().fit(data, row_weight=row_weight, random_seed=random_seed))
        return self.posteriors[-1]


class OnlyDifferences(ld.scores.Score):
    """A score known for differences only."""

    name, unit = "difference", "nats"

    def forecast(self, *_, **__):
        return None

    def gap(self, shadow, deployed):
        return ld.Estimate(0.0, 0.0)

    def contrast(self, *_, **__):
        raise NotImplementedError


def table_of(forecaster, history, variables=WANTED, **options):
    options = {"initial": INITIAL, "random_seed": 1, "progressbar": False} | options
    return ld.spell_table(forecaster, history, variables=variables, **options)


def rows_between(history, first, stop):
    chosen = (history["period"] >= first) & (history["period"] < stop)
    return history["x"][chosen, 0], history["y"][chosen]


def log_densities(tree, x, y):
    """Of every row at every draw, shape (chain, draw, rows)."""
    draws = tree["posterior"]
    slope, sd = draws["coefficients"].values[..., 0], np.sqrt(draws["variance"].values)
    return stats.norm.logpdf(y, slope[..., None] * x, sd[..., None])


@pytest.fixture
def history(make_history):
    return make_history(INITIAL + PERIODS, ROWS, 1, seed=4, shift_at=INITIAL + 3)


@pytest.fixture
def sampled(history):
    forecaster = Recording()
    return table_of(forecaster, history).isel(series=0), forecaster.posteriors


@pytest.mark.parametrize("score", ["log", "crps"])
def test_exact_score_is_the_mean_over_the_periods_rows(score, history):
    forecaster = SampledRegression().exact
    table = table_of(forecaster, history, ("deployed_score",), score=score).isel(series=0)
    for t in range(1, PERIODS + 1):
        x, y = rows_between(history, INITIAL + t - 1, INITIAL + t)
        for s in range(t):
            seen_x, seen_y = rows_between(history, 0, INITIAL + s)
            posterior = forecaster.fit({"x": seen_x, "y": seen_y})
            precision, mean = float(posterior.precision.item()), float(posterior.mean.item())
            scale = np.sqrt(posterior.rate / posterior.shape * (1 + x**2 / precision))
            student = stats.t(2 * posterior.shape, mean * x, scale)
            expected, accuracy = student.logpdf(y).mean(), 1e-9
            if score == "crps":  # minus the integral of (F - step)^2, by brute force
                grid, accuracy = np.linspace(-60, 60, 24_001)[:, None], 5e-3
                expected = -((student.cdf(grid) - (grid >= y)) ** 2).sum(axis=0).mean() * 0.005
            assert float(table["deployed_score"][s, t - 1]) == pytest.approx(expected, abs=accuracy)
    present = np.triu(np.ones((PERIODS, PERIODS), dtype=bool))
    np.testing.assert_array_equal(np.isfinite(table["deployed_score"]), present)
    np.testing.assert_array_equal(table["deployed_score_se"].values[present], 0.0)


def test_the_gap_is_the_newest_score_less_the_deployed_one(history):
    table = table_of(SampledRegression().exact, history, ("deployed_score",)).isel(series=0)
    for t in range(1, PERIODS + 1):
        scores, gaps = table["deployed_score"].values[:t, t - 1], table["score_gap"].values[:t, t - 1]
        np.testing.assert_allclose(scores[-1] - scores, gaps, atol=1e-12)


def test_sampled_score_is_that_of_the_mixture_of_its_draws(history, sampled):
    table, posteriors = sampled
    for t in range(1, PERIODS + 1):
        x, y = rows_between(history, INITIAL + t - 1, INITIAL + t)
        for s in range(t):
            direct = np.log(np.exp(log_densities(posteriors[s], x, y)).mean(axis=(0, 1))).mean()
            assert float(table["deployed_score"][s, t - 1]) == pytest.approx(direct, rel=1e-9)


def test_sampled_scores_lie_within_their_errors_of_the_exact_ones(history):
    """Cells of one posterior share its draws: 4 sigma each, and about as large as said in the root mean square."""
    for score in ("log", "crps"):
        forecaster = SampledRegression(draws=500)
        sampled = table_of(forecaster, history, ("deployed_score",), score=score)
        exact = table_of(forecaster.exact, history, ("deployed_score",), score=score)
        z = ((sampled["deployed_score"] - exact["deployed_score"]) / sampled["deployed_score_se"]).values
        z = z[np.isfinite(z)]
        assert z.size == PERIODS * (PERIODS + 1) / 2
        assert np.abs(z).max() < 4
        assert 0.2 < np.sqrt((z**2).mean()) < 2.5  # six independent posteriors: chi-squared / 6 within (0.04, 6.25)
        assert sampled["deployed_score_reliable"].values[0][np.triu_indices(PERIODS)].all()


def test_pareto_k_is_that_of_the_likelihood_of_the_rows_not_seen(history, sampled):
    table, posteriors = sampled
    for t in range(1, PERIODS + 1):
        for s in range(t):
            x, y = rows_between(history, INITIAL + s, INITIAL + t)
            log_ratio = log_densities(posteriors[s], x, y).sum(axis=-1)
            weight = np.exp(log_ratio - log_ratio.max())
            size = float(array_stats.ess(weight, chain_axis=0, draw_axis=1, method="mean"))
            efficiency = min(size / weight.size, 1.0)
            direct = float(array_stats.psislw(-log_ratio.ravel(), r_eff=efficiency)[1])
            assert float(table["deployed_pareto_k"][s, t - 1]) == pytest.approx(direct, abs=1e-9)
    assert "deployed_pareto_k_se" not in table


def test_pareto_k_rises_with_what_has_not_been_seen(sampled):
    """Four rows against eighty, and then twenty-four rows of a shifted world."""
    k = sampled[0]["deployed_pareto_k"].values
    assert np.diagonal(k).max() < 1.0 < k[0, -1] <= 10.0


def test_either_may_be_asked_for_alone_and_changes_nothing_else(history):
    both = table_of(SampledRegression(draws=100), history)
    kept = ("deployed_converged", "deployed_converged_doubt", "deployed_doubt")
    del both.attrs["not_pooled"]
    without = both.drop_vars([name for name in both if name.startswith("deployed_") and name not in kept])
    alone = table_of(SampledRegression(draws=100), history, ("deployed_pareto_k",))
    timed = ["seconds", "evaluations"]
    assert without.drop_vars(timed).identical(
        table_of(SampledRegression(draws=100), history, ("debt",), shadow=ld.Refit()).drop_vars(timed)
    )
    assert "debt" not in alone
    np.testing.assert_array_equal(alone["deployed_pareto_k"], both["deployed_pareto_k"])


def test_a_tail_that_cannot_be_fitted_stays_a_finite_number(history):
    """An outcome a hundred standard deviations off: one draw has all the weight."""
    history["y"][-ROWS:] += 1e4
    k = table_of(SampledRegression(draws=100), history, ("deployed_pareto_k",))["deployed_pareto_k"]
    assert 1.0 < float(k[0, 0, -1]) <= 10.0
    check_spells(table_of(SampledRegression(draws=100), history, ("deployed_pareto_k",)), ("deployed_pareto_k",))


def test_draws_that_weigh_already_are_weighed_on_from_there():
    rng = np.random.default_rng(8)
    log_ratio, log_weight = rng.normal(size=(2, 4, 500)) * [[[1.0]], [[2.0]]]
    weight = np.exp(log_weight) / np.exp(log_weight).mean()
    assert _pareto_k(log_ratio, weight) == pytest.approx(_pareto_k(log_ratio + log_weight, None), rel=1e-9)
    assert _pareto_k(log_ratio, np.ones((4, 500))) == _pareto_k(log_ratio, None)
    weight[:, ::3] = 0.0  # draws that count for nothing
    assert 0.2 < _pareto_k(log_ratio, weight) < 2.0
    assert _pareto_k(np.zeros((4, 500)), None) == 0.0


def test_policies_read_them(sampled):
    table = check_spells(sampled[0].expand_dims("series"))
    seen = SignalReader(table, WANTED[1:], RetrainingCost(1.0), np.array([0]))(5, np.array([2]))
    for name in WANTED[1:]:
        assert getattr(seen, name)[0] == table[name].values[0, 2, 4]
    assert np.isnan(seen.debt[0])
    assert seen.deployed_score_se[0] == table["deployed_score_se"].values[0, 2, 4] > 0
    lower = seen.shifted(-2.0).deployed_score[0]
    assert lower == pytest.approx(seen.deployed_score[0] - 2 * seen.deployed_score_se[0], rel=1e-12)


def test_a_decision_by_staleness_too_close_to_call_says_so(sampled):
    table = sampled[0].expand_dims("series")
    score, error = (float(table[name][0, 0, -1]) for name in ("deployed_score", "deployed_score_se"))
    for distance, verdict in ((-10, "retrain"), (0.1, "cannot tell"), (10, "wait")):
        policy = ld.policies.StalenessThreshold(-score + distance * error)
        assert ld.decide(table, policy, 1.0, deployed_at=0, horizon=5).verdict == verdict


def test_what_has_none_is_refused(history):
    with pytest.raises(ValueError, match=r"\['deployed_pareto_k'\] are about posterior draws"):
        table_of(SampledRegression().exact, history)
    ahead = table_of(SampledRegression(draws=50), history, ("deployed_score",), horizon=2)
    with pytest.raises(ValueError, match="deployed_score, the score at the outcomes of the period's own forecasts"):
        ld.replay(ahead, ld.policies.StalenessThreshold(1.0), 0.3)
    assert "Cara T" not in ld.rival_policies(ahead, river=False)
    with pytest.raises(NotImplementedError, match="difference score is known for differences only"):
        table_of(SampledRegression(draws=50), history, ("deployed_score",), score=OnlyDifferences())
    forecaster = SampledRegression(draws=50)
    keeper = ld.SuppliedShadow(lambda data, _w, _p, seed: forecaster.fit(data, random_seed=seed), exact=False)
    with pytest.raises(ValueError, match=r"deployed_pareto_k needs .* hands out approximate posteriors"):
        table_of(forecaster, history, ("deployed_pareto_k",), shadow=keeper)
