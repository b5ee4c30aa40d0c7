"""Alerts about decisions: each is sent once to each hook, as far as the ledger can know, and none holds up an observe.

A decision is in the ledger before any alert of it is sent. What is sent is what the ledger holds and no delivery
answers: there is no queue beside it that could lose one. A delivery is recorded after the hook has taken it, so that a
process that dies in between sends it again, with the same `id`, by which the receiver knows it.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

from learning_debt.monitor.plain_values import json_text
from learning_debt.validation import (
    describe,
    harmless,
    require_instance,
    require_names,
    require_number,
    require_sequence,
    require_text,
)

VERDICTS = ("wait", "retrain", "cannot tell")
ALARMING = ("retrain", "cannot tell")
TYPE = "learning_debt.decision"
LONGEST_DETAIL = 300


class Message(NamedTuple):
    """What a hook is given: the decision's receipt as its `id`, and JSON in UTF-8."""

    id: str
    body: bytes


@runtime_checkable
class Hook(Protocol):
    """Somewhere alerts go."""

    @property
    def name(self) -> str:
        """Under which the ledger keeps what was delivered."""
        ...

    @property
    def verdicts(self) -> tuple[str, ...]:
        """Which decisions it is sent."""
        ...

    @property
    def cooldown(self) -> float:
        """Seconds for which the same verdict about a series is not sent again."""
        ...

    def send(self, message: Message, seconds: float) -> str:
        """Send, within `seconds`; empty text once it has been taken, else why not. Raises nothing."""
        ...


class Outbox(Protocol):
    """What alerts need of a ledger."""

    def sending(self) -> AbstractContextManager[bool]:
        """While the block runs, no other process sends; False where another one does."""
        ...

    def undelivered(self, hook: str, verdicts: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        """Decisions with these verdicts that the hook has not been given, the oldest first, with series and receipt."""
        ...

    def last_delivered(self, hook: str, series: str) -> tuple[str, float] | None:
        """Verdict and time of the last alert about a series that the hook has taken."""
        ...

    def record(self, delivery: Delivery) -> None:
        """Keep what became of an alert."""
        ...


@dataclass(frozen=True)
class Delivery:
    """What became of an alert.

    Attributes
    ----------
    hook, series, verdict : str
    decision : str
        Receipt of the decision.
    outcome : {"delivered", "held back", "failed"}
        Held back: the hook's cooldown had not passed; it is not sent later. Failed: it is sent again next time.
    at : float
        Unix time.
    detail : str
        Why it failed. No secrets, and of an address no more than its host.
    """

    hook: str
    series: str
    decision: str
    verdict: str
    outcome: str
    at: float
    detail: str = ""


def send_alerts(outbox: Outbox, hooks: Sequence[Hook], *, deadline: float = 30.0) -> list[Delivery]:
    """Send what the hooks have not been given yet, the oldest decision first.

    Parameters
    ----------
    outbox : Outbox
        The ledger.
    hooks : sequence of Webhook or CommandHook
    deadline : float
        Seconds after which nothing more is begun. Whatever is left is sent by a later call.

    Returns
    -------
    list of Delivery
        What was delivered, held back or failed. Empty while another process is sending. After a failure, the hook's
        later alerts wait, so that they arrive in order.

    Warns
    -----
    UserWarning
        If an alert failed, or was delivered and could not be recorded: then it will be sent again with the same id.

    Raises
    ------
    TypeError, ValueError
        If two hooks have the same name, or `deadline` is not above 0.
    """
    require_number("deadline", deadline, above=0)
    listed = require_sequence("hooks", hooks, "a list of Webhook and CommandHook")
    for place, hook in enumerate(listed):
        require_instance(f"hooks[{place}]", hook, Hook, "a Webhook or a CommandHook")
    names = [hook.name for hook in listed]
    if len(set(names)) < len(names):
        raise ValueError(f"hooks have the names {names}; give each its own, by which the ledger knows it")
    until = time.monotonic() + deadline
    with outbox.sending() as alone:
        return [delivery for hook in listed for delivery in _given(outbox, hook, until)] if alone else []


def _given(outbox: Outbox, hook: Hook, until: float) -> Iterator[Delivery]:
    for decision in list(outbox.undelivered(hook.name, hook.verdicts)):
        left = until - time.monotonic()
        if left <= 0:
            return
        delivery = _sent(outbox, hook, decision, left)
        try:
            outbox.record(delivery)
        except Exception as error:  # the decision is safe, and the next call sends it again
            warnings.warn(
                f"the alert of {delivery.decision[:12]} is {delivery.outcome} ({hook.name!r}), and the ledger cannot "
                f"keep that ({error}); it will be sent again",
                UserWarning,
                stacklevel=3,
            )
            return
        yield delivery
        if delivery.outcome == "failed":
            warnings.warn(
                f"{hook.name!r} did not take the alert about {harmless(delivery.series)}: {delivery.detail}; the next "
                "call sends it again",
                UserWarning,
                stacklevel=3,
            )
            return


def _sent(outbox: Outbox, hook: Hook, decision: Mapping[str, Any], seconds: float) -> Delivery:
    series, verdict, receipt = (str(decision[key]) for key in ("series", "verdict", "receipt"))
    last = outbox.last_delivered(hook.name, series)
    # A clock that was set back shows a delivery in the future, which holds nothing back.
    if last is not None and last[0] == verdict and 0 <= time.time() - last[1] < hook.cooldown:
        return Delivery(hook.name, series, receipt, verdict, "held back", time.time())
    try:
        why = hook.send(message_of(decision), seconds)
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
    outcome = "failed" if why else "delivered"
    return Delivery(hook.name, series, receipt, verdict, outcome, time.time(), harmless(why)[:LONGEST_DETAIL])


def message_of(decision: Mapping[str, Any]) -> Message:
    """A decision as what hooks are given.

    Examples
    --------
    >>> message_of({"receipt": "9c1f", "series": "north", "verdict": "retrain", "debt": float("nan")}).body.decode()
    '{"id": "9c1f", "type": "learning_debt.decision", "data": {"receipt": "9c1f", "series": "north", \
"verdict": "retrain", "debt": null}}'
    """
    receipt = str(decision["receipt"])
    return Message(receipt, json_text({"id": receipt, "type": TYPE, "data": decision}).encode())


def require_hook_options(name: Any, verdicts: Any, cooldown: Any, timeout: Any) -> None:
    """Check what all hooks have.

    Raises
    ------
    TypeError, ValueError
    """
    require_text("name", name, "text by which the ledger knows the hook")
    if len(name) > 100 or not name.isprintable():
        raise ValueError(f"name must be at most 100 printable letters, not {describe(name)}")
    if not require_names("verdicts", verdicts, VERDICTS):
        raise ValueError(f"verdicts must name at least one of {VERDICTS}")
    require_number("cooldown", cooldown, at_least=0)
    require_number("timeout", timeout, above=0)
