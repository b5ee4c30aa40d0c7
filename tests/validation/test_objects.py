"""Objects, choices and names at the door."""

import pytest

from learning_debt import UpdateRule
from learning_debt.validation import (
    describe,
    require_callable,
    require_choice,
    require_instance,
    require_names,
    require_sequence,
)


def test_descriptions_fit_on_one_harmless_line():
    hostile = describe("\x1b[2Jname\nnext" + "x" * 500)
    assert hostile.isprintable()
    assert len(hostile) < 100

    class Broken:
        def __repr__(self):
            raise RuntimeError

    assert describe(Broken()) == "an object without a repr (Broken)"


def test_choices_name_the_nearest():
    assert require_choice("accounting", "signed", ("signed", "positive")) == "signed"
    with pytest.raises(ValueError, match="accounting must be one of 'signed', 'positive', not 'sined'; did you mean"):
        require_choice("accounting", "sined", ("signed", "positive"))
    for wrong in (None, 1, ["signed"]):
        with pytest.raises(TypeError, match="accounting must be one of"):
            require_choice("accounting", wrong, ("signed", "positive"))


def test_a_class_in_place_of_its_object_is_named():
    assert require_instance("rule", UpdateRule(), UpdateRule, "an UpdateRule") == UpdateRule()
    with pytest.raises(TypeError, match="rule must be an UpdateRule, not the class UpdateRule itself: call it"):
        require_instance("rule", UpdateRule, UpdateRule, "an UpdateRule")


def test_names_are_several_words():
    assert require_names("variables", iter(["a", "b"])) == ("a", "b")
    with pytest.raises(TypeError, match=r"variables must be a sequence of names, such as \('debt',\), not the text"):
        require_names("variables", "debt")
    with pytest.raises(TypeError, match="variables must hold names, not 1"):
        require_names("variables", ["debt", 1])
    with pytest.raises(ValueError, match=r"variables .'dept'. are unknown; choose from .*did you mean 'debt'"):
        require_names("variables", ["dept"], ("debt", "score_gap"))


@pytest.mark.parametrize("wrong", ["ab", b"ab", {"a": 1}, 3, None])
def test_sequences_are_no_text_and_no_mapping(wrong):
    with pytest.raises(TypeError, match="candidates must be a list of policies, not "):
        require_sequence("candidates", wrong, "a list of policies")


def test_callables():
    assert require_callable("prepare", len, "a function") is len
    with pytest.raises(TypeError, match="prepare must be a function, not 3"):
        require_callable("prepare", 3, "a function")
