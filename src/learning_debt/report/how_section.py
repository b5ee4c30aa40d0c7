"""How it was computed: words, the upkeep of the shadow, the model, and where the numbers come from."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

import xarray as xr

from learning_debt.auditing import Audit
from learning_debt.plots.literal_text import labels_of
from learning_debt.plots.number_text import number
from learning_debt.report.html_parts import LONGEST_TEXT, escape, opened, shortened
from learning_debt.report.pictures import Figure, picture
from learning_debt.report.template import asset
from learning_debt.spells.schema import TableFacts


def how_section(audit: Audit, model_summary: str | None, pictures: Sequence[Figure]) -> str:
    """The last section."""
    text = str(model_summary or "").strip()
    cut = text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"
    model = f"<h3>The model</h3><pre>{escape(cut)}</pre>" if cut else ""
    return (
        f'<section id="how"><h2>How it was computed</h2>{opened("Words on this page", asset("glossary.html"))}'
        f"{model}{''.join(map(picture, pictures))}<h3>Where the numbers come from</h3>{provenance(audit)}</section>"
    )


def provenance(audit: Audit) -> str:
    """Cost, periods, fits, versions."""
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
    rows = "".join(
        f"<div><dt>{escape(key)}</dt><dd>{escape(shortened(value, 300))}</dd></div>" for key, value in entries
    )
    return f'<dl class="provenance">{rows}</dl>'


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
