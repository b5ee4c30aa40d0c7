"""What the gate's error means, in models whose posteriors, scores and forecasts are exact, and what it refuses."""

import numpy as np
import pytest
from scipy import stats

from learning_debt.doubt import Doubt
from learning_debt.estimate import Estimate
from learning_debt.forecasters.convergence import Convergence
from learning_debt.monitor.candidate_gate import check_candidate, shift_of_draws, shift_of_moments

REPLICATIONS = 1000
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(60)
FAILED = Convergence(1.4, 30.0, 0, False, "R-hat of 'beta' is 1.4, above 1.01", (Doubt.RHAT,))
WELL = Convergence(1.001, 900.0, 0, True)


class NormalModel:
    """A normal outcome of unknown mean and spread, with its conjugate prior; one row a period, many replications."""

    prior = 0.0, 0.1, 2.0, 2.0

    def predictive(self, seen):
        """Predictive Student-t after `seen`, shape (replications, rows): degrees, place, scale."""
        mean, precision, shape, rate = self.prior
        rows = seen.shape[1]
        total = precision + rows
        place = (precision * mean + seen.sum(axis=1)) / total
        spread = rate + 0.5 * ((seen**2).sum(axis=1) + precision * mean**2 - total * place**2)
        degrees = 2 * shape + rows
        return degrees, place, np.sqrt(spread * (1 + 1 / total) / (degrees / 2))

    def differences(self, outcomes, begun, candidate_from=0, truth=(0.0, 1.0)):
        """Score of the shadow before each period minus that of what was deployed after `begun`, and its expectation.

        Both of shape (replications, periods). The expectation is over the period's outcome, given all before it.
        """
        deployed = self.predictive(outcomes[:, :begun])
        found, expected = [], []
        for t in range(begun, outcomes.shape[1]):
            shadow = self.predictive(outcomes[:, candidate_from:t])
            found.append(self._difference(outcomes[:, t], shadow, deployed))
            points = truth[0] + truth[1] * NODES[:, None]
            expected.append((WEIGHTS @ self._difference(points, shadow, deployed)) / WEIGHTS.sum())
        return np.array(found).T, np.array(expected).T

    @staticmethod
    def _difference(outcome, shadow, deployed):
        return stats.t.logpdf(outcome, *shadow) - stats.t.logpdf(outcome, *deployed)


def outcomes(seed, periods, replications=REPLICATIONS):
    return np.random.default_rng(seed).normal(size=(replications, periods))


def within_four_sigma(share, rate, replications=REPLICATIONS):
    return abs(share - rate) < 4 * np.sqrt(rate * (1 - rate) / replications)


# Coverage and size


@pytest.mark.slow
@pytest.mark.parametrize("periods", [12, 52])
def test_bounds_cover_the_expected_difference(periods):
    found, expected = NormalModel().differences(outcomes(1, 20 + periods), 20)
    bounds = np.array([check_candidate(each).score_bounds for each in found])
    truth = expected.mean(axis=1)
    assert within_four_sigma(np.mean((bounds[:, 0] <= truth) & (truth <= bounds[:, 1])), 0.90)


@pytest.mark.slow
@pytest.mark.parametrize("periods", [8, 26, 52])
def test_equally_good_candidates_are_refused_at_the_error_rate(periods):
    """Which of two is the candidate is drawn anew in every period, so that neither is better."""
    rng = np.random.default_rng(2)
    found, _ = NormalModel().differences(outcomes(3, 20 + periods), 20)
    sign = rng.choice([-1.0, 1.0], size=found.shape)
    refused = np.mean([not check_candidate(each).passes for each in sign * found])
    assert within_four_sigma(refused, 0.05)
    refused = np.mean([not check_candidate(each, error_rate=0.2).passes for each in sign * found])
    assert within_four_sigma(refused, 0.2)


@pytest.mark.slow
def test_a_candidate_that_knows_more_is_seldom_refused_and_one_of_another_time_mostly_is():
    model = NormalModel()
    more, _ = model.differences(outcomes(4, 10 + 52), 10)
    assert np.mean([not check_candidate(each).passes for each in more]) < 0.05
    moved, _ = model.differences(outcomes(6, 20 + 52) + np.r_[np.full(20, 3.0), np.zeros(52)], 20)
    assert np.mean([not check_candidate(-each).passes for each in moved]) > 0.95


@pytest.mark.slow
@pytest.mark.parametrize("correlation", [0.0, 0.8])
@pytest.mark.parametrize("true_shift", [0.0, 0.3])
def test_the_error_of_a_shift_covers_what_the_draws_did(true_shift, correlation):
    rng = np.random.default_rng(7)
    inside = []
    for _ in range(REPLICATIONS):
        candidate, deployed = (_chains(rng, correlation) for _ in range(2))
        shift = shift_of_draws(candidate + true_shift, deployed)
        error = abs(shift.diagnostics["squared"] - true_shift**2) / shift.diagnostics["squared_se"]
        inside.append(error < stats.norm.ppf(0.95))
    assert 0.90 - 4 * np.sqrt(0.09 / REPLICATIONS) - 0.02 < np.mean(inside) < 0.96


def _chains(rng, correlation, chains=4, draws=250, rows=3):
    """Draws of unit variance, a share of which outlives a draw; shape (chain, draw, row)."""
    noise = rng.normal(size=(draws, chains, rows))
    values = np.empty_like(noise)
    values[0] = noise[0]
    for k in range(1, draws):
        values[k] = correlation * values[k - 1] + np.sqrt(1 - correlation**2) * noise[k]
    return values.transpose(1, 0, 2)


