"""The log: what each policy did in every reported period and what it cost, and what a ledger recorded."""

from __future__ import annotations

import numpy as np
import xarray as xr

from learning_debt.auditing import Audit
from learning_debt.auditing.split_evaluation import ORACLE
from learning_debt.data import SERIES
from learning_debt.plots.literal_text import labels_of
from learning_debt.plots.number_text import decimals_for, number, percent
from learning_debt.report.html_parts import Head, escape, name_of, opened, table
from learning_debt.report.policy_names import said

MOST_ROWS = 400
LAST = 24
"""Rows that stand open; earlier ones are opened."""


def log_section(audit: Audit, ledger: xr.Dataset | None = None) -> str:
    """Both logs, the recorded one first."""
    recorded = "" if ledger is None or not ledger.sizes.get("period") else _recorded(ledger)
    return f'<section id="log"><h2>Decision log</h2>{recorded}{_walked(audit)}</section>'


def since_then(ledger: xr.Dataset | None) -> str:
    """What a ledger says has been put into service since its last decision; empty where that is nothing."""
    return "" if ledger is None else str(ledger.attrs.get("since", ""))


def _walked(audit: Audit) -> str:
    names = list(dict.fromkeys([audit.benchmark, audit.decided_by, ORACLE]))
    labels, unit = labels_of(audit.spells["label"]).texts, audit.cost.unit
    bills = {name: audit.replays[name].bill.values.mean(axis=0) for name in names}
    shares = {name: audit.replays[name].schedule.values.mean(axis=0) for name in names}
    places = decimals_for([float(value) for bill in bills.values() for value in bill])
    heads = [Head("period", words=True), *(Head(said(name), unit[:12]) for name in names)]
    rows = []
    for place in range(max(0, len(labels) - MOST_ROWS), len(labels)):
        rows.append(
            [
                name_of(labels[place], 24),
                *(_did(float(shares[name][place]), number(float(bills[name][place]), places)) for name in names),
            ]
        )
    single = audit.spells.sizes[SERIES] == 1
    means = "" if single else f" Costs are means over {audit.spells.sizes[SERIES]} series."
    about = (
        "<p>What each way of deciding did at the end of every reported period, and what the period cost: the regret of "
        f"what served, and the retrain where one was made. A minus is a gain.{means}</p>"
    )
    cut = f"<p>The last {MOST_ROWS} of {len(labels)} periods.</p>" if len(labels) > MOST_ROWS else ""
    return about + cut + _newest_first(rows, "What each policy did, by period", heads)


def _did(share: float, cost: str) -> str:
    if share == 0:
        return cost
    words = "retrained" if share == 1 else f"{percent(share)} retrained"
    return f'<span class="did">{words}</span> {cost}'


def _recorded(ledger: xr.Dataset) -> str:
    """What a monitor's ledger holds: a row a decision."""
    labels, trained = (labels_of(ledger[name]).texts for name in ("label", "deployed_label"))
    unit = str(ledger["unit"].values[-1])
    heads = [
        Head("period", words=True),
        Head("said", words=True),
        Head("chance that a retrain pays"),
        Head("spell so far", unit[:12]),
        Head("all so far", unit[:12]),
        Head("in service since", words=True),
    ]
    rows = []
    for place in range(max(0, len(labels) - MOST_ROWS), len(labels)):
        at = {name: ledger[name].values[place].item() for name in ("verdict", "probability", "realised_regret")}
        verdict = escape(at["verdict"])
        rows.append(
            [
                name_of(labels[place], 24),
                f'<span class="did">{verdict}</span>' if verdict != "wait" else verdict,
                percent(at["probability"]),
                number(at["realised_regret"]),
                number(float(ledger["regret_so_far"].values[place])),
                name_of(trained[place], 24),
            ]
        )
    made = int(ledger.attrs.get("retrains", np.asarray(ledger["retrains"].values)[-1]))
    since = since_then(ledger)
    about = (
        f"<h3>As recorded</h3><p>What the monitor said at the end of every period, as its ledger holds it. "
        f"{made} retrain{'s' * (made != 1)} put into service so far"
        f"{escape(f'; {since}' if since else '')}.</p>"
    )
    replayed = "<h3>Looking back</h3>"
    return about + _newest_first(rows, "Recorded decisions", heads) + replayed


def _newest_first(rows: list[list[str]], caption: str, heads: list[Head]) -> str:
    rows = rows[::-1]
    whole = table(caption, heads, rows[:LAST])
    rest = table(f"{caption}: earlier ones", heads, rows[LAST:]) if len(rows) > LAST else ""
    return f"<p>The newest period comes first.</p>{whole}" + opened(f"The {len(rows) - LAST} periods before", rest)
