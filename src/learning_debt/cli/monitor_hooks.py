"""Alerts and registries as the command line names them."""

from __future__ import annotations

import shlex
from typing import Any


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
