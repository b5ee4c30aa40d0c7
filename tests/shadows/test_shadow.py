"""Keepers of the shadow against exact posteriors: every rung, every guard, every count."""

import pickle

import numpy as np
import pytest
import xarray as xr

from learning_debt import NIG, ConjugateRegression
from learning_debt.data.update_rule import UpdateRule
from learning_debt.errors import NoJointDensityError, UnsupportedModelError
from learning_debt.forecasters.base import TRAINING
from learning_debt.forecasters.base import row_weight as carried_weight
from learning_debt.forecasters.weights import drawn_together, relative_weights
from learning_debt.shadows.base import Shadow
from learning_debt.shadows.ladder import ShadowLadder
from learning_debt.shadows.refit import Refit

from ..sampled_regression import SampledRegression as PlainRegression

PRIOR = NIG(np.zeros(2), np.eye(2), 3.0, 3.0)
ROWS, BATCH = 60, 5
PLAIN = {"minimum_effective_share": 0.1, "draws_factor": 1}
PROBES = 4  # draws at which each step is checked against the joint density


class SampledRegression(PlainRegression):
    """Twice as many draws, and an effort that can be counted."""

    gradient_evaluations = 7

    def __init__(self, prior):
        super().__init__(prior, draws=500)


def rows_of(periods, shift=0.0, seed=0):
    """Sixty rows, then `periods` batches of five; the intercept moves by `shift` after the sixty."""
    generator = np.random.default_rng(seed)
    n = ROWS + BATCH * periods
    x = np.column_stack([np.ones(n), generator.normal(size=n)])
    y = x @ [0.5, -0.4] + generator.normal(size=n) + shift * (np.arange(n) >= ROWS)
    return xr.Dataset({"x": (("obs", "coefficient"), x), "y": ("obs", y)})


def age(n):
    """Periods back, as of the last batch."""
    period = np.maximum(np.arange(n) - ROWS + BATCH, 0) // BATCH
    return period.max() - period


def walk(keeper, forecaster, data, weights, seed=1):
    """Every shadow and upkeep of a walk over row weights, one array a step."""
    shadow, upkeep = keeper.start(forecaster, data.isel(obs=slice(0, len(weights[0]))), weights[0], seed)
    steps = [(shadow, upkeep)]
    for k, weight in enumerate(weights[1:]):
        shadow, upkeep = keeper.step(forecaster, shadow, data.isel(obs=slice(0, len(weight))), weight, seed + 1 + k)
        steps.append((shadow, upkeep))
    return steps


ALL = UpdateRule()


def expanding(periods, rule=ALL):
    return [rule.weights(age(ROWS + BATCH * t)) for t in range(periods + 1)]


def assert_exact(forecaster, shadow, upkeep):
    """Weighted draws have the exact posterior's mean and variance, within 4 standard errors."""
    held = shadow.row_weight > 0
    assert shadow.posterior[TRAINING].sizes["obs"] == held.sum()
    carried = carried_weight(shadow.posterior)
    np.testing.assert_allclose(np.ones(held.sum()) if carried is None else carried, shadow.row_weight[held])
    exact = forecaster.exact_posterior(shadow.posterior)
    weight = relative_weights(shadow.posterior)
    drawn = shadow.posterior["posterior"]["coefficients"].values
    weight = np.ones(drawn.shape[:2]) if weight is None else weight
    mean = (weight[..., None] * drawn).mean(axis=(0, 1))
    variance = np.diag(np.linalg.inv(exact.precision)) * exact.rate / (exact.shape - 1)
    error = np.sqrt(variance / upkeep.effective_size)
    assert (np.abs(mean - exact.mean) < 4 * error).all()
    spread = (weight[..., None] * (drawn - mean) ** 2).mean(axis=(0, 1))
    assert (np.abs(spread / variance - 1) < 4 * np.sqrt(2.5 / upkeep.effective_size)).all()


@pytest.fixture(scope="module")
def regression():
    return SampledRegression(PRIOR)


def test_refit_follows_every_change_and_counts_what_it_takes(regression):
    data = rows_of(2)
    weights = [*expanding(2, UpdateRule(window=2)), UpdateRule(window=2).weights(age(len(data["y"])))]
    steps = walk(Refit(), regression, data, weights)
    assert [upkeep.rung for _, upkeep in steps] == ["refit", "refit", "refit", "kept"]
    assert [upkeep.refits for _, upkeep in steps] == [1, 1, 1, 0]
    assert [upkeep.evaluations for _, upkeep in steps] == [7 * 60, 7 * 65, 7 * 10, 0]
    assert all(upkeep.seconds > 0 and upkeep.converged for _, upkeep in steps[:3])
    for shadow, upkeep in steps:
        assert_exact(regression, shadow, upkeep)
    assert not drawn_together(steps[0][0].posterior, steps[1][0].posterior)


