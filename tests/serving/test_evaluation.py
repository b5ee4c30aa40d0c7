"""What an evaluation says, against plain sums, and what stacking is."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

import learning_debt as ld
from learning_debt.arrays.conjugate import nig
from learning_debt.data.update_rule import UpdateRule
from learning_debt.serving import Candidate, EpsilonGreedy, FollowLeader, Naive, Validation, candidate_scores, evaluate
from learning_debt.serving.stacking import stacking_weights, walk_forward_stacking

from ..sampled_regression import SampledRegression

DIMS = ("batch", "candidate")

FORECASTER = ld.ConjugateRegression(ld.NIG([0.0, 0.0], np.eye(2), 2.0, 1.0))
QUICK = {"repetitions": 20, "resamples": 200}


def history(periods=40, rows=3, seed=1):
    rng = np.random.default_rng(seed)
    period = np.repeat(np.arange(periods), rows)
    x = np.column_stack([np.ones(len(period)), rng.normal(size=len(period))])
    slope = np.where(period < 25, 2.0, -1.0)
    return {"x": x, "y": slope * x[:, 1] + rng.normal(size=len(period)), "period": period}


@pytest.fixture(scope="module")
def scored():
    candidates = {
        "frozen": Candidate(FORECASTER, every=None),
        "fifth": Candidate(FORECASTER, every=5),
        "window": Candidate(FORECASTER, UpdateRule(window=6)),
        "all data": Candidate(FORECASTER),
    }
    return candidate_scores(candidates, history(), initial=10, progressbar=False)


def test_scores_are_those_of_fits_to_what_was_known(scored):
    rows = history()
    for name, first in (("frozen", 0), ("fifth", 0), ("window", 1), ("all data", 0)):
        for period in (10, 17, 39):
            last = {"frozen": 10, "fifth": 10 + (period - 10) // 5 * 5}.get(name, period)
            held = (rows["period"] < last) & (rows["period"] >= (last - 6) * first)
            posterior = FORECASTER.fit({key: values[held] for key, values in rows.items()})
            now = rows["period"] == period
            expected = nig.log_score(posterior, rows["x"][now], rows["y"][now])
            found = scored.sel(batch=period, candidate=name)
            assert float(found["score"]) == pytest.approx(expected.mean())
            own = scored["row_score"].sel(candidate=name)[scored["row_batch"] == period - 10]
            assert own.values == pytest.approx(expected)
    assert scored["validation"].values[1:] == pytest.approx(scored["score"].values[:-1])
    assert (scored["rows"] == 3).all()


def test_a_spell_table_holds_the_same_scores(scored):
    spells = ld.spell_table(FORECASTER, history(), initial=10, variables=["deployed_score"], progressbar=False)
    of_spells = spells["deployed_score"].squeeze("series", drop=True).values
    assert scored["score"].sel(candidate="frozen").values == pytest.approx(of_spells[0])
    assert scored["score"].sel(candidate="all data").values == pytest.approx(np.diagonal(of_spells))


def test_draws_score_as_exact_posteriors_do():
    prior = FORECASTER.prior
    held = {
        "exact": Candidate(FORECASTER, every=20),
        "drawn": Candidate(SampledRegression(prior, draws=1000), every=20),
    }
    table = candidate_scores(held, history(), initial=20, random_seed=1, progressbar=False)
    exact, drawn = (table["score"].sel(candidate=name).values for name in held)
    assert drawn == pytest.approx(exact, rel=0.05, abs=0.05)


def test_scores_regrets_and_switches_are_plain_sums():
    scores = np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 1.0], [0.0, 1.0]])
    table = xr.Dataset(
        {"score": (DIMS, scores), "rows": ("batch", [1.0, 1.0, 2.0, 1.0])},
        {"candidate": ["old", "new"]},
    )
    found = evaluate(table, {"naive": Naive(), "leader": FollowLeader()}, **QUICK)
    weight = np.array([1, 1, 2, 1]) / 5
    naive = found.table.sel(strategy="naive")
    assert float(naive["score"]) == pytest.approx(weight @ scores[:, 1])
    assert float(naive["regret_to_best_candidate"]) == pytest.approx(weight @ (scores[:, 0] - scores[:, 1]))
    assert float(naive["regret_to_best_of_batch"]) == pytest.approx(weight @ (scores.max(axis=1) - scores[:, 1]))
    assert naive["share"].values.tolist() == [0, 1]
    assert (float(naive["switches"]), float(naive["score_sd"])) == (0, 0)
    leader = found.batch_scores.sel(strategy="leader").values
    assert leader[1:].tolist() == [0.0, 1.0, 0.0]  # leads 1 to 0, then 1 to 2, then 4 to 3
    assert found.served.sel(strategy="leader").values[1:].tolist() == ["old", "new", "old"]
    assert found.best_candidate == "old"
    by_hand = found.candidates["score"].values
    assert by_hand == pytest.approx(weight @ scores)
    assert found.candidates["best_share"].values.tolist() == [0.5, 0.5]


def test_identical_candidates_leave_no_regret():
    found = evaluate(xr.DataArray(np.tile(np.random.default_rng(1).normal(size=(40, 1)), 3), dims=DIMS))
    for name in ("regret_to_best_candidate", "regret_to_best_of_batch", "difference"):
        assert np.abs(found.table[name].values).max() < 1e-12
    assert found.table["share"].values.sum(axis=1) == pytest.approx(1)


def test_bandits_that_see_all_are_greedy_as_the_leader():
    scores = xr.DataArray(np.random.default_rng(2).normal(size=(60, 3)), dims=DIMS)
    both = {"leader": FollowLeader(), "greedy": EpsilonGreedy(0.0)}
    served, all_seen = (evaluate(scores, both, information=which, **QUICK) for which in ("served", "all"))
    assert (np.ptp(all_seen.batch_scores.values[:, 1:], axis=0) == 0).all()
    assert (np.ptp(served.batch_scores.values[:, 1:], axis=0) > 0).any()


@pytest.mark.slow
def test_intervals_of_differences_cover():
    """90% intervals of the difference of two fixed choices, 300 histories of 60 batches: 4 sigma = .08.

    They held the truth in .873 of 1,000 others: blocks of so short a history cover a little less than they say.
    """
    rng, covered = np.random.default_rng(3), 0
    for _ in range(300):
        scores = rng.normal([0.0, 0.3], 1.0, size=(60, 2))
        table = xr.Dataset(
            {
                "score": (DIMS, scores),
                "validation": (DIMS, np.tile([1.0, 0], (60, 1))),
            }
        )
        row = evaluate(table, {"oldest": Validation(), "newest": Naive()}, resamples=300).table.sel(strategy="newest")
        covered += float(row["difference_low"]) <= 0.3 <= float(row["difference_high"])
    assert covered / 300 == pytest.approx(0.873, abs=0.08)


def test_an_evaluation_shows_itself(scored):
    found = evaluate(scored, **QUICK)
    text = str(found)
    assert max(map(len, text.splitlines())) <= 80
    assert "Best here: " in text
    assert found.to_dataframe().index.tolist() == found.table["strategy"].values.tolist()
    assert {"validation", "UCB1, window", "stacking", "equal weights"} <= set(found.to_dataframe().index)
    told = found.as_dict()
    assert told["strategies"][0]["shares"]["all data"] == 1
    assert "<table" in found._repr_html_()


def test_tables_come_as_frames_too():
    scores = np.random.default_rng(4).normal(size=(12, 2))
    wide = xr.DataArray(scores, {"batch": [f"w{one:02d}" for one in range(12)], "candidate": ["b", "a"]}, DIMS)
    long = wide.to_dataframe("score").reset_index()
    chosen = {"naive": Naive()}
    first, second = (evaluate(one, chosen, **QUICK) for one in (wide, long))
    assert first.table.equals(second.table)
    with pytest.raises(ValueError, match="batch w00 and candidate b twice"):
        evaluate(pd.concat([long, long.iloc[:1]]), chosen)
    with pytest.raises(ValueError, match="row 3 has no candidate"):
        evaluate(long.assign(candidate=long["candidate"].where(long.index != 3)), chosen)
    with pytest.raises(ValueError, match="lacks the column"):
        evaluate(long.rename(columns={"score": "value"}), chosen)
    with pytest.raises(ValueError, match="no candidate has a score on batch w03"):
        evaluate(wide.where(wide["batch"] != "w03"), chosen)
    with pytest.raises(ValueError, match=r"strategies\['v'\] reads validation scores"):
        evaluate(wide, {"v": Validation()})


# Stacking


def test_stacking_of_two_normals_finds_the_shares_of_a_mixture():
    """Outcomes are of the second with chance .3: the weight's error is about 1 / sqrt(n), 4 sigma = .06."""
    rng = np.random.default_rng(5)
    second = rng.random(4000) < 0.3
    outcome = rng.normal(np.where(second, 2.0, -2.0), 1.0)
    weights = stacking_weights(stats.norm.logpdf(outcome[:, None], [-2.0, 2.0], 1.0))
    assert weights == pytest.approx([0.7, 0.3], abs=0.04)
    assert stacking_weights(stats.norm.logpdf(outcome[:, None], [-2.0, 2.0], 1.0) - 2000) == pytest.approx(weights)


