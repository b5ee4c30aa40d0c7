"""What ``learning-debt plan`` does with its options."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

import learning_debt as ld
from learning_debt.cli.answers import Answers
from learning_debt.cli.history_file import read_history
from learning_debt.cli.monitor_series import each_of, opened
from learning_debt.representations import Part
from learning_debt.validation import nearest

SCHEMA = "learning-debt/plan/1"
WORDS = {"exponential": ("mean",), "weibull": ("shape", "scale"), "hyperexponential": ("means", "weights")}
"""Laws by their names, and the options that have their numbers."""
ENDED = {"true": True, "1": True, "1.0": True, "yes": True, "false": False, "0": False, "0.0": False, "no": False}


class LawOptions(NamedTuple):
    """What was said of how long concepts last."""

    durations: str
    column: str
    ended: str | None
    shortest: int
    mean: float | None
    shape: float | None
    scale: float | None
    means: str | None
    weights: str | None
    seed: int


class CurveOptions(NamedTuple):
    """What was said of what training gains."""

    curve: Path | None
    floor: float | None
    gain: float | None
    curve_rate: float | None
    curve_exponent: float | None
    curve_scale: float | None


def run_plan(
    law: LawOptions,
    learning: CurveOptions,
    *,
    budget: float,
    max_rate: float,
    shipping_rate: float | None,
    estimation: bool,
    random_seed: int,
    as_json: bool,
) -> None:
    """Read durations and losses, plan, and print the plan.

    Raises
    ------
    ValueError, TypeError, FileNotFoundError
        Naming the option and what would be right.
    """
    answers = Answers(SCHEMA, "plan", as_json)
    durations, curve = durations_of(law), curve_of(learning)
    training = ld.budget.plan_effort(durations, curve, budget, max_rate)
    shipping = None if shipping_rate is None else ld.budget.plan_shipments(training, shipping_rate)
    cost = None
    if estimation and isinstance(durations, ld.budget.DurationFit):
        cost = ld.budget.estimation_cost(durations, curve, budget, max_rate, random_seed=random_seed)
    fitted = curve if isinstance(curve, ld.budget.LearningCurveFit) else None
    parts: list[str | Part] = [*training.parts()]
    data: dict[str, Any] = {
        "plan": training.as_dict(),
        "shipping": None if shipping is None else shipping.as_dict(),
        "durations": durations.as_dict() if isinstance(durations, ld.budget.DurationFit) else None,
        "learning_curve": None if fitted is None else fitted.as_dict(),
        "estimation": None if cost is None else cost.as_dict(),
    }
    for one in (fitted, cost, shipping):
        parts += [] if one is None else ["", *one.parts()]
    answers.give(data, parts)


def durations_of(law: LawOptions) -> ld.budget.Duration | ld.budget.DurationFit:
    """The law that is meant: by its numbers, from a file, or from a monitor's ledger."""
    word = law.durations.lower()
    if word in WORDS:
        return _law_by_numbers(law, word)
    given = [name for name in dict.fromkeys(sum(WORDS.values(), ())) if getattr(law, name) is not None]
    if given:
        raise ValueError(f"{_option(given[0])} belongs to a law by its name, not to --durations {law.durations}")
    path = Path(law.durations)
    if path.is_dir():
        histories = [one.history() for one in each_of(opened(path))]
        seen = [ld.budget.durations_from_ledger(history, shortest=law.shortest) for history in histories]
        durations, observed = (np.concatenate([one[name].values for one in seen]) for name in ("duration", "observed"))
        return _fitted(durations, observed, law)
    if not path.suffix and not path.exists():
        near = nearest(word, WORDS)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"--durations must be a file, a folder or one of {', '.join(WORDS)}, not {word}{hint}")
    frame = _frame(path, "--durations")
    durations = _column(frame, law.column, path, "--column")
    return _fitted(durations, _ended(frame, law, path), law)


