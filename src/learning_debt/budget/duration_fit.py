"""The law of durations that were seen: the likeliest of a few, and whether residual life falls or rises with age."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from learning_debt.arrays.evidence.akaike import corrected_aic
from learning_debt.arrays.lifetimes.censored_fits import (
    exponential_mean,
    hyperexponential_parameters,
    weibull_parameters,
)
from learning_debt.budget.durations import (
    Duration,
    ExponentialDuration,
    HyperexponentialDuration,
    WeibullDuration,
    require_duration,
)
from learning_debt.budget.empirical_duration import checked_durations
from learning_debt.representations import Column, Part, Sentence, Table, aligned, as_html, as_text, plain_number
from learning_debt.typing import Array
from learning_debt.validation import (
    require_instance,
    require_names,
    require_probability,
    require_seed,
    require_whole_number,
)


def _exponential(durations: Array, observed: NDArray[np.bool_]) -> Duration:
    return ExponentialDuration(1 / exponential_mean(durations, observed))


def _weibull(durations: Array, observed: NDArray[np.bool_]) -> Duration:
    shape, scale = weibull_parameters(durations, observed)
    return WeibullDuration(max(float(shape), 0.05), float(scale))


def _hyperexponential(durations: Array, observed: NDArray[np.bool_]) -> Duration:
    weights, rates = hyperexponential_parameters(durations, observed)
    return HyperexponentialDuration(tuple(weights.tolist()), tuple(rates.tolist()))


FAMILIES: dict[str, tuple[int, Callable[[Array, NDArray[np.bool_]], Duration]]] = {
    "exponential": (1, _exponential),
    "weibull": (2, _weibull),
    "hyperexponential": (3, _hyperexponential),
}
"""How many parameters a law has, and the likeliest of its kind."""
TRENDS = {
    "decreasing": "The older a concept, the sooner it ends: its mean residual life falls with age",
    "increasing": "The older a concept, the longer it still lasts: its mean residual life rises with age",
    "cannot be told": "Whether old concepts end sooner or later than young ones cannot be told",
}


@dataclass(frozen=True)
class DurationFit:
    """Result of `fit_durations`.

    Attributes
    ----------
    duration : Duration
        The law that was chosen.
    family : str
    candidates : dict of str to Duration
        The likeliest law of each family.
    log_likelihood, aic : dict of str to float
        Of each; the criterion is Akaike's with the correction for few durations (Hurvich & Tsai 1989), lower is better.
    residual_life_trend : {"decreasing", "increasing", "cannot be told"}
        By the interval of the shape: all of it above 1, all below, or neither.
    shape, shape_low, shape_high : float
        Of the likeliest Weibull law, with its interval.
    probability : float
        Of the interval.
    durations, observed : ndarray, shape (concepts,)
    """

    duration: Duration
    family: str
    candidates: dict[str, Duration]
    log_likelihood: dict[str, float]
    aic: dict[str, float]
    residual_life_trend: str
    shape: float
    shape_low: float
    shape_high: float
    probability: float
    durations: Array
    observed: NDArray[np.bool_]

    def sentence(self) -> str:
        """What the durations say about ageing."""
        interval = f"{self.probability:.0%} interval {plain_number(self.shape_low)} to {plain_number(self.shape_high)}"
        concepts = f"{self.durations.size} concepts"
        return (
            f"{TRENDS[self.residual_life_trend]} (shape of a Weibull law {plain_number(self.shape)}, {interval}, from "
            f"{concepts})."
        )

    def to_dataframe(self) -> pd.DataFrame:
        """A row a family: ``mean`` in periods, ``log_likelihood``, ``aic``, ``chosen`` and the ``law`` in words."""
        rows = {
            name: (law.mean, self.log_likelihood[name], self.aic[name], name == self.family, str(law))
            for name, law in self.candidates.items()
        }
        columns = ["mean", "log_likelihood", "aic", "chosen", "law"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("family")

    def as_dict(self) -> dict[str, Any]:
        """What it says, in types that JSON holds."""
        return {
            "family": self.family,
            "law": str(self.duration),
            "mean": self.duration.mean,
            "residual_life_trend": self.residual_life_trend,
            "shape": self.shape,
            "shape_low": self.shape_low,
            "shape_high": self.shape_high,
            "probability": self.probability,
            "concepts": int(self.durations.size),
            "running": int((~self.observed).sum()),
            "aic": dict(self.aic),
        }

    def parts(self) -> list[Part]:
        """What it says, in the parts that its text and its HTML are made from."""
        frame = self.to_dataframe()
        columns = [
            Column("mean", aligned(frame["mean"])),
            Column("log likelihood", aligned(frame["log_likelihood"]), 2),
            Column("AIC", aligned(frame["aic"]), 1),
        ]
        running = int((~self.observed).sum())
        still = f"; {running} still running" if running else ""
        table = Table(
            f"durations of {self.durations.size} concepts, in periods{still}",
            Column("law", list(frame.index)),
            columns,
            "to_dataframe() has them",
        )
        return [Sentence(f"{self.duration}.", lead="Concepts last:"), Sentence(self.sentence()), table]

    def __str__(self) -> str:
        return as_text(self.parts())

    def __repr__(self) -> str:
        return f"<DurationFit of {self.durations.size} concepts: {self.duration}; {self.residual_life_trend}>"

    def _repr_html_(self) -> str:
        return as_html(self.parts())


def fit_durations(
    durations: Any,
    observed: Any = None,
    *,
    families: tuple[str, ...] | list[str] = tuple(FAMILIES),
    probability: float = 0.9,
    resamples: int = 1000,
    random_seed: int | None = 0,
) -> DurationFit:
    """The likeliest law of durations, and whether concepts end sooner or later the older they are.

    Parameters
    ----------
    durations : sequence of float
        Periods, above 0; at least two concepts that had ended. Counts of whole periods should be of several periods:
        nothing is known of what happens within one.
    observed : sequence of bool, optional
        False of a concept that had not ended, such as the running one. All had unless told.
    families : sequence of {"exponential", "weibull", "hyperexponential"}
        Laws to choose from, by Akaike's criterion.
    probability : float
        Of the interval of the shape.
    resamples : int
    random_seed : int, optional

    Returns
    -------
    DurationFit

    Raises
    ------
    TypeError, ValueError
        Naming what is wrong with the durations.

    See Also
    --------
    concept_durations : Durations from a spell table.
    EmpiricalDuration : The durations as they were seen, without a law.

    Notes
    -----
    A Weibull law has a mean residual life that falls with age at shapes above 1, and one that rises below. The interval
    of its shape k rests on the ratio of the likeliest shape to the true one, of which the distribution does not depend
    on the truth where all durations had ended (Thoman, Bain & Antle 1969): from k / q to k / p, with p and q the
    quantiles of that ratio among samples drawn from the likeliest law. A duration that had not ended is cut where it
    was. Of 1,000 histories each with about 8, 15 and 40 exponential durations, the last of them cut where the
    history ends, 90% intervals held 1 in 87%, 89% and 90%.

    Weibull and exponential laws with durations cut to the right are what ``scipy.stats`` fits, too; here they take no
    search, so that they can be fitted thousands of times. The product-limit survival is ``scipy.stats.ecdf``.

    References
    ----------
    Thoman, Bain & Antle, *Inferences on the parameters of the Weibull distribution*, Technometrics 11 (1969), 445-460.

    Examples
    --------
    >>> fit = fit_durations([14, 9, 22, 17, 11, 19, 6], [True] * 6 + [False])
    >>> fit.family, round(fit.duration.mean, 1), fit.residual_life_trend
    ('weibull', 15.4, 'decreasing')
    """
    values, ended = checked_durations(durations, observed)
    names = require_names("families", families, tuple(FAMILIES))
    if not names:
        raise ValueError(f"families must name at least one of {', '.join(FAMILIES)}")
    require_probability("probability", probability)
    require_whole_number("resamples", resamples, at_least=10)
    require_seed("random_seed", random_seed)
    candidates, likelihood, aic = _compared(values, ended, names)
    chosen = min(names, key=lambda name: aic[name])
    shape, low, high = _shape_interval(values, ended, probability, resamples, random_seed)
    trend = "decreasing" if low > 1 else "increasing" if high < 1 else "cannot be told"
    return DurationFit(
        candidates[chosen], chosen, candidates, likelihood, aic, trend, shape, low, high, probability, values, ended
    )


def log_likelihood(law: Duration, durations: Array, observed: NDArray[np.bool_]) -> float:
    """Of a law: log hazard of every end, and log survival of every duration."""
    with np.errstate(divide="ignore"):
        return float(np.log(law.hazard(durations))[observed].sum() + np.log(law.survival(durations)).sum())


def likeliest(durations: Array, observed: NDArray[np.bool_], families: tuple[str, ...]) -> Duration:
    """The law that `fit_durations` chooses, of checked durations."""
    laws, _, aic = _compared(durations, observed, families)
    return laws[min(families, key=lambda name: aic[name])]


def _compared(
    durations: Array, observed: NDArray[np.bool_], families: tuple[str, ...]
) -> tuple[dict[str, Duration], dict[str, float], dict[str, float]]:
    """The likeliest law of each family, its log likelihood and its criterion."""
    laws = {name: FAMILIES[name][1](durations, observed) for name in families}
    likelihood = {name: log_likelihood(law, durations, observed) for name, law in laws.items()}
    ended = int(observed.sum())
    return laws, likelihood, {name: corrected_aic(-2 * of, FAMILIES[name][0], ended) for name, of in likelihood.items()}


def as_duration(name: str, value: Any) -> tuple[Duration, DurationFit | None]:
    """A law, and the fit it comes from if it comes from one.

    Raises
    ------
    TypeError
    """
    remedy = "how long concepts last: ExponentialDuration(rate), another law, or what fit_durations returns"
    if isinstance(value, DurationFit):
        return require_duration(name, value.duration), value
    return require_duration(name, require_instance(name, value, Duration, remedy)), None


def redrawn(law: Duration, durations: Array, observed: NDArray[np.bool_], number: int, seed: int | None) -> Array:
    """Samples of a law, shape (number, n), each cut where the durations that had not ended were."""
    drawn = law.draw(number * durations.size, random_seed=seed).reshape(number, durations.size)
    drawn = np.maximum(drawn, np.finfo(float).tiny)
    return np.where(observed, drawn, np.minimum(drawn, durations))


def _shape_interval(
    durations: Array, observed: NDArray[np.bool_], probability: float, resamples: int, seed: int | None
) -> tuple[float, float, float]:
    """Likeliest shape of a Weibull law, and its interval."""
    law = _weibull(durations, observed)
    assert isinstance(law, WeibullDuration)
    again, _ = weibull_parameters(redrawn(law, durations, observed, resamples, seed), observed)
    ratios = np.quantile(again / law.shape, [(1 - probability) / 2, (1 + probability) / 2])
    return law.shape, float(law.shape / ratios[1]), float(law.shape / ratios[0])
