"""What a spell table is made of: its variables, their dimensions and units, and what its attributes say of it.

Every other module reads names, suffixes, units, the currency, the update rule and the version from here.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
import xarray as xr

from learning_debt.data import SERIES
from learning_debt.data.update_rule import UpdateRule
from learning_debt.validation import describe, require_choice, require_text, require_whole_number

__all__ = ["ESTIMATED", "OPTIONAL", "SAMPLED", "TableFacts", "reliable_of", "se_of"]

DEPLOYED_AT, PERIOD, EARLIER = "deployed_at", "period", "earlier"
DIMS = (SERIES, DEPLOYED_AT, PERIOD)
"""Dimensions of a cell, in the order in which a checked table has them."""

NUMBER, TRUTH, TEXT, LABEL, CODE = "number", "truth value", "text", "label", "code"
UNIT, REGRET_UNIT = "unit", "unit of regret"
"""What `Variable.unit` says where the unit is the table's to say."""


class Variable(NamedTuple):
    """What a variable or coordinate of a spell table holds.

    Attributes
    ----------
    dims : tuple of str
        Dimensions besides ``series``, which a table of one series need not have.
    holds : {"number", "truth value", "text", "label", "code"}
        A code is that of a `Doubt`, a small whole number, 0 for none.
    unit : str
        ``"unit"`` stands for the attribute of that name, ``"unit of regret"`` for `TableFacts.regret_unit`; empty where
        there is none.
    meaning : str
    """

    dims: tuple[str, ...]
    holds: str
    unit: str
    meaning: str


_CELL, _BY_PERIOD, _BY_POSTERIOR = (DEPLOYED_AT, PERIOD), (PERIOD,), (DEPLOYED_AT,)
VARIABLES = {
    "debt": Variable(_CELL, NUMBER, "nats", "posterior debt: KL(shadow ‖ deployed)"),
    "predictive_debt": Variable(_CELL, NUMBER, UNIT, "the gap that the shadow itself expects"),
    "score_gap": Variable(_CELL, NUMBER, UNIT, "score of the shadow minus that of the deployed forecast, realised"),
    "parameter_gap": Variable(_CELL, NUMBER, "coefficients' own", "distance of the mean coefficients"),
    "residual_exceedance": Variable(_CELL, NUMBER, "share", "rows that miss the deployed forecast by two residual sd"),
    "deployed_score": Variable(_CELL, NUMBER, UNIT, "mean score of the deployed forecast, higher is better"),
    "deployed_pareto_k": Variable(_CELL, NUMBER, "", "Pareto k of the weights that make deployed draws the shadow's"),
    "arrived_gap": Variable(_CELL, NUMBER, UNIT, "the gap of what became known in the period; policies see this one"),
    "gap_sd": Variable(_CELL, NUMBER, UNIT, "standard deviation of the period's mean gap, as the shadow expects it"),
    "regret": Variable(_CELL, NUMBER, REGRET_UNIT, "exposure × score gap, signed"),
    "rows": Variable(_BY_PERIOD, NUMBER, "rows", "observations that the period's forecasts are for"),
    "exposure": Variable(_BY_PERIOD, NUMBER, "unit of regret per unit", "what one unit of mean score gap is worth"),
    "converged": Variable(_BY_PERIOD, TRUTH, "", "whether the shadow can be believed"),
    "deployed_converged": Variable(_BY_POSTERIOR, TRUTH, "", "whether the deployed posterior can be believed"),
    "doubt": Variable(_BY_PERIOD, TEXT, "", "which diagnostic of the shadow failed; empty where none did"),
    "converged_doubt": Variable(_BY_PERIOD, CODE, "", "the first of the doubts behind `doubt`"),
    "deployed_doubt": Variable(_BY_POSTERIOR, TEXT, "", "the same of the deployed posterior"),
    "deployed_converged_doubt": Variable(_BY_POSTERIOR, CODE, "", "the first of those behind `deployed_doubt`"),
    "rung": Variable(_BY_PERIOD, TEXT, "", "how the shadow was kept current, such as refit, pooled or reweight"),
    "refits": Variable(_BY_PERIOD, NUMBER, "refits", "fits that the period's shadow took"),
    "evaluations": Variable(_BY_PERIOD, NUMBER, "rows × points", "log densities that it took"),
    "seconds": Variable(_BY_PERIOD, NUMBER, "seconds", "time that it took"),
    "pareto_k": Variable(_BY_PERIOD, NUMBER, "", "Pareto k of the shadow's weighted draws"),
    "effective_size": Variable(_BY_PERIOD, NUMBER, "draws", "independent draws that the shadow is worth"),
    SERIES: Variable((), LABEL, "", "names of the series"),
    "label": Variable(_BY_PERIOD, LABEL, "", "the owner's names of the periods"),
    "deployed_label": Variable(_BY_POSTERIOR, LABEL, "", "the period after which a posterior was trained"),
    EARLIER: Variable((EARLIER,), LABEL, "", "the owner's names of the periods before the first"),
}
"""All that the library writes or reads, by name. Cells with deployed_at >= period hold nothing."""

