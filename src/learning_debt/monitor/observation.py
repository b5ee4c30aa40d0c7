"""One period from its rows to its entry: signals by the step of spell tables, then the decision of the policy."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from learning_debt.monitor.agreed_settings import Settings
from learning_debt.monitor.incoming_batches import Arriving
from learning_debt.monitor.kept_labels import written_label
from learning_debt.monitor.live_rows import LiveRows
from learning_debt.monitor.present_spell import SIGNALS, require_signals, spell_of
from learning_debt.monitor.recalled_cells import Audited, Cell, row_in_service, share_known, table_of, with_audited
from learning_debt.monitor.retention import kept
from learning_debt.policies.base import Policy
from learning_debt.policies.cost import exposures
from learning_debt.policies.saving import as_text
from learning_debt.pricing.decision import Decision, decide_about_spell
from learning_debt.shadows.base import Upkeep
from learning_debt.spells.doubt_codes import code_of
from learning_debt.spells.schema import UPKEEP, doubt_of, se_of
from learning_debt.spells.step import Column

Rows = dict[str, Any]


class LiveStep[Posterior](Protocol):
    """Takes periods one by one, from what the folder keeps."""

    @property
    def remembers(self) -> bool:
        """Whether the last shadow is all that a step needs of rows that it goes on to hold."""
        ...

    def read(self, content: bytes) -> Posterior:
        """A posterior from its file."""
        ...

    def written(self, posterior: Posterior) -> bytes:
        """A posterior as it is kept."""
        ...

    def start(self, rows: LiveRows) -> tuple[Posterior, Upkeep]:
        """The first posterior."""
        ...

    def step(self, stored: Sequence[Posterior], numbers: Sequence[int], rows: LiveRows) -> tuple[Posterior, Column]:
        """The next shadow, and how the stored posteriors, with these numbers, stand to it; the last rows are new."""
        ...


class Before(NamedTuple):
    """What an observation goes on from.

    Attributes
    ----------
    number : int
        Of the period, from 1.
    stored, deployed : tuple of int
        As in `learning_debt.monitor.standing.Standing`.
    spell : sequence of mapping
        Cells of what is in service, in the periods before.
    trained : mapping
        The row of ``periods`` after which it was trained.
    initial : sequence of str
        Labels of the initial part.
    cells, periods : sequence
        Of the last periods, as `learning_debt.monitor.recalled_cells.recalled` has them.
    audited : Audited or None
        What an audit knew beside and before them.
    regret_so_far : float
    retrains : int
    """

    number: int
    stored: tuple[int, ...]
    deployed: tuple[int, ...]
    spell: Sequence[Mapping[str, Any]]
    trained: Mapping[str, Any]
    initial: Sequence[str]
    cells: Sequence[Cell]
    periods: Sequence[Mapping[str, Any]]
    audited: Audited | None
    regret_so_far: float
    retrains: int


@dataclass(frozen=True)
class Observation:
    """What is to be recorded of a period, but for the names of its files.

    Attributes
    ----------
    shadow : object
        The new posterior.
    period : dict
        Its row, without ``data`` and ``posterior``.
    signals : list of dict
    decision : dict
    released : list of int
        Posteriors that are held against the shadow no longer.
    """

    shadow: Any
    period: Rows
    signals: list[Rows]
    decision: Rows
    released: list[int]

    def rows(self, data: tuple[str, str, int], posterior: tuple[str, str, int]) -> dict[str, list[Rows]]:
        """Rows by table; of each file its name, hash and bytes."""
        files = [{"name": name, "sha256": told, "bytes": size} for name, told, size in (data, posterior)]
        return {
            "files": files,
            "periods": [self.period | {"data": data[0], "posterior": posterior[0]}],
            "signals": self.signals,
            "decisions": [self.decision],
            "releases": [{"posterior": number} for number in self.released],
        }


def observed[Posterior](
    step: LiveStep[Posterior],
    settings: Settings,
    before: Before,
    stored: Sequence[Posterior],
    rows: LiveRows,
    arriving: Arriving,
    clock: Callable[[], float],
) -> Observation:
    """Work out a period.

    Parameters
    ----------
    step : LiveStep
    settings : Settings
    before : Before
    stored : sequence of posteriors
        Those with the numbers ``before.stored``.
    rows : LiveRows
        The new ones last.
    arriving : Arriving
    clock : callable
        Seconds since the observation began.
    """
    shadow, column = step.step(stored, before.stored, rows)
    period = period_row(before.number, arriving, rows.counts[-1] - arriving.late, settings, column.upkeep)
    signals = signal_rows(before, column)
    policy = settings.policy
    own = next(row for row in signals if row["deployed_at"] == before.deployed[-1])
    spell = [*before.spell, own | {name: value for name, value in period.items() if name != "number"}]
    new = [(row["deployed_at"], row["period"], *(row[name] for name in SIGNALS)) for row in signals]
    decision = decided(settings, policy, before, spell, [*before.cells, *new], [*before.periods, period])
    going_on = kept([*before.stored, before.number], before.deployed, settings.retained, settings.late + 1)
    released = sorted({*before.stored, before.number} - set(going_on))
    return Observation(shadow, period | {"observe_seconds": clock()}, signals, decision, released)


def period_row(number: int, arriving: Arriving, rows: int, settings: Settings, upkeep: Upkeep) -> Rows:
    """The row of ``periods``, without its files and the time it took."""
    return {
        "number": number,
        "label": written_label(arriving.label),
        "rows": rows,
        "late": arriving.late,
        "exposure": settings.exposure or float(rows),
        "fingerprint": arriving.fingerprint,
        **{name: getattr(upkeep, name) for name in UPKEEP},
        "converged": bool(upkeep.converged),
        doubt_of("converged"): code_of(upkeep.doubts),
        "doubt": upkeep.doubt,
    }


def signal_rows(before: Before, column: Column) -> list[Rows]:
    """Rows of ``signals``, one of each stored posterior."""
    found = []
    for place, number in enumerate(before.stored):
        told = {name: column.signals[name][place] for name in SIGNALS if name in column.signals}
        nothing = dict.fromkeys(SIGNALS)
        found.append({"period": before.number, "deployed_at": number, **nothing, **_plain(told)})
    return found


def _plain(values: Mapping[str, Any]) -> Rows:
    """Numbers of Python; what is not a number is nothing, as in the ledger."""
    plain = {name: np.asarray(value).item() for name, value in values.items()}
    return {name: None if value != value else value for name, value in plain.items()}


def decided(
    settings: Settings,
    policy: Policy,
    before: Before,
    own: Sequence[Mapping[str, Any]],
    cells: Sequence[Cell],
    periods: Sequence[Mapping[str, Any]],
) -> Rows:
    """The row of ``decisions``, about what was in service in the period.

    Parameters
    ----------
    settings : Settings
    policy : Policy
    before : Before
    own : sequence of mapping
        Cells of what was in service, those of the period last.
    cells, periods : sequence
        Of the last periods of the ledger, this one included.
    """
    spell = spell_of(own, before.trained, before.initial, settings)
    cells, periods = with_audited(cells, periods, before.audited)
    in_service, first = before.deployed[-1], periods[0]["number"] - 1
    past = table_of(cells, periods, in_service, len(before.initial) + first, settings)
    require_signals(spell, policy)
    decision = decide_about_spell(
        spell,
        policy,
        settings.cost,
        horizon=settings.horizon,
        probability=settings.probability,
        past=past,
        past_row=row_in_service(in_service, first),
    )
    worth, gap = float(exposures(spell, settings.cost)[0, -1]), own[-1]
    regret = worth * gap["score_gap"]
    return {
        "period": before.number,
        **of_decision(decision),
        "deployed_at": in_service,
        "regret": regret,
        "regret_se": worth * (gap[se_of("score_gap")] or 0.0),
        "regret_so_far": before.regret_so_far + regret,
        "retrains": before.retrains,
        "recalled_periods": len(periods),
        "recalled_share": share_known(past),
    }


def of_decision(decision: Decision) -> Rows:
    """Columns of ``decisions`` that a decision fills."""
    expected, realised = decision.expected_regret, decision.realised_regret
    same = (
        "verdict", "reason", "conflict", "spell_age", "horizon", "believed_regret", "probability", "break_even_cost",
        "cost", "unit",
    )  # fmt: skip
    return {name: getattr(decision, name) for name in same} | {
        "policy": as_text(decision.policy),
        "expected_regret": expected.value,
        "expected_regret_se": expected.standard_error,
        "expected_regret_reliable": expected.reliable,
        "realised_regret": realised.value,
        "realised_regret_se": realised.standard_error,
        "doubts": json.dumps([doubt.name for doubt in decision.doubts]),
    }
