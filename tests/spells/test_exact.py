"""Every cell of the exact table against a slow double loop through the forecaster's public methods."""

import numpy as np
import pytest
from scipy import integrate, stats

import learning_debt as ld
from learning_debt.data import split_periods
from learning_debt.scores import LogScore
from learning_debt.spells import exact_table
from learning_debt.spells.exact import ExactStep
from learning_debt.spells.forecast_schedule import Plan
from learning_debt.spells.table_loop import collected_columns

PERIODS, INITIAL = 14, 4
CASES = pytest.mark.parametrize(
    ("coefficients", "rows"),
    [(1, 1), (1, 3), (3, 1), (3, 4), (2, [1, 3, 2, 1, 4, 2, 2, 1, 3, 2, 5, 1, 2, 2])],
    ids=["one-row", "one-coefficient", "three-coefficients-one-row", "three-coefficients", "varying-rows"],
)


def forecaster_of(coefficients):
    return ld.ConjugateRegression(ld.NIG(np.zeros(coefficients), np.eye(coefficients), 2.0, 1.0))


def rows_of(history, first, stop):
    """Rows of the periods first, ..., stop - 1 of a history whose periods count from 0."""
    chosen = (history["period"] >= first) & (history["period"] < stop)
    return {"x": history["x"][chosen], "y": history["y"][chosen]}


@pytest.fixture
def built(make_history):
    def build(coefficients, rows, variables=("debt", "predictive_debt", "score_gap")):
        history = make_history(PERIODS, rows, coefficients, seed=coefficients, shift_at=9)
        forecaster = forecaster_of(coefficients)
        table = ld.spell_table(
            forecaster, history, initial=INITIAL, variables=variables, varying_rows=True, progressbar=False
        )
        return history, forecaster, table.isel(series=0)

    return build


@CASES
def test_every_cell_is_that_of_posteriors_fitted_afresh(built, coefficients, rows):
    history, forecaster, table = built(coefficients, rows)
    posteriors = [forecaster.fit(rows_of(history, 0, INITIAL + t)) for t in range(PERIODS - INITIAL + 1)]
    for t in range(1, PERIODS - INITIAL + 1):
        batch = rows_of(history, INITIAL + t - 1, INITIAL + t)
        score = [float(forecaster.log_score(posterior, batch).mean()) for posterior in posteriors[:t]]
        for s in range(t):
            cell = table.isel(deployed_at=s, period=t - 1)
            gap = score[t - 1] - score[s]
            debt = forecaster.posterior_debt(posteriors[t], posteriors[s])
            predictive_debt = forecaster.predictive_debt(posteriors[t], posteriors[s], batch)
            np.testing.assert_allclose(cell["score_gap"], gap, rtol=1e-8, atol=1e-10)
            np.testing.assert_allclose(cell["debt"], debt, rtol=1e-8, atol=1e-10)
            np.testing.assert_allclose(cell["predictive_debt"], predictive_debt, rtol=1e-8, atol=1e-10)


@CASES
def test_what_was_deployed_last_period_is_the_shadow_that_scores(built, coefficients, rows):
    """Prequential: the gap is exactly zero at s = t - 1, while debt already knows batch t."""
    _, _, table = built(coefficients, rows)
    np.testing.assert_array_equal(np.diagonal(table["score_gap"]), 0.0)
    assert (np.diagonal(table["debt"]) > 0).all()
    assert (np.diagonal(table["predictive_debt"]) > 0).all()


def test_cells_before_the_deployment_are_absent(built):
    _, _, table = built(1, 3)
    present = np.triu(np.ones((PERIODS - INITIAL,) * 2, dtype=bool))
    for name in ("debt", "predictive_debt", "score_gap", "regret", "gap_sd"):
        np.testing.assert_array_equal(np.isfinite(table[name]), present)
    for name in ("debt", "predictive_debt", "score_gap"):
        np.testing.assert_array_equal(table[f"{name}_se"], np.where(present, 0.0, np.nan))
        np.testing.assert_array_equal(table[f"{name}_reliable"], present)


@pytest.mark.slow
def test_gap_sd_is_the_spread_of_the_mean_gap_when_rows_are_drawn_from_the_shadow(built):
    history, forecaster, table = built(2, 3)
    for s, t in [(0, 1), (0, 10), (4, 9)]:
        deployed, shadow = (forecaster.fit(rows_of(history, 0, INITIAL + time)) for time in (s, t))
        x = rows_of(history, INITIAL + t - 1, INITIAL + t)["x"]
        variance = sum(variance_of_log_ratio(student(shadow, row), student(deployed, row)) for row in x)
        spread = np.sqrt(variance) / len(x)
        assert float(table["gap_sd"].isel(deployed_at=s, period=t - 1)) == pytest.approx(spread, rel=1e-6)


