"""Tables from small evaluations whose answers can be worked out by hand."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from learning_debt_study import published_tables as tables
from learning_debt_study import random_stream
from learning_debt_study.policy_comparison import comparison
from learning_debt_study.published_tables import (
    BOOTSTRAP_SEED,
    TABLE_1_PAIRS,
    no_shift,
    pass_summary,
    policy_summary,
    relative_objectives,
    sensitivity,
    table1,
)

DIMS = ("score_unit_mode", "kappa", "shift_type", "shift_prob", "policy", "path")
POLICIES = (
    "never_retrain",
    "always_retrain",
    "calendar_tuned",
    "cusum_tuned",
    "debt_threshold_tuned",
    "debt_utility_tuned",
    "hybrid_utility_tuned",
)


def evaluation(units=("q75",), kappas=(1.0,), shifts=("none", "abrupt_coef"), probabilities=(0.1,), paths=2):
    """All objectives 1, regrets 1 and retrains 0."""
    coords = {
        "score_unit_mode": list(units),
        "kappa": list(kappas),
        "shift_type": list(shifts),
        "shift_prob": list(probabilities),
        "policy": list(POLICIES),
    }
    shape = (*(len(names) for names in coords.values()), paths)
    values = {"regret": np.ones(shape), "retrains": np.zeros(shape, dtype=int), "objective": np.ones(shape)}
    made = xr.Dataset({name: (DIMS, value) for name, value in values.items()}, coords, {"accounting": "positive"})
    made["cost"] = (DIMS[:2], np.ones(shape[:2]))
    return made


def fill(made, value, variable="objective", **labels):
    """Set a variable at the labels; the value's last dimension is that of paths."""
    made[variable].loc[labels] = value
    return made


def random_evaluation(seed=1, **sizes):
    made = evaluation(**sizes)
    made["objective"][:] = np.random.default_rng(seed).gamma(3.0, size=made["objective"].shape)
    return made


def test_policy_summary_has_means_and_standard_error():
    made = evaluation(paths=4)
    fill(made, [1.0, 3.0, 5.0, 7.0], policy="cusum_tuned", shift_type="none")
    fill(made, [0.0, 0.0, 1.0, 1.0], "regret", policy="cusum_tuned", shift_type="none")
    fill(made, [2, 2, 2, 4], "retrains", policy="cusum_tuned", shift_type="none")
    frame = policy_summary(made).set_index(["shift_type", "policy"])
    row = frame.loc[("none", "cusum_tuned")]
    assert row["mean_objective"] == 4.0
    assert row["se_objective"] == pytest.approx(math.sqrt((9 + 1 + 1 + 9) / 3 / 4), rel=1e-14)
    assert (row["mean_regret"], row["mean_retrains"]) == (0.5, 2.5)
    assert frame.loc[("abrupt_coef", "cusum_tuned"), "se_objective"] == 0.0


def test_policy_summary_columns_and_order():
    frame = policy_summary(evaluation(units=("median", "q75"), kappas=(0.5, 1.0), probabilities=(0.05, 0.1)))
    assert list(frame.columns) == [
        *("score_unit_mode", "kappa", "shift_prob", "shift_type", "policy"),
        *("mean_objective", "se_objective", "mean_regret", "mean_retrains"),
    ]
    assert len(frame) == 2 * 2 * 2 * 2 * len(POLICIES)
    assert frame["policy"][: len(POLICIES)].tolist() == list(POLICIES)
    assert frame["shift_type"][:: len(POLICIES)].tolist()[:3] == ["none", "abrupt_coef", "none"]


def test_one_path_has_no_standard_error():
    frame = policy_summary(evaluation(paths=1))
    assert frame["se_objective"].isna().all()
    assert (frame["mean_objective"] == 1.0).all()


