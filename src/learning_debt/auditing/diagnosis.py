"""Learnt or moved, and would a retrain help at all? Evidence on what serves, from the gaps that came."""

from __future__ import annotations

from dataclasses import dataclass, fields
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from learning_debt.arrays.evidence.e_values import log_likelihood_ratios, log_sign_bets
from learning_debt.auditing.belief import MINIMUM_PERIODS, delayed
from learning_debt.auditing.rule_tables import checked_tables
from learning_debt.auditing.shadow_scores import shadow_scores
from learning_debt.data import SERIES
from learning_debt.representations import Sentence, as_html
from learning_debt.spells import check_spells, deployed_after
from learning_debt.spells.checks import require_table
from learning_debt.spells.schema import DEPLOYED_SCORE, TableFacts
from learning_debt.typing import Array
from learning_debt.validation import require_probability, require_whole_number

STALE, MISSING_DRIFT, WRONG_MODEL = "stale", "missing drift", "wrong model"
BAD_LUCK, MOVED, LEARNT = "bad luck", "moved", "learnt"
MORE = "more came than the shadow expected"
BY_FIRST = "This spell is short, so that the first posterior of the history was judged, over all of it. "


@dataclass(frozen=True)
class Diagnosis:
    """What the gaps of the present spell speak for.

    Attributes
    ----------
    findings : tuple of {"stale", "missing drift", "wrong model", "bad luck"}
        *Stale*: the shadow forecasts better than what serves, and a retrain would bring that. *Missing drift*: a shadow
        that forgets forecasts better than one that holds more, so that a retrain under today's rule brings less than it
        could. *Wrong model*: neither, but gaps or scores are not what the model itself allows; a retrain of the same
        model changes little. *Bad luck*: the spell has cost something, and no more than the shadow allows for. Empty
        where there is nothing to explain, or nothing is known yet.
    cause : {"moved", "learnt", ""}
        Why what serves is stale: more came than the shadow expected, or a forgetting shadow forecasts better, which
        speaks for a world that has moved; or no more than what the shadow expected of having learnt from more data.
        Empty where it is not stale, or where the table does not tell.
    sentence : str
    log_e_value : float
        Natural logarithm of the e-value of the shadow against what serves, over the present spell.
    e_value_of : {"likelihood ratio", "signs", ""}
        What it is made of. Of a likelihood ratio the null is that, given all that came before, every row has the
        density that the deployed forecast gave it; of signs, that the shadow scores better in a period with
        probability one half at most. Under the null the probability that an e-value ever reaches 1 / alpha is at most
        alpha. The verdict divides its logarithm by how much more gaps spread than the shadow allows for, since rows
        that depend on each other make the null false where nothing is stale.
    log_e_value_of_forgetting : float
        The same of the forgetting shadow against the one that holds more, over all periods of both tables; NaN where no
        such table was given.
    belief_z, spread_z : float
        Sum of the gaps less what the shadow expected, and of the squares less what it allows for, about standard normal
        if the model is right; NaN where the table does not tell.
    score_autocorrelation_z : float
        Of the shadow's own scores from one period to the next, by ranks, in the same way.
    reason : str
        What is not available, and why; else empty.
    """

    findings: tuple[str, ...]
    cause: str
    sentence: str
    log_e_value: float
    e_value_of: str
    log_e_value_of_forgetting: float
    belief_z: float
    spread_z: float
    score_autocorrelation_z: float
    reason: str

    def __str__(self) -> str:
        return self.sentence

    def _repr_html_(self) -> str:
        return as_html([Sentence(self.sentence)])

    def as_dict(self) -> dict[str, Any]:
        """What it says, in types that JSON holds; numbers that are not known are None."""
        said = {field.name: getattr(self, field.name) for field in fields(self)}
        numbers = {name: of if np.isfinite(of) else None for name, of in said.items() if isinstance(of, float)}
        return said | numbers | {"findings": list(self.findings)}


