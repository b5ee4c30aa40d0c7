"""Known one-dimensional families: log densities of all rows at many points and draws, at little work a cell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from scipy import special

from learning_debt.typing import Array

# Functions of a family take points of shape (rows, points, 1) and parameters of shape (rows or 1, 1, sample or 1).

STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360)
"""Coefficients of log Gamma(a) - (a - 1/2) log a + a - log(2 pi)/2 in 1/a, 1/a^3, ...: Abramowitz and Stegun 6.1.41."""
LARGE = 20.0
"""From here on the series is right to the last digit."""
PLAIN_LOGARITHM = 1e4
"""Degrees of freedom up to which (freedom + 1)/2 log(1 + u) is right to 1e-12 as written, several times as fast."""
KEPT_CELLS, LEAST_BITS = 32_000_000, 5
"""Cells of a table of sums that is kept for the next rows (256 MB; with smaller ones 512), and its fewest counts as a
power of two."""
DENSE = 4
"""Counts up to the largest over those that are asked for, up to which one step a count is faster than log Gammas."""


@dataclass(frozen=True)
class RowDistributions:
    """One distribution of a known family for every posterior draw and row.

    Parameters
    ----------
    family : str
        A key of `FAMILIES`.
    parameters : tuple of ndarray
        In the order of the family's function, each of shape (sample or 1, rows or 1).
    shape : tuple of int
        Posterior draws and rows.

    Examples
    --------
    >>> coins = RowDistributions("bernoulli", (np.array([[0.5], [0.25]]),), (2, 1))
    >>> np.exp(coins.log_density(np.array([[0.0, 1.0]])))[:, 0]
    array([[0.5 , 0.5 ],
           [0.75, 0.25]])
    """

    family: str
    parameters: tuple[Array, ...]
    shape: tuple[int, int]

    def log_density(self, points: Array) -> Array:
        """Log density in nats at points of shape (rows, points), shape (sample, rows, points).

        A view of (rows, points, sample): whatever is added or averaged next goes along the draws.
        """
        if np.ndim(points) != 2 or len(points) != self.shape[1]:
            raise ValueError(f"points must have shape ({self.shape[1]} rows, points), not {np.shape(points)}")
        parameters = [parameter.T[:, None] for parameter in self.parameters]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            found = FAMILIES[self.family](np.asarray(points, dtype=float)[..., None], *parameters)
        whole = (*np.shape(points), self.shape[0])
        return np.moveaxis(found if found.shape == whole else np.broadcast_to(found, whole).copy(), -1, 0)

    def rows(self, chosen: slice) -> RowDistributions:
        """Those of some rows."""
        parts = tuple(p if p.shape[1] == 1 else p[:, chosen] for p in self.parameters)
        return RowDistributions(self.family, parts, (self.shape[0], len(range(*chosen.indices(self.shape[1])))))

    def samples(self, chosen: slice) -> RowDistributions:
        """Those at some posterior draws."""
        parts = tuple(p if p.shape[0] == 1 else p[chosen] for p in self.parameters)
        return RowDistributions(self.family, parts, (len(range(*chosen.indices(self.shape[0]))), self.shape[1]))


def normal(y: Array, location: Array, scale: Array) -> Array:
    """-(z^2 + log(2 pi))/2 - log scale, with z = (y - location)/scale."""
    z = y - location
    z = _multiplied(z, 1 / scale)
    z *= z
    z *= -0.5
    return _added(z, -np.log(scale) - 0.5 * np.log(2 * np.pi))


def student_t(y: Array, freedom: Array, location: Array, scale: Array) -> Array:
    """Student-t with `freedom` degrees of freedom."""
    z = y - location
    z = _multiplied(z, 1 / scale)
    z *= z
    z = _multiplied(z, 1 / freedom)
    if freedom.max() <= PLAIN_LOGARITHM:
        z += 1.0
        np.log(z, out=z)
    else:
        np.log1p(z, out=z)
    z = _multiplied(z, -(freedom + 1) / 2)
    constant = log_rising(freedom / 2, np.array(0.5)) - 0.5 * np.log(2 * np.pi) - np.log(scale)
    return _added(z, constant)


def poisson(y: Array, mean: Array) -> Array:
    """Y log mean - mean - log y!."""
    density = _added(_times(y, np.log(mean)), -mean)
    return _counts_only(_added(density, -special.gammaln(y + 1)), y)


def negative_binomial(y: Array, size: Array, success: Array) -> Array:
    """Failures before the `size`-th success; mean = size (1 - success)/success.

    With r(y) = log(Gamma(size + y)/(Gamma(size) size^y)) it is r(y) - log y! + y log(size (1 - success)) + size log
    success, in which nothing cancels as `size` grows. Where `size` is the same for all rows, r is computed once a draw
    and distinct count.
    """
    density = _added(_times(y, np.log(size) + np.log1p(-success)), size * np.log(success))
    if len(size) > 1:
        return _counts_only(_added(_added(density, -special.gammaln(y + 1)), log_rising(size, y)), y)
    counts, place = np.unique(y, return_inverse=True)
    of_count = _log_rising_of_counts(size[0], counts) - special.gammaln(counts + 1)[:, None]
    return _counts_only(_added(density, np.take(of_count, place.reshape(y.shape[:2]), axis=0)), y)


def binomial(y: Array, trials: Array, success: Array) -> Array:
    """`trials` draws, each a success with one probability."""
    ways = -special.betaln(y + 1, trials - y + 1) - np.log1p(trials)
    density = _added(_times(y, np.log(success)), _times(trials - y, np.log1p(-success)))
    return _counts_only(np.where(y > trials, -np.inf, _added(density, ways)), y)


def bernoulli(y: Array, success: Array) -> Array:
    """One draw."""
    density = np.where(y == 1, np.log(success), np.log1p(-success))
    return _where_possible(density, (y == 0) | (y == 1))


def geometric(y: Array, success: Array) -> Array:
    """Draws up to the first success, that one included."""
    density = _added(_times(y - 1, np.log1p(-success)), np.log(success))
    return _where_possible(density, (y >= 1) & (y == np.floor(y)))


def log_normal(y: Array, location: Array, scale: Array) -> Array:
    """Its logarithm is normal."""
    log_y = np.log(np.where(y > 0, y, 1.0))
    return _where_possible(_added(normal(log_y, location, scale), -log_y), y > 0)


def gamma(y: Array, shape: Array, scale: Array) -> Array:
    """(shape - 1) log y - y/scale - log Gamma(shape) - shape log scale; nothing at 0."""
    inside = np.where(y > 0, y, 1.0)
    density = np.log(inside) * (shape - 1)
    density = _added(density, -inside * (1 / scale))
    return _where_possible(_added(density, -special.gammaln(shape) - shape * np.log(scale)), y > 0)


def exponential(y: Array, scale: Array) -> Array:
    """-y/scale - log scale from 0 on."""
    return _where_possible(_added(y * (-1 / scale), -np.log(scale)), y >= 0)


def half_normal(y: Array, location: Array, scale: Array) -> Array:
    """Twice the normal from its location on."""
    return np.where(y >= location, normal(y, location, scale) + np.log(2), -np.inf)


def laplace(y: Array, location: Array, scale: Array) -> Array:
    """-|y - location|/scale - log(2 scale)."""
    z = y - location
    np.abs(z, out=z)
    return _added(_multiplied(z, -1 / scale), -np.log(2 * scale))


def log_rising(a: Array, y: Array) -> Array:
    """log(Gamma(a + y)/(Gamma(a) a^y)) for y >= 0, without the cancellation of two large log Gammas.

    Examples
    --------
    >>> bool(abs(log_rising(np.array(2.0), np.array(3.0)) - np.log(3 * 4 / 2**2)) < 1e-14)
    True
    """
    a, y = np.broadcast_arrays(a, y)
    found = special.gammaln(a + y) - special.gammaln(a) - special.xlogy(y, a)
    large = a >= LARGE
    if large.any():
        some, at = a[large], y[large]
        ratio = at / some
        # (a + y - 1/2) log(1 + y/a) - y, the two large parts of which cancel: log(1 + u) - u is taken as one.
        found[large] = some * _log1p_less(ratio) + (at - 0.5) * np.log1p(ratio) + _tail(some + at) - _tail(some)
    return np.asarray(found)


def _log_rising_of_counts(a: Array, counts: Array) -> Array:
    """`log_rising` at distinct counts in rising order, shape (counts, sample), for `a` of shape (1, sample).

    As sums of log(1 + i/a) where few counts are left out, which is faster. Each term is right to 1e-16, so that log1p,
    three times as slow, would show in no density.
    """
    if counts[0] < 0 or counts[-1] > DENSE * len(counts) or (counts != np.floor(counts)).any():
        return log_rising(a, counts[:, None])
    cells = 1 << max(int(counts[-1]).bit_length(), LEAST_BITS)  # a power of two, so that few tables serve all counts
    size = np.ascontiguousarray(a, dtype=float)
    if size.size * cells > KEPT_CELLS:
        return _sums_of_logarithms(size[0], int(counts[-1]) + 1)[counts.astype(int)]
    return np.take(_kept_sums(size.tobytes(), cells), counts.astype(int), axis=0)


@lru_cache(maxsize=4)
def _kept_sums(size: bytes, cells: int) -> Array:
    """The sums for the draws of a pool, which many batches of rows ask for: tables of several sizes for one pool."""
    return _sums_of_logarithms(np.frombuffer(size), cells)


def _sums_of_logarithms(size: Array, cells: int) -> Array:
    """Sums of log(1 + i/size) over i < y, for y = 0..cells - 1, shape (cells, sample)."""
    found = np.zeros((cells, len(size)))
    np.divide(np.arange(cells - 1)[:, None], size, out=found[1:])
    found[1:] += 1.0
    np.log(found[1:], out=found[1:])
    for before, own in pairwise(found):  # far faster than numpy's cumsum along this axis
        own += before
    return found


def _log1p_less(u: Array) -> Array:
    """log(1 + u) - u; by its series where it is small."""
    series = np.zeros_like(u)
    for power in range(14, 1, -1):
        series = series * u + (-1) ** (power + 1) / power
    return np.where(np.abs(u) < 0.05, series * u * u, np.log1p(u) - u)


def _tail(a: Array) -> Array:
    square, total = 1 / a**2, np.zeros_like(a)
    for coefficient in STIRLING[::-1]:
        total = total * square + coefficient
    return total / a


def _added(large: Array, other: Array) -> Array:
    """Sum, in place where the first has the shape of both."""
    return np.add(large, other, out=large if _holds(large, other) else None)


def _multiplied(large: Array, other: Array) -> Array:
    """Product, in place where the first has the shape of both."""
    return np.multiply(large, other, out=large if _holds(large, other) else None)


def _holds(large: Array, other: Array) -> bool:
    return large.flags.writeable and np.broadcast_shapes(large.shape, np.shape(other)) == large.shape


def _times(number: Array, logarithm: Array) -> Array:
    """Product, nothing where the number is 0 though the logarithm is infinite."""
    product = number * logarithm
    if np.isinf(logarithm).any():
        product = np.where((number == 0) & np.isinf(logarithm), 0.0, product)
    return np.asarray(product)


def _counts_only(density: Array, y: Array) -> Array:
    return _where_possible(density, (y >= 0) & (y == np.floor(y)))


def _where_possible(density: Array, possible: np.ndarray) -> Array:
    return density if possible.all() else np.where(possible, density, -np.inf)


FAMILIES: dict[str, Callable[..., Array]] = {
    "normal": normal,
    "student_t": student_t,
    "poisson": poisson,
    "negative_binomial": negative_binomial,
    "binomial": binomial,
    "bernoulli": bernoulli,
    "geometric": geometric,
    "log_normal": log_normal,
    "gamma": gamma,
    "exponential": exponential,
    "half_normal": half_normal,
    "laplace": laplace,
}
