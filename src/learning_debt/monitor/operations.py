"""What operators ask of a monitor beside its decisions: alerts, a check of the candidate, a registry, a copy."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from learning_debt.data import label_text
from learning_debt.errors import CandidateRefusedError, RegistryError
from learning_debt.monitor.alert_outbox import AlertOutbox
from learning_debt.monitor.alerts import Delivery, Hook, send_alerts
from learning_debt.monitor.candidate_evidence import evidence
from learning_debt.monitor.candidate_gate import CandidateCheck
from learning_debt.monitor.ledger import Ledger, opened
from learning_debt.monitor.live_session import LiveSession
from learning_debt.monitor.model_registry import MlflowRegistry, RegisteredVersion
from learning_debt.monitor.plain_values import json_text
from learning_debt.monitor.record_export import export_record
from learning_debt.monitor.standing import Standing
from learning_debt.validation import require_flag, require_instance, require_number, require_probability


class Operations:
    """What `Monitor` offers to operators."""

    _session: LiveSession

    def send_alerts(self, hooks: Sequence[Hook], *, deadline: float = 30.0) -> list[Delivery]:
        """Send decisions that the hooks have not been given yet, each once.

        Decisions are recorded before they are sent, so that a hook that does not answer holds up nothing. A hook that
        is new to the ledger, by its name, begins with the newest decision.

        Parameters
        ----------
        hooks : sequence of Webhook or CommandHook
        deadline : float
            Seconds after which nothing more is begun; what is left is sent by a later call.

        Returns
        -------
        list of Delivery
            Empty while another process is sending.

        Warns
        -----
        UserWarning
            If an alert failed, or was delivered and could not be recorded.
        """
        return send_alerts(AlertOutbox(self._session.folder), hooks, deadline=deadline)

    def check_candidate(self, *, largest_shift: float | None = None, error_rate: float = 0.05) -> CandidateCheck:
        """Whether the shadow may serve: its sampler, its score gaps in the present spell, what it forecasts.

        Parameters
        ----------
        largest_shift : float, optional
            Forecasts of the last period's rows that have surely moved further, in standard deviations of those in
            service, do not pass. Needs the forecaster.
        error_rate : float
            Probability with which it is refused for its score though the two are equally good.
        """
        _require_limits(largest_shift, error_rate, self._session)
        with opened(self._session.folder.ledger) as ledger:
            return evidence(self._session, ledger, largest_shift=largest_shift, error_rate=error_rate)

    def redeploy(
        self,
        *,
        reason: str = "",
        force: bool = False,
        largest_shift: float | None = None,
        registry: MlflowRegistry | None = None,
    ) -> dict[str, Any]:
        """Record that the newest posterior, the shadow, has been put into service; the status from then on.

        Parameters
        ----------
        reason : str
        force : bool
            Whether to do so though the candidate does not pass `check_candidate`; recorded with what was found.
        largest_shift : float, optional
            As in `check_candidate`.
        registry : MlflowRegistry, optional
            Brought in line with what serves; if that fails, a warning says so, and the redeploy counts.

        Raises
        ------
        CandidateRefusedError
            With the check, if it does not pass.
        ValueError
            If it serves already.
        BusyError, OSError
        """
        require_instance("reason", reason, str, "the owner's word, or empty text")
        require_flag("force", force)
        _require_limits(largest_shift, 0.05, self._session)
        _require_registry(registry)

        def checked(ledger: Ledger) -> str:
            check = evidence(self._session, ledger, largest_shift=largest_shift, error_rate=0.05)
            if not (check.passes or force):
                raise CandidateRefusedError(f"{check}. Nothing has changed; force=True puts it into service", check)
            return json_text({"forced": not check.passes, "check": check})

        self._session.deploy("redeploy", reason, checked=checked)
        return self._served(registry)

    def rollback(self, to: Any = None, *, reason: str = "", registry: MlflowRegistry | None = None) -> dict[str, Any]:
        """Record that an earlier posterior serves again; the status from then on.

        Parameters
        ----------
        to : object, optional
            Label of the period after which it was trained: one that has been in service. Left out, it is the one before
            the present one.
        reason : str
        registry : MlflowRegistry, optional
            As in `redeploy`.
        """
        require_instance("reason", reason, str, "the owner's word, or empty text")
        _require_registry(registry)
        self._session.deploy("rollback", reason, to)
        return self._served(registry)

    def register(self, registry: MlflowRegistry) -> RegisteredVersion:
        """Bring a registry in line with what is in service: a version of it, and the alias on that version.

        It may be called at any time, and changes nothing where nothing is to be changed.

        Raises
        ------
        RegistryError
        """
        _require_registry(registry, needed=True)
        folder = self._session.folder
        with opened(folder.ledger) as ledger:
            standing = Standing.of(ledger)
            row = ledger.first(
                "SELECT p.posterior, e.receipt FROM periods p JOIN entries e ON e.number = p.entry WHERE p.number = ?",
                standing.in_service,
            )
            why = ledger.first(
                "SELECT e.reason, e.receipt FROM deployments d JOIN entries e ON e.number = d.entry "
                "ORDER BY d.number DESC"
            )
            series = standing.name(folder.path)
            label = label_text(standing.label(ledger, standing.in_service))
        assert row is not None
        assert why is not None
        file = folder.path / folder.require_inside(row["posterior"])
        tags = {"trained_after": label, "reason": why["reason"], "deployment_receipt": why["receipt"]}
        return registry.serve(file, row["receipt"], series=series, tags=tags)

    def export(self, path: str | os.PathLike[str], *, rows: bool = True) -> Path:
        """Copy the folder as it stands between two periods, with all decisions as ``decisions.csv``.

        Parameters
        ----------
        path : path
            A folder that is not there yet.
        rows : bool
            Whether the rows go along, and the posteriors, which hold them as well.

        Returns
        -------
        Path
        """
        require_instance("path", path, (str, os.PathLike), "the path of a folder that is not there yet")
        return export_record(self._session.folder, Path(path), rows=require_flag("rows", rows))

    def status(self) -> dict[str, Any]:
        """Where the monitor stands."""
        raise NotImplementedError

    def _served(self, registry: MlflowRegistry | None) -> dict[str, Any]:
        if registry is not None:
            try:
                self.register(registry)
            except RegistryError as error:
                warnings.warn(f"{error}; repeat with monitor.register(registry)", UserWarning, stacklevel=3)
        return self.status()


def _require_limits(largest_shift: float | None, error_rate: float, session: LiveSession) -> None:
    require_probability("error_rate", error_rate)
    if largest_shift is not None:
        require_number("largest_shift", largest_shift, above=0)
        if session.forecaster is None:
            raise ValueError("largest_shift needs forecasts: open the monitor with its forecaster, or leave it out")


def _require_registry(registry: Any, *, needed: bool = False) -> None:
    """Refuse what is no registry before anything is recorded."""
    if needed or registry is not None:
        require_instance("registry", registry, MlflowRegistry, "an MlflowRegistry")
