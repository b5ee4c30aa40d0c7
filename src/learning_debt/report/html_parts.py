"""Parts that every section of the page is made of: safe text, tables, notes to open."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any, NamedTuple

from learning_debt.plots.number_text import how_many
from learning_debt.validation import harmless

LONGEST_NAME = 60
"""Letters of a name that the page shows; what is cut off ends in an ellipsis."""
LONGEST_TEXT = 4000
NAMELESS = "(no name)"


class Head(NamedTuple):
    """Of a column of a table: text, unit below it, and whether its cells hold words."""

    text: str
    unit: str = ""
    words: bool = False


class Cell(NamedTuple):
    """HTML of a cell, with attributes of its own, such as where a script puts other numbers."""

    html: str
    attributes: str = ""


def escape(text: Any) -> str:
    r"""Text as the page shows it: without markup, and without letters that are not seen or turn the line around.

    Examples
    --------
    >>> print(escape("<b>Graz</b>\u202e"))
    &lt;b&gt;Graz&lt;/b&gt;\u202e
    """
    return html.escape(harmless(str(text).expandtabs()))


def shortened(text: Any, most: int = LONGEST_NAME) -> str:
    """Text of at most so many letters, on one line.

    Examples
    --------
    >>> shortened("store of the north", 10)
    'store of …'
    """
    line = " ".join(str(text).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def name_of(text: Any, most: int = LONGEST_NAME) -> str:
    """An owner's name for something, cut to length, kept from turning its neighbours around."""
    return f"<bdi>{escape(shortened(text, most)) or NAMELESS}</bdi>"


def sentence(text: str) -> str:
    """With a capital and a full stop.

    Examples
    --------
    >>> sentence("wait")
    'Wait.'
    """
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def table(
    caption: str,
    heads: Sequence[Head],
    rows: Sequence[Sequence[str | Cell]],
    *,
    row_attributes: Sequence[str] | None = None,
    name: str = "",
) -> str:
    """A table whose first column names the rows; it scrolls on its own where it is wider than the page.

    Parameters
    ----------
    caption : str
        For who hears the page; escaped.
    heads : sequence of Head
        Escaped.
    rows : sequence of sequence of (str or Cell)
        HTML.
    row_attributes : sequence of str, optional
        HTML attributes of each row.
    name : str
        ``id`` of the table.
    """
    said = escape(caption)
    head = "".join(
        f'<th scope="col"{_words(one)}>{escape(one.text)}{f" <span>{escape(one.unit)}</span>" if one.unit else ""}</th>'
        for one in heads
    )
    body = []
    for place, row in enumerate(rows):
        cells = [cell if isinstance(cell, Cell) else Cell(cell) for cell in row]
        first = f'<th scope="row"{_own(cells[0])}>{cells[0].html}</th>'
        others = "".join(
            f"<td{_words(one)}{_own(cell)}>{cell.html}</td>" for one, cell in zip(heads[1:], cells[1:], strict=True)
        )
        own = f" {row_attributes[place]}" if row_attributes and row_attributes[place] else ""
        body.append(f"<tr{own}>{first}{others}</tr>")
    identity = f' id="{name}"' if name else ""
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{said}"><table{identity}>'
        f'<caption class="heard">{said}</caption><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody>'
        "</table></div>"
    )


def opened(summary: str, body: str, *, is_open: bool = False) -> str:
    """A part that the reader opens; it is printed whether open or not."""
    return f"<details{' open' if is_open else ''}><summary>{escape(summary)}</summary>{body}</details>" if body else ""


def counted(count: float, what: str) -> str:
    """A number of things, with its plural.

    Examples
    --------
    >>> counted(1, "retrain"), counted(2.5, "retrain")
    ('1 retrain', '2.5 retrains')
    >>> counted(999.7, "period")
    '1,000 periods'
    """
    return f"{how_many(count)} {what}{'' if count == 1 else 's'}"


def _words(head: Head) -> str:
    return ' class="words"' if head.words else ""


def _own(cell: Cell) -> str:
    return f" {cell.attributes}" if cell.attributes else ""
