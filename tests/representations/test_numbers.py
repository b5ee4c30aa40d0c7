"""Numbers as people write them, in sentences and on the page."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import learning_debt as ld
from learning_debt.estimate import Estimate
from learning_debt.plots.number_text import as_given, decimals_for, how_many, number
from learning_debt.pricing.decision_sentences import with_error
from learning_debt.report.drawn_numbers import nice_ticks, tick_text
from learning_debt.report.html_parts import counted, name_of
from learning_debt.representations import plain_number


@given(st.floats(1e-4, 9.99e11), st.integers(1, 6))
def test_a_number_in_a_sentence_has_its_digits_and_no_exponent(value, digits):
    text = plain_number(value, digits)
    assert re.fullmatch(r"\d+(\.\d*[1-9])?", text)
    places = max(0, digits - 1 - int(np.floor(np.log10(value))))
    assert float(text) == pytest.approx(value, abs=0.5001 * 10.0**-places)
    assert plain_number(-value, digits) == f"-{text}"


@pytest.mark.parametrize(
    ("value", "text"),
    [(60.0, "60"), (65.0, "65"), (1012.0, "1012"), (999.96, "1000"), (0.0001, "0.0001"), (0.0, "0"), (-0.0, "0")],
)
def test_numbers_of_a_sentence(value, text):
    assert plain_number(value) == text


def test_an_error_is_written_like_its_value():
    assert with_error(Estimate(650.0, 65.4), "EUR") == "650 ± 65 EUR"
    assert str(Estimate(12345.0, 678.0)) == "12345 ± 678"


def test_a_cost_is_said_in_full():
    assert str(ld.RetrainingCost(1234567, money_per_nat=20, currency="EUR")) == "1234567 EUR"
    assert as_given(1234567.0) == "1,234,567"
    assert as_given(12.5) == "12.5"


@pytest.mark.parametrize("value", [3e-7, -2.5e-9, 1e-12, 4e15])
def test_a_number_that_is_not_zero_is_not_shown_as_zero(value):
    for text in (number(value), number(value, decimals_for([value])), tick_text(value), as_given(abs(value))):
        assert re.search("[1-9]", text)
    assert float(number(value).replace("−", "-").replace(",", "")) == pytest.approx(value, rel=5e-3)


def test_counts_have_no_exponent():
    assert [how_many(value) for value in (0.0, 3.0, 2.6, 1234.0, 999.7)] == ["0", "3", "2.6", "1,234", "1,000"]
    assert counted(1200.4, "retrain") == "1,200 retrains"


@pytest.mark.parametrize("size", [1e-13, 1e-6, 1.0, 1e7, 1e13])
def test_ticks_differ_whatever_their_size(size):
    ticks = nice_ticks(-0.3 * size, 1.7 * size)
    texts = [tick_text(tick) for tick in ticks]
    assert len(set(texts)) == len(ticks) == 4
    assert max(map(len, texts)) <= 7
    assert nice_ticks(0.0, 5e-324) == [0.0]


def test_a_name_of_nothing_is_said_to_be_none():
    assert name_of(" \n") == "<bdi>(no name)</bdi>"
