"""What an audit found, and how it shows itself."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import xarray as xr

from learning_debt.auditing.audit_tables import decision_table, decisions_frame, policy_table
from learning_debt.auditing.diagnosis import Diagnosis
from learning_debt.auditing.rule_comparison import RuleComparison
from learning_debt.auditing.split_evaluation import ORACLE, YOURS, Asked
from learning_debt.data import SERIES, as_frame, label_text, records, restored_labels
from learning_debt.policies.cost import RetrainingCost
from learning_debt.pricing.decision import Decision
from learning_debt.pricing.replays import Replay
from learning_debt.pricing.tuning import Tuned
from learning_debt.representations import Notes, Part, Sentence, as_html, as_text, listed, one_line, plain_number


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
        For today, of every series by its name: from the recommended policy, or where the table lacks a signal that it
        reads, from the one that did best in tuning.
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
    asked : Asked or None
        What was asked, so that a page can ask it again at other costs.
    """

    table: xr.Dataset
    replays: dict[str, Replay]
    tuned: dict[str, Tuned]
    benchmark: str
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
    asked: Asked | None = field(default=None, repr=False)

    @property
    def decision(self) -> Decision:
        """The decision for today, of a table of one series.

        Raises
        ------
        ValueError
            If there are several series, each of which has its own in `decisions`.
        """
        if len(self.decisions) != 1:
            raise ValueError(
                f"audit.decision is of one series, and this table holds {len(self.decisions)}: audit.decisions has one "
                "for each by name, audit.decisions_to_dataframe() a row for each"
            )
        return next(iter(self.decisions.values()))

    @property
    def headline(self) -> str:
        """What the benchmark cost, and what the policy that decides and hindsight would have cost."""
        total, periods = self.table["total"], self.spells.sizes["period"]
        mine, ours, best = (
            plain_number(float(total.sel(policy=name))) for name in (self.benchmark, self.decided_by, ORACLE)
        )
        verb = "cost" if self.benchmark == YOURS else "would have cost"
        how = "learning as it went" if self.tuned[self.decided_by].policy.refits else "tuned beforehand"
        return (
            f"Over {periods} periods {self.benchmark} {verb} {mine} {self.cost.unit}; {self.decided_by}, {how}, "
            f"would have cost {ours}; the best that hindsight could have done is {best}."
        )

    @property
    def distinction(self) -> str:
        """Which rivals this history can tell from the policy that decides, in a sentence."""
        if not self.distinguishable:
            return ""
        named: dict[str, list[str]] = {}
        for rival, verdict in self.distinguishable.items():
            named.setdefault(verdict, []).append(rival)
        parts = [f"{verdict} than {listed(named[verdict])}" for verdict in ("cheaper", "dearer") if verdict in named]
        if "cannot tell" in named:
            unknown = named["cannot tell"]
            parts.append(
                f"against {listed(unknown)} this history is too short to say which is cheaper"
                if parts
                else f"this history is too short to say whether it is cheaper than {listed(unknown, 'or')}"
            )
        chosen = not self.tuned[self.decided_by].policy.refits  # or else it decides whatever tuning says
        again = f" (best in tuning in {self.decided_share:.0%} of resamples)" if chosen else ""
        told_apart = set(named) - {"cannot tell"}
        decides = (
            f"{self.decided_by}, which decides today{again}, is"
            if told_apart
            else f"{self.decided_by} decides today{again};"
        )
        return f"{decides} {'; '.join(parts)} ({self.probability:.0%} intervals)."

    def to_dataframe(self) -> pd.DataFrame:
        """`table` as a data frame: a row a policy, with unit, accounting and benchmark in its ``attrs``."""
        return as_frame(self.table)

    def decisions_to_dataframe(self) -> pd.DataFrame:
        """A row a series: its decision for today, in the columns of `Decision.as_dict`, errors as ``..._se``."""
        return decisions_frame(self.decisions)

    def as_dict(self) -> dict[str, Any]:
        """What it says, in plain types, as ``learning-debt audit --json`` prints it; what is not known is NaN.

        Examples
        --------
        >>> import numpy as np, learning_debt as ld
        >>> gap = np.triu(np.full((30, 30), 0.1), 1)
        >>> gap[np.tril_indices(30, -1)] = np.nan
        >>> spells = xr.Dataset({"score_gap": (("deployed_at", "period"), gap)})
        >>> said = ld.audit(spells, 0.2, calendar=5, resamples=20).as_dict()
        >>> said["benchmark"], len(said["decisions"])
        ('your calendar', 1)
        """
        labels = restored_labels(self.spells["label"].values, self.spells["label"].attrs).texts
        names = ("benchmark", "decided_by", "decided_share", "distinguishable", "accounting", "probability")
        said: dict[str, Any] = {name: getattr(self, name) for name in (*names, "headline", "distinction", "today")}
        said |= {"unit": self.cost.unit, "cost": str(self.cost), "notes": list(self.notes)}
        said |= {"first_label": labels[0], "last_label": labels[-1], "periods": self.spells.sizes["period"]}
        said |= {"random_seed": self.random_seed, "resamples": self.resamples}
        said["net_score_reason"] = self.table.attrs["net_score_reason"]
        said["policies"] = records(self.table)
        said["decisions"] = [
            {SERIES: label_text(name), **decision.as_dict()} for name, decision in self.decisions.items()
        ]
        said["diagnosis"] = None if self.diagnosis is None else self.diagnosis.as_dict()
        return said | {"rules": None if self.rules is None else self.rules.as_dict()}

    def parts(self, elsewhere: str = "") -> list[Part]:
        """What it says, in the parts that its text and its HTML are made from.

        Parameters
        ----------
        elsewhere : str
            Where columns are found that a page has no room for, as in "the report has them"; left out, by which method.
        """
        parts: list[Part] = [
            policy_table(self.table, elsewhere or "audit.to_dataframe() has them"),
            Sentence(f"A retrain costs {self.cost}."),
            Sentence(self.headline),
        ]
        parts += [Sentence("", lead=self.distinction)] if self.distinction else []
        parts += [Notes(self.notes)] if self.notes else []
        parts += self.rules.parts(elsewhere) if self.rules else []
        if len(self.decisions) == 1:
            verdict = self.decision.verdict
            return [*parts, Sentence(self.today.removeprefix(verdict), lead=f"Today: {verdict}")]
        by_series = decision_table(
            self.decisions, self.cost.unit, elsewhere or "audit.decisions_to_dataframe() has them"
        )
        return [*parts, by_series, Sentence(self.today, lead="Today:")]

    def __str__(self) -> str:
        return as_text(self.parts())

    def __repr__(self) -> str:
        verdicts = Counter(decision.verdict for decision in self.decisions.values())
        today = ", ".join(
            f"{verdict} for {count}" if len(self.decisions) > 1 else verdict for verdict, count in verdicts.items()
        )
        return (
            f"<Audit of {len(self.table['policy'])} policies over {self.spells.sizes['period']} periods; today, by "
            f"{one_line(self.decided_by, 40)}: {today}>"
        )

    def _repr_html_(self) -> str:
        return as_html(self.parts())
