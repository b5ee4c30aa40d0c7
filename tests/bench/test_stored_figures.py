"""What pages say of the bench is what its stored tables hold."""

import importlib.util
import re
from pathlib import Path

import pandas as pd
import pytest

from learning_debt.bench import HISTORIES

ROOT = Path(__file__).parents[2]
UPDATING = ROOT / "docs" / "updating.md"
SAVINGS_TABLE = "| history | rule chosen | rule | timing | both | recommended |"


def script():
    path = ROOT / "scripts" / "bench_figures.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FIGURES = script()
PAGES = {"real histories": (FIGURES.REAL_HISTORIES, 5), "policies": (FIGURES.POLICIES, 5), "bench": (FIGURES.BENCH, 25)}
"""Pages with the table, and how many policies they show at least."""


def times_text(savings: pd.DataFrame, cost_ratio: float) -> str:
    """Savings of the rule over those of timing on the two histories where rules are told apart."""
    rows = savings.loc[[("inflation", cost_ratio), ("us_employment", cost_ratio)]]
    return " and ".join(FIGURES.number(ratio, 1) for ratio in rows["saving_rule"] / rows["saving_timing"])


def table_lines(page: Path, header: str) -> dict[str, str]:
    """First cells and the rest of the lines under a header."""
    text = page.read_text(encoding="utf-8")
    begins = text.index(header)
    lines = text[begins : text.index("\n\n", begins)].splitlines()[2:]
    return dict(line.strip("| ").split(" | ", 1) for line in lines)


def words(page: Path) -> str:
    return " ".join(page.read_text(encoding="utf-8").split())


@pytest.fixture(scope="module")
def stored() -> pd.DataFrame:
    return FIGURES.read_summary()


@pytest.fixture(scope="module")
def savings() -> pd.DataFrame:
    table = pd.read_csv(FIGURES.SUMMARY.parent / "rule_savings.csv")
    return table[table["prior"] == "weak"].set_index(["history", "cost_ratio"])


@pytest.mark.parametrize("page", PAGES)
def test_tables_have_the_stored_figures(page, stored):
    path, fewest = PAGES[page]
    assert len(table_lines(path, FIGURES.POLICY_TABLE)) >= fewest
    assert FIGURES.filled(path, stored) == path.read_text(encoding="utf-8")


def test_readme_has_the_stored_figures(stored):
    text = words(ROOT / "README.md")
    ours, calendar = (
        FIGURES.interval(stored.loc[("all", name)], "relative", 2) for name in ("recommended", "calendar")
    )
    assert f"is {ours} of that of a tuned CUSUM, and that of a tuned calendar {calendar}." in text


def test_a_table_that_is_off_is_made_anew(stored, tmp_path):
    page = tmp_path / "page.md"
    for header, blank in ((FIGURES.POLICY_TABLE, "| 9 | 9 | 9 | 9 |"), (FIGURES.COST_TABLE, "| 9 | 9 | 9 |")):
        page.write_text(f"{header}\n|---|\n| never {blank}\n| blended threshold {blank}\n\nText.")
        lines = FIGURES.filled(page, stored).splitlines()
        assert [line.split("|")[1].strip() for line in lines[2:4]] == ["blended threshold", "never"]
        assert FIGURES.interval(stored.loc[("all", "never")], "relative", 2) in lines[3] or header == FIGURES.COST_TABLE
        assert lines[4:] == ["", "Text."]
        assert "| 9 |" not in "".join(lines)


def test_floors_of_the_page_of_the_bench(stored):
    row = stored.loc[("all", "blended threshold")]
    floors = f"{FIGURES.number(row['relative_floor_0.05'], 2)} and {FIGURES.number(row['relative_floor_1'], 2)}"
    assert f"the blended threshold's ratio is {floors}" in words(FIGURES.BENCH)


def test_savings_have_the_stored_figures(savings):
    lines = table_lines(UPDATING, SAVINGS_TABLE)
    assert len(lines) == len(HISTORIES)
    at_cost_1 = savings.xs(1.0, level="cost_ratio")
    for (title, line), (name, row) in zip(lines.items(), at_cost_1.iterrows(), strict=True):
        printed = re.findall(r"[+-]?\d*\.\d+", line.split(" | ", 1)[1])
        columns = [f"saving_{change}{end}" for change in ("rule", "timing", "both") for end in ("", "_low", "_high")]
        for text, column in zip(printed, columns, strict=True):
            last_digit = 10.0 ** -len(text.split(".")[1])
            assert abs(float(text) - row[column]) <= 0.51 * last_digit, (title, name, column)
        assert ("change" in line) == (row["recommended"] != "all data")


def test_the_page_of_histories_says_what_the_rule_is_worth(savings):
    text = words(FIGURES.REAL_HISTORIES)
    for name, period in (("inflation", "quarter"), ("us_employment", "month")):
        row = savings.loc[(name, 1.0)]
        assert f"{FIGURES.interval(row, 'saving_rule', 2)} nats a {period}" in text
    assert f"(rule over timing: {times_text(savings, 1.0)})" in text
    assert f"{times_text(savings, 0.25)} times what timing saves" in text
    assert f"four times as much, {times_text(savings, 4.0)} times" in text


