"""Every argument of every public call is checked at the door: what is wrong is refused by name, before any work."""

from __future__ import annotations

import inspect

import pytest

import learning_debt as ld
from learning_debt import bench, budget, plots, policies, scores, serving

from .attacks import fault
from .calls import CALLS

RESULTS = {"Audit", "Decision", "Diagnosis", "Doubt", "ImpliedCost", "Replay", "RuleComparison", "Signals", "Tuned"}
RESULTS |= {"Choice", "NextCandidate", "Seen", "ServingEvaluation"}
RESULTS |= {"DurationFit", "EffortPlan", "EstimationCost", "LearningCurveFit", "ShippingPlan"}
"""Made by the library, not by its users."""
ERRORS = {"IncomparablePosteriorsError", "NotPooledError", "OtherTableError", "UnsupportedModelError"}
OF_THE_BENCH = {"Bench", "RealHistory", "NotPossibleError", "HISTORIES", "PRIORS", "ROWS", "COST_RATIOS", "SPLITS"}
"""Records, a refusal and mappings; and what is looked up in them has tests of its own."""
NOT_CALLED = {"Monitor", "bench", "budget", "policies", "scores", "serving", *ERRORS}
"""Modules, a class of which the methods are called, and refusals."""
ABSTRACT = {"Duration", "LearningCurve", "Policy", "Score", "Strategy"}
ROOMS = (ld, policies, scores, plots, bench, serving, budget)
FREE = {"self", "pc_kwargs", "what"}
"""Keyword arguments of a plot, and what `save` refuses in words of its own."""


@pytest.mark.parametrize(("name", "argument"), [(name, one) for name, call in CALLS.items() for one in call.arguments])
def test_what_is_wrong_is_refused_by_name(name, argument, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call = CALLS[name]
    wrong = call.arguments[argument].wrong()
    faults = {what: fault(call, argument, value) for what, value in wrong.items()}
    assert not {what: said for what, said in faults.items() if said}


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
def test_what_is_right_is_taken(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    CALLS[name].rightly()


def public():
    """Names of all public calls, from the package and from the rooms that users import."""
    named = {name for name in ld.__all__ if name not in NOT_CALLED | RESULTS}
    rooms = {name for room in ROOMS[1:] for name in room.__all__}
    return (named | rooms) - ABSTRACT - OF_THE_BENCH - RESULTS


def test_no_public_call_is_forgotten():
    assert not public() - set(CALLS)


@pytest.mark.parametrize("name", sorted(public() & set(CALLS)))
def test_no_argument_is_forgotten(name):
    function = next(getattr(room, name) for room in ROOMS if hasattr(room, name))
    expected = set(inspect.signature(function).parameters) - FREE
    tried = {one for label, call in CALLS.items() if label.split(" of a ")[0] == name for one in call.arguments}
    tried |= {one for label, call in CALLS.items() if label.split(" of a ")[0] == name for one in call.left}
    assert not expected - tried
