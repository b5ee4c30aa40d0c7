"""What went stale, and the decision log: what the page says of parameters, rows and periods."""

import re

import numpy as np
import pytest
import xarray as xr

import learning_debt as ld
from learning_debt.report import posteriors_are_cheap, staleness, write_report
from learning_debt.report.cost_section import whole_table
from learning_debt.report.decision_log import log_section
from learning_debt.report.drawn_numbers import MOST_POINTS, nice_ticks, thinned
from learning_debt.report.glossary_links import linked
from learning_debt.report.html_parts import shortened
from learning_debt.report.stale_section import stale_section


def history(rows=2, periods=40):
    rng = np.random.default_rng(1)
    count = rows * periods
    x = np.column_stack([np.ones(count), rng.normal(size=count)])
    period = np.arange(count) // rows
    y = x[:, 0] + np.where(period < 25, 1.0, 3.0) * x[:, 1] + rng.normal(size=count)
    columns = {"x": (("obs", "coefficient"), x), "y": ("obs", y), "period": ("obs", period)}
    return xr.Dataset(columns, {"store": ("obs", np.resize(["Graz", "Linz"], count))})


FORECASTER = ld.ConjugateRegression(ld.NIG([0.0, 0.0], np.eye(2), 2.0, 1.0), coefficient_names=["level", "price"])


@pytest.fixture(scope="module")
def replayed():
    return ld.replayed_posteriors(FORECASTER, history(), initial=10, progressbar=False)


@pytest.fixture(scope="module")
def table():
    return ld.spell_table(FORECASTER, history(), initial=10, progressbar=False)


def test_what_moved_is_what_debt_by_block_says(replayed):
    found = staleness(replayed, 10)
    last = replayed.periods
    pair = replayed.posterior(last), replayed.posterior(10)
    expected = ld.debt_by_block(FORECASTER, *pair, **replayed.rows_between(10, last))
    xr.testing.assert_allclose(found.blocks, expected)
    assert found.blocks["block"].values[found.blocks["value"].values.argmax()] == "coefficients[price]"
    assert found.groups["store"].values.tolist() == ["Graz", "Linz"]


@pytest.mark.parametrize(("values", "said"), [([0.8, np.inf], "of variance"), ([np.nan, np.inf], "of slope, variance")])
def test_parts_without_a_finite_number_are_named(values, said):
    columns = {"value": values, "standard_error": [0.0, 0.0], "reliable": [True, True]}
    blocks = xr.Dataset({name: ("block", of) for name, of in columns.items()}, {"block": ["slope", "variance"]})
    assert f"No finite number is known {said}." in stale_section([], blocks, None, False)


def test_parameters_over_the_periods(replayed):
    found = staleness(replayed, 10).parameters
    exact = np.array([replayed.posterior(period).mean for period in (0, replayed.periods)])
    middle = found["mean"].sel(parameter=["coefficients[level]", "coefficients[price]"]).values[:, [0, -1]].T
    np.testing.assert_allclose(middle, exact)
    assert bool((found["low"] < found["mean"]).all())
    assert bool((found["mean"] < found["high"]).all())
    assert found.sizes["period"] == replayed.periods + 1


def test_posteriors_of_several_series_are_not_looked_at(table):
    assert posteriors_are_cheap(table)
    assert not posteriors_are_cheap(xr.concat([table, table.assign_coords(series=[1])], "series"))


def test_the_section_says_what_to_do_where_there_is_nothing(replayed):
    assert "debt_by_block" in stale_section([], None, None, has_parameters=False)
    found = staleness(replayed, 10)
    shown = stale_section([], found.blocks, found.groups, has_parameters=True)
    assert "debt_by_block" not in shown
    assert re.findall(r"<bdi>([^<]*)</bdi>", shown)[0] == "coefficients[price]"


