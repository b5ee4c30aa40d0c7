"""The bench as it is called: what is measured, what is refused before any work, and what is written."""

import re
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import learning_debt as ld
from learning_debt import bench
from learning_debt.bench.bench_page import PICTURES
from learning_debt.bench.bench_pictures import draw_bench
from learning_debt.bench.curve_pictures import draw_curves
from learning_debt.bench.entries import table_entries
from learning_debt.bench.history_curves import AGEING, SCORE, SLOPE, curves_of
from learning_debt.bench.running import COLUMNS

QUICK = {"policies": ["two-state"], "resamples": 50, "progressbar": False}
FILES = {"bench.csv", "summary.csv", "notes.csv", "curves.csv", "bench.html", *PICTURES}


@pytest.fixture(scope="module")
def found(one, several):
    return bench.run_bench({"first": one, "second": several}, **QUICK)


def test_columns_and_lines(found):
    assert tuple(found.bills) == COLUMNS
    names = 8  # never, always, calendar, CUSUM, two-state, and three in hindsight
    assert len(found.bills) == names * 3 * 3 * (1 + 3)
    assert not found.bills.duplicated(["history", "series", "cost_ratio", "split", "policy"]).any()
    assert found.notes.empty


def test_the_share_of_periods_in_which_what_served_was_better(found, several):
    never = found.bills[(found.bills["history"] == "second") & (found.bills["policy"] == "never")]
    never = never[(never["split"] == 0.6) & (never["cost_ratio"] == 1.0)]
    expected = (ld.select_periods(several, 24)["regret"].values[:, 0] < 0).mean(axis=1)
    np.testing.assert_allclose(never["frac_deployed_better"], expected)


def test_the_bench_is_reached_from_the_package():
    assert ld.bench is bench


def test_real_histories_under_every_rule_and_prior():
    found = bench.run_bench(histories=["inflation"], splits=[0.6], cost_ratios=[1.0], **QUICK)
    assert set(found.bills["update_rule"]) == {"all data", "discount 0.98 a period"}
    assert set(found.bills["prior"]) == {"weak", "firm"}
    assert set(found.bills["periods"]) == {161 - 96}


def test_a_table_keeps_its_own_rule(one):
    rule = {"update_rule": "rolling window of 9 periods", "update_rule_window": 9, "update_rule_discount": 1.0}
    table = one.assign_attrs(rule | {"prior": "mine"})
    found = bench.run_bench({"mine": table}, splits=[0.6], cost_ratios=[1.0], **QUICK)
    assert set(found.bills["update_rule"]) == {"rolling window of 9 periods"}
    assert set(found.bills["prior"]) == {"mine"}


