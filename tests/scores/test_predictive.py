"""Predictive debt along each path (summation, quadrature, Monte Carlo) against closed forms and scipy's integration."""

import numpy as np
import pytest
import xarray as xr
from scipy import integrate, special, stats

import learning_debt as ld
from learning_debt.arrays.predictive import mixture
from learning_debt.data import as_dataset
from learning_debt.forecasters.base import SampledForecaster
from learning_debt.scores.predictive_contrast import PredictiveContrast
from learning_debt.scores.row_mixtures import row_mixture

Z90 = stats.norm.ppf(0.95)
REPEATS = 1000
BINOMIAL = np.sqrt(0.9 * 0.1 / REPEATS)
STUDENT = stats.t.logpdf(0.0, 3)
X = np.array([0.5, 2.0, 1.0])
BATCH = {"x": X, "y": np.zeros(3)}
SHORT = {"x": X[:2], "y": np.zeros(2)}


class FakeForecaster:
    """A model of one parameter theta, given by its log density and its way to draw outcomes."""

    observation_dim, observed = "obs", ("y",)
    needs_past = feedback = False
    growing_dims = ()

    def __init__(self, kind, log_density, draw):
        self.kind, self._log_density, self._draw = kind, log_density, draw

    def as_batch(self, data):
        return as_dataset(data, "obs")

    def fit(self, data, *, random_seed=None):
        raise NotImplementedError

    def log_density(self, posterior, batch, past=None, *, random_seed=None):
        values = self._log_density(batch["y"].values, batch["x"].values, theta_of(posterior))
        return xr.Dataset({"y": (("sample", "obs"), values)})

    def predict(self, posterior, batch, past=None, *, random_seed=None):
        values = self._draw(batch["x"].values, theta_of(posterior), np.random.default_rng(random_seed))
        return xr.Dataset({"y": (("sample", "obs"), values)})

    def outcome_kind(self):
        return self.kind

    def unconstrained_draws(self, posterior):
        raise NotImplementedError

    def log_joint(self, posterior, unconstrained):
        raise NotImplementedError

    def constrained_draws(self, posterior, unconstrained):
        raise NotImplementedError

    def require_comparable(self, shadow, deployed, batch):
        pass


def theta_of(posterior):
    return posterior["posterior"]["theta"].values.reshape(-1, 1)


def posterior_of(theta, chains=4):
    return xr.DataTree.from_dict({"posterior": xr.Dataset({"theta": (("chain", "draw"), theta.reshape(chains, -1))})})


def poisson(kind="count"):
    """y ~ Poisson(x theta)."""
    return FakeForecaster(
        kind,
        lambda y, x, theta: special.xlogy(y, x * theta) - x * theta - special.gammaln(y + 1),
        lambda x, theta, rng: rng.poisson(x * theta).astype(float),
    )


def geometric():
    """y ~ Geometric of mean x theta, from 0 on."""
    return FakeForecaster(
        "count",
        lambda y, x, theta: special.xlogy(y, x * theta) - (y + 1) * np.log1p(x * theta),
        lambda x, theta, rng: rng.geometric(1 / (1 + x * theta)) - 1.0,
    )


def tenfold_poisson():
    """y ~ 10 Poisson(x theta): counts, of which only every tenth has a probability."""

    def log_density(y, x, theta):
        k = y / 10
        log_mass = special.xlogy(k, x * theta) - x * theta - special.gammaln(k + 1)
        return np.where(y % 10 == 0, log_mass, -np.inf)

    return FakeForecaster("count", log_density, lambda x, theta, rng: 10.0 * rng.poisson(x * theta))


def heavy_tails(kind="continuous"):
    """y = x theta + Student-t(3)."""
    return FakeForecaster(
        kind,
        lambda y, x, theta: STUDENT - 2 * np.log1p((y - x * theta) ** 2 / 3),
        lambda x, theta, rng: x * theta + rng.standard_t(3, size=np.broadcast(x, theta).shape),
    )