def variance_of_log_ratio(p, q):
    """Under p, by quadrature over its standardised variable."""
    centre, scale = p.args[1:]

    def moment(power):
        def integrand(z):
            y = centre + scale * z
            return scale * p.pdf(y) * (p.logpdf(y) - q.logpdf(y)) ** power

        return integrate.quad(integrand, -np.inf, np.inf, epsabs=1e-13, epsrel=1e-10, limit=400)[0]

    return moment(2) - moment(1) ** 2


def student(posterior, row):
    """Predictive of one row: Student-t with 2a degrees of freedom and scale^2 = b / a (1 + x' P^-1 x)."""
    scale = np.sqrt(posterior.rate / posterior.shape * (1 + row @ np.linalg.solve(posterior.precision, row)))
    return stats.t(2 * posterior.shape, row @ posterior.mean, scale)


def test_only_the_variables_asked_for_are_made_and_the_gap_always(built):
    _, _, whole = built(1, 3)
    _, _, part = built(1, 3, variables=("debt",))
    assert "predictive_debt" not in part
    assert "gap_sd" not in part
    for name in ("debt", "score_gap", "regret"):
        np.testing.assert_array_equal(part[name], whole[name])


def test_a_stable_world_owes_little_and_a_shift_shows(make_history):
    forecaster = forecaster_of(1)
    stable = ld.spell_table(forecaster, make_history(60, 5, 1, seed=5), initial=20, progressbar=False)
    shifted = ld.spell_table(forecaster, make_history(60, 5, 1, seed=5, shift_at=40), initial=20, progressbar=False)
    np.testing.assert_array_equal(stable["debt"][..., :20], shifted["debt"][..., :20])
    last = {"series": 0, "deployed_at": 0, "period": -1}
    assert float(shifted["predictive_debt"].isel(last)) > 20 * float(stable["predictive_debt"].isel(last))


@pytest.mark.parametrize("rule", [ld.UpdateRule(), ld.UpdateRule(window=5), ld.UpdateRule(discount=0.9)], ids=str)
def test_the_engine_of_whole_tables_and_the_step_agree(make_history, rule):
    """A monitor takes steps; what it sees is what the table held."""
    history = split_periods(make_history(PERIODS, 4, 3, seed=7, shift_at=9))
    variables = ("debt", "predictive_debt", "score_gap", "deployed_score", "parameter_gap", "residual_exceedance")
    plan = Plan(history, INITIAL, 1, rule, LogScore(), variables)
    forecaster = forecaster_of(3)
    whole, stepwise = (
        exact_table.exact_columns(forecaster, plan),
        collected_columns(ExactStep(forecaster, plan.options), plan),
    )
    assert whole.cells.keys() == stepwise.cells.keys()
    for name, values in whole.cells.items():
        assert values.dtype == stepwise.cells[name].dtype, name
        if values.dtype.kind == "f" and values.ndim == 2:
            tolerance = 1e-8 if name == "gap_sd" else 1e-10  # the step's spread loses tails of few degrees of freedom
            np.testing.assert_allclose(values, stepwise.cells[name], rtol=tolerance, atol=1e-13, err_msg=name)
        else:
            np.testing.assert_array_equal(values, stepwise.cells[name], err_msg=name)


def test_what_the_engine_finds_out_of_range_is_left_to_the_step(make_history, monkeypatch):
    """Which refuses it by name, or finds a number."""
    plan = Plan(split_periods(make_history(PERIODS, 4, 3, seed=7)), INITIAL, 1, ld.UpdateRule(), LogScore(), ("debt",))
    forecaster = forecaster_of(3)
    engine = exact_table.spell_cells

    def lost(*arguments, **options):
        cells = engine(*arguments, **options)
        cells.debt[2, 6] = np.nan
        return cells

    monkeypatch.setattr(exact_table, "spell_cells", lost)
    stepwise = collected_columns(ExactStep(forecaster, plan.options), plan)
    np.testing.assert_array_equal(exact_table.exact_columns(forecaster, plan).cells["debt"], stepwise.cells["debt"])
