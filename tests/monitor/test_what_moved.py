"""What moved is what `debt_by_block` and `debt_by_group` say of the posteriors that are kept."""

import numpy as np
import pytest
from tests.sampled_regression import SampledRegression

import learning_debt as ld

from .a_monitor import AGREED, FORECASTER, history, part

STORES = np.array(["Graz", "Linz", "Wien"])
ROWS = history(40) | {"store": STORES[np.arange(120) % 3]}
SERVED, NOW = 29, 37


def posterior_of(first, stop):
    return FORECASTER.fit(part(ROWS, first, stop))


def made(path, forecaster=FORECASTER, rows=ROWS, **changed):
    monitor = ld.Monitor.create(path, forecaster, part(rows, 0, SERVED + 1), **(AGREED | changed))
    monitor.observe(part(rows, SERVED + 1, NOW + 1))
    return monitor


@pytest.mark.parametrize("window", [None, 6])
def test_parts_are_those_of_the_exact_posteriors(tmp_path, window):
    monitor = made(tmp_path / "state", update_rule=ld.UpdateRule(window=window))
    moved = monitor.moved(by="store")
    first = 0 if window is None else SERVED + 1 - window
    deployed, shadow = posterior_of(first, SERVED + 1), posterior_of(0 if window is None else NOW + 1 - window, NOW + 1)
    new = part(ROWS, SERVED + 1 if window is None else NOW + 1 - window, NOW + 1)
    removed = None if window is None else part(ROWS, first, SERVED + 1)
    blocks = ld.debt_by_block(FORECASTER, shadow, deployed, new)
    expected = dict(zip(blocks["block"].values.tolist(), blocks["value"].values.tolist(), strict=True))
    assert {one.name: one.value for one in moved.blocks} == pytest.approx(expected)
    assert [one.value for one in moved.blocks] == pytest.approx(sorted(expected.values(), reverse=True))
    groups = ld.debt_by_group(FORECASTER, shadow, deployed, new, "store", removed_data=removed)
    expected = dict(zip(groups["store"].values.tolist(), groups["value"].values.tolist(), strict=True))
    assert {one.name: one.value for one in moved.groups} == pytest.approx(expected)
    assert {one.name for one in moved.groups} == set(STORES)
    assert "coefficients[1]" in monitor.explain()
    assert "most, by store, in nats" in monitor.explain(by="store")


def test_of_draws_within_the_errors_of_the_exact_ones(tmp_path):
    rows = ROWS | {"x": ROWS["x"][:, 1:]}
    moved = made(tmp_path / "state", SampledRegression(), rows, random_seed=3).moved(by="store")
    exact = SampledRegression().exact
    deployed, shadow = (exact.fit(part(rows, 0, stop)) for stop in (SERVED + 1, NOW + 1))
    new = part(rows, SERVED + 1, NOW + 1)
    groups = ld.debt_by_group(exact, shadow, deployed, new, "store")
    for one in moved.groups:
        assert abs(one.value - groups["value"].sel(store=one.name).item()) < 5 * one.standard_error
    blocks = ld.debt_by_block(exact, shadow, deployed, new)
    for one in moved.blocks:
        if one.reliable:
            assert abs(one.value - blocks["value"].sel(block=one.name).item()) < 5 * one.standard_error + 0.02
    assert moved.notes == ()


def test_what_cannot_be_told_is_said(tmp_path):
    monitor = made(tmp_path / "state", retained=4)
    assert "the posterior of 32 is not kept" in str(monitor.moved(32))
    with pytest.raises(ValueError, match="by: the rows have no column 'shop'; they have"):
        monitor.moved(by="shop")
    with pytest.raises(ValueError, match="opened without its forecaster"):
        ld.Monitor.open(tmp_path / "state").moved()
    assert "Moved most" not in ld.Monitor.open(tmp_path / "state").explain()
    assert "Moved most" not in monitor.explain(moved=False)
    other = made(tmp_path / "other", update_rule=ld.UpdateRule(discount=0.9)).moved(by="store")
    assert len(other.blocks) == 3
    assert other.groups == ()
    assert "By store it is not told" in other.notes[0]


def test_what_serves_may_have_done_better_than_the_shadow(tmp_path):
    monitor = made(tmp_path / "state")
    better = monitor.history()["realised_regret"].values < 0
    assert better.any()
    assert not better.all()
    for label, own in zip(monitor.history()["label"].values.tolist(), better.tolist(), strict=True):
        text = monitor.explain(label, moved=False)
        assert ("has done better than the shadow would have, by" in text) == own
        assert ("more than the shadow would have" in text) != own
        assert "has cost -" not in text
