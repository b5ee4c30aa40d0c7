"""CO2 at Mauna Loa as a smooth trend in time, a Hilbert-space Gaussian process (HSGP), and a season.

The history is one of the bench's (learning_debt.bench.histories): Keeling and Whorf, Scripps Institution of
Oceanography, 1958 to 2001, in the public domain. A row is the mean of what was measured in four weeks, a period has two
of them, and weeks without a measurement are left out. The trend knows nothing but the date, so a frozen one has to
extrapolate: the question is for how long it may.

With its kernel's scales held, an HSGP is a regression on fixed columns. So what is audited is exact; `build_model` is
the same model in PyMC, for whoever wants to learn the scales or another likelihood (then leave out `forecaster`).
"""

import numpy as np
import pymc as pm
import xarray as xr

import learning_debt as ld
from learning_debt.bench.histories import HISTORIES

WEEKS_A_YEAR, WEEKS_A_ROW, WEEKS_A_PERIOD = 52.18, 4, 8
FIRST_YEAR, LAST_YEAR = 1958.0, 2002.0
MIDDLE, BOX, FUNCTIONS = 1980.0, 33.0, 10
"""Of the years, and half the width of the box that the basis functions live in: half as wide again as the history."""
LENGTH_SCALE, DEVIATION = 10.0, 5.0
"""Of the smooth deviations from a line: years over which they change, and their prior standard deviation in ppm."""
TREND = ["level", "growth", *[f"smooth_{number}" for number in range(1, FUNCTIONS + 1)]]
SEASON = [f"{wave}_{number}" for number in (1, 2, 3) for wave in ("sine", "cosine")]
PRIOR_MEAN = np.array([335.0, 1.0, *[0.0] * (FUNCTIONS + len(SEASON))])
PRIOR_SD = np.array([10.0, 0.5, *[1.0] * FUNCTIONS, *[2.0] * len(SEASON)])
NOISE = 0.4


def columns(year: np.ndarray) -> np.ndarray:
    """Design matrix: level, years since 1980, smooth functions at their prior spread, season (Solin & Särkkä 2020)."""
    frequency = np.pi * np.arange(1, FUNCTIONS + 1) / (2 * BOX)
    functions = np.sin(frequency * (year[:, None] - MIDDLE + BOX)) / np.sqrt(BOX)
    spread = DEVIATION * (2 * np.pi) ** 0.25 * np.sqrt(LENGTH_SCALE) * np.exp(-((LENGTH_SCALE * frequency) ** 2) / 4)
    angles = 2 * np.pi * year
    waves = [wave(number * angles) for number in (1, 2, 3) for wave in (np.sin, np.cos)]
    return np.column_stack([np.ones(len(year)), year - MIDDLE, functions * spread, *waves])


def load_history() -> xr.Dataset:
    """Mean concentration (ppm) of every four weeks beside its date in years; a period is named by its first week."""
    weeks = HISTORIES["co2"].load_raw()
    number = np.arange(len(weeks))
    rows = (
        weeks.assign(
            year=FIRST_YEAR + (12.5 + number) / WEEKS_A_YEAR,  # the first week is the thirteenth of its year
            period=weeks["week"].to_numpy(dtype=str)[number // WEEKS_A_PERIOD * WEEKS_A_PERIOD],
            row=number // WEEKS_A_ROW,
        )
        .dropna()
        .groupby(["period", "row"], as_index=False)[["year", "co2"]]
        .mean()
    )
    year = rows["year"].to_numpy()
    return xr.Dataset(
        {"x": (("obs", "coefficient"), columns(year)), "y": ("obs", rows["co2"].to_numpy()), "year": ("obs", year)},
        coords={"coefficient": [*TREND, *SEASON], "period": ("obs", rows["period"].to_numpy(dtype=str))},
    )


prior = ld.NIG(PRIOR_MEAN, np.diag(NOISE**2 / PRIOR_SD**2), shape=3.0, rate=2.0 * NOISE**2)
forecaster = ld.ConjugateRegression(prior, coefficient_names=[*TREND, *SEASON])


def build_model(data: xr.Dataset) -> pm.Model:
    """The same in PyMC. Spreads of the prior are in units of the noise, as the exact forecaster has them."""
    with pm.Model(coords={"function": np.arange(FUNCTIONS), "wave": SEASON}) as model:
        year = pm.Data("year", data["year"].values, dims="obs")
        y = pm.Data("y", data["y"].values, dims="obs")
        variance = pm.InverseGamma("variance", alpha=prior.shape, beta=prior.rate)
        noises = pm.math.sqrt(variance) / NOISE
        line = pm.Normal("line", PRIOR_MEAN[:2], PRIOR_SD[:2] * noises, shape=2)
        smooth = pm.gp.HSGP(m=[FUNCTIONS], L=[BOX], cov_func=DEVIATION**2 * pm.gp.cov.ExpQuad(1, ls=LENGTH_SCALE))
        smooth.prior_linearized(np.array([[FIRST_YEAR], [LAST_YEAR]]))  # the first call fixes the centre of the box
        functions, spread = smooth.prior_linearized(year[:, None])
        weights = pm.Normal("weights", 0.0, noises, dims="function")
        angles = 2 * np.pi * year
        waves = [wave(number * angles) for number in (1, 2, 3) for wave in (pm.math.sin, pm.math.cos)]
        season = pm.Normal("season", 0.0, PRIOR_SD[-1] * noises, dims="wave")
        trend = line[0] + line[1] * (year - MIDDLE) + functions @ (weights * spread)
        expected = trend + pm.math.stack(waves, axis=1) @ season
        pm.Normal("concentration", expected, pm.math.sqrt(variance), observed=y, dims="obs")
    return model


# A retrain (refit, review, a new trend published) is worth half a nat of log score. Replace it by what yours costs.
cost = 0.5

initial = 65
calendar = 13
