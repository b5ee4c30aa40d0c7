"""Drift detectors of the river library, as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, override

import numpy as np
from numpy.typing import NDArray

from learning_debt.policies.base import PerLane, Policy, Step, briefly
from learning_debt.policies.signals import Signals
from learning_debt.typing import Array
from learning_debt.validation import require_choice


class _Kind(NamedTuple):
    """A class of `river.drift`: the parameter that is tuned, whether it is a probability, and the others."""

    binary: bool
    class_name: str
    tuned: str
    probability: bool
    fixed: dict[str, Any]


DETECTORS = {
    "ADWIN": _Kind(False, "ADWIN", "delta", True, {"clock": 1, "min_window_length": 1, "grace_period": 1}),
    "PageHinkley": _Kind(False, "PageHinkley", "threshold", False, {"min_instances": 1, "delta": 0.1, "mode": "up"}),
    "KSWIN": _Kind(False, "KSWIN", "alpha", True, {"window_size": 8, "stat_size": 4, "seed": 1}),
    "DDM": _Kind(True, "DDM", "drift_threshold", False, {"warm_start": 3}),
    "EDDM": _Kind(True, "EDDM", "beta", True, {"warm_start": 1, "alpha": 1.0}),
    "HDDM_A": _Kind(True, "HDDMA", "drift_confidence", True, {"warning_confidence": 1.0}),
    "HDDM_W": _Kind(True, "HDDMW", "drift_confidence", True, {"warning_confidence": 1.0, "lambda_val": 0.3}),
}
"""What river's classes are given besides the tuned number. Their defaults expect hundreds of values before the first
alarm, which is more than most spells last. These let an alarm come after a few periods: of several options the ones
that did best for their detector, tuned, on 64 paths of the reference study's kind (seeds of its repetition 90)."""

STREAMS: dict[str, tuple[str, Callable[[Signals, PerLane], Array]]] = {
    "score_gap": ("score_gap", lambda signals, scale: signals.score_gap / scale),
    "deployed_score": ("deployed_score", lambda signals, scale: -signals.deployed_score / scale),
    "worse": ("score_gap", lambda signals, scale: (signals.score_gap / scale > 0).astype(float)),
    "clearly_worse": ("score_gap", lambda signals, scale: (signals.score_gap / scale > 1).astype(float)),
}
"""What detectors may watch: the signal behind it, and how it is made in units of a scale; larger is worse."""


