"""Scores of Student-t forecasts against their integrals, against normals, and their edges."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, stats

from learning_debt.arrays.conjugate import student_t_scores as scores
from learning_debt.arrays.losses.stock_loss import stock_loss

PAIRS = [  # df, location and scale of p and of q
    ((5.0, 0.0, 1.0), (5.0, 0.5, 1.0)),
    ((1.3, 0.2, 1.0), (2.5, -1.0, 3.0)),
    ((40.0, 0.0, 1.0), (4.0, 0.01, 1.02)),
    ((3.0, 0.0, 0.05), (300.0, 4.0, 2.0)),
    ((200.0, 1.0, 2.0), (60.0, 15.0, 0.3)),
]
each_pair = pytest.mark.parametrize(("p", "q"), PAIRS)


def integral(function, *points):
    """Over the real line, in pieces between points that matter."""
    ends = [-np.inf, *sorted(points), np.inf]
    return sum(integrate.quad(function, a, b, epsabs=1e-12, epsrel=1e-11, limit=300)[0] for a, b in pairwise(ends))


def marks(p, q):
    return [location + width * scale for _, location, scale in (p, q) for width in (-30, -5, -1, 1, 5, 30)]


@pytest.mark.parametrize(("df", "location", "scale"), [(1.2, 0.0, 1.0), (4.0, 1.0, 0.5), (500.0, -2.0, 3.0)])
@pytest.mark.parametrize("y", [-4.0, 0.3, 25.0])
def test_crps_is_the_integral_of_the_squared_step_less_the_distribution(df, location, scale, y):
    t = stats.t(df, location, scale)
    below = integrate.quad(lambda z: t.cdf(z) ** 2, -np.inf, y, epsabs=1e-11, limit=300)[0]
    above = integrate.quad(lambda z: t.sf(z) ** 2, y, np.inf, epsabs=1e-11, limit=300)[0]
    assert scores.crps(y, df, location, scale) == pytest.approx(below + above, rel=1e-8)


def test_crps_of_a_near_normal_is_the_published_closed_form():
    # Gneiting & Raftery (2007), equation 21: sigma [z (2 Phi(z) - 1) + 2 phi(z) - 1 / sqrt(pi)]
    z = np.array([-2.0, 0.0, 0.7])
    expected = 3 * (z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / np.sqrt(np.pi))
    np.testing.assert_allclose(scores.crps(3 * z, 1e9, 0.0, 3.0), expected, rtol=1e-7)


@each_pair
def test_crps_divergence_is_the_integral_of_the_squared_difference(p, q):
    first, second = stats.t(*p), stats.t(*q)
    expected = integral(lambda z: (first.cdf(z) - second.cdf(z)) ** 2, *marks(p, q))
    assert scores.crps_divergence(*p, *q) == pytest.approx(expected, rel=1e-8, abs=1e-10)
    assert scores.crps_divergence(*q, *p) == pytest.approx(float(scores.crps_divergence(*p, *q)), rel=1e-9)


@each_pair
def test_gap_spreads_are_integrals(p, q):
    first = stats.t(*p)
    stocks = [stats.t(*one).ppf(0.8) for one in (p, q)]
    gaps = {
        "crps": lambda y: scores.crps(y, *q) - scores.crps(y, *p),
        "stock": lambda y: stock_loss(stocks[1], y, 4.0, 1.0) - stock_loss(stocks[0], y, 4.0, 1.0),
    }
    found = {
        "crps": scores.crps_gap_spread(*p, q[0], [q[1]], q[2]),
        "stock": scores.stock_gap_spread(*p, q[0], [q[1]], q[2], 4.0, 1.0),
    }
    for name, gap in gaps.items():
        mean = integral(lambda y, gap=gap: gap(y) * first.pdf(y), *marks(p, q), *stocks)
        square = integral(lambda y, gap=gap, mean=mean: (gap(y) - mean) ** 2 * first.pdf(y), *marks(p, q), *stocks)
        assert found[name] == pytest.approx(np.sqrt(square), rel=1e-5)


@each_pair
def test_stock_divergence_is_the_extra_cost_expected_by_p_and_positive(p, q):
    first = stats.t(*p)
    stocks = [stats.t(*one).ppf(0.8) for one in (p, q)]
    costs = [integral(lambda y, a=a: stock_loss(a, y, 4.0, 1.0) * first.pdf(y), *marks(p, q), a) for a in stocks]
    assert scores.expected_stock_loss(stocks[1], *p, 4.0, 1.0) == pytest.approx(costs[1], rel=1e-8)
    assert scores.stock_divergence(*p, *q, 4.0, 1.0) == pytest.approx(costs[1] - costs[0], rel=1e-6)
    assert scores.stock_divergence(*p, *q, 4.0, 1.0) > 0


def test_equal_forecasts_have_no_divergence_and_no_spread():
    p = 4.0, np.array([0.0, 1.0]), np.array([1.0, 2.0])
    assert not scores.crps_divergence(*p, *p).any()
    assert not scores.stock_divergence(*p, *p, 4.0, 1.0).any()
    assert scores.crps_gap_spread(*p, *p) == 0
    assert scores.stock_gap_spread(*p, *p, 4.0, 1.0) == 0


def test_rows_and_leading_axes_broadcast():
    df, location = np.array([[4.0], [9.0], [30.0]]), np.arange(6.0).reshape(3, 2)
    together = scores.crps_divergence(10.0, 0.0, np.ones(2), df, location, 1.5)
    assert together.shape == (3, 2)
    assert together[1, 1] == pytest.approx(float(scores.crps_divergence(10.0, 0.0, 1.0, 9.0, 3.0, 1.5)), rel=1e-12)
    for spread in (
        scores.crps_gap_spread(10.0, 0.0, np.ones(2), df, location, 1.5),
        scores.stock_gap_spread(10.0, 0.0, np.ones(2), df, location, 1.5, 4.0, 1.0),
    ):
        assert spread.shape == (3,)


def test_forecasts_without_a_mean_are_refused():
    for ask in (
        lambda: scores.crps(0.0, 1.0, 0.0, 1.0),
        lambda: scores.crps_divergence(5.0, 0.0, 1.0, 1.0, 0.0, 1.0),
        lambda: scores.expected_stock_loss(0.0, 0.9, 0.0, 1.0, 1.0, 1.0),
    ):
        with pytest.raises(ValueError, match="degrees of freedom has no mean"):
            ask()
