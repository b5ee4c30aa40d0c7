"""Weighted posteriors through the public functions, against the exact values of the model the draws come from."""

import numpy as np
import pytest
import xarray as xr
from arviz_stats.base import array_stats

import learning_debt as ld
from learning_debt.debt import debt_by_block, debt_by_group
from learning_debt.forecasters.row_likelihood import weighted_likelihood
from learning_debt.forecasters.weights import LINEAGE, lineage, with_weights
from learning_debt.integrations.sampling_wrapper import ForecasterSamplingWrapper
from learning_debt.scores.predictive_contrast import PredictiveContrast

RNG = np.random.default_rng(1)
X = np.column_stack([np.ones(44), RNG.normal(size=44)])
Y = X @ [1.0, -0.5] + RNG.normal(size=44) + 0.5 * (np.arange(44) >= 30)
MODEL = ld.ConjugateRegression(ld.NIG(np.zeros(2), np.eye(2), 3.0, 2.0))
LATER = {"x": X[40:], "y": Y[40:]}
SEEDS = range(8)


def rows(first, last):
    return {"x": X[first:last], "y": Y[first:last]}


def exact(last):
    return MODEL.fit(rows(0, last))


def drawn(last, seed, draws=1000):
    return MODEL.sample(exact(last), draws=draws, random_seed=seed)


def reweighted(anchor, first, last):
    """`anchor`, which has seen the rows before `first`, weighted for those up to `last`."""
    log_ratio = weighted_likelihood(MODEL, anchor, MODEL.as_batch(rows(first, last)))
    smoothed, k = array_stats.psislw(-log_ratio.ravel())
    return with_weights(anchor, smoothed.reshape(log_ratio.shape), pareto_k=float(k))