def spiked():
    """y ~ (1 - theta) N(0, 1) + theta N(.3, .08^2)."""

    def draw(x, theta, rng):
        shape = np.broadcast(x, theta).shape
        return np.where(rng.uniform(size=shape) < theta, rng.normal(0.3, 0.08, shape), rng.normal(size=shape))

    return FakeForecaster(
        "continuous",
        lambda y, _, theta: np.log((1 - theta) * stats.norm.pdf(y) + theta * stats.norm.pdf(y, 0.3, 0.08)),
        draw,
    )


def censored(kind="continuous"):
    """y = max(x theta + N(0, 1), 0): a mass at 0, and above it a density."""

    def log_density(y, x, theta):
        above = np.where(y > 0, -((y - x * theta) ** 2) / 2 - np.log(2 * np.pi) / 2, -np.inf)
        return np.where(y == 0, special.log_ndtr(-x * theta), above)

    return FakeForecaster(
        kind,
        log_density,
        lambda x, theta, rng: np.maximum(x * theta + rng.normal(size=np.broadcast(x, theta).shape), 0.0),
    )


def uniform():
    """y ~ Uniform(0, theta)."""
    return FakeForecaster(
        "continuous",
        lambda y, _, theta: np.where((y >= 0) & (y <= theta), -np.log(theta), -np.inf),
        lambda x, theta, rng: theta * rng.uniform(size=np.broadcast(x, theta).shape),
    )


def negative_binomial(shape, rate, x):
    """Predictive of y ~ Poisson(x theta), theta ~ Gamma(shape, rate)."""
    return stats.nbinom(shape, rate / (rate + x))


def count_debt(shadow, deployed, x, first=0, stop=500):
    support = np.arange(first, stop)
    p, q = (negative_binomial(*gamma, x) for gamma in (shadow, deployed))
    assert p.pmf(support).sum() == pytest.approx(1)
    return float((p.pmf(support) * (p.logpmf(support) - q.logpmf(support))).sum())


def heavy_log_density(y, centre, spread):
    """Student-t(3) noise around N(centre, spread^2), by 40 Gauss-Hermite nodes."""
    node, weight = np.polynomial.hermite_e.hermegauss(40)
    return np.log(stats.t.pdf(y - centre - spread * node, 3) @ weight / weight.sum())


def heavy_debt(shadow, deployed, x):
    def integrand(y):
        log_p, log_q = (heavy_log_density(y, x * centre, x * spread) for centre, spread in (shadow, deployed))
        return np.exp(log_p) * (log_p - log_q)

    return integrate.quad(integrand, -np.inf, np.inf, epsabs=1e-9, limit=400)[0]


def censored_debt(shadow, deployed, x):
    p, q = (stats.norm(x * centre, np.sqrt(1 + (x * spread) ** 2)) for centre, spread in (shadow, deployed))
    above = integrate.quad(lambda y: p.pdf(y) * (p.logpdf(y) - q.logpdf(y)), 0, 30, epsabs=1e-10, points=(1.0, 5.0))[0]
    return p.cdf(0) * (p.logcdf(0) - q.logcdf(0)) + above


def gamma_draws(rng, gamma, draws):
    return rng.gamma(gamma[0], 1 / gamma[1], size=draws)


def normal_draws(rng, normal, draws):
    return rng.normal(*normal, size=draws)


def estimates_of(forecaster, drawer, shadow, deployed, repeats, draws=200, seed=1, batch=BATCH):
    rng = np.random.default_rng(seed)
    return [
        ld.predictive_debt(
            forecaster,
            posterior_of(drawer(rng, shadow, draws)),
            posterior_of(drawer(rng, deployed, draws)),
            batch,
            random_seed=repeat,
        )
        for repeat in range(repeats)
    ]


