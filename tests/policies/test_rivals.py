"""Other people's policies: river's detectors, changepoints, Cara, Pareto k, each against its rule written out."""

import itertools
import pickle
import sys

import numpy as np
import pytest
from river import drift
from scipy import special, stats

import learning_debt as ld
from learning_debt.arrays.schedules.run_lengths import RunPrior, no_runs, observe
from learning_debt.policies import (
    Calendar,
    Changepoint,
    CumulativeStaleness,
    ParetoKThreshold,
    RiverDetector,
    StalenessThreshold,
)
from learning_debt.policies.base import stack
from learning_debt.policies.changepoint import PRIOR
from learning_debt.policies.rivals import RIVER_SETTINGS, rival_policies, rivals, typical_size
from learning_debt.policies.river_detector import DETECTORS
from learning_debt.pricing.walks import walk_policy
from learning_debt.spells import check_spells

PERIODS, SERIES = 60, 3
MAKERS = {
    "ADWIN": lambda setting: drift.ADWIN(delta=setting, **DETECTORS["ADWIN"].fixed),
    "PageHinkley": lambda setting: drift.PageHinkley(threshold=setting, **DETECTORS["PageHinkley"].fixed),
    "KSWIN": lambda setting: drift.KSWIN(alpha=setting, **DETECTORS["KSWIN"].fixed),
    "DDM": lambda setting: drift.binary.DDM(drift_threshold=setting, **DETECTORS["DDM"].fixed),
    "EDDM": lambda setting: drift.binary.EDDM(beta=setting, **DETECTORS["EDDM"].fixed),
    "HDDM_A": lambda setting: drift.binary.HDDMA(drift_confidence=setting, **DETECTORS["HDDM_A"].fixed),
    "HDDM_W": lambda setting: drift.binary.HDDMW(drift_confidence=setting, **DETECTORS["HDDM_W"].fixed),
}
EAGER = {
    "ADWIN": 0.9,
    "PageHinkley": 2.0,
    "KSWIN": 0.5,
    "DDM": 0.5,
    "EDDM": 0.9,
    "HDDM_A": 0.3,
    "HDDM_W": 0.3,
}
"""Settings at which every detector alarms several times on the tables below, and not in every period."""

every_detector = pytest.mark.parametrize("detector", sorted(DETECTORS))


@pytest.fixture
def table(random_spells):
    """A random table whose deployed scores get worse with age, with a Pareto k that grows."""
    made = random_spells(PERIODS, series=SERIES, seed=5)
    rng = np.random.default_rng(6)
    made["deployed_score"] = -1.4 - made["score_gap"] + 0.1 * rng.normal(size=made["score_gap"].shape)
    made["deployed_pareto_k"] = 0.3 * made["debt"]
    return check_spells(made)


def walked_by_hand(table, lane, begin):
    """Schedule of a rule that is begun anew in every spell: ``begin()`` gives a function of the spell's cells."""
    deployed_at, rule, schedule = 0, begin(), []
    for t in range(1, PERIODS + 1):
        cell = {name: float(table[name].values[lane, deployed_at, t - 1]) for name in ("score_gap", "deployed_score")}
        retrain = t < PERIODS and bool(rule(cell))
        schedule.append(retrain)
        if retrain:
            deployed_at, rule = t, begin()
    return schedule


def river_rule(detector, setting, scale, stream):
    def begin():
        watching = MAKERS[detector](setting)

        def rule(cell):
            if "worse" in stream:
                watching.update(int(cell["score_gap"] > (scale if stream == "clearly_worse" else 0)))
            else:
                watching.update((-cell["deployed_score"] if stream == "deployed_score" else cell["score_gap"]) / scale)
            return watching.drift_detected

        return rule

    return begin


@every_detector
def test_alarms_are_those_of_rivers_own_loop(detector, table):
    streams = ["worse", "clearly_worse"] if DETECTORS[detector].binary else ["score_gap", "deployed_score"]
    for stream in streams:
        policy = RiverDetector(detector, EAGER[detector], stream, scale=0.25)
        schedule = walk_policy(table, policy, np.ones(SERIES))
        expected = [
            walked_by_hand(table, i, river_rule(detector, EAGER[detector], 0.25, stream)) for i in range(SERIES)
        ]
        assert schedule.tolist() == expected
    assert 2 <= schedule.sum() < 0.8 * schedule.size


