"""Small tables of the bench's tests."""

import numpy as np
import pytest

import learning_debt as ld

PERIODS = 40


def made(series=1, periods=PERIODS, seed=1, variables=("debt", "predictive_debt", "score_gap", "deployed_score")):
    """The exact table of a regression whose slope moves once; `periods` are those of the table."""
    rng = np.random.default_rng(seed)
    period, which = np.tile(np.arange(periods + 6), series), np.repeat(np.arange(series), periods + 6)
    x = rng.normal(size=period.size)
    y = np.where(period < periods // 2 + which, 0.0, 1.5) * x + rng.normal(size=period.size)
    history = {"x": x, "y": y, "period": period} | ({"series": which} if series > 1 else {})
    forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    return ld.spell_table(forecaster, history, initial=6, variables=variables, progressbar=False)


@pytest.fixture(scope="session")
def one():
    return made()


@pytest.fixture(scope="session")
def several():
    return made(series=3, seed=2)
