"""Rows that score alone: their log density is the formula's, with and without a past, and draws have its moments."""

from __future__ import annotations

import numpy as np
import pytest

from .case import moment_errors
from .outcomes import CASES as OUTCOMES
from .structures import CASES as STRUCTURES
from .variations import ALONE as VARIATIONS


@pytest.fixture(scope="module", params=[*OUTCOMES, *STRUCTURES, *VARIATIONS], ids=lambda case: case.name)
def attached(request):
    case = request.param
    forecaster = case.forecaster()
    return case, forecaster, forecaster.attach(case.posterior(), case.past)


def test_rows_score_what_the_formula_says(attached):
    case, forecaster, posterior = attached
    scored = forecaster.log_density(posterior, case.batch)
    for draw in range(4):
        expected = case.terms(case.theta_at(draw), case.batch)
        assert set(scored.data_vars) == set(expected)
        for name, terms in expected.items():
            assert scored[name].dims == ("sample", case.dim)
            np.testing.assert_allclose(scored[name].values[draw], terms, rtol=1e-9, atol=case.tolerance)


def test_the_past_is_not_needed_and_changes_nothing(attached):
    case, forecaster, posterior = attached
    assert forecaster.needs_past is False
    alone, after = (forecaster.log_density(posterior, case.batch, past) for past in (None, case.past))
    assert alone.equals(after)


def test_draws_have_the_moments_of_the_formula(attached):
    case, forecaster, _ = attached
    batch = case.batch.isel({case.dim: slice(0, 2)})
    posterior = forecaster.attach(case.posterior(same=600), case.past)
    drawn = forecaster.predict(posterior, batch, random_seed=1)
    moments = case.moments(case.theta_at(0), batch, 0)
    moments = moments if isinstance(moments, dict) else {"outcome": moments}
    for name, (mean, variance) in moments.items():
        assert drawn[name].sizes[case.dim] == 2
        assert moment_errors(drawn[name].values, mean, variance) < 4