def require_coverage(estimates, exact, allowance=0.02):
    """.90 within 4 binomial sigma plus an allowance (the bias that is taken off also counts as error: a bit wide)."""
    used = [estimate for estimate in estimates if estimate.reliable]
    assert len(used) > 0.95 * len(estimates)
    misses = np.array([(estimate.value - exact) / estimate.standard_error for estimate in used])
    assert abs(np.mean(np.abs(misses) < Z90) - 0.9) < 4 * BINOMIAL * np.sqrt(REPEATS / len(used)) + allowance
    assert np.abs(misses).max() < 5
    assert abs(misses.mean()) < 0.25


COUNTS = (60.0, 20.0), (45.0, 18.0)  # theta around 3.0 and 2.5
NORMALS = (1.0, 0.15), (0.7, 0.2)


def test_the_fake_meets_the_protocol():
    assert isinstance(poisson("count"), SampledForecaster)


def test_scores_of_the_draws_are_those_of_the_negative_binomial():
    theta = np.random.default_rng(2).gamma(60, 1 / 20, size=40_000)
    forecaster, y = poisson("count"), np.array([1.0, 7.0, 4.0])
    batch = forecaster.as_batch({"x": X, "y": y})
    result = row_mixture(forecaster, posterior_of(theta), batch)
    exact = negative_binomial(60, 20, X).logpmf(y)
    error = result.ratio.std(axis=(0, 1)) / np.sqrt(theta.size)
    assert (np.abs(result.log_density - exact) < 4 * error).all()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["count", "other"])
def test_counts_cover_the_divergence_of_negative_binomials(kind):
    """By summation, and (slow, hence 500 times) by Monte Carlo where nothing is known of the outcome; two rows."""
    shadow, deployed = COUNTS
    exact = np.mean([count_debt(shadow, deployed, x) for x in SHORT["x"]])
    repeats = REPEATS if kind == "count" else 500
    estimates = estimates_of(poisson(kind), gamma_draws, shadow, deployed, repeats, draws=400, batch=SHORT)
    require_coverage(estimates, exact)
    points = {estimate.diagnostics["points"] for estimate in estimates}
    assert points == {400.0} if kind == "other" else max(points) < 100


@pytest.mark.slow
def test_summation_has_less_error_than_monte_carlo():
    errors = [
        [e.standard_error for e in estimates_of(poisson(kind), gamma_draws, *COUNTS, 100)]
        for kind in ("count", "other")
    ]
    assert np.mean(errors[0]) < np.mean(errors[1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "shadow", "deployed", "counts", "draws"),
    [
        (poisson, (12_000.0, 2.0), (11_900.0, 2.0), (4000, 8000), 1200),
        (geometric, (600.0, 0.5), (600.0, 0.45), (0, 20_000), 400),
    ],
    ids=["a hump around 6000", "a long tail from 0 on"],
)
def test_many_counts_are_strided_to_the_value_of_their_complete_sum(model, shadow, deployed, counts, draws):
    """Same draws, so that only the lattice may differ: by a quarter standard error or 1%, as a rule must to be used."""
    rng, forecaster, support = np.random.default_rng(3), model(), np.arange(*counts)
    batch = forecaster.as_batch({"x": [1.0], "y": [0.0]})
    everywhere = forecaster.as_batch({"x": np.ones(len(support)), "y": support.astype(float)})
    for seed in range(3):
        pair = [posterior_of(gamma_draws(rng, gamma, draws)) for gamma in (shadow, deployed)]
        complete = [row_mixture(forecaster, posterior, everywhere) for posterior in pair]
        probability = np.exp(complete[0].log_density)
        assert probability.sum() == pytest.approx(1, abs=1e-6)
        exact = mixture.divergence(*complete, probability / probability.sum())
        estimate = ld.predictive_debt(forecaster, *pair, batch, random_seed=seed)
        assert estimate.reliable
        assert estimate.diagnostics["points"] < 60
        assert abs(estimate.value - exact.value) < max(0.25 * exact.standard_error, 0.01 * exact.value)
        # The error of the lattice comes on top: as much as it may be, a quarter of the other.
        assert 0.98 < estimate.standard_error / exact.standard_error < 1.05


