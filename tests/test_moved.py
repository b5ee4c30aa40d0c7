"""Imports of release 0.1.0 still work, with a warning."""

import importlib
import sys

import pytest

import learning_debt as ld
from learning_debt.moved import MOVED, SHADOWED


@pytest.mark.parametrize("old", sorted(MOVED))
def test_an_old_name_hands_out_what_the_new_one_has(old, monkeypatch):
    monkeypatch.delitem(sys.modules, f"learning_debt.{old}", raising=False)
    with pytest.warns(DeprecationWarning, match="is now"):
        module = importlib.import_module(f"learning_debt.{old}")
    new = importlib.import_module(MOVED[old])
    names = [name for name in vars(new) if not name.startswith("_")]
    assert all(getattr(module, name) is getattr(new, name) for name in names)


@pytest.mark.parametrize("name", sorted(SHADOWED))
def test_a_module_whose_name_a_function_has_taken_says_where_it_is(name):
    with pytest.raises(ModuleNotFoundError, match=SHADOWED[name]):
        importlib.import_module(f"learning_debt.{name}.once")
    assert callable(getattr(ld, name))


def test_what_never_was_is_not_found():
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("learning_debt.nonsense")
