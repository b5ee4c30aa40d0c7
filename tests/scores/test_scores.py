"""Scores by name and by object; draws against exact values; a user's score; weights; what is refused."""

import pickle
import re

import numpy as np
import pytest
import xarray as xr

import learning_debt as ld
from learning_debt.arrays.conjugate import nig
from learning_debt.forecasters.weights import with_weights
from learning_debt.scores import CRPS, DrawsScore, EnergyScore, LogScore, NewsvendorLoss, QuantileLoss, as_score

MONEY = NewsvendorLoss(4.0, 1.0, "EUR")
SCORES = [LogScore(), CRPS(), EnergyScore(), QuantileLoss(0.3), MONEY]
WORLDS = {"none": (0.0, 1.0), "small": (0.3, 1.0), "large": (2.0, 1.0), "variance": (0.0, 2.0)}
each_world = pytest.mark.parametrize("world", WORLDS)


def pair(world, rows=4, seed=1):
    """Forecaster, exact shadow and deployed posterior, and a batch, after a shift of the coefficients or the spread."""
    rng = np.random.default_rng(seed)
    shift, spread = WORLDS[world]

    def data(n, move, sd):
        x = np.column_stack([np.ones(n), rng.normal(size=n)])
        return {"x": x, "y": x @ [1.0 + move, 2.0 - move] + sd * rng.normal(size=n)}

    forecaster = ld.ConjugateRegression(ld.NIG(np.zeros(2), np.eye(2), 2.0, 1.0))
    deployed = forecaster.fit(data(50, 0.0, 1.0))
    return forecaster, forecaster.update(deployed, data(40, shift, spread)), deployed, data(rows, shift, spread)


