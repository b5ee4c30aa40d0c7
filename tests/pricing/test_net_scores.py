"""Bills as realised score less the cost of retrains: identities, closed forms, errors, and why there is none."""

import numpy as np
import pytest
import xarray as xr

import learning_debt as ld
from learning_debt.policies import CUSUM, Always, Calendar, Never, Schedule
from learning_debt.scores import CRPS, NewsvendorLoss

from ..policies.test_deployed_signals import OnlyDifferences
from ..sampled_regression import SampledRegression

INITIAL, PERIODS = 5, 24
FORECASTER = ld.ConjugateRegression(ld.NIG(np.zeros(2), np.eye(2), 2.0, 1.0))
POLICIES = [Never(), Calendar(7), CUSUM(0.5), Always()]


def table_of(history, forecaster=FORECASTER, **options):
    options = {"initial": INITIAL, "random_seed": 1, "progressbar": False} | options
    return ld.spell_table(forecaster, history, **options)


@pytest.fixture
def history(make_history):
    two = [make_history(INITIAL + PERIODS, 3, 2, shift_at=shift) for shift in (14, 20)]
    both = {name: np.concatenate([one[name] for one in two]) for name in two[0]}
    return both | {"series": np.repeat(["north", "south"], len(two[0]["y"]))}


def late(history):
    """Outcomes that come up to two periods late."""
    return history | {
        "arrived": np.minimum(history["period"] + np.arange(len(history["y"])) % 3, INITIAL + PERIODS - 1)
    }


def sampled(**options):
    return lambda history: table_of(
        {"x": history["x"][:, :1], "y": history["y"], "period": history["period"], "series": history["series"]},
        SampledRegression(draws=100),
        **options,
    )


TABLES = {
    "exact": (table_of, 0.3),
    "window": (lambda history: table_of(history, update_rule=ld.UpdateRule(window=8)), 0.3),
    "discount, exposure": (
        lambda history: table_of(history, update_rule=ld.UpdateRule(discount=0.9), exposure=2.5),
        0.3,
    ),
    "several steps ahead": (lambda history: table_of(history, horizon=3), 0.3),
    "late": (lambda history: table_of(late(history)), 0.3),
    "crps": (lambda history: table_of(history, score=CRPS()), 0.2),
    "money": (lambda history: table_of(history, score=NewsvendorLoss(4.0, 1.0, "EUR")), 3.0),
    "money per nat": (table_of, ld.RetrainingCost(50, money_per_nat=20, currency="EUR", per_change=30)),
    "pooled": (sampled(), 0.3),
    "refit": (sampled(shadow=ld.Refit()), 0.3),
    "ladder": (sampled(shadow=ld.ShadowLadder()), 0.3),
    "drawn crps, late": (lambda history: sampled(score=CRPS(), horizon=2)(late(history)), 0.2),
}


@pytest.mark.parametrize("name", TABLES)
def test_net_scores_differ_as_signed_bills_do(name, history):
    """Regret is the shadow's score, whatever served, minus that of what served."""
    make, cost = TABLES[name]
    table = make(history)
    replays = [ld.replay(table, policy, cost) for policy in POLICIES] + [ld.oracle(table, cost)]
    assert all(one.net_score_reason == "" for one in replays)
    together = np.array([(one.net_score + one.objective).values for one in replays])
    np.testing.assert_allclose(together, np.broadcast_to(together[0], together.shape), rtol=1e-9)
    assert np.ptp([one.objective.values for one in replays], axis=0).min() > 0.1
    shadow = (table["deployed_score"] + table["score_gap"]).isel(deployed_at=0)
    worth = table["exposure"] * (20 * table["rows"] if name == "money per nat" else 1.0)
    np.testing.assert_allclose(together[0], (worth * shadow).sum("period"), rtol=1e-9)
    assert replays[0].net_score.dims == ("series",)


