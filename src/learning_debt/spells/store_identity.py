"""What a store is of: hashes and names of everything that the numbers of a spell table follow from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from typing import Any

import numpy as np
import xarray as xr

from learning_debt.data import RESERVED, as_dataset
from learning_debt.data.content_hash import content_hash, object_hash, without_addresses
from learning_debt.forecasters.base import Fingerprinted, Forecaster
from learning_debt.forecasters.conjugate_regression import ConjugateRegression
from learning_debt.spells.forecast_schedule import Plan

PACKAGES = ("learning_debt", "pymc", "pytensor", "nutpie", "numpy", "scipy", "xarray")
"""Whose versions may change a number."""
OF_SIGNALS = ("variables", "score", "horizon")
"""What fits do not follow from."""


def identity_of(forecaster: Forecaster, history: Any, plans: Sequence[Plan], shadow: Any) -> dict[str, str]:
    """Names of what a table is made of, each with what tells two apart; the seed is not among them.

    Parameters
    ----------
    forecaster : Forecaster
    history : Dataset, mapping or data frame
        As the owner gave it.
    plans : sequence of Plan
        One for each series.
    shadow : ShadowKeeper
    """
    plan = plans[0]  # what follows, all have in common
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
    return {"history": data, "forecaster": _model(forecaster, plans), **asked, **made_with}


def _model(forecaster: Forecaster, plans: Sequence[Plan]) -> str:
    """The forecaster's own fingerprints; else its class and all that it holds.

    They are taken at the first rows, and at those that each series holds last: what a builder makes of more rows, or of
    another series, the first ones do not show.
    """
    if not isinstance(forecaster, Fingerprinted):
        return _shown(forecaster)
    alike = isinstance(forecaster, ConjugateRegression)  # whose fingerprint is the same at all rows
    at = chain([plans[0].period(0).so_far], () if alike else map(_held_last, plans))
    told = hashlib.sha256(repr([forecaster.fingerprint(rows) for rows in at]).encode()).hexdigest()[:32]
    return f"{type(forecaster).__module__}.{type(forecaster).__qualname__} {told}"


def _held_last(plan: Plan) -> xr.Dataset:
    """Rows that the last shadow of a series holds."""
    return plan.history.take(np.flatnonzero(plan.row_weight(plan.periods)))


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