def test_the_log_adds_up(table):
    audit = ld.audit(table, 0.2, calendar=4, resamples=10)
    shown = log_section(audit)
    rows = re.findall(r'<tr><th scope="row"><bdi>(\d+)</bdi></th>(.*?)</tr>', shown)
    assert [int(label) for label, _ in rows] == sorted((int(label) for label, _ in rows), reverse=True)
    assert len(rows) == audit.spells.sizes["period"]
    own = [re.findall(r"<td>(.*?)</td>", row)[0] for _, row in rows]
    assert sum("retrained" in cell for cell in own) == int(audit.replays["your calendar"].retrains.sum())
    total = sum(float(re.sub(r"<[^>]*>[a-z]*", "", cell).replace("−", "-")) for cell in own)
    assert total == pytest.approx(float(audit.table["total"].sel(policy="your calendar")), abs=0.01 * len(rows))


def test_a_ledgers_decisions_are_in_the_page(tmp_path, table):
    rows = history()
    first = rows.isel(obs=rows["period"].values < 39)
    monitor = ld.Monitor.create(
        tmp_path / "state", FORECASTER, first, cost=0.2, policy=ld.policies.CUSUM(0.5), calendar=5, initial=10
    )
    monitor.observe(rows.isel(obs=rows["period"].values == 39))
    ledger = monitor.history()
    audit = monitor.audit(calendar=4, resamples=5)
    page = write_report(audit, tmp_path / "r", title="t", ledger=ledger, what_if=False).read_text(encoding="utf-8")
    log = page[page.index("As recorded") : page.index("Looking back")]
    assert log.count('<th scope="row">') == ledger.sizes["period"] == 30
    assert log.index("<bdi>39</bdi>") < log.index("<bdi>38</bdi>")


@pytest.mark.parametrize(
    ("name", "given", "says"),
    [
        ("blocks", xr.Dataset(), "debt_by_block"),
        ("groups", xr.Dataset(), "debt_by_group"),
        ("parameters", xr.Dataset({"mean": 1.0}), "low"),
        ("ledger", xr.Dataset(), "Monitor.history"),
    ],
)
def test_what_is_something_else_is_refused(tmp_path, table, name, given, says):
    audit = ld.audit(table, 0.2, resamples=2)
    with pytest.raises(ValueError, match=says):
        write_report(audit, tmp_path / "r", title="t", **{name: given})


def test_a_negative_debt_threshold_is_explained_where_it_is_shown(table):
    """Debt that is usual at its age stands above it."""
    usual = ld.AgeAdjustment((0.1, 0.0, 0.2, 0.0), 0.5)
    age = np.arange(1.0, 9.0)
    assert (usual.standardise((0.1 + 0.2 * np.sqrt(age)) ** 2, age) > -0.1858).all()
    explained = "A negative one retrains at a debt somewhat below the usual"
    for threshold in (-0.1858, 0.1858):
        policies = {"debt threshold": [ld.policies.DebtThreshold(threshold, usual)]}
        shown = whole_table(ld.audit(table, 0.4, policies=policies, resamples=2))
        assert f"DebtThreshold({threshold}" in shown
        assert (explained in shown) == (threshold < 0)


def test_words_lead_to_the_glossary_where_they_are_met_first(tmp_path, table):
    audit = ld.audit(table, 0.4, resamples=20, random_seed=1)
    page = write_report(audit, tmp_path / "audit", title="toy", table=table).read_text(encoding="utf-8")
    first_screen = page[page.index('id="verdict"') : page.index('id="cost"')]
    links = re.findall(r'class="word" href="#(word-[a-z-]+)"', first_screen)
    assert "word-nat" in links
    assert len(links) == len(set(links))
    assert all(f'<dt id="{link}">' in page for link in links)
    named = linked('<h2>nats</h2><bdi>nats</bdi><p title="nats">e-value 2, e-value 1, shadowy</p>')
    assert named == (
        '<h2>nats</h2><bdi>nats</bdi><p title="nats"><a class="word" href="#word-e-value">e-value</a> 2, '
        "e-value 1, shadowy</p>"
    )


def test_long_histories_are_thinned_and_names_cut():
    places = thinned(1000)
    assert (len(places), places[0], places[-1]) == (MOST_POINTS, 0, 999)
    assert len(shortened("x" * 10_000)) == 60
    assert nice_ticks(0.0, 0.0) == [0.0]
