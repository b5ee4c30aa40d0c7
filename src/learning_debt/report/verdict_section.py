"""The top of the page: today's verdict, what it rests on, and what the gaps of the present spell speak for."""

from __future__ import annotations

import numpy as np

from learning_debt.auditing import Audit
from learning_debt.data import label_text
from learning_debt.estimate import Estimate
from learning_debt.plots.number_text import NONE, number
from learning_debt.pricing.decision import Decision
from learning_debt.pricing.decision_sentences import share
from learning_debt.report.template import escape

HEADLINES = {"retrain": "Retrain now.", "wait": "Wait.", "cannot tell": "Cannot tell yet; until then, wait."}


def verdict_box(audit: Audit) -> str:
    """Today's verdict with what it rests on, and whether the policy behind it can be told from its rivals."""
    distinction = audit.distinction
    sure = f'<p class="reason"><b>Choice of policy:</b> {escape(distinction)}</p>' if distinction else ""
    if len(audit.decisions) != 1:
        return (
            '<section class="verdict"><p class="headline">Today, of every series.</p>'
            f'<p class="reason">{escape(_sentence(audit.today))}</p>{_of_series(audit)}{sure}</section>'
        )
    decision = audit.decision
    cells = "".join(
        f'<div class="fact"><span class="what">{what}</span><span class="value">{value}</span>'
        f'<span class="detail">{detail}</span></div>'
        for what, value, detail in _facts(audit, decision)
    )
    return (
        f'<section class="verdict {decision.verdict.replace(" ", "-")}">'
        f'<p class="headline"><span class="today">Today ({escape(label_text(decision.label))}):</span> '
        f"{HEADLINES[decision.verdict]}</p>"
        f'<div class="facts">{cells}</div><p class="reason">{escape(_sentence(audit.today))}</p>{sure}</section>'
    )


def _facts(audit: Audit, decision: Decision) -> list[tuple[str, str, str]]:
    """What the verdict rests on: a name, a value and a detail each."""
    unit = escape(decision.unit)
    horizon = f"over the next {decision.horizon} period{'s' if decision.horizon != 1 else ''}"
    break_even = decision.break_even_cost
    made_of = f"today: {escape(str(audit.cost))}" if audit.cost.proportional else "as you set it"
    age = f"in {decision.spell_age} period{'s' if decision.spell_age != 1 else ''}, against the shadow"
    facts = [
        ("A retrain is expected to avoid", _estimate(decision.expected_regret, unit), horizon),
        ("A retrain costs", f"{number(decision.cost)} {unit}", made_of),
        ("Chance that a retrain pays", _chance(decision.probability), horizon),
        ("This spell has cost so far", _estimate(decision.realised_regret, unit), age),
        (
            "The verdict flips at a cost of",
            f"{number(break_even)} {unit}" if np.isfinite(break_even) else NONE,
            "" if np.isfinite(break_even) else "this policy does not look at the cost",
        ),
    ]
    if audit.diagnosis is not None:
        findings = " and ".join(audit.diagnosis.findings) or "nothing to explain"
        cause = f"it has {audit.diagnosis.cause}" if audit.diagnosis.cause else ""
        facts.append(("The spell's gaps speak for", escape(findings), cause))
    return facts


def _estimate(estimate: Estimate, unit: str) -> str:
    if not np.isfinite(estimate.value):
        return NONE
    error = f" ± {number(estimate.standard_error)}" if estimate.standard_error > 0 else ""
    doubt = "" if estimate.reliable else f" (not reliable{': ' if estimate.note else ''}{escape(estimate.note)})"
    return f"{number(estimate.value)}{error} {unit}{doubt}"


def _chance(probability: float) -> str:
    return escape(share(probability)) if np.isfinite(probability) else NONE


def _of_series(audit: Audit) -> str:
    """A row a series: those that say retrain first, then by chance."""
    order = {"retrain": 0, "cannot tell": 1, "wait": 2}
    rows = sorted(audit.decisions.items(), key=lambda row: (order[row[1].verdict], -np.nan_to_num(row[1].probability)))
    unit = escape(audit.cost.unit)
    heads = ("series", "verdict", "chance that a retrain pays", f"expected to avoid ({unit})", f"spell so far ({unit})")
    body = "".join(
        f'<tr><td class="left">{escape(label_text(name))}</td><td class="left">{one.verdict}</td>'
        f"<td>{_chance(one.probability)}</td><td>{number(one.expected_regret.value)}</td>"
        f"<td>{number(one.realised_regret.value)}</td></tr>"
        for name, one in rows
    )
    head = "".join(f'<th class="{"left" if place < 2 else ""}">{text}</th>' for place, text in enumerate(heads))
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
