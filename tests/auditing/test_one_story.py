"""No text about today contradicts itself: real histories of the bench, period by period, policies of each kind."""

import re

import numpy as np
import pytest

import learning_debt as ld
from learning_debt.auditing.diagnosis import Diagnosis
from learning_debt.auditing.todays_decisions import explained
from learning_debt.bench.histories import HISTORIES
from learning_debt.policies import CUSUM, Calendar, PredictiveDebtThreshold

EVERY = 9


def said_of(decision):
    """What a reader finds in the reason: verdict, chance, and whether it admits that they differ."""
    text = decision.reason
    verdict = re.match(r"retrain|wait|cannot tell", text)[0]
    chance = re.search(r"the chance that it pays is (just under|just over|under|over)? ?(\d+)%", text)
    percent = int(chance[2]) + {"just under": -0.5, "just over": 0.5}.get(chance[1], 0)
    return verdict, percent, "although" in text


@pytest.mark.slow
@pytest.mark.parametrize("name", HISTORIES)
def test_no_text_about_a_real_history_says_both(name):
    spells = ld.check_spells(HISTORIES[name].spells()).isel(series=[0])
    unit = ld.RetrainingCost(cost_ratio=1.0).resolve(spells)
    opposed = agreed = 0
    for periods in range(20, spells.sizes["period"], EVERY):
        table = ld.select_periods(spells, 0, periods)
        for policy in (CUSUM(unit.per_retrain), PredictiveDebtThreshold(8.0), Calendar(4)):
            for age in (1, 7, 19):
                found = ld.decide(table, policy, unit, deployed_at=periods - age, horizon=8)
                verdict, percent, although = said_of(found)
                says_both = (verdict == "retrain" and percent < 50) or (verdict == "wait" and percent > 50)
                assert says_both == although == bool(found.conflict), found.reason
                expected, cost = found.expected_regret.value, found.cost
                assert (expected > cost) == (found.probability > 0.5)
                opposed, agreed = opposed + says_both, agreed + (not says_both)
    assert agreed > 0
    assert opposed > 0 or name in ("massachusetts",)  # a calendar retrains come what may


@pytest.mark.slow
@pytest.mark.parametrize("name", ["inflation", "deaths", "massachusetts"])
def test_an_audits_text_tells_one_story(name):
    result = ld.audit(HISTORIES[name].spells(), ld.RetrainingCost(cost_ratio=1.0), calendar=6, split=0.5, resamples=50)
    decision, text = result.decision, result.today
    assert decision.reason in text
    assert result.diagnosis.sentence in text
    assert ("although" in text) == bool(decision.conflict)
    plural = "s" if decision.horizon != 1 else ""
    assert f"{decision.horizon} period{plural}, is how long your calendar leaves a model in service" in text
    totals = result.table["total"].drop_sel(policy="oracle")
    lost = float(totals.sel(policy=result.decided_by)) > float(totals.min())
    assert ("would have cost less" in text) == lost
    better = float(result.table["frac_deployed_better"].sel(policy="your calendar"))
    assert ("scored better than the shadow" in text) == (better > 0.5)
    flagged = any("than the model itself expected" in note for note in result.notes)
    assert ("times what the shadow expected" in text) == flagged


def test_a_calendar_is_counted_alike_by_bill_and_verdict():
    table = HISTORIES["massachusetts"].spells()
    result = ld.audit(table, 0.1, calendar=6, split=0.5, resamples=20)
    schedule = result.replays["your calendar"].schedule.values[0]
    last = np.flatnonzero(schedule)[-1] + 1
    assert result.decision.spell_age == schedule.size - last


def test_several_series_are_decided_about_one_by_one():
    table = HISTORIES["sp500"].spells().isel(series=slice(0, 4))
    result = ld.audit(table, ld.RetrainingCost(cost_ratio=1.0), calendar=8, resamples=20)
    assert len(result.decisions) == 4
    assert list(result.decisions) == table["series"].values.tolist()
    verdicts = [decision.verdict for decision in result.decisions.values()]
    for verdict in set(verdicts):
        assert f"{verdict} for {verdicts.count(verdict)}" in result.today
    assert "Today: of 4 series" in str(result)


def test_the_diagnosis_is_told_beside_the_verdict_it_goes_with():
    """Where the two do not follow from each other, a sentence more says how they go together."""
    unknown = float("nan")

    def told(findings, verdict):
        diagnosis = Diagnosis(findings, "", "So it is.", 0.0, "", unknown, unknown, unknown, unknown, "")
        return explained(diagnosis, verdict)

    assert told(("stale",), "wait") == "So it is. So far that is worth less than a retrain costs."
    assert told(("stale",), "retrain") == "So it is."
    assert "prove nothing yet" in told((), "retrain")
    assert told((), "wait") == told(("wrong model",), "retrain") == "So it is."


def test_a_short_spell_is_not_blamed_for_what_the_first_posterior_did():
    spells = HISTORIES["deaths"].spells().isel(series=[0])
    young = ld.diagnose(spells, deployed_at=spells.sizes["period"] - 2)
    old = ld.diagnose(spells, deployed_at=0)
    assert young.findings == ("wrong model",)
    assert young.sentence.startswith("This spell is short")
    assert not old.sentence.startswith("This spell is short")
