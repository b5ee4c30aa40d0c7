"""PyMC models of real histories beside their exact neighbours: spell tables, their quality, and bills of policies.

    python benchmarks/sampled_histories.py --out DIR [--model NAME ...] [--draws 1000] [--seed 1]

For each of models/monthly_deaths.py, models/avocado_demand.py and models/census_employment.py: the spell table by the
default, pooled shadow, saved as DIR/NAME.nc, where `learning-debt bench run --tables DIR` reads it; a table that is
there already is not made again. The neighbour is the exact regression of the same rows and periods: that of the bench
for deaths and employment, one a city for avocados.

Printed for each history: seconds, fits and memory; the share of cells whose errors may be relied on; the mean log score
of a forecaster retrained after every period and of one frozen after the first 60%, in nats per observation, of model
and neighbour. Scores of deaths and volumes are brought to one scale (that of the count, of the log volume); those of
employment are of a probability and of a density, and have no common scale. Then bills over the last 40%, in costs of a
retrain, of policies tuned on the first 60%, at cost ratios of a quarter, one and four.
"""

from __future__ import annotations

import argparse
import importlib.util
import resource
import sys
import time
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import xarray as xr

import learning_debt as ld
from learning_debt.bench.histories import HISTORIES, RealHistory
from learning_debt.bench.library_rows import GRID_ROWS

MODELS = Path(__file__).parents[1] / "models"
NAMES = ("monthly_deaths", "avocado_demand", "census_employment")
SPLIT = 0.6
COST_RATIOS = (0.25, 1.0, 4.0)
VARIABLES = ("debt", "predictive_debt", "score_gap", "deployed_score")


