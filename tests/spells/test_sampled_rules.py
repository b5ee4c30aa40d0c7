"""Sampled tables under update rules, late outcomes, other scores and other keepers of the shadow."""

import pickle

import numpy as np
import pytest
import xarray as xr

import learning_debt as ld
from learning_debt.arrays.conjugate import nig
from learning_debt.data import split_periods
from learning_debt.data.update_rule import UpdateRule
from learning_debt.forecasters.row_likelihood import row_log_density
from learning_debt.forecasters.weights import LOG_WEIGHT, WEIGHTS, with_weights
from learning_debt.scores import CRPS, LogScore, NewsvendorLoss
from learning_debt.shadows.base import Shadow, Upkeep
from learning_debt.shadows.supplied import SuppliedShadow
from learning_debt.spells.forecast_schedule import Plan
from learning_debt.spells.forwarding import RememberingPredictor
from learning_debt.spells.held_likelihoods import HeldLikelihoods
from learning_debt.spells.schema import ESTIMATED

from ..sampled_regression import SampledRegression

PRIOR = ld.NIG(np.zeros(2), np.eye(2), 2.0, 1.0)
INITIAL, PERIODS = 12, 10


def late_history(seed=2, shift=1.0):
    rng = np.random.default_rng(seed)
    period = np.repeat(np.arange(INITIAL + PERIODS), 3)
    x = rng.normal(size=(period.size, 2))
    y = x.sum(axis=1) * (1 + shift * (period >= INITIAL + 4)) + rng.normal(size=period.size)
    arrived = np.minimum(period + rng.integers(0, 3, size=period.size), INITIAL + PERIODS)
    return {"x": x, "y": y, "period": period, "row": np.tile([0, 1, 1], INITIAL + PERIODS), "arrived": arrived}


def in_order(history):
    """Rows 1 and 2 of a period are vintages of one another: the second is moved behind the first."""
    arrived = history["arrived"].reshape(-1, 3)
    arrived[:, 2] = np.maximum(arrived[:, 2], arrived[:, 1] + 1)
    return history | {"arrived": arrived.ravel()}


def on_time(history):
    return {name: history[name] for name in ("x", "y", "period")}


def table_of(forecaster, history, **options):
    return ld.spell_table(forecaster, history, **{"initial": INITIAL, "random_seed": 1, "progressbar": False} | options)


def assert_close(sampled, exact, names, least=0.7, errors=5.0):
    """Every reliable cell within `errors` standard errors, and most cells reliable."""
    for name in names:
        truth = exact[name].values
        reliable = sampled[f"{name}_reliable"].values & np.isfinite(truth)
        miss = np.abs(sampled[name].values - truth)[reliable]
        assert (miss <= errors * sampled[f"{name}_se"].values[reliable] + 1e-9).all(), name
        assert reliable.sum() > least * np.isfinite(truth).sum(), name


RULES = {
    "window": ({"update_rule": UpdateRule(window=6)}, on_time(late_history())),
    "discount": ({"update_rule": UpdateRule(discount=0.85)}, on_time(late_history())),
    "late-revised-horizon": ({"update_rule": UpdateRule(discount=0.95), "horizon": 2}, in_order(late_history())),
}


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES)
def test_sampled_tables_agree_with_exact_ones_under_every_rule(rule):
    options, history = RULES[rule]
    forecaster = SampledRegression(PRIOR)
    sampled = table_of(forecaster, history, shadow=ld.Refit(), **options)
    exact = table_of(forecaster.exact, history, **options)
    names = [*ESTIMATED, *(["arrived_gap"] if "arrived_gap" in exact else [])]
    assert_close(sampled, exact, names)
    comparison = ld.compare_tables(sampled, exact)
    assert comparison["signal"].values.tolist() == names
    assert (comparison["coverage"] > 0.9 - 3 * np.sqrt(0.09 / (PERIODS + 1))).all()  # cells share 11 sets of draws
    assert sampled.attrs == exact.attrs
    assert set(sampled.data_vars) == set(exact.data_vars)


