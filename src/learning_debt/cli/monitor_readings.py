"""``learning-debt monitor``: commands that read the record, for operators, schedulers and whoever asks why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from learning_debt.cli.command_endings import clear_endings
from learning_debt.cli.monitor_answers import (
    FAILED_CHECK,
    answers,
    decision_lines,
    end_with,
    history_table,
    report_lines,
    write_whole,
)
from learning_debt.cli.monitor_hooks import hooks_of, register, registry_of, send_alerts
from learning_debt.cli.monitor_options import (
    AsJson,
    By,
    Command,
    Cooldown,
    ExitZero,
    Folder,
    Folders,
    Model,
    Registry,
    RegistryAddress,
    SecretVariable,
    Series,
    WebhookAddress,
    WebhookVariable,
)
from learning_debt.cli.path_options import given_path

readings = typer.Typer()


@readings.command()
def status(
    directories: Folders,
    webhook: WebhookAddress = None,
    webhook_variable: WebhookVariable = None,
    secret_variable: SecretVariable = None,
    command: Command = None,
    cooldown: Cooldown = 0.0,
    mlflow: Registry = None,
    mlflow_uri: RegistryAddress = None,
    series: Series = None,
    exit_zero: ExitZero = False,
    as_json: AsJson = False,
) -> None:
    """Say where monitors stand; send alerts that are still to be delivered.

    Ends like observe; of several in 10 if any says retrain, else in 20 if any cannot tell. Needs no model.
    """
    with clear_endings():
        from learning_debt.cli.monitor_series import alone_or_all, each_of, one_of, opened

        answered = answers("status", as_json)
        hooks = hooks_of(webhook, webhook_variable, secret_variable, command, cooldown)
        registry = registry_of(mlflow, mlflow_uri)
        folders = [opened(directory) for directory in directories]
        if series is not None:
            folders = [one_of(one, series) for one in folders]
        monitors = [monitor for one in folders for monitor in each_of(one)]
        if registry is not None and len(monitors) > 1:
            raise ValueError("--mlflow is one registered model: name one folder, and of many series one with --series")
        found = [monitor.status() for monitor in monitors]
        lines = [line for one in found for line in decision_lines(one, one["reason"])]
        answered.give(alone_or_all(found, folders[0]) if len(folders) == 1 else found, lines)
        send_alerts(monitors, hooks)
        register(monitors[0], directories[0], series, registry)
        end_with([one["verdict"] for one in found], exit_zero=exit_zero)


@readings.command()
def history(
    directory: Folder,
    last: Annotated[int, typer.Option(help="Show the last N decisions; 0 for all.", min=0, metavar="N")] = 0,
    series: Series = None,
    as_json: AsJson = False,
) -> None:
    """List the decisions, the oldest first."""
    with clear_endings():
        from learning_debt.cli.monitor_series import one_of, opened

        answered = answers("history", as_json)
        decisions = one_of(opened(directory), series).history()
        rows = decisions.isel(period=slice(-last if last else None, None)).to_dataframe().reset_index()
        answered.give(rows.to_dict("records"), [history_table(rows)])


@readings.command()
def explain(
    directory: Folder,
    period: Annotated[str | None, typer.Argument(help="Its label; default: the last one.", metavar="PERIOD")] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            "--model", help="The file with your forecaster: name what belief has moved in.", metavar="MODEL.py"
        ),
    ] = None,
    by: By = None,
    series: Series = None,
    as_json: AsJson = False,
) -> None:
    """Say what a decision rested on; with --model, which parameters, and groups of rows, belief has moved in."""
    with clear_endings(None if model is None else model.absolute().parent):
        from learning_debt.cli.monitor_of_file import label_of, monitor_of
        from learning_debt.cli.monitor_series import one_of, opened

        answered = answers("explain", as_json)
        if by is not None and model is None:
            raise ValueError("--by is worked out from posteriors and needs --model MODEL.py")
        known = one_of(opened(directory), series)
        label, moved = label_of(known, period, "PERIOD"), None
        if model is not None:
            with monitor_of(directory, model, answered.console) as monitors:
                moved = one_of(monitors, series).moved(label, by=by)
        text = "\n".join([known.explain(label), *([] if moved is None else [str(moved)])])
        answered.give({"text": text, "moved": moved}, [text])


@readings.command()
def verify(
    directory: Folder,
    replay: Annotated[bool, typer.Option("--replay", help="Work the decisions out again; needs --model.")] = False,
    model: Annotated[
        Path | None, typer.Option("--model", help="The file with your forecaster, for --replay.", metavar="MODEL.py")
    ] = None,
    head: Annotated[
        str | None, typer.Option(help="A receipt that was kept elsewhere, which must be in the chain.", metavar="HASH")
    ] = None,
    series: Series = None,
    as_json: AsJson = False,
) -> None:
    """Recompute the chain of receipts, and name what was changed; ends in 3 if anything was."""
    with clear_endings(None if model is None else model.absolute().parent):
        from learning_debt.cli.monitor_of_file import monitor_of
        from learning_debt.cli.monitor_series import folders_of, one_of
        from learning_debt.monitor import verify_folder

        answered = answers("verify", as_json)
        if replay and model is None:
            raise ValueError("--replay works decisions out again and needs --model MODEL.py")
        found = {}
        for name, folder in folders_of(directory, series).items():
            found[name] = verify_folder(folder, head=head)  # also of a folder that is too damaged to be opened
            if found[name].ok and replay and model is not None:
                with monitor_of(directory, model, answered.console) as monitors:
                    found[name] = one_of(monitors, name or None).verify(replay=True, head=head)
        alone = len(found) == 1
        told = [one if alone else {"series": name, **vars(one)} for name, one in found.items()]
        answered.give(
            told[0] if alone else told, [str(one) if alone else f"{name}: {one}" for name, one in found.items()]
        )
        if not all(one.ok for one in found.values()):
            raise typer.Exit(FAILED_CHECK)


@readings.command()
def report(
    directory: Folder,
    model: Model,
    out: Annotated[
        Path, typer.Option(help="Directory for report, pictures and tables.", parser=given_path, metavar="DIR")
    ] = Path("report"),
    calendar: Annotated[
        int | None, typer.Option(help="Also say what retraining every N periods would have cost.", metavar="N")
    ] = None,
    split: Annotated[float, typer.Option(help="Share of the periods that policies are tuned on.")] = 0.6,
    series: Series = None,
    what_if: Annotated[
        bool,
        typer.Option("--what-if/--no-what-if", help="Whether the page answers for other costs and calendars."),
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Audit the periods of the ledger, and write the report; it takes some twenty periods."""
    with clear_endings(model.absolute().parent):
        from learning_debt.cli.monitor_of_file import monitor_of
        from learning_debt.cli.monitor_series import one_of
        from learning_debt.monitor.agreed_settings import policy_in_words
        from learning_debt.report import require_writable, write_report

        answered = answers("report", as_json)
        require_writable(out)
        with monitor_of(directory, model, answered.console) as monitors:
            monitor = one_of(monitors, series)
            found = monitor.audit(calendar=calendar, split=split)
            page = write_report(found, out, title=directory.absolute().name, ledger=monitor.history(), what_if=what_if)
            decider = policy_in_words(found.decision.policy)
            answered.give({"page": str(page)}, report_lines(page, decider, monitor.status()["policy"]))


