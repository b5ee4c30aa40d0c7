"""Modules and functions that had other names: the old ones still work for one release, with a warning."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Sequence
from functools import partial
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

PACKAGE = "learning_debt"
MOVED = {
    "arrays.blocks": "learning_debt.arrays.draws.chain_blocks",
    "arrays.bridge": "learning_debt.arrays.bridging.bridge",
    "arrays.cache": "learning_debt.arrays.compilation",
    "arrays.chain": "learning_debt.arrays.bridging.chain",
    "arrays.changepoint": "learning_debt.arrays.schedules.run_lengths",
    "arrays.cost_to_go": "learning_debt.arrays.schedules.cost_to_go",
    "arrays.distance_divergence": "learning_debt.arrays.losses.distance_divergence",
    "arrays.distance_scores": "learning_debt.arrays.losses.distance_scores",
    "arrays.divergence": "learning_debt.arrays.losses.divergence",
    "arrays.effective_size": "learning_debt.arrays.draws.effective_size",
    "arrays.integration": "learning_debt.arrays.predictive.integration",
    "arrays.label_slope": "learning_debt.arrays.bridging.label_slope",
    "arrays.marginal_debt": "learning_debt.arrays.bridging.marginal_debt",
    "arrays.mixture": "learning_debt.arrays.predictive.mixture",
    "arrays.moment_match": "learning_debt.arrays.draws.moment_match",
    "arrays.nig": "learning_debt.arrays.conjugate.nig",
    "arrays.nig_parts": "learning_debt.arrays.conjugate.nig_parts",
    "arrays.outcome_points": "learning_debt.arrays.predictive.outcome_points",
    "arrays.precisions": "learning_debt.arrays.conjugate.precisions",
    "arrays.quadrature": "learning_debt.arrays.predictive.quadrature",
    "arrays.resampling": "learning_debt.arrays.draws.resampling",
    "arrays.reweighted": "learning_debt.arrays.bridging.reweighted",
    "arrays.stock_loss": "learning_debt.arrays.losses.stock_loss",
    "arrays.student_t": "learning_debt.arrays.conjugate.student_t",
    "arrays.student_t_scores": "learning_debt.arrays.conjugate.student_t_scores",
    "arrays.support": "learning_debt.arrays.predictive.support",
    "arrays.walk": "learning_debt.arrays.schedules.walk",
    "attribution": "learning_debt.debt",
    "attribution.blocks": "learning_debt.debt.by_block",
    "attribution.groups": "learning_debt.debt.by_group",
    "attribution.real_line": "learning_debt.debt.unconstrained_scale",
    "attribution.selection": "learning_debt.debt.selection",
    "belief": "learning_debt.auditing.belief",
    "cli.study": "learning_debt.cli.study_commands",
    "decision": "learning_debt.pricing.decision",
    "decisions": "learning_debt.policies",
    "decisions.calibration": "learning_debt.policies.models.calibration",
    "decisions.continuation": "learning_debt.policies.models.continuation",
    "decisions.cost": "learning_debt.policies.cost",
    "decisions.expected_regret": "learning_debt.policies.models.regret",
    "decisions.grids": "learning_debt.policies.grids",
    "decisions.policies": "learning_debt.policies",
    "decisions.policies.alarm": "learning_debt.policies.alarm",
    "decisions.policies.base": "learning_debt.policies.base",
    "decisions.policies.blended_threshold": "learning_debt.policies.blended_threshold",
    "decisions.policies.changepoint": "learning_debt.policies.changepoint",
    "decisions.policies.continuation_value": "learning_debt.policies.continuation_value",
    "decisions.policies.cusum": "learning_debt.policies.cusum",
    "decisions.policies.debt_threshold": "learning_debt.policies.debt_threshold",
    "decisions.policies.expected_regret": "learning_debt.policies.expected_regret",
    "decisions.policies.fixed": "learning_debt.policies.fixed",
    "decisions.policies.pareto_k_threshold": "learning_debt.policies.pareto_k_threshold",
    "decisions.policies.predictive_debt_threshold": "learning_debt.policies.predictive_debt_threshold",
    "decisions.policies.river_detector": "learning_debt.policies.river_detector",
    "decisions.policies.saving": "learning_debt.policies.saving",
    "decisions.policies.staleness": "learning_debt.policies.staleness",
    "decisions.policies.two_state": "learning_debt.policies.two_state",
    "decisions.rivals": "learning_debt.policies.rivals",
    "decisions.two_state_filter": "learning_debt.policies.models.two_state_filter",
    "densities": "learning_debt.debt.from_densities",
    "estimates": "learning_debt.debt.estimates",
    "plots.attribution": "learning_debt.plots.debt_parts",
    "plots.numbers": "learning_debt.plots.number_text",
    "plots.schedule": "learning_debt.plots.decision_rows",
    "plots.signals": "learning_debt.plots.debt_lines",
    "plots.text": "learning_debt.plots.literal_text",
    "policy_iteration": "learning_debt.pricing.policy_iteration",
    "posteriors": "learning_debt.forecasters",
    "posteriors.base": "learning_debt.forecasters.base",
    "posteriors.conjugate": "learning_debt.forecasters.conjugate_regression",
    "posteriors.convergence": "learning_debt.forecasters.convergence",
    "posteriors.keeper": "learning_debt.shadows.refit",
    "posteriors.likelihood": "learning_debt.shadows.reweighting",
    "posteriors.pymc": "learning_debt.forecasters.pymc",
    "posteriors.pymc.attached": "learning_debt.forecasters.pymc.model_checks.own_rows",
    "posteriors.pymc.build": "learning_debt.forecasters.pymc.build",
    "posteriors.pymc.checks": "learning_debt.forecasters.pymc.model_checks.supported",
    "posteriors.pymc.columns": "learning_debt.forecasters.pymc.inputs.model_data",
    "posteriors.pymc.compare": "learning_debt.forecasters.pymc.model_checks.comparable",
    "posteriors.pymc.density": "learning_debt.forecasters.pymc.compiled.density",
    "posteriors.pymc.draws": "learning_debt.forecasters.pymc.inputs.posterior_draws",
    "posteriors.pymc.fingerprint": "learning_debt.forecasters.pymc.model.fingerprint",
    "posteriors.pymc.first_fit": "learning_debt.forecasters.pymc.model_checks.first_fit",
    "posteriors.pymc.fit": "learning_debt.forecasters.pymc.sampling.sampler",
    "posteriors.pymc.forecaster": "learning_debt.forecasters.pymc.forecaster",
    "posteriors.pymc.foresight": "learning_debt.forecasters.pymc.whole_history_checks",
    "posteriors.pymc.fractions": "learning_debt.forecasters.pymc.model.whole_numbers",
    "posteriors.pymc.given": "learning_debt.forecasters.pymc.inputs.owner_columns",
    "posteriors.pymc.graph": "learning_debt.forecasters.pymc.model.graph",
    "posteriors.pymc.growth": "learning_debt.forecasters.pymc.compiled.new_entries",
    "posteriors.pymc.indices": "learning_debt.forecasters.pymc.inputs.index_guard",
    "posteriors.pymc.labels": "learning_debt.forecasters.pymc.model.coordinate_labels",
    "posteriors.pymc.options": "learning_debt.forecasters.pymc.model_checks.forecaster_options",
    "posteriors.pymc.outcomes": "learning_debt.forecasters.pymc.model.outcomes",
    "posteriors.pymc.prepare": "learning_debt.forecasters.pymc.inputs.preparation",
    "posteriors.pymc.registry": "learning_debt.forecasters.pymc.model_builds",
    "posteriors.pymc.scene": "learning_debt.forecasters.pymc.prepared_batch",
    "posteriors.pymc.scoring": "learning_debt.forecasters.pymc.model_checks.row_scoring",
    "posteriors.pymc.simulate": "learning_debt.forecasters.pymc.compiled.simulation",
    "posteriors.pymc.threads": "learning_debt.forecasters.pymc.model.threads",
    "posteriors.pymc.weighted": "learning_debt.forecasters.pymc.sampling.weighted_model",
    "posteriors.pymc.window": "learning_debt.forecasters.pymc.training_window",
    "posteriors.shadow": "learning_debt.shadows.ladder",
    "posteriors.supplied": "learning_debt.shadows.supplied",
    "posteriors.weights": "learning_debt.forecasters.weights",
    "predictive": "learning_debt.scores.predictive_contrast",
    "report.figures": "learning_debt.report.pictures",
    "scores.draws": "learning_debt.scores.predictive_draws",
    "signals": "learning_debt.policies.signals",
    "spells.asking": "learning_debt.spells.forwarding",
    "spells.comparison": "learning_debt.spells.table_comparison",
    "spells.contents": "learning_debt.spells.variable_checks",
    "spells.deployed": "learning_debt.spells.deployed_labels",
    "spells.likelihoods": "learning_debt.spells.held_likelihoods",
    "spells.options": "learning_debt.spells.table_options",
    "spells.path": "learning_debt.spells.simulated_outcomes",
    "spells.table": "learning_debt.spells.table_builder",
    "study": "learning_debt_study",
    "study.calibration": "learning_debt_study.calibration_paths",
    "study.comparison": "learning_debt_study.policy_comparison",
    "study.directory": "learning_debt_study.results_directory",
    "study.drawn": "learning_debt_study.drawn_signals",
    "study.experiment": "learning_debt_study.experiment",
    "study.figures": "learning_debt_study.figures",
    "study.policies": "learning_debt_study.candidate_policies",
    "study.posteriors": "learning_debt_study.path_posteriors",
    "study.random_stream": "learning_debt_study.random_stream",
    "study.repeated": "learning_debt_study.repetitions",
    "study.scenarios": "learning_debt_study.scenarios",
    "study.table": "learning_debt_study.simulated_spells",
    "study.tables": "learning_debt_study.published_tables",
    "study.verify": "learning_debt_study.verify",
    "tuning": "learning_debt.pricing.tuning",
    "update_rule": "learning_debt.data.update_rule",
}
"""Old name, without the package's, to the new one."""
MOVED_NAMES = {
    ("learning_debt.plots", "plot_chances"): "plot_calibration",
    ("learning_debt.plots", "plot_schedule"): "plot_decisions",
    ("learning_debt.plots", "plot_signals"): "plot_debt",
    ("learning_debt.plots.debt_lines", "plot_signals"): "plot_debt",
    ("learning_debt.plots.decision_rows", "plot_schedule"): "plot_decisions",
}
"""Module and old name of a function, to the one it has there now."""
SHADOWED = {"audit": "learning_debt.auditing", "replay": "learning_debt.pricing.replays"}
"""Old modules whose name is a public function's: `learning_debt.audit` must stay the function."""


