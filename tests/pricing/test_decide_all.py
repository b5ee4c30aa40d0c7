"""Decisions about all series of a table are those about each of them alone."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from tests.conftest import random_table
from tests.policies.test_policies import POLICIES

import learning_debt as ld
from learning_debt.policies import CUSUM, Never, PredictiveDebtThreshold
from learning_debt.pricing.decision import decide_about_spell
from learning_debt.spells.doubt_codes import code_attributes

PERIODS, SERIES = 12, 6
CELL, POSTERIOR, PERIOD = ("series", "deployed_at", "period"), ("series", "deployed_at"), ("series", "period")


def estimated_table(seed=0):
    """A table whose signals have errors, doubts and shadows that cannot be believed, here and there."""
    rng, table = np.random.default_rng(seed), random_table(PERIODS, series=SERIES, seed=seed, exposure=2.0)
    for name in ("debt", "predictive_debt", "score_gap"):
        table[f"{name}_se"] = 0.2 * np.abs(table[name])
        table[f"{name}_reliable"] = (CELL, rng.random(table[name].shape) < 0.7)
        codes = np.where(rng.random(table[name].shape) < 0.5, ld.Doubt.SLOPE.code, 0).astype(np.int8)
        table[f"{name}_doubt"] = (CELL, codes, code_attributes())
    for name in ("parameter_gap", "residual_exceedance", "deployed_score", "deployed_pareto_k", "gap_sd"):
        table[name] = np.abs(table["debt"]) * rng.uniform(0.5, 1.5, size=table["debt"].shape)
    table["converged"] = (PERIOD, rng.random((SERIES, PERIODS)) < 0.7)
    table["deployed_converged"] = (POSTERIOR, rng.random((SERIES, PERIODS)) < 0.7)
    table["rung"] = (PERIOD, rng.choice(["refit", "pooled"], size=(SERIES, PERIODS)))
    table["pareto_k"] = (PERIOD, rng.random((SERIES, PERIODS)))
    return table.assign_coords(series=[*"abcdef"])


def told(decision):
    """All of a decision, NaN as text so that it equals itself."""
    return {field.name: str(getattr(decision, field.name)) for field in dataclasses.fields(decision)}


OF_ONE_SERIES = [policy for policy in POLICIES if not policy.refits]
"""A policy that refits learns from all series of a table together."""


@pytest.mark.parametrize("policy", OF_ONE_SERIES, ids=str)
@pytest.mark.parametrize("deployed_at", [0, [0, 3, 11, 7, 3, 10]], ids=["one spell", "spells of their own"])
def test_they_are_the_decisions_about_one_series_after_the_other(policy, deployed_at):
    table = estimated_table()
    found = ld.decide_all(table, policy, 0.8, deployed_at=deployed_at, horizon=6)
    assert list(found) == [*"abcdef"]
    for place, (name, decision) in enumerate(found.items()):
        at = deployed_at[place] if isinstance(deployed_at, list) else deployed_at
        alone = ld.decide(table.sel(series=[name]), policy, 0.8, deployed_at=at, horizon=6)
        assert told(decision) == told(alone)


def test_every_verdict_is_given_by_these_tables():
    verdicts = {
        decision.verdict
        for seed in range(3)
        for decision in ld.decide_all(estimated_table(seed), PredictiveDebtThreshold(4.0), 0.8, horizon=6).values()
    }
    assert verdicts == {"retrain", "wait", "cannot tell"}


def test_costs_in_proportion_to_change_are_each_series_own():
    table, cost = estimated_table(), ld.RetrainingCost(0.1, per_change=2.0)
    found = ld.decide_all(table, CUSUM(0.4), cost, horizon=6)
    change = table["predictive_debt"].isel(deployed_at=0, period=-1).values
    np.testing.assert_allclose([decision.cost for decision in found.values()], 0.1 + 2 * change, rtol=1e-12)


def test_labels_of_the_last_retrain_are_one_for_all_or_one_of_each():
    table = estimated_table()
    labels = np.array(["day 003", "day 001", "day 002", "day 011", "day 004", "day 003"])
    by_number = ld.decide_all(table, Never(), 1.0, deployed_at=(3, 1, 2, 11, 4, 3), horizon=6)
    by_label = ld.decide_all(table, Never(), 1.0, deployed_label=labels, horizon=6)
    assert [*map(told, by_label.values())] == [*map(told, by_number.values())]
    one = ld.decide_all(table, Never(), 1.0, deployed_label="day 005", horizon=6)
    assert {decision.spell_age for decision in one.values()} == {PERIODS - 5}
    by_index = ld.decide_all(table, Never(), 1.0, deployed_label=pd.Index(labels), horizon=6)
    assert [*map(told, by_index.values())] == [*map(told, by_number.values())]


@pytest.mark.parametrize("named", [{"a": 3}, pd.Series([3, 1], index=["b", "a"]), xr.DataArray([3, 1], dims="series")])
@pytest.mark.parametrize("argument", ["deployed_at", "deployed_label"])
def test_what_has_names_of_its_own_is_not_taken_for_one_of_all_series(argument, named):
    with pytest.raises(TypeError, match=rf"{argument} must be one .* in the table's order, not .*reindex"):
        ld.decide_all(estimated_table(), Never(), 1.0, horizon=6, **{argument: named})


@pytest.mark.parametrize("several", [pd.Series(["day 003", "day 001"]), pd.Index(["day 003"]), ["day 003"]])
def test_several_labels_are_not_one(several):
    table = estimated_table().isel(series=[0])
    with pytest.raises(TypeError, match="deployed_label must be one label of a period"):
        ld.decide(table, Never(), 1.0, deployed_label=several, horizon=6)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"deployed_at": [0, 1]}, "deployed_at must be one for all series, or one of each of 6; there are 2"),
        ({"deployed_at": []}, "one of each of 6; there are 0"),
        ({"deployed_at": [0, 0, 0, 0, 0, 12]}, r"deployed_at\[5\] must be"),
        ({"deployed_label": ["day 001"] * 5}, "deployed_label must be one for all series"),
        ({"deployed_label": ["day 001"] * 5 + ["day 099"]}, r"deployed_label\[5\]: day 099 is no period"),
        ({"deployed_label": "day 001", "deployed_at": 1}, "not both"),
        ({"horizon": 0}, "horizon"),
        ({"probability": 1.0}, "probability"),
    ],
)
def test_what_does_not_fit_the_table_is_refused_by_name(options, said):
    with pytest.raises(ValueError, match=said):
        ld.decide_all(estimated_table(), Never(), 1.0, **({"horizon": 6} | options))


def test_one_series_alone_is_told_where_to_go():
    with pytest.raises(ValueError, match=r"the table has 6: .* use decide_all"):
        ld.decide(estimated_table(), Never(), 1.0, horizon=6)


@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_the_present_spell_alone_gives_the_decision_of_the_whole_table(policy):
    at = 3
    trained = ("deployed_at", [f"day {number:03d}" for number in range(PERIODS)])
    table = ld.check_spells(estimated_table().isel(series=[2]).assign_coords(deployed_label=trained))
    cost = ld.RetrainingCost(0.8, per_change=0.1).resolve(table)
    spell = table.isel(deployed_at=[at], period=slice(at, None))
    alone = decide_about_spell(spell, policy, cost, horizon=6, probability=0.9, past=table)
    assert told(alone) == told(ld.decide(table, policy, cost, deployed_at=at, horizon=6))
    unlearned = decide_about_spell(spell, policy, cost, horizon=6, probability=0.9)
    assert policy.refits or unlearned.verdict == alone.verdict
    assert np.isfinite([unlearned.expected_regret.value, unlearned.probability]).all()
