"""Figures of the reference study: what is drawn, and that nothing stays open."""

import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from learning_debt_study.experiment import run_pass
from learning_debt_study.figures import (
    POLICIES,
    UNITS,
    audit_figure,
    decision_path_figure,
    relative_objective_figure,
    retrains_figure,
    save_figures,
    severity_figure,
)
from learning_debt_study.scenarios import SMOKE, cell_seeds, draw_paths

DESIGN = replace(SMOKE, shifts=("none", "abrupt_coef", "gradual"))


@pytest.fixture(scope="module")
def one():
    return run_pass(DESIGN)


def line(axes, label):
    (found,) = [drawn for drawn in axes.get_lines() if drawn.get_label() == label]
    return found


def texts(axis):
    return [tick.get_text() for tick in axis.get_ticklabels()]


def test_ratios_are_means_over_probabilities_of_ratios_of_mean_objectives(one):
    figure = relative_objective_figure(one.evaluation, "mean")
    assert [axes.get_title() for axes in figure.axes] == [
        "abrupt shift of the coefficient",
        "gradual drift of the coefficient",
    ]
    at = one.evaluation.sel(score_unit_mode="mean", shift_type="gradual")
    for name, look in POLICIES.items():
        if name == "cusum_tuned":
            continue
        ratios = np.empty((2, 3))
        for i, probability in enumerate(DESIGN.probabilities):
            for j, kappa in enumerate(DESIGN.cost_ratios):
                bills = at.sel(shift_prob=probability, kappa=kappa)["objective"]
                ratios[i, j] = sum(bills.sel(policy=name).values) / sum(bills.sel(policy="cusum_tuned").values)
        drawn = line(figure.axes[1], look.label)
        np.testing.assert_array_equal(drawn.get_xdata(), DESIGN.cost_ratios)
        np.testing.assert_allclose(drawn.get_ydata(), ratios.mean(axis=0))
        faint = [
            points
            for points in figure.axes[1].get_lines()
            if to_hex(points.get_color()) == look.color and len(points.get_ydata()) == 6
        ]
        assert len(faint) == 1
        np.testing.assert_allclose(faint[0].get_ydata(), ratios.ravel())
        assert faint[0].get_linewidth() == 0


def test_a_policy_that_never_loses_to_cusum_is_below_the_line(one):
    figure = relative_objective_figure(one.evaluation)
    assert all((line(axes, "oracle (hindsight)").get_ydata() < 1).all() for axes in figure.axes)
    low, high = figure.axes[0].get_ylim()
    assert low < line(figure.axes[0], "oracle (hindsight)").get_ydata().min() < 1 < high


def test_retrains_are_means_of_paths_and_probabilities(one):
    figure = retrains_figure(one.evaluation)
    assert figure.axes[0].get_title() == "no shift"
    values = one.evaluation["retrains"].sel(score_unit_mode="q75", shift_type="none", policy="calendar_tuned").values
    np.testing.assert_allclose(line(figure.axes[0], "calendar").get_ydata(), values.mean(axis=(1, 2)))


def test_the_path_is_the_evaluated_one(one):
    figure = decision_path_figure(DESIGN, one.calibration, one.tuned, probability=0.1, path=2, kappa=0.5)
    truth, debt, gap, marks = figure.axes
    seeds = cell_seeds("test", "abrupt_coef", 0.1, DESIGN)
    expected = draw_paths("abrupt_coef", 0.1, seeds, design=DESIGN).coefficient[1]
    np.testing.assert_array_equal(truth.get_lines()[0].get_ydata(), expected)
    assert len(gap.get_lines()[-1].get_ydata()) == DESIGN.periods
    at = one.evaluation.sel(score_unit_mode="q75", kappa=0.5, shift_type="abrupt_coef", shift_prob=0.1).isel(path=1)
    rows = ("debt_threshold_tuned", "cusum_tuned", "calendar_tuned", "oracle")
    for name, row, text in zip(rows, marks.get_lines(), texts(marks.yaxis), strict=True):
        bill = at.sel(policy=name)
        assert len(row.get_xdata()) == int(bill["retrains"])
        count, objective = int(bill["retrains"]), float(bill["objective"])
        assert text == f"{POLICIES[name].label}\n{count} retrains, bill {objective:.2f}"
    threshold = one.tuned.query("policy == 'debt_threshold' and kappa == 0.5 and score_unit_mode == 'q75'")["value"]
    line_of_debt, line_of_threshold = debt.get_lines()
    assert line_of_threshold.get_ydata()[0] == threshold.item()
    above = np.flatnonzero(line_of_debt.get_ydata() > threshold.item()) + 1
    np.testing.assert_array_equal(above[above < DESIGN.periods], marks.get_lines()[0].get_xdata())
    assert len(debt.patches) == (len(marks.get_lines()[0].get_xdata()) + 1) // 2


