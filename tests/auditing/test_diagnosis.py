"""What the gaps of a spell speak for, in worlds whose kind is known."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import learning_debt as ld

ROOT = Path(__file__).parents[2]
BEFORE, SPELL = 20, 40
FORECASTER = ld.ConjugateRegression(ld.NIG(np.zeros(2), 0.1 * np.eye(2), 2.0, 1.0))


def tables(kind, seed, rows=6):
    """One history under all data and under a discount of .9; the spell begins with the table."""
    rng = np.random.default_rng(seed)
    period = np.repeat(np.arange(BEFORE + SPELL), rows)
    x = np.column_stack([np.ones(period.size), rng.normal(size=period.size)])
    slope, error = np.ones(period.size), rng.normal(size=period.size)
    if kind == "jump":
        slope = np.where(period < BEFORE, 1.0, 2.0)
    elif kind == "walk":
        slope = np.cumsum(0.3 * rng.normal(size=BEFORE + SPELL))[period]
    elif kind == "shared shocks":
        error = np.sqrt(0.5) * (error + rng.normal(size=BEFORE + SPELL)[period])
    data = {"x": x, "y": slope * x[:, 1] + error, "period": period}
    return [
        ld.spell_table(FORECASTER, data, initial=BEFORE, update_rule=rule, progressbar=False)
        for rule in (None, ld.UpdateRule(discount=0.9))
    ]


def test_a_jump_makes_what_serves_stale_and_has_moved():
    found = ld.diagnose(tables("jump", 1)[0])
    assert (found.findings, found.cause) == (("stale",), "moved")
    assert found.log_e_value > np.log(1e6)
    assert found.belief_z > 3
    assert "a retrain brings that" in str(found)
    assert "the world has moved" in str(found)


def test_a_world_that_walks_asks_for_a_rule_that_forgets():
    everything, forgetting = tables("walk", 2)
    found = ld.diagnose(everything, forgetting=forgetting)
    assert "missing drift" in found.findings
    assert found.log_e_value_of_forgetting > np.log(1e6)
    assert "update rule" in str(found)
    assert np.isnan(ld.diagnose(everything).log_e_value_of_forgetting)


@pytest.mark.slow
def test_a_world_that_stays_is_rarely_called_stale_and_then_learnt():
    """The null of the e-value is the deployed density itself, which 20 periods of rows do not pin down: the shadow may
    well have learnt. That it has moved, or that the rule misses drift, or a wrong model, is said of few: of 100 worlds
    at most 5 are expected by the level, and 5 + 4 sigma = 14 allowed.
    """
    found = [ld.diagnose(one, forgetting=other) for one, other in (tables("still", seed) for seed in range(100))]
    moved = sum(1 for one in found if one.cause == "moved")
    drift = sum(1 for one in found if "missing drift" in one.findings)
    wrong = sum(1 for one in found if one.findings == ("wrong model",))
    assert max(moved, drift, wrong) <= 14
    luck = [one for one in found if one.findings in ((), ("bad luck",))]
    assert len(luck) > 70
    assert {one.findings for one in luck} == {(), ("bad luck",)}


@pytest.mark.slow
def test_rows_that_share_their_shocks_are_no_staleness():
    """The likelihood ratio takes rows as independent; the verdict allows for gaps that spread more than that."""
    found = [ld.diagnose(tables("shared shocks", seed)[0]) for seed in range(60)]
    large = sum(1 for one in found if one.log_e_value > np.log(20))
    assert sum(1 for one in found if "stale" in one.findings) < 0.6 * large


def test_other_scores_bet_on_which_is_better():
    table = tables("jump", 3)[0].assign_attrs(score="crps", unit="outcome per observation")
    found = ld.diagnose(table)
    assert found.e_value_of == "signs"
    assert found.log_e_value > np.log(20)
    assert "which of them scores better" in str(found)


def test_overlapping_forecasts_have_no_e_value():
    rng = np.random.default_rng(4)
    data = {"x": rng.normal(size=(60, 1)), "y": rng.normal(size=60), "period": np.arange(60)}
    forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    table = ld.spell_table(forecaster, data, initial=20, horizon=3, progressbar=False)
    found = ld.diagnose(table, deployed_at=10)
    assert np.isnan(found.log_e_value)
    assert "overlap" in found.reason
    assert "e-value" not in str(found)


def test_a_table_that_knows_gaps_only_is_diagnosed_as_far_as_it_goes():
    table = tables("jump", 5)[0][["score_gap", "rows"]]
    found = ld.diagnose(table)
    assert found.findings == ("stale",)
    assert found.cause == ""  # without beliefs nobody can say whether more came than was expected
    assert np.isnan([found.belief_z, found.spread_z, found.score_autocorrelation_z]).all()


def test_what_cannot_be_diagnosed_is_refused_by_name():
    everything, forgetting = tables("still", 6)
    two = xr.concat([everything.assign_coords(series=[name]) for name in "ab"], "series")
    with pytest.raises(ValueError, match=r"one series, and the table has 2; use isel"):
        ld.diagnose(two)
    with pytest.raises(ValueError, match="not both"):
        ld.diagnose(everything, deployed_at=2, deployed_label=25)
    with pytest.raises(KeyError, match="deployed_score"):
        ld.diagnose(everything, forgetting=forgetting.drop_vars("deployed_score"))


def test_it_can_be_told_to_programs():
    said = ld.diagnose(tables("jump", 1)[0]).as_dict()
    assert said["findings"] == ["stale"]
    assert said["log_e_value_of_forgetting"] is None


SAID = {"still": "nothing moves", "stale": "a jump when the spell begins", "missing drift": "coefficients walk"}


def stored():
    """Shares by world and rows, of both tables: what the page shows."""
    table = pd.read_csv(ROOT / "benchmarks" / "results" / "diagnosed_worlds.csv").query("tables == 'both'")
    table = table.set_index(["world", "rows"]).drop(columns="tables")
    columns = {
        "learnt": [name for name in table if "(learnt)" in name],
        "moved": [name for name in table if "(moved)" in name],
        "drift": [name for name in table if "missing drift" in name],
        **{name: [name] for name in ("wrong model", "bad luck", "nothing")},
    }
    return pd.DataFrame({name: table[of].sum(axis=1) for name, of in columns.items()})


def test_the_page_holds_the_stored_shares():
    page = (ROOT / "docs" / "costs.md").read_text(encoding="utf-8")
    for (world, rows), shares in stored().iterrows():
        cells = ["1" if share >= 1 else f"{share:.2f}".lstrip("0") for share in shares]
        assert f"| {SAID.get(world, world)} | {rows} | {' | '.join(cells)} |" in page


def test_stored_diagnoses_tell_worlds_that_move_from_those_that_do_not():
    shares = stored()
    assert (shares.loc["still", ["moved", "drift"]].max() <= 0.05).all()
    assert (shares.loc["still", "wrong model"] <= 0.05).all()
    eight_rows = shares.xs(8, level="rows")
    assert (eight_rows.loc[["stale", "missing drift"], ["moved", "drift"]] >= 0.95).to_numpy().all()
