"""How results show themselves: the same words as text that fits a width, on a terminal, and as HTML in a notebook."""

from learning_debt.representations.notebook_html import as_html
from learning_debt.representations.number_columns import aligned, percentages, plain_number
from learning_debt.representations.parts import Column, Notes, Part, Sentence, Table, verdict_part
from learning_debt.representations.text_layout import PAGE_WIDTH, UNWRAPPED, Line, as_text, lines_of, listed, one_line

__all__ = [
    "PAGE_WIDTH",
    "UNWRAPPED",
    "Column",
    "Line",
    "Notes",
    "Part",
    "Sentence",
    "Table",
    "aligned",
    "as_html",
    "as_text",
    "lines_of",
    "listed",
    "one_line",
    "percentages",
    "plain_number",
    "verdict_part",
]