def test_where_nothing_has_moved_the_shift_is_not_the_noise_of_the_draws():
    rng = np.random.default_rng(8)
    squares, naive = [], []
    for _ in range(200):
        candidate, deployed = rng.normal(size=(4, 100, 5)), rng.normal(size=(4, 100, 5))
        squares.append(shift_of_draws(candidate, deployed).diagnostics["squared"])
        naive.append(((candidate.mean((0, 1)) - deployed.mean((0, 1))) ** 2).mean())
    assert abs(np.mean(squares)) < 4 * np.std(squares) / np.sqrt(200)
    assert np.mean(naive) > 20 * np.std(naive) / np.sqrt(200)


def test_a_shift_of_exact_forecasts_is_its_formula():
    shift = shift_of_moments([1.0, 2.0, 0.0], [0.0, 2.0, 1.0], [2.0, 1.0, 0.5])
    assert (shift.value, shift.standard_error) == (pytest.approx(np.sqrt((0.25 + 0 + 4) / 3)), 0.0)


# What it says


BETTER = np.random.default_rng(9).normal(0.05, 0.05, size=26)


def test_diagnostics_that_failed_are_a_reason_whatever_the_score():
    check = check_candidate(BETTER, convergence=FAILED)
    assert not check.passes
    assert check.converged is False
    assert check.reasons == ("its sampler's diagnostics failed: R-hat of 'beta' is 1.4, above 1.01",)
    assert check_candidate(BETTER, convergence=WELL).passes
    assert check_candidate(BETTER).converged is None


def test_few_periods_are_not_compared_and_it_says_so():
    check = check_candidate([-5.0] * 7)
    assert check.passes
    assert not check.score_difference.reliable
    assert "scores of 7 period(s) are too few to compare; it takes 8" in check.notes
    assert not check_candidate([-5.0] * 8).passes


def test_an_outcome_the_candidate_rules_out_is_a_reason():
    check = check_candidate([*BETTER, -np.inf])
    assert check.reasons == ("it gives a realised outcome no density, which the deployed posterior does not",)
    assert check_candidate([*BETTER, np.inf]).passes


def test_errors_of_draws_widen_the_bounds():
    worse = -BETTER
    assert not check_candidate(worse).passes
    assert check_candidate(worse, monte_carlo_errors=0.1).passes
    assert not check_candidate(worse, monte_carlo_errors=np.full(26, 0.001)).passes


def test_a_shift_is_told_and_refused_only_beyond_the_owners_limit():
    shift = shift_of_moments([2.0], [0.0], [1.0])
    assert check_candidate(BETTER, forecast_shift=shift).passes
    check = check_candidate(BETTER, forecast_shift=shift, largest_shift=1.5)
    assert check.reasons == ("its forecasts have moved by 2 standard deviations, more than largest_shift=1.5",)
    assert check_candidate(BETTER, forecast_shift=shift, largest_shift=2.5).passes
    unsure = Estimate(2.0, 1.0, diagnostics={"squared": 4.0, "squared_se": 4.0})
    assert check_candidate(BETTER, forecast_shift=unsure, largest_shift=1.5).passes
    assert "it is not known how far its forecasts have moved" in check_candidate(BETTER).notes


def test_forecasts_that_do_not_vary_have_not_moved_or_have_moved_infinitely():
    still = np.ones((2, 50, 1))
    assert shift_of_draws(still, still).value == 0.0
    assert np.isinf(shift_of_draws(still + 1, still).value)


def test_what_it_says_is_one_sentence():
    assert str(check_candidate(BETTER, forecast_shift=shift_of_moments([1.0], [1.0], [1.0]))) == "the candidate passes"
    assert str(check_candidate(-BETTER, convergence=FAILED)).startswith(
        "the candidate does not pass: its sampler's diagnostics failed: R-hat of 'beta' is 1.4, above 1.01; its score"
    )


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"score_differences": "0.1"}, TypeError, "score_differences must be"),
        ({"score_differences": [[0.1]]}, ValueError, "one number a period"),
        ({"score_differences": [0.1, np.nan]}, ValueError, "leave out periods without rows"),
        ({"monte_carlo_errors": [0.1]}, ValueError, "monte_carlo_errors must be one, or one of each of 26"),
        ({"monte_carlo_errors": -1.0}, ValueError, "at least 0"),
        ({"error_rate": 0.0}, ValueError, "error_rate"),
        ({"convergence": True}, TypeError, "convergence must be"),
        ({"largest_shift": 1.0}, ValueError, "without a forecast_shift"),
        ({"forecast_shift": 2.0}, TypeError, "forecast_shift must be an Estimate"),
        ({"forecast_shift": Estimate(1.0, 0.0), "largest_shift": 0.0}, ValueError, "largest_shift must be"),
    ],
)
def test_what_is_no_evidence_is_refused(given, error, message):
    with pytest.raises(error, match=message):
        check_candidate(**{"score_differences": BETTER} | given)


@pytest.mark.parametrize(
    ("candidate", "deployed", "message"),
    [
        (np.zeros((2, 50)), np.zeros((2, 50)), "must be draws of shape"),
        (np.zeros((2, 50, 3)), np.zeros((2, 50, 2)), "the same rows, not of 3 and 2"),
        (np.zeros((1, 10, 3)), np.zeros((2, 50, 3)), "candidate must hold at least 20 draws"),
        (np.full((2, 50, 3), np.nan), np.zeros((2, 50, 3)), "candidate must be finite numbers"),
    ],
)
def test_what_are_no_forecasts_is_refused(candidate, deployed, message):
    with pytest.raises(ValueError, match=message):
        shift_of_draws(candidate, deployed)
