"""One pass: the published tables at paper size, and at smoke size the identity with what users call."""

import json
from concurrent.futures import ProcessPoolExecutor
from importlib.resources import files
from multiprocessing import get_context

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import learning_debt as ld
from learning_debt_study.candidate_policies import FIXED
from learning_debt_study.candidate_policies import PUBLISHED as ROWS
from learning_debt_study.experiment import run_pass
from learning_debt_study.scenarios import PAPER, SMOKE, cell_seeds, draw_paths
from learning_debt_study.simulated_spells import study_table

CLEAN = get_context("forkserver")  # the process that runs the tests has threads, and must not be forked
PUBLISHED = json.loads((files("learning_debt_study") / "published.json").read_text())


@pytest.fixture(scope="module", params=["positive", "signed"])
def smoke(request):
    return run_pass(SMOKE, accounting=request.param)


@pytest.fixture(scope="module", params=["positive", "signed"])
def paper(request):
    with ProcessPoolExecutor(2, mp_context=CLEAN) as executor:
        return run_pass(PAPER, accounting=request.param, executor=executor)


def test_the_published_table_comes_out_to_the_digit(paper):
    """Wins exact; mean, median and quartiles of the 72 cells' ratios to 1e-9; score units to 1e-12."""
    objective = paper.evaluation["objective"].sel(score_unit_mode="q75").mean("path")
    shifting = objective.sel(shift_type=[name for name in PAPER.shifts if name != "none"])
    for row in PUBLISHED[f"table1_q75_{paper.evaluation.attrs['accounting']}"]:
        ratio = (shifting.sel(policy=row["policy"]) / shifting.sel(policy=row["benchmark"])).values.ravel()
        assert (ratio < 1).sum() == row["cell_wins"]
        found = [ratio.mean(), *np.quantile(ratio, [0.5, 0.25, 0.75])]
        published = [row[key] for key in ("mean_relative", "median_relative", "iqr_25", "iqr_75")]
        np.testing.assert_allclose(found, published, rtol=0, atol=1e-9)
    assert paper.calibration.positive_regrets == PUBLISHED["n_positive_calibration_regrets"]
    assert paper.calibration.score_units == pytest.approx(PUBLISHED["score_units"], rel=1e-12)


def test_no_policy_beats_the_oracle_on_any_path(paper):
    objective = paper.evaluation["objective"]
    assert bool((objective.sel(policy="oracle") <= objective.min("policy") + 1e-9).all())


def tuned_policy(one, name, unit, kappa):
    row = one.tuned.query("policy == @name and score_unit_mode == @unit and kappa == @kappa")
    place = one.tuned.query("policy == @name")["value"].to_numpy()
    grid = ROWS[name].grid(one.calibration)
    assert len(row) == 1
    assert len(place) == 3 * len(SMOKE.cost_ratios)
    parameter = {"calendar": "interval", "alarm": "quantile", "debt_utility": "scale", "hybrid_utility": "scale"}
    return next(p for p in grid if getattr(p, parameter.get(name, "threshold")) == row["value"].item())


@pytest.mark.parametrize("name", ROWS)
def test_evaluation_is_what_replay_bills_on_the_same_table(smoke, name):
    accounting = smoke.evaluation.attrs["accounting"]
    shift, probability, unit, kappa = "abrupt_coef", 0.1, "q75", 1.0
    table = study_table(draw_paths(shift, probability, cell_seeds("test", shift, probability, SMOKE), design=SMOKE))
    cost = float(smoke.evaluation["cost"].sel(score_unit_mode=unit, kappa=kappa))
    bill = ld.replay(table, tuned_policy(smoke, name, unit, kappa), cost, accounting)
    cell = smoke.evaluation.sel(
        score_unit_mode=unit, kappa=kappa, shift_type=shift, shift_prob=probability, policy=f"{name}_tuned"
    )
    np.testing.assert_allclose(cell["objective"], bill.objective, rtol=1e-12)
    np.testing.assert_array_equal(cell["retrains"], bill.retrains)


@pytest.mark.parametrize("name", ROWS)
def test_tuning_is_what_tune_does_on_all_tuning_paths(smoke, name):
    accounting, unit, kappa = smoke.evaluation.attrs["accounting"], "mean", 2.0
    tables = [
        study_table(draw_paths(shift, probability, cell_seeds("tuning", shift, probability, SMOKE), design=SMOKE))
        for shift in SMOKE.shifts
        for probability in SMOKE.probabilities
    ]
    pooled = xr.concat(tables, dim="series").assign_coords(series=np.arange(2 * len(tables)))
    cost = float(smoke.evaluation["cost"].sel(score_unit_mode=unit, kappa=kappa))
    found = ld.tune(pooled, ROWS[name].grid(smoke.calibration), cost, accounting, starts=1)
    row = smoke.tuned.query("policy == @name and score_unit_mode == @unit and kappa == @kappa").iloc[0]
    assert found.policy == tuned_policy(smoke, name, unit, kappa)
    assert float(found.table["objective"][found.index]) == pytest.approx(row["mean_objective"], rel=1e-12)
    assert float(found.table["retrains"][found.index]) == pytest.approx(row["mean_retrains"])


def test_a_pool_of_processes_changes_nothing(smoke):
    with ProcessPoolExecutor(2, mp_context=CLEAN) as executor:
        again = run_pass(SMOKE, accounting=smoke.evaluation.attrs["accounting"], executor=executor)
    xr.testing.assert_identical(again.evaluation, smoke.evaluation)
    pd.testing.assert_frame_equal(again.tuned, smoke.tuned)


def test_repetitions_draw_other_paths(smoke):
    other = run_pass(SMOKE, accounting=smoke.evaluation.attrs["accounting"], repetition=1)
    assert not np.allclose(other.evaluation["regret"], smoke.evaluation["regret"])


def test_names_of_policies_and_costs(smoke):
    assert smoke.evaluation["policy"].values.tolist() == [*FIXED, *(f"{name}_tuned" for name in ROWS), "oracle"]
    units = smoke.calibration.score_units
    cost = smoke.evaluation["cost"].sel(score_unit_mode="q75", kappa=2.0)
    assert float(cost) == pytest.approx(2.0 * units["q75"])


def test_an_unknown_accounting_is_refused():
    with pytest.raises(ValueError, match="accounting must be one of"):
        run_pass(SMOKE, accounting="net")
