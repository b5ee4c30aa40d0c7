"""Tables of the study and its verdicts, from one row per replication."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd

from estimator_study.cells import SIGNALS
from learning_debt.debt.from_draws import MINIMUM_OVERLAP

Z90 = 1.6448536269514722
SETTINGS = ["sampler", "draws", "coefficients", "scenario", "periods"]
ENOUGH = 50
"""Reliable estimates below which the coverage of a cell says little."""
OVERLAPPING = 100
"""Overlap from which on estimates are expected to be reliable."""
OVERLAPS = (0, 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 100, 200, 500, np.inf)
RELATIVE_VARIANCES = (0, 3e-4, 1e-3, 2e-3, 3e-3, 5e-3, 7e-3, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, np.inf)


def long(table: pd.DataFrame) -> pd.DataFrame:
    """One row per replication and signal: exact, value, se, reliable, and the miss in standard errors."""
    parts = []
    for signal in SIGNALS:
        part = table[[*SETTINGS, "overlap"]].assign(signal=signal)
        for what in ("exact", "value", "se", "reliable"):
            part[what] = table[f"{signal}_{what}"]
        part["relative_variance"] = table.get(f"{signal}_relative_variance", np.nan)
        parts.append(part)
    stacked = pd.concat(parts, ignore_index=True)
    stacked["reliable"] = stacked["reliable"] > 0
    stacked["miss"] = (stacked["value"] - stacked["exact"]) / stacked["se"]
    return stacked


def summarise(estimates: pd.DataFrame) -> pd.Series:
    """Figures of the estimates of one cell and signal; errors are over those called reliable."""
    used = estimates[estimates["reliable"]]
    number, error = len(used), used["value"] - used["exact"]
    covered = (used["miss"].abs() < Z90).mean()
    return pd.Series(
        {
            "replications": len(estimates),
            "exact": estimates["exact"].median(),
            "overlap": estimates["overlap"].median(),
            "reliable": number,
            "share_reliable": number / len(estimates),
            "overlapping": (estimates["overlap"] >= OVERLAPPING).sum(),
            "overlapping_reliable": (used["overlap"] >= OVERLAPPING).sum(),
            "bias": error.mean(),
            "rmse": np.sqrt((error**2).mean()),
            "relative_error": (error / used["exact"]).abs().median(),
            "coverage": covered,
            "coverage_error": np.sqrt(covered * (1 - covered) / number) if number else np.nan,
            "largest_miss": used["miss"].abs().max(),
        }
    )


def cell_table(estimates: pd.DataFrame) -> pd.DataFrame:
    """One row per cell and signal."""
    return estimates.groupby([*SETTINGS, "signal"], sort=False).apply(summarise, include_groups=False).reset_index()


def curve(miss: pd.Series, by: pd.Series, edges: tuple[float, ...]) -> pd.DataFrame:
    """Coverage, mean and largest miss (in standard errors) between the edges of what reliability is judged on."""
    bins = pd.cut(by, list(edges), right=False, labels=False)
    rows = []
    for number, (low, high) in enumerate(pairwise(edges)):
        inside = miss[(bins == number) & np.isfinite(miss)]
        coverage = (inside.abs() < Z90).mean()
        error = np.sqrt(coverage * (1 - coverage) / max(len(inside), 1))
        rows.append((low, high, len(inside), coverage, error, inside.mean(), inside.abs().max()))
    return pd.DataFrame(
        rows, columns=["low", "high", "estimates", "coverage", "coverage_error", "mean_miss", "largest_miss"]
    )


def curves(table: pd.DataFrame, estimates: pd.DataFrame) -> pd.DataFrame:
    """Curves of all three signals, reliable or not: the pooled debt by overlap, the others by relative variance."""
    pooled = (table["pooled_value"] - table["debt_exact"]) / table["pooled_se"]
    parts = {"debt": curve(pooled, table["overlap"], OVERLAPS)}
    for signal in SIGNALS[1:]:
        of_signal = estimates[estimates["signal"] == signal]
        parts[signal] = curve(of_signal["miss"], of_signal["relative_variance"], RELATIVE_VARIANCES)
    return pd.concat(parts, names=["signal"]).reset_index("signal").reset_index(drop=True)


def beyond(table: pd.DataFrame) -> pd.DataFrame:
    """Cells with enough reliable estimates whose coverage leaves .85 to .95 by more than two binomial errors."""
    enough = table[table["reliable"] >= ENOUGH]
    low = 0.85 - 2 * np.sqrt(0.85 * 0.15 / enough["reliable"])
    high = 0.95 + 2 * np.sqrt(0.95 * 0.05 / enough["reliable"])
    return enough[(enough["coverage"] < low) | (enough["coverage"] > high)]


def verdict(holds: bool, number: int) -> str:
    """Pass or FAIL, unless there was nothing to judge."""
    return ("pass" if holds else "FAIL") if number else "none"


def verdicts(estimates: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """One row per bar and signal: what was asked, what was found, whether it holds."""
    rows = []
    for signal in SIGNALS:
        of_cells, of_signal = table[table["signal"] == signal], estimates[estimates["signal"] == signal]
        used = of_signal[of_signal["reliable"]]
        enough, outside = int((of_cells["reliable"] >= ENOUGH).sum()), len(beyond(of_cells))
        found = f"{outside} of {enough} cells outside"
        rows.append((signal, "coverage .85 to .95 in every cell", found, verdict(outside == 0, enough)))
        share = of_signal.loc[of_signal["overlap"] >= OVERLAPPING, "reliable"]
        found = f"{share.mean():.1%} of {len(share)}"
        holds = verdict(share.mean() >= 0.9, len(share))
        rows.append((signal, f"at least 90% reliable where overlap is {OVERLAPPING} or more", found, holds))
        far = int((used["miss"].abs() > 5).sum())
        found = f"{far} of {len(used)}, largest {used['miss'].abs().max():.1f}"
        holds = verdict(far <= max(1, len(used) / 10_000), len(used))
        rows.append((signal, "at most 1 in 10,000 off by 5 standard errors", found, holds))
    for signal, limit in (("debt", 0.01), ("predictive_debt", 0.03)):
        wanted = (estimates["signal"] == signal) & (estimates["draws"] == 4000) & (estimates["exact"] > 0.1)
        chosen = estimates[wanted]
        relative = (chosen["value"] / chosen["exact"] - 1).abs()
        found = f"{relative.median():.2%} (reliable ones {relative[chosen['reliable']].median():.2%})"
        asked = f"median relative error at most {limit:.0%}, 4000 draws, KL > .1"
        rows.append((signal, asked, found, verdict(relative.median() <= limit, len(chosen))))
    return pd.DataFrame(rows, columns=["signal", "asked", "found", "verdict"]).sort_values("signal", kind="stable")


def overlap_choice(table: pd.DataFrame) -> str:
    """One line on the overlap below which the pooled debt is not used."""
    near = table[(table["overlap"] >= 10) & (table["overlap"] < MINIMUM_OVERLAP)]
    miss = (near["pooled_value"] - near["debt_exact"]) / near["pooled_se"]
    return (
        f"pooled debt at an overlap of 10 to {MINIMUM_OVERLAP:.0f} (not used): coverage {(miss.abs() < Z90).mean():.3f}"
        f" of {len(miss)}, largest miss {miss.abs().max():.1f} standard errors"
    )
