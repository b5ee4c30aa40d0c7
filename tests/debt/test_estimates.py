"""Sampled estimates through the public functions, against the exact values of the model the draws come from."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import special, stats

import learning_debt as ld
from learning_debt.forecasters.row_likelihood import weighted_likelihood

Z90 = stats.norm.ppf(0.95)
REPEATS = 1000
BINOMIAL = np.sqrt(0.9 * 0.1 / REPEATS)


class Case:
    """A regression whose slopes move by `shift` after `seen` rows; the shadow also holds the `new` rows that follow."""

    def __init__(self, coefficients, shift, seen=30, new=10, later=2, seed=1, window=0):
        rng = np.random.default_rng(seed)
        self.forecaster = ld.ConjugateRegression(ld.NIG(np.zeros(coefficients), np.eye(coefficients), 3.0, 2.0))
        x = rng.normal(size=(seen + new + later, coefficients))
        y = x.sum(axis=1) * (1 + shift * (np.arange(len(x)) >= seen)) + rng.normal(size=len(x))
        self.removed, self.new, self.later = (
            {"x": x[rows], "y": y[rows]} for rows in (slice(window), slice(seen, seen + new), slice(seen + new, None))
        )
        self.deployed = self.forecaster.fit({"x": x[:seen], "y": y[:seen]})
        self.shadow = self.forecaster.fit({"x": x[window : seen + new], "y": y[window : seen + new]})

    def draws(self, seed=0, draws=150):
        """Independent draws of shadow and deployed posterior."""
        return tuple(
            self.forecaster.sample(posterior, draws=draws, random_seed=2 * seed + one)
            for one, posterior in enumerate((self.shadow, self.deployed))
        )

    @property
    def debt(self):
        return self.forecaster.posterior_debt(self.shadow, self.deployed)

    @property
    def predictive_debt(self):
        return self.forecaster.predictive_debt(self.shadow, self.deployed, self.later)

    @property
    def score_gap(self):
        shadow, deployed = (self.forecaster.log_score(p, self.later) for p in (self.shadow, self.deployed))
        return float((shadow - deployed).mean())


class WithoutJointDensity(ld.ConjugateRegression):
    """What a model offers that cannot evaluate its own posterior density."""

    def log_joint(self, posterior, unconstrained):
        raise NotImplementedError


def require_coverage(estimates, exact, allowance=0.0):
    """All reliable, .90 within 4 binomial sigma (and an allowance for what a method is known to miss), none beyond 5
    standard errors."""
    assert all(estimate.reliable for estimate in estimates)
    misses = np.array([(estimate.value - exact) / estimate.standard_error for estimate in estimates])
    assert abs(np.mean(np.abs(misses) < Z90) - 0.9) < 4 * BINOMIAL + allowance
    assert np.abs(misses).max() < 5


@pytest.mark.slow
@pytest.mark.parametrize(("coefficients", "shift", "draws"), [(1, 0.3, 150), (5, 0.5, 100)])
def test_every_quantity_covers_its_exact_value_when_the_draws_overlap(coefficients, shift, draws):
    """S = 400 or 600, 1000 replications. Debt of 1 to 3 nats, by the pooled estimator."""
    case = Case(coefficients, shift)
    debts, predictive_debts, gaps = [], [], []
    for seed in range(REPEATS):
        shadow, deployed = case.draws(seed, draws)
        debts.append(ld.posterior_debt(case.forecaster, shadow, deployed, case.new))
        predictive_debts.append(ld.predictive_debt(case.forecaster, shadow, deployed, case.later, random_seed=seed))
        gaps.append(ld.score_gap(case.forecaster, shadow, deployed, case.later))
    known = [estimate for estimate in debts if estimate.reliable]  # heavy-tailed labels may seem to be worth too little
    assert len(known) >= 0.998 * REPEATS
    require_coverage(known, case.debt)
    trusted = [estimate for estimate in predictive_debts if estimate.reliable]  # so few draws sometimes are too few
    assert len(trusted) > 0.9 * REPEATS
    require_coverage(trusted, case.predictive_debt, allowance=0.02)  # the bias counts as error: a bit wide
    require_coverage(gaps, case.score_gap)
    assert all(estimate.diagnostics["overlap"] >= 30 for estimate in debts)
    assert not any(estimate.note for estimate in known)


@pytest.mark.slow
@pytest.mark.parametrize(("coefficients", "shift", "draws"), [(1, 2.0, 100), (5, 3.0, 150)])
def test_draws_that_do_not_overlap_are_bridged_through_gaussians_and_cover(coefficients, shift, draws):
    """Debt of 11 and 24 nats; 1000 replications of 400 or 600 draws."""
    case = Case(coefficients, shift)
    assert case.debt > 7
    estimates = [
        ld.posterior_debt(case.forecaster, *case.draws(seed, draws), case.new, random_seed=seed)
        for seed in range(REPEATS)
    ]
    require_coverage(estimates, case.debt)
    assert {estimate.note for estimate in estimates} == {"by the Gaussian bridge"}
    assert all(estimate.diagnostics["overlap"] < 30 for estimate in estimates)
    assert all(estimate.diagnostics["gaussian_overlap"] > 0.5 for estimate in estimates)


@pytest.mark.slow
def test_a_rolling_window_takes_old_rows_away():
    """The shadow holds rows 8 to 39, the deployed posterior rows 0 to 29; 1000 replications."""
    case = Case(2, 0.3, window=8)
    without_removal, estimates = [], []
    for seed in range(REPEATS):
        shadow, deployed = case.draws(seed, 100)
        estimates.append(ld.posterior_debt(case.forecaster, shadow, deployed, case.new, case.removed))
        if seed < 20:
            without_removal.append(ld.posterior_debt(case.forecaster, shadow, deployed, case.new).value)
    require_coverage(estimates, case.debt)
    assert abs(np.mean(without_removal) - case.debt) > 5 * np.mean([e.standard_error for e in estimates])


def test_exact_posteriors_give_exact_values():
    case = Case(3, 1.0)
    debt = ld.posterior_debt(case.forecaster, case.shadow, case.deployed, case.new)
    predictive_debt = ld.predictive_debt(case.forecaster, case.shadow, case.deployed, case.later)
    gap = ld.score_gap(case.forecaster, case.shadow, case.deployed, case.later)
    for estimate, exact in ((debt, case.debt), (predictive_debt, case.predictive_debt), (gap, case.score_gap)):
        assert estimate == ld.Estimate(exact, 0.0)


def test_a_posterior_owes_itself_nothing():
    case = Case(2, 0.5)
    draws, _ = case.draws()
    assert ld.predictive_debt(case.forecaster, draws, draws, case.later, random_seed=1).value == 0
    assert ld.score_gap(case.forecaster, draws, draws, case.later).value == 0


def test_two_sets_of_draws_of_one_posterior_owe_nothing_beyond_their_error():
    case = Case(2, 0.5)
    case.deployed = case.shadow
    shadow, deployed = case.draws(3, 500)
    predictive_debt = ld.predictive_debt(case.forecaster, shadow, deployed, case.later, random_seed=1)
    gap = ld.score_gap(case.forecaster, shadow, deployed, case.later)
    assert predictive_debt.value < 4 * predictive_debt.standard_error
    assert predictive_debt.value < 2e-3
    assert abs(gap.value) < 4 * gap.standard_error


@pytest.mark.parametrize(("coefficients", "shift"), [(1, 2.0), (5, 3.0), (1, 8.0)])
def test_without_a_joint_density_the_debt_is_a_lower_bound(coefficients, shift):
    case = Case(coefficients, shift)
    forecaster = WithoutJointDensity(case.forecaster.prior)
    pairs = [case.draws(seed, 100) for seed in range(50)]
    estimates = [ld.posterior_debt(forecaster, *pair, case.new) for pair in pairs]
    assert not any(estimate.reliable for estimate in estimates)
    assert all(estimate.lower_bound for estimate in estimates)
    assert all("offers no joint density" in estimate.note for estimate in estimates)
    assert all(estimate.interval()[1] == np.inf for estimate in estimates)
    values = np.array([estimate.value for estimate in estimates])
    for value, (shadow, _) in zip(values, pairs, strict=True):
        at_shadow = weighted_likelihood(forecaster, shadow, forecaster.as_batch(case.new))
        assert value == pytest.approx(at_shadow.mean() + special.logsumexp(-at_shadow) - np.log(at_shadow.size))
    assert values.mean() < case.debt
    assert values.min() > 0


@pytest.mark.slow
@pytest.mark.parametrize("draws", [8, 11])
def test_too_few_draws_for_the_bridge_are_said_so_and_its_value_is_no_lower_bound(draws):
    """6 parameters and 32 or 44 draws, where 100 *effective* ones are asked for; debt of 24 nats."""
    case = Case(5, 3.0)
    estimates = [
        ld.posterior_debt(case.forecaster, *case.draws(seed, draws), case.new, random_seed=seed) for seed in range(50)
    ]
    for estimate in estimates:
        assert estimate.diagnostics["effective_draws"] < 100
        assert not estimate.reliable
        assert not estimate.lower_bound
        assert np.isfinite(estimate.standard_error)
        assert "worth too few for a bridge" in estimate.note
    # Not to be trusted to its error, but no longer off by the whole debt.
    assert np.median([estimate.value for estimate in estimates]) == pytest.approx(case.debt, rel=0.3)


def test_densities_that_few_draws_reach_are_not_trusted_until_there_are_more():
    case = Case(1, 2.0, later=1)
    few, many = case.draws(1, 20), case.draws(1, 20_000)
    assert not ld.score_gap(case.forecaster, *few, case.later).reliable
    assert "draw more" in ld.score_gap(case.forecaster, *few, case.later).note
    assert not ld.predictive_debt(case.forecaster, *few, case.later, random_seed=1).reliable
    gap = ld.score_gap(case.forecaster, *many, case.later)
    assert gap.reliable
    assert abs(gap.value - case.score_gap) < 4 * gap.standard_error


def test_a_seed_fixes_the_answer():
    case = Case(5, 3.0)
    draws = case.draws(1, 100)
    for function, batch in ((ld.posterior_debt, case.new), (ld.predictive_debt, case.later)):
        first, again, other = (function(case.forecaster, *draws, batch, random_seed=seed) for seed in (1, 1, 2))
        assert first == again
        assert first != other


FUNCTIONS = pytest.mark.parametrize("function", [ld.posterior_debt, ld.predictive_debt, ld.score_gap])


@FUNCTIONS
def test_exact_and_sampled_posteriors_do_not_mix(function):
    case = Case(2, 0.5)
    shadow, deployed = case.draws()
    for pair in ((case.shadow, deployed), (shadow, case.deployed)):
        with pytest.raises(TypeError, match=r"must be both exact .* sample the exact one"):
            function(case.forecaster, *pair, case.later)


@FUNCTIONS
def test_an_exact_posterior_needs_the_exact_forecaster(function):
    case = Case(2, 0.5)
    with pytest.raises(TypeError, match="needs a ConjugateRegression, not SimpleNamespace"):
        function(
            SimpleNamespace(as_batch=lambda data: data, fit=None, observation_dim="obs"),
            case.shadow,
            case.deployed,
            case.later,
        )


@FUNCTIONS
@pytest.mark.parametrize("exact", [True, False])
def test_a_posterior_of_another_model_is_refused(function, exact):
    case, other = Case(2, 0.5), Case(3, 0.5)
    own, foreign = (case.shadow, other.deployed) if exact else (case.draws()[0], other.draws()[1])
    for pair in ((own, foreign), (foreign, own)):
        with pytest.raises(ValueError, match=r"3 coefficient\(s\)|'coefficient': 3"):
            function(case.forecaster, *pair, case.later)


@pytest.mark.parametrize("function", [ld.predictive_debt, ld.score_gap])
@pytest.mark.parametrize("exact", [True, False])
def test_a_score_nobody_offers_is_refused(function, exact):
    case = Case(2, 0.5)
    pair = (case.shadow, case.deployed) if exact else case.draws()
    with pytest.raises(ValueError, match="no score is called 'crsp'; did you mean 'crps'"):
        function(case.forecaster, *pair, case.later, score="crsp")


@FUNCTIONS
@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"y": [1.0, np.nan]}, ValueError, "'y' is not finite at obs=1"),
        ({"x": [[1.0, 2.0], [np.inf, 0.0]]}, ValueError, "'x' is not finite at obs=1"),
        ({"x": np.ones((0, 2)), "y": []}, ValueError, "no rows"),
        ({"y": None}, KeyError, "lacks the variable 'y'"),
        ({"x": None}, KeyError, "lacks the variable 'x'"),
    ],
)
def test_bad_rows_are_refused_by_name(function, exact, change, error, message):
    case = Case(2, 0.5)
    pair = (case.shadow, case.deployed) if exact else case.draws()
    batch = {name: values for name, values in {**case.later, **change}.items() if values is not None}
    with pytest.raises(error, match=message):
        function(case.forecaster, *pair, batch)


def test_bad_rows_that_leave_the_window_are_refused_too():
    case = Case(2, 0.5, window=8)
    removed = {"x": case.removed["x"], "y": np.full(8, np.nan)}
    with pytest.raises(ValueError, match="'y' is not finite at obs=0"):
        ld.posterior_debt(case.forecaster, *case.draws(), case.new, removed)
