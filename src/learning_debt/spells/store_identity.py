"""What a store is of: hashes and names of everything that the numbers of a spell table follow from."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from learning_debt.data import RESERVED, as_dataset
from learning_debt.data.content_hash import content_hash, object_hash, without_addresses
from learning_debt.forecasters.base import Fingerprinted, Forecaster
from learning_debt.spells.forecast_schedule import Plan

PACKAGES = ("learning_debt", "pymc", "pytensor", "nutpie", "numpy", "scipy", "xarray")
"""Whose versions may change a number."""
OF_SIGNALS = ("variables", "score", "horizon")
"""What fits do not follow from."""


def identity_of(forecaster: Forecaster, history: Any, plan: Plan, shadow: Any) -> dict[str, str]:
    """Names of what a table is made of, each with what tells two apart; the seed is not among them.

    Parameters
    ----------
    forecaster : Forecaster
    history : Dataset, mapping or data frame
        As the owner gave it.
    plan : Plan
        Of one series, for what all have in common.
    shadow : ShadowKeeper
    """
    asked = {
        "initial": str(plan.initial),
        "horizon": str(plan.horizon),
        "variables": ", ".join(sorted(plan.variables)),
        "score": f"{plan.score.name} ({_shown(plan.score)})",
        "update_rule": _shown(plan.update_rule),
        "shadow": _shown(shadow),
    }
    data = content_hash(as_dataset(history, forecaster.observation_dim, RESERVED))
    made_with = {f"version of {name}": _version(name) for name in PACKAGES}
    return {"history": data, "forecaster": _model(forecaster, plan), **asked, **made_with}


def _model(forecaster: Forecaster, plan: Plan) -> str:
    """The forecaster's own fingerprint at the first rows; else its class and all that it holds."""
    if isinstance(forecaster, Fingerprinted):
        kind = type(forecaster)
        return f"{kind.__module__}.{kind.__qualname__} {forecaster.fingerprint(plan.period(0).so_far)}"
    return _shown(forecaster)


def _shown(value: Any) -> str:
    """As it is written; with a hash of what it holds, where that does not say all."""
    text = repr(value)
    told = type(value).__module__.split(".")[0] == "learning_debt" and without_addresses(text) == text
    return text if told else f"{without_addresses(text)} {object_hash(value)[:16]}"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