class Reweighting:
    """Weights the first fit's draws by the likelihood of what the shadow holds since, and never refits."""

    exact, log_density = True, None

    def start(self, forecaster, data, row_weight, random_seed=None):
        held = np.flatnonzero(row_weight > 0)
        posterior = forecaster.fit(data.isel(obs=held), row_weight=row_weight[held], random_seed=random_seed)
        return Shadow(posterior, row_weight), Upkeep("refit", np.nan, 1000.0, 1, 0.0, 0.0, True)

    def step(self, forecaster, shadow, data, row_weight, random_seed=None):
        changed = row_weight - np.pad(shadow.row_weight, (0, len(row_weight) - len(shadow.row_weight)))
        if not changed.any():
            return shadow._replace(row_weight=row_weight), Upkeep("kept", np.nan, 1000.0, 0, 0.0, 0.0, True)
        density = row_log_density(forecaster, shadow.posterior, forecaster.as_batch(data))
        before = shadow.posterior[WEIGHTS][LOG_WEIGHT].values if WEIGHTS in shadow.posterior.children else 0.0
        posterior = with_weights(shadow.posterior, before + density @ changed, pareto_k=0.1)
        return Shadow(posterior, row_weight), Upkeep("reweight", 0.1, 900.0, 0, float(density.size), 0.5, True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "history", [on_time(late_history(shift=0.0)), in_order(late_history(shift=0.0))], ids=["on time", "late"]
)
def test_a_shadow_whose_draws_are_weighted_gives_the_same_table(history):
    forecaster = SampledRegression(PRIOR, draws=600)
    sampled, exact = (
        table_of(forecaster, history, shadow=Reweighting()),
        table_of(forecaster.exact, history),
    )
    names = ["debt", "predictive_debt", "score_gap", *(["arrived_gap"] if "arrived_gap" in exact else [])]
    assert_close(sampled, exact, names, least=0.6)
    upkeep = sampled.isel(series=0)
    assert set(upkeep["rung"].values.tolist()) <= {"reweight", "kept"}
    assert (upkeep["refits"] == 0).all()
    np.testing.assert_array_equal(upkeep["pareto_k"], np.where(upkeep["rung"] == "reweight", 0.1, np.nan))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (np.zeros((250, 4)), r"log_density must return shape \(chain, draw\) = \(4, 250\), not \(250, 4\)"),
        (np.full((4, 250), np.nan), "log_density must return finite numbers or -inf"),
    ],
    ids=["draws first", "NaN"],
)
def test_what_a_keepers_own_density_answers_is_checked(answer, message):
    class Approximate(Reweighting):
        exact = False

        def log_density(self, posterior, points):
            return answer

    with pytest.raises(ValueError, match=message):
        table_of(SampledRegression(PRIOR, draws=250), on_time(late_history()), shadow=Approximate())


def test_a_doubtful_shadow_makes_the_decision_impossible():
    class Doubtful(Reweighting):
        def step(self, *arguments, **options):
            shadow, upkeep = super().step(*arguments, **options)
            return shadow, upkeep._replace(pareto_k=0.9, converged=False)

    table = table_of(SampledRegression(PRIOR), on_time(late_history()), shadow=Doubtful())
    assert not table["converged"].any()
    assert table["deployed_converged"].values[0].tolist() == [True] + [False] * (PERIODS - 1)
    decision = ld.decide(table, ld.policies.CUSUM(0.1), 0.1, deployed_at=0, horizon=5)
    assert decision.verdict == "cannot tell"


def test_approximate_shadows_have_no_debt_by_log_likelihoods():
    class Approximate(Reweighting):
        exact = False

    with pytest.warns(UserWarning, match="approximate posteriors"):
        table = table_of(SampledRegression(PRIOR), on_time(late_history()), shadow=Approximate())
    assert not [name for name in table if str(name).startswith("debt")]
    assert np.isfinite(table["predictive_debt"].values[0][np.triu_indices(PERIODS)]).all()


