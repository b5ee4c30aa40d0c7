"""No text about today contradicts itself: real histories of the bench, period by period, policies of each kind."""

import re
from importlib import resources

import numpy as np
import pandas as pd
import pytest

import learning_debt as ld
from learning_debt.auditing.diagnosis import Diagnosis
from learning_debt.auditing.diagnosis_sentences import TOO_SHORT
from learning_debt.auditing.todays_decisions import explained
from learning_debt.bench.histories import HISTORIES
from learning_debt.policies import CUSUM, Calendar, PredictiveDebtThreshold
from learning_debt.report.health_card import diagnosis_check
from learning_debt.report.verdict_section import verdict_section

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

    def told(findings, verdict, judged="spell"):
        diagnosis = Diagnosis(findings, "", "So it is.", 0.0, "", *[unknown] * 4, "", judged)
        return explained(diagnosis, verdict)

    assert told(("stale",), "wait") == "So it is. So far that is worth less than a retrain costs."
    assert told(("stale",), "retrain") == "So it is."
    assert "prove nothing yet" in told((), "retrain")
    assert told((), "wait") == told(("wrong model",), "retrain") == "So it is."
    assert told(("stale",), "wait", "first fit") == told((), "retrain", "first fit") == "So it is."


def test_a_short_spell_is_not_blamed_for_what_the_first_posterior_did():
    spells = HISTORIES["deaths"].spells().isel(series=[0])
    young = ld.diagnose(spells, deployed_at=spells.sizes["period"] - 2)
    old = ld.diagnose(spells, deployed_at=0)
    assert (young.findings, young.judged, old.judged) == (("wrong model",), "first fit", "spell")
    assert young.sentence == f"{TOO_SHORT} {old.sentence}"
    assert "e-value" not in young.sentence  # of the shadow against what serves: no evidence of a wrong model


@pytest.fixture(scope="module")
def shift():
    """The audit of the starter's history, in whose week 60 buyers change, by the exact twin of its model."""
    sales = pd.read_csv(resources.files("learning_debt") / "cli" / "starter" / "sales.csv")
    x = np.column_stack([np.ones(len(sales)), np.log(sales["price"] / 3.0)])
    history = {"x": x, "y": np.log(sales["sold"] + 1).to_numpy(), "period": sales["week"].to_numpy()}
    forecaster = ld.ConjugateRegression(ld.NIG(np.array([np.log(100.0), -1.5]), np.eye(2) / 10, 2.0, 0.1))
    rule = ld.UpdateRule(window=26)
    spells = ld.spell_table(forecaster, history, initial=52, update_rule=rule, progressbar=False)
    return ld.audit(spells, 0.5, calendar=8, resamples=20)


def test_a_short_spell_after_a_shift_says_what_the_first_fit_says(shift):
    """All numbers of a diagnosis are of what was judged, and a world that moved is no wrong model."""
    found, first = shift.diagnosis, ld.diagnose(shift.all_spells)
    assert shift.decision.spell_age < 8
    assert (found.findings, found.cause, found.judged) == (("stale",), "moved", "first fit")
    assert (found.findings, found.cause, found.log_e_value) == (first.findings, first.cause, first.log_e_value)
    assert found.belief_z == first.belief_z
    assert f"(e-value of the shadow against it 10^{found.log_e_value / np.log(10):.0f}" in found.sentence
    assert "the world has moved since. What serves now was fitted later." in shift.today
    assert "at odds" not in shift.today


def test_page_and_health_card_say_what_was_judged(shift):
    (check,) = diagnosis_check(shift)
    assert (check.what, check.grade, check.figure) == ("Diagnosis of the first fit", "PASS", "stale")
    assert check.meaning == shift.diagnosis.sentence
    page = verdict_section(shift, [check])
    assert "The first fit’s gaps speak for" in page
    assert "this spell is too short to say" in page


def test_a_short_spell_that_proves_itself_stale_is_judged_itself(shift):
    """An e-value needs no number of periods; that more came than expected does."""
    table = shift.all_spells.drop_vars("regret").copy(deep=True)
    last = table.sizes["period"] - 3
    table["score_gap"][0, last, last:] = 100.0
    found = ld.diagnose(table, deployed_at=last)
    assert (found.findings, found.cause, found.judged) == (("stale",), "", "spell")
    assert np.isnan(found.belief_z)
    assert "the shadow forecasts better" in found.sentence
