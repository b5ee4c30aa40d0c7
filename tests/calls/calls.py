"""Every public call with right arguments, and what kind each argument is of: a new one belongs here too."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
import xarray as xr

import learning_debt as ld
from learning_debt import bench, budget, plots, policies, scores, serving
from learning_debt.auditing.chance_check import reliability
from learning_debt.integrations.bambi_model import from_bambi
from learning_debt.integrations.model_builder import from_model_builder
from learning_debt.monitor import CommandHook, Webhook, open_metrics
from learning_debt.monitor.candidate_gate import check_candidate
from learning_debt.policies.rivals import rivals
from learning_debt.report import write_report
from learning_debt.serving.public_files import FRAUD_NUMBERS, FRAUD_TEXT

from .attacks import POSTERIOR, Argument, Call

A = Argument
ROWS = {"x": [1.0, 2.0, -1.0], "y": [0.9, 2.2, -1.1]}
NEW = {"x": [1.0, 2.0], "y": [3.0, 5.5]}
THE_DOOR = "checked with the rows, in test_data and test_history"
OPEN = "whatever its owner likes"
A_FOLDER = "a directory, tested with what is kept there"
FORECASTER = ld.ConjugateRegression(POSTERIOR)
DEPLOYED = FORECASTER.fit(ROWS)
SHADOW = FORECASTER.update(DEPLOYED, NEW)
DRAWS = FORECASTER.sample(DEPLOYED, draws=120, chains=2, random_seed=1)
RNG = np.random.default_rng(1)
CELLS = RNG.gamma(1.0, size=40)
AGE = np.arange(1, 41)
CALIBRATION = policies.DebtThreshold(1.0, ld.AgeAdjustment.fit(CELLS, AGE)).calibration
DEBT_MODEL = ld.DebtRegretModel((0.1,) * 5, 1.0, CALIBRATION)
HYBRID_MODEL = ld.HybridRegretModel((0.1,) * 9, 1.0, CALIBRATION)
EMISSIONS = ld.TwoStateEmissions(0.2, 0.1, 1.0, 0.5)
CONTINUATION = ld.ContinuationModel((0.01,) * 30, (0.0,) * 5, (1.0,) * 5, 0.95)


def history(periods: int = 30) -> dict[str, Any]:
    rng = np.random.default_rng(2)
    x = rng.normal(size=periods)
    return {"x": x, "y": 2 * x * (np.arange(periods) > 12) + rng.normal(size=periods), "period": np.arange(periods)}


SAVED = f"{mkdtemp()}/saved.json"
policies.save(SAVED, policies.CUSUM(1.0))
SPELLS = ld.spell_table(FORECASTER, history(), initial=6, progressbar=False)
LONGER = ld.spell_table(FORECASTER, history(60), initial=6, progressbar=False)
REPLAYED = ld.replayed_posteriors(FORECASTER, history(), initial=6, progressbar=False)
DRAWN = {year: FORECASTER.sample(SHADOW, draws=20, chains=2, random_seed=year) for year in (1, 2)}
PARTS = ld.debt_by_block(FORECASTER, SHADOW, DEPLOYED, NEW)
BENCH = bench.run_bench({"mine": LONGER}, policies=[], splits=[0.5], resamples=10, progressbar=False)
WRITTEN, TABLES = mkdtemp(), mkdtemp()
bench.write_bench(BENCH, WRITTEN)
LONGER.to_netcdf(f"{TABLES}/mine.nc", engine="h5netcdf")
CHANCES = reliability(np.repeat([0.2, 0.7], 300), np.arange(600) % 5 > 2, np.arange(600) % 7)
SCHEDULE = ld.replay(SPELLS, policies.Always(), 0.1).schedule
AUDIT = ld.audit(SPELLS, 0.1, resamples=10)
SEEN_DURATIONS = ([14.0, 9.0, 22.0, 17.0, 11.0, 6.0], [True] * 5 + [False])
DURATION = budget.fit_durations(*SEEN_DURATIONS, resamples=10)
CURVE = budget.ExponentialCurve(0.1, 0.9, 1.0)
PLAN = budget.plan_effort(DURATION, CURVE, 0.3, 1.0, cells=20)
CONCEPTS = budget.concept_durations(LONGER, policies.CUSUM(0.5), keep_first=True)
LEDGER = xr.Dataset({"verdict": ("period", ["retrain"] * 3), "spell_age": ("period", [1, 1, 1])})
TABLE = A(SPELLS, "object", ())
COST = A(0.1, "cost")
ACCOUNTING = A("signed", "choice")
SEED = A(1, "seed")
PAIR = {"forecaster": A(FORECASTER, "forecaster"), "shadow": A(SHADOW, "object", ("posterior",))}
PAIR |= {"deployed": A(DEPLOYED, "object", ("posterior",))}
OPTIONAL = ("none",)
ONE_FOR_ALL = ("zero", "negative", "fraction", "huge")


def build_model(data: xr.Dataset) -> pm.Model:
    with pm.Model() as model:
        sold = pm.Data("sold", data["sold"].values, dims="obs")
        pm.Poisson("sales", pm.Exponential("rate", 1.0), observed=sold, dims="obs")
    return model


class Builder:
    """As pymc-extras has them."""

    def build_model(self, X: Any, y: Any) -> None:
        with pm.Model() as self.model:
            x, outcome = pm.Data("x", X["x"]), pm.Data("y_data", y)
            pm.Normal("y", pm.Normal("slope") * x, 1, observed=outcome)

    def _data_setter(self, X: Any, y: Any) -> None:
        pm.set_data({"x": X["x"], "y_data": y}, model=self.model)


@cache
def ready_model() -> pm.Model:
    return build_model(xr.Dataset({"sold": ("obs", [1, 2])}))


def never(tuning: Any, cost: Any, random_seed: int) -> list[policies.Policy]:
    return [policies.Never()]


def a_score(draws: Any, outcome: Any) -> Any:
    return -np.abs(np.median(draws, axis=0) - outcome)


SAMPLING = {
    "observation_dim": A("obs", "text"),
    "draws": A(10, "whole"),
    "tune": A(10, "whole"),
    "chains": A(2, "whole"),
}
SAMPLING |= {"sampler": A(None, "choice", OPTIONAL)}
PICTURE = {
    "backend": A("none", "choice", OPTIONAL),
    "plot_collection": A(None, "object", OPTIONAL),
    "labeller": A(None, "object", OPTIONAL),
    "aes_by_visuals": A(None, "object", OPTIONAL),
    "visuals": A(None, "object", OPTIONAL),
}
INTERVALS = {
    "ci_prob": A(None, "probability", OPTIONAL),
    "stats": A(None, "object", OPTIONAL),
    **PICTURE,
}
OF_SERVICE = {"spells": TABLE, "schedule": A(SCHEDULE, "object", OPTIONAL), "max_series": A(5, "whole")}
ROWS_LEFT = {"new_data": (NEW, THE_DOOR), "removed_data": (None, THE_DOOR)}
PAST_LEFT = {"past": (None, THE_DOOR)}
GRIDS = {"policies": A(None, "object", ("none", "function")), "starts": A(3, "whole", OPTIONAL)}
CALENDAR = A(4, "object", ("none", "policy", "texts", "numbers", "empty", "array"))
DENSITIES = np.log(np.random.default_rng(3).uniform(0.5, 1.0, size=(2, 60)))

OF_TABLES = {
    "forecaster": A(FORECASTER, "forecaster"),
    "initial": A(6, "whole"),
    "exposure": A(1.0, "positive", OPTIONAL),
    "variables": A(("debt",), "names", ("none", "empty")),
    "varying_rows": A(False, "flag"),
    "score": A("log", "score"),
    "update_rule": A(None, "object", OPTIONAL),
    "shadow": A(None, "object", OPTIONAL),
    "horizon": A(1, "whole"),
    "random_seed": SEED,
    "progressbar": A(False, "flag"),
    "executor": A(None, "object", OPTIONAL),
}

CANDIDATES = {name: serving.Candidate(FORECASTER, every=every) for name, every in (("frozen", None), ("shadow", 1))}
TABLE_OF_SCORES = serving.candidate_scores(CANDIDATES, history(), initial=6, progressbar=False)
WATCHED = object()
"""Stands for a monitor, which is made when it is first asked for."""
FRAUD_COLUMNS = ("fraud_bool", *FRAUD_NUMBERS, *FRAUD_TEXT)
CENSUS_FILE = Path(mkdtemp(), "adult.data")
CENSUS_FILE.write_text("3, ?, 1, HS-grad, 9, Divorced, Sales, Unmarried, White, Female, 0, 0, 38, Cuba, <=50K\n")
FRAUD_FILE = Path(mkdtemp(), "Base.csv")
FRAUD_FILE.write_text(f"{','.join(FRAUD_COLUMNS)}\n{','.join(['0'] * len(FRAUD_COLUMNS))}\n")
MEMORY = {"memory": A(ld.UpdateRule(window=5), "object")}
REWARDS = {"low": A(-3.0, "number"), "high": A(1.0, "number")}

AGREED = {"cost": 0.1, "policy": policies.CUSUM(0.5), "calendar": 6}


def new_monitor(**given: Any) -> ld.Monitor:
    return ld.Monitor.create(f"{mkdtemp()}/state", **given)


def live_monitor() -> ld.Monitor:
    monitor = new_monitor(forecaster=FORECASTER, history=history(), **AGREED)
    monitor.observe({"x": [1.0, 1.0], "y": [0.5, 0.1], "period": [30, 31]})
    return monitor


watched = cache(live_monitor)
OF_MONITORS = {
    "forecaster": A(FORECASTER, "forecaster"),
    "exposure": A(1.0, "positive", OPTIONAL),
    "initial": A(10, "whole", OPTIONAL),
    "retained": A(20, "whole", OPTIONAL),
    "late": A(0, "whole from 0"),
    "varying_rows": A(False, "flag"),
    "random_seed": SEED,
    "score": A("log", "score"),
    "shadow": A(None, "object", OPTIONAL),
}
OF_MONITORS_LEFT = {"history": (history(), THE_DOOR), "last_retrain": (None, "looked for by value, in test_monitor")}
OF_HOOKS = {
    "name": A("mine", "text", ("number as text",)),
    "verdicts": A(("retrain",), "names"),
    "timeout": A(10.0, "positive"),
    "cooldown": A(0.0, "not negative"),
}
REASON = A("holidays", "text", ("number as text",))

CALLS: dict[str, Call] = {
    # what holds beliefs
    "NIG": Call(
        lambda **fields: ld.ConjugateRegression(ld.NIG(**fields)),
        {
            "mean": A(0.0, "number"),
            "precision": A(1.0, "positive"),
            "shape": A(2.0, "positive"),
            "rate": A(1.0, "positive"),
        },
    ),
    "ConjugateRegression": Call(
        ld.ConjugateRegression,
        {
            "prior": A(POSTERIOR, "object", ("posterior",)),
            "observation_dim": A("obs", "text"),
            "coefficient_names": A(["a"], "names", OPTIONAL),
        },
    ),
    "ConjugateRegression.fit": Call(
        FORECASTER.fit,
        {"row_weight": A([1.0, 1.0, 0.5], "object", OPTIONAL), "random_seed": SEED},
        {"data": (ROWS, THE_DOOR)},
    ),
    "ConjugateRegression.update": Call(
        FORECASTER.update,
        {"posterior": A(DEPLOYED, "object", ("posterior",)), "row_weight": A(None, "object", ("none", "numbers"))},
        {"batch": (NEW, THE_DOOR)},
    ),
    "ConjugateRegression.log_score": Call(
        FORECASTER.log_score, {"posterior": A(DEPLOYED, "object", ("posterior",))}, {"batch": (NEW, THE_DOOR)}
    ),
    "ConjugateRegression.predictive_debt": Call(
        FORECASTER.predictive_debt, {name: PAIR[name] for name in ("shadow", "deployed")}, {"batch": (NEW, THE_DOOR)}
    ),
    "ConjugateRegression.posterior_debt": Call(
        FORECASTER.posterior_debt, {name: PAIR[name] for name in ("shadow", "deployed")}
    ),
    "ConjugateRegression.sample": Call(
        FORECASTER.sample,
        {
            "posterior": A(DEPLOYED, "object", ("posterior",)),
            "draws": A(5, "whole"),
            "chains": A(2, "whole"),
            "random_seed": SEED,
        },
    ),
    "ConjugateRegression.log_density": Call(
        FORECASTER.log_density,
        {"posterior": A(DRAWS, "object"), "random_seed": SEED},
        {"batch": (NEW, THE_DOOR)} | PAST_LEFT,
    ),
    "ConjugateRegression.predict": Call(
        FORECASTER.predict,
        {"posterior": A(DRAWS, "object"), "random_seed": SEED},
        {"batch": (NEW, THE_DOOR)} | PAST_LEFT,
    ),
    "PyMCForecaster": Call(
        ld.PyMCForecaster,
        SAMPLING
        | {
            "build_model": A(build_model, "function"),
            "prepare": A(None, "function", OPTIONAL),
            "growing_dims": A(("store",), "names", ("text", "number as text", "texts", "empty")),
            "context_rows": A(None, "whole from 0", OPTIONAL),
            "compile_kwargs": A(None, "object", (*OPTIONAL, "mapping")),
        },
        {"model": (None, "by the next")},
    ),
    "PyMCForecaster of a model": Call(
        lambda model: ld.PyMCForecaster(model=model), {"model": A(ready_model(), "object")}
    ),
    "from_model_builder": Call(
        from_model_builder,
        SAMPLING
        | {
            "builder": A(Builder(), "object"),
            "X": A(pd.DataFrame({"x": [1.0, 2.0, 3.0]}), "object"),
            "y": A([1.1, 1.9, 3.2], "object"),
        },
    ),
    "ForecasterSamplingWrapper": Call(
        ld.ForecasterSamplingWrapper,
        {
            "forecaster": A(FORECASTER, "forecaster"),
            "posterior": A(DRAWS, "object"),
            "random_seed": SEED,
            "fit_kwargs": A(None, "object", (*OPTIONAL, "mapping")),
        },
        {"data": (ROWS, THE_DOOR)},
    ),
    "PooledShadow": Call(
        ld.PooledShadow,
        {
            "minimum_effective_share": A(0.3, "positive"),
            "maximum_pareto_k": A(0.7, "positive"),
            "otherwise": A(ld.Refit(), "object"),
        },
    ),
    "Refit": Call(ld.Refit, {}),
    "ShadowLadder": Call(
        ld.ShadowLadder,
        {
            "rungs": A(("reweight",), "names", ("empty",)),
            "maximum_pareto_k": A(0.7, "object", ("zero", "negative")),
            "minimum_effective_share": A(1.0, "not negative"),
            "draws_factor": A(4, "whole"),
        },
    ),
    "SuppliedShadow": Call(
        ld.SuppliedShadow,
        {"update": A(a_score, "function"), "exact": A(True, "flag"), "log_density": A(None, "function", OPTIONAL)},
    ),
    "with_weights": Call(
        ld.with_weights,
        {
            "posterior": A(DRAWS, "object", ("draws",)),
            "log_weight": A(np.zeros((2, 120)), "object"),
            "pareto_k": A(0.5, "number or nan"),
        },
    ),
    "equal_weights": Call(ld.equal_weights, {"posterior": A(DRAWS, "object", ("draws",)), "random_seed": SEED}),
    "UpdateRule": Call(ld.UpdateRule, {"window": A(5, "whole", OPTIONAL), "discount": A(0.9, "probability")}),
    "UpdateRule.weights": Call(ld.UpdateRule(3).weights, {"age": A([0, 1], "numbers", ("empty",))}),
    "UpdateRule.from_text": Call(ld.UpdateRule.from_text, {"text": A("all data", "choice")}),
    # how far apart they are
    "posterior_debt": Call(
        ld.posterior_debt,
        PAIR
        | {
            "new_weight": A(None, "object", ("none", "numbers")),
            "removed_weight": A(None, "object", ("none", "numbers")),
            "chain": A((), "object", ("empty",)),
            "random_seed": SEED,
        },
        ROWS_LEFT,
    ),
    "predictive_debt": Call(
        ld.predictive_debt,
        PAIR | {"score": A("log", "score"), "random_seed": SEED},
        {"batch": (NEW, THE_DOOR)} | PAST_LEFT,
    ),
    "score_gap": Call(
        ld.score_gap, PAIR | {"score": A("log", "score"), "random_seed": SEED}, {"batch": (NEW, THE_DOOR)} | PAST_LEFT
    ),
    "debt_by_block": Call(
        ld.debt_by_block,
        PAIR | {"blocks": A(None, "object", OPTIONAL), "joint": A(False, "flag"), "random_seed": SEED},
        ROWS_LEFT | PAST_LEFT,
    ),
    "debt_by_group": Call(
        ld.debt_by_group, PAIR | {"by": A(["a", "b"], "object", ("texts", "numbers"))}, ROWS_LEFT | PAST_LEFT
    ),
    "debt_from_densities": Call(
        ld.debt_from_densities,
        {name: A(DENSITIES, "object") for name in ("shadow_at_shadow", "deployed_at_shadow")}
        | {name: A(DENSITIES, "object") for name in ("shadow_at_deployed", "deployed_at_deployed")}
        | {name: A(np.ones((2, 60)), "object", OPTIONAL) for name in ("weight_shadow", "weight_deployed")},
    ),
    "Estimate": Call(
        ld.Estimate,
        {
            "value": A(0.5, "number or nan"),
            "standard_error": A(0.1, "not negative", ("infinity", "nan")),
            "reliable": A(True, "flag"),
            "lower_bound": A(False, "flag"),
            "diagnostics": A({}, "object", ("mapping",)),
            "note": A("", "text", ("empty text",)),
            "doubts": A((), "object", ("empty",)),
            "detail": A("", "text", ("empty text",)),
        },
    ),
    "Estimate.interval": Call(ld.Estimate(0.5, 0.1).interval, {"probability": A(0.9, "probability")}),
    "LogScore": Call(scores.LogScore, {}),
    "CRPS": Call(scores.CRPS, {}),
    "EnergyScore": Call(scores.EnergyScore, {}),
    "QuantileLoss": Call(scores.QuantileLoss, {"level": A(0.9, "probability")}),
    "NewsvendorLoss": Call(
        scores.NewsvendorLoss, {"under": A(4.0, "positive"), "over": A(1.0, "positive"), "currency": A("EUR", "text")}
    ),
    "DrawsScore": Call(
        scores.DrawsScore,
        {
            "function": A(a_score, "function"),
            "name": A("absolute error", "text"),
            "unit": A("outcome", "text"),
            "currency": A(None, "text", OPTIONAL),
        },
    ),
    "as_score": Call(scores.as_score, {"score": A("log", "score")}),
    # spell tables
    "spell_table": Call(ld.spell_table, OF_TABLES, {"history": (history(), THE_DOOR), "store": (None, A_FOLDER)}),
    "spell_tables": Call(
        ld.spell_tables,
        {**OF_TABLES, "series_per_table": A(2, "whole")},
        {"history": (history(), THE_DOOR), "store": (None, A_FOLDER)},
    ),
    "replayed_posteriors": Call(
        ld.replayed_posteriors,
        {
            "forecaster": A(FORECASTER, "forecaster"),
            "initial": A(6, "whole"),
            "varying_rows": A(False, "flag"),
            "update_rule": A(None, "object", OPTIONAL),
            "shadow": A(None, "object", OPTIONAL),
            "random_seed": SEED,
            "progressbar": A(False, "flag"),
            "executor": A(None, "object", OPTIONAL),
        },
        {"history": (history(), THE_DOOR), "store": (None, A_FOLDER)},
    ),
    "ReplayedPosteriors.posterior": Call(REPLAYED.posterior, {"period": A(3, "whole from 0")}),
    "ReplayedPosteriors.rows_between": Call(
        REPLAYED.rows_between, {"deployed_at": A(2, "whole from 0"), "period": A(5, "whole")}
    ),
    "check_spells": Call(ld.check_spells, {"spells": TABLE, "requires": A(("debt",), "names", ("empty", "texts"))}),
    "select_periods": Call(
        ld.select_periods, {"spells": TABLE, "first": A(2, "whole from 0"), "last": A(9, "whole from 0", OPTIONAL)}
    ),
    "from_period": Call(
        ld.from_period, {"spells": TABLE, "first": A(2, "whole from 0"), "last": A(9, "whole from 0", OPTIONAL)}
    ),
    "compare_tables": Call(
        ld.compare_tables,
        {
            "sampled": A(
                SPELLS.assign(debt_se=SPELLS["debt"], predictive_debt_se=SPELLS["debt"], score_gap_se=SPELLS["debt"]),
                "object",
            ),
            "exact": TABLE,
            "probability": A(0.9, "probability"),
        },
    ),
    # policies and what they rest on
    "Never": Call(policies.Never, {}),
    "Always": Call(policies.Always, {}),
    "Calendar": Call(policies.Calendar, {"interval": A(4, "whole"), "offset": A(1, "any whole")}),
    "Schedule": Call(policies.Schedule, {"dates": A(["a"], "object", ("texts", "numbers", "empty"))}),
    "CUSUM": Call(policies.CUSUM, {"threshold": A(1.0, "positive")}),
    "Alarm": Call(policies.Alarm, {"quantile": A(0.9, "share"), "calibration": A(CALIBRATION, "object")}),
    "BlendedThreshold": Call(
        policies.BlendedThreshold,
        {"multiplier": A(2.0, "positive"), "weight": A(0.1, "share"), "decay": A(0.9, "share")},
    ),
    "Changepoint": Call(
        policies.Changepoint,
        {
            "hazard": A(0.1, "share"),
            "recent": A(3, "whole"),
            "threshold": A(0.5, "share"),
            "scale": A(1.0, "positive"),
        },
    ),
    "ContinuationValue": Call(
        policies.ContinuationValue, {"model": A(CONTINUATION, "object"), "price": A(0.1, "positive", OPTIONAL)}
    ),
    "DebtThreshold": Call(
        policies.DebtThreshold, {"threshold": A(1.0, "number"), "calibration": A(CALIBRATION, "object")}
    ),
    "ExpectedRegret": Call(
        policies.ExpectedRegret,
        {"scale": A(1.0, "positive"), "model": A(DEBT_MODEL, "object"), "per_nat": A(True, "flag")},
    ),
    "PageCUSUM": Call(policies.PageCUSUM, {"threshold": A(1.0, "positive"), "allowance": A(0.1, "not negative")}),
    "Recommended": Call(
        policies.Recommended,
        {"learns": A(True, "flag"), "accounting": ACCOUNTING},
        left={"tally": (None, "test_recommended")},
    ),
    "SpellLimit": Call(policies.SpellLimit, {"interval": A(4, "whole")}),
    "ParetoKThreshold": Call(policies.ParetoKThreshold, {"threshold": A(0.7, "positive")}),
    "PredictiveDebtThreshold": Call(policies.PredictiveDebtThreshold, {"multiplier": A(2.0, "positive")}),
    "RiverDetector": Call(
        policies.RiverDetector,
        {
            "detector": A("PageHinkley", "choice"),
            "setting": A(2.0, "positive"),
            "stream": A("score_gap", "choice", ("empty text",)),
            "scale": A(1.0, "positive"),
        },
    ),
    "StalenessThreshold": Call(policies.StalenessThreshold, {"threshold": A(1.0, "number or infinity")}),
    "CumulativeStaleness": Call(policies.CumulativeStaleness, {"threshold": A(1.0, "number or infinity")}),
    "TwoState": Call(
        policies.TwoState,
        {
            "hazard": A(0.1, "share"),
            "recovery": A(0.1, "share"),
            "churn_cost": A(1.0, "positive"),
            "waiting_cost": A(1.0, "positive"),
            "emissions": A(EMISSIONS, "object"),
        },
    ),
    "AgeAdjustment": Call(ld.AgeAdjustment, {"coefficients": A((0.1,) * 4, "object"), "spread": A(0.1, "positive")}),
    "AgeAdjustment.fit": Call(ld.AgeAdjustment.fit, {"debt": A(CELLS, "object"), "spell_age": A(AGE, "object")}),
    "AgeAdjustment.standardise": Call(
        CALIBRATION.standardise,
        {"debt": A(1.0, "numbers", ("nan", "infinity", "empty")), "spell_age": A(2.0, "numbers", ("empty",))},
    ),
    "DebtRegretModel": Call(
        ld.DebtRegretModel,
        {
            "coefficients": A((0.1,) * 5, "object"),
            "cap": A(1.0, "not negative"),
            "calibration": A(CALIBRATION, "object"),
        },
    ),
    "DebtRegretModel.fit": Call(
        ld.DebtRegretModel.fit,
        {
            "debt": A(CELLS, "object", ONE_FOR_ALL),
            "spell_age": A(AGE, "object", ("zero", "fraction", "huge")),
            "regret": A(CELLS, "object", ONE_FOR_ALL),
            "calibration": A(CALIBRATION, "object"),
        },
    ),
    "HybridRegretModel": Call(
        ld.HybridRegretModel,
        {
            "coefficients": A((0.1,) * 9, "object"),
            "cap": A(1.0, "not negative"),
            "calibration": A(CALIBRATION, "object"),
        },
    ),
    "HybridRegretModel.fit": Call(
        ld.HybridRegretModel.fit,
        {
            name: A(CELLS, "object", ONE_FOR_ALL)
            for name in ("debt", "regret", "score_gap", "parameter_gap", "residual_exceedance")
        }
        | {"spell_age": A(AGE, "object", ("zero", "fraction", "huge")), "calibration": A(CALIBRATION, "object")},
    ),
    "TwoStateEmissions": Call(
        ld.TwoStateEmissions,
        {
            "stable_mean": A(0.2, "number"),
            "stable_sd": A(0.1, "positive"),
            "shifted_mean": A(1.0, "number"),
            "shifted_sd": A(0.5, "positive"),
        },
    ),
    "TwoStateEmissions.fit": Call(
        ld.TwoStateEmissions.fit,
        {"stable": A([0.01, 0.04], "object", ("numbers",)), "shifted": A([1.0, 2.0], "object", ("numbers",))},
    ),
    "ContinuationModel": Call(
        ld.ContinuationModel,
        {
            "coefficients": A((0.01,) * 30, "object"),
            "lowest": A((0.0,) * 5, "object"),
            "highest": A((1.0,) * 5, "object"),
            "decay": A(0.9, "share"),
        },
    ),
    "RetrainingCost": Call(
        ld.RetrainingCost,
        {
            "amount": A(1.0, "not negative"),
            "money_per_nat": A(None, "positive", OPTIONAL),
            "currency": A(None, "text", OPTIONAL),
            "score_unit": A("q75", "choice"),
            "per_second": A(0.0, "not negative"),
            "per_change": A(0.0, "not negative"),
            "regret_unit": A("nats", "text"),
        },
        {"cost_ratio": (None, "by the next")},
    ),
    "RetrainingCost of a ratio": Call(ld.RetrainingCost, {"cost_ratio": A(1.0, "not negative")}),
    "RetrainingCost.resolve": Call(
        ld.RetrainingCost(1.0).resolve, {"calibration": A(ld.check_spells(SPELLS), "object")}
    ),
    "RetrainingCost.retraining_costs": Call(
        ld.RetrainingCost(1.0).retraining_costs, {"spells": A(ld.check_spells(SPELLS), "object")}
    ),
    "RetrainingCost.of_retrain": Call(
        ld.RetrainingCost(1.0).of_retrain, {"spells": A(ld.check_spells(SPELLS), "object")}
    ),
    "RetrainingCost.exposure": Call(ld.RetrainingCost(1.0).exposure, {"spells": A(ld.check_spells(SPELLS), "object")}),
    "rivals": Call(
        rivals,
        {
            "staleness": A([1.0, 2.0], "object", ("none", "numbers", "array", "zero", "negative", "fraction", "huge")),
            "typical_gap": A(1.0, "positive"),
            "signals": A(("score_gap",), "names", ("empty", "texts")),
            "river": A(False, "flag"),
        },
    ),
    "rival_policies": Call(
        ld.rival_policies, {"spells": TABLE, "split": A(0.6, "probability", ("true",)), "river": A(False, "flag")}
    ),
    "save": Call(
        policies.save, {"path": A(f"{mkdtemp()}/policies.json", "path")}, {"what": (policies.CUSUM(1.0), "test_saving")}
    ),
    "load": Call(
        lambda path: policies.load(path), {"path": A(SAVED, "path", ("text", "number as text", "empty text"))}
    ),
    # what it costs
    "replay": Call(
        ld.replay, {"spells": TABLE, "policy": A(policies.CUSUM(1.0), "policy"), "cost": COST, "accounting": ACCOUNTING}
    ),
    "oracle": Call(ld.oracle, {"spells": TABLE, "cost": COST, "accounting": ACCOUNTING}),
    "tune": Call(
        ld.tune,
        {
            "spells": TABLE,
            "candidates": A([policies.CUSUM(1.0)], "sequence"),
            "cost": COST,
            "accounting": ACCOUNTING,
            "starts": A(3, "whole", OPTIONAL),
            "within": A(1.0, "not negative"),
        },
    ),
    "fit_continuation": Call(
        ld.fit_continuation,
        {
            "spells": A(LONGER, "object"),
            "costs": A(0.1, "cost", ("numbers",)),
            "accounting": ACCOUNTING,
            "start": A(policies.CUSUM(1.0), "policy"),
            "iterations": A(1, "whole"),
            "decay": A(0.9, "share"),
            "cells": A(1000, "whole"),
            "random_seed": SEED,
            "executor": A(None, "object", OPTIONAL),
        },
    ),
    "decide": Call(
        ld.decide,
        {
            "spells": TABLE,
            "policy": A(policies.CUSUM(1.0), "policy"),
            "cost": COST,
            "deployed_at": A(0, "whole from 0", OPTIONAL),
            "deployed_label": A(None, "object", OPTIONAL),
            "horizon": A(5, "whole"),
            "probability": A(0.9, "probability"),
        },
    ),
    "decide_all": Call(
        ld.decide_all,
        {
            "spells": TABLE,
            "policy": A(policies.CUSUM(1.0), "policy"),
            "cost": COST,
            "deployed_at": A(0, "whole from 0", OPTIONAL),
            "deployed_label": A(None, "object", OPTIONAL),
            "horizon": A(5, "whole"),
            "probability": A(0.9, "probability"),
        },
    ),
    "diagnose": Call(
        ld.diagnose,
        {
            "spells": TABLE,
            "forgetting": A(None, "object", OPTIONAL),
            "deployed_at": A(0, "whole from 0", OPTIONAL),
            "deployed_label": A(None, "object", OPTIONAL),
            "alpha": A(0.05, "probability"),
        },
    ),
    "belief_check": Call(
        ld.belief_check,
        {"spells": TABLE, "schedule": A(None, "object", OPTIONAL), "probability": A(0.99, "probability")},
    ),
    "belief_slope": Call(ld.belief_slope, {"spells": TABLE, "probability": A(0.9, "probability")}),
    "ageing_curve": Call(ld.ageing_curve, {"spells": TABLE, "probability": A(0.9, "probability")}),
    "shadow_scores": Call(ld.shadow_scores, {"spells": TABLE}),
    "implied_cost": Call(
        ld.implied_cost,
        {
            "spells": TABLE,
            "calendar": A(4, "object", ("policy", "texts", "numbers", "empty", "array")),
            "money_per_nat": A(None, "positive", OPTIONAL),
            "currency": A(None, "text", OPTIONAL),
            "probability": A(0.9, "probability"),
            "resamples": A(5, "whole"),
            "random_seed": SEED,
        },
    ),
    "audit": Call(
        ld.audit,
        {
            "spells": TABLE,
            "cost": COST,
            "calendar": CALENDAR,
            "split": A(0.5, "probability"),
            "accounting": ACCOUNTING,
            "probability": A(0.9, "probability"),
            "resamples": A(5, "whole"),
            "last_retrain": A(None, "object", OPTIONAL),
            "coefficient_count": A(2, "whole", OPTIONAL),
            "random_seed": SEED,
        }
        | GRIDS,
    ),
    "compare_rules": Call(
        ld.compare_rules,
        {name: argument for name, argument in OF_TABLES.items() if name != "update_rule"}
        | {
            "variables": A(("debt",), "names", ("empty", "none")),
            "rules": A([ld.UpdateRule(), ld.UpdateRule(window=8)], "object", OPTIONAL),
            "cost": COST,
            "today": A("all data", "choice", OPTIONAL),
            "calendar": CALENDAR,
            "split": A(0.5, "probability"),
            "coefficient_count": A(2, "whole", OPTIONAL),
            "probability": A(0.9, "probability"),
            "resamples": A(5, "whole"),
        }
        | GRIDS,
        {"history": (history(), THE_DOOR), "store": (None, A_FOLDER)},
    ),
    "repeat_audit": Call(
        ld.repeat_audit,
        {
            "spells": TABLE,
            "cost": COST,
            "splits": A((0.5,), "object", ("numbers",)),
            "calendar": CALENDAR,
            "accounting": ACCOUNTING,
        }
        | GRIDS,
    ),
    # real histories
    "run_bench": Call(
        bench.run_bench,
        {
            "tables": A({"mine": LONGER}, "object", OPTIONAL),
            "histories": A(None, "names", OPTIONAL),
            "policies": A([], "names", ("none", "empty")),
            "cost_ratios": A((1.0,), "object", ("numbers",)),
            "splits": A((0.5,), "object", ("numbers",)),
            "accounting": ACCOUNTING,
            "resamples": A(10, "whole"),
            "random_seed": SEED,
            "executor": A(None, "object", OPTIONAL),
            "progressbar": A(False, "flag"),
        },
        dict.fromkeys(("update_rules", "priors"), (None, "of real histories, tested with these")),
    ),
    "rule_savings": Call(
        bench.rule_savings,
        {
            "rules": A([ld.UpdateRule(), ld.UpdateRule(window=8)], "object", OPTIONAL),
            "priors": A(["weak"], "names"),
            "cost_ratios": A((1.0,), "object", ("numbers",)),
            "splits": A((0.5,), "object", ("numbers",)),
            "resamples": A(10, "whole"),
            "random_seed": SEED,
            "executor": A(None, "object", OPTIONAL),
        },
        {"histories": (["massachusetts"], "all of them if left out, tested with these")},
    ),
    "summarise": Call(
        bench.summarise,
        {
            "bills": A(BENCH.bills, "object"),
            "floor": A(0.25, "positive"),
            "probability": A(0.9, "probability"),
            "resamples": A(10, "whole"),
            "random_seed": SEED,
        },
    ),
    "write_bench": Call(bench.write_bench, {"bench": A(BENCH, "object"), "directory": A(mkdtemp(), "path")}),
    "read_bench": Call(bench.read_bench, {}, {"directory": (WRITTEN, A_FOLDER)}),
    "read_tables": Call(bench.read_tables, {}, {"directory": (TABLES, A_FOLDER)}),
    "Row": Call(
        bench.Row,
        {
            "name": A("mine", "text"),
            "group": A("mine", "text"),
            "candidates": A(never, "function"),
            "requires": A(("score_gap",), "names", ("texts", "empty")),
            "sees_cost": A(True, "flag"),
        },
        {"planner": (None, "one of candidates and planner"), "module": ("", OPEN), "extra": ("", OPEN)},
    ),
    # the live monitor
    "Monitor.create": Call(
        new_monitor,
        OF_MONITORS
        | {
            "cost": COST,
            "policy": A(AGREED["policy"], "policy"),
            "calendar": A(6, "whole"),
            "update_rule": A(None, "object", OPTIONAL),
            "probability": A(0.9, "probability"),
        },
        OF_MONITORS_LEFT,
    ),
    "Monitor.from_audit": Call(
        lambda **given: ld.Monitor.from_audit(f"{mkdtemp()}/state", **given),
        OF_MONITORS | {"audit": A(AUDIT, "object"), "initial": A(5, "whole", OPTIONAL)},
        OF_MONITORS_LEFT,
    ),
    "Monitor.open": Call(
        lambda **given: ld.Monitor.open(watched().path, **given),
        {"forecaster": A(FORECASTER, "object", ("none", "forecaster"))},
    ),
    "Monitor.adopt": Call(
        lambda **given: watched().adopt(**given), {"forecaster": A(FORECASTER, "forecaster"), "reason": REASON}
    ),
    "Monitor.observe": Call(
        lambda **given: watched().observe(**given),
        {"gaps": A(False, "flag")},
        {"batch": ({"x": [1.0], "y": [0.1], "period": [31]}, THE_DOOR)},
    ),
    "Monitor.redeploy": Call(
        lambda **given: watched().redeploy(**given),
        {
            "reason": A("spring", "text", ("empty text",)),
            "force": A(False, "flag"),
            "largest_shift": A(1e9, "positive", OPTIONAL),
            "registry": A(None, "object", OPTIONAL),
        },
    ),
    "Monitor.rollback": Call(
        lambda **given: watched().rollback(**given),
        {"reason": A("spring", "text", ("empty text",)), "registry": A(None, "object", OPTIONAL)},
        {"to": (None, "looked for by value, in test_monitor")},
    ),
    "Monitor.check_candidate": Call(
        lambda **given: watched().check_candidate(**given),
        {"largest_shift": A(1.0, "positive", OPTIONAL), "error_rate": A(0.05, "probability")},
    ),
    "Monitor.send_alerts": Call(
        lambda **given: watched().send_alerts(**given),
        {"hooks": A([], "sequence", ("empty",)), "deadline": A(30.0, "positive")},
    ),
    "Monitor.export": Call(
        lambda **given: watched().export(**given),
        {"rows": A(True, "flag")},
        {"path": (Path(mkdtemp(), "copy"), "a folder that is not there yet: in test_operations")},
    ),
    "check_candidate": Call(
        check_candidate,
        {
            "score_differences": A([0.1] * 10, "numbers", ("numbers", "empty")),
            "monte_carlo_errors": A(0.0, "not negative"),
            "convergence": A(None, "object", OPTIONAL),
            "forecast_shift": A(ld.Estimate(0.1, 0.0), "object", OPTIONAL),
            "largest_shift": A(1.0, "positive", OPTIONAL),
            "error_rate": A(0.05, "probability"),
        },
    ),
    "open_metrics": Call(open_metrics, {"statuses": A({"north": {"verdict": "wait"}}, "object")}),
    "Webhook": Call(
        Webhook,
        {
            "url": A("https://alerts.example/debt", "text", OPTIONAL),
            "url_variable": A(None, "text", OPTIONAL),
            "secret_variable": A(None, "text", OPTIONAL),
            "attempts": A(3, "whole"),
            "backoff": A(1.0, "not negative"),
        }
        | OF_HOOKS,
    ),
    "CommandHook": Call(CommandHook, {"arguments": A(["sh"], "names")} | OF_HOOKS),
    "Monitor.explain": Call(
        lambda **given: watched().explain(**given),
        {"by": A("x", "text", OPTIONAL), "moved": A(True, "flag", OPTIONAL)},
        {"period": (None, "looked for by value, in test_monitor")},
    ),
    "Monitor.moved": Call(
        lambda **given: watched().moved(**given),
        {"by": A("x", "text", OPTIONAL)},
        {"period": (None, "looked for by value, in test_monitor")},
    ),
    "Monitor.decline": Call(lambda **given: watched().decline(**given), {"reason": REASON}),
    "Monitor.verify": Call(
        lambda **given: watched().verify(**given),
        {"replay": A(True, "flag"), "head": A(None, "text", OPTIONAL)},
    ),
    # what it looks like
    "plot_ageing": Call(
        plots.plot_ageing,
        {"curve": A(ld.ageing_curve(SPELLS), "object"), "max_age": A(10, "whole", OPTIONAL)} | PICTURE,
    ),
    "plot_calibration": Call(
        plots.plot_calibration,
        {"reliability": A(CHANCES, "object"), "fewest_cases": A(10, "whole")} | INTERVALS,
    ),
    "plot_belief_slope": Call(plots.plot_belief_slope, {"slopes": A(ld.belief_slope(SPELLS), "object")} | PICTURE),
    "plot_bill": Call(
        plots.plot_bill, {"audit": A(AUDIT, "object"), "policies": A(None, "names", OPTIONAL)} | INTERVALS
    ),
    "plot_debt": Call(plots.plot_debt, {"var_names": A(["debt"], "names", OPTIONAL)} | OF_SERVICE | INTERVALS),
    "plot_debt_parts": Call(
        plots.plot_debt_parts, {"parts": A(PARTS, "object"), "max_parts": A(5, "whole")} | INTERVALS
    ),
    "plot_decisions": Call(
        plots.plot_decisions,
        {"audit": A(AUDIT, "object"), "policies": A(None, "names", OPTIONAL), "max_series": A(5, "whole")} | PICTURE,
    ),
    "plot_parameter_stability": Call(
        plots.plot_parameter_stability,
        {
            "posteriors": A(DRAWN, "object"),
            "schedule": A(None, "object", OPTIONAL),
            "var_names": A(None, "names", OPTIONAL),
            "filter_vars": A(None, "choice", OPTIONAL),
            "group": A("posterior", "text", ("text", "number as text")),
            "coords": A(None, "object", OPTIONAL),
            "sample_dims": A(None, "names", OPTIONAL),
            "point_estimate": A(None, "choice", OPTIONAL),
            "ci_kind": A(None, "choice", OPTIONAL),
            "max_parameters": A(5, "whole"),
        }
        | INTERVALS,
    ),
    "plot_regret": Call(plots.plot_regret, {"cost": A(0.1, "cost", OPTIONAL)} | OF_SERVICE | INTERVALS),
    "plot_sampled_against_exact": Call(
        plots.plot_sampled_against_exact,
        {"sampled": TABLE, "exact": TABLE, "max_points": A(10, "whole"), "random_seed": SEED} | INTERVALS,
    ),
    "plot_spells": Call(plots.plot_spells, {"variable": A("debt", "choice", OPTIONAL)} | OF_SERVICE | PICTURE),
    "plot_upkeep": Call(plots.plot_upkeep, {"spells": TABLE} | PICTURE),
    # how much training
    "EmpiricalDuration": Call(
        budget.EmpiricalDuration,
        {
            "durations": A(SEEN_DURATIONS[0], "object", ("numbers",)),
            "observed": A(SEEN_DURATIONS[1], "object", OPTIONAL),
        },
    ),
    "ExponentialCurve": Call(
        budget.ExponentialCurve,
        {"floor": A(0.1, "number"), "gain": A(0.9, "not negative"), "rate": A(1.0, "positive")},
    ),
    "ExponentialDuration": Call(budget.ExponentialDuration, {"rate": A(0.5, "positive")}),
    "HyperexponentialDuration": Call(
        budget.HyperexponentialDuration,
        {
            "weights": A((0.8, 0.2), "object", ("numbers",)),
            "rates": A((2.0, 0.1), "object", ("numbers",)),
        },
    ),
    "PowerCurve": Call(
        budget.PowerCurve,
        {
            "floor": A(0.1, "number"),
            "gain": A(0.9, "not negative"),
            "exponent": A(0.5, "positive"),
            "scale": A(1.0, "positive"),
        },
    ),
    "WeibullDuration": Call(budget.WeibullDuration, {"shape": A(2.0, "positive"), "scale": A(2.0, "positive")}),
    "concept_durations": Call(
        budget.concept_durations,
        {
            "spells": A(LONGER, "object"),
            "detector": A(policies.CUSUM(0.5), "policy"),
            "shortest": A(2, "whole"),
            "keep_first": A(True, "flag"),
        },
    ),
    "concept_losses": Call(
        budget.concept_losses,
        {
            "spells": A(LONGER, "object"),
            "concepts": A(CONCEPTS, "object"),
            "longest": A(10, "whole"),
            "delay": A(0, "whole from 0"),
        },
    ),
    "durations_from_ledger": Call(
        budget.durations_from_ledger,
        {"history": A(LEDGER, "object"), "shortest": A(1, "whole"), "keep_first": A(True, "flag")},
    ),
    "estimation_cost": Call(
        budget.estimation_cost,
        {
            "fit": A(DURATION, "object"),
            "curve": A(CURVE, "object"),
            "budget": A(0.3, "positive"),
            "max_rate": A(1.0, "positive"),
            "truth": A(None, "object", OPTIONAL),
            "resamples": A(10, "whole"),
            "probability": A(0.9, "probability"),
            "random_seed": SEED,
        },
    ),
    "fit_durations": Call(
        budget.fit_durations,
        {
            "durations": A(SEEN_DURATIONS[0], "object", ("numbers",)),
            "observed": A(SEEN_DURATIONS[1], "object", OPTIONAL),
            "families": A(("exponential",), "names"),
            "probability": A(0.9, "probability"),
            "resamples": A(10, "whole"),
            "random_seed": SEED,
        },
    ),
    "fit_learning_curve": Call(
        budget.fit_learning_curve,
        {
            "effort": A(np.arange(8.0), "object"),
            "loss": A(CURVE.loss(np.arange(8.0)), "object"),
            "errors": A(np.full(8, 0.01), "object", OPTIONAL),
            "families": A(("exponential",), "names"),
        },
    ),
    "plan_effort": Call(
        budget.plan_effort,
        {
            "duration": A(DURATION, "object"),
            "curve": A(CURVE, "object"),
            "budget": A(0.3, "positive"),
            "max_rate": A(1.0, "positive"),
            "method": A("auto", "choice"),
            "tolerance": A(1e-3, "positive"),
            "cells": A(20, "whole"),
        },
    ),
    "plan_shipments": Call(
        budget.plan_shipments,
        {"plan": A(PLAN, "object"), "rate": A(0.1, "positive"), "ages": A(20, "whole")},
    ),
    # which candidate serves
    "ABTest": Call(serving.ABTest, {"batches": A(4, "whole")}),
    "BetaThompson": Call(serving.BetaThompson, REWARDS | MEMORY),
    "EpsilonGreedy": Call(serving.EpsilonGreedy, {"epsilon": A(0.1, "share")} | MEMORY),
    "FollowLeader": Call(serving.FollowLeader, MEMORY),
    "Naive": Call(serving.Naive, {}),
    "NormalThompson": Call(
        serving.NormalThompson,
        {"mean": A(0.0, "number"), "sd": A(1.0, "positive"), "noise": A(1.0, "positive")} | MEMORY,
    ),
    "UCB1": Call(serving.UCB1, REWARDS | MEMORY),
    "Validation": Call(serving.Validation, {}),
    "Candidate": Call(
        serving.Candidate,
        {
            "forecaster": A(FORECASTER, "forecaster"),
            "update_rule": A(ld.UpdateRule(window=5), "object"),
            "every": A(4, "whole", OPTIONAL),
        },
    ),
    "candidate_scores": Call(
        serving.candidate_scores,
        {
            "candidates": A(CANDIDATES, "object"),
            "initial": A(6, "whole"),
            "score": A("log", "score"),
            "varying_rows": A(False, "flag"),
            "random_seed": SEED,
            "progressbar": A(False, "flag"),
        },
        {"history": (history(), THE_DOOR)},
    ),
    "evaluate": Call(
        serving.evaluate,
        {
            "scores": A(TABLE_OF_SCORES, "object"),
            "strategies": A({"naive": serving.Naive()}, "object", OPTIONAL),
            "initial": A(4, "whole from 0", OPTIONAL),
            "information": A("served", "choice"),
            "against": A("naive", "choice", OPTIONAL),
            "repetitions": A(5, "whole"),
            "probability": A(0.9, "probability"),
            "resamples": A(10, "whole"),
            "random_seed": SEED,
        },
    ),
    "average_precision": Call(
        serving.average_precision,
        {"outcome": A([0, 1, 1], "object"), "probability": A([0.2, 0.1, 0.8], "object")},
    ),
    "balanced_accuracy": Call(
        serving.balanced_accuracy,
        {
            "outcome": A([0, 1, 1], "object"),
            "probability": A([0.2, 0.1, 0.8], "object"),
            "threshold": A(0.5, "share"),
        },
    ),
    "next_served": Call(
        lambda monitor=None, **given: serving.next_served(watched() if monitor is WATCHED else monitor, **given),
        {
            "monitor": A(WATCHED, "object"),
            "strategy": A(serving.FollowLeader(), "object"),
            "random_seed": SEED,
        },
    ),
    "put_into_service": Call(
        lambda monitor=None, **given: serving.put_into_service(watched() if monitor is WATCHED else monitor, **given),
        {
            "monitor": A(WATCHED, "object"),
            "choice": A(serving.Choice("keep", 9, 31, {}, "as it is"), "object"),
            "force": A(False, "flag"),
        },
        {"registry": (None, "checked by redeploy and rollback")},
    ),
    "read_bank_account_fraud": Call(serving.read_bank_account_fraud, {}, {"path": (FRAUD_FILE, A_FOLDER)}),
    "read_census_income": Call(
        serving.read_census_income,
        {"batch_rows": A(2, "whole")},
        {"paths": (CENSUS_FILE, A_FOLDER)},
    ),
    "choose_next": Call(
        serving.choose_next,
        {
            "scores": A(TABLE_OF_SCORES, "object"),
            "strategy": A(serving.FollowLeader(), "object"),
            "missing": A("cannot serve", "choice"),
            "random_seed": SEED,
        },
    ),
    "score_range": Call(serving.score_range, {"scores": A([0.1, 0.7], "object", ("numbers",))}),
    "stacking_weights": Call(
        serving.stacking_weights,
        {
            "log_scores": A(np.log([[0.2, 0.4], [0.5, 0.1]]), "object"),
            "row_weight": A([1.0, 0.5], "numbers", OPTIONAL),
        },
    ),
    "standard_strategies": Call(
        serving.standard_strategies,
        {
            "scores": A([0.1, 0.7], "object", ("numbers",)),
            "window": A(5, "whole"),
            "discount": A(0.9, "probability"),
        },
    ),
    "write_report": Call(
        write_report,
        {
            "audit": A(AUDIT, "object"),
            "directory": A(mkdtemp(), "path"),
            "title": A("A title", "text"),
            "comparison": A(None, "object", OPTIONAL),
            "table": A(None, "object", OPTIONAL),
            "model_summary": A(None, "text", ("none", "empty text")),
            "blocks": A(None, "object", OPTIONAL),
            "groups": A(None, "object", OPTIONAL),
            "parameters": A(None, "object", OPTIONAL),
            "ledger": A(None, "object", OPTIONAL),
            "what_if": A(False, "flag"),
        },
        dict.fromkeys(("exact", "sampled", "spells", "schedule"), (None, "checked by the plots")),
    ),
}

if find_spec("bambi"):
    import bambi

    SALES = pd.DataFrame({"sold": [3.0, 5.0, 2.0, 4.0], "price": [1.0, 2.0, 1.0, 2.0]})
    CALLS["from_bambi"] = Call(from_bambi, SAMPLING | {"model": A(bambi.Model("sold ~ price", SALES), "object")})