class _MovedModules(MetaPathFinder, Loader):
    """Finds a module under its old name, and hands out the one that has taken its place."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The old name, if it is one; raises where a function has taken it."""
        name = fullname.removeprefix(f"{PACKAGE}.")
        if fullname == name:
            return None
        if new := SHADOWED.get(name.split(".")[0]):
            raise ModuleNotFoundError(f"the module {fullname} is now {new}", name=fullname)
        return ModuleSpec(fullname, self, is_package=True) if name in MOVED else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """A module whose names are looked up in the one that has taken its place."""
        new = MOVED[spec.name.removeprefix(f"{PACKAGE}.")]
        warnings.warn(
            f"{spec.name} is now {new}; the old name goes with the next release", DeprecationWarning, stacklevel=2
        )
        module = ModuleType(spec.name)
        module.__getattr__ = partial(getattr, importlib.import_module(new))  # type: ignore[method-assign]
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run: names are looked up where they are now."""


def moved_name(module: str, name: str) -> Any:
    """What has the old `name` in a module under its new one; a module calls it from its ``__getattr__``.

    Raises
    ------
    AttributeError
        If the module never had one of that name.
    """
    new = MOVED_NAMES.get((module, name))
    if new is None:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    warnings.warn(
        f"{module}.{name} is now {new}; the old name goes with the next release", DeprecationWarning, stacklevel=3
    )
    return getattr(importlib.import_module(module), new)


def serve_old_names() -> None:
    """Let ``import`` find modules under the names they had."""
    if not any(isinstance(finder, _MovedModules) for finder in sys.meta_path):
        sys.meta_path.insert(0, _MovedModules())  # before what an older install left behind
