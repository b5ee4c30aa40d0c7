"""Today's decision: verdicts, expected regret, the chance that a retrain pays, and the break-even cost."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.special import stdtr, stdtrit

import learning_debt as ld
from learning_debt.arrays.conjugate import nig
from learning_debt.data import plain_labels
from learning_debt.policies import CUSUM, Always, Calendar, Never, PredictiveDebtThreshold
from learning_debt.policies.base import Policy
from learning_debt.scores import LogScore

DIMS = ("deployed_at", "period")


def table_of(periods=4, **cells):
    """One series whose signals are the same in all cells; a function of (s, t) makes them differ."""
    present = np.triu(np.ones((periods, periods), dtype=bool))

    def values(given):
        if callable(given):
            given = np.array([[given(s, t) for t in range(1, periods + 1)] for s in range(periods)])
        return np.where(present, given, np.nan) if np.asarray(given).dtype != bool else present & given

    cells = {"score_gap": 0.0} | cells
    return xr.Dataset({name: (DIMS, values(given)) for name, given in cells.items()})


def test_a_policy_is_obeyed_when_nothing_is_in_doubt():
    table = table_of(predictive_debt=0.3)
    assert ld.decide(table, PredictiveDebtThreshold(4.0), 1.1, horizon=5).verdict == "retrain"
    assert ld.decide(table, PredictiveDebtThreshold(4.0), 1.3, horizon=5).verdict == "wait"
    assert ld.decide(table, Always(), 1.0, horizon=5).verdict == "retrain"
    assert ld.decide(table, Never(), 1.0, horizon=5).verdict == "wait"


def test_only_the_last_period_is_asked_about():
    table = table_of(predictive_debt=lambda _s, t: 9.0 if t < 4 else 0.1)
    assert ld.decide(table, PredictiveDebtThreshold(1.0), 0.5, horizon=5).verdict == "wait"
    assert ld.decide(table_of(6), Calendar(3), 0.5, horizon=5).verdict == "retrain"
    assert ld.decide(table_of(7), Calendar(3), 0.5, horizon=5).verdict == "wait"


def test_it_cannot_tell_when_the_interval_of_the_signal_straddles_the_threshold():
    """Signal 1 against threshold 1.2: the 90% interval reaches 1 + 1.645 se."""
    table = table_of(predictive_debt=1.0, predictive_debt_se=0.13)
    policy = PredictiveDebtThreshold(1.0)
    assert ld.decide(table, policy, 1.2, horizon=5).verdict == "cannot tell"
    assert ld.decide(table, policy, 0.8, horizon=5).verdict == "cannot tell"
    assert ld.decide(table, policy, 1.2, horizon=5, probability=0.8).verdict == "wait"
    assert ld.decide(table, policy, 0.8, horizon=5, probability=0.8).verdict == "retrain"
    assert ld.decide(table, policy, 1.22, horizon=5).verdict == "wait"
    assert "Monte-Carlo error" in ld.decide(table, policy, 1.2, horizon=5).reason


def test_the_error_of_a_signal_the_policy_does_not_read_is_no_doubt():
    table = table_of(score_gap=1.0, predictive_debt=1.0, predictive_debt_se=50.0)
    assert ld.decide(table, CUSUM(0.5), 1.0, horizon=5).verdict == "retrain"


@pytest.mark.parametrize(
    ("cost", "verdict"), [(0.4, "retrain"), (0.6, "cannot tell"), (1.9, "cannot tell"), (2.1, "wait")]
)
def test_an_unreliable_signal_is_known_up_to_a_factor_of_two(cost, verdict):
    table = table_of(predictive_debt=1.0, predictive_debt_se=1e-9, predictive_debt_reliable=np.bool_(False))
    assert ld.decide(table, PredictiveDebtThreshold(1.0), cost, horizon=5).verdict == verdict


def test_signals_move_by_their_errors_and_unreliable_ones_by_a_factor(make_signals):
    given = {"score_gap": [1.0, -1.0, 1.0, -1.0], "score_gap_se": 0.2, "reliable": [True, True, False, False]}
    signals = make_signals([1, 1, 1, 1], **given)
    np.testing.assert_allclose(signals.shifted(2.0).score_gap, [1.4, -0.6, 2.0, -0.5])
    np.testing.assert_allclose(signals.shifted(-2.0).score_gap, [0.6, -1.4, 0.5, -2.0])
    np.testing.assert_array_equal(signals.shifted(0.0).score_gap, signals.score_gap)


@pytest.mark.parametrize(
    ("name", "dim"), [("converged", "period"), ("deployed_converged", "deployed_at")], ids=["shadow", "deployed"]
)
def test_it_cannot_tell_when_a_sampler_failed(name, dim):
    table = table_of(predictive_debt=1.0)
    failed, elsewhere = np.ones(4, dtype=bool), np.ones(4, dtype=bool)
    today = 3 if name == "converged" else 1
    failed[today], elsewhere[2] = False, False
    decision = ld.decide(
        table.assign({name: (dim, failed)}), PredictiveDebtThreshold(1.0), 0.1, deployed_at=1, horizon=5
    )
    assert decision.verdict == "cannot tell"
    sound = ld.decide(
        table.assign({name: (dim, elsewhere)}), PredictiveDebtThreshold(1.0), 0.1, deployed_at=1, horizon=5
    )
    assert sound.verdict == "retrain"


@pytest.mark.parametrize("exposure", [1e-299, 1e299])
def test_a_break_even_cost_is_found_where_the_bounds_of_its_search_overflow(exposure):
    table = table_of(predictive_debt=lambda s, t: 0.1 * (t - s)).assign(exposure=("period", np.full(4, exposure)))
    with np.errstate(over="ignore"):  # of the chance that a retrain pays
        decision = ld.decide(table, PredictiveDebtThreshold(8.0), exposure, deployed_at=1, horizon=5)
    assert decision.break_even_cost == pytest.approx(2.4 * exposure, rel=1e-8)


@pytest.mark.parametrize("exposure", [1.0, 3.0])
def test_the_break_even_cost_of_priced_debt_is_multiplier_times_exposure_times_debt(exposure):
    table = table_of(predictive_debt=lambda s, t: 0.1 * (t - s)).assign(exposure=("period", np.full(4, exposure)))
    decision = ld.decide(table, PredictiveDebtThreshold(8.0), 1.0, deployed_at=1, horizon=5)
    assert decision.break_even_cost == pytest.approx(8.0 * exposure * 0.3, rel=1e-8)
    below, above = decision.break_even_cost * np.array([1 - 1e-6, 1 + 1e-6])
    assert ld.decide(table, PredictiveDebtThreshold(8.0), below, deployed_at=1, horizon=5).verdict == "retrain"
    assert ld.decide(table, PredictiveDebtThreshold(8.0), above, deployed_at=1, horizon=5).verdict == "wait"


def test_a_policy_that_does_not_look_at_the_cost_has_no_break_even_cost():
    for policy in (CUSUM(0.5), Always(), Never(), Calendar(2)):
        assert np.isnan(ld.decide(table_of(score_gap=0.2), policy, 1.0, horizon=5).break_even_cost)


def test_expected_regret_is_horizon_times_exposure_times_predictive_debt():
    table = table_of(predictive_debt=lambda s, t: 0.1 * (t - s), predictive_debt_se=0.02)
    table = table.assign(exposure=("period", [1.0, 1.0, 1.0, 2.5]))
    expected = ld.decide(table, Never(), 1.0, deployed_at=1, horizon=12).expected_regret
    assert expected.value == pytest.approx(12 * 2.5 * 0.3)
    assert expected.standard_error == pytest.approx(12 * 2.5 * np.hypot(0.02, 0.3))  # and a whole belief
    assert expected.reliable


def test_expected_regret_in_money_counts_rows_and_the_worth_of_a_nat():
    table = table_of(predictive_debt=0.1).assign(rows=("period", [1.0, 1.0, 1.0, 40.0]))
    cost = ld.RetrainingCost(90.0, money_per_nat=5.0, currency="EUR")
    decision = ld.decide(table, PredictiveDebtThreshold(2.0), cost, horizon=3)
    assert decision.expected_regret.value == pytest.approx(3 * 40 * 5 * 0.1)
    assert decision.break_even_cost == pytest.approx(2 * 40 * 5 * 0.1, rel=1e-8)
    assert decision.unit == "EUR"
    assert decision.cost == 90.0
    assert "EUR" in decision.reason


def test_without_predictive_debt_there_is_no_expected_regret():
    decision = ld.decide(table_of(score_gap=1.0), CUSUM(0.5), 1.0, horizon=5)
    assert decision.verdict == "retrain"
    assert np.isnan(decision.expected_regret.value)
    assert not decision.expected_regret.reliable
    assert np.isnan(decision.probability)
    assert "nan" not in decision.reason


def test_unreliable_predictive_debt_makes_expected_regret_unreliable():
    table = table_of(score_gap=1.0, predictive_debt=1.0, predictive_debt_reliable=np.bool_(False))
    decision = ld.decide(table, CUSUM(0.5), 1.0, horizon=5)
    assert decision.verdict == "retrain"
    assert not decision.expected_regret.reliable


def test_before_anything_is_learned_the_chance_has_the_spread_of_the_gap_and_of_beliefs_that_are_off():
    """Four periods are held: over sixteen to come, parameters not known make the variance 1 + 16 / 4 times as large.

    Beliefs may be off by the whole of themselves, and by half of that again from forecast to forecast.
    """
    table = table_of(predictive_debt=0.1, gap_sd=0.3, predictive_debt_se=0.01)
    decision = ld.decide(table, Never(), 1.5, horizon=16)
    spread = np.sqrt(16 * (1 + 16 / 4) * 0.3**2 + (16 * 0.01) ** 2 + 1.6**2 * (1 + 0.5**2))
    assert decision.probability == pytest.approx(stdtr(4, (1.6 - 1.5) / spread))


@pytest.mark.parametrize(
    ("rule", "held"),
    [
        (ld.UpdateRule(), 6.0),
        (ld.UpdateRule(window=3), 3.0),
        (ld.UpdateRule(window=50), 6.0),
        (ld.UpdateRule(discount=0.5), 2 * (1 - 0.5**6)),
        (ld.UpdateRule(window=2, discount=0.5), 1.5),
    ],
    ids=str,
)
def test_the_chance_knows_how_much_the_shadow_holds(rule, held):
    table = (
        table_of(predictive_debt=0.1, gap_sd=0.3).assign_coords(earlier=["a", "b"]).assign_attrs(update_rule=str(rule))
    )
    spread = np.sqrt(10 * (1 + 10 / held) * 0.3**2 + 1.0 + 0.5**2)
    chance = ld.decide(table, Never(), 1.2, horizon=10).probability
    assert chance == pytest.approx(stdtr(4, (1.0 - 1.2) / spread), rel=1e-12)


@pytest.mark.parametrize(("held", "horizon"), [(24, 6), (12, 24)])
def test_before_anything_is_learned_the_chance_is_cautious_in_a_stable_world(held, horizon):
    """Truths drawn from the prior: of retrains whose chance to pay more than a cost is p, a share p or more does where
    p is above one half, p or less where it is below, since nobody knows yet that beliefs are right.

    The share may differ by 4 sigma of the binomial, and by .03 more for what the approximation leaves out: the total
    is not quite normal, and debt at the inputs of one period stands for that at all inputs to come.
    """
    replications, rows, rng = 1000, 8, np.random.default_rng(7)
    levels, prior = np.array([0.1, 0.25, 0.5, 0.75, 0.9]), ld.NIG(np.zeros(1), np.eye(1), 4.0, 4.0)
    known, count = rows * held, rows * (held + horizon)
    table = table_of(1, predictive_debt=0.5, gap_sd=1.0).assign_coords(earlier=np.arange(held - 1))
    chance = ld.decide(table, Never(), 0.0, horizon=horizon).probability
    factor, quantiles = (
        np.sqrt((horizon * 0.5 / stdtrit(4, chance)) ** 2 - 1.25 * (horizon * 0.5) ** 2),
        stdtrit(4, levels),
    )
    paid = np.zeros(levels.size)
    for _ in range(replications):
        scale = np.sqrt(4.0 / rng.gamma(4.0))
        x = rng.normal(size=(count, 1))
        y = scale * (rng.normal() * x[:, 0] + rng.normal(size=count))
        deployed = nig.update(prior, x[: known // 2], y[: known // 2])
        shadow = nig.update(deployed, x[known // 2 : known], y[known // 2 : known])
        debt = nig.predictive_debt(shadow, deployed, x[known - rows : known])
        spread = LogScore().exact_gap_spread(shadow, deployed, x[known - rows : known])
        gaps = nig.log_score(shadow, x[known:], y[known:]) - nig.log_score(deployed, x[known:], y[known:])
        paid += (
            gaps.sum() / rows > horizon * debt - np.hypot(factor * spread, np.sqrt(1.25) * horizon * debt) * quantiles
        )
    error = np.sqrt(levels * (1 - levels) / replications)
    bolder = np.sign(levels - 0.5) * (paid / replications - levels)
    assert (bolder > -(4 * error + 0.03)).all(), paid / replications
    assert abs(paid[2] / replications - 0.5) < 4 * error[2] + 0.03


def test_the_chance_is_a_half_at_the_expected_regret():
    noisy = table_of(predictive_debt=0.1, gap_sd=0.3)
    assert ld.decide(noisy, Never(), 1.0, horizon=10).probability == pytest.approx(0.5)
    assert ld.decide(noisy, Never(), 0.999, horizon=10).probability > 0.5
    assert ld.decide(noisy, Never(), 1.001, horizon=10).probability < 0.5


@pytest.mark.parametrize("deployed_at", [0, 3, 5, 9])
def test_the_policy_has_lived_through_the_current_spell_only(deployed_at):
    """A gap of 1 in each period sums to the age of the spell."""
    table = table_of(10, score_gap=1.0)
    age = 10 - deployed_at
    assert ld.decide(table, CUSUM(age - 0.5), 1.0, deployed_at=deployed_at, horizon=5).verdict == "retrain"
    assert ld.decide(table, CUSUM(age + 0.5), 1.0, deployed_at=deployed_at, horizon=5).verdict == "wait"


def test_deciding_is_the_last_step_of_a_replay(random_spells):
    """Extend the table by a period: the replay's answer today is the decision about what then served."""
    table = random_spells(20, seed=8)
    for policy in (CUSUM(0.6), PredictiveDebtThreshold(3.0), Calendar(3)):
        schedule = ld.replay(table, policy, 0.3).schedule.values[0]
        for today in range(1, 20):
            before = np.flatnonzero(schedule[: today - 1])
            deployed_at = int(before[-1]) + 1 if before.size else 0
            decision = ld.decide(ld.select_periods(table, 0, today), policy, 0.3, deployed_at=deployed_at, horizon=1)
            assert decision.verdict == ("retrain" if schedule[today - 1] else "wait")


