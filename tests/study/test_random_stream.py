"""The stream against R itself: r_draws.json holds what R 4.2.2 prints to 17 digits.

Each entry of "streams" is ``set.seed(seed)``, 100,000 draws of one kind (``runif(n)``, ``runif(n, 3, 6)``, ``rnorm``,
``rexp``, ``rgamma(n, shape)``, ``rt(n, df)``, ``sample(n, replace=TRUE) - 1``), of them the first six and their sum
from first to last in double precision, then one more ``runif(1)``, which tells whether the stream ended in the same
place. "mixed" interleaves all kinds. Uniforms, indices and normals must agree to the last bit; draws that pass through
a logarithm or an exponential of the mathematical library are allowed the last place (rel 1e-15).
"""

import json
import statistics
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numba import njit

from learning_debt_study import random_stream
from learning_debt_study.random_stream import new_state, uniform

R = json.loads((Path(__file__).parent / "r_draws.json").read_text())
TO_THE_BIT = ("uniform", "uniform_between", "normal", "index")


@cache
def many(kind):
    """Compiled loop that fills an array with draws of one kind."""
    draw = getattr(random_stream, kind)

    @njit
    def fill(state, values, arguments):
        for k in range(values.shape[0]):
            values[k] = draw(state, *arguments)

    return fill


def arguments_of(kind, parameter):
    if kind == "uniform_between":
        return (3.0, 6.0)
    if parameter is None:
        return ()
    return (int(parameter) if kind == "index" else float(parameter),)


def name(row):
    return f"{row['kind']}-{row['parameter']}-{row['seed']}"


@pytest.mark.parametrize("row", R["streams"], ids=name)
def test_draws_checksum_and_end_of_the_stream_are_those_of_r(row):
    state, values = new_state(row["seed"]), np.empty(row["draws"])
    many(row["kind"])(state, values, arguments_of(row["kind"], row["parameter"]))
    assert uniform(state) == row["next"]
    total = values.cumsum()[-1]  # one after the other, as R added them
    if row["kind"] in TO_THE_BIT:
        assert values[:6].tolist() == row["first"]
        assert total == row["sum"]
    else:
        assert values[:6].tolist() == pytest.approx(row["first"], rel=1e-15, abs=0)
        assert total == pytest.approx(row["sum"], rel=0, abs=1e-15 * np.abs(values).sum())


@njit
def mixture(state, rounds):
    total = 0.0
    for i in range(1, rounds + 1):
        total = total + random_stream.uniform(state) + random_stream.normal(state)
        total = total + random_stream.student_t(state, 2.0 + i % 30) + random_stream.exponential(state)
        total = total + random_stream.index(state, i) / i
    return total


@pytest.mark.parametrize("row", R["mixed"], ids=lambda row: str(row["seed"]))
def test_a_long_mixed_stream_is_that_of_r(row):
    state = new_state(row["seed"])
    assert mixture(state, row["rounds"]) == pytest.approx(row["sum"], rel=1e-14)
    assert uniform(state) == row["next"]


@pytest.mark.parametrize("number", [0, 1, 120001, 2**31 - 1, 2**32 - 1])
def test_words_are_those_of_numpys_twister_in_the_same_state(number):
    state = new_state(number)
    twister = np.random.MT19937()
    twister.state = {"bit_generator": "MT19937", "state": {"key": state[:-1].copy(), "pos": int(state[-1])}}
    words = twister.random_raw(5 * 624 + 7).astype(float)
    assert [uniform(state) for _ in words] == (words * 2.3283064365386963e-10).tolist()
    assert state[-1] == 7


def test_a_word_of_zero_is_moved_inside_the_interval():
    state = np.concatenate([[5, 0], np.arange(1, 623), [1]]).astype(np.uint32)
    assert [uniform(state) for _ in range(3)] == R["zero_word"]


def test_normal_quantile_is_that_of_r_and_of_the_standard_library():
    p = R["quantiles"]["p"]
    assert [random_stream.normal_quantile(one) for one in p] == R["quantiles"]["z"]
    library = statistics.NormalDist()
    grid = np.linspace(1e-6, 1 - 1e-6, 1999)
    ours = [random_stream.normal_quantile(one) for one in grid]
    np.testing.assert_allclose(ours, [library.inv_cdf(one) for one in grid], rtol=1e-15, atol=1e-15)


def test_infinite_degrees_of_freedom_are_normal():
    first, second = new_state(5), new_state(5)
    assert [random_stream.student_t(first, np.inf) for _ in range(9)] == [
        random_stream.normal(second) for _ in range(9)
    ]


def test_one_value_takes_one_uniform():
    state, other = new_state(3), new_state(3)
    assert random_stream.index(state, 1) == 0
    uniform(other)
    assert (state == other).all()


def test_streams_do_not_disturb_each_other():
    alone, first, second = new_state(1), new_state(1), new_state(2)
    together = []
    for _ in range(1000):
        together.append(random_stream.student_t(first, 3.0))
        random_stream.student_t(second, 3.0)
    assert together == [random_stream.student_t(alone, 3.0) for _ in range(1000)]


@pytest.mark.parametrize("number", [-1, 2**32])
def test_seeds_outside_32_bits_are_refused(number):
    with pytest.raises(ValueError, match="seed"):
        new_state(number)


def test_seeds_must_be_whole_and_states_full():
    with pytest.raises(TypeError):
        new_state(1.5)
    with pytest.raises(ValueError, match="625"):
        random_stream.seed(np.zeros(624, dtype=np.uint32), 1)


@pytest.mark.parametrize("shape", [0.99, 0.0, -1.0, np.nan, np.inf])
def test_gamma_shapes_below_one_are_refused(shape):
    with pytest.raises(ValueError, match="shape"):
        random_stream.gamma(new_state(1), shape)


@pytest.mark.parametrize("degrees_of_freedom", [1.9, 0.0, -3.0, np.nan])
def test_too_few_degrees_of_freedom_are_refused(degrees_of_freedom):
    with pytest.raises(ValueError, match="degrees of freedom"):
        random_stream.student_t(new_state(1), degrees_of_freedom)


@pytest.mark.parametrize("n", [0, -1, 2**31 + 1])
def test_empty_and_oversized_index_ranges_are_refused(n):
    with pytest.raises(ValueError, match="index"):
        random_stream.index(new_state(1), n)
