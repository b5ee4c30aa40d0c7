"""Paths against a slow transcription on numpy's own twister, and against whole paths drawn by R.

"paths" in r_draws.json come from an R script of the published order: sums (column by column, from first to last, in
double precision) and the first, middle and last entry of every array, and the periods in which U < 1/25.
"""

import itertools
import json
import math
import statistics
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from learning_debt_study import random_stream
from learning_debt_study.scenarios import (
    BASE_SEEDS,
    PAPER,
    SHIFTS,
    SMOKE,
    Design,
    Misspecification,
    Paths,
    cell_seeds,
    draw_paths,
    path_seed,
)

R_PATHS = json.loads((Path(__file__).parent / "r_draws.json").read_text())["paths"]
ARRAYS = [field for field in Paths._fields if field != "redeployed"]
TINY = Design(periods=30, burn_in=4, warm_start_rows=11, update_rows=3, monitor_rows=2, evaluation_rows=4)
WORLDS = [
    Misspecification(),
    Misspecification(tail=3),
    Misspecification(heteroskedasticity=1.5),
    Misspecification(curvature=0.4),
    Misspecification(tail=8, heteroskedasticity=4, curvature=-0.8),
]


class SlowStream:
    """The same stream on numpy's twister and the standard library's normal quantile."""

    def __init__(self, number):
        self.twister = np.random.MT19937()
        self.state = random_stream.new_state(number)

    @property
    def state(self):
        inside = self.twister.state["state"]
        return np.append(inside["key"], inside["pos"]).astype(np.uint32)

    @state.setter
    def state(self, words):
        inside = {"key": words[:-1].copy(), "pos": int(words[-1])}
        self.twister.state = {"bit_generator": "MT19937", "state": inside}

    def uniform(self):
        return int(self.twister.random_raw()) / 2**32

    def normal(self):
        u = math.floor(2**27 * self.uniform()) + self.uniform()
        return statistics.NormalDist().inv_cdf(u / 2**27)

    def student_t(self, tail):
        words = self.state
        value = random_stream.student_t(words, float(tail))
        self.state = words
        return value

    def matrix(self, draw, rows, columns):
        return np.array([draw() for _ in range(rows * columns)]).reshape(columns, rows).T


def slow_truth(stream, shift, probability, design):
    """The shift steps, told one shift type at a time."""
    after = range(design.burn_in, design.periods)
    beta, variance = np.zeros(design.periods), np.ones(design.periods)
    start = None if shift == "none" else next((t for t in after if stream.uniform() < probability), None)
    if start is None:
        return beta, variance
    if shift == "abrupt_coef":
        beta[start:] = 2 * stream.normal()
    elif shift == "variance":
        variance[start:] = 3 + 3 * stream.uniform()
    else:
        beta[start:] = np.cumsum([0.15 * stream.normal() for _ in range(start, design.periods)])
    return beta, variance


def slow_path(number, shift, probability, design, world):
    stream = SlowStream(number)
    beta, variance = slow_truth(stream, shift, probability, design)
    noise = stream.normal
    if world.tail is not None:
        noise = lambda: math.sqrt(1 - 2 / world.tail) * stream.student_t(world.tail)  # noqa: E731
    rows = (design.update_rows, design.monitor_rows, design.evaluation_rows)
    inputs = [stream.matrix(stream.normal, design.periods, n) for n in rows]
    outcomes = []
    for x in inputs:
        spread = np.sqrt(variance[:, None] * (1 + world.heteroskedasticity * x**2) / (1 + world.heteroskedasticity))
        mean = beta[:, None] * x + world.curvature * (x**2 - 1)
        outcomes.append(mean + spread * stream.matrix(noise, *x.shape))
    warm_start = [np.array([stream.normal() for _ in range(design.warm_start_rows)]) for _ in "xy"]
    redeployed = np.array([stream.uniform() < 0.04 for _ in range(design.periods - 1)] + [False])
    batches = itertools.chain.from_iterable(zip(inputs, outcomes, strict=True))
    return Paths(*batches, *warm_start, beta, variance, redeployed)


