"""What a diagnosis may find, and how it says so: each finding with the numbers that it rests on, and no others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

STALE, MISSING_DRIFT, WRONG_MODEL = "stale", "missing drift", "wrong model"
BAD_LUCK, MOVED, LEARNT = "bad luck", "moved", "learnt"
MORE = "more came than the shadow expected"
SPELL, FIRST_FIT = "spell", "first fit"
TOO_SHORT = "This spell is too short to be diagnosed; the first fit was judged instead, over the whole history."


class Told(NamedTuple):
    """What the sentence is made of.

    Attributes
    ----------
    findings, cause, log_e, of, log_forgetting
        As `Diagnosis` has them, `of` what the e-value is made of.
    wrong : tuple of str
        What is not as the model allows.
    known : bool
        Whether any outcome is.
    """

    findings: tuple[str, ...]
    cause: str
    log_e: float
    of: str
    log_forgetting: float
    wrong: tuple[str, ...]
    known: bool


def sentence(told: Told, judged: str) -> str:
    """The diagnosis in words, of what serves or of the first fit."""
    return _of_spell(told) if judged == SPELL else _of_first_fit(told)


def _of_spell(told: Told) -> str:
    if not told.known and not told.findings:
        return "No outcome of this spell is known yet."
    evidence = _evidence(told)
    forgets = f"a shadow that forgets forecasts better (e-value {_e_value(told.log_forgetting)})"
    why = {
        MOVED: " More came than it expected: the world has moved.",
        LEARNT: " That is no more than it expected of having seen more data: it has learnt, nothing need have moved.",
        "": "",
    }
    stale = f"What serves is stale: the shadow forecasts better{evidence}, and a retrain brings that.{why[told.cause]}"
    said = {
        (STALE,): stale,
        (STALE, MISSING_DRIFT): f"{stale} And {forgets}: change the update rule as well.",
        (MISSING_DRIFT,): (
            f"The update rule misses drift: {forgets}. A retrain under today's rule brings little{evidence}; change "
            "the rule."
        ),
        (WRONG_MODEL,): _wrong(told.wrong),
        (BAD_LUCK,): f"What this spell has cost is within what the shadow allows for: bad luck{evidence}.",
        (): f"This spell has cost nothing against the shadow, and nothing speaks against what serves{evidence}.",
    }
    return said[told.findings]


def _of_first_fit(told: Told) -> str:
    """What the first fit would say had it never been replaced: never that a forgetting shadow is better."""
    evidence = _evidence(told)
    why = {
        MOVED: " More came than it expected: the world has moved since.",
        LEARNT: " That is no more than the shadow expected of having seen more data: nothing need have moved.",
        "": "",
    }
    stale = f"That fit is stale: the shadow forecasts better{evidence}.{why[told.cause]}"
    said = {
        (STALE,): f"{stale} What serves now was fitted later.",
        (WRONG_MODEL,): _wrong(told.wrong),
        (BAD_LUCK,): f"What it would have cost is within what the shadow allows for: bad luck{evidence}.",
        (): f"It would have cost nothing against the shadow, and nothing speaks against it{evidence}.",
    }
    return f"{TOO_SHORT} {said[told.findings]}"


def _wrong(wrong: tuple[str, ...]) -> str:
    """Without the e-value of the shadow against what serves: it is no evidence of a wrong model."""
    if wrong == (MORE,):
        return (
            "More came than the shadow expected: too little yet to tell a world that moves from a model that is too "
            "sure of itself."
        )
    return (
        f"The model is at odds with the data: {' and '.join(wrong)}. A retrain of the same model does not mend that; "
        "look at its tails, variances and structure."
    )


def _evidence(told: Told) -> str:
    return f" (e-value of the shadow against it {_e_value(told.log_e)}, by {_named(told.of)})" if told.of else ""


def _named(of: str) -> str:
    return {"likelihood ratio": "their likelihood ratio", "signs": "which of them scores better"}[of]


def _e_value(log_e: float) -> str:
    """An e-value for the reader, as a power of ten where it is far from 1."""
    return f"{np.exp(log_e):.2g}" if abs(log_e) < np.log(1e4) else f"10^{log_e / np.log(10):.0f}"
