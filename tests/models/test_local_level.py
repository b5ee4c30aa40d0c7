"""The adaptive forecaster is a local level: held against a Kalman filter, and its density against that of scipy."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

pytest.importorskip("pymc")

import learning_debt as ld
from learning_debt.cli.model_file import imported

MODEL = Path(__file__).parents[2] / "models" / "local_level.py"


@pytest.fixture(scope="module")
def module():
    with imported(MODEL) as found:
        yield found


def weights(module, gain):
    weight = (1 - gain) ** np.arange(module.LAGS)
    return weight / weight.sum()


def test_every_row_holds_the_weeks_before_it(module):
    data = module.load_history()
    latest, calls = data["latest"].values, data["calls"].values
    assert data["period"].values.tolist() == list(range(module.WEEKS))
    for week in (module.LAGS, module.WEEKS - 1):
        np.testing.assert_array_equal(latest[week], calls[week - module.LAGS : week][::-1])
    np.testing.assert_array_equal(latest[1, 1:], latest[0, :-1])


def test_noise_alone_is_another_in_the_noisy_weeks(module):
    same, noisy = module.simulate(5, (0, 0)), module.simulate(5)
    apart = (noisy["calls"] - same["calls"]).values != 0
    assert np.flatnonzero(apart).tolist() == list(range(*module.NOISY))


def test_the_forecast_is_that_of_a_kalman_filter_at_its_steady_gain(module):
    """What a week that is left out could add is worth (1 - gain)**24 of the level's scale: .0005 at this gain."""
    ratio = (module.STEP / module.NOISE) ** 2
    gain = (np.sqrt(ratio**2 + 4 * ratio) - ratio) / 2
    data = module.simulate(2, (0, 0))
    level, variance = data["latest"].values[0, -1], 1.0
    for call in np.concatenate([data["latest"].values[0, -2::-1], data["calls"].values[:-1]]):
        variance += module.STEP**2
        filtered = variance / (variance + module.NOISE**2)
        level, variance = level + filtered * (call - level), (1 - filtered) * variance
    assert filtered == pytest.approx(gain, rel=1e-9)
    assert data["latest"].values[-1] @ weights(module, gain) == pytest.approx(level, abs=1e-3)


def test_the_density_is_that_of_normal_surprises(module):
    data, gain, surprise = module.load_history().isel(obs=slice(0, 12)), 0.3, 1.7
    model = module.build_model(data)
    logp = model.compile_fn(model.observedlogp, inputs=model.value_vars, point_fn=False, mode="FAST_COMPILE")
    expected = stats.norm(data["latest"].values @ weights(module, gain), surprise).logpdf(data["calls"].values).sum()
    assert float(logp(np.log(gain / (1 - gain)), np.log(surprise))) == pytest.approx(expected, rel=1e-9)


def test_the_rival_is_the_mean_of_its_training_data(module):
    data = module.rival_rows(module.load_history()).isel(obs=slice(0, 26))
    posterior = module.rival.fit(data)
    assert posterior.mean[0] == pytest.approx((0.04 * module.START + data["y"].values.sum()) / 26.04)
    assert isinstance(module.update_rule, ld.UpdateRule)