def test_labels_and_age_are_the_owners(make_history):
    history = make_history(12, 2, 1)
    history["period"] = np.array([f"2024-{month + 1:02d}" for month in range(12)])[history["period"]]
    forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    table = ld.spell_table(forecaster, history, initial=5, progressbar=False)
    decision = ld.decide(table, PredictiveDebtThreshold(4.0), 0.5, deployed_at=2, horizon=4)
    assert decision.label == "2024-12"
    assert decision.deployed_label == "2024-07"
    assert decision.spell_age == 5
    assert "2024-07" in decision.reason
    assert decision.verdict in decision.reason


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"deployed_at": -1}, "deployed_at"),
        ({"deployed_at": 4}, "deployed_at"),
        ({"horizon": 0}, "horizon"),
        ({"horizon": -3}, "horizon"),
        ({"probability": 0.0}, "probability"),
        ({"probability": 1.0}, "probability"),
        ({"probability": 1.5}, "probability"),
        ({"probability": -0.5}, "probability"),
    ],
)
def test_arguments_out_of_range_are_refused_by_name(options, name):
    with pytest.raises(ValueError, match=name):
        ld.decide(table_of(), Never(), 1.0, **({"horizon": 5} | options))


def test_several_series_and_missing_signals_are_refused(random_spells):
    with pytest.raises(ValueError, match="one series; the table has 3"):
        ld.decide(random_spells(10, series=3), Never(), 1.0, horizon=5)
    with pytest.raises(KeyError, match="predictive_debt"):
        ld.decide(table_of(), PredictiveDebtThreshold(1.0), 1.0, horizon=5)
    with pytest.raises(ValueError, match="cost is missing"):
        ld.decide(table_of(), Never(), None, horizon=5)


