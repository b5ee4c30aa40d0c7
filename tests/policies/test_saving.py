"""Policies and what they learned come back from a file as they were, and nothing else does."""

import datetime
import json

import numpy as np
import pandas as pd
import pytest

import learning_debt as ld
from learning_debt import policies
from learning_debt.data.content_hash import without_addresses
from learning_debt.policies.rivals import rivals
from learning_debt.policies.saving import CLASSES, as_text, from_text

from .test_representations import SHOWN

SCORES = [ld.scores.EnergyScore(), ld.scores.QuantileLoss(0.9), ld.scores.NewsvendorLoss(4.0, 1.0, "EUR")]
KEPT = [*SHOWN, *SCORES]
KEEPERS = [ld.ShadowLadder(rungs="reweight"), ld.PooledShadow(0.4), ld.Refit()]


@pytest.mark.parametrize("one", KEPT, ids=lambda one: str(one)[:40])
def test_each_comes_back_equal_and_of_its_class(tmp_path, one):
    policies.save(tmp_path / "one.json", one)
    again = policies.load(tmp_path / "one.json")
    assert again == one
    assert type(again) is type(one)
    assert repr(again) == repr(one)
    assert [file.name for file in tmp_path.iterdir()] == ["one.json"]


def test_every_class_that_a_file_may_hold_is_tried():
    assert set(CLASSES) == {type(one).__name__ for one in (*KEPT, *KEEPERS)}


@pytest.mark.parametrize("keeper", KEEPERS, ids=lambda one: type(one).__name__)
def test_keepers_of_the_shadow_come_back_as_they_were(keeper):
    assert without_addresses(repr(from_text(as_text(keeper)))) == without_addresses(repr(keeper))


def test_grids_come_back_with_their_names(tmp_path):
    grid = rivals([1.2, 1.5, np.nan, 3.0], river=False) | {"left out": None}
    policies.save(str(tmp_path / "grid.json"), grid)
    assert policies.load(str(tmp_path / "grid.json")) == grid


@pytest.mark.parametrize(
    "label",
    [
        pd.Period("2024-03", "M"),
        datetime.datetime(2024, 1, 5, 12),
        pd.Timestamp("2024-01-05", tz="Europe/Vienna"),
        datetime.date(2024, 1, 5),
        datetime.timedelta(days=3),
        ("Graz", 1),
        3,
        "w1",
    ],
    ids=repr,
)
def test_dates_of_every_kind_come_back(tmp_path, label):
    schedule = object.__new__(policies.Schedule)
    object.__setattr__(schedule, "dates", (label,))
    policies.save(tmp_path / "one.json", schedule)
    content = json.loads((tmp_path / "one.json").read_text())["content"]
    policies.save(tmp_path / "dates.json", schedule.dates)
    assert policies.load(tmp_path / "dates.json") == (label,)
    assert content["class"] == "Schedule"


class MyPolicy(policies.Policy):
    requires = ()

    def step(self, state, signals):
        return state, np.ones(signals.spell_age.shape, dtype=bool)


class Never(policies.Never):
    """Of the same name, and not the library's."""


@pytest.mark.parametrize(
    "what", [MyPolicy(), [Never()], {"rows": {1: policies.Never()}}, {1, 2}, lambda: 1, np.float64]
)
def test_what_is_not_the_librarys_is_refused_and_no_file_is_left(tmp_path, what):
    with pytest.raises(TypeError, match="neither a policy of learning-debt"):
        policies.save(tmp_path / "one.json", what)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "has version 2"),
        ({"version": None}, "has version None"),
        ({"format": "another"}, "lacks the format"),
        ({"content": {"class": "CUSUMM", "fields": {}}}, "there is no class 'CUSUMM'; did you mean 'CUSUM'"),
        ({"content": {"class": "os.system", "fields": {"command": "true"}}}, "there is no class 'os.system'"),
        ({"content": {"class": "CUSUM", "fields": {"treshold": 1}}}, r"CUSUM has the fields \['threshold'\]"),
        ({"content": {"class": "CUSUM", "fields": {"threshold": -1}}}, "threshold must be a number that is above 0"),
        ({"content": {"class": "CUSUM", "fields": {"threshold": "1"}}}, "threshold must be a number"),
        ({"content": {"pickle": "gASV"}}, "which policies.save does not write"),
        ({"content": {"class": ["CUSUM"], "fields": {}}}, "there is no class"),
    ],
)
def test_files_of_another_kind_are_refused_by_name(tmp_path, change, message):
    path = tmp_path / "one.json"
    policies.save(path, policies.CUSUM(1.0))
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ValueError, match=message):
        policies.load(path)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "[" * 100_000])
def test_what_is_no_such_file_is_refused_with_its_path(tmp_path, text):
    (tmp_path / "one.json").write_text(text)
    with pytest.raises(ValueError, match=r"one\.json' is no file that policies\.save wrote"):
        policies.load(tmp_path / "one.json")
    with pytest.raises(TypeError, match="path must be the path of a file"):
        policies.load(3)
