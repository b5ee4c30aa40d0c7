"""Outcomes of many kinds and pairs of posteriors for each, whose predictive distributions are known to any precision.

Posteriors are functions of independent standard normals. Cells are pairs (shadow, deployed): no shift, a small one, a
large one, and what is special to a family, such as a point mass that has nearly gone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

Array = NDArray[np.float64]
Parameters = tuple[Array, ...]
Posterior = Callable[..., Parameters]
"""Parameters as a function of independent standard normals, one argument each."""


class Family(NamedTuple):
    """Outcomes: kind, log density at values and parameters, draws, where the truth is summed, and pairs of posteriors.

    `log_predictive` gives predictive densities in closed form, where they have one. `grid` holds points and weights,
    atoms with weight one among them; empty where `exact` gives the divergence.
    """

    kind: str
    log_density: Callable[..., Array]
    draw: Callable[..., Array]
    grid: tuple[Array, Array]
    cells: dict[str, tuple[Posterior, Posterior]]
    normals: int = 1
    exact: dict[str, float] | None = None
    log_predictive: Callable[..., Array] | None = None


def _line(scale: float, reach: float, centre: float = 0.0, points: int = 2001) -> tuple[Array, Array]:
    u = np.linspace(-reach, reach, points)
    return centre + scale * np.sinh(u), scale * np.cosh(u) * (u[1] - u[0])


def _half(low: float, high: float, edge: float = 0.0, points: int = 3001) -> tuple[Array, Array]:
    """From `edge` on: its distance runs from e^low to e^high."""
    u = np.linspace(low, high, points)
    return edge + np.exp(u), np.exp(u) * (u[1] - u[0])


def _between(first: float, last: float, points: int = 3001) -> tuple[Array, Array]:
    u = np.linspace(-3.2, 3.2, points)
    share, slope = special.expit(np.pi * np.sinh(u)), np.pi * np.cosh(u) * (u[1] - u[0])
    return first + (last - first) * share, (last - first) * share * special.expit(-np.pi * np.sinh(u)) * slope


def _with_atom(grid: tuple[Array, Array], at: float) -> tuple[Array, Array]:
    return np.append(grid[0], at), np.append(grid[1], 1.0)


def _counts(stop: int) -> tuple[Array, Array]:
    return np.arange(float(stop)), np.ones(stop)


def _of_gamma(shape: float, rate: float) -> Posterior:
    return lambda z: (_gamma_quantile(shape, z) / rate,)


def _gamma_quantile(shape: float, z: Array) -> Array:
    """Of the standard gamma distribution where the normal one has `z`, with full precision at either end."""
    low, high = special.ndtr(np.minimum(z, 0)), special.ndtr(-np.maximum(z, 0))
    return np.where(z < 0, special.gammaincinv(shape, low), special.gammainccinv(shape, high))


def _of_beta(a: float, b: float, *more: Posterior) -> Posterior:
    def share(z: Array) -> Array:  # from the nearer end, so that shares near one keep their digits
        low, high = special.betaincinv(a, b, special.ndtr(z)), special.betaincinv(b, a, special.ndtr(-z))
        return np.where(z < 0, low, 1 - high)

    return lambda z, *rest: (share(z), *(one(part)[0] for one, part in zip(more, rest, strict=True)))


def _normal(mean: float, sd: float) -> Posterior:
    return lambda z: (mean + sd * z,)


def _log(mean: float, sd: float) -> Posterior:
    return lambda z: (np.exp(mean + sd * z),)


def _logit(mean: float, sd: float) -> Posterior:
    return lambda z: (special.expit(mean + sd * z),)


def _both(*parts: Posterior) -> Posterior:
    return lambda *z: tuple(one(each)[0] for one, each in zip(parts, z, strict=True))


class _NIG(NamedTuple):
    """Location and scale of a normal outcome, whose predictive distribution is Student's."""

    mean: float
    precision: float
    shape: float
    rate: float

    def __call__(self, z: Array, w: Array) -> Parameters:
        scale = np.sqrt(self.rate / _gamma_quantile(self.shape, w))
        return self.mean + scale * z / np.sqrt(self.precision), scale

    def log_predictive(self, y: Array) -> Array:
        scale = np.sqrt(self.rate / self.shape * (1 + 1 / self.precision))
        return np.asarray(stats.t.logpdf(y, 2 * self.shape, self.mean, scale))


