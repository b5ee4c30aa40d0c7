"""Today's decisions of an audit: about what is in service, over which horizon, and what to bear in mind with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.auditing.belief import belief_ratio
from learning_debt.auditing.diagnosis import Diagnosis, diagnose
from learning_debt.auditing.diagnosis_sentences import BAD_LUCK, FIRST_FIT, STALE
from learning_debt.auditing.split_evaluation import ORACLE, YOURS, Trial
from learning_debt.data import SERIES, label_text, plain_labels
from learning_debt.policies.fixed import Schedule
from learning_debt.policies.recommended import Recommended
from learning_debt.pricing.decision import Decision, decide_all
from learning_debt.pricing.decision_sentences import period_count
from learning_debt.pricing.replays import replay
from learning_debt.representations import plain_number
from learning_debt.spells.schema import DEPLOYED_SCORE, TableFacts
from learning_debt.typing import Array

MOST_NAMED = 5
"""Series that a sentence names."""


class Today(NamedTuple):
    """What an audit says of today.

    Attributes
    ----------
    decisions : dict of label to Decision
        Of every series.
    diagnosis : Diagnosis or None
        Of a single series.
    horizon_from : str
        Where the horizon comes from, as a sentence.
    cautions : tuple of str
        What to bear in mind, a sentence each.
    """

    decisions: dict[Any, Decision]
    diagnosis: Diagnosis | None
    horizon_from: str
    cautions: tuple[str, ...]


def todays_decisions(
    table: xr.Dataset,
    trial: Trial,
    result: xr.Dataset,
    probability: float,
    deployed_at: int | None,
    others: Mapping[str, xr.Dataset],
) -> Today:
    """Decide about what every series has in service: `deployed_at`, or what the owner's own calendar left there.

    The horizon, until which a retrain would serve, is the mean spell of the owner's calendar; without one, of the
    policy that decides.

    Parameters
    ----------
    table : Dataset
        The whole spell table, checked.
    trial : Trial
    result : Dataset
        Of the audit.
    probability : float
    deployed_at : int, optional
        Of a table of one series.
    others : mapping of str to Dataset
        Tables of other update rules.
    """
    count = table.sizes[SERIES]
    served = _in_service(table, trial) if deployed_at is None else np.full(count, deployed_at)
    whose = YOURS if trial.owners is not None else trial.decided_by
    horizon = mean_spell(trial.replays[whose].schedule.values)
    policy = trial.tuned[trial.decided_by].policy
    decisions = decide_all(table, policy, trial.cost, deployed_at=served, horizon=horizon, probability=probability)
    diagnosis = None
    if count == 1 and "score_gap" in table:
        diagnosis = diagnose(table, forgetting=_forgetting(table, others), deployed_at=int(served[0]))
    horizon_from = (
        f"The horizon, {period_count(horizon)}, is how long {whose} leaves a model in service on average over the "
        "reported periods."
    )
    return Today(decisions, diagnosis, horizon_from, (*_cheapest(trial, result), *_cautions(table, trial, result)))


def mean_spell(schedule: Array) -> int:
    """Periods, at least one, that schedules of shape (series, period) leave a model in service on average."""
    return max(1, round(schedule.shape[1] / (schedule.sum(axis=1).mean().item() + 1)))


def told(today: Today) -> str:
    """Today's decision in words; of several series, how many say what."""
    decisions = today.decisions
    if len(decisions) == 1:
        (decision,) = decisions.values()
        parts = [f"{decision.reason}."]
    else:
        parts = [_of_several(decisions)]
    parts += [explained(today.diagnosis, decision.verdict)] if today.diagnosis else []
    return " ".join([*parts, today.horizon_from, *today.cautions])


def explained(diagnosis: Diagnosis, verdict: str) -> str:
    """The diagnosis beside a verdict that it does not by itself lead to."""
    if diagnosis.judged == FIRST_FIT:  # which is not what the verdict is about, and the sentence says so
        return diagnosis.sentence
    if verdict == "wait" and STALE in diagnosis.findings:
        return f"{diagnosis.sentence} So far that is worth less than a retrain costs."
    if verdict == "retrain" and diagnosis.findings in ((), (BAD_LUCK,)):
        return f"{diagnosis.sentence} The verdict does not rest on this spell's gaps alone, which prove nothing yet."
    return diagnosis.sentence


