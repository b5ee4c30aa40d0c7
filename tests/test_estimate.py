"""Estimate: a value that travels with its error."""

from dataclasses import FrozenInstanceError

import pytest

import learning_debt as ld


def test_intervals_are_normal_and_symmetric():
    assert ld.Estimate(1.0, 0.5).interval(0.9) == pytest.approx((1 - 0.5 * 1.6448536, 1 + 0.5 * 1.6448536))
    assert ld.Estimate(1.0, 0.5).interval(0.5) == pytest.approx((1 - 0.5 * 0.6744898, 1 + 0.5 * 0.6744898))
    assert ld.Estimate(1.0, 0.0).interval() == (1.0, 1.0)


def test_a_lower_bound_has_no_upper_limit():
    low, high = ld.Estimate(3.0, 0.1, reliable=False, lower_bound=True).interval()
    assert low == pytest.approx(3 - 0.16448536)
    assert high == float("inf")


@pytest.mark.parametrize("probability", [0.0, 1.0, -0.1, 90])
def test_probabilities_outside_the_unit_interval_are_refused(probability):
    with pytest.raises(ValueError, match=f"above 0 and below 1, not {probability:g}"):
        ld.Estimate(1.0, 0.5).interval(probability)


@pytest.mark.parametrize(
    ("value", "error", "indistinguishable"),
    [(0.1, 0.1, True), (-0.2, 0.1, True), (0.21, 0.1, False), (-0.21, 0.1, False), (0.0, 0.0, False)],
)
def test_indistinguishable_from_zero_within_two_standard_errors(value, error, indistinguishable):
    assert ld.Estimate(value, error).indistinguishable_from_zero is indistinguishable


def test_it_prints_its_error_and_its_doubts():
    assert str(ld.Estimate(0.1234567, 0.0123)) == "0.1235 ± 0.012"
    assert str(ld.Estimate(2.0, 0.5, reliable=False, lower_bound=True)) == ">= 2 ± 0.5 (not reliable)"


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (ld.Estimate(2.0, 0.5, reliable=False, note="the draws are few"), "2 ± 0.5 (not reliable: the draws are few)"),
        (ld.Estimate(2.0, float("nan"), False, True, note="no overlap"), ">= 2 (not reliable: no overlap)"),
        (ld.Estimate(2.0, 0.5, lower_bound=True, note="no overlap"), ">= 2 ± 0.5 (a lower bound: no overlap)"),
        (ld.Estimate(float("inf"), float("nan"), False, True, note="ruled out"), "inf (not reliable: ruled out)"),
        (ld.Estimate(2.0, 0.5, note="by the Gaussian bridge"), "2 ± 0.5"),  # no doubt
    ],
)
def test_it_prints_why_it_is_doubted(estimate, text):
    assert str(estimate) == text


def test_it_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        ld.Estimate(1.0, 0.5).value = 2.0


@pytest.mark.parametrize("effective_draws", [None, "63"])
def test_a_diagnostic_that_is_no_number_is_not_cited(effective_draws):
    doubtful = ld.Estimate(1.0, 0.1, diagnostics={"effective_draws": effective_draws}, doubts=(ld.Doubt.FEW_DRAWS,))
    assert doubtful.note == ld.Doubt.FEW_DRAWS.text()
