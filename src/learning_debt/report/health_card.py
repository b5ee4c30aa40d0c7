"""How far an audit can be trusted: checks, each with a grade and the number behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import xarray as xr

from learning_debt.auditing import Audit
from learning_debt.auditing.belief import REQUIRED, TOO_SHORT, belief_check
from learning_debt.auditing.chance_check import chances_of_past_retrains
from learning_debt.auditing.diagnosis_sentences import FIRST_FIT, MISSING_DRIFT, WRONG_MODEL
from learning_debt.auditing.split_evaluation import ORACLE
from learning_debt.plots.number_text import decimals_for, number, percent
from learning_debt.report.html_parts import counted
from learning_debt.report.policy_names import said
from learning_debt.representations import listed, plain_number
from learning_debt.spells.schema import ESTIMATED, reliable_of

PASS, REVIEW, FAIL, UNKNOWN = "PASS", "REVIEW", "FAIL", "NOT KNOWN"
GRADES = (FAIL, REVIEW, UNKNOWN, PASS)
"""From the worst on; what could not be checked is no pass."""
MOSTLY, HARDLY = 0.99, 0.9
"""Share of reliable cells for a pass, and below which a table fails."""
LONG, SHORT = 160, 60
"""Periods from which intervals of an audit hold nearly what they promise, and below which they hold half of it."""
FEWEST_RETRAINS = 3
"""Of perfect hindsight: below, too little has happened to tell policies apart."""
CHANCES_OFF = (0.1, 0.25)
FEWEST_STRETCHES = 5
"""Stretches of a horizon each, below which chances cannot be held against what came."""
COVERS = (0.8, 0.6)


class Check(NamedTuple):
    """One line of the card.

    Attributes
    ----------
    what : str
        What is checked.
    grade : str
    figure : str
        The number behind it.
    meaning : str
        What that says, and where it is no pass, what to do.
    """

    what: str
    grade: str
    figure: str
    meaning: str


def health_card(audit: Audit, comparison: xr.Dataset | None = None) -> list[Check]:
    """All checks of an audit, in the order of what rests on what.

    Parameters
    ----------
    audit : Audit
    comparison : Dataset (signal), optional
        From `compare_tables`, of a twin whose exact values are known.
    """
    table = audit.all_spells
    return [
        sampler_check(table),
        reliability_check(table),
        agreement_check(table, comparison),
        gains_check(table),
        chances_check(audit, table),
        length_check(audit, table),
        choice_check(audit),
        *diagnosis_check(audit),
    ]


def worst(checks: list[Check]) -> str:
    """The worst grade of the card; a pass where there is none.

    Examples
    --------
    >>> worst([Check("a", "PASS", "", ""), Check("b", "REVIEW", "", "")])
    'REVIEW'
    """
    return next((grade for grade in GRADES if any(check.grade == grade for check in checks)), PASS)


def sampler_check(table: xr.Dataset) -> Check:
    """Whether the fits behind the table can be believed."""
    what = "Sampler"
    if "rung" in table and bool((table["rung"] == "exact").all()):
        return Check(what, PASS, "exact", "Posteriors are exact: nothing was sampled.")
    if "converged" not in table:
        return Check(what, UNKNOWN, "–", "The table does not say whether its fits converged.")
    failed, count = int((~table["converged"]).sum()), table["converged"].size
    tails = table["pareto_k"].values[np.isfinite(table["pareto_k"].values)] if "pareto_k" in table else np.zeros(0)
    tail = f", worst Pareto k {tails.max():.2f}" if tails.size else ""
    figure = f"{failed} of {count:,} failed{tail}"
    if not failed:
        return Check(what, PASS, figure, "R-hat, effective draws, divergences and weights are all as they should be.")
    grade = REVIEW if failed <= 0.05 * count else FAIL
    return Check(what, grade, figure, "Draw more or mend the model: what rests on these posteriors cannot be believed.")


def reliability_check(table: xr.Dataset) -> Check:
    """The share of the table's estimates that passed their own checks, of the signal that has least."""
    what, present = "Reliable estimates", np.isfinite(table["regret"].values)
    shares = {
        name: float(table[reliable_of(name)].values[present].mean())
        for name in ESTIMATED
        if reliable_of(name) in table and present.any()
    }
    if not shares:
        return Check(what, PASS, "100% of cells", "No estimate of the table is in doubt.")
    name = min(shares, key=lambda one: shares[one])
    grade = PASS if shares[name] >= MOSTLY else REVIEW if shares[name] >= HARDLY else FAIL
    meaning = (
        "Nearly all estimates passed their own checks."
        if grade == PASS
        else "Draw more; the notes say what is in doubt."
    )
    return Check(what, grade, f"{_floored(shares[name])} of cells ({name.replace('_', ' ')})", meaning)


def agreement_check(table: xr.Dataset, comparison: xr.Dataset | None) -> Check:
    """How often intervals of sampled signals held the exact value, of a twin where it is known."""
    what = "Sampled against exact"
    if comparison is None or "coverage" not in comparison:
        if "rung" in table and bool((table["rung"] == "exact").all()):
            return Check(what, PASS, "exact", "There is nothing sampled to hold against exact values.")
        return Check(
            what, UNKNOWN, "no twin", "Give the model file build_twin and twin_prior, and this is checked as well."
        )
    probability = float(comparison.attrs.get("probability", 0.9))
    held = {str(one): float(comparison["coverage"].sel(signal=one)) for one in comparison["signal"].values}
    held = {name: value for name, value in held.items() if np.isfinite(value)}
    if not held:
        return Check(what, UNKNOWN, "–", "No sampled value of the twin passed its own checks.")
    name = min(held, key=lambda one: held[one])
    near = [value - (1 - probability) for value in COVERS] if probability < 0.9 else list(COVERS)
    grade = PASS if held[name] >= near[0] else REVIEW if held[name] >= near[1] else FAIL
    return Check(
        what,
        grade,
        f"{held[name]:.0%} ({name.replace('_', ' ')})",
        f"So many of the {probability:.0%} intervals of a twin's sampled values hold the exact one; the least of its "
        "signals is shown.",
    )