@every_detector
def test_settings_are_walked_side_by_side_and_do_not_all_do_the_same(detector, table):
    name, row = next((name, row) for name, row in RIVER_SETTINGS.items() if row.detector == detector)
    grid = row.settings
    candidates = [RiverDetector(detector, setting, row.stream, 0.05 * row.units[-1]) for setting in grid]
    together = walk_policy(table, stack(candidates, SERIES), np.ones(SERIES * len(grid)), len(grid))
    alone = np.concatenate([walk_policy(table, one, np.ones(SERIES)) for one in candidates])
    np.testing.assert_array_equal(together, alone)
    count = together.reshape(len(grid), -1).sum(axis=1)
    assert count.min() < count.max(), name
    assert stack([candidates[0], RiverDetector("ADWIN" if detector != "ADWIN" else "KSWIN", 0.1)], 2) is None


@every_detector
def test_an_older_state_or_a_copy_of_one_gives_the_answers_it_gave(detector, make_signals):
    """River's detectors change as they are fed: going back in time must not show."""
    rng = np.random.default_rng(2)
    gaps = rng.normal(0.05 * np.arange(1, 41)[:, None], 0.3, size=(40, 2))
    gaps[3, 0] = np.nan  # nothing seen
    stream = [make_signals([t, t], score_gap=gaps[t - 1]) for t in range(1, 41)]
    policy, states, answers = RiverDetector(detector, EAGER[detector]), [], []
    state = policy.init(2)
    for signals in stream:
        states.append(state)
        state, retrain = policy.step(state, signals)
        answers.append(retrain.tolist())
    for t in (39, 12, 25, 0, 38):
        for given in (states[t], np.array(states[t]), pickle.loads(pickle.dumps(states[t]))):
            assert policy.step(given, stream[t])[1].tolist() == answers[t]
    other = RiverDetector(detector, 0.5 * EAGER[detector])
    fresh = other.init(2)
    for signals in stream[:-1]:
        fresh, _ = other.step(fresh, signals)
    moved = other.step(policy.step(states[-2], stream[-2])[0], stream[-1])  # a state that another policy made
    assert moved[1].tolist() == other.step(fresh, stream[-1])[1].tolist()
    assert any(map(any, answers))


def test_an_alarm_stands_until_the_model_is_retrained(make_signals):
    policy, state, answers = RiverDetector("PageHinkley", 1.0), None, []
    state = policy.init(1)
    for t, gap in enumerate([0.0, 0.0, 3.0, 0.0, 0.0], start=1):
        state, retrain = policy.step(state, make_signals(t, score_gap=gap))
        answers.append(bool(retrain[0]))
    assert answers == [False, False, True, True, True]
    assert not policy.step(state, make_signals(1, score_gap=0.0))[1].any()


def test_detectors_travel_to_other_processes():
    policy = RiverDetector("ADWIN", 0.1, scale=0.5)
    assert pickle.loads(pickle.dumps(policy)) == policy
    assert str(policy) == "ADWIN(0.1, scale 0.5)"


def test_without_river_the_error_names_the_extra_and_the_rest_works(monkeypatch, table):
    monkeypatch.setitem(sys.modules, "river", None)
    with pytest.raises(ImportError, match="this package's extra 'detectors'"):
        RiverDetector("ADWIN", 0.1)
    with pytest.raises(ImportError, match="this package's extra 'detectors'"):
        rival_policies(table)
    assert {"changepoint", "Cara T", "Cara CT", "Cara P", "Pareto k"} == set(rival_policies(table, river=False))


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: RiverDetector("CUSUM", 1.0), "detector must be one of"),
        (lambda: RiverDetector("DDM", 1.0, "score_gap"), "stream of DDM"),
        (lambda: RiverDetector("ADWIN", 0.1, "worse"), "stream of ADWIN"),
        (lambda: RiverDetector("ADWIN", 1.1), "setting"),
        (lambda: RiverDetector("PageHinkley", 0.0), "setting"),
        (lambda: RiverDetector("PageHinkley", 1.0, scale=0.0), "scale"),
        (lambda: Changepoint(1.5, 3, 0.5), "hazard"),
        (lambda: Changepoint(0.1, 0, 0.5), "recent"),
        (lambda: Changepoint(0.1, 3, np.nan), "threshold"),
        (lambda: StalenessThreshold(np.nan), "threshold"),
        (lambda: CumulativeStaleness(np.array([1.0, np.nan])), "threshold"),
        (lambda: ParetoKThreshold(0.0), "threshold"),
        (lambda: Calendar(3, 0.5), "offset"),
        (lambda: Calendar(3, np.inf), "offset"),
    ],
)
def test_bad_parameters_are_refused_by_name(make, name):
    with pytest.raises(ValueError, match=name):
        make()


