"""Predictive debt and score gap of many kinds of outcomes against integrals over the exact posterior."""

import argparse
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from learning_debt.scores.predictive_contrast import PredictiveContrast

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from outcome_families import families
from predictive_families import Model, drawn, possible_outcomes, predictive, replications, truth

pytestmark = pytest.mark.slow

FAMILIES = families()
CELLS = {
    "a small shift": [
        ("normal", "small"),
        ("exponential", "small"),
        ("Pareto", "small"),
        ("gamma", "small"),
        ("Weibull", "small"),
        ("half-normal", "small"),
        ("truncated", "small"),
        ("beta", "small"),
        ("von Mises", "large"),
        ("negative binomial", "large"),
        ("binomial", "small"),
        ("ordinal", "small"),
        ("Poisson", "small"),
        ("Bernoulli", "small"),
        ("beta-binomial", "large"),
        ("negative binomial, hundreds", "large"),
        ("lognormal", "large"),
        ("vectors", "large"),
        ("multivariate normal", "small"),
        ("exponential, averaged", "large"),
        ("exponential, averaged", "few rows"),
        ("Student-t, averaged", "small"),
        ("multinomial", "small"),
    ],
    "mass that the shadow hardly has": [
        ("hurdle", "nearly gone"),
        ("hurdle", "few left"),
        ("hurdle", "come"),
        ("zero-inflated normal", "nearly gone"),
        ("zero-inflated Poisson", "nearly gone"),
        ("capped", "nearly gone"),
        ("capped", "large"),
        ("Bernoulli", "rare"),
        ("Student-t", "lighter"),
        ("normal, scale learned", "from prior"),
        ("hurdle, averaged", "nearly gone"),
        ("Student-t, averaged", "lighter"),
    ],
}
OPTIONS = argparse.Namespace(replications=24, draws=1000, correlation=0.0, weighted=None, rows=1, what="all")
OPTIONS_OF_DEBT = argparse.Namespace(**vars(OPTIONS) | {"replications": 8, "what": "debt"})


def test_truths_are_those_of_scipy():
    """Lomax and negative binomial predictives in closed form, and the divergence of two normals."""
    family = FAMILIES["exponential"]
    shadow, deployed = family.cells["large"]
    y = np.array([0.0, 0.3, 2.0, 20.0])
    np.testing.assert_allclose(predictive(family, shadow, y), stats.lomax(31, scale=15).logpdf(y), rtol=1e-6)
    np.testing.assert_allclose(predictive(family, deployed, y), stats.lomax(11, scale=10).logpdf(y), rtol=1e-6)
    counts, k = FAMILIES["Poisson"], np.arange(12.0)
    np.testing.assert_allclose(
        predictive(counts, counts.cells["none"][0], k), stats.nbinom(60, 20 / 21).logpmf(k), rtol=1e-6
    )
    variance = 1.01, 1.0225
    normals = (variance[0] / variance[1] - 1 - np.log(variance[0] / variance[1]) + 0.15**2 / variance[1]) / 2
    assert truth(FAMILIES["normal"], "small") == pytest.approx(normals, rel=1e-8)


def test_truths_of_bounded_counts_are_those_of_scipy():
    """Beta-binomial predictives of shares with a beta posterior, and their divergence."""
    family = FAMILIES["binomial"]
    k = np.arange(21.0)
    p, q = (stats.betabinom(20, *ab) for ab in ((50, 28), (30, 20)))
    np.testing.assert_allclose(predictive(family, family.cells["small"][0], k), p.logpmf(k), rtol=1e-8)
    assert truth(family, "small") == pytest.approx(p.pmf(k) @ (p.logpmf(k) - q.logpmf(k)), rel=1e-8)
    rare = np.array([2 / 3002, 3000 / 3002])
    assert truth(FAMILIES["Bernoulli"], "rare") == pytest.approx(rare @ np.log(rare / [0.2, 0.8]), rel=1e-6)


@pytest.mark.parametrize("name", [name for name in FAMILIES if not name.endswith("averaged")])
def test_truths_are_means_over_predictive_draws(name):
    """Draws, densities and grids are of one distribution: 4 sigma, 500 outcomes of each family's first shift."""
    family = FAMILIES[name]
    cell = list(family.cells)[1]
    shadow, deployed = family.cells[cell]
    y = possible_outcomes(family, shadow, np.random.default_rng(23))
    h = predictive(family, shadow, y) - predictive(family, deployed, y)
    terms = h + np.expm1(-h)  # no term is negative, and the mean is the same: the deployed mass is one
    assert abs(terms.mean() - truth(family, cell)) < 4 * terms.std() / np.sqrt(len(terms))


