"""Does posterior debt between two posteriors exist? It needs one parameter vector and one density."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from learning_debt.errors import IncomparablePosteriorsError
from learning_debt.forecasters.pymc.build import Build
from learning_debt.forecasters.pymc.compiled.density import split_points
from learning_debt.forecasters.pymc.inputs.posterior_draws import PosteriorDraws, posterior_group
from learning_debt.forecasters.pymc.model.coordinate_labels import different, of_posterior
from learning_debt.forecasters.pymc.model.graph import ModelGraph
from learning_debt.forecasters.pymc.model_checks.supported import largest_difference

TOLERANCE = 1e-8
SHARED_DRAWS = 3


def require_same_groups(first: ModelGraph, second: ModelGraph, shadow: xr.DataTree, deployed: xr.DataTree) -> None:
    """Raise unless both have the same free variables, with the same shapes and labels."""
    only = "no posterior debt exists between them (predictive debt only)"
    if first.structure != second.structure:
        raise IncomparablePosteriorsError(f"the two posteriors belong to different models; {only}")
    if first.data_in_potentials:
        raise IncomparablePosteriorsError(
            f"a pm.Potential depends on the data {first.data_in_potentials}, so the density of new rows is not all of "
            f"the difference between the posteriors; {only}"
        )
    of_shadow, of_deployed = posterior_group(shadow), posterior_group(deployed)
    for rv in first.free:
        name = rv.name
        if name not in of_shadow.variables or name not in of_deployed.variables:
            raise IncomparablePosteriorsError(f"free variable {name!r} is missing from a posterior; {only}")
        shapes = [dataset.variables[name].shape[2:] for dataset in (of_shadow, of_deployed)]
        for dim in of_shadow.variables[name].dims[2:]:
            if dim in of_shadow.variables and dim in of_deployed.variables:
                before, after = of_posterior(str(dim), of_deployed), of_posterior(str(dim), of_shadow)
                if not before.same_as(after):
                    raise IncomparablePosteriorsError(
                        f"the labels of {dim!r} differ between the posteriors "
                        f"({different(after, before)[:8] or 'their order'}); {only}"
                    )
        if shapes[0] != shapes[1]:
            raise IncomparablePosteriorsError(
                f"{name!r} has shape {shapes[0]} in the shadow and {shapes[1]} deployed; {only}"
            )


def require_same_density(
    builds: tuple[Build, Build],
    draws: PosteriorDraws,
    trainings: Sequence[xr.Dataset | None],
    batches: Sequence[xr.Dataset],
    observation_dim: str,
) -> None:
    """Raise unless prior and batch have the same log density under both builds and preparations, at shared draws."""
    first, second = builds
    few = {name: values[_spread(draws.samples)] for name, values in draws.values.items()}
    values = _unconstrained(first, few)
    rows = [batch if training is None else training for batch, training in zip(batches, trainings, strict=True)]
    priors = tuple(
        {**build.arguments(data, observation_dim), "value": values} for build, data in zip(builds, rows, strict=True)
    )
    scored = tuple(
        {**build.arguments(batch, observation_dim, static=training), "draw": few}
        for build, batch, training in zip(builds, batches, trainings, strict=True)
    )
    in_prior, in_rows = largest_difference(first.graph, second.graph, priors, scored)
    if in_prior > TOLERANCE * 10 or in_rows > TOLERANCE * 10 or not np.isfinite(in_prior + in_rows):
        raise IncomparablePosteriorsError(
            f"the two posteriors are not on one scale: at the same draws their log priors differ by {in_prior:.3g} "
            f"nats and the log density of a row by up to {in_rows:.3g}. What is computed from the data (a scaler, "
            "knots, levels, a prior's scale) must be frozen: compute it in prepare(data, fitted) and keep `fitted` "
            "between retrains"
        )


def _spread(samples: int) -> np.ndarray:
    return np.unique(np.linspace(0, samples - 1, SHARED_DRAWS).astype(int))


def _unconstrained(build: Build, draws: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    count = len(next(iter(draws.values())))
    flat = build.transforms.unconstrained({**build.own, "draw": draws}, count)
    return split_points(build.graph, flat)
