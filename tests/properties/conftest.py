"""What a door may do with an odd input: answer, or refuse it by name."""

import traceback
from pathlib import Path

import pytest

import learning_debt

HOUSE = str(Path(learning_debt.__file__).parent)


def refused_by_name(call, *names):
    """What `call` returns, or None where it raises a refusal; anything else that it raises fails the test.

    A refusal is a ValueError, TypeError or KeyError raised by a line of this package, with one of `names` in its text.
    """
    try:
        return call()
    except (ValueError, TypeError, KeyError) as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        assert last.filename.startswith(HOUSE), f"raised in {last.filename}:{last.lineno}: {error!r}"
        assert any(name in str(error) for name in names), f"names none of {names}: {error!r}"
        return None


@pytest.fixture(scope="session")
def door():
    """Function: call, names -> its answer, or None where it was refused by one of the names."""
    return refused_by_name
