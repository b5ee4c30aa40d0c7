"""The table of all runs, and what a pooled table's time is beside the others'."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

KEYS = ["case", "way", "repetition"]
SHOWN = [
    "seconds",
    "cpu",
    "compile",
    "fitting",
    "rest",
    "fits",
    "gradients",
    "densities",
    "peak_gib",
    "largest_debt",
    "load",
]


def merged(stored: Path, records: list[dict]) -> pd.DataFrame:
    """All that is stored, with new runs in the place of old ones of the same case, way and repetition."""
    found = pd.DataFrame(records)
    if stored.exists():
        found = pd.concat([pd.read_csv(stored), found], ignore_index=True)
    if found.empty:
        return found
    return found.drop_duplicates(KEYS, keep="last").sort_values(KEYS, ignore_index=True)


def anchor_rows(table: pd.DataFrame, case: str) -> list[int]:
    """Rows held by each of the anchors that the newest pooled table of a case fitted.

    Raises
    ------
    SystemExit
        If there is none.
    """
    pooled = table[(table["case"] == case) & (table["way"] == "pooled")] if len(table) else table
    if pooled.empty:
        raise SystemExit(f"the anchors of {case} are chosen by a pooled table: run --way pooled first")
    return json.loads(pooled.iloc[-1]["fitted_rows"])


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """Means over repetitions, in the order of the cases; a price is marked by ``~``."""
    means = table.groupby(["case", "way"], sort=False)[[name for name in SHOWN if name in table]].mean().reset_index()
    priced = table.groupby(["case", "way"], sort=False)["priced"].any().to_numpy()
    means["way"] = means["way"].where(~priced, "~" + means["way"])
    return means


def ratios(table: pd.DataFrame) -> pd.DataFrame:
    """How many times cheaper a pooled table is than refitting, and its time as a multiple of its anchors' alone.

    Runs of one repetition are compared, which follow each other; compilation is left out of both.
    """
    table = table.assign(running=table["seconds"] - table["compile"])
    wide = table.pivot(index=["case", "repetition"], columns="way", values="running")
    if "pooled" not in wide:
        return pd.DataFrame()
    found = {}
    if "refit" in wide:
        found["refit / pooled"] = wide["refit"] / wide["pooled"]
    if "anchors" in wide:
        found["pooled / anchors"] = wide["pooled"] / wide["anchors"]
    return pd.DataFrame(found).dropna(how="all").reset_index()