SAMPLED = ("debt", "predictive_debt", "score_gap")
"""Signals that hold the shadow against what is deployed."""

EXACT_ONLY = ("parameter_gap", "residual_exceedance")
"""Optional signals that the exact engine alone offers."""

DRAWS_ONLY = ("deployed_pareto_k",)
"""Optional signals that mean something for draws only."""

OPTIONAL = (*EXACT_ONLY, *DRAWS_ONLY)
"""Signals that a table holds only when asked for."""

DEPLOYED_SCORE = "deployed_score"
"""What makes a table's bills comparable with those of other tables: the score of what served."""

ESTIMATED = (*SAMPLED, DEPLOYED_SCORE)
"""Signals that a table holds unless told otherwise; they carry a standard error when they come from draws."""

ARRIVED_GAP = "arrived_gap"
"""What a table that forecasts several steps ahead, or learns late, hands to policies as ``score_gap``."""

UPKEEP = ("rung", "refits", "evaluations", "seconds", "pareto_k", "effective_size")
"""What it took to keep the shadow current, as `Upkeep` has it."""

BY_PERIOD = ("rows", "exposure", *UPKEEP)
"""Variables along ``series`` and ``period``, or fewer of the two where it is the same along the other."""

FLAGS = ("converged", "deployed_converged")
"""Whether shadow and deployed posterior can be believed."""

DOUBTS = ("doubt", "deployed_doubt")
"""Why not."""

CELLS = tuple(name for name, variable in VARIABLES.items() if variable.dims == _CELL)
"""Numbers for every pair (deployed_at, period); their errors and verdicts are called `se_of` and `reliable_of` them."""


def se_of(name: Hashable) -> str:
    """Name of the variable that holds the standard error of `name`."""
    return f"{name}_se"


def reliable_of(name: Hashable) -> str:
    """Name of the variable that says whether the standard error of `name` can be relied on."""
    return f"{name}_reliable"


def standard_error(spells: xr.Dataset, name: Hashable) -> xr.DataArray:
    """Standard error of a signal; 0 where the table holds none."""
    return spells[se_of(name)] if se_of(name) in spells else xr.zeros_like(spells[name], dtype=float)


def reliability(spells: xr.Dataset, name: Hashable) -> xr.DataArray:
    """Whether a signal's standard error can be relied on; True where the table does not say."""
    return spells[reliable_of(name)] if reliable_of(name) in spells else xr.ones_like(spells[name], dtype=bool)


DERIVED_FROM, BY_EXPOSURE = "derived_from", "exposure x score_gap"
"""Attribute, and its value, of a regret that nobody gave: it goes stale where exposure or gap change."""


