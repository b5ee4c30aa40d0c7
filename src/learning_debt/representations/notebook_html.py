"""Parts as HTML for notebooks: colours are the notebook's own, so that it reads in light and in dark."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from learning_debt.representations.parts import Column, Notes, Part, Sentence, Table
from learning_debt.representations.text_layout import one_line

LONGEST_NAME = 60
CARD = "max-width:60em;line-height:1.4"
HEAD = "text-align:right;vertical-align:bottom;padding:.1em .6em"
NUMBER = "text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap;padding:.1em .6em"
NAME = "text-align:left;vertical-align:bottom;padding:.1em .6em"


def as_html(parts: Sequence[Part]) -> str:
    """Parts as one element without scripts, colours or anything from outside; all text is escaped.

    Examples
    --------
    >>> as_html([Sentence("until <b>", lead="Wait")])
    '<div style="max-width:60em;line-height:1.4"><p><strong>Wait</strong> until &lt;b&gt;</p></div>'
    """
    return f'<div style="{CARD}">{"".join(map(_element, parts))}</div>'


def _element(part: Part) -> str:
    if isinstance(part, Sentence):
        lead = f"<strong>{_text(part.lead)}</strong>" if part.lead else ""
        return f"<p>{' '.join(filter(None, [lead, _text(part.text)]))}</p>"
    if isinstance(part, Notes):
        items = "".join(f"<li>{_text(item)}</li>" for item in part.items)
        return f"<ul>{items}</ul>" if items else ""
    return _table(part)


def _table(table: Table) -> str:
    """A table in a box of its own, which scrolls sideways where a notebook is narrow."""
    names = [f"<bdi>{escape(one_line(name, LONGEST_NAME))}</bdi>" for name in table.names.cells]
    head = "".join(
        f'<th scope="col" style="{NAME if column is table.names or column.words else HEAD}">{_text(column.head)}</th>'
        for column in (table.names, *table.columns)
    )
    body = "".join(
        f'<tr><th scope="row" style="{NAME};font-weight:normal">{name}</th>{_cells(table.columns, place)}</tr>'
        for place, name in enumerate(names)
    )
    caption = f'<caption style="text-align:left">{_text(table.title)}</caption>' if table.title else ""
    more = f"<p>{_text(table.more)}</p>" if table.more else ""
    label = f' role="group" aria-label="{_text(table.title)}"' if table.title else ""
    return (
        f'<div style="overflow-x:auto;margin:1em 0" tabindex="0"{label}><table>{caption}<thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>{more}"
    )


def _cells(columns: Sequence[Column], place: int) -> str:
    return "".join(
        f'<td style="{NAME if column.words else NUMBER}">{_text(column.cells[place])}</td>' for column in columns
    )


def _text(text: str) -> str:
    return escape(one_line(text))
