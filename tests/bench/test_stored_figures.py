"""What pages say of the bench is what its stored tables hold."""

import re
from pathlib import Path

import pandas as pd
import pytest

from learning_debt.bench import HISTORIES

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
README, POLICIES, BENCH = ROOT / "README.md", ROOT / "docs" / "policies.md", ROOT / "docs" / "bench.md"
UPDATING = ROOT / "docs" / "updating.md"
POLICY_TABLE = (
    "| policy | excess relative to tuned CUSUM (90%) | won / lost | dearer than the tuned calendar | mean excess |"
)
COST_TABLE = "| policy | .25 | 1 | 4 |"
SAVINGS_TABLE = "| history | rule chosen | rule | timing | both | recommended |"


def number(value: float, digits: int) -> str:
    """As pages print it: no zero before the point, none of less than nothing."""
    text = f"{value:.{digits}f}"
    return re.sub(r"^(-?)0\.", r"\1.", text if float(text) else text.lstrip("-"))


def interval(row: pd.Series, name: str, digits: int) -> str:
    return (
        f"{number(row[name], digits)} ({number(row[f'{name}_low'], digits)} to {number(row[f'{name}_high'], digits)})"
    )


def policy_line(row: pd.Series) -> str:
    cells = [interval(row, "relative", 2), f"{row['won']:.0%} / {row['lost']:.0%}"]
    return " | ".join([*cells, f"{row['dearer_than_calendar']:.0%}", f"{row['mean_excess']:.1f}"])


def cost_line(summary: pd.DataFrame, policy: str) -> str:
    """Of a summary by policy and cost ratio."""
    return " | ".join(interval(summary.loc[(policy, cost)], "relative", 2) for cost in ("0.25", "1", "4"))


def floors_text(summary: pd.DataFrame) -> str:
    row = summary.loc["blended threshold"]
    return f"{number(row['relative_floor_0.05'], 2)} and {number(row['relative_floor_1'], 2)}"


def times_text(savings: pd.DataFrame, cost_ratio: float) -> str:
    """Savings of the rule over those of timing on the two histories where rules are told apart."""
    rows = savings.loc[[("inflation", cost_ratio), ("us_employment", cost_ratio)]]
    return " and ".join(number(ratio, 1) for ratio in rows["saving_rule"] / rows["saving_timing"])


def table_lines(page: Path, header: str) -> dict[str, str]:
    """First cells and the rest of the lines under a header."""
    text = page.read_text(encoding="utf-8")
    if header not in text:
        return {}
    lines = []
    for line in text[text.index(header) :].splitlines()[2:]:
        if not line.startswith("|"):
            break
        lines.append(line.strip("| ").split(" | ", 1))
    return dict(lines)


@pytest.fixture(scope="module")
def stored() -> pd.DataFrame:
    return pd.read_csv(RESULTS / "bench_summary.csv", dtype={"cost_ratio": str}).set_index("policy")


@pytest.fixture(scope="module")
def summary(stored) -> pd.DataFrame:
    return stored[stored["cost_ratio"] == "all"]


@pytest.fixture(scope="module")
def by_cost(stored) -> pd.DataFrame:
    return stored[stored["cost_ratio"] != "all"]


@pytest.fixture(scope="module")
def savings() -> pd.DataFrame:
    stored = pd.read_csv(RESULTS / "rule_savings.csv")
    return stored[stored["prior"] == "weak"].set_index(["history", "cost_ratio"])


@pytest.mark.parametrize(
    ("page", "fewest"), [(README, 5), (POLICIES, 5), (BENCH, 25)], ids=["README", "policies", "bench"]
)
def test_policies_have_the_stored_figures(page, fewest, summary):
    lines = table_lines(page, POLICY_TABLE)
    assert len(lines) >= fewest
    assert lines == {name: policy_line(summary.loc[name]) for name in lines}


def test_the_page_of_the_bench_has_every_policy_in_order(summary, by_cost):
    ranked = summary.drop(index="oracle").sort_values("relative", kind="stable")
    assert list(table_lines(BENCH, POLICY_TABLE)) == ranked.index.tolist()
    lines = table_lines(BENCH, COST_TABLE)
    assert len(lines) >= 8
    every = by_cost.set_index("cost_ratio", append=True)
    assert lines == {name: cost_line(every, name) for name in lines}
    assert f"its ratio is {floors_text(summary)}" in " ".join(BENCH.read_text(encoding="utf-8").split())


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


def test_readme_says_what_the_rule_is_worth(savings):
    text = " ".join(README.read_text(encoding="utf-8").split())
    for name, period in (("inflation", "quarter"), ("us_employment", "month")):
        row = savings.loc[(name, 1.0)]
        assert f"{interval(row, 'saving_rule', 2)} nats a {period}" in text
    assert f"(rule over timing: {times_text(savings, 1.0)})" in text
    assert f"{times_text(savings, 0.25)} times what timing saves" in text
    assert f"four times as much, {times_text(savings, 4.0)} times" in text


def test_what_pages_say_of_policies_holds(summary, by_cost):
    """Of what can be used the blended threshold is cheapest, and it alone is told from CUSUM."""
    usable = summary[~summary.index.str.contains("hindsight|oracle")]
    assert usable["relative"].idxmin() == "blended threshold"
    assert usable.index[usable["relative_high"] < 1].tolist() == ["blended threshold"]
    assert (by_cost.loc["blended threshold", "relative_high"] < 1).all()
    assert usable.loc["calendar", "lost"] > 0.85
    carried, learned = usable.loc["continuation value of the study"], usable.loc["continuation value"]
    assert carried["relative_low"] > 1
    assert carried["lost"] > 0.5
    assert learned["histories"] == 8
    assert learned["relative_low"] < 1 < learned["relative_high"]
    assert 0.4 < summary.loc["best candidate in hindsight", "relative"] / usable["relative"].min() < 0.6
    detectors = usable.loc[["ADWIN", "KSWIN", "DDM", "EDDM", "HDDM-A", "HDDM-W"], "relative"]
    assert (detectors > 1).all()
    assert usable.loc["Page-Hinkley", "relative"] < 1 < usable.loc["Page-Hinkley", "relative_high"]
    assert (by_cost.loc["continuation value of the study", "relative_low"] > 1).all()
    never = by_cost.loc["never"].set_index("cost_ratio")["relative"]
    assert never["0.25"] > 2
    assert 0.9 < never["4"] < 1.1
    assert summary.loc["best calendar in hindsight", "relative"] > usable["relative"].min()
    assert (summary["cases"].max(), summary["histories"].max()) == (324, 9)


def test_what_pages_say_of_rules_holds(savings):
    """Two histories have a rule that is told from everything at every cost."""
    low = savings["saving_rule_low"].unstack("cost_ratio")
    assert low.index[(low > 0).all(axis=1)].tolist() == ["inflation", "us_employment"]
