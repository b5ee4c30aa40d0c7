"""The recommended policy: what its candidates would have paid, their weights, and the vote."""

import numpy as np
import pytest

import learning_debt as ld
from learning_debt.policies.base import Policy
from learning_debt.policies.models.candidate_tally import BETWEEN_STARTS, CandidateTally
from learning_debt.policies.recommended import LEARNING_RATE, SHARES, Recommended, candidates
from learning_debt.pricing.starts import bills_from_starts
from learning_debt.pricing.walks import walk_policy

PERIODS = 45


def table_of(series=1, seed=1, jump=1.5):
    rng = np.random.default_rng(seed)
    names, rows = np.repeat(np.arange(series), 60 * 4), np.tile(np.repeat(np.arange(60), 4), series)
    x = rng.normal(size=rows.size)
    y = np.where(rows < 35, 0.5, 0.5 + jump) * x + rng.normal(size=rows.size)
    order = np.argsort(rows, kind="stable")
    history = {"x": x[order], "y": y[order], "period": rows[order], "series": names[order]}
    forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    return ld.check_spells(ld.spell_table(forecaster, history, initial=60 - PERIODS, progressbar=False))


@pytest.fixture(scope="module")
def table():
    return table_of()


def price(amount=0.3):
    return ld.RetrainingCost(amount)


def test_the_tally_is_what_replays_from_every_start_come_to(table):
    """A candidate's bill in a period is the mean over the walks that have begun."""
    cost = price().resolve(table)
    flat = [policy for kind in candidates() for policy in kind]
    bills = bills_from_starts(table, flat, cost, range(0, PERIODS, BETWEEN_STARTS))[:, :, 0] / cost.per_retrain
    before_last = table.isel(deployed_at=slice(-1), period=slice(-1))  # in the last period a replay makes no retrain
    tally = CandidateTally.of(candidates()).after(before_last, cost)
    np.testing.assert_allclose(tally.paid, np.nanmean(bills[..., :-1], axis=1).sum(axis=-1), rtol=1e-9, atol=1e-9)


def test_period_by_period_or_all_at_once_is_the_same(table):
    cost = price().resolve(table)
    once = CandidateTally.of(candidates()).after(table, cost)
    growing = CandidateTally.of(candidates())
    for period in range(1, PERIODS + 1):
        growing = growing.after(table.isel(deployed_at=slice(period), period=slice(period)), cost)
    np.testing.assert_array_equal(growing.paid, once.paid)
    assert growing.after(table, cost) is growing


@pytest.mark.parametrize("accounting", ["signed", "positive"])
def test_a_walk_learns_in_one_pass_what_each_period_alone_would_teach(table, accounting):
    cost = price().resolve(table)
    known = Recommended(accounting=accounting).refit(table.isel(deployed_at=slice(4), period=slice(4)), cost)
    periods = range(3, PERIODS + 1)  # those that are counted already teach nothing more
    alone = list(Policy.refit_each(known, table, cost, periods))
    together = list(known.refit_each(table, cost, periods))
    assert [one.tally.periods for one in together] == [max(period, 4) for period in periods]
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.weights, other.weights)


def test_weights_fall_with_the_bill_and_the_majority_decides(table, make_signals):
    cost = price().resolve(table)
    policy = Recommended().refit(table, cost)
    first = np.concatenate(
        [np.full(len(kind), share / len(kind)) for kind, share in zip(candidates(), SHARES, strict=True)]
    )
    by_hand = first * np.exp(-LEARNING_RATE * policy.tally.paid)
    np.testing.assert_allclose(policy.weights, by_hand / by_hand.sum(), rtol=1e-12)
    signals = make_signals(
        [1, 3, 7], score_gap=[0.01, 0.4, 2.0], debt=[0.1, 1.0, 4.0], predictive_debt=[1e-3, 0.1, 1.0]
    )
    votes = [
        policy.weights[place] * one.step(one.init(3), signals)[1]
        for place, one in enumerate(one for kind in candidates() for one in kind)
    ]
    state = policy.init(3)
    np.testing.assert_allclose(policy.share_in_favour(state, signals), np.sum(votes, axis=0), rtol=1e-12)
    np.testing.assert_array_equal(policy.step(state, signals)[1], np.sum(votes, axis=0) > 0.5)


def test_a_replay_learns_nothing_of_later_periods(table):
    """What is decided up to a period stays, whatever comes after it."""
    cost = price().resolve(table)
    until = 30
    spoilt = table.copy(deep=True)
    for name in ("score_gap", "predictive_debt", "debt", "regret"):
        values = spoilt[name].values
        values[..., until:] = np.where(np.isfinite(values[..., until:]), 50.0, np.nan)
    before, after = (walk_policy(one, Recommended(), cost)[0, : until - 1] for one in (table, spoilt))
    np.testing.assert_array_equal(before, after)
    assert before.any() or not after.any()


def test_what_came_before_the_evaluation_counts(table):
    """On the end of a history it decides as on the whole, begun there."""
    cost, first = price().resolve(table), 25
    end = ld.select_periods(table, first)
    whole = walk_policy(table, Recommended(), cost, starts=np.array([first]))[:, first:]
    np.testing.assert_array_equal(walk_policy(end, Recommended(), cost, history=table), whole)


