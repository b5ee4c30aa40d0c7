"""Learnt or moved, and would a retrain help at all? Evidence on what serves, from the gaps that came."""

from __future__ import annotations

from dataclasses import dataclass, fields
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from learning_debt.arrays.evidence.e_values import log_likelihood_ratios, log_sign_bets
from learning_debt.auditing.belief import MINIMUM_PERIODS, delayed
from learning_debt.auditing.diagnosis_sentences import (
    BAD_LUCK,
    FIRST_FIT,
    LEARNT,
    MISSING_DRIFT,
    MORE,
    MOVED,
    SPELL,
    STALE,
    WRONG_MODEL,
    Told,
    sentence,
)
from learning_debt.auditing.rule_tables import checked_tables
from learning_debt.auditing.shadow_scores import shadow_scores
from learning_debt.data import SERIES
from learning_debt.representations import Sentence, as_html
from learning_debt.spells import check_spells, deployed_after
from learning_debt.spells.checks import require_table
from learning_debt.spells.schema import DEPLOYED_SCORE, TableFacts
from learning_debt.typing import Array
from learning_debt.validation import require_probability, require_whole_number


@dataclass(frozen=True)
class Diagnosis:
    """What the gaps of the present spell speak for; of a spell too short to say, those of the first fit.

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
        Natural logarithm of the e-value of the shadow against what serves, over the present spell; of the shadow
        against the first fit, over all periods, where that was judged.
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
    judged : {"spell", "first fit"}
        What all of this is about. A spell of fewer than eight periods with an outcome is too short for most of it:
        unless it already proves what serves stale, or a forgetting shadow is better, the table's first posterior is
        judged in its place, over all periods, as if it still served. Its findings are then not about what serves.
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
    judged: str

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

    @property
    def known(self) -> int:
        """Periods with an outcome."""
        return int(np.isfinite(self.gap).sum())


def _of_spell(table: xr.Dataset, forgetting: xr.Dataset | None, at: int, alpha: float) -> Diagnosis:
    """Of what was deployed at `at`, or where its spell is too short to say, of the first fit over the whole table."""
    facts = TableFacts.from_table(table)
    spell, whole = _gaps(table, facts, at), _gaps(table, facts, 0)
    found = _diagnosed(table, forgetting, spell, whole, alpha, SPELL)
    if spell.known >= MINIMUM_PERIODS or whole.known < MINIMUM_PERIODS or {STALE, MISSING_DRIFT} & {*found.findings}:
        return found
    return _diagnosed(table, forgetting, whole, whole, alpha, FIRST_FIT)


def _diagnosed(
    table: xr.Dataset, forgetting: xr.Dataset | None, gaps: _Gaps, whole: _Gaps, alpha: float, judged: str
) -> Diagnosis:
    facts = TableFacts.from_table(table)
    log_e, of, reason = _against_deployed(gaps, facts)
    better = None if forgetting is None or facts.horizon > 1 else _better_by_forgetting(table, forgetting)
    log_forgetting = float("nan") if better is None else _log_e_value(better, gaps.rows, facts)
    belief_z, spread_z, dispersion = _against_beliefs(gaps)
    repeated_z = _autocorrelation(table)
    enough, limit = np.log(1 / alpha), NormalDist().inv_cdf(1 - alpha / 8)  # four things that may be off
    if np.isnan(dispersion):
        dispersion = _against_beliefs(whole)[2]
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
    if not findings and float(np.nansum(gaps.gap * gaps.rows)) > 0:
        findings = (BAD_LUCK,)
    cause = ""
    if stale and (drifts or np.isfinite(belief_z)):
        cause = MOVED if drifts or belief_z > limit else LEARNT
    told = Told(findings, cause, log_e, of, log_forgetting, tuple(wrong), gaps.known > 0)
    said = sentence(told, judged)
    return Diagnosis(findings, cause, said, log_e, of, log_forgetting, belief_z, spread_z, repeated_z, reason, judged)


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
