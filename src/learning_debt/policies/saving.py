"""Policies, grids of them, and what they learned, in a file: JSON of class names and fields, nothing executed."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from learning_debt.data.update_rule import UpdateRule
from learning_debt.policies.alarm import Alarm
from learning_debt.policies.blended_threshold import BlendedThreshold
from learning_debt.policies.changepoint import Changepoint
from learning_debt.policies.continuation_value import ContinuationValue
from learning_debt.policies.cost import RetrainingCost
from learning_debt.policies.cusum import CUSUM
from learning_debt.policies.debt_threshold import DebtThreshold
from learning_debt.policies.expected_regret import ExpectedRegret
from learning_debt.policies.fixed import Always, Calendar, Never, Schedule, SpellLimit
from learning_debt.policies.models.calibration import AgeAdjustment
from learning_debt.policies.models.continuation import ContinuationModel
from learning_debt.policies.models.regret import DebtRegretModel, HybridRegretModel
from learning_debt.policies.models.two_state_filter import TwoStateEmissions
from learning_debt.policies.page_cusum import PageCUSUM
from learning_debt.policies.pareto_k_threshold import ParetoKThreshold
from learning_debt.policies.predictive_debt_threshold import PredictiveDebtThreshold
from learning_debt.policies.recommended import Recommended
from learning_debt.policies.river_detector import RiverDetector
from learning_debt.policies.staleness import CumulativeStaleness, StalenessThreshold
from learning_debt.policies.two_state import TwoState
from learning_debt.scores import CRPS, EnergyScore, LogScore, NewsvendorLoss, QuantileLoss
from learning_debt.shadows.ladder import ShadowLadder
from learning_debt.shadows.pooled import PooledShadow
from learning_debt.shadows.refit import Refit
from learning_debt.validation import describe, require_instance, suggestion

FORMAT, VERSION = "learning-debt policies", 1
_POLICIES: tuple[type, ...] = (
    Alarm, Always, BlendedThreshold, Calendar, Changepoint, ContinuationValue, CUSUM, CumulativeStaleness,
    DebtThreshold, ExpectedRegret, Never, PageCUSUM, ParetoKThreshold, PredictiveDebtThreshold, Recommended,
    RiverDetector, Schedule, SpellLimit, StalenessThreshold, TwoState,
)  # fmt: skip
_PARTS: tuple[type, ...] = (
    AgeAdjustment, ContinuationModel, DebtRegretModel, HybridRegretModel, RetrainingCost, TwoStateEmissions, UpdateRule,
)  # fmt: skip
_BESIDE: tuple[type, ...] = (
    CRPS, EnergyScore, LogScore, NewsvendorLoss, PooledShadow, QuantileLoss, Refit, ShadowLadder,
)  # fmt: skip
CLASSES = {kind.__name__: kind for kind in (*_POLICIES, *_PARTS, *_BESIDE)}
"""What a file may hold, by name."""
PATH = "the path of a file"


def save(path: str | os.PathLike[str], what: Any) -> None:
    """Write a policy, what it learned, or a list or mapping of them to a file that `load` reads.

    The file is JSON: names of classes and their fields. Costs, update rules, scores and keepers of the shadow may be
    among them.

    Parameters
    ----------
    path : path
        Replaced if it is there, as a whole.
    what : policy, model, or list, tuple or dict of them

    Raises
    ------
    TypeError
        Naming what is of no class of this library, such as a policy of your own: pickle that.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from learning_debt import policies
    >>> with TemporaryDirectory() as home:
    ...     policies.save(f"{home}/policy.json", {"slow": [policies.CUSUM(8.0), policies.CUSUM(16.0)]})
    ...     policies.load(f"{home}/policy.json")
    {'slow': [CUSUM(threshold=8.0), CUSUM(threshold=16.0)]}
    """
    target = _as_path(path)
    text = json.dumps(_with_format(what), allow_nan=False, indent=1)
    part = target.with_name(f"{target.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(target)


def load(path: str | os.PathLike[str]) -> Any:
    """Read what `save` wrote; nothing in the file is executed, and all of it is checked as when it is made by hand.

    Raises
    ------
    ValueError
        If the file is no such file, of a later version, or names a class or a field that there is not.
    OSError
        If it cannot be read.
    """
    source = _as_path(path)
    try:
        text = source.read_text(encoding="utf-8")
    except ValueError as error:
        raise ValueError(f"path {str(source)!r} is no file that policies.save wrote: {error}") from error
    return from_text(text, f"path {str(source)!r}")


def as_text(what: Any) -> str:
    """What `save` writes, in one line.

    Examples
    --------
    >>> from learning_debt.policies import CUSUM
    >>> from_text(as_text(CUSUM(8.0)))
    CUSUM(threshold=8.0)
    """
    return json.dumps(_with_format(what), allow_nan=False)


def from_text(text: str, where: str = "text") -> Any:
    """What `load` reads; `where` is what a message calls the text."""
    try:
        stored = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where} is no file that policies.save wrote: {error}") from error
    if not isinstance(stored, dict) or stored.get("format") != FORMAT or "content" not in stored:
        raise ValueError(f"{where} is no file that policies.save wrote: it lacks the format {FORMAT!r}")
    if stored.get("version") != VERSION:
        raise ValueError(
            f"{where} has version {describe(stored.get('version'))} of the format; this is learning-debt "
            f"of version {VERSION}: read it with the learning-debt that wrote it"
        )
    try:
        return _read(stored["content"])
    except (TypeError, ValueError, KeyError) as error:
        raise ValueError(f"{where}: {error}") from error


def _with_format(what: Any) -> dict[str, Any]:
    return {"format": FORMAT, "version": VERSION, "content": _written(what)}


def _as_path(path: Any) -> Path:
    if isinstance(path, str) and not path:
        raise ValueError(f"path must be {PATH}, not empty")
    require_instance("path", path, (str, os.PathLike), PATH)
    return Path(path)


def _written(value: Any) -> Any:
    """As JSON holds it: plain values as they are, all others as a mapping of one kind to its content."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else {"float": str(float(value))}
    if isinstance(value, list):
        return [_written(item) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [_written(item) for item in value]}
    if isinstance(value, np.ndarray):
        return {"array": _written(value.tolist())}
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"mapping": {key: _written(item) for key, item in value.items()}}
    if CLASSES.get(type(value).__name__) is type(value):
        fields = {field.name: _written(getattr(value, field.name)) for field in _fields_of(type(value))}
        return {"class": type(value).__name__, "fields": fields}
    return _written_label(value)


