"""The command line: thin, and it calls what the public API offers and nothing else."""

from __future__ import annotations

import importlib.util
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import typer
import xarray as xr
from rich.console import Console
from rich.table import Table

import learning_debt as ld

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
console = Console()


@app.callback()
def main() -> None:
    """Retrain a Bayesian forecaster now, or wait? Measured on your own history."""


@app.command()
def audit(
    model: Annotated[Path, typer.Argument(help="A Python file with build_model(data).", metavar="MODEL.py")],
    history: Annotated[Path | None, typer.Option(help="CSV or netCDF; default: load_history() of MODEL.py.")] = None,
    cost: Annotated[float | None, typer.Option(help="Cost of one retrain, in nats; default: cost of MODEL.py.")] = None,
    calendar: Annotated[
        int | None, typer.Option(help="You retrain every N periods; default: calendar of MODEL.py.")
    ] = None,
    initial: Annotated[
        int | None, typer.Option(help="Periods for the first fit; default: MODEL.py, or a third.")
    ] = None,
    split: Annotated[float, typer.Option(help="Share of the periods that policies are tuned on.")] = 0.6,
    accounting: Annotated[str, typer.Option(help="signed (the real bill) or positive (the paper's).")] = "signed",
    draws: Annotated[int, typer.Option(help="Posterior draws of each of 4 chains.")] = 1000,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 1,
    out: Annotated[Path, typer.Option(help="Directory for report, pictures and tables.")] = Path("audit"),
) -> None:
    """Replay the history of the forecaster in MODEL.py: what your calendar cost, what policies would have."""
    try:
        _audit(model, history, cost, calendar, initial, split, accounting, draws, seed, out)
    except (ValueError, KeyError, TypeError, OSError, AttributeError) as error:
        message = error.args[0] if isinstance(error, KeyError) and error.args else error
        Console(stderr=True).print(f"[red]error:[/red] {message}", highlight=False)
        raise typer.Exit(1) from error


