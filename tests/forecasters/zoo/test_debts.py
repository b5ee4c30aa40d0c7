"""Debts and gaps of models with a past, several outcomes and growing states, against closed forms."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytest
import xarray as xr
from scipy import special, stats

import learning_debt as ld

from .case import CHEAP, along_rows, covariates
from .growing import CASES as GROWING
from .outcomes import CASES as OUTCOMES
from .outcomes import category_probabilities
from .series import CASES as SERIES
from .series import shifted
from .structures import CASES as STRUCTURES
from .variations import GROWING as VARIATIONS

NAMED = {case.name: case for case in (*OUTCOMES, *SERIES, *STRUCTURES, *GROWING, *VARIATIONS)}


def mixture_gap(case, stretch):
    """Score gap of four draws against four draws, from the formula of their rows."""
    scores = []
    for factor in (1.0, stretch):
        draws = [case.terms(case.theta_at(draw, factor), case.data) for draw in range(4)]
        rows = np.stack([sum(terms.values()) for terms in draws])[:, case.trained :]
        scores.append(special.logsumexp(rows, axis=0) - np.log(4))
    return float((scores[0] - scores[1]).mean())


@pytest.mark.parametrize("name", ["adstock", "observed AR", "lagged outcome", "wide adstock", "two outcomes"])
def test_score_gap_after_a_past(name):
    case = NAMED[name]
    forecaster = case.forecaster()
    shadow, deployed = (forecaster.attach(case.posterior(stretch=s), case.past) for s in (1.0, 0.8))
    gap = ld.score_gap(forecaster, shadow, deployed, case.batch, past=case.past)
    assert gap.value == pytest.approx(mixture_gap(case, 0.8), rel=1e-7, abs=1e-9)


def normal_divergence(mean, variance, other_mean, other_variance):
    ratio = variance / other_variance
    return 0.5 * (ratio - 1 - np.log(ratio) + (mean - other_mean) ** 2 / other_variance)


def test_predictive_debt_of_rows_that_feed_each_other():
    """Each row is forecast from the rows before it as they came: two steps of an AR(2) at fixed parameters."""
    case = NAMED["observed AR"]
    forecaster = case.forecaster()
    rows, batch = case.rows(0, case.trained + 2), case.rows(case.trained, case.trained + 2)
    shadow, deployed = (forecaster.attach(case.posterior(same=400, stretch=s), case.past) for s in (1.0, 0.9))
    debt = ld.predictive_debt(forecaster, shadow, deployed, batch, past=case.past, random_seed=1)
    y, exact = rows["y"].values, []
    for k in (case.trained, case.trained + 1):
        means, variances = [], []
        for stretch in (1.0, 0.9):
            theta = case.theta_at(0, stretch)
            means.append(theta["rho"] @ [1.0, y[k - 1], y[k - 2]])
            variances.append(theta["scale"] ** 2)
        exact.append(normal_divergence(means[0], variances[0], means[1], variances[1]))
    assert debt.value == pytest.approx(np.mean(exact), rel=1e-6)


def test_predictive_debt_of_states_to_come():
    """A local level at fixed parameters: normal rows, as uncertain as their weeks are far."""
    case = NAMED["local level"]
    forecaster = case.forecaster()
    batch = case.rows(case.trained, case.trained + 3)
    shadow, deployed = (forecaster.attach(case.posterior(same=800, stretch=s), case.past) for s in (1.0, 0.7))
    debt = ld.predictive_debt(forecaster, shadow, deployed, batch, past=case.past, random_seed=1)
    rows = case.rows(0, case.trained + 3)
    laws = [case.law(case.theta_at(0, s), rows, case.trained, case.trained) for s in (1.0, 0.7)]
    exact = normal_divergence(laws[0].mean, laws[0].variance, laws[1].mean, laws[1].variance).mean()
    assert abs(debt.value - exact) < 4 * debt.standard_error
    assert debt.standard_error < exact / 3


def persistent(data):
    """Normal prior, known scale: the posterior is normal although the outcome is its own input."""
    with pm.Model() as model:
        x, y = (pm.Data(name, data[name].values, dims="obs") for name in ("x", "y"))
        mean = pm.Normal("slope", 0, 1) * x + pm.Normal("persistence", 0, 1) * shifted(y)
        pm.Normal("outcome", mean, 1, observed=y, dims="obs")
    return model


def exact_posterior(data, draws, rng):
    """Mean and covariance of (slope, persistence), and draws."""
    y = data["y"].values
    design = np.column_stack([data["x"].values, np.append(0.0, y[:-1])])
    covariance = np.linalg.inv(np.eye(2) + design.T @ design)
    mean = covariance @ design.T @ y
    values = rng.multivariate_normal(mean, covariance, size=(2, draws))
    names = ("slope", "persistence")
    tree = xr.Dataset({name: (("chain", "draw"), values[..., k]) for k, name in enumerate(names)})
    return mean, covariance, xr.DataTree.from_dict({"posterior": tree})


def gaussian_divergence(mean, covariance, other_mean, other_covariance):
    away, ratio = other_mean - mean, np.linalg.solve(other_covariance, covariance)
    shape = np.trace(ratio) - len(mean) - np.linalg.slogdet(ratio)[1]
    return 0.5 * (shape + away @ np.linalg.solve(other_covariance, away))


def test_posterior_debt_counts_the_new_rows_after_the_old_ones():
    rng, x = covariates(30)
    y = np.zeros(30)
    for k in range(30):
        y[k] = 0.5 * x[k] + 0.7 * (y[k - 1] if k else 0.0) + rng.normal()
    data = along_rows(x=x, y=y)
    old, new = data.isel(obs=slice(0, 20)), data.isel(obs=slice(20, None))
    forecaster = ld.PyMCForecaster(persistent, compile_kwargs=CHEAP)
    (p_mean, p, shadow), (q_mean, q, deployed) = (exact_posterior(d, 1000, rng) for d in (data, old))
    shadow, deployed = forecaster.attach(shadow, data), forecaster.attach(deployed, old)
    debt = ld.posterior_debt(forecaster, shadow, deployed, new, random_seed=1)
    assert debt.reliable
    assert abs(debt.value - gaussian_divergence(p_mean, p, q_mean, q)) < 4 * debt.standard_error
    # Rows scored as if nothing came before them lose the first lag and give another debt.
    alone = forecaster.log_density(shadow, new, old)["outcome"].values[:, 0]
    first = new.isel(obs=[0])
    naive = -0.5 * (first["y"].values - shadow["posterior"]["slope"].values.ravel() * first["x"].values) ** 2
    assert np.abs(alone - (naive - 0.5 * np.log(2 * np.pi))).mean() > 0.05


def divergence_of_two_outcomes(case, one, other):
    rows = case.batch["x"].values
    (p, q), (a, b) = (np.exp(t["level"] + 0.5 * rows) for t in (one, other)), (t["level"] - rows for t in (one, other))
    poisson = p * np.log(p / q) - p + q
    return poisson + normal_divergence(a, one["scale"] ** 2, b, other["scale"] ** 2)


def divergence_of_panel(case, one, other):
    means = [t["level"] + t["slope"] * case.batch["x"].values for t in (one, other)]
    return normal_divergence(means[0], 1.0, means[1], 1.0).sum(axis=1)


def divergence_of_outputs(case, one, other):
    roots = [np.array([[t["factor"][0], 0], t["factor"][1:]]) for t in (one, other)]
    p, q = (root @ root.T for root in roots)
    away = case.batch["x"].values[:, None] * (other["slope"] - one["slope"])
    ratio = np.linalg.solve(q, p)
    shape = np.trace(ratio) - 2 - np.linalg.slogdet(ratio)[1]
    return 0.5 * (shape + np.einsum("ki,ij,kj->k", away, np.linalg.inv(q), away))


def divergence_of_hurdle(case, one, other):
    means = [t["level"] + t["slope"] * case.batch["x"].values for t in (one, other)]
    p, q = one["some"], other["some"]
    positive = normal_divergence(means[0], one["scale"] ** 2, means[1], other["scale"] ** 2)
    return p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q)) + p * positive


def divergence_of_censored(case, one, other):
    """Masses at both ends and, by quadrature, the density between."""
    inside = np.linspace(0, 2, 4001)[:, None]
    laws = [stats.norm(t["level"] + t["slope"] * case.batch["x"].values, t["scale"]) for t in (one, other)]
    p, q = laws
    masses = sum(a * np.log(a / b) for a, b in ((p.cdf(0), q.cdf(0)), (p.sf(2), q.sf(2))))
    return masses + np.trapezoid(p.pdf(inside) * (p.logpdf(inside) - q.logpdf(inside)), inside, axis=0)


def divergence_of_categories(case, one, other):
    p, q = (category_probabilities(t, case.batch, special.expit) for t in (one, other))
    return (p * np.log(p / q)).sum(axis=1)


def divergence_of_inflated(case, one, other):
    counts, x = np.arange(60)[:, None], case.batch["x"].values
    p, q = (
        t["some"] * stats.poisson.pmf(counts, np.exp(t["level"] + t["slope"] * x)) + (1 - t["some"]) * (counts == 0)
        for t in (one, other)
    )
    return special.rel_entr(p, q).sum(axis=0)


def divergence_of_shares(case, one, other):
    strengths = [t["strength"] * t["share"] for t in (one, other)]
    values = []
    for trials in case.batch["trials"].values:
        grid = np.array([(a, b, trials - a - b) for a in range(trials + 1) for b in range(trials + 1 - a)])
        p, q = (stats.dirichlet_multinomial.logpmf(grid, a, trials) for a in strengths)
        values.append((np.exp(p) * (p - q)).sum())
    return np.array(values)


def divergence_after_rows(case, one, other):
    """Rows whose means are known from the rows before them as they came."""
    moments = [
        [case.moments(t, case.rows(0, k + 1), k) for k in range(5, case.data.sizes["obs"])] for t in (one, other)
    ]
    pairs = zip(*moments, strict=True)
    return np.array([normal_divergence(m[0], v[0], a[0], b[0]) for (m, v), (a, b) in pairs])


def divergence_of_growing(case, one, other):
    laws = [case.law(t, case.data, case.trained, case.trained) for t in (one, other)]
    return normal_divergence(laws[0].mean, laws[0].variance, laws[1].mean, laws[1].variance)


DIVERGENCES = {
    "two outcomes": divergence_of_two_outcomes,
    "wide panel": divergence_of_panel,
    "several outputs": divergence_of_outputs,
    "hurdle lognormal": divergence_of_hurdle,
    "censored": divergence_of_censored,
    "ordered logistic": divergence_of_categories,
    "zero-inflated": divergence_of_inflated,
    "Dirichlet multinomial": divergence_of_shares,
    "adstock": divergence_after_rows,
    "lagged outcome": divergence_after_rows,
    "marginal Gaussian process": divergence_after_rows,
    "new stores": divergence_of_growing,
    "varying slopes": divergence_of_growing,
}


SIMULATED = ("new stores", "varying slopes", "hurdle lognormal", "two outcomes", "wide panel", "censored")


@pytest.mark.parametrize("name", DIVERGENCES)
def test_predictive_debt_at_fixed_parameters_is_the_divergence_of_the_rows(name):
    case = NAMED[name]
    forecaster, draws = case.forecaster(), 400 if name in SIMULATED else 100  # dense algebra at each draw is slow
    shadow, deployed = (forecaster.attach(case.posterior(same=draws, stretch=s), case.past) for s in (1.0, 0.75))
    debt = ld.predictive_debt(forecaster, shadow, deployed, case.batch, past=case.past, random_seed=1)
    exact = DIVERGENCES[name](case, case.theta_at(0), case.theta_at(0, 0.75)).mean()
    assert abs(debt.value - exact) < 4 * debt.standard_error + 1e-4 * exact
    assert debt.standard_error < exact / 2


def test_posterior_debt_between_windows():
    """Each window begins without a row before it, as when it was fitted."""
    rng, x = covariates(30)
    data = along_rows(x=x, y=np.cumsum(rng.normal(size=30)) * 0.3 + 0.5 * x)
    windows = data.isel(obs=slice(6, 30)), data.isel(obs=slice(0, 24))
    forecaster = ld.PyMCForecaster(persistent, compile_kwargs=CHEAP)
    (p_mean, p, shadow), (q_mean, q, deployed) = (exact_posterior(window, 1000, rng) for window in windows)
    shadow, deployed = (forecaster.attach(t, w) for t, w in zip((shadow, deployed), windows, strict=True))
    new, removed = data.isel(obs=slice(24, 30)), data.isel(obs=slice(0, 6))
    debt = ld.posterior_debt(forecaster, shadow, deployed, new, removed, random_seed=1)
    assert debt.reliable
    assert abs(debt.value - gaussian_divergence(p_mean, p, q_mean, q)) < 4 * debt.standard_error
