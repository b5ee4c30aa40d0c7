"""Debt by block of parameters: exact, from draws, labels, and what is refused."""

import numpy as np
import pytest
import xarray as xr
from scipy import signal, stats

import learning_debt as ld
from learning_debt.debt.by_block import labels_by, sampled_debt
from learning_debt.debt.from_draws import NoLogMarginal, debt_from_draws
from learning_debt.doubt import Doubt

NAMES = ["Graz", "Linz", "Wien"]


class Case:
    """A level per store, of which the first moves by `shift`; the shadow holds 15 more rows."""

    def __init__(self, shift=0.8, seed=1, rows=15):
        rng = np.random.default_rng(seed)
        store = np.arange(30 + rows) % 3
        x, new = np.eye(3)[store], np.arange(30 + rows) >= 30
        y = 1 + shift * new * (store == 0) + rng.normal(size=30 + rows)
        self.forecaster = ld.ConjugateRegression(ld.NIG(np.zeros(3), np.eye(3), 3.0, 2.0), coefficient_names=NAMES)
        self.new = {"x": x[new], "y": y[new]}
        self.deployed = self.forecaster.fit({"x": x[~new], "y": y[~new]})
        self.shadow = self.forecaster.update(self.deployed, self.new)

    def draws(self, seed=0, draws=500):
        posteriors = enumerate((self.shadow, self.deployed))
        return [self.forecaster.sample(p, draws=draws, random_seed=2 * seed + k) for k, p in posteriors]

    def exact(self, blocks=None, **kwargs):
        return ld.debt_by_block(self.forecaster, self.shadow, self.deployed, self.new, blocks, **kwargs)

    def sampled(self, blocks=None, seed=0, **kwargs):
        return ld.debt_by_block(self.forecaster, *self.draws(seed), self.new, blocks, **kwargs)


@pytest.fixture(scope="module")
def case():
    return Case()


def test_every_entry_is_labelled_and_close_to_its_exact_debt(case):
    exact, sampled = case.exact(), case.sampled()
    labels = ["coefficients[Graz]", "coefficients[Linz]", "coefficients[Wien]", "variance"]
    assert exact["block"].values.tolist() == sampled["block"].values.tolist() == labels
    assert str(exact["value"][:3].idxmax().item()) == "coefficients[Graz]"
    assert (exact["value"] <= case.forecaster.posterior_debt(case.shadow, case.deployed)).all()
    assert not exact["standard_error"].any()
    assert exact["reliable"].all()
    assert sampled["reliable"].all()
    assert not sampled["lower_bound"].any()
    assert (abs(sampled["value"] - exact["value"]) < 4 * sampled["standard_error"]).all()


def test_a_variable_as_a_whole(case):
    exact, sampled = case.exact("coefficients", joint=True), case.sampled("coefficients", joint=True)
    assert sampled["block"].values.tolist() == ["coefficients"]
    assert int(sampled["entries"].item()) == 3
    assert abs((sampled["value"] - exact["value"]).item()) < 4 * sampled["standard_error"].item()
    assert exact["value"].item() > float(case.exact("coefficients")["value"].max())


def test_blocks_are_chosen_by_label(case):
    chosen = case.sampled({"coefficients": {"coefficient": ["Wien", "Graz"]}, "variance": None})
    assert chosen["block"].values.tolist() == ["coefficients[Wien]", "coefficients[Graz]", "variance"]
    every = case.sampled()
    for label in chosen["block"].values:
        assert float(chosen["value"].sel(block=label)) == float(every["value"].sel(block=label))
    pair = case.exact({"coefficients": {"coefficient": ["Wien", "Graz"]}}, joint=True)
    assert pair["block"].values.tolist() == ["coefficients[Wien, Graz]"]


