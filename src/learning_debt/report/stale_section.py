"""What went stale: what was in service, parameters over the refits, and which of them and which rows moved belief."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from learning_debt.plots.literal_text import labels_of
from learning_debt.plots.number_text import NONE, decimals_for, number
from learning_debt.report.html_parts import Head, escape, name_of, shortened, table
from learning_debt.report.svg_chart import Chart, figure

MOST_PARTS, MOST_NAMED = 30, 5
HOW = (
    "<p>Which parameters moved, and which rows moved them, is shown where the page is written with the forecaster at "
    "hand: <code>learning-debt audit MODEL.py</code> does it for one series whose posteriors can be made from few "
    "fits. From Python, give <code>write_report</code> the results of <code>debt_by_block</code>, "
    "<code>debt_by_group</code> and posterior summaries of <code>replayed_posteriors</code>.</p>"
)


def stale_section(
    charts: Sequence[Chart], blocks: xr.Dataset | None, groups: xr.Dataset | None, has_parameters: bool
) -> str:
    """Pictures of what was in service and of parameters, and the debt by part."""
    parts = [figure(chart) for chart in charts]
    if blocks is not None:
        parts.append(_parts_of_debt(blocks, "Which parameters moved", "parameter", _OF_BLOCKS))
    if groups is not None:
        parts.append(_parts_of_debt(groups, "Which rows moved them", "rows of", _OF_GROUPS))
    missing = blocks is None and groups is None and not has_parameters
    return f'<section id="stale"><h2>What went stale</h2>{"".join(parts)}{HOW * missing}</section>'


_OF_BLOCKS = (
    "How far belief about each parameter has moved since what serves was trained, in nats. It says where the model has "
    "learnt or the world has moved, not what that costs. Parameters learn together, so these do not add up."
)
_OF_GROUPS = (
    "Which of the rows since the last retrain moved belief, in nats: above zero, belief moved towards what they say; "
    "below zero, other rows moved it against them."
)


def _parts_of_debt(parts: xr.Dataset, title: str, what: str, about: str) -> str:
    (dim,) = parts["value"].dims
    values, names = parts["value"].values, labels_of(parts[dim]).texts
    finite = [k for k in np.argsort(-np.nan_to_num(np.abs(values)), kind="stable").tolist() if np.isfinite(values[k])]
    unknown = [shortened(names[k]) for k in range(values.size) if not np.isfinite(values[k])]
    more = f" and {len(unknown) - MOST_NAMED} more" if len(unknown) > MOST_NAMED else ""
    left_out = (
        f"<p>No finite number is known of {escape(', '.join(unknown[:MOST_NAMED]))}{more}.</p>" if unknown else ""
    )
    if not finite:
        return f"<h3>{escape(title)}</h3>{left_out}"
    shown, largest = finite[:MOST_PARTS], float(np.abs(values[finite]).max()) or 1.0
    places = decimals_for(values[finite].tolist())
    bounds = parts["lower_bound"].values if "lower_bound" in parts else np.zeros(values.size, dtype=bool)
    rows = [
        [
            name_of(names[k]),
            _bar(float(values[k]) / largest),
            ("at least " if bounds[k] else "") + number(float(values[k]), places),
            f"± {number(float(parts['standard_error'].values[k]), places)}"
            if float(parts["standard_error"].values[k]) > 0
            else NONE,
        ]
        for k in shown
    ]
    cut = f"<p>The largest {len(shown)} of {len(finite)}.</p>" if len(finite) > len(shown) else ""
    heads = [Head(what, words=True), Head("share of the largest", words=True), Head("moved", "nats"), Head("error")]
    return f"<h3>{escape(title)}</h3><p>{escape(about)}</p>{table(title, heads, rows)}{cut}{left_out}"


def _bar(share: float) -> str:
    kind = "bar" if share >= 0 else "bar below"
    return f'<span class="{kind}" style="width:{abs(share) * 100:.1f}%"></span>'
