"""Forecasters and keepers have all that their protocols declare: the type checker reads this file, too."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
import xarray as xr

import learning_debt as ld
from learning_debt.forecasters.base import Attaching, FarSighted, Predictor, SampledForecaster
from learning_debt.forecasters.pymc.forecaster import PyMCForecaster
from learning_debt.integrations.bambi_model import BambiForecaster
from learning_debt.shadows.base import Shadow, ShadowKeeper, Upkeep, require_keeper
from learning_debt.typing import Array

FORECASTERS: list[type[SampledForecaster]] = [ld.ConjugateRegression, PyMCForecaster, BambiForecaster]
STORING_ROWS: list[type[Attaching]] = [PyMCForecaster, BambiForecaster]
FAR_SIGHTED: list[type[FarSighted]] = [PyMCForecaster, BambiForecaster]
KEEPERS: list[type[ShadowKeeper]] = [ld.PooledShadow, ld.Refit, ld.ShadowLadder, ld.SuppliedShadow]


class Silent:
    """A keeper that does not say whether its posteriors are exact."""

    log_density: Any = None

    def start(
        self, forecaster: SampledForecaster, data: xr.Dataset, row_weight: Array, random_seed: int | None = None
    ) -> tuple[Shadow, Upkeep]:
        raise AssertionError("nothing may be fitted before a keeper says what it is")

    def step(
        self,
        forecaster: SampledForecaster,
        shadow: Shadow,
        data: xr.Dataset,
        row_weight: Array,
        random_seed: int | None = None,
    ) -> tuple[Shadow, Upkeep]:
        raise AssertionError("nothing may be fitted before a keeper says what it is")


class Unplaced(Silent):
    exact = True
    log_density = "normal"


class Unsaid:
    """A forecaster of draws that does not say along which dimensions it grows."""

    observation_dim, observed, needs_past, feedback = "obs", ("y",), False, False
    as_batch = fit = log_density = predict = outcome_kind = unconstrained_draws = log_joint = constrained_draws = max
    require_comparable = max


class Complete(Unsaid):
    growing_dims: tuple[str, ...] = ()


refused: ShadowKeeper = Silent()  # type: ignore[assignment]  # unused, and so an error, if the checker let it pass
HISTORY = {"x": np.arange(6.0), "y": np.arange(6.0), "period": np.arange(6)}


def members(protocol: type) -> set[str]:
    """Names that a protocol declares, those it inherits included."""
    return {name for kind in protocol.__mro__ for name in vars(kind) if not name.startswith("_")}


@pytest.mark.parametrize("kind", FORECASTERS)
def test_forecasters_have_all_that_is_declared(kind: type) -> None:
    assert members(SampledForecaster) > members(Predictor) > {"log_density", "predict", "observed"}
    assert members(SampledForecaster) <= set(dir(kind))


@pytest.mark.parametrize("kind", KEEPERS)
def test_keepers_have_all_that_is_declared(kind: Any) -> None:
    update: Any = max  # anything that can be called
    made: Any = kind(update, exact=False) if kind is ld.SuppliedShadow else kind()
    assert members(ShadowKeeper) == {"exact", "log_density", "start", "step"}
    assert all(hasattr(made, name) for name in members(ShadowKeeper))
    assert require_keeper("shadow", made) is made


@pytest.mark.parametrize(
    ("keeper", "named"),
    [
        (Silent(), "shadow: Silent does not say 'exact'; set exact = True where .* exact = False where"),
        (type("Mute", (Silent,), {"exact": 1})(), "shadow.exact must be True or False"),
        (Unplaced(), "shadow.log_density"),
    ],
)
def test_a_keeper_that_leaves_open_what_it_is_is_refused_before_the_first_fit(keeper: Any, named: str) -> None:
    with pytest.raises(TypeError, match=named):
        ld.spell_table(cast(Any, Complete()), HISTORY, initial=3, shadow=keeper, progressbar=False)


def test_a_forecaster_that_lacks_what_is_declared_is_refused_before_the_first_fit() -> None:
    with pytest.raises(TypeError, match=r"forecaster: Unsaid lacks growing_dims, .*growing_dims = \(\) says"):
        ld.spell_table(cast(Any, Unsaid()), HISTORY, initial=3, progressbar=False)
