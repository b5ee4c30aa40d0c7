"""Posteriors of any two periods of a replay from its pool, and what debts between them come to."""

import numpy as np
import pytest
import xarray as xr
from tests.sampled_regression import SampledRegression

import learning_debt as ld
from learning_debt.doubt import Doubt
from learning_debt.errors import NotPooledError
from learning_debt.forecasters.base import row_weight, training_data
from learning_debt.forecasters.weights import fit_shares, relative_weights

PERIODS, WARM, ROWS = 12, 6, 4
PRIOR = ld.NIG(np.zeros(2), np.eye(2), 2.0, 1.0)
NAMES = ["level", "slope"]
EXACT = ld.ConjugateRegression(PRIOR, coefficient_names=NAMES)
PAIRS = ((0, PERIODS), (3, 7), (7, 8))


def history(seed=1):
    """A slope that moves half way; stores in turn."""
    rng = np.random.default_rng(seed)
    period = np.repeat(np.arange(WARM + PERIODS), ROWS)
    x = np.stack([np.ones(len(period)), rng.normal(size=len(period))], axis=1)
    y = 0.5 + x[:, 1] * np.where(period >= WARM + PERIODS // 2, 1.2, 0.4) + rng.normal(size=len(period))
    store = np.array(["Graz", "Linz"])[np.arange(len(period)) % 2]
    return xr.Dataset(
        {"x": (("obs", "k"), x), "y": ("obs", y), "period": ("obs", 2000 + period), "store": ("obs", store)}
    )


def sampled(**options):
    return SampledRegression(PRIOR, coefficient_names=NAMES, **options)


def replayed(forecaster, data=None, **options):
    data = history() if data is None else data
    return ld.replayed_posteriors(forecaster, data, initial=WARM, progressbar=False, **{"random_seed": 3, **options})


@pytest.fixture(scope="module")
def pool():
    return replayed(sampled())


@pytest.fixture(scope="module")
def exact():
    return replayed(EXACT)


def pair(of, deployed_at, period):
    """Forecaster, shadow, deployed posterior, and the rows between them by name."""
    return (of.forecaster, of.posterior(period), of.posterior(deployed_at)), of.rows_between(deployed_at, period)


def within(found, truth, error, most=4.5):
    return bool((np.abs(np.asarray(found) - np.asarray(truth)) < most * np.asarray(error) + 1e-12).all())


def test_the_fits_and_the_numbers_are_those_of_the_table_of_the_same_seed(pool):
    table = ld.spell_table(sampled(), history(), initial=WARM, random_seed=3, progressbar=False).isel(series=0)
    assert [one.rung for one in pool.upkeep[1:]] == table["rung"].values.tolist()
    np.testing.assert_allclose([one.effective_size for one in pool.upkeep[1:]], table["effective_size"])
    assert pool.labels.tolist() == [2005, *table["label"].values.tolist()]
    for s, t in PAIRS:
        posteriors, rows = pair(pool, s, t)
        cell = table.sel(deployed_at=s, period=t)
        found = ld.posterior_debt(*posteriors, **rows)
        assert found.reliable
        assert found.value == pytest.approx(float(cell["debt"]), rel=1e-6)
        assert found.standard_error == pytest.approx(float(cell["debt_se"]), rel=0.35)
    batch = history().isel(obs=slice((WARM + 7) * ROWS, (WARM + 8) * ROWS))  # of period 8, from the shadow of 7
    gap = ld.score_gap(pool.forecaster, pool.posterior(7), pool.posterior(2), batch)
    cell = table.sel(deployed_at=2, period=8)
    assert gap.value == pytest.approx(float(cell["score_gap"]), rel=1e-6)
    assert gap.standard_error == pytest.approx(float(cell["score_gap_se"]), rel=0.35)


def test_a_few_fits_serve_all_periods_with_the_same_draws(pool):
    assert pool.forecaster.fits < PERIODS
    first, last = pool.posterior(0), pool.posterior(PERIODS)
    xr.testing.assert_equal(first["posterior"].to_dataset(), last["posterior"].to_dataset())
    assert not np.allclose(relative_weights(first), relative_weights(last))
    assert fit_shares(last).share.sum(axis=-1) == pytest.approx(1)


@pytest.mark.parametrize(("s", "t"), PAIRS)
def test_every_debt_is_within_its_errors_of_the_exact_one(pool, exact, s, t):
    (posteriors, rows), (truths, _) = pair(pool, s, t), pair(exact, s, t)
    for found, truth in (
        (ld.posterior_debt(*posteriors, **rows), ld.posterior_debt(*truths, **rows)),
        (ld.predictive_debt(*posteriors, history()[["x", "y"]]), ld.predictive_debt(*truths, history()[["x", "y"]])),
    ):
        assert found.reliable
        assert within(found.value, truth.value, found.standard_error)
    for joint in (False, True):
        found, truth = (ld.debt_by_block(*three, joint=joint, **rows) for three in (posteriors, truths))
        assert found["block"].values.tolist() == truth["block"].values.tolist()
        told = found["reliable"].values
        assert told.mean() > 0.5
        assert within(found["value"][told], truth["value"][told], found["standard_error"][told])
        assert (found["value"][~told] <= truth["value"][~told]).all()
    found, truth = (ld.debt_by_group(*three, by="store", **rows) for three in (posteriors, truths))
    assert found["store"].values.tolist() == ["Graz", "Linz"]
    assert within(found["value"], truth["value"], found["standard_error"])
    assert within(found["total"], truth["total"], found["total_standard_error"])


def test_posteriors_carry_the_rows_of_their_period():
    data, of = history(), replayed(sampled(), update_rule=ld.UpdateRule(window=5))
    posterior = of.posterior(4)
    held = np.arange((WARM + 4 - 5) * ROWS, (WARM + 4) * ROWS)
    np.testing.assert_array_equal(training_data(posterior)["y"], data["y"].values[held])
    rows = of.rows_between(2, 4)
    np.testing.assert_array_equal(rows["new_data"]["period"], np.repeat(2000 + WARM + np.array([2, 3]), ROWS))
    np.testing.assert_array_equal(rows["removed_data"]["period"], np.repeat(2000 + WARM + np.array([-3, -2]), ROWS))
    exact = replayed(EXACT, update_rule=ld.UpdateRule(window=5))
    (posteriors, rows), (truths, _) = pair(of, 2, 7), pair(exact, 2, 7)
    found, truth = (ld.debt_by_block(*three, **rows) for three in (posteriors, truths))
    told = found["reliable"].values
    assert told.sum() >= 2
    assert within(found["value"][told], truth["value"][told], found["standard_error"][told])
    found, truth = (ld.debt_by_group(*three, by="store", **rows) for three in (posteriors, truths))
    assert within(found["value"], truth["value"], found["standard_error"])


def test_under_a_discount_posteriors_carry_weights_of_rows():
    of, exact = (replayed(one, update_rule=ld.UpdateRule(discount=0.9)) for one in (sampled(), EXACT))
    posterior = of.posterior(4)
    assert row_weight(posterior)[-ROWS - 1] == pytest.approx(0.9)
    change = of.plan.row_weight(4) - of.plan.row_weight(1)
    found = ld.posterior_debt(of.forecaster, posterior, of.posterior(1), history(), new_weight=change)
    truth = ld.posterior_debt(EXACT, exact.posterior(4), exact.posterior(1), history())
    assert within(found.value, truth.value, found.standard_error)
    with pytest.raises(ValueError, match="under a discount every row"):
        of.rows_between(1, 4)


def test_exact_posteriors_are_those_of_a_fit_to_the_rows(exact):
    rows = history().isel(obs=slice((WARM + 3) * ROWS))
    for one, other in zip(exact.posterior(3), EXACT.fit(rows), strict=True):
        np.testing.assert_allclose(one, other)
    assert exact.upkeep == ()
    assert exact.periods == PERIODS


def test_draws_of_a_pool_say_so_after_storage(pool, tmp_path):
    rows = pool.rows_between(3, 7)
    stored = []
    for t in (7, 3):
        pool.posterior(t).to_netcdf(tmp_path / f"{t}.nc")
        stored.append(xr.open_datatree(tmp_path / f"{t}.nc").load())
    for debt in (ld.debt_by_block, lambda *args, **rows: ld.debt_by_group(*args, by="store", **rows)):
        own = debt(pool.forecaster, pool.posterior(7), pool.posterior(3), **rows)
        xr.testing.assert_allclose(debt(pool.forecaster, *stored, **rows), own)


def test_rows_and_posteriors_must_belong_together(pool):
    (forecaster, shadow, deployed), rows = pair(pool, 3, 7)
    with pytest.raises(ValueError, match="not what shadow and deployed posterior differ by"):
        ld.debt_by_block(forecaster, shadow, deployed, **pool.rows_between(2, 7))
    assert not ld.posterior_debt(forecaster, shadow, deployed, **pool.rows_between(2, 7)).reliable
    other = replayed(sampled(), random_seed=4).posterior(3)
    with pytest.raises(ValueError, match="from one replayed_posteriors"):
        ld.debt_by_block(forecaster, shadow, other, **rows)


def test_the_block_that_draws_cannot_tell_has_a_bound():
    rng, rows = np.random.default_rng(1), 20
    x = np.eye(2)[np.arange(rows * 8) % 2]
    period = np.repeat(np.arange(8), rows)
    y = x[:, 0] * np.where(period < 4, 0.0, 6.0) + rng.normal(size=len(period))
    data = {"x": x, "y": y, "period": period}
    asked = {"initial": 3, "random_seed": 1, "progressbar": False}
    with pytest.warns(UserWarning, match="effective draws, fewer than 400"):
        of = ld.replayed_posteriors(sampled(draws=30), data, **asked)
    exact = ld.replayed_posteriors(EXACT, data, **asked)
    (posteriors, between), (truths, _) = pair(of, 1, 5), pair(exact, 1, 5)
    found, truth = (ld.debt_by_block(*three, **between) for three in (posteriors, truths))
    assert not found["reliable"].all()
    bound = ~found["reliable"].values
    assert found["lower_bound"].values.tolist() == bound.tolist()
    assert (found["value"][bound] <= truth["value"][bound]).all()


def test_posteriors_that_no_draws_lie_between_have_a_bound():
    """A jump between two periods too large for any weights: the pool falls apart, and debts across it are bounds."""
    rng = np.random.default_rng(1)
    period = np.repeat(np.arange(6), 40)
    x = np.ones((240, 2)) * [1.0, 0.0]
    data = {"x": x, "y": np.where(period < 4, 0.0, 300.0) + rng.normal(size=240), "period": period}
    asked = {"initial": 3, "random_seed": 1, "progressbar": False}
    of, exact = (ld.replayed_posteriors(one, data, **asked) for one in (sampled(), EXACT))
    (posteriors, rows), (truths, _) = pair(of, 1, 2), pair(exact, 1, 2)
    found, truth = (ld.posterior_debt(*three, **rows) for three in (posteriors, truths))
    assert found.lower_bound
    assert Doubt.NO_OVERLAP in found.doubts
    assert 0 < found.value < truth.value
    blocks, exactly = (ld.debt_by_block(*three, blocks="coefficients", **rows) for three in (posteriors, truths))
    told = blocks["reliable"].values
    assert within(blocks["value"][told], exactly["value"][told], blocks["standard_error"][told])
    assert (blocks["value"][~told] <= exactly["value"][~told]).all()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*cannot be believed")  # R-hat of few draws
def test_debts_between_two_periods_cover_their_exact_values():
    """4 x 150 draws a fit, 200 pools: .90 within 4 binomial sigma for entries, groups and the whole."""
    data = history().isel(obs=slice((WARM + 6) * ROWS))
    exact = pair(replayed(EXACT, data), 1, 5)

    def debts_of(three, rows):
        blocks = ld.debt_by_block(*three, **rows)
        groups = ld.debt_by_group(*three, by="store", **rows)
        debt = ld.posterior_debt(*three, **rows)
        return (
            np.array([*blocks["value"].values, *groups["value"].values, debt.value]),
            np.array([*blocks["standard_error"].values, *groups["standard_error"].values, debt.standard_error]),
            [*blocks["reliable"].values, *groups["reliable"].values, debt.reliable],
        )

    truth, found = debts_of(*exact)[0], []
    for seed in range(200):
        values, errors, told = debts_of(*pair(replayed(sampled(draws=150), data, random_seed=seed), 1, 5))
        found.append(np.where(told, (values - truth) / errors, np.nan))
    z = np.array(found)
    told = np.isfinite(z)
    assert told.mean() > 0.9
    cover = (np.abs(z) < 1.645).sum(axis=0) / told.sum(axis=0)
    assert (np.abs(cover - 0.9) < 4 * np.sqrt(0.09 / len(z))).all(), cover
    assert np.nanmax(np.abs(z)) < 5.5


class Grows(SampledRegression):
    growing_dims = ("store",)


def test_what_cannot_be_is_said_before_the_first_fit():
    for forecaster, data, words in (
        (Grows(PRIOR), history(), "cannot be made from one pool of draws: the model grows along store"),
        (sampled(), history().assign(arrived=history()["period"] + 1), "later periods"),
    ):
        with pytest.raises(NotPooledError, match=words):
            replayed(forecaster, data)
        assert forecaster.fits == 0
    several = history().assign(series=("obs", np.where(history()["store"] == "Graz", "a", "b")))
    with pytest.raises(ValueError, match="2 series"):
        replayed(sampled(), several)
    with pytest.raises(TypeError, match="shadow must be a PooledShadow"):
        replayed(sampled(), shadow=ld.Refit())


def test_periods_are_numbers_of_the_replay(pool):
    with pytest.raises(ValueError, match=f"period must be from 0 to {PERIODS}"):
        pool.posterior(PERIODS + 1)
    with pytest.raises(ValueError, match="deployed_at=5 must be before period=5"):
        pool.rows_between(5, 5)


class OneChainElsewhere(SampledRegression):
    def fit(self, data, **options):
        tree = super().fit(data, **options)
        draws = tree["posterior"]["variance"].copy()
        draws[0] = draws[0] * 3.0
        tree["posterior"]["variance"] = draws
        return tree


def test_fits_that_cannot_be_believed_are_warned_of():
    with pytest.warns(UserWarning, match="posteriors cannot be believed, the first in the first fit"):
        found = replayed(OneChainElsewhere(PRIOR))
    assert not found.upkeep[0].converged