def test_approximate_shadows_that_know_their_density_have_the_debt_between_them():
    """Supplied without the likelihood's identity, from exact densities, so that the exact table is the truth."""
    forecaster = SampledRegression(PRIOR, draws=400)

    def update(data, row_weight, previous, random_seed):
        return forecaster.fit(data, row_weight=row_weight, random_seed=random_seed)

    def log_density(posterior, points):
        parameters = forecaster.exact_posterior(posterior)
        draws = points["posterior"].to_dataset()
        coefficients = draws["coefficients"].values.reshape(-1, 2)
        return nig.log_density(parameters, coefficients, draws["variance"].values.ravel()).reshape(4, -1)

    keeper = SuppliedShadow(update, exact=False, log_density=log_density)
    options = {"variables": ["debt"], "update_rule": UpdateRule(window=6)}
    sampled = table_of(forecaster, on_time(late_history()), shadow=keeper, **options)
    assert_close(sampled, table_of(forecaster.exact, on_time(late_history()), **options), ["debt"])
    assert (sampled["rung"] == "supplied").all()


def test_where_nothing_arrives_the_shadow_stays_and_owes_nothing():
    history = on_time(late_history())
    late = history["period"] == INITIAL + 3
    arrived = np.where(late, INITIAL + 4, history["period"])
    table = table_of(SampledRegression(PRIOR), history | {"arrived": arrived}).isel(series=0)
    assert table["rung"].values.tolist() == ["refit"] * 3 + ["kept"] + ["refit"] * 6
    assert float(table["debt"][3, 3]) == float(table["predictive_debt"][3, 3]) == float(table["gap_sd"][3, 3]) == 0.0
    np.testing.assert_array_equal(table["score_gap"][3, 4], 0.0)  # posteriors 3 and 4 are one
    np.testing.assert_array_equal(table["arrived_gap"][:4, 3], 0.0)
    assert (table["arrived_gap"][:3, 4] != table["score_gap"][:3, 4]).all()


class Neighbours(SampledRegression):
    """Says that its rows need their past, which a table must heed."""

    needs_past, feedback = True, False


class Feedback(Neighbours):
    feedback = True

    def __init__(self, prior):
        super().__init__(prior)
        self.asked = []

    def predict(self, posterior, batch, past=None, *, random_seed=None):
        rows = [one.sizes["obs"] for one in (past, batch)]
        self.asked.append(rows)
        return self.exact.predict(posterior, batch, random_seed=random_seed)


@pytest.mark.parametrize(
    ("forecaster", "options", "message"),
    [
        (Neighbours(PRIOR), {"update_rule": UpdateRule(discount=0.9)}, "a row cannot be discounted on its own"),
        (Neighbours(PRIOR), {"history": in_order(late_history())}, "none may arrive late or be revised"),
        (Feedback(PRIOR), {"horizon": 2}, "choose a score of draws"),
    ],
)
def test_rows_that_need_their_past_refuse_what_breaks_it(forecaster, options, message):
    with pytest.raises(ValueError, match=message):
        table_of(forecaster, options.pop("history", on_time(late_history())), **options)


def test_a_rolling_window_over_rows_that_need_their_past_has_no_debt():
    options = {"update_rule": UpdateRule(window=8), "variables": ["debt", "score_gap"], "shadow": ld.Refit()}
    with pytest.warns(UserWarning, match="rolling window"):
        table = table_of(Neighbours(PRIOR), on_time(late_history()), **options)
    assert "debt" not in table
    independent = table_of(SampledRegression(PRIOR), on_time(late_history()), **options)
    np.testing.assert_array_equal(table["score_gap"], independent["score_gap"])


def test_paths_are_simulated_from_what_was_known_to_the_period_forecast():
    forecaster = Feedback(PRIOR)
    forecaster.asked.clear()
    ld.spell_table(
        forecaster,
        on_time(late_history()),
        initial=INITIAL,
        horizon=3,
        score=CRPS(),
        variables=["score_gap"],
        random_seed=1,
        progressbar=False,
    )
    paths = {tuple(rows) for rows in forecaster.asked}
    assert paths == {(3 * (INITIAL + t - 1), 9) for t in range(1, PERIODS - 1)}


def test_a_score_in_its_own_unit_is_priced_by_its_rows_if_it_is_money():
    class Money(LogScore):
        unit, in_money = "EUR", True

    history = on_time(late_history())
    table = table_of(SampledRegression(PRIOR).exact, history, score=Money())
    assert table.attrs["unit"] == "EUR per observation"
    assert table.attrs["currency"] == "EUR"
    assert (table["exposure"] == 3).all()
    xr.testing.assert_allclose(table["regret"], 3 * table["score_gap"])