@pytest.mark.slow
def test_strided_counts_cover_the_divergence_of_negative_binomials():
    shadow, deployed = (12_000.0, 2.0), (11_900.0, 2.0)
    exact = count_debt(shadow, deployed, 1.0, 4000, 8000)
    batch = {"x": [1.0], "y": [0.0]}
    estimates = estimates_of(poisson("count"), gamma_draws, shadow, deployed, REPEATS, draws=800, batch=batch)
    require_coverage(estimates, exact)
    assert all(estimate.diagnostics["points"] < 200 for estimate in estimates)


def test_counts_no_lattice_resolves_go_to_monte_carlo():
    """Few of the points carry a probability, if any. The divergence is that of the Poisson counts a tenth as large."""
    rng, forecaster = np.random.default_rng(12), tenfold_poisson()
    for scale in (1.0, 1000.0):  # every count is a point around 30, not around 30 000
        shadow, deployed = ((count, rate / scale) for count, rate in COUNTS)
        first, stop = (0, 500) if scale == 1 else (0, 12_000)
        pair = [posterior_of(gamma_draws(rng, gamma, 1200)) for gamma in (shadow, deployed)]
        estimate = ld.predictive_debt(forecaster, *pair, {"x": [1.0], "y": [0.0]}, random_seed=1)
        assert abs(estimate.value - count_debt(shadow, deployed, 1.0, first, stop)) < 4 * estimate.standard_error
        assert (estimate.diagnostics["points"] == 1000) == (scale == 1000)


@pytest.mark.slow
def test_heavy_tails_are_integrated_and_cover():
    shadow, deployed = NORMALS
    exact = np.mean([heavy_debt(shadow, deployed, x) for x in X])
    estimates = estimates_of(heavy_tails(), normal_draws, shadow, deployed, REPEATS)
    require_coverage(estimates, exact)
    # In about one of 1000 sets of 200 draws, none falls far enough out to carry the range to where the mass ends.
    assert np.mean([estimate.diagnostics["points"] in (33.0, 129.0) for estimate in estimates]) > 0.99


def test_a_rule_that_its_coarse_half_contradicts_is_refined():
    """The spike is all but absent from the shadow, so that the shadow's mass does not tell; same draws throughout."""
    rng, forecaster, y = np.random.default_rng(14), spiked(), np.linspace(-8, 8, 4001)
    shadow, deployed = (posterior_of(rng.beta(*beta, size=400)) for beta in ((1.0, 1e5), (4000.0, 6000.0)))
    densities = [row_mixture(forecaster, one, forecaster.as_batch({"x": y, "y": y})) for one in (shadow, deployed)]
    probability = np.exp(densities[0].log_density)
    exact = mixture.divergence(*densities, probability / probability.sum())
    assert 0.25 * exact.standard_error < 0.01 * exact.value
    for seed in range(10):
        estimate = ld.predictive_debt(forecaster, shadow, deployed, {"x": [0.0], "y": [0.0]}, random_seed=seed)
        assert estimate.diagnostics["points"] in (129, 513)
        assert estimate.value == pytest.approx(exact.value, rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shadow", "deployed"),
    [(*NORMALS,), ((-0.6, 0.15), (-0.3, 0.15))],
    ids=["less than half at 0", "more than half at 0"],
)
def test_a_mass_among_densities_is_added_to_their_integral(shadow, deployed):
    """The atom at the bound is one of the points: 33 along the line and itself."""
    exact = np.mean([censored_debt(shadow, deployed, x) for x in SHORT["x"]])
    estimates = estimates_of(censored(), normal_draws, shadow, deployed, REPEATS, batch=SHORT)
    assert {estimate.diagnostics["points"] for estimate in estimates} == {34.0}
    require_coverage(estimates, exact)