@readings.command()
def metrics(
    directories: Folders,
    out: Annotated[
        Path | None,
        typer.Option(help="Replace this file, in one step, instead of printing.", metavar="FILE", parser=given_path),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print OpenMetrics text, which Prometheus' textfile collector reads as well."""
    with clear_endings():
        from learning_debt.cli.monitor_series import each_of, opened
        from learning_debt.monitor import open_metrics

        found = [monitor.status() for directory in directories for monitor in each_of(opened(directory))]
        named = {status["series"]: status for status in found}
        if len(named) < len(found):
            raise ValueError(
                "DIR: two folders or series have the same name, by which metrics are told apart; rename one"
            )
        text = open_metrics(named)
        if out is not None:
            write_whole(out, text)
        answered = answers("metrics", as_json)
        answered.give({"text": text} if out is None else {"file": str(out)}, [text.rstrip("\n")] if out is None else [])


@readings.command()
def export(
    directory: Folder,
    out: Annotated[Path, typer.Option(help="A folder that is not there yet.", metavar="FOLDER", parser=given_path)],
    rows: Annotated[
        bool, typer.Option("--rows/--without-rows", help="Whether rows, and the posteriors that hold them, go along.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Copy the folder as it stands between two periods, with all decisions as a CSV table."""
    with clear_endings():
        from learning_debt.cli.monitor_series import opened

        copy = opened(directory).export(out, rows=rows)
        answers("export", as_json).give({"folder": str(copy)}, [f"copied to {copy}"])
