"""The first screen: today's verdict in words that can be read out, and the numbers it rests on."""

from __future__ import annotations

import numpy as np

from learning_debt.auditing import Audit
from learning_debt.auditing.diagnosis import Diagnosis
from learning_debt.auditing.diagnosis_sentences import FIRST_FIT, WRONG_MODEL
from learning_debt.data import label_text
from learning_debt.estimate import Estimate
from learning_debt.plots.literal_text import labels_of
from learning_debt.plots.number_text import NONE, as_given, decimals_for, number
from learning_debt.pricing.decision import Decision
from learning_debt.pricing.decision_sentences import asks_otherwise, share
from learning_debt.report.health_card import Check, worst
from learning_debt.report.html_parts import (
    LONGEST_TEXT,
    Head,
    counted,
    escape,
    name_of,
    opened,
    sentence,
    shortened,
    table,
)
from learning_debt.report.policy_names import said
from learning_debt.representations import listed

HEADLINES = {"retrain": "Retrain now", "wait": "Wait", "cannot tell": "Cannot tell yet; until then, wait"}
IN_WORDS = {WRONG_MODEL: "a model that may not fit"}
"""What an owner reads in place of a finding whose name sounds like a verdict on today's forecasts."""
ORDER = {"retrain": 0, "cannot tell": 1, "wait": 2}


def verdict_section(audit: Audit, checks: list[Check]) -> str:
    """Today's verdict, what it rests on, and how far it can be trusted."""
    if len(audit.decisions) != 1:
        counts = {verdict: sum(one.verdict == verdict for one in audit.decisions.values()) for verdict in ORDER}
        parts = [f"{verdict} for {count}" for verdict, count in counts.items() if count]
        return (
            '<section class="verdict several" id="verdict" aria-labelledby="headline">'
            f'<h2 class="headline" id="headline">Today: {listed(parts)}</h2>'
            f'<p class="boss">{escape(_of_all(audit, counts))}</p>{_of_series(audit)}{_rests(audit, checks)}'
            f"{_reasoning(audit)}</section>"
        )
    decision = audit.decision
    facts = "".join(
        f"<div><dt>{what}</dt><dd><b>{value}</b><span>{detail}</span></dd></div>"
        for what, value, detail in _facts(audit, decision)
    )
    conflict = f'<p class="conflict">{escape(sentence(decision.conflict))}</p>' if decision.conflict else ""
    return (
        f'<section class="verdict {decision.verdict.replace(" ", "-")}" id="verdict" aria-labelledby="headline">'
        f'<h2 class="headline" id="headline"><span>Today ({name_of(label_text(decision.label), 24)}):</span> '
        f"{HEADLINES[decision.verdict]}.</h2>"
        f'<p class="boss">{escape(boss_sentence(decision))}</p>{conflict}'
        f'<dl class="facts">{facts}</dl>{_rests(audit, checks)}'
        f"{_reasoning(audit)}</section>"
    )


def _reasoning(audit: Audit) -> str:
    """All that is said of today."""
    said_of_today = shortened(sentence(audit.today), LONGEST_TEXT)
    return opened("The whole reasoning", f"<p>{escape(said_of_today)}</p>")


def boss_sentence(decision: Decision) -> str:
    """The verdict as an owner can read it out: what a retrain costs and saves, the chance, and the break-even.

    Examples
    --------
    >>> import xarray as xr, learning_debt as ld
    >>> spells = xr.Dataset({"score_gap": (("deployed_at", "period"), [[0.0, 0.3], [float("nan"), 0.0]])})
    >>> boss_sentence(ld.decide(spells, ld.policies.CUSUM(0.2), 0.1, horizon=10))[:40]
    'We should retrain now. A retrain costs 0'
    """
    unit, horizon = decision.unit, counted(decision.horizon, "period")
    does = {
        "retrain": "We should retrain now.",
        "wait": "We can wait.",
        "cannot tell": "The numbers do not settle it yet, so we wait.",
    }[decision.verdict]
    cost, expected = f"{as_given(decision.cost)} {unit}", decision.expected_regret
    if not np.isfinite(expected.value):
        return f"{does} A retrain costs {cost}; what it would save cannot be told from this history."
    saves = "save" if expected.value >= 0 else "lose"
    told = f"{does} A retrain costs {cost} and is expected to {saves} {number(abs(expected.value))} {unit} over the "
    told += f"next {horizon}"
    if np.isfinite(decision.probability):
        told += f"; the chance that it pays for itself is {share(decision.probability)}"
    return f"{told}.{_break_even(decision)}"


def _break_even(decision: Decision) -> str:
    flips = decision.break_even_cost
    if not np.isfinite(flips):
        return ""
    other = "we would wait" if decision.verdict == "retrain" else "we would retrain"
    where = "more" if flips >= decision.cost else "less"
    asks = asks_otherwise(decision)
    why = f" That is {asks}: the policy goes by the costs of whole schedules, not by this one forecast." if asks else ""
    return f" If this one retrain cost {where} than {number(flips)} {decision.unit}, {other}.{why}"


