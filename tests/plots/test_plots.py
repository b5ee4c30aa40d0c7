"""Plots draw what the audit says, on every backend, and let each visual be switched off."""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

import learning_debt as ld
from learning_debt.plots import plot_bill, plot_debt, plot_decisions, plot_sampled_against_exact
from learning_debt.plots.ticks import period_ticks

PERIODS = 40


def make_spells(series: int = 1, periods: int = PERIODS, seed: int = 0, sampled: bool = False) -> xr.Dataset:
    """A synthetic table: debts grow with spell age, gaps are predictive debt plus noise."""
    rng = np.random.default_rng(seed)
    age = np.arange(1, periods + 1) - np.arange(periods)[:, None]
    cells = np.where(age > 0, age, np.nan) * np.ones((series, 1, 1))
    debt = 0.02 * cells * rng.uniform(0.5, 1.5, cells.shape)
    predictive = 0.005 * cells * rng.uniform(0.5, 1.5, cells.shape)
    dims = ("series", "deployed_at", "period")
    values = {"debt": debt, "predictive_debt": predictive, "score_gap": predictive + rng.normal(0, 0.02, cells.shape)}
    table = xr.Dataset(
        {name: (dims, value) for name, value in values.items()},
        coords={
            "series": [f"shop {k}" for k in range(series)],
            "period": np.arange(1, periods + 1),
            "deployed_at": np.arange(periods),
            "label": ("period", [f"{1990 + k // 4}Q{k % 4 + 1}" for k in range(periods)]),
        },
    )
    for name in values if sampled else ():
        table[f"{name}_se"] = 0.05 * np.abs(table[name])
        table[f"{name}_reliable"] = (dims, rng.random(cells.shape) > 0.1)
    return table


@pytest.fixture(scope="module")
def audit() -> ld.Audit:
    return ld.audit(make_spells(), 0.1, calendar=4, resamples=50)


@pytest.fixture(scope="module")
def several() -> ld.Audit:
    return ld.audit(make_spells(series=3), 0.1, calendar=4, resamples=50)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def axes_of(collection):
    return collection.viz["figure"].item().axes


def drawn_calls(audit: ld.Audit, **kwargs):
    table = make_spells(sampled=True)
    schedule = ld.replay(table, ld.policies.Calendar(4), 0.1).schedule
    return {
        plot_bill: plot_bill(audit, **kwargs),
        plot_decisions: plot_decisions(audit, **kwargs),
        plot_debt: plot_debt(table, schedule, **kwargs),
        plot_sampled_against_exact: plot_sampled_against_exact(table, make_spells(), **kwargs),
    }


EXPECTED = {
    plot_bill: {"line", "retrain"},
    plot_decisions: {"baseline", "retrain"},
    plot_debt: {"band", "line", "unreliable", "retrain"},
    plot_sampled_against_exact: {"interval", "point", "unreliable", "identity"},
}


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["none", "matplotlib"])
def test_every_plot_draws_its_visuals(audit, backend):
    for function, collection in drawn_calls(audit, backend=backend).items():
        assert EXPECTED[function] <= set(collection.viz.children), function.__name__


@pytest.mark.parametrize("visual", ["line", "retrain", "legend", "zero", "xlabel", "ylabel", "ticks"])
def test_a_visual_can_be_switched_off(audit, visual):
    off = plot_bill(audit, backend="none", visuals={visual: False})
    assert visual not in off.viz.children
    if visual != "line":
        assert "line" in off.viz.children


def test_an_unknown_visual_is_refused(audit):
    for function in (plot_bill, plot_decisions):
        with pytest.raises(ValueError, match="wrong"):
            function(audit, backend="none", visuals={"wrong": False})


def test_bill_lines_end_at_the_totals(audit):
    collection = plot_bill(audit, backend="matplotlib")
    lines = collection.viz["line"]["bill"]
    assert set(lines["policy"].values) == set(audit.replays)
    for name in audit.replays:
        ends = lines.sel(policy=name).item().get_ydata()[-1]
        assert float(ends) == pytest.approx(float(audit.table["total"].sel(policy=name)), abs=1e-12)
    # One line per policy, and the line at zero.
    assert len(axes_of(collection)[0].lines) == len(audit.replays) + 1


def test_bill_marks_each_retrain(audit):
    marks = plot_bill(audit, backend="matplotlib").viz["retrain"]["bill"]
    for name, one in audit.replays.items():
        artist = marks.sel(policy=name).item()
        drawn = 0 if artist is None else int(np.isfinite(np.asarray(artist.get_offsets().filled(np.nan))[:, 1]).sum())
        assert drawn == int(one.retrains.item()), name


def test_bill_legend_names_every_policy_with_its_total(audit):
    figure = plot_bill(audit, backend="matplotlib").viz["figure"].item()
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert len(texts) == len(audit.replays)
    assert [text.split(":")[0] for text in texts][-1] == "oracle"
    total = float(audit.table["total"].sel(policy="your calendar"))
    calendar = next(text for text in texts if text.startswith("your calendar"))
    assert float(calendar.splitlines()[0].split(":")[1].replace("−", "-")) == pytest.approx(total, abs=0.01)


def test_oracle_is_dashed_and_the_calendar_is_widest(audit):
    lines = plot_bill(audit, backend="matplotlib").viz["line"]["bill"]
    styles = {name: lines.sel(policy=name).item() for name in audit.replays}
    assert styles["oracle"].get_linestyle() == "--"
    widths = {name: style.get_linewidth() for name, style in styles.items()}
    assert max(widths, key=lambda name: widths[name]) == "your calendar"


