"""Debt by group of rows: exact, from draws, and what is refused."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats

import learning_debt as ld

Z90 = stats.norm.ppf(0.95)
REPEATS = 1000
STORES = np.array(["Graz", "Linz", "Wien"])


class Case:
    """A regression in which one store moves; the shadow holds 12 more rows, four a store."""

    def __init__(self, seed=1):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(32, 2))
        self.store = STORES[np.arange(12) % 3]
        y = x.sum(axis=1) + rng.normal(size=32)
        y[20:] += 1.5 * (self.store == "Graz") * x[20:, 0]
        self.forecaster = ld.ConjugateRegression(ld.NIG(np.zeros(2), np.eye(2), 3.0, 2.0))
        self.old = {"x": x[:20], "y": y[:20], "store": STORES[np.arange(20) % 3]}
        self.new = {"x": x[20:], "y": y[20:], "store": self.store}
        self.deployed = self.forecaster.fit(self.old)
        self.shadow = self.forecaster.update(self.deployed, self.new)

    def draws(self, seed, draws=60):
        posteriors = enumerate((self.shadow, self.deployed))
        return [self.forecaster.sample(p, draws=draws, random_seed=2 * seed + k) for k, p in posteriors]


@pytest.fixture(scope="module")
def case():
    return Case()


def test_exact_groups_add_up_to_the_jeffreys_divergence(case):
    groups = ld.debt_by_group(case.forecaster, case.shadow, case.deployed, case.new, by="store")
    jeffreys = case.forecaster.posterior_debt(case.shadow, case.deployed) + case.forecaster.posterior_debt(
        case.deployed, case.shadow
    )
    assert float(groups["value"].sum()) == pytest.approx(jeffreys, rel=1e-10)
    assert float(groups["total"]) == pytest.approx(jeffreys, rel=1e-10)
    assert float(groups["share"].sum()) == pytest.approx(1.0)
    assert groups["store"].values.tolist() == STORES.tolist()
    assert groups["rows"].values.tolist() == [4, 4, 4]
    assert str(groups["value"].idxmax().item()) == "Graz"
    assert not groups["standard_error"].any()


@pytest.mark.slow
def test_groups_from_draws_cover_their_exact_values(case):
    """4 x 20 draws, 1000 replications: .90 within 4 binomial sigma for both groups and for the total."""
    graz = case.store == "Graz"
    exact = ld.debt_by_group(case.forecaster, case.shadow, case.deployed, case.new, by=graz)
    hits = []
    for seed in range(REPEATS):
        found = ld.debt_by_group(case.forecaster, *case.draws(seed, draws=20), case.new, by=graz)
        miss = np.append(found["value"] - exact["value"], found["total"] - exact["total"])
        hits.append(np.abs(miss) < Z90 * np.append(found["standard_error"], found["total_standard_error"]))
    assert (np.abs(np.mean(hits, axis=0) - 0.9) < 4 * np.sqrt(0.09 / REPEATS)).all()


def test_swapping_the_posteriors_changes_the_sign_and_nothing_else(case):
    shadow, deployed = case.draws(3)
    forward = ld.debt_by_group(case.forecaster, shadow, deployed, case.new, by="store")
    backward = ld.debt_by_group(case.forecaster, deployed, shadow, case.new, by="store")
    np.testing.assert_allclose(forward["value"], -backward["value"])
    np.testing.assert_allclose(forward["standard_error"], backward["standard_error"])


def test_labels_may_be_an_array_a_date_or_the_row_itself(case):
    posteriors = case.forecaster, case.shadow, case.deployed
    by_name = ld.debt_by_group(*posteriors, case.new, by="store")["value"].values
    array = xr.DataArray(case.store, dims="obs", name="shop")
    assert ld.debt_by_group(*posteriors, case.new, by=array)["value"].dims == ("shop",)
    np.testing.assert_array_equal(ld.debt_by_group(*posteriors, case.new, by=array)["value"], by_name)
    days = np.array(["2024-01-05", "2024-01-06"], dtype="datetime64[ns]")[np.arange(12) // 6]
    dated = ld.debt_by_group(*posteriors, {**case.new, "period": days}, by="period")
    np.testing.assert_array_equal(dated["period"], days[[0, 6]])
    rows = ld.debt_by_group(*posteriors, case.new, by="obs")
    assert rows["value"].shape == (12,)
    assert float(rows["value"][::3].sum()) == pytest.approx(by_name[0])


def test_rows_taken_away_count_negated(case):
    """The shadow of a rolling window: exact J of the window, and the same from draws."""
    window = {name: np.concatenate([case.old[name][8:], case.new[name]]) for name in case.new}
    removed = {name: values[:8] for name, values in case.old.items()}
    shadow = case.forecaster.fit(window)
    exact = ld.debt_by_group(case.forecaster, shadow, case.deployed, case.new, "store", removed_data=removed)
    debts = case.forecaster.posterior_debt
    assert float(exact["total"]) == pytest.approx(debts(shadow, case.deployed) + debts(case.deployed, shadow), rel=1e-9)
    draws = [case.forecaster.sample(p, draws=500, random_seed=k) for k, p in enumerate((shadow, case.deployed))]
    found = ld.debt_by_group(case.forecaster, *draws, case.new, "store", removed_data=removed)
    assert (abs(found["value"] - exact["value"]) < 4 * found["standard_error"]).all()
    with pytest.raises(ValueError, match="name of a column"):
        ld.debt_by_group(case.forecaster, *draws, case.new, case.store, removed_data=removed)


def test_too_few_effective_draws_are_not_reliable(case):
    few = ld.debt_by_group(case.forecaster, *case.draws(1, draws=10), case.new, by="store")
    assert not few["reliable"].any()
    assert ld.debt_by_group(case.forecaster, *case.draws(1, draws=250), case.new, by="store")["reliable"].all()


def test_a_row_the_deployed_posterior_rules_out_spoils_its_own_group_only(case):
    class WithARuledOutRow(ld.ConjugateRegression):
        def log_density(self, posterior, batch, past=None, **kwargs):
            densities = super().log_density(posterior, batch, past)
            if float(posterior["parameters"]["shape"]) < 10:
                densities["y"][0, 0] = -np.inf
            return densities

    forecaster = WithARuledOutRow(case.forecaster.prior)
    early = forecaster.fit({name: values[:6] for name, values in case.old.items()})
    shadow = forecaster.update(early, case.new)
    draws = [forecaster.sample(p, draws=100, random_seed=k) for k, p in enumerate((shadow, early))]
    groups = ld.debt_by_group(forecaster, *draws, case.new, by="store")
    assert groups["reliable"].values.tolist() == [False, True, True]
    assert groups["value"].values[0] == np.inf
    assert np.isfinite(groups["value"].values[1:]).all()
    assert np.isnan(groups["share"]).all()


def test_refusals(case):
    posteriors = case.forecaster, case.shadow, case.deployed
    with pytest.raises(KeyError, match="did you mean 'store'"):
        ld.debt_by_group(*posteriors, case.new, by="stroe")
    with pytest.raises(ValueError, match="12 rows"):
        ld.debt_by_group(*posteriors, case.new, by=[1, 2])
    with pytest.raises(ValueError, match="must run along 'obs'"):
        ld.debt_by_group(*posteriors, case.new, by="x")
    with pytest.raises(TypeError, match="both exact"):
        ld.debt_by_group(case.forecaster, case.shadow, case.draws(0)[1], case.new, by="store")
