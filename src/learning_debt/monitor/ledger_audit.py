"""The spell table of a ledger's rows, and an audit of it: what has been live, looked back at."""

from __future__ import annotations

from typing import Any

import xarray as xr

from learning_debt.auditing import Audit
from learning_debt.forecasters.conjugate_regression import ConjugateRegression
from learning_debt.monitor.ledger import opened
from learning_debt.monitor.live_session import LiveSession
from learning_debt.monitor.standing import Standing
from learning_debt.scores import Score
from learning_debt.spells import spell_table
from learning_debt.spells.exact import ExactStep
from learning_debt.spells.schema import TableFacts
from learning_debt.spells.series_plans import lay_out
from learning_debt.spells.table_loop import collected_columns


def spells_of(session: LiveSession) -> xr.Dataset:
    """As `Monitor.spells` gives it."""
    forecaster, settings = session.require_forecaster(), session.settings
    with opened(session.folder.ledger) as ledger:
        rows, initial = session.all_rows(ledger), _initial(Standing.of(ledger))
    asked: dict[str, Any] = {
        "initial": initial,
        "exposure": settings.exposure or "rows",
        "variables": settings.variables,
        "varying_rows": True,
        "score": settings.score,
        "update_rule": settings.update_rule,
        "horizon": 1,
        "executor": None,
    }
    if not isinstance(forecaster, ConjugateRegression):
        return spell_table(forecaster, rows, shadow=settings.shadow, random_seed=settings.seed, **asked)
    (layout,) = lay_out(forecaster, rows, shadow=None, random_seed=None, progressbar=False, **asked)
    (plan,) = layout.plans
    return layout.table([collected_columns(ExactStep(forecaster, plan.options), plan)])


def _initial(standing: Standing) -> int:
    """Periods of the first posterior; of a monitor that was made from an audit those of the audit's."""
    known = len(standing.created["rows"])
    audited = standing.created.get("audited")
    return known if audited is None else min(known, known - 1 + int(audited["first"]))


def agreed_in(audit: Audit, score: Score, series: Any = None) -> dict[str, Any]:
    """Arguments of `Monitor.create` that an audit settles, about one of its series where it is of several.

    Raises
    ------
    ValueError
        If it decides about several series and none is named, its table is of another score, or of forecasts that look
        further ahead than a monitor's.
    """
    if series is None and len(audit.decisions) != 1:
        raise ValueError(
            "audit is of several series, and a monitor of one: use SeriesMonitors.from_audit, or audit each alone"
        )
    decision = audit.decision if series is None else audit.decisions[series]
    facts = TableFacts.from_table(audit.all_spells)
    if facts.score != score.name:
        raise ValueError(f"score: the audited table is of the score {facts.score!r}, not {score.name!r}; give the same")
    if facts.horizon != 1:
        raise ValueError(
            f"audit is of forecasts {facts.horizon} periods ahead, and a monitor scores those of the next period; "
            "audit a table with horizon=1"
        )
    return {
        "policy": audit.tuned[audit.decided_by].policy,
        "cost": audit.cost,
        "calendar": decision.horizon,
        "probability": audit.probability,
        "update_rule": facts.update_rule,
        "last_retrain": decision.deployed_label,
    }
