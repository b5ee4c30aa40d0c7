"""What is written for Prometheus, read by Prometheus' own parsers: of OpenMetrics and of the older text format."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics_families
from prometheus_client.parser import text_string_to_metric_families as text_format_families

from learning_debt.monitor.open_metrics import NUMBERS, open_metrics

STATUS = {
    "period": 41,
    "label": "2026-11",
    "verdict": "retrain",
    "reason": "retrain: the shadow has moved",
    "expected_regret": 1.25,
    "expected_regret_se": 0.125,
    "realised_regret": -0.5,
    "realised_regret_se": 1e-9,
    "probability": 0.75,
    "break_even_cost": math.inf,
    "cost": 0.3,
    "unit": "EUR",
    "score_unit": "nats",
    "spell_age": 7,
    "deployed_label": "2026-04",
    "debt": 2.0,
    "debt_se": 0.0,
    "predictive_debt": 0.01,
    "predictive_debt_se": 0.001,
    "score_gap": math.nan,
    "score_gap_se": math.nan,
    "regret_so_far": 12.5,
    "retrains": 3,
    "seconds": 0.75,
    "decided_at": 1795978434.25,
    "receipt": "0f" * 32,
    "doubts": (),
}


def samples(text, parser=open_metrics_families):
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parser(text)
        for sample in family.samples
    }


def value(text, name, **labels):
    return samples(text)[f"learning_debt_{name}", frozenset(labels.items())]


def test_every_number_of_a_status_is_there():
    text = open_metrics({"north": STATUS})
    money, score = {"series": "north", "unit": "EUR"}, {"series": "north", "unit": "nats"}
    assert value(text, "posterior_debt_nats", series="north") == 2.0
    assert value(text, "predictive_debt", **score) == 0.01
    assert math.isnan(value(text, "score_gap", **score))
    assert value(text, "expected_regret", **money) == 1.25
    assert value(text, "realised_regret_standard_error", **money) == 1e-9
    assert value(text, "break_even_cost", **money) == math.inf
    assert value(text, "regret_so_far", **money) == 12.5
    assert value(text, "retraining_cost", **money) == 0.3
    assert value(text, "retrain_pays_probability", series="north") == 0.75
    assert value(text, "spell_age_periods", series="north") == 7
    assert value(text, "retrains_total", series="north") == 3
    assert value(text, "observe_duration_seconds", series="north") == 0.75
    assert value(text, "decided_timestamp_seconds", series="north") == 1795978434.25
    assert value(text, "last_decision", series="north", label="2026-11", deployed_label="2026-04") == 1
    verdicts = {
        said: value(text, "verdict", series="north", verdict=said) for said in ("wait", "retrain", "cannot tell")
    }
    assert verdicts == {"wait": 0, "retrain": 1, "cannot tell": 0}
    assert len(samples(text)) == len(NUMBERS) + 3 + 1


def test_families_have_the_types_and_units_they_say():
    found = {family.name: (family.type, family.unit) for family in open_metrics_families(open_metrics({"a": STATUS}))}
    assert found["learning_debt_posterior_debt_nats"] == ("gauge", "nats")
    assert found["learning_debt_retrains"] == ("counter", "")
    assert found["learning_debt_observe_duration_seconds"] == ("gauge", "seconds")
    assert all(kind in ("gauge", "counter") for kind, _ in found.values())  # the older format has no other of ours


def test_the_older_text_format_reads_the_same_samples():
    text = open_metrics({"north": STATUS, "south": STATUS | {"unit": "nats", "score_gap": 0.1, "score_gap_se": 0.2}})
    old, new = samples(text, text_format_families), samples(text)
    assert old.keys() == new.keys()
    for key in new:
        assert old[key] == new[key] or (math.isnan(old[key]) and math.isnan(new[key]))


def test_many_series_share_a_family():
    text = open_metrics({name: {"verdict": "wait", "spell_age": age} for age, name in enumerate("abc")})
    assert text.count("# TYPE learning_debt_spell_age_periods gauge") == 1
    assert [value(text, "spell_age_periods", series=name) for name in "abc"] == [0, 1, 2]


def test_no_series_is_an_empty_exposition():
    assert open_metrics({}) == "# EOF\n"
    assert open_metrics({"a": {"debt": None}}) == "# EOF\n"


@given(st.dictionaries(st.text(), st.text(), max_size=4))
def test_any_text_survives(names):
    text = open_metrics({name: {"label": label, "spell_age": 1} for name, label in names.items()})
    assert text.encode("utf-8").decode("utf-8") == text
    for parser in (open_metrics_families, text_format_families):
        found = {
            labels["series"]: labels["label"]
            for (name, pairs), _ in samples(text, parser).items()
            if name == "learning_debt_last_decision"
            for labels in [dict(pairs)]
        }
        assert found == names


def test_half_a_surrogate_pair_is_written_as_a_question_mark():
    assert value(open_metrics({"a\ud800": {"spell_age": 1}}), "spell_age_periods", series="a?") == 1


@given(st.floats(), st.floats(allow_nan=False))
def test_any_number_survives(debt, gap):
    text = open_metrics({"a": {"debt": debt, "score_gap": gap}})
    found = value(text, "posterior_debt_nats", series="a")
    assert found == debt or (math.isnan(found) and math.isnan(debt))
    assert value(text, "score_gap", series="a") == gap


def test_numpy_scalars_are_numbers():
    text = open_metrics({np.int64(3): {"debt": np.float64(0.5), "spell_age": np.int64(2)}})
    assert value(text, "posterior_debt_nats", series="3") == 0.5
    assert value(text, "spell_age_periods", series="3") == 2


@pytest.mark.parametrize(
    ("statuses", "error", "message"),
    [
        ([("a", {})], TypeError, "statuses must be a mapping of series to their status"),
        ({"a": 3}, TypeError, r"statuses\['a'\] must be a mapping"),
        ({1: {"debt": 0.0}, "1": {"debt": 0.0}}, ValueError, "two series that are written '1'"),
        ({"a": {}}, ValueError, r"statuses\['a'\] holds nothing that Monitor.status says"),
        ({"a": {"debt": "2"}}, TypeError, "debt of series 'a' must be a number"),
        ({"a": {"retrains": -1}}, ValueError, "retrains of series 'a' must be a count, not -1"),
        ({"a": {"retrains": math.nan}}, ValueError, "retrains of series 'a' must be a count, not nan"),
        ({"a": {"verdict": "maybe"}}, ValueError, "verdict of series 'a' must be one of"),
    ],
)
def test_what_is_no_status_is_refused(statuses, error, message):
    with pytest.raises(error, match=message):
        open_metrics(statuses)