PAIRS = {
    "reweighted from deployed": lambda seed: (reweighted(drawn(30, seed), 30, 36), drawn(30, seed), 30),
    "two reweightings of one anchor": lambda seed: (
        *(reweighted(drawn(30, seed), 30, last) for last in (36, 33)),
        33,
    ),
    "weighted and independent": lambda seed: (reweighted(drawn(30, seed), 30, 36), drawn(33, 100 + seed), 33),
    "both weighted, independent": lambda seed: (
        reweighted(drawn(33, seed), 33, 36),
        reweighted(drawn(30, 100 + seed), 30, 33),
        33,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("pair", PAIRS)
def test_every_estimate_finds_its_exact_value(pair):
    """8 seeds; all reliable, within 4.5 standard errors, and not all within a tenth of one."""
    misses = []
    for seed in SEEDS:
        shadow, deployed, seen = PAIRS[pair](seed)
        p, q, new = exact(36), exact(seen), rows(seen, 36)
        gaps = MODEL.log_score(p, LATER) - MODEL.log_score(q, LATER)
        found = [
            (ld.posterior_debt(MODEL, shadow, deployed, new), MODEL.posterior_debt(p, q)),
            (ld.predictive_debt(MODEL, shadow, deployed, LATER, random_seed=seed), MODEL.predictive_debt(p, q, LATER)),
            (ld.score_gap(MODEL, shadow, deployed, LATER), float(gaps.mean())),
        ]
        assert all(one.reliable for one, _ in found)
        misses.append([(one.value - truth) / one.standard_error for one, truth in found])
        by_row = debt_by_group(MODEL, shadow, deployed, new, by=np.arange(36 - seen) % 2)
        assert bool(by_row["reliable"].all())
        whole = debt_by_group(MODEL, p, q, new, by=np.arange(36 - seen) % 2)
        error = by_row["standard_error"].values
        assert (np.abs(by_row["value"].values - whole["value"].values) < 4.5 * error).all()
        assert abs(float(by_row["total"] - whole["total"])) < 4.5 * float(by_row["total_standard_error"])
    assert np.abs(misses).max() < 4.5
    assert (np.abs(misses).max(axis=0) > 0.1).all()


def test_a_posterior_that_was_not_touched_differs_by_nothing_from_itself():
    one = reweighted(drawn(30, 1), 30, 36)
    nothing = ld.posterior_debt(MODEL, one, one, rows(36, 38), new_weight=np.zeros(2))
    for found in (nothing, ld.predictive_debt(MODEL, one, one, LATER), ld.score_gap(MODEL, one, one, LATER)):
        assert found.value == pytest.approx(0.0, abs=1e-14)
        assert found.standard_error == pytest.approx(0.0, abs=1e-14)
        assert found.reliable


class AveragedOverDraws(ld.ConjugateRegression):
    """The same model, whose predictive debt is averaged over predictive draws."""

    def outcome_kind(self):
        return "other"


@pytest.mark.slow
def test_predictive_draws_count_as_the_draws_they_come_from():
    """4 seeds within 4.5 standard errors."""
    model, later = AveragedOverDraws(MODEL.prior), {"x": X[40:41], "y": Y[40:41]}
    truth = MODEL.predictive_debt(exact(36), exact(30), later)
    for seed in range(4):
        anchor = drawn(30, seed)
        found = ld.predictive_debt(model, reweighted(anchor, 30, 36), anchor, later, random_seed=seed)
        assert found.diagnostics["points"] <= 1000
        assert abs(found.value - truth) < 4.5 * found.standard_error
    even = PredictiveContrast(model, with_weights(anchor, np.zeros((4, 1000))), MODEL.as_batch(later), 1).against(
        anchor
    )
    assert (even.value, even.standard_error) == (0.0, 0.0)


def test_estimates_of_a_stored_posterior_are_the_same(tmp_path):
    anchor = drawn(30, 1)
    shadow = reweighted(anchor, 30, 36)
    shadow.to_netcdf(tmp_path / "shadow.nc", engine="h5netcdf")
    stored = xr.open_datatree(tmp_path / "shadow.nc", engine="h5netcdf")
    assert ld.posterior_debt(MODEL, stored, anchor, rows(30, 36)) == ld.posterior_debt(
        MODEL, shadow, anchor, rows(30, 36)
    )
    assert ld.score_gap(MODEL, stored, anchor, LATER) == ld.score_gap(MODEL, shadow, anchor, LATER)


def test_weights_with_too_heavy_a_tail_make_every_estimate_unreliable():
    anchor = drawn(30, 1)
    shadow = with_weights(anchor, np.zeros((4, 1000)), pareto_k=0.71)
    estimates = [
        ld.posterior_debt(MODEL, shadow, anchor, rows(30, 36)),
        ld.predictive_debt(MODEL, shadow, anchor, LATER),
        ld.score_gap(MODEL, shadow, anchor, LATER),
        ld.score_gap(MODEL, anchor, shadow, LATER),
    ]
    assert not any(one.reliable for one in estimates)
    assert all(one.note for one in estimates)
    assert all("Pareto k above 0.7" in one.note for one in estimates[1:])
    assert not debt_by_group(MODEL, shadow, anchor, rows(30, 36), by=np.arange(6))["reliable"].any()


def test_moved_draws_must_not_weigh_unevenly():
    """Weights worth about a fifth of the draws: enough for the draws they belong to, too few for moved ones."""
    anchor = drawn(30, 1)
    log_weight = np.random.default_rng(5).normal(0, 1.25, size=(4, 1000))
    still = with_weights(anchor, log_weight)
    moved = still.copy()
    moved["posterior"] = anchor["posterior"].to_dataset() + 0.01
    assert lineage(moved) == lineage(anchor)
    assert ld.score_gap(MODEL, still, anchor, LATER).reliable
    for one in (
        ld.score_gap(MODEL, moved, anchor, LATER),
        ld.predictive_debt(MODEL, moved, anchor, LATER),
        ld.posterior_debt(MODEL, moved, anchor, rows(30, 36)),
    ):
        assert not one.reliable
        assert one.note
    assert "worth under a quarter" in ld.score_gap(MODEL, moved, anchor, LATER).note


def test_a_draw_with_all_the_weight_is_relied_on_by_nothing():
    anchor = drawn(30, 1)
    log_weight = np.full((4, 1000), -40.0)
    log_weight[2, 3] = 0.0
    shadow = with_weights(anchor, log_weight)
    assert not ld.posterior_debt(MODEL, shadow, anchor, rows(30, 36)).reliable
    assert not ld.predictive_debt(MODEL, shadow, anchor, LATER).reliable
    assert not ld.score_gap(MODEL, shadow, anchor, LATER).reliable
    assert not ld.posterior_debt(MODEL, shadow, drawn(33, 2), rows(33, 36)).reliable
    assert not debt_by_group(MODEL, shadow, anchor, rows(30, 36), by=np.arange(6))["reliable"].any()


def test_moved_draws_are_known_by_their_lineage():
    """Both posteriors from one set of standardised draws: the gap's error is smaller than that of independent ones."""
    rng, parts = np.random.default_rng(3), []
    noise, uniform = rng.normal(size=(4, 1000, 2)), rng.gamma(1.0, size=(4, 1000))
    for last in (33, 36):
        at = exact(last)
        variance = at.rate / (at.shape * (1 + 0.2 * (uniform - 1)))  # not the posterior's, but much alike in both
        root = np.linalg.cholesky(np.linalg.inv(at.precision))
        tree = drawn(last, 1)
        moved = at.mean + np.sqrt(variance)[..., None] * noise @ root.T
        tree["posterior"] = (
            tree["posterior"]
            .to_dataset()
            .assign(coefficients=(("chain", "draw", "coefficient"), moved), variance=(("chain", "draw"), variance))
        )
        parts.append(tree)
    apart = ld.score_gap(MODEL, parts[1], parts[0], LATER)
    parts[1].attrs[LINEAGE] = lineage(parts[0])
    together = ld.score_gap(MODEL, parts[1], parts[0], LATER)
    assert together.value == apart.value
    assert together.standard_error < 0.7 * apart.standard_error
    thinned = parts[1].isel(draw=slice(None, None, 2))
    thinned.attrs[LINEAGE] = lineage(parts[0])
    for function, data in ((ld.posterior_debt, rows(33, 36)), (ld.score_gap, LATER)):
        with pytest.raises(ValueError, match=r"same shape|thin both alike"):
            function(MODEL, thinned, parts[0], data)


def test_rows_count_as_they_are_weighted():
    """A shadow with older rows discounted, against its exact value; 8 seeds within 4.5 standard errors."""
    age = np.arange(36)[::-1] // 6
    weights = [0.9 ** (age - 1.0) * (age >= 1), 0.9**age]
    deployed, shadow = (MODEL.fit({"x": X[:36][w > 0], "y": Y[:36][w > 0]}, row_weight=w[w > 0]) for w in weights)
    truth = MODEL.posterior_debt(shadow, deployed)
    for seed in SEEDS:
        p, q = (MODEL.sample(one, random_seed=2 * seed + k) for k, one in enumerate((shadow, deployed)))
        found = ld.posterior_debt(MODEL, p, q, rows(0, 36), new_weight=weights[1] - weights[0])
        assert found.reliable
        assert abs(found.value - truth) < 4.5 * found.standard_error
        split = ld.posterior_debt(MODEL, p, q, rows(30, 36), rows(0, 30), removed_weight=(weights[0] - weights[1])[:30])
        assert split.value == pytest.approx(found.value, rel=1e-6)
    with pytest.raises(ValueError, match=r"new_weight must have shape \(36,\), not \(35,\)"):
        ld.posterior_debt(MODEL, p, q, rows(0, 36), new_weight=np.ones(35))
    with pytest.raises(ValueError, match="removed_weight must be finite numbers"):
        ld.posterior_debt(MODEL, p, q, rows(30, 36), rows(0, 30), removed_weight=np.full(30, np.nan))


class WithoutJointDensity(ld.ConjugateRegression):
    """A model that cannot evaluate its own posterior density."""

    def log_joint(self, posterior, unconstrained):
        raise NotImplementedError


def test_stored_shadows_in_between_reach_where_draws_do_not_overlap():
    """12 rows shifted by 6, over stored posteriors, one of them reweighted from the one before."""
    y = Y + 6.0 * (np.arange(44) >= 30)
    model = WithoutJointDensity(MODEL.prior)
    fit = lambda last: MODEL.fit({"x": X[:last], "y": y[:last]})  # noqa: E731
    new = {"x": X[30:42], "y": y[30:42]}
    stored = {last: MODEL.sample(fit(last), random_seed=last) for last in range(30, 43)}
    ratio = weighted_likelihood(MODEL, stored[40], MODEL.as_batch({"x": X[40:41], "y": y[40:41]}))
    stored[41] = with_weights(stored[40], ratio)
    truth = MODEL.posterior_debt(fit(42), fit(30))
    assert not ld.posterior_debt(model, stored[42], stored[30], new).reliable
    chain = [(stored[last], last - 30) for last in range(31, 42)]
    found = ld.posterior_debt(model, stored[42], stored[30], new, chain=chain)
    assert found.note == "by a chain of stored posteriors"
    assert found.reliable
    assert abs(found.value - truth) < 4.5 * found.standard_error
    with pytest.raises(ValueError, match="chain must see more and more"):
        ld.posterior_debt(model, stored[42], stored[30], new, chain=chain[::-1])
    with pytest.raises(ValueError, match="neither removed data nor row weights"):
        ld.posterior_debt(model, stored[42], stored[30], new, chain=chain, new_weight=np.ones(12))


def test_what_takes_no_weights_says_so():
    anchor = drawn(30, 1)
    shadow = reweighted(anchor, 30, 36)
    with pytest.raises(ValueError, match="equal weight: refit"):
        debt_by_block(MODEL, shadow, anchor, rows(30, 36))
    with pytest.raises(ValueError, match="equal_weights"):
        ForecasterSamplingWrapper(MODEL, rows(0, 36), shadow)
