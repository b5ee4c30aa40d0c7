"""Tables of a comparison of update rules for its reader."""

from __future__ import annotations

import numpy as np
import xarray as xr

from learning_debt.data import plain_labels
from learning_debt.representations import Column, Table, aligned, plain_number


def rule_table(table: xr.Dataset, today: str, elsewhere: str) -> Table:
    """A row a rule: what it would have been worth with today's calendar.

    Parameters
    ----------
    table : Dataset
        Of a `RuleComparison`.
    today : str
        Rule in force.
    elsewhere : str
        Where columns are found that there is no room for.
    """
    names, attrs = plain_labels(table["rule"]), table.attrs
    columns = [
        Column("with today's calendar", aligned(table["net_score"].values), 2),
        Column(
            f"saving ({attrs['probability']:.0%})",
            ["" if name == today else one for name, one in zip(names, _intervals(table), strict=True)],
        ),
        Column("always retrained", aligned(table["shadow_score"].values), 3),
        Column("never", aligned(table["frozen_score"].values), 4),
        Column("rows left", [plain_number(rows) for rows in table["effective_rows"].values], 1),
    ]
    title = f"on what to retrain (realised score less the cost of retrains, {attrs['unit']} a period)"
    return Table(title, Column("update rule", names), columns, elsewhere)


def savings_table(savings: xr.Dataset) -> Table:
    """A row a change of today's practice: what it would have saved a period.

    Parameters
    ----------
    savings : Dataset
        Of a `RuleComparison`.
    """
    attrs = savings.attrs
    columns = [Column(f"saving ({attrs['probability']:.0%})", _intervals(savings))]
    title = f"what a change would have saved ({attrs['unit']} a period)"
    return Table(title, Column("change", plain_labels(savings["change"])), columns)


def _intervals(table: xr.Dataset) -> list[str]:
    values = [table[name].values for name in ("saving", "low", "high")]
    texts = [aligned(of, sign=True, beside=np.concatenate(values).tolist()) for of in values]
    return [f"{saving} ({low}, {high})" for saving, low, high in zip(*texts, strict=True)]
