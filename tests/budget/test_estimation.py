"""Learning curves from noisy losses, concepts from tables and ledgers, and what their estimation costs."""

import numpy as np
import pytest
import xarray as xr

import learning_debt as ld
from learning_debt.budget import (
    ExponentialCurve,
    ExponentialDuration,
    PowerCurve,
    concept_durations,
    concept_losses,
    durations_from_ledger,
    estimation_cost,
    fit_durations,
    fit_learning_curve,
    plan_effort,
)


@pytest.mark.parametrize(
    "curve", [ExponentialCurve(0.5, 2.0, 0.4), PowerCurve(0.5, 2.0, 1.0, 2.0)], ids=["exp", "power"]
)
def test_curves_come_back_from_noisy_losses(curve):
    rng, effort = np.random.default_rng(1), np.arange(0.0, 25.0)
    fit = fit_learning_curve(effort, curve.loss(effort) + rng.normal(0, 0.01, 25), np.full(25, 0.01))
    assert type(fit.curve) is type(curve)
    assert fit.convex
    assert fit.convexity_chance > 0.01
    for name, error in fit.standard_errors.items():
        assert getattr(fit.curve, name) == pytest.approx(getattr(curve, name), abs=4 * error)
    assert fit.curve.loss(effort) == pytest.approx(curve.loss(effort), abs=0.03)
    step = 1e-5
    assert curve.slope(effort + 1) == pytest.approx(
        (curve.loss(effort + 1 + step) - curve.loss(effort + 1 - step)) / (2 * step)
    )


def test_losses_that_are_not_convex_or_do_not_fall_are_told():
    effort = np.arange(12.0)
    late = 1 / (1 + np.exp(2 * (effort - 6)))  # nothing is learned at first
    fit = fit_learning_curve(effort, late, np.full(12, 0.02))
    assert not fit.convex
    assert "do not fall ever more slowly" in str(fit).replace("\n", " ")
    with pytest.raises(ValueError, match="loss must fall with effort"):
        fit_learning_curve(effort, effort, np.full(12, 0.02))
    with pytest.raises(ValueError, match="at least 4 of them different, not 2"):
        fit_learning_curve([0.0, 1.0, 1.0], [1.0, 0.5, 0.5])
    unknown = fit_learning_curve(effort, ExponentialCurve(0, 1, 1).loss(effort))
    assert unknown.convex
    assert np.isnan(unknown.convexity_chance)


DETECTOR = ld.policies.PageCUSUM(1.5, allowance=0.3)
LENGTHS = (15, 25, 20, 30, 18)
CHANGES = np.cumsum(LENGTHS)


def shifting_table(noise):
    """Concepts of known lengths; a posterior loses by how many periods of the concept it has learned from."""
    rng = np.random.default_rng(2)
    periods = int(CHANGES[-1])
    begins = np.concatenate([[-20], CHANGES[:-1]])  # the first one began before the history
    concept = np.searchsorted(CHANGES, np.arange(1, periods + 1))  # of period t = 1..T
    deployed, period = np.arange(periods)[:, None], np.arange(1, periods + 1)
    effort = np.maximum(deployed - begins[concept], 0.0)
    loss = 0.2 + 1.5 * np.exp(-0.5 * effort) + rng.normal(0, noise, periods)  # of the period, whoever serves
    known = deployed < period
    newest = np.diagonal(loss)
    cells = {"score_gap": loss - newest, "deployed_score": -loss}
    return xr.Dataset({n: (("deployed_at", "period"), np.where(known, of, np.nan)) for n, of in cells.items()})


def test_concepts_and_their_losses_come_back_from_a_table():
    table = shifting_table(0.3)
    concepts = concept_durations(table, DETECTOR, shortest=8)
    # a change is seen once gaps have added up: that shifts both ends, but not that of the history
    assert concepts["duration"].values == pytest.approx([*LENGTHS[1:4], LENGTHS[4] - 4], abs=1.0)
    assert concepts["observed"].values.tolist() == [True, True, True, False]
    kept = concept_durations(table, DETECTOR, shortest=8, keep_first=True)
    assert kept.sizes["concept"] == 5
    delay = int(kept["ends"].values[0] - LENGTHS[0])
    losses = concept_losses(table, concepts, longest=10, delay=delay)
    expected = 1.5 * np.exp(-0.5 * (losses["effort"].values + delay))
    found = losses["loss"].values
    assert found - found[-1] == pytest.approx(expected - expected[-1], abs=1e-6)  # levels of periods drop out
    assert found[-1] == pytest.approx(0.2, abs=4 * 0.3 / 90**0.5)
    fallen = concept_losses(table.drop_vars("deployed_score"), concepts, longest=10, delay=delay)
    assert fallen["loss"].values[-1] == 0
    with pytest.raises(ValueError, match="concepts must be those of the same table"):
        concept_losses(table.isel(deployed_at=slice(40), period=slice(40)), concepts)


def test_a_ledger_tells_concepts_by_its_verdicts():
    verdict = ["wait"] * 4 + ["retrain", "retrain", "wait"] + ["wait"] * 3 + ["retrain"] + ["wait"] * 2
    age = [1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 1, 2]
    history = xr.Dataset({"verdict": ("period", verdict), "spell_age": ("period", age)})
    found = durations_from_ledger(history)
    assert found["duration"].values.tolist() == [6.0, 2.0]  # 5 to 11, and since then
    assert found["observed"].values.tolist() == [True, False]
    with pytest.raises(ValueError, match="this one has no variables"):
        durations_from_ledger(history.drop_vars("verdict"))


def test_estimation_costs_less_the_more_is_seen_and_never_helps():
    truth, curve = ExponentialDuration(0.125), ExponentialCurve(0.1, 0.9, 0.5)
    costs = []
    for number in (6, 60):
        fit = fit_durations(truth.draw(number, random_seed=5))
        cost = estimation_cost(fit, curve, 0.3, 1.0, truth=truth, resamples=40)
        assert cost.regret.min() > -1e-4
        assert cost.low <= cost.mean <= cost.high
        assert cost.spent_low < 0.3 < cost.spent_high
        costs.append(cost)
    assert costs[1].mean < costs[0].mean / 3
    assert costs[0].best_loss == pytest.approx(plan_effort(truth, curve, 0.3, 1.0).loss)
    assert "from 6 concepts" in str(costs[0])
