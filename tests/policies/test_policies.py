"""The protocol every policy keeps, and each policy against its rule written out as a plain loop."""

import dataclasses

import numpy as np
import pytest

import learning_debt as ld
from learning_debt.policies import (
    CUSUM,
    Alarm,
    Always,
    BlendedThreshold,
    Calendar,
    Changepoint,
    ContinuationValue,
    CumulativeStaleness,
    DebtThreshold,
    ExpectedRegret,
    Never,
    PageCUSUM,
    ParetoKThreshold,
    PredictiveDebtThreshold,
    Recommended,
    RiverDetector,
    Schedule,
    SpellLimit,
    StalenessThreshold,
    TwoState,
)
from learning_debt.policies.base import Policy, mark, stack

CALIBRATION = ld.AgeAdjustment((0.1, 0.05, 0.02, 0.001), 0.3)
DEBT_MODEL = ld.DebtRegretModel((0.05, 0.2, 0.01, 0.02, -0.01), 5.0, CALIBRATION)
HYBRID_MODEL = ld.HybridRegretModel((0.05, 0.1, 0.01, 0.02, -0.01, 0.4, 0.1, 0.2, 0.3), 5.0, CALIBRATION)
EMISSIONS = ld.TwoStateEmissions(0.4, 0.3, 1.2, 0.5)
CONTINUATION = ld.ContinuationModel(
    (1.0, 0.5, 0.2, 0.05, 0.1, *(0.0,) * 9, 0.02, 0.3, *(0.0,) * 14), (-20.0,) * 5, (20.0,) * 5, 0.9
)
POLICIES = [
    Never(),
    Always(),
    Calendar(3),
    Schedule([2, 5]),
    CUSUM(0.4),
    DebtThreshold(0.5, CALIBRATION),
    PredictiveDebtThreshold(4.0),
    BlendedThreshold(4.0, 0.2, 0.8),
    ContinuationValue(CONTINUATION),
    ContinuationValue(CONTINUATION, 0.3),
    PageCUSUM(0.4, 0.1),
    SpellLimit(4),
    Recommended(),
    Alarm(0.6, CALIBRATION),
    ExpectedRegret(2.0, DEBT_MODEL),
    ExpectedRegret(2.0, HYBRID_MODEL, per_nat=True),
    TwoState(0.05, 0.1, 2 / 3, 1 / 3, EMISSIONS),
    Calendar(3, 1),
    Changepoint(0.2, 3, 0.3, 0.3),
    StalenessThreshold(1.2),
    CumulativeStaleness(5.0),
    ParetoKThreshold(0.7),
    *(RiverDetector(name, 0.3) for name in ("ADWIN", "PageHinkley", "KSWIN", "DDM", "EDDM", "HDDM_A", "HDDM_W")),
]
CANDIDATES = [
    [Calendar(k) for k in (1, 2, 5)],
    [CUSUM(h) for h in (0.05, 0.4, 3.0)],
    [DebtThreshold(z, CALIBRATION) for z in (-1.0, 0.0, 1.5)],
    [PredictiveDebtThreshold(m) for m in (1.0, 4.0, 16.0)],
    [BlendedThreshold(m, w, g) for m, w, g in ((1.0, 0.0, 0.5), (4.0, 0.5, 0.9), (16.0, 1.0, 0.0))],
    [Alarm(q, CALIBRATION) for q in (0.0, 0.5, 0.9)],
    [ExpectedRegret(k, DEBT_MODEL) for k in (0.5, 1.0, 4.0)],
    [ExpectedRegret(k, HYBRID_MODEL) for k in (0.5, 1.0, 4.0)],
    [TwoState(0.02, 0, 1.0, 1.0, EMISSIONS), TwoState(0.2, 0.1, 4.0, 1.0, EMISSIONS), TwoState(0, 0, 1, 1, EMISSIONS)],
    [Calendar(5, offset) for offset in (0, 2, 4)],
    [ContinuationValue(CONTINUATION, price) for price in (0.001, 0.1, 10.0)],
    [PageCUSUM(h, a) for h, a in ((0.1, 0.0), (0.1, 0.5), (3.0, 0.0))],
    [SpellLimit(k) for k in (1, 3, 7)],
    [Changepoint(0.3, 5, 0.5, 0.3), Changepoint(0.2, 3, 0.3, 0.3), Changepoint(0.05, 3, 0.9, 1.0)],
    [StalenessThreshold(tau) for tau in (-np.inf, 1.0, np.inf)],
    [CumulativeStaleness(tau) for tau in (-np.inf, 3.0, 12.0)],
    [ParetoKThreshold(k) for k in (0.2, 0.5, 0.8)],
    [RiverDetector("PageHinkley", threshold) for threshold in (0.2, 1.0, 5.0)],
]
LANES, PERIODS = 5, 40

