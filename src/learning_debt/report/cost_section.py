"""What waiting and retraining have cost: in a sentence, as a table, as a picture, and at other costs."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from learning_debt.auditing import Audit
from learning_debt.auditing.split_evaluation import BEST, ORACLE
from learning_debt.data import SERIES
from learning_debt.plots.number_text import NONE, as_given, decimals_for, how_many, number, percent
from learning_debt.report import what_if
from learning_debt.report.html_parts import (
    Cell,
    Head,
    counted,
    escape,
    name_of,
    opened,
    sentence,
    shortened,
    table,
)
from learning_debt.report.policy_names import BEST_IS, as_never, by_cost, cheapest, said
from learning_debt.report.svg_chart import Chart, figure
from learning_debt.representations import listed

BELOW_USUAL = (
    '<p class="small">The setting of a debt threshold counts standard deviations from the debt usual at the age '
    "of the spell. A negative one retrains at a debt somewhat below the usual.</p>"
)


def cost_section(audit: Audit, chart: Chart, stops: xr.Dataset | None) -> str:
    """The section as a whole."""
    form = "" if stops is None else what_if.form(audit, stops)
    others = "" if stops is None else what_if.table_of_stops(audit, stops)
    return (
        f'<section id="cost"><h2>What waiting and retraining have cost</h2>{lead(audit)}{form}'
        f"{bills(audit)}{figure(chart)}{others}{opened('All policies with all their numbers', whole_table(audit))}"
        "</section>"
    )


def lead(audit: Audit) -> str:
    """What the calendar cost, what the policy that decides would have cost, and what hindsight could."""
    results, unit = audit.table, escape(shortened(audit.cost.unit, 24))

    def total(name: str) -> str:
        value = number(float(results["total"].sel(policy=name)))
        return f"<b>{value} {unit}</b> ({counted(float(results['retrains'].sel(policy=name)), 'retrain')})"

    against, chosen = audit.benchmark, audit.decided_by
    what = "Your calendar cost" if against == "your calendar" else f"The {escape(said(against))} would have cost"
    sentences = [f"{what} {total(against)}."]
    if chosen != against:
        row = results.sel(policy=chosen)
        low, high = float(row["difference_low"]), float(row["difference_high"])
        places = decimals_for([float(row["difference"]), low, high])
        sure = "" if low > 0 or high < 0 else ", so this history is too short to be sure that they differ"
        sentences.append(
            f"The policy that decides here, “{name_of(said(chosen))}”, would have cost {total(chosen)}: a difference "
            f"of {number(float(row['difference']), places, sign=True)} {unit}, {audit.probability:.0%} interval "
            f"{number(low, places)} to {number(high, places)}{sure}."
        )
    sentences.append(f"Somebody who knew the future could not have done better than {total(ORACLE)}.")
    apart = f"<p>{escape(sentence(audit.distinction))}</p>" if audit.distinction else ""
    return f'<p class="lead">{" ".join(sentences)}</p>{apart}'


def bills(audit: Audit) -> str:
    """A row a policy, the cheapest first; a script puts other numbers there."""
    results, unit = audit.table, shortened(audit.cost.unit, 12)
    places = decimals_for(_of(audit, ("regret", "total")))
    against = "your calendar" if audit.benchmark == "your calendar" else f"the {said(audit.benchmark)}"
    heads = [
        Head("way of deciding", words=True),
        Head("total cost", unit),
        Head(f"more or less than {against}", unit),
        Head("retrains"),
        Head("lost by waiting", unit),
        Head(f"{audit.probability:.0%} interval of more or less"),
    ]
    idle, rows, attributes = as_never(audit), [], []
    for name in by_cost(audit):
        row = results.sel(policy=name)
        value = {key: float(row[key]) for key in ("retrains", "regret", "total", "difference")}
        same = name == audit.benchmark
        low, high = (number(float(row[f"difference_{side}"]), places) for side in ("low", "high"))
        shown = {
            "total": f"<b>{number(value['total'], places)}</b>",
            "difference": NONE if same else number(value["difference"], places, sign=True),
            "retrains": how_many(value["retrains"]),
            "regret": number(value["regret"], places),
        }
        note = f' <small class="idle">{_idle(idle)}</small>' if name == "never" else ""
        note += f" <small>{BEST_IS}</small>" if name == BEST else ""
        tag = _tag(audit, name)
        rows.append(
            [
                Cell(f"{name_of(said(name))}{tag}{note}"),
                *(Cell(text, f'data-what="{key}" data-value="{value[key]!r}"') for key, text in shown.items()),
                Cell(NONE if same else f"{low} to {high}", 'data-what="interval"'),
            ]
        )
        kind = "benchmark" if same else "decider" if name == audit.decided_by else "hindsight" if name == ORACLE else ""
        hidden = " hidden" if name in idle else ""
        # A script finds the row by the place of its policy: the name as it is shown need not be the name.
        place = list(audit.replays).index(name)
        attributes.append(f'data-policy="{escape(name)}" data-place="{place}" class="{kind}"{hidden}')
    series = audit.spells.sizes[SERIES]
    means = f"Means over {series} series. " if series > 1 else ""
    return (
        table("What every way of deciding would have cost", heads, rows, row_attributes=attributes, name="bills")
        + f'<p class="small">{means}Total cost = {_cost_of_retrains(audit)} + what was lost by waiting (regret, '
        f"{escape(audit.accounting)}). The interval says what the difference could have been had the periods come in "
        "another mix. The numbers are in policies.csv, too.</p>"
    )


def whole_table(audit: Audit) -> str:
    """Every column of the audit's table that has something to say."""
    results, unit, places = audit.table, shortened(audit.cost.unit, 12), decimals_for(_of(audit, ("regret", "total")))
    sampled = bool((results["total_se"] > 0).any())
    heads, names = [Head("policy", words=True), Head("setting", words=True)], by_cost(audit)
    columns = [[name_of(said(name)) for name in names], [_setting(audit, name) for name in names]]

    def add(head: Head, texts: list[str], there: bool = True) -> None:
        if there:
            heads.append(head)
            columns.append(texts)

    def values(key: str) -> list[float]:
        return [float(results[key].sel(policy=name)) for name in names]

    errors = [f" ± {number(value, places)}" if sampled else "" for value in values("total_se")]
    add(Head("retrains"), [how_many(value) for value in values("retrains")])
    add(Head("lost by waiting", unit), [number(value, places) for value in values("regret")])
    add(Head("total cost", unit), [number(v, places) + e for v, e in zip(values("total"), errors, strict=True)])
    add(Head(f"times that of {audit.benchmark}"), [number(value, 2) for value in values("ratio")])
    net, again, positive = (values(key) for key in ("net_score", "selected_share", "total_positive"))
    add(Head("net score", unit), [number(value, places) for value in net], any(map(math.isfinite, net)))
    add(Head("setting chosen again"), [percent(value) for value in again], any(map(math.isfinite, again)))
    add(Head("only losses counted", unit), [number(v, places) for v in positive], any(map(math.isfinite, positive)))
    below = any(text.startswith("DebtThreshold(-") for text in results["parameter"].values.tolist())
    return table("All policies with all their numbers", heads, list(zip(*columns, strict=True))) + BELOW_USUAL * below