def gains_check(table: xr.Dataset) -> Check:
    """Whether gaps came as the model expected them."""
    what = "Gains as the model expected"
    if any(name not in table for name in REQUIRED):
        return Check(what, UNKNOWN, "–", "The table lacks predictive debt or gap_sd, which say what was expected.")
    found = belief_check(table).isel(deployed_at=0)
    verdicts, z = found["verdict"].values, found["z"].values
    if (verdicts == TOO_SHORT).all():
        return Check(what, UNKNOWN, "–", "Too few periods to hold gains against expectations.")
    place, off = int(np.nanargmax(np.abs(z))), int(found["flag"].sum())
    worst_z, series = float(z[place]), z.size
    figure = f"z = {number(worst_z, 1)}" if series == 1 else f"{off} of {series} series off"
    allowed = max(0.05 * series, 1) if series > 1 else 0
    if off <= allowed:
        return Check(what, PASS, figure, "What forecasts gained agrees with what the model itself expected.")
    which = "less" if worst_z < 0 else "more"
    todo = (
        "it sees debt where there is none: look at tails, variances and structure"
        if worst_z < 0
        else "the world moves faster than the shadow follows, or the model is wrong"
    )
    return Check(what, REVIEW, figure, f"Forecasts gained {which} than the model expected; {todo}.")


def chances_check(audit: Audit, table: xr.Dataset) -> Check:
    """Whether chances that were said, had they been said in every past period, came true in that share."""
    what = "Chances that were said"
    decisions = list(audit.decisions.values())
    horizon = decisions[0].horizon if decisions else 1
    if table.sizes["period"] < horizon + 20:
        return Check(what, UNKNOWN, "–", "Too few periods to hold chances against what came.")
    found = chances_of_past_retrains(table, audit.cost, horizon)
    stretches = np.unique(found["period"].values // max(horizon, 1)).size
    if found["said"].size == 0 or stretches < FEWEST_STRETCHES:
        return Check(what, UNKNOWN, "–", "Too few outcomes to hold chances against what came.")
    told, came = float(found["said"].mean()), float(found["paid"].mean())
    off = abs(told - came)
    grade = PASS if off <= CHANCES_OFF[0] else REVIEW if off <= CHANCES_OFF[1] else FAIL
    meaning = (
        f"Had a chance been said for {found['said'].size:,} retrains of the past, {percent(came)} would have paid, "
        f"where {percent(told)} was said on average."
    )
    return Check(what, grade, f"{percent(told)} said, {percent(came)} paid", meaning)


def length_check(audit: Audit, table: xr.Dataset) -> Check:
    """Whether enough happened to tell policies apart."""
    periods, wanted = table.sizes["period"], float(audit.table["retrains"].sel(policy=ORACLE))
    figure = f"{counted(periods, 'period')}; hindsight retrains {plain_number(wanted)} times"
    if periods < SHORT:
        return Check("Enough history", FAIL, figure, "So short a history hardly tells policies apart; add more of it.")
    if periods < LONG or wanted < FEWEST_RETRAINS:
        return Check(
            "Enough history", REVIEW, figure,
            "Enough to compare policies roughly: intervals are narrower than they say, since few shifts fall into it.",
        )  # fmt: skip
    return Check("Enough history", PASS, figure, "Long enough, and enough has happened in it.")


def choice_check(audit: Audit) -> Check:
    """Whether this history tells the policy that decides from today's calendar."""
    what, ours = "Choice of policy", audit.decided_by
    if ours == audit.benchmark:
        return Check(what, PASS, "as today", "What decides is what you do today.")
    row = audit.table.sel(policy=ours)
    low, high, share = float(row["difference_low"]), float(row["difference_high"]), f"{audit.probability:.0%}"
    against = "your calendar" if audit.benchmark == "your calendar" else f"the {said(audit.benchmark)}"
    places = decimals_for([low, high])
    figure = f"{number(float(row['difference']), places, sign=True)} {audit.cost.unit} ({number(low, places)} to "
    figure += f"{number(high, places)})"
    grade, verdict = next(
        (grade, words)
        for is_so, grade, words in (
            (high < 0, PASS, f"“{said(ours)}” was cheaper than {against} on this history"),
            (low > 0, FAIL, f"“{said(ours)}” was dearer than {against} on this history: look before you follow it"),
            (True, REVIEW, f"This history cannot say whether “{said(ours)}” or {against} is cheaper"),
        )
        if is_so
    )
    return Check(what, grade, figure, f"{verdict} ({share} interval).")


def diagnosis_check(audit: Audit) -> list[Check]:
    """What the gaps of the present spell speak for, or of one too short, those of the first fit; of a single series."""
    found = audit.diagnosis
    if found is None:
        return []
    fine = not set(found.findings) & {MISSING_DRIFT, WRONG_MODEL}
    figure = listed(list(found.findings)) or "nothing to explain"
    what = "the first fit" if found.judged == FIRST_FIT else "this spell"
    return [Check(f"Diagnosis of {what}", PASS if fine else REVIEW, figure, found.sentence)]


def _floored(share: float) -> str:
    """A share that is 100% only where it is."""
    rounded: Callable[[float], str] = "{:.1%}".format
    return rounded(min(share, 0.999)) if share < 1 else "100%"
