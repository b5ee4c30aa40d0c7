"""Learn the continuation value that the bench carries over from the reference study to real histories.

It is what repetition 3 of the study learns under signed accounting for costs in units of the upper quartile of positive
regret. Minutes; the file is what ``learning_debt.bench`` ships:

    python benchmarks/carried_continuation.py src/learning_debt/bench/study_continuation.json
"""

import sys
from dataclasses import replace
from typing import Any

from learning_debt.policies import save
from learning_debt.policies.models import SCORE_UNITS
from learning_debt_study.candidate_policies import OURS
from learning_debt_study.experiment import run_pass
from learning_debt_study.scenarios import PAPER

REPETITION, SCORE_UNIT = 3, "q75"


def learn() -> dict[str, Any]:
    """Only calibration and tuning paths teach it: one test path a cell is as good as many."""
    learned = run_pass(
        replace(PAPER, test_paths=1),
        accounting="signed",
        repetition=REPETITION,
        policies={"continuation_value": OURS["continuation_value"]},
        progress=print,
    ).calibration
    model = learned.continuation[SCORE_UNITS.index(SCORE_UNIT)]
    return {"model": model, "score_unit": learned.score_units[SCORE_UNIT]}


if __name__ == "__main__":
    save(sys.argv[1], learn())