def log_evidence(values, prior):
    """Log marginal likelihood of the values of one run."""
    n, y = len(values), np.asarray(values)
    precision, shape = prior.precision + n, prior.shape + n / 2
    mean = (prior.precision * prior.mean + y.sum()) / precision
    rate = prior.rate + 0.5 * ((y**2).sum() + prior.precision * prior.mean**2 - precision * mean**2)
    constant = special.gammaln(shape) - special.gammaln(prior.shape) - n / 2 * np.log(2 * np.pi)
    return (
        constant + prior.shape * np.log(prior.rate) - shape * np.log(rate) + 0.5 * np.log(prior.precision / precision)
    )


def run_lengths_by_enumeration(values, hazard, prior):
    """P(length of the current run), from all ways to cut the values into runs."""
    n = len(values)
    weight = np.zeros(n)
    for cuts in itertools.product([False, True], repeat=n - 1):
        starts = [0, *(k + 1 for k, cut in enumerate(cuts) if cut), n]
        joint = sum(log_evidence(values[a:b], prior) for a, b in itertools.pairwise(starts))
        weight[n - starts[-2] - 1] += np.exp(joint) * hazard ** sum(cuts) * (1 - hazard) ** (n - 1 - sum(cuts))
    return weight / weight.sum()


@pytest.mark.parametrize("hazard", [0.02, 0.3])
def test_run_lengths_are_those_of_all_segmentations(hazard):
    values = np.array([0.1, -0.4, 0.3, 2.5, 2.2, -1.0, 0.2, 6.0])
    prior = RunPrior(0.3, 0.4, 1.5, 0.7)
    runs = no_runs(1)
    for count, value in enumerate(values, start=1):
        runs = observe(runs, np.array([value]), hazard, prior)
        expected = run_lengths_by_enumeration(values[:count], hazard, prior)
        np.testing.assert_allclose(np.exp(runs.log_probability[0]), expected, rtol=1e-9)


def test_log_evidence_of_the_enumeration_is_a_multivariate_student_t():
    values, prior = np.array([0.3, 1.0, -0.5]), RunPrior(0.3, 0.4, 1.5, 0.7)
    spread = (np.eye(3) + 1 / prior.precision) * prior.rate / prior.shape
    direct = stats.multivariate_t(np.full(3, prior.mean), spread, df=2 * prior.shape).logpdf(values)
    assert log_evidence(values, prior) == pytest.approx(direct, rel=1e-12)


def changepoint_rule(hazard, recent, threshold, scale):
    def begin():
        seen = []

        def rule(cell):
            seen.append(cell["score_gap"] / scale)
            chances = run_lengths_by_enumeration(seen, hazard, PRIOR)
            return chances[:-1][:recent].sum() > threshold

        return rule

    return begin


def test_changepoint_policy_is_its_rule_in_spells_of_up_to_eight_periods(make_signals):
    rng = np.random.default_rng(3)
    policies = [Changepoint(0.1, 2, 0.4, 0.3), Changepoint(0.3, 3, 0.7, 0.3), Changepoint(0.0, 1, 0.5, 0.3)]
    for policy in policies:
        state, age, rule, alarms = policy.init(1), 0, None, 0
        for _ in range(60):
            age = 1 if age == 8 or age == 0 or rng.random() < 0.1 else age + 1
            if age == 1:
                rule = changepoint_rule(policy.hazard, policy.recent, policy.threshold, policy.scale)()
            gap = rng.normal() * 0.3 + 3.0 * (age > 5)
            state, alarm = policy.step(state, make_signals(age, score_gap=gap))
            assert bool(alarm[0]) == bool(rule({"score_gap": gap}))
            alarms += alarm[0]
            assert state.shape == (1, age, 3)
        assert (alarms > 0) == (policy.hazard > 0)


def test_changepoint_keeps_its_state_short_and_its_probabilities_whole(make_signals):
    rng = np.random.default_rng(4)
    policy, age = Changepoint(0.05, 3, 0.5), np.zeros(4, dtype=int)
    state = policy.init(4)
    for _ in range(200):
        age = np.where((rng.random(4) < 0.05) | (age == 0), 1, age + 1)
        state, _ = policy.step(state, make_signals(age, score_gap=rng.normal(size=4) * 10.0 ** rng.integers(-6, 6)))
        assert state.shape == (4, age.max(), 3)
        np.testing.assert_allclose(np.exp(state[..., 0]).sum(axis=1), 1.0, rtol=1e-9)


