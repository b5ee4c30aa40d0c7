"""Posteriors of the study's paths after every period: exact, and draws of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from learning_debt.arrays.conjugate import nig
from learning_debt.arrays.conjugate.nig import NIG
from learning_debt.typing import Array
from learning_debt_study.scenarios import Paths
from learning_debt_study.simulated_spells import PRIOR

CHAINS = 4


class DrawnPosterior(NamedTuple):
    """Draws of one posterior: slope and variance of the regression, both of shape (chain, draw)."""

    coefficient: Array
    variance: Array


DrawPosterior = Callable[[int, int], DrawnPosterior]
"""``draws(path, period)``: draws of the posterior after that period, 0 being the warm start."""


def study_posteriors(paths: Paths) -> NIG:
    """Exact posteriors after the warm start and after every period, with leading axes (paths, periods + 1).

    Examples
    --------
    >>> from learning_debt_study.scenarios import SMOKE, cell_seeds, draw_paths
    >>> paths = draw_paths("none", 0.1, cell_seeds("tuning", "none", 0.1, SMOKE), design=SMOKE)
    >>> study_posteriors(paths).rate.shape
    (2, 51)
    """
    steps = [nig.update(nig.as_nig(NIG(*PRIOR)), paths.warm_start_x[..., None], paths.warm_start_y)]
    for t in range(paths.update_x.shape[1]):
        steps.append(nig.update(steps[-1], paths.update_x[:, t, :, None], paths.update_y[:, t]))
    count = len(paths.update_x)
    shapes = NIG((count, 1), (count, 1, 1), (count,), (count,))
    columns = (
        np.stack([np.broadcast_to(values, shape) for values in field], axis=1)
        for field, shape in zip(zip(*steps, strict=True), shapes, strict=True)
    )
    return NIG(*columns)


def exact_predictive_debt(paths: Paths) -> Array:
    """Predictive debt of the Student-t predictives, shape (paths, T, T) over (path, s, t - 1), NaN where s >= t.

    What draws estimate; the study's table holds that of normal predictives, which is quicker and within 2%.
    """
    posteriors, (count, periods) = study_posteriors(paths), paths.coefficient.shape
    debt = np.full((count, periods, periods), np.nan)
    for t in range(1, periods + 1):
        shadow, deployed = (NIG(*(values[:, part] for values in posteriors)) for part in (slice(t, t + 1), slice(t)))
        debt[:, :t, t - 1] = nig.predictive_debt(shadow, deployed, paths.monitor_x[:, t - 1, None, :, None])
    return debt


def exact_draws(paths: Paths, draws: int, random_seed: int = 0) -> DrawPosterior:
    """Independent draws of every posterior, `draws` in all over four chains, the same whatever the order asked in.

    Raises
    ------
    ValueError
        If `draws` is no positive multiple of the number of chains.

    Examples
    --------
    >>> from learning_debt_study.scenarios import SMOKE, cell_seeds, draw_paths
    >>> paths = draw_paths("none", 0.1, cell_seeds("tuning", "none", 0.1, SMOKE), design=SMOKE)
    >>> exact_draws(paths, 1000)(0, 50).variance.shape
    (4, 250)
    """
    if draws < CHAINS or draws % CHAINS:
        raise ValueError(f"draws must be a positive multiple of {CHAINS}, the number of chains, not {draws}")
    posteriors, shape = study_posteriors(paths), (CHAINS, draws // CHAINS)

    def draw(path: int, period: int) -> DrawnPosterior:
        posterior = NIG(*(values[path, period] for values in posteriors))
        rng = np.random.default_rng(seed_of(random_seed, "draws", path, period))
        coefficients, variance = nig.sample(posterior, draws, rng)
        return DrawnPosterior(coefficients.reshape(shape), variance.reshape(shape))

    return draw


def seed_of(random_seed: int, use: str, path: int, period: int) -> int:
    """A seed of its own for every use, path and period."""
    numbers = [random_seed, ("draws", "bridge", "outcomes").index(use), path, period]
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
