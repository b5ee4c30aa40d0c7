"""Doubts as data: each can come up, says what to do, is printed, and comes back from a table on disk."""

import re
from html import escape
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy import stats

import learning_debt as ld
from learning_debt import Doubt
from learning_debt.arrays.bridging import bridge
from learning_debt.arrays.draws.effective_size import ENOUGH
from learning_debt.arrays.losses.stock_loss import MINIMUM_BEYOND
from learning_debt.arrays.predictive.mixture import mixture
from learning_debt.debt.from_draws import DRAWS_PER_PARAMETER, NoLogMarginal, debt_from_draws, log_marginal
from learning_debt.forecasters.convergence import convergence
from learning_debt.forecasters.weights import (
    LINEAGE,
    MAXIMUM_PARETO_K,
    MINIMUM_MOVED_SHARE,
    MOVED_SHARE,
    doubts_of_weights,
    lineage,
    with_weights,
)
from learning_debt.policies import CUSUM
from learning_debt.report.verdict_section import verdict_section
from learning_debt.scores.predictive_contrast import PredictiveContrast
from learning_debt.scores.predictive_draws import judged
from learning_debt.scores.row_mixtures import gap_from_mixtures
from learning_debt.shadows.supplied import SuppliedShadow
from learning_debt.spells.doubt_codes import code_attributes, code_of, decoded, doubts_each
from learning_debt.spells.sampled_refusals import why_no_debt
from learning_debt.spells.schema import doubt_of

from .sampled_regression import SampledRegression

NORMAL = np.random.default_rng(1).normal(size=(4, 500))
APART = NORMAL[:, :100] + 30.0, NORMAL[:, 100:200] - 30.0
"""Log-likelihoods at shadow and deployed draws without overlap."""


def log_ratio(points, mean):
    """Log density of N(mean, 1) less that of N(0, 1)."""
    return mean * points - mean**2 / 2


def no_bridge():
    return NoLogMarginal(Doubt.NO_JOINT_DENSITY, "not asked for")


def debt(at_shadow, at_deployed, marginal=no_bridge, **options):
    return debt_from_draws(at_shadow, at_deployed, marginal, marginal, **options)


def bridged(**changes):
    """Without overlap, by a Gaussian bridge that one thing speaks against."""
    deployed = bridge.LogMarginal(0.0, 0.3, 0.9, 50.0, effective_draws=1e6)
    shadow = deployed._replace(**{"value": APART[0].mean() - 12} | changes)
    return debt_from_draws(*APART, lambda: shadow, lambda: deployed)


def few_for_gaussian():
    class Wide:
        def unconstrained_draws(self, _posterior):
            return NORMAL[:, :3, None] * np.ones(20)

    return debt(*APART, marginal=lambda: log_marginal(Wide(), posterior(), np.random.default_rng(1)))


def at_one_draw(values, value):
    changed = values.copy()
    changed[0, 0] = value
    return changed


def reweighted(mean, of=None):
    """The same draws of N(0, 1), weighted to N(`of`, 1), as draws of N(mean, 1)."""
    at = log_ratio(NORMAL, mean)
    return debt(at, at, weight_shadow=np.exp(log_ratio(NORMAL, mean if of is None else of)), together=True)


def by_densities(shadow=0.0, deployed=0.0, mean=1.0, draws=500, both=False):
    """From log densities of N(mean, 1) and N(0, 1) that err by constants."""
    points = NORMAL[:, :draws] + mean, NORMAL[::-1, :draws]
    first, second = ((stats.norm.logpdf(at, mean) + shadow, stats.norm.logpdf(at) + deployed) for at in points)
    return ld.debt_from_densities(*first, *(second if both else ()))


def posterior(draws=NORMAL, **parameters):
    group = {name: (("chain", "draw"), values) for name, values in ({"beta": draws} | parameters).items()}
    return xr.DataTree.from_dict({"posterior": xr.Dataset(group)})


def moved():
    tree = with_weights(posterior(NORMAL + 1), np.zeros((4, 500)))
    tree.attrs |= {LINEAGE: lineage(posterior()), MOVED_SHARE: 0.1}
    return tree


def diverging():
    tree = posterior()
    tree["sample_stats"] = xr.DataTree(xr.Dataset({"diverging": (("chain", "draw"), NORMAL > 1.0)}))
    return tree


def gap(log_density):
    other = np.zeros((4, 500, 1))
    return gap_from_mixtures(mixture(other), mixture(log_density[..., None]))


