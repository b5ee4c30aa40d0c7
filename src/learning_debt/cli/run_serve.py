"""``learning-debt serve``: which candidate serves next, and what each strategy would have scored."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from learning_debt import serving
from learning_debt.cli.answers import Answers
from learning_debt.cli.history_file import read_history
from learning_debt.representations import Part, Sentence
from learning_debt.serving.score_tables import as_score_table
from learning_debt.validation import require_choice

SCHEMA = "learning-debt/serving/1"
"""Its number grows when a key goes or changes its meaning, not when one is added."""
ALWAYS_SCORED, SOMETIMES_SCORED, SERVED_SCORED = "follow the leader", "follow the leader, discount", "epsilon-greedy"
"""What chooses unless told otherwise: where all candidates are scored on every batch, where some came or went, and
where only what served is."""
FEWEST = 5


def run_serve(
    table: Path, *, strategy: str | None, not_scored: bool, initial: int | None, seed: int, as_json: bool
) -> None:
    """Read a table of scores, say which candidate serves next, and what strategies would have scored.

    Raises
    ------
    FileNotFoundError, TypeError, ValueError
    """
    answers = Answers(SCHEMA, "serve", as_json)
    scores = read_history(table, "TABLE")
    checked = as_score_table(scores, "TABLE")
    if len(np.unique(checked.scores[~np.isnan(checked.scores)])) < 2:
        raise ValueError(f"TABLE: all scores in {table} are the same; there is nothing to choose by")
    known = serving.standard_strategies(checked.scores)
    some_missing = bool(np.isnan(checked.scores).any())
    name = strategy or (SERVED_SCORED if not_scored else SOMETIMES_SCORED if some_missing else ALWAYS_SCORED)
    require_choice("--strategy", name, list(known))
    found = serving.choose_next(
        scores, known[name], missing="not scored" if not_scored else "cannot serve", random_seed=seed
    )
    evaluation = None
    if not not_scored and len(checked.batches) >= FEWEST:
        evaluation = serving.evaluate(scores, initial=initial, random_seed=seed)
    data = {
        "table": table.name,
        "batches": len(checked.batches),
        "next": {"candidate": found.candidate, "strategy": name, "chances": found.chances},
        "evaluation": None if evaluation is None else evaluation.as_dict(),
    }
    answers.give(data, _shown(found, name, evaluation))


def _shown(found: serving.NextCandidate, name: str, evaluation: serving.ServingEvaluation | None) -> list[str | Part]:
    chance = found.chances[found.candidate]
    often = "" if chance > 0.999 else f", which it does in {chance:.0%} of its draws"
    parts: list[str | Part] = [Sentence(f"chosen by {name}{often}.", lead=f"{found.candidate} serves next:")]
    if evaluation is None:
        return [
            *parts,
            Sentence("What strategies would have scored takes scores of all candidates."),
        ]
    return [*parts, Sentence(""), *evaluation.parts()]
