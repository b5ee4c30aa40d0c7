"""The command line: thin, the order in which the library's own parts are called."""

from learning_debt.cli.command import app

__all__ = ["app"]
