"""Other costs and other calendars: what the page's sliders show, all of it worked out beforehand."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from learning_debt.auditing import Audit
from learning_debt.auditing.split_evaluation import ORACLE
from learning_debt.plots.number_text import as_given, decimals_for, number
from learning_debt.pricing.decision_sentences import share
from learning_debt.report.drawn_numbers import rounded, thinned
from learning_debt.report.html_parts import Head, counted, escape, name_of, opened, table
from learning_debt.report.page_charts import shared_marks
from learning_debt.report.policy_names import by_cost, cheapest, said


def form(audit: Audit, stops: xr.Dataset) -> str:
    """The two sliders, which a script shows, and what they say; without it, the same bills as a table."""
    base = _base(stops)
    sliders = (
        _slider("cost", "What a retrain costs", stops.sizes["cost"], base, cost_texts(audit, stops)[base])
        if stops.sizes["cost"] > 1
        else ""
    ) + _slider("calendar", "Your calendar", stops.sizes["interval"] + 1, 0, calendar_texts(audit, stops)[0])
    return (
        '<div class="what-if" hidden><h3>Try another cost, or another calendar</h3>'
        f'<div class="sliders">{sliders}</div><p id="what-if-said" class="said" role="status"></p>'
        '<p><button type="button" id="what-if-reset">Back to this audit</button></p></div>'
    )


def table_of_stops(audit: Audit, stops: xr.Dataset) -> str:
    """Bills at every cost, and of every calendar, for who reads without a script."""
    places = decimals_for(stops["total"].sel(policy=[n for n in audit.replays if n != "always"]).values.ravel())
    heads = [Head("policy", words=True), *(Head(text) for text in cost_texts(audit, stops))]
    rows = [
        [name_of(said(name)), *(number(float(of), places) for of in stops["total"].sel(policy=name).values)]
        for name in by_cost(audit)
    ]
    rows += [
        [text, *(number(float(of), places) for of in stops["calendar_total"].isel(interval=place).values)]
        for place, text in enumerate(calendar_texts(audit, stops)[1:])
    ]
    if "verdict" in stops:
        rows.append(["today’s verdict", *map(escape, stops["verdict"].values.tolist())])
    now = escape(cost_texts(audit, stops)[_base(stops)])
    said_so = (
        f"<p>Total cost ({escape(audit.cost.unit)}) had a retrain always cost what the column says. Each policy was "
        f"tuned anew at that cost on the earlier part of the history; this audit is the column of {now}.</p>"
    )
    return opened("Every cost and every calendar, as a table", said_so + table("Bills at other costs", heads, rows))


def data(audit: Audit, stops: xr.Dataset) -> dict[str, Any]:
    """What the sliders show, at full precision, in types that JSON holds."""
    places = thinned(stops.sizes["period"])

    def lines(name: str, along: str) -> list[list[list[float | None]]]:
        values = stops[name].transpose("cost", along, "period").values.cumsum(axis=-1)[..., places]
        return [[rounded(one) for one in row] for row in values]

    def lanes(name: str, along: str) -> list[list[list[tuple[int, float]]]]:
        return [[shared_marks(one) for one in row] for row in stops[name].transpose("cost", along, "period").values]

    numbers = {
        name: stops[name].values.tolist()
        for prefix in ("", "calendar_")
        for name in (f"{prefix}total", f"{prefix}regret", f"{prefix}retrains")
    }
    # The calendar's marks are the same at every cost.
    marks = [shared_marks(one) for one in stops["calendar_retrained"].isel(cost=0).values]
    return numbers | {
        "base": _base(stops),
        "unit": audit.cost.unit,
        "benchmark": audit.benchmark,
        "hindsight": ORACLE,
        "policies": stops["policy"].values.tolist(),
        "deciders": stops["decided_by"].values.tolist(),
        "amounts": stops["amount"].values.tolist(),
        "intervals": stops["interval"].values.tolist(),
        "costTexts": cost_texts(audit, stops),
        "calendarTexts": calendar_texts(audit, stops),
        "said": sentences(audit, stops),
        "decimals": [decimals_for(_shown(stops, k)) for k in range(stops.sizes["cost"])],
        "bills": lines("bill", "policy"),
        "calendar_bills": lines("calendar_bill", "interval"),
        "marks": lanes("retrained", "policy"),
        "calendar_marks": marks,
    }


def cost_texts(audit: Audit, stops: xr.Dataset) -> list[str]:
    """Costs of the stops in words."""
    unit = audit.cost.unit
    if audit.cost.proportional:
        return [f"{factor:g} × what it costs" for factor in stops["cost"].values.tolist()]
    return [f"{as_given(amount)} {unit}" for amount in stops["amount"].values.tolist()]


def calendar_texts(audit: Audit, stops: xr.Dataset) -> list[str]:
    """Calendars of the stops in words."""
    first = "as you do it" if audit.benchmark == "your calendar" else f"the {said(audit.benchmark)} of this audit"
    return [first, *(_every(interval) for interval in stops["interval"].values.tolist())]


def sentences(audit: Audit, stops: xr.Dataset) -> list[str]:
    """What each cost would have meant: today's verdict, the policy that decides, and the cheapest."""
    found, unit = [], audit.cost.unit
    for place in range(stops.sizes["cost"]):
        at = stops.isel(cost=place)
        ours, best = at["decided_by"].item(), cheapest(at["total"])
        total, least = (float(at["total"].sel(policy=name)) for name in (ours, best[0]))
        retrains = counted(float(at["retrains"].sel(policy=ours)), "retrain")
        text = f"The policy “{said(ours)}” would have cost {number(total)} {unit}, with {retrains}"
        text += (
            "; no other policy of this audit was cheaper."
            if ours in best
            else (f"; the cheapest of this audit, looking back, was “{said(best[0])}” with {number(least)}.")
        )
        if "verdict" in stops:
            chance = float(at["chance"])
            head, verb = (
                ("This audit", "is") if place == _base(stops) else ("Had a retrain always cost that", "would be")
            )
            likely = f"; the chance that a retrain pays {verb} {share(chance)}" if np.isfinite(chance) else ""
            text = f"{head}: today {at['verdict'].item()}{likely}. {text}"
        found.append(text)
    return found


def _shown(stops: xr.Dataset, place: int) -> list[float]:
    at = stops["total"].isel(cost=place)
    return [float(at.sel(policy=name)) for name in stops["policy"].values.tolist() if name != "always"]


def _base(stops: xr.Dataset) -> int:
    return int(np.argmin(np.abs(np.log(stops["cost"].values))))


def _every(interval: int) -> str:
    return "after every period" if interval == 1 else f"every {interval} periods"


def _slider(name: str, what: str, count: int, at: int, text: str) -> str:
    return (
        f'<div><label for="what-if-{name}">{what} <output id="what-if-{name}-now" for="what-if-{name}">{escape(text)}'
        f'</output></label><input type="range" id="what-if-{name}" min="0" max="{count - 1}" step="1" value="{at}" '
        f'aria-valuetext="{escape(text)}"></div>'
    )
