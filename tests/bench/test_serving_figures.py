"""What the page of serving says is what its stored tables hold."""

import importlib.util
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")


def script(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def histories():
    module = script("serving_histories")
    return module, pd.read_csv(module.RESULTS)


@pytest.fixture(scope="module")
def study():
    module = script("serving_study")
    return module, pd.read_csv(module.RESULTS)


def test_tables_have_the_stored_figures(histories, study):
    module, found = histories
    assert module.page_table(found) in PAGE
    module, found = study
    for kind in module.ROWS:
        assert module.page_table(found, kind) in PAGE


def test_what_is_said_of_real_histories_holds(histories):
    module, found = histories
    rows = module.summarise(found)
    assert len(found["history"].unique()) == 9
    assert rows.index[0] == "stacking"
    assert rows.loc["stacking", "difference"].round(3) == 0.072
    assert rows.loc["stacking", "won"] == 7
    assert rows.loc["stacking", "regret_to_best_candidate"].round(3) == -0.010
    leader = rows.loc["follow the leader"]
    gained = rows.loc["naive", "regret_to_best_candidate"]
    assert 0.6 < leader["difference"] / gained < 0.7
    chosen = rows[~rows.index.str.startswith("always")].drop(index=["stacking", "equal weights"])
    assert chosen.index[0] == "follow the leader"
    bandits = rows[rows.index.str.contains("greedy|UCB|Thompson|A/B")]
    assert (bandits["difference_low"] < 0).all()


def test_what_is_said_of_simulated_drift_holds(study):
    module, found = study
    assert (found.groupby(["kind", "drift"])["world"].nunique() == 20).all()
    rows = module.summarise(found)
    for kind in module.ROWS:
        of_kind = rows.loc[kind]
        six = list(module.strategies())[:6]
        assert (of_kind.loc[six, "reward_difference_low"] <= 0).all()
        assert abs(of_kind.loc["UCB1", "reward_difference"]) < 0.001
        known = of_kind.drop(index="best of every batch, in hindsight")
        assert known["reward"].idxmax() == known["log_score"].idxmax() == "stacking"
        assert of_kind.loc["stacking", "reward_difference_low"] > 0
        assert of_kind.loc["follow the leader, discount", "reward_difference_low"] > 0
        by_drift = found[found["kind"] == kind].pivot_table(index="drift", columns="strategy", values="reward")
        gains = by_drift["stacking"] - by_drift["naive"]
        assert gains.idxmax() == "regimes that return"
