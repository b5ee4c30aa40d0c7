"""Models of simulated histories: what is planted in them, and their log densities against scipy's."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

pytest.importorskip("pymc")

from pytensor import function
from pytensor.compile.mode import Mode

from learning_debt.cli.model_file import imported

MODELS = Path(__file__).parents[2] / "models"


def module_of(name):
    with imported(MODELS / f"{name}.py") as module:
        return module


def log_density(module, data, point):
    """Log density of prior and rows at a point of named values on the parameters' own scales, by the model."""
    model = module.build_model(data)
    names = [variable.name for variable in model.free_RVs]
    plain = Mode(linker="py", optimizer=None)  # one evaluation is not worth a compilation
    logp = function(model.value_vars, model.logp(jacobian=False), mode=plain)
    transforms = [model.rvs_to_transforms[variable] for variable in model.free_RVs]
    values = [
        given if transform is None else transform.forward(given, *variable.owner.inputs).eval(mode=plain)
        for given, transform, variable in zip(
            (np.asarray(point[name]) for name in names), transforms, model.free_RVs, strict=True
        )
    ]
    return float(logp(*values))


def test_lead_times_have_the_density_of_a_logistic_normal_composition():
    module, rng = module_of("booking_lead_times"), np.random.default_rng(1)
    data = module.simulate(3, weeks=2, shock=None).isel(obs=slice(0, 11 * 5))
    level, bend, scale = rng.normal(size=11), rng.normal(0, 0.2, (2, 2)), 0.08
    expected = stats.norm(0, 1).logpdf(level).sum() + stats.norm(0, 0.2).logpdf(bend).sum()
    expected += stats.lognorm(0.5, scale=0.1).logpdf(scale)
    for row in range(data.sizes["obs"]):
        ratio = module.RATIOS.index(data["ratio"].values[row])
        week = data["period"].values[row]
        mean = level[ratio] + sum(
            wave * bend[first, second] * module.TILTS[second, ratio]
            for first, wave in enumerate((np.sin(2 * np.pi * week / 52), np.cos(2 * np.pi * week / 52)))
            for second in range(2)
        )
        expected += stats.norm(mean, scale).logpdf(data["log_ratio"].values[row])
    found = log_density(module, data, {"level": level, "bend": bend, "scale": scale})
    assert found == pytest.approx(expected, rel=1e-8)


def test_lead_times_add_up_and_move_in_the_week_of_the_shock_only():
    module = module_of("booking_lead_times")
    np.testing.assert_allclose(module.shares(np.log(module.SHARES) @ module.BASIS.T), module.SHARES)
    history, calm = module.load_history(), module.simulate(20, shock=None)
    moved = (history["log_ratio"] - calm["log_ratio"]).values.reshape(-1, 11)
    week = np.unique(history["period"].values)
    assert (week[0], week[-1], len(week)) == (1 - module.FIRST_WEEKS, 104, 156)
    np.testing.assert_array_equal(moved[week < module.SHOCK], 0)
    np.testing.assert_allclose(moved[week >= module.SHOCK], np.tile(module.MOVED @ module.TILTS, (49, 1)))
    before, after = module.SHARES, module.shares(np.log(module.SHARES) @ module.BASIS.T + module.MOVED @ module.TILTS)
    assert (after - before)[:3].max() < 0 < (after - before)[-4:].min()  # guests book earlier
    assert module.calendar * 4 == module.WEEKS


def test_media_mix_has_the_density_of_an_adstock_by_a_loop():
    module, rng = module_of("media_mix"), np.random.default_rng(2)
    data = module.simulate(3, weeks=20, fade=None)
    keep, brings, rate = rng.beta(4, 4, 3), np.exp(rng.normal(4, 0.5, 3)), np.exp(rng.normal(0, 0.3, 3))
    point = {"keep": keep, "brings": brings, "rate": rate, "usual": 630.0, "price_effect": -9.0, "scale": 21.0}
    point |= {"waves": rng.normal(0, 40, 2)}
    expected = stats.beta(4, 4).logpdf(keep).sum() + stats.lognorm(0.7, scale=50).logpdf(brings).sum()
    expected += stats.lognorm(0.3, scale=0.9).logpdf(rate).sum() + stats.norm(650, 100).logpdf(630.0)
    expected += stats.norm(0, 20).logpdf(-9.0) + stats.norm(0, 40).logpdf(point["waves"]).sum()
    expected += stats.lognorm(0.5, scale=20).logpdf(21.0)
    weights = keep[:, None] ** np.arange(8)
    for week in range(20):
        mean = (
            630.0
            - brings @ [0.5, 1.0, 1.0]
            - 9.0 * data["price"].values[week]
            + data["season"].values[week] @ point["waves"]
        )
        for channel in range(3):
            felt = sum(
                weights[channel, lag] * data["spend"].values[week - lag, channel] for lag in range(8) if lag <= week
            )
            felt /= weights[channel].sum()
            mean += brings[channel] * (1 - np.exp(-rate[channel] * felt)) / (1 - np.exp(-rate[channel]))
        expected += stats.norm(mean, 21.0).logpdf(data["sales"].values[week])
    assert log_density(module, data, point) == pytest.approx(expected, rel=1e-8)


def test_only_television_fades_and_only_from_its_week_on():
    module = module_of("media_mix")
    history, calm = module.load_history(), module.simulate(13, fade=None)
    lost = (calm["sales"] - history["sales"]).values
    np.testing.assert_array_equal(lost[: module.FADE], 0)
    television = module.contribution(calm["spend"].values, module.KEEP, module.BRINGS, module.RATE)[:, 0]
    np.testing.assert_allclose(lost[module.FADE :], (1 - module.LEFT[0]) * television[module.FADE :])
    counts = np.unique(history["period"].values, return_counts=True)[1]
    assert counts.tolist() == [module.WEEKS_A_PERIOD] * 65
    assert module.context_rows == module.LAGS - 1
