"""The page, section by section: the verdict comes first, how it was computed comes last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import xarray as xr

from learning_debt.auditing import Audit
from learning_debt.data import SERIES
from learning_debt.report import svg_chart, what_if
from learning_debt.report.cost_section import cost_section
from learning_debt.report.decision_log import log_section, since_then
from learning_debt.report.glossary_links import linked
from learning_debt.report.health_card import health_card
from learning_debt.report.how_section import how_section
from learning_debt.report.page_charts import (
    ageing_chart,
    bill_chart,
    labels_on_page,
    parameter_chart,
    signals_chart,
    slope_chart,
)
from learning_debt.report.pictures import Figure
from learning_debt.report.policy_names import said
from learning_debt.report.rules_section import rules_section
from learning_debt.report.stale_section import stale_section
from learning_debt.report.sure_section import sure_section
from learning_debt.report.svg_chart import Chart
from learning_debt.report.template import framed
from learning_debt.report.verdict_section import verdict_section
from learning_debt.spells import check_spells

AGREEMENT, UPKEEP = "sampled_against_exact.png", "upkeep.png"


def render_page(
    audit: Audit,
    title: str,
    figures: Sequence[Figure],
    comparison: xr.Dataset | None = None,
    model_summary: str | None = None,
    *,
    drawn: tuple[xr.Dataset, xr.DataArray] | None = None,
    stops: xr.Dataset | None = None,
    blocks: xr.Dataset | None = None,
    groups: xr.Dataset | None = None,
    parameters: xr.Dataset | None = None,
    ledger: xr.Dataset | None = None,
) -> str:
    """The report as HTML that needs nothing outside itself.

    Parameters
    ----------
    audit : Audit
    title : str
    figures : sequence of Figure
        Of which the page takes those that it does not draw itself.
    comparison, model_summary, blocks, groups, parameters
        As `write_report` takes them.
    drawn : (Dataset, DataArray), optional
        Table and schedule whose signals are drawn; the benchmark's on the reported periods if left out.
    stops : Dataset, optional
        From `rebilled`: what other costs and calendars would have meant.
    ledger : Dataset, optional
        Recorded decisions.
    """
    charts = page_charts(audit, drawn, parameters)
    checks = health_card(audit, comparison)
    labels = labels_on_page(audit.spells["label"])
    of_staleness = [charts[key] for key in ("signals", "ageing", "parameters") if key in charts]
    of_belief = [charts[key] for key in ("belief",) if key in charts]
    sections = [
        linked(verdict_section(audit, checks)),
        cost_section(audit, charts["bill"], stops),
        rules_section(audit.rules),
        stale_section(of_staleness, blocks, groups, parameters is not None),
        linked(sure_section(audit, checks, of_belief, comparison, [one for one in figures if one.file == AGREEMENT])),
        log_section(audit, ledger),
        how_section(audit, model_summary, [one for one in figures if one.file == UPKEEP]),
    ]
    subtitle = f"Retrain now, or wait? Reported on {labels[0]} to {labels[-1]}, {len(labels)} periods."
    if since := since_then(ledger):
        subtitle += f" Answered already: {since}; the verdict is that of before."
    return framed(title, subtitle, "\n".join(filter(None, sections)), page_data(audit, charts, stops))


def page_charts(
    audit: Audit, drawn: tuple[xr.Dataset, xr.DataArray] | None, parameters: xr.Dataset | None
) -> dict[str, Chart]:
    """The charts that there is something to see in, by name."""
    whose = "under the schedule shown" if drawn else f"under {said(audit.benchmark)}"
    spells, schedule = drawn or (audit.spells, audit.replays[audit.benchmark].schedule)
    table = check_spells(spells)
    found = [bill_chart(audit), signals_chart(table, schedule, whose)]
    ageing = ageing_chart(table)
    found += [one for one in (ageing, slope_chart(table)) if one is not None and ageing is not None]
    found += [] if parameters is None else [parameter_chart(parameters)]
    return {chart.key: chart for chart in found}


def page_data(audit: Audit, charts: dict[str, Chart], stops: xr.Dataset | None) -> dict[str, Any]:
    """What the page's script reads, in types that JSON holds."""
    return {
        "charts": {key: svg_chart.data(chart) for key, chart in charts.items()},
        "single": audit.spells.sizes[SERIES] == 1,
        "whatIf": None if stops is None else what_if.data(audit, stops),
    }
