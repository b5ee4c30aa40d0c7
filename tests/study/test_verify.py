"""Verification of directories made up from the published figures themselves, then spoilt one figure at a time."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from learning_debt_study.published_tables import BENCHMARKS
from learning_debt_study.repetitions import AUDIT_DESIGN, SEVERITY_DESIGN
from learning_debt_study.scenarios import PAPER
from learning_debt_study.verify import PASS_FILES, published, verify

FIGURES = published()


def sizes(design):
    return {name: getattr(design, name) for name in ("calibration_paths", "tuning_paths", "test_paths")}


def configure(place, **entries):
    (place / "configuration.json").write_text(json.dumps(entries))


def ratio_row(unit, against, shift, pair):
    names = ("score_unit_mode", "benchmark", "shift_type", "cell_wins", "n_cells", "mean_relative")
    return dict(zip(names, (unit, BENCHMARKS[against], shift, pair[0], 72, pair[1]), strict=True))


def write_pass(place, accounting, /, **changes):
    """A pass whose figures are the published ones."""
    entries = {"study": "primary", "accounting": accounting, "size": "paper", "rep": 0, **sizes(PAPER)}
    configure(place, **{name: value for name, value in (entries | changes).items() if value is not None})
    units = FIGURES["score_units"]
    ratios = [
        ratio_row(unit, against, "all", pair)
        for against, by_unit in FIGURES["debt_threshold_sensitivity"][accounting].items()
        for unit, pair in by_unit.items()
    ] + [
        ratio_row("q75", against, shift, pair)
        for against, by_shift in FIGURES["by_shift_q75_positive_debt_threshold"].items()
        for shift, pair in by_shift.items()
    ]
    calm = [{"policy": policy, **row} for policy, row in FIGURES["no_shift_q75_positive"].items()]
    files = {
        "score_units": pd.DataFrame({"score_unit_mode": list(units), "value": list(units.values())}),
        "tuned_parameters": pd.DataFrame({"policy": ["cusum"]}),
        "policy_summary": pd.DataFrame({"policy": ["cusum_tuned"]}),
        "table1": pd.DataFrame(FIGURES[f"table1_q75_{accounting}"]),
        "no_shift": pd.DataFrame(calm),
        "sensitivity": pd.DataFrame(ratios),
    }
    for name, frame in files.items():
        frame.to_csv(place / f"{name}.csv", index=False)
    return place


def spoil(place, file, row, column, change):
    frame = pd.read_csv(place / file).astype({column: float})
    frame.loc[row, column] += change
    frame.to_csv(place / file, index=False)


def failures(place):
    result = verify(place)
    assert (result["status"] == "FAILED").tolist() == (~result["passed"]).fillna(False).tolist()
    return result["figure"][result["status"] == "FAILED"].tolist()


@pytest.mark.parametrize(("accounting", "count"), [("signed", 3 + 48 + 8), ("positive", 3 + 48 + 10 + 12 + 12)])
def test_published_figures_pass(tmp_path, accounting, count):
    result = verify(write_pass(tmp_path, accounting))
    assert list(result.columns) == ["figure", "published", "ours", "difference", "tolerance", "passed", "status"]
    assert len(result) == count
    assert result["passed"].all()
    assert result["figure"].is_unique
    assert (result["status"] == "passed").all()
    assert (result["difference"].abs() < 1e-14).all()


@pytest.mark.parametrize(
    ("accounting", "file", "row", "column", "within", "beyond", "figure"),
    [
        ("signed", "score_units.csv", 1, "value", 9e-10, 1.1e-9, "score unit q75"),
        ("signed", "table1.csv", 1, "cell_wins", 0, -1, "Table 1, debt_threshold_tuned vs cusum_tuned, cell_wins"),
        ("signed", "table1.csv", 0, "mean_relative", -9e-10, -1.1e-9,
         "Table 1, debt_threshold_tuned vs calendar_tuned, mean_relative"),
        ("signed", "table1.csv", 5, "iqr_75", 9e-10, 1.1e-9, "Table 1, hybrid_utility_tuned vs cusum_tuned, iqr_75"),
        ("signed", "table1.csv", 2, "ci_025", 9e-7, 1.1e-6, "Table 1, debt_utility_tuned vs calendar_tuned, ci_025"),
        ("positive", "table1.csv", 2, "ci_975", 2.9e-4, 3.1e-4,
         "Table 1, debt_utility_tuned vs calendar_tuned, ci_975"),
        ("positive", "no_shift.csv", 0, "retrains", 0.005, 0.0051, "no shift, debt_threshold_tuned, retrains"),
        ("positive", "no_shift.csv", 1, "objective", -5e-4, -5.1e-4, "no shift, cusum_tuned, objective"),
        ("signed", "sensitivity.csv", 0, "mean_relative", 5e-4, 5.1e-4, "debt_threshold vs cusum, median, mean ratio"),
        ("signed", "sensitivity.csv", 0, "cell_wins", 0, 1, "debt_threshold vs cusum, median, wins"),
        ("positive", "sensitivity.csv", 9, "mean_relative", 4e-4, 6e-4,
         "debt_threshold vs cusum, q75, abrupt_coef, mean ratio"),
    ],
)  # fmt: skip
def test_a_figure_beyond_its_tolerance_fails(tmp_path, accounting, file, row, column, within, beyond, figure):
    write_pass(tmp_path, accounting)
    spoil(tmp_path, file, row, column, within)
    assert failures(tmp_path) == []
    spoil(tmp_path, file, row, column, beyond - within)
    assert failures(tmp_path) == [figure]


def test_a_missing_number_fails(tmp_path):
    write_pass(tmp_path, "signed")
    spoil(tmp_path, "table1.csv", 0, "ci_025", math.nan)
    assert failures(tmp_path) == ["Table 1, debt_threshold_tuned vs calendar_tuned, ci_025"]


@pytest.mark.parametrize("file", PASS_FILES)
def test_missing_files_are_named(tmp_path, file):
    (write_pass(tmp_path, "signed") / file).unlink()
    with pytest.raises(FileNotFoundError, match=f"has no {file}"):
        verify(tmp_path)


def test_what_is_no_study_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no directory"):
        verify(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"has no configuration\.json"):
        verify(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": "smoke"}, "size is smoke, not paper"),
        ({"rep": 1}, "rep is 1, not 0"),
        ({"test_paths": 20}, "test_paths is 20, not 100"),
        ({"accounting": "other"}, "accounting must be positive or signed"),
        ({"rep": None}, "does not say rep"),
    ],
)
def test_another_pass_is_not_compared(tmp_path, change, message):
    write_pass(tmp_path, "signed")
    write_pass(tmp_path, "signed", **change)
    with pytest.raises(ValueError, match=r"configuration\.json") as error:
        verify(tmp_path)
    assert message in str(error.value)


def test_a_missing_row_or_column_is_named(tmp_path):
    write_pass(tmp_path, "signed")
    table = pd.read_csv(tmp_path / "table1.csv")
    table.drop(columns="iqr_25").to_csv(tmp_path / "table1.csv", index=False)
    with pytest.raises(ValueError, match=r"table1\.csv has no column iqr_25"):
        verify(tmp_path)
    table.iloc[1:].to_csv(tmp_path / "table1.csv", index=False)
    with pytest.raises(ValueError, match="one row for policy debt_threshold_tuned, benchmark calendar_tuned, not 0"):
        verify(tmp_path)
    (tmp_path / "table1.csv").write_text("")
    with pytest.raises(ValueError, match=r"table1\.csv is not a table"):
        verify(tmp_path)


def fifteen(mean, low, high):
    """Fifteen numbers with this mean and these type-7 quantiles at .05 and .95 (places 0.7 and 13.3)."""
    values = np.full(15, 0.0)
    values[:2], values[13:] = low, high
    values[2:13] = (15 * mean - values.sum()) / 11
    return values


def write_audit(place, cells=("wellspec", "student_t"), repetitions=15, design=AUDIT_DESIGN):
    configure(place, study="audit", cell=cells[0], **sizes(design))
    rows = []
    for cell in cells:
        for unit, row in FIGURES["audit_signed"][cell].items():
            ratios = fifteen(*(row[f"dt_cusum_ratio_{name}"] for name in ("mean", "q05", "q95")))
            assert (np.diff(ratios) >= 0).all()
            for rep in range(1, repetitions + 1):
                rows.append(
                    {
                        "cell": cell,
                        "rep": rep,
                        "score_unit_mode": unit,
                        "dt_cusum_win": row["dt_cusum_win_mean"],
                        "dt_cusum_ratio": ratios[rep - 1],
                        "dt_calendar_win": 1.0,
                        "dt_calendar_ratio": row["dt_calendar_ratio_mean"],
                        "frac_deployed_better": 0.25,
                        "mean_sqrt_debt": 1.0,
                    }
                )
    pd.DataFrame(rows).to_csv(place / "audit_per_rep.csv", index=False)
    return place


def test_audit_figures_pass(tmp_path):
    result = verify(write_audit(tmp_path))
    assert len(result) == 2 * 3 * 5
    assert result["passed"].all()


def test_an_audit_figure_fails_alone(tmp_path):
    write_audit(tmp_path)
    spoil(tmp_path, "audit_per_rep.csv", 3, "dt_calendar_ratio", 15 * 4e-5)
    assert failures(tmp_path) == []
    spoil(tmp_path, "audit_per_rep.csv", 3, "dt_calendar_ratio", 15 * 2e-5)
    assert failures(tmp_path) == ["audit, wellspec, median, dt_calendar_ratio_mean"]


def test_audit_quantiles_are_type_7(tmp_path):
    write_audit(tmp_path)
    spoil(tmp_path, "audit_per_rep.csv", 1, "dt_cusum_ratio", -1e-3)  # now least: q05 moves to .7 of the way up
    result = verify(tmp_path).set_index("figure")
    assert result.loc["audit, wellspec, median, dt_cusum_ratio_q05", "difference"] == pytest.approx(-0.3e-3, rel=1e-9)


def test_a_cell_not_audited_is_not_run(tmp_path):
    result = verify(write_audit(tmp_path, cells=("student_t",)))
    wellspec = result["figure"].str.contains("wellspec")
    assert (result["status"][wellspec] == "not run").all()
    assert result["passed"][wellspec].isna().all()
    assert result["passed"][~wellspec].all()


@pytest.mark.parametrize("changes", [{"repetitions": 14}, {"design": SEVERITY_DESIGN}])
def test_an_audit_of_another_size_is_not_comparable(tmp_path, changes):
    result = verify(write_audit(tmp_path, **changes))
    assert (result["status"] == "not comparable").all()
    assert result["passed"].isna().all()
    assert result["ours"].notna().all()


def test_an_audit_without_rows_is_refused(tmp_path):
    (write_audit(tmp_path) / "audit_per_rep.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"has no audit_per_rep\.csv"):
        verify(tmp_path)


def test_a_repetition_twice_is_refused(tmp_path):
    frame = pd.read_csv(write_audit(tmp_path) / "audit_per_rep.csv")
    pd.concat([frame, frame.iloc[:1]]).to_csv(tmp_path / "audit_per_rep.csv", index=False)
    with pytest.raises(ValueError, match=r"audit_per_rep\.csv has a repetition twice"):
        verify(tmp_path)


def write_severity(place, rows=FIGURES["severity_signed"], counts=None, design=SEVERITY_DESIGN):
    configure(place, study="severity", **sizes(design))
    published_counts = {"tail": 8, "hetero": 8, "nonlinear": 4}
    written = []
    for row in rows:
        count = 3 if (row["axis"], row["severity"]) == ("nonlinear", "0.2") else published_counts[row["axis"]]
        for rep in range(1, (counts or count) + 1):
            written.append(
                {
                    "axis": row["axis"],
                    "severity": float(row["severity"]),
                    "rep": rep,
                    "score_unit_mode": row["unit"],
                    "dt_cusum_ratio": row["dt_cusum_ratio_mean"],
                    "frac_deployed_better": row["frac_deployed_better"],
                }
            )
    pd.DataFrame(written).to_csv(place / "severity_per_rep.csv", index=False)
    return place


def test_severity_figures_pass(tmp_path):
    result = verify(write_severity(tmp_path))
    assert len(result) == 2 * len(FIGURES["severity_signed"])
    assert result["passed"].all()
    assert result["figure"].is_unique
    assert "severity, tail Inf, q75, dt_cusum_ratio_mean" in result["figure"].tolist()


def test_a_severity_figure_fails_alone(tmp_path):
    write_severity(tmp_path)
    spoil(tmp_path, "severity_per_rep.csv", 0, "frac_deployed_better", 8 * 6e-5)
    assert failures(tmp_path) == ["severity, hetero 0, median, frac_deployed_better"]


def test_severities_not_there_are_not_run(tmp_path):
    rows = [row for row in FIGURES["severity_signed"] if row["axis"] == "tail" and row["severity"] in ("Inf", "4")]
    result = verify(write_severity(tmp_path, rows))
    there = result["figure"].str.contains("tail Inf|tail 4")
    assert there.sum() == 12
    assert result["passed"][there].all()
    assert (result["status"][~there] == "not run").all()
    assert result["ours"][~there].isna().all()


def test_a_sweep_of_other_repetitions_is_not_comparable(tmp_path):
    result = verify(write_severity(tmp_path, counts=3)).set_index("figure")
    compared = result["status"] == "passed"
    assert compared.sum() == 6
    assert result.index[compared].str.contains(r"nonlinear 0\.2").all()
    assert (result["status"][~compared] == "not comparable").all()


def test_a_sweep_of_other_sizes_is_not_comparable(tmp_path):
    assert (verify(write_severity(tmp_path, design=PAPER))["status"] == "not comparable").all()
