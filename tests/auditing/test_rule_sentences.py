"""What a comparison of rules says, in every case."""

import numpy as np
import pandas as pd
import pytest

from learning_debt.auditing.rule_sentences import Saving, comparison_sentence, period_name, what_is_held
from learning_debt.data import as_labels
from learning_debt.data.update_rule import UpdateRule

SAID = {
    "other": "retraining on the last 2 years",
    "today": "retraining on everything",
    "unit": "nats",
    "period": "month",
    "probability": 0.9,
}
LARGE, SMALL = Saving(0.29, 0.1, 0.5), Saving(0.03, 0.01, 0.05)
NOTHING, LOSS = Saving(0.02, -0.04, 0.09), Saving(-0.2, -0.4, -0.1)
NONE = Saving(0.0, 0.0, 0.0, changes=False)


def said(rule, timing):
    return comparison_sentence(rule, timing, NONE, **SAID)


@pytest.mark.parametrize(
    ("rule", "timing", "parts"),
    [
        (LARGE, SMALL, ["been worth 0.29 nats a month (90% interval 0.1 to 0.5)", "matters 9.7 times less"]),
        (SMALL, LARGE, ["been worth 0.03 nats", "matters 9.7 times more"]),
        (LARGE, Saving(0.3, 0.2, 0.4), ["matters about as much"]),
        (LARGE, Saving(0.01, -0.01, 0.02), ["when you retrain matters at least 5 times less"]),
        (LARGE, Saving(0.01, -0.06, 0.02), ["whether another timing is worth anything cannot be told: 0.01 nats"]),
        (
            LARGE,
            LOSS,
            ["the timing that had done best beforehand would have cost 0.2 nats a month more (90% interval 0.1"],
        ),
        (LARGE, NONE, ["worth 0.29", "no other timing had done better beforehand"]),
        (NOTHING, SMALL, ["cannot be told: 0.02 nats a month (90% interval -0.04 to 0.09)", "been worth 0.03 nats"]),
        (NOTHING, NOTHING, ["Whether retraining on the last 2 years", "whether another timing is worth anything"]),
        (
            LOSS,
            SMALL,
            ["had done best beforehand, would have cost 0.2 nats a month more", "than retraining on everyth"],
        ),
        (LOSS, NOTHING, ["would have cost 0.2", "whether another timing is worth anything cannot be told"]),
        (NONE, SMALL, ["Retraining on everything: no other rule had done better beforehand; when you retrain would h"]),
        (NONE, NONE, ["no other rule had done better beforehand; no other timing had done better beforehand."]),
    ],
)
def test_the_sentence_says_what_can_be_told_and_no_more(rule, timing, parts):
    sentence = said(rule, timing)
    assert all(part in sentence for part in parts), sentence
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert ("times" in sentence) == (rule.told > 0 and "matters" in sentence and "about as much" not in sentence)


def test_what_both_are_worth_together_is_said_where_it_is_another_choice():
    together = comparison_sentence(LARGE, SMALL, NOTHING, **SAID)
    assert together == said(LARGE, SMALL) + " Both together: 0.02 nats a month (90% interval -0.04 to 0.09)."


@pytest.mark.parametrize(
    ("labels", "name"),
    [
        (pd.date_range("2024", periods=9, freq="D"), "day"),
        (pd.date_range("2024", periods=9, freq="7D"), "week"),
        (pd.date_range("2024", periods=9, freq="MS"), "month"),
        (pd.date_range("2024", periods=9, freq="MS", tz="Europe/Vienna"), "month"),
        (pd.period_range("2024", periods=9, freq="M"), "month"),
        (["1959Q2", "1959Q3", "1959Q4", "1960Q1"], "quarter"),
        (["2019-12", "2020-01", "2020-02"], "month"),
        (pd.date_range("2014", periods=5, freq="YS"), "year"),
        (pd.date_range("2014", periods=5, freq="2D"), "period"),
        ([0, 1, 2], "period"),
        (["a", "b", "c"], "period"),
        (["2019-12", "2020-01"], "period"),
    ],
)
def test_periods_are_called_what_their_labels_say(labels, name):
    assert period_name(as_labels(np.asarray(labels) if isinstance(labels, list) else labels)) == name


@pytest.mark.parametrize(
    ("rule", "period", "words"),
    [
        (UpdateRule(), "week", "everything"),
        (UpdateRule(window=1), "week", "the last week"),
        (UpdateRule(window=13), "quarter", "the last 13 quarters"),
        (UpdateRule(window=12), "quarter", "the last 3 years"),
        (UpdateRule(window=12), "month", "the last year"),
        (UpdateRule(window=24), "period", "the last 24 periods"),
        (
            UpdateRule(window=24, discount=0.9),
            "month",
            "the last 2 years, discounted by 0.9 a month (as much as the last 10 months)",
        ),
    ],
)
def test_a_rule_is_named_by_what_it_holds(rule, period, words):
    assert what_is_held(rule, period) == words
