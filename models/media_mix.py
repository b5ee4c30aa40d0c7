"""Weekly sales and three channels of advertising: which still works, and what was last quarter's story worth?

The history is simulated, with a fixed seed: five years of weeks, in thousands of EUR. In week 164, a year or so
after the first fit, television loses most of what it does, as after a change of its audience; nothing else changes. A
period is four weeks, the rhythm in which such a model is refreshed; what its owner presents is retrained every quarter.

Advertising lingers: a week's sales depend on the spend of the seven weeks before it. So a batch cannot be scored alone,
and `context_rows` says how many earlier rows are needed. pymc-marketing's MMM comes in by
`learning_debt.integrations.model_builder`; here the model is spelled out in plain PyMC.
"""

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import xarray as xr

CHANNELS = ["television", "search", "social"]
USUAL = np.array([60.0, 30.0, 15.0])
"""Thousands of EUR a week when a channel is on: the model has spend in units of it."""
ON_AVERAGE = np.array([0.5, 1.0, 1.0])
"""Share of the weeks in which a channel is on."""

LAGS, WEEKS_A_PERIOD = 8, 4
WEEKS, FADE = 260, 164
KEEP, BRINGS, RATE = np.array([0.6, 0.2, 0.4]), np.array([110.0, 60.0, 15.0]), np.array([0.9, 1.0, 0.7])
LEFT = np.array([0.3, 1.0, 1.0])
"""What is left of what each channel brings, from week `FADE` on."""


def lingering(spend: Any, keep: Any) -> Any:
    """What is felt of the spend of this and the seven weeks before, (weeks, channels), as a weighted mean of them.

    ``numpy`` arrays as well as tensors; before the first row nothing was spent.
    """
    of = np if isinstance(spend, np.ndarray) else pt
    padded = of.concatenate([of.zeros((LAGS - 1, len(CHANNELS))), spend])
    before = padded[of.arange(spend.shape[0])[:, None] + np.arange(LAGS)]  # (weeks, lags, channels), the oldest first
    weight = keep ** np.arange(LAGS - 1, -1, -1.0)[:, None]
    return (before * weight).sum(axis=1) / weight.sum(axis=0)


def contribution(spend: Any, keep: Any, brings: Any, rate: Any) -> Any:
    """Thousands of EUR of sales by each channel, (weeks, channels): `brings` when on, saturating at `rate`."""
    exp = np.exp if isinstance(spend, np.ndarray) else pt.exp
    return brings * (1 - exp(-rate * lingering(spend, keep))) / (1 - exp(-rate))


def simulate(random_seed: int, weeks: int = WEEKS, fade: int | None = FADE) -> xr.Dataset:
    """Spend, price and sales of a row a week, numbered from 0; `fade` is the week in which television fades.

    Parameters
    ----------
    random_seed : int
    weeks : int
        A multiple of four.
    fade : int, optional
        Without one nothing drifts.
    """
    rng = np.random.default_rng(random_seed)
    week = np.arange(weeks)
    angle = 2 * np.pi * week / 52
    season = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    flights = np.repeat(rng.random(weeks // 4 + 1) < 0.55, 4)[:weeks]
    television = flights * rng.uniform(0.6, 1.4, weeks)
    search = np.clip(1 + 0.3 * season[:, 1] + 0.25 * rng.normal(size=weeks), 0.2, None)
    social = np.clip(1 + 0.5 * rng.normal(size=weeks), 0.0, None)
    spend = np.stack([television, search, social], axis=1)
    price = rng.normal(size=weeks)
    by_channel = contribution(spend, KEEP, BRINGS, RATE)
    if fade is not None:
        by_channel = np.where((week >= fade)[:, None], LEFT, 1.0) * by_channel
    mean = 500 + by_channel.sum(axis=1) + season @ [20.0, 45.0] - 12 * price
    return xr.Dataset(
        {
            "spend": (("obs", "channel"), spend),
            "season": (("obs", "wave"), season),
            "price": ("obs", price),
            "sales": ("obs", mean + rng.normal(0, 18, weeks)),
        },
        coords={"channel": CHANNELS, "wave": ["sine", "cosine"], "period": ("obs", week // WEEKS_A_PERIOD)},
    )


def load_history() -> xr.Dataset:
    """260 weeks in 65 periods of four, of which the first 26 are two years."""
    return simulate(13)


def build_model(data: xr.Dataset) -> pm.Model:
    """Usual sales, a season, a price, and what three channels bring more or less than usual."""
    with pm.Model(coords={"channel": CHANNELS, "wave": ["sine", "cosine"]}) as model:
        spend = pm.Data("spend", data["spend"].values, dims=("obs", "channel"))
        season = pm.Data("season", data["season"].values, dims=("obs", "wave"))
        price = pm.Data("price", data["price"].values, dims="obs")
        sales = pm.Data("sales", data["sales"].values, dims="obs")
        # Half of a campaign is gone after one to three weeks.
        keep = pm.Beta("keep", 4.0, 4.0, dims="channel")
        # At its usual spend a channel brings 15 to 150 thousand a week; at twice that, half as much again.
        brings = pm.LogNormal("brings", np.log(50.0), 0.7, dims="channel")
        rate = pm.LogNormal("rate", np.log(0.9), 0.3, dims="channel")
        # Sales in a usual week, advertising included: rows tell that well, but hardly a level without it, since
        # search is always on.
        usual, slope = pm.Normal("usual", 650.0, 100.0), pm.Normal("price_effect", 0.0, 20.0)
        waves, scale = pm.Normal("waves", 0.0, 40.0, dims="wave"), pm.LogNormal("scale", np.log(20.0), 0.5)
        advertising = contribution(spend, keep, brings, rate).sum(axis=1) - (ON_AVERAGE * brings).sum()
        mean = usual + advertising + season @ waves + slope * price
        pm.Normal("outcome", mean, scale, observed=sales, dims="obs")
    return model


context_rows = LAGS - 1
exposure = "rows"
draws, tune, chains = 500, 500, 2

# A retrain is days of an analyst, and a story that changes in front of the board. Replace it by yours, in nats.
cost = 2.0

initial = 26
calendar = 3
