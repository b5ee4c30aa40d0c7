"""The two-state filter against enumeration of all paths, in the tails, and the losses it balances."""

import itertools
import warnings

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit

import learning_debt as ld
from learning_debt.policies import TwoState
from learning_debt.policies.models.two_state_filter import FRESH, filter_step

EMISSIONS = ld.TwoStateEmissions(0.4, 0.3, 1.2, 0.5)


def stale_by_enumeration(likelihoods, hazard, recovery):
    """P(stale in the last period | all periods), summed over all 2^T paths; likelihoods (T, 2) of fresh, stale."""
    transition = np.array([[1 - hazard, hazard], [recovery, 1 - recovery]])
    weight = np.zeros(2)
    for path in itertools.product((0, 1), repeat=len(likelihoods)):
        before, probability = 0, 1.0
        for state, likelihood in zip(path, likelihoods, strict=True):
            probability *= transition[before, state] * likelihood[state]
            before = state
        weight[path[-1]] += probability
    return weight[1] / weight.sum()


def filtered(debts, hazard, recovery, emissions=EMISSIONS):
    """rho after each period."""
    log_odds, path = FRESH, []
    for debt in debts:
        log_odds = filter_step(log_odds, emissions.log_likelihood_ratio(debt), hazard, recovery)
        path.append(float(expit(log_odds)))
    return path


@pytest.mark.parametrize(("hazard", "recovery"), [(0.05, 0.0), (0.2, 0.1), (0.5, 0.9), (1.0, 0.3), (0.7, 1.0), (0, 0)])
def test_the_filter_is_the_sum_over_all_paths(hazard, recovery):
    rng = np.random.default_rng(1)
    for periods in range(1, 9):
        debt = rng.gamma(1.0, size=periods)
        densities = [(stats.norm(0.4, 0.3).pdf(x), stats.norm(1.2, 0.5).pdf(x)) for x in np.sqrt(debt)]
        expected = stale_by_enumeration(densities, hazard, recovery)
        assert filtered(debt, hazard, recovery)[-1] == pytest.approx(expected, rel=1e-12)


def test_the_policy_retrains_where_enumeration_finds_rho_above_the_threshold(make_signals):
    rng = np.random.default_rng(2)
    debts = rng.gamma(1.0, size=(8, 50))
    policy = TwoState(0.1, 0.05, 1.0, 1.0, EMISSIONS)
    state, answers = policy.init(50), []
    for t, debt in enumerate(debts, start=1):
        state, retrain = policy.step(state, make_signals(np.full(50, t), debt=debt))
        answers.append(retrain)
    densities = np.stack([stats.norm(0.4, 0.3).pdf(np.sqrt(debts)), stats.norm(1.2, 0.5).pdf(np.sqrt(debts))], axis=-1)
    for lane in range(50):
        assert answers[-1][lane] == (stale_by_enumeration(densities[:, lane], 0.1, 0.05) > 0.5)
    assert 0 < np.sum(answers[-1]) < 50


def test_the_threshold_is_where_both_errors_are_expected_to_lose_alike(make_signals):
    rng = np.random.default_rng(3)
    churn, wait, debt = rng.gamma(1.0, size=400), rng.gamma(1.0, size=400), rng.gamma(1.0, size=400)
    policy = TwoState(0.2, 0.0, churn, wait, EMISSIONS)
    log_odds, retrain = policy.step(policy.init(400), make_signals(np.ones(400, dtype=int), debt=debt))
    rho = expit(log_odds)
    np.testing.assert_array_equal(retrain, rho > churn / (churn + wait))
    np.testing.assert_array_equal(retrain, wait * rho > churn * (1 - rho))
    assert 0 < retrain.sum() < 400


def test_the_papers_production_illustration():
    """c_churn = 2/3, c_wait = 1/3: threshold 2/3; 22 stale waits and 3 needless retrains against 6 and 2."""
    churn, wait = 2 / 3, 1 / 3
    assert churn / (churn + wait) == pytest.approx(2 / 3)
    before, after = 22 * wait + 3 * churn, 6 * wait + 2 * churn
    assert round(before, 2) == 9.33
    assert round(after, 2) == 3.33
    assert round(after / before, 2) == 0.36