every_policy = pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: type(policy).__name__)


@pytest.fixture
def stream(make_signals):
    """Forty periods of signals in five lanes whose spells end at random, whatever a policy orders."""
    rng = np.random.default_rng(1)
    age, periods = np.zeros(LANES, dtype=int), []
    for t in range(1, PERIODS + 1):
        age = np.where(rng.random(LANES) < 0.1, 1, age + 1)
        periods.append(
            make_signals(
                age,
                period=t,
                score_gap=rng.normal(size=LANES) * 0.3,
                parameter_gap=rng.gamma(1.0, size=LANES),
                residual_exceedance=rng.random(LANES),
                debt=rng.gamma(1.0, size=LANES),
                predictive_debt=rng.gamma(1.0, 0.2, size=LANES),
                cost=rng.uniform(0.2, 1.0, size=LANES),
                exposure=rng.uniform(0.5, 1.5, size=LANES),
                deployed_score=rng.normal(-1.0, 0.5, size=LANES),
                deployed_pareto_k=rng.random(LANES),
            )
        )
    return periods


def lanes_of(signals, chosen):
    """The same signals for some lanes only."""
    arrays = {
        field.name: getattr(signals, field.name)[chosen]
        for field in dataclasses.fields(signals)
        if field.name not in ("period", "label")
    }
    return dataclasses.replace(signals, **arrays)


def run(policy, stream, lanes=LANES):
    """Answers of a policy to a stream of signals, shape (lanes, periods)."""
    state, answers = policy.init(lanes), []
    for signals in stream:
        state, retrain = policy.step(state, signals)
        answers.append(retrain)
    return np.stack(answers, axis=1)


def test_every_policy_is_among_them():
    public = {getattr(ld.policies, name) for name in ld.policies.__all__}
    offered = {one for one in public if isinstance(one, type) and issubclass(one, Policy)} - {Policy}
    assert {type(policy) for policy in POLICIES} == offered


@every_policy
def test_the_answer_is_one_boolean_per_lane(policy, stream):
    for signals in stream:
        _, retrain = policy.step(policy.init(LANES), signals)
        assert retrain.shape == (LANES,)
        assert retrain.dtype == bool


@every_policy
def test_lanes_do_not_see_each_other(policy, stream):
    together = run(policy, stream)
    for lane in range(LANES):
        alone = run(policy, [lanes_of(signals, [lane]) for signals in stream], lanes=1)
        np.testing.assert_array_equal(alone[0], together[lane])


@every_policy
def test_step_changes_neither_state_nor_signals(policy, stream):
    state = policy.init(LANES)
    for signals in stream:
        before, seen = np.copy(state), lanes_of(signals, slice(None))
        seen = dataclasses.replace(seen, **{k: np.copy(v) for k, v in vars(seen).items() if isinstance(v, np.ndarray)})
        first, again = policy.step(state, signals), policy.step(state, signals)
        np.testing.assert_array_equal(first[1], again[1])
        np.testing.assert_array_equal(state, before)
        for name, value in vars(seen).items():
            np.testing.assert_array_equal(getattr(signals, name), value)
        state = first[0]


@every_policy
def test_a_spell_starts_afresh_whoever_ordered_the_retrain(policy, stream):
    """In a spell the answers are those of a policy that has seen this spell only."""
    together = run(policy, stream)
    ages = np.stack([signals.spell_age for signals in stream], axis=1)
    assert (ages[:, 1:] == 1).any()
    for lane in range(LANES):
        for start in np.flatnonzero(ages[lane] == 1):
            stop = next((t for t in range(start + 1, PERIODS) if ages[lane, t] == 1), PERIODS)
            alone = run(policy, [lanes_of(signals, [lane]) for signals in stream[start:stop]], lanes=1)
            np.testing.assert_array_equal(alone[0], together[lane, start:stop])


