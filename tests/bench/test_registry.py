"""Rows of the bench: which there are, which are asked for, and what is refused."""

import numpy as np
import pytest

import learning_debt as ld
from learning_debt.bench.histories import HISTORIES
from learning_debt.bench.library_rows import study_continuation
from learning_debt.bench.registry import ALWAYS_THERE, ROWS, chosen_rows
from learning_debt.bench.rows import NotPossibleError, Row
from learning_debt.policies.cost import RetrainingCost


@pytest.fixture(scope="module")
def tuning():
    return ld.check_spells(ld.select_periods(HISTORIES["inflation"].spells(), 0, 60))


def candidates(row, table):
    return list(row.candidates(table, RetrainingCost(cost_ratio=1.0).resolve(table), 0))


def never(tuning, cost, random_seed):
    return [ld.policies.Never()]


CHEAP = [name for name, row in ROWS.items() if row.candidates and not row.missing]


@pytest.mark.parametrize("name", CHEAP)
def test_rows_read_what_they_say_and_nothing_else(name, tuning):
    row = ROWS[name]
    if not set(row.requires) <= set(tuning):
        pytest.skip("the table lacks its signals")
    for policy in candidates(row, tuning):
        assert isinstance(policy, ld.policies.Policy)
        assert set(policy.requires) <= set(row.requires)


@pytest.mark.parametrize("name", [name for name in CHEAP if not ROWS[name].sees_cost])
def test_rows_that_do_not_see_the_cost_have_the_same_candidates_at_any(name, tuning):
    row = ROWS[name]
    if not set(row.requires) <= set(tuning):
        pytest.skip("the table lacks its signals")
    assert row.candidates(tuning, ld.RetrainingCost(0.1), 0) == row.candidates(tuning, ld.RetrainingCost(9.0), 0)


def test_some_rows_are_always_there():
    rows, notes = chosen_rows(["two-state"])
    assert [row.name for row in rows] == [*ALWAYS_THERE, "two-state"]
    assert not notes


def test_groups_stand_for_their_rows():
    rows, _ = chosen_rows(["Cara"])
    assert [row.name for row in rows] == [*ALWAYS_THERE, "Cara T", "Cara CT", "Cara P"]


def test_a_row_of_ones_own():
    mine = Row("mine", "mine", never)
    assert chosen_rows([mine])[0][-1] is mine


def test_unknown_names_are_refused_with_those_there_are():
    with pytest.raises(ValueError, match=r"no row or group 'CUSUMM'; did you mean 'CUSUM'.*blended threshold.*river"):
        chosen_rows(["CUSUMM"])
    with pytest.raises(TypeError, match="list of names"):
        chosen_rows("CUSUM")
    with pytest.raises(TypeError, match="not 3"):
        chosen_rows([3])
    with pytest.raises(ValueError, match="two different rows are called 'CUSUM'"):
        chosen_rows([Row("CUSUM", "mine", never)])
    with pytest.raises(ValueError, match="'oracle' is taken by a row of every bench"):
        chosen_rows([Row("oracle", "mine", never)])


def test_what_is_not_installed_is_refused_by_name_and_noted_otherwise(monkeypatch):
    monkeypatch.setattr("learning_debt.bench.rows.find_spec", {}.get)
    with pytest.raises(ImportError, match=r"'ADWIN' needs what is not installed here: pip install .*\[detectors\]"):
        chosen_rows(["river"])
    rows, notes = chosen_rows()
    assert "ADWIN" not in [row.name for row in rows]
    assert any(note.startswith("ADWIN: left out") for note in notes)


def test_a_row_has_candidates_or_a_planner():
    with pytest.raises(ValueError, match="must have one of them"):
        Row("mine", "mine")
    with pytest.raises(TypeError, match="a function of the tuning part, the cost and a random seed"):
        Row("mine", "mine", len)


def test_what_cannot_be_learned_says_why(tuning):
    flat = tuning.assign(debt=xr_zeros(tuning["debt"]))
    with pytest.raises(NotPossibleError, match="different debts"):
        candidates(ROWS["two-state"], flat)


def xr_zeros(values):
    return values.where(~np.isfinite(values), 0.0)


def test_the_study_taught_at_costs_of_its_score_unit():
    """Repetition 3 had cost ratios from .25 to 4: the range of log costs is that of its unit times these."""
    model, unit = study_continuation()
    assert np.exp(model.highest[-1] - model.lowest[-1]) > 1
    assert np.exp(model.lowest[-1]) < unit < np.exp(model.highest[-1])


def test_the_study_carried_over_knows_no_unit(tuning):
    """Scores and cost in thousandths: the same decisions."""
    larger = tuning.assign({name: 1000 * tuning[name] for name in ("predictive_debt", "score_gap", "regret")})
    (here,), (there,) = (candidates(ROWS["continuation value of the study"], table) for table in (tuning, larger))
    cost = RetrainingCost(cost_ratio=1.0).resolve(tuning).per_retrain
    first, second = ld.replay(tuning, here, cost), ld.replay(larger, there, 1000 * cost)
    assert first.schedule.equals(second.schedule)
    assert first.retrains.sum() > 0
