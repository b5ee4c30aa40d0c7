"""``learning-debt plan``: how much training each age of a concept gets at a budget, and when to ship it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from learning_debt.cli.command_endings import clear_endings
from learning_debt.cli.path_options import given_path

LAWS, CURVES = "How long concepts last", "What training gains"


def plan(
    durations: Annotated[
        str,
        typer.Option(
            help="A CSV or Parquet file, a monitor's folder, or a law: exponential, weibull, hyperexponential.",
            metavar="FILE|DIR|LAW",
            rich_help_panel=LAWS,
        ),
    ],
    budget: Annotated[float, typer.Option(help="Effort a period on average, in the unit of the curve's effort.")],
    max_rate: Annotated[float, typer.Option(help="Effort a period at most.")],
    column: Annotated[
        str, typer.Option(help="Column of the file that has the durations, in periods.", rich_help_panel=LAWS)
    ] = "duration",
    ended: Annotated[
        str | None,
        typer.Option(
            help="Column that is true, or 1, of concepts that had ended; default: observed, if there, else all had.",
            rich_help_panel=LAWS,
        ),
    ] = None,
    shortest: Annotated[
        int,
        typer.Option(help="Of a monitor: periods within which verdicts are of one change.", rich_help_panel=LAWS),
    ] = 1,
    mean: Annotated[float | None, typer.Option(help="Of an exponential law, periods.", rich_help_panel=LAWS)] = None,
    shape: Annotated[float | None, typer.Option(help="Of a Weibull law.", rich_help_panel=LAWS)] = None,
    scale: Annotated[float | None, typer.Option(help="Of a Weibull law, periods.", rich_help_panel=LAWS)] = None,
    means: Annotated[
        str | None,
        typer.Option(help="Of a hyperexponential law, periods: 0.5,10", metavar="NUMBERS", rich_help_panel=LAWS),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(help="Shares of its kinds of concept: 0.8,0.2", metavar="NUMBERS", rich_help_panel=LAWS),
    ] = None,
    curve: Annotated[
        Path | None,
        typer.Option(
            help="CSV or Parquet file with columns effort, loss and, if known, error.",
            parser=given_path,
            metavar="FILE",
            rich_help_panel=CURVES,
        ),
    ] = None,
    floor: Annotated[
        float | None, typer.Option(help="Loss a period after endless training.", rich_help_panel=CURVES)
    ] = None,
    gain: Annotated[
        float | None, typer.Option(help="Loss a period that all of it takes away.", rich_help_panel=CURVES)
    ] = None,
    curve_rate: Annotated[
        float | None,
        typer.Option(help="Loss is floor + gain exp(-rate E) after effort E.", rich_help_panel=CURVES),
    ] = None,
    curve_exponent: Annotated[
        float | None,
        typer.Option(help="Or floor + gain (1 + E / scale)^-exponent.", rich_help_panel=CURVES),
    ] = None,
    curve_scale: Annotated[float | None, typer.Option(help="Of that; default: 1.", rich_help_panel=CURVES)] = None,
    shipping_rate: Annotated[
        float | None, typer.Option(help="Also say when to ship, at so many shipments a period.")
    ] = None,
    estimation: Annotated[
        bool, typer.Option("--estimation/--no-estimation", help="Whether to say what it costs that laws are estimated.")
    ] = True,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object (schema learning-debt/plan/1) and nothing else.")
    ] = False,
) -> None:
    """Divide a training budget over the ages of concepts: when to train, and when to ship what was learned.

    Durations come from a file, a monitor's ledger or a law by its numbers; losses by effort from a file or numbers.
    """
    with clear_endings():
        from learning_debt.cli.run_plan import CurveOptions, LawOptions, run_plan

        run_plan(
            LawOptions(durations, column, ended, shortest, mean, shape, scale, means, weights, seed),
            CurveOptions(curve, floor, gain, curve_rate, curve_exponent, curve_scale),
            budget=budget,
            max_rate=max_rate,
            shipping_rate=shipping_rate,
            estimation=estimation,
            random_seed=seed,
            as_json=as_json,
        )