class Exponentials:
    """Outcomes between 0 and a bound that is the only parameter, or exponential ones with it as their mean."""

    observation_dim, observed, needs_past, feedback = "obs", ("y",), False, False

    def __init__(self, bounded):
        self.bounded = bounded

    def outcome_kind(self):
        return "continuous"

    def _scale(self, tree):
        return tree["posterior"]["beta"].values.reshape(-1, 1)

    def predict(self, tree, batch, past=None, *, random_seed=None):
        rng, scale = np.random.default_rng(random_seed), self._scale(tree)
        size = (len(scale), batch.sizes["obs"])
        drawn = scale * (rng.uniform(size=size) if self.bounded else rng.exponential(size=size))
        return xr.Dataset({"y": (("sample", "obs"), drawn)})

    def log_density(self, tree, batch, past=None, *, random_seed=None):
        y, scale = batch["y"].values, self._scale(tree)
        inside = np.where((y >= 0) & (y <= scale), -np.log(scale), -np.inf)
        with np.errstate(over="ignore"):
            unbounded = np.where(y >= 0, -np.log(scale) - y / scale, -np.inf)
        return xr.Dataset({"y": (("sample", "obs"), inside if self.bounded else unbounded)})


def predictive(shadow, deployed, bounded):
    batch = xr.Dataset({"y": ("obs", [0.5])})
    pair = [posterior(centre * np.exp(0.3 * NORMAL)) for centre in (shadow, deployed)]
    return PredictiveContrast(Exponentials(bounded), pair[0], batch, 1).against(pair[1])


def averaged():
    """A debt that a thousandth of the outcomes carries, averaged over predictive draws."""
    forecaster, batch = Exponentials(bounded=False), xr.Dataset({"y": ("obs", [0.5])})
    forecaster.outcome_kind = lambda: "other"
    some = np.ones((4, 500))
    some[:2, 0] = 1000.0
    return PredictiveContrast(forecaster, posterior(some), batch, 1).against(posterior(np.exp(0.01 * NORMAL)))


def supplied(weight):
    keeper = SuppliedShadow(lambda *_: with_weights(posterior(), weight), exact=True)
    data = xr.Dataset({"y": ("obs", [0.0])})

    class Reader:
        observation_dim = "obs"

        def unconstrained_draws(self, tree):
            return tree["posterior"]["beta"].values[..., None]

    return keeper._updated(Reader(), data, np.ones(1), None, 1)[1]


def without_debt(keeper=None, **changes):
    """Why a table from draws holds no posterior debt, found by its sentence in the table's attribute."""
    forecaster = SampledRegression(draws=25)
    for name, value in changes.items():
        setattr(forecaster, name, value)
    rng = np.random.default_rng(1)
    history = {"x": rng.normal(size=(12, 1)), "y": rng.normal(size=12), "period": np.arange(12)}
    options = {"initial": 10, "random_seed": 1, "progressbar": False, "shadow": keeper}
    with pytest.warns(UserWarning, match="the table holds no debt"):
        table = ld.spell_table(forecaster, history, **options)
    assert "debt_doubt" not in table
    return tuple(doubt for doubt in Doubt if table.attrs["debt"].endswith(doubt.text()))


def incomparable(*_):
    raise ld.IncomparablePosteriorsError("groups came")


def without_density():
    def update(data, row_weight, previous, random_seed):
        return SampledRegression(draws=25).fit(data, random_seed=random_seed)

    return SuppliedShadow(update, exact=False)


def decision(policy=CUSUM(0.2), **cells):  # noqa: B008
    present = np.triu(np.ones((3, 3), dtype=bool))
    given = {"score_gap": 1.0, "score_gap_se": 0.0} | cells
    table = {
        name: (("deployed_at", "period"), np.where(present, value, np.nan)) if isinstance(value, float) else value
        for name, value in given.items()
    }
    return ld.decide(xr.Dataset(table), policy, 0.5, horizon=5)


class Dependent:
    needs_past = True


class Sliding:
    update_rule = ld.UpdateRule(window=8)


FAILED = ("period", np.array([True, True, False]))
UPKEEP = {"rung": ("period", np.full(3, "reweight")), "pareto_k": ("period", np.full(3, 0.9))}
MEAN_ONE = np.ones((4, 500))


def verdict(value=1.0, error=0.1, size=2000.0, heaviest=0.0, jump=0.0):
    return judged(value, error, size, 1.0, heaviest, jump, (MEAN_ONE, MEAN_ONE), {})


