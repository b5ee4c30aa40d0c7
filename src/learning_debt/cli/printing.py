"""What an audit prints."""

from __future__ import annotations

import xarray as xr
from rich import box
from rich.table import Table
from rich.text import Text

import learning_debt as ld
from learning_debt.cli.command_endings import PlainConsole
from learning_debt.spells.schema import TableFacts
from learning_debt.spells.table_comparison import shared_draws
from learning_debt.validation import harmless


def print_audit(console: PlainConsole, result: ld.Audit, comparison: xr.Dataset | None) -> None:
    """Print what the policies would have cost, what the reader must know, and today's verdict."""
    if comparison is not None:
        console.print(_comparison_table(comparison))
        if caption := shared_draws(comparison):
            _paragraph(console, caption)
    console.print(_policy_table(result))
    _paragraph(console, f"A retrain costs {result.cost}.")
    _paragraph(console, result.headline)
    if result.distinction:
        _paragraph(console, result.distinction, style="bold")
    for note in result.notes:
        _paragraph(console, f"- {note}")
    if result.rules is not None:
        _print_rules(console, result.rules)
    today = Text("\nToday: ", style="bold")
    console.print(today.append(Text(harmless(result.today), style="not bold")), highlight=False)


def _print_rules(console: PlainConsole, rules: ld.RuleComparison) -> None:
    """Print on what to retrain: a row a rule, and what that says."""
    unit, share = rules.cost.unit, f"{rules.probability:.0%}"
    table = _table(f"on what to retrain (realised score less the cost of retrains, {unit} a period)", (0, 1, 0, 0))
    table.add_column("update rule", no_wrap=True)
    heads = ("with today's\ncalendar", f"saving\n({share})", "always\nretrained", "never", "rows\nleft")
    for head in heads:
        table.add_column(head, justify="right")
    for name in rules.table["rule"].values:
        row = rules.table.sel(rule=name)
        saving, low, high = (float(row[key]) for key in ("saving", "low", "high"))
        table.add_row(
            Text(harmless(name).replace("\n", " ")),
            f"{float(row['net_score']):.3f}",
            f"{saving:+.3f} ({low:+.3f}, {high:+.3f})" if name != rules.today else "",
            f"{float(row['shadow_score']):.3f}",
            f"{float(row['frozen_score']):.3f}",
            f"{float(row['effective_rows']):.3g}",
        )
    console.print(table)
    _paragraph(console, rules.sentence, style="bold")
    _paragraph(console, rules.recommendation)
    for note in rules.notes:
        _paragraph(console, f"- {note}")


def _paragraph(console: PlainConsole, text: str, style: str = "") -> None:
    console.print(Text(harmless(text), style=style), highlight=False)


def _comparison_table(comparison: xr.Dataset) -> Table:
    probability = comparison.attrs["probability"]
    facts = TableFacts.from_table(comparison, "comparison")
    units = "nats" if facts.in_nats else f"posterior debt in nats, else {facts.unit}"
    table = _table(f"conjugate twin, sampled against exact ({units})")
    headers = ("signal", "cells", "reliable", "bias", "rmse", "median rel. error", f"{probability:.0%} intervals cover")
    for header in headers:
        table.add_column(header, justify="left" if header == "signal" else "right")
    for name in comparison["signal"].values:
        row = {key: float(value) for key, value in comparison.sel(signal=name).data_vars.items()}
        table.add_row(
            str(name).replace("_", " "),
            f"{row['cells']:.0f}",
            f"{row['reliable_share']:.1%}",
            f"{row['bias']:+.5f}",
            f"{row['rmse']:.5f}",
            f"{row['median_relative_error']:.1%}",
            f"{row['coverage']:.1%}",
        )
    return table


def _policy_table(result: ld.Audit) -> Table:
    attrs = result.table.attrs
    table = _table(f"what each policy would have cost ({attrs['unit']}, {attrs['accounting']} regret)", (0, 1, 0, 0))
    against, share = attrs["benchmark"], f"{attrs['probability']:.0%}"
    difference = f"difference to\n{against} ({share})"
    table.add_column("policy", no_wrap=True)
    for head in ("retrains", "regret", "total", "ratio", difference, "chosen\nagain", "positive\ntotal"):
        table.add_column(head, justify="right")
    for name in result.table["policy"].values:
        row = {key: value.item() for key, value in result.table.sel(policy=name).data_vars.items()}
        interval = f"{row['difference']:+.2f} ({row['difference_low']:+.2f}, {row['difference_high']:+.2f})"
        table.add_row(
            Text(harmless(name).replace("\n", " ")),
            f"{row['retrains']:g}",
            f"{row['regret']:.3f}",
            f"{row['total']:.3f}",
            _number(row["ratio"]),
            interval if name != against else "",
            f"{row['selected_share']:.0%}" if row["selected_share"] == row["selected_share"] else "",
            _number(row["total_positive"]),
        )
    return table


def _table(title: str, padding: tuple[int, int, int, int] = (0, 1, 0, 1)) -> Table:
    return Table(title=Text(harmless(title)), title_justify="left", box=box.SIMPLE_HEAD, padding=padding)


def _number(value: float) -> str:
    return "" if value != value else f"{value:.2f}"
