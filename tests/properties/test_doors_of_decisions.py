"""Odd arguments and odd tables at the doors of decisions: a finite answer, or a refusal that names what is wrong."""

import datetime
import inspect
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import learning_debt as ld
from learning_debt.policies import CUSUM, Always, Calendar, Never, PredictiveDebtThreshold, Schedule

PERIODS = 8


def table(seed=0, periods=PERIODS):
    """A small table of noise."""
    rng = np.random.default_rng(seed)
    shape = (1, periods, periods)
    present = np.triu(np.ones(shape[1:], dtype=bool))
    cells = {name: np.where(present, rng.gamma(1.0, size=shape), np.nan) for name in ("debt", "predictive_debt")}
    cells["score_gap"] = np.where(present, rng.normal(0.2, 1.0, size=shape), np.nan)
    return xr.Dataset(
        {name: (("series", "deployed_at", "period"), values) for name, values in cells.items()},
        {"series": [0], "deployed_at": np.arange(periods), "period": np.arange(1, periods + 1)},
    )


SPELLS, LONGER = table(), table(periods=22)
POLICY = CUSUM(0.5)


def quick_audit(**given):
    return ld.audit(**{"spells": LONGER, "cost": 0.3, "resamples": 20} | given)


def quick_decisions(**given):
    return ld.decide_all(SPELLS, POLICY, 0.3, horizon=5, **given)


# call with one argument given, the argument's name, further names a refusal may go by.
ARGUMENTS = {
    "replay spells": (lambda value: ld.replay(value, POLICY, 0.3), "spells"),
    "replay policy": (lambda value: ld.replay(SPELLS, value, 0.3), "policy"),
    "replay cost": (lambda value: ld.replay(SPELLS, POLICY, value), "cost", "amount"),
    "replay accounting": (lambda value: ld.replay(SPELLS, POLICY, 0.3, value), "accounting"),
    "oracle spells": (lambda value: ld.oracle(value, 0.3), "spells"),
    "oracle cost": (lambda value: ld.oracle(SPELLS, value), "cost", "amount"),
    "oracle accounting": (lambda value: ld.oracle(SPELLS, 0.3, value), "accounting"),
    "tune spells": (lambda value: ld.tune(value, [POLICY], 0.3), "spells"),
    "tune candidates": (lambda value: ld.tune(SPELLS, value, 0.3), "candidates"),
    "tune a candidate": (lambda value: ld.tune(SPELLS, [POLICY, value], 0.3), "candidates"),
    "tune cost": (lambda value: ld.tune(SPELLS, [POLICY], value), "cost", "amount"),
    "tune starts": (lambda value: ld.tune(SPELLS, [POLICY], 0.3, starts=value), "starts"),
    "tune within": (lambda value: ld.tune(SPELLS, [POLICY], 0.3, within=value), "within"),
    "decide spells": (lambda value: ld.decide(value, POLICY, 0.3, horizon=5), "spells"),
    "decide policy": (lambda value: ld.decide(SPELLS, value, 0.3, horizon=5), "policy"),
    "decide cost": (lambda value: ld.decide(SPELLS, POLICY, value, horizon=5), "cost", "amount"),
    "decide horizon": (lambda value: ld.decide(SPELLS, POLICY, 0.3, horizon=value), "horizon"),
    "decide probability": (lambda value: ld.decide(SPELLS, POLICY, 0.3, horizon=5, probability=value), "probability"),
    "decide deployed_at": (lambda value: ld.decide(SPELLS, POLICY, 0.3, horizon=5, deployed_at=value), "deployed_at"),
    "decide_all spells": (lambda value: ld.decide_all(value, POLICY, 0.3, horizon=5), "spells"),
    "decide_all policy": (lambda value: ld.decide_all(SPELLS, value, 0.3, horizon=5), "policy"),
    "decide_all cost": (lambda value: ld.decide_all(SPELLS, POLICY, value, horizon=5), "cost", "amount"),
    "decide_all horizon": (lambda value: ld.decide_all(SPELLS, POLICY, 0.3, horizon=value), "horizon"),
    "decide_all probability": (
        lambda value: ld.decide_all(SPELLS, POLICY, 0.3, horizon=5, probability=value),
        "probability",
    ),
    "decide_all deployed_at": (
        lambda value: ld.decide_all(SPELLS, POLICY, 0.3, horizon=5, deployed_at=value),
        "deployed_at",
    ),
    "audit spells": (lambda value: quick_audit(spells=value), "spells"),
    "audit cost": (lambda value: quick_audit(cost=value), "cost", "amount"),
    "audit split": (lambda value: quick_audit(split=value), "split"),
    "audit calendar": (lambda value: quick_audit(calendar=value), "calendar", "schedule dates"),
    "audit accounting": (lambda value: quick_audit(accounting=value), "accounting"),
    "audit starts": (lambda value: quick_audit(starts=value), "starts"),
    "audit probability": (lambda value: quick_audit(probability=value), "probability"),
    "audit resamples": (lambda value: quick_audit(resamples=value), "resamples"),
    "audit random_seed": (lambda value: quick_audit(random_seed=value), "random_seed"),
    "implied_cost spells": (lambda value: ld.implied_cost(value, 3, resamples=5), "spells"),
    "implied_cost calendar": (
        lambda value: ld.implied_cost(SPELLS, value, resamples=5),
        "calendar",
        "schedule dates",
        "interval",
    ),
    "implied_cost money_per_nat": (
        lambda value: ld.implied_cost(SPELLS, 3, money_per_nat=value, resamples=5),
        "money_per_nat",
    ),
    "implied_cost currency": (lambda value: ld.implied_cost(SPELLS, 3, currency=value, resamples=5), "currency"),
    "implied_cost probability": (
        lambda value: ld.implied_cost(SPELLS, 3, probability=value, resamples=5),
        "probability",
    ),
    "implied_cost resamples": (lambda value: ld.implied_cost(SPELLS, 3, resamples=value), "resamples"),
    "implied_cost random_seed": (
        lambda value: ld.implied_cost(SPELLS, 3, resamples=5, random_seed=value),
        "random_seed",
    ),
    "RetrainingCost amount": (ld.RetrainingCost, "amount"),
    "RetrainingCost money_per_nat": (lambda value: ld.RetrainingCost(1.0, money_per_nat=value), "money_per_nat"),
    "RetrainingCost currency": (lambda value: ld.RetrainingCost(1.0, currency=value), "currency"),
    "RetrainingCost cost_ratio": (lambda value: ld.RetrainingCost(cost_ratio=value), "cost_ratio"),
    "RetrainingCost per_second": (lambda value: ld.RetrainingCost(1.0, per_second=value), "per_second"),
    "RetrainingCost per_change": (lambda value: ld.RetrainingCost(1.0, per_change=value), "per_change"),
    "RetrainingCost score_unit": (lambda value: ld.RetrainingCost(cost_ratio=1.0, score_unit=value), "score_unit"),
    "UpdateRule window": (lambda value: ld.UpdateRule(window=value), "window"),
    "UpdateRule discount": (lambda value: ld.UpdateRule(discount=value), "discount"),
    "interval probability": (lambda value: ld.Estimate(1.0, 0.1).interval(value), "probability"),
    "Calendar interval": (Calendar, "interval"),
    "Calendar offset": (lambda value: Calendar(3, value), "offset"),
    "CUSUM threshold": (CUSUM, "threshold"),
    "PredictiveDebtThreshold multiplier": (PredictiveDebtThreshold, "multiplier"),
    "Schedule dates": (Schedule, "dates"),
    "QuantileLoss level": (ld.scores.QuantileLoss, "level"),
    "NewsvendorLoss under": (lambda value: ld.scores.NewsvendorLoss(value, 1.0), "under"),
    "NewsvendorLoss over": (lambda value: ld.scores.NewsvendorLoss(1.0, value), "over"),
    "NewsvendorLoss currency": (lambda value: ld.scores.NewsvendorLoss(1.0, 1.0, value), "currency"),
    "DrawsScore function": (lambda value: ld.scores.DrawsScore(value, "mine"), "function"),
    "DrawsScore name": (lambda value: ld.scores.DrawsScore(max, value), "name"),
    "score": (ld.scores.as_score, "score"),
}


