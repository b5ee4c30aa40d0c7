"""Every plot on every backend, and what the plots of tables and posteriors draw."""

import warnings

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from arviz_base import rc_context
from arviz_plots import PlotCollection
from scipy import stats

import learning_debt as ld
from learning_debt import plots
from learning_debt.auditing.chance_check import reliability
from learning_debt.plots.parameter_lines import plot_parameter_stability

BACKENDS = ("matplotlib", "plotly", "bokeh", "none")
PERIODS = 24


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def make_spells(series=1, periods=PERIODS, seed=0):
    """Sampled signals that grow with age; gaps of either sign."""
    rng = np.random.default_rng(seed)
    age = np.arange(1, periods + 1) - np.arange(periods)[:, None]
    cells = np.where(age > 0, age, np.nan) * np.ones((series, 1, 1))
    dims = ("series", "deployed_at", "period")
    debt = 0.02 * cells * rng.uniform(0.5, 1.5, cells.shape)
    table = xr.Dataset(
        {
            "debt": (dims, debt),
            "predictive_debt": (dims, debt / 4),
            "score_gap": (dims, rng.normal(0.01, 0.05, cells.shape)),
        }
        | {f"{name}_se": (dims, 0.01 + 0 * cells) for name in ("debt", "predictive_debt", "score_gap")}
        | {"score_gap_reliable": (dims, rng.random(cells.shape) > 0.1)},
        {"series": [f"shop {k}" for k in range(series)], "label": ("period", np.arange(2000, 2000 + periods))},
    )
    return table.assign(score_gap=table["score_gap"].where(np.isfinite(cells)))


@pytest.fixture(scope="module")
def spells():
    return make_spells()


@pytest.fixture(scope="module")
def replayed():
    rng = np.random.default_rng(2)
    period = np.repeat(np.arange(30), 4)
    x = np.column_stack([np.ones(120), rng.normal(size=120)])
    history = {"x": x, "y": x @ [1.0, 0.5] + (period > 18) * x[:, 1] + rng.normal(size=120), "period": period}
    forecaster = ld.ConjugateRegression(ld.NIG(np.zeros(2), np.eye(2), 3.0, 2.0), coefficient_names=["base", "$tv$"])
    return ld.replayed_posteriors(forecaster, history, initial=10, progressbar=False)


@pytest.fixture(scope="module")
def audit(spells):
    return ld.audit(make_spells(periods=40), 0.1, calendar=4, resamples=20)


def every_plot(spells, replayed, audit):
    """Each public plot as a function of the backend."""
    schedule = ld.replay(spells, ld.policies.Calendar(5), 0.1).schedule
    parts = xr.Dataset(
        {"value": ("block", [0.2, 1.3]), "standard_error": ("block", [0.1, 0.1]), "reliable": ("block", [True, False])},
        {"block": ["a", "b"]},
    ).assign(lower_bound=("block", [False, True]))
    chances = reliability(np.repeat([0.2, 0.7], 300), np.arange(600) % 5 > 2, np.arange(600) % 7)
    believed = spells.assign(gap_sd=spells["predictive_debt"] + 0.05)
    kept = spells.assign(rung=(("series", "period"), [["refit"] * PERIODS]))
    return {
        "plot_ageing": lambda **given: plots.plot_ageing(ld.ageing_curve(spells), **given),
        "plot_belief_slope": lambda **given: plots.plot_belief_slope(ld.belief_slope(believed), **given),
        "plot_bill": lambda **given: plots.plot_bill(audit, **given),
        "plot_calibration": lambda **given: plots.plot_calibration(chances, **given),
        "plot_debt": lambda **given: plots.plot_debt(spells, schedule, **given),
        "plot_debt_parts": lambda **given: plots.plot_debt_parts(parts, **given),
        "plot_decisions": lambda **given: plots.plot_decisions(audit, **given),
        "plot_parameter_stability": lambda **given: plot_parameter_stability(replayed, **given),
        "plot_regret": lambda **given: plots.plot_regret(spells, schedule, cost=0.1, **given),
        "plot_sampled_against_exact": lambda **given: plots.plot_sampled_against_exact(spells, spells, **given),
        "plot_spells": lambda **given: plots.plot_spells(spells, schedule, **given),
        "plot_upkeep": lambda **given: plots.plot_upkeep(kept, **given),
    }


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_every_plot_is_drawn_on_every_backend_and_can_be_shown(backend, spells, replayed, audit):
    drawn = every_plot(spells, replayed, audit)
    assert set(drawn) == set(plots.__all__)
    for name, draw in drawn.items():
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            collection = draw(backend=backend)
        assert isinstance(collection, PlotCollection), name
        assert collection.backend == backend
        show(collection)


