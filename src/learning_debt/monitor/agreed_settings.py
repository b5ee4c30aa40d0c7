"""What was agreed when a monitor was made: policy, cost, update rule, score and the rest, in a file people can read."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, fields
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from learning_debt.data.update_rule import UpdateRule
from learning_debt.policies.base import Policy
from learning_debt.policies.cost import RetrainingCost
from learning_debt.policies.recommended import Recommended
from learning_debt.policies.saving import as_text, from_text
from learning_debt.scores import Score
from learning_debt.shadows.base import ShadowKeeper
from learning_debt.validation import describe

FORMAT = 1
HEAD = """\
# What this monitor was made with. It is written once, and its hash stands in the ledger: a change is found by
# Monitor.verify, and makes Monitor.open refuse the folder. To agree on something else, make another monitor.
"""
PACKAGES = ("learning-debt", "pymc", "pytensor", "nutpie", "numpy", "scipy", "xarray")
"""Whose versions may change a number."""


@dataclass(frozen=True)
class Settings:
    """What was agreed.

    Attributes
    ----------
    forecaster : str
        What tells it from others; it may be adopted anew later, which the ledger says.
    policy : Policy
    cost : RetrainingCost
        Resolved.
    update_rule : UpdateRule
    score : Score
    shadow : ShadowKeeper
    variables : tuple of str
        Signals that are worked out.
    exposure : float
        What one unit of mean score gap is worth in a period; 0 stands for the rows of the period.
    horizon : int
        Periods a retrain is expected to serve.
    probability : float
        As in `decide`.
    retained : int
        Posteriors that are held against the shadow, at most.
    late : int
        Periods that a row may come late, or be revised.
    varying_rows : bool
    seed : int
    observation_dim : str
    versions : tuple of str
        Of the packages it was made with.
    """

    forecaster: str
    policy: Policy
    cost: RetrainingCost
    update_rule: UpdateRule
    score: Score
    shadow: ShadowKeeper
    variables: tuple[str, ...]
    exposure: float
    horizon: int
    probability: float
    retained: int
    late: int
    varying_rows: bool
    seed: int
    observation_dim: str
    versions: tuple[str, ...]

    def text(self) -> str:
        """The content of ``monitor.toml``.

        Raises
        ------
        TypeError
            If something is of no class of this library, such as a policy of the owner's own.
        """
        lines = [f"format = {FORMAT}"]
        for field in fields(self):
            value = getattr(self, field.name)
            kept = as_text(value) if field.name in _OBJECTS else list(value) if isinstance(value, tuple) else value
            lines.append(f"{field.name} = {_toml(kept)}")
        return HEAD + "\n".join(lines) + "\n"

    @classmethod
    def from_file(cls, content: bytes, where: str) -> Settings:
        """What `text` wrote; nothing in it is run, and all of it is checked as when it is made by hand.

        Raises
        ------
        ValueError
            If it is no such file, or of a later version.
        """
        try:
            told = tomllib.loads(content.decode())
        except ValueError as error:
            raise ValueError(f"{where} cannot be read: {error}; put back a copy of it") from error
        if told.pop("format", None) != FORMAT:
            raise ValueError(f"{where} is of another version of learning-debt, or none of a monitor; this one reads 1")
        known = {field.name for field in fields(cls)}
        if set(told) != known:
            raise ValueError(f"{where} must say {sorted(known)}; it says {sorted(told)}: put back a copy of it")
        read = {name: _read(name, value, where) for name, value in told.items()}
        return cls(**read)


_OBJECTS = {
    "policy": Policy,
    "cost": RetrainingCost,
    "update_rule": UpdateRule,
    "score": Score,
    "shadow": object,
}
_PLAIN = {
    "forecaster": str, "exposure": float, "horizon": int, "probability": float, "retained": int, "late": int,
    "varying_rows": bool, "seed": int, "observation_dim": str,
}  # fmt: skip


def _read(name: str, value: Any, where: str) -> Any:
    if name in _OBJECTS:
        found = from_text(str(value), f"{where}: {name}")
        if not isinstance(found, _OBJECTS[name]):
            raise ValueError(f"{where}: {name} is {describe(found)}: put back a copy of it")
        return found
    if name in _PLAIN:
        if not isinstance(value, _PLAIN[name]):
            raise ValueError(f"{where}: {name} is {describe(value)}: put back a copy of it")
        return value
    return tuple(map(str, value))


def _toml(value: Any) -> str:
    """A value as TOML writes it; its text is JSON's, but for one letter."""
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def present_versions() -> tuple[str, ...]:
    """Names and versions of the packages at hand."""
    return tuple(f"{name} {_version(name)}" for name in PACKAGES)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def policy_in_words(policy: Policy) -> str:
    """A policy as the reasons of decisions name it.

    Examples
    --------
    >>> import learning_debt as ld
    >>> policy_in_words(ld.policies.CUSUM(2.0))
    'CUSUM(2)'
    """
    return "the recommended policy" if isinstance(policy, Recommended) else str(policy)
