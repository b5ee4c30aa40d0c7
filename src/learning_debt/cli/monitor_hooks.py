"""Alerts and registries as the command line names them."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import learning_debt as ld
from learning_debt.cli.command_endings import PlainConsole
from learning_debt.errors import noted

ALERT_SECONDS = 30.0


def hooks_of(
    webhook: str | None, webhook_variable: str | None, secret_variable: str | None, command: str | None, cooldown: float
) -> list[Any]:
    """Hooks that options ask for; none where nobody asks.

    Raises
    ------
    ValueError, TypeError
        If an option does not fit, before anything else happens.
    """
    hooks: list[Any] = []
    if webhook is not None or webhook_variable is not None:
        from learning_debt.monitor.webhook import Webhook

        hooks.append(
            Webhook(webhook, url_variable=webhook_variable, secret_variable=secret_variable, cooldown=cooldown)
        )
    elif secret_variable is not None:
        raise ValueError("--secret-variable signs posts: give --webhook or --webhook-variable as well")
    if command is not None:
        from learning_debt.monitor.command_hook import CommandHook

        try:
            arguments = shlex.split(command)
        except ValueError as error:
            raise ValueError(f"--command: {error} in {command!r}") from error
        hooks.append(CommandHook(tuple(arguments), cooldown=cooldown))
    if cooldown and not hooks:
        raise ValueError("--cooldown is of alerts: give --webhook, --webhook-variable or --command as well")
    return hooks


def registry_of(model: str | None, uri: str | None) -> Any:
    """The registry that options ask for, or None.

    Raises
    ------
    ValueError, ImportError
    """
    if model is None:
        if uri is not None:
            raise ValueError("--mlflow-uri is where MLflow keeps a model: give --mlflow NAME as well")
        return None
    from learning_debt.monitor.model_registry import MlflowRegistry

    return MlflowRegistry(model, tracking_uri=uri)


def send_alerts(monitors: Sequence[ld.Monitor], hooks: Sequence[Any]) -> None:
    """Send what is to be sent, in half a minute for all; what goes wrong is a warning, since decisions are recorded."""
    until = time.monotonic() + ALERT_SECONDS
    for monitor in monitors if hooks else ():
        left = until - time.monotonic()
        if left <= 0:
            PlainConsole(stderr=True).say("alerts: no time was left for all folders; the next status sends the rest")
            return
        monitor.send_alerts(hooks, deadline=left)


def register(monitor: ld.Monitor, directory: Path, series: str | None, registry: Any) -> None:
    """Bring a registry in line; if that fails, all else has been recorded, and the error says what to repeat."""
    if registry is None:
        return
    which = [] if series is None else ["--series", series]
    again = shlex.join(["learning-debt", "monitor", "status", str(directory), *which, "--mlflow", registry.model])
    with noted(f"repeat with: {again}"):
        version = monitor.register(registry)
    PlainConsole(stderr=True).say(f"MLflow: {version.model} version {version.version} is {version.alias}")
