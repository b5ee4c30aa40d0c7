"""Regression of one period's regret on signals, calibrated on cells of a spell table.

The expected-regret models of Katz (arXiv 2604.06438): least squares for log(1 + max(regret, 0)).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, override

import numpy as np
from numpy.typing import ArrayLike

from learning_debt.policies.models.calibration import CALIBRATION, AgeAdjustment
from learning_debt.policies.signals import Signals
from learning_debt.typing import Array
from learning_debt.validation import require_instance, require_number, require_numbers

CAP_QUANTILE = 0.995


class RegretModel(ABC):
    """Expects regret from signals. A model of your own needs the two members below and nothing else."""

    requires: ClassVar[tuple[str, ...]] = ()
    """Signals the model reads; they must be present in the table."""

    @abstractmethod
    def expected_regret(self, signals: Signals) -> Array:
        """Regret expected in one period, shape (lanes,), in the units of the regret the model was fitted on."""


@dataclass(frozen=True)
class DebtRegretModel(RegretModel):
    """Regret expected from age-adjusted debt and spell age.

    Attributes
    ----------
    coefficients : tuple of float, length 5
        Of 1, z+, z+^2, L and L^2 with z+ the positive part of age-adjusted debt and L = log(1 + spell age).
    cap : float
        No prediction is larger: the 0.995 quantile of positive regret in calibration.
    calibration : AgeAdjustment

    Notes
    -----
    Predictions come in the units of the regret given to `fit`; a cost to compare them with must too. The parabola
    in z+ is extrapolated beyond the debts of calibration, and may bend down there.

    Examples
    --------
    >>> age = np.tile(np.arange(1, 41), 5)
    >>> debt = 0.01 * age * np.repeat([1, 2, 3, 4, 5], 40)
    >>> calibration = AgeAdjustment.fit(debt, age)
    >>> model = DebtRegretModel.fit(debt, age, regret=debt / 2, calibration=calibration)
    >>> bool(model.predict(2.0, 20) > model.predict(0.2, 20))
    True
    """

    requires: ClassVar[tuple[str, ...]] = ("debt",)
    coefficients: tuple[float, ...]
    cap: float
    calibration: AgeAdjustment

    def __post_init__(self) -> None:
        _check(self, 5)

    @classmethod
    def fit(
        cls, debt: ArrayLike, spell_age: ArrayLike, regret: ArrayLike, *, calibration: AgeAdjustment
    ) -> DebtRegretModel:
        """Least squares on all cells where everything given is a number; arrays broadcast.

        Parameters
        ----------
        debt : array_like
            Nats.
        spell_age : array_like
            Periods.
        regret : array_like
            Signed or positive; its negative part counts as 0.
        calibration : AgeAdjustment
            Fitted on periods believed free of shifts; the cells here should hold shifts too.

        Raises
        ------
        ValueError
            With fewer cells than coefficients plus one.
        """
        require_instance("calibration", calibration, AgeAdjustment, CALIBRATION)
        debt, spell_age, regret = _present(debt=debt, spell_age=spell_age, regret=regret)
        return cls(*_least_squares(_debt_features(calibration, debt, spell_age), regret), calibration)

    def predict(self, debt: ArrayLike, spell_age: ArrayLike) -> Array:
        """Expected regret, between 0 and `cap`."""
        return _predict(_debt_features(self.calibration, debt, spell_age), self.coefficients, self.cap)

    @override
    def expected_regret(self, signals: Signals) -> Array:
        return self.predict(signals.debt, signals.spell_age)


@dataclass(frozen=True)
class HybridRegretModel(RegretModel):
    """Regret expected from debt, spell age, the realised score gap, the parameter gap and residual exceedance.

    Attributes
    ----------
    coefficients : tuple of float, length 9
        Of the five terms of `DebtRegretModel`, then positive score gap, parameter gap, residual exceedance and
        sqrt(debt).
    cap : float
        No prediction is larger: the 0.995 quantile of positive regret in calibration.
    calibration : AgeAdjustment

    Notes
    -----
    Predictions come in the units of the regret given to `fit`; a cost to compare them with must too. In a table
    with timing ``"prequential"`` the score gap and the regret of a cell come from the same rows, so that a regression
    of one on the other learns nothing about the future: give it the regret of the period after,
    ``debt[..., :-1], ..., regret[..., 1:]``. (The study has rows of their own for either.)

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> age, debt, gap = rng.integers(1, 40, size=200), rng.gamma(1.0, size=200), rng.normal(size=200)
    >>> move, beyond = rng.gamma(1.0, size=200), rng.random(200)
    >>> calibration = AgeAdjustment.fit(debt, age)
    >>> model = HybridRegretModel.fit(debt, age, gap / 2, gap, move, beyond, calibration=calibration)
    >>> [round(float(model.predict(1.0, 10, gap, 0.5, 0.1)), 2) for gap in (0.0, 1.0)]
    [0.01, 0.47]
    """

    requires: ClassVar[tuple[str, ...]] = ("debt", "score_gap", "parameter_gap", "residual_exceedance")
    coefficients: tuple[float, ...]
    cap: float
    calibration: AgeAdjustment

    def __post_init__(self) -> None:
        _check(self, 9)

    @classmethod
    def fit(
        cls,
        debt: ArrayLike,
        spell_age: ArrayLike,
        regret: ArrayLike,
        score_gap: ArrayLike,
        parameter_gap: ArrayLike,
        residual_exceedance: ArrayLike,
        *,
        calibration: AgeAdjustment,
    ) -> HybridRegretModel:
        """Least squares on all cells where everything given is a number; arrays broadcast.

        Parameters
        ----------
        debt : array_like
            Nats.
        spell_age : array_like
            Periods.
        regret : array_like
            Signed or positive; its negative part counts as 0.
        score_gap : array_like
            Nats per observation, signed, best on other rows than those of `regret`.
        parameter_gap : array_like
            Distance between the shadow's and the deployed coefficients.
        residual_exceedance : array_like
            Share of rows, 0 to 1.
        calibration : AgeAdjustment
            Fitted on periods believed free of shifts; the cells here should hold shifts too.

        Raises
        ------
        ValueError
            With fewer cells than coefficients plus one.
        """
        require_instance("calibration", calibration, AgeAdjustment, CALIBRATION)
        debt, spell_age, regret, *others = _present(
            debt=debt,
            spell_age=spell_age,
            regret=regret,
            score_gap=score_gap,
            parameter_gap=parameter_gap,
            residual_exceedance=residual_exceedance,
        )
        features = _hybrid_features(calibration, debt, spell_age, *others)
        return cls(*_least_squares(features, regret), calibration)

    def predict(
        self,
        debt: ArrayLike,
        spell_age: ArrayLike,
        score_gap: ArrayLike,
        parameter_gap: ArrayLike,
        residual_exceedance: ArrayLike,
    ) -> Array:
        """Expected regret, between 0 and `cap`."""
        features = _hybrid_features(self.calibration, debt, spell_age, score_gap, parameter_gap, residual_exceedance)
        return _predict(features, self.coefficients, self.cap)

    @override
    def expected_regret(self, signals: Signals) -> Array:
        return self.predict(
            signals.debt, signals.spell_age, signals.score_gap, signals.parameter_gap, signals.residual_exceedance
        )


def _debt_features(calibration: AgeAdjustment, debt: ArrayLike, spell_age: ArrayLike) -> Array:
    """1, z+, z+^2, L, L^2, shape (..., 5)."""
    excess = np.maximum(calibration.standardise(debt, spell_age), 0.0)
    log_age = np.log1p(np.asarray(spell_age, dtype=float))
    return _columns(1.0, excess, excess**2, log_age, log_age**2)


def _hybrid_features(
    calibration: AgeAdjustment,
    debt: ArrayLike,
    spell_age: ArrayLike,
    score_gap: ArrayLike,
    parameter_gap: ArrayLike,
    residual_exceedance: ArrayLike,
) -> Array:
    """Those of `_debt_features`, positive score gap, parameter gap, residual exceedance, sqrt(debt), shape (..., 9)."""
    first = np.moveaxis(_debt_features(calibration, debt, spell_age), -1, 0)
    root = np.sqrt(np.maximum(debt, 0.0))
    return _columns(*first, np.maximum(score_gap, 0.0), parameter_gap, residual_exceedance, root)


def _columns(*values: ArrayLike) -> Array:
    return np.stack(np.broadcast_arrays(*(np.asarray(value, dtype=float) for value in values)), axis=-1)


def _present(**values: ArrayLike) -> list[Array]:
    """The values side by side, flat, in the cells where all of them are finite.

    Raises
    ------
    TypeError, ValueError
        Naming what holds no numbers, none that is finite, or does not fit the others.
    """
    arrays = {name: require_numbers(name, value, finite=False) for name, value in values.items()}
    for name, array in arrays.items():
        if not np.isfinite(array).any():
            raise ValueError(f"{name} must hold finite numbers, and holds none")
    try:
        together = np.broadcast_arrays(*arrays.values())
    except ValueError as error:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise ValueError(f"cells must have one shape, or shapes that broadcast, not {shapes}") from error
    cells = np.stack([signal.ravel() for signal in together])
    present = dict(zip(arrays, cells[:, np.isfinite(cells).all(axis=0)], strict=True))
    if (present["spell_age"] < 0).any():
        raise ValueError("spell_age must be at least 0 wherever there is debt")
    return list(present.values())


def _least_squares(features: Array, regret: Array) -> tuple[tuple[float, ...], float]:
    """Coefficients for log(1 + positive regret), and the cap."""
    cells, needed = features.shape[0], features.shape[1] + 1
    if cells < needed:
        raise ValueError(f"calibrating expected regret needs at least {needed} cells, not {cells}")
    if not np.isfinite(features).all():
        raise ValueError("debt, spell_age and the other signals must be small enough for their squares to be numbers")
    positive = np.maximum(regret, 0.0)
    length = np.linalg.norm(features, axis=0)
    length = np.where(length > 0, length, 1.0)  # columns of one length: what is rank must not depend on units
    scaled, *_ = np.linalg.lstsq(features / length, np.log1p(positive), rcond=None)
    return tuple((scaled / length).tolist()), float(np.quantile(positive, CAP_QUANTILE))


def _predict(features: Array, coefficients: tuple[float, ...], cap: float) -> Array:
    linear = np.minimum(features @ np.asarray(coefficients), 700.0)  # exp(700) is still a number, and above any cap
    return np.clip(np.expm1(linear), 0.0, cap)


def _check(model: DebtRegretModel | HybridRegretModel, length: int) -> None:
    coefficients = require_numbers("coefficients", model.coefficients, shape=(length,))
    object.__setattr__(model, "coefficients", tuple(coefficients.tolist()))
    object.__setattr__(model, "cap", require_number("cap", model.cap, at_least=0))
    require_instance("calibration", model.calibration, AgeAdjustment, CALIBRATION)
