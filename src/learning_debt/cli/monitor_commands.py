"""``learning-debt monitor``: commands that add to the folder, a period or the owner's word."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import learning_debt as ld
from learning_debt.cli.command_endings import clear_endings
from learning_debt.cli.monitor_answers import (
    ENDINGS,
    FAILED_CHECK,
    answers,
    begun_line,
    decision_lines,
    end_with,
)
from learning_debt.cli.monitor_hooks import hooks_of, register, registry_of, send_alerts
from learning_debt.cli.monitor_options import (
    AsJson,
    By,
    Command,
    Cooldown,
    ExitZero,
    Folder,
    Model,
    Reason,
    Registry,
    RegistryAddress,
    SecretVariable,
    Series,
    WebhookAddress,
    WebhookVariable,
)
from learning_debt.cli.monitor_readings import readings
from learning_debt.errors import CandidateRefusedError
from learning_debt.representations import Part
from learning_debt.validation import require_choice

app = typer.Typer(no_args_is_help=True)


@app.command()
def init(
    directory: Folder,
    model: Model,
    history: Annotated[
        Path | None, typer.Option(help="CSV, netCDF or parquet; default: load_history() of MODEL.py.")
    ] = None,
    cost: Annotated[float | None, typer.Option(help="Cost of one retrain; default: of MODEL.py.")] = None,
    calendar: Annotated[int | None, typer.Option(help="You retrain every N periods; default: of MODEL.py.")] = None,
    last_retrain: Annotated[
        str | None,
        typer.Option(help="The period after which what serves now was trained; default: MODEL.py, or the calendar's."),
    ] = None,
    late: Annotated[
        int | None,
        typer.Option(help="Rows may come, or be revised, up to N periods later; default: of MODEL.py, or 0.", min=0),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Random seed; default: random_seed of MODEL.py, or 1.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make the folder: fit what serves now, and walk through the periods since.

    The policy is that of MODEL.py (policy = ...), or else the one that an audit of the history chooses; the first
    decision is then the audit's. The folder is there once all is done: if it is cut short, nothing is. A history with
    several series makes a folder of many series.
    """
    with clear_endings(model.absolute().parent):
        from learning_debt.cli.monitor_of_file import begun_monitor
        from learning_debt.cli.monitor_series import alone_or_all, each_of

        answered = answers("init", as_json)
        options = {"cost": cost, "calendar": calendar, "last_retrain": last_retrain, "late": late, "random_seed": seed}
        with begun_monitor(directory, model, history, options, answered.console) as monitors:
            found = [monitor.status() for monitor in each_of(monitors)]
            alone = isinstance(monitors, ld.Monitor)
            lines = [begun_line(str(directory) if alone else f"{directory}, {one['series']}", one) for one in found]
            answered.give(alone_or_all(found, monitors), lines)


@app.command()
def observe(
    directory: Folder,
    batch: Annotated[
        Path,
        typer.Argument(
            help="Rows of the next period, or of several: CSV, netCDF, parquet; - for standard input.", metavar="BATCH"
        ),
    ],
    model: Model,
    kind: Annotated[
        str, typer.Option("--format", help="Of standard input or a pipe: csv, netcdf or parquet.", metavar="KIND")
    ] = "csv",
    gaps: Annotated[bool, typer.Option("--gaps", help="Periods may be left out before these.")] = False,
    by: By = None,
    webhook: WebhookAddress = None,
    webhook_variable: WebhookVariable = None,
    secret_variable: SecretVariable = None,
    command: Command = None,
    cooldown: Cooldown = 0.0,
    exit_zero: ExitZero = False,
    as_json: AsJson = False,
) -> None:
    """Score a period's rows, learn from them, decide, and record all of it.

    Ends in 0 for wait, 10 for retrain, 20 where it cannot tell, 1 for an error; of many series as status does. The same
    rows twice change nothing. Unless it is to wait, what belief has moved in is named.
    Alerts are sent once the decision is recorded; one that cannot be delivered is sent by the next observe or status.
    """
    with clear_endings(model.absolute().parent):
        from learning_debt.cli.history_file import STREAMED, read_rows
        from learning_debt.cli.monitor_of_file import monitor_of, with_labels
        from learning_debt.cli.monitor_series import alone_or_all, observed

        answered = answers("observe", as_json)
        hooks = hooks_of(webhook, webhook_variable, secret_variable, command, cooldown)
        require_choice("--format", kind, tuple(STREAMED))
        with monitor_of(directory, model, answered.console) as monitors:
            rows = read_rows(batch, kind, "BATCH")
            if by is not None and by not in rows:
                raise ValueError(f"--by: the rows have no column {by!r}; they have {', '.join(map(str, rows))}")
            decided = observed(monitors, with_labels(monitors, rows), gaps=gaps)
            told = [_decided(monitor, by) for monitor in decided]
            found = [status for status, _ in told]
            answered.give(alone_or_all(found, monitors), [line for _, lines in told for line in lines])
            send_alerts(decided, hooks)
        end_with([status["verdict"] for status in found], exit_zero=exit_zero)