def derived_regret(spells: xr.Dataset) -> xr.DataArray:
    """Exposure x score gap, dims (series, deployed_at, period), with an attribute that says so."""
    regret = (spells["exposure"] * spells["score_gap"]).transpose(*DIMS)
    regret.attrs = {DERIVED_FROM: BY_EXPOSURE}
    return regret


def has_own_regret(table: xr.Dataset) -> bool:
    """Whether a checked table's regret is another number than exposure x score_gap.

    Examples
    --------
    >>> from learning_debt import check_spells
    >>> table = check_spells(xr.Dataset({"score_gap": (("deployed_at", "period"), [[0.1]])}))
    >>> has_own_regret(table), has_own_regret(table.assign(regret=2 * table["regret"].drop_attrs()))
    (False, True)
    """
    if table["regret"].attrs.get(DERIVED_FROM) == BY_EXPOSURE:
        return False
    if "score_gap" not in table:
        return True
    regret, derived = table["regret"].values, derived_regret(table).values
    return not np.allclose(regret, derived, rtol=1e-6, atol=0.0, equal_nan=True)


def doubt_of(name: Hashable) -> str:
    """Name of the variable that holds the code of what is doubted about `name`, a signal or one of `FLAGS`."""
    return f"{name}_doubt"


VERSION = 1
"""Of the tables that this library writes. Those of release 0.1.0, and an owner's own, say none and are read as well."""

SCHEMA_VERSION, WINDOW, DISCOUNT, NO_DEBT = "schema_version", "update_rule_window", "update_rule_discount", "debt"
REFIT, POOLED = "refit", "pooled"
"""The rungs of a period that was fitted, and of one that was weighted from a pool of other periods' fits."""
NOT_POOLED = "not_pooled"
ALL_DATA = UpdateRule()
TIMINGS = ("prequential", "separate")
_PER_OBSERVATION = " per observation"


def per_observation(unit: str) -> str:
    """Unit of a mean over observations, as the attribute ``unit`` says it.

    Examples
    --------
    >>> per_observation("nats")
    'nats per observation'
    """
    return f"{unit}{_PER_OBSERVATION}"


