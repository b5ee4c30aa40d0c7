"""The examples of every page in docs run as they are printed, one after the other.

An example that needs what only its reader has is a sketch: its fence says ``python sketch``, and it is not run.
"""

import os
import re
import shutil
from importlib.util import find_spec
from pathlib import Path
from unittest.mock import patch

import pytest

from learning_debt.spells.schema import VERSION

DOCS = Path(__file__).parents[1] / "docs"
PACKAGES = ("bambi", "dask", "distributed", "pymc_extras", "pymc_marketing")


def examples(page):
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), flags=re.DOTALL)


def shown_output(page):
    """What a page says that its first example prints."""
    return re.search(r"```text\n(.*?)\n```", page, flags=re.DOTALL).group(1).strip()


def check_bench(there, rows):
    assert there == "True"
    assert "'three CUSUMs'" in rows
    assert "'oracle'" in rows


def check_costs(bills, money, implied, verdict):
    assert [line.split(":")[0] for line in bills.splitlines()] == [
        "0.3 nats",
        "0.1 nats + 0.001 nats per second of computing + 2 nats per unit of predictive debt",
    ]
    assert "EUR" in money
    nats, euros = implied.splitlines()
    assert nats.startswith("Retraining every 12 periods is the cheapest calendar if a retrain costs ")
    assert "EUR" in euros
    assert "which decides today" in money
    assert re.match(r"(retrain|wait); the verdict flips at \d", verdict)
    assert verdict.endswith("%")


def check_design_matrix(gap):
    assert re.match(r"-?[\d.]+ ± [\d.]+$", gap)


def check_getting_started(quickstart, made):
    page = (DOCS / "getting-started.md").read_text(encoding="utf-8")
    assert quickstart == shown_output(page)
    assert not made


def check_late_data(bills):
    assert [line.split()[0] for line in bills.splitlines()] == ["on", "late"]


def check_price_a_retrain(drift, calendars, costs, money):
    assert float(drift.split(" cost ")[1].split()[0]) > 1
    assert len(calendars.splitlines()) == 3
    assert "cost_high" in costs
    assert money.splitlines()[0].endswith("EUR).")
    assert money.endswith("EUR")


def check_your_own_shadow(kept):
    assert kept == "{'supplied'} True"


def check_gallery(*printed):
    assert not any(printed)


def check_integrations(*printed):
    assert all(printed)


def check_models(whole_model):
    assert not whole_model  # it defines a forecaster and prints nothing


def check_monitor_operations(verifier, verified):
    assert not verifier  # it defines a function and prints nothing
    assert verified == "True False False"


def check_policies(printed, own, kept):
    bills = dict(line.split(": ") for line in printed.splitlines())
    assert float(bills["ContinuationValue"]) < float(bills["CUSUM"]) < float(bills["Never"])
    assert own.startswith("MovingAverage(")
    assert float(own.split(": ")[1]) < float(bills["Never"])
    assert kept == "True"


def check_scale(nothing, fleet, *printed):
    verdicts = {line.split(":")[0]: (line.split()[1], float(line.split()[2])) for line in fleet.splitlines()}
    assert list(verdicts) == ["north", "south", "west"]
    assert verdicts["north"][0] == "retrain,"
    assert verdicts["north"][1] > 5 * max(verdicts["south"][1], verdicts["west"][1])  # the north has moved
    assert not nothing
    *identical, files, opened = printed
    assert set(identical) == {"True"}
    assert len(files.splitlines()) == 2
    assert opened.startswith("3 [")
    assert opened.splitlines()[-1] in ("retrain", "wait")


def check_scores(money, levels):
    assert money.endswith("EUR")
    assert all("±" in line for line in levels.splitlines())


def check_budget(plan, shipping, cost):
    page = " ".join((DOCS / "budget.md").read_text().split())
    for printed in (plan, shipping):
        assert " ".join(printed.split()) in page  # as it is printed there
    assert "from 7 concepts" in " ".join(cost.split())


def check_serving(table, best):
    scores = {line.rsplit(maxsplit=1)[0]: float(line.split()[-1]) for line in table.splitlines()[1:4]}
    assert scores["naive"] < scores["stacking"]
    assert best == "naive"  # after one jump, the newest of the models trained every eight weeks


def check_spell_table(printed, fleet):
    assert "update_rule: rolling window of 20 periods, discount 0.99 a period" in printed
    assert f"schema_version: {VERSION}" in printed
    verdicts = dict(line.split(" ", 1) for line in fleet.splitlines())
    assert list(verdicts) == ["north", "south", "west"]
    assert len(set(verdicts.values())) == 1  # they have one history


def check_updating(*printed):
    assert all(printed)
    assert len(printed) == 9
    assert printed[2].startswith("Retraining on the last ")  # a slope that wanders is forgotten
    assert "Recommended: retraining on the last " in printed[2]
    assert printed[-2].strip() == "True"  # two keepers of the same draws
    assert "variance" in printed[-1]
    assert "moved most by period 4" in printed[-1]  # both coefficients turn round in 40


CHECKS = {
    "bench.md": check_bench,
    "budget.md": check_budget,
    "costs.md": check_costs,
    "design-matrix.md": check_design_matrix,
    "getting-started.md": check_getting_started,
    "late-data.md": check_late_data,
    "price-a-retrain.md": check_price_a_retrain,
    "your-own-shadow.md": check_your_own_shadow,
    "gallery.md": check_gallery,
    "integrations.md": check_integrations,
    "models.md": check_models,
    "monitor-operations.md": check_monitor_operations,
    "policies.md": check_policies,
    "scale.md": check_scale,
    "scores.md": check_scores,
    "serving.md": check_serving,
    "spell-table.md": check_spell_table,
    "updating.md": check_updating,
}
"""What each page's examples print, one argument for each."""


@pytest.mark.parametrize("page", CHECKS)
def test_examples_run_and_print_what_the_page_says(page, capsys, tmp_path, monkeypatch):
    shutil.copy(DOCS / "sales.csv", tmp_path)
    monkeypatch.chdir(tmp_path)
    names, printed, absent = {}, [], set()
    for example in examples(page):
        missing = {package for package in PACKAGES if package in example and find_spec(package) is None}
        absent |= missing
        if not missing:
            with patch.dict(os.environ):  # a cluster of dask leaves its workers' settings in it
                exec(compile(example, str(DOCS / page), "exec"), names)
            printed.append(capsys.readouterr().out.strip())
    CHECKS[page](*printed)
    if absent:
        pytest.skip(f"the examples that need {', '.join(sorted(absent))} were left out; the others ran")


def test_the_readme_has_the_quickstart_and_its_output():
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    page = (DOCS / "getting-started.md").read_text(encoding="utf-8")
    quickstart = examples("getting-started.md")[0]
    assert f"```python\n{quickstart}```".replace('"sales.csv"', '"docs/sales.csv"') in readme
    assert len(quickstart.splitlines()) <= 21
    assert shown_output(readme) == shown_output(page)


def test_the_toy_is_what_the_page_makes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    exec("import numpy as np\nimport pandas as pd", names)
    exec(examples("getting-started.md")[1], names)
    assert Path("sales.csv").read_text() == (DOCS / "sales.csv").read_text()


def test_every_page_with_examples_is_checked():
    assert {path.name for path in DOCS.glob("*.md") if examples(path.name)} == set(CHECKS)
