"""The section of the page that says on what to retrain."""

from __future__ import annotations

from learning_debt.auditing import RuleComparison
from learning_debt.plots.number_text import NONE, decimals_for, number
from learning_debt.report.html_parts import Head, escape, name_of, shortened
from learning_debt.report.html_parts import table as html_table
from learning_debt.representations import plain_number


def rules_section(rules: RuleComparison | None) -> str:
    """On what to retrain: what it says, and a row a rule; nothing where no rules were compared."""
    if rules is None:
        return ""
    table, unit = rules.table.sortby("net_score", ascending=False), shortened(rules.cost.unit, 12)
    places = decimals_for([value for name in ("saving", "low", "high") for value in table[name].values.tolist()])
    heads = [
        Head("update rule", words=True),
        Head("score less costs, your calendar", unit),
        Head("saving against today’s rule", unit),
        Head(f"{rules.probability:.0%} interval of the saving"),
        Head("best policy under it", words=True),
        Head("score less costs with that"),
        Head("always retrained, at no cost"),
        Head("never retrained"),
        Head("rows it leaves"),
    ]
    rows = []
    for name in table["rule"].values.tolist():
        row = {key: value.item() for key, value in table.sel(rule=name).data_vars.items()}
        same = name == rules.today
        rows.append(
            [
                name_of(name) + (" (today)" if same else ""),
                f"<b>{number(row['net_score'], places)}</b>",
                NONE if same else number(row["saving"], places, sign=True),
                NONE if same else f"{number(row['low'], places)} to {number(row['high'], places)}",
                f'<span class="setting">{escape(shortened(row["policy"], 120))}</span>',
                number(row["net_score_of_policy"], places),
                number(row["shadow_score"], places),
                number(row["frozen_score"], places),
                plain_number(row["effective_rows"]),
            ]
        )
    own = ['class="benchmark"' if name == rules.today else "" for name in table["rule"].values.tolist()]
    notes = "".join(f"<li>{escape(note)}</li>" for note in rules.notes)
    return (
        f'<section id="rules"><h2>On what to retrain</h2><p class="lead">{escape(rules.sentence)}</p>'
        f"<p>{escape(rules.recommendation)}</p>{html_table('Update rules compared', heads, rows, row_attributes=own)}"
        '<p class="small">A period, on the part that is reported on: realised score of what served × exposure, less '
        "what its retrains cost. Totals under different rules compare by this and not by regret, which every rule "
        f"counts from its own shadow.</p><ul>{notes}</ul></section>"
    )
