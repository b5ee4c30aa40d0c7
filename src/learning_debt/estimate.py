"""An estimate with its Monte-Carlo error, and whether it can be trusted."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import isinf, isnan
from statistics import NormalDist

from learning_debt.doubt import Doubt
from learning_debt.representations import Sentence, as_html, plain_number
from learning_debt.validation import (
    require_flag,
    require_instance,
    require_number,
    require_probability,
    require_sequence,
)


@dataclass(frozen=True)
class Estimate:
    """A quantity with its Monte-Carlo error.

    Attributes
    ----------
    value : float
        In nats unless stated.
    standard_error : float
        Monte-Carlo standard error; 0 for an exact value.
    reliable : bool
        False when `value` or `standard_error` should not be used for a decision. With a doubt that disqualifies it is
        False, whatever was given.
    lower_bound : bool
        True when the truth is known only to be at least about `value`.
    diagnostics : dict of str to float
        What `reliable` was judged on.
    note : str
        For the reader: the sentences of the doubts; where there are none, what was given, such as the method.
    doubts : tuple of Doubt
        What speaks against the estimate, the first one first.
    detail : str
        Words that a doubt's sentence cites beside the diagnostics, such as a model's own refusal.

    Examples
    --------
    >>> Estimate(0.5, 0.1).interval(0.9)[0].__round__(3)
    0.336
    >>> print(Estimate(0.5, 0.1, diagnostics={"effective_draws": 63.2}, doubts=(Doubt.FEW_DRAWS,)))
    0.5 ± 0.1 (not reliable: only 63 effective draws: draw more)
    """

    value: float
    standard_error: float
    reliable: bool = True
    lower_bound: bool = False
    diagnostics: dict[str, float] = field(default_factory=dict)
    note: str = ""
    doubts: tuple[Doubt, ...] = ()
    detail: str = ""

    def __post_init__(self) -> None:
        for name in ("value", "standard_error"):
            object.__setattr__(self, name, require_number(name, getattr(self, name), finite=False))
        if self.standard_error < 0:
            raise ValueError(f"standard_error must not be negative, not {self.standard_error:g}")
        for name in ("reliable", "lower_bound"):
            object.__setattr__(self, name, require_flag(name, getattr(self, name)))
        require_instance("diagnostics", self.diagnostics, dict, "a dict of names to numbers")
        for name in ("note", "detail"):
            require_instance(name, getattr(self, name), str, "a sentence, or empty text")
        doubts = require_sequence("doubts", self.doubts, "members of ld.Doubt")
        for place, doubt in enumerate(doubts):
            require_instance(f"doubts[{place}]", doubt, Doubt, "a member of ld.Doubt")
        object.__setattr__(self, "doubts", tuple(doubts))
        if doubts:
            object.__setattr__(self, "reliable", self.reliable and not any(one.disqualifies for one in doubts))
            object.__setattr__(self, "note", "; ".join(one.text(self.diagnostics, self.detail) for one in doubts))

    def with_doubts(self, *doubts: Doubt) -> Estimate:
        """The same estimate with these doubts beside its own."""
        return replace(self, doubts=tuple(dict.fromkeys((*self.doubts, *doubts)))) if doubts else self

    def interval(self, probability: float = 0.9) -> tuple[float, float]:
        """Normal interval for the estimated quantity that accounts for Monte-Carlo error only."""
        require_probability("probability", probability)
        half = NormalDist().inv_cdf((1 + probability) / 2) * self.standard_error
        upper = float("inf") if self.lower_bound else self.value + half
        return self.value - half, upper

    @property
    def indistinguishable_from_zero(self) -> bool:
        """Whether the value lies within two of its own standard errors of zero."""
        return self.standard_error > 0 and abs(self.value) <= 2 * self.standard_error

    def __str__(self) -> str:
        sign = ">= " if self.lower_bound and not isinf(self.value) else ""
        error = "" if isnan(self.standard_error) else f" ± {plain_number(self.standard_error, 2)}"
        verdict = "not reliable" if not self.reliable else "a lower bound" if self.lower_bound else ""
        doubt = ": ".join(part for part in (verdict, self.note) if part and (verdict or self.doubts))
        return f"{sign}{plain_number(self.value, 4)}{error}" + (f" ({doubt})" if doubt else "")

    def _repr_html_(self) -> str:
        value, *doubts = str(self).split(" (", 1)
        return as_html([Sentence("".join(f"({doubt}" for doubt in doubts), lead=value)])
