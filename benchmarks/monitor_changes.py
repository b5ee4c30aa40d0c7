"""Change one byte of a monitor's folder at a time, and see that `Monitor.verify` finds every change that counts.

    python benchmarks/monitor_changes.py [--changes 2000] [--seed 1] [--write NAME]

A third of the changes each is in the ledger, the posteriors and the data. One that verify does not find is a fault,
unless every stored value is as before: a ledger has pages that hold nothing. Then the ledger is cut short, rewritten
and replaced as a whole, which only ``verify(head=...)`` can find.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sqlite3
import tempfile
from pathlib import Path

import numpy as np

import learning_debt as ld
from learning_debt.monitor import verify_folder

FORECASTER = ld.ConjugateRegression(ld.NIG([0.0, 0.0], np.eye(2), 2.0, 1.0))
RESULTS = Path(__file__).parent / "results"
PARTS = ("ledger", "posteriors", "data")


def rows_of(first: int, stop: int, seed: int = 0, count: int = 3) -> dict[str, np.ndarray]:
    """Rows of some periods."""
    rng = np.random.default_rng([seed, first])
    period = np.repeat(np.arange(first, stop), count)
    x = np.column_stack([np.ones(len(period)), rng.normal(size=len(period))])
    return {"x": x, "y": x @ [1.0, 2.0] + rng.normal(size=len(period)), "period": period}


def made(folder: Path, seed: int = 0, periods: int = 12) -> ld.Monitor:
    """A monitor with a retrain, a rollback and a word."""
    agreed = {"cost": 0.3, "policy": ld.policies.CUSUM(0.5), "calendar": 8, "retained": 6}
    monitor = ld.Monitor.create(folder, FORECASTER, rows_of(0, 12, seed), **agreed)
    for period in range(12, 12 + periods):
        monitor.observe(rows_of(period, period + 1, seed))
        if period == 15:
            monitor.redeploy(reason="spring")
        if period == 18:
            monitor.rollback()
    monitor.decline(reason="holidays")
    return monitor


def stored(folder: Path) -> object:
    """All values of the ledger and all bytes of the other files; None where the ledger cannot be read."""
    files = {file.name: file.read_bytes() for file in [*sorted(folder.rglob("*.nc")), folder / "monitor.toml"]}
    rows = sqlite3.connect(folder / "ledger.sqlite")
    try:
        tables = [name for (name,) in rows.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")]
        schema = rows.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY 1, 2").fetchall()
        return files, schema, {name: sorted(map(repr, rows.execute(f"SELECT * FROM {name}"))) for name in tables}
    except (sqlite3.Error, UnicodeDecodeError):
        return None
    finally:
        rows.close()


def changed(folder: Path, part: str, rng: np.random.Generator) -> str:
    """Change one byte; where."""
    files = [folder / "ledger.sqlite"] if part == "ledger" else sorted((folder / part).iterdir())
    file = files[rng.integers(len(files))]
    content = bytearray(file.read_bytes())
    place = int(rng.integers(len(content)))
    content[place] ^= int(rng.integers(1, 256))
    file.write_bytes(content)
    return f"byte {place} of {file.name}"


def wholes(home: Path) -> list[str]:
    """What only ``head`` can find, and does not."""
    head, faults = made(home / "true").status()["head"], []
    made(home / "replaced", seed=1)
    shutil.copytree(home / "true", home / "cut short")
    rows = sqlite3.connect(home / "cut short" / "ledger.sqlite")
    trigger = rows.execute("SELECT sql FROM sqlite_master WHERE name = 'entries_delete'").fetchone()[0]
    rows.execute("DROP TRIGGER entries_delete")
    rows.execute("DELETE FROM entries WHERE number = (SELECT MAX(number) FROM entries)")
    rows.execute(trigger)
    rows.commit()
    rows.close()
    for name in ("replaced", "cut short"):
        if not verify_folder(home / name).ok:
            faults.append(f"{name} is found without a head, so that nothing is shown")
        if verify_folder(home / name, head=head).ok:
            faults.append(f"{name} passes for the true one")
    if not verify_folder(home / "true", head=head).ok:
        faults.append("the true one does not have its own head")
    return faults


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--changes", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", metavar="NAME", help="write results/monitor_changes_NAME.json")
    asked = parser.parse_args()
    rng, home = np.random.default_rng(asked.seed), Path(tempfile.mkdtemp())
    made(home / "state")
    (home / "wholes").mkdir()
    before, folder, faults = stored(home / "state"), home / "once", wholes(home / "wholes")
    counts = {part: {"changes": 0, "found": 0, "change nothing": 0} for part in PARTS}
    for number in range(asked.changes):
        part = PARTS[number % 3]
        shutil.copytree(home / "state", folder)
        where = changed(folder, part, rng)
        found = not verify_folder(folder).ok
        same = not found and stored(folder) == before
        counts[part]["changes"] += 1
        counts[part]["found"] += found
        counts[part]["change nothing"] += same
        if not found and not same:
            faults.append(f"{where} changes what is stored, and is not found")
        shutil.rmtree(folder)
    shutil.rmtree(home)
    result = {"changes": asked.changes, "seed": asked.seed, **counts, "faults": len(faults)}
    print(json.dumps(result, indent=1))
    print(*faults[:10], sep="\n")
    if asked.write:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"monitor_changes_{asked.write}.json").write_text(json.dumps(result, indent=1) + "\n")
    raise SystemExit(bool(faults))


if __name__ == "__main__":
    main()
