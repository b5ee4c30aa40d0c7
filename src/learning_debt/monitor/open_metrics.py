"""The state of one or many monitored series as OpenMetrics text, which Prometheus' textfile collector reads as well.

The collector of node_exporter reads the older Prometheus text format, and drops a whole file that names a type of
OpenMetrics which that format does not have (info, state set) or that carries time stamps. What is written here is valid
in both: gauges and one counter, without time stamps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from learning_debt.spells.schema import se_of
from learning_debt.validation import describe, require_instance, require_number

PREFIX = "learning_debt"
VERDICTS = ("wait", "retrain", "cannot tell")


class Family(NamedTuple):
    """A metric family: its name without the prefix, what it measures, its unit and type."""

    name: str
    help: str
    unit: str = ""
    kind: str = "gauge"


NUMBERS = {
    "debt": Family("posterior_debt_nats", "How far the shadow posterior has moved from the deployed one.", "nats"),
    "debt_se": Family("posterior_debt_standard_error_nats", "Standard error of the posterior debt.", "nats"),
    "predictive_debt": Family("predictive_debt", "What the shadow expects the deployed model to lose per row."),
    "predictive_debt_se": Family("predictive_debt_standard_error", "Standard error of the predictive debt."),
    "score_gap": Family("score_gap", "Score of the shadow minus that of the deployed model on the last rows, per row."),
    "score_gap_se": Family("score_gap_standard_error", "Standard error of the score gap."),
    "expected_regret": Family("expected_regret", "Regret that a retrain is expected to avoid over its horizon."),
    "expected_regret_se": Family("expected_regret_standard_error", "Standard error of the expected regret."),
    "realised_regret": Family("realised_regret", "Regret of the spell as it came out, signed."),
    "realised_regret_se": Family("realised_regret_standard_error", "Standard error of the realised regret."),
    "regret_so_far": Family("regret_so_far", "Regret of all periods since the monitor began, signed."),
    "cost": Family("retraining_cost", "Cost of a retrain today."),
    "break_even_cost": Family("break_even_cost", "Cost of a retrain at which the verdict flips."),
    "probability": Family("retrain_pays_probability", "Probability that a retrain today pays for itself."),
    "spell_age": Family("spell_age_periods", "Periods since the last retrain.", "periods"),
    "period": Family("last_period", "Number of the last period that was observed."),
    "retrains": Family("retrains", "Retrains since the monitor began.", kind="counter"),
    "seconds": Family("observe_duration_seconds", "What the last observation took.", "seconds"),
    "decided_at": Family("decided_timestamp_seconds", "When the last decision was made, in Unix time.", "seconds"),
}
"""Numbers of a status, and the family each is written as."""

VERDICT = Family("verdict", "1 for the verdict of the last decision, 0 for the others.")
DECISION = Family("last_decision", "Always 1; labels say what the last decision looked at, and what is deployed.")
IN_UNIT = {
    name
    for stem in ("predictive_debt", "score_gap", "expected_regret", "realised_regret")
    for name in (stem, se_of(stem))
} | {"regret_so_far", "cost", "break_even_cost"}
"""Numbers in the owner's own unit, which is a label and no part of the name."""
KNOWN = {*NUMBERS, "verdict", "label", "deployed_label"}


