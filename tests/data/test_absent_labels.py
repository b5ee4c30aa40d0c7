"""Labels that are evenly spaced but for some that are not there."""

import numpy as np
import pandas as pd
import pytest

from learning_debt.data import absent_labels, as_labels

REGULAR = {
    "days": pd.date_range("2024-01-01", periods=40),
    "weeks": pd.date_range("2024-01-07", periods=40, freq="W"),
    "month starts": pd.date_range("2021-01-01", periods=40, freq="MS"),
    "month ends": pd.date_range("2021-01-31", periods=40, freq="ME"),
    "zone": pd.date_range("2024-01-01", periods=40, tz="Europe/Vienna"),
    "hours": pd.date_range("2024-01-01", periods=40, freq="h"),
    "quarters": pd.period_range("2010Q1", periods=40, freq="Q"),
    "numbers": np.arange(5, 205, 5),
    "text": [f"{year}-W{week:02d}" for year in (2023, 2024) for week in range(1, 53)],
    "months as numbers": [100 * year + month for year in (2022, 2023, 2024) for month in range(1, 13)],
}


@pytest.mark.parametrize("name", REGULAR)
def test_regular_labels_miss_none_and_what_is_taken_out_is_counted(name):
    labels = list(REGULAR[name])
    assert absent_labels(as_labels(labels)) == (0, "")
    kept = [label for place, label in enumerate(labels) if place not in (7, 20, 21)]
    count, after = absent_labels(as_labels(kept))
    assert count == 3
    assert after == as_labels(labels).texts[6]


def test_weekends_are_not_missed_and_a_holiday_is():
    days = pd.bdate_range("2024-01-01", periods=60)
    assert absent_labels(as_labels(days)) == (0, "")
    assert absent_labels(as_labels(days.delete(10)))[0] == 1


@pytest.mark.parametrize("labels", [["a", "b", "c", "d", "e"], [1, 2], [1.5, 2.5, 4.0, 5.0, 6.0], [1, 3, 4, 8, 9, 13]])
def test_labels_that_are_not_evenly_spaced_miss_nothing(labels):
    assert absent_labels(as_labels(labels)) == (0, "")