@pytest.mark.parametrize("world", WORLDS, ids=str)
@pytest.mark.parametrize("shift", SHIFTS)
def test_paths_are_those_of_the_slow_transcription(shift, world):
    seeds = [120001, 20260429, 5]
    paths = draw_paths(shift, 0.15, seeds, design=TINY, misspecification=world, calibration=True)
    for i, number in enumerate(seeds):
        slow = slow_path(number, shift, 0.15, TINY, world)
        for field in Paths._fields:
            np.testing.assert_allclose(
                getattr(paths, field)[i], getattr(slow, field), rtol=1e-13, atol=1e-13, err_msg=field
            )


@pytest.mark.parametrize("row", R_PATHS, ids=lambda row: f"{row['shift']}-{row['seed']}")
def test_whole_paths_are_those_of_r(row):
    world = Misspecification(row["tail"], row["heteroskedasticity"], row["curvature"])
    design = SMOKE if row["smoke"] else PAPER
    paths = draw_paths(
        row["shift"], row["probability"], [row["seed"]], design=design, misspecification=world, calibration=True
    )
    for field in ARRAYS:
        values = getattr(paths, field)[0].ravel(order="F")
        found = [values[0], values[values.size // 2], values[-1], values.cumsum()[-1]]
        expected = [row[field][key] for key in ("first", "middle", "last", "sum")]
        if row["tail"] is None or not field.endswith("_y"):
            assert found == expected
        else:  # noise through log and exp of the mathematical library: the last place may differ
            assert found == pytest.approx(expected, rel=1e-12)
    assert (np.flatnonzero(paths.redeployed[0]) + 1).tolist() == row["redeployed"]


def test_a_path_depends_on_its_seed_only():
    seeds = cell_seeds("test", "gradual", 0.10, SMOKE)
    together = draw_paths("gradual", 0.10, seeds, design=SMOKE, calibration=True, threads=1)
    for threads in (2, 3, 7):
        again = draw_paths("gradual", 0.10, seeds, design=SMOKE, calibration=True, threads=threads)
        assert all((a == b).all() for a, b in zip(together, again, strict=True))
    without = draw_paths("gradual", 0.10, seeds[1:2], design=SMOKE)
    assert all((getattr(without, field)[0] == getattr(together, field)[1]).all() for field in ARRAYS)
    assert without.redeployed.shape == (0, SMOKE.periods)


def test_threads_of_the_caller_do_not_disturb_each_other():
    seeds = cell_seeds("calibration", "abrupt_coef", 0.05)
    expected = draw_paths("abrupt_coef", 0.05, seeds)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: draw_paths("abrupt_coef", 0.05, seeds, threads=2), range(8)):
            assert (found.evaluation_y == expected.evaluation_y).all()


def test_shapes_and_memory_order():
    paths = draw_paths("none", 0.02, [1, 2], calibration=True)
    for name, n in (("update", 5), ("monitor", 5), ("evaluation", 40)):
        for side in "xy":
            assert getattr(paths, f"{name}_{side}").shape == (2, 200, n)
    assert paths.warm_start_x.shape == paths.warm_start_y.shape == (2, 300)
    assert paths.coefficient.shape == paths.variance.shape == paths.redeployed.shape == (2, 200)
    assert all(array.flags.c_contiguous for array in paths)
    assert not paths.redeployed[:, -1].any()


def test_certain_and_impossible_shifts():
    never = draw_paths("abrupt_coef", 0, range(1, 5), design=TINY)
    assert (never.coefficient == 0).all()
    at_once = draw_paths("variance", 1, range(1, 5), design=TINY)
    assert (at_once.variance[:, : TINY.burn_in] == 1).all()
    assert (at_once.variance[:, TINY.burn_in :] > 3).all()
    assert (np.diff(at_once.variance[:, TINY.burn_in :]) == 0).all()
    drifting = draw_paths("gradual", 1, range(1, 5), design=TINY)
    assert (np.diff(drifting.coefficient[:, TINY.burn_in - 1 :]) != 0).all()


def test_infinite_tail_is_normal_noise():
    normal, infinite = (
        draw_paths("none", 0.1, [9], design=TINY, misspecification=Misspecification(tail=tail))
        for tail in (None, math.inf)
    )
    assert (normal.evaluation_y == infinite.evaluation_y).all()


def test_seeds():
    assert path_seed(120000, 1, 1, 1) == 230001
    assert path_seed(320000, 4, 3, 100, repetition=15) == 15_750_100
    assert cell_seeds("calibration", "none", 0.02)[[0, -1]].tolist() == [230001, 230020]
    assert cell_seeds("tuning", "gradual", 0.20, repetition=2)[[0, -1]].tolist() == [2_660_001, 2_660_008]
    assert cell_seeds("test", "variance", 0.10, SMOKE).tolist() == [640001, 640002, 640003]
    shorter = replace(PAPER, shifts=("variance",), probabilities=(0.2,), test_paths=1)
    assert cell_seeds("test", "variance", 0.2, shorter).tolist() == [BASE_SEEDS["test"] + 110_001]


def test_sizes():
    assert [PAPER.paths(purpose) for purpose in BASE_SEEDS] == [20, 8, 100]
    assert [SMOKE.paths(purpose) for purpose in BASE_SEEDS] == [2, 2, 3]
    assert (PAPER.periods, PAPER.burn_in, PAPER.warm_start_rows, PAPER.evaluation_rows) == (200, 20, 300, 40)
    assert (SMOKE.periods, SMOKE.burn_in, SMOKE.warm_start_rows, SMOKE.evaluation_rows) == (50, 8, 80, 30)
    assert PAPER.update_rows == PAPER.monitor_rows == SMOKE.update_rows == SMOKE.monitor_rows == 5


@pytest.mark.parametrize(
    ("match", "call"),
    [
        ("shift type 'sudden'", lambda: draw_paths("sudden", 0.1, [1])),
        ("probability", lambda: draw_paths("none", 1.1, [1])),
        ("probability", lambda: draw_paths("none", -0.1, [1])),
        ("probability", lambda: draw_paths("none", math.nan, [1])),
        ("at least one path", lambda: draw_paths("none", 0.1, [])),
        ("list", lambda: draw_paths("none", 0.1, [[1]])),
        ("whole numbers", lambda: draw_paths("none", 0.1, [1.5])),
        ("2\\^32", lambda: draw_paths("none", 0.1, [-1])),
        ("2\\^32", lambda: draw_paths("none", 0.1, [2**32])),
        ("threads", lambda: draw_paths("none", 0.1, [1], threads=0)),
        ("tail", lambda: Misspecification(tail=2)),
        ("tail", lambda: Misspecification(tail=math.nan)),
        ("heteroskedasticity", lambda: Misspecification(heteroskedasticity=-0.5)),
        ("heteroskedasticity", lambda: Misspecification(heteroskedasticity=math.inf)),
        ("curvature", lambda: Misspecification(curvature=math.nan)),
        ("periods", lambda: Design(periods=0)),
        ("test_paths", lambda: Design(test_paths=0)),
        ("burn_in", lambda: Design(burn_in=-1)),
        ("shift type 'jump'", lambda: Design(shifts=("none", "jump"))),
        ("probability", lambda: Design(probabilities=(2.0,))),
        ("purpose 'training'", lambda: PAPER.paths("training")),
        ("purpose 'training'", lambda: cell_seeds("training", "none", 0.02)),
        ("shift 'sudden'", lambda: cell_seeds("test", "sudden", 0.02)),
        ("probability 0.03", lambda: cell_seeds("test", "none", 0.03)),
        ("count from 1", lambda: path_seed(0, 0, 1, 1)),
        ("repetitions", lambda: path_seed(0, 1, 1, 1, repetition=-1)),
    ],
)
def test_bad_input_is_named(match, call):
    with pytest.raises(ValueError, match=match):
        call()
