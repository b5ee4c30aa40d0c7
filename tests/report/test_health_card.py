"""Grades of the health card: what passes, what is looked at again, and that nothing unknown is green."""

import numpy as np
import pytest
import xarray as xr

import learning_debt as ld
from learning_debt.report.health_card import (
    FAIL,
    PASS,
    REVIEW,
    UNKNOWN,
    Check,
    agreement_check,
    choice_check,
    health_card,
    length_check,
    reliability_check,
    sampler_check,
    worst,
)


@pytest.fixture(scope="module")
def audit():
    rng = np.random.default_rng(1)
    x = rng.normal(size=90)
    history = {"x": x, "y": np.where(np.arange(90) < 50, 2, 0) * x + rng.normal(size=90), "period": np.arange(90)}
    forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    return ld.audit(ld.spell_table(forecaster, history, initial=10, progressbar=False), 0.1, calendar=8, resamples=50)


def table(failed=0, reliable=1.0):
    """Twenty periods, of which some shadows failed, and a share of whose cells is reliable."""
    cells = np.triu(np.ones((20, 20)))
    present = np.where(cells > 0, 0.1, np.nan)[None]
    ok = np.zeros((1, 20, 20), dtype=bool)
    places = np.argwhere(np.isfinite(present))
    ok[tuple(places[: round(reliable * len(places))].T)] = True
    dims = ("series", "deployed_at", "period")
    variables = {"regret": (dims, present), "debt": (dims, present), "debt_reliable": (dims, ok)}
    variables |= {"converged": (("series", "period"), np.arange(20)[None] >= failed)}
    variables |= {"rung": (("series", "period"), np.full((1, 20), "refit"))}
    return xr.Dataset(variables)


@pytest.mark.parametrize(("failed", "grade"), [(0, PASS), (1, REVIEW), (2, FAIL)])
def test_fits_that_failed(failed, grade):
    check = sampler_check(table(failed))
    assert check.grade == grade
    assert check.figure.startswith(f"{failed} of 20 failed")


@pytest.mark.parametrize(("share", "grade"), [(1.0, PASS), (0.95, REVIEW), (0.5, FAIL)])
def test_reliable_cells(share, grade):
    assert reliability_check(table(reliable=share)).grade == grade


@pytest.mark.parametrize(("coverage", "grade"), [(0.9, PASS), (0.7, REVIEW), (0.3, FAIL)])
def test_a_twins_intervals(coverage, grade):
    held = {"coverage": ("signal", [0.95, coverage])}
    found = xr.Dataset(held, {"signal": ["debt", "score_gap"]}, {"probability": 0.9})
    check = agreement_check(table(), found)
    assert (check.grade, check.figure) == (grade, f"{coverage:.0%} (score gap)")


def test_what_was_not_checked_is_no_pass():
    assert agreement_check(table(), None).grade == UNKNOWN
    assert sampler_check(table().drop_vars("converged")).grade == UNKNOWN
    assert worst([Check("a", PASS, "", ""), Check("b", UNKNOWN, "", "")]) == UNKNOWN


def test_an_exact_audit(audit):
    grades = {check.what: check.grade for check in health_card(audit)}
    assert grades["Sampler"] == grades["Reliable estimates"] == grades["Sampled against exact"] == PASS
    assert set(grades.values()) <= {PASS, REVIEW, FAIL, UNKNOWN}
    assert all(check.figure and check.meaning for check in health_card(audit))


def test_the_choice_of_policy_follows_its_interval(audit):
    row = audit.table.sel(policy=audit.decided_by)
    low, high = float(row["difference_low"]), float(row["difference_high"])
    assert choice_check(audit).grade == (PASS if high < 0 else FAIL if low > 0 else REVIEW)


def test_short_histories_fail(audit):
    part = audit.all_spells.isel(period=slice(0, 30), deployed_at=slice(0, 30))
    assert length_check(audit, part).grade == FAIL