def _audit(
    path: Path,
    history: Path | None,
    cost: float | None,
    calendar: int | None,
    initial: int | None,
    split: float,
    accounting: str,
    draws: int,
    seed: int,
    out: Path,
) -> None:
    from learning_debt.report import require_writable, write_report

    require_writable(out)
    module = load_module(path)
    price = ld.RetrainingCost(cost) if cost is not None else _cost(module)
    rhythm = calendar if calendar is not None else getattr(module, "calendar", None)
    data = read_history(history) if history is not None else _load_history(module)
    prepare = getattr(module, "prepare", None)
    forecaster = ld.PyMCForecaster(module.build_model, prepare=prepare, draws=draws)
    first = initial or getattr(module, "initial", None) or max(1, _count_periods(data, forecaster.observation_dim) // 3)

    console.print(f"[bold]{path.stem}[/bold]: compiling, then one fit a period from period {first} on")
    started = time.perf_counter()
    spells = ld.spell_table(forecaster, data, initial=first, random_seed=seed)
    console.print(f"{spells.sizes['period'] + 1} fits in {time.perf_counter() - started:.0f} s")
    result = ld.audit(spells, price, calendar=rhythm, split=split, accounting=accounting)

    twin = _twin(module, data, first, draws, seed)
    if twin is not None:
        console.print(_comparison_table(twin[0]))
    console.print(_policy_table(result))
    for note in result.notes:
        console.print(f"- {note}", highlight=False)
    if result.decision is not None:
        console.print(f"\n[bold]Today:[/bold] {result.decision.reason}", highlight=False)
    comparison, sampled, exact = twin if twin is not None else (None, None, None)
    page = write_report(
        result, out, title=path.stem, comparison=comparison, sampled=sampled, exact=exact, model_summary=module.__doc__
    )
    console.print(f"report: {page}", highlight=False)


def load_module(path: Path) -> ModuleType:
    """Import a model file by its path."""
    if not path.is_file():
        raise FileNotFoundError(f"MODEL.py: there is no file {path}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"MODEL.py: {path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    if not callable(getattr(module, "build_model", None)):
        raise AttributeError(f"MODEL.py: {path} defines no build_model(data)")
    return module


def read_history(path: Path) -> Any:
    """A history from CSV or netCDF."""
    if not path.is_file():
        raise FileNotFoundError(f"--history: there is no file {path}")
    if path.suffix == ".csv":
        import pandas as pd

        return pd.read_csv(path)
    if path.suffix in (".nc", ".netcdf"):
        with xr.open_dataset(path, engine="h5netcdf") as dataset:
            return dataset.load()
    raise ValueError(f"--history must be a .csv or .nc file, not {path.name}")


def _cost(module: ModuleType) -> ld.RetrainingCost:
    price = getattr(module, "cost", None)
    return price if isinstance(price, ld.RetrainingCost) else ld.RetrainingCost(price)


def _load_history(module: ModuleType) -> Any:
    if not callable(getattr(module, "load_history", None)):
        raise AttributeError(f"{module.__name__} defines no load_history(); name the history with --history FILE")
    return module.load_history()


def _count_periods(data: Any, observation_dim: str) -> int:
    from learning_debt.data import split_periods

    return len(split_periods(data, observation_dim))


def _twin(
    module: ModuleType, data: Any, first: int, draws: int, seed: int
) -> tuple[xr.Dataset, xr.Dataset, xr.Dataset] | None:
    """Sampled and exact tables of a model file's conjugate twin: ``build_twin(data)`` and ``twin_prior``."""
    if not (hasattr(module, "build_twin") and hasattr(module, "twin_prior")):
        return None
    console.print("conjugate twin: sampled, to be held against its exact values")
    sampled = ld.spell_table(ld.PyMCForecaster(module.build_twin, draws=draws), data, initial=first, random_seed=seed)
    exact = ld.spell_table(ld.ConjugateRegression(module.twin_prior), data, initial=first, progressbar=False)
    return ld.compare_tables(sampled, exact), sampled, exact


def _comparison_table(comparison: xr.Dataset) -> Table:
    probability = comparison.attrs["probability"]
    table = Table(title="conjugate twin, sampled against exact (nats)", title_justify="left")
    headers = ("signal", "cells", "reliable", "bias", "rmse", "median rel. error", f"{probability:.0%} intervals cover")
    for header in headers:
        table.add_column(header, justify="left" if header == "signal" else "right")
    for name in comparison["signal"].values:
        row = {key: float(value) for key, value in comparison.sel(signal=name).data_vars.items()}
        table.add_row(
            str(name).replace("_", " "),
            f"{row['cells']:.0f}",
            f"{row['reliable_share']:.1%}",
            f"{row['bias']:+.5f}",
            f"{row['rmse']:.5f}",
            f"{row['median_relative_error']:.1%}",
            f"{row['coverage']:.1%}",
        )
    return table


def _policy_table(result: ld.Audit) -> Table:
    attrs = result.table.attrs
    table = Table(
        title=f"what each policy would have cost ({attrs['unit']}, {attrs['accounting']} regret)", title_justify="left"
    )
    against, share = attrs["benchmark"], f"{attrs['probability']:.0%}"
    for header in (
        "policy",
        "retrains",
        "regret",
        "total",
        f"against {against}",
        f"{share} interval",
        "ratio",
        "positive total",
    ):
        table.add_column(header, justify="left" if header == "policy" else "right")
    for name in result.table["policy"].values:
        row = {key: value.item() for key, value in result.table.sel(policy=name).data_vars.items()}
        interval = f"{row['difference_low']:+.2f} to {row['difference_high']:+.2f}" if name != against else ""
        table.add_row(
            str(name),
            f"{row['retrains']:g}",
            f"{row['regret']:.3f}",
            f"{row['total']:.3f}",
            f"{row['difference']:+.3f}",
            interval,
            _number(row["ratio"]),
            _number(row["total_positive"]),
        )
    return table


def _number(value: float) -> str:
    return "" if value != value else f"{value:.2f}"
