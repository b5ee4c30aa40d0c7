"""Expected-regret models against normal equations solved apart, and what they refuse."""

import dataclasses
import warnings
from fractions import Fraction

import numpy as np
import pytest

import learning_debt as ld
from learning_debt.policies import ExpectedRegret

CALIBRATION = ld.AgeAdjustment((0.1, 0.05, 0.02, 0.001), 0.3)


def cells(count=400, seed=1):
    """Random calibration cells: debt, spell age, signed regret and the hybrid model's further signals."""
    rng = np.random.default_rng(seed)
    age = rng.integers(1, 60, size=count)
    debt = 0.02 * age * rng.gamma(2.0, size=count)
    gap, move, beyond = rng.normal(0.1, 0.3, size=count), rng.gamma(1.0, size=count), rng.random(count)
    regret = 0.2 * np.sqrt(debt) + 0.3 * np.maximum(gap, 0) + 0.2 * rng.normal(size=count)
    return debt, age, regret, gap, move, beyond


def design_by_hand(debt, age, gap=None, move=None, beyond=None):
    rows = []
    for i in range(len(debt)):
        expected = 0.1 + 0.05 * np.log(1 + age[i]) + 0.02 * np.sqrt(age[i]) + 0.001 * age[i]
        z = max(0.0, (np.sqrt(debt[i]) - expected) / 0.3)
        row = [1.0, z, z**2, np.log(1 + age[i]), np.log(1 + age[i]) ** 2]
        if gap is not None:
            row += [max(gap[i], 0.0), move[i], beyond[i], np.sqrt(debt[i])]
        rows.append(row)
    return np.array(rows)


def solve_exactly(design, target):
    """Normal equations by Gauss-Jordan elimination in rational arithmetic."""
    rows = [[Fraction(value) for value in row] for row in design.tolist()]
    target = [Fraction(value) for value in target.tolist()]
    p = len(rows[0])
    system = [
        [sum(row[i] * row[j] for row in rows) for j in range(p)]
        + [sum(row[i] * one for row, one in zip(rows, target, strict=True))]
        for i in range(p)
    ]
    for i in range(p):
        system[i] = [value / system[i][i] for value in system[i]]
        for k in range(p):
            if k != i:
                system[k] = [a - system[k][i] * b for a, b in zip(system[k], system[i], strict=True)]
    return np.array([float(row[-1]) for row in system])


def test_the_debt_model_is_least_squares_to_ten_digits():
    debt, age, regret, *_ = cells(60)
    model = ld.DebtRegretModel.fit(debt, age, regret, calibration=CALIBRATION)
    expected = solve_exactly(design_by_hand(debt, age), np.log(1 + np.maximum(regret, 0)))
    np.testing.assert_allclose(model.coefficients, expected, rtol=1e-10, atol=1e-10)


