"""The command line: thin, the order in which the library's own parts are called."""

try:
    from learning_debt.cli.command import app
except KeyboardInterrupt:  # before any command has begun
    raise SystemExit(130) from None

__all__ = ["app"]
