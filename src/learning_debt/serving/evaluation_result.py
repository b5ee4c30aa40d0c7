"""What strategies would have scored, as a record that shows itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from learning_debt.data import as_frame, records
from learning_debt.representations import Column, Part, Sentence, Table, aligned, as_html, as_text, plain_number


@dataclass(frozen=True)
class ServingEvaluation:
    """Result of `evaluate`.

    Attributes
    ----------
    table : Dataset
        By ``strategy``: ``score`` (pooled over batches, mean over runs), ``difference`` (to the strategy that its
        attribute ``against`` names), ``regret_to_best_candidate`` (score of the best single candidate that could always
        serve, in hindsight, less the strategy's) and ``regret_to_best_of_batch`` (the same of the best candidate of
        every batch), each with ``_low`` and ``_high``, the interval of the attribute ``probability``; ``score_sd``,
        the standard deviation between runs; ``switches``, a mean over runs; and ``share`` (strategy, candidate) of the
        batches that each candidate served.
    candidates : Dataset
        By ``candidate``: pooled ``score`` where it could serve, on how many ``batches``, and ``best_share``, of the
        batches on which it was the best, shared between equals.
    batch_scores : DataArray
        Score by ``strategy`` and ``batch``, a mean over runs.
    served : DataArray
        Name of the candidate that served, by ``strategy`` and ``batch``, in the first run; empty where all serve
        together.
    information : str
        What bandits were shown: ``"served"`` or ``"all"``.
    """

    table: xr.Dataset
    candidates: xr.Dataset
    batch_scores: xr.DataArray
    served: xr.DataArray
    information: str

    @property
    def best_candidate(self) -> str:
        """The best single candidate among those that could serve on most batches, in hindsight."""
        often = self.candidates["batches"] == self.candidates["batches"].max()
        return str(self.candidates["score"].where(often).idxmax().item())

    @property
    def best_strategy(self) -> str:
        """The strategy with the largest score: the luckiest of many, so that its own interval flatters it."""
        return str(self.table["score"].idxmax().item())

    def to_dataframe(self) -> pd.DataFrame:
        """The table without the shares, a row a strategy."""
        return as_frame(self.table.drop_vars(["share", "candidate"]))

    def as_dict(self) -> dict[str, Any]:
        """The tables as lists of plain records."""
        shares = {
            str(name): dict(zip(self.table["candidate"].values.tolist(), row, strict=True))
            for name, row in zip(self.table["strategy"].values, self.table["share"].values.tolist(), strict=True)
        }
        rows = records(self.table.drop_vars(["share", "candidate"]))
        return dict(self.table.attrs) | {
            "information": self.information,
            "strategies": [row | {"shares": shares[row["strategy"]]} for row in rows],
            "candidates": records(self.candidates),
            "best_strategy": self.best_strategy,
            "best_candidate": self.best_candidate,
        }

    def parts(self) -> list[Part]:
        """What text and HTML are made from."""
        return [self._strategies(), self._candidates(), Sentence(self._remark())]

    def __str__(self) -> str:
        return as_text(self.parts())

    def _repr_html_(self) -> str:
        return as_html(self.parts())

    def _strategies(self) -> Table:
        attrs, against = self.table.attrs, self.table.attrs["against"]
        names = self.table["strategy"].values.tolist()
        columns = [Column("score", aligned(self.table["score"].values))]
        for rank, (head, name) in enumerate(
            [(f"difference to {against} ({attrs['probability']:.0%})", "difference"),
             ("worse than the best candidate", "regret_to_best_candidate"),
             ("worse than the best of each batch", "regret_to_best_of_batch")],
            start=1,
        ):  # fmt: skip
            shown = self._with_interval(name) if name == "difference" else aligned(self.table[name].values)
            if any(shown):
                columns.append(Column(head, shown, rank))
        columns.append(Column("switches", [_count(one) for one in self.table["switches"].values.tolist()], 4))
        title = f"what each strategy would have scored on {attrs['batches']} batches ({attrs['unit']}, a mean)"
        return Table(title, Column("strategy", names), columns, "to_dataframe() has them")

    def _with_interval(self, name: str) -> list[str]:
        ends = [self.table[f"{name}{end}"].values.tolist() for end in ("", "_low", "_high")]
        beside = [value for several in ends for value in several]
        value, low, high = (aligned(each, sign=True, beside=beside, decimals=2) for each in ends)
        texts = [f"{at} ({least}, {most})" for at, least, most in zip(value, low, high, strict=True)]
        own = self.table["strategy"].values == self.table.attrs["against"]
        return ["" if itself else text for itself, text in zip(own, texts, strict=True)]

    def _candidates(self) -> Table:
        found = self.candidates
        columns = [
            Column("score", aligned(found["score"].values)),
            Column("batches", [str(count) for count in found["batches"].values.tolist()], 1),
            Column("best on", [f"{share:.0%}" for share in found["best_share"].values.tolist()], 2),
        ]
        names = Column("candidate", found["candidate"].values.tolist())
        return Table("the candidates by themselves", names, columns, "`candidates` has them")

    def _remark(self) -> str:
        row = self.table.sel(strategy=self.best_strategy)
        seen = {"served": "the score of what served only", "all": "the scores of all candidates"}[self.information]
        against = self.table.attrs["against"]
        said = f"Best here: {self.best_strategy}. Bandits were shown {seen}."
        if self.best_strategy == against:
            return said
        low, probability = float(row["difference_low"]), self.table.attrs["probability"]
        if low > 0:
            return f"{said} It is better than {against} by more than {plain_number(low, 2)}, at {probability:.0%}."
        return f"{said} These batches are too few to say that it is better than {against}."


def _count(value: float) -> str:
    return "" if np.isnan(value) else plain_number(value)
