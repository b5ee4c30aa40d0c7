"""Which build of the model a posterior belongs to; what is compiled once and used again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pymc as pm
import xarray as xr

from learning_debt.data import Labels
from learning_debt.errors import IncomparablePosteriorsError, UnsupportedModelError
from learning_debt.forecasters.pymc.build import Build
from learning_debt.forecasters.pymc.compiled.density import Density, Scoring
from learning_debt.forecasters.pymc.inputs.owner_columns import naming_columns
from learning_debt.forecasters.pymc.inputs.preparation import Preparation, stored
from learning_debt.forecasters.pymc.model.coordinate_labels import of_model
from learning_debt.forecasters.pymc.model.graph import ModelGraph
from learning_debt.forecasters.pymc.model.threads import in_workshop
from learning_debt.forecasters.pymc.model_checks.first_fit import (
    Rows,
    require_faithful_build,
    require_faithful_preparation,
)
from learning_debt.forecasters.pymc.model_checks.supported import require_supported

STRUCTURE, LAYOUT, CONSTANTS = "learning_debt_structure", "learning_debt_layout", "learning_debt_constants"

BuildModel = Callable[[xr.Dataset], pm.Model]


class Registry:
    """All builds of one forecaster's model so far."""

    def __init__(
        self,
        build_model: BuildModel | None,
        model: pm.Model | None,
        preparation: Preparation,
        observation_dim: str,
        growing_dims: tuple[str, ...] = (),
        context_rows: int | None = None,
        compile_kwargs: dict[str, Any] | None = None,
    ) -> None:
        self.build_model, self.model = build_model, model
        self.preparation, self.observation_dim = preparation, observation_dim
        self.growing_dims, self.context_rows, self.compile_kwargs = growing_dims, context_rows, compile_kwargs
        self.latest: Build | None = None
        self._builds: dict[tuple[str, str, str], Build] = {}
        self._checked: list[Density] = []

    def __getstate__(self) -> dict[str, Any]:
        """Compiled functions stay behind when a forecaster travels to another process."""
        return {**self.__dict__, "latest": None, "_builds": {}, "_checked": []}

    @in_workshop
    def any(self, what: str) -> Build:
        """Some build, for what all of them have in common."""
        if self.latest is None and self.model is not None:
            self.latest = self._of_ready_model()
        if self.latest is None:
            raise RuntimeError(
                f"{what} is known once build_model has been used; call fit(data) or attach(posterior, data)"
            )
        return self.latest

    @in_workshop
    def build(self, prepared: xr.Dataset) -> Build:
        """The model built on these rows; compiled functions are shared with earlier builds of the same density."""
        if self.build_model is None:
            return self.any("the model")
        with naming_columns(prepared, "build_model"):
            model = self.build_model(prepared.copy(deep=True))
        if not isinstance(model, pm.Model):
            raise TypeError(f"build_model must return a pm.Model, not {type(model).__name__}")
        columns = frozenset(str(k) for k, v in prepared.variables.items() if self.observation_dim in v.dims)
        require_supported(model, self.observation_dim, self.growing_dims, columns)
        graph = ModelGraph(model, self.observation_dim, self.growing_dims, columns)
        alike = (graph.structure, graph.layout, graph.constants)
        builds = [build for build in self._builds.values() if not build.graph.rewritten]
        known = next((build for build in builds if build.alike == alike), None)
        build = Build(graph, known.density if known is not None else self._density(graph))
        if known is not None:
            build.index_dims = known.index_dims
        build.listing = self._listing
        build.learn_labels(prepared, self.observation_dim)
        earlier = self._builds.get(build.key, build)
        return build if earlier.graph.moved else earlier

    @in_workshop
    def _listing(self, rows: xr.Dataset, dim: str) -> Labels | None:
        """Labels along a dimension of the model built on these rows."""
        assert self.build_model is not None
        try:
            values = self.build_model(rows.copy(deep=True)).coords.get(dim)
            return None if values is None else of_model(dim, values)
        except Exception:  # rows without outcomes, say: then it is not known
            return None

    def _of_ready_model(self) -> Build:
        graph = ModelGraph(self.model, self.observation_dim)
        assert graph.constants  # read now: what the model holds outside its pm.Data may change later
        return Build(graph, Density(graph, self.compile_kwargs))

    def _density(self, graph: ModelGraph) -> Density:
        """Compiled functions of an equal build, or new ones."""
        equal = (known for known in self._checked if known.graph.computes_the_same(graph))
        return next(equal, None) or Density(graph, self.compile_kwargs)

    @in_workshop
    def check(
        self, build: Build, prepared: xr.Dataset, raw: xr.Dataset | None = None, fitted: xr.Dataset | None = None
    ) -> None:
        """Checks at the first use of a density; one that passed them needs them no more.

        A single row cannot show how rows depend on each other; then it stays open how they score.
        """
        if build.density.scoring is not None or prepared.sizes[self.observation_dim] < 2:
            return
        dim, rows = self.observation_dim, Rows(build, prepared, prepared, lambda part: part, self.observation_dim)
        if fitted is not None and raw is not None:
            require_faithful_preparation(self.preparation, raw, prepared, fitted, dim)
            rows = Rows(build, raw, prepared, lambda part: self.preparation(part, fitted)[0], dim)
        again = None if self.build_model is None else self.build
        scoring = require_faithful_build(build, rows, again, self.context_rows)
        build.density.scoring = scoring
        self._checked.append(build.density)

    def scoring(self, build: Build, rows: xr.Dataset | None = None) -> Scoring:
        """How rows of a build score, found out from `rows`, or a ready model's own data, if not known yet."""
        if build.density.scoring is None and rows is not None:
            self.check(build, rows)
        if build.density.scoring is None and self.model is not None:
            self.check(build, build.own_rows(self.observation_dim))
        if build.density.scoring is None:
            raise RuntimeError(
                "whether rows score alone is not known yet, and one row does not show it; call fit(data) or "
                "attach(posterior, data) first"
            )
        return build.density.scoring

    def remember(self, build: Build) -> None:
        """Keep a build for the posteriors that belong to it."""
        self.latest = build
        self._builds[build.key] = build

    def of(self, posterior: Any, rows: xr.Dataset | None = None) -> Build:
        """The build a posterior belongs to: known, rebuilt from its training data, or for a user's own the latest."""
        if not isinstance(posterior, xr.DataTree):
            raise TypeError(f"a posterior is an xarray.DataTree, not {type(posterior).__name__}")
        key = tuple(posterior.attrs.get(name) for name in (STRUCTURE, LAYOUT, CONSTANTS))
        if self.model is not None:
            build = unmoved(self.any("the model"))
            if key[0] is not None and key != build.key:
                raise IncomparablePosteriorsError(_other_model(build.graph.structure == key[0]))
            return build
        if key in self._builds:
            return _require(self._builds[key], self._builds[key].graph.rewritten)
        if key[0] is None:
            return self._of_foreign(rows)
        return self._rebuilt(posterior, key)

    def _rebuilt(self, posterior: xr.DataTree, key: tuple) -> Build:
        training, (raw, fitted) = self.preparation.of_stored(posterior), stored(posterior)
        if training is None:
            raise ValueError("the posterior does not carry its training data; use attach(posterior, data)")
        try:
            build = self.build(training)
        except (KeyError, ValueError, TypeError) as error:
            raise IncomparablePosteriorsError(f"{_other_model(False)} ({error})") from error
        if build.key != key:
            raise IncomparablePosteriorsError(_other_model(build.graph.structure == key[0]))
        self.check(build, training, raw, fitted)
        self.remember(build)
        return build

    def _of_foreign(self, rows: xr.Dataset | None) -> Build:
        if self.latest is None:
            if rows is None:
                raise ValueError("the model of this posterior is not known yet; use attach(posterior, data)")
            try:
                self.latest = self.build(rows)
            except KeyError as error:
                hint = "or tell the model's data first with attach(posterior, data)"
                raise KeyError(f"{error.args[0]}; {hint}") from error
        return self.latest


def unmoved(build: Build) -> Build:
    """The build; raises if its model holds other numbers than when it was built."""
    return _require(build, build.graph.moved)


def _require(build: Build, moved: str) -> Build:
    if moved:
        raise UnsupportedModelError(
            f"{moved} since the model was built, so that draws from before and after belong to different models. What "
            "changes must be a pm.Data and come with the rows; what the model uses besides must stay as it is"
        )
    return build


def _other_model(same_structure: bool) -> str:
    if same_structure:
        return (
            "the posterior was fitted with other group labels or other numbers inside the model (priors, constants, or "
            "something build_model computes from its data); score it with the forecaster that fitted it"
        )
    return "the posterior belongs to another model: its variables, dims or distributions differ from this forecaster's"
