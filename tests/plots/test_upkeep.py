"""What an audit says and draws of a table in money, several steps ahead, with a shadow that is hardly ever refitted."""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

import learning_debt as ld
from learning_debt.auditing.notes import upkeep_notes
from learning_debt.plots import plot_debt, plot_upkeep
from learning_debt.plots.upkeep import RUNGS
from learning_debt.report import write_report
from learning_debt.report.pictures import draw_figures

PERIODS, RUNG = 40, ["reweight"] * 25 + ["moment match"] * 8 + ["refit"] * 4 + ["kept"] * 3


@pytest.fixture
def spells(random_spells):
    """In EUR, three steps ahead; refits in 4 of 40 periods."""
    table = random_spells(PERIODS, drift=0.02)
    pareto_k = np.where(np.isin(RUNG, ["reweight", "moment match"]), np.linspace(0.1, 0.66, PERIODS), np.nan)
    table = table.assign(
        arrived_gap=table["score_gap"].shift(period=2).fillna(0.0).where(table["score_gap"].notnull()),
        rung=(("series", "period"), [RUNG]),
        refits=(("series", "period"), [[int(rung == "refit") for rung in RUNG]]),
        evaluations=(("series", "period"), [[0.0 if rung == "kept" else 1e5 for rung in RUNG]]),
        pareto_k=(("series", "period"), [pareto_k]),
        converged=(("series", "period"), np.ones((1, PERIODS), dtype=bool)),
        gap_sd=table["predictive_debt"],
    )
    return table.assign_attrs(
        unit="EUR per observation",
        currency="EUR",
        score="newsvendor",
        horizon=3,
        update_rule="rolling window of 26 periods",
    )


@pytest.fixture
def audited(spells):
    return ld.audit(spells, ld.RetrainingCost(0.5, currency="EUR"), calendar=6, resamples=50)


def test_the_audit_counts_refits_and_speaks_of_money(audited):
    notes = "\n".join(audited.notes)
    assert "4 refits in 40 periods; 25 rest on weighted draws; 8 on moved draws; 3 kept it as it was" in notes
    assert "(worst Pareto k 0.56)" in notes
    assert audited.table.attrs["unit"] == "EUR"
    assert np.isnan(audited.table["total_positive"]).all()
    assert "EUR of regret over the forecasts of the next" in audited.decision.reason
    assert "nats" not in str(audited)


def test_tuning_sees_only_forecasts_whose_outcomes_were_there(spells, audited):
    assert "Tuned on 22 periods" in audited.notes[0]
    assert "reported on the 16 that follow" in audited.notes[0]
    assert "issued in the last 2 periods" in audited.notes[1]
    changed = spells.copy(deep=True)
    changed["regret"][..., 22:24] += 100.0  # outcomes of forecasts issued in 23 and 24 arrive after period 24
    again = ld.audit(changed, ld.RetrainingCost(0.5, currency="EUR"), calendar=6, resamples=50)
    for name, one in audited.tuned.items():
        assert again.tuned[name].index == one.index


def test_a_negative_bill_blames_the_rule_that_the_table_has(spells):
    lucky = spells.assign(regret=spells["regret"] - 1.0)
    notes = ld.audit(lucky, ld.RetrainingCost(0.1, currency="EUR"), resamples=50).notes
    assert any("the update rule, rolling window of 26 periods, is at fault" in note for note in notes)


def test_a_refit_a_period_is_nothing_to_speak_of(spells):
    assert not upkeep_notes(spells.assign(rung=spells["rung"].where(False, "refit")))
    assert not upkeep_notes(spells.drop_vars("rung"))


def test_weights_that_cannot_be_trusted_are_the_reason_for_no_decision(spells):
    spells["rung"][0, -1], spells["pareto_k"][0, -1], spells["converged"][0, -1] = "reweight", 0.93, False
    decision = ld.decide(spells, ld.policies.CUSUM(0.5), ld.RetrainingCost(0.5, currency="EUR"), horizon=4)
    assert decision.verdict == "cannot tell"
    assert "weights of the shadow's draws failed their diagnostics (Pareto k 0.93)" in decision.reason
    spells["converged"][0, -2:] = False
    notes = upkeep_notes(spells), ld.audit(spells, ld.RetrainingCost(1.0, currency="EUR"), resamples=50).notes
    assert any("2 of 40 shadows failed the diagnostics of sampler or weights" in note for note in notes[1])