def test_stacking_is_that_of_arviz():
    from arviz_stats import ELPDDataLOO, compare

    scores = np.random.default_rng(6).normal([-1.4, -1.5, -1.45], 0.5, size=(150, 3))
    held = {
        str(place): ELPDDataLOO(
            elpd=float(column.sum()), se=1.0, p=0.0, n_samples=1, n_data_points=150, scale="log", warning=False,
            good_k=0.7, elpd_i=xr.DataArray(column, dims="i"),
        )
        for place, column in enumerate(scores.T)
    }  # fmt: skip
    theirs = compare(held, method="stacking", round_to="none")["weight"]
    assert stacking_weights(scores) == pytest.approx(theirs[["0", "1", "2"]].to_numpy(), abs=1e-3)


def test_stacking_solves_its_conditions():
    """At the optimum, mean of p_k / mixture is 1 where a weight is positive, and at most 1 elsewhere."""
    scores = np.random.default_rng(7).normal([-1.4, -1.5, -3.0], 0.5, size=(200, 3))
    rows = np.random.default_rng(8).uniform(size=200)
    weights = stacking_weights(scores, rows)
    density = np.exp(scores)
    slopes = (rows / rows.sum()) @ (density / (density @ weights)[:, None])
    assert slopes[weights > 1e-4] == pytest.approx(1, abs=1e-3)
    assert (slopes < 1 + 1e-3).all()
    assert stacking_weights([[-1.0, -np.inf], [-1.0, -2.0]]) == pytest.approx([1, 0], abs=1e-6)
    assert stacking_weights(np.empty((0, 2))).tolist() == [0.5, 0.5]


