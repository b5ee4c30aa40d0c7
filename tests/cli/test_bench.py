"""``learning-debt bench`` as its user meets it."""

import re

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import learning_debt as ld
from learning_debt import bench
from learning_debt.bench.bench_page import PICTURES
from learning_debt.cli import app

TABLES = {"bench.csv", "summary.csv", "notes.csv", "curves.csv"}
FILES = {*TABLES, "bench.html", *PICTURES} - {"belief_slope.png"}  # of tables too short for a slope


def run(*arguments):
    return CliRunner().invoke(app, ["bench", *map(str, arguments)])


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """A folder of two tables, one of them of signals only."""
    home = tmp_path_factory.mktemp("tables")
    for seed, name in enumerate(("north", "south")):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=40)
        y = np.where(np.arange(40) < 22, 0.0, 1.5) * x + rng.normal(size=40)
        history = {"x": x, "y": y, "period": np.arange(40)}
        forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
        table = ld.spell_table(forecaster, history, initial=6, progressbar=False)
        kept = table if seed else table[["debt", "predictive_debt", "score_gap"]]
        kept.to_netcdf(home / f"{name}.nc", engine="h5netcdf")
    return home


def test_list_names_every_history_and_policy():
    listed = run("list")
    assert listed.exit_code == 0, listed.output
    for name in (*bench.HISTORIES, *bench.ROWS):
        assert name in listed.output


def test_a_folder_of_tables_makes_every_file_and_says_where(tables, tmp_path):
    done = run("run", "--tables", tables, "--policies", "two-state,Cara", "--out", tmp_path / "out", "--jobs", 1)
    assert done.exit_code == 0, done.output
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    bills = pd.read_csv(tmp_path / "out" / "bench.csv")
    assert set(bills["history"]) == {"north", "south"}
    assert set(bills["cost_ratio"]) == {0.25, 1.0, 4.0}
    assert set(bills["split"]) == {0.5, 0.6, 0.7}
    north = bills.loc[bills["history"] == "north", "policy"]
    assert "two-state" in set(north)
    assert ("Cara T" in set(north)) == ("deployed_score" in ld.bench.read_tables(tables)["north"])
    assert "bench.html" in done.output
    assert re.search(r"policy +cases .*two-state +18 ", done.output, re.DOTALL)


def test_report_makes_the_page_anew(tables, tmp_path):
    chosen = ("--history", "south", "--split", 0.6, "--cost-ratio", 1, "--policies", "two-state")
    assert run("run", "--tables", tables, *chosen, "--out", tmp_path, "--jobs", 1).exit_code == 0
    before = pd.read_csv(tmp_path / "summary.csv")
    for name in FILES - {"bench.csv", "notes.csv", "curves.csv"}:
        (tmp_path / name).unlink()
    done = run("report", tmp_path)
    assert done.exit_code == 0, done.output
    assert {path.name for path in tmp_path.iterdir()} == FILES
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "summary.csv"), before, rtol=1e-6)


REFUSED = [
    (["--policies", "CUSUMM"], "there is no row or group 'CUSUMM'; did you mean 'CUSUM'?"),
    (["--history", "west"], "there is no 'west'; choose from 'north', 'south'"),
    (["--split", "0.95"], "has 34 periods; splits of 0.95 need 141"),
    (["--accounting", "sighned"], "did you mean 'signed'"),
    (["--jobs", "0"], "--jobs must be at least 1, not 0"),
    (["--cost-ratio", "0"], "cost_ratios[0] must be"),
]


@pytest.mark.parametrize(("wrong", "said"), REFUSED, ids=[wrong[0] for wrong, _ in REFUSED])
def test_what_is_wrong_is_one_line_and_leaves_nothing(tables, tmp_path, monkeypatch, wrong, said):
    monkeypatch.setattr("learning_debt.bench.running.run_cases", None)
    done = run("run", "--tables", tables, *wrong, "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert said in " ".join(done.stderr.split())
    assert len(done.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_an_out_that_cannot_be_written_is_refused_before_tables_are_read(tmp_path):
    (tmp_path / "file").write_text("x")
    done = run("run", "--tables", tmp_path / "nowhere", "--out", tmp_path / "file")
    assert done.exit_code == 1
    assert "cannot write the bench to" in done.stderr
    done = run("run", "--tables", tmp_path / "nowhere", "--out", tmp_path / "out")
    assert "does not exist" in done.stderr


def test_rivals_that_are_not_installed_are_refused_with_the_command_that_brings_them(tmp_path, monkeypatch):
    monkeypatch.setattr("learning_debt.bench.rows.find_spec", {}.get)
    done = run("run", "--policies", "river", "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert "pip install 'learning-debt[detectors]'" in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_directory_that_holds_no_bench_is_refused(tmp_path):
    done = run("report", tmp_path)
    assert done.exit_code == 1
    assert "bench.csv" in done.stderr


@pytest.mark.slow
@pytest.mark.integration
def test_real_histories_end_to_end(tmp_path):
    """Two single series, side by side; every policy of the library and every rival that is installed."""
    few = ("--split", 0.6, "--prior", "weak", "--jobs", 2)
    done = run("run", "--history", "inflation", "--history", "bike", *few, "--out", tmp_path)
    assert done.exit_code == 0, done.output
    bills = pd.read_csv(tmp_path / "bench.csv", dtype={"series": str})
    cases = ["history", "prior", "update_rule", "cost_ratio", "split"]
    assert len(bills[cases].drop_duplicates()) == 2 * 2 * 3
    assert (bills["excess"] > -1e-6).all()
    summary = pd.read_csv(tmp_path / "summary.csv")
    means = summary[summary["cost_ratio"] == "all"].set_index("policy")["mean_excess"]
    dearer = ["oracle", "best candidate in hindsight", "best calendar in hindsight", "calendar", "always"]
    assert means[dearer].is_monotonic_increasing
    assert means["oracle"] == 0
    assert means["best candidate in hindsight"] < means["CUSUM"]
    rules = pd.read_csv(tmp_path / "rules.csv")
    assert rules["history"].tolist() == ["inflation"] * 3 + ["bike"] * 3
    assert (rules["saving_rule_low"] <= rules["saving_rule"]).all()


def test_rules_are_compared_where_asked(tmp_path):
    few = ("--split", 0.6, "--prior", "weak", "--cost-ratio", 1, "--policies", "never", "--jobs", 1)
    done = run("run", "--history", "inflation", *few, "--rules", "--out", tmp_path)
    assert done.exit_code == 0, done.output
    rules = pd.read_csv(tmp_path / "rules.csv")
    assert rules["recommended"].item().startswith("discount")
    assert "rules.csv" in done.output
    without = run("run", "--history", "inflation", *few, "--out", tmp_path / "other")
    assert without.exit_code == 0, without.output
    assert not (tmp_path / "other" / "rules.csv").exists()


def test_rules_of_a_folder_of_tables_are_refused(tables, tmp_path):
    done = run("run", "--tables", tables, "--rules", "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert "--rules are compared on histories" in done.stderr
    assert not (tmp_path / "out").exists()