def test_the_horizon_has_no_default():
    with pytest.raises(TypeError, match="horizon"):
        ld.decide(table_of(), Never(), 1.0)


def test_the_break_even_cost_of_a_policy_of_ones_own_is_found():
    @dataclass(frozen=True)
    class Squared(Policy):
        """Retrain when the square of predictive debt exceeds the square root of the cost."""

        requires = ("predictive_debt",)

        def step(self, state, signals):
            return state, signals.predictive_debt**2 > np.sqrt(signals.cost)

    assert ld.decide(table_of(predictive_debt=1.5), Squared(), 1.0, horizon=5).break_even_cost == pytest.approx(
        1.5**4, rel=1e-8
    )


LABELS = {
    "text": (["2024-W1", "2024-W2", "2024-W3", "2024-W4"], "2024-W2"),
    "numbers": ([7, 8, 9, 10], 8),
    "whole fractions": ([7, 8, 9, 10], 8.0),
    "dates": (
        np.array(["2024-01-01", "2024-01-08", "2024-01-15", "2024-01-22"], "M8[ns]"),
        np.datetime64("2024-01-08"),
    ),
    "timestamps": (pd.date_range("2024-01-01", periods=4), pd.Timestamp("2024-01-02")),
}


def labelled(labels, **coords):
    gap = np.triu(np.arange(1.0, 17.0).reshape(4, 4)) / 10
    table = xr.Dataset(dict.fromkeys(("score_gap", "predictive_debt"), (("deployed_at", "period"), gap)))
    return table.assign_coords(label=("period", np.asarray(labels)), **coords)


