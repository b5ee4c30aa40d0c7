"""What a monitor answers from its record: where it stands, what it decided and why, and whether all that holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import xarray as xr

from learning_debt.auditing import Audit
from learning_debt.auditing import audit as audit_spells
from learning_debt.monitor.agreed_settings import policy_in_words
from learning_debt.monitor.kept_labels import stored_of
from learning_debt.monitor.ledger import opened
from learning_debt.monitor.ledger_audit import spells_of
from learning_debt.monitor.ledger_reading import explained, gaps_of, history_of, number_of, standing_parts, status_of
from learning_debt.monitor.ledger_replay import replayed
from learning_debt.monitor.live_session import LiveSession
from learning_debt.monitor.standing import last_decision
from learning_debt.monitor.verification import Verification, verified
from learning_debt.monitor.what_moved import Moved, what_moved
from learning_debt.policies.base import Policy
from learning_debt.representations import Part, as_html, as_text
from learning_debt.validation import require_flag, require_text


class RecordReadings:
    """What `Monitor` answers from its record."""

    _session: LiveSession

    def parts(self) -> list[Part]:
        """Where the monitor stands, in the parts that its text and its HTML are made from."""
        return standing_parts(self._session.folder)

    def __str__(self) -> str:
        return as_text(self.parts())

    def _repr_html_(self) -> str:
        return as_html(self.parts())

    def status(self) -> dict[str, Any]:
        """Where the monitor stands, as plain values.

        Returns
        -------
        dict
            The fields of the last `RecordedDecision`, by name, with labels as text or whole numbers, doubts by name and
            NaN where there is no number; ``period`` is 0 and ``verdict`` is ``"wait"`` before the first one. With them
            ``series`` (its name among others, or that of the folder), ``policy`` (what decides, in words), ``retrains``
            (up to now, one after the decision included), ``in_service`` (label of the period after which what serves
            now was trained), ``answer`` (what the owner did about the decision: ``""``, ``"redeploy"``, ``"rollback"``
            or ``"decline"``; after the first two the verdict is ``"wait"``, since what serves now has no outcomes yet),
            ``retained`` and ``rollback_to`` (labels of posteriors), and ``head`` (receipt of the last entry, to be kept
            elsewhere).
        """
        with opened(self._session.folder.ledger) as ledger:
            told = status_of(ledger, self._session.folder.path)
        return told | {"policy": policy_in_words(self._session.settings.policy)}

    def history(self) -> xr.Dataset:
        """All decisions, by period: the fields of `RecordedDecision` along ``period``, with the owner's ``label``.

        Its attribute ``since`` says in a sentence what has been put into service since the last one, or is empty;
        ``retrains`` counts all that have been made up to now, where those of a period are of those before it.
        """
        with opened(self._session.folder.ledger) as ledger:
            return history_of(ledger)

    def score_gaps(self) -> xr.DataArray:
        """Score gaps in the ledger: of the shadow before a period, less what was trained after another, per row.

        By ``deployed_at`` and ``period``, numbers of the ledger with their ``deployed_label`` and ``label``; NaN where
        a posterior was not kept in that period. They tell how each posterior that is kept would have served.
        """
        with opened(self._session.folder.ledger) as ledger:
            return gaps_of(ledger)

    def explain(self, period: Any = None, *, by: str | None = None, moved: bool | None = None) -> str:
        """What a decision rested on, in words.

        Parameters
        ----------
        period : object, optional
            Its label; the last one if left out.
        by : str, optional
            A column of the rows: groups of rows that have moved belief are named as well.
        moved : bool, optional
            Whether to say which parameters, and groups, belief has moved in. Left out, it does where the monitor was
            opened with its forecaster.
        """
        if moved is not None:
            require_flag("moved", moved)
        with opened(self._session.folder.ledger) as ledger:
            told, decided = explained(ledger, period), last_decision(ledger) is not None
        asked = by is not None or (self._session.forecaster is not None if moved is None else moved)
        return f"{told}\n{self.moved(period, by=by)}" if asked and decided else told

    def moved(self, period: Any = None, *, by: str | None = None) -> Moved:
        """Which parameters, and which groups of rows, carry most of the debt between what served and the shadow.

        It is worked out from the posteriors in the folder, and so can be told of a period as long as both are kept: of
        the last one always.

        Parameters
        ----------
        period : object, optional
            Label of a period; the last one if left out.
        by : str, optional
            A column of the rows, such as a store.

        Raises
        ------
        ValueError
            If no decision was made in the period, there is no such column, or the monitor was opened without its
            forecaster.
        """
        if by is not None:
            require_text("by", by, "the name of a column of the rows")
        self._session.require_forecaster()
        with opened(self._session.folder.ledger) as ledger:
            last = last_decision(ledger)
            if last is None:
                raise ValueError("nothing has been observed yet, so that nothing has moved")
            return what_moved(self._session, ledger, last.period if period is None else number_of(ledger, period), by)

    def spells(self) -> xr.Dataset:
        """The spell table of all rows of the ledger, with the settings of the monitor, worked out anew.

        That of an exact forecaster is made by the monitor's own steps: the ledger's signals are in it to the last bit.
        """
        return spells_of(self._session)

    def audit(
        self,
        *,
        calendar: int | Sequence[Any] | Policy | None = None,
        split: float = 0.6,
        resamples: int = 2000,
        random_seed: int | None = 0,
    ) -> Audit:
        """An audit of all rows of the ledger at the monitor's cost, as `learning_debt.audit` makes it.

        Its decision of today is about what served when the last decision was made: what has been put into service since
        then has no outcomes yet.

        Parameters
        ----------
        calendar, split, resamples, random_seed
            As in `learning_debt.audit`.
        """
        table = self.spells()
        with opened(self._session.folder.ledger) as ledger:
            decided = last_decision(ledger)
        served = None if decided is None else decided.deployed_label
        settings = self._session.settings
        return audit_spells(
            table, settings.cost, calendar=calendar, split=split, last_retrain=served,
            probability=settings.probability, resamples=resamples, random_seed=random_seed,
        )  # fmt: skip

    def labels(self) -> xr.DataArray:
        """The owner's labels of the periods in the ledger, along ``period``, kept as those of spell tables are.

        Number 0 is the period after which the first posterior was trained.
        """
        with opened(self._session.folder.ledger) as ledger:
            rows = ledger.all("SELECT number, label FROM periods ORDER BY number")
        values, kind = stored_of([row["label"] for row in rows])
        return xr.DataArray(values, {"period": [row["number"] for row in rows]}, "period", "label", kind)

    def verify(self, *, replay: bool = False, head: str | None = None) -> Verification:
        """Whether the folder is what was written.

        Parameters
        ----------
        replay : bool
            Whether to work out signals and decisions anew as well: of an exact forecaster from the rows, of others
            decisions from the recorded signals.
        head : str, optional
            A receipt that was kept elsewhere. Without it, a folder that was rewritten as a whole, or cut short, cannot
            be told from a true one: the chain has no key.

        Returns
        -------
        Verification
            Its `ok` says whether nothing was found, its ``findings`` name every row, column and file that changed.
        """
        require_flag("replay", replay)
        if head is not None:
            require_text("head", head, "a receipt, as status()['head'] gives it")
        found = verified(self._session.folder, head)
        return replayed(self._session, found) if replay else found
