"""Sampler diagnostics: what passes, what fails, and what must not crash."""

import re

import numpy as np
import pytest
import xarray as xr
from scipy import signal

from learning_debt.doubt import Doubt
from learning_debt.forecasters.convergence import convergence, maximum_rhat


def posterior_of(diverging=None, **variables):
    groups = {
        "posterior": xr.Dataset(
            {
                name: (("chain", "draw", *(f"{name}_{axis}" for axis in range(np.ndim(values) - 2))), values)
                for name, values in variables.items()
            }
        )
    }
    if diverging is not None:
        groups["sample_stats"] = xr.Dataset({"diverging": (("chain", "draw"), diverging)})
    return xr.DataTree.from_dict(groups)


def independent(chains=4, draws=500, seed=1, more=()):
    return np.random.default_rng(seed).normal(size=(chains, draws, *more))


def autoregressive(phi, chains=4, draws=500, seed=2):
    noise = independent(chains, draws, seed) * np.sqrt(1 - phi**2)
    noise[:, 0] /= np.sqrt(1 - phi**2)
    return signal.lfilter([1.0], [1.0, -phi], noise, axis=1)


def test_independent_draws_pass():
    result = convergence(posterior_of(beta=independent(more=(3, 2)), sigma=np.exp(independent(seed=3))))
    assert result.converged
    assert 0.99 < result.rhat < 1.01
    assert result.effective_size == pytest.approx(2000, rel=0.25)
    assert result.divergences == 0


@pytest.mark.parametrize("place", [0.0, 3.0])
def test_a_stuck_chain_fails(place):
    draws = independent()
    draws[1] = place
    result = convergence(posterior_of(beta=draws))
    assert not result.converged
    assert result.rhat > 1.1


def many(entries, seed, phi=0.5, draws=500):
    """Parameters that mix, with a third of their draws' worth."""
    noise = independent(4, draws, seed, more=(entries,)) * np.sqrt(1 - phi**2)
    noise[:, 0] /= np.sqrt(1 - phi**2)
    return signal.lfilter([1.0], [1.0, -phi], noise, axis=1)


def test_the_largest_of_many_r_hats_is_not_held_against_a_fit_that_mixes():
    """Of 200 parameters one is above 1.01 nearly always, by chance."""
    found = [convergence(posterior_of(beta=many(200, seed))) for seed in range(20)]
    assert sum(of.rhat > 1.01 for of in found) > 15
    assert sum(Doubt.RHAT in of.doubts for of in found) <= 6


@pytest.mark.parametrize("entries", [1, 20, 200])
def test_one_parameter_among_many_whose_chains_lie_apart_fails(entries):
    """By .5 of its spread: R-hat is about 1.025."""
    for seed in range(10):
        draws = independent(seed=seed, more=(entries,))
        draws[:2, :, -1] += 0.5
        result = convergence(posterior_of(beta=draws))
        assert Doubt.RHAT in result.doubts
        assert f"at beta_0 {entries - 1} is" in result.reason


@pytest.mark.parametrize("chains", [2, 4, 8])
def test_what_is_accepted_grows_with_the_number_of_parameters(chains):
    limits = [float(maximum_rhat(entries, chains)) for entries in (1, 10, 100, 1000)]
    assert limits[0] == pytest.approx(1.01)
    assert (np.diff(limits) > 0).all()
    assert limits[-1] < 1.03


@pytest.mark.parametrize(("times", "caught"), [(0.6, 18), (1.5, 15)])
def test_one_chain_of_one_parameter_among_many_that_spreads_otherwise_fails(times, caught):
    """R-hat is all that sees it, and its limit is little above 1.01 where draws are worth much."""
    found = []
    for seed in range(20):
        draws = independent(draws=1000, seed=seed, more=(200,))
        draws[0, :, -1] *= times
        found.append(convergence(posterior_of(beta=draws)))
    assert sum(Doubt.RHAT in of.doubts for of in found) >= caught


