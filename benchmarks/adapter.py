"""What `PyMCForecaster` costs per period, side by side with PyMC's own calls, in one run.

Both do the same work: the log density of one new batch at every posterior draw, and a refit of the same model on one
more period. Medians of repeated calls; PyMC's calls are warmed up once first.
"""

import statistics
import sys
import timeit
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pymc as pm

import learning_debt as ld

sys.path.insert(0, str(Path(__file__).parents[1] / "models"))
import us_inflation as model_file


def median_seconds(call: Callable[[], Any], repeats: int) -> float:
    """Median wall time of a call, after one that does not count."""
    call()
    return statistics.median(timeit.repeat(call, number=1, repeat=repeats))


def main() -> None:
    """Print both comparisons."""
    warnings.filterwarnings("ignore")
    history = model_file.load_history()
    seen, batch = history.isel(obs=slice(0, 196)), history.isel(obs=slice(196, 201))
    forecaster = ld.PyMCForecaster(model_file.build_model)
    posterior = forecaster.fit(seen, random_seed=1)
    model = model_file.build_model(seen)
    print(
        f"{posterior['posterior'].sizes['chain'] * posterior['posterior'].sizes['draw']} draws, {len(batch['y'])} rows"
    )

    with model:
        pm.set_data({"x": batch["x"].values, "y": batch["y"].values})
        theirs = median_seconds(
            lambda: pm.compute_log_likelihood(posterior, extend_inferencedata=False, progressbar=False), 5
        )
        reference = pm.compute_log_likelihood(posterior, extend_inferencedata=False, progressbar=False)
        pm.set_data({"x": seen["x"].values, "y": seen["y"].values})
    ours = median_seconds(lambda: forecaster.log_density(posterior, batch), 200)
    scored = forecaster.log_density(posterior, batch)["inflation"].values
    difference = np.abs(scored - reference["inflation"].values.reshape(scored.shape)).max()
    print(
        f"log densities of a period: ours {1e3 * ours:.2f} ms, pm.compute_log_likelihood {1e3 * theirs:.0f} ms: "
        f"{theirs / ours:.0f} times faster, largest difference {difference:.1e}"
    )

    ours = median_seconds(lambda: forecaster.fit(seen, random_seed=2), 10)
    print(f"warm refit (4 x 1000 + 1000): ours {ours:.2f} s", end="")
    for name, options in (("pm.sample", {}), ("pm.sample(nuts_sampler='nutpie')", {"nuts_sampler": "nutpie"})):
        with model:
            theirs = median_seconds(
                lambda options=options: pm.sample(
                    1000,
                    tune=1000,
                    chains=4,
                    cores=2,
                    random_seed=2,
                    progressbar=False,
                    compute_convergence_checks=False,
                    quiet=True,
                    **options,
                ),
                3,
            )
        print(f"; {name} {theirs:.1f} s: {theirs / ours:.0f} times faster", end="")
    print()


if __name__ == "__main__":
    main()
