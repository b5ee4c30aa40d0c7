"""Spell tables from one pool of draws: held against exact tables, and against the way of a refit a period."""

import numpy as np
import pytest
import xarray as xr
from tests.sampled_regression import SampledRegression

import learning_debt as ld
from learning_debt.arrays.bridging import multistate
from learning_debt.arrays.bridging.pool_checks import HEAVIEST_TAIL, tail_index, tails_of_others
from learning_debt.arrays.predictive.outcome_points import OutcomePoints
from learning_debt.auditing.notes import upkeep_notes
from learning_debt.data import split_periods
from learning_debt.plots.upkeep import upkeep_points
from learning_debt.scores import LogScore
from learning_debt.spells import pooled, pooled_islands, pooled_signals
from learning_debt.spells.forecast_schedule import Plan
from learning_debt.spells.pooled_anchors import Anchors
from learning_debt.spells.progress import Stages
from learning_debt.spells.table_comparison import shared_draws

PERIODS, WARM, ROWS = 24, 8, 5
PRIOR = ld.NIG(np.zeros(2), np.eye(2), 2.0, 1.0)
SIGNALS = ("debt", "predictive_debt", "score_gap", "deployed_score")


def history(shift=1.0, seed=1):
    rng = np.random.default_rng(seed)
    period = np.repeat(np.arange(WARM + PERIODS), ROWS)
    x = rng.normal(size=(len(period), 2))
    slope = np.where(period >= WARM + PERIODS // 2, 0.5 + shift, 0.5)
    y = x[:, 0] * slope - x[:, 1] + rng.normal(size=len(period))
    return xr.Dataset({"x": (("obs", "k"), x), "y": ("obs", y), "period": ("obs", period)})


AT_OUTCOMES = ("debt", "score_gap", "deployed_score")


def table(forecaster, data, **options):
    asked = {"variables": SIGNALS, "random_seed": 3, **options}
    return ld.spell_table(forecaster, data, initial=WARM, progressbar=False, **asked)


def at_outcomes(forecaster, data):
    return table(forecaster, data, variables=AT_OUTCOMES)


@pytest.mark.parametrize(
    "rule", [None, ld.UpdateRule(window=8), ld.UpdateRule(discount=0.9), ld.UpdateRule(window=10, discount=0.95)]
)
def test_every_signal_is_within_its_errors_of_the_exact_one(rule):
    data, forecaster = history(), SampledRegression(PRIOR)
    found = table(forecaster, data, shadow=ld.PooledShadow(), update_rule=rule)
    exact = table(ld.ConjugateRegression(PRIOR), data, update_rule=rule)
    assert forecaster.fits < PERIODS
    assert set(np.unique(found["rung"])) == {"refit", "pooled"}
    for name in SIGNALS:
        told = found[f"{name}_reliable"].values.astype(bool) & (found[f"{name}_se"].values > 0)
        assert told.mean() > 0.4  # of all pairs, half of which lie below the diagonal
        z = ((found[name] - exact[name]) / found[f"{name}_se"]).values[told]
        assert np.abs(z).max() < 5
        assert (np.abs(z) < 1.645).mean() > 0.6  # cells of one table share their draws
    np.testing.assert_allclose(found["gap_sd"], exact["gap_sd"], rtol=0.2, atol=0.01)


@pytest.mark.parametrize(("shift", "spread", "outlier"), [(50.0, 1.0, 0.0), (0.0, 30.0, 0.0), (0.0, 1.0, 1e3)])
def test_signals_hold_where_no_draw_lies_between_two_neighbouring_periods(shift, spread, outlier):
    data = history(shift=shift)
    y = np.where(data["period"] < WARM + PERIODS // 2, data["y"], spread * data["y"])
    y[(WARM + 12) * ROWS] += outlier
    data = data.assign(y=("obs", y))
    found, exact = at_outcomes(SampledRegression(PRIOR), data), at_outcomes(ld.ConjugateRegression(PRIOR), data)
    assert (found["rung"] == "pooled").any()
    for name in AT_OUTCOMES:
        told = found[f"{name}_reliable"].values.astype(bool) & (found[f"{name}_se"].values > 0)
        z = ((found[name] - exact[name]) / found[f"{name}_se"]).values[told]
        assert np.abs(z).max() < 5
    apart = np.isfinite(exact["debt"].values) & (exact["debt"].values > 50)
    assert apart.any()
    assert found["debt_reliable"].values.astype(bool)[apart].all()
    assert np.nanmax(found["debt_se"].values[apart]) < 5


class WithoutJointDensity(SampledRegression):
    """Its posteriors have no log marginal likelihood."""

    def log_joint(self, posterior, unconstrained):
        raise NotImplementedError("no joint density")


def test_debts_between_islands_are_at_least_what_the_shadow_says_where_there_is_no_bridge():
    data = history(shift=50.0)
    found, exact = at_outcomes(WithoutJointDensity(PRIOR), data), at_outcomes(ld.ConjugateRegression(PRIOR), data)
    held, reliable = np.isfinite(exact["debt"].values), found["debt_reliable"].values.astype(bool)
    z = ((found["debt"] - exact["debt"]) / found["debt_se"]).values[reliable & (found["debt_se"].values > 0)]
    assert np.abs(z).max() < 5
    unknown = held & ~reliable
    assert unknown.sum() > 100
    assert (found["debt"].values[unknown] < exact["debt"].values[unknown]).all()
    assert (found["debt"].values[unknown] > 1).all()


def jump(coefficients, periods, shift=3.0, seed=1):
    """Rows whose first slope jumps half way, in so many dimensions that few draws lie between both sides."""
    rng = np.random.default_rng(seed)
    period = np.concatenate([np.zeros(6 * coefficients, dtype=int), 1 + np.repeat(np.arange(periods), ROWS)])
    x = rng.normal(size=(len(period), coefficients))
    y = shift * x[:, 0] * (period > periods // 2) + rng.normal(size=len(period))
    return xr.Dataset({"x": (("obs", "k"), x), "y": ("obs", y), "period": ("obs", period)})


@pytest.fixture(scope="module")
def thin():
    """Debts over a jump: exact, from the pool alone, and with log marginal likelihoods of its parts."""
    prior, data = ld.NIG(np.zeros(20), np.eye(20), 2.0, 1.0), jump(20, 20)
    options = {"initial": 1, "progressbar": False, "variables": ("debt",), "random_seed": 3}
    forecasters = ld.ConjugateRegression(prior), WithoutJointDensity(prior), SampledRegression(prior)
    return [ld.spell_table(forecaster, data, **options) for forecaster in forecasters]


def test_debts_across_a_thin_place_are_known_better_by_bridges(thin):
    exact, alone, bridged = thin
    held = np.isfinite(exact["debt"].values)
    across = held & (np.arange(20)[:, None] < 9) & (np.arange(1, 21) > 12)
    assert not alone["debt_doubt"].values[held].any()  # no islands: the pool says something everywhere
    assert bridged["debt_reliable"].values.astype(bool)[held].all()
    errors = [np.sqrt((found["debt_se"].values[across] ** 2).mean()) for found in (alone, bridged)]
    assert errors[1] < 0.7 * errors[0]
    z = ((bridged["debt"] - exact["debt"]) / bridged["debt_se"]).values[held]
    assert np.abs(z).max() < 5
    assert (np.abs(z) < 1.645).mean() > 0.6  # cells of one table share their draws


def test_bridges_that_are_in_doubt_say_nothing_where_the_pool_says_something(thin, monkeypatch):
    monkeypatch.setattr(pooled_islands, "bridge_doubt", lambda *_: ld.Doubt.NOT_GAUSSIAN)
    prior = ld.NIG(np.zeros(20), np.eye(20), 2.0, 1.0)
    options = {"initial": 1, "progressbar": False, "variables": ("debt",), "random_seed": 3}
    doubtful = ld.spell_table(SampledRegression(prior), jump(20, 20), **options)
    xr.testing.assert_equal(doubtful["debt"], thin[1]["debt"])
    xr.testing.assert_equal(doubtful["debt_se"], thin[1]["debt_se"])


def test_what_was_fitted_is_what_a_refit_every_period_fits():
    data = history()
    pooled = table(SampledRegression(PRIOR), data, shadow=ld.PooledShadow())
    refitted = table(SampledRegression(PRIOR), data, shadow=ld.Refit())
    fitted = (pooled["rung"] == "refit").values
    assert int(pooled["refits"].sum()) == fitted.sum() < PERIODS
    np.testing.assert_allclose(pooled["effective_size"].values[fitted], refitted["effective_size"].values[fitted])
    served = pooled["effective_size"].values[~fitted]
    assert (served > 0.45 * np.median(refitted["effective_size"])).all()
    assert (pooled["pareto_k"].values[~fitted] <= 0.5).all()
    assert pooled["converged"].all()
    (said,) = upkeep_notes(pooled)
    assert f"by {fitted.sum()} refits in {PERIODS} periods; {(~fitted).sum()} rest on the weighted draws" in said
    assert np.isfinite(upkeep_points(pooled)["rung"]).all()


def test_more_draws_are_asked_for_by_more_anchors():
    rng, size = np.random.default_rng(1), 10
    period = np.concatenate([np.zeros(60), np.repeat(np.arange(1, 25), ROWS)])
    x = rng.normal(size=(len(period), size))
    y = x[:, 0] * np.where(period > 12, 3.0, 0.0) + rng.normal(size=len(period))
    data, prior = {"x": x, "y": y, "period": period.astype(int)}, ld.NIG(np.zeros(size), np.eye(size), 2.0, 1.0)
    asked = {"variables": ("score_gap",), "random_seed": 3, "progressbar": False}
    few, many = (
        ld.spell_table(SampledRegression(prior), data, initial=1, shadow=ld.PooledShadow(share), **asked)
        for share in (0.01, 1.0)
    )
    size = many["effective_size"]
    assert size.where(many["rung"] == "pooled").min() >= 0.9 * size.where(many["rung"] == "refit").min()
    assert few["refits"].sum() <= many["refits"].sum() < 24


@pytest.mark.parametrize("shift", [0.0, 4.0])
def test_every_fit_can_be_held_against_the_others(shift):
    data, found = history(shift=shift), []
    for seed in range(4):
        forecaster = SampledRegression(PRIOR)
        plan = Plan(split_periods(data), WARM, 1, ld.UpdateRule(), LogScore(), SIGNALS)
        with Stages(False) as stages, stages.stage("") as stage:
            pool = Anchors(forecaster, plan, ld.PooledShadow(), range(seed, seed + PERIODS + 1), stage).found()
        apart = np.diff(pool.anchors) > 1
        could = np.concatenate([apart, [False]]) | np.concatenate([[False], apart])
        found.append(tails_of_others(pool)[could])
    assert (np.concatenate(found) <= HEAVIEST_TAIL).all()


def test_a_fit_whose_draws_the_others_reach_in_part_only_is_not_held_against_them():
    """Exponential draws from 0, and from 1 on: the others do not know the first one's mean."""
    rng, rates = np.random.default_rng(1), (1.0, 1.1, 1.2)
    theta = np.concatenate(
        [edge + rng.exponential(1 / rate, 4000) for edge, rate in zip((0, 1, 1), rates, strict=True)]
    )
    at_states = -np.array(rates)[:, None] * theta
    at_states[1:, theta < 1] = -np.inf
    pool = multistate.pooled(at_states, (0, 1, 2), [(4, 1000)] * 3, [4000.0] * 3)
    tails = tails_of_others(pool)
    assert np.isinf(tails[0])
    assert (tails[1:] < HEAVIEST_TAIL).all()


class WithoutUnconstrainedDraws(SampledRegression):
    """Its parameters are not to be had on the whole real line."""

    def unconstrained_draws(self, posterior):
        raise NotImplementedError("no unconstrained draws")


class NotANumber(SampledRegression):
    """One draw of the fit to all rows is not a number."""

    def fit(self, data, **options):
        tree = super().fit(data, **options)
        if self.as_batch(data).sizes["obs"] == (WARM + PERIODS) * ROWS:
            tree["posterior"]["coefficients"][0, 3] = np.nan
        return tree


def test_forecasters_that_cannot_say_all_make_tables_all_the_same():
    data = history()
    exact = at_outcomes(ld.ConjugateRegression(PRIOR), data)
    unchecked = at_outcomes(WithoutUnconstrainedDraws(PRIOR), data)
    assert "not_pooled" not in unchecked.attrs
    assert unchecked["converged"].all()
    few = at_outcomes(SampledRegression(PRIOR, draws=1), data)
    assert not few["converged"].any()
    with pytest.warns(UserWarning, match="the table holds no debt: the new data are impossible at 1 draws"):
        broken = at_outcomes(NotANumber(PRIOR), data)
    assert "not a number" in broken.attrs["not_pooled"]
    assert not broken["converged"].values[0, -1]
    assert broken["converged"].values[0, :-1].all()
    told = unchecked["debt_reliable"].values.astype(bool) & (unchecked["debt_se"].values > 0)
    assert told.mean() > 0.4
    assert np.abs(((unchecked["debt"] - exact["debt"]) / unchecked["debt_se"]).values[told]).max() < 5


class Longer(SampledRegression):
    """Every fit has more draws than the one before."""

    def fit(self, data, **options):
        self.draws = 250 + 10 * self.fits
        return super().fit(data, **options)


def test_fits_of_different_sizes_are_not_pooled_and_the_reason_is_theirs():
    found = at_outcomes(Longer(PRIOR), history())
    assert found.attrs["not_pooled"] == "fits have (4, 250) and (4, 260) chains and draws"


@pytest.mark.parametrize("shadow", [ld.PooledShadow(), ld.Refit()])
def test_an_unknown_kind_of_outcome_is_named_after_the_first_fit(shadow):
    forecaster = SampledRegression(PRIOR)
    forecaster.outcome_kind = lambda: "integers"
    with pytest.raises(ValueError, match=r"outcome_kind\(\) must return one of count.*, not 'integers'"):
        table(forecaster, history(), shadow=shadow)
    assert forecaster.fits == 1


def test_equal_seeds_give_equal_tables():
    data = history()
    first, second = (table(SampledRegression(PRIOR), data, shadow=ld.PooledShadow()) for _ in range(2))
    xr.testing.assert_equal(first.drop_vars("seconds"), second.drop_vars("seconds"))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"score": "crps"}, "the score is crps"),
        ({"horizon": 2, "variables": ("debt", "score_gap")}, "later periods"),
        ({"variables": ("score_gap", "deployed_pareto_k")}, "deployed_pareto_k"),
    ],
)
def test_where_a_pool_cannot_serve_the_table_says_why_and_is_made_as_ever(options, reason):
    data = history()
    asked = {"initial": WARM + PERIODS - 4, "random_seed": 3, "progressbar": False, **options}
    found = ld.spell_table(SampledRegression(PRIOR), data, shadow=ld.PooledShadow(), **asked)
    as_ever = ld.spell_table(SampledRegression(PRIOR), data, shadow=ld.Refit(), **asked)
    assert reason in found.attrs["not_pooled"]
    xr.testing.assert_equal(found.drop_vars("seconds"), as_ever.drop_vars("seconds"))


