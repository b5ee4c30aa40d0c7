"""Bills from several starts: each is that of a replay over the table that begins there."""

import numpy as np
import pytest

import learning_debt as ld
from learning_debt.policies import CUSUM, Calendar, Never, Policy, PredictiveDebtThreshold
from learning_debt.pricing import bills_from_starts, walk_candidates

from ..policies.test_policies import POLICIES

PERIODS, STARTS = 18, [0, 3, 11, 17]
COSTS = {
    "fixed": ld.RetrainingCost(0.3),
    "in proportion to change": ld.RetrainingCost(0.1, per_change=2.0),
}


class EveryThird(Policy):
    """A policy of one's own, which is no dataclass."""

    requires = ()

    def step(self, state, signals):
        return state, signals.spell_age == 3


@pytest.fixture
def spells(random_spells):
    table = random_spells(PERIODS, series=2, seed=6)
    rng = np.random.default_rng(7)
    others = {"deployed_score": -1.0, "parameter_gap": 1.0, "residual_exceedance": 0.2, "deployed_pareto_k": 0.7}
    for name, centre in others.items():
        table[name] = (table["debt"] * 0 + centre) * rng.uniform(0.5, 1.5, table["debt"].shape)
    return table.assign_coords(label=("period", np.arange(1, PERIODS + 1)))


@pytest.mark.parametrize(
    "policy", [*(one for one in POLICIES if not one.refits), EveryThird()], ids=lambda policy: str(policy)[:40]
)
@pytest.mark.parametrize("accounting", ["signed", "positive"])
def test_from_each_start_it_is_the_bill_of_a_replay_that_begins_there(policy, accounting, spells):
    table = ld.check_spells(spells, policy.requires)
    cost = ld.RetrainingCost(0.3)
    found = bills_from_starts(table, [policy, policy], cost, STARTS, accounting)
    assert found.shape == (2, len(STARTS), 2, PERIODS)
    for place, start in enumerate(STARTS):
        assert np.isnan(found[:, place, :, :start]).all()
        replayed = ld.replay(ld.select_periods(spells, start), policy, cost, accounting)
        np.testing.assert_allclose(found[:, place, :, start:], [replayed.bill] * 2, rtol=1e-12)


@pytest.mark.parametrize("cost", COSTS.values(), ids=COSTS)
def test_policies_of_all_kinds_together_pay_what_each_pays_alone(cost, spells):
    policies = [*POLICIES, EveryThird(), *reversed(POLICIES[:8])]
    table = ld.check_spells(spells, sorted({name for policy in policies for name in policy.requires}))
    together = bills_from_starts(table, policies, cost, STARTS)
    alone = np.concatenate([bills_from_starts(table, [policy], cost, STARTS) for policy in policies])
    np.testing.assert_array_equal(together, alone)


def test_each_policy_may_face_a_cost_of_its_own(spells):
    policies = [PredictiveDebtThreshold(4.0), CUSUM(0.5), PredictiveDebtThreshold(4.0), Never()]
    costs = np.array([0.05, 0.3, 1.0, 0.3])
    table = ld.check_spells(spells)
    found = walk_candidates(table, policies, costs)
    for policy, cost, schedule in zip(policies, costs.tolist(), found, strict=True):
        np.testing.assert_array_equal(schedule, ld.replay(spells, policy, cost).schedule)
    assert found[0].sum() > found[2].sum()


def test_over_all_starts_a_calendar_is_met_at_every_age_equally_often(spells):
    """After the first round every phase of it has begun equally often."""
    table, interval = ld.check_spells(spells), 4
    starts = range(interval)
    found = bills_from_starts(table, [Calendar(interval)], ld.RetrainingCost(1.0), starts)[0].mean(axis=0)
    phases = [ld.replay(spells, Calendar(interval, offset), 1.0).bill.values for offset in range(interval)]
    np.testing.assert_allclose(found[:, 2 * interval :], np.mean(phases, axis=0)[:, 2 * interval :], rtol=1e-12)
