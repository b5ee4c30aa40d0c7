"""The compiled engine of exact tables: against 30-digit references, and against formulas of single pairs."""

import numpy as np
import pytest
from scipy import integrate, stats

from learning_debt.arrays.conjugate import nig, student_t, student_t_scores
from learning_debt.arrays.conjugate.nig import NIG, as_nig
from learning_debt.arrays.conjugate.posterior_chain import PosteriorChain, posterior_chain
from learning_debt.arrays.conjugate.shape_terms import shape_terms
from learning_debt.arrays.conjugate.spell_cells import spell_cells

# (shape, rate, mean, precision) of the deployed posterior and of the shadow, rows x; posterior debt, predictive debt
# and spread of the mean gap by mpmath 1.3 at 30 digits: the closed form, and `quad` in asinh of the shadow's variable,
# cut at the deployed centre plus and minus powers of 2 of its width.
REFERENCES = [
    (
        (2.5, 3.0, 0.5, 4.0),
        (3.0, 9.0, 1.5, 6.0),
        (1.0, -2.0),
        (1.5021911331865638, 0.41800076855361309, 0.70738591578958041),
    ),
    (
        (500.0, 480.0, 1.0, 1000.0),
        (502.5, 482.5, 1.0009765625, 1005.0),
        (0.5,),
        (0.00051976371453006919, 1.3350106580969429e-7, 0.00051677139909238247),
    ),
    (
        (500.0, 480.0, 1.0, 1000.0),
        (500.0, 480.0, 1.0000152587890625, 1000.0),
        (1.0,),
        (1.2126596023639043e-7, 1.2090325048492108e-10, 1.5550128648013017e-5),
    ),
    (
        (100000.0, 100000.0, 0.0, 200000.0),
        (100002.5, 100002.52, 0.0009765625, 200005.0),
        (1.0, 2.0),
        (0.095367414880008883, 1.1920607196984926e-6, 0.00109181544102653),
    ),
    (
        (5.0, 0.01, 0.0, 10.0),
        (505.0, 600.0, 0.25, 1010.0),
        (1.0,),
        (30.847671920854064, 13.362557027061619, 8.2155193252191248),
    ),
    (
        (20.0, 0.0009765625, 0.0, 40.0),
        (300.0, 3000.0, 8.0, 600.0),
        (1.0, -1.0),
        (354.37422725001458, 201.61567688170817, 16.117066860516814),
    ),
    (
        (0.75, 1.0, 0.0, 1.0),
        (1.25, 1.0, 3.0, 2.0),
        (0.5,),
        (5.9093996114449485, 0.55372218908408052, 0.92001569326914879),
    ),
    (  # a deployed posterior so wide that the ratio of the variances is 1e-16 and less
        (2.5, 3.0, 0.5, 2.0**-54),
        (3.0, 9.0, 1.5, 6.0),
        (1.0, -2.0),
        (19.910312188865033, 17.814056287452516, 0.6289116816624161),
    ),
    (
        (0.75, 1.0, 0.0, 2.0**-66),
        (1.25, 1.0, 3.0, 2.0),
        (0.5,),
        (22.908256569923144, 21.606121286229023, 1.1518500593081446),
    ),
    (  # noise that fell by 20 powers of 10
        (2.0, 2.0**66, 0.0, 2.0**-12),
        (40.0, 30.0, 0.25, 8192.0),
        (1.0,),
        (9.8382635059784275e19, 26.379420497553482, 0.72040568494579079),
    ),
    (  # much less noise and much more leverage, and about the same width
        (3.0, 1.1e12, 0.0, 4.3),
        (5.0, 2.1, 1.0, 1.7e-12),
        (0.7,),
        (3883753501305.4737, 0.24294449203770888, 0.51990259079057349),
    ),
]


def chain_of(posteriors):
    """Posteriors of one coefficient, (shape, rate, mean, precision) each."""
    shape, rate, mean, precision = np.array(posteriors).T
    factor = np.sqrt(precision)[None, None]
    return PosteriorChain(mean[None], factor, 1 / factor, shape, rate)


