"""Histories whose drift is known: worlds that stay or move, and forecasters right or wrong about the rest.

A world says how the coefficients move, a model what the forecaster leaves out. All are linear regressions with unit
errors, so that the exact engine makes their spell tables.
"""

from __future__ import annotations

import numpy as np

import learning_debt as ld

COEFFICIENTS = 3
WORLDS = {
    "still": "coefficients stay",
    "jumps": "in one period of 25 every coefficient moves by a standard normal times 0.7",
    "wandering": "every coefficient walks by a standard normal times 0.12 a period",
    "returning": "a first-order autoregression of 0.9 with standard deviation 0.6 around where coefficients began",
}
MODELS = {
    "right": "nothing is left out",
    "heavy tails": "errors are Student-t with 3 degrees of freedom, of variance 1",
    "autocorrelated": "errors follow a first-order autoregression of 0.7 from row to row",
    "unequal variances": "the errors' standard deviation is exp(0.7 x) of the first covariate, scaled to variance 1",
    "omitted square": "the mean also holds 0.5 (x^2 - 1) of the first covariate",
    "omitted season": "the mean also holds the sine of the period at a cycle of 13",
}


def drift(world, periods, rng):
    """Coefficients in every period, shape (periods, coefficients)."""
    start, shape = rng.normal(size=COEFFICIENTS), (periods, COEFFICIENTS)
    if world == "jumps":
        jumped = rng.random(periods) < 1 / 25
        return start + np.cumsum(np.where(jumped[:, None], 0.7 * rng.normal(size=shape), 0.0), axis=0)
    if world == "wandering":
        return start + np.cumsum(0.12 * rng.normal(size=shape), axis=0)
    if world == "returning":
        return start + autoregression(0.9, 0.6, shape, rng)
    return np.broadcast_to(start, shape)


def autoregression(slope, sd, shape, rng):
    """Stationary along the first axis, of that standard deviation."""
    noise = rng.normal(size=shape) * sd
    values = noise.copy()
    for place in range(1, shape[0]):
        values[place] = slope * values[place - 1] + np.sqrt(1 - slope**2) * noise[place]
    return values


def history(world, model, rows, periods, rng):
    """A history of that many rows a period, as `ld.spell_table` takes it."""
    period = np.repeat(np.arange(periods), rows)
    x = np.column_stack([np.ones(period.size), rng.normal(size=(period.size, COEFFICIENTS - 1))])
    mean, error = (x * drift(world, periods, rng)[period]).sum(axis=1), rng.normal(size=period.size)
    if model == "heavy tails":
        error = rng.standard_t(3, size=period.size) / np.sqrt(3)
    elif model == "autocorrelated":
        error = autoregression(0.7, 1.0, period.shape, rng)
    elif model == "unequal variances":
        error = error * np.exp(0.7 * x[:, 1] - 0.7**2)
    elif model == "omitted square":
        mean = mean + 0.5 * (x[:, 1] ** 2 - 1)
    elif model == "omitted season":
        mean = mean + np.sin(2 * np.pi * period / 13)
    return {"x": x, "y": mean + error, "period": period}


def spells(world, model, rows, periods, initial, rng, update_rule=None):
    """The exact spell table of such a history."""
    forecaster = ld.ConjugateRegression(ld.NIG(np.zeros(COEFFICIENTS), 0.1 * np.eye(COEFFICIENTS), 2.0, 1.0))
    data = history(world, model, rows, periods, rng)
    return ld.spell_table(
        forecaster,
        data,
        initial=initial,
        variables=("debt", "predictive_debt", "score_gap"),
        update_rule=update_rule,
        progressbar=False,
    )