@every_policy
def test_a_refused_retrain_is_asked_for_again(policy, make_signals):
    """The owner ignores the answer: the spell goes on, and so does what the policy remembers."""
    level = {"score_gap": 0.3, "debt": 1.0, "predictive_debt": 0.5, "deployed_score": -2.0, "deployed_pareto_k": 0.9}
    stream = [make_signals(t, period=t, **level) for t in range(1, 6)]
    asked = run(policy, stream, lanes=1)[0].tolist()
    waits_for_change = isinstance(policy, Alarm | Changepoint | RiverDetector)  # of which there is none here
    if policy.requires and not waits_for_change:
        assert asked == sorted(asked)
        assert asked[-1]


@every_policy
def test_extreme_signals_get_an_answer(policy, make_signals):
    signals = make_signals([1, 2, 1000], score_gap=[-1e6, 0.0, 1e6], debt=[0.0, 1e-300, 1e6], predictive_debt=1e12)
    assert run(policy, [signals], lanes=3).shape == (3, 1)


@every_policy
def test_an_exact_signal_moved_by_its_errors_stays_put(policy, stream):
    moved = [signals.shifted(3.0) for signals in stream]
    np.testing.assert_array_equal(run(policy, moved), run(policy, stream))


@pytest.mark.parametrize("candidates", CANDIDATES, ids=lambda candidates: type(candidates[0]).__name__)
def test_stacked_candidates_answer_as_each_does_alone(candidates, stream):
    together = run(stack(candidates, LANES), [lanes_of(s, np.tile(np.arange(LANES), 3)) for s in stream], 3 * LANES)
    alone = np.concatenate([run(candidate, stream) for candidate in candidates])
    np.testing.assert_array_equal(together, alone)
    assert len({tuple(row) for row in together.reshape(3, -1)}) > 1


def test_policies_that_differ_in_more_than_numbers_are_not_stacked():
    other = ld.AgeAdjustment((0.0, 0.0, 0.0, 0.0), 1.0)
    assert stack([DebtThreshold(1.0, CALIBRATION), DebtThreshold(1.0, other)], 2) is None
    assert stack([CUSUM(1.0), Never()], 2) is None
    assert stack([Schedule([1]), Schedule([2])], 2) is None
    assert stack([Alarm(0.5, CALIBRATION), Alarm(0.5, other)], 2) is None
    assert stack([ExpectedRegret(1.0, DEBT_MODEL), ExpectedRegret(1.0, HYBRID_MODEL)], 2) is None
    assert stack([ExpectedRegret(1.0, DEBT_MODEL), ExpectedRegret(1.0, DEBT_MODEL, per_nat=True)], 2) is None


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: Calendar(0), "interval"),
        (lambda: Calendar(-3), "interval"),
        (lambda: Calendar(2.5), "interval"),
        (lambda: Calendar(np.nan), "interval"),
        (lambda: CUSUM(0.0), "threshold"),
        (lambda: CUSUM(-1.0), "threshold"),
        (lambda: CUSUM(np.nan), "threshold"),
        (lambda: CUSUM(np.array([1.0, -1.0])), "threshold"),
        (lambda: DebtThreshold(np.nan, CALIBRATION), "threshold"),
        (lambda: DebtThreshold(np.inf, CALIBRATION), "threshold"),
        (lambda: PredictiveDebtThreshold(0.0), "multiplier"),
        (lambda: PredictiveDebtThreshold(-1.0), "multiplier"),
        (lambda: PredictiveDebtThreshold(np.inf), "multiplier"),
        (lambda: BlendedThreshold(0.0, 0.1, 0.9), "multiplier"),
        (lambda: BlendedThreshold(1.0, 1.1, 0.9), "weight"),
        (lambda: BlendedThreshold(1.0, 0.1, np.nan), "decay"),
        (lambda: PageCUSUM(0.0), "threshold"),
        (lambda: PageCUSUM(1.0, -0.1), "allowance"),
        (lambda: SpellLimit(0), "interval"),
        (lambda: ContinuationValue(CONTINUATION, 0.0), "price"),
        (lambda: Alarm(-0.1, CALIBRATION), "quantile"),
        (lambda: Alarm(1.1, CALIBRATION), "quantile"),
        (lambda: Alarm(np.nan, CALIBRATION), "quantile"),
        (lambda: Alarm(np.array([0.5, 2.0]), CALIBRATION), "quantile"),
        (lambda: ExpectedRegret(0.0, DEBT_MODEL), "scale"),
        (lambda: ExpectedRegret(np.nan, DEBT_MODEL), "scale"),
        (lambda: TwoState(-0.1, 0.0, 1.0, 1.0, EMISSIONS), "hazard"),
        (lambda: TwoState(np.nan, 0.0, 1.0, 1.0, EMISSIONS), "hazard"),
        (lambda: TwoState(0.1, 1.01, 1.0, 1.0, EMISSIONS), "recovery"),
        (lambda: TwoState(0.1, 0.0, 0.0, 1.0, EMISSIONS), "churn_cost"),
        (lambda: TwoState(0.1, 0.0, 1.0, -1.0, EMISSIONS), "waiting_cost"),
        (lambda: TwoState(0.1, 0.0, 1.0, np.inf, EMISSIONS), "waiting_cost"),
    ],
)
def test_bad_parameters_are_refused_by_name(make, name):
    with pytest.raises(ValueError, match=name):
        make()


