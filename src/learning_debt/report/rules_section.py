"""The section of the page that says on what to retrain."""

from __future__ import annotations

from learning_debt.auditing import RuleComparison
from learning_debt.plots.number_text import NONE, decimals_for, number
from learning_debt.report.template import escape


def rules_section(rules: RuleComparison | None) -> str:
    """On what to retrain: what it says, and a row a rule; nothing where no rules were compared."""
    if rules is None:
        return ""
    table, unit = rules.table.sortby("net_score", ascending=False), escape(rules.cost.unit)
    places = decimals_for([value for name in ("saving", "low", "high") for value in table[name].values.tolist()])
    heads = [
        ("update rule", "left"),
        (f"score less costs,<br>your calendar ({unit})", ""),
        (f"saving against<br>today's rule ({unit})", ""),
        (f"{rules.probability:.0%} interval<br>of the saving", ""),
        ("best policy under it", "left"),
        ("score less costs<br>with that", ""),
        ("always retrained,<br>at no cost", "side"),
        ("never<br>retrained", "side"),
        ("rows<br>it leaves", "side"),
    ]
    head = "".join(f'<th class="{kind}">{text}</th>' for text, kind in heads)
    rows = []
    for name in table["rule"].values.tolist():
        row = {key: value.item() for key, value in table.sel(rule=name).data_vars.items()}
        same = name == rules.today
        interval = f"{number(row['low'], places)} to {number(row['high'], places)}"
        cells = [
            (escape(name) + (" (today)" if same else ""), "left"),
            (f"<b>{number(row['net_score'], places)}</b>", ""),
            (NONE if same else number(row["saving"], places, sign=True), ""),
            (NONE if same else interval, ""),
            (escape(row["policy"]), "left setting"),
            (number(row["net_score_of_policy"], places), ""),
            (number(row["shadow_score"], places), "side"),
            (number(row["frozen_score"], places), "side"),
            (f"{row['effective_rows']:.3g}", "side"),
        ]
        body = "".join(f'<td class="{kind}">{text}</td>' for text, kind in cells)
        rows.append(f'<tr class="{"benchmark" if same else ""}">{body}</tr>')
    notes = "".join(f"<li>{escape(note)}</li>" for note in rules.notes)
    return (
        f'<h2>On what to retrain</h2><p class="lead">{escape(rules.sentence)}</p>'
        f"<p>{escape(rules.recommendation)}</p>"
        f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
        '<p class="small">A period, on the part that is reported on: realised score of what served × exposure, less '
        "what its retrains cost. Totals under different rules compare by this and not by regret, which every rule "
        f"counts from its own shadow.</p><ul>{notes}</ul>"
    )