@pytest.mark.parametrize("pool", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_side_by_side_is_the_same(found, one, several, pool):
    with pool(2) as executor:
        again = bench.run_bench({"first": one, "second": several}, executor=executor, **QUICK)
    pd.testing.assert_frame_equal(again.bills, found.bills)


def test_a_sampled_table_of_signals_only(one):
    """Standard errors and flags, no deployed score."""
    cells = ("series", "deployed_at", "period")
    signals = one[["debt", "predictive_debt", "score_gap"]]
    errors = {f"{name}_se": (cells, 0.01 * np.ones(one["debt"].shape)) for name in signals}
    flags = {f"{name}_reliable": (cells, np.ones(one["debt"].shape, dtype=bool)) for name in signals}
    found = bench.run_bench({"mine": signals.assign(errors | flags)}, splits=[0.6], resamples=50, progressbar=False)
    assert {"continuation value of the study", "two-state", "blended threshold"} <= set(found.bills["policy"])
    assert "the table lacks 'deployed_score'" in set(found.notes["note"])
    assert set(found.notes["history"]) <= {"mine", ""}


BAD = [
    ({"policies": ["CUSUMM"]}, ValueError, "did you mean 'CUSUM'"),
    ({"histories": ["third"]}, ValueError, "there is no 'third'; choose from 'first', 'second'"),
    ({"histories": ["first", "first"]}, ValueError, "'first' is there twice"),
    ({"histories": []}, ValueError, "at least one"),
    ({"splits": [0.5, 0.5]}, ValueError, "different numbers"),
    ({"splits": [1.0]}, ValueError, r"splits\[0\] must be"),
    ({"cost_ratios": [0.0]}, ValueError, r"cost_ratios\[0\] must be"),
    ({"accounting": "sighned"}, ValueError, "did you mean 'signed'"),
    ({"priors": ["weak"]}, ValueError, "priors go with the histories of the bench"),
    ({"update_rules": [ld.UpdateRule()]}, ValueError, "update_rules go with the histories of the bench"),
    ({"splits": [0.9]}, ValueError, r"tables\['first'\] has 40 periods; splits of 0.9 need 71"),
    ({"resamples": 0}, ValueError, "resamples"),
    ({"executor": 3}, TypeError, "executor"),
]


@pytest.mark.parametrize(("wrong", "kind", "said"), BAD, ids=[str(list(wrong)) for wrong, _, _ in BAD])
def test_what_is_wrong_is_refused_before_any_work(one, several, monkeypatch, wrong, kind, said):
    monkeypatch.setattr("learning_debt.bench.running.run_cases", None)
    with pytest.raises(kind, match=said):
        bench.run_bench({"first": one, "second": several}, **({"progressbar": False} | wrong))


def test_tables_that_are_none_are_refused_by_name(one):
    with pytest.raises(TypeError, match="tables must be a mapping of names"):
        bench.run_bench([one])
    with pytest.raises(ValueError, match="not empty"):
        bench.run_bench({})
    with pytest.raises(TypeError, match=r"tables\['mine'\] must be a spell table"):
        bench.run_bench({"mine": 3})
    with pytest.raises(ValueError, match=r"tables\['mine'\].*lack the dimension 'deployed_at'"):
        bench.run_bench({"mine": xr.Dataset()})
    with pytest.raises(ValueError, match=r"tables\['mine'\].*a later learning-debt wrote this table"):
        bench.run_bench({"mine": one.assign_attrs(schema_version=99)})
    with pytest.raises(ValueError, match=r"tables\['mine'\] has no positive regret"):
        bench.run_bench({"mine": one[["score_gap"]].assign(score_gap=-abs(one["score_gap"]))})
    with pytest.raises(ValueError, match=r"tables\['mine'\] has 20 periods; splits of 0.5, 0.6, 0.7 need 24"):
        bench.run_bench({"mine": ld.select_periods(one, 0, 20)})


def test_the_periods_that_are_needed_are_enough(one):
    table_entries({"mine": ld.select_periods(one, 0, 24)}, None, (0.5, 0.6, 0.7))
    with pytest.raises(ValueError, match="need 24"):
        table_entries({"mine": ld.select_periods(one, 0, 23)}, None, (0.5, 0.6, 0.7))


def test_rules_and_priors_of_real_histories_are_checked():
    with pytest.raises(ValueError, match="there is no 'flat'; choose from 'weak', 'firm'"):
        bench.run_bench(priors=["flat"])
    with pytest.raises(TypeError, match=r"update_rules\[0\] must be an UpdateRule"):
        bench.run_bench(update_rules=["all data"])
    with pytest.raises(ValueError, match="there is no 'inflatoin'; did you mean 'inflation'"):
        bench.run_bench(histories=["inflatoin"])


def test_tables_of_a_folder(one, several, tmp_path):
    one.to_netcdf(tmp_path / "first.nc", engine="h5netcdf")
    several.to_netcdf(tmp_path / "second.netcdf", engine="h5netcdf")
    (tmp_path / "README.md").write_text("what these are")
    read = bench.read_tables(tmp_path)
    assert list(read) == ["first", "second"]
    xr.testing.assert_equal(read["first"]["score_gap"], one["score_gap"])


def test_folders_without_tables_are_refused(one, tmp_path):
    with pytest.raises(NotADirectoryError, match="does not exist"):
        bench.read_tables(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"no file ends in \.nc"):
        bench.read_tables(tmp_path)
    (tmp_path / "mine.nc").write_text("no table")
    with pytest.raises(NotADirectoryError, match="is a file"):
        bench.read_tables(tmp_path / "mine.nc")
    with pytest.raises(ValueError, match=r"mine\.nc is not a readable netCDF file"):
        bench.read_tables(tmp_path)
    one.to_netcdf(tmp_path / "mine.netcdf", engine="h5netcdf")
    with pytest.raises(ValueError, match="two tables called 'mine'"):
        bench.read_tables(tmp_path)


def test_what_is_written_is_read_again(found, tmp_path):
    page = bench.write_bench(found, tmp_path / "out")
    assert {path.name for path in page.parent.iterdir()} == FILES
    read = bench.read_bench(page.parent)
    pd.testing.assert_frame_equal(read.bills, found.bills, rtol=1e-7, check_dtype=False)
    assert read.notes.empty
    pd.testing.assert_frame_equal(read.curves, found.curves, rtol=1e-7, check_dtype=False)
    summary = pd.read_csv(page.parent / "summary.csv")
    np.testing.assert_allclose(
        summary["mean_excess"], bench.summarise(found.bills)["mean_excess"], rtol=1e-6, atol=1e-12
    )


def test_a_table_of_regret_alone_is_billed_and_drawn_without_cusum(one, tmp_path):
    found = bench.run_bench({"mine": one[["regret"]]}, resamples=20, progressbar=False)
    assert {"never", "calendar", "oracle", "best candidate in hindsight"} <= set(found.bills["policy"])
    assert "CUSUM" not in set(found.bills["policy"])
    page = bench.write_bench(found, tmp_path)
    assert not (page.parent / "relative.png").exists()
    assert (page.parent / "by_cost_ratio.png").exists()
    assert "the table lacks &#x27;score_gap&#x27;" in page.read_text(encoding="utf-8")


def test_the_page_shows_every_policy_and_names_as_they_are(found, tmp_path):
    odd = found.bills.assign(history=found.bills["history"].replace("first", "<b>$x_1$"))
    notes = pd.DataFrame([{"history": "<b>$x_1$", "policy": "Cara T", "note": "the table lacks 'deployed_score'"}])
    page = bench.write_bench(bench.Bench(odd, notes), tmp_path).read_text(encoding="utf-8")
    for policy in odd["policy"].unique():
        assert f"<td>{policy}</td>" in page
    assert "<b>" not in page
    assert "Cara T: the table lacks &#x27;deployed_score&#x27; (&lt;b&gt;$x_1$)" in page
    assert len(re.findall("<img", page)) == 3


def test_nothing_is_left_half_written(found, tmp_path, monkeypatch):
    def fails(*_):
        raise MemoryError

    monkeypatch.setattr("learning_debt.bench.bench_page.draw_bench", fails)
    with pytest.raises(MemoryError):
        bench.write_bench(found, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_directories_that_cannot_be_written_or_read(found, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(NotADirectoryError, match="cannot write the bench to"):
        bench.write_bench(found, tmp_path / "file")
    with pytest.raises(FileNotFoundError, match=r"there is no file .*bench\.csv"):
        bench.read_bench(tmp_path)
    (tmp_path / "bench.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"bench\.csv is not what write_bench wrote: it lacks the columns \['history'"):
        bench.read_bench(tmp_path)


def test_curves_are_those_of_the_tables(found, one, several):
    curves = found.curves.set_index(["history", "curve"])
    ageing = curves.loc[("first", AGEING)]
    np.testing.assert_allclose(ageing["value"], ld.ageing_curve(one)["regret"], rtol=1e-12)
    np.testing.assert_allclose(ageing["standard_error"], ld.ageing_curve(one)["regret_se"], rtol=1e-12)
    np.testing.assert_allclose(curves.loc[("second", SLOPE), "value"], ld.belief_slope(several)["slope"], rtol=1e-12)
    scores = ld.shadow_scores(several)["shadow_score"].mean("series")
    assert curves.loc[("second", SCORE), "value"].iloc[-1] == pytest.approx(float(scores.mean()))


def test_tables_of_a_few_signals_have_fewer_curves(one):
    bare = bench.run_bench({"bare": one[["score_gap", "regret"]]}, **QUICK)
    assert set(bare.curves["curve"]) == {AGEING}
    assert [figure.file for figure in draw_curves(bare.curves)] == ["ageing.png"]


def test_slopes_of_too_few_periods_are_not_drawn(one):
    short = ld.select_periods(one, 0, 8)
    curves = curves_of(short).assign(history="short", forecaster="f", prior="p", update_rule="all data")
    assert SLOPE in set(curves["curve"])
    assert [figure.file for figure in draw_curves(curves)] == ["ageing.png", "shadow_scores.png"]


def test_scores_of_the_shadow_are_drawn_against_the_first_rule():
    curves = pd.concat(
        pd.DataFrame({"curve": SCORE, "place": [1, 2], "value": value, "reliable": True}).assign(
            history="one", forecaster="f", prior="p", update_rule=rule, low=np.nan, high=np.nan
        )
        for rule, value in (("all data", [-1.0, -1.2]), ("window", [-0.9, -1.0]))
    )
    (figure,) = draw_curves(curves)
    assert figure.file == "shadow_scores.png"
    assert "less that under all data" in figure.caption


def test_one_history_has_room_beside_the_longest_name_of_a_row():
    """Warnings are errors here, and matplotlib warns where names leave no room for what they name."""
    case = {"history": "sales", "forecaster": "", "prior": "", "update_rule": "all data", "accounting": "signed"}
    case |= {"split": 0.6, "cost_ratio": 1.0, "series": "0", "periods": 40}
    names = ("CUSUM", max(bench.ROWS, key=len), "a row of one's own, the name of which is longer still")
    bills = pd.DataFrame([case | {"policy": name, "excess": 1.0 + place} for place, name in enumerate(names)])
    assert len(draw_bench(bills, bench.summarise(bills, resamples=10))) == 3
