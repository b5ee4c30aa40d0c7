"""The page, section by section: what waiting costs comes first, how it was worked out comes last."""

from __future__ import annotations

import base64
import platform
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from string import Template

import numpy as np
import xarray as xr

from learning_debt.auditing import Audit
from learning_debt.plots.literal_text import labels_of
from learning_debt.plots.number_text import NONE, decimals_for, number, percent
from learning_debt.report.pictures import Figure
from learning_debt.report.rules_section import rules_section
from learning_debt.report.template import GLOSSARY, PAGE, escape
from learning_debt.report.verdict_section import verdict_box
from learning_debt.spells.schema import TableFacts
from learning_debt.spells.table_comparison import shared_draws


def render_page(
    audit: Audit,
    title: str,
    figures: Sequence[Figure],
    comparison: xr.Dataset | None = None,
    model_summary: str | None = None,
) -> str:
    """The report as HTML that needs nothing outside itself."""
    labels = labels_of(audit.spells["label"]).texts
    own = [figure for figure in figures if figure.file != "sampled_against_exact.png"]
    agreement = [figure for figure in figures if figure.file == "sampled_against_exact.png"]
    sections = [
        verdict_box(audit),
        f"<h2>What waiting and retraining have cost</h2>{summary(audit)}{policy_table(audit)}",
        rules_section(audit.rules),
        "".join(map(figure_block, own)),
        f"<h2>Notes</h2><ul>{''.join(f'<li>{escape(note)}</li>' for note in audit.notes)}</ul>" if audit.notes else "",
        comparison_section(comparison, agreement),
        GLOSSARY,
        provenance(audit, model_summary),
    ]
    return Template(PAGE).substitute(
        title=escape(title),
        period=f"{escape(labels[0])} to {escape(labels[-1])}, {len(labels)} periods",
        body="\n".join(section for section in sections if section),
    )


def summary(audit: Audit) -> str:
    """What your calendar cost, what the policy that tuning chose would have, and what hindsight could."""
    table, unit = audit.table, escape(audit.cost.unit)
    places = decimals_for(_of(audit, ("total",), leave_out="always"))

    def total(name: str) -> str:
        return f"<b>{number(float(table['total'].sel(policy=name)), places)} {unit}</b>"

    def retrains(name: str) -> str:
        count = float(table["retrains"].sel(policy=name))
        return f"{count:.3g} retrain{'' if count == 1 else 's'}"

    against, chosen = audit.benchmark, audit.decided_by
    what = "Your calendar" if against == "your calendar" else f"The {escape(against)} would have"
    sentences = [f"{what} cost {total(against)} ({retrains(against)})."]
    if chosen != against:
        row = table.sel(policy=chosen)
        low, high = float(row["difference_low"]), float(row["difference_high"])
        sure = "" if low > 0 or high < 0 else ", so this history is too short to be sure that they differ"
        sentences.append(
            f"The policy that had done best beforehand, {escape(chosen)}, would have cost {total(chosen)} "
            f"({retrains(chosen)}): a difference of {number(float(row['difference']), places, sign=True)} {unit}, "
            f"{audit.probability:.0%} interval {number(low, places)} to {number(high, places)}{sure}."
        )
    sentences.append(f"Hindsight could not have done better than {total('oracle')} ({retrains('oracle')}).")
    return f'<p class="lead">{" ".join(sentences)}</p>'