def sampled(forecaster, posteriors, draws, seed):
    return [forecaster.sample(one, draws=draws // 4, random_seed=seed + 1000 * i) for i, one in enumerate(posteriors)]


@pytest.mark.parametrize("draws", [1000, 4000])
@each_world
@pytest.mark.parametrize("score", [CRPS(), QuantileLoss(0.3), MONEY], ids=lambda one: one.name)
def test_draws_agree_with_exact_values_within_four_standard_errors(score, world, draws):
    for seed in range(5):
        forecaster, shadow, deployed, batch = pair(world, seed=seed)
        p, q = sampled(forecaster, (shadow, deployed), draws, seed)
        for function in (ld.predictive_debt, ld.score_gap):
            exact = function(forecaster, shadow, deployed, batch, score)
            estimate = function(forecaster, p, q, batch, score, random_seed=seed)
            assert exact.standard_error == 0
            if estimate.reliable:
                assert abs(estimate.value - exact.value) < 4 * estimate.standard_error, (seed, function.__name__)
            # An outcome so near a quantile that the loss bends there has a gap that is not relied on.
            assert estimate.reliable or function is ld.score_gap


@each_world
def test_the_energy_score_of_one_value_a_row_is_the_crps(world):
    forecaster, shadow, deployed, batch = pair(world, rows=2)
    p, q = sampled(forecaster, (shadow, deployed), 400, 3)
    for function in (ld.predictive_debt, ld.score_gap):
        values = [function(forecaster, p, q, batch, score, random_seed=1) for score in ("crps", "energy")]
        assert values[0].value == pytest.approx(values[1].value, rel=1e-9)
        assert values[0].standard_error == pytest.approx(values[1].standard_error, rel=1e-6)
        exact = [function(forecaster, shadow, deployed, batch, score).value for score in ("crps", "energy")]
        assert exact[0] == exact[1]


@each_world
@pytest.mark.parametrize("score", SCORES, ids=lambda one: one.name)
def test_predictive_debt_is_what_the_shadow_expects_of_the_gap(score, world):
    forecaster, shadow, deployed, batch = pair(world, rows=1)
    rng = np.random.default_rng(4)
    drawn = forecaster.sample(shadow, draws=5000, random_seed=2)
    x = np.repeat(forecaster.as_batch(batch)["x"].values, 20_000, axis=0)
    y = forecaster.predict(drawn, batch, random_seed=int(rng.integers(1000)))["y"].values[:, 0]
    gaps = score.exact_score(shadow, x, y) - score.exact_score(deployed, x, y)
    debt = score.exact_divergence(shadow, deployed, x[:1])
    spread = score.exact_gap_spread(shadow, deployed, x[:1])
    assert debt > 0
    assert abs(gaps.mean() - debt) < 4 * gaps.std() / np.sqrt(len(gaps))
    # A heavy upper tail of squared gaps makes their spread rough; four standard errors of it.
    deviation = ((gaps - gaps.mean()) ** 2).std() / np.sqrt(len(gaps)) / (2 * spread)
    assert abs(gaps.std() - spread) < 4 * deviation
    # The spread of a stock's gap goes with the distance of two quantiles, which takes many draws to tell.
    p, q = sampled(forecaster, (shadow, deployed), 1000 if score == EnergyScore() else 40_000, 5)
    found = ld.predictive_debt(forecaster, p, q, batch, score, random_seed=1).diagnostics["gap_sd"]
    assert found == pytest.approx(float(spread), rel=0.25)


@pytest.mark.parametrize("score", SCORES, ids=lambda one: one.name)
def test_exact_values_broadcast_over_leading_axes(score):
    _, shadow, deployed, batch = pair("small")
    x, y = np.asarray(batch["x"]), np.asarray(batch["y"])
    stacked = ld.NIG(*(np.stack([a, b]) for a, b in zip(deployed, shadow, strict=True)))
    assert score.exact_score(stacked, x, y).shape == (2, 4)
    for ask in (score.exact_divergence, score.exact_gap_spread):
        both = ask(shadow, stacked, x)
        assert both.shape == (2,)
        assert both[0] == pytest.approx(float(ask(shadow, deployed, x)), rel=1e-9)
        assert both[1] == pytest.approx(0.0, abs=1e-12)


def test_a_better_shadow_has_a_positive_gap_whatever_the_score():
    forecaster, shadow, deployed, batch = pair("large", rows=20)
    p, q = sampled(forecaster, (shadow, deployed), 1000, 6)
    for score in [*SCORES[:2], *SCORES[3:], user_newsvendor()]:
        assert ld.score_gap(forecaster, p, q, batch, score, random_seed=1).value > 0
        assert ld.score_gap(forecaster, q, p, batch, score, random_seed=1).value < 0


@pytest.mark.parametrize("score", [CRPS(), MONEY], ids=lambda one: one.name)
def test_weighted_draws_stand_for_what_they_are_weighted_to(score):
    forecaster, shadow, deployed, batch = pair("small")
    draws = forecaster.sample(deployed, draws=2000, random_seed=7)
    coefficients, variance = (draws["posterior"][name].values for name in ("coefficients", "variance"))
    log_weight = np.subtract(
        *(
            nig.log_density(one, coefficients.reshape(-1, 2), variance.ravel()).reshape(variance.shape)
            for one in (shadow, deployed)
        )
    )
    weighted = with_weights(draws, log_weight)
    for function in (ld.predictive_debt, ld.score_gap):
        exact = function(forecaster, shadow, deployed, batch, score).value
        estimate = function(forecaster, weighted, draws, batch, score, random_seed=8)
        assert abs(estimate.value - exact) < 4 * estimate.standard_error


@pytest.mark.parametrize("score", SCORES[1:], ids=lambda one: one.name)
def test_a_posterior_owes_nothing_to_itself(score):
    forecaster, shadow, _, batch = pair("small")
    (p,) = sampled(forecaster, (shadow,), 200, 15)
    for function in (ld.predictive_debt, ld.score_gap):
        for posterior in (p, shadow):
            estimate = function(forecaster, posterior, posterior, batch, score, random_seed=1)
            assert (estimate.value, estimate.standard_error, estimate.reliable) == (0.0, 0.0, True)


def newsvendor(draws, outcome):
    stock = np.quantile(draws, 0.8, axis=0)
    return -np.where(outcome > stock, 4.0, -1.0) * (outcome - stock)


def user_newsvendor():
    return DrawsScore(newsvendor, name="stock-out", currency="EUR")


@each_world
def test_a_users_score_agrees_with_the_exact_one(world):
    forecaster, shadow, deployed, batch = pair(world)
    p, q = sampled(forecaster, (shadow, deployed), 800, 9)
    for function in (ld.predictive_debt, ld.score_gap):
        exact = function(forecaster, shadow, deployed, batch, MONEY).value
        estimate = function(forecaster, p, q, batch, user_newsvendor(), random_seed=1)
        assert estimate.reliable
        assert abs(estimate.value - exact) < 4 * estimate.standard_error


def test_a_users_score_of_weighted_draws_resamples_them():
    forecaster, shadow, deployed, batch = pair("small")
    p, q = sampled(forecaster, (shadow, deployed), 800, 10)
    level = with_weights(p, np.zeros((4, 200)))
    plain, weighted = (ld.score_gap(forecaster, one, q, batch, user_newsvendor(), random_seed=1) for one in (p, level))
    assert plain == weighted
    only_first = with_weights(p, np.where(np.arange(200) < 20, 0.0, -np.inf) * np.ones((4, 1)))
    seen = []
    score = DrawsScore(lambda draws, outcome: seen.append(draws) or np.zeros(len(outcome)), name="spy")
    score.forecast(forecaster, only_first, forecaster.as_batch(batch), None, 1)
    values = forecaster.predict(p, batch, random_seed=int(np.random.SeedSequence([1, 800]).generate_state(1)[0]))["y"]
    first = values.values.reshape(4, 200, -1)[:, :20].reshape(-1, 4)
    assert set(seen[-1][:, 0]) == set(first[:, 0])


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda _, __: 1.0, r"must return one score a row, shape \(4,\), not \(\)"),
        (lambda draws, _: draws[:, 0], r"must return one score a row"),
        (lambda _, outcome: np.full(len(outcome), np.nan), "not finite"),
    ],
)
def test_a_users_function_that_returns_something_else_is_refused(function, message):
    forecaster, shadow, deployed, batch = pair("small")
    p, q = sampled(forecaster, (shadow, deployed), 200, 11)
    for ask in (ld.score_gap, ld.predictive_debt):
        with pytest.raises(ValueError, match=message):
            ask(forecaster, p, q, batch, DrawsScore(function, name="mine"))