def open_metrics(statuses: Mapping[Any, Mapping[str, Any]]) -> str:
    r"""What the monitors of some series say, as OpenMetrics text (version 1.0).

    Parameters
    ----------
    statuses : mapping of series to mapping
        Of each series, what `Monitor.status` knows, by name; a name that is not there, or None, gives no sample, and
        a number that is not known is ``NaN``. A `unit` and a `score_unit` become the label ``unit`` of what is
        measured in them.

    Returns
    -------
    str
        Ends in ``# EOF`` and a line break.

    Raises
    ------
    TypeError, ValueError
        If a series has no name, two have the same, a number is none, or a verdict is unknown.

    Examples
    --------
    >>> print(open_metrics({"north": {"verdict": "wait", "spell_age": 3}}))
    # TYPE learning_debt_spell_age_periods gauge
    # UNIT learning_debt_spell_age_periods periods
    # HELP learning_debt_spell_age_periods Periods since the last retrain.
    learning_debt_spell_age_periods{series="north"} 3
    # TYPE learning_debt_verdict gauge
    # HELP learning_debt_verdict 1 for the verdict of the last decision, 0 for the others.
    learning_debt_verdict{series="north",verdict="wait"} 1
    learning_debt_verdict{series="north",verdict="retrain"} 0
    learning_debt_verdict{series="north",verdict="cannot tell"} 0
    # EOF
    <BLANKLINE>
    """
    named = _named(statuses)
    lines: list[str] = []
    for key, family in NUMBERS.items():
        lines += _family(family, _numbers(key, family, named))
    lines += _family(VERDICT, _verdicts(named))
    lines += _family(DECISION, _decisions(named))
    return "".join(f"{line}\n" for line in [*lines, "# EOF"])


def _named(statuses: Any) -> dict[str, Mapping[str, Any]]:
    require_instance("statuses", statuses, Mapping, "a mapping of series to their status, such as {'north': {...}}")
    named: dict[str, Mapping[str, Any]] = {}
    for series, status in statuses.items():
        require_instance(f"statuses[{series!r}]", status, Mapping, "a mapping of names to numbers and text")
        if not KNOWN & set(status):
            raise ValueError(f"statuses[{series!r}] holds nothing that Monitor.status says, such as verdict")
        if str(series) in named:
            raise ValueError(f"statuses has two series that are written {str(series)!r}; give them different names")
        named[str(series)] = status
    return named


def _family(family: Family, samples: Iterator[str]) -> list[str]:
    """Lines of a family; none where it has no sample."""
    lines, name = list(samples), f"{PREFIX}_{family.name}"
    if not lines:
        return []
    unit = [f"# UNIT {name} {family.unit}"] if family.unit else []
    return [f"# TYPE {name} {family.kind}", *unit, f"# HELP {name} {family.help}", *lines]


def _numbers(key: str, family: Family, named: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    suffix = "_total" if family.kind == "counter" else ""
    for series, status in named.items():
        value = status.get(key)
        if value is None:
            continue
        labels = {"series": series}
        scored = key.startswith(("predictive_debt", "score_gap"))
        unit = status.get("score_unit") if scored else status.get("unit")
        if key in IN_UNIT and unit:
            labels["unit"] = unit
        number = require_number(f"{key} of series {series!r}", value, finite=False)
        if suffix and not 0 <= number < float("inf"):
            raise ValueError(f"{key} of series {series!r} must be a count, not {number:g}")
        yield _sample(f"{family.name}{suffix}", labels, number)


def _verdicts(named: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for series, status in named.items():
        said = status.get("verdict")
        if said is None:
            continue
        if said not in VERDICTS:
            raise ValueError(f"verdict of series {series!r} must be one of {VERDICTS}, not {describe(said)}")
        for verdict in VERDICTS:
            yield _sample(VERDICT.name, {"series": series, "verdict": verdict}, float(said == verdict))


def _decisions(named: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for series, status in named.items():
        known = {key: status[key] for key in ("label", "deployed_label") if status.get(key) is not None}
        if known:
            yield _sample(DECISION.name, {"series": series, **known}, 1.0)


def _sample(name: str, labels: Mapping[str, Any], value: float) -> str:
    inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    return f"{PREFIX}_{name}{{{inside}}} {_number(value)}"


def _escaped(text: Any) -> str:
    """Text inside quotes; half a surrogate pair, which no file could hold, becomes a question mark."""
    plain = str(text).encode("utf-8", "replace").decode("utf-8")
    return plain.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _number(value: float) -> str:
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(value)