def test_what_tuning_from_many_starts_is_worth_has_the_stored_figures():
    table = pd.read_csv(FIGURES.SUMMARY.parent / "tuning_starts.csv").set_index("policy")
    lines = table_lines(FIGURES.BENCH, "| candidates | one walk: excess relative to CUSUM, mean |")
    for name, line in lines.items():
        one, many = table.loc[name], table.loc[f"{name}, many starts"]
        assert line.split(" | ") == [
            *(f"{FIGURES.number(row['relative'], 2)}, {row['mean_excess']:.1f}" for row in (one, many)),
            f"{one['dearer_than_calendar']:.0%}, {many['dearer_than_calendar']:.0%}",
            FIGURES.interval(many, "to_one_path", 2),
        ]
    assert len(lines) == 6
    many = table.loc[[f"{name}, many starts" for name in lines]]
    assert (many["mean_excess"].values < table.loc[list(lines), "mean_excess"].values).all()
    assert ((many["to_one_path_low"] < 1) & (many["to_one_path_high"] > 1) & (many["to_one_path"] > 0.94)).all()
    simplest = table.loc["all together, many starts, simplest within 1 SE"]
    assert (FIGURES.number(simplest["relative"], 2), f"{simplest['mean_excess']:.1f}") == ("1.03", "4.9")
    calendar = table.loc["calendar, many starts, simplest within 1 SE", "relative"]
    assert FIGURES.number(calendar, 2) == "2.24"


def test_what_pages_say_of_policies_holds(stored):
    """Four policies are told from CUSUM; a continuation value carried over needs its unit tuned."""
    summary, by_cost = stored.loc["all"], stored.drop(index="all").swaplevel()
    usable = summary[~summary.index.str.contains("hindsight|oracle")]
    tuned = "continuation value of the study, unit tuned"
    told = ["blended threshold", "recommended", tuned, "Page's CUSUM"]
    assert usable.index[usable["relative_high"] < 1].tolist() == sorted(told, key=list(usable.index).index)
    assert by_cost.loc[("recommended", "4"), "relative_high"] > 1 > by_cost.loc[("recommended", "1"), "relative_high"]
    assert (by_cost.loc[["blended threshold", tuned], "relative_high"] < 1).all()
    assert abs(usable.loc[tuned, "relative"] - usable.loc["blended threshold", "relative"]) < 0.05
    assert usable.loc["calendar", "lost"] > 0.85
    carried, learned = usable.loc["continuation value of the study"], usable.loc["continuation value"]
    assert carried["relative_low"] > 1
    assert carried["lost"] > 0.5
    assert learned["histories"] == 8
    assert learned["relative_low"] < 1 < learned["relative_high"]
    best = summary.loc["best candidate in hindsight", "relative"]
    assert 0.4 < best / usable.loc["blended threshold", "relative"] < 0.6
    packages = usable.loc[["retrainopt Base", "retrainopt Learned", "retrainopt Learned, on regret", "driftfdr"]]
    assert (packages["relative"] > 1).all()
    learned_ones = packages["relative_low"][packages.index.str.contains("Learned")]
    assert (learned_ones < 1).all()
    assert (packages["relative_low"].drop(learned_ones.index) > 1).all()
    assert usable.loc["lfmm alarm", "relative"] < 1 < usable.loc["lfmm alarm", "relative_high"]
    planned = summary.loc[["retrainopt plan, in hindsight", "lfmm oracle, in hindsight"], "mean_excess"]
    assert (planned.abs() < 1e-6).all()
    detectors = usable.loc[["ADWIN", "KSWIN", "DDM", "EDDM", "HDDM-A", "HDDM-W"], "relative"]
    assert (detectors > 1).all()
    assert usable.loc["Page-Hinkley", "relative"] < 1 < usable.loc["Page-Hinkley", "relative_high"]
    assert (by_cost.loc["continuation value of the study", "relative_low"] > 1).all()
    never = by_cost.loc["never", "relative"]
    assert never["0.25"] > 2
    assert 0.9 < never["4"] < 1.1
    assert summary.loc["best calendar in hindsight", "relative"] > usable["relative"].min()
    assert (summary["cases"].max(), summary["histories"].max()) == (324, 9)


def test_what_pages_say_of_rules_holds(savings):
    """One history has a rule that is told from everything at every cost."""
    low = savings["saving_rule_low"].unstack("cost_ratio")
    assert low.index[(low > 0).all(axis=1)].tolist() == ["us_employment"]


def test_the_page_of_notebooks_has_the_table_of_cases():
    path = ROOT / "benchmarks" / "case_studies.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    cases = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(cases)
    table = pd.read_csv(cases.RESULTS)
    page = (ROOT / "docs" / "notebooks.md").read_text(encoding="utf-8")
    assert "\n".join(cases.page_lines(table)) in page
    assert {path.stem for path in (ROOT / "models").glob("*.py")} == {*table["case"]}
