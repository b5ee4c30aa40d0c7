"""The commands and their options; what a command works with is imported when it runs, so that help comes at once."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, ClassVar

import typer
from typer.core import TyperGroup

import learning_debt as ld
from learning_debt.cli.command_endings import PlainConsole, clear_endings
from learning_debt.cli.path_options import given_path
from learning_debt.cli.plan_command import plan


class _LaterCommands(TyperGroup):
    """Commands of another module, imported when one of them, or their list, is asked for."""

    home: ClassVar[str]

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of its commands."""
        return list(self._commands())

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """One of its commands, None where it has no such one."""
        return self._commands().get(cmd_name)

    def _commands(self) -> dict[str, Any]:
        return dict(typer.main.get_group(import_module(self.home).app).commands)


class _StudyCommands(_LaterCommands):
    home = "learning_debt.cli.study_commands"


class _BenchCommands(_LaterCommands):
    home = "learning_debt.cli.bench_commands"


class _MonitorCommands(_LaterCommands):
    home = "learning_debt.cli.monitor_commands"


app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
app.add_typer(
    typer.Typer(
        cls=_StudyCommands, no_args_is_help=True, help="Reproduce the reference study on the library's own policies."
    ),
    name="study",
)
app.add_typer(
    typer.Typer(
        cls=_BenchCommands, no_args_is_help=True, help="Real histories: every policy and rival, billed in one table."
    ),
    name="bench",
)
app.add_typer(
    typer.Typer(
        cls=_MonitorCommands, no_args_is_help=True, help="One period in, one decision out, and a ledger of all of them."
    ),
    name="monitor",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"learning-debt {ld.__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and stop.")
    ] = False,
) -> None:
    """Retrain a Bayesian forecaster now, or wait? Measured on your own history."""


app.command()(plan)


@app.command()
def audit(
    model: Annotated[
        Path,
        typer.Argument(
            help="A Python file with build_model(data), or a ready forecaster.", metavar="MODEL.py", parser=given_path
        ),
    ],
    history: Annotated[
        Path | None,
        typer.Option(
            help="CSV, netCDF or parquet; default: load_history() of MODEL.py.", parser=given_path, metavar="FILE"
        ),
    ] = None,
    cost: Annotated[
        float | None,
        typer.Option(help="Cost of one retrain, in the currency of MODEL.py's cost or else in the score's unit."),
    ] = None,
    calendar: Annotated[int | None, typer.Option(help="You retrain every N periods; default: of MODEL.py.")] = None,
    last_retrain: Annotated[
        str | None,
        typer.Option(help="The period after which what serves now was trained; default: MODEL.py, or the calendar's."),
    ] = None,
    initial: Annotated[
        int | None, typer.Option(help="Periods for the first fit; default: MODEL.py, or a third.")
    ] = None,
    split: Annotated[
        float | None, typer.Option(help="Share of the periods that policies are tuned on; default: MODEL.py, or 0.6.")
    ] = None,
    accounting: Annotated[
        str | None, typer.Option(help="signed (the real bill; the default) or positive (the paper's).")
    ] = None,
    draws: Annotated[
        int | None, typer.Option(help="Posterior draws of each chain; default: MODEL.py, or 1000.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Random seed; default: random_seed of MODEL.py, or 1.")] = None,
    rules: Annotated[
        bool | None,
        typer.Option(
            "--rules/--no-rules",
            help="Ask on what to retrain: a table for each update rule (rules of MODEL.py, or a grid); default: where"
            " posteriors are exact.",
        ),
    ] = None,
    spells: Annotated[
        Path | None,
        typer.Option(help="spells.nc of an earlier audit, to price it anew.", parser=given_path, metavar="FILE"),
    ] = None,
    what_if: Annotated[
        bool,
        typer.Option(
            "--what-if/--no-what-if",
            help="Whether the report can be asked for other costs and calendars, which takes a few audits' time.",
        ),
    ] = True,
    out: Annotated[
        Path,
        typer.Option(help="Directory for report, pictures and tables.", parser=given_path, metavar="DIR"),
    ] = Path("audit"),
    store: Annotated[
        Path | None,
        typer.Option(
            help="Directory that keeps every fit, so that a run that was cut short goes on; default: of"
            " MODEL.py, or OUT.store, which goes once the report is written.",
            parser=given_path,
            metavar="DIR",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object (schema learning-debt/audit/1) and nothing else.")
    ] = False,
) -> None:
    """Replay the history of the forecaster in MODEL.py: what your calendar cost, what policies would have.

    MODEL.py holds build_model(data), or a model called model, or a ready forecaster called forecaster. It may define
    load_history(), and by their names all options of PyMCForecaster, spell_table and audit. The command line comes
    before the file.
    """
    with clear_endings(model.absolute().parent):
        from learning_debt.cli.run_audit import run_audit

        run_audit(
            model,
            out,
            history=history,
            cost=cost,
            calendar=calendar,
            last_retrain=last_retrain,
            initial=initial,
            split=split,
            accounting=accounting,
            draws=draws,
            random_seed=seed,
            spells=spells,
            store=store,
            rules=rules,
            as_json=as_json,
            what_if=what_if,
        )


@app.command()
def serve(
    table: Annotated[
        Path,
        typer.Argument(
            help="CSV, Parquet or netCDF with columns batch, candidate and score (higher is better), and maybe "
            "validation.",
            metavar="TABLE",
            parser=given_path,
        ),
    ],
    strategy: Annotated[
        str | None,
        typer.Option(
            help='Who chooses, such as "UCB1" or "Thompson (normal), window"; default: "follow the leader", '
            'with a discount where candidates came or went, or "epsilon-greedy" with --not-scored.'
        ),
    ] = None,
    not_scored: Annotated[
        bool,
        typer.Option("--not-scored", help="A missing score says that a candidate did not serve."),
    ] = False,
    initial: Annotated[
        int | None,
        typer.Option(help="First batches: settings come from them, and they are not reported on."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object (schema learning-debt/serving/1) and nothing else.")
    ] = False,
) -> None:
    """Choose among candidates: which serves the next batch, and what each strategy would have scored so far."""
    with clear_endings():
        from learning_debt.cli.run_serve import run_serve

        run_serve(table, strategy=strategy, not_scored=not_scored, initial=initial, seed=seed, as_json=as_json)


@app.command()
def new(
    folder: Annotated[
        Path,
        typer.Argument(help="A folder that is not there yet, or an empty one.", metavar="MODEL_DIR", parser=given_path),
    ],
) -> None:
    """Make a folder to start from: a model file that works, its history, a README and a notebook.

    Replace its parts with your own. As it is, `learning-debt audit MODEL_DIR/model.py` takes about a minute.
    """
    with clear_endings():
        from learning_debt.cli.new_folder import new_folder, next_steps

        console = PlainConsole()
        for line in next_steps(folder, new_folder(folder)):
            console.say(line)
