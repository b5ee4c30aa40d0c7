"""Text that fits a width: nothing is cut inside a number, and nobody's names do harm."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from learning_debt.representations import Column, Notes, Sentence, Table, aligned, as_html, as_text, lines_of, one_line

WIDTHS = (40, 60, 80, 100, 160)
ROWS = ["never", "your calendar", "predictive-debt threshold", "東京都の販売予測", "שלום עולם", "oracle"]
INTERVALS = [f"{k - 2:+.2f} ({k - 3:+.2f}, {10.0 * k:+.2f})" for k in range(len(ROWS))]
COLUMNS = [
    Column("retrains", [str(10**k) for k in range(len(ROWS))], 1),
    Column("total", [f"{3.0**k:.3f}" for k in range(len(ROWS))]),
    Column("difference to your calendar (90%)", INTERVALS, 2),
    Column("chosen again", ["52%"] * len(ROWS), 5),
    Column("net score", [f"{-(2.0**k):.3f}" for k in range(len(ROWS))], 4),
    Column("shadow beaten", ["47%"] * len(ROWS), 6),
]
TABLE = Table("what each policy would have cost", Column("policy", ROWS), COLUMNS, "policies.csv has them")
HOSTILE = [
    "\x1b[2J\x1b]0;owned\x07",
    "a\nb\r\tc",
    "x" * 10_000,
    "e" + "\u0301" * 10_000,
    "\u202eevil",
    "<script>",
    "名" * 500,
]


@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_is_wider_than_the_page(width):
    for line in as_text([TABLE, Sentence("word " * 100), Notes(["note " * 50])], width).splitlines():
        assert cell_len(line) <= width
        assert line == line.rstrip()


@pytest.mark.parametrize("width", WIDTHS)
def test_a_cell_is_shown_whole_or_its_column_is_named_as_left_out(width):
    text = as_text([TABLE], width)
    for column in COLUMNS:
        missing = [cell for cell in column.cells if cell not in text]
        assert not missing or column.head in " ".join(text.split("Not shown for want of room:")[1].split())


def test_columns_go_by_rank_and_those_of_rank_zero_stay():
    shown = [{c.head for c in COLUMNS if all(cell in as_text([TABLE], w) for cell in c.cells)} for w in WIDTHS]
    assert all("total" in heads for heads in shown)
    assert all(narrow <= wide for narrow, wide in pairwise(shown))
    assert shown[-1] == {column.head for column in COLUMNS}
    assert "Not shown" not in as_text([TABLE], 160)


def test_the_same_words_are_in_the_text_and_in_the_html():
    parts = [TABLE, Sentence("(trained after W40).", lead="Today: wait"), Notes(["Tuned on 28 periods."])]
    page = re.sub(r"<[^>]*>", " ", as_html(parts))
    for word in as_text(parts, 200).split():
        assert word.lstrip("-") in page


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("width", [40, 80, 110])
def test_hostile_names_steer_nothing_and_take_one_line(name, width):
    table = Table(name, Column("policy", [name, "never"]), [Column("total", ["1.592", "5.600"])], name, name)
    text = as_text([table, Sentence(name, lead=name), Notes([name])], width)
    assert all(letter.isprintable() or letter == "\n" for letter in text)
    assert max(map(cell_len, text.splitlines())) <= width
    assert len(text) < 100 * width
    (row,) = [line for line in text.splitlines() if line.endswith("  1.592")]
    assert row
    page = as_html([table, Sentence(name, lead=name)])
    assert "<script" not in page
    assert "\x1b" not in page


def test_names_that_would_read_alike_are_told_apart():
    rules = [f"rolling window of {periods} periods" for periods in (18, 35, 9)]
    text = as_text([Table("", Column("rule", rules), [Column("saving", ["+0.492 (+0.272, +0.731)"] * 3)])], 40)
    assert len({line.split("  ")[0] for line in text.splitlines()[1:]}) == 3


def test_a_value_stays_with_its_error_and_an_interval_in_one_piece():
    for width in range(20, 60):
        text = as_text([Sentence("avoids -0.0909 ± 0.3 nats, that is (+0.02, +0.5), in the next periods " * 3)], width)
        assert text.count("-0.0909 ± 0.3") == 3
        assert text.count("(+0.02, +0.5)") == 3


def test_what_to_read_first_is_marked_over_all_its_lines():
    lines = lines_of([Sentence("the rest of it", lead="one two three four")], 9)
    assert "".join(line.text[: line.strong] + " " for line in lines).split() == ["one", "two", "three", "four"]


@given(st.text(max_size=300), st.integers(8, 120))
def test_any_text_on_one_line_fits(text, width):
    line = one_line(text, width)
    assert cell_len(line) <= width
    assert "\n" not in line
    assert line.isprintable()


@given(st.lists(st.floats(-1e15, 1e15), min_size=1, max_size=8))
def test_a_column_of_numbers_keeps_what_its_largest_one_is(values):
    largest = max(values, key=abs)
    shown = [float(text) for text in aligned(values)]
    assert shown[values.index(largest)] == pytest.approx(largest, rel=0.01, abs=1e-14)


def test_a_column_has_the_decimals_of_its_largest_number():
    assert aligned([3.461, 0.0, 12.3456]) == ["3.461", "0.000", "12.346"]
    assert aligned([1234.5, 0.2]) == ["1234.50", "0.20"]
    assert aligned([0.00321, -0.1e-3], sign=True) == ["+0.00321", "-0.00010"]
    assert aligned([float("inf"), float("nan")]) == ["inf", ""]