def show(collection):
    """What it takes to look at it: faults of a backend come up here."""
    figure = collection.viz["figure"].item()
    if collection.backend == "matplotlib":
        figure.canvas.draw()
    elif collection.backend == "plotly":
        assert figure.to_json()
    elif collection.backend == "bokeh":
        from bokeh.embed import json_item

        assert json_item(figure)


@pytest.mark.slow
def test_the_default_backend_is_that_of_arviz(spells, replayed, audit):
    with rc_context({"plot.backend": "none"}):
        for draw in every_plot(spells, replayed, audit).values():
            assert draw().backend == "none"


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_collection_of_the_callers_is_drawn_on(backend, spells):
    cells = xr.Dataset({"cells": spells["score_gap"].isel(series=0, drop=True)})
    mine = PlotCollection.grid(cells, backend=backend)
    assert plots.plot_spells(spells, plot_collection=mine) is mine
    assert "cell" in mine.viz


def test_old_names_are_served_with_a_warning(spells):
    for old, new in (
        ("plot_signals", "plot_debt"),
        ("plot_schedule", "plot_decisions"),
        ("plot_chances", "plot_calibration"),
    ):
        with pytest.warns(DeprecationWarning, match=f"{old} is now {new}"):
            assert getattr(plots, old) is getattr(plots, new)
    with pytest.raises(AttributeError, match="plot_nothing"):
        plots.plot_nothing  # noqa: B018


def test_without_a_schedule_the_first_fit_serves_throughout(spells):
    line = plots.plot_debt(spells, backend="matplotlib").viz["line"]["debt"].item().get_ydata()
    np.testing.assert_array_equal(np.asarray(line, dtype=float), spells["debt"].values[0, 0])


def test_variables_may_be_named(spells):
    assert set(plots.plot_debt(spells, var_names="debt", backend="none").viz["line"].data_vars) == {"debt"}
    with pytest.raises(ValueError, match="var_names"):
        plots.plot_debt(spells, var_names=["dept"], backend="none")


@pytest.mark.parametrize("backend", BACKENDS)
def test_of_many_series_the_first_are_drawn(backend):
    many = make_spells(series=5, periods=6)
    schedule = ld.replay(many, ld.policies.Calendar(2), 0.1).schedule
    for function in (plots.plot_debt, plots.plot_regret):
        line = function(many, schedule, max_series=2, backend=backend).viz["line"]
        assert all(line[name].sizes["series"] == 2 for name in line.data_vars)
    cell = plots.plot_spells(many, schedule, max_series=4, backend=backend).viz["cell"]["cells"]
    assert cell["series"].values.tolist() == ["shop 0", "shop 1", "shop 2", "shop 3"]


def test_regret_starts_anew_with_each_retrain_and_adds_up_to_the_bill(spells):
    replay = ld.replay(spells, ld.policies.Calendar(5), 0.1)
    pc = plots.plot_regret(spells, replay.schedule, cost=0.1, backend="matplotlib")
    regret, spell = (np.asarray(pc.viz["line"][name].item().get_ydata()) for name in ("regret", "spell_regret"))
    assert regret.sum() == pytest.approx(float(replay.regret.item()))
    np.testing.assert_allclose(spell[:5], np.cumsum(regret[:5]))
    np.testing.assert_allclose(spell[5:10], np.cumsum(regret[5:10]))
    np.testing.assert_allclose(pc.viz["cost"]["spell_regret"].item().get_ydata(), 0.1)
    band = pc.viz["band"]["spell_regret"].item().get_paths()[0].vertices
    top = band[np.isclose(band[:, 0], 3.0), 1].max()  # errors of a spell add up: three periods of .01
    assert top == pytest.approx(spell[2] + 0.03 * stats.norm.ppf(0.945))


