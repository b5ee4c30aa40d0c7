"""The continuation value that the reference study taught."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from json import loads
from typing import NamedTuple

from learning_debt.policies.models.continuation import ContinuationModel

STUDY_FILE = "study_continuation.json"


class StudyContinuation(NamedTuple):
    """What the study taught, and the typical bad period it taught it with.

    Attributes
    ----------
    model : ContinuationModel
    score_unit : float
        Upper quartile of positive regret in the study's calibration, nats.
    """

    model: ContinuationModel
    score_unit: float


@lru_cache(maxsize=1)
def study_continuation() -> StudyContinuation:
    """The model that comes with the library; ``benchmarks/carried_continuation.py`` makes its file anew."""
    kept = loads(files("learning_debt.policies.models").joinpath(STUDY_FILE).read_text("utf-8"))["content"]["mapping"]
    fields = kept["model"]["fields"]
    values = {name: value["tuple"] if isinstance(value, dict) else value for name, value in fields.items()}
    return StudyContinuation(ContinuationModel(**values), kept["score_unit"])