def test_chains_in_different_places_fail():
    assert not convergence(posterior_of(beta=independent() + np.arange(4)[:, None])).converged
    assert not convergence(posterior_of(beta=np.repeat(np.arange(4.0)[:, None], 500, axis=1))).converged


def test_one_bad_element_of_one_variable_fails_the_whole():
    draws = independent(more=(5,))
    draws[..., 3] += np.arange(4)[:, None]
    assert convergence(posterior_of(sigma=independent(seed=3))).converged
    assert not convergence(posterior_of(beta=draws, sigma=independent(seed=3))).converged


def test_slowly_mixing_chains_fail_for_want_of_effective_draws():
    """AR(.95): 4 x 1000 draws are worth 4000 (1 - .95) / (1 + .95) = 103, and 400 are needed."""
    result = convergence(posterior_of(beta=autoregressive(0.95, draws=1000)))
    assert result.effective_size < 250
    assert not result.converged
    assert convergence(posterior_of(beta=autoregressive(0.5, draws=1000))).converged


@pytest.mark.parametrize(("divergent", "passes"), [(0, True), (20, True), (21, False), (300, False)])
def test_more_than_one_divergence_in_a_hundred_draws_fails(divergent, passes):
    diverging = np.zeros(2000, dtype=bool)
    diverging[:divergent] = True
    result = convergence(posterior_of(diverging.reshape(4, 500), beta=independent()))
    assert result.divergences == divergent
    assert result.converged == passes


def test_constant_parameters_are_left_out():
    constant = np.ones((4, 500, 2))
    alone, accompanied = (
        convergence(posterior_of(beta=independent())),
        convergence(posterior_of(beta=independent(), corner=constant)),
    )
    assert accompanied == alone


def test_a_model_of_constants_alone_does_not_crash():
    convergence(posterior_of(corner=np.ones((4, 500))))


def test_one_chain_is_judged_by_its_effective_size():
    assert convergence(posterior_of(beta=independent(1))).converged
    assert np.isnan(convergence(posterior_of(beta=independent(1))).rhat)
    assert not convergence(posterior_of(beta=independent(1).cumsum(axis=1))).converged


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_draws_that_are_not_finite_have_not_converged(value):
    draws = independent()
    draws[2, 100] = value
    assert not convergence(posterior_of(beta=independent(seed=3), sigma=draws)).converged


def test_axes_in_another_order_and_whole_numbers_are_welcome():
    tree = posterior_of(beta=independent(more=(3,)))
    turned = xr.DataTree.from_dict({"posterior": tree["posterior"].to_dataset().transpose("beta_0", "draw", "chain")})
    assert convergence(turned) == convergence(tree)
    assert convergence(posterior_of(regime=(independent() > 0).astype(int))).converged


def test_what_failed_is_said_with_the_parameter_and_its_label():
    level = independent(more=(3,))
    level[..., 1] += np.arange(4)[:, None]
    tree = posterior_of(sigma=independent(seed=3), level=level)
    tree["posterior"] = xr.DataTree(
        tree["posterior"].to_dataset().rename(level_0="store").assign_coords(store=["Graz", "Linz", "Wels"])
    )
    result = convergence(tree)
    first, second = result.reason.split("; ")
    assert re.fullmatch(r"R-hat of 'level' at store Linz is [12]\.\d+, above 1.0127", first)
    assert re.fullmatch(r"'level' at store Linz has \d+ effective draws, fewer than 400", second)


def test_slow_mixing_and_divergences_are_said_by_number():
    diverging = np.zeros((4, 500), dtype=bool)
    diverging[2, :21] = True
    result = convergence(posterior_of(diverging, beta=independent(seed=4)))
    assert result.reason == "21 of 2000 transitions diverged"
    assert re.search(r"'beta' has \d+ effective draws", convergence(posterior_of(beta=autoregressive(0.97))).reason)
    assert convergence(posterior_of(beta=independent())).reason == ""


def test_draws_that_are_not_finite_name_their_place():
    draws = independent()
    draws[1, 3] = np.inf
    assert convergence(posterior_of(beta=draws)).reason == "'beta' is inf in chain 1, draw 3 (1 of 2000 draws)"