def test_a_users_score_has_no_exact_value_and_says_what_to_do():
    forecaster, shadow, deployed, batch = pair("small")
    for ask in (ld.score_gap, ld.predictive_debt):
        with pytest.raises(NotImplementedError, match="sample the posteriors first"):
            ask(forecaster, shadow, deployed, batch, user_newsvendor())


def test_scores_survive_pickling():
    forecaster, shadow, deployed, batch = pair("small")
    p, q = sampled(forecaster, (shadow, deployed), 200, 12)
    for score in [*SCORES, user_newsvendor()]:
        again = pickle.loads(pickle.dumps(score))
        assert (again.name, again.unit, again.in_money) == (score.name, score.unit, score.in_money)
        assert ld.score_gap(forecaster, p, q, batch, again, random_seed=1) == ld.score_gap(
            forecaster, p, q, batch, score, random_seed=1
        )


def test_every_score_is_among_them():
    public = {getattr(ld.scores, name) for name in ld.scores.__all__}
    offered = {one for one in public if isinstance(one, type)} - {ld.scores.Score, DrawsScore}
    assert {type(score) for score in SCORES} == offered  # the owner's own has tests of its own, below


def test_names_and_objects():
    assert [as_score(name) for name in ("log", "crps", "energy")] == [LogScore(), CRPS(), EnergyScore()]
    assert as_score(MONEY) is MONEY
    assert (MONEY.unit, MONEY.in_money, MONEY.level) == ("EUR", True, 0.8)
    assert [one.in_money for one in SCORES] == [False, False, False, False, True]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ("cprs", ValueError, "did you mean 'crps'.*By name: log, crps, energy; by object: QuantileLoss"),
        ("Log", ValueError, "did you mean 'log'"),
        ("newsvendor", ValueError, r"give NewsvendorLoss\(under, over, currency\)"),
        ("brier", ValueError, "no score is called 'brier'"),
        (CRPS, TypeError, "write its brackets"),
        (None, TypeError, "must be a name or a Score"),
    ],
)
def test_what_is_no_score_is_refused_with_what_there_is(given, error, message):
    with pytest.raises(error, match=message):
        as_score(given)


NO_COST = [
    (0, ValueError),
    (-1.0, ValueError),
    (np.nan, ValueError),
    (np.inf, ValueError),
    ("4", TypeError),
    (None, TypeError),
    (True, TypeError),
    (1j, TypeError),
    ([1.0, 2.0], TypeError),
]


@pytest.mark.parametrize(("value", "error"), [*NO_COST, (1, ValueError), (1.0, ValueError), (90, ValueError)])
def test_levels_that_make_no_sense_are_refused_by_name(value, error):
    with pytest.raises(error, match=r"^level must be a number that is above 0 and below 1, not"):
        QuantileLoss(value)


@pytest.mark.parametrize("name", ["under", "over"])
@pytest.mark.parametrize(("value", "error"), NO_COST)
def test_costs_that_make_no_sense_are_refused_by_name(name, value, error):
    with pytest.raises(error, match=f"^{name} must be a number that is above 0, not"):
        NewsvendorLoss(**{"under": 1.0, "over": 1.0, name: value})


