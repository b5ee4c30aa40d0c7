"""Comparison of a sampled with an exact table, on tables whose bias, error and coverage are known."""

import numpy as np
import pytest
import xarray as xr

import learning_debt as ld

DIMS = ("series", "deployed_at", "period")


def table_of(**cells):
    return xr.Dataset({name: (DIMS, np.asarray(values)[None]) for name, values in cells.items()})


def upper(values):
    """A 3 x 3 table of the six values s < t, row by row."""
    cells = np.full((3, 3), np.nan)
    cells[np.triu_indices(3)] = values
    return cells


EXACT = table_of(debt=upper([1.0, 2.0, 4.0, 1.0, 2.0, 1.0]))


def compared(misses, errors, reliable=None, **options):
    sampled = table_of(debt=upper([1.0, 2.0, 4.0, 1.0, 2.0, 1.0]) + upper(misses), debt_se=upper(errors))
    if reliable is not None:
        sampled["debt_reliable"] = (DIMS, np.nan_to_num(upper(reliable)).astype(bool)[None])
    return ld.compare_tables(sampled, EXACT, **options).sel(signal="debt")


def test_a_known_bias_error_and_coverage():
    """|miss| / se is 1, 1, 2, 1, 2, 1, and 1.645 is the limit of 90%."""
    result = compared([0.1, -0.1, 0.2, 0.1, -0.2, 0.1], np.full(6, 0.1))
    assert int(result["cells"]) == 6
    assert float(result["reliable_share"]) == 1
    assert float(result["bias"]) == pytest.approx(0.2 / 6)
    assert float(result["rmse"]) == pytest.approx(np.sqrt(0.12 / 6))
    assert float(result["coverage"]) == pytest.approx(4 / 6)
    # .1, .05, .05, .1, .1, .1
    assert float(result["median_relative_error"]) == pytest.approx(0.1)


@pytest.mark.parametrize(("probability", "covered"), [(0.5, 0), (0.68, 0), (0.69, 4), (0.95, 4), (0.96, 6)])
def test_coverage_is_that_of_the_probability_asked_for(probability, covered):
    result = compared([0.1, -0.1, 0.2, 0.1, -0.2, 0.1], np.full(6, 0.1), probability=probability)
    assert float(result["coverage"]) == pytest.approx(covered / 6)
    assert result.attrs["probability"] == probability


def test_cells_that_are_not_reliable_count_as_cells_and_nowhere_else():
    result = compared([0.1, 99.0, 0.1, np.nan, 0.1, 0.1], np.full(6, 0.1), reliable=[1, 0, 1, 0, 1, 1])
    assert int(result["cells"]) == 6
    assert float(result["reliable_share"]) == pytest.approx(4 / 6)
    assert float(result["bias"]) == pytest.approx(0.1)
    assert float(result["coverage"]) == 1


def test_without_a_reliable_cell_nothing_is_claimed():
    result = compared(np.zeros(6), np.ones(6), reliable=np.zeros(6))
    assert float(result["reliable_share"]) == 0
    for name in ("bias", "rmse", "coverage", "median_relative_error"):
        assert np.isnan(result[name])


def test_relative_error_leaves_out_values_too_small_to_divide_by():
    exact = table_of(debt=upper([0.0, 0.005, 2.0, 0.0, 0.01, 4.0]))
    sampled = exact.assign(debt=exact["debt"] + 0.1, debt_se=exact["debt"] * 0 + 1)
    result = ld.compare_tables(sampled, exact).sel(signal="debt")
    assert float(result["median_relative_error"]) == pytest.approx((0.05 + 0.025) / 2)
    small = ld.compare_tables(sampled * 0 + 0.001, exact * 0)
    assert np.isnan(small["median_relative_error"].sel(signal="debt"))


def test_gaps_that_are_zero_by_definition_do_not_flatter_the_coverage():
    gap = upper([0.0, 0.3, 0.4, 0.0, 0.5, 0.0])
    exact = table_of(score_gap=gap)
    sampled = table_of(score_gap=gap + upper([0, 1, 1, 0, 1, 0]), score_gap_se=upper([0, 0.1, 0.1, 0, 0.1, 0]))
    result = ld.compare_tables(sampled, exact).sel(signal="score_gap")
    assert int(result["cells"]) == 3
    assert float(result["coverage"]) == 0
    assert float(result["bias"]) == pytest.approx(1.0)


def test_only_signals_that_both_tables_hold_are_compared():
    both = EXACT.assign(debt_se=EXACT["debt"] * 0 + 1)
    more = both.assign(predictive_debt=EXACT["debt"], predictive_debt_se=EXACT["debt"])
    assert ld.compare_tables(more, EXACT)["signal"].values.tolist() == ["debt"]
    assert ld.compare_tables(both, more)["signal"].values.tolist() == ["debt"]


def test_tables_of_different_sizes_are_refused():
    with pytest.raises(ValueError, match="the tables differ in size"):
        ld.compare_tables(EXACT.isel(period=slice(0, 2)), EXACT)


TWO = xr.concat(
    [EXACT, EXACT.assign(debt=EXACT["debt"] * 3)], xr.DataArray(["a", "b"], dims="series", name="series")
).assign_coords(label=("period", ["May", "June", "July"]))
OTHERS = {
    "series in another order": (TWO.isel(series=[1, 0]), "differ in the labels 'series': b to a and a to b"),
    "other periods": (TWO.assign_coords(label=("period", ["June", "July", "August"])), "differ in the labels 'label'"),
    "another score": (TWO.assign_attrs(score="crps"), r"differ in attrs\['score'\]: 'crps' and 'log'"),
    "another rule": (TWO.assign_attrs(update_rule="discount 0.9 a period"), r"differ in attrs\['update_rule'\]"),
}


@pytest.mark.parametrize("other", OTHERS)
def test_tables_of_other_things_are_refused_by_name(other):
    sampled, message = OTHERS[other]
    exact = TWO.assign_attrs(score="log", update_rule="all data")
    with pytest.raises(ValueError, match=message):
        ld.compare_tables(sampled.assign(debt_se=sampled["debt"] * 0 + 1), exact)


def test_the_order_of_dimensions_does_not_matter():
    sampled = TWO.assign(debt_se=TWO["debt"] * 0 + 0.1).transpose("period", "deployed_at", "series")
    assert ld.compare_tables(sampled, TWO)["rmse"].item() == 0.0