def test_relative_objectives_divide_means_in_published_order():
    made = evaluation(kappas=(0.5, 1.0), shifts=("none", "abrupt_coef", "variance"), probabilities=(0.05, 0.1))
    value = 0.0
    for probability in (0.05, 0.1):
        for shift in ("abrupt_coef", "variance"):
            for kappa in (0.5, 1.0):
                value += 1.0
                cell = {"kappa": kappa, "shift_type": shift, "shift_prob": probability}
                fill(made, [value, 3 * value], policy="debt_threshold_tuned", **cell)
                fill(made, [1.0, 3.0], policy="cusum_tuned", **cell)  # a mean of ratios would not do
    ratio = relative_objectives(made, "debt_threshold_tuned", "cusum_tuned", "q75")
    assert ratio.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    assert ratio.index.names == ["shift_prob", "shift_type", "kappa"]
    assert ratio.index[1] == (0.05, "abrupt_coef", 1.0)
    assert ratio.index[-1] == (0.1, "variance", 1.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("hindsight", "cusum_tuned", "q75"), "no policy 'hindsight'"),
        (("cusum_tuned", "hindsight", "q75"), "no policy 'hindsight'"),
        (("cusum_tuned", "calendar_tuned", "mean"), "no score_unit_mode 'mean', only q75"),
    ],
)
def test_unknown_names_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        relative_objectives(evaluation(), *arguments)


def test_no_cell_with_a_shift_is_refused():
    with pytest.raises(ValueError, match="no cell with a shift"):
        relative_objectives(evaluation(shifts=("none",)), "cusum_tuned", "calendar_tuned")


def test_table_1_by_hand():
    made = evaluation(kappas=(0.5, 1.0), shifts=("none", "abrupt_coef", "variance"))
    for (shift, kappa), value in zip(
        [("abrupt_coef", 0.5), ("abrupt_coef", 1.0), ("variance", 0.5), ("variance", 1.0)],
        [0.5, 0.75, 1.0, 2.0],
        strict=True,
    ):
        fill(made, value, policy="debt_threshold_tuned", shift_type=shift, kappa=kappa)
    fill(made, 0.0, policy="debt_threshold_tuned", shift_type="none")  # stable cells do not count
    frame = table1(made, bootstrap=3)
    assert list(zip(frame["policy"], frame["benchmark"], strict=True)) == list(TABLE_1_PAIRS)
    row = frame.iloc[0]
    assert (row["policy"], row["benchmark"]) == ("debt_threshold_tuned", "calendar_tuned")
    assert (row["cell_wins"], row["n_cells"]) == (2, 4)  # a tie is no win
    assert row["mean_relative"] == 1.0625
    assert (row["iqr_25"], row["median_relative"], row["iqr_75"]) == (0.6875, 0.875, 1.25)
    assert row["ci_025"] == row["ci_975"] == 1.0625  # all paths of a cell are alike
    assert (frame["cell_wins"][2:] == 0).all()


def slow_intervals(made, bootstrap):
    """The bootstrap word for word, one draw at a time; also where the stream ends."""
    state = random_stream.new_state(BOOTSTRAP_SEED)
    intervals = []
    for policy, benchmark in TABLE_1_PAIRS:
        draws = []
        for _ in range(bootstrap):
            ratios = []
            for probability in made["shift_prob"].values:
                for shift in made["shift_type"].values[1:]:
                    for kappa in made["kappa"].values:
                        cell = made["objective"].sel(
                            score_unit_mode="q75", shift_prob=probability, shift_type=shift, kappa=kappa
                        )
                        above, below = (cell.sel(policy=name).values for name in (policy, benchmark))
                        chosen = [random_stream.index(state, len(above)) for _ in above]
                        ratios.append(above[chosen].mean() / below[chosen].mean())
            draws.append(np.mean(ratios))
        intervals.append(np.quantile(draws, [0.025, 0.975], method="linear"))
    return np.array(intervals), state