def test_regret_is_in_money_where_nats_have_a_price(spells):
    price = ld.RetrainingCost(5, money_per_nat=20, currency="EUR")
    pc = plots.plot_regret(spells, cost=price, backend="matplotlib")
    np.testing.assert_allclose(pc.viz["line"]["regret"].item().get_ydata(), 20 * spells["score_gap"].values[0, 0])
    assert "(EUR)" in pc.viz["figure"].item().axes[0].get_ylabel()


def test_cells_are_the_tables_and_the_path_is_the_schedules(spells):
    schedule = ld.replay(spells, ld.policies.Calendar(10), 0.1).schedule
    pc = plots.plot_spells(spells, schedule, backend="matplotlib")
    image = pc.viz["cell"]["cells"].item()
    np.testing.assert_array_equal(np.ma.filled(image.get_array(), np.nan), spells["score_gap"].values[0])
    assert image.get_extent() == [0.5, PERIODS + 0.5, -0.5, PERIODS - 0.5]
    x, y = pc.viz["schedule"]["cells"].item().get_data()
    assert (x[0], x[-1]) == (0.5, PERIODS + 0.5)
    assert y[::2].tolist() == [0] * 10 + [10] * 10 + [20] * 4
    crosses = pc.viz["unreliable"]["cells"].item().get_offsets().filled(np.nan)
    held = np.isfinite(spells["score_gap"].values[0]) & ~spells["score_gap_reliable"].values[0]
    assert np.isfinite(crosses[:, 0]).sum() == held.sum()


def test_colours_are_on_both_sides_of_zero_where_values_are(spells):
    def looks(variable):
        return plots.plot_spells(spells, variable=variable, backend="none").viz["cell"]["cells"].item()

    gap, debt = looks("score_gap"), looks("debt")
    assert gap["limits"][0] == -gap["limits"][1]
    assert debt["limits"][0] == 0.0
    assert gap["cmap"] != debt["cmap"]
    own = plots.plot_spells(spells, backend="none", visuals={"cell": {"cmap": "magma", "limits": (0.0, 1.0)}})
    assert own.viz["cell"]["cells"].item()["limits"] == (0.0, 1.0)
    with pytest.raises(ValueError, match="variable"):
        plots.plot_spells(spells, variable="dept", backend="none")


def test_exact_parameters_have_the_quantiles_of_their_marginals(replayed):
    pc = plot_parameter_stability(replayed, ci_prob=0.8, point_estimate="mean", backend="matplotlib")
    posterior = replayed.posterior(7)
    drawn = pc.viz["point"]["value"].sel(parameter="coefficients[$tv$]").item().get_ydata()
    assert drawn[7] == pytest.approx(posterior.mean[1])
    band = pc.viz["interval"]["value"].sel(parameter="variance").item().get_paths()[0].vertices
    ends = band[np.isclose(band[:, 0], 8.0), 1]
    expected = stats.invgamma(posterior.shape, scale=posterior.rate).ppf([0.1, 0.9])
    np.testing.assert_allclose([ends.min(), ends.max()], expected)


def test_draws_agree_with_the_exact_posterior_that_they_are_of(replayed):
    forecaster, dims = replayed.forecaster, ("chain", "draw")
    exact = {label: replayed.posterior(label) for label in (0, 10, 20)}
    drawn = {label: forecaster.sample(one, draws=20000, chains=1, random_seed=1) for label, one in exact.items()}
    for kind in ("eti", "hdi"):
        ends = []
        for posteriors in (exact, drawn):
            pc = plot_parameter_stability(
                posteriors,
                var_names="variance",
                ci_kind=kind,
                point_estimate="median",
                backend="matplotlib",
                sample_dims=dims,
            )
            vertices = pc.viz["interval"]["value"].item().get_paths()[0].vertices
            ends.append([vertices[:, 1].min(), vertices[:, 1].max()])
        np.testing.assert_allclose(ends[0], ends[1], rtol=0.03)  # quantiles of 20,000 draws: some 1% off at 4 sigma


