"""Expected and realised regret of a decision: units, errors of cells, rows nobody kept, signals that are not there."""

import json

import numpy as np
import pytest
import xarray as xr

import learning_debt as ld
from learning_debt.policies import CUSUM, Always, Calendar, Never, PredictiveDebtThreshold
from learning_debt.pricing.decision import decide_about_spell

PERIODS = 60
DIMS = ("series", "deployed_at", "period")


@pytest.fixture(scope="module")
def spells():
    rng = np.random.default_rng(8)
    x = rng.normal(size=(4 * (PERIODS + 20), 2))
    period = np.repeat(np.arange(PERIODS + 20), 4)
    slope = np.cumsum(0.1 * rng.normal(size=PERIODS + 20))[period]
    data = {"x": x, "y": slope * x[:, 0] + rng.normal(size=period.size), "period": period}
    forecaster = ld.ConjugateRegression(ld.NIG(np.zeros(2), np.eye(2), 2.0, 1.0))
    return ld.check_spells(ld.spell_table(forecaster, data, initial=20, progressbar=False))


def decided(table, policy=None, cost=0.5, **given):
    return ld.decide(table, policy or Never(), cost, **({"deployed_at": 40, "horizon": 8} | given))


def test_money_is_nats_times_their_price(spells):
    nats = decided(spells)
    money = decided(spells, cost=ld.RetrainingCost(0.5 * 3 * 4, money_per_nat=3.0, currency="EUR"))
    assert money.probability == pytest.approx(nats.probability, rel=1e-9)
    for name in ("expected_regret", "realised_regret"):
        one, other = getattr(nats, name), getattr(money, name)
        assert other.value == pytest.approx(12 * one.value, rel=1e-9)  # 4 rows a period at 3 EUR
        assert other.standard_error == pytest.approx(12 * one.standard_error, rel=1e-9)


def test_what_came_later_is_not_known(spells):
    now = decided(ld.select_periods(spells, 0, 45))
    changed = spells.copy(deep=True)
    changed["score_gap"][..., 45:] += 1.0
    changed["regret"][..., 45:] += 1.0
    assert str(decided(ld.select_periods(changed, 0, 45))) == str(now)


def test_realised_regret_is_what_the_spell_was_charged(spells):
    decision = decided(spells)
    assert decision.realised_regret.value == pytest.approx(float(spells["regret"].values[0, 40, 40:].sum()))
    assert decision.realised_regret.standard_error == 0
    noisy = spells.assign(score_gap_se=xr.full_like(spells["score_gap"], 0.01).where(spells["score_gap"].notnull()))
    assert decided(noisy).realised_regret.standard_error == pytest.approx(20 * 0.01)  # of one posterior: dependent


def test_errors_of_cells_are_in_the_error_of_the_expectation(spells):
    exact = decided(spells).expected_regret
    se = xr.full_like(spells["score_gap"], 0.05).where(spells["score_gap"].notnull())
    noisy = decided(spells.assign(predictive_debt_se=se, score_gap_se=se)).expected_regret
    assert noisy.value == exact.value
    assert noisy.standard_error > exact.standard_error


def test_a_sampled_table_gives_about_what_an_exact_one_does(spells):
    """Cells with errors of a tenth of a typical gap; the expectation moves by under its own standard error."""
    rng = np.random.default_rng(9)
    size = 0.1 * float(np.sqrt((spells["score_gap"] ** 2).mean()))
    noisy = spells.copy(deep=True)
    for name in ("score_gap", "predictive_debt"):
        noisy[name] = noisy[name] + xr.DataArray(size * rng.normal(size=noisy[name].shape), dims=DIMS)
        noisy[f"{name}_se"] = xr.full_like(noisy[name], size).where(noisy[name].notnull())
    noisy = noisy.drop_vars("regret")
    one, other = decided(spells), decided(noisy)
    assert abs(one.expected_regret.value - other.expected_regret.value) < 2 * other.expected_regret.standard_error
    assert abs(one.probability - other.probability) < 0.1