def policy_table(audit: Audit) -> str:
    """A row per policy, the cheapest first."""
    table, unit, against = audit.table.sortby("total"), escape(audit.cost.unit), escape(audit.benchmark)
    places = decimals_for(_of(audit, ("regret", "total", "difference_low", "difference_high"), leave_out="always"))
    positive = bool(np.isfinite(table["total_positive"]).any())
    sampled = bool((table["total_se"] > 0).any())
    scored = bool(np.isfinite(table["net_score"]).any())
    chosen_again = bool(np.isfinite(table["selected_share"]).any())
    heads = [
        ("policy", "left"),
        ("setting", "left"),
        ("retrains", ""),
        (f"regret<br>({unit})", ""),
        (f"total cost<br>({unit})", ""),
        (f"times that of<br>{against}", ""),
        (f"difference to<br>{against} ({unit})", ""),
        (f"{audit.probability:.0%} interval<br>of the difference", ""),
    ]
    heads += [(f"net score<br>({unit})", "")] if scored else []
    heads += [("setting<br>chosen again", "")] if chosen_again else []
    heads += [(f"only losses<br>counted ({unit})", "side")] if positive else []
    head = "".join(f'<th class="{kind}">{text}</th>' for text, kind in heads)
    rows = []
    for name in table["policy"].values.tolist():
        row = {key: value.item() for key, value in table.sel(policy=name).data_vars.items()}
        error = f" ± {number(row['total_se'], places)}" if sampled else ""
        same = name == audit.benchmark
        interval = f"{number(row['difference_low'], places)} to {number(row['difference_high'], places)}"
        cells = [
            (escape(name), "left"),
            (escape(_setting(row["parameter"])), "left setting"),
            (f"{row['retrains']:.3g}", ""),
            (number(row["regret"], places), ""),
            (f"<b>{number(row['total'], places)}</b>{error}", ""),
            (number(row["ratio"], 2), ""),
            (NONE if same else number(row["difference"], places, sign=True), ""),
            (NONE if same else interval, ""),
        ]
        cells += [(number(row["net_score"], places), "")] if scored else []
        cells += [(percent(row["selected_share"]), "")] if chosen_again else []
        cells += [(number(row["total_positive"], places), "side")] if positive else []
        body = "".join(f'<td class="{kind}">{text}</td>' for text, kind in cells)
        rows.append(f'<tr class="{"benchmark" if same else ""}">{body}</tr>')
    series = audit.spells.sizes["series"]
    means = f"Means over {series} series. " if series > 1 else ""
    return (
        f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
        f'<p class="small">{means}Total cost = {_cost_of_retrains(audit)} + regret, '
        f"{escape(audit.accounting)} accounting. The same numbers are in policies.csv.</p>"
    )


def figure_block(figure: Figure) -> str:
    """A picture, embedded, with its caption."""
    data, caption = base64.b64encode(figure.png).decode("ascii"), escape(figure.caption)
    return (
        f'<figure><img src="data:image/png;base64,{data}" alt="{caption}"><figcaption>{caption}</figcaption></figure>'
    )


def comparison_section(comparison: xr.Dataset | None, figures: Sequence[Figure]) -> str:
    """How sampled estimates fared against exact values."""
    if comparison is None and not figures:
        return ""
    parts = [
        "<h2>Can the sampled numbers be trusted?</h2>",
        "<p>A twin of the model, for which everything can be worked out exactly, was sampled in the same way. Its "
        "sampled numbers are held against the exact ones here.</p>",
    ]
    if comparison is not None:
        parts.append(_comparison_table(comparison))
        parts += [f"<p>{escape(caption)}</p>" for caption in [shared_draws(comparison)] if caption]
    return "".join(parts) + "".join(map(figure_block, figures))