@pytest.mark.parametrize("kind", CELLS)
def test_what_is_called_reliable_covers(kind):
    """24 pairs of 1,000 draws a cell, nearly all reliable: .90 over all within 4 binomial sigma and .02; none 5 off."""
    misses = {"debt": [], "gap": []}
    for number, (name, cell) in enumerate(CELLS[kind]):
        rng, used = np.random.default_rng([31, number]), 0
        for what, estimate, exact in replications(FAMILIES[name], cell, OPTIONS, rng):
            if estimate.reliable:
                used += what == "debt"
                misses[what].append((estimate.value - exact) / estimate.standard_error)
        assert used >= 0.9 * OPTIONS.replications, (name, cell)
    for found in misses.values():
        covered = np.mean(np.abs(found) < stats.norm.ppf(0.95))
        assert abs(covered - 0.9) < 4 * np.sqrt(0.09 / len(found)) + 0.02
        assert np.abs(found).max() < 5


@pytest.mark.parametrize("name", ["exponential", "hurdle", "capped", "von Mises", "beta", "lognormal"])
def test_supports_with_edges_and_atoms_are_integrated(name):
    """With the points of one line and at most an atom, not by averages, whose error is several times as large."""
    family = FAMILIES[name]
    model, rng = Model(family), np.random.default_rng(7)
    pair = [drawn(one, family.normals, (4, 250), 0.0, rng) for one in family.cells["small"]]
    batch = model.as_batch({"y": ("obs", np.zeros(2))})
    assert PredictiveContrast(model, pair[0], batch, 1).against(pair[1]).diagnostics["points"] <= 130


@pytest.mark.parametrize(("name", "cell"), [("exponential, averaged", "few rows"), ("Student-t, averaged", "small")])
def test_averages_go_on_until_enough_outcomes_carry_them(name, cell):
    """About twenty of the first thousand do: up to ten times as many are drawn, which is enough nearly always."""
    estimates = [one for _, one, _ in replications(FAMILIES[name], cell, OPTIONS_OF_DEBT, np.random.default_rng(5))]
    assert {one.diagnostics["points"] for one in estimates} <= {4000.0, 10_000.0}
    assert sum(estimate.reliable for estimate in estimates) >= len(estimates) - 1


def test_an_average_that_few_outcomes_carry_is_not_relied_on():
    """Where rows need their past no more outcomes are drawn than there are draws: here a hundred."""
    family = FAMILIES["Student-t, averaged"]
    model, rng = Model(family), np.random.default_rng(6)
    model.needs_past = True
    shadow, deployed = (drawn(one, family.normals, (4, 25), 0.0, rng) for one in family.cells["small"])
    debt = PredictiveContrast(model, shadow, model.as_batch({"y": ("obs", np.zeros(1))}), 1).against(deployed)
    assert debt.diagnostics["points"] == 100
    assert not debt.reliable
    assert "too few outcomes carry the debt" in debt.note


@pytest.mark.parametrize("cell", ["small", "large"])
def test_counts_of_categories_are_relied_on_where_posteriors_are_nats_apart(cell):
    """Dirichlet-multinomial predictives 2.2 and 6.1 nats of posterior debt apart, 1,000 draws: none 4 errors off."""
    for what, estimate, exact in replications(FAMILIES["multinomial"], cell, OPTIONS_OF_DEBT, np.random.default_rng(8)):
        assert estimate.reliable == (estimate.diagnostics["relative_variance"] <= 0.04), what
        assert abs(estimate.value - exact) < 4 * estimate.standard_error


@pytest.mark.parametrize("name", ["beta-binomial", "binomial"])
def test_bounded_counts_are_summed_up_to_their_bound(name):
    """All 21 of them, not those that lie among strides over three times the range of the draws."""
    family = FAMILIES[name]
    model, rng = Model(family), np.random.default_rng(8)
    pair = [drawn(one, family.normals, (4, 250), 0.0, rng) for one in family.cells["large"]]
    batch = model.as_batch({"y": ("obs", np.zeros(2))})
    assert PredictiveContrast(model, pair[0], batch, 1).against(pair[1]).diagnostics["points"] <= 21