def test_a_row_that_draws_rule_out_counts_until_it_leaves_the_window():
    """Uniform outcomes below a bound: the bound's draws below a large outcome rule it out while it is held."""

    class Bounded:
        observation_dim, needs_past = "obs", False

        def as_batch(self, data):
            return data

        def log_density(self, posterior, batch, past=None, *, random_seed=None):
            bound = posterior["posterior"]["bound"].values.reshape(-1, 1)
            with np.errstate(divide="ignore"):
                return xr.Dataset({"y": (("sample", "obs"), np.log((batch["y"].values < bound) / bound))})

    history = split_periods({"y": [1.0, 2.0, 9.0, 3.0, 1.0, 2.0], "period": np.arange(6)})
    plan = Plan(history, 2, 1, UpdateRule(window=2), LogScore(), ("debt",))
    draws = xr.Dataset({"bound": (("chain", "draw"), [[5.0, 10.0, 20.0]])})
    posterior = xr.DataTree.from_dict({"posterior": draws})
    likelihoods, log = HeldLikelihoods(Bounded(), 1.0), np.log([5.0, 10.0, 20.0])
    held, found = likelihoods.stored(plan.period(0), posterior), []
    for t in (1, 2, 3):
        period = plan.period(t)
        learnt = likelihoods.learnt(period, plan.period(t - 1).row_weight)
        asked = RememberingPredictor(Bounded(), posterior, learnt.batch)
        held = likelihoods.advanced(held, period, asked, learnt, None)
        found.append(held.beyond[0])
    np.testing.assert_allclose(found[0], [-np.inf, 0, 0])  # 9 came in, 1 went out: the others cancel
    np.testing.assert_allclose(found[1], [-np.inf, 0, 0])
    np.testing.assert_allclose(found[2], 0 * log, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["window", "late-revised-horizon"])
def test_a_ladder_gives_the_same_table_with_fewer_refits(rule):
    options, history = RULES[rule]
    forecaster = SampledRegression(PRIOR)
    sampled = table_of(forecaster, history, shadow=ld.ShadowLadder(draws_factor=2), **options)
    exact = table_of(forecaster.exact, history, **options)
    assert_close(sampled, exact, ["debt", "predictive_debt", "score_gap"], least=0.5)
    assert int(sampled["refits"].sum()) < 2 * sampled.sizes["period"]  # two fits side by side would make a refit
    assert sampled["rung"].isin(["reweight", "moment match"]).any()


@pytest.mark.slow
@pytest.mark.parametrize("score", [CRPS(), NewsvendorLoss(3.0, 1.0, "EUR")], ids=["crps", "newsvendor"])
def test_tables_of_other_scores_agree_with_exact_ones(score):
    forecaster, options = SampledRegression(PRIOR), {"score": score, "update_rule": UpdateRule(window=8)}
    sampled, exact = (table_of(one, on_time(late_history()), **options) for one in (forecaster, forecaster.exact))
    assert_close(sampled, exact, ["predictive_debt", "score_gap"])
    assert f"the score is {score.name}" in sampled.attrs.pop("not_pooled")
    assert sampled.attrs == exact.attrs
    assert sampled.attrs["score"] == score.name
    xr.testing.assert_identical(
        exact["debt"], table_of(forecaster.exact, on_time(late_history()), update_rule=UpdateRule(window=8))["debt"]
    )


def test_what_a_series_is_replayed_from_can_be_sent_to_another_process():
    plan = Plan(split_periods(in_order(late_history())), INITIAL, 2, UpdateRule(3), LogScore(), ("debt",))
    keepers = (Reweighting(), ld.Refit(), ld.ShadowLadder())
    again, keepers, score = pickle.loads(pickle.dumps((plan, keepers, NewsvendorLoss(3.0, 1.0, "EUR"))))
    np.testing.assert_array_equal(again.row_weight(3), plan.row_weight(3))
    assert again.forecast_rows(2).tolist() == plan.forecast_rows(2).tolist()
    assert all(keeper.exact for keeper in keepers)
    assert score.unit == "EUR"