@dataclass(frozen=True, eq=False, repr=False)
class RiverDetector(Policy):
    """Retrain when a drift detector of river raises its alarm.

    Parameters
    ----------
    detector : {"ADWIN", "PageHinkley", "KSWIN", "DDM", "EDDM", "HDDM_A", "HDDM_W"}
    setting : float
        The one number that is tuned: ``delta`` of ADWIN, ``threshold`` of Page-Hinkley, ``alpha`` of KSWIN,
        ``drift_threshold`` of DDM, ``beta`` of EDDM, ``drift_confidence`` of both HDDM. `DETECTORS` has the rest.
    stream : {"score_gap", "deployed_score", "worse", "clearly_worse"}, optional
        What it watches. ADWIN, Page-Hinkley and KSWIN: the score gap, or the deployed model's loss (minus its score).
        DDM, EDDM and HDDM: 1 where the deployed model scored worse than the shadow, or worse by more than `scale`,
        and 0 elsewhere. Left out, the first of these.
    scale : float
        Scores and gaps are divided by it: ADWIN expects a range of about one, and Page-Hinkley's threshold has their
        unit.

    Raises
    ------
    ImportError
        Without the river library, the extra ``detectors``.
    ValueError
        For an unknown detector, a stream it does not take, or a setting out of its range.

    Notes
    -----
    Every lane has a detector, made anew at the start of a spell. An alarm stands until the model is retrained; river
    would forget it at the next value. ADWIN and KSWIN are two-sided and alarm when forecasts get better, too.

    The state is the stream since the start of the spell, shape (lanes, longest spell so far), right-aligned after NaN.
    River's detectors change as they are fed, so they travel with the newest state only; whoever steps from an older
    one, or from a copy, has them fed again from the beginning.

    Examples
    --------
    >>> import learning_debt as ld
    >>> str(ld.policies.RiverDetector("PageHinkley", 2.0))
    'PageHinkley(2)'
    """

    detector: str
    setting: PerLane
    stream: str = ""
    scale: PerLane = 1.0

    def __post_init__(self) -> None:
        kind = DETECTORS[require_choice("detector", self.detector, sorted(DETECTORS))]
        taken = ("worse", "clearly_worse") if kind.binary else ("score_gap", "deployed_score")
        if not (isinstance(self.stream, str) and self.stream == ""):
            require_choice(f"stream of {self.detector}", self.stream, taken)
        self._require("setting", above=0, at_most=1 if kind.probability else np.inf)
        self._require("scale", above=0)
        if not self.stream:
            object.__setattr__(self, "stream", taken[0])
        _river_class(kind)

    @property
    def requires(self) -> tuple[str, ...]:  # type: ignore[override]
        """The signal behind its stream."""
        return (STREAMS[self.stream][0],)

    @override
    def init(self, lanes: int) -> Any:
        return np.empty((lanes, 0))

    @override
    def step(self, state: Any, signals: Signals) -> Step:
        fresh = signals.spell_age == 1
        value = STREAMS[self.stream][1](signals, self.scale)
        detectors = self._fed_with(state, fresh)
        for detector, number in zip(detectors, value.tolist(), strict=True):
            _feed(detector, (number,))
        kept = np.where(fresh[:, None], np.nan, state)
        stream = np.column_stack([kept[:, ~_nothing_yet(kept)], value]).view(_Stream)
        stream.setflags(write=False)
        stream.fed = self, detectors
        return stream, np.array([detector.drift_detected for detector in detectors], dtype=bool)

    def _fed_with(self, state: Any, fresh: NDArray[np.bool_]) -> list[Any]:
        """A detector a lane that has seen the lane's values in `state`, or nothing where the lane is fresh."""
        setting = np.broadcast_to(self.setting, fresh.shape).tolist()
        kind = DETECTORS[self.detector]
        make, fixed = _river_class(kind), kind.fixed
        owner, detectors = getattr(state, "fed", None) or (None, [])
        if owner is self:
            state.fed = None
            for lane in np.flatnonzero(fresh).tolist():
                detectors[lane] = make(**{kind.tuned: setting[lane]}, **fixed)
            return detectors
        detectors = [make(**{kind.tuned: number}, **fixed) for number in setting]
        for lane in np.flatnonzero(~fresh).tolist():
            _feed(detectors[lane], state[lane].tolist())
        return detectors

    def __str__(self) -> str:
        above = f", gaps above {briefly(self.scale)}" if self.stream == "clearly_worse" else ""
        usual = "worse" if DETECTORS[self.detector].binary else "score_gap"
        stream = f", {self.stream}" if self.stream not in (usual, "clearly_worse") else ""
        unit = f", scale {briefly(self.scale)}" if not above and np.any(np.asarray(self.scale) != 1.0) else ""
        return f"{self.detector}({briefly(self.setting)}{stream}{above}{unit})"


class _Stream(np.ndarray):
    """A read-only stream, and the detectors that have seen just that until somebody steps on from it."""

    fed: tuple[RiverDetector, list[Any]] | None = None


def _nothing_yet(stream: Array) -> NDArray[np.bool_]:
    """Columns before the first value of any lane."""
    return ~np.logical_or.accumulate(~np.isnan(stream).all(axis=0))


def _feed(detector: Any, values: Iterable[float]) -> None:
    """Show values up to the alarm; a NaN is nothing seen."""
    for value in values:
        if value == value and not detector.drift_detected:
            detector.update(value)


def _river_class(kind: _Kind) -> Any:
    try:
        from river import drift
    except ImportError as error:
        raise ImportError(
            "RiverDetector needs the river library (this package's extra 'detectors'): pip install 'river>=0.25'"
        ) from error
    return getattr(drift.binary if kind.binary else drift, kind.class_name)
