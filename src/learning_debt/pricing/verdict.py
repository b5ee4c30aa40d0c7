"""A decision about one series, as it is handed out: the verdict with all that it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from learning_debt.data import label_text
from learning_debt.doubt import Doubt
from learning_debt.estimate import Estimate
from learning_debt.policies.base import Policy
from learning_debt.representations import UNWRAPPED, Sentence, as_html, as_text, verdict_part

UNKNOWN = Estimate(float("nan"), 0.0, reliable=False)
NUMBERS = ("probability", "support", "believed_regret", "break_even_cost", "cost")


@dataclass(frozen=True)
class Decision:
    """What to do now, and why.

    Attributes
    ----------
    verdict : {"retrain", "wait", "cannot tell"}
        *Cannot tell* bills as waiting; it is given only when the policy's verdict changes within the interval of
        its signals, or when the shadow or what is deployed cannot be believed: the sampler's diagnostics failed, or
        those of the weights of its draws.
    reason : str
        One sentence.
    policy : Policy
        Who decided.
    label, deployed_label : object
        Today's period, and the period after which what now serves was trained.
    spell_age : int
        Periods it has served.
    horizon : int
        Periods a retrain is expected to serve.
    expected_regret : Estimate
        What a retrain today is expected to avoid over the horizon, in `unit`: the sum of R(s, t + k) - R(t, t + k) for
        k = 1..h, signed. R(t, t + k) is there because what is trained today ages as well; the current shadow drops out
        of the difference. It starts from `believed_regret` and is corrected by what earlier retrains of this history
        would have avoided. The standard error is that of the expectation, Monte-Carlo error included.
    probability : float
        That what a retrain today avoids over the horizon exceeds the cost: a Student-t around `expected_regret`, as
        wide as earlier forecasts of this history were off. Above one half where `expected_regret` exceeds the cost.
    believed_regret : float
        What the shadow alone expects to avoid, if it is right and nothing moves: predictive debt x horizon x exposure.
        NaN where the table holds no predictive debt.
    realised_regret : Estimate
        What the present spell has cost so far, signed, against the shadow of every period; with its Monte-Carlo error.
    conflict : str
        Why the policy says otherwise than `probability`, where it does; else empty.
    support : float
        How much of the policy's weight is behind what it says, .5 to 1; NaN for a policy that weighs nothing.
    break_even_cost : float
        Cost of a retrain today, proportional parts included, at which the policy's verdict flips; NaN if it does at
        none. A policy that refits is asked with what it has learned at today's cost: at another cost it would have
        weighed its history otherwise, and asked anew its verdict may flip elsewhere.
    cost : float
        Of a retrain today, proportional parts included.
    unit : str
    doubts : tuple of Doubt
        Why it cannot tell, and what the table doubts about the signals that the policy reads; empty where nothing is.
    """

    verdict: str
    reason: str
    policy: Policy
    label: Any
    deployed_label: Any
    spell_age: int
    horizon: int
    expected_regret: Estimate
    probability: float
    break_even_cost: float
    cost: float
    unit: str
    doubts: tuple[Doubt, ...] = ()
    believed_regret: float = float("nan")
    realised_regret: Estimate = UNKNOWN
    conflict: str = ""
    support: float = float("nan")

    def as_dict(self) -> dict[str, Any]:
        """What it says, in types that JSON holds; numbers that are not known are None.

        Examples
        --------
        >>> import json, xarray as xr, learning_debt as ld
        >>> spells = xr.Dataset({"score_gap": (("deployed_at", "period"), [[0.0, 0.3], [np.nan, 0.0]])})
        >>> said = ld.decide(spells, ld.policies.CUSUM(0.2), 0.1, horizon=10).as_dict()
        >>> json.loads(json.dumps(said))["realised_regret"]
        {'value': 0.3, 'standard_error': 0.0, 'reliable': True}
        """
        said: dict[str, Any] = {name: getattr(self, name) for name in ("verdict", "reason", "conflict", "unit")}
        said |= {"policy": str(self.policy), "spell_age": self.spell_age, "horizon": self.horizon}
        said |= {name: label_text(getattr(self, name)) for name in ("label", "deployed_label")}
        said |= {name: _or_none(getattr(self, name)) for name in NUMBERS}
        for name in ("expected_regret", "realised_regret"):
            one = getattr(self, name)
            values = {key: _or_none(getattr(one, key)) for key in ("value", "standard_error")}
            said[name] = values | {"reliable": one.reliable}
        return said | {"doubts": [doubt.name.lower() for doubt in self.doubts]}

    def __str__(self) -> str:
        return as_text([self._part()], UNWRAPPED)

    def _repr_html_(self) -> str:
        return as_html([self._part()])

    def _part(self) -> Sentence:
        return verdict_part(label_text(self.label), self.verdict, self.reason)


def _or_none(number: float) -> float | None:
    return float(number) if np.isfinite(number) else None
