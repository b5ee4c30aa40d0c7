"""The continuation value: spells played everywhere, what is learned from them, and what it is worth."""

import warnings

import numpy as np
import pytest
import xarray as xr

import learning_debt as ld
from learning_debt.policies import CUSUM, BlendedThreshold, Calendar, ContinuationValue, Never
from learning_debt.policies.base import mark
from learning_debt.policies.models.continuation import FEATURES, TERMS, features
from learning_debt.policies.signal_reader import SignalReader
from learning_debt.pricing.policy_iteration import retrains_everywhere
from learning_debt.spells import check_spells


def shifting_series(count, seed, periods=50):
    """Exact tables of regressions whose slope jumps at a random period, in half of the series never; regret is noise-
    free enough to learn from: ten rows a period."""
    rng = np.random.default_rng(seed)
    rows, prior = 10, ld.NIG(0.0, 1.0, 2.0, 1.0)
    period, series = (
        np.tile(np.repeat(np.arange(periods + 5), rows), count),
        np.repeat(np.arange(count), rows * (periods + 5)),
    )
    jump = np.where(np.arange(count) % 2 == 0, 10_000, rng.integers(10, periods, size=count))
    x = rng.normal(size=period.size)
    y = np.where(period > jump[series], 1.0, 0.0) * x + rng.normal(size=period.size)
    history = {"x": x, "y": y, "period": period, "series": series}
    return ld.spell_table(ld.ConjugateRegression(prior), history, initial=5, progressbar=False)


@pytest.fixture(scope="module")
def learnt():
    return shifting_series(16, 1)


@pytest.fixture(scope="module")
def model(learnt):
    return ld.fit_continuation(learnt, [0.05, 0.2, 0.8])


@pytest.mark.parametrize("policy", [CUSUM(0.4), BlendedThreshold(8.0, 0.2, 0.8), Calendar(3), Never()])
def test_every_spell_is_played_as_if_it_were_the_only_one(random_spells, policy):
    """What a policy says at (s, t) is what it says when nothing was retrained after s."""
    spells, cost = check_spells(random_spells(12, 2)), ld.RetrainingCost(0.3)
    says = retrains_everywhere(spells, policy, cost)
    assert not says[:, np.tril(np.ones((12, 12), dtype=bool), -1)].any()
    see = SignalReader(spells, policy.requires, cost, np.arange(2))
    for s in range(12):
        state = policy.init(2)
        for t in range(s + 1, 13):
            state, retrain = policy.step(state, see(t, np.array([s, s])))
            np.testing.assert_array_equal(says[:, s, t - 1], retrain)


@pytest.mark.slow
def test_learning_is_worth_it_on_series_it_has_not_seen(learnt, model):
    """From a dozen and a half series: over costs, cheaper than a CUSUM tuned on the same series."""
    fresh, ours, cusum = shifting_series(16, 2), 0.0, 0.0
    for cost in (0.1, 0.2, 0.4):
        tuned = ld.tune(learnt, [CUSUM(h) for h in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)], cost).policy
        ours += float(ld.replay(fresh, ContinuationValue(model), cost).objective.mean()) / cost
        cusum += float(ld.replay(fresh, tuned, cost).objective.mean()) / cost
    print(ours, cusum)
    assert ours < cusum


def test_the_quadratic_is_the_one_that_was_fitted():
    rng = np.random.default_rng(5)
    columns = tuple(rng.uniform(-1, 1, size=(len(FEATURES), 8000)))
    first, second = np.triu_indices(4)
    products = (columns[i] * columns[j] for i, j in zip(first, second, strict=True))
    quadratic = np.column_stack([np.ones(8000), *columns[:4], *products])
    price = ((columns[4] - columns[4].min()) / np.ptp(columns[4]))[:, None]
    coefficients = rng.normal(size=TERMS) / 20
    target = np.hstack([quadratic, quadratic * price]) @ coefficients
    assert np.abs(target).max() < 2  # beyond, the excess counts as 2
    fitted = ld.ContinuationModel.fit(columns, target, decay=0.9)
    np.testing.assert_allclose(fitted.coefficients, coefficients, atol=1e-9)
    np.testing.assert_allclose(fitted.excess(columns), target, atol=1e-9)


def test_beyond_what_calibration_saw_a_feature_counts_as_at_its_end(model):
    far = tuple(np.array([high + 50.0]) for high in model.highest)
    end = tuple(np.array([high]) for high in model.highest)
    assert model.excess(far) == model.excess(end)


