"""Several update rules from one pool of fits: fewer fits, the same numbers, and what happens where there is no pool."""

import numpy as np
import pytest

import learning_debt as ld
from learning_debt.spells.forecast_schedule import Plan
from learning_debt.spells.pooled_rules import JointPlan
from learning_debt.spells.series_plans import lay_out
from learning_debt.spells.tables_by_rule import tables_by_rule

from ..sampled_regression import SampledRegression

RULES = {str(rule): rule for rule in (ld.UpdateRule(), ld.UpdateRule(window=8), ld.UpdateRule(discount=0.9))}
SIGNALS = ("debt", "predictive_debt", "score_gap", "deployed_score")
OPTIONS = {
    "initial": 8,
    "exposure": None,
    "variables": SIGNALS,
    "varying_rows": False,
    "score": "log",
    "horizon": 1,
    "shadow": None,
    "random_seed": 1,
    "progressbar": False,
    "executor": None,
}


def history(periods=20, seed=3):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=3 * periods)
    slope = np.repeat(np.where(np.arange(periods) < 13, 0.5, -0.2), 3)
    return {"x": x, "y": slope * x + rng.normal(size=x.size), "period": np.repeat(np.arange(periods), 3)}


@pytest.fixture(scope="module")
def shared():
    forecaster = SampledRegression(draws=250)
    return tables_by_rule(forecaster, history(), RULES, store=None, **OPTIONS), forecaster.fits


def test_rules_share_their_fits(shared):
    tables, fits = shared
    alone = SampledRegression(draws=250)
    for rule in RULES.values():
        ld.spell_table(alone, history(), update_rule=rule, **OPTIONS)
    assert fits < alone.fits
    counted = sum(int(table["refits"].sum()) for table in tables.values())
    assert 0 <= fits - counted <= len(RULES)  # those of the first posteriors are in no period
    assert all("not_pooled" not in table.attrs for table in tables.values())


def test_every_rule_has_its_own_numbers_within_their_errors(shared):
    tables, _ = shared
    for name, table in tables.items():
        exact = ld.spell_table(SampledRegression().exact, history(), update_rule=RULES[name], **OPTIONS)
        assert table.attrs["update_rule"] == name
        for signal in SIGNALS:
            known = table[f"{signal}_reliable"].values.astype(bool) & (table[f"{signal}_se"].values > 0)
            assert known.mean() > 0.4
            z = (table[signal] - exact[signal]).values[known] / table[f"{signal}_se"].values[known]
            assert np.abs(z).max() < 4.5, (name, signal)  # standard errors, of 78 cells that hang together


def test_states_of_all_rules_are_numbered_forwards_and_backwards():
    plans = [
        lay_out(SampledRegression(), history(11), update_rule=rule, **OPTIONS)[0].plans[0] for rule in RULES.values()
    ]
    joint = JointPlan.of(plans)
    assert joint.states == tuple(
        [(0, t) for t in range(4)] + [(1, t) for t in reversed(range(4))] + [(2, t) for t in range(4)]
    )
    for place, (number, t) in enumerate(joint.states):
        np.testing.assert_array_equal(joint.row_weight(place), plans[number].row_weight(t))
        assert joint.position(place) == Plan.position(plans[number], t)
        assert joint.period(place).so_far.sizes == plans[number].period(t).so_far.sizes
    assert joint.seen_by(1, [2, 9, 5]).tolist() == [7, 6, 5, 4, 2, 9]
    assert joint.where(6).endswith("under the update rule 'rolling window of 8 periods'")


def test_where_there_can_be_no_pool_every_rule_has_a_table_of_its_own():
    forecaster = SampledRegression(draws=50, chains=2)
    options = OPTIONS | {"score": "crps", "variables": ("score_gap",), "initial": 15}
    tables = tables_by_rule(forecaster, history(), RULES, store=None, **options)
    assert [table.attrs["not_pooled"] for table in tables.values()] == [
        "the score is crps, and a pool serves the log score"
    ] * 3
    assert {table.attrs["update_rule"] for table in tables.values()} == set(RULES)


def test_kept_fits_are_those_of_each_rule(tmp_path):
    forecaster = SampledRegression(draws=100)
    two = dict(list(RULES.items())[:2])
    options = OPTIONS | {"variables": ("score_gap",)}
    tables = tables_by_rule(forecaster, history(14), two, store=tmp_path, **options)
    made = forecaster.fits
    assert sorted(place.name for place in tmp_path.iterdir()) == ["all-data", "rolling-window-of-8-periods"]
    again = tables_by_rule(forecaster, history(14), two, store=tmp_path, **options)
    assert forecaster.fits == made
    for name, table in tables.items():
        np.testing.assert_array_equal(table["score_gap"], again[name]["score_gap"])


def test_compare_rules_takes_a_forecaster_of_draws():
    found = ld.compare_rules(
        SampledRegression(draws=100),
        history(28),
        list(RULES.values())[:2],
        0.2,
        initial=8,
        calendar=4,
        resamples=50,
        random_seed=1,
        progressbar=False,
    )
    exact = ld.compare_rules(
        SampledRegression().exact,
        history(28),
        list(RULES.values())[:2],
        0.2,
        initial=8,
        calendar=4,
        resamples=50,
        random_seed=1,
        progressbar=False,
    )
    np.testing.assert_allclose(found.table["net_score"], exact.table["net_score"], atol=0.1)
    assert any("is not known" in note for note in found.notes)