class StuckAtFirst(SampledRegression):
    """Chains that do not agree, in the first fit."""

    def fit(self, data, *, row_weight=None, random_seed=None):
        tree = super().fit(data, row_weight=row_weight, random_seed=random_seed)
        if self.fits == 1:
            apart = tree["posterior"].to_dataset()
            tree["posterior"] = xr.DataTree(apart.assign(variance=apart["variance"] + 9.0 * apart["chain"]))
        return tree


@pytest.mark.parametrize("keeper", [Refit(), ShadowLadder(**PLAIN)])
def test_a_fit_that_failed_is_said_so_and_tried_again_although_nothing_changed(keeper):
    data, weight = rows_of(0), np.ones(ROWS)
    steps = walk(keeper, StuckAtFirst(PRIOR), data, [weight, weight, weight])
    assert [upkeep.converged for _, upkeep in steps] == [False, True, True]
    assert [upkeep.rung for _, upkeep in steps] == ["refit", "refit", "kept"]


@pytest.mark.parametrize("rule", [UpdateRule(), UpdateRule(window=4), UpdateRule(discount=0.97), UpdateRule(3, 0.9)])
def test_reweighted_draws_follow_every_update_rule(regression, rule):
    data = rows_of(6)
    steps = walk(ShadowLadder("reweight", **PLAIN), regression, data, expanding(6, rule))
    assert any(upkeep.rung == "reweight" for _, upkeep in steps)
    for shadow, upkeep in steps:
        assert_exact(regression, shadow, upkeep)


def test_small_steps_add_up_to_the_whole_ratio(regression):
    data, rule = rows_of(3), UpdateRule(discount=0.98)
    weights = expanding(3, rule)
    steps = walk(ShadowLadder("reweight", **PLAIN), regression, data, weights)
    assert [upkeep.rung for _, upkeep in steps] == ["refit", *["reweight"] * 3]
    density = regression.log_density(steps[0][0].posterior, data)["y"].values
    change = weights[-1] - np.concatenate([weights[0], np.zeros(3 * BATCH)])
    expected = (density @ change).reshape(4, 500)
    np.testing.assert_allclose(steps[-1][0].memory.log_ratio, expected, atol=1e-9)
    assert all(drawn_together(shadow.posterior, steps[0][0].posterior) for shadow, _ in steps)


def test_revised_rows_leave_and_enter(regression):
    data = rows_of(1)
    start = np.repeat([1.0, 0.0], [60, 5])
    revised = start.copy()
    revised[[3, 17, 60, 61]] = [0, 0, 1, 1]  # two rows superseded, two that say what they should have said
    (_, _), (shadow, upkeep) = walk(ShadowLadder(**PLAIN), regression, data, [start, revised])
    assert upkeep.rung == "reweight"
    assert upkeep.evaluations == 4 * 2000 + PROBES * (60 + 60)
    assert_exact(regression, shadow, upkeep)


def test_a_shift_climbs_the_ladder(regression):
    data = rows_of(8, shift=3.0)
    refits = walk(ShadowLadder("reweight", **PLAIN), regression, data, expanding(8))
    moved = walk(ShadowLadder(**PLAIN), regression, data, expanding(8))
    fell = [upkeep for _, upkeep in refits[1:] if upkeep.rung == "refit"]
    assert fell
    assert all("weights: Pareto k" in upkeep.note for upkeep in fell)
    assert {upkeep.rung for _, upkeep in moved[1:]} == {"reweight", "moment match"}
    assert sum(upkeep.refits for _, upkeep in moved) == 1
    for shadow, upkeep in [*refits, *moved]:
        assert_exact(regression, shadow, upkeep)
        assert np.isnan(upkeep.pareto_k) or upkeep.pareto_k <= 0.7
    assert drawn_together(moved[-1][0].posterior, moved[0][0].posterior)


def test_costs_of_a_step_add_up(regression):
    data = rows_of(2)
    appended, windowed = walk(ShadowLadder(**PLAIN), regression, data, expanding(2)), expanding(2, UpdateRule(2))
    assert [upkeep.evaluations for _, upkeep in appended] == [
        7 * 60,
        BATCH * 2000 + PROBES * (60 + 65),
        BATCH * 2000 + PROBES * (65 + 70),
    ]
    attempts = walk(ShadowLadder("reweight", 0.7, 1.0, 1), regression, data, windowed)
    assert attempts[2][1].evaluations == 7 * 10 + (BATCH + 60) * 2000 + PROBES * (65 + 10)
    assert attempts[2][1].refits == 1


