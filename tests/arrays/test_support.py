"""Edges and atoms found by asking a density, for densities whose edges and atoms are known."""

import numpy as np
import pytest
from scipy import stats

from learning_debt.arrays.predictive import support


def at_rows(*laws):
    """Log densities of one law a row."""
    return lambda numbers: np.stack([law(row) for law, row in zip(laws, numbers, strict=True)])


EDGES = {
    "exponential": (stats.expon().logpdf, -20.0, 1.0, 0.0),
    "Pareto": (stats.pareto(2).logpdf, -20.0, 3.0, 1.0),
    "end of a beta": (stats.beta(2, 0.5).logpdf, 4.0, 0.7, 1.0),
    "end of a circle": (lambda y: np.where(np.abs(y) <= np.pi, -np.log(2 * np.pi), -np.inf), -9.0, 2.0, -np.pi),
    "an odd number": (stats.uniform(2.71828, 3).logpdf, -4.0, 4.0, 2.71828),
    "a large number": (stats.expon(1.234567e9).logpdf, -4.0, 1.3e9, 1.234567e9),
    "a small number": (stats.expon(3e-7, 1e-8).logpdf, -1.0, 3.1e-7, 3e-7),
}


@pytest.mark.parametrize("name", EDGES)
def test_an_edge_is_found_to_the_last_digits(name):
    law, outside, inside, exact = EDGES[name]
    found = support.edge(at_rows(law), np.array([outside]), np.array([inside]), [np.empty(0)])
    assert found[0] == pytest.approx(exact, rel=1e-14, abs=1e-15)


def test_rows_without_an_edge_have_an_infinite_one_on_that_side():
    law = at_rows(stats.norm().logpdf, stats.expon().logpdf)
    below = support.edge(law, np.full(2, -30.0), np.ones(2), [np.empty(0)] * 2)
    np.testing.assert_array_equal(below, [-np.inf, 0.0])
    above = support.edge(law, np.full(2, 30.0), np.ones(2), [np.empty(0)] * 2)
    np.testing.assert_array_equal(above, [np.inf, np.inf])


def capped(y):
    """min(N(0, 1), .37): no density beyond, and there a mass."""
    return np.where(y == 0.37, stats.norm.logsf(0.37), np.where(y < 0.37, stats.norm.logpdf(y), -np.inf))


def spiked(y):
    """Half at -2, half N(0, 1)."""
    return np.log(0.5) + np.where(y == -2, 0.0, stats.norm.logpdf(y))


def test_numbers_with_mass_are_told_from_numbers_with_a_density_and_from_edges():
    candidates = [np.array([0.37, -0.5]), np.array([-2.0, 1.0]), np.array([0.0])]
    found = support.atoms(at_rows(capped, spiked, stats.expon().logpdf), candidates)
    np.testing.assert_array_equal(found, [[0.37, np.nan], [-2.0, np.nan], [np.nan, np.nan]])


def test_an_atom_at_the_bound_is_tried_as_the_edge():
    found = support.edge(at_rows(capped), np.array([8.0]), np.array([0.37]), [np.array([0.37])])
    assert found[0] == 0.37


def test_repeated_numbers_of_each_row_and_too_many_of_them():
    rng = np.random.default_rng(1)
    draws = np.stack([np.maximum(rng.normal(size=200), 0), rng.normal(size=200)], axis=1)
    first, second = support.repeated(draws)
    np.testing.assert_array_equal(first, [0.0])
    assert second.size == 0
    assert support.repeated(rng.poisson(30, size=(200, 1)).astype(float)) is None


def test_outermost_counts_are_found_at_whole_numbers_alone():
    """Counts from 3 to 20 in the first row, from 0 to 4,000 in the second, without an end above in the third."""
    first, last = np.array([3.0, 0.0, 0.0]), np.array([20.0, 4000.0, np.inf])

    def log_density(numbers):
        assert (numbers == np.rint(numbers)).all()
        return np.where((numbers >= first[:, None]) & (numbers <= last[:, None]), -1.0, -np.inf)

    inside, above = np.array([12.0, 3999.0, 5.0]), np.array([21.0, 12000.0, 60.0])
    np.testing.assert_array_equal(support.outermost_count(log_density, above, inside, 1.0), [20, 4000, np.inf])
    np.testing.assert_array_equal(
        support.outermost_count(log_density, np.zeros(3), inside, -1.0), [3, -np.inf, -np.inf]
    )
