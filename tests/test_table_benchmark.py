"""The benchmark of tables: its price is right where costs are as it supposes, its histories shift, its sums add up."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.tables import scaling, summary
from benchmarks.tables.cases import CASES
from benchmarks.tables.cluster import Weighing, times_sent
from benchmarks.tables.exact import CELLS, decided, forecaster, histories
from benchmarks.tables.measuring import CompilerClock
from benchmarks.tables.price import refit_price, straight_line
from benchmarks.tables.run import rows_held

import learning_debt as ld


def test_a_straight_line_is_found_again():
    at = np.array([3.0, 10.0, 50.0])
    assert straight_line(at, 2 + 0.5 * at) == pytest.approx((2, 0.5))


def test_costs_do_not_fall_below_zero_where_a_line_through_them_would():
    assert straight_line([1, 2, 3], [0.1, 1.0, 2.2])[0] == 0


def test_the_price_of_straight_costs_is_their_sum():
    rows = np.array([26, 27, 28, 29, 30, 31]) * 10
    fits = [{"rows": n, "seconds": 1 + n / 100, "evaluations": 40.0 * n} for n in rows[[0, 1, 5]]]
    columns = [{"stored": t, "seconds": 0.2 + 0.3 * t, "evaluations": 100 * (t + 1)} for t in range(3)]
    price = refit_price(fits, columns, rows)
    assert price["fit_seconds"] == pytest.approx((1 + rows / 100).sum())
    assert price["fit_evaluations"] == pytest.approx(40 * rows.sum())
    assert price["pair_seconds"] == pytest.approx(sum(0.2 + 0.3 * t for t in range(6)))
    assert price["pair_evaluations"] == pytest.approx(100 * 21)


@pytest.mark.parametrize(("name", "shape"), [("counts_10x52", (10, 26)), ("twin", (5, 60)), ("media_mix", (1, 52))])
def test_a_history_has_the_rows_and_periods_it_is_named_after(name, shape):
    case = CASES[name]
    history = case.simulate(np.random.default_rng(1))
    rows, periods = shape
    held = rows_held(history, case.initial)
    assert len(held) == periods + 1
    assert (np.diff(held) == rows).all()
    assert held[-1] == history.sizes["obs"]


def test_half_of_the_stores_lose_a_fifth_halfway_through_the_replay():
    panels = [CASES["counts_50x104"].simulate(np.random.default_rng(seed)) for seed in range(20)]
    late = panels[0]["period"].values >= 78
    losing = panels[0]["store"].values % 2 == 0
    sold = np.mean([panel["sold"].values for panel in panels], axis=0)
    change = [np.log(sold[late & which].mean() / sold[~late & which].mean()) for which in (losing, ~losing)]
    assert change == pytest.approx([np.log(0.8), 0.0], abs=0.05)


def test_a_compiler_inside_another_counts_once(monkeypatch):
    now = iter([1.0, 5.0])
    monkeypatch.setattr("benchmarks.tables.measuring.perf_counter", lambda: next(now))
    clock = CompilerClock()
    for step in (clock.begin, clock.begin, clock.end, clock.end):
        step()
    assert clock.seconds == 4


def record(way, seconds, **more):
    return {"case": "twin", "way": way, "repetition": 0, "seconds": seconds, "compile": 4.0, "priced": False} | more


def test_new_runs_replace_old_ones_and_ratios_leave_compilation_out(tmp_path):
    path = tmp_path / "tables.csv"
    old = [record("refit", 7.0), record("pooled", 24.0, fitted_rows=json.dumps([60, 90])), record("anchors", 9.0)]
    summary.merged(path, old).to_csv(path, index=False)
    table = summary.merged(path, [record("refit", 104.0)])
    assert len(table) == 3
    assert summary.ratios(table)[["refit / pooled", "pooled / anchors"]].values.tolist() == [[5, 4]]
    assert summary.anchor_rows(table, "twin") == [60, 90]


def test_anchors_without_a_pooled_table_are_refused():
    with pytest.raises(SystemExit, match="run --way pooled first"):
        summary.anchor_rows(pd.DataFrame(), "twin")


@pytest.mark.slow
def test_every_series_of_a_fleet_is_decided_once():
    found = decided(1, 3)
    assert found["series"] == 3
    assert min(found[stage] for stage in ("making", "tables", "audits", "decisions")) > 0


def test_a_table_of_the_fleet_has_the_cells_that_rates_are_divided_by():
    table = ld.spell_table(forecaster(2), histories(2, 2, seed=1), initial=20, progressbar=False)
    assert np.isfinite(table["debt"].values).sum(axis=(1, 2)).tolist() == [CELLS] * 2


def test_what_travels_is_weighed_and_counted():
    with ThreadPoolExecutor(1) as threads:
        weighing = Weighing(threads)
        added = [weighing.submit(partial(bytes.__add__, b"ab"), item) for item in (b"c", b"def")]
        assert [future.result() for future in added] == [b"abc", b"abdef"]
    assert (weighing.shared, weighing.items) == (2, [1, 3])
    record = [
        ("a", "waiting", "processing", {}),
        ("a", "processing", "memory", {}),
        ("b", "no-worker", "processing", {}),
    ]
    record += [("b", "processing", "released", {}), ("b", "waiting", "processing", {})]
    assert times_sent(record) == {1: 1, 2: 1}


def test_a_million_series_are_priced_by_the_slope_of_the_two_largest_fleets():
    fleet = pd.DataFrame({"series": [1, 100, 300], "tables": [9.0, 10.0, 12.0], "audits": 1.0, "decisions": 0.0})
    cluster = pd.DataFrame({"series": [20, 200], "serial_cpu": [40.0, 220.0]})
    assert scaling.prices(fleet, cluster) == {"exact": 1e4 / 3600, "sampled": 1e6 / 3600}
    fleet["peak_gib"] = 1.0
    figure = scaling.draw(fleet, pd.Series({"engine": 4.0, "steps": 0.04}), cluster)
    assert [axes.get_xlabel() for axes in figure.axes] == ["series", "series"]
    engine = next(line for line in figure.axes[0].lines if "arithmetic" in line.get_label())
    assert engine.get_ydata().tolist() == [CELLS / 4e6, 300 * CELLS / 4e6]