def test_more_fits_make_room_for_weights(regression):
    data = rows_of(3)
    plain = walk(ShadowLadder("reweight", 0.7, 1.0, 1), regression, data, expanding(3))
    wide = walk(ShadowLadder("reweight", minimum_effective_share=1.0, draws_factor=3), regression, data, expanding(3))
    assert [upkeep.rung for _, upkeep in plain[1:]] == ["refit"] * 3
    assert [upkeep.rung for _, upkeep in wide[1:]] == ["reweight"] * 3
    assert wide[0][0].posterior["posterior"].sizes["chain"] == 12
    assert len(np.unique(wide[0][0].posterior["posterior"]["variance"])) == 6000
    assert wide[0][1][3:5] == (3, 3 * 7 * 60)
    assert wide[-1][1].effective_size >= 1900
    for shadow, upkeep in wide:
        assert_exact(regression, shadow, upkeep)


def test_limits_of_the_weights_are_kept(regression):
    data, weights = rows_of(3), expanding(3)
    strict = walk(ShadowLadder("reweight", maximum_pareto_k=-1.0, **PLAIN), regression, data, weights)
    assert [upkeep.rung for _, upkeep in strict[1:]] == ["refit"] * 3
    none = walk(ShadowLadder((), **PLAIN), regression, data, weights)
    assert [upkeep.rung for _, upkeep in none[1:]] == ["refit"] * 3


def test_a_shadow_survives_storage(regression, tmp_path):
    data, weights, keeper = rows_of(3, shift=2.0), expanding(3), ShadowLadder(**PLAIN)
    steps = walk(keeper, regression, data, weights)
    shadow = steps[2][0]
    again, _ = keeper.step(regression, pickle.loads(pickle.dumps(shadow)), data, weights[3], 9)
    here, upkeep = keeper.step(regression, shadow, data, weights[3], 9)
    np.testing.assert_array_equal(relative_weights(again.posterior), relative_weights(here.posterior))
    shadow.posterior.to_netcdf(tmp_path / "shadow.nc", engine="h5netcdf")
    with xr.open_datatree(tmp_path / "shadow.nc", engine="h5netcdf") as stored:
        resumed, upkeep = keeper.step(regression, Shadow(stored.load(), shadow.row_weight), data, weights[3], 9)
    assert upkeep.refits == 0
    assert_exact(regression, resumed, upkeep)


def test_rows_that_weigh_nothing_change_nothing(regression):
    data = rows_of(2, shift=0.5)
    weights = [*expanding(1), np.append(np.ones(ROWS + BATCH), np.zeros(BATCH))]
    *_, before, (shadow, upkeep) = walk(ShadowLadder(**PLAIN), regression, data, weights)
    assert upkeep[:2] == ("kept", before[1].pareto_k)
    np.testing.assert_allclose(upkeep.effective_size, before[1].effective_size, rtol=0.05)
    assert upkeep.evaluations == upkeep.refits == 0
    assert len(shadow.row_weight) == 70


class NeedsPast(SampledRegression):
    """Notes which rows it is asked for, and after how many."""

    needs_past = True

    def __init__(self, prior):
        super().__init__(prior)
        self.asked = []

    def log_density(self, posterior, batch, past=None, *, random_seed=None):
        self.asked.append((batch.sizes["obs"], past.sizes["obs"]))
        return super().log_density(posterior, batch)


def test_rows_that_need_their_past_are_weighted_only_at_the_end():
    data, forecaster = rows_of(2), NeedsPast(PRIOR)
    steps = walk(ShadowLadder(**PLAIN), forecaster, data, [*expanding(2), UpdateRule(2).weights(age(70))])
    assert [upkeep.rung for _, upkeep in steps] == ["refit", "reweight", "reweight", "refit"]
    assert forecaster.asked == [(5, 60), (5, 65)]
    assert "join at the end" in steps[-1][1].note


class Growing(SampledRegression):
    growing_dims = ("store",)


class NoDensity(SampledRegression):
    def log_density(self, posterior, batch, past=None, *, random_seed=None):
        raise UnsupportedModelError("trees have no density")


class Impossible(SampledRegression):
    def log_density(self, posterior, batch, past=None, *, random_seed=None):
        return super().log_density(posterior, batch) - np.inf


