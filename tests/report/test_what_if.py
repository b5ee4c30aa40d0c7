"""What the page's sliders show: bills that Python worked out, to the last digit."""

import html
import json
import re

import matplotlib

matplotlib.use("agg")

import numpy as np
import pytest

import learning_debt as ld
from learning_debt.auditing.rebilling import rebilled, scaled
from learning_debt.report import write_report
from learning_debt.report.what_if import sentences

COSTS, CALENDARS = [0.5, 1.0, 4.0], [1, 3, 7]


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(3)
    x = rng.normal(size=70)
    slope = np.repeat([1.0, 2.5, 0.0], [30, 20, 20])
    history = {"x": x, "y": slope * x + rng.normal(size=70), "period": np.arange(70)}
    forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    return ld.spell_table(forecaster, history, initial=10, progressbar=False)


@pytest.fixture(scope="module")
def audit(table):
    return ld.audit(table, 0.2, calendar=6, resamples=20)


@pytest.fixture(scope="module")
def stops(audit):
    return rebilled(audit, COSTS, CALENDARS)


@pytest.fixture(scope="module")
def data(audit, stops, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("learning_debt.report.writer.rebilled", lambda _: stops)
        page = write_report(audit, tmp_path_factory.mktemp("r"), title="t").read_text(encoding="utf-8")
    return json.loads(html.unescape(re.search(r'id="page-data">(.*?)</script>', page, re.DOTALL)[1]))


@pytest.mark.parametrize("factor", COSTS)
def test_a_stop_is_an_audit_at_that_cost(table, stops, factor):
    other = ld.audit(table, 0.2 * factor, calendar=6, resamples=20)
    for name in ("total", "regret", "retrains"):
        np.testing.assert_allclose(stops[name].sel(cost=factor), other.table[name], rtol=0, atol=1e-12)
    assert stops["verdict"].sel(cost=factor) == other.decision.verdict
    assert float(stops["chance"].sel(cost=factor)) == pytest.approx(other.decision.probability, abs=1e-12)


@pytest.mark.parametrize("factor", COSTS)
@pytest.mark.parametrize("interval", CALENDARS)
def test_a_calendar_is_billed_as_replay_bills_it(audit, stops, factor, interval):
    bill = ld.replay(audit.spells, ld.policies.Calendar(interval), 0.2 * factor)
    at = stops.sel(cost=factor, interval=interval)
    assert float(at["calendar_total"]) == pytest.approx(bill.objective.item(), abs=1e-12)
    assert float(at["calendar_retrains"]) == bill.retrains.item()
    np.testing.assert_allclose(at["calendar_bill"], bill.bill.values[0], rtol=0, atol=1e-12)


def test_the_page_holds_the_same_numbers(audit, stops, data):
    found = data["whatIf"]
    for name in ("total", "regret", "retrains", "calendar_total", "calendar_regret", "calendar_retrains"):
        np.testing.assert_allclose(found[name], stops[name].values, rtol=0, atol=1e-9)
    assert found["policies"] == list(audit.replays)
    assert found["amounts"] == [0.1, 0.2, 0.8]
    assert found["base"] == 1


def test_the_pictures_rest_on_the_same_bills(audit, stops, data):
    last = np.array(data["whatIf"]["bills"])[:, :, -1]
    np.testing.assert_allclose(last, stops["total"].values, rtol=1e-4, atol=1e-9)
    lines = {line["key"]: line for line in data["charts"]["bill"]["panels"][0]["lines"]}
    for name, bill in audit.replays.items():
        assert lines[name]["values"][-1] == pytest.approx(bill.objective.item(), rel=1e-4, abs=1e-9)
        assert lines[name]["dots"] == np.flatnonzero(bill.schedule.values[0]).tolist()


@pytest.mark.parametrize("asked", [{}, {"policies": {"recommended": None}, "calendar": 6}], ids=["best", "tuned"])
def test_a_stop_is_about_who_decides_at_its_cost_and_for_how_long(table, asked):
    """Without a calendar the horizon is that of the policy that decides; without the recommended one, that differs."""
    found = rebilled(ld.audit(table, 0.2, resamples=5, **asked), COSTS, [3])
    for factor in COSTS:
        other, at = ld.audit(table, 0.2 * factor, resamples=5, **asked), found.sel(cost=factor)
        assert at["decided_by"] == other.decided_by
        assert at["verdict"] == other.decision.verdict
        assert float(at["chance"]) == pytest.approx(other.decision.probability, abs=1e-12)


def test_policies_that_cost_the_same_are_all_the_cheapest(audit, stops):
    alike = stops.copy(deep=True)
    alike["total"][:] = 1.0
    told = sentences(audit, alike)
    assert all("no other policy of this audit was cheaper" in text for text in told)
    assert "the chance that a retrain pays is" in told[1]
    assert "the chance that a retrain pays would be" in told[0]


def test_all_parts_of_a_cost_are_scaled():
    cost = ld.RetrainingCost(2.0, per_second=0.5, per_change=1.0)
    assert scaled(cost, 3.0) == ld.RetrainingCost(6.0, per_second=1.5, per_change=3.0)


def test_free_retrains_have_no_other_cost(table):
    assert rebilled(ld.audit(table, 0.0, resamples=5), COSTS, [1]).sizes["cost"] == 1


@pytest.mark.parametrize("intervals", [[], [100]])
def test_no_calendar_of_those_asked_may_fit(audit, stops, intervals):
    found = rebilled(audit, COSTS[:1], intervals)
    assert found.sizes["interval"] == 0
    np.testing.assert_array_equal(found["total"], stops["total"][:1])


def test_without_what_if_there_are_no_sliders(audit, tmp_path):
    page = write_report(audit, tmp_path, title="t", what_if=False).read_text(encoding="utf-8")
    assert "what-if-cost" not in page.split("<script>")[0]
    assert '"whatIf":null' in page