class Unprintable:
    """An object whose repr fails."""

    def __repr__(self):
        raise RuntimeError


ODD = st.one_of(
    st.sampled_from(
        [
            None,
            True,
            False,
            float("nan"),
            float("inf"),
            -float("inf"),
            0,
            -1,
            -0.1,
            10**400,
            1j,
            "0.1",
            "",
            "signed ",
            b"1",
            [],
            [0.1, float("nan")],
            {},
            {"a": 1},
            object(),
            Unprintable(),
            CUSUM,
            np.array([1.0, 2.0]),
            np.array([[1, 2]]),
            np.array("x"),
            np.ma.masked,
            np.datetime64("2024-01-01"),
            np.timedelta64(3, "D"),
            Decimal("0.1"),
            pd.NA,
            pd.NaT,
            pd.Series([1.0, 2.0]),
            datetime.date(2024, 1, 1),
            xr.DataArray([1.0, 2.0]),
            xr.Dataset(),
            xr.Dataset({"a": ("period", [1.0])}),
            range(0),
            slice(None),
            max,
        ]
    ),
    st.integers(-3, 40),
    st.floats(allow_nan=True, allow_infinity=True),
    st.text(max_size=4),
    st.lists(st.floats(), max_size=3),
)


def finite(result):
    """Whether the numbers of an answer are finite; answers without numbers are."""
    if isinstance(result, ld.Replay):
        return bool(np.isfinite(result.objective).all())
    if isinstance(result, tuple) and result and isinstance(result[0], float):
        return bool(np.isfinite(result).all())
    for name in ("cost", "amount", "threshold", "multiplier", "level", "under", "over", "discount", "interval"):
        value = getattr(result, name, None)
        if isinstance(value, float | int | np.ndarray) and not np.isfinite(value).all():
            return False
    return True


