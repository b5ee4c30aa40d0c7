"""The monitor that an owner runs every period."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any, Self

import xarray as xr

from learning_debt.auditing import Audit
from learning_debt.data.update_rule import UpdateRule
from learning_debt.forecasters.base import Forecaster, require_forecaster
from learning_debt.monitor.agreed_arguments import agreed
from learning_debt.monitor.agreed_settings import Settings
from learning_debt.monitor.decision_records import RecordedDecision
from learning_debt.monitor.incoming_batches import Arriving, by_period
from learning_debt.monitor.ledger import NewEntry, opened
from learning_debt.monitor.ledger_audit import agreed_in
from learning_debt.monitor.live_session import LiveSession, live_step
from learning_debt.monitor.monitor_creation import begin_folder, begun, checked_rows, require_new
from learning_debt.monitor.operations import Operations
from learning_debt.monitor.record_readings import RecordReadings
from learning_debt.monitor.standing import Standing, last_decision
from learning_debt.monitor.state_folder import StateFolder, made_whole
from learning_debt.policies.base import Policy
from learning_debt.policies.cost import RetrainingCost
from learning_debt.scores import Score, as_score
from learning_debt.shadows.base import ShadowKeeper
from learning_debt.validation import require_flag, require_instance, require_text


class Monitor(RecordReadings, Operations):
    """A deployed forecaster watched period by period: one decision each, and a ledger of all of them in one folder.

    `create` makes the folder, `open` goes on with it. Each period is worked out by the step that makes spell tables,
    and decided about as an audit decides, so that an audit of the ledger's data gives the ledger's decisions back.

    See Also
    --------
    audit : What a calendar has cost, and which policy to agree on.
    decide : The decision of one day.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np, learning_debt as ld
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=50)
    >>> past = {"x": x, "y": 2 * x + rng.normal(size=50), "period": np.arange(50)}
    >>> forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    >>> with TemporaryDirectory() as home:
    ...     monitor = Monitor.create(
    ...         f"{home}/state", forecaster, past, cost=0.1, policy=ld.policies.CUSUM(0.5), calendar=12
    ...     )
    ...     decision = monitor.observe({"x": [1.0], "y": [2.1], "period": [50]})
    ...     decision.verdict, monitor.verify().ok
    ('wait', True)
    """

    def __init__(self, session: LiveSession) -> None:
        self._session = session

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        forecaster: Forecaster,
        history: Any,
        *,
        cost: RetrainingCost | float,
        policy: Policy,
        calendar: int,
        update_rule: UpdateRule | None = None,
        score: Score | str = "log",
        shadow: ShadowKeeper | None = None,
        exposure: float | str | None = None,
        initial: int | None = None,
        last_retrain: Any = None,
        retained: int | None = None,
        late: int = 0,
        probability: float = 0.9,
        varying_rows: bool = False,
        random_seed: int | None = None,
    ) -> Self:
        """Make a monitor's folder, and walk through the periods of the history that follow the first posterior.

        The folder is there once all of that is done, and not before. A policy that learns as it goes, as the
        recommended one does, has learned from the periods that were walked through: `from_audit` begins with what an
        audit has shown, and a small `initial` with what the walk shows.

        Parameters
        ----------
        path : path
            A folder that is not there yet.
        forecaster : Forecaster
        history : Dataset, mapping or data frame
            As `spell_table` takes it, of one series.
        cost : RetrainingCost or float
            With an amount.
        policy : Policy
            One of this library's.
        calendar : int
            Periods a retrain is expected to serve, as of the owner's calendar.
        update_rule : UpdateRule, optional
        score : Score or str
        shadow : ShadowKeeper, optional
        exposure : float or "rows", optional
            What one unit of mean score gap is worth in a period, as in `spell_table`.
        initial : int, optional
            Periods of the first posterior. Left out, those up to `last_retrain`, or the whole history.
        last_retrain : object, optional
            Label of the period after which what now serves was trained. Left out, it is the first posterior.
        retained : int, optional
            Posteriors that are held against the shadow, at most: the shadow, what is in service, what was, the latest
            first, and anchors that thin out the further back they lie. Left out, 20 exact ones, or 8 of draws.
        late : int
            Periods that a row may come late, or be revised. Such rows stand in the batch of the period in which they
            become known, with their own ``period`` and that one as ``arrived``; ``row`` names a row within its period,
            as in `spell_table`, and one of the same name is a revision.
        probability : float
            As in `decide`.
        varying_rows : bool
            Set it when the number of rows a period truly varies between one and more.
        random_seed : int, optional

        Raises
        ------
        TypeError, ValueError, KeyError
            Naming the argument; nothing has been made then.
        OSError
            If the folder cannot be written.
        """
        return cls._created(
            path, forecaster, history, cost=cost, policy=policy, calendar=calendar, update_rule=update_rule,
            score=score, shadow=shadow, exposure=exposure, initial=initial, last_retrain=last_retrain,
            retained=retained, late=late, probability=probability, varying_rows=varying_rows, random_seed=random_seed,
        )  # fmt: skip

    @classmethod
    def _created(
        cls, path: Any, forecaster: Forecaster, history: Any, *, initial: Any = None, last_retrain: Any = None,
        spells: xr.Dataset | None = None, series: str = "", **agreement: Any,
    ) -> Self:  # fmt: skip
        """As `create`; with an audited table of the history, and what a series among others is called."""
        settings = agreed(require_forecaster("forecaster", forecaster), **agreement)
        target = require_new(path)
        beginning = begun(history, settings, initial, last_retrain, spells, series)
        checked_rows(forecaster, beginning, settings.observation_dim)
        with made_whole(target) as part:
            begin_folder(part, settings, beginning, forecaster, live_step(forecaster, settings))
            session = LiveSession(StateFolder(part), settings, forecaster)
            for place, one in enumerate(beginning.later):
                session.observe([one], gaps=True)
                if place == beginning.retrained_at:
                    session.deploy("told", "the last retrain, as told when the monitor was made")
        session.folder = StateFolder(target)
        return cls(session)

    @classmethod
    def from_audit(
        cls,
        path: str | os.PathLike[str],
        audit: Audit,
        forecaster: Forecaster,
        history: Any,
        *,
        score: Score | str = "log",
        shadow: ShadowKeeper | None = None,
        exposure: float | str | None = None,
        initial: int | None = None,
        last_retrain: Any = None,
        retained: int | None = None,
        late: int = 0,
        varying_rows: bool = False,
        random_seed: int | None = None,
    ) -> Self:
        """Go live with what an audit settled: the policy that decides, its cost, horizon, update rule and intervals.

        The cells of the audited table, of the last 156 periods, are kept in the folder: what is expected of a retrain,
        its chance and a policy that learns as it goes begin with what the audit knew, so that the first decision is the
        audit's own: to rounding for an exact forecaster, and for others but for the Monte-Carlo errors of the present
        spell's signals, which are worked out anew.

        Parameters
        ----------
        path : path
        audit : Audit
            Of this forecaster and this history.
        forecaster, history, score, shadow, exposure, initial, retained, late, varying_rows, random_seed
            As in `create`, and as the audited table had them. The history may go on where the audit's ends.
        last_retrain : object, optional
            As in `create`; left out, that of the audit's decision.

        Raises
        ------
        TypeError, ValueError
            As `create`, or if the audit is of several series, of another score or history, or of forecasts that look
            further ahead than one period.
        """
        require_instance("audit", audit, Audit, "the result of ld.audit")
        settled = agreed_in(audit, as_score(score))
        if last_retrain is not None:
            settled["last_retrain"] = last_retrain
        return cls._created(
            path, forecaster, history, score=score, shadow=shadow, exposure=exposure, initial=initial,
            retained=retained, late=late, varying_rows=varying_rows, random_seed=random_seed, spells=audit.all_spells,
            **settled,
        )  # fmt: skip

    @classmethod
    def open(cls, path: str | os.PathLike[str], forecaster: Forecaster | None = None) -> Self:
        """Go on with a monitor's folder.

        Parameters
        ----------
        path : path
        forecaster : Forecaster, optional
            The one it was made with, from the caller's own code: the folder holds none. Without it nothing can be
            observed, and all else can be done.

        Raises
        ------
        ValueError
            If the forecaster is another one; both fingerprints are named. If the folder is of a later release, or
            ``monitor.toml`` was changed.
        FileNotFoundError
        """
        require_instance("path", path, (str, os.PathLike), "the path of a monitor's folder")
        folder = StateFolder(path)
        folder.require_own()
        content = folder.settings.read_bytes()
        with opened(folder.ledger) as ledger:
            standing = Standing.of(ledger)
        if hashlib.sha256(content).hexdigest() != standing.created["settings"]:
            raise ValueError(
                f"{folder.settings} was changed after the monitor was made; put back what it was, or make another one"
            )
        settings = Settings.from_file(content, str(folder.settings))
        session = LiveSession(folder, settings, None)
        if forecaster is not None:
            session.require_same(require_forecaster("forecaster", forecaster))
            session.forecaster = forecaster
        return cls(session)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    @property
    def path(self) -> Path:
        """The folder."""
        return self._session.folder.path

    def adopt(self, forecaster: Forecaster, *, reason: str) -> None:
        """Accept a forecaster that tells itself from the one before, as after a comment or a package changed.

        Parameters
        ----------
        forecaster : Forecaster
            Its posteriors must mean what those in the folder mean; nobody but the owner can know.
        reason : str
            Recorded.
        """
        require_text("reason", reason, "why it may go on in place of the one before")
        require_forecaster("forecaster", forecaster)
        dim = self._session.settings.observation_dim
        if forecaster.observation_dim != dim:
            raise ValueError(f"forecaster runs along {forecaster.observation_dim!r}, the monitor along {dim!r}")
        self._session.adopt(forecaster, reason)

    def observe(self, batch: Any, *, gaps: bool = False) -> RecordedDecision:
        """Score a period's rows, learn from them, and decide.

        Each period is recorded as a whole or not at all, whenever the process is killed. A batch that was observed
        before changes nothing, and its recorded decision is returned.

        Parameters
        ----------
        batch : Dataset, mapping or data frame
            Rows of the next period, or of several in order, made like those of the history.
        gaps : bool
            Whether labels may be left out between the last period and these.

        Returns
        -------
        RecordedDecision
            Of the last of the periods.

        Raises
        ------
        TypeError, ValueError, KeyError
            If rows are not made like those of the history, if a period is left out, lies before the last one, or was
            observed with other data, if the policy reads a signal that is not there. Nothing has changed then.
        BusyError
            If another process is writing.
        OSError
            If the folder cannot be written; what was recorded stays whole.
        """
        require_flag("gaps", gaps)
        return self._session.observe(self._arriving(batch), gaps=gaps)

    def _arriving(self, batch: Any) -> list[Arriving]:
        settings = self._session.settings
        return by_period(batch, settings.observation_dim, "batch", settings.late)

    def decline(self, *, reason: str) -> dict[str, Any]:
        """Record that the owner does not follow the last decision; the status from then on."""
        require_text("reason", reason, "why the decision is not followed")
        with self._session.writing("decline") as ledger:
            if last_decision(ledger) is None:
                raise ValueError("there is no decision to decline: nothing has been observed yet")
            self._session.append(ledger, NewEntry("decline", Standing.of(ledger).last, {}, reason))
        return self.status()
