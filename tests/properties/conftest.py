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
    refusal = None
    try:
        return call()
    except (ValueError, TypeError, KeyError) as error:
        refusal = error
    last = traceback.extract_tb(refusal.__traceback__)[-1]
    assert last.filename.startswith(HOUSE), f"raised in {last.filename}:{last.lineno}: {refusal!r}"
    assert any(name in str(refusal) for name in names), f"names none of {names}: {refusal!r}"
    return None


@pytest.fixture(scope="session")
def door():
    """Function: call, names -> its answer, or None where it was refused by one of the names."""
    return refused_by_name