def _shifts(make: Callable[..., Posterior], *settings: tuple[float, ...], names: str = "none small large") -> dict:
    """Cells of one deployed posterior, the first of `settings`, and of shadows, one for each further name."""
    return {name: (make(*one), make(*settings[0])) for name, one in zip(names.split(), settings, strict=True)}


def _log_mass(inside: Any, values: Any) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(inside, values, -np.inf)


def _normal_log(y: Array, mean: Any, sd: Any) -> Array:
    return -0.5 * ((y - mean) / sd) ** 2 - np.log(sd) - 0.5 * np.log(2 * np.pi)


def _t_log(y: Array, df: Any, scale: Any) -> Array:
    constant = special.gammaln((df + 1) / 2) - special.gammaln(df / 2) - np.log(np.pi * df) / 2 - np.log(scale)
    return constant - (df + 1) / 2 * np.log1p((y / scale) ** 2 / df)


def _hurdle_log(y: Array, share: Any, mean: Any) -> Array:
    positive = np.log(np.maximum(y, 1e-300))
    above = np.log(share) + _normal_log(positive, mean, 0.5) - positive
    with np.errstate(divide="ignore"):
        return np.where(y == 0, np.log1p(-share), _log_mass(y > 0, above))


def _hurdle_draw(rng: Any, share: Array, mean: Array) -> Array:
    return np.where(rng.random(share.shape) < share, np.exp(mean + 0.5 * rng.normal(size=share.shape)), 0.0)


def _spike_log(y: Array, share: Any, mean: Any) -> Array:
    with np.errstate(divide="ignore"):
        return np.where(y == 0, np.log1p(-share), np.log(share) + _normal_log(y, mean, 1.0))


def _capped_log(y: Array, mean: Any, sd: Any) -> Array:
    at_cap = special.log_ndtr((mean - 1) / sd)
    return np.where(y == 1, at_cap, _log_mass(y < 1, _normal_log(y, mean, sd)))


def _poisson_log(y: Array, rate: Any) -> Array:
    return _log_mass(y >= 0, special.xlogy(y, rate) - rate - special.gammaln(np.maximum(y, 0) + 1))


def _inflated_log(y: Array, share: Any, rate: Any) -> Array:
    with np.errstate(divide="ignore"):
        plain = np.log(share) + _poisson_log(y, rate)
        return np.where(y == 0, np.logaddexp(np.log1p(-share), plain), plain)


def _negative_binomial_log(y: Array, mean: Any, alpha: Any) -> Array:
    k = np.maximum(y, 0)
    values = special.gammaln(k + alpha) - special.gammaln(alpha) - special.gammaln(k + 1)
    return _log_mass(y >= 0, values + alpha * np.log(alpha / (alpha + mean)) + k * np.log(mean / (alpha + mean)))


def _binomial_log(trials: int) -> Callable[..., Array]:
    def log_density(y: Array, share: Any) -> Array:
        k = np.clip(y, 0, trials)
        choose = -special.betaln(k + 1, trials - k + 1) - np.log(trials + 1)
        values = choose + special.xlogy(k, share) + special.xlog1py(trials - k, -share)
        return _log_mass((y >= 0) & (y <= trials), values)

    return log_density


def _beta_binomial_log(trials: int) -> Callable[..., Array]:
    def log_density(y: Array, share: Any, total: Any) -> Array:
        k, a, b = np.clip(y, 0, trials), share * total, (1 - share) * total
        choose = -special.betaln(k + 1, trials - k + 1) - np.log(trials + 1)
        return _log_mass(
            (y >= 0) & (y <= trials), choose + special.betaln(k + a, trials - k + b) - special.betaln(a, b)
        )

    return log_density


def _ordinal_log(y: Array, location: Any) -> Array:
    """Ordered logit of four categories, cut at -1, 0 and 1."""
    cut = np.array([-np.inf, -1.0, 0.0, 1.0, np.inf])
    k = np.clip(y, 0, 3).astype(int)
    mass = special.expit(cut[k + 1] - location) - special.expit(cut[k] - location)
    return _log_mass((y >= 0) & (y <= 3), np.log(mass))


def _exponential_log(y: Array, rate: Any) -> Array:
    return _log_mass(y >= 0, np.log(rate) - rate * y)


def _pareto_log(y: Array, alpha: Any) -> Array:
    return _log_mass(y >= 1, np.log(alpha) - (alpha + 1) * np.log(np.maximum(y, 1.0)))


