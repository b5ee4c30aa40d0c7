"""The page's own charts: bills, schedules, signals, regret by age, the slope of gaps on beliefs, parameters."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import xarray as xr

from learning_debt.auditing import Audit
from learning_debt.auditing.ageing import ageing_curve
from learning_debt.auditing.belief import REQUIRED
from learning_debt.auditing.belief_slope import belief_slope
from learning_debt.data import SERIES
from learning_debt.plots.literal_text import labels_of
from learning_debt.plots.service_lines import require_retrains, served
from learning_debt.report.drawn_numbers import MOST_POINTS, thinned
from learning_debt.report.html_parts import shortened
from learning_debt.report.policy_names import by_cost, main_ones, said, style_of
from learning_debt.report.svg_chart import Chart, Lane, Line, Panel
from learning_debt.spells.schema import ARRIVED_GAP, SAMPLED, TableFacts, reliable_of, se_of
from learning_debt.typing import Array
from learning_debt.validation import harmless

FEWEST_AGES = 5
Z90 = NormalDist().inv_cdf(0.95)
MOST_PARAMETERS = 6
NAMES = {"debt": "posterior debt", "predictive_debt": "predictive debt", "score_gap": "score gap"}


def labels_on_page(labels: xr.DataArray) -> list[str]:
    """Labels of periods as text that nothing is hidden in, cut to length."""
    return [shortened(harmless(text), 24) for text in labels_of(labels).texts]


def bill_chart(audit: Audit) -> Chart:
    """What every policy had cost by the end of each period, and when it retrained."""
    labels, single = labels_on_page(audit.spells["label"]), audit.spells.sizes[SERIES] == 1
    places, shown = thinned(len(labels)), main_ones(audit)
    order = by_cost(audit)
    lines = [
        Line(
            said(name),
            style_of(audit, name),
            cumulative(audit.replays[name].bill)[places],
            dots=placed(marks(audit.replays[name].schedule), len(labels)) if single else (),
            drawn=name in shown,
            key=name,
        )
        for name in sorted(order, key=lambda one: (one == audit.decided_by, one == audit.benchmark))
    ]
    lanes = [
        Lane(said(name), style_of(audit, name), lane_marks(audit.replays[name].schedule), name)
        for name in order
        if name in shown and name != "never"
    ]
    what = "dots and marks are retrains" if single else "means over series; marks are the share of series that retrain"
    about = (
        f"What each way of deciding had cost by the end of each period ({audit.cost.unit}): the lower, the better; "
        f"{what}. Perfect hindsight is the least that could have been paid by somebody who knew the future."
    )
    panels = (Panel(f"cost so far ({audit.cost.unit})", lines, height=250.0), Panel("retrains", lanes=lanes))
    return Chart("bill", "What each way of deciding had cost, and when it retrained", about, thin(labels), panels)


def signals_chart(table: xr.Dataset, schedule: xr.DataArray, whose: str) -> Chart:
    """Debt, predictive debt and gaps of what was in service, of the first series."""
    retrained = require_retrains(table, schedule)

    def along(name: str) -> Array:
        return served(table, table[name].values, retrained).values[0]

    labels, facts = labels_on_page(table["label"]), TableFacts.from_table(table)
    places, panels = thinned(len(labels)), []
    for name in (one for one in reversed(SAMPLED) if one in table):
        values = along(name)
        half = Z90 * (along(se_of(name)) if se_of(name) in table else np.zeros_like(values))
        sampled = bool((np.nan_to_num(half) > 0).any())
        poor = np.flatnonzero(~along(reliable_of(name)).astype(bool)).tolist() if reliable_of(name) in table else []
        line = Line(
            "",
            "decider",
            values[places],
            (values - half)[places] if sampled else None,
            (values + half)[places] if sampled else None,
            doubtful=placed(poor, len(labels)),
            key=name,
        )
        panels.append(Panel(f"{NAMES[name]} ({facts.unit_of(name, short=True)})", [line], height=110.0))
    late = TableFacts.from_table(table).horizon > 1 or ARRIVED_GAP in table
    of = "" if table.sizes[SERIES] == 1 else f" Of {table.sizes[SERIES]} series the first one is drawn."
    about = (
        f"How far what was in service {whose} had fallen behind; dashed lines are retrains. A score gap above zero "
        "means that the frozen model forecast worse in that period than one kept up to date."
        + " Gaps stand where a forecast was issued; policies see them when outcomes arrive." * late
        + " Bands are 90% Monte-Carlo intervals; rings failed their checks."
        * any(one.lines[0].low is not None for one in panels)
        + of
    )
    made = np.flatnonzero(retrained[0]).tolist()
    return Chart(
        "signals", "How far what was in service had fallen behind", about, thin(labels), panels,
        upright=placed(made, len(labels)),
    )  # fmt: skip


def ageing_chart(table: xr.Dataset) -> Chart | None:
    """Regret by the age of what serves; None where too little is known."""
    curve = ageing_curve(table)
    known = np.flatnonzero(curve["reliable"].values)
    if known.size < FEWEST_AGES:
        return None
    part = curve.isel(age=slice(0, int(known[-1]) + 1))
    values, low, high = (
        np.where(part["reliable"].values, part[name].values, np.nan) for name in ("regret", "regret_low", "regret_high")
    )
    places = thinned(part.sizes["age"])
    line = Line("", "decider", values[places], low[places], high[places])
    about = (
        "What a period costs by the age of what serves it, on average over all spells that could have been: a steep "
        "curve asks for retrains, a flat one does not. The band is a 90% interval; where the line is broken, too few "
        "spells lie behind it."
    )
    labels = [str(int(part["age"].values[place])) for place in places]
    panel = Panel(f"regret of a period ({TableFacts.from_table(table).regret_unit})", [line], height=170.0)
    return Chart("ageing", "What a period costs by the age of the model", about, labels, [panel], "age in periods")


def slope_chart(table: xr.Dataset) -> Chart | None:
    """How much of what was expected came; None where too little is known."""
    if any(name not in table for name in REQUIRED):
        return None
    slopes = belief_slope(table)
    if not bool(slopes["reliable"][-1]):
        return None
    labels, known = labels_on_page(slopes["label"]), slopes["reliable"].values
    places = thinned(len(labels))
    values, low, high = (
        np.where(known, slopes[name].values, np.nan)[places] for name in ("slope", "slope_low", "slope_high")
    )
    about = (
        "How much of what the model expected to gain came, over all spells known by each period. One is what a model "
        "that is right gives; near zero, debt is seen where there is none; far above, the world moves faster than the "
        "shadow follows. The band is a 90% interval."
    )
    panel = Panel(
        "gain that came, in what was expected", [Line("", "decider", values, low, high)], height=150.0, level=1.0
    )
    return Chart("belief", "How much of what the model expected to gain came", about, thin(labels), [panel])


def parameter_chart(parameters: xr.Dataset) -> Chart:
    """Parameters over the refits, dims (parameter, period): those that moved most."""
    labels = labels_on_page(parameters["label"])
    middle = parameters["mean"].transpose("parameter", "period").values
    width = np.nanmean((parameters["high"] - parameters["low"]).transpose("parameter", "period").values, axis=1)
    moved = np.nanmax(middle, axis=1) - np.nanmin(middle, axis=1)
    order = np.argsort(-moved / np.where(width > 0, width, np.inf), kind="stable")[:MOST_PARAMETERS]
    places, names = thinned(len(labels)), labels_of(parameters["parameter"]).texts
    panels = []
    for k in order.tolist():
        sides = [parameters[name].transpose("parameter", "period").values[k][places] for name in ("low", "high")]
        panels.append(
            Panel(
                shortened(harmless(names[k])), [Line("", "decider", middle[k][places], *sides)], height=90.0, level=None
            )
        )
    some = f" Of {len(names)} parameters those are drawn that moved most, in widths of their intervals." * (
        len(names) > len(panels)
    )
    about = (
        "What the model would have believed of its parameters after each period, had it been refitted then: means and "
        f"90% intervals. A line that wanders out of its earlier bands has moved; one that settles has learnt.{some}"
    )
    return Chart("parameters", "Parameters over the refits", about, thin(labels), panels)


def cumulative(bill: xr.DataArray) -> Array:
    """Mean bill over series, added up over the periods."""
    return np.asarray(bill.values.mean(axis=0).cumsum())


def marks(schedule: xr.DataArray) -> list[int]:
    """Periods in which the only series retrained, from 0."""
    return np.flatnonzero(schedule.values.mean(axis=0)).tolist()


def lane_marks(schedule: xr.DataArray) -> list[tuple[int, float]]:
    """Periods with retrains, as places of points, with the share of the series that made them."""
    share = schedule.values.mean(axis=0)
    return shared_marks(share)


def shared_marks(share: Array) -> list[tuple[int, float]]:
    """Places of points with the share of series that retrained there."""
    made = np.flatnonzero(share).tolist()
    return list(zip(placed(made, len(share)), share[made].round(4).tolist(), strict=True))


def placed(periods: list[int], count: int) -> list[int]:
    """Periods as the nearest points that are drawn."""
    if count <= MOST_POINTS:
        return periods
    return [round(period * (MOST_POINTS - 1) / (count - 1)) for period in periods]


def thin(labels: list[str]) -> list[str]:
    """Labels of the points that are drawn."""
    return [labels[place] for place in thinned(len(labels))]
