"""Posterior debt on hard posteriors against truth in closed form or by quadrature, from exact draws.

Every case is a path of posteriors from deployed (0) to shadow (1), from which it can be drawn exactly; the
log-likelihood that leads from one to another is the log ratio of their densities, and the path's inner points are
the stored shadows of a spell. Sticky draws repeat the last one with probability 0.8, as a Metropolis sampler does.
Printed per case: the truth, the share called reliable and by which method, and over the reliable ones bias, RMSE, the
share of 90% intervals that cover with its binomial error, and the largest miss in standard errors.
"""

import argparse
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import special, stats

from learning_debt.arrays.bridging.bridge import LogMarginal, TooFewDrawsError, gaussian_log_marginal
from learning_debt.arrays.bridging.chain import ShadowChain
from learning_debt.debt.from_draws import LADDER_SHARE, NoLogMarginal, debt_from_draws
from learning_debt.doubt import Doubt
from learning_debt.estimate import Estimate

INNER = np.linspace(0, 1, 11)


@dataclass(frozen=True)
class Marginal:
    """A distribution on the line: draws of a shape, log density, and a range that holds all but 1e-12 of it."""

    draw: Callable
    log_density: Callable
    low: float
    high: float

    def divergence(self, other: "Marginal") -> float:
        """KL(self‖other) by the trapezoid rule."""
        x = np.linspace(self.low, self.high, 400_001)
        mine = self.log_density(x)
        inside = mine > -700
        integrand = np.exp(mine[inside]) * (mine[inside] - other.log_density(x[inside]))
        return float(np.trapezoid(integrand, x[inside]))


def normal(mean: float, sd: float) -> Marginal:
    return Marginal(
        lambda rng, shape: rng.normal(mean, sd, shape),
        lambda x: -0.5 * ((x - mean) / sd) ** 2 - np.log(sd) - 0.5 * np.log(2 * np.pi),
        mean - 9 * sd,
        mean + 9 * sd,
    )


def log_gamma(shape: float, rate: float) -> Marginal:
    """Logarithm of a gamma variable: the unconstrained scale of a positive parameter."""
    return Marginal(
        lambda rng, size: _log_gamma_draws(rng, shape, size) - np.log(rate),
        lambda x: shape * (x + np.log(rate)) - rate * np.exp(x) - special.gammaln(shape),
        -40 / shape - np.log(rate),
        np.log(60 + 5 * shape) - np.log(rate),
    )


def _log_gamma_draws(rng: np.random.Generator, shape: float, size: tuple) -> np.ndarray:
    """Exact for small shapes too, where the gamma variable itself underflows."""
    return np.log(rng.gamma(shape + 1, size=size)) + np.log(rng.uniform(size=size)) / shape


def skew_normal(mode: float, sd: float, skew: float = 8.0) -> Marginal:
    delta = skew / np.hypot(1, skew)
    return Marginal(
        lambda rng, shape: (
            mode + sd * (delta * np.abs(rng.normal(size=shape)) + np.sqrt(1 - delta**2) * rng.normal(size=shape))
        ),
        lambda x: np.log(2 / sd) + stats.norm.logpdf((x - mode) / sd) + special.log_ndtr(skew * (x - mode) / sd),
        mode - 3 * sd,
        mode + 9 * sd,
    )


def lognormal(location: float, sd: float) -> Marginal:
    """On its own scale with a hard bound at 0, as if the model had no transform."""

    def log_density(x: np.ndarray) -> np.ndarray:
        logarithm = np.log(np.where(x > 0, x, 1.0))
        return np.where(
            x > 0, -0.5 * ((logarithm - location) / sd) ** 2 - logarithm - np.log(sd * np.sqrt(2 * np.pi)), -np.inf
        )

    return Marginal(
        lambda rng, shape: np.exp(rng.normal(location, sd, shape)), log_density, 1e-9, np.exp(location + 8 * sd)
    )


def student(mean: float, scale: float, df: float = 3.0) -> Marginal:
    constant = special.gammaln((df + 1) / 2) - special.gammaln(df / 2) - 0.5 * np.log(df * np.pi) - np.log(scale)
    return Marginal(
        lambda rng, shape: mean + scale * rng.standard_t(df, shape),
        lambda x: constant - (df + 1) / 2 * np.log1p(((x - mean) / scale) ** 2 / df),
        mean - 1000 * scale,
        mean + 1000 * scale,
    )