@pytest.mark.parametrize("kind", LABELS)
def test_what_serves_can_be_named_by_the_label_it_was_trained_after(kind):
    labels, second = LABELS[kind]
    table = labelled(labels)
    decision = ld.decide(table, CUSUM(0.2), 0.1, deployed_label=second, horizon=3)
    assert str(decision) == str(ld.decide(table, CUSUM(0.2), 0.1, deployed_at=2, horizon=3))
    assert (decision.spell_age, decision.deployed_label) == (2, plain_labels(labels)[1])
    assert decision.expected_regret.value == pytest.approx(3 * 1.2)


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("2024-W22", "deployed_label: 2024-W22 is no period of the table.*near it are 2024-W2"),
        ("2024-W4", "last period.*nothing to decide"),
        ("2023-W51", "2023-W51 lies before the table.*2023-W52 at the earliest.*smaller initial"),
        (2, "deployed_label: the label 2 is a number.*are text"),
        (True, "deployed_label: the label True is a truth value"),
    ],
)
def test_a_label_after_which_nothing_was_trained_is_refused(label, message):
    labels = LABELS["text"][0]
    table = labelled(
        labels, deployed_label=("deployed_at", ["2023-W52", *labels[:-1]]), earlier=["2023-W51", "2023-W52"]
    )
    with pytest.raises(ValueError, match=message):
        ld.decide(table, CUSUM(0.2), 0.1, deployed_label=label, horizon=3)
    assert ld.decide(table, CUSUM(0.2), 0.1, deployed_label="2023-W52", horizon=3).spell_age == 4


def test_what_serves_is_named_once():
    with pytest.raises(ValueError, match="deployed_at=2 or deployed_label='2024-W2', not both"):
        ld.decide(labelled(LABELS["text"][0]), CUSUM(0.2), 0.1, deployed_at=2, deployed_label="2024-W2", horizon=3)
