"""What a ledger says, for people and programs: the present state, all decisions, and one of them in words."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from learning_debt.data import as_labels, label_text
from learning_debt.monitor.decision_records import NAN, QUERY, RecordedDecision, plain_label
from learning_debt.monitor.kept_labels import stored_of
from learning_debt.monitor.ledger import Ledger, opened
from learning_debt.monitor.live_session import rollback_numbers
from learning_debt.monitor.recalled_cells import RECALLED
from learning_debt.monitor.standing import Standing, decision_of, labels_by_number, last_decision, retrains_of
from learning_debt.monitor.state_folder import StateFolder
from learning_debt.representations import Part, Sentence, plain_number, verdict_part
from learning_debt.spells.schema import se_of

DEPLOYING = ("redeploy", "rollback")
ANSWERS = (*DEPLOYING, "decline")


def status_of(ledger: Ledger, path: Path) -> dict[str, Any]:
    """As `Monitor.status` gives it."""
    standing, decision, head = Standing.of(ledger), last_decision(ledger), ledger.head
    assert head is not None
    told = _nothing_yet(ledger, standing) if decision is None else decision.as_dict()
    served = plain_label(standing.label(ledger, standing.in_service))
    told["answer"] = _answer(ledger, decision)
    if told["answer"] in DEPLOYING:
        told |= {"verdict": "wait", "reason": _since(served)}
    return told | {
        "series": standing.name(path),
        "retrains": retrains_of(ledger),
        "in_service": served,
        "last_label": plain_label(standing.label(ledger, standing.last)),
        "retained": [plain_label(standing.label(ledger, number)) for number in standing.stored],
        "rollback_to": [plain_label(standing.label(ledger, number)) for number in rollback_numbers(standing)],
        "head": head["receipt"],
    }


def _answer(ledger: Ledger, decision: RecordedDecision | None) -> str:
    """What the owner has done about the last decision; empty where that is nothing."""
    answer = ledger.first(
        f"SELECT kind FROM entries WHERE kind IN {ANSWERS} AND period = ? AND number > 0 ORDER BY number DESC",
        0 if decision is None else decision.period,
    )
    return "" if answer is None else str(answer["kind"])


def _since(served: Any) -> str:
    return f"what was trained after {served} serves since then, and no outcomes have come in since"


def _nothing_yet(ledger: Ledger, standing: Standing) -> dict[str, Any]:
    told: dict[str, Any] = {field.name: NAN for field in fields(RecordedDecision)}
    label = plain_label(standing.label(ledger, standing.last))
    return told | {
        "period": 0, "label": label, "deployed_label": label, "verdict": "wait", "spell_age": 0,
        "reason": "nothing has been observed yet", "doubts": [], "unit": "", "conflict": "", "horizon": 0,
        "receipt": standing.receipt, "recalled_periods": 0,
        "regret_so_far": 0.0, "realised_regret": 0.0, "realised_regret_se": 0.0,
    }  # fmt: skip


def standing_parts(folder: StateFolder) -> list[Part]:
    """Where a monitor stands, for whoever looks at it; a folder that cannot be read says so, and raises nothing."""
    try:
        with opened(folder.ledger) as ledger:
            status = status_of(ledger, folder.path)
    except (OSError, ValueError) as error:
        return [Sentence(f"cannot be read: {error}", lead=f"Monitor in {folder.path}:")]
    done = f", and the owner's answer was {status['answer']}" if status["answer"] else ""
    decided = verdict_part(str(status["label"]), status["verdict"], status["reason"])
    return [decided, Sentence(f"What serves was trained after {status['in_service']}{done}; folder {folder.path}.")]


def history_of(ledger: Ledger) -> xr.Dataset:
    """As `Monitor.history` gives it."""
    rows = ledger.all(f"{QUERY} ORDER BY d.period")
    decisions = [RecordedDecision.from_row(row) for row in rows]
    found = {}
    for field in fields(RecordedDecision):
        if field.name in ("period", "label", "deployed_label", "doubts"):
            continue
        found[field.name] = ("period", np.array([getattr(decision, field.name) for decision in decisions]))
    found["doubts"] = ("period", np.array([" ".join(d.name for d in one.doubts) for one in decisions], dtype=np.str_))
    labels, kind = stored_of([row["label_text"] for row in rows])
    trained, _ = stored_of([row["deployed_label_text"] for row in rows])
    coords = {"period": [decision.period for decision in decisions], "label": ("period", labels, kind)}
    answered = _answer(ledger, decisions[-1] if decisions else None) in DEPLOYING
    standing = Standing.of(ledger)
    since = _since(label_text(standing.label(ledger, standing.in_service))) if answered else ""
    return xr.Dataset(
        found, coords | {"deployed_label": ("period", trained, kind)}, {"since": since, "retrains": retrains_of(ledger)}
    )


def gaps_of(ledger: Ledger) -> xr.DataArray:
    """As `Monitor.score_gaps` gives it."""
    rows = ledger.all("SELECT number, label FROM periods ORDER BY number")
    numbers = [row["number"] for row in rows]
    place = {number: at for at, number in enumerate(numbers)}
    gaps = np.full((len(rows), len(rows)), np.nan)
    for row in ledger.all("SELECT deployed_at, period, score_gap FROM signals WHERE score_gap IS NOT NULL"):
        gaps[place[row["deployed_at"]], place[row["period"]]] = row["score_gap"]
    values, kind = stored_of([row["label"] for row in rows])
    coords = {"deployed_at": numbers, "period": numbers}
    of_labels = {"deployed_label": ("deployed_at", values, kind), "label": ("period", values, kind)}
    return xr.DataArray(gaps, coords | of_labels, ("deployed_at", "period"), "score_gap").isel(period=slice(1, None))


def explained(ledger: Ledger, period: Any = None) -> str:
    """As `Monitor.explain` gives it."""
    decision = last_decision(ledger) if period is None else decision_of(ledger, number_of(ledger, period))
    if decision is None:
        return "Nothing has been observed yet."
    unit = decision.unit
    told = [f"{label_text(decision.label)}: {decision.reason}."]
    told += [f"{decision.conflict}."] if decision.conflict and decision.conflict not in decision.reason else []
    told.append(f"In its {decision.spell_age} period(s) what serves has {_against_the_shadow(decision)}.")
    for name, what, of in (
        ("debt", "Posterior debt", "nats"),
        ("predictive_debt", "Predictive debt", "per row"),
        ("score_gap", "The score gap of the period", "per row"),
    ):
        if np.isfinite(getattr(decision, name)):
            told.append(f"{what}: {_with_error(decision, name)} {of}.")
    if np.isfinite(decision.break_even_cost):
        told.append(f"The verdict would be another one at a cost of {plain_number(decision.break_even_cost)} {unit}.")
    if decision.recalled_share < 1 or decision.recalled_periods == RECALLED:
        told.append(
            "What is expected, its chance and what the policy has learned rest on the last "
            f"{decision.recalled_periods} period(s); of all pairs of a posterior and a period in them "
            f"{_share(decision.recalled_share)} are kept."
        )
    told += [f"In doubt: {doubt.text()}." for doubt in decision.doubts]
    told.append(f"Receipt {decision.receipt[:16]}.")
    return "\n".join(told)


def _share(share: float) -> str:
    return "all" if share == 1 else f"{100 * share:.2g}%"


def _against_the_shadow(decision: RecordedDecision) -> str:
    size = _with_error(replace(decision, realised_regret=abs(decision.realised_regret)), "realised_regret")
    if decision.realised_regret < 0:
        return f"done better than the shadow would have, by {size} {decision.unit}"
    return f"cost {size} {decision.unit} more than the shadow would have"


def _with_error(decision: RecordedDecision, name: str) -> str:
    value, error = getattr(decision, name), getattr(decision, se_of(name))
    return f"{plain_number(value)} ± {plain_number(error, 1)}" if error > 0 else plain_number(value)


def number_of(ledger: Ledger, period: Any) -> int:
    """Number of the period with a label, in which a decision was made."""
    numbers, labels = labels_by_number(ledger)
    found = int(as_labels([period], "period").positions(labels)[0])
    if found < 1:
        raise ValueError(
            f"period: no decision was made in {label_text(period)}; they run from "
            f"{labels.texts[min(1, len(labels) - 1)]} to {labels.texts[-1]}"
        )
    return numbers[found]