def _gamma_log(y: Array, shape: Any, mean: Any) -> Array:
    positive, rate = np.maximum(y, 1e-300), shape / mean
    return _log_mass(y > 0, shape * np.log(rate) - special.gammaln(shape) + (shape - 1) * np.log(positive) - rate * y)


def _weibull_log(y: Array, alpha: Any, beta: Any) -> Array:
    ratio = np.log(np.maximum(y, 1e-300) / beta)
    return _log_mass(y > 0, np.log(alpha / beta) + (alpha - 1) * ratio - np.exp(np.minimum(alpha * ratio, 700)))


def _lognormal_log(y: Array, mean: Any, sd: Any) -> Array:
    positive = np.log(np.maximum(y, 1e-300))
    return _log_mass(y > 0, _normal_log(positive, mean, sd) - positive)


def _truncated_log(y: Array, mean: Any) -> Array:
    return _log_mass(y >= 0, _normal_log(y, mean, 1.0) - special.log_ndtr(mean))


def _truncated_draw(rng: Any, mean: Array) -> Array:
    return np.asarray(mean - special.ndtri(rng.random(mean.shape) * special.ndtr(mean)))


def _beta_log(y: Array, share: Any) -> Array:
    inner, a, b = np.clip(y, 1e-300, 1 - 1e-16), 4 * share, 4 * (1 - share)
    values = (a - 1) * np.log(inner) + (b - 1) * np.log1p(-inner) - special.betaln(a, b)
    return _log_mass((y > 0) & (y < 1), values)


def _von_mises_log(y: Array, mean: Any, kappa: Any) -> Array:
    values = kappa * (np.cos(y - mean) - 1) - np.log(2 * np.pi * special.i0e(kappa))
    return _log_mass(np.abs(y) <= np.pi, values)


class _Vectors(NamedTuple):
    """Means of a normal vector, each about `centre`; its predictive distribution is normal too."""

    centre: float
    sd: float
    covariance: Array

    def __call__(self, *z: Array) -> Parameters:
        return tuple(self.centre + self.sd * one for one in z)

    @property
    def _predictive(self) -> tuple[Array, Array]:
        size = len(self.covariance)
        return np.full(size, self.centre), self.covariance + self.sd**2 * np.eye(size)

    def log_predictive(self, y: Array) -> Array:
        return np.asarray(stats.multivariate_normal.logpdf(y, *self._predictive))

    def divergence(self, other: _Vectors) -> float:
        (mean, covariance), (other_mean, other_covariance) = self._predictive, other._predictive
        ratio, away = np.linalg.solve(other_covariance, covariance), mean - other_mean
        squared = away @ np.linalg.solve(other_covariance, away)
        return float((np.trace(ratio) - len(mean) - np.linalg.slogdet(ratio)[1] + squared) / 2)


def _vector_family(size: int, correlation: float) -> Family:
    """Normal vectors, all of whose parts are correlated alike; only their means are learned."""
    covariance = correlation + (1 - correlation) * np.eye(size)
    factor = np.linalg.cholesky(covariance)
    constant = -np.log(np.diag(factor)).sum() - size / 2 * np.log(2 * np.pi)
    cells = _shifts(lambda *one: _Vectors(*one, covariance), (0.0, 0.15), (0.15, 0.1), (0.8, 0.08))

    def log_density(y: Array, *means: Array) -> Array:
        away = np.stack([y[:, i] - mean for i, mean in enumerate(means)])
        return constant - 0.5 * (np.tensordot(np.linalg.inv(factor), away, 1) ** 2).sum(axis=0)

    def draw(rng: Any, *means: Array) -> Array:
        mean = np.stack(means, axis=-1)
        return mean + rng.normal(size=mean.shape) @ factor.T

    exact = {name: shadow.divergence(deployed) for name, (shadow, deployed) in cells.items()}
    return Family("other", log_density, draw, _counts(0), cells, size, exact, _Vectors.log_predictive)


class _Shares(NamedTuple):
    """Dirichlet posterior of shares, given as gamma variables; counts of `trials` are Dirichlet-multinomial."""

    strength: tuple[float, ...]
    trials: int

    def __call__(self, *z: Array) -> Parameters:
        return tuple(_gamma_quantile(shape, one) for shape, one in zip(self.strength, z, strict=True))

    def log_predictive(self, y: Array) -> Array:
        return np.asarray(stats.dirichlet_multinomial.logpmf(y.astype(int), self.strength, self.trials))