def test_renaming_stores_moves_their_debts_along(case):
    """Swapped labels: the numbers stay with the draws and go by their new names."""
    other = ld.ConjugateRegression(case.forecaster.prior, coefficient_names=["Linz", "Graz", "Wien"])
    swapped = [tree.copy() for tree in case.draws()]
    for tree in swapped:
        group = tree["posterior"].to_dataset()
        tree["posterior"] = group.assign_coords(coefficient=["Linz", "Graz", "Wien"])
    before, after = case.sampled(), ld.debt_by_block(other, *swapped, case.new)
    for old, new in (("Graz", "Linz"), ("Linz", "Graz"), ("Wien", "Wien")):
        assert float(before["value"].sel(block=f"coefficients[{old}]")) == float(
            after["value"].sel(block=f"coefficients[{new}]")
        )


def test_swapping_the_posteriors_gives_the_divergence_the_other_way_round():
    """What one gained the other lacks: the batch is then taken away instead of added."""
    case = Case(shift=0.2, rows=6)
    shadow, deployed = case.draws()
    nothing = {name: values[:1] for name, values in case.new.items()}
    removed = {name: np.concatenate([values, values[:1]]) for name, values in case.new.items()}
    found = ld.debt_by_block(case.forecaster, deployed, shadow, nothing, "coefficients", removed_data=removed)
    exact = ld.debt_by_block(case.forecaster, case.deployed, case.shadow, case.new, "coefficients")
    assert found["reliable"].all()
    assert (abs(found["value"] - exact["value"]) < 4 * found["standard_error"]).all()


def test_far_apart_posteriors_give_bounds_below_the_truth():
    case = Case(shift=6.0, rows=30)
    exact, sampled = case.exact(), case.sampled(random_seed=1)
    bounded = sampled["lower_bound"].values
    assert bounded.any()
    assert np.array_equal(bounded, ~sampled["reliable"].values)
    assert (sampled["value"].values[bounded] <= exact["value"].values[bounded]).all()
    assert np.isnan(sampled["standard_error"].values[bounded]).all()
    assert float(sampled["value"].sel(block="coefficients[Graz]")) > 2


def test_approximate_posteriors_fall_back_on_where_the_draws_came_from(case):
    """Draws with half of the spread contradict l; the nearly Gaussian marginals are still told apart."""
    narrow = []
    for tree in case.draws(draws=1000):
        group = tree["posterior"].to_dataset()
        mean = group["coefficients"].mean(("chain", "draw"))
        narrow.append(tree.copy())
        narrow[-1]["posterior"] = group.assign(coefficients=mean + (group["coefficients"] - mean) / 2)
    found = ld.debt_by_block(case.forecaster, *narrow, case.new, {"coefficients": {"coefficient": "Wien"}})
    assert found["reliable"].item()
    gaussian = found["if_gaussian"].item()
    assert abs(found["value"].item() - gaussian) < 0.15 * gaussian + 4 * found["standard_error"].item()


class Unlabelled(ld.ConjugateRegression):
    """A forecaster that checks nothing itself."""

    def require_comparable(self, shadow, deployed, batch):
        pass


def test_refusals(case):
    with pytest.raises(KeyError, match="did you mean 'coefficients'"):
        case.exact("coeficients")
    with pytest.raises(KeyError, match="no dimension 'store'"):
        case.exact({"coefficients": {"store": "Graz"}})
    with pytest.raises(KeyError, match="did you mean 'Graz'"):
        case.exact({"coefficients": {"coefficient": "Gratz"}})
    with pytest.raises(ValueError, match="chooses nothing"):
        case.exact([])
    with pytest.raises(ValueError, match="20 draws is too small"):
        ld.debt_by_block(case.forecaster, *case.draws(draws=5), case.new)
    with pytest.raises(TypeError, match="both exact"):
        ld.debt_by_block(case.forecaster, case.shadow, case.draws()[1], case.new)


