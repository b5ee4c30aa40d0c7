"""Tables of an audit for its reader: a row a policy, and a row a series."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from learning_debt.data import SERIES, label_text, plain_labels
from learning_debt.pricing.decision import Decision
from learning_debt.pricing.decision_sentences import share
from learning_debt.representations import Column, Table, aligned, percentages, plain_number
from learning_debt.spells.schema import se_of

MOST_SERIES = 20
"""Series that a table of text shows."""
URGENCY = ("retrain", "cannot tell", "wait")


def policy_table(table: xr.Dataset, elsewhere: str) -> Table:
    """What each policy would have cost, against the benchmark.

    Parameters
    ----------
    table : Dataset
        Of an `Audit`.
    elsewhere : str
        Where columns are found that there is no room for.
    """
    against, attrs = table.attrs["benchmark"], table.attrs
    names = plain_labels(table["policy"])
    values = {str(name): of.values.tolist() for name, of in table.data_vars.items() if of.dtype.kind == "f"}
    difference, low, high = (_signed(values, name) for name in ("difference", "difference_low", "difference_high"))
    intervals = [f"{at} ({least}, {most})" for at, least, most in zip(difference, low, high, strict=True)]
    intervals = ["" if name == against else one for name, one in zip(names, intervals, strict=True)]
    columns = [
        Column("retrains", [plain_number(value) for value in values["retrains"]], 1),
        Column("regret", aligned(values["regret"], beside=values["total"]), 3),
        Column("total", aligned(values["total"], beside=values["regret"])),
        Column("ratio", aligned(values["ratio"], decimals=2), 6),
        Column(f"difference to {against} ({attrs['probability']:.0%})", intervals, 2),
        Column("chosen again", percentages(values["selected_share"]), 5),
    ]
    for head, name, rank in (("positive total", "total_positive", 7), ("net score", "net_score", 4)):
        if any(value == value for value in values[name]):
            columns.append(Column(head, aligned(values[name]), rank))
    columns.append(Column("shadow beaten", percentages(values["frac_deployed_better"]), 8))
    title = f"what each policy would have cost ({attrs['unit']}, {attrs['accounting']} regret)"
    return Table(title, Column("policy", names), columns, elsewhere)


def _signed(values: Mapping[str, list[float]], name: str) -> list[str]:
    beside = [*values["difference"], *values["difference_low"], *values["difference_high"]]
    return aligned(values[name], decimals=2, sign=True, beside=beside)


def decision_table(decisions: Mapping[Any, Decision], unit: str, elsewhere: str) -> Table:
    """Today's decision of each series, the most urgent first and folded after `MOST_SERIES` of them."""
    order = sorted(
        decisions.items(), key=lambda row: (URGENCY.index(row[1].verdict), -np.nan_to_num(row[1].probability))
    )
    shown = [decision for _, decision in order[:MOST_SERIES]]
    expected = [one.expected_regret.value for one in shown]
    realised = [one.realised_regret.value for one in shown]
    chances = ["" if np.isnan(one.probability) else share(one.probability) for one in shown]
    columns = [
        Column("verdict", [one.verdict for one in shown], words=True),
        Column("chance that it pays", chances, 1),
        Column(f"expected to avoid ({unit})", aligned(expected), 2),
        Column(f"spell so far ({unit})", aligned(realised), 3),
        Column("periods served", [str(one.spell_age) for one in shown], 4),
    ]
    more = ""
    if len(order) > MOST_SERIES:
        more = f"And {len(order) - MOST_SERIES} more series, none of them more urgent than these."
    names = Column(SERIES, [label_text(name) for name, _ in order[:MOST_SERIES]])
    return Table("today, by series", names, columns, elsewhere, more)


def decisions_frame(decisions: Mapping[Any, Decision]) -> pd.DataFrame:
    """As `Audit.decisions_to_dataframe` gives it."""
    rows = []
    for decision in decisions.values():
        row = decision.as_dict()
        for name in ("expected_regret", "realised_regret"):
            estimate = row.pop(name)
            row |= {name: estimate["value"], se_of(name): estimate["standard_error"]}
        rows.append(row | {"doubts": ", ".join(row["doubts"])})
    frame = pd.DataFrame(rows, index=pd.Index(list(decisions), name=SERIES, tupleize_cols=False))
    numbers = [name for name in frame if name not in TEXTS]
    return frame.astype(dict.fromkeys(numbers, float))


TEXTS = ("verdict", "reason", "conflict", "unit", "policy", "label", "deployed_label", "doubts", "spell_age", "horizon")