def test_a_choice_of_policies(audit):
    lines = plot_bill(audit, policies=["never", "oracle"], backend="none").viz["line"]["bill"]
    assert lines.sizes["policy"] == 2
    with pytest.raises(KeyError, match="nobody"):
        plot_bill(audit, policies=["nobody"], backend="none")


def test_schedule_marks_stand_at_the_retrains(audit):
    marks = plot_decisions(audit, backend="matplotlib").viz["retrain"]["retrain"]
    drawn = marks.sel(policy="your calendar").item().get_offsets().filled(np.nan)[:, 0]
    expected = np.flatnonzero(audit.replays["your calendar"].schedule.values[0]) + 1
    np.testing.assert_array_equal(drawn[np.isfinite(drawn)], expected)


@pytest.mark.parametrize("backend", ["none", "matplotlib"])
def test_several_series(several, backend):
    assert plot_bill(several, backend=backend).viz["line"]["bill"].sizes["policy"] == len(several.replays)
    marks = plot_decisions(several, max_series=2, backend=backend).viz["retrain"]["retrain"]
    assert marks.sizes["series"] == 2
    signals = plot_debt(several.spells, several.replays["your calendar"].schedule, backend=backend)
    assert signals.viz["line"]["debt"].sizes["series"] == 3


def test_signals_follow_the_schedule():
    table = make_spells()
    schedule = ld.replay(table, ld.policies.Calendar(10), 0.1).schedule
    collection = plot_debt(table, schedule, backend="matplotlib")
    line = collection.viz["line"]["score_gap"].item().get_ydata()
    expected = [table["score_gap"].values[0, 10 * ((t - 1) // 10), t - 1] for t in range(1, PERIODS + 1)]
    np.testing.assert_allclose(np.asarray(line, dtype=float), expected)
    crossings = [artist.get_xdata()[0] for artist in collection.viz["retrain"]["score_gap"].values.ravel()]
    assert crossings == [10.5, 20.5, 30.5]
    assert "band" not in collection.viz.children  # exact values need none


@pytest.mark.parametrize(
    ("asked", "reach"),
    [
        ({"ci_prob": 0.9}, 1.6448536),
        ({}, 1.5981931),  # ArviZ's default, .89
        ({"stats": {"band": {"prob": 0.5}}}, 0.6744898),
    ],
)
def test_band_is_as_wide_as_asked_for(asked, reach):
    table = make_spells(sampled=True)
    band = plot_debt(table, backend="matplotlib", **asked).viz["band"]["debt"].item()
    vertices = band.get_paths()[0].vertices
    top = max(vertices[np.isclose(vertices[:, 0], PERIODS), 1])
    assert top == pytest.approx(float(table["debt"][0, 0, -1]) * (1 + reach * 0.05))


def test_signals_refuse_a_schedule_that_does_not_fit():
    schedule = ld.replay(make_spells(), ld.policies.Never(), 0.1).schedule
    with pytest.raises(ValueError, match="schedule"):
        plot_debt(make_spells(), schedule.isel(period=slice(1, None)), backend="none")


def test_sampled_against_exact_is_thinned_and_minds_zeros():
    exact, sampled = make_spells(), make_spells(sampled=True)
    sampled["debt"] = sampled["debt"] - 0.05  # some estimates fall below zero
    collection = plot_sampled_against_exact(sampled, exact, max_points=100, backend="matplotlib")
    kept = collection.viz["point"]["debt"].item().get_offsets().filled(np.nan)
    assert len(kept) == 100
    assert np.nanmin(kept) > 0
    assert axes_of(collection)[0].get_xscale() == "log"
    assert axes_of(collection)[2].get_xscale() == "linear"
    again = plot_sampled_against_exact(sampled, exact, max_points=100, backend="matplotlib")
    np.testing.assert_array_equal(again.viz["point"]["debt"].item().get_offsets().filled(np.nan), kept)


def test_sampled_against_exact_refuses_tables_with_nothing_to_draw():
    spells = make_spells(periods=6)
    spells["debt"] = spells["debt"] * np.inf
    with pytest.raises(ValueError, match=r"no cell in which all of .* are finite"):
        plot_sampled_against_exact(spells, spells, backend="none")


def test_sampled_against_exact_refuses_tables_of_different_histories():
    with pytest.raises(ValueError, match="differ in size"):
        plot_sampled_against_exact(make_spells(), make_spells(periods=20), backend="none")


@pytest.mark.slow
def test_plots_leave_global_state_alone(audit):
    before = dict(matplotlib.rcParams)
    drawn_calls(audit, backend="matplotlib")
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize(
    "labels",
    [
        np.arange(1990, 2010),
        np.arange("2001-01", "2011-01", dtype="datetime64[M]"),
        [f"{y}Q{q}" for y in range(1990, 2040) for q in range(1, 5)],
        ["only"],
        np.arange(2000.0, 2003.0),
        [f"week {k}" for k in range(5000)],
        np.array([7]),
    ],
)
def test_ticks_are_few_and_are_labels(labels):
    positions, texts = period_ticks(labels)
    assert 1 <= len(positions) <= 9
    assert len(set(texts)) == len(texts)
    assert positions.min() >= 1
    assert positions.max() <= len(labels)


def test_names_that_are_cut_to_the_same_text_give_way_to_numbers():
    _, texts = period_ticks([f"the week of the {week} after the launch of it all" for week in range(20)])
    assert texts[:3] == ["1", "5", "9"]


def test_rows_leave_a_narrow_picture_half_of_its_width(audit):
    figure = plot_decisions(audit, backend="matplotlib", figure_kwargs={"figsize": (3, 4)}).viz["figure"].item()
    names = [text.get_text().rsplit(" (", 1)[0] for text in figure.axes[0].get_yticklabels()]
    assert max(len(name) for name in names) == 15
