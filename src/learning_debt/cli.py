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
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

import learning_debt as ld
from learning_debt.data import split_periods
from learning_debt.report import require_writable, write_report
from learning_debt.study.cli import app as study_app

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
app.add_typer(study_app, name="study")
REPLAY_OPTIONS = ("score", "update_rule", "shadow", "horizon", "exposure", "varying_rows")
"""What a model file may say of its replay, by the names that `spell_table` gives them."""
console = Console(width=None if sys.stdout.isatty() else 110)


@app.callback()
def main() -> None:
    """Retrain a Bayesian forecaster now, or wait? Measured on your own history."""


@app.command()
def audit(
    model: Annotated[Path, typer.Argument(help="A Python file with build_model(data).", metavar="MODEL.py")],
    history: Annotated[Path | None, typer.Option(help="CSV or netCDF; default: load_history() of MODEL.py.")] = None,
    cost: Annotated[
        float | None, typer.Option(help="Cost of one retrain, in the score's unit; default: of MODEL.py.")
    ] = None,
    calendar: Annotated[int | None, typer.Option(help="You retrain every N periods; default: of MODEL.py.")] = None,
    initial: Annotated[
        int | None, typer.Option(help="Periods for the first fit; default: MODEL.py, or a third.")
    ] = None,
    split: Annotated[float, typer.Option(help="Share of the periods that policies are tuned on.")] = 0.6,
    accounting: Annotated[str, typer.Option(help="signed (the real bill) or positive (the paper's).")] = "signed",
    draws: Annotated[int, typer.Option(help="Posterior draws of each of 4 chains.")] = 1000,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 1,
    spells: Annotated[Path | None, typer.Option(help="spells.nc of an earlier audit, to price it anew.")] = None,
    out: Annotated[Path, typer.Option(help="Directory for report, pictures and tables.")] = Path("audit"),
) -> None:
    """Replay the history of the forecaster in MODEL.py: what your calendar cost, what policies would have.

    Besides build_model(data), MODEL.py may define load_history(), prepare, cost, calendar and initial, and for the
    replay score, update_rule, shadow, horizon, exposure and varying_rows, as spell_table takes them.
    """
    try:
        require_writable(out)
        module = load_module(model)
        price = ld.RetrainingCost(cost) if cost is not None else _cost(module)
        rhythm = calendar if calendar is not None else getattr(module, "calendar", None)
        twin = None
        if spells is not None:
            table = read_spells(spells)
        else:
            data = read_history(history) if history is not None else _load_history(module)
            first = initial if initial is not None else _first_periods(module, data)
            table = _fit_all(module, data, first, draws, seed)
            twin = _twin(module, data, first, draws, seed)
        result = ld.audit(table, price, calendar=rhythm, split=split, accounting=accounting)
        _print(result, twin)
        comparison, sampled, exact = twin if twin is not None else (None, None, None)
        page = write_report(
            result,
            out,
            title=model.stem,
            comparison=comparison,
            sampled=sampled,
            exact=exact,
            table=table,
            model_summary=module.__doc__,
        )
        console.print(f"\nreport: {page}", highlight=False, soft_wrap=True)
    except (ValueError, KeyError, TypeError, OSError, AttributeError) as error:
        message = error.args[0] if isinstance(error, KeyError) and error.args else error
        Console(stderr=True).print(f"error: {message}", style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from error


def _fit_all(module: ModuleType, data: Any, first: int, draws: int, seed: int) -> xr.Dataset:
    how = f"one step of {type(module.shadow).__name__}" if hasattr(module, "shadow") else "one fit"
    console.print(f"[bold]{module.__name__}[/bold]: compiling, then {how} a period from period {first} on")
    started = time.perf_counter()
    forecaster = ld.PyMCForecaster(module.build_model, prepare=getattr(module, "prepare", None), draws=draws)
    table = ld.spell_table(forecaster, data, initial=first, random_seed=seed, **_options(module))
    fits = int(table["refits"].sum()) + table.sizes["series"]
    plural = "" if fits == 1 else "s"
    console.print(f"{fits} fit{plural} in {time.perf_counter() - started:.0f} s", highlight=False)
    return table


def _print(result: ld.Audit, twin: tuple[xr.Dataset, xr.Dataset, xr.Dataset] | None) -> None:
    if twin is not None:
        console.print(_comparison_table(twin[0]))
    console.print(_policy_table(result))
    console.print(f"A retrain costs {result.cost}.", highlight=False, markup=False)
    console.print(result.headline, highlight=False, markup=False)
    if result.distinction:
        console.print(f"[bold]{escape(result.distinction)}[/bold]", highlight=False)
    for note in result.notes:
        console.print(f"- {note}", highlight=False, markup=False)
    if result.decision is not None:
        console.print("\n[bold]Today:[/bold]", end=" ")
        console.print(result.decision.reason, highlight=False, markup=False)


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
        return _read_netcdf(path, "--history")
    raise ValueError(f"--history must be a .csv or .nc file, not {path.name}")


def read_spells(path: Path) -> xr.Dataset:
    """A spell table that an earlier audit kept."""
    if not path.is_file():
        raise FileNotFoundError(f"--spells: there is no file {path}")
    return ld.check_spells(_read_netcdf(path, "--spells"))


def _read_netcdf(path: Path, option: str) -> xr.Dataset:
    try:
        with xr.open_dataset(path, engine="h5netcdf") as dataset:
            return dataset.load()
    except OSError as error:
        raise ValueError(f"{option}: {path} is not a readable netCDF file ({error})") from error


def _cost(module: ModuleType) -> ld.RetrainingCost:
    price = getattr(module, "cost", None)
    return price if isinstance(price, ld.RetrainingCost) else ld.RetrainingCost(price)


def _load_history(module: ModuleType) -> Any:
    if not callable(getattr(module, "load_history", None)):
        raise AttributeError(f"{module.__name__} defines no load_history(); name the history with --history FILE")
    return module.load_history()


def _first_periods(module: ModuleType, data: Any) -> int:
    """Periods of the first fit: what the model file says, or a third of the history."""
    given = getattr(module, "initial", None)
    return given or max(1, len(split_periods(data, varying_rows=getattr(module, "varying_rows", False))) // 3)


def _options(module: ModuleType) -> dict[str, Any]:
    """How the model file wants its history replayed."""
    return {name: getattr(module, name) for name in REPLAY_OPTIONS if hasattr(module, name)}


def _twin(
    module: ModuleType, data: Any, first: int, draws: int, seed: int
) -> tuple[xr.Dataset, xr.Dataset, xr.Dataset] | None:
    """Sampled and exact tables of a model file's conjugate twin: ``build_twin(data)`` and ``twin_prior``."""
    if not (hasattr(module, "build_twin") and hasattr(module, "twin_prior")):
        return None
    console.print("conjugate twin: sampled, to be held against its exact values")
    options = {name: value for name, value in _options(module).items() if name != "shadow"}
    twin, prior = ld.PyMCForecaster(module.build_twin, draws=draws), module.twin_prior
    sampled = ld.spell_table(twin, data, initial=first, random_seed=seed, **_options(module))
    exact = ld.spell_table(ld.ConjugateRegression(prior), data, initial=first, progressbar=False, **options)
    return ld.compare_tables(sampled, exact), sampled, exact


def _comparison_table(comparison: xr.Dataset) -> Table:
    probability = comparison.attrs["probability"]
    unit = comparison.attrs.get("unit", "nats per observation")
    units = "nats" if unit == "nats per observation" else f"posterior debt in nats, else {unit}"
    title = f"conjugate twin, sampled against exact ({units})"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
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
    title = f"what each policy would have cost ({attrs['unit']}, {attrs['accounting']} regret)"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    against, share = attrs["benchmark"], f"{attrs['probability']:.0%}"
    difference = f"difference to\n{against} ({share})"
    table.add_column("policy", no_wrap=True)
    for head in ("retrains", "regret", "total", "ratio", difference, "chosen\nagain", "positive\ntotal"):
        table.add_column(head, justify="right")
    for name in result.table["policy"].values:
        row = {key: value.item() for key, value in result.table.sel(policy=name).data_vars.items()}
        interval = f"{row['difference']:+.2f} ({row['difference_low']:+.2f}, {row['difference_high']:+.2f})"
        table.add_row(
            str(name),
            f"{row['retrains']:g}",
            f"{row['regret']:.3f}",
            f"{row['total']:.3f}",
            _number(row["ratio"]),
            interval if name != against else "",
            f"{row['selected_share']:.0%}" if row["selected_share"] == row["selected_share"] else "",
            _number(row["total_positive"]),
        )
    return table


def _number(value: float) -> str:
    return "" if value != value else f"{value:.2f}"