def _comparison_table(comparison: xr.Dataset) -> str:
    probability = float(comparison.attrs.get("probability", 0.9))
    facts = TableFacts.from_table(comparison, "comparison")
    unit = "nats" if facts.in_nats else f"debt: nats; else {facts.unit}"

    def in_unit(name: str, sign: bool = False) -> Callable[[float], str]:
        places = decimals_for(comparison[name].values.tolist()) + 1 if name in comparison else None
        return lambda value: number(value, places, sign)

    columns: dict[str, tuple[str, Callable[[float], str]]] = {
        "cells": ("cells", lambda value: f"{value:,.0f}"),
        "reliable_share": ("reliable", lambda value: f"{value:.1%}"),
        "bias": (f"bias<br>({escape(unit)})", in_unit("bias", sign=True)),
        "rmse": (f"typical error,<br>RMSE ({escape(unit)})", in_unit("rmse")),
        "median_relative_error": ("median relative<br>error", lambda value: f"{value:.1%}"),
        "coverage": (f"{probability:.0%} intervals<br>that hold the truth", lambda value: f"{value:.1%}"),
    }
    shown = {key: entry for key, entry in columns.items() if key in comparison}
    head = '<th class="left">signal</th>' + "".join(f"<th>{title}</th>" for title, _ in shown.values())
    rows = []
    for name in comparison["signal"].values.tolist():
        values = {key: float(comparison[key].sel(signal=name)) for key in shown}
        cells = "".join(
            f"<td>{form(values[key]) if np.isfinite(values[key]) else NONE}</td>" for key, (_, form) in shown.items()
        )
        rows.append(f'<tr><td class="left">{escape(str(name).replace("_", " "))}</td>{cells}</tr>')
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def provenance(audit: Audit, model_summary: str | None) -> str:
    """Where the numbers come from."""
    spells, cost, unit = audit.spells, audit.cost, audit.cost.unit
    facts, labels = TableFacts.from_table(spells), labels_of(spells["label"]).texts
    worth = f"; one nat on one observation is worth {number(cost.money_per_nat)} {unit}" if cost.money_per_nat else ""
    try:
        package = version("learning-debt")
    except PackageNotFoundError:
        package = "not installed"
    entries = [
        ("learning-debt", package),
        ("cost of a retrain", f"{cost}{worth}"),
        ("accounting", audit.accounting),
        ("reported on", f"{len(labels)} periods, {labels[0]} to {labels[-1]}"),
        ("series", str(spells.sizes["series"])),
        ("intervals", f"{audit.resamples:,} resamples, random seed {audit.random_seed}"),
        *_of_fits(spells),
        ("written", f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, with {_versions(spells)}"),
        *(
            ("unit of signals" if key == "unit" else key.replace("_", " "), str(getattr(facts, key)))
            for key in ("timing", "score", "update_rule", "horizon", "unit")
            if key in spells.attrs and not (key == "horizon" and facts.horizon == 1)
        ),
    ]
    rows = "".join(f"<dt>{escape(key)}</dt><dd>{escape(value)}</dd>" for key, value in entries)
    model = f"<h2>The model</h2><pre>{escape(str(model_summary).strip())}</pre>" if model_summary else ""
    return f'{model}<h2>Where the numbers come from</h2><dl class="provenance">{rows}</dl>'


def _of_fits(spells: xr.Dataset) -> list[tuple[str, str]]:
    if "refits" not in spells or "rung" not in spells or (spells["rung"] == "exact").all():
        return []
    return [("fits in the reported periods", f"{int(spells['refits'].sum())}")]


def _versions(spells: xr.Dataset) -> str:
    """Of Python and of the packages that the numbers rest on."""
    sampled = "rung" in spells and not (spells["rung"] == "exact").all()
    names = ("numpy", "scipy", "xarray", *(("pymc", "arviz_stats", "nutpie") if sampled else ()))
    found = [f"Python {platform.python_version()}"]
    for name in names:
        with suppress(PackageNotFoundError):
            found.append(f"{name} {version(name)}")
    return ", ".join(found)


def _cost_of_retrains(audit: Audit) -> str:
    if audit.cost.proportional:
        return f"what its retrains cost ({escape(str(audit.cost))} each)"
    return f"retrains × {number(audit.cost.per_retrain)} {escape(audit.cost.unit)}"


def _of(audit: Audit, names: Sequence[str], leave_out: str) -> list[float]:
    """Values of some columns of the table, for choosing decimals; one dear policy must not set them."""
    rows = [name for name in audit.table["policy"].values.tolist() if name != leave_out]
    return [float(value) for name in names for value in audit.table[name].sel(policy=rows).values]


def _setting(parameter: str) -> str:
    """A policy's parameter; policies without one need no empty brackets."""
    return {"Never()": NONE, "Always()": NONE, "Schedule()": "your dates"}.get(parameter, parameter)
