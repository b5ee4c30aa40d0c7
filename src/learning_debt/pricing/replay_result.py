"""The bill of a policy, and how it shows itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from learning_debt.data import SERIES, as_frame, label_text, plain_labels
from learning_debt.representations import Column, Part, Sentence, Table, aligned, as_html, as_text, plain_number

MOST_SERIES, MOST_DATES = 20, 10
"""Series and dates that a text shows."""


@dataclass(frozen=True)
class Replay:
    """The bill of one policy on every series of a table.

    Attributes
    ----------
    objective : DataArray (series)
        Cost of all retrains plus regret, in `unit`. With signed accounting it can be negative.
    objective_se : DataArray (series)
        Monte-Carlo error of sampled regret. Errors of periods served by one deployed posterior are taken as fully
        dependent, of different spells as independent.
    regret : DataArray (series)
    retrains : DataArray (series)
    schedule : DataArray of bool (series, period)
        True where the policy retrained; it serves from the next period on.
    bill : DataArray (series, period)
        Period by period; adds up to `objective`.
    paid : DataArray (series, period)
        The part of `bill` that retrains cost; the rest is regret.
    unit : str
    net_score : DataArray (series)
        Realised score of what served x exposure, less what the retrains cost, summed over the periods, in `unit`;
        higher is better. Regret is counted from a table's own shadow; this is not, so bills under other update rules or
        of other forecasters compare by it. On one table it differs between policies as `objective` does, with the sign
        turned. NaN where it is not defined.
    net_score_se : DataArray (series)
        Monte-Carlo error of sampled scores, as `objective_se`. Two policies share that of what both had in service.
    net_score_reason : str
        Why it is not defined: no ``deployed_score`` in the table, or none that is finite where a posterior served;
        positive accounting; a regret of the owner's own. Empty where it is. With timing ``"separate"`` it is the score
        on the rows that gaps are measured on.
    frac_deployed_better : DataArray (series)
        Share of the periods in which the deployed forecast beat the shadow's: signed regret below zero. A forecast that
        is the shadow's own does not count.
    """

    objective: xr.DataArray
    objective_se: xr.DataArray
    regret: xr.DataArray
    retrains: xr.DataArray
    schedule: xr.DataArray
    bill: xr.DataArray
    paid: xr.DataArray
    unit: str
    net_score: xr.DataArray
    net_score_se: xr.DataArray
    net_score_reason: str
    frac_deployed_better: xr.DataArray

    @property
    def dates(self) -> list[list[object]]:
        """Labels of the periods after which each series retrained."""
        labels = plain_labels(self.schedule["label"])
        return [
            [label for label, retrained in zip(labels, row, strict=True) if retrained] for row in self.schedule.values
        ]

    def to_dataframe(self) -> pd.DataFrame:
        """A row a series and period: ``label``, ``retrained``, ``bill`` and its parts ``paid`` and ``regret``."""
        columns = {"retrained": self.schedule, "bill": self.bill, "paid": self.paid, "regret": self.bill - self.paid}
        return as_frame(xr.Dataset(columns, attrs={"unit": self.unit}))

    def parts(self) -> list[Part]:
        """What it says, in the parts that its text and its HTML are made from."""
        shown, count = slice(MOST_SERIES), self.objective.size
        columns = [
            Column("retrains", [str(number) for number in self.retrains.values[shown].tolist()], 1),
            Column("regret", aligned(self.regret.values[shown], beside=self.objective.values[shown].tolist()), 3),
            Column("total", aligned(self.objective.values[shown], beside=self.regret.values[shown].tolist())),
        ]
        if (self.objective_se.values > 0).any():
            columns.append(Column("error of total", aligned(self.objective_se.values[shown]), 4))
        if np.isfinite(self.net_score.values).any():
            columns.append(Column("net score", aligned(self.net_score.values[shown]), 2))
        names = [label_text(label) for label in plain_labels(self.objective[SERIES])]
        more = f"And {count - MOST_SERIES} more series." if count > MOST_SERIES else ""
        title = f"bill of {self.schedule.sizes['period']} periods ({self.unit})"
        table = Table(title, Column(SERIES, names[shown]), columns, "to_dataframe() has every period", more)
        return [table, Sentence(self._rhythm())]

    def _rhythm(self) -> str:
        """When was retrained; of several series, their means."""
        if self.objective.size > 1:
            total, retrains = float(self.objective.mean()), float(self.retrains.mean())
            return (
                f"Means over {self.objective.size} series: a total of {plain_number(total, 4)} {self.unit}, "
                f"{plain_number(retrains)} retrains."
            )
        dates = [label_text(date) for date in self.dates[0]]
        more = f" and {len(dates) - MOST_DATES} more" if len(dates) > MOST_DATES else ""
        return f"Retrained after {', '.join(dates[:MOST_DATES])}{more}." if dates else "Never retrained."

    def __str__(self) -> str:
        return as_text(self.parts())

    def __repr__(self) -> str:
        series, periods = self.schedule.shape
        total, retrains = (float(values.mean()) for values in (self.objective, self.retrains))
        return (
            f"<Replay of {series} series over {periods} periods: {plain_number(total, 4)} {self.unit}, "
            f"{plain_number(retrains)} retrains, means over series>"
        )

    def _repr_html_(self) -> str:
        return as_html(self.parts())