def test_stacking_walks_forward(scored):
    rows, places = scored["row_score"].values, scored["row_batch"].values
    weights, found = walk_forward_stacking(rows, places, scored.sizes["batch"])
    assert weights[0].tolist() == [0.25] * 4
    assert weights[12] == pytest.approx(stacking_weights(rows[places < 12]), abs=1e-3)
    now = places == 12
    assert found[12] == pytest.approx(np.log(np.exp(rows[now]) @ weights[12]).mean())
    late, _ = walk_forward_stacking(rows, places, scored.sizes["batch"], UpdateRule(window=5))
    assert late[20] == pytest.approx(stacking_weights(rows[(places < 20) & (places >= 15)]), abs=1e-3)
    gone = rows.copy()
    gone[places > 5, 0] = np.nan
    assert (walk_forward_stacking(gone, places, scored.sizes["batch"])[0][6:, 0] == 0).all()


def test_batches_out_of_order_are_refused_and_rows_are_one_of_each_batch():
    frame = pd.DataFrame({"batch": [3, 1, 2, 3], "candidate": ["a", "b", "b", "b"], "score": [1.0, 2.0, 3.0, 4.0]})
    with pytest.raises(ValueError, match="in order of time, each once: batch 1 comes after 3"):
        evaluate(frame)
    evaluate(frame.sort_values("batch"), {"naive": Naive()}, **QUICK)
    table = xr.Dataset({"score": (DIMS, np.eye(2)), "rows": ("candidate", [1.0, 2.0])})
    table["rows"] = (DIMS, np.ones((2, 2)))
    with pytest.raises(ValueError, match="scores rows must have shape"):
        evaluate(table, {"naive": Naive()})


def test_scores_that_are_nearly_all_the_same_have_a_range():
    scores = np.zeros((40, 2))
    scores[7, 1] = 1.0
    assert ld.serving.score_range(scores) == (0.0, 1.0)
    with pytest.raises(ValueError, match="first 7 batches are all the same"):
        evaluate(xr.DataArray(scores, dims=DIMS), initial=7)


@pytest.mark.parametrize(
    ("row_score", "row_batch", "wrong"),
    [
        ([[-1.0, -2.0], [np.nan, np.nan]], [0, 1], "a score of one candidate for every row"),
        ([[-1.0, -2.0], [np.inf, -1.0]], [0, 1], "below infinity"),
        ([[-1.0, -2.0], [-1.0, -1.0]], [0.5, 1], "positions of batches"),
        ([[-1.0, -2.0], [-1.0, -1.0]], [0, 0], "name all of them"),
    ],
)
def test_rows_that_stacking_cannot_read_are_refused(row_score, row_batch, wrong):
    table = xr.Dataset({"score": (DIMS, np.eye(2)), "row_batch": ("row", row_batch)})
    table["row_score"] = (("row", "candidate"), row_score)
    with pytest.raises(ValueError, match=wrong):
        evaluate(table, {"naive": Naive()})
