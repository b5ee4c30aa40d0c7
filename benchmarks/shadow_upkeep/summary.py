"""What the walks of a cell come to, and the bars they are held against."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

KEYS = ["engine", "coefficients", "scenario", "keeper"]
TARGET = 0.003
CHEAPER = 5.0


def cell_table(records: list[dict[str, Any]]) -> pd.DataFrame:
    """One row a cell; costs include the first fit, counts of fits do not; means over replications."""
    table = pd.DataFrame(records)
    rows = [_cell(dict(zip(KEYS, key, strict=True)), part) for key, part in table.groupby(KEYS, sort=False)]
    cells = pd.DataFrame(rows)
    return _against_refit(cells)


def _cell(settings: dict[str, Any], part: pd.DataFrame) -> dict[str, Any]:
    walked = part[part["period"] > 0]
    times = part["every"].iloc[0]  # a refit priced at every tenth period costs ten times as much
    walks = part["replication"].nunique()
    error, spread, worst = _rms(walked)
    return {
        **settings,
        "walks": walks,
        "periods": int(times * len(walked) / walks),
        "refits": times * walked["refits"].sum() / walks,
        "matches": times * (walked["rung"] == "moment match").sum() / walks,
        "share_by_weights": float((walked["rung"] == "reweight").mean()),
        "gradient_passes": float((walked["evaluations"] / walked["held"]).mean() / 4000),
        "evaluations": _total(part, "evaluations", times, walks),
        "seconds": _total(part, "seconds", times, walks),
        "cpu_seconds": _total(part, "cpu_seconds", times, walks),
        "cpu_seconds_a_period": float(walked.get("cpu_seconds", pd.Series(np.nan)).mean()),
        "first_fit_seconds": float(part.loc[part["period"] == 0, "seconds"].mean()),
        "unconverged": int((~part["converged"].astype(bool)).sum()),
        "rms_error": error,
        "rms_error_se": spread,
        "worst_error": worst,
        "truth_error": float(np.sqrt((walked["error_se"] ** 2).mean())) if "error_se" in walked else np.nan,
        "mean_effective_size": float(walked["effective_size"].mean()),
        "pass_cpu_seconds": float(part.get("pass_cpu_seconds", pd.Series([np.nan])).mean()),
        **_debt(walked),
    }


def _total(part: pd.DataFrame, column: str, times: int, walks: int) -> float:
    """Of a cost over all periods and the first fit, mean over walks.

    The first fit of the hierarchical model is left out: it compiled.
    """
    if column not in part or part[column].isna().any():
        return np.nan
    first = part["period"] == 0
    begun = 0.0 if part["engine"].iloc[0] == "hierarchical" else part.loc[first, column].sum()
    return float((times * part.loc[~first, column].sum() + begun) / walks)


def _rms(walked: pd.DataFrame) -> tuple[float, float, float]:
    """Root mean square log-score error with its standard error: over walks, or over blocks of ten periods of one."""
    looked = walked.dropna(subset=["log_score_error"])
    square = looked["log_score_error"] ** 2
    if looked["replication"].nunique() > 1:
        blocks = square.groupby(looked["replication"]).mean()
    else:
        blocks = square.groupby(np.arange(len(square)) * 10 // max(len(square), 1)).mean()
    rms = float(np.sqrt(square.mean()))
    spread = blocks.std(ddof=1) / np.sqrt(len(blocks)) / (2 * rms) if len(blocks) > 1 else np.nan
    return rms, float(spread), float(looked["log_score_error"].abs().max())


def _debt(walked: pd.DataFrame) -> dict[str, float]:
    """Debts of kept shadows against exact ones: share of 90% intervals that hold it, largest miss."""
    if "debt" not in walked or walked["debt"].notna().sum() == 0:
        return {}
    known = walked.dropna(subset=["debt"])
    used = known[known["debt_reliable"].astype(bool)]
    missed = (used["debt"] - used["debt_exact"]) / used["debt_se"]
    return {
        "debts": len(known),
        "debts_reliable": len(used),
        "debt_coverage": float((missed.abs() < 1.645).mean()),
        "debt_largest_miss": float(missed.abs().max()),
        "debt_mean_miss": float(missed.mean()),
    }


def _against_refit(cells: pd.DataFrame) -> pd.DataFrame:
    """Costs and errors relative to refitting every period, of the same model in the same world."""
    plain = cells[cells["keeper"] == "refit"].set_index(KEYS[:-1])
    where = pd.MultiIndex.from_frame(cells[KEYS[:-1]])
    against = plain.reindex(where)
    cells["times_cheaper_seconds"] = against["seconds"].to_numpy() / cells["seconds"].to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        cells["times_cheaper_evaluations"] = against["evaluations"].to_numpy() / cells["evaluations"].to_numpy()
    # The same histories, independent draws at every period: a refit is priced at a few periods only.
    errors = cells[(cells["keeper"] == "refit") & (cells["engine"] == "exact draws")].set_index(KEYS[1:-1])
    own = against.reset_index(drop=True)
    common = errors.reindex(pd.MultiIndex.from_frame(cells[KEYS[1:-1]])).reset_index(drop=True)
    sampled = (cells["engine"] == "hierarchical").to_numpy()
    error = np.where(sampled, own["rms_error"], common["rms_error"])
    spread = np.where(sampled, own["rms_error_se"], common["rms_error_se"])
    cells["error_ratio"] = cells["rms_error"] / error
    cells["error_ratio_se"] = cells["error_ratio"] * np.hypot(
        cells["rms_error_se"] / cells["rms_error"], spread / error
    )
    cells["times_cheaper_cpu"] = against["cpu_seconds"].to_numpy() / cells["cpu_seconds"].to_numpy()
    cells["refit_in_passes"] = against["cpu_seconds_a_period"].to_numpy() / against["pass_cpu_seconds"].to_numpy()
    cells["refit_in_gradient_passes"] = against["gradient_passes"].to_numpy()
    return cells


def verdicts(cells: pd.DataFrame) -> pd.DataFrame:
    """The bars, ladder by ladder and cell by cell: within .003 nats, no worse than refitting, five times cheaper."""
    ladders = cells[cells["keeper"].str.startswith("ladder")].copy()
    ladders["within"] = ladders["rms_error"] <= TARGET
    worse = ladders["error_ratio"] > 1 + 2 * ladders["error_ratio_se"]
    ladders["no_worse"] = np.where(ladders["error_ratio"].notna(), ~worse, None)
    priced = (ladders["engine"] == "nutpie") & ladders["times_cheaper_cpu"].notna()
    ladders["cheaper"] = np.where(priced, ladders["times_cheaper_cpu"] >= CHEAPER, None)
    return ladders[[*KEYS, "within", "no_worse", "cheaper"]]
