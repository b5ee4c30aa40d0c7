"""Weights and lineage of a posterior: kept through storage, refused where they fit nothing, resampled on request."""

import numpy as np
import pytest
import xarray as xr

from learning_debt.forecasters.weights import (
    drawn_together,
    equal_weights,
    lineage,
    pareto_k,
    relative_weights,
    with_weights,
)


def posterior(seed=1, shape=(2, 50)):
    rng = np.random.default_rng(seed)
    drawn = {
        "beta": (("chain", "draw", "k"), rng.normal(size=(*shape, 3))),
        "scale": (("chain", "draw"), rng.normal(size=shape)),
    }
    data = xr.Dataset({"y": ("obs", np.arange(4.0))})
    stats = xr.Dataset({"lp": (("chain", "draw"), rng.normal(size=shape))})
    return xr.DataTree.from_dict({"posterior": xr.Dataset(drawn), "training_data": data, "sample_stats": stats})


def test_weights_have_mean_one_whatever_their_scale():
    log_weight = np.random.default_rng(2).normal(size=(2, 50))
    low, high = (relative_weights(with_weights(posterior(), log_weight + shift)) for shift in (-5e3, 5e3))
    np.testing.assert_allclose(low, high)
    assert low.mean() == pytest.approx(1.0)
    np.testing.assert_allclose(low, np.exp(log_weight) / np.exp(log_weight).mean())
    assert relative_weights(posterior()) is None
    assert np.isnan(pareto_k(posterior()))


def test_weights_and_lineage_survive_storage(tmp_path):
    plain = posterior()
    log_weight = np.where(np.arange(50) < 5, -np.inf, 0.3) * np.ones((2, 1))
    weighted = with_weights(plain, log_weight, pareto_k=0.4)
    for name, tree in (("plain", plain), ("weighted", weighted)):
        tree.to_netcdf(tmp_path / f"{name}.nc", engine="h5netcdf")
    back, anchor = (xr.open_datatree(tmp_path / f"{name}.nc", engine="h5netcdf") for name in ("weighted", "plain"))
    np.testing.assert_array_equal(relative_weights(back), relative_weights(weighted))
    assert pareto_k(back) == 0.4
    assert drawn_together(back, anchor)
    assert drawn_together(back, plain)
    assert not drawn_together(back, posterior(seed=3))


def test_lineage_is_that_of_the_draws_and_stays_with_what_is_made_of_them():
    first = posterior()
    weighted = with_weights(first, np.zeros((2, 50)))
    again = with_weights(weighted, np.ones((2, 50)))
    assert lineage(first) == lineage(weighted) == lineage(again) == lineage(first.copy())
    assert lineage(first) != lineage(posterior(seed=4))


@pytest.mark.parametrize(
    ("log_weight", "message"),
    [
        (np.zeros(100), "must have shape"),
        (np.full((2, 50), np.nan), "finite or -inf"),
        (np.full((2, 50), np.inf), "finite or -inf"),
        (np.full((2, 50), -np.inf), "not all -inf"),
    ],
)
def test_weights_that_cannot_be_are_refused(log_weight, message):
    with pytest.raises(ValueError, match=message):
        with_weights(posterior(), log_weight)


def test_resampled_draws_come_as_often_as_they_weigh():
    """Systematic resampling takes a draw of weight w floor(w) or ceil(w) times, and all its variables together."""
    plain = posterior()
    weight = np.random.default_rng(5).gamma(0.5, size=(2, 50))
    weight[0, 0] = 0.0
    even = equal_weights(with_weights(plain, np.log(np.maximum(weight, 1e-300))), random_seed=1)
    drawn, source = even["posterior"], plain["posterior"]
    positions = (drawn["scale"].values.ravel()[:, None] == source["scale"].values.ravel()).argmax(axis=1)
    np.testing.assert_array_equal(
        drawn["beta"].values.reshape(100, 3), source["beta"].values.reshape(100, 3)[positions]
    )
    times, expected = np.bincount(positions, minlength=100), (weight / weight.mean()).ravel()
    assert (np.abs(times - expected) < 1).all()
    assert relative_weights(even) is None
    assert set(even.children) == {"posterior", "training_data"}
    assert not drawn_together(even, plain)


def test_draws_without_weights_are_handed_back():
    plain = posterior()
    assert equal_weights(plain) is plain
