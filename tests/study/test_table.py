"""Study tables against the library's own exact functions, cell by cell."""

import numpy as np
import pytest

from learning_debt.arrays.conjugate import nig
from learning_debt_study.scenarios import PAPER, SMOKE, Misspecification, cell_seeds, draw_paths
from learning_debt_study.simulated_spells import Cells, study_cells, study_table


@pytest.fixture(scope="module")
def paths():
    seeds = cell_seeds("tuning", "abrupt_coef", 0.1, SMOKE)
    return draw_paths("abrupt_coef", 0.1, seeds, design=SMOKE, misspecification=Misspecification(tail=4.0))


def posteriors_of(paths, path):
    """Exact posteriors after the warm start and after every period."""
    first = nig.as_nig(nig.NIG(0.0, 1.0, 2.0, 1.0))
    chain = [nig.update(first, paths.warm_start_x[path][:, None], paths.warm_start_y[path])]
    for x, y in zip(paths.update_x[path], paths.update_y[path], strict=True):
        chain.append(nig.update(chain[-1], x[:, None], y))
    return chain


def test_every_signal_is_that_of_the_exact_functions(paths):
    cells = study_cells(paths)
    for path in range(len(paths.coefficient)):
        chain = posteriors_of(paths, path)
        for s in range(0, SMOKE.periods, 7):
            for t in range(s + 1, SMOKE.periods + 1, 5):
                shadow, deployed = chain[t], chain[s]
                x, y = paths.monitor_x[path, t - 1], paths.monitor_y[path, t - 1]
                rows = paths.evaluation_x[path, t - 1][:, None], paths.evaluation_y[path, t - 1]
                reach = 2 * np.sqrt(deployed.rate / deployed.shape)
                expected = Cells(
                    debt=nig.kl(shadow, deployed),
                    predictive_debt=normal_predictive_debt(shadow, deployed, x),
                    score_gap=(nig.log_score(shadow, x[:, None], y) - nig.log_score(deployed, x[:, None], y)).mean(),
                    deployed_score=nig.log_score(deployed, x[:, None], y).mean(),
                    parameter_gap=abs(shadow.mean[0] - deployed.mean[0]),
                    residual_exceedance=(np.abs(y - deployed.mean[0] * x) > reach).mean(),
                    regret=(nig.log_score(shadow, *rows) - nig.log_score(deployed, *rows)).mean(),
                )
                found = [values[path, s, t - 1] for values in cells]
                np.testing.assert_allclose(found, [float(value) for value in expected], rtol=1e-10, atol=1e-11)


def normal_predictive_debt(shadow, deployed, x):
    """Mean divergence of normal distributions with the predictives' means and variances."""
    df, mean, scale = nig.predictive(shadow, x[:, None])
    other_df, other_mean, other_scale = nig.predictive(deployed, x[:, None])
    variance, other = scale**2 * df / (df - 2), other_scale**2 * other_df / (other_df - 2)
    return ((np.log(other / variance) + (variance + (mean - other_mean) ** 2) / other - 1) / 2).mean()


def test_predictive_debt_is_near_that_of_the_student_t_predictives():
    """At the published sizes, where they have 300 degrees of freedom and more: within 2% in every cell looked at."""
    seeds = cell_seeds("tuning", "gradual", 0.1, PAPER)[:1]
    paths = draw_paths("gradual", 0.1, seeds, design=PAPER)
    found, chain = study_cells(paths).predictive_debt[0], posteriors_of(paths, 0)
    for s, t in ((0, 5), (0, 60), (20, 90), (100, 150), (30, 199), (190, 199)):
        exact = nig.predictive_debt(chain[t + 1], chain[s], paths.monitor_x[0, t][:, None])
        assert found[s, t] == pytest.approx(float(exact), rel=0.02, abs=1e-9)


def test_cells_before_the_deployment_are_missing_and_all_others_there(paths):
    below = np.tril(np.ones((SMOKE.periods,) * 2, dtype=bool), -1)
    for values in study_cells(paths):
        assert np.isnan(values[:, below]).all()
        assert np.isfinite(values[:, ~below]).all()


def test_threads_do_not_change_a_bit(paths):
    for one, two in zip(study_cells(paths, 1), study_cells(paths, 2), strict=True):
        np.testing.assert_array_equal(one, two)


def test_the_dataset_says_when_its_shadows_were_scored(paths):
    table = study_table(paths)
    assert table.attrs["timing"] == "separate"
    assert set(Cells._fields) <= set(table.data_vars)