def test_labels_that_differ_between_the_posteriors_are_refused(case):
    shadow, deployed = case.draws(draws=10)
    group = deployed["posterior"].to_dataset()
    deployed["posterior"] = group.assign_coords(coefficient=["Graz", "Linz", "Steyr"])
    for kind in (ld.ConjugateRegression, Unlabelled):
        with pytest.raises(ld.IncomparablePosteriorsError, match="Steyr"):
            ld.debt_by_block(kind(case.forecaster.prior), shadow, deployed, case.new)


def test_a_block_of_more_than_ten_entries_is_refused_jointly():
    rng = np.random.default_rng(1)
    forecaster = ld.ConjugateRegression(ld.NIG(np.zeros(12), np.eye(12), 3.0, 2.0))
    new = {"x": rng.normal(size=(20, 12)), "y": rng.normal(size=20)}
    shadow = forecaster.fit(new)
    with pytest.raises(ValueError, match="12 entries; at most 10"):
        ld.debt_by_block(forecaster, shadow, forecaster.prior, new, "coefficients", joint=True)
    some = {"coefficients": {"coefficient": list(range(3))}}
    assert ld.debt_by_block(forecaster, shadow, forecaster.prior, new, some, joint=True)["entries"].item() == 3


def test_entries_of_several_axes_are_named_by_all_their_labels():
    from learning_debt.debt.selection import chosen_blocks

    values = xr.DataArray(
        np.zeros((1, 1, 2, 2)),
        {"store": ["Graz", "Linz"]},
        ["chain", "draw", "store", "level_dim_1"],
    )
    blocks = list(chosen_blocks(xr.Dataset({"level": values}), None, False))
    assert [block.label for block in blocks] == ["level[Graz, 0]", "level[Graz, 1]", "level[Linz, 0]", "level[Linz, 1]"]
    (linz,) = chosen_blocks(xr.Dataset({"level": values}), {"level": {"store": "Linz"}}, True)
    assert linz.places.tolist() == [2, 3]


def sticky_debt(rng, shape, phi, mean=0.5, sd=0.7):
    """Debt of N(mean, sd^2) against N(0, 1) from autoregressive chains."""
    noise = np.sqrt(1 - phi**2) * rng.normal(size=(2, shape[0], shape[1] + 200))
    q, z = signal.lfilter([1.0], [1.0, -phi], noise, axis=-1)[..., 200:]
    p = mean + sd * z
    at_shadow, at_deployed = (stats.norm.logpdf(one, mean, sd) - stats.norm.logpdf(one) for one in (p, q))
    whole = debt_from_draws(at_shadow, at_deployed, *2 * (lambda: NoLogMarginal(Doubt.NO_JOINT_DENSITY),))
    return sampled_debt(q[..., None], p[..., None], labels_by(whole, at_shadow, at_deployed))


@pytest.mark.slow
def test_sticky_chains_cover_where_they_are_relied_on():
    """4 x 500 draws of AR(.9) chains, worth 105: 90% intervals hold within 4 binomial sigma, no miss beyond 5."""
    rng, truth = np.random.default_rng(9), (0.49 + 0.25 - 1) / 2 - np.log(0.7)
    found = [one for one in (sticky_debt(rng, (4, 500), 0.9) for _ in range(1000)) if one.reliable]
    assert len(found) > 200
    z = np.array([(one.value - truth) / one.standard_error for one in found])
    assert np.mean(np.abs(z) < stats.norm.ppf(0.95)) > 0.9 - 4 * np.sqrt(0.09 / len(found))
    assert np.abs(z).max() < 5


@pytest.mark.slow
def test_chains_worth_far_too_few_draws_give_a_bound():
    """AR(.97), worth 33: reliable once in hundreds."""
    rng = np.random.default_rng(10)
    found = [sticky_debt(rng, (4, 500), 0.97) for _ in range(50)]
    assert not any(one.reliable for one in found)
    assert max(one.support for one in found) < 100
    assert np.isnan([one.standard_error for one in found]).all()
