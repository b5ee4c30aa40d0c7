"""How time and memory grow with the number of series, as a picture, and what a million of them would take.

From the clone's root, after `benchmarks.tables.exact` and `benchmarks.tables.cluster` have stored what they measured:
``python -m benchmarks.tables.scaling``.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from benchmarks.tables.exact import CELLS, RESULTS

STAGES = {"tables": "C0", "audits": "C1", "decisions": "C2"}
MILLION = 10**6
COEFFICIENTS, LIMIT_GIB = 3, 4


def slope(series: pd.Series, seconds: pd.Series) -> float:
    """Seconds that each further series takes, from the two largest numbers of them."""
    (fewer, more), (less, most) = series.iloc[-2:], seconds.iloc[-2:]
    return float((most - less) / (more - fewer))


def prices(fleet: pd.DataFrame, cluster: pd.DataFrame) -> dict[str, float]:
    """Processor hours of a million series: exact ones tabled, audited and decided, and tables of PyMC ones."""
    exact = slope(fleet["series"], fleet[list(STAGES)].sum(axis=1))
    sampled = slope(cluster["series"], cluster["serial_cpu"])
    return {"exact": exact * MILLION / 3600, "sampled": sampled * MILLION / 3600}


def draw(fleet: pd.DataFrame, rates: pd.Series, cluster: pd.DataFrame) -> Any:
    """Seconds of cores on the left, peak memory on the right."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (time, memory) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    series = fleet["series"]
    for stage, colour in STAGES.items():
        time.plot(series, fleet[stage], "o-", color=colour, label=f"exact: {stage}")
    time.plot(series, fleet[list(STAGES)].sum(axis=1), "ko-", label="exact: all three")
    many = np.array([series.min(), series.max()])
    time.plot(many, many * CELLS / rates["steps"] / 1e6, "k--", label="exact: tables, a step a period (priced)")
    time.plot(many, many * CELLS / rates["engine"] / 1e6, "k:", label="exact: the engine's arithmetic alone")
    time.plot(cluster["series"], cluster["serial_cpu"], "s-", color="C3", label="PyMC, 12 periods: tables")
    time.set(xscale="log", yscale="log", xlabel="series", ylabel="seconds of one core")
    time.legend(fontsize=7, frameon=False)
    memory.plot(series, fleet["peak_gib"], "ko-", label="exact: all processes together")
    memory.axhline(LIMIT_GIB, color="C3", linestyle="--", label=f"{LIMIT_GIB} GiB")
    memory.set(xscale="log", xlabel="series", ylabel="peak memory, GiB", ylim=(0, LIMIT_GIB + 0.5))
    memory.legend(fontsize=7, frameon=False, loc="center left")
    for axes in (time, memory):
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def main() -> None:
    """Draw, store, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--picture", type=Path, default=RESULTS.parents[1] / "docs" / "scale.png")
    asked = parser.parse_args()
    fleet, rates, cluster = (
        pd.read_csv(asked.results / f"{name}.csv") for name in ("exact_fleet", "exact_tables", "cluster")
    )
    draw(fleet, rates.set_index("coefficients").loc[COEFFICIENTS], cluster).savefig(asked.picture, dpi=130)
    for kind, hours in prices(fleet, cluster).items():
        print(f"a million {kind} series: {hours:.1f} processor hours")


if __name__ == "__main__":
    main()
