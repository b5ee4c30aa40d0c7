"""Two columns that look up one dimension that grows: home and away, seller and buyer, origin and destination."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from .case import along_rows
from .growing import Growing, gaussian

SIDES = np.array([1.0, -1.0])


def matches(look_up, of_attack=False):
    """The stronger team wins by ``strength[home] - strength[away]``, or by ``attack[home] - defence[away]``."""

    def build(data):
        columns = ["pair"] if "pair" in data else ["home", "away"]
        teams = np.unique(np.concatenate([data[name].values.ravel() for name in columns]))
        with pm.Model(coords={"team": teams}) as model:
            dims = ("obs", "side") if "pair" in data else "obs"
            codes = [pm.Data(name, np.searchsorted(teams, data[name].values), dims=dims) for name in columns]
            y = pm.Data("y", data["y"].values, dims="obs")
            spread = pm.HalfNormal("spread", 1)
            strength = pm.Normal("strength", 0, spread, dims="team")
            other = pm.Normal("defence", 0, 0.5, dims="team") if of_attack else strength
            pm.Normal("outcome", look_up(strength, other, *codes), pm.HalfNormal("scale", 1), observed=y, dims="obs")
        return model

    return build


def each(strength, other, home, away):
    return strength[home] - other[away]


def stacked(strength, _, home, away):
    return (strength[pt.stack([home, away])] * SIDES[:, None]).sum(axis=0)


def in_one(strength, _, pair):
    return (strength[pair] * SIDES).sum(axis=1)


def matches_law(of_attack=False):
    """Effects of new teams are independent of all, and the same wherever the team plays."""

    def law(theta, data, start, trained):
        pairs = data["pair"].values if "pair" in data else np.stack([data["home"].values, data["away"].values], axis=1)
        known, teams = np.unique(pairs[:trained]).tolist(), np.unique(pairs).tolist()
        second = theta["defence"] if of_attack else theta["strength"]
        scales = np.repeat([theta["spread"], 0.5 if of_attack else theta["spread"]], len(teams))
        rows = pairs[start:]
        mean, design = np.zeros(len(rows)), np.zeros((len(rows), 2 * len(teams)))
        for row, pair in enumerate(rows.tolist()):
            for side, (team, effect) in enumerate(zip(pair, (theta["strength"], second), strict=True)):
                if team in known:
                    mean[row] += SIDES[side] * effect[known.index(team)]
                else:
                    design[row, (side if of_attack else 0) * len(teams) + teams.index(team)] += SIDES[side]
        covariance = (design * scales**2) @ design.T + theta["scale"] ** 2 * np.eye(len(rows))
        return gaussian(mean, covariance, data["y"].values[start:])

    return law


# Wels plays at home and away, Bern only away; both come after the fifth match.
HOME = np.array(["Graz", "Linz", "Enns", "Graz", "Linz", "Wels", "Graz", "Wels", "Enns"])
AWAY = np.array(["Linz", "Graz", "Graz", "Enns", "Enns", "Graz", "Wels", "Bern", "Linz"])
NUMBERS = {"Bern": 7, "Enns": 12, "Graz": 30, "Linz": 41, "Wels": 3}
Y = 0.5 + np.random.default_rng(11).normal(size=len(HOME))
DATA = {
    "text": along_rows(y=Y, home=HOME, away=AWAY),
    "numbers": along_rows(y=Y, home=[NUMBERS[name] for name in HOME], away=[NUMBERS[name] for name in AWAY]),
    "pairs": along_rows(y=Y, pair=(("obs", "side"), np.stack([HOME, AWAY], axis=1))),
}
THETA = {"spread": 0.9, "scale": 0.8, "strength": ("team", np.array([0.9, -0.3, 0.4]))}
DEFENCE = {"defence": ("team", np.array([-0.2, 0.5, 0.1]))}


def _case(name, build, law, data, theta):
    return Growing(
        name, build, DATA[data], theta, terms=None, moments=None, law=law, options={"growing_dims": ("team",)}
    )


CASES = [
    _case("home and away", matches(each), matches_law(), "text", THETA),
    _case("home and away by number", matches(each), matches_law(), "numbers", THETA),
    _case("home and away stacked", matches(stacked), matches_law(), "numbers", THETA),
    _case("a pair in one column", matches(in_one), matches_law(), "pairs", THETA),
    _case("attack and defence", matches(each, True), matches_law(True), "text", THETA | DEFENCE),
]
