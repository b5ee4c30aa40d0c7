"""What a result says, in parts that text and HTML are made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Sentence:
    """A paragraph.

    Attributes
    ----------
    text : str
    lead : str
        What to read first: it stands before the text.
    """

    text: str
    lead: str = ""


@dataclass(frozen=True)
class Notes:
    """A list of sentences."""

    items: Sequence[str]


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    head : str
        It may be folded between words.
    cells : sequence of str
    rank : int
        Where there is no room for all columns, those of the highest rank go first; those of rank 0 stay.
    words : bool
        Whether it holds words, which stand to the left.
    """

    head: str
    cells: Sequence[str]
    rank: int = 0
    words: bool = False


@dataclass(frozen=True)
class Table:
    """Columns under a title.

    Attributes
    ----------
    title : str
    names : Column
        What each row is about: text, shortened where it is longer than there is room for.
    columns : sequence of Column
        Numbers and short words, which are never shortened.
    elsewhere : str
        Where columns are found that there was no room for, as in "also in policies.csv".
    more : str
        A sentence about rows that are not shown; empty where all are.
    """

    title: str
    names: Column
    columns: Sequence[Column]
    elsewhere: str = ""
    more: str = ""


Part = Sentence | Notes | Table


def verdict_part(label: str, verdict: str, reason: str) -> Sentence:
    """A decision about a period: its verdict first, and the rest of the reason, which may begin with it.

    Examples
    --------
    >>> verdict_part("2024-W48", "wait", "wait (trained after 2024-W40): it pays less than it costs")
    Sentence(text='(trained after 2024-W40): it pays less than it costs.', lead='2024-W48: wait')
    """
    rest = reason.removeprefix(verdict).strip().removesuffix(".")
    between = "" if reason.startswith(verdict) else ";"
    return Sentence(f"{rest}.", lead=f"{label}: {verdict}{between}")