@pytest.mark.parametrize("argument", sorted(name for name in ARGUMENTS if not name.startswith("audit")))
@settings(max_examples=60)
@given(ODD)
def test_an_odd_argument_gives_a_finite_answer_or_a_refusal_by_name(door, argument, value):
    call, *names = ARGUMENTS[argument]
    result = door(lambda: call(value), *names)
    assert result is None or finite(result), result


@settings(max_examples=120)
@given(st.sampled_from(sorted(name for name in ARGUMENTS if name.startswith("audit"))), ODD)
def test_an_odd_argument_of_an_audit_gives_an_answer_or_a_refusal_by_name(door, argument, value):
    call, *names = ARGUMENTS[argument]
    audit = door(lambda: call(value), *names)
    assert audit is None or np.isfinite(audit.table["total"]).all()


def odd_table(kind, name, seed):
    """A table with one variable, dimension or coordinate put wrong."""
    spells = table(seed, PERIODS)
    one = spells[name]
    changed = {
        "hole": lambda: spells.assign({name: one.where((one.period != 3) | (one.deployed_at != 1))}),
        "infinite": lambda: spells.assign({name: one.where(one.period != 3, np.inf)}),
        "complex": lambda: spells.assign({name: one.astype(complex)}),
        "text": lambda: spells.assign({name: one.astype(str)}),
        "objects": lambda: spells.assign({name: one.astype(object).where(one.period != 3, "a")}),
        "dates": lambda: spells.assign({name: one.fillna(0).astype("datetime64[ns]")}),
        "along periods only": lambda: spells.assign({name: one.isel(deployed_at=0, drop=True)}),
        "a further dimension": lambda: spells.assign({name: one.expand_dims(world=[0, 1])}),
        "fewer periods": lambda: spells.isel(period=slice(1, None)),
        "no periods": lambda: spells.isel(period=slice(0), deployed_at=slice(0)),
        "shifted": lambda: spells.assign_coords(period=spells.period + 1),
        "reversed": lambda: spells.isel(period=slice(None, None, -1)),
        "same labels": lambda: spells.assign_coords(label=("period", ["day"] * PERIODS)),
        "exposure 0": lambda: spells.assign(exposure=("period", [0.0] * PERIODS)),
        "exposure nan": lambda: spells.assign(exposure=("period", [np.nan] + [1.0] * (PERIODS - 1))),
        "exposure text": lambda: spells.assign(exposure=("period", ["1"] * PERIODS)),
        "rows negative": lambda: spells.assign(rows=("period", [-1.0] * PERIODS)),
        "converged text": lambda: spells.assign(converged=("period", ["yes"] * PERIODS)),
        "left out": lambda: spells.drop_vars(name),
        "two dates alike": lambda: spells.assign_coords(label=("period", ["d1", "d1", *"cdefgh"])),
    }[kind]
    return changed()


OF_A_SIGNAL = ["hole", "infinite", "complex", "text", "objects", "dates", "along periods only", "a further dimension"]
OF_A_TABLE = ["fewer periods", "no periods", "shifted", "reversed", "same labels", "two dates alike", "exposure 0"]
OF_A_TABLE += ["exposure nan", "exposure text", "rows negative", "converged text"]
KINDS = dict.fromkeys([*OF_A_SIGNAL, "left out"], ("score_gap", "predictive_debt"))
KINDS |= dict.fromkeys(OF_A_TABLE, ("score_gap",))


@settings(max_examples=120)
@given(
    st.sampled_from([(kind, name) for kind, names in KINDS.items() for name in names]),
    st.integers(0, 99),
    st.integers(0, 4),
)
def test_an_odd_table_is_refused_by_name(door, what, seed, which):
    kind, name = what
    spells = odd_table(kind, name, seed)
    reads = PredictiveDebtThreshold(1.0) if name == "predictive_debt" else CUSUM(0.5)
    call = (
        lambda: ld.replay(spells, reads, 0.3),
        lambda: ld.tune(spells, [reads, Never()], 0.3),
        lambda: ld.decide(spells, reads, 0.3, horizon=5),
        lambda: ld.audit(spells, 0.3, resamples=20, policies={"mine": [reads]}),
        lambda: ld.replay(spells, Always() if name == "score_gap" else reads, 0.3),
    )[which]
    names = (name, "spells", kind.split()[0], "label", "period")
    assert door(call, *names) is None, kind


def test_every_argument_of_a_call_is_tried():
    for call in (ld.replay, ld.oracle, ld.tune, ld.decide, ld.decide_all):
        missing = {f"{call.__name__} {name}" for name in inspect.signature(call).parameters} - set(ARGUMENTS)
        assert missing <= {"tune accounting", "decide deployed_label", "decide_all deployed_label"}
