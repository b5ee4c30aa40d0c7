"""Which strategy would have chosen best what serves, on the real histories of the bench?

Five candidates of each exact regression: as it was after the initial part, retrained after every period on a window as
long as the initial part, with discounts of .95 and .98 a period, and on all data. The last one counts as the newest, so
that `naive` is the forecaster that is always retrained on everything. Every series of a history is decided about by
itself; a history's figures are means over its series. Some ten minutes:

    python benchmarks/serving_histories.py --out benchmarks/results/serving_histories.csv
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

import learning_debt as ld
from learning_debt.bench.histories import HISTORIES

RESULTS = Path(__file__).parent / "results" / "serving_histories.csv"
FIGURES = ("difference", "regret_to_best_candidate", "regret_to_best_of_batch", "switches")
RESAMPLES, PROBABILITY = 10_000, 0.9


def candidates(forecaster, initial):
    """By name, the newest last."""
    rules = {
        "retrained, window": ld.UpdateRule(window=initial),
        "retrained, discount .95": ld.UpdateRule(discount=0.95),
        "retrained, discount .98": ld.UpdateRule(discount=0.98),
        "retrained, all data": ld.UpdateRule(),
    }
    found = {"frozen": ld.serving.Candidate(forecaster, every=None)}
    return found | {name: ld.serving.Candidate(forecaster, rule) for name, rule in rules.items()}


def series_of(data):
    """Rows of each series."""
    names = data["series"].values if "series" in data else np.zeros(data.sizes["obs"])
    for name in np.unique(names):
        yield data.isel(obs=names == name).drop_vars("series", errors="ignore")


def rows_of(name, repetitions):
    """A row a strategy and candidate: means over the series of a history, nats per observation and batch."""
    history = HISTORIES[name]
    data = history.standardised()
    initial, forecaster = history.initial(data), history.forecaster(data)
    tables = []
    for rows in series_of(data):
        scores = ld.serving.candidate_scores(
            candidates(forecaster, initial), rows, initial=initial, varying_rows=True, progressbar=False
        )
        found = ld.serving.evaluate(scores, repetitions=repetitions, resamples=2)
        table = found.to_dataframe()[list(FIGURES)]
        table["switches"] *= 100 / (found.table.attrs["batches"] - 1)
        always = found.candidates["score"].to_series() - float(found.table["score"].sel(strategy="naive"))
        fixed = pd.DataFrame({"difference": always, "regret_to_best_candidate": always.max() - always, "switches": 0.0})
        fixed["regret_to_best_of_batch"] = float(found.table["regret_to_best_of_batch"].sel(strategy="naive")) - always
        tables.append(pd.concat([table, fixed.rename(index="always {}".format)]))
    mean = pd.concat(tables).groupby(level=0, sort=False).mean()
    mean.insert(0, "series", len(tables))
    return mean.rename_axis("strategy").reset_index().assign(history=name)


def summarise(found):
    """A row a strategy: means over histories, with intervals that resample histories; wins and losses against naive."""
    rng = np.random.default_rng(0)
    wide = {name: found.pivot(index="history", columns="strategy", values=name) for name in FIGURES}
    drawn = rng.integers(len(wide["difference"]), size=(RESAMPLES, len(wide["difference"])))
    rows = {}
    for strategy in wide["difference"]:
        row = {}
        for name in FIGURES:
            values = wide[name][strategy].to_numpy()
            row[name] = values.mean()
            ends = np.quantile(values[drawn].mean(axis=1), [(1 - PROBABILITY) / 2, (1 + PROBABILITY) / 2])
            row[f"{name}_low"], row[f"{name}_high"] = ends
        own = wide["difference"][strategy]
        row |= {"median": own.median(), "won": int((own > 1e-9).sum()), "lost": int((own < -1e-9).sum())}
        rows[strategy] = row
    return pd.DataFrame(rows).T.sort_values("difference", ascending=False)


HEADER = "| strategy | nats an observation more than naive (90%) | better / worse | switches in 100 periods |"


def page_table(found):
    """The table of docs/serving.md, the best on top."""
    lines = [HEADER, "|---|---|---|---|"]
    for strategy, row in summarise(found).drop(index="always retrained, all data").iterrows():  # which is naive
        gain = " to ".join(_number(row[f"difference_{end}"]) for end in ("low", "high"))
        switches = "" if np.isnan(row["switches"]) else f"{row['switches']:.0f}"
        against = f"{_number(row['difference'])} ({gain})" if strategy != "naive" else "0"
        lines.append(f"| {strategy} | {against} | {row['won']:.0f} / {row['lost']:.0f} | {switches} |")
    return "\n".join(lines)


def _number(value, digits=3):
    """Without the zero before the point, and without a sign of nothing."""
    text = f"{value:.{digits}f}"
    return (text if float(text) else text.lstrip("-")).replace("0.", ".", 1)


def main():
    """Print the summary, and write a row for each history and strategy where told."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--history", nargs="*", choices=HISTORIES, default=list(HISTORIES))
    parser.add_argument("--repetitions", type=int, default=50)
    parser.add_argument("--out", type=Path, help="a CSV file")
    arguments = parser.parse_args()
    found = []
    for name in arguments.history:
        started = time.perf_counter()
        found.append(rows_of(name, arguments.repetitions))
        print(f"{name}: {time.perf_counter() - started:.0f} s", flush=True)
        if arguments.out:
            pd.concat(found).round(5).to_csv(arguments.out, index=False)
    columns = ["difference", "difference_low", "difference_high", "median", "won", "lost", "regret_to_best_candidate"]
    print(summarise(pd.concat(found))[columns].round(3).to_string())


if __name__ == "__main__":
    main()