def logit_beta(a: float, b: float) -> Marginal:
    """A bounded parameter through the logit transform; a or b below 1 piles mass up at the bound."""
    return Marginal(
        lambda rng, size: _log_gamma_draws(rng, a, size) - _log_gamma_draws(rng, b, size),
        lambda x: -a * np.logaddexp(0, -x) - b * np.logaddexp(0, x) - special.betaln(a, b),
        -45 / a,
        45 / b,
    )


def log_half_normal(scale: float) -> Marginal:
    """A scale parameter with most of its mass at its bound, through the log transform."""
    return Marginal(
        lambda rng, shape: np.log(scale * np.abs(rng.normal(size=shape))),
        lambda x: x - 0.5 * np.exp(2 * x) / scale**2 + 0.5 * np.log(2 / np.pi) - np.log(scale),
        np.log(scale) - 35,
        np.log(scale) + 2.5,
    )


def two_modes(
    weight: float, distance: float = 4.0, sd: float = 1.0, shift: float = 0.0, stuck: bool = False
) -> Marginal:
    """`weight` at +distance, the rest at -distance; stuck chains stay in one mode each, whatever its weight."""
    weights = np.log([max(weight, 1e-300), max(1 - weight, 1e-300)])

    def log_density(x: np.ndarray) -> np.ndarray:
        parts = [w + stats.norm.logpdf(x, m + shift, sd) for w, m in zip(weights, (distance, -distance), strict=True)]
        return np.logaddexp(*parts)

    def draw(rng: np.random.Generator, shape: tuple) -> np.ndarray:
        upper = np.arange(shape[0])[:, None] % 2 == 0 if stuck else rng.uniform(size=shape) < weight
        return shift + np.where(upper, distance, -distance) + sd * rng.normal(size=shape)

    return Marginal(
        draw,
        log_density,
        shift - distance - 9 * sd,
        shift + distance + 9 * sd,
    )


@dataclass(frozen=True)
class Posterior:
    """Draws of shape (chain, draw, parameters) and the log density of points (..., parameters)."""

    draw: Callable
    log_density: Callable


def independent(*marginals: Marginal) -> Posterior:
    return Posterior(
        lambda rng, shape: np.stack([marginal.draw(rng, shape) for marginal in marginals], axis=-1),
        lambda points: sum(marginal.log_density(points[..., k]) for k, marginal in enumerate(marginals)),
    )


def funnel(location: float, spread: float, dimension: int = 9) -> Posterior:
    """Neal's: v ~ N(location, spread), x | v ~ N(0, exp(v)), nine times."""

    def draw(rng: np.random.Generator, shape: tuple) -> np.ndarray:
        v = rng.normal(location, spread, (*shape, 1))
        return np.concatenate([v, np.exp(v / 2) * rng.normal(size=(*shape, dimension))], axis=-1)

    def log_density(points: np.ndarray) -> np.ndarray:
        v, x = points[..., 0], points[..., 1:]
        conditional = -0.5 * (x**2).sum(-1) * np.exp(-v) - dimension / 2 * (v + np.log(2 * np.pi))
        return stats.norm.logpdf(v, location, spread) + conditional

    return Posterior(draw, log_density)


def gaussian(mean: np.ndarray, covariance: np.ndarray) -> Posterior:
    root = np.linalg.cholesky(covariance)
    inverse = np.linalg.inv(root)
    constant = -np.log(np.diag(root)).sum() - len(mean) / 2 * np.log(2 * np.pi)
    return Posterior(
        lambda rng, shape: mean + rng.normal(size=(*shape, len(mean))) @ root.T,
        lambda points: constant - 0.5 * (((points - mean) @ inverse.T) ** 2).sum(-1),
    )


@dataclass(frozen=True)
class Case:
    """`path(u)` is the posterior a share u of the way from deployed to shadow; `debt_of(u, v)` the nats of u to v."""

    name: str
    path: Callable[[float], Posterior]
    debt_of: Callable[[float, float], float]
    parameters: int

    @property
    def debt(self) -> float:
        """Of the shadow to the deployed posterior."""
        return self.debt_of(1, 0)


