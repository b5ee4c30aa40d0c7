"""The belief check: its arithmetic by hand, silence where the model is right, and what it says where it is not."""

import numpy as np
import pytest
import xarray as xr

import learning_debt as ld
from learning_debt.auditing.belief import belief_notes
from learning_debt.report.page import render_page

PERIODS = 12


def hand_made(gap=0.0, belief=0.1, spread=0.2, series=1, errors=0.0, **attrs):
    """A table whose cells are constant, NaN where nothing served."""
    present = np.triu(np.ones((PERIODS, PERIODS), dtype=bool))
    values = {"score_gap": gap, "predictive_debt": belief, "gap_sd": spread}
    values |= {"score_gap_se": errors, "predictive_debt_se": errors}
    dims = ("series", "deployed_at", "period")
    cells = {
        name: (dims, np.broadcast_to(np.where(present, v, np.nan), (series, *present.shape)).copy())
        for name, v in values.items()
    }
    return xr.Dataset(cells, attrs={"timing": "prequential", **attrs})


def test_z_by_hand():
    """Deployed at 0, 11 of 12 periods have a belief of the period before: z = 11 (0 - .1) / (.2 sqrt 11)."""
    check = ld.belief_check(hand_made()).isel(series=0)
    assert check["periods"].values.tolist() == list(range(11, -1, -1))
    assert float(check["z"][0]) == pytest.approx(-np.sqrt(11) / 2)
    assert float(check["spread"][0]) == pytest.approx(0.2 / np.sqrt(11))
    assert check["verdict"].values[3:6].tolist() == ["as expected", "too short", "too short"]
    assert np.isnan(check["z"][4:]).all()
    assert not check["flag"].any()
    assert ld.belief_check(hand_made(), probability=0.8)["verdict"].values[0, 0] == "less than expected"


def test_monte_carlo_errors_add_up_as_if_they_were_one():
    """Two errors of .1 in each of 11 periods: variance 11 x .04 + 2 (11 x .1)^2."""
    check = ld.belief_check(hand_made(errors=0.1)).isel(series=0, deployed_at=0)
    assert float(check["z"]) == pytest.approx(-1.1 / np.sqrt(11 * 0.04 + 2 * 1.1**2))


def test_the_belief_is_that_of_the_period_before():
    table = hand_made()
    table["predictive_debt"][0, 0] = np.arange(PERIODS, dtype=float)
    assert float(ld.belief_check(table)["belief"][0, 0]) == pytest.approx(np.arange(PERIODS - 1).mean())
    table.attrs["timing"] = "separate"
    assert float(ld.belief_check(table)["belief"][0, 0]) == pytest.approx(np.arange(PERIODS).mean())


def test_a_schedule_follows_what_was_in_service():
    table = hand_made()
    table["score_gap"][0] = table["score_gap"][0] + 10.0 * np.arange(PERIODS)[:, None]  # names the row it came from
    schedule = ld.replay(table, ld.policies.Calendar(6), 1.0).schedule
    check = ld.belief_check(table, schedule)
    assert check["periods"].dims == ("series",)
    # Periods 2-6 of the first spell and 8-12 of the second, deployed at 6, have a belief.
    assert int(check["periods"][0]) == 10
    assert float(check["score_gap"][0]) == pytest.approx(60.0 * 5 / 10)
    with pytest.raises(ValueError, match="schedule must have dims"):
        ld.belief_check(table, schedule.isel(period=slice(1, None)))


@pytest.mark.parametrize(("gap", "verdict", "says"), [(-0.2, "less", "with care"), (0.4, "more", "understates")])
def test_both_directions_have_a_sentence(gap, verdict, says):
    check = ld.belief_check(hand_made(gap=gap)).isel(series=0, deployed_at=0)
    assert str(check["verdict"].item()) == f"{verdict} than expected"
    assert bool(check["flag"])
    assert f"gained {verdict} than" in str(check["sentence"].item())
    assert says in str(check["sentence"].item())


def test_missing_signals_and_probabilities_are_named():
    with pytest.raises(KeyError, match="gap_sd"):
        ld.belief_check(hand_made().drop_vars("gap_sd"))
    with pytest.raises(ValueError, match="probability"):
        ld.belief_check(hand_made(), probability=1.0)
    assert belief_notes(hand_made(gap=-0.2).drop_vars("gap_sd")) == []


def test_cells_without_a_spread_are_left_out():
    table = hand_made()
    table["gap_sd"][0, 0, 3] = np.nan
    assert int(ld.belief_check(table)["periods"][0, 0]) == 10


def test_one_of_many_series_must_stand_out_more():
    """z = -2.6 is rare for one series and not for one of fifty."""
    alone = hand_made(gap=0.1 - 2.6 * 0.2 / np.sqrt(11))
    assert len(belief_notes(alone)) == 1
    many = hand_made(gap=0.1, series=50)
    many["score_gap"][7] = alone["score_gap"][0]
    assert belief_notes(many) == []
    many["score_gap"][7] = hand_made(gap=-0.3)["score_gap"][0]
    (note,) = belief_notes(many)
    assert note.startswith("In 1 of 50 series; in 7: The forecasts gained less")


def history(seed, unequal=False, periods=40, rows=5):
    rng = np.random.default_rng(seed)
    period = np.repeat(np.arange(periods), rows)
    x, error = rng.normal(size=(period.size, 2)), rng.normal(size=period.size)
    return {"x": x, "y": x.sum(axis=1) + error * (np.exp(0.7 * x[:, 0]) if unequal else 1), "period": period}


def spells(seed, **kwargs):
    forecaster = ld.ConjugateRegression(ld.NIG(np.zeros(2), np.eye(2), 2.0, 1.0))
    return ld.spell_table(forecaster, history(seed, **kwargs), initial=10, progressbar=False)


@pytest.mark.slow
def test_silent_when_the_model_is_right_and_not_when_variances_are_unequal():
    """24 exact tables each. At a probability of .99, 3 or more false alarms have a chance of .002."""
    flags = {
        unequal: sum(
            bool(ld.belief_check(spells(seed, unequal=unequal)).isel(series=0, deployed_at=0)["flag"])
            for seed in range(24)
        )
        for unequal in (False, True)
    }
    assert flags[False] <= 2
    assert flags[True] >= 6


def test_the_audit_and_its_page_say_it_when_it_is_so():
    right, wrong = (
        ld.audit(table, 0.1, calendar=4, resamples=20)
        for table in (spells(1), spells(1).drop_vars("regret").assign(score_gap=lambda table: table["score_gap"] - 0.5))
    )
    assert not any("itself expected" in note for note in right.notes)
    (note,) = (note for note in wrong.notes if "itself expected" in note)
    assert "less than the model itself expected" in render_page(wrong, "Sales", [])
    assert note in " ".join(str(wrong).split())
