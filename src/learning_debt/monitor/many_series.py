"""Many series in one folder: a monitor of each, made together, observed together, and one decision each."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from inspect import signature
from pathlib import Path
from typing import Any, Self

import numpy as np
import xarray as xr

from learning_debt.auditing import Audit
from learning_debt.data import (
    RESERVED,
    SERIES,
    as_dataset,
    as_labels,
    label_text,
    plain_labels,
    require_variables,
    restored_labels,
)
from learning_debt.errors import noted
from learning_debt.forecasters.base import Forecaster, require_forecaster
from learning_debt.monitor.decision_records import RecordedDecision
from learning_debt.monitor.kept_labels import labels_of, read_labels, written_label
from learning_debt.monitor.ledger_audit import agreed_in
from learning_debt.monitor.live_monitor import Monitor
from learning_debt.monitor.monitor_creation import require_new
from learning_debt.monitor.state_folder import LISTED, made_whole
from learning_debt.monitor.verification import Verification
from learning_debt.scores import as_score
from learning_debt.validation import require_flag, require_instance


class SeriesMonitors:
    """Monitors of many series with one forecaster and one agreement; each has its own ledger in a folder of its own.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np, learning_debt as ld
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=40)
    >>> past = {"x": x, "y": 2 * x + rng.normal(size=40), "period": np.tile(np.arange(20), 2)}
    >>> past["series"] = np.repeat(["north", "south"], 20)
    >>> agreed = {"cost": 0.1, "policy": ld.policies.CUSUM(0.5), "calendar": 12}
    >>> with TemporaryDirectory() as home:
    ...     monitors = SeriesMonitors.create(
    ...         f"{home}/states", ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0)), past, agreed
    ...     )
    ...     batch = {"x": [1.0, 0.5], "y": [2.1, 0.9], "period": [20, 20], "series": ["north", "south"]}
    ...     {name: decision.verdict for name, decision in monitors.observe(batch).items()}
    {'north': 'wait', 'south': 'wait'}
    """

    def __init__(self, path: Path, forecaster: Forecaster | None, labels: list[Any]) -> None:
        self.path, self._forecaster, self._labels = path, forecaster, labels
        self._open: dict[int, Monitor] = {}

    @classmethod
    def create(cls, path: str | os.PathLike[str], forecaster: Forecaster, history: Any, agreed: dict[str, Any]) -> Self:
        """Make the folder, with a monitor of each series of the history, as a whole or not at all.

        Parameters
        ----------
        path : path
            A folder that is not there yet.
        forecaster : Forecaster
        history : Dataset, mapping or data frame
            With ``series``.
        agreed : dict
            Further arguments of `Monitor.create`, the same for all series.

        Raises
        ------
        TypeError, ValueError, KeyError
            As `Monitor.create`; a note says of which series. Nothing has been made then.
        """
        require_forecaster("forecaster", forecaster)
        require_instance("agreed", agreed, dict, "a dict of arguments of Monitor.create, such as cost and policy")
        _require_agreed(agreed, Monitor.create, needed=("cost", "policy", "calendar"))
        parts = _by_series(history, forecaster.observation_dim, "history")
        return cls._made(path, forecaster, parts, lambda _: agreed)

    @classmethod
    def from_audit(
        cls,
        path: str | os.PathLike[str],
        audit: Audit,
        forecaster: Forecaster,
        history: Any,
        agreed: dict[str, Any] | None = None,
    ) -> Self:
        """Go live with what an audit of many series settled, each series as `Monitor.from_audit` does.

        Parameters
        ----------
        path : path
            A folder that is not there yet.
        audit : Audit
            Of this forecaster and this history.
        forecaster : Forecaster
        history : Dataset, mapping or data frame
            With ``series``: those of the audit.
        agreed : dict, optional
            Further arguments of `Monitor.from_audit`, the same for all series.

        Raises
        ------
        TypeError, ValueError, KeyError
            As `Monitor.from_audit`, or if a series is none of the audit. Nothing has been made then.
        """
        require_instance("audit", audit, Audit, "the result of ld.audit")
        require_forecaster("forecaster", forecaster)
        more = {} if agreed is None else require_instance("agreed", agreed, dict, "a dict of arguments, or None")
        _require_agreed(more, Monitor.from_audit)
        parts = _by_series(history, forecaster.observation_dim, "history")
        score = as_score(more.get("score", "log"))
        known = restored_labels(audit.all_spells[SERIES].values, audit.all_spells[SERIES].attrs, "series of the audit")

        def settled(label: Any) -> dict[str, Any]:
            place = int(as_labels([label], "series").positions(known)[0])
            if place < 0:
                raise ValueError(f"audit: there is no series {label_text(label)} in it")
            name = plain_labels(audit.all_spells[SERIES])[place]
            return agreed_in(audit, score, name) | {"spells": audit.all_spells.isel({SERIES: [place]})} | more

        return cls._made(path, forecaster, parts, settled)

    @classmethod
    def _made(
        cls, path: Any, forecaster: Forecaster, parts: list[tuple[Any, xr.Dataset]], agreed: Callable[[Any], Any]
    ) -> Self:
        """With a monitor of each series, and what is agreed about it."""
        target = require_new(path)
        with made_whole(target) as part:
            for number, (label, rows) in enumerate(parts):
                with noted(f"of series {label_text(label)}"):
                    told = agreed(label)
                    Monitor._created(part / _folder(number), forecaster, rows, series=label_text(label), **told)
            (part / LISTED).write_text(json.dumps([written_label(label) for label, _ in parts]))
        return cls.open(target, forecaster)

    @classmethod
    def open(cls, path: str | os.PathLike[str], forecaster: Forecaster | None = None) -> Self:
        """Go on with a folder; a series is opened when it is first needed, and refused as `Monitor.open` refuses it.

        Raises
        ------
        FileNotFoundError, ValueError
        """
        require_instance("path", path, (str, os.PathLike), "the path of a folder of many series")
        target = Path(path).expanduser().absolute()
        listed = target / LISTED
        if not listed.is_file() or listed.is_symlink():
            raise FileNotFoundError(f"{target} is no folder of monitors of many series: it lacks {LISTED}")
        try:
            labels = read_labels(json.loads(listed.read_text()))
        except (ValueError, TypeError, KeyError, IndexError) as error:
            raise ValueError(f"{listed} cannot be read ({error}); put back a copy of it") from error
        return cls(target, forecaster, labels)

    @staticmethod
    def holds(path: str | os.PathLike[str]) -> bool:
        """Whether a folder is one of many series."""
        return (Path(path).expanduser() / LISTED).is_file()

    @property
    def labels(self) -> list[Any]:
        """Names of the series, in order."""
        return [*self._labels]

    @property
    def folders(self) -> list[Path]:
        """Folder of each series, in order."""
        return [self.path / _folder(number) for number in range(len(self._labels))]

    def monitor(self, series: Any) -> Monitor:
        """The monitor of a series, to redeploy, roll back, decline or verify it.

        Raises
        ------
        ValueError
            If there is no such series.
        """
        known = labels_of([written_label(label) for label in self._labels], "series of the folder")
        number = int(as_labels([series], "series").positions(known)[0])
        if number < 0:
            raise ValueError(
                f"series: there is no series {label_text(series)}; there are {', '.join(known.texts[:20])}"
            )
        if number not in self._open:
            found = Monitor.open(self.path / _folder(number), self._forecaster)
            own, name = found.status()["series"], label_text(self._labels[number])
            if own != name:
                raise ValueError(
                    f"{self.path / LISTED} says that {_folder(number)} is of the series {name}, and its ledger that it "
                    f"is of {own}: put back what was there"
                )
            self._open[number] = found
        return self._open[number]

    def observe(self, batch: Any, *, gaps: bool = False) -> dict[Any, RecordedDecision]:
        """As `Monitor.observe`, of every series that the batch has rows of.

        Rows of all of them are checked before any is observed. Each series is recorded by itself: after a kill, the
        same batch again does what is left.

        Returns
        -------
        dict of label to RecordedDecision
        """
        parts = _by_series(batch, self._dim(), "batch")
        monitors = [(label, self.monitor(label), rows) for label, rows in parts]
        for label, monitor, rows in monitors:
            with noted(f"of series {label_text(label)}; nothing has been observed"):
                monitor._session.check(monitor._arriving(rows), gaps=gaps)
        found = {}
        for label, monitor, rows in monitors:
            with noted(f"of series {label_text(label)}"):
                found[label] = monitor.observe(rows, gaps=gaps)
        return found

    def status(self) -> list[dict[str, Any]]:
        """`Monitor.status` of every series, with its name as ``series``."""
        return [one.status() for _, one in self._each()]

    def verify(self, *, replay: bool = False) -> dict[Any, Verification]:
        """`Monitor.verify` of every series. The list of their names has no receipt."""
        return {label: one.verify(replay=replay) for label, one in self._each()}

    def export(self, path: str | os.PathLike[str], *, rows: bool = True) -> Path:
        """`Monitor.export` of every series, in a folder that is one of many series as well."""
        require_flag("rows", rows)
        target = require_new(path)
        if self.path == target or self.path in target.parents:
            raise ValueError(f"path: {target} lies within the folder; name one outside of it")
        with made_whole(target) as part:
            for number, (_, one) in enumerate(self._each()):
                one.export(part / _folder(number), rows=rows)
            (part / LISTED).write_bytes((self.path / LISTED).read_bytes())
        return target

    def _each(self) -> Iterator[tuple[Any, Monitor]]:
        return ((label, self.monitor(label)) for label in self._labels)

    def _dim(self) -> str:
        if self._forecaster is None:
            raise ValueError("the folder was opened without its forecaster: use SeriesMonitors.open(path, forecaster)")
        return self._forecaster.observation_dim


def _require_agreed(agreed: dict[str, Any], taken_by: Callable[..., Any], needed: Sequence[str] = ()) -> None:
    """Refuse arguments that a call does not take, or lacks."""
    known = [one for one in signature(taken_by).parameters if one not in ("path", "audit", "forecaster", "history")]
    strange, missing = ([one for one in agreed if one not in known], [one for one in needed if one not in agreed])
    if strange:
        raise ValueError(f"agreed: there is no argument {strange[0]!r}; there are {', '.join(known)}")
    if missing:
        raise ValueError(f"agreed: {missing[0]} is missing; give it as in Monitor.create")


def _folder(number: int) -> str:
    return f"{number:05d}"


def _by_series(given: Any, dim: str, what: str) -> list[tuple[Any, xr.Dataset]]:
    """Rows of each series, without its name, in the order in which they appear."""
    rows = as_dataset(given, dim, RESERVED)
    require_variables(rows, [SERIES], what)
    labels = as_labels(rows[SERIES].values, f"{what} variable 'series'")
    codes, distinct = labels.index.factorize()
    plain = rows.drop_vars(SERIES)
    named = read_labels([written_label(label) for label in distinct])
    return [(label, plain.isel({dim: np.flatnonzero(codes == number)})) for number, label in enumerate(named)]
