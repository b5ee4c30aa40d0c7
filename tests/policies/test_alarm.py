"""The alarm's memory: per-lane quantiles of what a spell has shown, and no more than that."""

import numpy as np
import pytest

import learning_debt as ld
from learning_debt.policies import Alarm

ROOT = ld.AgeAdjustment((0.0, 0.0, 0.0, 0.0), 1.0)  # so that what is held against its quantile is sqrt(debt)


def walk(policy, values, ages, make_signals):
    """Answers to sqrt(debt) and spell age, both of shape (periods, lanes); and the states on the way."""
    state, answers, states = policy.init(values.shape[1]), [], []
    for value, age in zip(values, ages, strict=True):
        state, retrain = policy.step(state, make_signals(age, debt=value**2))
        answers.append(retrain)
        states.append(state)
    return np.array(answers), states


@pytest.mark.parametrize("quantile", [0.0, 0.5, 0.6, 0.975, 1.0])
def test_the_quantile_is_of_type_seven_over_ragged_histories(quantile, make_signals):
    rng = np.random.default_rng(3)
    ages = np.arange(1, 31)[:, None] - np.array([0, 3, 11, 17])  # lanes start their second spell at other times
    ages = np.where(ages > 0, ages, ages + 40)
    values = rng.gamma(2.0, size=ages.shape)
    answers, _ = walk(Alarm(quantile, ROOT), values, ages, make_signals)
    for lane in range(4):
        start = 0
        for t in range(30):
            start = t if ages[t, lane] == 1 else start
            seen = values[start:t, lane]
            expected = seen.size >= 10 and values[t, lane] > np.quantile(seen, quantile, method="linear")
            assert answers[t, lane] == expected


def test_every_lane_may_have_its_own_quantile(make_signals):
    rng = np.random.default_rng(4)
    ages = np.tile(np.arange(1, 41)[:, None], 3)
    values = np.tile(rng.gamma(2.0, size=(40, 1)), 3)
    quantiles = np.array([0.2, 0.6, 0.95])
    together, _ = walk(Alarm(quantiles, ROOT), values, ages, make_signals)
    for lane, quantile in enumerate(quantiles):
        alone, _ = walk(Alarm(quantile, ROOT), values[:, :1], ages[:, :1], make_signals)
        np.testing.assert_array_equal(together[:, lane], alone[:, 0])
    assert (np.diff(together.sum(axis=0)) < 0).all()


def test_ten_earlier_values_are_needed(make_signals):
    values, ages = np.arange(1.0, 14.0)[:, None], np.arange(1, 14)[:, None]
    answers, _ = walk(Alarm(1.0, ROOT), values, ages, make_signals)
    assert np.flatnonzero(answers).tolist() == [10, 11, 12]  # the eleventh period is the first


def test_it_gets_used_to_debt(make_signals):
    values = np.concatenate([np.arange(1.0, 11.0), np.full(12, 20.0)])[:, None]
    answers, _ = walk(Alarm(0.5, ROOT), values, np.arange(1, 23)[:, None], make_signals)
    assert answers[10]
    assert not answers[-1]


def test_memory_is_no_longer_than_the_longest_spell(make_signals):
    ages = np.tile(np.arange(1, 13), 10)[:, None] + np.zeros((1, 2), dtype=int)
    _, states = walk(Alarm(0.5, ROOT), np.random.default_rng(5).random(ages.shape), ages, make_signals)
    assert max(state.shape[1] for state in states) == 12


def test_a_period_without_debt_is_neither_alarming_nor_remembered(make_signals):
    values, ages = np.arange(1.0, 16.0)[:, None], np.arange(1, 16)[:, None]
    values[11] = np.nan
    answers, states = walk(Alarm(0.9, ROOT), values, ages, make_signals)
    assert np.flatnonzero(answers).tolist() == [10, 12, 13, 14]
    assert np.count_nonzero(~np.isnan(states[-1])) == 14