class PriorFromData(SampledRegression):
    """A prior that is wider the more rows there are."""

    def log_joint(self, posterior, unconstrained):
        return super().log_joint(posterior, unconstrained) - posterior[TRAINING].sizes["obs"] * unconstrained[:, 0] ** 2


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (Growing, "grows with its data"),
        (NoDensity, "trees have no density"),
        (Impossible, "finite density"),
        (PriorFromData, "does the prior depend on the data"),
    ],
)
def test_what_cannot_be_weighted_is_fitted_anew(kind, why):
    steps = walk(ShadowLadder(**PLAIN), kind(PRIOR), rows_of(1), expanding(1))
    assert steps[1][1].rung == "refit"
    assert why in steps[1][1].note


class Discrete(SampledRegression):
    def unconstrained_draws(self, posterior):
        raise NoJointDensityError("discrete free variables")


def test_without_an_unconstrained_scale_draws_are_weighted_and_never_moved():
    steps = walk(ShadowLadder(**PLAIN), Discrete(PRIOR), rows_of(8, shift=3.0), expanding(8))
    assert {upkeep.rung for _, upkeep in steps[1:]} == {"reweight", "refit"}
    assert any("draws were not moved: discrete" in upkeep.note for _, upkeep in steps)


def test_an_exact_posterior_stays_exact():
    exact = ConjugateRegression(PRIOR)
    data = rows_of(1)
    steps = walk(ShadowLadder(**PLAIN), exact, data, expanding(1))
    assert [upkeep.rung for _, upkeep in steps] == ["refit", "refit"]
    again = ShadowLadder().step(exact, steps[1][0], data, np.ones(65))
    assert again[1].rung == "kept"
    expected = exact.fit(data)
    for field, value in steps[1][0].posterior._asdict().items():
        np.testing.assert_array_equal(value, getattr(expected, field))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"rungs": ("reweigh",)}, "rungs .* are unknown; choose from"),
        ({"maximum_pareto_k": 1.5}, "maximum_pareto_k"),
        ({"minimum_effective_share": -0.1}, "minimum_effective_share"),
        ({"draws_factor": 0}, "draws_factor"),
        ({"draws_factor": 1.5}, "draws_factor"),
    ],
)
def test_options_out_of_range_are_named(options, named):
    with pytest.raises(ValueError, match=named):
        ShadowLadder(**options)


@pytest.mark.parametrize("keeper", [Refit(), ShadowLadder(**PLAIN)])
@pytest.mark.parametrize(
    ("weight", "named"),
    [(np.ones(59), "shape"), (np.zeros(60), "zero for every row"), (np.full(60, -1.0), "at least 0")],
)
def test_weights_that_do_not_fit_the_rows_are_refused(keeper, regression, weight, named):
    with pytest.raises(ValueError, match=named):
        keeper.start(regression, rows_of(0), weight)


def test_rows_cannot_get_lost(regression):
    shadow, _ = Refit().start(regression, rows_of(1), np.ones(65), 1)
    with pytest.raises(ValueError, match="fewer than the 65"):
        Refit().step(regression, shadow, rows_of(0), np.ones(60), 1)


class Bounded(SampledRegression):
    """Rows are impossible where the intercept is above a bound that only some draws exceed."""

    def log_density(self, posterior, batch, past=None, *, random_seed=None):
        density = super().log_density(posterior, batch)
        intercept = posterior["posterior"]["coefficients"].values[..., 0].reshape(-1, 1)
        return density.where(intercept < 0.9, -np.inf)

    unconstrained_draws = Discrete.unconstrained_draws


def test_a_draw_that_new_rows_rule_out_weighs_nothing():
    (shadow, upkeep), *_ = reversed(walk(ShadowLadder(**PLAIN), Bounded(PRIOR), rows_of(1), expanding(1)))
    out = shadow.posterior["posterior"]["coefficients"].values[..., 0] >= 0.9
    assert 0 < out.sum() < out.size / 2
    assert upkeep.rung == "reweight"
    np.testing.assert_array_equal(relative_weights(shadow.posterior)[out], 0.0)


def test_labels_that_draws_do_not_know_are_left_to_a_fit():
    class Strict(SampledRegression):
        def log_density(self, posterior, batch, past=None, *, random_seed=None):
            raise ValueError("unknown label 'Graz'")

    *_, (_, upkeep) = walk(ShadowLadder(**PLAIN), Strict(PRIOR), rows_of(1), expanding(1))
    assert upkeep.rung == "refit"
    assert "unknown label 'Graz'" in upkeep.note