def test_it_is_the_score_of_what_served_less_what_retrains_cost(history):
    one = ld.replay(table_of(history), Calendar(9), 0.7)
    for name in ("north", "south"):
        own = {key: values[history["series"] == name] for key, values in history.items() if key != "series"}

        def part(first, stop, own=own):
            chosen = (own["period"] >= first) & (own["period"] < stop)
            return {"x": own["x"][chosen], "y": own["y"][chosen]}

        expected, serving = 0.0, FORECASTER.fit(part(0, INITIAL))
        for t in range(1, PERIODS + 1):
            expected += float(FORECASTER.log_score(serving, part(INITIAL + t - 1, INITIAL + t)).mean())
            if t in (9, 18):
                expected, serving = expected - 0.7, FORECASTER.fit(part(0, INITIAL + t))
        assert float(one.net_score.sel(series=name)) == pytest.approx(expected, rel=1e-10)


def test_bills_under_two_rules_stand_in_one_currency(history):
    """Never retraining serves the first forecast whatever the rule of the shadow: bills differ, scores do not."""
    never = {
        window: ld.replay(table_of(history, update_rule=ld.UpdateRule(window=window)), Never(), 0.3)
        for window in (INITIAL, 2 * INITIAL, None)
    }
    scores, bills = ([getattr(one, name).values for one in never.values()] for name in ("net_score", "objective"))
    np.testing.assert_allclose(scores, np.broadcast_to(scores[0], (3, 2)), rtol=1e-12)
    assert np.ptp(bills, axis=0).min() > 0.1


def test_with_separate_timing_the_shadow_of_the_period_is_what_scores_add_up_to(random_spells):
    table = random_spells(12, series=3).drop_vars("regret", errors="ignore").assign_attrs(timing="separate")
    shadow = xr.DataArray(np.random.default_rng(1).normal(size=(3, 12)), dims=("series", "period"))
    table["deployed_score"] = shadow - table["score_gap"]
    for policy in POLICIES:
        one = ld.replay(table, policy, 0.3)
        np.testing.assert_allclose(one.net_score + one.objective, shadow.sum("period"), rtol=1e-12)


def test_errors_add_within_a_spell_and_in_quadrature_between_spells(random_spells):
    table = random_spells(6, exposure=np.array([1.0, 2.0, 1.0, 1.0, 0.5, 1.0]))
    table["deployed_score"] = -table["score_gap"]
    assert float(ld.replay(table, Never(), 0.3).net_score_se.item()) == 0.0
    table["deployed_score_se"] = xr.full_like(table["score_gap"], 0.1).where(table["score_gap"].notnull())
    one = ld.replay(table, Schedule(["day 002", "day 003"]), 0.3)
    assert float(one.net_score_se.item()) == pytest.approx(0.1 * np.sqrt(3.0**2 + 1.0**2 + 2.5**2))


@pytest.mark.parametrize("shadow", [ld.Refit(), None], ids=["refit", "pooled"])
def test_sampled_net_scores_miss_the_exact_ones_by_their_errors(shadow, make_history):
    """90% intervals of 120 net scores, two policies on 60 histories: no less than 4 binomial errors below 90%."""
    forecaster, inside = SampledRegression(draws=100), []
    for seed in range(6):
        parts = [make_history(10 + 6, 3, 1, seed=100 * seed + i) for i in range(10)]
        one = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        one["series"] = np.repeat(np.arange(10), len(parts[0]["y"]))
        drawn = table_of(one, forecaster, initial=10, variables=("deployed_score",), shadow=shadow, random_seed=seed)
        exact = table_of(one, forecaster.exact, initial=10)
        for policy in (Never(), Calendar(3)):
            found, truth = (ld.replay(table, policy, 0.3) for table in (drawn, exact))
            inside.append((np.abs(found.net_score - truth.net_score) <= 1.645 * found.net_score_se).values)
    assert np.mean(inside) > 0.9 - 4 * np.sqrt(0.9 * 0.1 / np.size(inside))