def test_numbers_the_owner_must_own_have_no_default():
    for policy in (Calendar, Schedule, CUSUM, DebtThreshold, PredictiveDebtThreshold, Alarm, ExpectedRegret, TwoState):
        with pytest.raises(TypeError):
            policy()


def test_policies_print_their_numbers():
    assert [str(policy) for policy in POLICIES[:3]] == ["Never()", "Always()", "Calendar(3)"]
    assert str(DebtThreshold(0.5, CALIBRATION)) == "DebtThreshold(0.5)"
    assert str(TwoState(0.05, 0.0, 2 / 3, 1 / 3, EMISSIONS)) == f"TwoState(0.05, 0, 0.6667, 0.3333, {mark(EMISSIONS)})"
    assert str(ExpectedRegret(2.0, DEBT_MODEL)) == f"ExpectedRegret(2, {mark(DEBT_MODEL)})"
    assert mark(DEBT_MODEL) != mark(HYBRID_MODEL)


# Each rule as a function of the period's number and the cells of the spell so far, today's last.


def never_rule(_t, _spell):
    return False


def always_rule(_t, _spell):
    return True


def calendar_rule(interval):
    return lambda t, _spell: t % interval == 0


def schedule_rule(t, _spell):
    return t in (3, 30)


def cusum_rule(threshold):
    def rule(_t, spell):
        total = 0.0
        for cell in spell:
            total = max(0.0, total + max(cell["score_gap"], 0.0))
        return total > threshold

    return rule


def standardised_by(debt, ages):
    """A least-squares fit of the calibration cells, written out."""
    root = np.sqrt(debt)
    basis = np.column_stack([np.ones(len(ages)), np.log(1 + ages), np.sqrt(ages), ages])
    coefficients = np.linalg.solve(basis.T @ basis, basis.T @ root)
    residuals = root - basis @ coefficients
    sigma = max(0.01, np.sqrt(((residuals - residuals.mean()) ** 2).sum() / (len(root) - 1)))

    def standardised(debt, age):
        expected = coefficients @ [1.0, np.log(1 + age), np.sqrt(age), age]
        return (np.sqrt(debt) - expected) / sigma

    return standardised


def debt_rule(threshold, standardised):
    return lambda _t, spell: standardised(spell[-1]["debt"], len(spell)) > threshold


def alarm_rule(quantile, standardised):
    def rule(_t, spell):
        *earlier, today = [standardised(cell["debt"], age) for age, cell in enumerate(spell, start=1)]
        return len(earlier) >= 10 and today > np.quantile(earlier, quantile)

    return rule


def regret_features(cell, age, standardised, hybrid):
    z, log_age = max(standardised(cell["debt"], age), 0.0), np.log(1 + age)
    features = [1.0, z, z * z, log_age, log_age * log_age]
    more = [max(cell["score_gap"], 0.0), cell["parameter_gap"], cell["residual_exceedance"], np.sqrt(cell["debt"])]
    return features + more if hybrid else features


def blended_rule(multiplier, weight, decay, cost):
    def rule(_t, spell):
        gaps = sum(decay ** (len(spell) - 1 - k) * cell["score_gap"] for k, cell in enumerate(spell))
        index = (1 - weight) * spell[-1]["predictive_debt"] + weight * (1 - decay) * max(gaps, 0.0)
        return multiplier * spell[-1]["exposure"] * index > cost

    return rule


def continuation_rule(model, cost):
    """The quadratic, with its terms written out in the order of the coefficients."""

    def rule(_t, spell):
        today, price = spell[-1], cost / spell[-1]["exposure"]
        gaps = sum(model.decay ** (len(spell) - 1 - k) * cell["score_gap"] for k, cell in enumerate(spell))
        expected = max(today["predictive_debt"], 1e-3 * price)
        values = [
            np.log(expected / price),
            np.log(gaps / price + np.sqrt((gaps / price) ** 2 + 1)),
            np.log(expected / max(today["debt"], 1e-4)),
            np.log(len(spell)),
        ]
        place = (np.log(price) - model.lowest[4]) / (model.highest[4] - model.lowest[4])
        quadratic = [1.0, *values, *(values[i] * values[j] for i in range(4) for j in range(i, 4))]
        terms = [place**power * term for power in range(2) for term in quadratic]
        return sum(c * term for c, term in zip(model.coefficients, terms, strict=True)) > 0

    return rule


