"""``python -m learning_debt`` is the command line."""

from learning_debt.cli import app

app()
