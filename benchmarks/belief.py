"""Does the belief check stay silent when the model is right, and speak when it is wrong?

Exact spell tables of conjugate regressions on simulated streams. Printed per stream, for the posterior that is never
replaced: mean and standard deviation of z, and how often "less than expected" and "more than expected" come out.
"""

import argparse
import collections

import numpy as np

import learning_debt as ld

PERIODS, INITIAL, COEFFICIENTS = 40, 10, 2
STREAMS = {
    "right": "",
    "shift at the start": "a coefficient moves by 1 when the deployed posterior starts to serve",
    "shift later": "the same after a third of the periods",
    "heavy tails": "errors are Student-t with 3 degrees of freedom, of variance 1",
    "unequal variances": "the standard deviation is exp(.7 x)",
    "omitted square": "the mean also holds x^2 - 1",
    "random walk": "a coefficient walks by .15 a period",
    "common shocks": "half of the variance is shared by the rows of a period",
}


def stream(kind, rows, rng):
    """A history of that many rows a period."""
    period = np.repeat(np.arange(INITIAL + PERIODS), rows)
    x, error = rng.normal(size=(period.size, COEFFICIENTS)), rng.normal(size=period.size)
    late = period >= INITIAL + (PERIODS // 3 if kind == "shift later" else 0)
    mean = x @ np.full(COEFFICIENTS, 0.5)
    if kind.startswith("shift"):
        mean = mean + late * x[:, 0]
    elif kind == "heavy tails":
        error = rng.standard_t(3, size=period.size) / np.sqrt(3)
    elif kind == "unequal variances":
        error = error * np.exp(0.7 * x[:, 0])
    elif kind == "omitted square":
        mean = mean + x[:, 0] ** 2 - 1
    elif kind == "random walk":
        mean = mean + x[:, 0] * np.repeat(np.cumsum(0.15 * rng.normal(size=INITIAL + PERIODS)), rows)
    elif kind == "common shocks":
        error = np.sqrt(0.5) * (error + np.repeat(rng.normal(size=INITIAL + PERIODS), rows))
    return {"x": x, "y": mean + error, "period": period}


def main():
    """Print one line per stream and number of rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=1000)
    parser.add_argument("--rows", type=int, nargs="*", default=[1, 5])
    parser.add_argument("--streams", nargs="*", choices=STREAMS, default=list(STREAMS))
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    forecaster = ld.ConjugateRegression(ld.NIG(np.zeros(COEFFICIENTS), np.eye(COEFFICIENTS), 2.0, 1.0))
    rng = np.random.default_rng(arguments.seed)
    print(f"{'stream':>20} {'rows':>4} {'mean z':>7} {'sd z':>6} {'less':>6} {'more':>6}")
    for rows in arguments.rows:
        for kind in arguments.streams:
            scores, verdicts = [], collections.Counter()
            for _ in range(arguments.replications):
                history = stream(kind, rows, rng)
                spells = ld.spell_table(
                    forecaster, history, initial=INITIAL, variables=("predictive_debt", "score_gap"), progressbar=False
                )
                check = ld.belief_check(spells).isel(series=0, deployed_at=0)
                scores.append(float(check["z"]))
                verdicts[str(check["verdict"].item())] += 1
            less, more = (verdicts[f"{one} than expected"] / arguments.replications for one in ("less", "more"))
            print(
                f"{kind:>20} {rows:4d} {np.mean(scores):+7.2f} {np.std(scores):6.2f} {less:6.1%} {more:6.1%}",
                flush=True,
            )


if __name__ == "__main__":
    main()