def expected_regret_rule(scale, cost, table, standardised, hybrid):
    """Priced by a regression solved from its normal equations, on every cell of the table in turn."""
    rows, regret = [], []
    for i in range(table.sizes["series"]):
        for t in range(1, table.sizes["period"] + 1):
            for s in range(t):
                cell = cell_of(table, i, s, t)
                rows.append(regret_features(cell, t - s, standardised, hybrid))
                regret.append(max(cell["regret"], 0.0))
    rows, ordered = np.array(rows), sorted(regret)
    coefficients = np.linalg.solve(rows.T @ rows, rows.T @ np.log([1 + one for one in regret]))
    position = 0.995 * (len(ordered) - 1)
    low = int(position)
    cap = ordered[low] + (position - low) * (ordered[low + 1] - ordered[low])

    def rule(_t, spell):
        features = regret_features(spell[-1], len(spell), standardised, hybrid)
        return scale * min(max(np.exp(coefficients @ features) - 1, 0.0), cap) > cost

    return rule


def two_state_rule(hazard, recovery, churn, wait):
    """The filter in plain probabilities."""

    def density(x, mean, sd):
        return np.exp(-0.5 * ((x - mean) / sd) ** 2) / sd

    def rule(_t, spell):
        rho = 0.0
        for cell in spell:
            x = np.sqrt(cell["debt"])
            predicted = hazard * (1 - rho) + (1 - recovery) * rho
            stale, fresh = predicted * density(x, 1.2, 0.5), (1 - predicted) * density(x, 0.4, 0.3)
            rho = stale / (stale + fresh)
        return rho > churn / (churn + wait)

    return rule


def predictive_debt_rule(multiplier, cost):
    return lambda _t, spell: multiplier * spell[-1]["exposure"] * spell[-1]["predictive_debt"] > cost


def cell_of(table, i, s, t):
    return {
        name: float(table[name].values[i, t - 1] if name == "exposure" else table[name].values[i, s, t - 1])
        for name in (*CELLS, "exposure")
    }


def schedule_and_bill_by_hand(table, i, rule, cost, positive=False):
    """Walk one series of a table: charge regret, show the rule the spell so far, maybe retrain."""
    periods = table.sizes["period"]
    deployed_at, spell, schedule, bill = 0, [], [], 0.0
    for t in range(1, periods + 1):
        cell = cell_of(table, i, deployed_at, t)
        spell.append(cell)
        bill += max(cell["regret"], 0.0) if positive else cell["regret"]
        retrain = t < periods and bool(rule(t, spell))
        schedule.append(retrain)
        if retrain:
            bill, deployed_at, spell = bill + cost, t, []
    return schedule, bill


COST = 0.4
CELLS = ("score_gap", "debt", "predictive_debt", "parameter_gap", "residual_exceedance", "regret")


def calibration_cells(table):
    debt = table["debt"].values
    age = np.broadcast_to(np.arange(1, 41) - np.arange(40)[:, None], debt.shape)
    return debt[age > 0], age[age > 0].astype(float)


def with_optional_signals(table):
    rng = np.random.default_rng(5)
    for name in ("parameter_gap", "residual_exceedance"):
        table[name] = (table["debt"].dims, np.where(table["debt"].notnull(), rng.random(table["debt"].shape), np.nan))
    return table


