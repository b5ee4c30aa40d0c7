"""Rows that arrive late and rows that are revised: what is known when, by hand."""

import ast
import re

import numpy as np
import pandas as pd
import pytest

import learning_debt as ld
from learning_debt.data import split_periods
from learning_debt.data.update_rule import UpdateRule

# Sales of two shops over four weeks. Shop B is late in week 1; A's sales of week 2 are corrected twice, the second time
# after the history ends; B's sales of week 4 never become known in it.
ROWS = pd.DataFrame(
    [
        (1, "A", 1, 10.0),
        (1, "B", 3, 20.0),
        (2, "A", 2, 30.0),
        (2, "A", 4, 31.0),
        (2, "A", 9, 32.0),
        (2, "B", 2, 40.0),
        (3, "A", 3, 50.0),
        (3, "B", 4, 60.0),
        (4, "A", 4, 70.0),
        (4, "B", 9, 80.0),
    ],
    columns=["period", "row", "arrived", "sold"],
)


def test_what_is_known_at_the_end_of_each_week():
    history = split_periods(ROWS)
    everything = [history.row_weight(week, UpdateRule()).tolist() for week in range(4)]
    assert everything == [
        [1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        [1, 0, 1, 0, 0, 1, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 1, 1, 0, 0, 0],
        [1, 1, 0, 1, 0, 1, 1, 1, 1, 0],
    ]
    forgetful = UpdateRule(window=3, discount=0.5)
    assert history.row_weight(3, forgetful).tolist() == [0, 0, 0, 0.25, 0, 0.25, 0.5, 0.5, 1, 0]
    assert not history.on_time
    assert history.rows.tolist() == [2, 2, 2, 2]
    assert history.final(1)["sold"].values.tolist() == [32.0, 40.0]
    assert [part.tolist() for part in history.newly_known(3)] == [[3, 7, 8], [2, -1, -1]]


def test_when_a_row_is_known_is_for_the_history_alone():
    data = split_periods(ROWS).data
    assert "arrived" not in data.variables
    assert "row" not in data.variables
    assert data["period"].values.tolist() == ROWS["period"].tolist()


def test_rows_without_names_that_arrive_late_are_further_rows():
    history = split_periods(ROWS.drop(columns="row"), varying_rows=True)
    assert history.row_weight(3, UpdateRule()).tolist() == [1, 1, 1, 1, 0, 1, 1, 1, 1, 0]
    assert history.rows.tolist() == [2, 4, 2, 2]


def test_without_arrivals_everything_is_known_in_its_own_period():
    history = split_periods(ROWS[["period", "sold"]], varying_rows=True)
    assert history.on_time
    assert history.row_weight(1, UpdateRule()).tolist() == [1] * 6 + [0] * 4


@pytest.mark.parametrize("kind", ["text", "dates", "numbers"])
def test_arrivals_are_labels_of_the_same_kind_as_periods(kind):
    labels = {
        "text": np.array(["2024-01", "2024-02", "2024-03"]),
        "dates": np.array(["2024-01-01", "2024-02-01", "2024-03-01"], dtype="datetime64[ns]"),
        "numbers": np.array([1.0, 2.0, 3.0]),
    }[kind]
    history = split_periods({"y": np.ones(3), "period": labels, "arrived": labels[[1, 1, 2]]})
    assert history.known_at.tolist() == [1, 1, 2]


def changed(row, **values):
    table = ROWS.copy()
    for name, value in values.items():
        table[name] = table[name].astype(object)
        table.loc[row, name] = value
    return {name: np.array(table[name].tolist()) for name in table}


@pytest.mark.parametrize(
    ("history", "message"),
    [
        (changed(2, arrived=1), "row 2 of period 2 arrived 1, before its period"),
        (changed(1, arrived=np.nan), "'arrived' is not finite at obs=1"),
        (changed(1, arrived=2.5), "row 1: arrived 2.5 is no period of the history, whose labels run from 1 to 4"),
        (changed(3, arrived=2), "rows 2 and 3 are both row A of period 2, and both arrived 2"),
        (changed(2, arrived=8), "row 3, a revision of row A of period 2, arrived 4, before row 2"),
        (
            {"y": [1.0, 2.0], "period": [1, 2], "arrived": ["1", "2"]},
            "'arrived': the label '1' is text, but labels of history periods such as 1 are numbers",
        ),
        ({"y": [1.0, 2.0], "period": [1, 2], "arrived": np.ones((2, 2))}, "'arrived' must run along 'obs' only"),
        ({"y": [1.0, 2.0], "period": [1, 2], "row": np.array(["a", None], dtype=object)}, "'row' has a missing label"),
        ({"y": [1.0] * 3, "period": [1, 2, 2], "row": [1, 1, 1]}, "both row 1 of period 2, and both arrived 2"),
    ],
)
def test_arrivals_that_make_no_sense_are_refused_with_the_row(history, message):
    with pytest.raises(ValueError, match=message):
        split_periods(history)


def test_a_first_posterior_of_no_rows_is_refused():
    history = {"x": np.ones(4), "y": np.ones(4), "period": np.arange(4), "arrived": [3, 3, 3, 3]}
    forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    with pytest.raises(ValueError, match="no row is known and held at the end of the 2 initial"):
        ld.spell_table(forecaster, history, initial=2, progressbar=False)


@pytest.mark.parametrize(
    "labels", [["W1", "W10", "W2"], ["Apr", "Feb", "Jan"], ["01.01.2024", "01.02.2024", "02.01.2024"]]
)
def test_periods_sorted_as_text_are_refused(labels):
    """They stand in the order of the alphabet, which is not that of time."""
    with pytest.raises(ValueError, match=f"periods are out of order: {labels[-1]} follows|Feb follows Apr"):
        split_periods({"y": [1.0, 2.0, 3.0], "period": labels})


@pytest.mark.parametrize(
    ("labels", "calls"),
    [
        (["27.11.2023", "04.12.2023", "11.12.2023"], ["dayfirst=True"]),
        (["27.11.23", "4.12.23"], ['format="%d.%m.%y"']),
        (["12/25/2023", "01/01/2024"], ["dayfirst=False"]),
        (["07/01/2024 08:00", "04/02/2024 08:00"], ["dayfirst=True"]),  # by the order alone
        (["07/08/2024", "06/07/2024", "09/09/2024"], ["dayfirst=True", "dayfirst=False"]),
    ],
)
def test_dates_written_as_text_are_told_how_to_become_dates(labels, calls):
    """Sorting them as text brings the same error again; what the message says does not."""
    frame = pd.DataFrame({"y": np.arange(len(labels)), "period": labels})
    with pytest.raises(ValueError, match=r"out of order: .* these look like dates written as text") as refused:
        split_periods(frame)
    message = str(refused.value)
    said = re.findall(r'pd\.to_datetime\(frame\["period"\], (\w+=[^)]+)\)', message)
    assert said == calls
    name, value = said[0].split("=")
    frame["period"] = pd.to_datetime(frame["period"], **{name: ast.literal_eval(value)})
    assert message.endswith("then sort the rows by period") == (not frame["period"].is_monotonic_increasing)
    assert len(split_periods(frame.sort_values("period"))) == len(labels)


@pytest.mark.parametrize(
    ("labels", "cure"),
    [
        (["2024-W9", "2024-W10"], "pad the numbers with zeros, .*: '2024-W09' in place of '2024-W9'$"),
        (["W1", "W10", "W2"], ".* 'W01' in place of 'W1'; then sort the rows by period$"),
        (["Q4 2023", "Q1 2024"], "write the year first: '2023-Q4' in place of 'Q4 2023'$"),
        (["9/2023", "10/2023"], "write the year first: '2023-09' in place of '9/2023'$"),
        (["27.11.2023", "04.12.2023"], ".* or write 2023-11-27 in place of '27.11.2023'$"),
        (["9.5", "10.25"], "sort the rows by period \\(text labels must sort"),  # no zeros behind a point
        (["2024-02", "2024-01"], "sort the rows by period \\(text labels must sort"),
    ],
)
def test_text_that_does_not_sort_as_time_goes_on_is_told_how_to(labels, cure):
    with pytest.raises(ValueError, match=f"out of order: .*; {cure}"):
        split_periods({"y": np.arange(len(labels)), "period": labels})