def beyond_level():
    draws = Exponentials(bounded=True)
    tree = posterior(np.exp(0.1 * NORMAL[:, :50]))
    batch, score = xr.Dataset({"y": ("obs", [0.5])}), ld.scores.QuantileLoss(0.999)
    return score.mean_score(score.forecast(draws, tree, batch, None, 1))


PROVOKED = {
    Doubt.FEW_DRAWS: lambda: verdict(size=20.0),
    Doubt.ERROR_UNKNOWN: lambda: verdict(error=np.inf),
    Doubt.UNEVEN_WEIGHTS: lambda: doubts_of_weights(with_weights(posterior(), np.zeros((4, 500)), pareto_k=0.9)),
    Doubt.MOVED_AMISS: lambda: doubts_of_weights(moved()),
    Doubt.NO_OVERLAP: lambda: debt(*APART),
    Doubt.NO_JOINT_DENSITY: lambda: debt(*APART),
    Doubt.FEW_FOR_GAUSSIAN: few_for_gaussian,
    Doubt.FEW_FOR_BRIDGE: lambda: bridged(effective_draws=99.0),
    Doubt.FEW_PER_PARAMETER: lambda: bridged(draws_per_parameter=3.9),
    Doubt.NOT_GAUSSIAN: lambda: bridged(overlap=0.09),
    Doubt.HALVES_DISAGREE: lambda: bridged(disagreement=4.1),
    Doubt.NOT_ITS_DENSITY: lambda: bridged(departure=4.1),
    Doubt.NEGATIVE_DEBT: lambda: bridged(value=APART[0].mean() + 5),
    Doubt.SLOPE: lambda: debt(2 * log_ratio(NORMAL + 1, 1.0), 2 * log_ratio(NORMAL[::-1], 1.0)),
    Doubt.LIKELIER_DEPLOYED: lambda: debt(*APART[::-1]),
    Doubt.NEW_DATA_IMPOSSIBLE: lambda: debt(at_one_draw(NORMAL, -np.inf), NORMAL),
    Doubt.REMOVED_DATA_IMPOSSIBLE: lambda: debt(NORMAL, at_one_draw(NORMAL, np.inf)),
    Doubt.RULED_OUT: lambda: debt(at_one_draw(NORMAL, np.inf), NORMAL),
    Doubt.FEW_CARRY_WEIGHTS: lambda: reweighted(3.5),
    Doubt.WEIGHTS_ERROR_UNKNOWN: lambda: reweighted(1.4),
    Doubt.OTHER_WEIGHTS: lambda: reweighted(0.5, of=1.0),
    Doubt.DENSITIES_NEGATIVE: lambda: by_densities(deployed=2.0),
    Doubt.NOT_NORMALISED: lambda: by_densities(deployed=0.4, mean=0.5),
    Doubt.NORMALISERS_DIFFER: lambda: by_densities(shadow=0.5, both=True),
    Doubt.NORMALISERS_UNCHECKED: lambda: by_densities(mean=12.0, both=True),
    Doubt.FEW_REACH_OUTCOME: lambda: gap(30 * log_ratio(NORMAL, 1.0)),
    Doubt.OUTCOME_IMPOSSIBLE: lambda: gap(np.full((4, 500), -np.inf)),
    Doubt.FEW_REACH_OUTCOMES: lambda: predictive(30.0, 1.0, bounded=False),
    Doubt.OUTCOMES_RULED_OUT: lambda: predictive(30.0, 1.0, bounded=True),
    Doubt.HEAVY_TAILS: lambda: verdict(heaviest=0.5),
    Doubt.WAVERING_DECISION: lambda: verdict(jump=2.0),
    Doubt.FEW_BEYOND_LEVEL: beyond_level,
    Doubt.FEW_CARRY_DEBT: averaged,
    Doubt.GROWN: lambda: without_debt(growing_dims=("store",), require_comparable=incomparable),
    Doubt.APPROXIMATE_SHADOWS: lambda: without_debt(without_density()),
    Doubt.SLIDING_WINDOW: lambda: (why_no_debt(Dependent, Sliding, ld.Refit()),),
    Doubt.RHAT: lambda: convergence(posterior(NORMAL + 3 * np.arange(4)[:, None])),
    Doubt.FEW_IN_CHAINS: lambda: convergence(posterior(NORMAL[:, :50])),
    Doubt.DIVERGENCES: lambda: convergence(diverging()),
    Doubt.NOT_FINITE: lambda: convergence(posterior(at_one_draw(NORMAL, np.nan))),
    Doubt.FEW_WEIGHTED: lambda: supplied(4 * NORMAL),
    Doubt.UNCONVERGED: lambda: decision(converged=FAILED),
    Doubt.STRADDLES: lambda: decision(CUSUM(3.0), score_gap_se=0.1),
    Doubt.SHADOW_WEIGHTS: lambda: decision(converged=FAILED, **UPKEEP),
    Doubt.NO_PREDICTIVE_DEBT: lambda: decision().expected_regret,
}


