"""Bills of the histories as they were first read, to two decimals, and what the bench corrects in them."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from learning_debt.bench.histories import HISTORIES

HERE = Path(__file__)
KEY = ["history", "update_rule", "cost_ratio"]
QUICK = ("inflation", "deaths", "apple")
FIRST = pd.read_csv(HERE.with_name("first_bills.csv")).set_index(KEY).sort_index()


@pytest.fixture(scope="module")
def readings():
    path = HERE.parents[2] / "benchmarks" / "real_history_bills.py"
    spec = importlib.util.spec_from_file_location("real_history_bills", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "name",
    [
        name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
        for name in dict.fromkeys(FIRST.index.get_level_values(0))
    ],
)
def test_the_first_reading_comes_out_again(readings, name):
    """Every policy, update rule and cost: nine figures each."""
    for rule_name, rule in readings.RULES.items():
        table = HISTORIES[name].spells(rule)
        assert FIRST.loc[(name, rule_name)]["periods"].unique() == table.sizes["period"]
        for ratio in readings.COST_RATIOS:
            bills = readings.first_reading(table, ratio)
            expected = FIRST.loc[(name, rule_name, ratio), list(bills)]
            np.testing.assert_allclose(list(bills.values()), expected, atol=0.0051)


def test_the_bench_bills_one_period_more_and_averages_calendars(readings):
    corrected = readings.bench_reading({"inflation": HISTORIES["inflation"].spells()})
    first = FIRST.loc[("inflation", "all data")]
    always = corrected["always"].to_numpy() - first["always"].to_numpy()
    np.testing.assert_allclose(always, 1.0, atol=1e-9)
    assert (corrected["calendar"] >= corrected["best_calendar_in_hindsight"] - 1e-9).all()