def curve_of(learning: CurveOptions) -> ld.budget.LearningCurve | ld.budget.LearningCurveFit:
    """The curve that is meant: by its numbers or from a file."""
    numbers = {name: of for name, of in learning._asdict().items() if name != "curve" and of is not None}
    if learning.curve is not None:
        if numbers:
            raise ValueError(f"give --curve or the numbers of a curve, not both: {_option(next(iter(numbers)))}")
        frame = _frame(learning.curve, "--curve")
        effort, loss = (_column(frame, name, learning.curve, "--curve") for name in ("effort", "loss"))
        errors = _column(frame, "error", learning.curve, "--curve") if "error" in frame else None
        return ld.budget.fit_learning_curve(effort, loss, errors)
    power = learning.curve_exponent is not None
    if power and learning.curve_rate is not None:
        raise ValueError("give --curve-rate or --curve-exponent, not both: the one is exponential, the other a power")
    if learning.curve_scale is not None and not power:
        raise ValueError("--curve-scale belongs to --curve-exponent")
    needed = ("floor", "gain", "curve_exponent" if power else "curve_rate")
    missing = [_option(name) for name in needed if name not in numbers]
    if missing:
        raise ValueError(f"what training gains is not said: give --curve FILE, or {', '.join(missing)}")
    floor, gain = numbers["floor"], numbers["gain"]
    if power:
        return ld.budget.PowerCurve(floor, gain, numbers["curve_exponent"], numbers.get("curve_scale", 1.0))
    return ld.budget.ExponentialCurve(floor, gain, numbers["curve_rate"])


def _law_by_numbers(law: LawOptions, word: str) -> ld.budget.Duration:
    others = [name for names in WORDS.values() for name in names if name not in WORDS[word]]
    strange = [_option(name) for name in others if getattr(law, name) is not None]
    if strange:
        raise ValueError(f"{strange[0]} belongs to another law than --durations {word}")
    missing = [_option(name) for name in WORDS[word] if getattr(law, name) is None]
    if missing:
        raise ValueError(f"--durations {word} needs {' and '.join(missing)}")
    if word == "hyperexponential":
        means, weights = (_numbers(name, getattr(law, name)) for name in ("means", "weights"))
        if not ((means > 0) & np.isfinite(means)).all():
            raise ValueError(f"--means must be finite numbers above 0, not {law.means}")
        return ld.budget.HyperexponentialDuration(tuple(weights), tuple(1 / means))
    if word == "weibull":
        assert law.shape is not None
        assert law.scale is not None
        return ld.budget.WeibullDuration(law.shape, law.scale)
    assert law.mean is not None
    if not 0 < law.mean < np.inf:
        raise ValueError(f"--mean must be a finite number above 0, not {law.mean:g}")
    return ld.budget.ExponentialDuration(1 / law.mean)


def _fitted(durations: Any, observed: Any, law: LawOptions) -> ld.budget.DurationFit:
    return ld.budget.fit_durations(durations, observed, random_seed=law.seed)


def _frame(path: Path, option: str) -> pd.DataFrame:
    table = read_history(path, option)
    return table.to_dataframe().reset_index() if isinstance(table, xr.Dataset) else table


def _column(frame: pd.DataFrame, name: str, path: Path, option: str) -> Any:
    if name not in frame:
        raise ValueError(f"{option}: {path.name} has no column {name}; its columns are {', '.join(map(str, frame))}")
    return frame[name].to_numpy()


def _ended(frame: pd.DataFrame, law: LawOptions, path: Path) -> Any:
    """Which concepts had ended; None where all had."""
    name = law.ended or ("observed" if "observed" in frame else None)
    if name is None:
        return None
    words = [str(cell).strip().lower() for cell in _column(frame, name, path, "--ended")]
    strange = [word for word in words if word not in ENDED]
    if strange:
        raise ValueError(
            f"--ended: column {name} of {path.name} must hold true and false, or 1 and 0, not {strange[0]}"
        )
    return np.array([ENDED[word] for word in words])


def _numbers(name: str, text: str) -> Any:
    try:
        return np.array([float(part) for part in text.split(",")])
    except ValueError as error:
        raise ValueError(f"{_option(name)} must be numbers separated by commas, such as 0.8,0.2, not {text}") from error


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