TO_DO = r"^(draw|refit|fit|give|take|check|make|marginalise|compare)\b|\?"
"""How a remedy begins, unless it asks what may be wrong."""


def test_every_doubt_is_provoked_and_has_a_code_of_its_own():
    assert set(PROVOKED) == set(Doubt)
    codes = [doubt.code for doubt in Doubt]
    assert len(set(codes)) == len(codes)
    assert 0 < min(codes) <= max(codes) <= np.iinfo(np.int8).max


@pytest.mark.slow
@pytest.mark.parametrize("doubt", Doubt, ids=lambda one: one.name)
def test_it_comes_up_and_what_it_says_is_read(doubt):
    found = PROVOKED[doubt]()
    assert doubt in (found if type(found) is tuple else found.doubts)
    if isinstance(found, ld.Estimate):
        assert found.reliable == (not any(one.disqualifies for one in found.doubts))
        said = doubt.text(found.diagnostics, found.detail)
        assert said in str(found)
        assert said in found.note
        cited = set(re.findall(r"{(\w+)", doubt.cited)) - {"detail"}
        known = set(found.diagnostics) | {"weights_pareto_k"}  # of supplied weights, whose record is a table's
        assert cited <= known, f"{doubt} cites {cited - known}, which its diagnostics lack"
    elif isinstance(found, ld.Decision):
        assert found.verdict == "cannot tell"
        assert found.reason.endswith(doubt.remedy)


@pytest.mark.parametrize("doubt", Doubt, ids=lambda one: one.name)
def test_its_sentence_names_a_remedy(doubt):
    assert doubt.what
    assert re.search(TO_DO, doubt.remedy)
    for text in (doubt.text(), doubt.text({}, "'x'")):
        assert text.endswith(f": {doubt.remedy}")
        assert "{" not in text


def test_the_numbers_in_the_sentences_are_those_that_decide():
    limits = {
        Doubt.UNEVEN_WEIGHTS: f"above {MAXIMUM_PARETO_K:g})",
        Doubt.FEW_FOR_BRIDGE: f"under {ENOUGH:.0f})",
        Doubt.FEW_PER_PARAMETER: f"under {DRAWS_PER_PARAMETER:.0f} effective",
    }
    assert all(words in doubt.what for doubt, words in limits.items())
    assert f"fewer than {MINIMUM_BEYOND}" in Doubt.FEW_BEYOND_LEVEL.cited
    assert "under a quarter" in Doubt.MOVED_AMISS.what
    assert MINIMUM_MOVED_SHARE == 0.25


def test_an_estimate_with_a_doubt_is_not_reliable_whatever_it_was_given():
    doubted = ld.Estimate(2.0, 0.5, True, note="by a bridge", doubts=(Doubt.NOT_GAUSSIAN,))
    assert not doubted.reliable
    assert doubted.note == Doubt.NOT_GAUSSIAN.text()
    assert doubted.with_doubts(Doubt.NOT_GAUSSIAN, Doubt.SLOPE).doubts == (Doubt.NOT_GAUSSIAN, Doubt.SLOPE)
    assert doubted.with_doubts() is doubted
    with pytest.raises(TypeError, match=r"doubts\[0\] must be a member of ld.Doubt, not 'few'"):
        ld.Estimate(2.0, 0.5, doubts=["few"])