def _written_label(value: Any) -> Any:
    """A date of a schedule."""
    if isinstance(value, pd.Period):
        return {"period": [str(value), value.freqstr]}
    if isinstance(value, datetime):
        return {"moment": value.isoformat()}
    if isinstance(value, date):
        return {"day": value.isoformat()}
    if isinstance(value, timedelta):
        return {"duration": pd.Timedelta(value).isoformat()}
    raise TypeError(
        f"what holds {describe(value)}, which is neither a policy of learning-debt nor what one learned: pickle it, or "
        "leave it out"
    )


_READ: dict[str, Callable[[Any], Any]] = {
    "float": lambda text: {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}[text],
    "tuple": lambda values: tuple(_read(values)),
    "array": lambda values: np.array(_read(values)),
    "mapping": lambda values: {key: _read(item) for key, item in values.items()},
    "period": lambda parts: pd.Period(parts[0], freq=parts[1]),
    "moment": datetime.fromisoformat,
    "day": date.fromisoformat,
    "duration": lambda text: pd.Timedelta(text).to_pytimedelta(),
}


def _read(value: Any) -> Any:
    if isinstance(value, list):
        return [_read(item) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"class", "fields"}:
        return _made(value["class"], value["fields"])
    if len(value) != 1 or next(iter(value)) not in _READ:
        raise ValueError(f"it holds {describe(value)}, which policies.save does not write")
    ((kind, content),) = value.items()
    return _READ[kind](content)


def _fields_of(kind: Any) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else ()


def _made(name: Any, fields: Any) -> Any:
    if not isinstance(name, str) or name not in CLASSES:
        raise ValueError(f"there is no class {name!r}{suggestion(name, CLASSES)}; known are {', '.join(CLASSES)}")
    known = [field.name for field in _fields_of(CLASSES[name])]
    if not isinstance(fields, dict) or set(fields) != set(known):
        raise ValueError(f"{name} has the fields {known}, not {describe(fields)}")
    return CLASSES[name](**{key: _read(content) for key, content in fields.items()})