def product(name: str, path: Callable[[float], Marginal], dimension: int, plain: int = 0) -> Case:
    """Independent copies of a marginal, beside `plain` normal parameters that do not move."""
    still = [normal(0, 1)] * plain
    return Case(
        f"{name}, d={dimension + plain}",
        lambda u: independent(*[path(u)] * dimension, *still),
        cache(lambda later, earlier: dimension * path(later).divergence(path(earlier))),
        dimension + plain,
    )


def regression(name: str, dimension: int, before: int, since: int, moved: float) -> Case:
    """Conjugate regression with known variance; the path adds the new rows one block after the other."""
    rng = np.random.default_rng(8)
    x = rng.normal(size=(before + since, dimension))
    slopes = rng.normal(size=dimension) * 0.3
    y = x @ slopes + moved * x[:, 0] * (np.arange(len(x)) >= before) + rng.normal(size=len(x))

    def moments(u: float) -> tuple[np.ndarray, np.ndarray]:
        rows = before + round(u * since)
        covariance = np.linalg.inv(np.eye(dimension) + x[:rows].T @ x[:rows])
        return covariance @ x[:rows].T @ y[:rows], covariance

    def debt_of(later: float, earlier: float) -> float:
        (m_q, c_q), (m_p, c_p) = moments(earlier), moments(later)
        inverse, gap = np.linalg.inv(c_q), m_p - m_q
        determinants = np.linalg.slogdet(c_q)[1] - np.linalg.slogdet(c_p)[1]
        return float(0.5 * (np.trace(inverse @ c_p) + gap @ inverse @ gap - dimension + determinants))

    return Case(f"{name}, d={dimension}", lambda u: gaussian(*moments(u)), debt_of, dimension)


def cases() -> list[Case]:
    def funnel_case(name: str, start: tuple, end: tuple) -> Case:
        def between(u: float) -> tuple[float, float]:
            return start[0] + u * (end[0] - start[0]), start[1] * (end[1] / start[1]) ** u

        def debt_of(later: float, earlier: float) -> float:
            return normal(*between(later)).divergence(normal(*between(earlier)))

        return Case(f"{name}, d=10", lambda u: funnel(*between(u)), cache(debt_of), 10)

    return [
        product("gamma 1.5, small", lambda u: log_gamma(1.5 + 0.5 * u, 1 + 0.2 * u), 1),
        product("gamma 1.5, small", lambda u: log_gamma(1.5 + 0.5 * u, 1 + 0.2 * u), 10),
        product("gamma, large", lambda u: log_gamma(1.5 + 20 * u, np.exp(4 * u)), 1),
        product("gamma, large", lambda u: log_gamma(1.5 + 5 * u, np.exp(3 * u)), 10),
        product("skew normal 8, small", lambda u: skew_normal(0.3 * u, 1), 1),
        product("skew normal 8, large", lambda u: skew_normal(5 * u, 1), 1),
        product("skew normal 8, large", lambda u: skew_normal(1.5 * u, 1), 10),
        product("lognormal with a bound, small", lambda u: lognormal(0.2 * u, 0.7), 1),
        product("lognormal with a bound, large", lambda u: lognormal(3 * u, 0.5), 1),
        product("lognormal with a bound, large", lambda u: lognormal(1.2 * u, 0.5), 10),
        product("Student 3, small", lambda u: student(0.3 * u, 1), 1),
        product("Student 3, small", lambda u: student(0.3 * u, 1), 10),
        product("Student 3, large", lambda u: student(40 * u, 1 - 0.8 * u), 1),
        product("Student 3, large", lambda u: student(3 * u, 1), 10),
        funnel_case("funnel, small", (0, 1.5), (0.7, 1.2)),
        funnel_case("funnel, large", (0, 1.5), (9, 1.0)),
        funnel_case("funnel narrow, large", (3, 0.5), (-2, 0.5)),
        product("weights .5 to .9", lambda u: two_modes(0.5 + 0.4 * u), 1, 3),
        product("weights .5 to .999", lambda u: two_modes(0.5 + 0.499 * u), 1, 3),
        product("a mode is lost", lambda u: two_modes(0.5 + 0.5 * u), 1, 3),
        product("a mode is won, from 1e-4", lambda u: two_modes(1 - 1e-4 - 0.3 * u), 1, 3),
        product("a mode is won, from 0", lambda u: two_modes(1 - 0.3 * u), 1, 3),
        product("chains stuck in modes", lambda u: two_modes(0.5 + 0.4 * u, stuck=True), 1, 3),
        product("chains stuck, modes move, large", lambda u: two_modes(0.5, shift=7 * u, stuck=True), 1, 3),
        product("distant modes move, large", lambda u: two_modes(0.7, 12, shift=7 * u), 1, 3),
        product("two modes move, large", lambda u: two_modes(0.7, shift=7 * u), 1, 3),
        regression("regression, small", 200, 600, 30, 0.0),
        regression("regression, large", 200, 600, 300, 1.0),
        product("beta to the bound, small", lambda u: logit_beta(2 + 2 * u, 1 - 0.3 * u), 1),
        product("uniform to the bound, large", lambda u: logit_beta(1 + 200 * u, 1 - 0.4 * u), 1),
        product("uniform to the bound, large", lambda u: logit_beta(1 + 20 * u, 1 - 0.4 * u), 10),
        product("half normal at 0, small", lambda u: log_half_normal(1 - 0.3 * u), 1),
        product("half normal at 0, large", lambda u: log_half_normal(np.exp(-3 * u)), 10),
    ]


