"""Laws of durations against quadrature, scipy's own fits, and draws; whether residual life falls, with its interval."""

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

import learning_debt as ld
from learning_debt.arrays.lifetimes.censored_fits import hyperexponential_parameters, weibull_parameters
from learning_debt.budget import (
    EmpiricalDuration,
    ExponentialDuration,
    HyperexponentialDuration,
    WeibullDuration,
    fit_durations,
)

LAWS = [
    ExponentialDuration(0.5),
    WeibullDuration(2.0, 2.0),
    WeibullDuration(0.5, 2.0),
    HyperexponentialDuration((0.8, 0.2), (2.0, 0.1)),
    EmpiricalDuration([1.0, 2.0, 4.0, 5.0], [True, True, True, False]),
    EmpiricalDuration([1.0, 2.0, 4.0, 5.0]),
]
every_law = pytest.mark.parametrize("law", LAWS, ids=str)


@every_law
def test_survival_its_integral_and_quantiles_fit_together(law):
    edges = [0.0, 1.3, 4.0, 5.0, 40.0, 4000.0]
    tail = [
        sum(quad(law.survival, *pair, limit=200)[0] for pair in zip(edges[k:], edges[k + 1 :], strict=False))
        for k in (0, 1)
    ]
    assert law.mean == pytest.approx(tail[0], rel=1e-4)
    assert float(law.survival_integral(1.3)) == pytest.approx(tail[1], rel=1e-4)
    shares = np.array([0.0, 0.1, 0.5, 0.9, 0.999])
    assert law.survival_integral(law.age_quantile(shares)) == pytest.approx(
        law.mean * (1 - shares), rel=1e-9, abs=1e-12
    )
    assert float(law.mean_residual_life(0.7)) == pytest.approx(law.survival_integral(0.7) / law.survival(0.7))
    drawn = law.draw(20_000, random_seed=1)
    assert drawn.mean() == pytest.approx(law.mean, abs=5 * drawn.std() / 20_000**0.5)
    assert (drawn > 1.3).mean() == pytest.approx(float(law.survival(1.3)), abs=5 * 0.5 / 20_000**0.5)


@pytest.mark.parametrize("law", LAWS[:4], ids=str)
def test_hazard_and_the_trend_of_residual_life_are_those_of_the_survival(law):
    ages, step = np.linspace(0.2, 8.0, 30), 1e-6
    slope = (np.log(law.survival(ages + step)) - np.log(law.survival(ages - step))) / (2 * step)
    assert law.hazard(ages) == pytest.approx(-slope, rel=1e-5)
    moves = np.diff(law.mean_residual_life(ages))
    sign = {"decreasing": -1, "constant": 0, "increasing": 1}[law.residual_life_trend]
    assert (np.sign(np.round(moves, 12)) == sign).all()


def test_far_ages_do_not_round_to_nothing():
    assert LAWS[3].mean_residual_life(1e5) == pytest.approx(10.0)
    assert np.isfinite(LAWS[1].mean_residual_life(1e3))
    assert LAWS[0].mean_residual_life(1e6) == pytest.approx(2.0)


def test_the_empirical_survival_is_the_product_limit_with_an_exponential_tail():
    law = LAWS[4]
    sf = stats.ecdf(stats.CensoredData.right_censored([1.0, 2.0, 4.0, 5.0], [False, False, False, True])).sf
    ages = np.array([0.5, 1.0, 3.0, 4.5, 5.0])
    assert law.survival(ages) == pytest.approx(sf.evaluate(ages))
    assert law.survival(10.0) == pytest.approx(0.25**2)  # exp(t log S(5) / 5)


def test_likeliest_laws_are_those_of_scipy_and_of_the_mixture():
    rng = np.random.default_rng(1)
    drawn = 3.0 * rng.weibull(1.7, 60)
    observed = drawn < 5.0
    seen = np.minimum(drawn, 5.0)
    shape, _, scale = stats.weibull_min.fit(stats.CensoredData.right_censored(seen, ~observed), floc=0)
    assert [float(one) for one in weibull_parameters(seen, observed)] == pytest.approx([shape, scale], rel=1e-3)
    fit = fit_durations(seen, observed)
    _, mean = stats.expon.fit(stats.CensoredData.right_censored(seen, ~observed), floc=0)
    assert fit.candidates["exponential"].mean == pytest.approx(mean, rel=1e-4)
    assert (fit.family, fit.residual_life_trend) == ("weibull", "decreasing")
    weights, rates = hyperexponential_parameters(LAWS[3].draw(4000, random_seed=2), np.ones(4000, dtype=bool))
    assert weights == pytest.approx([0.8, 0.2], abs=0.03)  # some 4 standard errors
    assert rates == pytest.approx([2.0, 0.1], rel=0.15)


def test_what_cannot_be_told_is_said():
    few = fit_durations(LAWS[0].draw(6, random_seed=3))
    assert few.residual_life_trend == "cannot be told"
    assert few.shape_low < 1 < few.shape_high
    assert "cannot be told" in str(few)
    assert "cannot be told" in few._repr_html_()
    many = fit_durations(LAWS[3].draw(60, random_seed=3))
    assert (many.family, many.residual_life_trend) == ("hyperexponential", "increasing")
    assert many.to_dataframe()["chosen"].sum() == 1


@pytest.mark.slow
def test_the_interval_of_the_shape_covers_the_truth():
    """Of exponential durations, the last one cut: .9 within 4 standard errors of 300 histories, and no more than 5%
    on either side where the other is to be told."""
    rng = np.random.default_rng(4)
    observed = np.append(np.ones(14, dtype=bool), False)
    held = 0
    for _ in range(300):
        durations = rng.exponential(2.0, 15)
        durations[-1] *= rng.uniform()
        fit = fit_durations(durations, observed, families=["exponential"], resamples=300, random_seed=None)
        held += fit.shape_low <= 1 <= fit.shape_high
    assert held / 300 == pytest.approx(0.9, abs=4 * (0.9 * 0.1 / 300) ** 0.5)


@pytest.mark.parametrize(
    ("durations", "observed", "said"),
    [
        ([3.0, 0.0], None, "durations must be numbers that are above 0"),
        ([3.0, 2.0], [True, False], "at least 2 concepts that had ended, not 1"),
        ([3.0, 2.0], [1, 1], "observed must hold True"),
        ([3.0, 2.0], [True], "observed must have an entry of each of 2"),
    ],
)
def test_durations_that_are_none_are_refused(durations, observed, said):
    with pytest.raises((ValueError, TypeError), match=said):
        ld.budget.fit_durations(durations, observed)


def test_laws_that_hardly_vary_and_those_without_a_mean():
    law, chances = ld.budget.WeibullDuration(1e4, 5.0), np.array([0.0, 1e-4, 0.3, 0.9])
    assert law.age_quantile(chances) == pytest.approx(5.0 * chances, rel=1e-3)  # nearly all end at age 5
    assert law.survival_integral(5.0 * chances) == pytest.approx(5.0 * (1 - chances), rel=1e-3)
    with pytest.raises(ValueError, match="duration must have a finite mean"):
        ld.budget.plan_effort(ld.budget.WeibullDuration(0.05, 1e300), ld.budget.ExponentialCurve(0, 1, 1), 0.3, 1.0)
