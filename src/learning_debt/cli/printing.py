"""What an audit prints."""

from __future__ import annotations

import xarray as xr

import learning_debt as ld
from learning_debt.representations import Column, Part, Sentence, Table
from learning_debt.spells.schema import TableFacts
from learning_debt.spells.table_comparison import shared_draws

ELSEWHERE = "the report has them"


def audit_parts(result: ld.Audit, comparison: xr.Dataset | None) -> list[Part]:
    """What the policies would have cost, what the reader must know, and today's verdict."""
    parts: list[Part] = []
    if comparison is not None:
        parts.append(_comparison_table(comparison))
        if caption := shared_draws(comparison):
            parts.append(Sentence(caption))
    return [*parts, *result.parts(ELSEWHERE)]


def _comparison_table(comparison: xr.Dataset) -> Table:
    """How sampled estimates fared against exact values, a row a signal."""
    facts = TableFacts.from_table(comparison, "comparison")
    units = "nats" if facts.in_nats else f"posterior debt in nats, else {facts.unit}"

    def column(head: str, name: str, form: str, rank: int = 0) -> Column:
        return Column(head, [f"{value:{form}}" for value in comparison[name].values.tolist()], rank)

    columns = [
        column("cells", "cells", ".0f", 3),
        column("reliable", "reliable_share", ".1%", 1),
        column("bias", "bias", "+.5f", 4),
        column("rmse", "rmse", ".5f", 2),
        column("median rel. error", "median_relative_error", ".1%"),
        column(f"{comparison.attrs['probability']:.0%} intervals cover", "coverage", ".1%"),
    ]
    names = Column("signal", [str(name).replace("_", " ") for name in comparison["signal"].values])
    return Table(f"conjugate twin, sampled against exact ({units})", names, columns, ELSEWHERE)
