"""The plot of debt by part: order, intervals, bounds, and visuals that can be switched off."""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from learning_debt.plots import plot_debt_parts


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture
def parts():
    columns = {
        "value": [0.2, 1.3, 3.0, 0.7, np.inf],
        "standard_error": [0.02, 0.1, np.nan, 0.1, np.nan],
        "reliable": [True, True, False, False, False],
        "lower_bound": [False, False, True, False, False],
    }
    labels = ["slope", "level[Graz]", "level[Linz]", "spread", "broken"]
    dataset = xr.Dataset({name: ("block", values) for name, values in columns.items()}, {"block": labels})
    return dataset.assign_attrs(quantity="marginal posterior debt", unit="nats")


@pytest.mark.parametrize("backend", ["none", "matplotlib"])
def test_rows_go_from_the_largest_to_the_least(parts, backend):
    collection = plot_debt_parts(parts, backend=backend)
    drawn = ["level[Linz]", "level[Graz]", "spread", "slope"]
    assert collection.viz["point"]["value"]["part"].values.tolist() == drawn
    assert {"interval", "point", "lower_bound", "unreliable"} <= set(collection.viz.children)
    if backend == "matplotlib":
        axes = collection.viz["figure"].item().axes[0]
        assert [text.get_text() for text in axes.get_yticklabels()] == drawn
        assert "marginal posterior debt (nats)" in axes.get_xlabel()
        assert "at least" in axes.get_xlabel()
        assert "1 without a finite value left out" in axes.get_xlabel()


def test_intervals_are_as_wide_as_asked_for(parts):
    drawn = plot_debt_parts(parts, ci_prob=0.9, backend="matplotlib").viz["interval"]["value"]
    interval = drawn.sel(part="level[Graz]").item()
    np.testing.assert_allclose(interval.get_xdata(), [1.3 - 0.16448536, 1.3 + 0.16448536])
    assert set(interval.get_ydata()) == {2.0}


def test_only_the_largest_are_drawn(parts):
    two = plot_debt_parts(parts, max_parts=2, backend="none").viz["point"]["value"]
    assert two["part"].values.tolist() == ["level[Linz]", "level[Graz]"]


def test_groups_need_no_bounds(parts):
    groups = parts.drop_vars("lower_bound").rename(block="store").isel(store=[0, 1])
    assert "lower_bound" not in plot_debt_parts(groups, backend="none").viz.children


@pytest.mark.parametrize("visual", ["interval", "point", "lower_bound", "unreliable", "zero", "xlabel", "labels"])
def test_a_visual_can_be_switched_off(parts, visual):
    assert visual not in plot_debt_parts(parts, backend="none", visuals={visual: False}).viz.children


def test_refusals(parts):
    with pytest.raises(ValueError, match="standard_error"):
        plot_debt_parts(parts.drop_vars("standard_error"), backend="none")
    with pytest.raises(ValueError, match="no finite value"):
        plot_debt_parts(parts.isel(block=[4]), backend="none")
    with pytest.raises(ValueError, match="wrong"):
        plot_debt_parts(parts, backend="none", visuals={"wrong": False})
