"""The audit: what your calendar cost, what tuned policies would have cost, and what to do today."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import numpy as np
import xarray as xr

from learning_debt.auditing.audit_result import Audit
from learning_debt.auditing.cost_comparison import compare, resample, told_apart
from learning_debt.auditing.notes import audit_notes
from learning_debt.auditing.rule_comparison import compared
from learning_debt.auditing.rule_tables import checked_tables
from learning_debt.auditing.split_evaluation import Asked, Question, Rows, run_trial
from learning_debt.auditing.todays_decisions import todays_decisions, told
from learning_debt.policies import Policy
from learning_debt.policies.cost import RetrainingCost
from learning_debt.spells import check_spells, deployed_after
from learning_debt.validation import require_probability, require_seed, require_whole_number


def audit(
    spells: xr.Dataset | Mapping[str, xr.Dataset],
    cost: RetrainingCost | float | None,
    *,
    calendar: int | Iterable[Any] | Policy | None = None,
    split: float = 0.6,
    accounting: str = "signed",
    policies: Rows | Callable[[xr.Dataset], Rows] | None = None,
    starts: int | None = None,
    last_retrain: Any = None,
    coefficient_count: int | None = None,
    probability: float = 0.9,
    resamples: int = 2000,
    random_seed: int | None = 0,
) -> Audit:
    """Price policies on a history: tune on its first part, report on the rest, decide about today.

    Parameters
    ----------
    spells : Dataset or mapping of str to Dataset
        From `spell_table` or your own. Several are of one history under different update rules, or of rival
        forecasters, by name and with ``deployed_score``: the first is what you do today, and is audited; ``rules`` of
        the result says what the others would have been worth.
    cost : RetrainingCost or float
        There is no default: only the owner knows.
    calendar : int, sequence of labels or Policy, optional
        What you do today: an interval in periods, or the labels of the periods after which you retrained.
    split : float
        Share of the periods used for calibration and tuning. The rest starts afresh, with what the shadow believed
        at the split in service. Forecasts several steps ahead whose outcomes lie beyond the split are in neither part.
    accounting : {"signed", "positive"}
    policies : mapping of str to sequence of Policy, optional
        Further rows, by name: the candidates of each are tuned like the others. The name of a standard row that reads
        debt replaces its candidates, or with None leaves it out; never, always, calendars, CUSUM and oracle stay. It
        may be a function that is given the tuning part and returns such a mapping, for candidates that need
        calibration.
    starts : int, optional
        From how many starts, spread evenly over the tuning part, every candidate is billed there, as in `tune`; 1 is
        the one walk from its beginning.
    last_retrain : object, optional
        Label of the period after which what now serves was trained, matched by value: today's decision is about that.
        Left out, it is about what `calendar` would have in service, or without one about the table's first posterior.
    coefficient_count : int, optional
        What the forecaster has to learn from the rows: of several tables, those whose rule leaves fewer than two rows
        for each are not chosen. Where nobody says it, rules are not held against it.
    probability : float
        Of the intervals of the difference to the benchmark: a circular block bootstrap of paired bills over periods
        (over series, if there are several). Both parts are resampled, and every row is tuned anew on each resample of
        the first, so that the interval holds the luck of tuning.
    resamples : int
    random_seed : int, optional

    Raises
    ------
    ValueError
        For a missing or negative cost, a split that leaves too few periods, an invalid calendar.

    See Also
    --------
    spell_table : Makes the table.
    tune, replay, oracle, decide : The parts of an audit.
    repeat_audit : The same at several splits.
    compare_rules : Makes the tables of several rules, and compares them.
    belief_check : Whether gaps come as the model expects.
    rival_policies : Further candidates.

    Notes
    -----
    Few shifts fall into one history, so intervals are narrower than they say. In ``benchmarks/selection.py`` (jumps in
    one period of 20; half of the periods reported on; 120 histories) 90% intervals of tuned policies against the best
    calendar covered the long-run difference in .53 to .65 of the histories of 80 periods and in .80 to .90 of those of
    160; with the tuned candidates held, in .35 to .42 and .57 to .73. Never, always and the oracle: .35 to .71. A
    difference in the wrong direction was reported in at most .03 of the histories for tuned policies, .10 with
    candidates held.

    References
    ----------
    Politis & Romano, *A circular block-resampling procedure for stationary data*, in LePage & Billard (eds.),
    *Exploring the Limits of Bootstrap*, Wiley (1992), 263-270.

    Examples
    --------
    >>> import learning_debt as ld
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=80)
    >>> history = {"x": x, "y": np.where(np.arange(80) < 50, 2, 0) * x + rng.normal(size=80), "period": np.arange(80)}
    >>> forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    >>> spells = ld.spell_table(forecaster, history, initial=10, progressbar=False)
    >>> result = audit(spells, cost=0.1, calendar=12)
    >>> float(result.table["total"].min()) == float(result.table["total"].sel(policy="oracle"))
    True
    """
    require_probability("probability", probability)
    require_whole_number("resamples", resamples, at_least=1)
    require_seed("random_seed", random_seed)
    question = Question.of(cost, calendar, accounting, policies, starts)
    require_probability("split", split)
    if coefficient_count is not None:
        require_whole_number("coefficient_count", coefficient_count, at_least=1)
    several = isinstance(spells, Mapping) and not isinstance(spells, xr.Dataset)
    tables = _rival_tables(cast("Mapping[str, xr.Dataset]", spells), accounting) if several else {}
    table = next(iter(tables.values())) if several else check_spells(cast("xr.Dataset", spells))
    deployed_at = None if last_retrain is None else _in_service(table, last_retrain)
    trial = run_trial(table, question, split)
    again = resample(trial, resamples, np.random.default_rng(random_seed))
    result = compare(trial, again, probability)
    today = todays_decisions(table, trial, result, probability, deployed_at, dict(list(tables.items())[1:]))
    return Audit(
        table=result,
        replays=trial.replays,
        tuned=trial.tuned,
        benchmark=trial.benchmark,
        decided_by=trial.decided_by,
        decided_share=again.decided_share,
        distinguishable=told_apart(trial, again, probability),
        spells=trial.evaluation,
        cost=trial.cost,
        accounting=accounting,
        probability=probability,
        notes=audit_notes(table, result, trial),
        rules=compared(
            tables,
            question,
            split,
            dict.fromkeys(tables, coefficient_count),
            probability=probability,
            resamples=resamples,
            rng=np.random.default_rng(random_seed),
        )
        if several
        else None,
        decisions=today.decisions,
        diagnosis=today.diagnosis,
        today=told(today),
        random_seed=random_seed,
        resamples=resamples,
        all_spells=table,
        asked=Asked(trial.tuning, question),
    )


def _rival_tables(spells: Mapping[str, xr.Dataset], accounting: str) -> dict[str, xr.Dataset]:
    """Tables of several rules, checked against each other."""
    if accounting != "signed":
        raise ValueError("accounting must be 'signed' for tables of several rules, whose bills are realised scores")
    return checked_tables(spells)


def _in_service(table: xr.Dataset, last_retrain: Any) -> int:
    if table.sizes["series"] != 1:
        raise ValueError(
            f"last_retrain: today's decision is about one series, and the table has {table.sizes['series']}; leave it "
            "out, or select one with isel"
        )
    return deployed_after(table, last_retrain, "last_retrain")
