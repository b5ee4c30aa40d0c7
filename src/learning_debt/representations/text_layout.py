"""Parts as plain text that fits a width, measured in the cells of a terminal.

Nothing is cut inside a number: a table loses whole columns, and says which; names are shortened in their middle. What
others wrote is made harmless: no character steers a terminal, no name takes more than its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple

from rich.cells import cell_len

from learning_debt.representations.parts import Column, Notes, Part, Sentence, Table
from learning_debt.validation import harmless

PAGE_WIDTH = 80
"""Of text that is not made for a terminal at hand."""
UNWRAPPED = 1 << 30
"""A width at which every paragraph is one line."""
GAP = 2
DEEPEST = 3
"""Lines that heads are folded into."""
LEAST_NAME, SHORTEST, LONGEST_NAME = 25, 8, 60
LONGEST_WORD = 100
HELD_TOGETHER = re.compile(r"(?<=\S) (?=± )|(?<=±) (?=\S)|(?<=\d,) (?=[+-]?\d[\d.]*\))")
HELD = "\0"


class Line(NamedTuple):
    """A line of text, and how many of its first characters are what to read first."""

    text: str
    strong: int = 0


def as_text(parts: Sequence[Part], width: int = PAGE_WIDTH) -> str:
    """Parts as plain text, an empty line around each table and after notes.

    Examples
    --------
    >>> bill = Table("bills", Column("policy", ["never", "always"]), [Column("total", ["1.592", "5.600"])])
    >>> print(as_text([bill, Sentence("Wait.")]))
    bills
    policy  total
    never   1.592
    always  5.600
    <BLANKLINE>
    Wait.
    """
    return "\n".join(line.text for line in lines_of(parts, width))


def lines_of(parts: Sequence[Part], width: int = PAGE_WIDTH) -> list[Line]:
    """Lines of parts, none of them wider than `width` where its words and numbers allow it."""
    blocks = [list(_lines(part, width)) for part in parts]
    lines: list[Line] = []
    for before, part, block in zip([None, *parts], parts, blocks, strict=False):
        apart = isinstance(before, Table | Notes) or isinstance(part, Table)
        lines += [Line("")] if apart and lines else []
        lines += block
    return lines


def _lines(part: Part, width: int) -> Iterator[Line]:
    if isinstance(part, Sentence):
        strong = len(one_line(part.lead))
        for text in wrapped(f"{part.lead} {part.text}", width):
            yield Line(text, min(strong, len(text)))
            strong = max(0, strong - len(text) - 1)
    elif isinstance(part, Notes):
        for item in part.items:
            first, *rest = wrapped(item, width - GAP) or [""]
            yield from (Line(f"- {first}"), *(Line(f"  {text}") for text in rest))
    else:
        yield from _table(part, width)


def listed(names: Sequence[str], word: str = "and") -> str:
    """Names in a sentence.

    Examples
    --------
    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return f" {word} ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def one_line(text: object, width: int | None = None) -> str:
    r"""Text of others as one line of harmless text, shortened in its middle to `width` cells.

    Examples
    --------
    >>> one_line("a\nb\x1b[2J"), one_line("a very long name of a policy", 15), cell_len(one_line("東京都" * 9, 15))
    ('a b\\x1b[2J', 'a very l…policy', 15)
    """
    plain = harmless(" ".join(str(text).split()))
    if width is None or _fits(plain, width):
        return plain
    tail = _front(plain[::-1], max(width - 1, 0) // 2)[::-1].lstrip()
    head = _front(plain, max(width - 1 - cell_len(tail), 0)).rstrip()
    return f"{head}…{tail}"


def wrapped(text: str, width: int) -> list[str]:
    """Lines of a paragraph; a value stays beside its error, and an interval in one piece.

    Examples
    --------
    >>> wrapped("it cost 0.25 ± 0.1 nats (+0.1, +0.4) in all", 15)
    ['it cost', '0.25 ± 0.1 nats', '(+0.1, +0.4) in', 'all']
    """
    lines: list[str] = []
    line = ""
    for word in HELD_TOGETHER.sub(HELD, " ".join(text.split())).split(" "):
        word = one_line(word.replace(HELD, " "), max(width, LONGEST_WORD))
        for piece in _pieces(word, width):
            longer = f"{line} {piece}" if line else piece
            if line and cell_len(longer) > width:
                lines.append(line)
                longer = piece
            line = longer
    return [*lines, line] if line else lines


def _pieces(word: str, width: int) -> list[str]:
    """A word, cut where it is wider than a line."""
    pieces = []
    while cell_len(word) > width:
        piece = _front(word, width) or word[:1]
        pieces.append(piece)
        word = word[len(piece) :]
    return [*pieces, word]


def _fits(text: str, width: int) -> bool:
    """Whether text takes `width` cells at most; marks that take none are counted a quarter, since they pile up."""
    return cell_len(text) <= width and len(text) <= 4 * width


def _front(text: str, width: int) -> str:
    """As much of the beginning as takes `width` cells at most."""
    cells = 0
    for place, character in enumerate(text[: 4 * width]):
        cells += cell_len(character)
        if cells > width:
            return text[:place]
    return text[: 4 * width]


def _table(table: Table, width: int) -> Iterator[Line]:
    names = [one_line(name) for name in table.names.cells]
    shown, left_out = _with_room(table, names, width)
    rest = width - sum(_width(column) + GAP for column in shown)
    names = _told_apart(names, max(rest, SHORTEST))
    name_width = max([cell_len(one) for one in names] + [_longest_word(table.names.head)])
    if table.title:
        yield from (Line(text, len(text)) for text in wrapped(table.title, width))
    heads = [wrapped(column.head, _width(column)) for column in shown]
    depth = max(map(len, [*heads, wrapped(table.names.head, name_width)]))
    above = [[""] * (depth - len(head)) + head for head in heads]
    first = wrapped(table.names.head, name_width)
    first = [""] * (depth - len(first)) + first
    for cells in zip_longest(first, *above, fillvalue=""):
        text = _row(cells, name_width, shown)
        yield Line(text, len(text))
    for name, *others in zip(names, *(column.cells for column in shown), strict=True):
        yield Line(_row((name, *others), name_width, shown))
    if left_out and table.elsewhere:
        listed = ", ".join(" ".join(column.head.split()) for column in left_out)
        yield from map(Line, wrapped(f"Not shown for want of room: {listed}; {table.elsewhere}.", width))
    if table.more:
        yield from map(Line, wrapped(table.more, width))


def _told_apart(names: Sequence[str], width: int) -> list[str]:
    """Names shortened to `width` cells, or to as many more as it takes to tell them apart, up to `LONGEST_NAME`."""
    for wide in (width, *range(width + 1, LONGEST_NAME + 1)):
        short = [one_line(name, wide) for name in names]
        if len(set(short)) == len(set(names)):
            return short
    return [one_line(name, width) for name in names]


def _with_room(table: Table, names: Sequence[str], width: int) -> tuple[list[Column], list[Column]]:
    """The columns that there is room for beside the names, and those that there is none for."""
    shown = list(table.columns)
    longest = max((cell_len(name) for name in names), default=0)
    wanted = min(longest, LEAST_NAME)
    while sum(_width(column) + GAP for column in shown) + wanted > width:
        least = max(shown, key=lambda column: column.rank, default=None)
        if least is None or least.rank == 0:
            break
        shown.remove(least)
    return shown, [column for column in table.columns if column not in shown]


def _width(column: Column) -> int:
    """As wide as its widest cell, and as its head folded into `DEEPEST` lines or so."""
    head = max(_longest_word(column.head), -(-cell_len(column.head) // DEEPEST))
    return max([cell_len(cell) for cell in column.cells] + [head])


def _longest_word(text: str) -> int:
    return max((cell_len(word) for word in text.split()), default=0)


def _row(cells: Sequence[str], name_width: int, columns: Sequence[Column]) -> str:
    """Names and words to the left, numbers to the right."""
    name, *others = cells
    text = name + " " * (name_width - cell_len(name))
    for cell, column in zip(others, columns, strict=True):
        free = " " * (_width(column) - cell_len(cell))
        text += " " * GAP + (cell + free if column.words else free + cell)
    return text.rstrip()
