"""A monitor of draws takes the step of spell tables, in one process or in many, and replays what it recorded."""

import shutil

import numpy as np
import pytest
from tests.sampled_regression import SampledRegression

import learning_debt as ld

from .a_monitor import part

PERIODS, INITIAL = 18, 10


def rows(seed=1):
    rng = np.random.default_rng(seed)
    period = np.repeat(np.arange(PERIODS), 3)
    x = rng.normal(size=(len(period), 1))
    return {"x": x, "y": np.where(period < 13, 2.0, 0.0) * x[:, 0] + rng.normal(size=len(period)), "period": period}


ROWS = rows()


def made(folder, **changed):
    agreed = {"cost": 0.3, "policy": ld.policies.CUSUM(0.4), "calendar": 6, "random_seed": 5, "retained": 40} | changed
    return ld.Monitor.create(folder, SampledRegression(), part(ROWS, 0, INITIAL), **agreed)


def walked(monitor, stop=PERIODS):
    for period in range(INITIAL, stop):
        if monitor.observe(part(ROWS, period)).verdict == "retrain":
            monitor.redeploy()
    return monitor


@pytest.fixture(scope="module")
def walked_folder(tmp_path_factory):
    return walked(made(tmp_path_factory.mktemp("monitor") / "state")).path


RULES = [ld.UpdateRule(), ld.UpdateRule(window=6), ld.UpdateRule(discount=0.9)]


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_its_signals_are_those_of_a_table_that_is_refitted_every_period(tmp_path, rule):
    """To rounding: sums run in another order, and chains of bridges, which a table has besides, are not needed here."""
    monitor = walked(made(tmp_path / "state", update_rule=rule))
    table = ld.spell_table(
        SampledRegression(),
        ROWS,
        initial=INITIAL,
        random_seed=5,
        shadow=ld.Refit(),
        update_rule=rule,
        progressbar=False,
    )
    decisions = monitor.history()
    trained = table["deployed_label"].values.tolist()
    for place, label in enumerate(decisions["deployed_label"].values.tolist()):
        for name in ("debt", "predictive_debt", "score_gap"):
            for told in (name, f"{name}_se"):
                expected = table[told].values[0, trained.index(label), place]
                np.testing.assert_allclose(decisions[told].values[place], expected, rtol=1e-6, atol=1e-9)
    assert monitor.verify(replay=True).findings == ()


@pytest.mark.slow
def test_signals_that_are_worked_out_anew_agree_within_their_errors(walked_folder):
    """With other draws, and all posteriors of a few fits: differences are within 5 standard errors, mostly of one.

    What serves has no gap in the first period of a spell, and no error of it.
    """
    monitor = ld.Monitor.open(walked_folder, SampledRegression())
    decisions = monitor.history()
    table = ld.spell_table(SampledRegression(), ROWS, initial=INITIAL, random_seed=77, progressbar=False)
    trained = table["deployed_label"].values.tolist()
    for name in ("debt", "predictive_debt", "score_gap"):
        standardised = []
        for place, label in enumerate(decisions["deployed_label"].values.tolist()):
            again, error = (table[told].values[0, trained.index(label), place] for told in (name, f"{name}_se"))
            off, error = decisions[name].values[place] - again, np.hypot(error, decisions[f"{name}_se"].values[place])
            standardised += [off / error] if error > 0 else []
            assert error > 0 or off == 0
        assert len(standardised) >= PERIODS - INITIAL - 3
        assert np.abs(standardised).max() < 5
        assert np.sqrt(np.mean(np.square(standardised))) < 2.5


@pytest.mark.slow
def test_a_new_process_goes_on_as_the_old_one_would_have(tmp_path):
    """A monitor opened anew works out from the rows what the other one remembers."""
    one = walked(made(tmp_path / "one"))
    folder = made(tmp_path / "many").path
    for period in range(INITIAL, PERIODS):
        monitor = ld.Monitor.open(folder, SampledRegression())
        if monitor.observe(part(ROWS, period)).verdict == "retrain":
            monitor.redeploy()
    first, second = one.history(), monitor.history()
    assert first["verdict"].values.tolist() == second["verdict"].values.tolist()
    for name in ("debt", "debt_se", "predictive_debt", "score_gap", "expected_regret", "probability"):
        np.testing.assert_allclose(first[name], second[name], rtol=1e-6, atol=1e-9)


def test_decisions_replay_from_the_recorded_signals(walked_folder, tmp_path):
    folder = shutil.copytree(walked_folder, tmp_path / "state")
    forecaster = SampledRegression()
    found = ld.Monitor.open(folder, forecaster).verify(replay=True)
    assert found.ok
    assert found.replayed
    assert forecaster.fits == 0


def test_the_same_batch_again_fits_nothing(walked_folder, tmp_path):
    folder, forecaster = shutil.copytree(walked_folder, tmp_path / "state"), SampledRegression()
    monitor = ld.Monitor.open(folder, forecaster)
    assert monitor.observe(part(ROWS, 14)).label == 14
    assert forecaster.fits == 0


def test_few_are_kept_unless_told_otherwise(tmp_path):
    monitor = walked(made(tmp_path / "state", retained=None, policy=ld.policies.Never()))
    assert len(monitor.status()["retained"]) == 8
    assert len(list((monitor.path / "posteriors").iterdir())) == 8


def test_keepers_and_scores_that_hold_code_are_refused(tmp_path):
    supplied = ld.SuppliedShadow(lambda *_: None, exact=True)
    with pytest.raises(TypeError, match=r"shadow: .* cannot be kept in a monitor's folder"):
        made(tmp_path / "state", shadow=supplied)
    score = ld.scores.DrawsScore(lambda draws, outcome: -np.abs(draws.mean(axis=0) - outcome), "mine", "outcome")
    with pytest.raises(TypeError, match=r"score: .* cannot be kept in a monitor's folder"):
        made(tmp_path / "other", score=score)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("keeper", [ld.PooledShadow(), ld.ShadowLadder()], ids=["pooled", "ladder"])
def test_other_keepers_serve_live(tmp_path, keeper):
    monitor = walked(made(tmp_path / "state", shadow=keeper), stop=13)
    again = ld.Monitor.open(monitor.path, SampledRegression())
    assert again.observe(part(ROWS, 13)).period == 4
    assert again.verify(replay=True).ok


@pytest.mark.slow
@pytest.mark.integration
def test_a_pymc_model_in_two_processes(tmp_path):
    from tests.fitted_models import build_conjugate, conjugate_data

    def forecaster():
        return ld.PyMCForecaster(build_conjugate, draws=200, tune=300, chains=2)

    data = conjugate_data(40).assign(period=("obs", np.repeat(np.arange(20), 2)))
    agreed = {"cost": 0.3, "policy": ld.policies.PredictiveDebtThreshold(20.0), "calendar": 6, "random_seed": 5}
    first = data.isel(obs=slice(0, 30))
    monitor = ld.Monitor.create(tmp_path / "state", forecaster(), first, **agreed)
    monitor.observe(data.isel(obs=slice(30, 32)))
    again = ld.Monitor.open(tmp_path / "state", forecaster())
    decision = again.observe(data.isel(obs=slice(32, 36)))
    assert decision.period == 3
    assert np.isfinite([decision.debt, decision.debt_se, decision.predictive_debt]).all()
    assert again.verify(replay=True).ok
    with pytest.raises(ValueError, match="is of the forecaster"):
        ld.Monitor.open(tmp_path / "state", ld.PyMCForecaster(build_conjugate, draws=300, tune=300, chains=2))