def test_the_page_lists_them_as_they_are():
    page = (Path(__file__).parents[1] / "docs" / "doubts.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if re.match(r"\| \d", line)]
    assert rows == [f"| {one.code} | `{one.name}` | {one.what} | {one.remedy} |" for one in Doubt]
    assert [one.name for one in Doubt if not one.disqualifies] == ["NORMALISERS_UNCHECKED"]


# In a table.


@pytest.mark.parametrize("engine", ["h5netcdf", "scipy"])
def test_doubts_come_back_from_netcdf(tmp_path, engine):
    codes = np.array([[0, code_of([doubt])] for doubt in Doubt], dtype=np.int8)
    variable = xr.Variable(("deployed_at", "period"), codes, code_attributes())
    xr.Dataset({doubt_of("debt"): variable}).to_netcdf(tmp_path / "table.nc", engine=engine)
    with xr.open_dataset(tmp_path / "table.nc", engine=engine) as back:
        read = back.load()
    assert read[doubt_of("debt")].dtype == np.int8
    assert decoded(read[doubt_of("debt")]) == list(Doubt)
    for row, doubt in enumerate(Doubt):
        assert doubts_each(read.isel(deployed_at=row, period=1), "debt") == [(doubt,)]
        assert doubts_each(read.isel(deployed_at=row, period=0), "debt") == [()]


def test_names_decide_where_a_table_says_what_its_codes_mean():
    attributes = {"flag_values": np.array([0, 1, 2]), "flag_meanings": "none slope of_a_later_release"}
    assert decoded(xr.DataArray([0, 1, 2], attrs=attributes)) == [Doubt.SLOPE]
    assert decoded(xr.DataArray([0.0, np.nan, Doubt.SLOPE.code])) == [Doubt.SLOPE]
    assert doubts_each(xr.Dataset(), "debt") == [()]


def table_with(codes):
    """Twenty-four periods of a drifting gap; the predictive debt of every cell is doubted by the code of its column."""
    present = np.triu(np.ones((24, 24), dtype=bool))
    age = np.arange(1, 25) - np.arange(24)[:, None]
    dims = ("deployed_at", "period")
    held = {name: (dims, np.where(present, 0.1 * age, np.nan)) for name in ("score_gap", "predictive_debt", "gap_sd")}
    held["predictive_debt_reliable"] = (dims, present & (np.asarray(codes) == 0))
    held["predictive_debt_doubt"] = (dims, np.where(present, codes, 0).astype(np.int8), code_attributes())
    return xr.Dataset(held)


def test_a_decision_its_report_and_the_notes_of_an_audit_say_what_the_table_doubts():
    few, far = Doubt.FEW_DRAWS, Doubt.FEW_REACH_OUTCOMES
    table = table_with([0] * 10 + [few.code] * 9 + [far.code] * 5)
    policy = ld.policies.PredictiveDebtThreshold(1.0)
    found = ld.decide(table, policy, 1e-6, deployed_at=3, horizon=5)
    assert found.verdict == "retrain"
    assert found.doubts == found.expected_regret.doubts == (far,)
    assert str(found.expected_regret).endswith(f"(not reliable: {far.text()})")
    assert ld.decide(table, CUSUM(0.1), 1.0, deployed_at=3, horizon=5).doubts == ()
    result = ld.audit(table, 1e-6, calendar=2, resamples=50)
    (note,) = (one for one in result.notes if "predictive debt are not reliable" in one)
    cells = sum(range(11, 20)), sum(range(20, 25))  # period t has a cell for each of t deployed posteriors
    shares = (f"{count / sum(cells):.0%} of these: {one.text()}" for count, one in zip(cells, (few, far), strict=True))
    assert note.endswith(f"({'; '.join(shares)}).")
    expected = result.decision.expected_regret
    assert f"(not reliable: {escape(expected.note)})" in verdict_section(result, [])
    assert expected.note == far.text()


def test_a_table_without_codes_says_no_more_than_that_cells_are_not_reliable():
    table = table_with([0] * 23 + [Doubt.SLOPE.code]).drop_vars("predictive_debt_doubt")
    notes = ld.audit(table, 0.1, calendar=2, resamples=50).notes
    assert any(note.endswith("of the cells of predictive debt are not reliable.") for note in notes)
    found = ld.decide(table, CUSUM(0.1), 1.0, horizon=5)
    assert (found.doubts, found.expected_regret.reliable) == ((), False)


def test_what_is_no_code_is_refused():
    table = table_with([0] * 24)
    kept = ld.check_spells(table.assign(predictive_debt_doubt=table["predictive_debt_doubt"] * np.nan))
    assert kept["predictive_debt_doubt"].dtype == np.int8
    with pytest.raises(ValueError, match="'predictive_debt_doubt' must hold codes of doubts, whole numbers from 0 to"):
        ld.check_spells(table.assign(predictive_debt_doubt=table["predictive_debt_doubt"] + 0.5))
    with pytest.raises(ValueError, match=r"'predictive_debt_doubt' runs along \('period',\)"):
        ld.check_spells(table.assign(predictive_debt_doubt=table["predictive_debt_doubt"].isel(deployed_at=0)))
