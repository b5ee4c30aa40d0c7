"""The spread of the log ratio of two Student-t's, held against a trapezoidal rule of two million points."""

import numpy as np
import pytest

from learning_debt.arrays.conjugate.log_ratio_variance import variance_of_log_ratio
from learning_debt.arrays.conjugate.student_t_scores import log_gap_spread

REACH = {3.0: 1e13, 5.0: 1e13, 8.0: 1e8, 30.0: 1e4, 1000.0: 60.0}


def on_many_points(p, q, location, scale):
    centre, width = (location, scale) if scale < 1 else (0.0, 1.0)
    ends = np.arcsinh((np.array([-REACH[p], REACH[p]]) - centre) / width)
    u = np.linspace(*ends, 2_000_001)
    z = centre + width * np.sinh(u)
    log_p = -(p + 1) / 2 * np.log1p(z**2 / p)
    gap = log_p + (q + 1) / 2 * np.log1p(((z - location) / scale) ** 2 / q)
    weight = np.exp(log_p) * np.cosh(u)
    weight /= weight.sum()
    return float(np.sum(weight * (gap - np.sum(weight * gap)) ** 2))


@pytest.mark.parametrize(
    ("p", "q", "location", "scale"),
    [
        (5.0, 5.0, 1.0, 1.0),
        (5.0, 5.0, 0.3, 0.001),  # a deployed predictive a thousand times narrower
        (30.0, 4.0, 0.0, 0.014),
        (30.0, 30.0, 50.0, 0.01),
        (8.0, 50.0, 20.0, 5.0),
        (3.0, 200.0, 0.0, 100.0),
        (1000.0, 1000.0, 1e-4, 1.00001),
    ],
)
def test_the_variance_is_that_of_a_fine_rule(p, q, location, scale):
    np.testing.assert_allclose(
        variance_of_log_ratio(p, q, location, scale), on_many_points(p, q, location, scale), rtol=1e-9
    )


def test_scale_and_place_do_not_matter():
    here = log_gap_spread(6.0, [0.0, 1.0], 1.0, 9.0, [0.5, 3.0], 0.01)
    there = log_gap_spread(6.0, [7.0, 12.0], 5.0, 9.0, [9.5, 22.0], 0.05)
    np.testing.assert_allclose(here, there, rtol=1e-9)


def test_what_is_not_known_stays_unknown():
    assert np.isnan(log_gap_spread(6.0, [0.0], 1.0, 9.0, [np.nan], 1.0))
    assert log_gap_spread(6.0, [0.0], 1.0, 6.0, [0.0], 1.0) == 0
