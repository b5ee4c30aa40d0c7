"""Grids of other people's policies, to be tuned like any other."""

from __future__ import annotations

from collections.abc import Collection
from itertools import product
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from learning_debt.policies import (
    Calendar,
    Changepoint,
    CumulativeStaleness,
    ParetoKThreshold,
    Policy,
    RiverDetector,
    StalenessThreshold,
)
from learning_debt.spells.checks import first_billed, learns_late
from learning_debt.spells.schema import DEPLOYED_SCORE
from learning_debt.validation import require_flag, require_instance, require_names, require_number, require_numbers

__all__ = ["RIVER_SETTINGS", "rival_policies", "rivals", "typical_size"]

CONFIDENCES = (1e-3, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0)


class _Row(NamedTuple):
    """A detector of river, what it watches, its units in typical gaps, and its settings: each is tried in each unit."""

    detector: str
    stream: str
    units: tuple[float, ...]
    settings: tuple[float, ...]


RIVER_SETTINGS = {
    "ADWIN": _Row("ADWIN", "score_gap", (0.7,), (1e-6, 1e-4, 1e-3, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0)),
    "Page-Hinkley": _Row(
        "PageHinkley", "score_gap", (4.0,), (0.03, 0.06, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
    ),
    "KSWIN": _Row("KSWIN", "score_gap", (1.0,), (0.03, 0.25, 0.8, 1.0)),
    "DDM": _Row("DDM", "clearly_worse", (0.1, 10.0), (0.5, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 6.0)),
    "EDDM": _Row("EDDM", "clearly_worse", (0.1, 10.0), (0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.99, 1.0)),
    "HDDM-A": _Row("HDDM_A", "clearly_worse", (0.1, 10.0), CONFIDENCES),
    "HDDM-W": _Row("HDDM_W", "clearly_worse", (0.1, 10.0), CONFIDENCES),
}
"""Rows of river's detectors. KSWIN's test on four values against four has no more than these four verdicts. Units and
streams are chosen as the fixed options are (`policies.river_detector.DETECTORS`). The detectors of 0 and 1 watch for a
gap above a tenth of a typical one, or above ten: which one is better depends on how noisy gaps are."""
CHANGEPOINT_UNIT = 2.0
"""In typical gaps."""
CHANGEPOINT_HAZARD = 0.1
CHANGEPOINT_RECENT = 3
"""A change counts while it is at most this many periods old."""
CHANGEPOINT_THRESHOLDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.99)
STALENESS_QUANTILES = (0.05, 0.25, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.975, 0.99)
CUMULATIVE_MULTIPLES = (1.0, 2.0, 3.0, 5.0, 8.0, 10.0, 15.0, 20.0, 30.0, 40.0, 60.0, 80.0)
"""Cara's cumulative thresholds, in mean staleness of a period."""
TYPICAL_AGE = 25
"""Periods of a spell whose gaps say what a typical one is."""
PERIODIC_INTERVALS = (1, 2, 3, 5, 10, 20, 40, 80)
PERIODIC_SHIFTS = (0.0, 0.5)
"""Offsets of the periodic schedules, as shares of their interval."""
PARETO_K_THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.25)


def rivals(
    staleness: ArrayLike | None = None,
    *,
    typical_gap: float = 1.0,
    signals: Collection[str] = ("score_gap", "deployed_score"),
    river: bool = True,
) -> dict[str, list[Policy]]:
    """Candidates of every rival policy that `signals` allow, by the name of its row.

    The detectors of river, Bayesian online changepoint detection, the three of Cara (by threshold, by cumulative
    threshold, periodic), and the refit rule of leave-future-out cross-validation.

    Parameters
    ----------
    staleness : array_like, optional
        Values of minus the deployed score seen in calibration, any shape; NaN is left out. Cara's thresholds are
        their quantiles, its cumulative ones multiples of their mean size, and both run to infinity on either side.
        Without it there is only Cara's periodic policy.
    typical_gap : float
        Size of a usual score gap, as `typical_size` gives it for spells of usual lengths: the unit of what detectors
        watch.
    signals : collection of str
        What the table holds.
    river : bool
        False to do without the detectors of river, the extra ``detectors``.

    Raises
    ------
    ImportError
        If detectors of river are asked for and it is not there.
    ValueError
        If `staleness` holds no finite value.

    Examples
    --------
    >>> sorted(rivals([1.2, 1.5, 3.0], river=False))
    ['Cara CT', 'Cara P', 'Cara T', 'changepoint']
    >>> [str(policy) for policy in rivals(signals=["deployed_pareto_k"])["Pareto k"][:2]]
    ['ParetoKThreshold(0.2)', 'ParetoKThreshold(0.3)']
    """
    require_number("typical_gap", typical_gap, above=0)
    signals = require_names("signals", signals)
    require_flag("river", river)
    seen = None if staleness is None else require_numbers("staleness", staleness, finite=False)
    grids: dict[str, list[Policy]] = {}
    if "score_gap" in signals and river:
        for name, (detector, stream, units, settings) in RIVER_SETTINGS.items():
            tried = product(units, settings)
            grids[name] = [RiverDetector(detector, setting, stream, unit * typical_gap) for unit, setting in tried]
    if "score_gap" in signals:
        grids["changepoint"] = [
            Changepoint(CHANGEPOINT_HAZARD, CHANGEPOINT_RECENT, threshold, CHANGEPOINT_UNIT * typical_gap)
            for threshold in CHANGEPOINT_THRESHOLDS
        ]
    if seen is not None and not np.isfinite(seen).any():
        raise ValueError("staleness must hold the values seen in calibration; none of these is finite")
    if "deployed_score" in signals and seen is not None:
        grids |= _cara(seen)
    grids["Cara P"] = [
        Calendar(interval, offset)
        for interval in PERIODIC_INTERVALS
        for offset in sorted({int(shift * interval) for shift in PERIODIC_SHIFTS})
    ]
    if "deployed_pareto_k" in signals:
        grids["Pareto k"] = [ParetoKThreshold(threshold) for threshold in PARETO_K_THRESHOLDS]
    return grids


