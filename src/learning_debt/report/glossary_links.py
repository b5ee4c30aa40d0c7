"""Words of the glossary, linked where a reader meets them first."""

from __future__ import annotations

import re

WORDS = {
    "nat": r"nats?",
    "e-value": r"e-values?",
    "recommended": r"weight",
    "predictive-debt": r"predictive debt",
    "shadow": r"shadow",
    "spell": r"spell",
}
"""Ending of the entry's ``id`` in the glossary, and how the word is written."""
_ANY = re.compile(
    r"(?<![\w#-])(?:"
    + "|".join(f"(?P<{entry.replace('-', '_')}>{word})" for entry, word in WORDS.items())
    + r")(?![\w-])"
)
_TAGS = re.compile(r"(<[^>]*>)")
_NOT_IN = ("a", "bdi", "h2", "summary", "svg", "caption", "button", "label", "code")
"""Names that an owner gave, headings, and what is a link or a control already."""


def linked(section: str) -> str:
    """HTML of a section in which the first of each word of the glossary leads there.

    Examples
    --------
    >>> linked("<p>.2 nats, of 3 nats; <bdi>nats</bdi></p>")
    '<p>.2 <a class="word" href="#word-nat">nats</a>, of 3 nats; <bdi>nats</bdi></p>'
    """
    parts, within = _TAGS.split(section), ""
    waiting = set(WORDS)
    for place, part in enumerate(parts):
        if place % 2:
            name = part.strip("</>").split()[0] if part.strip("</>") else ""
            if within and part == f"</{within}>":
                within = ""
            elif not within and name in _NOT_IN and not part.startswith("</"):
                within = name
            continue
        if within or not part.strip():
            continue
        parts[place] = _ANY.sub(lambda found: _link(found, waiting), part)
    return "".join(parts)


def _link(found: re.Match[str], waiting: set[str]) -> str:
    entry = next(name.replace("_", "-") for name, word in found.groupdict().items() if word is not None)
    if entry not in waiting:
        return found[0]
    waiting.discard(entry)
    return f'<a class="word" href="#word-{entry}">{found[0]}</a>'