def diagnose(
    spells: xr.Dataset,
    *,
    forgetting: xr.Dataset | None = None,
    deployed_at: int | None = None,
    deployed_label: Any = None,
    alpha: float = 0.05,
) -> Diagnosis:
    """Say what the gaps of the present spell speak for: a retrain, another update rule, another model, or nothing.

    Parameters
    ----------
    spells : Dataset
        One series.
    forgetting : Dataset, optional
        The same history under an update rule that forgets more, with ``deployed_score`` in both.
    deployed_at : int, optional
    deployed_label : object, optional
        What is in service, as in `decide`.
    alpha : float
        Probability of evidence where there is nothing.

    Raises
    ------
    TypeError, ValueError, KeyError
        As `decide`, or if the two tables are not of one history.

    See Also
    --------
    decide : What to do today.
    belief_check : Whether gaps come as the model expects.
    compare_rules : What other update rules would have been worth.

    Examples
    --------
    >>> import learning_debt as ld
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=(80, 1))
    >>> moved = {"x": x, "y": x[:, 0] * np.repeat([1, 3], 40) + rng.normal(size=80), "period": np.arange(80)}
    >>> forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    >>> spells = ld.spell_table(forecaster, moved, initial=40, progressbar=False)
    >>> found = diagnose(spells)
    >>> found.findings, found.cause
    (('stale',), 'moved')
    """
    require_probability("alpha", alpha)
    table = check_spells(spells)
    if table.sizes[SERIES] != 1:
        raise ValueError(f"spells: a diagnosis is of one series, and the table has {table.sizes[SERIES]}; use isel")
    if forgetting is not None:
        require_table("forgetting", forgetting)
        table, forgetting = checked_tables({"spells": table, "forgetting": forgetting}).values()
    if deployed_label is not None:
        if deployed_at is not None:
            raise ValueError(f"give deployed_at={deployed_at!r} or deployed_label={deployed_label!r}, not both")
        deployed_at = deployed_after(table, deployed_label)
    at = 0 if deployed_at is None else deployed_at
    require_whole_number("deployed_at", at, at_least=0, at_most=table.sizes["period"] - 1)
    return _of_spell(table, forgetting, at, alpha)


class _Gaps(NamedTuple):
    """Of one posterior in service: gaps, what was expected of each, its spread, and rows; NaN where unknown."""

    gap: Array
    belief: Array
    spread: Array
    rows: Array


def _of_spell(table: xr.Dataset, forgetting: xr.Dataset | None, at: int, alpha: float) -> Diagnosis:
    facts = TableFacts.from_table(table)
    spell, whole = _gaps(table, facts, at), _gaps(table, facts, 0)
    log_e, of, reason = _against_deployed(spell, facts)
    better = None if forgetting is None or facts.horizon > 1 else _better_by_forgetting(table, forgetting)
    log_forgetting = float("nan") if better is None else _log_e_value(better, spell.rows, facts)
    judged = spell if np.isfinite(spell.gap).sum() >= MINIMUM_PERIODS else whole
    belief_z, spread_z, dispersion = _against_beliefs(judged)
    repeated_z = _autocorrelation(table)
    enough, limit = np.log(1 / alpha), NormalDist().inv_cdf(1 - alpha / 8)  # four things that may be off
    wide = np.nanmax([dispersion, 1.0])  # rows that depend on each other weigh as much less as gaps spread more
    stale, drifts = bool(log_e / wide >= enough), bool(log_forgetting / wide >= enough)
    off = {
        "less came than the shadow expected": belief_z < -limit,
        MORE: belief_z > limit,
        "gaps spread more than the shadow allows for": spread_z > limit,
        "good and bad forecasts come in runs": repeated_z > limit,
    }
    wrong = [what for what, is_so in off.items() if is_so]
    findings = (STALE,) * stale + (MISSING_DRIFT,) * drifts or (WRONG_MODEL,) * bool(wrong)
    if not findings and float(np.nansum(spell.gap * spell.rows)) > 0:
        findings = (BAD_LUCK,)
    cause = ""
    if stale and (drifts or np.isfinite(belief_z)):
        cause = MOVED if drifts or belief_z > limit else LEARNT
    known = bool(np.isfinite(spell.gap).any())
    told = _Told(findings, cause, log_e, of, log_forgetting, tuple(wrong), known, "" if judged is spell else BY_FIRST)
    return Diagnosis(
        findings, cause, _sentence(told), log_e, of, log_forgetting, belief_z, spread_z, repeated_z, reason
    )


def _gaps(table: xr.Dataset, facts: TableFacts, at: int) -> _Gaps:
    """Of what was deployed at `at`; the belief of a period is that of the shadow that had not seen it."""
    lag, known = (0 if facts.timing == "separate" else 1), table.sizes["period"] - (facts.horizon - 1)
    rows = np.broadcast_to(table["rows"].transpose(SERIES, "period").values, (1, table.sizes["period"]))[0]
    nothing = np.full((1, *table["regret"].shape[1:]), np.nan)

    def row(name: str, by: int) -> Array:
        cells = table[name].values if name in table else nothing
        return np.where(np.arange(cells.shape[2]) < known, delayed(cells, by)[0, at], np.nan)

    return _Gaps(row("score_gap", 0), row("predictive_debt", lag), row("gap_sd", lag), rows)


