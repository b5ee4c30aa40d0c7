"""What the reader of an audit must know."""

from __future__ import annotations

from collections import Counter

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.auditing.belief import belief_notes
from learning_debt.auditing.split_evaluation import ORACLE, Trial
from learning_debt.data import absent_labels, restored_labels
from learning_debt.pricing.today import KEPT_BY_WEIGHTS
from learning_debt.spells.doubt_codes import decoded
from learning_debt.spells.schema import ALL_DATA, ARRIVED_GAP, ESTIMATED, TableFacts, doubt_of, reliable_of

LEAST_SHARE = 0.001
"""Share of the cells that is said as a share; a smaller one is counted."""


def audit_notes(table: xr.Dataset, result: xr.Dataset, trial: Trial) -> tuple[str, ...]:
    """Notes on the split, on what the intervals tell, on tuning, on the shadow and on what it believes.

    Parameters
    ----------
    table : Dataset
        The whole spell table, checked.
    result : Dataset
        Of the audit.
    trial : Trial
    """
    notes = _on_the_split(table, result, trial)
    for name, tuned in trial.tuned.items():
        row = trial.rows[name]
        at_the_end = len(row) > 2 and tuned.index in (0, len(row) - 1)
        if at_the_end and float(tuned.table["retrains"][tuned.index]) > 0:  # what never retrains cannot retrain less
            notes.append(f"{name} was tuned to the end of its grid ({tuned.policy}); the best value may lie beyond.")
    return (*notes, *_on_absent_periods(table), *_on_estimates(table), *upkeep_notes(table), *belief_notes(table))


def _on_the_split(table: xr.Dataset, result: xr.Dataset, trial: Trial) -> list[str]:
    labels, periods = restored_labels(table["label"].values, table["label"].attrs).texts, table.sizes["period"]
    facts, first, tuned_on = TableFacts.from_table(table), trial.first, trial.tuning.sizes["period"]
    notes = [
        f"Tuned on {tuned_on} periods ({labels[0]} to {labels[tuned_on - 1]}), reported on the {periods - first} that "
        f"follow ({labels[first]} to {labels[-1]}). Debt by age and any score unit are calibrated on the tuning part, "
        "as if nothing had shifted in it."
    ]
    if tuned_on < first:
        notes.append(
            f"Forecasts are {facts.horizon} periods ahead: those issued in the last {first - tuned_on} "
            f"period{'s' if first - tuned_on > 1 else ''} before the reported part had no outcomes yet when policies "
            "were tuned, and are in neither part."
        )
    benchmark, probability = trial.benchmark, float(result.attrs["probability"])
    rivals = result.sel(policy=[name for name in trial.tuned if name != benchmark])
    if not bool(((rivals["difference_high"] < 0) | (rivals["difference_low"] > 0)).any()):
        notes.append(
            f"This history is too short to tell any policy from {benchmark}: "
            f"every {probability:.0%} interval holds zero."
        )
    attainable = result["total"].sel(policy=[name for name in result["policy"].values if name != ORACLE])
    if bool((attainable < 0).any()) and result.attrs["accounting"] == "signed":
        which = "which never forgets" if facts.update_rule == ALL_DATA else str(facts.update_rule)
        notes.append(
            f"A negative bill means that a frozen model beat the shadow: the update rule, {which}, is at fault there, "
            "not the calendar."
        )
    return notes


def _on_absent_periods(table: xr.Dataset) -> list[str]:
    """Labels that are evenly spaced but for some that are not there."""
    count, after = absent_labels(restored_labels(table["label"].values, table["label"].attrs))
    if not count:
        return []
    what = "1 period seems" if count == 1 else f"{count} periods seem"
    return [
        f"{what} to be absent, the first after {after}: labels are evenly spaced but for that. Calendars and ages "
        "count the periods that are there."
    ]


def _on_estimates(table: xr.Dataset) -> list[str]:
    """Signals that are not reliable in some cells, and shadows that cannot be believed."""
    notes = []
    present = np.isfinite(table["regret"].values)
    for name in (*ESTIMATED, ARRIVED_GAP):
        if reliable_of(name) in table:
            doubtful = present & ~table[reliable_of(name)].values
            if doubtful.any():
                share = doubtful.sum() / present.sum()
                few = f"{doubtful.sum()} of {present.sum():,}" if share < LEAST_SHARE else f"{share:.1%} of the"
                which = f"{few} cells of {name.replace('_', ' ')}"
                notes.append(f"{which} are not reliable{_why(table, name, doubtful)}.")
    if "converged" in table and not bool(table["converged"].all()):
        weighed = "rung" in table and bool(np.isin(table["rung"].values, KEPT_BY_WEIGHTS).any())
        what = "shadows failed the diagnostics of sampler or weights" if weighed else "shadow fits failed the sampler's"
        failed = f"{int((~table['converged']).sum())} of {table['converged'].size} {what}"
        notes.append(failed + ("" if weighed else " diagnostics") + f"{_last_doubt(table)}.")
    return notes


def _why(table: xr.Dataset, name: str, doubtful: NDArray[np.bool_]) -> str:
    """What is doubted in these cells, as far as the table says, the most frequent first."""
    if doubt_of(name) not in table:
        return ""
    codes = table[doubt_of(name)]
    said = Counter(decoded(codes.where(xr.DataArray(doubtful, dims=codes.dims), 0)))
    parts = [f"{count / doubtful.sum():.0%} of these: {doubt.text()}" for doubt, count in said.most_common()]
    return f" ({'; '.join(parts)})" if parts else ""


def _last_doubt(table: xr.Dataset) -> str:
    """Of the shadows that cannot be believed, what the last one's diagnostics say."""
    if "doubt" not in table:
        return ""
    said = [doubt for doubt in table["doubt"].values.ravel().tolist() if doubt]
    return f"; the last: {said[-1]}" if said else ""


def upkeep_notes(table: xr.Dataset) -> list[str]:
    """How the shadow was kept current, where anything but a refit a period did it.

    Examples
    --------
    >>> upkeep = {"rung": (("series", "period"), [["reweight", "refit"]]), "refits": (("series", "period"), [[0, 1]])}
    >>> upkeep_notes(xr.Dataset(upkeep | {"pareto_k": (("series", "period"), [[0.3, np.nan]])}))[0][:52]
    'The shadow was kept current by 1 refit in 2 periods;'
    """
    if any(name not in table for name in ("rung", "refits", "pareto_k")):
        return []
    rungs = table["rung"].values
    if np.isin(rungs, ("refit", "exact")).all():
        return []
    refits, sentence = int(table["refits"].sum()), []
    sentence.append(f"by {refits} refit{'' if refits == 1 else 's'} in {rungs.size} periods")
    said = {"reweight": "rest on weighted draws", "moment match": "on moved draws", "supplied": "on what you supplied"}
    said |= {"pooled": "rest on the weighted draws of these", "kept": "kept it as it was"}
    for rung, what in said.items():
        count = int((rungs == rung).sum())
        sentence += [f"{count} {what}"] if count else []
    worst = table["pareto_k"].values[np.isfinite(table["pareto_k"].values)]
    tail = f" (worst Pareto k {worst.max():.2f})" if worst.size else ""
    return [f"The shadow was kept current {'; '.join(sentence)}{tail}."]
