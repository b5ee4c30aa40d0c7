"""One table of all case studies: each model file audited as its owner would, and what came of it.

    python benchmarks/case_studies.py [--out OUT.csv] [--keep DIRECTORY] [MODEL ...]

Bills are of the periods an audit reports, in the model file's own unit. *Calendar in hindsight* is the cheapest of all
intervals on these periods. Where the file's world is simulated, the periods are known in which it changed; how many
periods later the recommended policy retrained, over the whole table, is counted from there. Seconds are processor
seconds of the whole command, all its processes together: import, compilation, fits, signals, bills and report; two idle
cores take somewhat more than half of them. Rows of models that are not run stay as they are. The lines that
docs/notebooks.md shows of the table are printed last.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

import learning_debt as ld
from learning_debt.cli.history_file import read_spells
from learning_debt.cli.model_file import imported
from learning_debt.cli.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "case_studies.csv"
CHANGES: dict[str, tuple[Any, ...]] = {
    "bakery_orders": (44, 66),
    "booking_lead_times": (56,),
    "local_level": (60, 110),
    "media_mix": (41,),
}
"""Labels of the first period after each change, of model files whose history is simulated."""
POLICIES = ("your calendar", "best calendar", "CUSUM", "recommended", "never", "oracle")


def audited(model: Path, out: Path) -> tuple[dict[str, Any], float]:
    """What ``learning-debt audit --json`` answers, and how many processor seconds it took."""
    command = [sys.executable, "-m", "learning_debt", "audit", str(model), "--out", str(out), "--json", "--no-what-if"]
    before = os.times()
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    after = os.times()
    used = (after.children_user + after.children_system) - (before.children_user + before.children_system)
    return json.loads(done.stdout)["data"], used


def hindsight(result: ld.Audit) -> float:
    """The bill of the interval that is cheapest on the reported periods."""
    intervals = range(1, result.spells.sizes["period"] + 1)
    return min(
        float(ld.replay(result.spells, ld.policies.Calendar(interval), result.cost).objective.mean())
        for interval in intervals
    )


def delays(result: ld.Audit, changes: Iterable[Any]) -> list[int | None]:
    """Periods from each change to the first retrain at or after it, of the series that retrains first; None: never."""
    table = result.all_spells
    retrained = ld.replay(table, ld.policies.Recommended(), result.cost).schedule.values.any(axis=0)
    labels = table["label"].values.tolist()
    found: list[int | None] = []
    for change in changes:
        after = np.flatnonzero(retrained[labels.index(change) :])
        found.append(int(after[0]) if after.size else None)
    return found


def row(model: Path, out: Path) -> dict[str, Any]:
    """The line of one case."""
    answer, seconds = audited(model, out)
    table: xr.Dataset = read_spells(out / "spells.nc")
    with imported(model) as module:
        settings = Settings.read(model.name, module, spells=out / "spells.nc")
        result = ld.audit(table, settings.cost(), **settings.audit_options(table))
    total = {line["policy"]: line["total"] for line in answer["policies"]}
    recommended = next(line for line in answer["policies"] if line["policy"] == "recommended")
    named = {f"bill of {name}": total.get(name, np.nan) for name in POLICIES}
    changes = CHANGES.get(model.stem, ())
    exact = bool((table["rung"] == "exact").all())
    verdicts = [decision["verdict"] for decision in answer["decisions"]]
    return {
        "case": model.stem,
        "periods": table.sizes["period"],
        "reported": answer["periods"],
        "series": table.sizes["series"],
        "unit": answer["unit"],
        "cost": result.cost.per_retrain if hasattr(result.cost, "per_retrain") else answer["cost"],
        **named,
        "bill of calendar in hindsight": hindsight(result),
        "difference to benchmark": recommended["difference"],
        "difference low": recommended["difference_low"],
        "difference high": recommended["difference_high"],
        "changes": " ".join(str(change) for change in changes),
        "periods until a retrain": " ".join("never" if of is None else str(of) for of in delays(result, changes)),
        "verdict today": " ".join(f"{verdicts.count(one)} {one}" for one in dict.fromkeys(verdicts)),
        "fits": 0 if exact else int(table["refits"].sum()) + table.sizes["series"],
        "processor seconds": round(seconds, 1),
    }


def page_lines(table: pd.DataFrame) -> list[str]:
    """The table as a page shows it: each case's bills, what was found when, fits and seconds."""
    bills = ["your calendar", "calendar in hindsight", "CUSUM", "recommended", "never", "oracle"]
    heads = ["case", "a retrain costs", *bills, "saved (90%)", "found after", "today", "fits", "CPU seconds"]
    lines = [heads, ["---", *["--:"] * (len(heads) - 1)]]
    for of_case in table.sort_values("case").to_dict("records"):
        digits = 0 if of_case["cost"] >= 1000 else 2 if of_case["cost"] < 2 else 1
        low, high = (f"{-of_case[f'difference {end}']:,.{digits}f}" for end in ("high", "low"))
        waited = of_case["periods until a retrain"]
        lines.append(
            [
                f"`{of_case['case']}`",
                f"{of_case['cost']:,g} {of_case['unit']}",
                *(f"{of_case[f'bill of {name}']:,.{digits}f}" for name in bills),
                f"{-of_case['difference to benchmark']:,.{digits}f} ({low} to {high})",
                "" if pd.isna(waited) else " and ".join(str(waited).removesuffix(".0").split()),
                of_case["verdict today"].removeprefix("1 "),
                f"{of_case['fits']:.0f}" if of_case["fits"] else "exact",
                f"{of_case['processor seconds']:.0f}",
            ]
        )
    return [f"| {' | '.join(cells)} |".replace("-", "−").replace("−−−", "---").replace("−−:", "--:") for cells in lines]


def main() -> None:
    """Audit the models that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help="names of files in models/, without their ending")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--keep", type=Path, help="where the audits stay; a temporary directory where left out")
    given = parser.parse_args()
    names = given.models or sorted(path.stem for path in (ROOT / "models").glob("*.py"))
    with tempfile.TemporaryDirectory() as passing:
        home = given.keep or Path(passing)
        for name in names:
            line = row(ROOT / "models" / f"{name}.py", home / name)
            old = pd.read_csv(given.out) if given.out.exists() else pd.DataFrame({"case": []})
            table = pd.concat([old[old["case"] != name], pd.DataFrame([line])]).sort_values("case")
            table.round(4).to_csv(given.out, index=False)
            print(pd.Series(line).to_string(), flush=True)
    print(*page_lines(pd.read_csv(given.out)), sep="\n")


if __name__ == "__main__":
    main()