def test_cara_and_the_refit_rule_are_what_they_say(table):
    def by_threshold(threshold):
        return lambda: lambda cell: -cell["deployed_score"] > threshold

    def by_sum(threshold):
        def begin():
            seen = []
            return lambda cell: (seen.append(-cell["deployed_score"]), sum(seen) > threshold)[1]

        return begin

    for threshold in (-np.inf, 1.9, 2.2, np.inf):
        schedule = walk_policy(table, StalenessThreshold(threshold), np.ones(SERIES))
        assert schedule.tolist() == [walked_by_hand(table, i, by_threshold(threshold)) for i in range(SERIES)]
    for threshold in (-np.inf, 3.0, 11.0, np.inf):
        schedule = walk_policy(table, CumulativeStaleness(threshold), np.ones(SERIES))
        assert schedule.tolist() == [walked_by_hand(table, i, by_sum(threshold)) for i in range(SERIES)]
    for interval, offset in ((5, 0), (5, 2), (7, -1), (4, 9)):
        schedule = walk_policy(table, Calendar(interval, offset), np.ones(SERIES))
        assert schedule[0].tolist() == [t < PERIODS and (t - offset) % interval == 0 for t in range(1, PERIODS + 1)]
    ages = np.diff(np.flatnonzero(walk_policy(table, ParetoKThreshold(0.7), np.ones(SERIES))[0]))
    assert ages.size > 1


def test_infinite_thresholds_are_always_and_never(table):
    for policy in (StalenessThreshold, CumulativeStaleness):
        schedules = walk_policy(table, stack([policy(-np.inf), policy(np.inf)], SERIES), np.ones(2 * SERIES), 2)
        assert schedules[:SERIES, :-1].all()
        assert not schedules[SERIES:].any()


def test_grids_are_stated_and_what_a_table_lacks_is_left_out(table):
    everything = rival_policies(table)
    assert set(everything) == {*RIVER_SETTINGS, "changepoint", "Cara T", "Cara CT", "Cara P", "Pareto k"}
    for name, candidates in everything.items():
        assert 4 <= len(candidates) <= 20, name
        assert len({str(one) for one in candidates}) == len(candidates), name
        assert stack(candidates, 1) is not None, name
        assert set(candidates[0].requires) <= set(table), name
    assert set(rival_policies(table[["score_gap"]])) == {*RIVER_SETTINGS, "changepoint", "Cara P"}
    assert set(rivals(signals=["regret"])) == {"Cara P"}


def test_grids_know_nothing_of_the_part_that_is_reported_on(table):
    changed = table.copy(deep=True)
    later = changed["period"] > round(0.6 * PERIODS)
    changed = changed.where(~later, changed * 100.0)
    assert rival_policies(changed) == rival_policies(table)
    assert rival_policies(changed, split=0.9) != rival_policies(table, split=0.9)


def test_thresholds_follow_what_was_observed():
    values = np.concatenate([np.random.default_rng(1).gamma(3.0, size=400), [np.nan]])
    grids = rivals(values, typical_gap=0.2, river=False)
    inside = [one.threshold for one in grids["Cara T"][1:-1]]
    assert np.isinf([grids[name][k].threshold for name in ("Cara T", "Cara CT") for k in (0, -1)]).all()
    assert inside == sorted(inside)
    assert 0.02 < (values < inside[0]).mean() < 0.08
    assert {one.scale for one in grids["changepoint"]} == {0.4}
    assert typical_size([np.nan, 0.0]) == 1.0


def test_grids_of_nothing_are_refused(table):
    with pytest.raises(ValueError, match="staleness must hold"):
        rivals([np.nan], river=False)
    for split in (0.0, 1.5, 0.001):
        with pytest.raises(ValueError, match="split must"):
            rival_policies(table, split=split)


def test_an_audit_takes_them_all(table):
    result = ld.audit(table, 1.0, policies=rival_policies(table))
    totals = result.table["total"]
    assert {*RIVER_SETTINGS, "Cara T", "changepoint"} <= set(result.table["policy"].values.tolist())
    assert (totals.sel(policy="oracle") <= totals + 1e-12).all()