def test_the_hybrid_model_is_least_squares_to_ten_digits():
    debt, age, regret, *others = cells(60)
    model = ld.HybridRegretModel.fit(debt, age, regret, *others, calibration=CALIBRATION)
    expected = solve_exactly(design_by_hand(debt, age, *others), np.log(1 + np.maximum(regret, 0)))
    np.testing.assert_allclose(model.coefficients, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("hybrid", [False, True])
def test_predictions_are_exponentials_between_zero_and_the_cap(hybrid):
    debt, age, regret, *others = cells()
    given, kind = (others, ld.HybridRegretModel) if hybrid else ([], ld.DebtRegretModel)
    model = kind.fit(debt, age, regret, *given, calibration=CALIBRATION)
    design = design_by_hand(debt, age, *given)
    linear = design @ np.linalg.solve(design.T @ design, design.T @ np.log1p(np.maximum(regret, 0)))
    ordered = np.sort(np.maximum(regret, 0))
    position = 0.995 * (len(ordered) - 1)
    low = int(position)
    cap = ordered[low] + (position - low) * (ordered[low + 1] - ordered[low])
    assert model.cap == pytest.approx(cap, rel=1e-12)
    predicted = model.predict(debt, age, *given)
    np.testing.assert_allclose(predicted, np.clip(np.exp(linear) - 1, 0, cap), rtol=1e-10, atol=1e-12)
    lowest = dataclasses.replace(model, coefficients=(-1.0, *model.coefficients[1:]))
    assert (lowest.predict(debt, age, *given) >= 0).all()
    assert (dataclasses.replace(model, cap=0.01).predict(debt, age, *given) <= 0.01).all()


def test_regret_below_zero_counts_as_none():
    debt, age, regret, *others = cells()
    clipped = np.maximum(regret, 0)
    assert ld.DebtRegretModel.fit(debt, age, regret, calibration=CALIBRATION) == ld.DebtRegretModel.fit(
        debt, age, clipped, calibration=CALIBRATION
    )
    assert ld.HybridRegretModel.fit(debt, age, regret, *others, calibration=CALIBRATION) == ld.HybridRegretModel.fit(
        debt, age, clipped, *others, calibration=CALIBRATION
    )


def test_a_table_is_fitted_on_the_cells_it_has(random_spells):
    table = random_spells(15, series=3)
    debt, regret = table["debt"].values, table["regret"].values
    age = np.arange(1, 16) - np.arange(15)[:, None]
    whole = ld.DebtRegretModel.fit(debt, age, regret, calibration=CALIBRATION)
    present = np.isfinite(debt)
    listed = ld.DebtRegretModel.fit(
        debt[present], np.broadcast_to(age, debt.shape)[present], regret[present], calibration=CALIBRATION
    )
    assert whole == listed


def test_the_fit_does_not_depend_on_the_units_of_the_coefficients():
    """A parameter gap in thousandths and one in thousands of millions give the same predictions."""
    debt, age, regret, gap, move, beyond = cells()
    base = ld.HybridRegretModel.fit(debt, age, regret, gap, move, beyond, calibration=CALIBRATION)
    for unit in (1e-12, 1e12):
        model = ld.HybridRegretModel.fit(debt, age, regret, gap, unit * move, beyond, calibration=CALIBRATION)
        np.testing.assert_allclose(
            model.predict(debt, age, gap, unit * move, beyond),
            base.predict(debt, age, gap, move, beyond),
            rtol=1e-9,
            atol=1e-12,
        )


def test_debt_that_never_exceeds_what_is_normal_leaves_its_coefficients_at_zero():
    debt, age, regret, *_ = cells()
    normal = ld.AgeAdjustment((100.0, 0.0, 0.0, 0.0), 1.0)
    model = ld.DebtRegretModel.fit(debt, age, regret, calibration=normal)
    np.testing.assert_allclose(model.coefficients[1:3], 0.0, atol=1e-12)


def test_extreme_signals_are_priced_at_the_cap_or_nothing():
    model = ld.DebtRegretModel((0.0, 1.0, 1.0, 0.0, 0.0), 2.5, CALIBRATION)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert model.predict([0.0, 1e12, 1e200], [1, 5, 1000]).tolist() == [0.0, 2.5, 2.5]


def test_bills_in_money_need_the_worth_of_a_nat(random_spells):
    """Rows of 8 at 16 a nat: the model of nats decides in money as in nats once its exposure is said."""
    table = random_spells(30, series=3, rows=8)
    age = np.arange(1, 31) - np.arange(30)[:, None]
    calibration = ld.AgeAdjustment.fit(table["debt"].values, np.broadcast_to(age, table["debt"].shape))
    model = ld.DebtRegretModel.fit(table["debt"].values, age, table["score_gap"].values, calibration=calibration)
    nats = ld.replay(table, ExpectedRegret(1.0, model), 0.25)
    money = ld.replay(table, ExpectedRegret(1.0, model, per_nat=True), ld.RetrainingCost(32.0, money_per_nat=16.0))
    np.testing.assert_array_equal(nats.schedule, money.schedule)
    assert nats.retrains.sum() > 0


def test_a_hybrid_model_asks_the_table_for_its_signals(random_spells):
    debt, age, regret, *others = cells()
    policy = ExpectedRegret(1.0, ld.HybridRegretModel.fit(debt, age, regret, *others, calibration=CALIBRATION))
    assert policy.requires == ("debt", "score_gap", "parameter_gap", "residual_exceedance")
    with pytest.raises(KeyError, match="parameter_gap"):
        ld.replay(random_spells(10), policy, 0.1)


def test_every_lane_may_have_its_own_scale(make_signals):
    model = ld.DebtRegretModel((0.5, 0.0, 0.0, 0.0, 0.0), 9.0, CALIBRATION)  # exp(0.5) - 1 = 0.65
    policy = ExpectedRegret(np.array([1.0, 2.0, 1.0]), model)
    _, retrain = policy.step(policy.init(3), make_signals([4, 4, 4], cost=np.array([1.0, 1.0, 0.5])))
    assert retrain.tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ld.DebtRegretModel((1.0,), 1.0, CALIBRATION), "coefficients must have shape"),
        (
            lambda: ld.DebtRegretModel((1.0, 1.0, 1.0, 1.0, np.nan), 1.0, CALIBRATION),
            "coefficients must be finite",
        ),
        (lambda: ld.HybridRegretModel((1.0,) * 5, 1.0, CALIBRATION), "coefficients must have shape"),
        (lambda: ld.DebtRegretModel((1.0,) * 5, -1.0, CALIBRATION), "cap"),
        (lambda: ld.DebtRegretModel((1.0,) * 5, np.nan, CALIBRATION), "cap"),
        (lambda: ld.DebtRegretModel.fit(*cells(5)[:3], calibration=CALIBRATION), "at least 6 cells, not 5"),
        (lambda: ld.HybridRegretModel.fit(*cells(9), calibration=CALIBRATION), "at least 10 cells, not 9"),
    ],
)
def test_models_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
