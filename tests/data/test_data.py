"""What a user may hand over, and what is refused with a name."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from learning_debt.data import append_rows, as_dataset, as_past, require_variables, split_periods, take_rows


def test_mapping_data_frame_and_dataset_become_the_same_dataset():
    x, y = np.array([1.0, 2.0, 3.0]), np.array([0.5, 0.6, 0.7])
    dataset = xr.Dataset({"x": ("obs", x), "y": ("obs", y)})
    for data in ({"x": x, "y": y}, {"x": ("obs", x), "y": dataset["y"]}, pd.DataFrame({"x": x, "y": y}), dataset):
        xr.testing.assert_identical(as_dataset(data), dataset)


def test_the_first_axis_of_an_array_runs_over_observations_and_scalars_are_static():
    data = as_dataset({"x": np.ones((4, 2)), "scale": 3.0, "knots": ("knot", [0.0, 1.0, 2.0])}, "day")
    assert data["x"].dims[0] == "day"
    assert data["scale"].dims == ()
    assert data["knots"].dims == ("knot",)
    chosen = take_rows(data, slice(1, 3), "day")
    assert chosen.sizes["day"] == 2
    assert chosen.sizes["knot"] == 3


@pytest.mark.parametrize("data", [[1.0, 2.0], np.ones(3), "file.csv", None, 3])
def test_other_containers_are_refused(data):
    with pytest.raises(TypeError, match="a mapping of arrays or a data frame"):
        as_dataset(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "no dimension 'obs'"),
        ({"x": 1.0}, "no dimension 'obs'"),
        ({"x": []}, "no rows"),
        (pd.DataFrame({"x": []}), "no rows"),
        ({"x": [1.0, 2.0], "y": [1.0]}, "do not fit together"),
        ({"x": [1.0, np.nan]}, "'x' is not finite at obs=1"),
        ({"x": [1.0, np.inf]}, "'x' is not finite at obs=1"),
        ({"x": [1.0, 2.0], "scale": np.nan}, "'scale' is not finite"),
        ({"x": np.array([[1.0, 2.0], [3.0, np.nan]])}, "'x' is not finite at obs=1, x_dim_1=1"),
        ({"store": np.array(["a", None], dtype=object)}, "'store' has a missing label at position 1"),
        ({"store": np.array(["a", np.nan], dtype=object)}, "'store' has a missing label at position 1"),
        ({"store": np.array(["a", pd.NA], dtype=object)}, "'store' has a missing label at position 1"),
        (pd.DataFrame([[1.0, 2.0]], columns=["x", "x"]), "repeated column names"),
    ],
)
def test_data_that_cannot_be_used_are_refused_by_name(data, message):
    with pytest.raises(ValueError, match=message):
        as_dataset(data)


def test_a_missing_variable_is_refused_with_the_nearest_spelling():
    with pytest.raises(KeyError, match="did you mean 'sales'"):
        require_variables(as_dataset({"sales": [1.0], "price": [2.0]}), ["sale"])


def test_periods_are_cut_where_the_label_changes():
    history = split_periods({"y": np.arange(7.0), "period": [3, 3, 5, 5, 5, 9, 9]})
    assert len(history) == 3
    assert history.labels.tolist() == [3, 5, 9]
    assert history.rows.tolist() == [2, 3, 2]
    assert history.periods(1, 3)["y"].values.tolist() == [2.0, 3.0, 4.0, 5.0, 6.0]
    assert history.periods(0, 1)["y"].values.tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    "labels",
    [
        ["2024-01", "2024-01", "2024-02"],
        np.array(["2024-01-01", "2024-01-01", "2024-01-02"], dtype="datetime64[ns]"),
        np.array(["2024-01-01", "2024-01-01", "2024-01-02"], dtype="datetime64[D]"),
        [1.5, 1.5, 2.5],
    ],
)
def test_labels_may_be_text_dates_or_numbers(labels):
    history = split_periods({"y": np.arange(3.0), "period": labels}, varying_rows=True)
    assert history.rows.tolist() == [2, 1]


def test_pandas_periods_and_timestamps_are_labels_too():
    months = pd.period_range("2024-01", periods=4, freq="M")
    for labels in (months, months.to_timestamp()):
        history = split_periods(pd.DataFrame({"y": np.arange(4.0), "period": labels}))
        assert history.rows.tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([1, 3, 2], "out of order: 2 follows 3"),
        ([1, 1, 2, 2, 1], "out of order: 1 follows 2"),
        (["2024-2", "2024-10"], "out of order"),
        ([1, 2, 2, 3, 4], "period 2 appears in more than one row"),
        ([1.0, np.nan, 3.0], "'period' is not finite"),
        (np.array(["a", None, "b"], dtype=object), "'period' has a missing label"),
        (np.array(["2024-01-01", "NaT", "2024-01-03"], dtype="datetime64[ns]"), "period"),
    ],
)
def test_periods_that_make_no_calendar_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        split_periods({"y": np.ones(len(labels)), "period": labels})


def test_a_history_without_periods_is_refused():
    with pytest.raises(KeyError, match="history lacks the variable 'period'"):
        split_periods({"y": [1.0, 2.0]})
    with pytest.raises(KeyError, match="did you mean 'periods'"):
        split_periods({"y": [1.0, 2.0], "periods": [1, 2]})


def test_period_must_run_along_the_observations_only():
    with pytest.raises(ValueError, match="'period' must run along 'obs' only"):
        split_periods({"y": [1.0, 2.0], "period": np.ones((2, 2))})


def test_rows_that_truly_vary_are_let_through_when_said_so():
    labels = [1, 2, 2, 3, 4]
    assert split_periods({"y": np.ones(5), "period": labels}, varying_rows=True).rows.tolist() == [1, 2, 1, 1]
    assert split_periods({"y": np.ones(6), "period": [1, 1, 2, 2, 2, 3]}).rows.tolist() == [2, 3, 1]


def test_rows_follow_the_rows_before_them():
    past = as_dataset({"x": [[1.0, 2.0], [3.0, 4.0]], "y": [1, 2], "store": ["Graz", "Linz"], "weight": ((), 2.0)})
    batch = as_dataset({"x": [[5.0, 6.0]], "store": ["Wien, Ring"], "weight": ((), 3.0)})
    joined = append_rows(past, batch, "obs")
    assert joined["x"].values.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert joined["store"].values.tolist() == ["Graz", "Linz", "Wien, Ring"]
    assert joined["y"].values.tolist() == [1, 2, 0]  # an outcome yet to come
    assert joined["weight"].item() == 3.0
    with pytest.raises(KeyError, match="past lacks the variable 'x'"):
        append_rows(past.drop_vars("x"), batch, "obs")
    with pytest.raises(ValueError, match=r"past has 'x' along \('obs',\)"):
        append_rows(past.assign(x=("obs", [1.0, 2.0])), batch, "obs")


def test_no_rows_are_a_past_too():
    for nothing in ({"y": []}, pd.DataFrame({"y": []}), as_dataset({"y": [1.0]}).isel(obs=slice(0))):
        assert as_past(nothing, "obs").sizes["obs"] == 0
    with pytest.raises(ValueError, match="not finite"):
        as_past({"y": [np.nan]}, "obs")