@dataclass(frozen=True)
class TableFacts:
    """What the attributes of a spell table say of all of it; the defaults are those of a table that says nothing.

    Attributes
    ----------
    timing : {"prequential", "separate"}
    score : str
    unit : str
        Of gaps, predictive debt and their like, a mean per observation.
    currency : str, optional
        Of regret, where the score is money.
    update_rule : UpdateRule
        What each shadow held of the past.
    horizon : int
        Periods ahead that forecasts are for, from 1.
    no_debt : str
        Why the table holds no posterior debt though it was asked for, or nothing.
    not_pooled : str
        Why the posteriors do not come from one pool though a `PooledShadow` was asked for, or nothing.
    version : int
        Of the schema; 0 where the table says none.

    Examples
    --------
    >>> facts = TableFacts(update_rule=UpdateRule(discount=0.9999999))
    >>> TableFacts.from_table(xr.Dataset(attrs=facts.attributes())) == facts
    True
    """

    timing: str = "prequential"
    score: str = "log"
    unit: str = per_observation("nats")
    currency: str | None = None
    update_rule: UpdateRule = ALL_DATA
    horizon: int = 1
    no_debt: str = ""
    not_pooled: str = ""
    version: int = VERSION

    @classmethod
    def from_table(cls, spells: xr.Dataset, name: str = "spells") -> Self:
        """What a table says, checked; `name` is what the caller calls it.

        Raises
        ------
        TypeError, ValueError
            Naming the attribute, what it says and the remedy: a later version, a rule that cannot be read or whose
            numbers contradict its text, a timing or horizon that there is not.
        """
        given, whose = spells.attrs, f"{name}.attrs"
        version = _checked_version(given.get(SCHEMA_VERSION, 0), whose)
        currency = given.get("currency")
        return cls(
            timing=require_choice(f"{whose}['timing']", given.get("timing", cls.timing), TIMINGS),
            score=str(given.get("score", cls.score)),
            unit=str(given.get("unit", cls.unit)),
            currency=None
            if currency is None
            else require_text(f"{whose}['currency']", currency, "a name, such as EUR"),
            update_rule=_read_rule(given, whose),
            horizon=require_whole_number(f"{whose}['horizon']", given.get("horizon", 1), at_least=1),
            no_debt=str(given.get(NO_DEBT, "")),
            not_pooled=str(given.get(NOT_POOLED, "")),
            version=version,
        )

    def attributes(self) -> dict[str, str | int | float]:
        """The attributes of a table of the present version, in types that netCDF and zarr hold.

        The rule stands there twice: as numbers, to be read back to the last digit, and as text, for people.

        Examples
        --------
        >>> TableFacts(update_rule=UpdateRule(window=26)).attributes()["update_rule"]
        'rolling window of 26 periods'
        """
        rule = self.update_rule
        said: dict[str, str | int | float] = {SCHEMA_VERSION: VERSION, "timing": self.timing, "score": self.score}
        said |= {"unit": self.unit, "horizon": self.horizon, "update_rule": str(rule), DISCOUNT: rule.discount}
        said |= {} if rule.window is None else {WINDOW: rule.window}
        said |= {} if self.currency is None else {"currency": self.currency}
        said |= {NOT_POOLED: self.not_pooled} if self.not_pooled else {}
        return said | ({NO_DEBT: self.no_debt} if self.no_debt else {})

    @property
    def score_unit(self) -> str:
        """Unit of the score of one observation: ``"nats"``, ``"outcome"`` or a currency."""
        return self.unit.removesuffix(_PER_OBSERVATION)

    @property
    def regret_unit(self) -> str:
        """Unit of regret, before any price of a nat: that of the score, the outcome's own in words."""
        return "outcome units" if self.score_unit == "outcome" else self.score_unit

    @property
    def in_nats(self) -> bool:
        """Whether gaps are in nats, as posterior debt always is."""
        return self.score_unit == "nats"

    def unit_of(self, name: str, *, short: bool = False) -> str:
        """Unit of a variable of the table, in words; empty where it has none.

        Examples
        --------
        >>> TableFacts().unit_of("debt"), TableFacts(unit="EUR per observation").unit_of("score_gap")
        ('nats', 'EUR per observation')
        """
        unit = {UNIT: self.unit, REGRET_UNIT: self.regret_unit}.get(VARIABLES[name].unit, VARIABLES[name].unit)
        return unit.replace(_PER_OBSERVATION, " per obs.") if short else unit


def _checked_version(version: Any, whose: str) -> int:
    number = require_whole_number(f"{whose}[{SCHEMA_VERSION!r}]", version, at_least=0)
    if number > VERSION:
        raise ValueError(
            f"{whose}[{SCHEMA_VERSION!r}] is {number}: a later learning-debt wrote this table, and this one reads "
            f"versions up to {VERSION}; read it with that release, or install a newer one here"
        )
    return number


def _read_rule(given: Mapping[Any, Any], whose: str) -> UpdateRule:
    """The update rule by its numbers, or, where a table has none of them, by its text."""
    text = given.get("update_rule")
    if WINDOW not in given and DISCOUNT not in given:
        try:
            return ALL_DATA if text is None else UpdateRule.from_text(text)
        except ValueError as error:
            raise ValueError(f"{whose}['update_rule']: {error}") from error
    try:
        rule = UpdateRule(given.get(WINDOW), given.get(DISCOUNT, 1.0))
    except (TypeError, ValueError) as error:
        which, _, rest = str(error).partition(" ")
        raise type(error)(f"{whose}['update_rule_{which}'] {rest}") from error
    if text is not None and text != str(rule):
        raise ValueError(
            f"{whose}['update_rule'] is {describe(text)}, but {WINDOW!r} and {DISCOUNT!r} beside it say {str(rule)!r}: "
            f"change all of them together, as TableFacts.attributes() writes them, or delete those two"
        )
    return rule