def test_a_variance_path_shows_the_variance(one):
    figure = decision_path_figure(SMOKE, one.calibration, one.tuned, shift="variance", probability=0.1)
    assert figure.axes[0].get_ylabel() == "true variance"
    assert figure.axes[0].get_lines()[0].get_ydata()[-1] > 3


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"path": 4}, r"path must lie in 1\.\.3"),
        ({"path": 0}, "path must lie in"),
        ({"kappa": 3.0}, "kappa = 3"),
        ({"score_unit_mode": "q99"}, "'q99'"),
        ({"probability": 0.3}, "not in the design"),
    ],
)
def test_a_path_that_is_not_there(one, asked, message):
    with pytest.raises(ValueError, match=message):
        decision_path_figure(DESIGN, one.calibration, one.tuned, **asked)


def test_an_evaluation_without_what_is_drawn(one):
    with pytest.raises(ValueError, match="no cell with a shift"):
        relative_objective_figure(one.evaluation.sel(shift_type=["none"]))
    with pytest.raises(ValueError, match="no policy 'cusum_tuned'"):
        relative_objective_figure(one.evaluation.sel(policy=["oracle"]))
    with pytest.raises(ValueError, match="no score unit 'q99', only median, q75, mean"):
        retrains_figure(one.evaluation, "q99")


def repetitions(**columns):
    rng = np.random.default_rng(1)
    rows = pd.DataFrame(columns)
    return rows.assign(dt_cusum_ratio=rng.normal(1.0, 0.05, len(rows)), dt_calendar_ratio=0.7)


def test_severity_means_and_the_well_specified_world_on_the_left():
    rows = repetitions(
        axis=["tail"] * 6 + ["nonlinear"] * 4,
        severity=["Inf", "Inf", "3", "3", "8", "8", "0.8", "0.8", "0", "0"],
        score_unit_mode="q75",
    )
    figure = severity_figure(rows)
    tail, curvature = figure.axes
    assert texts(tail.xaxis) == ["∞", "8", "3"]
    assert texts(curvature.xaxis) == ["0", "0.8"]
    drawn, ratio = line(tail, UNITS["q75"].label), rows["dt_cusum_ratio"].to_numpy()
    np.testing.assert_allclose(drawn.get_xdata(), [0, 1 / 8, 1 / 3])
    np.testing.assert_allclose(drawn.get_ydata(), [ratio[:2].mean(), ratio[4:6].mean(), ratio[2:4].mean()])
    assert tail.get_lines()[0].get_ydata()[0] == 1.0


def test_audit_shows_every_repetition():
    rows = repetitions(cell=np.repeat(["wellspec", "student_t"], 6), score_unit_mode=["median", "q75"] * 6)
    figure = audit_figure(rows)
    cusum, calendar = figure.axes
    assert (cusum.get_title(), calendar.get_title()) == ("against tuned CUSUM", "against tuned calendar")
    expected = rows[(rows["cell"] == "student_t") & (rows["score_unit_mode"] == "median")]["dt_cusum_ratio"]
    np.testing.assert_array_equal(line(cusum, "Student-t noise").get_ydata(), expected)
    assert texts(cusum.xaxis) == ["median", "q75 (primary)"]


def test_rows_of_something_else():
    with pytest.raises(ValueError, match="severity"):
        severity_figure(pd.DataFrame({"axis": ["tail"]}))
    with pytest.raises(ValueError, match="at least one repetition"):
        audit_figure(repetitions(cell=[], score_unit_mode=[]))


def test_files_are_written_and_nothing_stays_open(one, tmp_path):
    before = open_figures()
    written = save_figures(one, tmp_path, DESIGN)
    assert sorted(path.name for path in written) == ["decision_path.png", "relative_objective.png", "retrains.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in written)
    assert isinstance(retrains_figure(one.evaluation), Figure)
    assert open_figures() == before


def open_figures():
    """Numbers of the figures that pyplot holds, other tests' among them; none where it was never imported."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    return [] if pyplot is None else pyplot.get_fignums()


def test_without_the_design_there_is_no_path(one, tmp_path):
    assert [path.stem for path in save_figures(one, tmp_path)] == ["relative_objective", "retrains"]