@pytest.mark.parametrize(("under", "over"), [(1e20, 1.0), (1e-200, 1e200)])
def test_costs_that_leave_no_quantile_are_refused(under, over):
    with pytest.raises(ValueError, match="under and over must be of comparable size"):
        NewsvendorLoss(under, over)


@pytest.mark.parametrize(
    ("value", "error"), [("", ValueError), ("  ", ValueError), (3, TypeError), (b"EUR", TypeError)]
)
def test_a_currency_that_is_no_name_is_refused(value, error):
    for make in (lambda: NewsvendorLoss(1.0, 1.0, value), lambda: DrawsScore(newsvendor, name="mine", currency=value)):
        with pytest.raises(error, match=r"^currency must be a name, such as 'EUR', not"):
            make()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"function": "crps"}, r"^function must be callable with \(draws, outcome\), not 'crps'"),
        ({"name": 3}, "^name must be text, not 3"),
        ({"unit": None}, "^unit must be text, not None"),
    ],
)
def test_a_users_score_that_makes_no_sense_is_refused_by_name(given, message):
    with pytest.raises(TypeError, match=message):
        DrawsScore(**{"function": newsvendor, "name": "mine", "unit": "EUR"} | given)


def test_names_tell_levels_apart():
    levels = [0.9, 0.999, 0.9999999, 1e-7]
    assert [QuantileLoss(level).name for level in levels] == [
        f"quantile {text}" for text in ("0.9", "0.999", "0.9999999", "1e-07")
    ]


@pytest.mark.parametrize(
    "score", [QuantileLoss(0.999), QuantileLoss(0.001), NewsvendorLoss(2000.0, 1.0, "EUR")], ids=lambda one: one.name
)
def test_a_level_beyond_the_draws_is_not_relied_on_and_says_how_many_it_takes(score):
    forecaster, shadow, deployed, batch = pair("small")
    for draws, beyond in ((200, True), (40_000, False)):
        p, q = sampled(forecaster, (shadow, deployed), draws, 16)
        for function in (ld.predictive_debt, ld.score_gap):
            exact = function(forecaster, shadow, deployed, batch, score).value
            estimate = function(forecaster, p, q, batch, score, random_seed=1)
            if beyond:
                assert not estimate.reliable
                assert re.search(r"beyond the level 0\.(99|00)\d+.*it takes about (16|32),000 draws", estimate.note)
            else:
                assert estimate.reliable, estimate.note
                assert abs(estimate.value - exact) < 4 * estimate.standard_error


def test_few_draws_and_heavy_tails_are_not_relied_on():
    forecaster, shadow, deployed, batch = pair("small")
    p, q = sampled(forecaster, (shadow, deployed), 40, 13)
    few = ld.predictive_debt(forecaster, p, q, batch, "crps", random_seed=1)
    assert not few.reliable
    assert "draw more" in few.note
    p, q = sampled(forecaster, (shadow, deployed), 1000, 13)
    wild = xr.DataTree.from_dict({"posterior": q["posterior"].to_dataset(), "parameters": q["parameters"].to_dataset()})
    wild["posterior"]["variance"][0, 0] = 1e12
    heavy = ld.predictive_debt(forecaster, p, wild, batch, "crps", random_seed=1)
    assert not heavy.reliable
    assert "tails are too heavy" in heavy.note


def test_the_score_of_one_number_a_row_refuses_vectors():
    forecaster, shadow, deployed, batch = pair("small")
    p, q = sampled(forecaster, (shadow, deployed), 200, 14)

    class TwoValues:
        observation_dim, observed, needs_past, feedback = "obs", ("y",), False, False
        fit = forecaster.fit

        def as_batch(self, data):
            one = forecaster.as_batch(data)
            return one.assign(y=(("obs", "side"), np.stack([one["y"].values] * 2, axis=1)))

        def predict(self, posterior, rows, past=None, *, random_seed=None):
            one = forecaster.predict(posterior, rows[["x"]], random_seed=random_seed)["y"].values
            return xr.Dataset({"y": (("sample", "obs", "side"), np.stack([one, one], axis=-1))})

    with pytest.raises(ValueError, match=r"use EnergyScore\(\)"):
        ld.predictive_debt(TwoValues(), p, q, batch, "crps")
    twice = ld.predictive_debt(TwoValues(), p, q, batch, "energy", random_seed=1).value
    once = ld.predictive_debt(forecaster, p, q, batch, "crps", random_seed=1).value
    assert twice == pytest.approx(np.sqrt(2) * once, rel=1e-9)  # the diagonal of a square is sqrt(2) as long
