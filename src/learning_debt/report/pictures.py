"""The pictures of the report, with their captions."""

from __future__ import annotations

import base64
import io
import warnings
from typing import NamedTuple

import matplotlib.pyplot as plt
import xarray as xr
from arviz_plots import PlotCollection
from matplotlib.style import context

from learning_debt.auditing import Audit
from learning_debt.auditing.ageing import ageing_curve
from learning_debt.auditing.belief import REQUIRED
from learning_debt.auditing.belief_slope import belief_slope
from learning_debt.auditing.notes import upkeep_notes
from learning_debt.data import SERIES
from learning_debt.plots import (
    plot_ageing,
    plot_belief_slope,
    plot_bill,
    plot_debt,
    plot_decisions,
    plot_sampled_against_exact,
    plot_upkeep,
)
from learning_debt.report.html_parts import escape
from learning_debt.spells import check_spells
from learning_debt.spells.schema import ARRIVED_GAP, SAMPLED, TableFacts, standard_error

STYLE = {"axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False, "font.size": 11}
MOST_SERIES = 3  # whose signals are drawn
MOST_POLICIES = 10  # whose bills are drawn
FEWEST_AGES = 5  # known reliably for their curve to be drawn
DWARFS = 2.0  # a bill this many times the next one would press all others to the ground


class Figure(NamedTuple):
    """A picture as PNG, with the name of its file and its caption (plain text)."""

    file: str
    caption: str
    png: bytes


def draw_figures(
    audit: Audit,
    exact: xr.Dataset | None = None,
    sampled: xr.Dataset | None = None,
    spells: xr.Dataset | None = None,
    schedule: xr.DataArray | None = None,
) -> list[Figure]:
    """Bill, schedule and signals, and others where there is something to see.

    Regret by age and the slope of gaps on beliefs are drawn where there are periods enough, the upkeep of the shadow
    where it was more than a refit a period, sampled against exact values where both tables are given.
    """
    whose = f"under {audit.benchmark}" if spells is None else "under the schedule shown"
    if spells is None or schedule is None:
        spells, schedule = audit.spells, audit.replays[audit.benchmark].schedule
    table = check_spells(spells)
    # The style is ours for the time of drawing only; whatever the user has set comes back.
    with context(["default", STYLE]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "constrained_layout not applied")  # names may be longer than any picture
        figures = [_bill(audit, schedule), _schedule(audit), _signals(table, schedule, whose)]
        figures += _curves(table)
        if upkeep_notes(table):
            figures.append(_upkeep(table))
        if exact is not None and sampled is not None:
            figures.append(_agreement(sampled, exact))
    return figures


def _bill(audit: Audit, schedule: xr.DataArray) -> Figure:
    policies = policies_to_draw(audit)
    dots = "Dots are retrains. " if schedule.sizes[SERIES] == 1 else "Lines are means over series. "
    left_out = "" if "always" in policies else " “Always” is left out: it costs so much that it would hide the rest."
    if len(policies) < len(audit.replays) - ("always" not in policies):
        left_out += f" Of {len(audit.replays)} policies, the usual ones and the cheapest others are drawn."
    return Figure(
        "bill.png",
        f"What each policy had cost by the end of each period: the lower, the better. {dots}The dashed line is the "
        f"best that hindsight could have done.{left_out}",
        _png(plot_bill(audit, policies=policies, ci_prob=0.9, backend="matplotlib")),
    )


def _schedule(audit: Audit) -> Figure:
    return Figure(
        "schedule.png",
        "When each policy would have retrained, the dearest policy on top.",
        _png(plot_decisions(audit, backend="matplotlib")),
    )


def _signals(table: xr.Dataset, schedule: xr.DataArray, whose: str) -> Figure:
    count, first = schedule.sizes[SERIES], {SERIES: slice(0, MOST_SERIES)}
    part = f" ({MOST_SERIES} of {count} series)" if count > MOST_SERIES else ""
    sampled = any(name in table and bool((standard_error(table, name) > 0).any()) for name in SAMPLED)
    errors = " Bands are 90% Monte-Carlo intervals; crosses failed their checks." if sampled else ""
    late = TableFacts.from_table(table).horizon > 1 or ARRIVED_GAP in table
    ahead = " Gaps stand at the period in which a forecast was issued; policies see them when outcomes arrive."
    return Figure(
        "signals.png",
        f"How far what was in service {whose}{part} had fallen behind; each dashed line is a retrain. A score gap "
        f"above zero means that the frozen model forecast worse than a retrained one would have.{ahead * late}{errors}",
        _png(plot_debt(table.isel(first), schedule.isel(first), ci_prob=0.9, backend="matplotlib")),
    )


def _curves(table: xr.Dataset) -> list[Figure]:
    """Regret by age, and the slope of gaps on beliefs, where enough of them is reliable to be worth a picture."""
    found, curve = [], ageing_curve(table)
    if int(curve["reliable"].sum()) >= FEWEST_AGES:
        caption = (
            "What a period costs by the age of what serves it, on average over all spells that could have been: a "
            "steep curve asks for retrains, a flat one does not. The band is a 90% interval; where the line is broken, "
            "too few spells lie behind it."
        )
        found.append(Figure("ageing.png", caption, _png(plot_ageing(curve, backend="matplotlib"))))
    if all(name in table for name in REQUIRED):
        slopes = belief_slope(table)
        if bool(slopes["reliable"][-1]) and int(curve["reliable"].sum()) >= FEWEST_AGES:
            caption = (
                "How much of what the model expected to gain came, over all spells known by each period. One is what a "
                "model that is right gives; near zero, debt is seen where there is none; far above, the world moves "
                "faster than the shadow follows. The band is a 90% interval."
            )
            found.append(Figure("belief_slope.png", caption, _png(plot_belief_slope(slopes, backend="matplotlib"))))
    return found


def _upkeep(table: xr.Dataset) -> Figure:
    return Figure(
        "upkeep.png",
        "How the shadow was kept current: by a refit, or by weighting or moving the draws of an earlier one. Below a "
        "Pareto k of 0.7 weights can be trusted. Evaluations are log densities of one row at one point; crosses mark "
        "shadows that cannot be believed.",
        _png(plot_upkeep(table, backend="matplotlib")),
    )


def _agreement(sampled: xr.Dataset, exact: xr.Dataset) -> Figure:
    return Figure(
        "sampled_against_exact.png",
        "Sampled estimates against exact values of the same quantities, with 90% Monte-Carlo intervals; on the dashed "
        "line they agree. Crosses failed their checks. Debts are on logarithmic axes, where estimates near or below "
        "zero sit on the lower edge.",
        _png(plot_sampled_against_exact(sampled, exact, ci_prob=0.9, backend="matplotlib")),
    )


def policies_to_draw(audit: Audit) -> list[str]:
    """All policies but "always" if its bill dwarfs the others'; of many, those of every audit and the cheapest ones."""
    largest = {
        name: float(abs(replay.bill.mean("series").cumsum("period")).max()) for name, replay in audit.replays.items()
    }
    others = max(value for name, value in largest.items() if name != "always")
    drawn = [name for name in largest if name != "always" or largest["always"] <= DWARFS * others]
    usual = {"never", "always", audit.benchmark, "best calendar", "CUSUM", audit.decided_by, "oracle"}
    cheapest = sorted(drawn, key=lambda name: (name not in usual, float(audit.replays[name].objective.mean())))
    return [name for name in drawn if name in cheapest[:MOST_POLICIES]]


def picture(figure: Figure) -> str:
    """A picture, embedded, with its caption."""
    encoded, caption = base64.b64encode(figure.png).decode("ascii"), escape(figure.caption)
    shown = f'<img src="data:image/png;base64,{encoded}" alt="{caption}">'
    return f"<figure>{shown}<figcaption>{caption}</figcaption></figure>"


def _png(collection: PlotCollection) -> bytes:
    figure = collection.viz["figure"].item()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    plt.close(figure)
    return buffer.getvalue()
