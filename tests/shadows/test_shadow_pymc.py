"""The ladder on a PyMC model with a known posterior: weights, discounts and moves on a real sampler's draws."""

import numpy as np
import pytest
import xarray as xr

from learning_debt import NIG, ConjugateRegression
from learning_debt.forecasters.weights import relative_weights
from learning_debt.shadows.base import Shadow
from learning_debt.shadows.ladder import ShadowLadder


@pytest.fixture(scope="module")
def steps(conjugate, models):
    """From the fit of 40 rows: five more, all of them discounted with five more, forty of another level."""
    forecaster, posterior = conjugate
    data = xr.concat([models.conjugate.data(40), models.conjugate.data(50, seed=1)], "obs")
    data["y"] = data["y"] + 1.0 * (np.arange(90) >= 50)
    weights = [np.ones(45), np.append(np.full(45, 0.98), np.ones(5)), np.append(np.full(45, 0.98), np.ones(45))]
    keeper = ShadowLadder(minimum_effective_share=0.1, draws_factor=1)
    shadow, found = Shadow(posterior, np.ones(40)), []
    for weight in weights:
        shadow, upkeep = keeper.step(forecaster, shadow, data.isel(obs=slice(0, len(weight))), weight, 1)
        found.append((shadow, upkeep))
    return data, found


def test_rungs(steps):
    _, found = steps
    assert [upkeep.rung for _, upkeep in found] == ["reweight", "reweight", "moment match"]
    assert all(upkeep.converged and upkeep.refits == 0 for _, upkeep in found)


def test_weighted_and_moved_draws_have_the_exact_moments(steps, models):
    data, found = steps
    exact = ConjugateRegression(NIG(**models.conjugate.prior))
    for shadow, upkeep in found:
        rows = data.isel(obs=slice(0, len(shadow.row_weight)))
        truth = exact.fit(rows, row_weight=shadow.row_weight)
        weight = relative_weights(shadow.posterior)[..., None]
        drawn = shadow.posterior["posterior"]["beta"].values
        spread = np.sqrt(np.diag(np.linalg.inv(truth.precision)) * truth.rate / (truth.shape - 1))
        off = ((weight * drawn).mean(axis=(0, 1)) - truth.mean) / spread
        assert (np.abs(off) < 4 / np.sqrt(upkeep.effective_size)).all()
        variance = (weight[..., 0] * shadow.posterior["posterior"]["variance"].values).mean()
        expected, sd = truth.rate / (truth.shape - 1), truth.rate / (truth.shape - 1) / np.sqrt(truth.shape - 2)
        assert abs(variance - expected) < 4 * sd / np.sqrt(upkeep.effective_size)


def test_moved_draws_serve_like_any_others(steps, conjugate, tmp_path):
    data, found = steps
    forecaster, _ = conjugate
    moved = found[-1][0].posterior
    moved.to_netcdf(tmp_path / "moved.nc", engine="h5netcdf")
    with xr.open_datatree(tmp_path / "moved.nc", engine="h5netcdf") as stored:
        again = stored.load()
    batch = data.isel(obs=slice(80, 90))
    np.testing.assert_array_equal(
        forecaster.log_density(again, batch)["outcome"], forecaster.log_density(moved, batch)["outcome"]
    )
    assert moved["posterior"]["beta"].coords["coefficient"].values.tolist() == ["intercept", "slope"]
