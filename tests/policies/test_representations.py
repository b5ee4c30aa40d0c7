"""What is shown of policies, rules and costs: ``repr`` makes them again, ``str`` tells one from another."""

import datetime
import pickle

import numpy as np
import pandas as pd
import pytest

import learning_debt as ld
from learning_debt import policies
from learning_debt.policies.base import mark

CALIBRATION = ld.AgeAdjustment(np.array([0.1, 1 / 3, 0.0, 1e-17]), np.float64(0.2))
DEBT_MODEL = ld.DebtRegretModel(np.linspace(0, 1, 5), np.float32(0.5), CALIBRATION)
HYBRID_MODEL = ld.HybridRegretModel([0.1] * 9, 2, CALIBRATION)
EMISSIONS = ld.TwoStateEmissions(np.float64(0.2), 0.1, 1, np.float32(0.5))
CONTINUATION = ld.ContinuationModel(np.arange(30) / 7, np.zeros(5), np.ones(5), np.float64(0.95))
THIRDS = np.array([1 / 3, 2 / 3, np.float64(4)])

SHOWN = [
    policies.Never(),
    policies.Always(),
    policies.Calendar(np.int64(4)),
    policies.Calendar(5, np.int32(2)),
    policies.Calendar(np.array([3, 4])),
    policies.Schedule(["2024W01", "2024W09"]),
    policies.Schedule(pd.date_range("2024-01-05", periods=3, freq="W")),
    policies.Schedule(np.array(["2024-01-05", "2024-02-05"], dtype="datetime64[ns]")),
    policies.Schedule([datetime.date(2024, 1, 5)]),
    policies.Schedule(np.arange(3)),
    policies.CUSUM(np.int64(2)),
    policies.CUSUM(np.float32(0.1)),
    policies.CUSUM(THIRDS),
    policies.DebtThreshold(-1 / 3, CALIBRATION),
    policies.Alarm(0.9, CALIBRATION),
    policies.PredictiveDebtThreshold(16),
    policies.BlendedThreshold(64, 0.1, 0.9),
    policies.Changepoint(0.1, 3, 0.5),
    policies.ContinuationValue(CONTINUATION),
    policies.ContinuationValue(CONTINUATION, 0.3),
    policies.PageCUSUM(2.0, 0.1),
    policies.SpellLimit(4),
    policies.Recommended(),
    policies.Recommended(learns=False),
    policies.ExpectedRegret(2, DEBT_MODEL),
    policies.ExpectedRegret(2.5, HYBRID_MODEL, per_nat=True),
    policies.ParetoKThreshold(0.7),
    policies.RiverDetector("ADWIN", 0.1),
    policies.RiverDetector("DDM", 2, "clearly_worse", 1 / 3),
    policies.StalenessThreshold(np.inf),
    policies.CumulativeStaleness(-np.inf),
    policies.TwoState(0.05, 0.0, 2 / 3, 1 / 3, EMISSIONS),
    ld.RetrainingCost(np.float64(0.1)),
    ld.RetrainingCost(np.int64(500), money_per_nat=20, currency="EUR", per_second=0.1),
    ld.RetrainingCost(cost_ratio=1, score_unit="median"),
    ld.RetrainingCost(0.1, regret_unit="outcome units"),
    ld.UpdateRule(),
    ld.UpdateRule(np.int64(12), np.float32(0.95)),
    ld.scores.CRPS(),
    ld.scores.LogScore(),
    CALIBRATION,
    DEBT_MODEL,
    HYBRID_MODEL,
    EMISSIONS,
    CONTINUATION,
]
NAMES = {**vars(np), **vars(policies), **vars(ld), **vars(ld.scores), "np": np, "datetime": datetime}


@pytest.mark.parametrize("one", SHOWN, ids=lambda one: str(one)[:40])
def test_the_repr_makes_it_again_and_so_does_a_pickle(one):
    again = eval(repr(one), dict(NAMES))
    assert again == one
    assert hash(again) == hash(one)
    assert repr(again) == repr(one)
    assert "np." not in repr(one)
    assert pickle.loads(pickle.dumps(one)) == one


def test_no_two_of_them_are_equal_or_print_alike():
    assert len(set(SHOWN)) == len(SHOWN)
    plain = [one for one in SHOWN if not isinstance(one, ld.AgeAdjustment)]
    assert len({str(one) for one in plain}) == len(plain)


def test_every_policy_is_among_them():
    public = {name for name in policies.__all__ if isinstance(getattr(policies, name), type)} - {"Policy"}
    assert public == {type(one).__name__ for one in SHOWN if isinstance(one, policies.Policy)}


@pytest.mark.parametrize(
    ("policy", "text"),
    [
        (policies.CUSUM(np.int64(2)), "CUSUM(2)"),
        (policies.CUSUM(np.float32(0.5)), "CUSUM(0.5)"),
        (policies.CUSUM(np.array([0.5, 2.0])), "CUSUM(2 lanes from 0.5 to 2)"),
        (policies.Calendar(np.int64(4)), "Calendar(4)"),
        (policies.Calendar(4, 2), "Calendar(4, 2)"),
        (policies.Schedule(["a", "b"]), "Schedule(a, b)"),
        (policies.Schedule(range(1, 21)), "Schedule(1, 2, 3, 4, 5, 6, … 13 more …, 20)"),
        (policies.RiverDetector("ADWIN", 0.1, "deployed_score"), "ADWIN(0.1, deployed_score)"),
        (policies.ExpectedRegret(2, DEBT_MODEL, per_nat=True), f"ExpectedRegret(2, per nat, {mark(DEBT_MODEL)})"),
    ],
)
def test_what_a_policy_prints(policy, text):
    assert str(policy) == text


def test_policies_of_arrays_are_equal_where_all_of_their_numbers_are():
    assert policies.CUSUM(np.array([1.0, 2.0])) == policies.CUSUM(np.array([1, 2]))
    assert policies.CUSUM(np.array([1.0, 2.0])) != policies.CUSUM(np.array([1.0, 3.0]))
    assert policies.CUSUM(np.array([1.0, 2.0])) != policies.CUSUM(1.0)
    assert policies.CUSUM(2) == policies.CUSUM(2.0)
    assert policies.Never() != policies.Always()


@pytest.mark.parametrize("rule", [ld.UpdateRule(7, 1 / 3), ld.UpdateRule(None, 0.123456789), ld.UpdateRule(3)])
def test_a_rule_is_read_back_from_its_text_to_the_last_digit(rule):
    assert ld.UpdateRule.from_text(str(rule)) == rule
    with pytest.raises(ValueError, match="text must be an update rule"):
        ld.UpdateRule.from_text("a window")