def policy_and_rule(name, table):
    """A policy, and its rule written out."""
    cells = calibration_cells(table)
    calibration, standardised = ld.AgeAdjustment.fit(*cells), standardised_by(*cells)
    age = np.arange(1, 41) - np.arange(40)[:, None]
    given = {name: table[name].values for name in CELLS if name != "predictive_debt"}
    hybrid = ld.HybridRegretModel.fit(**given, spell_age=age, calibration=calibration)
    by_debt = ld.DebtRegretModel.fit(given["debt"], age, given["regret"], calibration=calibration)
    return {
        "never": (Never(), never_rule),
        "always": (Always(), always_rule),
        "calendar": (Calendar(7), calendar_rule(7)),
        "schedule": (Schedule(["day 003", "day 030"]), schedule_rule),
        "cusum": (CUSUM(0.8), cusum_rule(0.8)),
        "debt threshold": (DebtThreshold(0.8, calibration), debt_rule(0.8, standardised)),
        "predictive-debt threshold": (PredictiveDebtThreshold(2.0), predictive_debt_rule(2.0, COST)),
        "blended threshold": (BlendedThreshold(4.0, 0.3, 0.8), blended_rule(4.0, 0.3, 0.8, COST)),
        "continuation value": (ContinuationValue(CONTINUATION), continuation_rule(CONTINUATION, COST)),
        "alarm": (Alarm(0.7, calibration), alarm_rule(0.7, standardised)),
        "debt utility": (ExpectedRegret(1.0, by_debt), expected_regret_rule(1.0, COST, table, standardised, False)),
        "hybrid utility": (ExpectedRegret(1.0, hybrid), expected_regret_rule(1.0, COST, table, standardised, True)),
        "two states": (TwoState(0.1, 0.05, 2.0, 1.0, EMISSIONS), two_state_rule(0.1, 0.05, 2.0, 1.0)),
    }[name]


@pytest.mark.parametrize(
    "name",
    [
        "never",
        "always",
        "calendar",
        "schedule",
        "cusum",
        "debt threshold",
        "predictive-debt threshold",
        "blended threshold",
        "continuation value",
        "alarm",
        "debt utility",
        "hybrid utility",
        "two states",
    ],
)
@pytest.mark.parametrize("accounting", ["signed", "positive"])
def test_replay_makes_the_schedule_and_the_bill_of_the_rule_written_out(name, accounting, random_spells):
    table = with_optional_signals(random_spells(40, series=2, seed=11, exposure=np.linspace(0.5, 2.0, 40)))
    policy, rule = policy_and_rule(name, table)
    replayed = ld.replay(table, policy, COST, accounting)
    for i in range(2):
        schedule, bill = schedule_and_bill_by_hand(table, i, rule, COST, accounting == "positive")
        assert replayed.schedule.values[i].tolist() == schedule
        assert float(replayed.objective[i]) == pytest.approx(bill, rel=1e-12)
        if policy.requires:
            assert 1 < sum(schedule) < 39


def test_a_threshold_met_exactly_does_not_retrain(make_signals):
    met = make_signals(1, score_gap=0.5, debt=1.0, predictive_debt=0.5, cost=1.0)
    flat = ld.AgeAdjustment((0.0, 0.0, 0.0, 0.0), 1.0)
    for policy in (CUSUM(0.5), DebtThreshold(1.0, flat), PredictiveDebtThreshold(2.0)):
        assert not run(policy, [met], lanes=1).any()
        above = dataclasses.replace(met, score_gap=np.array([0.51]), debt=np.array([1.1]), cost=np.array([0.99]))
        assert run(policy, [above], lanes=1).all()


def test_cusum_does_not_let_good_periods_pay_for_bad_ones(make_signals):
    stream = [make_signals(t, score_gap=gap) for t, gap in enumerate([0.3, -5.0, 0.3], start=1)]
    assert run(CUSUM(0.5), stream, lanes=1)[0].tolist() == [False, False, True]


def test_debt_a_little_below_zero_counts_as_zero(make_signals):
    policy = DebtThreshold(-1e6, CALIBRATION)
    assert run(policy, [make_signals(3, debt=[-0.01])], lanes=1).all()


def test_a_policy_of_ones_own_needs_only_step(random_spells):
    @dataclasses.dataclass(frozen=True)
    class Doubting(Policy):
        """Retrain when predictive debt exceeds a limit and the last realised gap agrees."""

        requires = ("predictive_debt", "score_gap")
        limit: float

        def step(self, state, signals):
            return state, (signals.predictive_debt > self.limit) & (signals.score_gap > 0)

    table = random_spells(20, series=3)
    doubting, trusting = ld.replay(table, Doubting(0.1), 0.1), ld.replay(table, Doubting(1e9), 0.1)
    assert doubting.retrains.sum() > 0
    assert trusting.retrains.sum() == 0


def test_a_policy_that_does_not_say_what_it_reads_is_refused():
    """All its signals would be NaN, and it would never retrain."""
    with pytest.raises(TypeError, match="the policy Forgetful must name the signals that it reads"):

        class Forgetful(Policy):
            def step(self, state, signals):
                return state, signals.score_gap > 0.1