def sticky(draws: np.ndarray, rng: np.random.Generator, probability: float) -> np.ndarray:
    """Repeat the last draw with this probability."""
    if probability == 0:
        return draws
    fresh = rng.uniform(size=draws.shape[:2]) >= probability
    fresh[:, 0] = True
    last = np.maximum.accumulate(np.where(fresh, np.arange(draws.shape[1]), 0), axis=1)
    return np.take_along_axis(draws, last[..., None], axis=1)


class Spell:
    """Fresh draws of the posteriors of a case, made and scored when they are asked for."""

    def __init__(self, case: Case, shape: tuple[int, int], repeat: float, rng: np.random.Generator) -> None:
        self.posteriors = [case.path(u) for u in INNER]
        self.draws = cache(lambda k: sticky(self.posteriors[k].draw(rng, shape), rng, repeat))
        self.density = cache(lambda at, k: self.posteriors[k].log_density(self.draws(at)))
        self.rng = rng

    def log_ratio(self, at: int, earlier: int, later: int) -> np.ndarray:
        return self.density(at, later) - self.density(at, earlier)

    def links(self) -> list:
        ladder = ShadowChain(LADDER_SHARE)
        for t in range(1, len(INNER)):
            newest = np.stack([self.log_ratio(t, s, t) for s in range(t)], axis=-1)
            ladder.add([self.log_ratio(s, s, t) for s in range(t)], newest)
        return ladder.links(0)

    def marginal(self, k: int) -> LogMarginal:
        return gaussian_log_marginal(self.draws(k), self.posteriors[k].log_density, self.rng)


def estimate(
    case: Case, shape: tuple[int, int], repeat: float, methods: set[str], rng: np.random.Generator
) -> Estimate:
    """One estimate from fresh draws of the posteriors it needs."""
    spell, last = Spell(case, shape, repeat, rng), len(INNER) - 1

    def marginal(k: int) -> LogMarginal | NoLogMarginal:
        if "bridge" not in methods:
            return NoLogMarginal(Doubt.NO_JOINT_DENSITY, "not asked for")
        try:
            return spell.marginal(k)
        except TooFewDrawsError as error:
            return NoLogMarginal(Doubt.FEW_FOR_GAUSSIAN, str(error))

    return debt_from_draws(
        spell.log_ratio(last, 0, last),
        spell.log_ratio(0, 0, last),
        lambda: marginal(last),
        lambda: marginal(0),
        chain=spell.links if "chain" in methods else None,
    )


