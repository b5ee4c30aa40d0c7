"""A hook that posts JSON, signed as the Standard Webhooks specification says, which has verifiers in many languages."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import random
import threading
import time
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from learning_debt.monitor.alerts import ALARMING, Message, require_hook_options
from learning_debt.validation import require_number, require_text, require_whole_number

PASSING = (408, 425, 429)
"""Answers of the 400s that may be others a moment later."""
PREFIX = "whsec_"


@dataclass(frozen=True)
class Webhook:
    """Posts each decision to an address.

    The request carries ``webhook-id`` (the decision's receipt: the same in every attempt, and repeated as
    ``Idempotency-Key``), ``webhook-timestamp`` (Unix seconds of the attempt) and, with a secret, ``webhook-signature``:
    ``v1,`` and the base64 of HMAC-SHA256 of ``id.timestamp.body``. Any answer of the 200s counts as taken. Redirects
    are not followed: they would carry the decision elsewhere.

    Parameters
    ----------
    url : str, optional
        http or https, without a user or password.
    url_variable : str, optional
        Instead: the environment variable that holds it, for addresses that are a secret themselves.
    secret_variable : str, optional
        Environment variable that holds the secret: text, or ``whsec_`` and base64. It is read when an alert is sent,
        and kept nowhere.
    name : str
        Under which the ledger keeps what was delivered. Another name begins anew with the newest decision.
    verdicts : sequence of {"wait", "retrain", "cannot tell"}
        What is sent.
    timeout : float
        Seconds an attempt may take.
    attempts : int
        In one call. A connection that fails and answers of the 500s, 408, 425 and 429 are tried again; others wait for
        the next call.
    backoff : float
        Seconds before the second attempt, twice as many before each further one, drawn between half and all of that;
        more where the answer asks for it (``Retry-After``).
    cooldown : float
        Seconds for which the same verdict about a series is not sent again.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit, or a variable is not set.

    Examples
    --------
    >>> Webhook("https://alerts.example/debt", cooldown=86400).name
    'webhook'
    """

    url: str | None = field(default=None, repr=False)
    url_variable: str | None = None
    secret_variable: str | None = None
    name: str = "webhook"
    verdicts: tuple[str, ...] = ALARMING
    timeout: float = 10.0
    attempts: int = 3
    backoff: float = 1.0
    cooldown: float = 0.0

    def __post_init__(self) -> None:
        require_hook_options(self.name, self.verdicts, self.cooldown, self.timeout)
        require_whole_number("attempts", self.attempts, at_least=1)
        require_number("backoff", self.backoff, at_least=0)
        object.__setattr__(self, "verdicts", tuple(self.verdicts))
        if (self.url is None) == (self.url_variable is None):
            raise ValueError("give url, or url_variable, the name of an environment variable that holds it")
        _require_address(self._address())
        self._secret()

    def _address(self) -> str:
        if self.url is not None:
            return require_text("url", self.url, "an address, such as 'https://alerts.example/debt'")
        return _variable("url_variable", self.url_variable)

    def _secret(self) -> bytes | None:
        if self.secret_variable is None:
            return None
        text = _variable("secret_variable", self.secret_variable)
        if not text.startswith(PREFIX):
            return text.encode()
        try:
            return base64.b64decode(text.removeprefix(PREFIX), validate=True)
        except binascii.Error as error:
            raise ValueError(
                f"secret_variable: what {self.secret_variable} holds begins with {PREFIX} and is no base64 after that"
            ) from error

    def send(self, message: Message, seconds: float) -> str:
        """Post, within `seconds`; empty text once it was answered with 2xx, else why not."""
        until, why = time.monotonic() + seconds, ""
        for attempt in range(self.attempts):
            left = until - time.monotonic()
            if left <= 0:
                return why or "no time was left"
            why, again, wait = self._posted(message, min(self.timeout, left))
            if not why or not again or attempt + 1 == self.attempts:
                return why
            wait = max(wait, self.backoff * 2**attempt * random.uniform(0.5, 1.0))
            if time.monotonic() + wait >= until:
                return why
            time.sleep(wait)
        return why

    def _posted(self, message: Message, timeout: float) -> tuple[str, bool, float]:
        """One attempt: why it failed, whether another may not, and how long to wait for that.

        A thread of its own, since a socket's timeout bounds each read but not all of them, and no lookup of a name.
        """
        request, found = self._request(message), []
        thread = threading.Thread(target=lambda: found.append(_answer(request, timeout)), daemon=True)
        thread.start()
        thread.join(timeout)
        return found[0] if found else (f"{_host(request.full_url)} did not answer in {timeout:.3g} s", True, 0.0)

    def _request(self, message: Message) -> Request:
        sent_at = int(time.time())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "learning-debt",
            "webhook-id": message.id,
            "webhook-timestamp": str(sent_at),
            "Idempotency-Key": message.id,
        }
        secret = self._secret()
        if secret is not None:
            headers["webhook-signature"] = signature(secret, message, sent_at)
        address = self._address()
        _require_address(address)  # a variable may have changed, and urllib would say all of it
        return Request(address, message.body, headers, method="POST")


def signature(secret: bytes, message: Message, sent_at: int) -> str:
    """What ``webhook-signature`` says (Standard Webhooks 1.0, symmetric).

    Examples
    --------
    >>> signature(b"secret", Message("9c1f", b"{}"), 1614265330)[:15]
    'v1,OtvmZ0IU9JEJ'
    """
    signed = b".".join([message.id.encode(), str(sent_at).encode(), message.body])
    return "v1," + base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()


class _Unmoved(HTTPRedirectHandler):
    """Follows no redirect."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """None, which leaves the answer as the error it is."""
        return


def _answer(request: Request, timeout: float) -> tuple[str, bool, float]:
    host = _host(request.full_url)
    try:
        with build_opener(_Unmoved).open(request, timeout=timeout):
            return "", False, 0.0
    except HTTPError as error:
        with error:
            moved = " (a redirect, which is not followed)" if 300 <= error.code < 400 else ""
            again = error.code >= 500 or error.code in PASSING
            return f"{host} answered {error.code}{moved}", again, _seconds(error.headers.get("Retry-After"))
    except (URLError, OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        return f"{host}: {type(reason).__name__}: {reason}", True, 0.0


def _seconds(text: str | None) -> float:
    """Of a ``Retry-After`` in seconds; a date is not waited for."""
    return float(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 7 else 0.0


def _host(address: str) -> str:
    """All of an address that may be said: a path or query may hold a secret."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def _require_address(address: str) -> None:
    try:
        parts = urlsplit(address)
        named = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        raise ValueError("url must be an http or https address, such as https://alerts.example/debt") from None
    if parts.scheme not in ("http", "https") or not named:
        raise ValueError(f"url must be an http or https address with a host, not one with scheme {parts.scheme!r}")
    if parts.username is not None or parts.password is not None:
        raise ValueError("url must hold no user or password; sign with secret_variable")
    if not (address.isascii() and address.isprintable()) or " " in address:
        raise ValueError("url must be ASCII without blanks; percent-encode what is not")


def _variable(argument: str, name: Any) -> str:
    require_text(argument, name, "the name of an environment variable")
    value = os.environ.get(name, "")
    if not value:
        raise ValueError(f"{argument}: the environment variable {name} is not set")
    return value
