"""The decision of a day as it is recorded: plain values, with what it rested on."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Any

from learning_debt.data import label_text
from learning_debt.doubt import Doubt
from learning_debt.monitor.kept_labels import read_labels
from learning_debt.representations import UNWRAPPED, Sentence, as_html, as_text, verdict_part

NAN = float("nan")
QUERY = """
SELECT d.*, p.label AS label_text, o.label AS deployed_label_text, p.observe_seconds AS seconds, e.receipt, e.written,
    s.debt, s.debt_se, s.predictive_debt, s.predictive_debt_se, s.score_gap, s.score_gap_se
FROM decisions d JOIN periods p ON p.number = d.period JOIN periods o ON o.number = d.deployed_at
    JOIN entries e ON e.number = d.entry
    LEFT JOIN signals s ON s.period = d.period AND s.deployed_at = d.deployed_at
"""
"""All that a record is made of; a condition on ``d`` follows."""


@dataclass(frozen=True)
class RecordedDecision:
    """What to do now, and why, as the ledger keeps it.

    Attributes
    ----------
    period : int
        Number of the period, from 1.
    label, deployed_label : object
        Its name, and that of the period after which what then served was trained.
    verdict : {"retrain", "wait", "cannot tell"}
    reason, conflict : str
    expected_regret, expected_regret_se, believed_regret, realised_regret, realised_regret_se, probability, \
break_even_cost, cost, unit, spell_age, horizon
        As in `learning_debt.Decision`, errors beside their values.
    doubts : tuple of Doubt
    debt, debt_se, predictive_debt, predictive_debt_se, score_gap, score_gap_se : float
        Of what served in the period, in the units of spell tables; NaN where the forecaster has none.
    regret_so_far : float
        Sum over all periods since the monitor began, of what served in each, signed, in `unit`, without the costs of
        retrains.
    retrains : int
        Since the monitor began.
    recalled_periods : int
        Periods that `expected_regret`, `probability` and a policy that learns as it goes have learned from: the last
        ones, 156 at most.
    recalled_share : float
        Share that is known of all cells of a spell table of these periods: posteriors that are no longer kept lack
        theirs, and those that are stand for them.
    seconds : float
        What the observation took.
    decided_at : float
        Unix time.
    receipt : str
        Of the entry, which the next one rests on.
    """

    period: int
    label: Any
    verdict: str
    reason: str
    conflict: str
    expected_regret: float
    expected_regret_se: float
    believed_regret: float
    realised_regret: float
    realised_regret_se: float
    probability: float
    break_even_cost: float
    cost: float
    unit: str
    spell_age: int
    horizon: int
    deployed_label: Any
    debt: float
    debt_se: float
    predictive_debt: float
    predictive_debt_se: float
    score_gap: float
    score_gap_se: float
    regret_so_far: float
    retrains: int
    recalled_periods: int
    recalled_share: float
    seconds: float
    decided_at: float
    receipt: str
    doubts: tuple[Doubt, ...] = ()

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> RecordedDecision:
        """From a row of `QUERY`."""
        label, deployed = (read_labels([row[name]])[0] for name in ("label_text", "deployed_label_text"))
        told = row | {"label": label, "deployed_label": deployed, "decided_at": row["written"]}
        told["doubts"] = tuple(Doubt[name] for name in json.loads(row["doubts"]))
        values: dict[str, Any] = {
            field.name: NAN if told[field.name] is None else told[field.name] for field in fields(cls)
        }
        return cls(**values)

    def as_dict(self) -> dict[str, Any]:
        """Plain values: labels as text unless they are whole numbers, names of doubts, NaN where there is no number."""
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        labels = {name: plain_label(told[name]) for name in ("label", "deployed_label")}
        return told | labels | {"doubts": [doubt.name for doubt in self.doubts]}

    def __str__(self) -> str:
        return as_text([self._part()], UNWRAPPED)

    def _repr_html_(self) -> str:
        return as_html([self._part()])

    def _part(self) -> Sentence:
        return verdict_part(label_text(self.label), self.verdict, self.reason)


def plain_label(label: Any) -> int | str:
    """A label as JSON holds it."""
    return label if isinstance(label, int) and not isinstance(label, bool) else label_text(label)
