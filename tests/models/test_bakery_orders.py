"""The bakery's model file, on a short part of its history and with few draws."""

import inspect
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pymc")

import learning_debt as ld
from learning_debt.cli.model_file import imported

MODEL = Path(__file__).parents[2] / "models" / "bakery_orders.py"


def test_the_first_weeks_are_replayed_in_money_with_late_sales():
    with imported(MODEL) as module:
        said = vars(module)
    history = module.load_history()
    history = history.isel(obs=np.flatnonzero(history["period"].values < 34))
    options = {name: said[name] for name in inspect.signature(ld.spell_table).parameters if name in said}
    assert options.pop("initial") == module.initial
    assert set(options) == {"score", "update_rule", "shadow"}
    forecaster = ld.PyMCForecaster(module.build_model, draws=250, tune=400)
    table = ld.spell_table(
        forecaster, history, initial=module.initial, random_seed=1, progressbar=False, **options
    ).isel(series=0)
    assert table.attrs["currency"] == module.cost.currency == "EUR"
    assert table.attrs["update_rule"] == "rolling window of 26 periods"
    assert (table["exposure"] == 4).all()
    upper = np.triu_indices(table.sizes["period"])
    for name in ("regret", "arrived_gap", "debt", "predictive_debt"):
        assert np.isfinite(table[name].values[upper]).all(), name
    assert set(table["rung"].values.tolist()) <= {"reweight", "moment match", "refit", "kept"}
    arrived = history["arrived"].values
    assert (arrived > history["period"].values).mean() > 0.1