def test_numbers_are_per_lane(make_signals):
    rng = np.random.default_rng(4)
    hazard, recovery, churn = rng.random(20), rng.random(20), rng.gamma(1.0, size=20)
    debts = rng.gamma(1.0, size=(6, 20))
    together = TwoState(hazard, recovery, churn, 0.5, EMISSIONS)
    state = together.init(20)
    for t, debt in enumerate(debts, start=1):
        state, retrain = together.step(state, make_signals(np.full(20, t), debt=debt))
    for lane in range(20):
        alone = TwoState(hazard[lane], recovery[lane], churn[lane], 0.5, EMISSIONS)
        one = alone.init(1)
        for t, debt in enumerate(debts, start=1):
            one, answer = alone.step(one, make_signals(t, debt=debt[lane]))
        assert one[0] == pytest.approx(state[lane], rel=1e-12)
        assert answer[0] == retrain[lane]


@pytest.mark.parametrize("emissions", [EMISSIONS, ld.TwoStateEmissions(0.4, 0.5, 1.2, 0.5)])
@pytest.mark.parametrize(
    ("hazard", "recovery"), [(0.0, 0.0), (0.02, 0.0), (1.0, 0.0), (0.5, 0.5), (0.0, 1.0), (1.0, 1.0)]
)
def test_the_tails_give_probabilities_and_no_warnings(emissions, hazard, recovery):
    debts = [0.0, -1e-9, 1e-300, 1e6, 1e300, np.inf, np.nan, 0.0, 1e12, 0.3]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path = np.array(filtered(debts, hazard, recovery, emissions))
    assert ((path >= 0) & (path <= 1)).all()
    if 0 < hazard < 1:
        assert path[4] == path[5] == 1.0


def test_certainty_does_not_round_to_a_state_that_is_never_left():
    """Log odds of 50 and more are 1.0 as a probability; evidence of the same size must still bring it back."""
    log_odds = filter_step(FRESH, 60.0, 0.1, 0.0)
    assert expit(log_odds) == 1.0
    back = filter_step(log_odds, -60.0, 1e-30, 0.0)
    assert float(expit(back)) == pytest.approx(0.1, rel=1e-10)


def test_a_period_without_debt_moves_rho_by_the_hazard_alone():
    assert filtered([np.nan, np.nan], 0.1, 0.0) == pytest.approx([0.1, 0.19])


def test_the_likelihood_ratio_is_that_of_two_normals():
    debt = np.random.default_rng(5).gamma(1.0, size=100)
    x = np.sqrt(debt)
    expected = stats.norm(1.2, 0.5).logpdf(x) - stats.norm(0.4, 0.3).logpdf(x)
    np.testing.assert_allclose(EMISSIONS.log_likelihood_ratio(debt), expected, rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(EMISSIONS.log_likelihood_ratio([-0.01]), EMISSIONS.log_likelihood_ratio([0.0]))


def test_emissions_are_moments_of_root_debt():
    rng = np.random.default_rng(6)
    stable, shifted = rng.gamma(2.0, 0.05, size=(4, 30)), rng.gamma(4.0, 0.5, size=50)
    fitted = ld.TwoStateEmissions.fit(np.where(stable > 0.3, np.nan, stable), shifted)
    kept = np.sqrt(stable[stable <= 0.3])
    assert fitted.stable_mean == pytest.approx(kept.sum() / len(kept))
    assert fitted.stable_sd == pytest.approx(np.sqrt(((kept - kept.mean()) ** 2).sum() / (len(kept) - 1)))
    assert fitted.shifted_mean == pytest.approx(np.sqrt(shifted).mean())
    assert fitted.shifted_sd == pytest.approx(np.sqrt(shifted).std(ddof=1))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ld.TwoStateEmissions(0.0, 0.0, 1.0, 1.0), "stable_sd must be a number that is above 0"),
        (lambda: ld.TwoStateEmissions(0.0, 1.0, 1.0, -1.0), "shifted_sd must be a number that is above 0"),
        (lambda: ld.TwoStateEmissions(0.0, 1.0, 1.0, np.nan), "shifted_sd must be a number that is above 0"),
        (lambda: ld.TwoStateEmissions(np.nan, 1.0, 1.0, 1.0), "stable_mean must be a finite number"),
        (lambda: ld.TwoStateEmissions.fit([1.0], [2.0, 3.0]), "stable needs cells"),
        (lambda: ld.TwoStateEmissions.fit([1.0, 1.5], [2.0, 2.0, np.nan]), "shifted needs cells"),
        (lambda: ld.TwoStateEmissions.fit([1.0, 1.5], [0.1, 0.2]), "shifted cells must owe more"),
    ],
)
def test_emissions_that_tell_nothing_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
