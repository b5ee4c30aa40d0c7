"""Pictures of curves: what is drawn, what is left out, and what is refused."""

import matplotlib

matplotlib.use("agg")

import numpy as np
import pytest
import xarray as xr

import learning_debt as ld
from learning_debt.plots import plot_ageing, plot_belief_slope

BACKENDS = ("matplotlib", "plotly", "bokeh", "none")


@pytest.fixture(scope="module")
def spells():
    rng = np.random.default_rng(1)
    x = rng.normal(size=200)
    coefficient = np.where(np.arange(200) // 2 < 50, 2.0, 0.5)
    history = {"x": x, "y": coefficient * x + rng.normal(size=200), "period": np.arange(200) // 2}
    forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    return ld.spell_table(forecaster, history, initial=20, progressbar=False)


@pytest.fixture(scope="module")
def curve(spells):
    return ld.ageing_curve(spells)


@pytest.fixture(scope="module")
def slopes(spells):
    return ld.belief_slope(spells)


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_draws_both(backend, curve, slopes):
    pytest.importorskip("matplotlib" if backend == "none" else backend)
    for pc in (plot_ageing(curve, backend=backend), plot_belief_slope(slopes, backend=backend)):
        assert {"band", "line", "unreliable"} <= set(pc.viz)


def points(pc, name):
    """What matplotlib drew of a line: x and y."""
    return np.array(pc.viz["line"][name].item().get_data(), dtype=float)


def test_the_line_is_the_curve_where_it_is_reliable(curve, slopes):
    x, y = points(plot_ageing(curve, backend="matplotlib"), "regret")
    reliable = curve["reliable"].values[:40]
    np.testing.assert_array_equal(x[reliable], np.arange(1, 41)[reliable])
    np.testing.assert_array_equal(y[reliable], curve["regret"].values[:40][reliable])
    assert np.isnan(y[~reliable]).all()
    _, y = points(plot_belief_slope(slopes, backend="matplotlib"), "slope")
    np.testing.assert_array_equal(y[slopes["reliable"].values], slopes["slope"].values[slopes["reliable"].values])


def test_no_first_slope_hides_the_rest(slopes):
    wild = slopes.copy(deep=True)
    wild["slope"][1], wild["reliable"][1] = 1e6, False
    axes = plot_belief_slope(wild, backend="matplotlib").viz["plot"].item()
    assert axes.get_ylim()[1] < 1e3


def test_ages_to_draw_are_the_callers(curve):
    assert points(plot_ageing(curve, max_age=5, backend="matplotlib"), "regret").shape == (2, 5)
    with pytest.raises(ValueError, match="max_age must be a whole number that is at least 1"):
        plot_ageing(curve, max_age=0, backend="none")


def test_what_is_not_reliable_has_no_band(spells):
    short = spells.isel(deployed_at=slice(4), period=slice(4))
    pc = plot_ageing(ld.ageing_curve(short), backend="none")
    assert "unreliable" in pc.viz
    assert "band" not in pc.viz


def test_visuals_may_be_left_out(curve):
    pc = plot_ageing(curve, backend="none", visuals={"band": False, "unreliable": False})
    assert {"band", "unreliable"}.isdisjoint(pc.viz)


def test_other_datasets_are_refused_by_name(curve, slopes):
    with pytest.raises(KeyError, match=r"slopes holds no 'slope_low' .* ld\.belief_slope"):
        plot_belief_slope(curve, backend="none")
    with pytest.raises(KeyError, match=r"curve holds no 'regret_low' .* ld\.ageing_curve"):
        plot_ageing(slopes, backend="none")
    with pytest.raises(TypeError, match="curve must be a Dataset"):
        plot_ageing(3, backend="none")
    with pytest.raises(TypeError, match="slopes must be a Dataset"):
        plot_belief_slope(xr.DataArray(1), backend="none")