class OffFit(SampledRegression):
    """The fit at one call is off by some posterior standard deviations, every time or the first time only."""

    def __init__(self, rows, sizes, *, again):
        super().__init__(PRIOR)
        self.rows, self.sizes, self.again, self.off = rows, sizes, again, 0

    def fit(self, data, **options):
        tree = super().fit(data, **options)
        if self.as_batch(data).sizes["obs"] == self.rows and (self.again or not self.off):
            self.off += 1
            for name in ("beta", "coefficients"):
                if name in tree["posterior"]:
                    draws = tree["posterior"][name]
                    tree["posterior"][name] = draws + self.sizes * draws.std(("chain", "draw"))
        return tree


@pytest.mark.parametrize("again", [False, True])
def test_a_fit_that_the_others_contradict_is_made_anew_or_left_out(again):
    data = history(shift=0.0)
    chosen = table(SampledRegression(PRIOR), data, shadow=ld.PooledShadow(minimum_effective_share=0.9))
    fitted = chosen["period"].values[(chosen["rung"] == "refit").values[0]]
    middle = int(fitted[len(fitted) // 2 - 1])
    forecaster = OffFit((WARM + middle) * ROWS, 1.0, again=again)
    found = table(forecaster, data, shadow=ld.PooledShadow(minimum_effective_share=0.9))
    assert forecaster.off == 1 + again
    assert found["converged"].all()
    left_out = found.sel(period=middle).squeeze("series")
    assert (left_out["rung"].item(), left_out["refits"].item()) == (("pooled", 2) if again else ("refit", 2))
    exact = table(ld.ConjugateRegression(PRIOR), data)
    z = ((found["debt"] - exact["debt"]) / found["debt_se"]).where(found["debt_reliable"])
    assert np.abs(z).max() < 5


class Stuck(SampledRegression):
    """Fits to so many rows have chains that disagree."""

    def __init__(self, prior, rows):
        super().__init__(prior)
        self.rows = rows

    def fit(self, data, **options):
        tree = super().fit(data, **options)
        if self.as_batch(data).sizes["obs"] in self.rows:
            slope = tree["posterior"]["coefficients"]
            tree["posterior"]["coefficients"] = slope + 0.5 * slope.std() * xr.DataArray(np.arange(4.0), dims="chain")
        return tree


@pytest.mark.parametrize("period", [0, 12, PERIODS])
def test_one_fit_that_does_not_converge_costs_its_own_period_at_most(period):
    data = history(shift=0.0)
    found = table(Stuck(PRIOR, [(WARM + period) * ROWS]), data, shadow=ld.PooledShadow(0.9))
    converged = np.append(found["deployed_converged"].values[0, 0], found["converged"].values[0])
    assert np.delete(converged, period).all()
    exact = table(ld.ConjugateRegression(PRIOR), data)
    for name in SIGNALS:
        told = found[f"{name}_reliable"].values.astype(bool) & (found[f"{name}_se"].values > 0)
        z = ((found[name] - exact[name]) / found[f"{name}_se"]).values[told]
        assert np.abs(z).max() < 5, name


def test_where_most_fits_do_not_converge_no_period_does():
    found = table(Stuck(PRIOR, range(1000)), history(shift=0.0), shadow=ld.PooledShadow())
    assert not found["converged"].any()
    assert "R-hat" in str(np.unique(found["doubt"].values)[0])


class Lagged(SampledRegression):
    """The second covariate acts one row late, so that rows are scored and forecast after those before them."""

    needs_past = True

    def lagged(self, rows, past=None):
        x = rows["x"].values.copy()
        last = 0.0 if past is None or not past.sizes["obs"] else float(past["x"].values[-1, 1])
        x[:, 1] = np.concatenate([[last], x[:-1, 1]])
        return rows.assign(x=(rows["x"].dims, x))

    def fit(self, data, **options):
        return super().fit(self.lagged(self.as_batch(data)), **options)

    def log_density(self, posterior, batch, past=None, *, random_seed=None):
        return super().log_density(posterior, self.lagged(batch, past))

    def predict(self, posterior, batch, past=None, *, random_seed=None):
        return super().predict(posterior, self.lagged(batch, past), random_seed=random_seed)


def test_rows_that_need_those_before_them_are_the_same_whatever_is_looked_at_together(monkeypatch):
    data = history().rename(k="coefficient")
    whole = table(Lagged(PRIOR, draws=50), data, shadow=ld.PooledShadow())
    monkeypatch.setattr(pooled_signals, "CELLS", 1)  # row by row
    by_row = table(Lagged(PRIOR, draws=50), data, shadow=ld.PooledShadow())
    for name in ("score_gap", "deployed_score"):
        np.testing.assert_allclose(by_row[name], whole[name], atol=1e-12)
    told = (by_row["predictive_debt_reliable"] & whole["predictive_debt_reliable"]).values.astype(bool)
    assert told.sum() > 50
    np.testing.assert_allclose(
        by_row["predictive_debt"].values[told], whole["predictive_debt"].values[told], rtol=0.05, atol=1e-4
    )


def test_predictive_debts_averaged_over_outcomes_are_within_their_errors_of_the_exact_ones(monkeypatch):
    data = history()
    exact = table(ld.ConjugateRegression(PRIOR), data)
    integrated = table(SampledRegression(PRIOR), data, shadow=ld.PooledShadow())
    monkeypatch.setattr(OutcomePoints, "at", lambda *_: None)  # no rule of integration serves
    averaged = table(SampledRegression(PRIOR), data, shadow=ld.PooledShadow())
    told = averaged["predictive_debt_reliable"].values.astype(bool)
    assert told.mean() > 0.4
    z = ((averaged["predictive_debt"] - exact["predictive_debt"]) / averaged["predictive_debt_se"]).values[told]
    assert np.abs(z).max() < 5
    assert (np.abs(z) < 1.645).mean() > 0.8
    assert np.nanmean(averaged["predictive_debt_se"]) > np.nanmean(integrated["predictive_debt_se"])
    np.testing.assert_allclose(averaged["gap_sd"], exact["gap_sd"], rtol=0.3, atol=0.01)


def test_tails_that_points_for_the_shadow_do_not_hold_are_integrated_over_points_for_both():
    heavy = ld.NIG(np.zeros(2), np.eye(2), 0.6, 1.0)  # few rows: Student-t outcomes of about two degrees of freedom
    data = history(shift=0.0).isel(obs=slice(0, 4 * ROWS))
    found, exact = (
        ld.spell_table(forecaster, data, initial=1, variables=SIGNALS, progressbar=False, random_seed=3)
        for forecaster in (SampledRegression(heavy, draws=4000), ld.ConjugateRegression(heavy))
    )
    told = found["predictive_debt_reliable"].values.astype(bool)
    assert told.sum() == np.isfinite(exact["predictive_debt"].values).sum()
    z = ((found["predictive_debt"] - exact["predictive_debt"]) / found["predictive_debt_se"]).values[told]
    assert np.abs(z).max() < 4


def test_a_table_from_a_pool_says_that_its_cells_share_draws():
    data = history()
    exact = table(ld.ConjugateRegression(PRIOR), data)
    pooled, refitted = (
        table(SampledRegression(PRIOR), data, shadow=keeper) for keeper in (ld.PooledShadow(), ld.Refit())
    )
    compared = ld.compare_tables(pooled, exact)
    assert compared.attrs["pooled_fits"] == int((pooled["rung"] == "refit").sum()) + 1
    assert f"the draws of the same {compared.attrs['pooled_fits']} fits" in shared_draws(compared)
    assert shared_draws(ld.compare_tables(refitted, exact)) == ""


def test_weights_without_a_tail_have_an_index_of_none_unless_one_draw_has_all_the_weight():
    rng = np.random.default_rng(1)
    assert tail_index(np.ones(1000), 1.0) == tail_index(rng.choice([1.0, 3.0], 1000), 1.0) == 0.0
    assert tail_index(np.append(np.ones(999), 1e6), 1.0) == np.inf
    assert tail_index(rng.pareto(2.0, 4000), 1.0) == pytest.approx(0.5, abs=0.2)


def test_a_rich_pool_spares_draws_where_densities_are_dear_and_its_errors_say_so(monkeypatch):
    data = history(shift=0.0)
    exact = table(ld.ConjugateRegression(PRIOR), data)
    sparing = table(SampledRegression(PRIOR), data, shadow=ld.PooledShadow())
    monkeypatch.setattr(pooled, "WORTH_THINNING", 0.0)
    whole = table(SampledRegression(PRIOR), data, shadow=ld.PooledShadow())
    np.testing.assert_array_equal(sparing["debt"], whole["debt"])
    np.testing.assert_array_equal(sparing["score_gap"], whole["score_gap"])
    for found in (sparing, whole):
        told = found["predictive_debt_reliable"].values.astype(bool)
        z = ((found["predictive_debt"] - exact["predictive_debt"]) / found["predictive_debt_se"]).values[told]
        assert np.abs(z).max() < 5
        assert (np.abs(z) < 1.645).mean() > 0.7
    assert 1.0 < np.nanmedian(sparing["predictive_debt_se"] / whole["predictive_debt_se"]) < 2.0