def test_what_was_deployed_stands_still_between_retrains(replayed):
    made = xr.DataArray(np.isin(np.arange(1, replayed.periods + 1), [4, 9]), dims="period")
    pc = plot_parameter_stability(replayed, made, var_names="~variance", backend="matplotlib")
    assert pc.viz["point"]["parameter"].values.tolist() == ["coefficients[base]", "coefficients[$tv$]"]
    x, y = pc.viz["deployed"]["value"].sel(parameter="coefficients[base]").item().get_data()
    means = [replayed.posterior(period).mean[0] for period in (0, 4, 9)]
    np.testing.assert_allclose(y[::2], np.repeat(means, [4, 5, replayed.periods - 9]))
    assert x[0] == 1.5  # the first posterior is that of period 0, at place 1; it serves from the next on
    lines = [artist.get_xdata()[0] for artist in pc.viz["retrain"]["value"].values[0]]
    assert lines == [5.5, 10.5]
    with pytest.raises(ValueError, match="schedule must be of one series"):
        plot_parameter_stability(replayed, made[1:][1:], backend="none")


def test_of_many_parameters_those_that_moved_are_drawn(replayed):
    rng = np.random.default_rng(1)
    draws = rng.normal(size=(6, 1, 200, 30))
    draws[3:, ..., [4, 20]] += 5
    dims = ("period", "chain", "draw", "channel")
    dataset = xr.Dataset({"beta": (dims, draws)}, {"channel": [f"c{k}" for k in range(30)], "period": list("abcdef")})
    tree = xr.DataTree.from_dict({"posterior": dataset})
    for posteriors in (dataset, tree):
        pc = plot_parameter_stability(posteriors, max_parameters=2, backend="none")
        assert pc.viz["point"]["parameter"].values.tolist() == ["beta[c4]", "beta[c20]"]
    few = plot_parameter_stability(tree, coords={"channel": ["c1"]}, backend="none").viz["point"]
    assert few["parameter"].values.tolist() == ["beta[c1]"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"var_names": ["betta"]}, "var_names"),
        ({"coords": {"coefficient": ["nobody"]}}, "coords"),
        ({"sample_dims": ["sample"], "posteriors": "draws"}, "sample_dims"),
        ({"group": "prior", "posteriors": "draws"}, "group"),
        ({"posteriors": {}}, "empty"),
        ({"posteriors": {1: 2.0}}, "each must be a DataTree"),
        ({"stats": {"interval": {"prob": 0.5}}}, "interval"),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_name(replayed, given, message):
    draws = {1: replayed.forecaster.sample(replayed.posterior(1), draws=9, chains=1, random_seed=1)}
    posteriors = {"draws": draws}.get(str(given.get("posteriors")), given.get("posteriors", replayed))
    rest = {name: value for name, value in given.items() if name != "posteriors"}
    with pytest.raises((TypeError, ValueError, KeyError), match=message):
        plot_parameter_stability(posteriors, backend="none", **rest)


@pytest.mark.parametrize("function", [plots.plot_debt, plots.plot_regret])
def test_ends_of_bands_may_be_given(function, spells):
    names = {"plot_debt": ("debt", "predictive_debt", "score_gap"), "plot_regret": ("regret", "spell_regret")}
    ends = xr.DataArray(
        [[-7.0] * PERIODS, [7.0] * PERIODS], dims=("ci_bound", "period"), coords={"ci_bound": ["lower", "upper"]}
    )
    given = xr.Dataset(dict.fromkeys(names[function.__name__], ends))
    band = function(spells, stats={"band": given}, backend="matplotlib").viz["band"]
    for name in band.data_vars:
        vertices = band[name].item().get_paths()[0].vertices
        assert (vertices[:, 1].min(), vertices[:, 1].max()) == (-7.0, 7.0)
    with pytest.raises(KeyError, match=r"stats\['band'\]"):
        function(spells, stats={"band": xr.Dataset()}, backend="none")
    with pytest.raises(ValueError, match="stats"):
        function(spells, stats={"line": {}}, backend="none")


def test_few_periods_and_many(spells):
    for periods in (3, 500):
        table = make_spells(periods=periods)
        assert plots.plot_spells(table, backend="matplotlib").viz["cell"]["cells"].item() is not None
        axes = plots.plot_debt(table, backend="matplotlib").viz["figure"].item().axes[0]
        assert 1 <= len(axes.get_xticks()) <= 11
