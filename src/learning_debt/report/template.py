"""The frame of the page: files that lie beside this one, put together so that the page needs nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any

from learning_debt.report.html_parts import escape, shortened


@cache
def asset(name: str) -> str:
    """Text of a file of this folder: markup, style sheet or script."""
    return files("learning_debt.report").joinpath(name).read_text(encoding="utf-8")


def framed(title: str, subtitle: str, body: str, data: dict[str, Any]) -> str:
    """A whole page: the browser is told to run this script and no other, and to fetch nothing."""
    script = asset("page.js")
    return Template(asset("page.html")).substitute(
        title=escape(shortened(title, 120)),
        subtitle=escape(subtitle),
        style=asset("page.css"),
        script=script,
        hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        data=embedded(data),
        body=body,
    )


def embedded(data: dict[str, Any]) -> str:
    r"""Data as JSON that no reader of HTML takes for markup.

    Examples
    --------
    >>> print(embedded({"name": "</script><b>"}))
    {"name":"\u003c/script\u003e\u003cb\u003e"}
    """
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