@pytest.mark.slow
def test_outcomes_that_are_nearly_always_the_same_number():
    """99.9% of the mass at 0: the quartiles of the draws coincide."""
    shadow, deployed = (-3.1, 0.01), (-2.5, 0.01)
    batch = {"x": [1.0], "y": [0.0]}
    estimates = estimates_of(censored(), normal_draws, shadow, deployed, 64, draws=1000, batch=batch)
    mean = np.mean([estimate.value for estimate in estimates])
    spread = np.std([estimate.value for estimate in estimates]) / np.sqrt(64)
    assert abs(mean - censored_debt(shadow, deployed, 1.0)) < 4 * spread


@pytest.mark.parametrize("kind", ["continuous", "other"])
def test_quadrature_and_monte_carlo_agree_on_one_pair_of_posteriors(kind):
    """Same draws, so the two differ by the error of the predictive draws alone, which is part of Monte Carlo's."""
    rng = np.random.default_rng(5)
    pair = [posterior_of(normal_draws(rng, normal, 2000)) for normal in NORMALS]
    reference = ld.predictive_debt(heavy_tails(), *pair, BATCH, random_seed=1)
    estimate = ld.predictive_debt(heavy_tails(kind), *pair, BATCH, random_seed=2)
    assert abs(estimate.value - reference.value) < 4 * estimate.standard_error
    spread = estimate.diagnostics["gap_sd"] / reference.diagnostics["gap_sd"]
    assert spread == pytest.approx(1, rel=0.15)


FORECASTERS = {"count": (poisson, gamma_draws, COUNTS), "continuous": (heavy_tails, normal_draws, NORMALS)}


@pytest.mark.parametrize(("kind", "tolerance"), [("count", 5e-3), ("continuous", 1e-5)])
def test_the_order_of_rows_does_not_matter(kind, tolerance):
    """To the accuracy of a rule.

    A row's predictive draws depend on the seed and on the row's place, and its points on them: in another place it has
    another rule. That moves a sum over a lattice of counts by up to .3% (40 pairs), which is a fortieth of the standard
    error, and an integral by 3e-6.
    """
    model, drawer, parameters = FORECASTERS[kind]
    rng, forecaster = np.random.default_rng(6), model(kind)
    for _ in range(5):
        pair = [posterior_of(drawer(rng, one, 400)) for one in parameters]
        plain = ld.predictive_debt(forecaster, *pair, BATCH, random_seed=1)
        turned = ld.predictive_debt(forecaster, *pair, {"x": X[::-1], "y": np.zeros(3)}, random_seed=1)
        assert turned.value == pytest.approx(plain.value, rel=tolerance)
        assert abs(turned.value - plain.value) < 0.1 * plain.standard_error


@pytest.mark.parametrize("kind", FORECASTERS)
def test_outcomes_are_not_read(kind):
    model, drawer, parameters = FORECASTERS[kind]
    rng, forecaster = np.random.default_rng(6), model(kind)
    pair = [posterior_of(drawer(rng, one, 400)) for one in parameters]
    plain = ld.predictive_debt(forecaster, *pair, BATCH, random_seed=1)
    assert ld.predictive_debt(forecaster, *pair, {"x": X, "y": np.full(3, 9.0)}, random_seed=1) == plain


def test_outcomes_the_deployed_posterior_rules_out_make_the_debt_infinite():
    rng, forecaster = np.random.default_rng(7), uniform()
    shadow, deployed = (posterior_of(rng.uniform(*limits, size=400)) for limits in ((2.0, 2.1), (0.9, 1.0)))
    debt = ld.predictive_debt(forecaster, shadow, deployed, BATCH, random_seed=1)
    assert debt.value == np.inf
    assert debt.lower_bound
    assert not debt.reliable
    assert "rules out outcomes" in debt.note
    gap = ld.score_gap(forecaster, shadow, deployed, {"x": X, "y": [0.5, 1.5, 0.5]})
    assert gap.value == np.inf
    assert not gap.reliable
    assert "no density at any draw" in gap.note