@pytest.mark.parametrize("kept", [4, 12])
def test_posteriors_that_nobody_kept_may_be_missing(spells, kept):
    """As in a live monitor: what serves, and a few others; the rest of the rows are NaN."""
    rows = np.isin(np.arange(PERIODS), [40, *np.linspace(0, 58, kept).astype(int)])
    past = spells.copy()
    for name in ("score_gap", "regret", "predictive_debt", "gap_sd"):
        past[name] = spells[name].where(xr.DataArray(rows, dims="deployed_at"))
    spell = spells.isel(deployed_at=[40], period=slice(40, None)).assign_coords(deployed_label=("deployed_at", ["a"]))
    cost = ld.RetrainingCost(0.5).resolve(spells)
    found = decide_about_spell(spell, Never(), cost, horizon=8, probability=0.9, past=past)
    whole = decided(spells)
    assert abs(found.expected_regret.value - whole.expected_regret.value) < 2 * found.expected_regret.standard_error
    assert 0 < found.probability < 1
    assert found.believed_regret == pytest.approx(whole.believed_regret)
    assert found.realised_regret == whole.realised_regret


def test_without_beliefs_it_falls_back_on_the_gaps_and_says_so(spells):
    found = decided(spells[["score_gap", "rows"]])
    assert np.isfinite([found.expected_regret.value, found.probability]).all()
    assert not found.expected_regret.reliable
    assert "holds no predictive debt" in found.expected_regret.note
    assert np.isnan(found.believed_regret)


def test_without_a_spread_the_history_has_its_own(spells):
    one, other = decided(spells), decided(spells.drop_vars("gap_sd"))
    assert other.expected_regret.reliable
    assert abs(one.probability - other.probability) < 0.2


def test_it_works_from_the_first_period_on(spells):
    for periods in range(1, 30):
        found = decided(ld.select_periods(spells, 0, periods), deployed_at=0)
        assert np.isfinite([found.expected_regret.value, found.probability]).all()
        assert found.expected_regret.standard_error > 0


def test_verdict_and_chance_are_one_story(spells):
    """Whatever the policy and the cost: where they point apart the sentence says so and why, and nowhere else."""
    seen = set()
    for policy in (Always(), Never(), Calendar(3), CUSUM(0.3), PredictiveDebtThreshold(8.0)):
        for cost in (1e-4, 0.05, 0.3, 1.0, 5.0, 100.0):
            found = decided(spells, policy, cost)
            assert (found.probability > 0.5) == (found.expected_regret.value > cost)
            opposed = (found.verdict == "retrain") == (found.probability < 0.5)
            assert ("although" in found.reason) == bool(found.conflict) == opposed
            seen.add((found.verdict, opposed))
    assert len(seen) == 4


def test_it_can_be_told_to_programs(spells):
    said = json.loads(json.dumps(decided(spells, CUSUM(0.3)).as_dict(), allow_nan=False))
    assert said["break_even_cost"] is None  # CUSUM does not look at the cost
    assert set(said["realised_regret"]) == {"value", "standard_error", "reliable"}
    assert said["policy"] == "CUSUM(0.3)"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0])
def test_a_spread_that_is_no_number_is_not_taken_for_certainty(spells, bad):
    """Where the shadow says no spread, that of the history's own gaps stands in, cell by cell."""
    own, none = spells.copy(deep=True), spells.drop_vars("gap_sd")
    own["gap_sd"].values[..., -1] = bad
    everywhere = spells.assign(gap_sd=xr.full_like(spells["gap_sd"], bad))
    today, without, nowhere = (decided(one) for one in (own, none, everywhere))
    assert 0.001 < today.probability < 0.999
    assert nowhere.probability == pytest.approx(without.probability, abs=1e-12)


def test_a_break_even_far_from_the_expectation_says_why(spells):
    """A policy that asks for more, or less, than this one retrain is expected to bring admits it beside the number."""
    eager, slow = (decided(spells, PredictiveDebtThreshold(multiple), cost=0.5) for multiple in (1e4, 1e-4))
    assert eager.verdict == "retrain"
    assert "well above what this one retrain is expected to avoid, because it goes by" in eager.reason
    assert slow.verdict == "wait"
    assert "well below what this one retrain is expected to avoid, because it goes by" in slow.reason
    near = decided(
        spells, PredictiveDebtThreshold(eager.expected_regret.value / (eager.break_even_cost / 1e4)), cost=0.5
    )
    assert "well " not in near.reason