def _setting(audit: Audit, name: str) -> str:
    parameter = audit.table["parameter"].sel(policy=name).item()
    known = {"Never()": NONE, "Always()": NONE, "Schedule()": "your dates", "Recommended()": "learns as it goes"}
    return f'<span class="setting">{escape(shortened(known.get(parameter, parameter), 120))}</span>'


def _tag(audit: Audit, name: str) -> str:
    tags = ["decides today"] if name == audit.decided_by else []
    tags += ["cheapest, looking back"] if name in cheapest(audit.table["total"]) else []
    return "".join(f' <small class="tag">{tag}</small>' for tag in tags)


def _idle(names: list[str]) -> str:
    """Which policies did the same as never."""
    if not names:
        return ""
    return f"and so did {escape(listed([said(name) for name in names]))}, which never saw reason to"


def _cost_of_retrains(audit: Audit) -> str:
    if audit.cost.proportional:
        return f"what its retrains cost ({escape(audit.cost)} each)"
    return f"retrains × {as_given(audit.cost.per_retrain)} {escape(shortened(audit.cost.unit, 24))}"


def _of(audit: Audit, names: tuple[str, ...]) -> list[float]:
    """Values of some columns of the table, for choosing decimals; one dear policy must not set them."""
    rows = [name for name in audit.table["policy"].values.tolist() if name != "always"]
    return [float(value) for name in names for value in np.ravel(audit.table[name].sel(policy=rows).values)]
