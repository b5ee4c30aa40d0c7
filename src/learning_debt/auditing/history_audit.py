"""The audit: what your calendar cost, what tuned policies would have cost, and what to do today."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pandas as pd
import xarray as xr

from learning_debt.auditing.cost_comparison import compare, resample, told_apart
from learning_debt.auditing.diagnosis import Diagnosis
from learning_debt.auditing.notes import audit_notes
from learning_debt.auditing.rule_comparison import RuleComparison, compared
from learning_debt.auditing.rule_tables import checked_tables
from learning_debt.auditing.split_evaluation import ORACLE, Question, Rows, run_trial
from learning_debt.auditing.todays_decisions import todays_decisions, told
from learning_debt.policies import Policy
from learning_debt.policies.cost import RetrainingCost
from learning_debt.pricing.decision import Decision
from learning_debt.pricing.replays import Replay
from learning_debt.pricing.tuning import Tuned
from learning_debt.spells import check_spells, deployed_after
from learning_debt.validation import require_probability, require_seed, require_whole_number


@dataclass(frozen=True)
class Audit:
    """Result of `audit`.

    Attributes
    ----------
    table : Dataset (policy)
        On the evaluation periods, means over series: ``retrains``, ``regret``, ``total`` (cost of retrains plus
        regret), ``total_se`` (Monte-Carlo), ``ratio`` and ``difference`` to the benchmark's total with the bounds
        ``difference_low`` and ``difference_high``, ``selected_share`` (of the resamples, those in which tuning chose
        the reported candidate again; NaN where there is no choice), ``total_positive`` (the same schedule under
        positive accounting; NaN in money), ``net_score`` (realised score of what served, less the cost of retrains, as
        in `Replay`; NaN where ``attrs["net_score_reason"]`` says why), ``shadow_score`` (the same of the shadow itself,
        were its retrains free: ``net_score`` + ``total`` in signed accounting), ``frac_deployed_better`` (as in
        `Replay`) and ``parameter``. Totals of tables under other update rules, or of other forecasters, have no common
        zero; their net scores have, over the same periods, outcomes, exposure and cost.
    replays : dict of str to Replay
        The evaluation's schedules and bills.
    tuned : dict of str to Tuned
        What tuning saw.
    benchmark : str
        Row that `ratio` and `difference` compare with: your calendar, or the best one.
    decision : Decision or None
        For today, from the recommended policy, or where the table lacks a signal that it reads, from the one that did
        best in tuning; None for a table of several series, whose `decisions` are.
    decided_by : str
        Name of that policy's row.
    decided_share : float
        How often resamples choose that row again; 1 where it is the recommended one, which needs no choice.
    distinguishable : dict of str to str
        Whether the policy that tuning lets decide is ``"cheaper"`` or ``"dearer"`` than your calendar, the best one and
        CUSUM, by the interval of the difference of their bills, or this history ``"cannot tell"``.
    spells : Dataset
        The evaluation part of the table.
    cost : RetrainingCost
    accounting : str
    probability : float
        Of the intervals.
    notes : tuple of str
        What the reader must know.
    rules : RuleComparison or None
        On what to retrain, where tables of several rules were given; all else is about the first of them.
    decisions : dict of label to Decision
        For today, of every series by its name.
    diagnosis : Diagnosis or None
        What the gaps of the present spell speak for; None for a table of several series.
    today : str
        Today's decision in words: the verdict with what it rests on, what the spell's gaps speak for, where the horizon
        comes from, and what to bear in mind. It never says two things that contradict each other without saying why.
    random_seed : int or None
    resamples : int
        Of the intervals.
    all_spells : Dataset
        The whole table, which today's decisions rest on.
    """

    table: xr.Dataset
    replays: dict[str, Replay]
    tuned: dict[str, Tuned]
    benchmark: str
    decision: Decision | None
    decided_by: str
    decided_share: float
    distinguishable: dict[str, str]
    spells: xr.Dataset
    cost: RetrainingCost
    accounting: str
    probability: float
    notes: tuple[str, ...]
    rules: RuleComparison | None = None
    decisions: dict[Any, Decision] = field(default_factory=dict)
    diagnosis: Diagnosis | None = None
    today: str = ""
    random_seed: int | None = None
    resamples: int = 0
    all_spells: xr.Dataset = field(default_factory=xr.Dataset)

    @property
    def headline(self) -> str:
        """What the benchmark cost, and what the policy that decides and hindsight would have cost."""
        total, periods = self.table["total"], self.spells.sizes["period"]
        mine, ours, best = (float(total.sel(policy=name)) for name in (self.benchmark, self.decided_by, ORACLE))
        how = "learning as it went" if self.tuned[self.decided_by].policy.refits else "tuned beforehand"
        return (
            f"Over {periods} periods {self.benchmark} cost {mine:.3g} {self.cost.unit}; {self.decided_by}, {how}, "
            f"would have cost {ours:.3g}; the best that hindsight could have done is {best:.3g}."
        )

    @property
    def distinction(self) -> str:
        """Which rivals this history can tell from the policy that decides, in a sentence."""
        if not self.distinguishable:
            return ""
        named: dict[str, list[str]] = {}
        for rival, verdict in self.distinguishable.items():
            named.setdefault(verdict, []).append(rival)
        parts = [
            f"{verdict} than {_listed(named[verdict], 'and')}" for verdict in ("cheaper", "dearer") if verdict in named
        ]
        if "cannot tell" in named:
            unknown = _listed(named["cannot tell"], "or")
            parts.append(f"not to be told from {unknown}: this history is too short for that")
        chosen = not self.tuned[self.decided_by].policy.refits  # or else it decides whatever tuning says
        again = f" (best in tuning in {self.decided_share:.0%} of resamples)" if chosen else ""
        return (
            f"{self.decided_by}, which decides today{again}, is {'; '.join(parts)} ({self.probability:.0%} intervals)."
        )

    def __str__(self) -> str:
        notes = "".join(f"\n- {note}" for note in self.notes)
        rules = f"\n\n{self.rules.sentence} {self.rules.recommendation}" if self.rules else ""
        return f"{_as_text(self.table)}\n\n{self.headline} {self.distinction}\n\nToday: {self.today}\n{notes}{rules}"


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
        decision=next(iter(today.decisions.values())) if len(today.decisions) == 1 else None,
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
    )


def _as_text(table: xr.Dataset) -> str:
    """The columns that a reader compares policies by, in the unit of the bill."""
    attrs = table.attrs
    share, against = f"{attrs['probability']:.0%}", attrs["benchmark"]
    frame = table.to_dataframe()
    shown = {
        "retrains": frame["retrains"].map("{:.3g}".format),
        "regret": frame["regret"].map("{:.3f}".format),
        "total": frame["total"].map("{:.3f}".format),
        f"less {against}": frame["difference"].map("{:+.3f}".format),
        f"{share} interval": [
            f"{low:+.3f} to {high:+.3f}"
            for low, high in zip(frame["difference_low"], frame["difference_high"], strict=True)
        ],
        "chosen again": ["" if np.isnan(one) else f"{one:.0%}" for one in frame["selected_share"]],
        "shadow beaten": frame["frac_deployed_better"].map("{:.0%}".format),
    }
    if bool(table["net_score"].notnull().any()):
        shown["net_score"] = frame["net_score"].map("{:.3f}".format)
    text = pd.DataFrame(shown, index=pd.Index(frame.index, name="policy"))
    text.loc[against, [f"less {against}", f"{share} interval"]] = ""
    return f"Bills in {attrs['unit']}, {attrs['accounting']} regret.\n{text.to_string()}"


def _rival_tables(spells: Mapping[str, xr.Dataset], accounting: str) -> dict[str, xr.Dataset]:
    """Tables of several rules, checked against each other."""
    if accounting != "signed":
        raise ValueError("accounting must be 'signed' for tables of several rules, whose bills are realised scores")
    return checked_tables(spells)


def _listed(names: list[str], word: str) -> str:
    return f" {word} ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _in_service(table: xr.Dataset, last_retrain: Any) -> int:
    if table.sizes["series"] != 1:
        raise ValueError(
            f"last_retrain: today's decision is about one series, and the table has {table.sizes['series']}; leave it "
            "out, or select one with isel"
        )
    return deployed_after(table, last_retrain, "last_retrain")