def _share_family(trials: int) -> Family:
    """Counts of four categories in one row of `trials`. Posterior debts of its shifts are 2.2 and 6.1 nats."""
    strengths = {"none": (13.5,) * 4, "small": (55.8, 32.7, 32.7, 32.7), "large": (100.0, 38.5, 38.5, 38.5)}
    cells = {name: (_Shares(one, trials), _Shares(strengths["none"], trials)) for name, one in strengths.items()}
    counts = np.stack(np.meshgrid(*[np.arange(trials + 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    counts = np.column_stack([counts, trials - counts.sum(axis=1)])[counts.sum(axis=1) <= trials]

    def divergence(shadow: _Shares, deployed: _Shares) -> float:
        log_p, log_q = (one.log_predictive(counts) for one in (shadow, deployed))
        return float(np.exp(log_p) @ (log_p - log_q))

    def log_density(y: Array, *gammas: Array) -> Array:
        share = np.concatenate(gammas, axis=-1)
        choose = special.gammaln(trials + 1) - special.gammaln(y + 1).sum(axis=1)
        return choose + np.log(share / share.sum(axis=-1, keepdims=True)) @ y.T

    def draw(rng: Any, *gammas: Array) -> Array:
        share = np.stack(gammas, axis=-1)
        return np.asarray(rng.multinomial(trials, share / share.sum(axis=-1, keepdims=True)))

    exact = {name: divergence(*pair) for name, pair in cells.items()}
    return Family("other", log_density, draw, _counts(0), cells, 4, exact, _Shares.log_predictive)


def families() -> dict[str, Family]:
    """All families by name."""
    hurdle_cells = {
        "none": (_of_beta(41, 11, _normal(0, 0.05)), _of_beta(41, 11, _normal(0, 0.05))),
        "small": (_of_beta(90, 16, _normal(0.05, 0.05)), _of_beta(41, 11, _normal(0, 0.05))),
        "nearly gone": (_of_beta(3081, 1, _normal(0.05, 0.02)), _of_beta(81, 21, _normal(0, 0.05))),
        "few left": (_of_beta(4009, 3, _normal(0.05, 0.02)), _of_beta(41, 11, _normal(0, 0.05))),
        "come": (_of_beta(41, 11, _normal(0, 0.05)), _of_beta(300, 2, _normal(0.05, 0.02))),
    }
    spike_cells = {k: v for k, v in hurdle_cells.items() if k != "come"}
    inflated_cells = {
        "none": (_of_beta(41, 11, _log(1.5, 0.05)), _of_beta(41, 11, _log(1.5, 0.05))),
        "small": (_of_beta(90, 16, _log(1.55, 0.05)), _of_beta(41, 11, _log(1.5, 0.05))),
        "nearly gone": (_of_beta(3081, 1, _log(5.6, 0.01)), _of_beta(81, 21, _log(5.59, 0.01))),
    }
    capped_cells = {
        "none": (_both(_normal(0.2, 0.05), _log(0.0, 0.05)), _both(_normal(0.2, 0.05), _log(0.0, 0.05))),
        "small": (_both(_normal(0.3, 0.05), _log(0.05, 0.05)), _both(_normal(0.2, 0.05), _log(0.0, 0.05))),
        "nearly gone": (_both(_normal(0.0, 0.01), _log(-1.2, 0.02)), _both(_normal(0.1, 0.02), _log(-0.5, 0.02))),
        "large": (_both(_normal(0.2, 0.01), _log(-1.43, 0.02)), _both(_normal(0.2, 0.02), _log(0.18, 0.02))),
    }
    student_cells = {
        "none": (_both(_log(1.1, 0.15), _log(0, 0.05)), _both(_log(1.1, 0.15), _log(0, 0.05))),
        "small": (_both(_log(1.5, 0.15), _log(0, 0.05)), _both(_log(1.1, 0.15), _log(0, 0.05))),
        "lighter": (_both(_log(3.3, 0.3), _log(0, 0.05)), _both(_log(0.0, 0.1), _log(-0.5, 0.1))),
        "heavier": (_both(_log(0.6, 0.1), _log(0, 0.05)), _both(_log(1.8, 0.2), _log(0, 0.05))),
    }
    nig_cells = _shifts(_NIG, (0, 60, 30, 30), (0.1, 90, 45, 45), (0.8, 120, 60, 90)) | {
        "from prior": (_NIG(0, 201, 100.6, 100), _NIG(0, 1, 0.6, 0.6)),
        "few rows": (_NIG(0.2, 21, 12, 12), _NIG(0, 6, 4, 4)),
    }
    two = {"normals": 2}
    exponential = _shifts(_of_gamma, (11, 10), (31, 24), (31, 15)) | {"few rows": (_of_gamma(6, 5), _of_gamma(3, 2.5))}
    hurdle = Family("continuous", _hurdle_log, _hurdle_draw, _with_atom(_half(-12, 12), 0.0), hurdle_cells, **two)
    found = {
        "normal": Family(
            "continuous",
            lambda y, m: _normal_log(y, m, 1.0),
            lambda rng, m: m + rng.normal(size=m.shape),
            _line(1.0, 4.0),
            _shifts(_normal, (0, 0.15), (0.15, 0.1), (1.0, 0.08)),
        ),
        "normal, scale learned": Family(
            "continuous",
            _normal_log,
            lambda rng, m, s: m + s * rng.normal(size=m.shape),
            _line(1.0, 20.0),
            nig_cells,
            2,
            None,
            _NIG.log_predictive,
        ),
        "Student-t": Family(
            "continuous",
            _t_log,
            lambda rng, df, s: s * rng.standard_t(df),
            _line(1.0, 22.0),
            student_cells,
            **two,
        ),
        "Poisson": Family(
            "count",
            _poisson_log,
            lambda rng, rate: rng.poisson(rate),
            _counts(200),
            _shifts(_of_gamma, (60, 20), (90, 27), (120, 20)),
        ),
        "negative binomial": Family(
            "count",
            _negative_binomial_log,
            lambda rng, m, a: rng.poisson(m / a * rng.gamma(a)),
            _counts(4000),
            _shifts(
                lambda m, s, a: _both(_log(m, s), _log(a, 0.1)), (3, 0.12, -0.7), (3.1, 0.1, -0.7), (3.7, 0.1, -0.4)
            ),
            **two,
        ),
        "binomial": Family(
            "count",
            _binomial_log(20),
            lambda rng, share: rng.binomial(20, share),
            _counts(21),
            _shifts(_of_beta, (30, 20), (50, 28), (80, 20)),
        ),
        "Bernoulli": Family(
            "count",
            _binomial_log(1),
            lambda rng, share: rng.binomial(1, share),
            _counts(2),
            _shifts(_of_beta, (30, 20), (50, 28), (90, 10)) | {"rare": (_of_beta(2, 3000), _of_beta(20, 80))},
        ),
        "beta-binomial": Family(
            "count",
            _beta_binomial_log(20),
            lambda rng, share, total: rng.binomial(20, rng.beta(share * total, (1 - share) * total)),
            _counts(21),
            _shifts(
                lambda m, s, t: _both(_logit(m, s), _log(t, 0.15)), (0.4, 0.1, 1.5), (0.5, 0.1, 1.6), (1.2, 0.1, 2)
            ),
            **two,
        ),
        "Poisson, hundreds": Family(
            "count",
            _poisson_log,
            lambda rng, rate: rng.poisson(rate),
            _counts(900),
            _shifts(_of_gamma, (4000, 10), (8200, 20), (9000, 20)),
        ),
        "negative binomial, hundreds": Family(
            "count",
            _negative_binomial_log,
            lambda rng, m, a: rng.poisson(m / a * rng.gamma(a)),
            _counts(12000),
            _shifts(lambda m, s, a: _both(_log(m, s), _log(a, 0.1)), (6, 0.1, 1), (6.1, 0.1, 1), (6.6, 0.1, 1.3)),
            **two,
        ),
        "beta-binomial, hundreds": Family(
            "count",
            _beta_binomial_log(200),
            lambda rng, share, total: rng.binomial(200, rng.beta(share * total, (1 - share) * total)),
            _counts(201),
            _shifts(lambda m, s, t: _both(_logit(m, s), _log(t, 0.15)), (1.2, 0.1, 1), (1.4, 0.1, 1), (2, 0.1, 1)),
            **two,
        ),
        "exponential": Family(
            "continuous",
            _exponential_log,
            lambda rng, rate: rng.exponential(1 / rate),
            _half(-40, 25),
            exponential,
        ),
        "Pareto": Family(
            "continuous",
            _pareto_log,
            lambda rng, alpha: np.exp(np.minimum(rng.exponential(1 / alpha), 700)),
            _half(-40, 300, 1.0, 12001),
            _shifts(_of_gamma, (11, 10), (31, 24), (31, 15)),
        ),
        "gamma": Family(
            "continuous",
            _gamma_log,
            lambda rng, shape, mean: rng.gamma(shape) * mean / shape,
            _half(-60, 8),
            _shifts(
                lambda a, m, s: _both(_log(a, 0.1), _log(m, s)), (-0.5, 0, 0.15), (-0.4, 0.1, 0.1), (0.5, 0.6, 0.1)
            ),
            **two,
        ),
        "Weibull": Family(
            "continuous",
            _weibull_log,
            lambda rng, alpha, beta: beta * rng.weibull(alpha),
            _half(-60, 12),
            _shifts(
                lambda a, m, s: _both(_log(a, 0.1), _log(m, s)), (-0.3, 0, 0.15), (-0.2, 0.1, 0.1), (0.5, 0.6, 0.1)
            ),
            **two,
        ),
        "lognormal": Family(
            "continuous",
            _lognormal_log,
            lambda rng, m, s: np.exp(m + s * rng.normal(size=m.shape)),
            _half(-25, 25),
            _shifts(lambda m, s, t: _both(_normal(m, s), _log(t, 0.06)), (0, 0.12, 0), (0.1, 0.1, 0), (0.8, 0.1, -0.2)),
            **two,
        ),
        "hurdle": hurdle,
        "zero-inflated normal": Family(
            "continuous",
            _spike_log,
            lambda rng, share, m: np.where(rng.random(m.shape) < share, m + rng.normal(size=m.shape), 0.0),
            _with_atom(_line(1.0, 4.0, points=2000), 0.0),
            spike_cells,
            **two,
        ),
        "zero-inflated Poisson": Family(
            "count",
            _inflated_log,
            lambda rng, share, rate: np.where(rng.random(rate.shape) < share, rng.poisson(rate), 0),
            _counts(600),
            inflated_cells,
            **two,
        ),
        "capped": Family(
            "continuous",
            _capped_log,
            lambda rng, m, s: np.minimum(m + s * rng.normal(size=m.shape), 1.0),
            _with_atom((1 - _half(-40, 4)[0], _half(-40, 4)[1]), 1.0),
            capped_cells,
            **two,
        ),
        "truncated": Family(
            "continuous",
            _truncated_log,
            _truncated_draw,
            _half(-40, 4),
            _shifts(_normal, (0.2, 0.15), (0.35, 0.12), (1.5, 0.1)),
        ),
        "half-normal": Family(
            "continuous",
            lambda y, s: _log_mass(y >= 0, _normal_log(y, 0.0, s) + np.log(2)),
            lambda rng, s: s * np.abs(rng.normal(size=s.shape)),
            _half(-40, 5),
            _shifts(_log, (0, 0.12), (0.1, 0.1), (-0.7, 0.08)),
        ),
        "beta": Family(
            "continuous",
            _beta_log,
            lambda rng, share: np.clip(rng.beta(4 * share, 4 * (1 - share)), 1e-300, 1 - 1e-16),
            _between(0, 1),
            _shifts(_logit, (0.2, 0.12), (0.3, 0.1), (-0.8, 0.1)),
        ),
        "von Mises": Family(
            "continuous",
            _von_mises_log,
            lambda rng, m, k: rng.vonmises(m, k),
            _between(-np.pi, np.pi),
            _shifts(
                lambda m, s, k: _both(_normal(m, s), _log(k, 0.1)), (1.8, 0.12, 0.4), (1.9, 0.1, 0.5), (2.8, 0.1, 1)
            ),
            **two,
        ),
        "ordinal": Family(
            "count",
            _ordinal_log,
            lambda rng, m: np.sum(m + rng.logistic(size=m.shape) > [-1.0, 0.0, 1.0], axis=1, keepdims=True),
            _counts(4),
            _shifts(_normal, (0, 0.2), (0.2, 0.15), (1.2, 0.15)),
        ),
        "vectors": _vector_family(3, 0.0),
        "multivariate normal": _vector_family(5, 0.6),
        "multinomial": _share_family(50),
    }
    averaged = ("exponential", "hurdle", "Student-t", "normal")
    return found | {f"{name}, averaged": found[name]._replace(kind="other") for name in averaged}