@pytest.mark.parametrize(
    ("sizes", "bootstrap"),
    [
        ({"kappas": (0.5, 1.0), "paths": 5}, 60),
        ({"kappas": (0.5, 1.0), "paths": 100}, 4),  # more than one block of the stream
        ({"kappas": (0.5, 1.0), "paths": 64}, 7),  # no draw is rejected
        ({"kappas": (0.5,), "paths": 1}, 20),
        ({"shifts": ("none", "abrupt_coef", "gradual"), "probabilities": (0.05, 0.2), "paths": 3}, 20),
    ],
)
def test_bootstrap_is_the_published_one_draw_by_draw(sizes, bootstrap):
    made = random_evaluation(**sizes)
    slow, _ = slow_intervals(made, bootstrap)
    np.testing.assert_allclose(table1(made, bootstrap)[["ci_025", "ci_975"]].to_numpy(), slow, rtol=1e-13)


@pytest.mark.parametrize("paths", [3, 100, 128, 70_000])
def test_block_draws_leave_the_stream_where_single_draws_do(paths):
    paired = np.random.default_rng(2).gamma(3.0, size=(2, paths, 2))
    fast, slow = (random_stream.new_state(7) for _ in range(2))
    means = tables._resampled_means(fast, paired, 3)
    for mean in means:
        ratios = []
        for cell in paired:
            chosen = [random_stream.index(slow, paths) for _ in range(paths)]
            ratios.append(cell[chosen, 0].sum() / cell[chosen, 1].sum())
        assert mean == pytest.approx(np.mean(ratios), rel=1e-12)
    assert random_stream.uniform(fast) == random_stream.uniform(slow)


def test_bootstrap_pairs_policy_and_benchmark():
    made = random_evaluation(paths=6)
    made["objective"].loc[{"policy": "debt_utility_tuned"}] = 0.5 * made["objective"].sel(policy="cusum_tuned")
    row = table1(made, bootstrap=10).iloc[3]
    assert (row["policy"], row["benchmark"]) == ("debt_utility_tuned", "cusum_tuned")
    assert row["ci_025"] == pytest.approx(0.5, rel=1e-14)
    assert row["ci_975"] == pytest.approx(0.5, rel=1e-14)


def test_bootstrap_needs_a_resample():
    with pytest.raises(ValueError, match="bootstrap must be at least 1"):
        table1(evaluation(), bootstrap=0)


def test_no_shift_averages_over_cost_and_probability():
    made = evaluation(units=("median", "q75"), kappas=(0.5, 1.0), probabilities=(0.05, 0.1))
    chosen = {"score_unit_mode": "q75", "shift_type": "none", "policy": "cusum_tuned"}
    fill(made, [[[1, 3], [2, 2]], [[4, 4], [4, 4]]], "retrains", **chosen)
    fill(made, [[[1, 1], [1, 1]], [[2, 2], [0, 0]]], **chosen)
    frame = no_shift(made)
    assert frame["policy"].tolist() == list(tables.NO_SHIFT_POLICIES)
    row = frame.set_index("policy").loc["cusum_tuned"]
    assert (row["retrains"], row["objective"]) == (3.0, 1.0)


def test_no_shift_needs_stable_cells():
    with pytest.raises(ValueError, match="no shift_type 'none', only variance"):
        no_shift(evaluation(shifts=("variance",)))


def test_sensitivity_by_unit_and_shift():
    made = evaluation(units=("median", "q75"), kappas=(0.5, 1.0), shifts=("none", "abrupt_coef", "variance"))
    chosen = {"score_unit_mode": "median", "policy": "debt_threshold_tuned"}
    fill(made, 0.5, shift_type="abrupt_coef", **chosen)
    fill(made, 2.0, shift_type="variance", kappa=0.5, **chosen)
    fill(made, 2.0, policy="calendar_tuned")
    frame = sensitivity(made).set_index(["score_unit_mode", "benchmark", "shift_type"])
    assert len(frame) == 2 * 2 * 3
    assert frame.loc[("median", "cusum_tuned", "all")].tolist() == [2, 4, 1.0]
    assert frame.loc[("median", "cusum_tuned", "abrupt_coef")].tolist() == [2, 2, 0.5]
    assert frame.loc[("median", "cusum_tuned", "variance")].tolist() == [0, 2, 1.5]
    assert frame.loc[("median", "calendar_tuned", "all")].tolist() == [3, 4, 0.5]
    assert frame.loc[("q75", "cusum_tuned", "all")].tolist() == [0, 4, 1.0]


