"""Whether retrains pay as often as was said: the check itself, the stored figures, and the sentences about them."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import learning_debt as ld
from learning_debt.auditing.chance_check import AGES, chances_of_past_retrains, reliability

ROOT = Path(__file__).parents[2]
STORED = pd.read_csv(ROOT / "benchmarks" / "results" / "paying_chances.csv")
ENOUGH, TOLERANCE = 200, 0.07


@pytest.fixture(scope="module")
def spells():
    rng = np.random.default_rng(3)
    period = np.repeat(np.arange(70), 3)
    x = rng.normal(size=(period.size, 1))
    data = {
        "x": x,
        "y": np.cumsum(0.2 * rng.normal(size=70))[period] * x[:, 0] + rng.normal(size=210),
        "period": period,
    }
    forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    return ld.check_spells(ld.spell_table(forecaster, data, initial=10, progressbar=False))


def test_a_chance_of_the_past_is_the_one_that_a_decision_would_have_said(spells):
    cost = ld.RetrainingCost(0.4).resolve(spells)
    cases = chances_of_past_retrains(spells, cost, 5)
    assert set(cases["age"].values) <= set(AGES)
    for place in range(0, cases.sizes["case"], 37):
        one = cases.isel(case=place)
        period, age = int(one["period"]), int(one["age"])
        known = ld.select_periods(spells, 0, period)
        then = ld.decide(known, ld.policies.Never(), cost, deployed_at=period - age, horizon=5)
        assert float(one["said"]) == pytest.approx(then.probability, rel=1e-9)
        assert float(one["expected"]) == pytest.approx(then.expected_regret.value / 0.4, rel=1e-9)
        after = slice(period, period + 5)
        regret = spells["regret"].values[0]
        avoided = (regret[period - age, after] - regret[period, after]).sum()
        assert float(one["avoided"]) == pytest.approx(avoided / 0.4, rel=1e-9)
        assert bool(one["paid"]) == (avoided > 0.4)


def test_every_case_has_its_outcome_within_the_table(spells):
    cases = chances_of_past_retrains(spells, ld.RetrainingCost(0.4).resolve(spells), 9)
    assert int(cases["period"].max()) == spells.sizes["period"] - 9
    assert int(cases["period"].min()) == 20


def test_errors_are_those_of_independent_clusters():
    """Of cases that are copies of each other within clusters, the error is that of the clusters."""
    rng = np.random.default_rng(5)
    said, paid = np.full(60, 0.25), rng.random(60) < 0.25
    once = reliability(said, paid, np.arange(60))
    copied = reliability(*(np.repeat(part, 7) for part in (said, paid, np.arange(60))))
    assert float(copied["error"][2]) == pytest.approx(float(once["error"][2]))
    assert float(once["error"][2]) == pytest.approx(np.std(paid - said, ddof=1) / np.sqrt(60))
    assert int(copied["cases"][2]) == 420


def of(source, who="calibrated", part="all"):
    return STORED[(STORED["source"] == source) & (STORED["said_by"] == who) & (STORED["part"] == part)]


@pytest.mark.parametrize("source", ["real histories", "simulated drift"])
def test_stored_chances_come_true_within_seven_points_and_two_errors(source):
    bins = of(source)
    assert len(bins) == 10
    assert (bins["cases"] >= ENOUGH).all()
    off = (bins["paid"] - bins["said"]).abs()
    assert (off <= TOLERANCE + 2 * bins["error"]).all()


@pytest.mark.parametrize("source", ["real histories", "simulated drift"])
def test_the_shadow_alone_says_less_than_comes(source):
    """Where it says under one in ten, three times as many and more pay on real histories and on simulated drift."""
    (calibrated, alone) = (of(source, who).iloc[0] for who in ("calibrated", "shadow alone"))
    assert alone["paid"] > 3 * alone["said"]
    assert abs(calibrated["paid"] - calibrated["said"]) < abs(alone["paid"] - alone["said"])


def test_the_page_holds_the_stored_figures():
    page = (ROOT / "docs" / "costs.md").read_text(encoding="utf-8")
    real, simulated = of("real histories"), of("simulated drift")
    for row in range(10):
        said = f"| {row / 10:.1f} to {(row + 1) / 10:.1f} |"
        for one in (real.iloc[row], simulated.iloc[row]):
            said += f" {one['cases']:,} | {one['said']:.2f} | {one['paid']:.2f} ± {one['error']:.2f} |"
        assert said in page


@pytest.mark.slow
def test_figures_of_one_real_history_are_those_stored():
    from learning_debt.bench.entries import parts, real_entries

    cases = []
    for entry in real_entries(["massachusetts"], None, None):
        table = entry.spells()
        for ratio in (0.25, 1.0, 4.0):
            cost = ld.RetrainingCost(cost_ratio=ratio).resolve(parts(table, 0.6)[0])
            cases += [chances_of_past_retrains(table, cost, horizon) for horizon in (4, 12)]
    said, paid = (np.concatenate([one[name].values for one in cases]) for name in ("said", "paid"))
    found, stored = reliability(said, paid, np.zeros(said.size, dtype=int)), of("real histories", part="massachusetts")
    np.testing.assert_array_equal(found["cases"], stored["cases"])
    np.testing.assert_allclose(found["paid"], stored["paid"], atol=2e-4)


def test_where_retrains_are_free_whatever_is_avoided_pays(random_spells):
    spells = ld.check_spells(random_spells(60))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cases = chances_of_past_retrains(spells, ld.RetrainingCost(0.0), 5)
    assert 0 < int(cases["paid"].sum()) < cases["paid"].size
    np.testing.assert_array_equal(cases["paid"], cases["avoided"] > 0)
