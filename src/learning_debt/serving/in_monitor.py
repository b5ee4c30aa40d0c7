"""A strategy at work in a monitor: it promotes the shadow, or rolls back to what has served before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from learning_debt.data import label_text, restored_labels
from learning_debt.monitor import MlflowRegistry, Monitor
from learning_debt.representations import plain_number
from learning_debt.serving.base import Seen, Strategy, require_strategy
from learning_debt.serving.serving_walk import require_available
from learning_debt.typing import Array
from learning_debt.validation import require_flag, require_instance, require_seed

KEEP, PROMOTE, ROLL_BACK = "keep", "promote", "roll back"


@dataclass(frozen=True)
class Choice:
    """What a strategy chose after a period; nothing has changed yet.

    Attributes
    ----------
    action : str
        ``"keep"`` what serves, ``"promote"`` the shadow, or ``"roll back"``.
    trained_after : object
        Label of the period after which what is to serve was trained.
    after : object
        Label of the last period that the choice knows.
    scores : dict of str to float
        Mean score of each candidate, per row and relative to the shadow before each period, over the periods in which
        all of them were kept; by the label after which it was trained, as text, the shadow last. NaN where there is no
        such period.
    reason : str
        One sentence, as the ledger gets it.
    """

    action: str
    trained_after: Any
    after: Any
    scores: dict[str, float]
    reason: str

    def __str__(self) -> str:
        return f"{self.action}: {self.reason}"


class _Standing(NamedTuple):
    """Candidates in the order in which they were trained, the shadow last, and what the ledger says of them."""

    labels: list[Any]
    scores: Array
    served: Array
    in_service: int
    last: Any


def next_served(monitor: Monitor, strategy: Strategy, *, random_seed: int | None = None) -> Choice:
    """Which of a monitor's posteriors serves from now on: what does, what has served before and is kept, or the shadow.

    All of them were scored in every period since they were made, so that the strategy sees all scores. They are the
    ledger's score gaps with the sign turned: what the candidate scored, per row, more than the shadow before the
    period. The shadow's are 0.

    Parameters
    ----------
    monitor : Monitor
        With at least one observed period.
    strategy : Strategy
        Its choice is made anew from the whole record; `Validation` reads the scores of the last period.
    random_seed : int, optional

    Returns
    -------
    Choice
        For `put_into_service`.

    Raises
    ------
    TypeError, ValueError

    Notes
    -----
    A strategy does not count what a change costs: that is what a policy does, and the monitor's own verdict.
    """
    require_instance("monitor", monitor, Monitor, "an ld.Monitor")
    require_strategy("strategy", strategy)
    rng = np.random.default_rng(require_seed("random_seed", random_seed))
    standing = _standing(monitor)
    scores = standing.scores[:, None, :]
    can = np.vstack([~np.isnan(standing.scores), np.ones(len(standing.labels), dtype=bool)])
    seen = Seen(scores, standing.served[:, None].astype(np.int64), can, standing.scores[-1])
    chosen = int(require_available(strategy, strategy.choose(seen, rng), seen)[0])
    shadow = len(standing.labels) - 1
    action = KEEP if chosen == standing.in_service else PROMOTE if chosen == shadow else ROLL_BACK
    return Choice(
        action, standing.labels[chosen], standing.last, _means(standing), _reason(strategy, standing, chosen, action)
    )


def put_into_service(
    monitor: Monitor, choice: Choice, *, force: bool = False, registry: MlflowRegistry | None = None
) -> dict[str, Any]:
    """Do what a strategy chose: redeploy or roll back, with the reason in the ledger; the status from then on.

    Parameters
    ----------
    monitor : Monitor
    choice : Choice
        From `next_served` of this monitor, after its last period. Where it keeps what serves, nothing is recorded.
    force : bool
        Whether to promote a shadow that does not pass the check of candidates, as in `Monitor.redeploy`.
    registry : MlflowRegistry, optional
        As in `Monitor.redeploy`.

    Raises
    ------
    CandidateRefusedError
        If the shadow does not pass; nothing has changed then.
    ValueError
        If the monitor has gone on since the choice was made.
    """
    require_instance("monitor", monitor, Monitor, "an ld.Monitor")
    require_instance("choice", choice, Choice, "what ld.serving.next_served returned")
    require_flag("force", force)
    if registry is not None:
        require_instance("registry", registry, MlflowRegistry, "an MlflowRegistry, or left out")
    last = monitor.status()["last_label"]
    if label_text(choice.after) != label_text(last):
        raise ValueError(
            f"choice was made after period {label_text(choice.after)}, and the monitor has gone on to "
            f"{label_text(last)}: choose again"
        )
    if choice.action == PROMOTE:
        return monitor.redeploy(reason=choice.reason, force=force, registry=registry)
    if choice.action == ROLL_BACK:
        return monitor.rollback(choice.trained_after, reason=choice.reason, registry=registry)
    return monitor.status()


def _standing(monitor: Monitor) -> _Standing:
    gaps, status = monitor.score_gaps(), monitor.status()
    if gaps.sizes["period"] == 0:
        raise ValueError("monitor has observed no period yet: there is nothing to choose by")
    labels = list(restored_labels(gaps["deployed_label"].values, gaps["deployed_label"].attrs).index)
    texts = [label_text(one) for one in labels]
    kept = {label_text(one) for one in (*status["rollback_to"], status["in_service"])}
    places = [place for place, text in enumerate(texts) if text in kept and place < len(texts) - 1]
    names = [texts[place] for place in places] + [texts[-1]]  # the newest posterior is the shadow
    scores = np.column_stack([-gaps.values[places].T, np.zeros(gaps.sizes["period"])])
    served = [label_text(one) for one in _served(monitor)]
    return _Standing(
        labels=[labels[place] for place in places] + [labels[-1]],
        scores=scores,
        served=np.array([names.index(one) if one in names else -1 for one in served]),
        in_service=names.index(label_text(status["in_service"])),
        last=labels[-1],
    )


def _served(monitor: Monitor) -> list[Any]:
    """Label after which what served in each period was trained."""
    told = monitor.history()["deployed_label"]
    return list(restored_labels(told.values, told.attrs).index)


def _means(standing: _Standing) -> dict[str, float]:
    """Mean score of each candidate over the periods in which all of them were kept."""
    shared = standing.scores[~np.isnan(standing.scores).any(axis=1)]
    means = shared.mean(axis=0) if len(shared) else np.full(len(standing.labels), np.nan)
    return {label_text(label): float(mean) for label, mean in zip(standing.labels, means, strict=True)}


def _reason(strategy: Strategy, standing: _Standing, chosen: int, action: str) -> str:
    if action == KEEP:
        return f"{strategy} keeps what was trained after {label_text(standing.labels[chosen])}"
    scores = standing.scores[:, [chosen, standing.in_service]]
    both = scores[~np.isnan(scores).any(axis=1)]
    named = "the shadow" if chosen == len(standing.labels) - 1 else "what was trained after"
    told = f"{strategy} chooses {named}{'' if action == PROMOTE else ' ' + label_text(standing.labels[chosen])}"
    if not len(both):
        return f"{told}; the two have no period in common"
    gain = plain_number(float(both[-1, 0] - both[-1, 1]))
    mean = plain_number(float((both[:, 0] - both[:, 1]).mean()))
    return f"{told}: {gain} a row more than what serves in the last period, {mean} on average over {len(both)} periods"
