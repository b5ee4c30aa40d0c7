"""What a store is of: hashes and names of everything that the numbers of a spell table follow from."""

from __future__ import annotations

import hashlib
import re
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from learning_debt.data.content_hash import content_hash
from learning_debt.forecasters.base import Fingerprinted, Forecaster
from learning_debt.spells.forecast_schedule import Plan

PACKAGES = ("learning_debt", "pymc", "pytensor", "nutpie", "numpy", "scipy", "xarray")
"""Whose versions may change a number."""
OF_SIGNALS = ("variables", "score", "horizon")
"""What fits do not follow from."""
ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def identity_of(forecaster: Forecaster, plans: list[Plan], shadow: Any) -> dict[str, str]:
    """Names of what a table is made of, each with what tells two apart; the seed is not among them.

    Parameters
    ----------
    forecaster : Forecaster
    plans : list of Plan
        One for each series.
    shadow : ShadowKeeper
    """
    plan = plans[0]
    asked = {
        "initial": str(plan.initial),
        "horizon": str(plan.horizon),
        "variables": ", ".join(sorted(plan.variables)),
        "score": f"{plan.score.name} ({_shown(plan.score)})",
        "update_rule": _shown(plan.update_rule),
        "shadow": _shown(shadow),
    }
    history = hashlib.sha256("".join(content_hash(each.history.data) for each in plans).encode()).hexdigest()
    made_with = {f"version of {name}": _version(name) for name in PACKAGES}
    return {"history": history, "forecaster": _model(forecaster, plan), **asked, **made_with}


def _model(forecaster: Forecaster, plan: Plan) -> str:
    """The forecaster's own fingerprint at the first rows; else its class alone, which is all that is known of it."""
    kind = f"{type(forecaster).__module__}.{type(forecaster).__qualname__}"
    if isinstance(forecaster, Fingerprinted):
        return f"{kind} {forecaster.fingerprint(plan.period(0).so_far)}"
    return kind


def _shown(value: Any) -> str:
    return ADDRESS.sub("", repr(value))


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
