"""``learning-debt study``: the reference study from the command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from rich.progress import Progress

from learning_debt.cli.command_endings import PlainConsole, clear_endings
from learning_debt.cli.path_options import given_path
from learning_debt.cli.worker_processes import worker_processes
from learning_debt_study import repetitions as repeated
from learning_debt_study.candidate_policies import OURS, PUBLISHED, RIVALS, Rows
from learning_debt_study.experiment import run_pass
from learning_debt_study.figures import audit_figure, save_figures, severity_figure
from learning_debt_study.published_tables import no_shift, policy_summary, sensitivity, table1
from learning_debt_study.results_directory import claim, write_table
from learning_debt_study.scenarios import PAPER, SMOKE, Design, Misspecification
from learning_debt_study.verify import verify as compare_with_published

app = typer.Typer(no_args_is_help=True)
console = PlainConsole()
CHECK_FAILED = 3
Jobs = Annotated[int | None, typer.Option(help="Processes; default: one a core.")]
Out = Annotated[Path, typer.Option(help="Directory for the results.", parser=given_path, metavar="DIR")]
Count = Annotated[int | None, typer.Option(help="Paths of each cell; default: as published.")]


@app.command()
def primary(
    out: Out,
    accounting: Annotated[str, typer.Option(help="positive or signed.")] = "positive",
    size: Annotated[str, typer.Option(help="paper or smoke.")] = "paper",
    rep: Annotated[int, typer.Option(help="Offsets the seeds; 0 is the published pass.")] = 0,
    calibration_paths: Count = None,
    tuning_paths: Count = None,
    test_paths: Count = None,
    jobs: Jobs = None,
) -> None:
    """One pass: score units, tuned parameters, policies, Table 1, no-shift cells, figures."""
    with clear_endings():
        design = _design(size)
        design = replace(
            design,
            calibration_paths=design.calibration_paths if calibration_paths is None else calibration_paths,
            tuning_paths=design.tuning_paths if tuning_paths is None else tuning_paths,
            test_paths=design.test_paths if test_paths is None else test_paths,
        )
        if accounting not in ("positive", "signed"):
            raise ValueError(f"--accounting must be positive or signed, not {accounting!r}")
        if rep < 0:
            raise ValueError(f"--rep must be at least 0, not {rep}")
        directory = claim(
            out, {"study": "primary", "accounting": accounting, "size": size, "rep": rep, **_sizes(design)}
        )
        total = 3 * len(design.shifts) * len(design.probabilities)
        with worker_processes(jobs) as executor, Progress(console=console, transient=True) as progress:
            task = progress.add_task("paths", total=total)
            one_pass = run_pass(
                design,
                accounting=accounting,
                repetition=rep,
                executor=executor,
                progress=lambda name: progress.update(task, advance=1, description=name),
            )
        units = one_pass.calibration.score_units
        write_table(
            directory / "score_units.csv", pd.DataFrame({"score_unit_mode": list(units), "value": list(units.values())})
        )
        write_table(directory / "tuned_parameters.csv", one_pass.tuned)
        write_table(directory / "policy_summary.csv", policy_summary(one_pass.evaluation))
        headline = table1(one_pass.evaluation)
        write_table(directory / "table1.csv", headline)
        write_table(directory / "no_shift.csv", no_shift(one_pass.evaluation))
        write_table(directory / "sensitivity.csv", sensitivity(one_pass.evaluation))
        save_figures(one_pass, directory, design)
        console.say(headline.to_string(index=False))
        console.say(f"results: {directory}")


@app.command()
def audit(
    out: Out,
    cell: Annotated[str, typer.Option(help="wellspec or student_t (also heteroskedastic, nonlinear).")],
    reps: Annotated[int, typer.Option(help="Repetitions of the whole pass.")] = repeated.AUDIT_REPETITIONS,
    jobs: Jobs = None,
) -> None:
    """Repeat calibrate-tune-evaluate with fresh seeds; goes on where an earlier run stopped."""
    with clear_endings():
        points = repeated.audit_points(cell, reps)
        configuration = {"study": "audit", "cell": cell, **_sizes(repeated.AUDIT_DESIGN)}
        directory = claim(out, configuration)
        rows = _run(points, repeated.AUDIT_DESIGN, directory, "audit", ["cell"], jobs)
        audit_figure(rows).savefig(directory / "audit.png")


@app.command()
def severity(
    out: Out,
    axes: Annotated[
        str, typer.Option(help="Among tail, hetero, nonlinear; separated by commas.")
    ] = "tail,hetero,nonlinear",
    reps: Annotated[int | None, typer.Option(help="Repetitions of each point; default: as published.")] = None,
    ours: Annotated[
        bool, typer.Option(help="The policies that price predictive debt too, in one table a point.")
    ] = False,
    jobs: Jobs = None,
) -> None:
    """Sweep the severity of misspecification; goes on where an earlier run stopped."""
    with clear_endings():
        points = repeated.severity_points([axis.strip() for axis in axes.split(",")], reps)
        if ours:
            _sweep(points, out, jobs)
            return
        directory = claim(out, {"study": "severity", **_sizes(repeated.SEVERITY_DESIGN)})
        rows = _run(points, repeated.SEVERITY_DESIGN, directory, "severity", ["axis", "severity"], jobs)
        write_table(directory / "crossings.csv", repeated.crossings(rows))
        severity_figure(rows).savefig(directory / "severity.png")


@app.command()
def policies(
    out: Out,
    accounting: Annotated[str, typer.Option(help="positive or signed.")] = "positive",
    rep: Annotated[int, typer.Option(help="First repetition.")] = 0,
    reps: Annotated[int, typer.Option(help="How many; each calibrates, learns, tunes and evaluates anew.")] = 1,
    rivals: Annotated[bool, typer.Option(help="Other people's detectors too (minutes; needs river).")] = False,
    size: Annotated[str, typer.Option(help="paper or smoke.")] = "paper",
    test_paths: Count = None,
    jobs: Jobs = None,
) -> None:
    """Every policy in one table: the published ones, those that price predictive debt, and rivals if asked for."""
    with clear_endings():
        design = _design(size)
        design = replace(design, test_paths=design.test_paths if test_paths is None else test_paths)
        if rep < 0 or reps < 1:
            raise ValueError(f"--rep must be at least 0 and --reps at least 1, not {rep} and {reps}")
        rows = {**PUBLISHED, **OURS, **(RIVALS if rivals else {})}
        points = [repeated.Point({}, Misspecification(), number) for number in range(rep, rep + reps)]
        configuration = {"study": "policies", "size": size, "rivals": rivals, **_sizes(design)}
        directory = claim(out, configuration)
        table = _compared(points, design, directory, accounting, rows, jobs)
        table["rep"] = table["rep"].map({0: "all", **{k + 1: point.repetition for k, point in enumerate(points)}})
        write_table(directory / f"comparison_{accounting}.csv", table)
        pooled = table[table["rep"] == "all"].drop(columns="rep")
        console.say(pooled.to_string(index=False))


def _sweep(points: list[repeated.Point], out: Path, jobs: int | None) -> None:
    """`comparison` at every point of the severity sweep."""
    design, rows = repeated.SEVERITY_DESIGN, {**PUBLISHED, **OURS}
    directory = claim(out, {"study": "severity of policies", **_sizes(design)})
    parts = []
    for place in dict.fromkeys(tuple(point.labels.values()) for point in points):
        here = [point for point in points if tuple(point.labels.values()) == place]
        table = _compared(here, design, directory, "signed", rows, jobs)
        parts.append(table[table["rep"] == 0].drop(columns="rep").assign(axis=place[0], severity=place[1]))
        whole = pd.concat(parts, ignore_index=True)
        write_table(directory / "severity_comparison.csv", whole)
    shown = whole.pivot(index=["axis", "severity", "score_unit_mode"], columns="policy", values="mean_relative")
    console.say(shown.to_string())


def _compared(
    points: list[repeated.Point], design: Design, directory: Path, accounting: str, rows: Rows, jobs: int | None
) -> pd.DataFrame:
    with _workers(points, jobs) as workers:
        evaluations = repeated.run_evaluations(
            points, design, directory, accounting=accounting, policies=rows, **workers
        )
    return repeated.compare_policies(evaluations)


@app.command()
def verify(directory: Annotated[Path, typer.Argument(help="What primary, audit or severity wrote.")]) -> None:
    """Hold the results in DIRECTORY against every published figure that applies; exit code 3 if one differs."""
    with clear_endings():
        result = compare_with_published(directory)
        console.say(result.to_string(index=False))
        failed = int((result["passed"] == False).sum())  # noqa: E712 (a column of True, False and missing)
        console.say(f"{len(result)} figures, {failed} differ")
        if failed:
            raise typer.Exit(CHECK_FAILED)


def _run(
    points: list[repeated.Point], design: Design, directory: Path, name: str, by: list[str], jobs: int | None
) -> pd.DataFrame:
    with _workers(points, jobs) as workers:
        rows = repeated.run_points(points, design, directory / f"{name}_per_rep.csv", **workers)
    summary = repeated.summarise(rows, by)
    write_table(directory / f"{name}_summary.csv", summary)
    console.say(summary.to_string(index=False))
    return rows


def _design(size: str) -> Design:
    designs = {"paper": PAPER, "smoke": SMOKE}
    if size not in designs:
        raise ValueError(f"--size must be paper or smoke, not {size!r}")
    return designs[size]


def _sizes(design: Design) -> dict[str, int]:
    names = ("calibration_paths", "tuning_paths", "test_paths")
    return {name: value for name, value in asdict(design).items() if name in names}


@contextmanager
def _workers(points: list[repeated.Point], jobs: int | None) -> Iterator[dict[str, Any]]:
    """Executor and progress of many passes, as the functions of `repeated` take them."""
    with worker_processes(jobs) as executor, Progress(console=console, transient=True) as progress:
        task = progress.add_task("passes", total=len(points))
        yield {"executor": executor, "advance": lambda: progress.update(task, advance=1)}