@pytest.mark.parametrize("value", [0.0, -1.0, np.inf, 1e300])
def test_features_of_sampled_debts_are_numbers(value):
    """Estimates can be zero or below, and infinite where posteriors rule each other out."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = features(np.array([value]), np.array([value]), np.array([0.1]), 3, 0.2)
    assert all(np.isfinite(one).all() for one in found)


def test_where_nothing_is_owed_it_does_not_matter_how_little():
    """Estimates of debts that are zero in truth scatter about it, and are cut off there."""
    exact, estimated = (features(np.array([one]), np.array([one]), np.array([0.0]), 1, 0.2) for one in (1e-5, 0.0))
    np.testing.assert_array_equal(exact, estimated)


def test_the_same_seed_learns_the_same(learnt, model):
    again = ld.fit_continuation(learnt, np.array([0.05, 0.2, 0.8]))
    assert again == model
    few = [ld.fit_continuation(learnt, 0.2, cells=2000, random_seed=seed) for seed in (1, 1, 2)]
    assert few[0] == few[1] != few[2]


def test_tables_may_come_one_by_one(learnt):
    parts = [learnt.isel(series=slice(None, 8)), learnt.isel(series=slice(8, None))]
    both = ld.fit_continuation(parts, 0.2, cells=10**6)
    whole = ld.fit_continuation(learnt, 0.2, cells=10**6)
    np.testing.assert_allclose(both.coefficients, whole.coefficients, rtol=1e-6, atol=1e-8)


def test_regret_and_cost_in_money_change_the_unit_and_nothing_else(learnt):
    """A nat worth 20: the same decisions, whatever a unit is called."""
    nats = ld.fit_continuation(learnt, 0.2)
    money = ld.fit_continuation(learnt.assign(regret=learnt["regret"] * 20, exposure=learnt["exposure"] * 20), 4.0)
    np.testing.assert_allclose(money.coefficients, nats.coefficients, rtol=1e-6, atol=1e-8)


def test_a_learned_policy_says_at_which_costs_it_was_learned(learnt, model):
    assert str(ContinuationValue(model)) == f"ContinuationValue(learned at costs of 0.05 to 0.8, {mark(model)})"
    other = ld.fit_continuation(learnt, 0.2)
    assert str(ContinuationValue(other)) == f"ContinuationValue(learned at costs of 0.2, {mark(other)})"


def test_what_cannot_be_learned_from_is_refused(learnt, random_spells):
    with pytest.raises(ValueError, match="costs must be positive"):
        ld.fit_continuation(learnt, 0.0)
    with pytest.raises(ValueError, match="accounting must be one of"):
        ld.fit_continuation(learnt, 0.2, accounting="net")
    with pytest.raises(ValueError, match="iterations must be a whole number that is at least 1"):
        ld.fit_continuation(learnt, 0.2, iterations=0)
    with pytest.raises(KeyError, match="predictive_debt"):
        ld.fit_continuation(learnt.drop_vars("predictive_debt"), 0.2)
    with pytest.raises(ValueError, match="at least"):
        ld.fit_continuation(random_spells(8), 0.2)


def test_a_model_with_numbers_missing_is_refused(model):
    with pytest.raises(ValueError, match="coefficients"):
        ld.ContinuationModel(model.coefficients[:-1], model.lowest, model.highest, 0.9)
    with pytest.raises(ValueError, match="highest"):
        ld.ContinuationModel(model.coefficients, model.highest, model.lowest, 0.9)
    with pytest.raises(ValueError, match="decay"):
        ld.ContinuationModel(model.coefficients, model.lowest, model.highest, 1.5)


def test_costs_of_pairs_are_learned_with(learnt):
    """A part in proportion to the change in forecasts makes late retrains dearer; the model takes that in."""
    cost = ld.RetrainingCost(0.2, per_change=1.0)
    policy = ContinuationValue(ld.fit_continuation(learnt, [cost, ld.RetrainingCost(0.8, per_change=1.0)]))
    bills = {one: float(ld.replay(learnt, one, cost).objective.mean()) for one in (policy, Never())}
    assert bills[policy] < bills[Never()]


def test_the_table_is_left_as_it_was(learnt):
    before = learnt.copy(deep=True)
    ld.fit_continuation(learnt, 0.2)
    xr.testing.assert_identical(learnt, before)