def test_what_has_no_net_score_says_why(history, random_spells):
    table = table_of(history)
    bare = ld.replay(table.drop_vars("deployed_score"), Never(), 0.3)
    assert "holds no deployed_score" in bare.net_score_reason
    assert np.isnan([bare.net_score, bare.net_score_se]).all()
    positive = ld.replay(table, Never(), 0.3, accounting="positive")
    assert "positive accounting charges losses only" in positive.net_score_reason
    owners = table.assign(regret=(2 * table["regret"]).drop_attrs())
    assert "is not exposure x score_gap" in ld.oracle(owners, 0.3).net_score_reason
    assert "is not exposure x score_gap" in ld.oracle(owners.drop_vars("score_gap"), 0.3).net_score_reason
    for same in (table.assign(regret=table["regret"].drop_attrs()), table.drop_vars("score_gap")):
        assert ld.oracle(same, 0.3).net_score_reason == ""


def test_a_hole_where_nothing_served_does_not_matter(history):
    table = table_of(history)
    table["deployed_score"][1, 3, 8] = np.nan
    never = ld.replay(table, Never(), 0.3)
    assert never.net_score_reason == ""
    assert np.isfinite(never.net_score).all()
    three = ld.replay(table, Schedule(table["label"].values[[2]].tolist()), 0.3)
    assert three.net_score_reason == "deployed_score is not finite for series 1, deployed_at 3, period 9"
    assert np.isfinite(three.net_score).values.tolist() == [True, False]


def test_periods_in_which_the_deployed_forecast_was_better_are_counted():
    gap = np.array([[0.1, -0.2, -0.3], [np.nan, 0.0, 0.4], [np.nan, np.nan, -0.1]])
    table = xr.Dataset({"score_gap": (("deployed_at", "period"), gap)})
    for policy, expected in ((Never(), 2 / 3), (Always(), 1 / 3), (Schedule([1]), 0.0)):
        for accounting in ("signed", "positive"):
            assert ld.replay(table, policy, 0.1, accounting).frac_deployed_better.values.tolist() == [expected]


@pytest.mark.parametrize("forecaster", [FORECASTER, SampledRegression(draws=50)], ids=["exact", "drawn"])
def test_tables_hold_the_score_of_what_serves_unless_told_otherwise(forecaster, history):
    own = {name: history[name] for name in ("y", "period", "series")} | {
        "x": history["x"][:, : forecaster_width(forecaster)]
    }
    assert {"debt", "predictive_debt", "score_gap", "deployed_score"} <= {*table_of(own, forecaster)}
    assert "deployed_score" not in table_of(own, forecaster, variables=("debt",))
    (fleet,) = ld.spell_tables(forecaster, own, initial=INITIAL, random_seed=1, progressbar=False)
    assert "deployed_score" in fleet


def forecaster_width(forecaster):
    return len(getattr(forecaster, "exact", forecaster).prior.mean)


def test_a_score_known_for_differences_only_is_left_out(history):
    own = {"x": history["x"][:, :1], "y": history["y"], "period": history["period"], "series": history["series"]}
    quiet = OnlyDifferences()
    assert [score.differences_only for score in (quiet, ld.scores.LogScore(), CRPS())] == [True, False, False]
    with pytest.raises(NotImplementedError, match="variables: the difference score is known for differences only"):
        table_of(own, SampledRegression(draws=50), score=quiet, variables=("deployed_score",))


def test_an_audit_gives_every_bill_as_a_net_score(history):
    table = table_of(history)
    audit = ld.audit(table, 0.3, resamples=20)
    shown = audit.table
    for name, replay in audit.replays.items():
        assert float(shown["net_score"].sel(policy=name)) == pytest.approx(float(replay.net_score.mean()))
        better = float(replay.frac_deployed_better.mean())
        assert float(shown["frac_deployed_better"].sel(policy=name)) == pytest.approx(better)
    np.testing.assert_allclose(shown["net_score"], shown["shadow_score"] - shown["total"], rtol=1e-9)
    assert shown.attrs["net_score_reason"] == ""
    assert "net" in str(audit).split()  # the head of its column, or among what there is no room for
    bare = ld.audit(table.drop_vars("deployed_score"), 0.3, resamples=20)
    assert np.isnan([bare.table["net_score"], bare.table["shadow_score"]]).all()
    assert "holds no deployed_score" in bare.table.attrs["net_score_reason"]
    assert "net" not in str(bare).split()
    positive = ld.audit(table, 0.3, accounting="positive", resamples=20)
    assert "positive accounting" in positive.table.attrs["net_score_reason"]
