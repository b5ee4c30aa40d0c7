"""What every divergence from draws needs: its record, its error near zero, and the error of paired influences."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from learning_debt.arrays.draws.effective_size import effective_share
from learning_debt.typing import Array


class Beyond(NamedTuple):
    """Too few draws beyond the level of a quantile: their effective number, the level, and the draws that it takes."""

    draws: float
    level: float
    needed: float


class Divergence(NamedTuple):
    """A divergence, mean over the rows, with its Monte-Carlo error.

    Attributes
    ----------
    value, standard_error : float
        The bias of a plug-in divergence is taken off; never negative.
    gap_sd : float
        Standard deviation, under the shadow, of the mean gap over the rows.
    bias : float
        What was taken off.
    size, share : float
        Effective draws behind the standard error, and their share of those drawn.
    heaviest : float
        Share of the first-order variance that a single draw carries.
    jump : float
        The largest step from one likely decision to the next.
    usual : float
        Variance that does not hang on which decision was hit, to hold the jump against.
    beyond : Beyond or None
        Where too few draws lie beyond the level of a quantile, how many.
    """

    value: float
    standard_error: float
    gap_sd: float
    bias: float
    size: float
    share: float
    heaviest: float
    jump: float = 0.0
    usual: float = 0.0
    beyond: Beyond | None = None


def near_zero(plug_in: float, bias: float, first_order: float, second_order: float) -> tuple[float, float]:
    """Divergence without its bias, at least zero, and its standard error.

    Variances of first order grow with the divergence, so one that came out too small would bring too small an error: it
    is taken at a divergence one standard error larger. Nor is it taken below twice the second-order variance, which is
    the error of its own estimate.
    """
    value = max(plug_in - bias, 0.0)
    error = np.sqrt(max(first_order, 2 * second_order) + second_order)
    if plug_in > 0:
        first_order *= max((value + error) / plug_in, 1.0)
    return value, float(np.sqrt(max(first_order, 2 * second_order) + second_order))


class SumError(NamedTuple):
    """Variance of a sum of means, effective draws behind it and their share, and the largest part of a single draw."""

    variance: float
    size: float
    share: float
    heaviest: float


def variance_of_sum(first: Array, second: Array) -> SumError:
    """Of the sum of two mean influences, each of shape (chain, draw).

    Influences of one shape are added sample by sample, which is right for any dependence between the two; of different
    shapes they must be independent.
    """
    together = first.shape == second.shape
    parts = [first + second] if together else [first, second]
    # An effective size is itself an estimate; where one alone decides, it is the samples in which it came out too large
    # that pass for reliable. The least of several holds.
    seen = [(first, second, first + second)] if together else [(first,), (second,)]
    shares = [effective_share(*columns) for columns in seen]
    sizes = [share * part.size for share, part in zip(shares, parts, strict=True)]
    variance = sum(float(part.var(ddof=1)) / size for part, size in zip(parts, sizes, strict=True))
    total = sum(float((part**2).sum()) / part.size**2 for part in parts)
    largest = max(float((part**2).max()) / part.size**2 for part in parts)
    return SumError(variance, min(sizes), min(shares), largest / total if total > 0 else 0.0)
