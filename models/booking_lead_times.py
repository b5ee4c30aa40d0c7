"""How far ahead guests book: a week's shares of twelve lead-time classes, a composition.

The history is simulated, with a fixed seed: a year for the first fit, then 104 weeks. In week 56 payment moves from the
day of booking to the day of arrival, and guests book earlier. It is the synthetic twin of the production illustration
in Katz (arXiv 2604.06438), whose data are not public: as many classes, as many weeks, the same week of the shock, and
a calendar of half a year. Asked: how long does that calendar leave a stale forecaster in service?

Twelve shares that add up to one are eleven numbers: log ratios on an orthonormal basis (the isometric log ratio of
Egozcue et al. 2003), normal about their means, so that shares are logistic-normal. A row is a week and a ratio, and
exposure counts rows, so that regret is nats a week. `pm.DirichletMultinomial` on the counts, a row a week, passes the
adapter as well and scores exactly; but its predictive debt must be averaged over drawn compositions, which is slow.
"""

from typing import Any

import numpy as np
import pymc as pm
import xarray as xr
from scipy.linalg import helmert

import learning_debt as ld

DAYS = ["0", "1", "2-3", "4-6", "7-13", "14-20", "21-29", "30-44", "45-59", "60-89", "90-179", "180+"]
SHARES = np.array([7, 8, 10, 10, 14, 10, 9, 9, 7, 7, 6, 3]) / 100
"""Of the classes, in an ordinary year before the shock."""

FIRST_WEEKS, WEEKS, SHOCK, SCATTER = 52, 104, 56, 0.06

BASIS = helmert(len(DAYS))
"""Orthonormal rows, each adding up to zero: (11, 12). Log shares @ BASIS.T are the log ratios."""
RATIOS = [f"{days} against shorter" for days in DAYS[1:]]
LEAD = np.linspace(-1.0, 1.0, len(DAYS))
TILTS = np.stack([LEAD, LEAD**2 - np.mean(LEAD**2)]) @ BASIS.T
"""How the ratios move as guests book earlier, and as they book at the two ends: (2, 11)."""
TILT_NAMES, WAVES = ["earlier", "at the ends"], ["sine", "cosine"]
MOVED = np.array([0.15, 0.06])
"""By how much of either the shock moves them."""


def waves(week: Any) -> np.ndarray:
    """Sine and cosine of the year: (weeks,) -> (weeks, 2)."""
    angle = 2 * np.pi * np.asarray(week) / 52
    return np.stack([np.sin(angle), np.cos(angle)], axis=-1)


def shares(log_ratios: Any) -> np.ndarray:
    """Log ratios back to what they are made from: (..., 11) -> (..., 12)."""
    log_share = np.asarray(log_ratios) @ BASIS
    share = np.exp(log_share - log_share.max(axis=-1, keepdims=True))
    return share / share.sum(axis=-1, keepdims=True)


def simulate(random_seed: int, weeks: int = WEEKS, shock: int | None = SHOCK) -> xr.Dataset:
    """A row for every week and ratio: `FIRST_WEEKS` weeks up to week 0, then `weeks`.

    Parameters
    ----------
    random_seed : int
    weeks : int
        Weeks after the first year.
    shock : int, optional
        The first week under the new payment policy; without one nothing drifts.
    """
    rng = np.random.default_rng(random_seed)
    week = np.arange(1 - FIRST_WEEKS, weeks + 1)
    log_ratio = np.log(SHARES) @ BASIS.T + waves(week) @ np.array([[0.12, 0.03], [-0.2, 0.05]]) @ TILTS
    if shock is not None:
        log_ratio = log_ratio + (week >= shock)[:, None] * (MOVED @ TILTS)
    log_ratio = log_ratio + rng.normal(0, SCATTER, log_ratio.shape)
    repeated = np.repeat(week, len(RATIOS))
    return xr.Dataset(
        {
            "waves": (("obs", "wave"), waves(repeated)),
            "tilts": (("obs", "tilt"), np.tile(TILTS.T, (len(week), 1))),
            "log_ratio": ("obs", log_ratio.ravel()),
        },
        coords={
            "ratio": ("obs", np.tile(RATIOS, len(week))),
            "wave": WAVES,
            "tilt": TILT_NAMES,
            "period": ("obs", repeated),
        },
    )


def load_history() -> xr.Dataset:
    """The twin: 156 weeks, of which week 0 is the last of the first fit."""
    return simulate(20)


def build_model(data: xr.Dataset) -> pm.Model:
    """Every ratio has its level; a season of four numbers bends them all; they scatter alike."""
    place = {name: position for position, name in enumerate(RATIOS)}
    position = np.array([place[name] for name in data["ratio"].values.tolist()])
    with pm.Model(coords={"ratio": RATIOS, "wave": WAVES, "tilt": TILT_NAMES}) as model:
        season = pm.Data("waves", data["waves"].values, dims=("obs", "wave"))
        tilts = pm.Data("tilts", data["tilts"].values, dims=("obs", "tilt"))
        ratio = pm.Data("ratio_index", position, dims="obs")
        log_ratio = pm.Data("log_ratio", data["log_ratio"].values, dims="obs")
        # About equal shares: a class may have from a seventh to seven times what shorter leads have on average.
        level = pm.Normal("level", 0.0, 1.0, dims="ratio")
        # Between summer and winter the longest lead may gain or lose half against the shortest.
        bend = pm.Normal("bend", 0.0, 0.2, dims=("wave", "tilt"))
        # Weeks differ from what is usual by some percent to some tens of percent.
        scale = pm.LogNormal("scale", np.log(0.1), 0.5)
        mean = level[ratio] + ((season @ bend) * tilts).sum(axis=1)
        pm.Normal("ratio_of_week", mean, scale, observed=log_ratio, dims="obs")
    return model


update_rule = ld.UpdateRule(discount=0.95)  # half of what a week says is forgotten after 14
exposure = "rows"
draws, tune, chains = 400, 400, 2  # under a rule that forgets, nearly every week is a fit of its own

# A retrain (refit, review, hand-over to pricing and to the cash forecast) is worth ten nats. Replace it by yours.
cost = 10.0

initial = FIRST_WEEKS
calendar = 26