def funnel_by_nuts(runs: int, measured: float, noise: float) -> None:
    """Centred funnels sampled by NUTS, before and after v is measured with normal noise: v stays normal, so the truth
    is known. What NUTS misses of the neck, no count of its draws shows."""
    import pymc as pm

    precision = 1 / 1.5**2 + 1 / noise**2
    mean, spread = measured / noise**2 / precision, precision**-0.5
    truth = normal(mean, spread).divergence(normal(0, 1.5))
    prior = funnel(0, 1.5).log_density
    log_joints = prior, lambda points: prior(points) + stats.norm.logpdf(measured, points[:, 0], noise)
    models = []
    for location, sd in ((0, 1.5), (mean, spread)):
        with pm.Model() as model:
            v = pm.Normal("v", location, sd)
            pm.Normal("x", 0, pm.math.exp(v / 2), shape=9)
        models.append(model)
    for run in range(runs):
        draws = []
        for which, model in enumerate(models):
            sampled = pm.sample(
                1000,
                tune=1000,
                chains=4,
                cores=1,
                model=model,
                random_seed=2 * run + which,
                progressbar=False,
                target_accept=0.95,
            )
            tree = sampled.posterior
            draws.append(np.concatenate([tree["v"].values[..., None], tree["x"].values], axis=-1))
        at_deployed, at_shadow = (stats.norm.logpdf(measured, one[..., 0], noise) for one in draws)
        rng = np.random.default_rng(run)
        found = debt_from_draws(
            at_shadow,
            at_deployed,
            lambda draws=draws, rng=rng: gaussian_log_marginal(draws[1], log_joints[1], rng),
            lambda draws=draws, rng=rng: gaussian_log_marginal(draws[0], log_joints[0], rng),
        )
        print(f"NUTS, funnel, v measured as {measured}: truth {truth:.3f}, found {found}", flush=True)


def report(case: Case, label: str, found: list) -> tuple[int, float]:
    """Print one line; number of reliable estimates and their largest miss in standard errors."""
    used = [one for one in found if one.reliable]
    by = Counter("pooled" if not one.note else one.note.split()[2] for one in used)
    how = " ".join(f"{name} {count / len(found):.0%}" for name, count in by.items())
    doubts = Counter(one.doubts[0].name for one in found if not one.reliable)
    head = f"{case.name:36s} {label:18s} {case.debt:8.3g} {len(used) / len(found):7.1%}"
    if not used:
        print(f"{head}   {dict(doubts)}", flush=True)
        return 0, 0.0
    miss = np.array([one.value for one in used]) - case.debt
    error = np.array([one.standard_error for one in used])
    z = np.abs(miss) / error
    covered = np.mean(z < stats.norm.ppf(0.95))
    print(
        f"{head} {miss.mean():+9.2g} {np.sqrt((miss**2).mean()):8.2g} {covered:5.1%} ±"
        f"{np.sqrt(0.09 / len(used)):4.1%} {z.max():5.1f}  {how}  {dict(doubts) if doubts else ''}",
        flush=True,
    )
    return len(used), float(z.max())


def main() -> None:
    """Print one line per case, draws and method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=240, help="a third where the draws do not overlap")
    parser.add_argument("--draws", type=int, default=500, help="per chain, of four")
    parser.add_argument("--methods", default="bridge,chain", help="used where the draws do not overlap")
    parser.add_argument("--only", default="", help="cases whose name holds one of these, by semicolons")
    parser.add_argument("--sticky", default="0,0.8", help="probabilities of repeating a draw")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--nuts", type=int, default=0, help="only that many funnels by NUTS")
    arguments = parser.parse_args()
    if arguments.nuts:
        funnel_by_nuts(arguments.nuts, 1.5, 1.0)
        funnel_by_nuts(arguments.nuts, 4.0, 0.3)
        return
    rng = np.random.default_rng(arguments.seed)
    print(f"{'case':36s} {'draws, method':18s} {'debt':>8s} reliable      bias     rmse cover        max z  by")
    start, total, worst = time.perf_counter(), 0, 0.0
    for case in cases():
        if not any(part in case.name for part in arguments.only.split(";")):
            continue
        repeats = arguments.replications // (10 if case.parameters > 50 else 1)
        for repeat in map(float, arguments.sticky.split(",")):
            for methods in arguments.methods.split(","):
                options = (case, (4, arguments.draws), repeat, set(methods.split("+")), rng)
                found = [estimate(*options) for _ in range(repeats // 3)]
                pooled = all(one.diagnostics.keys() == {"overlap", "slope", "slope_se"} for one in found)
                if pooled:
                    found += [estimate(*options) for _ in range(repeats - len(found))]
                count, largest = report(case, f"{'sticky' if repeat else 'iid'} {'' if pooled else methods}", found)
                total, worst = total + count, max(worst, largest)
                if pooled:
                    break
    print(f"{total} reliable estimates, largest miss {worst:.1f} standard errors; {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
