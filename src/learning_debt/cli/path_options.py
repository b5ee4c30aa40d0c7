"""Options that take a path."""

from __future__ import annotations

from pathlib import Path

import typer


def given_path(text: str | Path) -> Path:
    """A path as it was given; nothing at all, as an unset variable of a script leaves it, is none.

    Examples
    --------
    >>> given_path("audit").name
    'audit'
    """
    if not str(text).strip():
        raise typer.BadParameter("the path is empty; name one, or . for the folder at hand")
    return Path(text)
