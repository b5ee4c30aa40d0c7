"""``learning-debt monitor``: one period in, one decision out, and what schedulers and operators ask for."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

import learning_debt as ld
from learning_debt.cli.command_endings import PlainConsole, clear_endings
from learning_debt.cli.monitor_answers import (
    ENDINGS,
    answers,
    begun_line,
    decision_lines,
    history_table,
    report_lines,
    write_whole,
)
from learning_debt.cli.monitor_hooks import hooks_of, registry_of
from learning_debt.cli.monitor_options import (
    AsJson,
    By,
    Command,
    Cooldown,
    ExitZero,
    Folder,
    Folders,
    Model,
    Reason,
    Registry,
    RegistryAddress,
    SecretVariable,
    Series,
    WebhookAddress,
    WebhookVariable,
)
from learning_debt.cli.path_options import given_path
from learning_debt.errors import CandidateRefusedError, noted
from learning_debt.representations import Part
from learning_debt.validation import require_choice

app = typer.Typer(no_args_is_help=True)

FAILED_CHECK = 3
ALERT_SECONDS = 30.0


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
        str, typer.Option("--format", help="Of standard input: csv, netcdf or parquet.", metavar="KIND")
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
        from learning_debt.cli.history_file import STANDARD_INPUT, read_history, read_standard_input
        from learning_debt.cli.monitor_of_file import monitor_of, with_labels
        from learning_debt.cli.monitor_series import alone_or_all, observed

        answered = answers("observe", as_json)
        hooks = hooks_of(webhook, webhook_variable, secret_variable, command, cooldown)
        require_choice("--format", kind, tuple(STANDARD_INPUT))
        with monitor_of(directory, model, answered.console) as monitors:
            rows = read_standard_input(kind, "BATCH") if str(batch) == "-" else read_history(batch, "BATCH")
            decided = observed(monitors, with_labels(monitors, rows), gaps=gaps)
            told = [_decided(monitor, by) for monitor in decided]
            found = [status for status, _ in told]
            answered.give(alone_or_all(found, monitors), [line for _, lines in told for line in lines])
            _alert(decided, hooks)
        _end([status["verdict"] for status in found], exit_zero)


def _decided(monitor: ld.Monitor, by: str | None) -> tuple[dict[str, Any], list[str | Part]]:
    """A decision as JSON and as lines, with what moved unless it is to wait."""
    status = monitor.status()
    moved = monitor.moved(by=by) if by is not None or status["verdict"] in ENDINGS else None
    lines = [*decision_lines(status, monitor.explain(moved=False)), *([] if moved is None else [str(moved)])]
    return status | {"moved": moved}, lines


@app.command()
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
        _alert(monitors, hooks)
        _register(monitors[0], directories[0], series, registry)
        _end([one["verdict"] for one in found], exit_zero)


@app.command()
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


@app.command()
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
            _register(monitor, directory, series, registry)


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
        _register(monitor, directory, series, registry)


@app.command()
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


@app.command()
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


@app.command()
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


@app.command()
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


def _alert(monitors: Sequence[ld.Monitor], hooks: Sequence[Any]) -> None:
    """Send what is to be sent, in half a minute for all; what goes wrong is a warning, since decisions are recorded."""
    until = time.monotonic() + ALERT_SECONDS
    for monitor in monitors if hooks else ():
        left = until - time.monotonic()
        if left <= 0:
            PlainConsole(stderr=True).say("alerts: no time was left for all folders; the next status sends the rest")
            return
        monitor.send_alerts(hooks, deadline=left)


def _register(monitor: ld.Monitor, directory: Path, series: str | None, registry: Any) -> None:
    """Bring a registry in line; if that fails, all else has been recorded, and the error says what to repeat."""
    if registry is None:
        return
    which = [] if series is None else ["--series", series]
    again = shlex.join(["learning-debt", "monitor", "status", str(directory), *which, "--mlflow", registry.model])
    with noted(f"repeat with: {again}"):
        version = monitor.register(registry)
    PlainConsole(stderr=True).say(f"MLflow: {version.model} version {version.version} is {version.alias}")


def _end(verdicts: Sequence[str], exit_zero: bool) -> None:
    """End with the code of the most urgent verdict."""
    code = next((code for verdict, code in ENDINGS.items() if verdict in verdicts), 0)
    sys.stdout.flush()
    if code and not exit_zero:
        raise typer.Exit(code)