def _rests(audit: Audit, checks: list[Check]) -> str:
    """What the verdict rests on, what the policy behind it has shown, and how healthy the evidence is."""
    labels = [shortened(text, 24) for text in labels_of(audit.spells["label"]).texts]
    total, unit = audit.table["total"], audit.cost.unit
    mine, ours = (float(total.sel(policy=name)) for name in (audit.benchmark, audit.decided_by))
    rests = (
        f"This rests on {counted(audit.all_spells.sizes['period'], 'period')} of your own history. On the last "
        f"{len(labels)} of them ({labels[0]} to {labels[-1]}), {_whose(audit)} {number(mine)} {unit}"
    )
    if audit.decided_by != audit.benchmark:
        rests += f"; the policy that decides here, “{said(audit.decided_by)}”, would have cost {number(ours)}"
    grade, count = worst(checks), len(checks)
    passed = sum(check.grade == "PASS" for check in checks)
    health = f'<a href="#sure">{passed} of {count} health checks pass</a>' if count else ""
    careful = {"FAIL": "; some fail, so read the verdict with care", "REVIEW": "; the others deserve a look"}.get(
        grade, ""
    )
    priced = (
        ""
        if audit.cost.in_money
        else (
            f" No price is known, so figures are in {audit.cost.unit}: say what a nat or a worse forecast is worth, "
            "and this page speaks of money."
        )
    )
    return f'<p class="rests">{escape(rests)}. {health}{careful}.{escape(priced)}</p>'


def _whose(audit: Audit) -> str:
    if audit.benchmark == "your calendar":
        return "your calendar cost"
    return f"the {said(audit.benchmark)} would have cost"


def _facts(audit: Audit, decision: Decision) -> list[tuple[str, str, str]]:
    """What the verdict rests on: a name, a value and a detail each."""
    unit = name_of(decision.unit, 12)
    horizon = f"over the next {counted(decision.horizon, 'period')}"
    break_even, chance = decision.break_even_cost, decision.probability
    made_of = f"today: {escape(audit.cost)}" if audit.cost.proportional else "as you set it"
    facts = [
        ("A retrain is expected to avoid", _estimate(decision.expected_regret, unit), horizon),
        ("A retrain costs", f"{as_given(decision.cost)} {unit}", made_of),
        ("Chance that a retrain pays", escape(share(chance)) if np.isfinite(chance) else NONE, horizon),
        (
            "This spell has cost so far",
            _estimate(decision.realised_regret, unit),
            f"in {counted(decision.spell_age, 'period')}, against a model kept up to date",
        ),
        (
            "The verdict flips at a cost of",
            f"{number(break_even)} {unit}" if np.isfinite(break_even) else NONE,
            "for this one retrain, with what the policy has learnt at today’s cost"
            if np.isfinite(break_even)
            else "at no cost does this policy, as it stands, say otherwise",
        ),
    ]
    if audit.diagnosis is not None:
        facts.append(_diagnosed(audit.diagnosis))
    return facts


def _diagnosed(diagnosis: Diagnosis) -> tuple[str, str, str]:
    """What the gaps speak for, and of what: of a spell too short to say it is the first fit."""
    found = diagnosis.findings
    findings = " and ".join(IN_WORDS.get(one, one) for one in found) or "nothing to explain"
    cause = f"it has {diagnosis.cause}" if diagnosis.cause else "what the forecasts of this spell show"
    if diagnosis.judged == FIRST_FIT:
        cause = "over the whole history; this spell is too short to say"
    if found == (WRONG_MODEL,):
        cause = "of which a retrain of the same model mends little"
    return f"The {diagnosis.judged}’s gaps speak for", escape(findings), cause


def _estimate(estimate: Estimate, unit: str) -> str:
    if not np.isfinite(estimate.value):
        return NONE
    places = decimals_for([estimate.value])
    error = f" ± {number(estimate.standard_error, places)}" if estimate.standard_error > 0 else ""
    doubt = "" if estimate.reliable else f" (not reliable{': ' if estimate.note else ''}{escape(estimate.note)})"
    return f"{number(estimate.value)}{error} {unit}{doubt}"


def _of_all(audit: Audit, counts: dict[str, int]) -> str:
    unit, saved = audit.cost.unit, [one.expected_regret.value for one in audit.decisions.values()]
    known = [value for value in saved if np.isfinite(value)]
    names = [label_text(name) for name, one in audit.decisions.items() if one.verdict == "retrain"]
    some = f", such as {listed([name[:40] for name in names[:3]])}" if names else ""
    told = f"Of {len(audit.decisions)} series, {counts['retrain']} should be retrained now{some}."
    if known:
        which = "all of them" if len(known) == len(saved) else f"the {len(known)} of which that is known"
        told += f" Retrains of {which} are expected to avoid {number(sum(known))} {unit} in all."
    return told


def _of_series(audit: Audit) -> str:
    """A row a series: those that say retrain first, then by chance."""
    rows = sorted(audit.decisions.items(), key=lambda row: (ORDER[row[1].verdict], -np.nan_to_num(row[1].probability)))
    unit = audit.cost.unit[:12]
    heads = [
        Head("series", words=True),
        Head("verdict", words=True),
        Head("chance that a retrain pays"),
        Head("expected to avoid", unit),
        Head("spell so far", unit),
    ]
    cells = [
        [
            name_of(label_text(name)),
            one.verdict,
            escape(share(one.probability)) if np.isfinite(one.probability) else NONE,
            number(one.expected_regret.value),
            number(one.realised_regret.value),
        ]
        for name, one in rows
    ]
    return table("Today's verdict of every series", heads, cells)
