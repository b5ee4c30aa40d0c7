"""What the page calls the policies of an audit, and which of them it draws."""

from __future__ import annotations

from learning_debt.auditing import Audit
from learning_debt.auditing.split_evaluation import BEST, ORACLE, YOURS
from learning_debt.report.html_parts import shortened

SAID = {
    BEST: "fixed interval",
    ORACLE: "perfect hindsight (oracle)",
    "never": "never retrain",
    "always": "retrain every period",
}
"""Names that say more to who has not read the paper."""
STYLES = {YOURS: "calendar", ORACLE: "hindsight", "never": "never", "always": "always", BEST: "interval"}
OTHERS = ("other-1", "other-2", "other-3", "other-4")


def said(name: str) -> str:
    """A policy's name for the reader."""
    return shortened(SAID.get(name, name))


def in_words(text: str) -> str:
    """A sentence of the audit, with the policies as the page calls them.

    Examples
    --------
    >>> in_words("on the reported periods best calendar would have cost less")
    'on the reported periods the fixed interval would have cost less'
    """
    return text.replace(BEST, f"the {SAID[BEST]}")


def style_of(audit: Audit, name: str) -> str:
    """Its colour, as a class of the style sheet."""
    if name == audit.decided_by:
        return "decider"
    if name == audit.benchmark:
        return "calendar"
    others = [one for one in audit.replays if one not in STYLES and one != audit.decided_by]
    return STYLES.get(name) or OTHERS[others.index(name) % len(OTHERS)]


def by_cost(audit: Audit) -> list[str]:
    """All policies, the cheapest first, and perfect hindsight, which nobody has, last."""
    total = {name: float(replay.objective.mean()) for name, replay in audit.replays.items()}
    return sorted(total, key=lambda name: (name == ORACLE, total[name]))


def main_ones(audit: Audit) -> list[str]:
    """Those that the page draws until the reader asks for others: today's, what decides, never, and hindsight."""
    rivals = [name for name in by_cost(audit) if name not in (ORACLE, "always") and name not in as_never(audit)]
    wanted = {audit.benchmark, audit.decided_by, "never", ORACLE, *rivals[:1]}
    return [name for name in audit.replays if name in wanted]


def as_never(audit: Audit) -> list[str]:
    """Policies that came to the same as never: they made no retrain."""
    return [
        name
        for name, replay in audit.replays.items()
        if name not in ("never", ORACLE, audit.benchmark, audit.decided_by) and int(replay.retrains.sum()) == 0
    ]
