"""On what to retrain, on the real histories."""

import pytest

import learning_debt as ld
from learning_debt.bench.histories import HISTORIES
from learning_debt.bench.savings_of_rules import COLUMNS, rule_savings

RULES = [ld.UpdateRule(), ld.UpdateRule(discount=0.9)]


def test_savings_are_those_of_compare_rules():
    found = rule_savings(["inflation"], rules=RULES, cost_ratios=[1.0], resamples=50, random_seed=0)
    assert tuple(found.columns) == COLUMNS
    history = HISTORIES["inflation"]
    data = history.standardised()
    alone = ld.compare_rules(
        history.forecaster(data),
        data,
        RULES,
        ld.RetrainingCost(cost_ratio=1.0),
        initial=history.initial(data),
        resamples=50,
        random_seed=0,
        progressbar=False,
    )
    row = found.iloc[0]
    for change in ("rule", "timing", "both"):
        one = alone.savings.sel(change=change)
        assert row[f"saving_{change}"] == float(one["saving"])
        assert (row[f"saving_{change}_low"], row[f"saving_{change}_high"]) == (float(one["low"]), float(one["high"]))
    assert (row["rule"], row["recommended"], row["sentence"]) == (str(RULES[1]), alone.recommended, alone.sentence)
    periods = len(alone.spells["all data"]["period"])
    assert row["periods"] == periods - int(0.6 * periods)


def test_forgetting_would_have_paid_for_inflation_and_can_be_told():
    """A prototype of another reading had .51 nats a quarter (.26 to .77), for rule and calendar together."""
    found = rule_savings(["inflation"], rules=RULES, cost_ratios=[0.25, 1.0], resamples=400)
    assert (found["saving_rule_low"] > 0).all()
    assert (found["recommended"] == str(RULES[1])).all()
    assert found["saving_rule"].between(0.25, 0.35).all()


def test_every_combination_has_a_line():
    found = rule_savings(
        ["massachusetts"], rules=RULES, priors=["weak", "firm"], cost_ratios=[1.0], splits=[0.5, 0.6], resamples=20
    )
    assert found[["prior", "split"]].to_numpy().tolist() == [[p, s] for p in ("weak", "firm") for s in (0.5, 0.6)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"histories": ["infation"]}, "infation"),
        ({"rules": []}, "not empty"),
        ({"rules": RULES[:1]}, "at least two"),
        ({"splits": [1.5]}, "splits"),
        ({"cost_ratios": [-1.0]}, "cost_ratios"),
        ({"priors": ["strong"]}, "priors"),
        ({"resamples": 0}, "resamples"),
    ],
)
def test_what_cannot_be_is_refused(options, message, monkeypatch):
    monkeypatch.setattr("learning_debt.bench.savings_of_rules.compared", None)
    with pytest.raises((TypeError, ValueError), match=message):
        rule_savings(**({"histories": ["inflation"]} | options))