def _of_several(decisions: Mapping[Any, Decision]) -> str:
    counts = Counter(decision.verdict for decision in decisions.values())
    sentences = []
    for verdict in ("retrain", "wait", "cannot tell"):
        names = [label_text(name) for name, decision in decisions.items() if decision.verdict == verdict]
        if names:
            more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
            listed = "" if verdict == "wait" else f" ({', '.join(names[:MOST_NAMED])}{more})"
            sentences.append(f"{verdict} for {counts[verdict]}{listed}")
    opposed = sum(1 for decision in decisions.values() if decision.conflict)
    against = f" For {opposed} of them the chance that a retrain pays points the other way." if opposed else ""
    (policy,) = {
        "the recommended policy" if isinstance(decision.policy, Recommended) else str(decision.policy)
        for decision in decisions.values()
    }
    return f"of {len(decisions)} series {policy} says {', '.join(sentences)}.{against}"


def _in_service(table: xr.Dataset, trial: Trial) -> NDArray[np.int64]:
    """What the owner's calendar left in service: of dates on the whole table, else as it is billed, from the split."""
    if trial.owners is None:
        return np.zeros(table.sizes[SERIES], dtype=np.int64)
    if isinstance(trial.owners, Schedule):
        first, schedule = 0, replay(table, trial.owners, trial.cost).schedule.values
    else:
        first, schedule = trial.first, trial.replays[YOURS].schedule.values
    last = schedule.shape[1] - np.argmax(schedule[:, ::-1], axis=1)
    return first + np.where(schedule.any(axis=1), last, 0)


def _forgetting(table: xr.Dataset, others: Mapping[str, xr.Dataset]) -> xr.Dataset | None:
    """Of the tables of other rules the one that forgets most."""
    own = _held(table)
    held = {name: _held(other) for name, other in others.items()}
    if DEPLOYED_SCORE not in table or not held or min(held.values()) >= own:
        return None
    return others[min(held, key=lambda name: held[name])]


def _held(table: xr.Dataset) -> float:
    """Periods of data that the last shadow holds."""
    known = table.sizes["period"] + (table["earlier"].size if "earlier" in table.coords else 0)
    return float(TableFacts.from_table(table).update_rule.weights(np.arange(known)).sum())


def _cheapest(trial: Trial, result: xr.Dataset) -> list[str]:
    """Said where the policy that decides was not the cheapest on the reported periods."""
    rows = [name for name in plain_labels(result["policy"]) if name != ORACLE]
    total = {name: float(result["total"].sel(policy=name)) for name in rows}
    best = min(rows, key=lambda name: total[name])
    ours = total[trial.decided_by]
    if total[best] >= ours or np.isclose(total[best], ours, rtol=1e-9, atol=0):  # alike but for rounding
        return []
    learns = trial.tuned[trial.decided_by].policy.refits
    why = "it has the best record on many histories" if learns else "it did best beforehand"
    return [
        f"{trial.decided_by} decides since {why}; on the reported periods {best} would have cost "
        f"less, {plain_number(total[best])} {trial.cost.unit} against {plain_number(ours)}."
    ]


def _cautions(table: xr.Dataset, trial: Trial, result: xr.Dataset) -> list[str]:
    """Where the deployed model forecast better than the shadow more often than not, or beliefs are off."""
    said, better = [], float(result["frac_deployed_better"].sel(policy=trial.benchmark))
    if better > 0.5:
        said.append(
            f"In {better:.0%} of the reported periods what {trial.benchmark} had in service scored better than the "
            "shadow."
        )
    ratio = belief_ratio(table)
    if ratio is not None:
        said.append(
            f"Gaps came to {plain_number(ratio, 2)} times what the shadow expected: the expected regret is corrected "
            "by the history's own gaps, the shadow's own beliefs are not."
        )
    return said