def rival_policies(spells: xr.Dataset, *, split: float = 0.6, river: bool = True) -> dict[str, list[Policy]]:
    """Candidates of every rival policy that a spell table allows; hand them to `audit` as its `policies`.

    Detectors of river are not vectorised, and two of them, KSWIN and HDDM, take seconds from a hundred starts of a
    history: ``audit(..., starts=10)`` spares them walks.

    Parameters
    ----------
    spells : Dataset
        From `spell_table` or your own. Cara's thresholds need ``deployed_score`` in it, and outcomes that come in with
        their period; the refit rule needs ``deployed_pareto_k``: ask `spell_table` for it by `variables`.
    split : float
        Share of the periods that grids may be scaled on: that of the audit.
    river : bool
        False to do without the detectors of river, the extra ``detectors``.

    Raises
    ------
    ImportError
        If detectors of river are asked for and it is not there.
    ValueError
        If `split` does not lie between 0 and 1, or leaves no period.

    See Also
    --------
    audit : Tunes them beside the standard policies.

    Examples
    --------
    >>> import learning_debt as ld
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=40)
    >>> history = {"x": x, "y": 2 * x + rng.normal(size=40), "period": np.arange(40)}
    >>> forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    >>> spells = ld.spell_table(forecaster, history, initial=10, progressbar=False)
    >>> result = ld.audit(spells, cost=0.1, policies=rival_policies(spells, river=False))
    >>> "Cara T" in result.table["policy"]
    True
    """
    require_number("split", split, above=0, at_most=1)
    require_flag("river", river)
    require_instance("spells", spells, xr.Dataset, "a spell table, as spell_table returns it")
    if "period" not in spells.dims:
        raise ValueError(f"spells lack the dimension 'period'; they have {sorted(map(str, spells.dims))}")
    last = first_billed(spells.sizes["period"], split)
    if last < 1:
        raise ValueError(f"split must lie between 0 and 1 and leave a period to look at, not {split}")
    seen = spells.isel(deployed_at=slice(last), period=slice(last))
    age = np.arange(1, last + 1) - np.arange(last)[:, None]
    usual = (age >= 1) & (age <= TYPICAL_AGE)

    def cells(name: str) -> np.ndarray:
        return np.asarray(seen[name].transpose(..., "deployed_at", "period").values[..., usual])

    unseen = {DEPLOYED_SCORE} if learns_late(spells) else set()  # of forecasts whose outcomes come later
    signals = [str(name) for name in seen.data_vars if name not in unseen]
    return rivals(
        -cells(DEPLOYED_SCORE) if DEPLOYED_SCORE in signals else None,
        typical_gap=typical_size(cells("score_gap")) if "score_gap" in seen else 1.0,
        signals=signals,
        river=river,
    )


def typical_size(gaps: ArrayLike) -> float:
    """Median size of the gaps that are neither zero nor NaN; 1 where there are none.

    Examples
    --------
    >>> typical_size([0.0, -0.1, 0.2, 0.3])
    0.2
    """
    sizes = np.abs(np.asarray(gaps, dtype=float))
    sizes = sizes[np.isfinite(sizes) & (sizes > 0)]
    return float(np.median(sizes)) if sizes.size else 1.0


def _cara(staleness: np.ndarray) -> dict[str, list[Policy]]:
    values = staleness[np.isfinite(staleness)]
    inside = np.quantile(values, STALENESS_QUANTILES).tolist()
    sums = [multiple * float(np.abs(values).mean()) for multiple in CUMULATIVE_MULTIPLES]
    return {
        "Cara T": [StalenessThreshold(threshold) for threshold in (-np.inf, *inside, np.inf)],
        "Cara CT": [CumulativeStaleness(threshold) for threshold in (-np.inf, *sums, np.inf)],
    }