@pytest.mark.parametrize(("deployed", "shadow", "rows", "expected"), REFERENCES)
def test_divergences_meet_references_of_thirty_digits_relative_to_themselves(deployed, shadow, rows, expected):
    x = np.array(rows)[:, None]
    cells = spell_cells(chain_of([deployed, shadow]), x, np.zeros(len(x)), np.array([0, len(x)]))
    found = [cells.debt.item(), cells.predictive_debt.item(), cells.gap_sd.item()]
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def series(coefficients, rows, periods, seed):
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, rows + 1, size=periods)
    starts = np.concatenate([[0], counts.cumsum()])
    x = rng.normal(size=(starts[-1], coefficients))
    moved = np.repeat(np.arange(periods) > periods // 2, counts)
    y = x @ rng.normal(size=coefficients) + moved + (1 + moved) * rng.normal(size=starts[-1])
    return x, y, starts


RULES = {"all": np.ones(60), "window": np.repeat([1.0, 0.0], [9, 51]), "discount": 0.9 ** np.arange(60)}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("coefficients", "rows"), [(1, 1), (2, 6), (7, 9)])
def test_every_cell_is_that_of_the_formulas_for_single_posteriors(rule, coefficients, rows):
    x, y, starts = series(coefficients, rows, 60, seed=coefficients)
    initial, prior, age_weight = (
        12,
        as_nig(NIG(np.ones(coefficients), 0.3 * np.eye(coefficients), 1.5, 0.7)),
        RULES[rule],
    )
    posteriors = []
    for last in range(initial, 61):
        weight = np.repeat(age_weight[:last][::-1], np.diff(starts[: last + 1]))
        held = slice(starts[last])
        posteriors.append(nig.update(prior, x[held], y[held], weight))
    stacked = NIG(*(np.stack(part) for part in zip(*posteriors, strict=True)))
    chain = posterior_chain(prior, x, y, starts, initial, age_weight)
    np.testing.assert_allclose(chain.mean.T, stacked.mean, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(chain.rate, stacked.rate, rtol=1e-12)
    np.testing.assert_allclose(chain.shape, stacked.shape, rtol=1e-14)
    first = starts[initial]
    cells = spell_cells(chain, x[first:], y[first:], starts[initial:] - first)
    for t in range(1, 49):
        own = slice(starts[initial + t - 1], starts[initial + t])
        shadow, deployed = (NIG(*(part[chosen] for part in stacked)) for chosen in (t, slice(t)))
        scores = nig.log_score(deployed, x[own], y[own])
        residuals = np.abs(y[own] - deployed.mean @ x[own].T)
        column = [values[:t, t - 1] for values in cells]
        # Absolute errors are those of the formulas compared with: log-gammas and 1e-13 of a single divergence.
        np.testing.assert_allclose(column[0], nig.kl(shadow, deployed), rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(column[1], nig.predictive_debt(shadow, deployed, x[own]), rtol=1e-10, atol=1e-13)
        np.testing.assert_allclose(column[3], scores.mean(-1), rtol=1e-12)
        np.testing.assert_allclose(column[4], (scores[-1] - scores).mean(-1), rtol=1e-10, atol=1e-13)
        np.testing.assert_allclose(column[5], np.linalg.norm(shadow.mean - deployed.mean, axis=-1), rtol=1e-9)
        reach = 2 * np.sqrt(deployed.rate / deployed.shape)[:, None]
        np.testing.assert_array_equal(column[6], (residuals > reach).mean(-1))
        if t > 5:  # the other rule for the spread loses tails of few degrees of freedom
            spread = student_t_scores.log_gap_spread(*nig.predictive(shadow, x[own]), *nig.predictive(deployed, x[own]))
            np.testing.assert_allclose(column[2], spread, rtol=1e-8)


@pytest.mark.parametrize("narrower", [10.0, 1e3, 1e5])
@pytest.mark.parametrize("shape", [2.0, 30.0, 3000.0])
def test_deployed_posteriors_much_narrower_than_the_shadow_find_finer_lattices(shape, narrower):
    """Where no lattice of the shadow will do, the divergence leaves the real line, the spread goes by the deployed."""
    shadow = (shape + 5, shape, 0.7, 2 * shape)
    deployed = (shape, shape / narrower**2, 0.0, 2 * shape)
    cells = spell_cells(chain_of([deployed, shadow]), np.ones((1, 1)), np.zeros(1), np.array([0, 1]))
    p, q = ((2 * a, m, np.sqrt(b / a * (1 + 1 / k))) for a, b, m, k in (shadow, deployed))
    assert cells.predictive_debt.item() == pytest.approx(float(student_t.kl(*p, *q)), rel=1e-12)
    assert cells.gap_sd.item() == pytest.approx(spread(stats.t(*p), stats.t(*q)), rel=1e-7)


def spread(p, q):
    """Standard deviation of log p - log q under p, by adaptive quadrature in asinh of the distance to the deployed."""
    centre, scale = q.args[1], q.args[2]

    def moment(power):
        def integrand(v):
            y = centre + scale * np.sinh(v)
            return p.pdf(y) * scale * np.cosh(v) * (p.logpdf(y) - q.logpdf(y)) ** power

        return integrate.quad(integrand, -40, 40, points=np.linspace(-39, 39, 79), epsabs=0, epsrel=1e-11, limit=900)[0]

    return np.sqrt(moment(2) / moment(0) - (moment(1) / moment(0)) ** 2)


def test_a_posterior_owes_itself_nothing():
    same = (30.0, 25.0, 0.4, 60.0)
    cells = spell_cells(chain_of([same, same]), np.ones((3, 1)), np.arange(3.0), np.array([0, 3]))
    assert cells.debt.item() == cells.predictive_debt.item() == cells.gap_sd.item() == cells.parameter_gap.item() == 0


def test_columns_do_not_know_what_comes_after_them():
    x, y, starts = series(3, 4, 60, seed=2)
    prior = as_nig(NIG(np.zeros(3), np.eye(3), 2.0, 1.0))

    def cells(periods):
        held = slice(starts[periods])
        chain = posterior_chain(prior, x[held], y[held], starts[: periods + 1], 10, np.ones(periods))
        later = slice(starts[10], starts[periods])
        return spell_cells(chain, x[later], y[later], starts[10 : periods + 1] - starts[10])

    for long, short in zip(cells(60), cells(40), strict=True):
        np.testing.assert_array_equal(long[:30, :30], short)


def test_rows_may_be_multiplied_before_a_logarithm_is_taken():
    x, y, starts = series(2, 9, 30, seed=3)
    chain = posterior_chain(as_nig(NIG(np.zeros(2), np.eye(2), 2.0, 1.0)), x, y, starts, 10, np.ones(30))
    rows = x[starts[10] :], y[starts[10] :], starts[10:] - starts[10]
    one, many = (spell_cells(chain, *rows, divergence="normal", rows_a_logarithm=count) for count in (1, 4))
    for first, second in zip(one, many, strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("noise", [0.3, 0.03, 0.001])
def test_rows_may_be_multiplied_where_the_noise_falls(noise):
    rng, starts = np.random.default_rng(5), 20 * np.arange(10)
    x = rng.normal(size=(starts[-1], 2))
    y = x[:, 0] + np.where(np.arange(starts[-1]) < 20, 1.0, noise) * rng.normal(size=starts[-1])
    chain = posterior_chain(as_nig(NIG(np.zeros(2), np.eye(2), 2.0, 1.0)), x, y, starts, 1, np.ones(9))
    rows = x[20:], y[20:], starts[1:] - 20
    one, many = (spell_cells(chain, *rows, divergence="normal", rows_a_logarithm=count) for count in (1, 16))
    np.testing.assert_allclose(many.predictive_debt, one.predictive_debt, rtol=1e-12)


@pytest.mark.parametrize("what", ["y", "prior"])
def test_numbers_out_of_range_come_out_as_not_a_number(what):
    """Logarithms by bits and a maximum with 0 could both make a number of what is none."""
    x, y, starts = series(2, 3, 20, seed=4)
    rate, precision = 1.0, np.eye(2)
    if what == "y":
        y[starts[12]] = np.inf
    else:
        precision = np.array([[1.0, 2.0], [2.0, 1.0]]) * 1e6  # not positive definite
    chain = posterior_chain(NIG(np.zeros(2), precision, 2.0, rate), x, y, starts, 10, np.ones(20))
    with np.errstate(all="ignore"):
        cells = spell_cells(chain, x[starts[10] :], y[starts[10] :], starts[10:] - starts[10])
    for name in ("debt", "predictive_debt", "gap_sd"):
        assert np.isnan(getattr(cells, name)[0, 5:]).all(), name


def test_terms_of_the_shape_meet_log_gammas_and_join_where_the_series_begins():
    shapes = np.array([0.3, 1.0, 5.0, 19.999999, 20.0, 45.0, 1e4, 1e9])
    terms, step = shape_terms(shapes), 1e-6 * shapes
    for value, slope in ((terms.mu, terms.mu_slope), (terms.gap, terms.gap_slope)):
        ends = [shape_terms(shapes + sign * step) for sign in (1, -1)]
        name = "mu" if value is terms.mu else "gap"
        difference = (getattr(ends[0], name) - getattr(ends[1], name)) / (2 * step)
        np.testing.assert_allclose(slope, difference, rtol=1e-4, atol=1e-12)
        assert abs(value[3] - value[4]) < 1e-9
        assert abs(slope[3] - slope[4]) < 1e-9
    # log Gamma(20.5) = 41.3552..., by hand: mu(a) = log Gamma(a) - (a - 1/2) log a + a - log(2 pi) / 2
    from scipy.special import gammaln

    small = shapes < 100
    expected = gammaln(shapes) - ((shapes - 0.5) * np.log(shapes) - shapes + 0.5 * np.log(2 * np.pi))
    np.testing.assert_allclose(terms.mu[small], expected[small], rtol=1e-9, atol=1e-13)
