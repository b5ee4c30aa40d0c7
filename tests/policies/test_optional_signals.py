"""Signals that a table holds only when asked for: against their definitions, read by policies, NaN elsewhere."""

import dataclasses

import numpy as np
import pytest

import learning_debt as ld
from learning_debt.policies import ExpectedRegret
from learning_debt.policies.base import Policy
from learning_debt.policies.cost import RetrainingCost
from learning_debt.policies.signal_reader import SignalReader
from learning_debt.spells import check_spells
from learning_debt.spells.schema import EXACT_ONLY, SAMPLED

from ..sampled_regression import SampledRegression

PERIODS, INITIAL = 12, 4


def forecaster_of(coefficients):
    return ld.ConjugateRegression(ld.NIG(np.zeros(coefficients), np.eye(coefficients), 2.0, 1.0))


def rows_of(history, first, stop):
    chosen = (history["period"] >= first) & (history["period"] < stop)
    return {"x": history["x"][chosen], "y": history["y"][chosen]}


def table_of(history, coefficients, variables):
    return ld.spell_table(
        forecaster_of(coefficients),
        history,
        initial=INITIAL,
        variables=variables,
        varying_rows=True,
        progressbar=False,
    )


@pytest.mark.parametrize(("coefficients", "rows"), [(1, 5), (3, 4), (2, [1, 3, 2, 1, 4, 2, 2, 1, 3, 2, 5, 1])])
def test_every_cell_is_its_definition(coefficients, rows, make_history):
    history = make_history(PERIODS, rows, coefficients, seed=coefficients, shift_at=8)
    table = table_of(history, coefficients, ("debt", *EXACT_ONLY)).isel(series=0)
    posteriors = [forecaster_of(coefficients).fit(rows_of(history, 0, INITIAL + t)) for t in range(9)]
    for t in range(1, PERIODS - INITIAL + 1):
        batch = rows_of(history, INITIAL + t - 1, INITIAL + t)
        for s in range(t):
            deployed, shadow = posteriors[s], posteriors[t]
            gap = np.sqrt(sum((a - b) ** 2 for a, b in zip(shadow.mean, deployed.mean, strict=True)))
            band = 2 * np.sqrt(deployed.rate / deployed.shape)
            beyond = [abs(y - row @ deployed.mean) > band for row, y in zip(batch["x"], batch["y"], strict=True)]
            cell = table.isel(deployed_at=s, period=t - 1)
            assert float(cell["parameter_gap"]) == pytest.approx(gap, rel=1e-9)
            assert float(cell["residual_exceedance"]) == sum(beyond) / len(beyond)
    assert float(table["residual_exceedance"].max()) > 0


def test_they_are_made_when_asked_for_without_errors_and_change_nothing_else(make_history):
    history = make_history(PERIODS, 3, 2)
    usual, more = table_of(history, 2, SAMPLED), table_of(history, 2, (*SAMPLED, *EXACT_ONLY))
    assert not set(EXACT_ONLY) & set(usual)
    assert set(more) - set(usual) == set(EXACT_ONLY)
    assert more.drop_vars(EXACT_ONLY).identical(usual)
    present = np.isfinite(usual["score_gap"])
    for name in EXACT_ONLY:
        np.testing.assert_array_equal(np.isfinite(more[name]), present)


def test_sampled_forecasters_do_not_offer_them():
    sampled = SampledRegression()
    for name in EXACT_ONLY:
        with pytest.raises(ValueError, match=rf"\['{name}'\] are offered for a ConjugateRegression only"):
            ld.spell_table(sampled, {}, initial=1, variables=("debt", name))
    with pytest.raises(ValueError, match=r"\['speed'\] are unknown"):
        ld.spell_table(sampled, {}, initial=1, variables=("debt", "speed"))


def test_policies_read_them_and_find_nan_where_they_did_not_ask(make_history):
    table = check_spells(table_of(make_history(PERIODS, 3, 2), 2, (*SAMPLED, *EXACT_ONLY)))
    at = np.array([2])
    asked = SignalReader(table, EXACT_ONLY, RetrainingCost(1.0), np.array([0]))(5, at)
    for name in EXACT_ONLY:
        assert getattr(asked, name)[0] == table[name].values[0, 2, 4]
    assert np.isnan(asked.debt[0])
    other = SignalReader(table, ("debt",), RetrainingCost(1.0), np.array([0]))(5, at)
    assert np.isnan([other.parameter_gap[0], other.residual_exceedance[0]]).all()
    for name in EXACT_ONLY:
        assert getattr(asked.shifted(2.0), name)[0] == getattr(asked, name)[0]


def test_a_policy_of_ones_own_may_ask_for_one(make_history):
    @dataclasses.dataclass(frozen=True)
    class Beyond(Policy):
        """Retrain when too many rows miss the deployed forecast."""

        requires = ("residual_exceedance",)
        share: float

        def step(self, state, signals):
            return state, signals.residual_exceedance > self.share

    history = make_history(40, 5, 1, shift_at=20)
    schedule = ld.replay(table_of(history, 1, EXACT_ONLY), Beyond(0.5), 0.1).schedule.values[0]
    assert schedule[20 - INITIAL : 24 - INITIAL].any()
    with pytest.raises(KeyError, match="residual_exceedance"):
        ld.replay(table_of(history, 1, SAMPLED), Beyond(0.5), 0.1)


def test_a_hybrid_model_is_fitted_replayed_and_audited_on_a_table(make_history):
    """On the regret of the period after, since a period's own is its score gap."""
    history = make_history(80, 5, 1, seed=3, shift_at=35)
    table = table_of(history, 1, (*SAMPLED, *EXACT_ONLY))
    periods = table.sizes["period"]
    age = np.arange(1, periods + 1) - np.arange(periods)[:, None]
    signals = {name: table[name].values[..., :-1] for name in ("debt", "score_gap", *EXACT_ONLY)}
    calibration = ld.AgeAdjustment.fit(table["debt"].values[0], age)
    model = ld.HybridRegretModel.fit(
        **signals, spell_age=age[:, :-1], regret=table["regret"].values[..., 1:], calibration=calibration
    )
    candidates = [ExpectedRegret(scale, model) for scale in (1.0, 4.0, 16.0)]
    result = ld.audit(table, 0.5, policies={"expected regret": candidates})
    assert "expected regret" in result.table["policy"]
    frozen, alert = (ld.replay(table, policy, 0.5) for policy in (ld.policies.Never(), candidates[1]))
    assert float(alert.objective.item()) < float(frozen.objective.item())
