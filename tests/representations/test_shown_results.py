"""Every result shows itself, as text, as HTML and as a data frame."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

import learning_debt as ld
from learning_debt.auditing.audit_tables import MOST_SERIES, decision_table

VOID = {"br", "hr", "img", "meta", "input"}


class Page(HTMLParser):
    """Refuses tags that are not closed, scripts, and anything that a page would fetch."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        assert tag not in {"script", "style", "link", "img", "iframe"}
        assert not {"src", "href", "onclick"} & {name for name, _ in attrs}
        assert not any("color" in (value or "") or "background" in (value or "") for _, value in attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def spells():
    rng = np.random.default_rng(1)
    x, week = rng.normal(size=(3, 60)), np.arange(60)
    y = np.where(week < 35, 2, 0) * x + rng.normal(size=(3, 60))
    rows = {"x": x.ravel(), "y": y.ravel(), "period": np.tile(week, 3), "series": np.repeat(["n", "<s>", "東"], 60)}
    forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    return ld.spell_table(forecaster, rows, initial=15, progressbar=False)


@pytest.fixture(scope="module")
def audits(spells):
    one = spells.isel(series=[0])
    return [ld.audit(table, 0.2, calendar=9, resamples=20) for table in (one, spells)]


@pytest.fixture(scope="module")
def results(spells, audits):
    one, several = audits
    replay = ld.replay(spells, ld.policies.CUSUM(0.2), 0.2)
    return [
        ld.Estimate(0.5, 0.1, doubts=(ld.Doubt.FEW_DRAWS,), diagnostics={"effective_draws": 63}),
        *(one, several, one.decision, one.diagnosis, replay, several.tuned["CUSUM"]),
    ]


def test_html_is_whole_small_and_asks_for_nothing(results):
    for result in results:
        page = Page()
        text = result._repr_html_()
        page.feed(text)
        assert not page.open
        assert len(text) < 30_000
        assert "<s>" not in text


def test_the_first_words_of_text_and_html_are_the_same(results):
    for result in results:
        shown = " ".join(re.sub(r"<[^>]*>", "", result._repr_html_()).split())
        first = str(result).split("\n")[0].split(" (")[0]
        assert first in shown, type(result)


def test_text_fits_eighty_columns_and_a_repr_a_line(audits):
    for audit in audits:
        assert max(map(len, str(audit).splitlines())) <= 80
        assert len(repr(audit)) < 200
        assert "\n" not in repr(audit)


def test_every_series_is_in_the_table_of_todays_decisions(audits):
    text = str(audits[1])
    for name, decision in audits[1].decisions.items():
        assert any(line.startswith(name) and decision.verdict in line for line in text.splitlines())


def test_hundreds_of_series_are_folded_and_the_most_urgent_come_first(audits):
    one = audits[0].decision
    many = dict.fromkeys(range(300), replace(one, verdict="wait")) | {"late": replace(one, verdict="retrain")}
    table = decision_table(many, "nats", "x")
    assert len(table.names.cells) == MOST_SERIES
    assert table.names.cells[0] == "late"
    assert f"{301 - MOST_SERIES} more series" in table.more


def test_a_bill_as_a_data_frame_adds_up(spells):
    bill = ld.replay(spells, ld.policies.CUSUM(0.2), 0.2)
    frame = bill.to_dataframe()
    assert frame.index.names == ["series", "period"]
    assert frame.attrs == {"unit": "nats"}
    total = frame.groupby("series", sort=False)["bill"].sum()
    np.testing.assert_allclose(total, bill.objective.values, rtol=1e-12)
    np.testing.assert_allclose(frame["paid"] + frame["regret"], frame["bill"], atol=1e-12)
    assert frame["retrained"].sum() == bill.retrains.sum()
    assert [date for row in bill.dates for date in row] == frame.loc[frame["retrained"], "label"].tolist()


def test_tables_are_data_frames_with_the_owners_labels(audits, spells):
    frame = audits[0].to_dataframe()
    assert frame.index.tolist() == audits[0].table["policy"].values.tolist()
    assert frame.attrs["benchmark"] == "your calendar"
    tuned = audits[0].tuned["CUSUM"]
    assert tuned.to_dataframe()["objective"].iloc[tuned.index] == tuned.table["objective"].values[tuned.index]


def test_what_an_audit_says_for_programs_is_what_it_found(audits):
    one, several = (audit.as_dict() for audit in audits)
    assert [row["policy"] for row in one["policies"]] == audits[0].table["policy"].values.tolist()
    assert one["decisions"][0]["verdict"] == audits[0].decision.verdict
    assert [row["series"] for row in several["decisions"]] == ["n", "<s>", "東"]
    assert several["diagnosis"] is None
    assert one["rules"] is None