def test_a_realised_outcome_that_both_or_the_shadow_alone_rule_out_is_not_trusted():
    rng, forecaster = np.random.default_rng(8), uniform()
    wide, narrow = (posterior_of(rng.uniform(*limits, size=400)) for limits in ((2.0, 2.1), (0.9, 1.0)))
    batch = {"x": X, "y": [0.5, 1.5, 0.5]}
    assert ld.score_gap(forecaster, narrow, wide, batch).value == -np.inf
    assert not ld.score_gap(forecaster, narrow, wide, batch).reliable
    assert not ld.score_gap(forecaster, narrow, narrow, batch).reliable


def test_posterior_debt_where_every_deployed_draw_is_ruled_out_is_large_not_a_crash():
    rng, forecaster = np.random.default_rng(9), uniform()
    shadow, deployed = (posterior_of(rng.uniform(*limits, size=400)) for limits in ((2.0, 2.1), (0.9, 1.0)))
    debt = ld.posterior_debt(forecaster, shadow, deployed, {"x": X, "y": [0.5, 1.5, 0.5]})
    assert 0 < debt.value < np.inf
    assert debt.lower_bound
    assert not debt.reliable


def test_a_large_batch_goes_through_in_chunks_to_the_same_value():
    """200 rows, two chunks: the mean over all of them."""
    rng, forecaster = np.random.default_rng(11), heavy_tails()
    pair = [posterior_of(normal_draws(rng, normal, 400)) for normal in NORMALS]
    large = {"x": np.concatenate([np.full(160, 0.5), np.full(40, 2.0)]), "y": np.zeros(200)}
    each = [ld.predictive_debt(forecaster, *pair, {"x": [x], "y": [0.0]}, random_seed=1).value for x in (0.5, 2.0)]
    debt = ld.predictive_debt(forecaster, *pair, large, random_seed=1)
    assert debt.value == pytest.approx(0.8 * each[0] + 0.2 * each[1], rel=1e-3)
    # The mean gap over n independent rows spreads 1 / sqrt(n) as much as that of one.
    one = [ld.predictive_debt(forecaster, *pair, {"x": [x], "y": [0.0]}, random_seed=1) for x in (0.5, 2.0)]
    variance = 160 * one[0].diagnostics["gap_sd"] ** 2 + 40 * one[1].diagnostics["gap_sd"] ** 2
    assert debt.diagnostics["gap_sd"] == pytest.approx(np.sqrt(variance) / 200, rel=1e-2)


def test_one_contrast_serves_many_deployed_posteriors():
    rng, forecaster = np.random.default_rng(10), heavy_tails()
    shadow, *deployed = (posterior_of(normal_draws(rng, (centre, 0.2), 400)) for centre in (1.0, 1.0, 0.8, 0.3))
    contrast = PredictiveContrast(forecaster, shadow, forecaster.as_batch(BATCH), random_seed=4)
    together = [contrast.against(one) for one in deployed]
    alone = [ld.predictive_debt(forecaster, shadow, one, BATCH, random_seed=4) for one in deployed]
    assert together == alone
    assert together[0].value < together[1].value < together[2].value


def test_a_debt_does_not_depend_on_which_posteriors_were_compared_before():
    """A deployed posterior with a spike needs a finer rule; the next one must not be judged by that."""
    rng, forecaster = np.random.default_rng(10), spiked()
    shadow, near, spike = (posterior_of(rng.beta(*shape, size=400)) for shape in ((2, 900), (300, 5), (60, 40)))
    contrast = PredictiveContrast(forecaster, shadow, forecaster.as_batch(BATCH), random_seed=4)
    first, between = contrast.against(near), contrast.against(spike)
    assert between.diagnostics["points"] > first.diagnostics["points"]
    assert contrast.against(near) == first