def _against_deployed(spell: _Gaps, facts: TableFacts) -> tuple[float, str, str]:
    """Log e-value of the shadow against what serves, what it is made of, and why there is none."""
    if facts.horizon > 1:
        why = "no e-value: forecasts look several periods ahead, so that their outcomes overlap"
        return float("nan"), "", why
    if not np.isfinite(spell.gap).any():
        return float("nan"), "", "no e-value: the table holds no score_gap"
    of = "likelihood ratio" if _by_likelihood(facts) else "signs"
    return _log_e_value(spell.gap, spell.rows, facts), of, ""


def _better_by_forgetting(table: xr.Dataset, forgetting: xr.Dataset) -> Array:
    """Mean score of the forgetting shadow less that of the table's own, by period."""
    mine, other = (shadow_scores(one)["shadow_score"].values[0] for one in (table, forgetting))
    return np.asarray(other - mine)


def _by_likelihood(facts: TableFacts) -> bool:
    return facts.score == "log" and facts.in_nats


def _log_e_value(gaps: Array, rows: Array, facts: TableFacts) -> float:
    """Of a likelihood ratio where scores are log densities, else of signs."""
    return float(log_likelihood_ratios(gaps, rows)[-1] if _by_likelihood(facts) else log_sign_bets(gaps)[-1])


def _against_beliefs(gaps: _Gaps) -> tuple[float, float, float]:
    """How far gaps are off what was expected, and how much more they spread; as scores, and the second as a ratio.

    The inputs of a period differ from those that its spread was worked out at, so that squares are added up before they
    are held against each other, and the score of their excess is by its own spread.
    """
    held = np.isfinite(gaps.gap) & np.isfinite(gaps.belief) & (np.nan_to_num(gaps.spread) > 0)
    if held.sum() < MINIMUM_PERIODS:
        return float("nan"), float("nan"), float("nan")
    off, square = (gaps.gap - gaps.belief)[held], gaps.spread[held] ** 2
    excess = off**2 - square
    spread = excess.sum() / np.sqrt((excess**2).sum()) if excess.any() else 0.0
    return float(off.sum() / np.sqrt(square.sum())), float(spread), float((off**2).sum() / square.sum())


def _autocorrelation(table: xr.Dataset) -> float:
    """Rank correlation of the shadow's scores with those of the period before, times the root of their number."""
    if DEPLOYED_SCORE not in table or "score_gap" not in table:
        return float("nan")
    score = shadow_scores(table)["shadow_score"].values[0]
    score = score[np.isfinite(score)]
    if score.size <= MINIMUM_PERIODS or np.ptp(score) == 0:
        return float("nan")
    rank = score.argsort().argsort()
    return float(np.corrcoef(rank[1:], rank[:-1])[0, 1] * np.sqrt(score.size - 1))


class _Told(NamedTuple):
    """What the sentence is made of."""

    findings: tuple[str, ...]
    cause: str
    log_e: float
    of: str
    log_forgetting: float
    wrong: tuple[str, ...]
    known: bool
    by: str


def _sentence(told: _Told) -> str:
    evidence = f" (e-value of the shadow against it {_e_value(told.log_e)}, by {_named(told.of)})" if told.of else ""
    forgets = f"a shadow that forgets forecasts better (e-value {_e_value(told.log_forgetting)})"
    why = {
        MOVED: " More came than it expected: the world has moved.",
        LEARNT: " That is no more than it expected of having seen more data: it has learnt, nothing need have moved.",
        "": "",
    }
    stale = f"What serves is stale: the shadow forecasts better{evidence}, and a retrain brings that.{why[told.cause]}"
    wrong = (
        f"{told.by}More came than the shadow expected{evidence}: too little yet to tell a world that moves from a "
        "model that is too sure of itself."
        if told.wrong == (MORE,)
        else f"{told.by}The model is at odds with the data: {' and '.join(told.wrong)}{evidence}. A retrain of the "
        "same model does not mend that; look at its tails, variances and structure."
    )
    said = {
        (STALE,): stale,
        (STALE, MISSING_DRIFT): f"{stale} And {forgets}: change the update rule as well.",
        (MISSING_DRIFT,): (
            f"The update rule misses drift: {forgets}. A retrain under today's rule brings little{evidence}; change "
            "the rule."
        ),
        (WRONG_MODEL,): wrong,
        (BAD_LUCK,): f"What this spell has cost is within what the shadow allows for: bad luck{evidence}.",
        (): f"This spell has cost nothing against the shadow, and nothing speaks against what serves{evidence}.",
    }
    return said[told.findings] if told.known or told.findings else "No outcome of this spell is known yet."


def _named(of: str) -> str:
    return {"likelihood ratio": "their likelihood ratio", "signs": "which of them scores better"}[of]


def _e_value(log_e: float) -> str:
    """An e-value for the reader, as a power of ten where it is far from 1."""
    return f"{np.exp(log_e):.2g}" if abs(log_e) < np.log(1e4) else f"10^{log_e / np.log(10):.0f}"