@pytest.mark.parametrize("series", [1, 3])
@pytest.mark.parametrize("unit", [1e-6, 100.0, 1e6])
def test_a_unit_changes_no_decision(series, unit):
    table = table_of(series)
    scaled = table.assign({name: unit * table[name] for name in ("score_gap", "predictive_debt", "regret")})
    here = walk_policy(table, Recommended(), price(0.3).resolve(table))
    there = walk_policy(scaled, Recommended(), price(0.3 * unit).resolve(scaled))
    np.testing.assert_array_equal(here, there)


def test_cells_that_nobody_kept_are_those_of_the_nearest_posterior(table):
    cost = price().resolve(table)
    names = ["debt", "predictive_debt", "score_gap", "regret"]
    sparse, filled = table.copy(deep=True), table.copy(deep=True)
    for row in range(1, PERIODS, 3):  # kept: every posterior but one in three
        for name in names:
            sparse[name].values[0, row, row + 1 :] = np.nan
            filled[name].values[0, row, row + 1 :] = table[name].values[0, row - 1, row + 1 :]
    one, other = (CandidateTally.of(candidates()).after(each, cost).paid for each in (sparse, filled))
    np.testing.assert_allclose(one, other, rtol=1e-12)


def test_it_is_kept_in_a_file_and_decides_the_same(table, tmp_path):
    ld.policies.save(tmp_path / "policy.json", Recommended())
    assert ld.policies.load(tmp_path / "policy.json") == Recommended()


def test_the_audit_decides_with_it_and_says_how_sure_it_is(table):
    found = ld.audit(table, 0.3, calendar=6)
    assert found.decided_by == "recommended"
    assert found.decided_share == 1.0
    assert "learning as it went" in found.headline
    assert 0.5 <= found.decision.support <= 1.0
    assert "of its weight" in found.decision.reason
    spelled = ld.replay(found.spells, Recommended(), 0.3)
    assert spelled.objective.shape == (1,)
    assert np.isfinite(found.table["total"].sel(policy="recommended"))


def test_a_table_without_debt_is_decided_by_what_did_best_in_tuning(table):
    found = ld.audit(table.drop_vars(["debt", "debt_se"], errors="ignore"), 0.3)
    assert found.decided_by != "recommended"
    assert "tuned beforehand" in found.headline


def test_without_a_history_it_weighs_kinds_as_they_are_told(make_signals):
    policy = Recommended()
    assert policy.weights.sum() == pytest.approx(1)
    assert [len(kind) for kind in candidates()] == [32, 9, 16, 1, 14]
    assert str(policy) == "Recommended()"


def test_free_retrains_and_periods_without_gaps_get_an_answer(table):
    free = ld.replay(table, Recommended(), 0.0)
    assert np.isfinite(free.objective).all()
    still = table.assign({name: 0 * table[name] for name in ("debt", "predictive_debt", "score_gap", "regret")})
    assert int(ld.replay(still, Recommended(), 1.0).retrains.item()) == 0


def test_positive_accounting_bills_no_gap_below_zero(table):
    cost = price().resolve(table)
    signed, positive = (CandidateTally.of(candidates()).after(table, cost, how) for how in ("signed", "positive"))
    assert (positive.paid >= signed.paid - 1e-12).all()
    never = np.cumsum([len(kind) for kind in candidates()])[2]
    gaps = table["score_gap"].values[0]
    by_hand = sum(
        np.mean([max(gaps[start, period], 0.0) for start in range(0, period + 1, BETWEEN_STARTS)])
        for period in range(PERIODS)
    )
    assert positive.paid[never] == pytest.approx(by_hand / 0.3)


@pytest.mark.parametrize(
    ("arguments", "name"), [({"tally": 3}, "tally"), ({"learns": 1}, "learns"), ({"accounting": "net"}, "accounting")]
)
def test_bad_arguments_are_refused_by_name(arguments, name):
    with pytest.raises((TypeError, ValueError), match=name):
        Recommended(**arguments)


def test_free_retrains_and_a_large_unit_leave_weights_that_are_numbers(table):
    """With cost 0 every regret is endless in costs of a retrain; the schedule is then that of any unit."""
    large = table.assign({name: 1e9 * table[name] for name in ("score_gap", "predictive_debt", "regret")})
    known = Recommended().refit(large, ld.RetrainingCost(0.0).resolve(large))
    assert np.isfinite(known.weights).all()
    retrains = [int(ld.replay(one, Recommended(), 0.0).retrains.item()) for one in (table, large)]
    assert min(retrains) > PERIODS // 3


def test_candidates_are_billed_by_the_owners_own_regret(table):
    """What retraining in every period comes to is regret of the freshest posterior and a cost a period."""
    own = table.assign(regret=(1000 * table["regret"]).drop_attrs())
    cost = ld.RetrainingCost(300.0).resolve(own)
    flat = [str(one) for kind in candidates() for one in kind]
    paid = CandidateTally.of(candidates()).after(own, cost).paid[flat.index("SpellLimit(1)")]
    assert paid == pytest.approx(1000 * np.diagonal(table["regret"].values[0]).sum() / 300 + PERIODS, rel=1e-9)
    schedules = [walk_policy(one, Recommended(), cost) for one in (own, table)]
    assert schedules[0].sum() > schedules[1].sum()


def test_an_audit_bills_candidates_as_it_bills_policies(table):
    for accounting in ("signed", "positive"):
        found = ld.audit(table, 0.3, calendar=6, accounting=accounting)
        assert found.tuned["recommended"].policy.accounting == accounting
