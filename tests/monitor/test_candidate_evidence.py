"""What a ledger of draws knows about its candidate, held against the ledger of the same model with closed forms."""

import numpy as np
import pytest

import learning_debt as ld
from learning_debt.forecasters.weights import with_weights
from learning_debt.monitor.candidate_evidence import _forecasts

from ..sampled_regression import PRIOR, SampledRegression


def rows(first, last, slope):
    rng = np.random.default_rng([3, first])
    x = rng.normal(size=(last - first) * 3)
    return {"x": x, "y": slope * x + rng.normal(size=x.size), "period": np.repeat(np.arange(first, last), 3)}


def checked(path, forecaster, **limits):
    """Check of the candidate after ten periods in which the slope has turned."""
    monitor = ld.Monitor.create(
        path, forecaster, rows(0, 20, 1.0), cost=0.3, policy=ld.policies.CUSUM(2.0), calendar=12, random_seed=1
    )
    monitor.observe(rows(20, 30, -1.0))
    return monitor, monitor.check_candidate(**limits)


@pytest.mark.slow
def test_draws_find_what_closed_forms_find(tmp_path):
    _, exact = checked(tmp_path / "exact", ld.ConjugateRegression(PRIOR))
    monitor, sampled = checked(tmp_path / "sampled", SampledRegression(draws=1000))
    assert exact.passes
    assert sampled.passes
    assert sampled.converged
    difference = sampled.score_difference
    assert difference.diagnostics["periods"] == 10
    assert abs(difference.value - exact.score_difference.value) < 4 * difference.standard_error
    assert difference.standard_error == pytest.approx(exact.score_difference.standard_error, rel=0.3)
    squared = exact.forecast_shift.value**2
    shift = sampled.forecast_shift.diagnostics
    assert abs(shift["squared"] - squared) < 4 * shift["squared_se"] + 0.02 * squared  # 4 sigma; sds are of draws, too
    assert exact.forecast_shift.value > 0.2
    with pytest.raises(ValueError, match="have moved by"):
        monitor.redeploy(largest_shift=0.01)
    monitor.redeploy()
    assert monitor.status()["in_service"] == 29


def test_weighted_draws_forecast_what_they_weigh(tmp_path):
    forecaster = SampledRegression(draws=2000)
    posterior = forecaster.fit({"x": [0.5, 1.0, -1.0], "y": [0.4, 1.2, -0.7]}, random_seed=1)
    batch = {"x": np.ones(1), "y": np.zeros(1)}
    plain = _forecasts(forecaster, posterior, batch, None, 2)
    assert plain.shape == (4, 2000, 1)
    (beta,) = (
        one.values.reshape(4, 2000) for name, one in posterior["posterior"].data_vars.items() if name != "variance"
    )
    tilted = _forecasts(forecaster, with_weights(posterior, 3.0 * beta), batch, None, 2)
    assert tilted.shape == plain.shape
    weight = np.exp(3.0 * (beta - beta.max()))
    expected = (weight * plain[..., 0]).sum() / weight.sum()
    assert tilted.mean() == pytest.approx(expected, abs=0.02)
    assert abs(tilted.mean() - plain.mean()) > 0.1
