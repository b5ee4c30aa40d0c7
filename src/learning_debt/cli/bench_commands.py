"""``learning-debt bench``: real histories, all policies, one table."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from learning_debt import bench
from learning_debt.bench.bench_page import require_bench_room, write_rules
from learning_debt.cli.command_endings import PlainConsole, clear_endings
from learning_debt.cli.path_options import given_path
from learning_debt.cli.worker_processes import worker_processes
from learning_debt.representations import Column, Sentence, Table

app = typer.Typer(no_args_is_help=True)
ELSEWHERE = "docs/bench.md says it"
SHOWN = ("mean_excess", "median_excess", "relative", "won", "lost", "dearer_than_calendar", "dearer_than_best_calendar")


@app.command("list")
def list_histories() -> None:
    """The real histories, and the policies that are measured on them."""
    with clear_endings():
        console = PlainConsole()
        for history in bench.HISTORIES.values():
            said = f"({history.period}): {history.drift}. From {history.source}; {history.licence}."
            console.show([Sentence(said, lead=history.name)])
        rows = list(bench.ROWS.values())
        columns = [
            Column("group", [row.group for row in rows], 1, words=True),
            Column("reads", [", ".join(row.requires) for row in rows], 2, words=True),
            Column("needs", [row.missing for row in rows], words=True),
        ]
        console.show([Sentence(""), Table("", Column("policy", [row.name for row in rows]), columns, ELSEWHERE)])


@app.command()
def run(
    out: Annotated[
        Path,
        typer.Option(help="Directory for the tables, the pictures and the page.", parser=given_path, metavar="DIR"),
    ],
    history: Annotated[
        list[str] | None, typer.Option(help="A history, as list names it; several times for several. Default: all.")
    ] = None,
    tables: Annotated[
        Path | None, typer.Option(help="Folder of spell tables (netCDF, one a history) in place of the real histories.")
    ] = None,
    policies: Annotated[
        list[str] | None,
        typer.Option(
            help="A policy or group, as list names them; several times, or separated by commas. Default: all."
        ),
    ] = None,
    cost_ratio: Annotated[
        list[float] | None, typer.Option(help="Cost of a retrain in typical bad periods. Default: .25, 1 and 4.")
    ] = None,
    split: Annotated[
        list[float] | None, typer.Option(help="Share of the periods that is tuned on. Default: .5, .6 and .7.")
    ] = None,
    prior: Annotated[list[str] | None, typer.Option(help="weak or firm. Default: both.")] = None,
    accounting: Annotated[str, typer.Option(help="signed (the real bill) or positive (the paper's).")] = "signed",
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
    rules: Annotated[
        bool | None,
        typer.Option(
            "--rules/--no-rules",
            help="Also say on what to retrain (rules.csv, at a split of .6 unless told); default: with all policies.",
        ),
    ] = None,
    jobs: Annotated[int | None, typer.Option(help="Processes; default: one a core.")] = None,
) -> None:
    """Tune every policy on the first part of every history, and bill it on the rest: bench.csv, summary.csv, a page."""
    with clear_endings():
        if rules and tables is not None:
            raise ValueError("--rules are compared on histories; a folder of --tables holds one table of each")
        require_bench_room(out)
        asked = policies is None and tables is None if rules is None else rules
        with worker_processes(jobs, "spawn") as executor:
            found = bench.run_bench(
                None if tables is None else bench.read_tables(tables),
                histories=history or None,
                policies=_names(policies),
                priors=prior or None,
                cost_ratios=cost_ratio or bench.COST_RATIOS,
                splits=split or bench.SPLITS,
                accounting=accounting,
                random_seed=seed,
                executor=executor,
                progressbar=sys.stdout.isatty(),
            )
            _written(found, out)
            if asked:
                savings = bench.rule_savings(
                    history or None,
                    priors=prior or list(bench.PRIORS),
                    cost_ratios=cost_ratio or bench.COST_RATIOS,
                    splits=split or (0.6,),
                    random_seed=seed,
                    executor=executor,
                )
                PlainConsole().say(f"on what to retrain: {write_rules(savings, out)}")


@app.command()
def report(directory: Annotated[Path, typer.Argument(help="What bench run wrote.", metavar="DIR")]) -> None:
    """Make summary, pictures and page anew from bench.csv and notes.csv in DIR."""
    with clear_endings():
        require_bench_room(directory)
        _written(bench.read_bench(directory), directory)


def _written(found: bench.Bench, out: Path) -> None:
    page = bench.write_bench(found, out)
    console = PlainConsole()
    console.show([_summary(bench.summarise(found.bills))])
    left_out = len(found.notes)
    said = f"; what was left out, and why: {out / 'notes.csv'}" if left_out else ""
    console.say(f"\nbills: {out / 'bench.csv'}; page: {page}{said}")


def _summary(summary: pd.DataFrame) -> Table:
    part = summary[summary["cost_ratio"] == "all"]
    part = part.sort_values("relative" if part["relative"].notna().any() else "mean_excess", kind="stable")
    columns = [Column("cases", [str(count) for count in part["cases"]])]
    columns += [
        Column(name.replace("_", " "), ["" if value != value else f"{value:.2f}" for value in part[name]], rank)
        for rank, name in enumerate(SHOWN)
    ]
    return Table("", Column("policy", part["policy"].tolist()), columns, "summary.csv has them")


def _names(given: list[str] | None) -> list[str] | None:
    """Names that came one at a time, or separated by commas, which a name may hold as well."""
    parts = [[one] if one in bench.ROWS else one.split(",") for one in given or ()]
    return [name.strip() for several in parts for name in several] or None