def imported(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, MODELS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sampled_table(module: ModuleType, draws: int, seed: int) -> tuple[xr.Dataset, float]:
    """The table of a model, and the seconds it took."""
    start = time.perf_counter()
    table = ld.spell_table(
        ld.PyMCForecaster(module.build_model, draws=draws),
        module.load_history(),
        initial=module.initial,
        variables=VARIABLES,
        random_seed=seed,
        progressbar=False,
    )
    return table, time.perf_counter() - start


def neighbour(name: str, module: ModuleType) -> tuple[RealHistory, str]:
    """The history whose exact regression stands beside a model, and what its score must lose to be the model's."""
    if name == "census_employment":
        return HISTORIES["massachusetts"], ""
    if name == "monthly_deaths":
        return HISTORIES["deaths"], "log"  # a density of log deaths, a mass of deaths: log(deaths) apart
    return city_regressions(module), "as it is"


def city_regressions(module: ModuleType) -> RealHistory:
    """A regression for each city of the avocado model, in its periods."""

    def load() -> xr.Dataset:
        data = module.load_history().rename(log_volume="y", city="series")
        parts = [data[name].rename({data[name].dims[1]: "coefficient"}) for name in ("own", "seasons")]
        return data.drop_dims(["of_a_city", "season"]).assign(x=xr.concat(parts, "coefficient"))

    whole = HISTORIES["avocado"]
    return RealHistory(
        "avocado_cities", "Eight cities", "four weeks", whole.drift, whole.source, whole.licence, whole.leakage, load,
        whole.load_raw,
    )  # fmt: skip


def lost_by_scale(history: RealHistory, scale: str) -> np.ndarray:
    """Log density of the standardised outcome less that of the model's outcome, mean of a period (series, period)."""
    data, standard = history.load(), history.standardised()
    series = data["series"].values if "series" in data else np.zeros(data.sizes["obs"], dtype=int)
    lost = np.empty(data.sizes["obs"])
    for one in np.unique(series):
        rows = series == one
        lost[rows] = np.log(data["y"].values[rows].std() / standard["y"].values[rows].std())
    if scale == "log":
        lost += data["y"].values  # d log(deaths) = d deaths / deaths
    rows = pd.DataFrame({"series": series, "period": data["period"].values, "lost": lost})
    return rows.groupby(["series", "period"])["lost"].mean().unstack().to_numpy()[:, history.initial(data) :]


def own_scores(spells: xr.Dataset, lost: np.ndarray | float) -> dict[str, float]:
    """Mean log score after the split of a forecaster always retrained, and of one frozen there."""
    score, split = spells["deployed_score"].values, int(SPLIT * spells.sizes["period"])
    score = score.reshape(-1, *score.shape[-2:])
    retrained = np.diagonal(score, axis1=1, axis2=2) - lost
    frozen = score[:, split] - lost
    return {"always_retrained": float(retrained[:, split:].mean()), "frozen": float(frozen[:, split:].mean())}


def quality(spells: xr.Dataset) -> dict[str, object]:
    """Fits of a sampled table, its shares of cells to be relied on, and of periods whose draws converged."""
    upper = np.triu(np.ones((spells.sizes["period"],) * 2, dtype=bool))
    shares = {
        f"{name}_reliable": float(spells[f"{name}_reliable"].values[..., upper].mean())
        for name in VARIABLES
        if f"{name}_reliable" in spells
    }
    return {"fits": int(spells["refits"].sum()), "converged": float(spells["converged"].mean())} | shares


def bills(spells: xr.Dataset) -> list[dict[str, object]]:
    """What each policy pays after the split, in costs of a retrain, mean over series."""
    table = ld.check_spells(spells)
    cut = int(SPLIT * table.sizes["period"])
    tuning, evaluation = ld.select_periods(table, 0, cut), ld.select_periods(table, cut)
    rows = []
    for ratio in COST_RATIOS:
        cost = ld.RetrainingCost(cost_ratio=ratio).resolve(tuning)
        replays = {
            row.name: ld.replay(
                evaluation, ld.tune(tuning, row.candidates(tuning, cost, 1), cost, starts=1).policy, cost
            )
            for row in GRID_ROWS
        }
        for policy, replay in (replays | {"oracle": ld.oracle(evaluation, cost)}).items():
            bill = float(replay.objective.mean()) / cost.per_retrain
            error = float(np.sqrt((replay.objective_se**2).sum())) / len(replay.objective_se) / cost.per_retrain
            retrains = float(replay.retrains.mean())
            rows.append({"cost_ratio": ratio, "policy": policy, "bill": bill, "error": error, "retrains": retrains})
    return rows


def report(name: str, out: Path, draws: int, seed: int) -> tuple[dict[str, object], pd.DataFrame]:
    """Quality of one model's table, and the bills of both."""
    module, path = imported(name), out / f"{name}.nc"
    facts: dict[str, object] = {"history": name}
    if path.exists():
        with xr.open_dataset(path, engine="h5netcdf") as opened:
            spells = opened.load()
    else:
        spells, seconds = sampled_table(module, draws, seed)
        spells.to_netcdf(path, engine="h5netcdf")
        unit = 1024**2 if sys.platform == "darwin" else 1024
        facts |= {"seconds": seconds, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit}
    history, scale = neighbour(name, module)
    exact = history.spells()
    if exact.sizes["period"] != spells.sizes["period"]:
        raise ValueError(f"{path} has {spells.sizes['period']} periods, its neighbour {exact.sizes['period']}")
    facts |= quality(spells) | {f"model_{key}": value for key, value in own_scores(spells, 0.0).items()}
    if scale:
        scores = own_scores(exact, lost_by_scale(history, scale))
        facts |= {f"neighbour_{key}": value for key, value in scores.items()}
    tables = {"model": spells, "neighbour": exact}
    both = [{"history": name, "forecaster": which} | row for which, table in tables.items() for row in bills(table)]
    return facts, pd.DataFrame(both)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the tables, and of bills.csv and facts.csv")
    parser.add_argument("--model", nargs="*", choices=NAMES, default=list(NAMES))
    parser.add_argument("--draws", type=int, default=1000, help="draws a chain, of four")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    facts, paid = zip(*(report(name, given.out, given.draws, given.seed) for name in given.model), strict=True)
    both = pd.concat(paid)
    wide = both.pivot_table(
        index=["history", "cost_ratio", "policy"], columns="forecaster", values=["bill", "retrains"]
    )
    with pd.option_context("display.width", 160, "display.max_rows", None, "display.max_columns", None):
        print(pd.DataFrame(facts).set_index("history").T.map("{:.4g}".format).to_string())
        print(wide.round(2).to_string())
    pd.DataFrame(facts).to_csv(given.out / "facts.csv", index=False)
    both.to_csv(given.out / "bills.csv", index=False)


if __name__ == "__main__":
    main()