def test_pass_summary_gives_shares_and_ratios():
    made = evaluation(units=("median", "mean"), kappas=(0.5, 1.0))
    fill(made, 0.5, policy="debt_threshold_tuned", score_unit_mode="mean", kappa=1.0)
    fill(made, 2.0, policy="calendar_tuned")
    facts = SimpleNamespace(frac_deployed_better=0.25, mean_sqrt_debt=1.5)
    frame = pass_summary(made, facts).set_index("score_unit_mode")
    assert frame.index.tolist() == ["median", "mean"]
    assert frame.loc["mean"].to_dict() == {
        "n_cells": 2,
        "dt_cusum_win": 0.5,
        "dt_cusum_ratio": 0.75,
        "dt_calendar_win": 1.0,
        "dt_calendar_ratio": 0.375,
        "frac_deployed_better": 0.25,
        "mean_sqrt_debt": 1.5,
    }
    assert frame.loc["median", "dt_cusum_win"] == 0.0


def test_a_missing_objective_is_not_averaged_away():
    made = evaluation()
    fill(made, [1.0, math.nan], policy="cusum_tuned", shift_type="abrupt_coef")
    assert policy_summary(made)["mean_objective"].isna().sum() == 1
    assert relative_objectives(made, "cusum_tuned", "calendar_tuned").isna().all()


def test_comparison_counts_and_averages_over_cells_with_a_shift():
    made = evaluation(kappas=(1.0, 2.0), paths=2)
    made = fill(made, [[[[2.0, 4.0]]]], policy=["never_retrain"], shift_type=["abrupt_coef"], kappa=[1.0])
    made = fill(made, [[[[0.5, 0.7]]]], policy=["never_retrain"], shift_type=["abrupt_coef"], kappa=[2.0])
    made = fill(made, 0.25, policy=["never_retrain"], shift_type=["none"])
    made = fill(made, 5.0, "retrains", policy=["never_retrain"], shift_type=["none"])
    row = comparison(made).set_index("policy").loc["never_retrain"]
    assert (row["cell_wins"], row["n_cells"], row["wins_debt_threshold"]) == (1, 2, 1)
    assert row["mean_relative"] == pytest.approx((3.0 + 0.6) / 2)
    assert row["max_relative"] == pytest.approx(3.0)
    assert (row["no_shift_relative"], row["no_shift_retrains"]) == (0.25, 5.0)
    assert math.isnan(row["mean_to_oracle"])


def test_intervals_of_the_comparison_are_paired_and_cover_the_long_run():
    """Two policies whose bills move together: in 200 evaluations of 40 paths the 90% interval holds the truth in 90% of
    them, up to three binomial errors."""
    truth, held = (3.0 + 0.5) / 3.0, 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        made = evaluation(paths=40)
        common = rng.gamma(3.0, size=(1, 1, 1, 1, 1, 40))
        labels = {"shift_type": ["abrupt_coef"]}
        made = fill(made, common, policy=["cusum_tuned"], **labels)
        made = fill(made, common + rng.exponential(0.5, size=common.shape), policy=["never_retrain"], **labels)
        row = comparison(made, resamples=200).set_index("policy").loc["never_retrain"]
        assert row["ci_95"] - row["ci_05"] < 0.25  # unpaired, it would be 0.4
        held += row["ci_05"] <= truth <= row["ci_95"]
    assert abs(held - 180) <= 3 * math.sqrt(200 * 0.9 * 0.1)


def test_comparison_needs_no_cells_without_a_shift():
    row = comparison(evaluation(shifts=("abrupt_coef",))).iloc[0]
    assert math.isnan(row["no_shift_relative"])