def _decided(monitor: ld.Monitor, by: str | None) -> tuple[dict[str, Any], list[str | Part]]:
    """A decision as JSON and as lines, with what moved unless it is to wait."""
    status = monitor.status()
    moved = monitor.moved(by=by) if by is not None or status["verdict"] in ENDINGS else None
    lines = [*decision_lines(status, monitor.explain(moved=False)), *([] if moved is None else [str(moved)])]
    return status | {"moved": moved}, lines


@app.command()
def redeploy(
    directory: Folder,
    model: Model,
    reason: Reason = "",
    force: Annotated[
        bool, typer.Option("--force", help="Put it into service whatever the checks say; recorded.")
    ] = False,
    largest_shift: Annotated[
        float | None,
        typer.Option(help="Refuse forecasts that moved further, in standard deviations.", metavar="SD"),
    ] = None,
    series: Series = None,
    mlflow: Registry = None,
    mlflow_uri: RegistryAddress = None,
    as_json: AsJson = False,
) -> None:
    """Put the newest posterior into service, if its sampler, score and forecasts pass; ends in 3 if they do not."""
    with clear_endings(model.absolute().parent):
        from learning_debt.cli.monitor_of_file import monitor_of
        from learning_debt.cli.monitor_series import one_of

        answered = answers("redeploy", as_json)
        registry = registry_of(mlflow, mlflow_uri)
        with monitor_of(directory, model, answered.console) as monitors:
            monitor = one_of(monitors, series)
            check = monitor.check_candidate(largest_shift=largest_shift)
            try:
                monitor.redeploy(reason=reason, force=force, largest_shift=largest_shift)
            except CandidateRefusedError as error:
                answered.give({"deployed": False, "check": error.check}, [f"not put into service: {error.check}"])
                raise typer.Exit(FAILED_CHECK) from error
            status = monitor.status()
            answered.give(
                {"deployed": True, "check": check, **status},
                [f"what was trained after {status['in_service']} serves; {check}"],
            )
            register(monitor, directory, series, registry)


@app.command()
def rollback(
    directory: Folder,
    to: Annotated[
        str | None, typer.Option(help="Label of the period after which it was trained; default: the one before.")
    ] = None,
    reason: Reason = "",
    series: Series = None,
    mlflow: Registry = None,
    mlflow_uri: RegistryAddress = None,
    as_json: AsJson = False,
) -> None:
    """Put an earlier posterior into service again."""
    with clear_endings():
        from learning_debt.cli.monitor_of_file import label_of
        from learning_debt.cli.monitor_series import one_of, opened

        answered = answers("rollback", as_json)
        registry = registry_of(mlflow, mlflow_uri)
        monitor = one_of(opened(directory), series)
        monitor.rollback(label_of(monitor, to, "--to"), reason=reason)
        status = monitor.status()
        answered.give(status, [f"what was trained after {status['in_service']} serves again"])
        register(monitor, directory, series, registry)


app.add_typer(readings)