@pytest.mark.parametrize("backend", ["matplotlib", "plotly", "bokeh", "none"])
def test_upkeep_is_drawn_on_every_backend(spells, backend):
    pytest.importorskip("matplotlib" if backend == "none" else backend)
    drawn = plot_upkeep(spells, backend=backend)
    assert sorted(drawn.viz["point"].data_vars) == ["evaluations", "pareto_k", "rung"]
    plt.close("all")


def test_upkeep_shows_rungs_limits_and_doubts(spells):
    spells["converged"][0, 5] = False
    figure = plot_upkeep(spells, backend="matplotlib").viz["figure"].item()
    rung, pareto_k, evaluations = figure.axes
    assert [label.get_text() for label in rung.get_yticklabels()] == ["kept", "reweight", "moment match", "refit"]
    heights = rung.collections[0].get_offsets()[:, 1]
    assert heights[0] == RUNGS.index("reweight")
    assert any(np.allclose(line.get_ydata(), 0.7) for line in pareto_k.lines)
    assert "log10" in evaluations.get_ylabel()
    plt.close("all")
    with pytest.raises(ValueError, match="no variable 'rung'"):
        plot_upkeep(spells.drop_vars("rung"))


@pytest.mark.slow
def test_axes_and_page_are_in_the_unit_of_the_table(spells, audited, tmp_path):
    schedule = audited.replays["oracle"].schedule
    drawn = plot_debt(audited.spells, schedule, backend="matplotlib").viz["figure"].item()
    labels = [axis.get_ylabel() for axis in drawn.axes]
    assert labels == ["posterior debt\n(nats)", "predictive debt\n(EUR per obs.)", "score gap\n(EUR per obs.)"]
    figures = draw_figures(audited)
    assert [figure.file for figure in figures] == ["bill.png", "schedule.png", "signals.png", "upkeep.png"]
    assert "policies see them when outcomes arrive" in figures[2].caption
    page = write_report(audited, tmp_path, title="bakery").read_text()
    assert "newsvendor" in page
    assert "<dt>horizon</dt><dd>3</dd>" in page
    assert "(nats)" not in page.replace("posterior debt (nats)", "")  # which is in nats whatever the score
    plt.close("all")


@pytest.mark.slow
def test_gaps_several_steps_ahead_are_held_against_the_belief_of_their_issue():
    """A right model's forecasts gain what it expects, whatever the horizon and however late outcomes come."""
    forecaster = ld.ConjugateRegression(ld.NIG(np.zeros(2), np.eye(2), 4.0, 3.0))
    z = []
    for seed in range(24):
        rng = np.random.default_rng(seed)
        period = np.repeat(np.arange(42), 4)
        x, variance = rng.normal(size=(168, 2)), 3.0 / rng.gamma(4.0)
        y = x @ rng.normal(size=2) * np.sqrt(variance) + np.sqrt(variance) * rng.normal(size=168)
        arrived = np.minimum(period + rng.integers(0, 3, size=168), 42)
        history = {"x": x, "y": y, "period": period, "arrived": arrived}
        table = ld.spell_table(
            forecaster, history, initial=14, horizon=3, variables=["predictive_debt"], progressbar=False
        )
        check = ld.belief_check(table).isel(series=0, deployed_at=0)
        assert int(check["periods"]) == table.sizes["period"] - 1
        z.append(float(check["z"]))
    # 24 standardised sums; 4 standard errors of their mean, plus the -0.3 that skewed sums of few periods show.
    assert abs(np.mean(z) + 0.3) < 4 / np.sqrt(24)
    assert np.std(z) < 1 + 4 / np.sqrt(2 * 24)


def test_a_belief_is_that_of_the_shadow_that_issued(make_history):
    forecaster = ld.ConjugateRegression(ld.NIG(np.zeros(2), np.eye(2), 2.0, 1.0))
    table = ld.spell_table(forecaster, make_history(40, 3, 2, shift_at=25), initial=12, horizon=3, progressbar=False)
    check = ld.belief_check(table).isel(series=0, deployed_at=2)
    gap, belief = (table[name].values[0, 2] for name in ("score_gap", "predictive_debt"))
    assert float(check["score_gap"]) == pytest.approx(np.nanmean(gap[3:]))  # issued in 4, ..., T
    assert float(check["belief"]) == pytest.approx(np.nanmean(belief[2:-1]))  # by the shadows of 3, ..., T - 1
    assert check.attrs["unit"] == "nats per observation"


def test_belief_sentences_are_in_the_unit_of_the_table(spells):
    check = ld.belief_check(spells).isel(series=0, deployed_at=0)
    assert "EUR per observation" in str(check["sentence"].item())
    xr.testing.assert_equal(
        check["z"], ld.belief_check(spells.assign_attrs(unit="x")).isel(series=0, deployed_at=0)["z"]
    )
