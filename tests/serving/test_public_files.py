"""Readers of two public data sets, on small made files of the same form; and the scores of their outcomes."""

import numpy as np
import pandas as pd
import pytest

from learning_debt.serving import (
    average_precision,
    balanced_accuracy,
    read_bank_account_fraud,
    read_census_income,
)
from learning_debt.serving.public_files import CENSUS, FRAUD_NUMBERS, FRAUD_TEXT

ROW = "41, {work}, 120000, HS-grad, 9, Divorced, Sales, Unmarried, White, Female, 0, 0, 38, {country}, {label}"


def census(tmp_path, name, lines):
    path = tmp_path / name
    path.write_text("\n".join([*lines, "", ""]))
    return path


def test_census_files_are_read_as_one(tmp_path):
    rows = [ROW.format(work="Private", country="Cuba", label=label) for label in ("<=50K", ">50K", "<=50K")]
    data = census(tmp_path, "adult.data", rows)
    test = census(tmp_path, "adult.test", ["|1x3 Cross validator", ROW.format(work="?", country="?", label=">50K.")])
    found = read_census_income([data, test], batch_rows=2)
    assert list(found) == [*CENSUS, "batch"]
    assert found["income"].tolist() == [False, True, False, True]
    assert found["batch"].tolist() == [0, 0, 1, 1]
    assert found["age"].tolist() == [41] * 4
    assert found["workclass"].isna().tolist() == [False, False, False, True]
    assert found["native-country"].isna().tolist() == [False, False, False, True]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (ROW.format(work="Private", country="Cuba", label="50K"), "line 2 of .* ends in '50K'"),
        ("41, Private", "line 2 of .* has 2 cells and not 15"),
        (ROW.format(work="Private", country="Cuba", label=">50K").replace("41", "old"), "column age of .* numbers"),
    ],
)
def test_census_files_of_another_form_are_refused(tmp_path, line, message):
    good = ROW.format(work="Private", country="Cuba", label=">50K")
    with pytest.raises(ValueError, match=message):
        read_census_income(census(tmp_path, "adult.data", [good, line]))


def fraud(rows=6):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({name: rng.integers(1, 9, size=rows) for name in FRAUD_NUMBERS})
    frame = frame.assign(**dict.fromkeys(FRAUD_TEXT, "AA"), fraud_bool=[0, 1, 0, 0, 0, 1][:rows])
    return frame.assign(month=[1, 0, 0, 2, 1, 2][:rows], bank_months_count=[-1, 3, 4, 5, 6, 7][:rows])


def test_fraud_files_are_read_by_month(tmp_path):
    path = tmp_path / "Base.csv"
    fraud().to_csv(path, index=False)
    found = read_bank_account_fraud(path)
    assert found["batch"].tolist() == [0, 0, 1, 1, 2, 2]
    assert found["fraud_bool"].tolist() == [True, False, False, False, False, True]
    assert found["bank_months_count"].isna().sum() == 1
    assert found["credit_risk_score"].notna().all()
    assert found.shape == (6, 33)


def test_fraud_files_of_another_form_are_refused(tmp_path):
    path = tmp_path / "Base.csv"
    for frame, message in (
        (fraud().drop(columns="month"), r"lacks the column\(s\) month"),
        (fraud().assign(fraud_bool=2), "must be 0 or 1"),
        (fraud().assign(velocity_6h="fast"), "column velocity_6h"),
    ):
        frame.to_csv(path, index=False)
        with pytest.raises(ValueError, match=message):
            read_bank_account_fraud(path)
    with pytest.raises(FileNotFoundError, match="nothing is downloaded"):
        read_bank_account_fraud(tmp_path / "absent.csv")


def test_average_precision_and_balanced_accuracy():
    """Against their definitions: a sum over thresholds, and a mean of two shares; ties taken together."""
    rng = np.random.default_rng(2)
    for _ in range(20):
        yes = rng.random(60) < 0.3
        chance = np.round(rng.random(60), 1)
        area, recall = 0.0, 0.0
        for level in np.unique(chance)[::-1]:
            called = chance >= level
            area += ((yes & called).sum() / yes.sum() - recall) * (yes & called).sum() / called.sum()
            recall = (yes & called).sum() / yes.sum()
        assert average_precision(yes, chance) == pytest.approx(area)
        expected = ((chance[yes] >= 0.6).mean() + (chance[~yes] < 0.6).mean()) / 2
        assert balanced_accuracy(yes, chance, threshold=0.6) == pytest.approx(expected)
    assert average_precision(yes, np.full(60, 0.5)) == pytest.approx(yes.mean())
    assert average_precision(yes, yes.astype(float)) == balanced_accuracy(yes, yes.astype(float)) == 1
    with pytest.raises(ValueError, match="both must occur"):
        average_precision([1, 1], [0.5, 0.2])
