"""Arguments and options of ``learning-debt monitor`` that several commands have, in the same words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from learning_debt.cli.path_options import given_path

Folder = Annotated[Path, typer.Argument(help="Folder of the monitor.", metavar="DIR", parser=given_path)]
Folders = Annotated[list[Path], typer.Argument(help="Folders of monitors, one or several.", metavar="DIR...")]
Model = Annotated[
    Path,
    typer.Option(
        "--model", help="The file with your forecaster. No code is ever taken from the folder.", metavar="MODEL.py"
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object (schema learning-debt/monitor/1) and nothing else.")
]
ExitZero = Annotated[bool, typer.Option("--exit-zero", help="End in 0 whatever the verdict; errors still end in 1.")]
Reason = Annotated[str, typer.Option(help="Why: recorded in the ledger.")]
WebhookAddress = Annotated[str | None, typer.Option("--webhook", help="Post alerts to this address.", metavar="URL")]
WebhookVariable = Annotated[
    str | None,
    typer.Option("--webhook-variable", help="Post alerts to the address in this environment variable.", metavar="NAME"),
]
SecretVariable = Annotated[
    str | None,
    typer.Option("--secret-variable", help="Sign posts with the secret in this environment variable.", metavar="NAME"),
]
Command = Annotated[
    str | None,
    typer.Option(
        "--command",
        help="Run this program for each alert, with JSON on its standard input; no shell reads it.",
        metavar="'PROGRAM ...'",
    ),
]
Cooldown = Annotated[
    float, typer.Option(help="Seconds for which the same verdict is not alerted about again.", metavar="SECONDS")
]
Series = Annotated[str | None, typer.Option("--series", help="Which one, of a folder of many series.", metavar="NAME")]
By = Annotated[
    str | None,
    typer.Option("--by", help="Name groups of rows that moved belief, by this column as well.", metavar="COLUMN"),
]
Registry = Annotated[
    str | None,
    typer.Option("--mlflow", help="Keep this registered model of MLflow in line with the ledger.", metavar="NAME"),
]
RegistryAddress = Annotated[
    str | None, typer.Option("--mlflow-uri", help="Where MLflow keeps it; default: MLFLOW_TRACKING_URI.", metavar="URI")
]
