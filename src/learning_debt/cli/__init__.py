"""The command line: thin, and it calls what the public API offers and nothing else."""

from learning_debt.cli.command import app

__all__ = ["app"]
