"""One schema: what a table says of itself survives a file, and every reader takes it from one place."""

import ast
import gzip
import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import learning_debt as ld
from learning_debt.cli.history_file import read_spells
from learning_debt.data import plain_labels
from learning_debt.plots import plot_debt
from learning_debt.policies.signals import Signals
from learning_debt.report import write_report, write_spells
from learning_debt.spells.placeholder_table import rehearsed_table
from learning_debt.spells.schema import (
    ARRIVED_GAP,
    CELLS,
    DIMS,
    ESTIMATED,
    EXACT_ONLY,
    OPTIONAL,
    SAMPLED,
    SCHEMA_VERSION,
    VARIABLES,
    VERSION,
    TableFacts,
    doubt_of,
    per_observation,
    reliable_of,
    se_of,
)

from ..sampled_regression import SampledRegression

CELL = ("deployed_at", "period")
TABLES = Path(__file__).parent / "tables"
NOT_QUITE_ALL = ld.UpdateRule(discount=0.9999999)
FORECASTER = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))


class Unwilling(SampledRegression):
    """A forecaster of draws that is never to be asked for anything."""

    def as_batch(self, data):
        raise AssertionError

    fit = as_batch


def history(periods=14):
    x = np.random.default_rng(3).normal(size=periods)
    return {"x": x, "y": 2 * x + 1, "period": np.arange(periods)}


def built(**options):
    return ld.spell_table(FORECASTER, history(), initial=4, progressbar=False, **options)


def own(**attrs):
    gap = np.where(np.triu(np.ones((12, 12))), 0.1, np.nan)
    cells = {"score_gap": gap, "predictive_debt": gap, "gap_sd": gap}
    return xr.Dataset({name: (CELL, values) for name, values in cells.items()}, attrs=attrs)


def reopened(table, path, engine):
    table.to_netcdf(path, engine=engine)
    with xr.open_dataset(path, engine=engine) as read:
        return read.load()


FACTS = {
    "of a table that says nothing": TableFacts(),
    "nearly no discount": TableFacts(update_rule=NOT_QUITE_ALL),
    "the number before 1": TableFacts(update_rule=ld.UpdateRule(discount=float(np.nextafter(1.0, 0.0)))),
    "no finite binary fraction": TableFacts(update_rule=ld.UpdateRule(window=7, discount=1 / 3)),
    "all at once": TableFacts(
        timing="separate",
        score="newsvendor 4/1",
        unit="€ 'm' per observation",
        currency="€ 'm'",
        update_rule=ld.UpdateRule(window=26, discount=0.97),
        horizon=6,
        no_debt="the table holds no debt: groups came with the rows",
    ),
}


@pytest.mark.parametrize("engine", ["h5netcdf", "scipy"])
@pytest.mark.parametrize("facts", FACTS.values(), ids=FACTS)
def test_every_attribute_survives_a_file(facts, engine, tmp_path):
    table = own(**facts.attributes())
    read = reopened(table, tmp_path / "spells.nc", engine)
    assert read.attrs == table.attrs
    assert TableFacts.from_table(read) == facts
    assert TableFacts.from_table(ld.check_spells(read)) == facts
    assert TableFacts.from_table(ld.select_periods(read, 3)) == facts


def test_the_facts_of_a_built_table_are_those_it_was_asked_for(tmp_path):
    score = ld.scores.NewsvendorLoss(under=4, over=1, currency="EUR")
    table = built(score=score, horizon=2, update_rule=NOT_QUITE_ALL)
    with xr.open_dataset(write_spells(table, tmp_path), engine="h5netcdf") as read:
        facts = TableFacts.from_table(read)
    assert facts == TableFacts("prequential", score.name, "EUR per observation", "EUR", NOT_QUITE_ALL, 2)
    assert facts.version == table.attrs[SCHEMA_VERSION] == VERSION
    assert (facts.score_unit, facts.regret_unit, facts.in_nats) == ("EUR", "EUR", False)


def test_a_discount_close_to_1_counts_as_what_it_is(tmp_path):
    """The chance that a retrain pays depends on the periods held: here on the discount's last digits."""
    table = own(**TableFacts(update_rule=ld.UpdateRule(discount=1 - 1e-12)).attributes())
    read = TableFacts.from_table(reopened(table, tmp_path / "spells.nc", "h5netcdf")).update_rule
    assert 1 - read.discount == pytest.approx(1e-12, rel=1e-3)
    held = read.weights(np.arange(10**6)).sum()
    assert held == pytest.approx(10**6 - 0.5, abs=0.01)


READERS = {
    "check_spells": ld.check_spells,
    "select_periods": lambda table: ld.select_periods(table, 2),
    "replay": lambda table: ld.replay(table, ld.policies.Never(), 0.1),
    "oracle": lambda table: ld.oracle(table, 0.1),
    "audit": lambda table: ld.audit(table, 0.1),
    "decide": lambda table: ld.decide(table, ld.policies.Never(), 0.1, horizon=2),
    "decide_all": lambda table: ld.decide_all(table, ld.policies.Never(), 0.1, horizon=2),
    "belief_check": ld.belief_check,
    "compare_tables": lambda table: ld.compare_tables(table, table),
    "plot_debt": lambda table: plot_debt(table, None),
    "resolve": lambda table: ld.RetrainingCost(0.1).resolve(table.assign(regret=1.0, rows=1.0)),
}


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_a_later_version_is_refused_by_every_reader_with_the_remedy(reader):
    with pytest.raises(ValueError, match=rf"attrs\['schema_version'\] is {VERSION + 1}: .*; read it with that release"):
        reader(own(schema_version=VERSION + 1))


def test_a_later_version_is_refused_by_the_command_line_with_the_file(tmp_path):
    path = write_spells(own(), tmp_path)
    own(schema_version=VERSION + 1).to_netcdf(path, engine="h5netcdf")
    with pytest.raises(ValueError, match=r"--spells .*spells.nc: spells.attrs\['schema_version'\] is 2"):
        read_spells(path)


WRONG = {
    "version of text": ({"schema_version": "new"}, r"spells.attrs\['schema_version'\] must be a whole number"),
    "version below 0": ({"schema_version": -1}, r"spells.attrs\['schema_version'\] must be .* at least 0"),
    "timing": ({"timing": "prequentail"}, r"spells.attrs\['timing'\] must be one of 'prequential', 'separate'"),
    "horizon": ({"horizon": 0}, r"spells.attrs\['horizon'\] must be a whole number that is at least 1"),
    "currency": ({"currency": 3}, r"spells.attrs\['currency'\] must be a name.*, not 3"),
    "rule": ({"update_rule": "a window"}, r"spells.attrs\['update_rule'\]: text must be an update rule"),
    "window": ({"update_rule_window": 0}, r"spells.attrs\['update_rule_window'\] must be .* at least 1"),
    "discount": ({"update_rule_discount": 2.0}, r"spells.attrs\['update_rule_discount'\] must be .* at most 1"),
    "two rules": (
        {"update_rule": "rolling window of 5 periods", "update_rule_discount": 0.9},
        r"spells.attrs\['update_rule'\] is 'rolling window of 5 periods'.* say 'discount 0.9 a period': change all",
    ),
}


@pytest.mark.parametrize(("attrs", "message"), WRONG.values(), ids=WRONG)
def test_an_attribute_that_cannot_be_is_named_with_what_it_says(attrs, message):
    with pytest.raises((TypeError, ValueError), match=message):
        ld.check_spells(own(**attrs))


def test_a_rule_changed_in_words_alone_is_never_passed_over():
    table = built()
    changed = table.assign_attrs(update_rule="rolling window of 5 periods")
    with pytest.raises(ValueError, match="change all of them together"):
        ld.decide(changed, ld.policies.Never(), 0.1, horizon=2)
    whole = table.assign_attrs(TableFacts(update_rule=ld.UpdateRule(window=5)).attributes())
    assert TableFacts.from_table(whole).update_rule == ld.UpdateRule(window=5)


def test_an_owners_table_without_attributes_is_in_nats_of_all_data_one_period_ahead():
    assert TableFacts.from_table(own()) == TableFacts(version=0)
    bare = own()
    table = own(
        timing="prequential", score="log", unit="nats per observation", update_rule="all data", horizon=np.int64(1)
    )
    for cost in (0.1, ld.RetrainingCost(5, money_per_nat=2, currency="EUR")):
        one, other = (ld.decide(each, ld.policies.CUSUM(0.5), cost, horizon=4) for each in (bare, table))
        assert repr(one) == repr(other)  # NaN is not equal to itself
    assert ld.replay(bare, ld.policies.Always(), 0.1).unit == "nats"
    assert ld.check_spells(bare).attrs == {}


def test_an_owners_unit_and_currency_are_shown_as_they_are_written():
    table = own(unit="EUR per observation", currency="EUR")
    facts = TableFacts.from_table(table)
    assert facts.unit_of("score_gap") == "EUR per observation"
    assert facts.unit_of("debt") == "nats"
    assert facts.unit_of("regret") == "EUR"
    assert ld.replay(table, ld.policies.Never(), ld.RetrainingCost(1.0, currency="EUR")).unit == "EUR"
    assert TableFacts(unit=per_observation("outcome")).regret_unit == "outcome units"
    assert TableFacts.from_table(own(unit="clicks")).unit == "clicks"


@pytest.fixture
def old_table(tmp_path):
    """A table that release 0.1.0 wrote, before tables had a version: 19 months, forecast two steps ahead."""
    path = tmp_path / "spells.nc"
    path.write_bytes(gzip.decompress((TABLES / "0.1.0.nc.gz").read_bytes()))
    return path


def test_a_table_of_release_0_1_0_is_read_audited_and_decided_on_as_it_was_then(old_table):
    """Figures and sentences beside the file are those that release 0.1.0 itself gave for it."""
    then = json.loads((TABLES / "0.1.0.json").read_text(encoding="utf-8"))
    table = read_spells(old_table)
    assert SCHEMA_VERSION not in table.attrs
    rule = ld.UpdateRule(window=9, discount=0.9999999)
    assert TableFacts.from_table(table) == TableFacts(update_rule=rule, horizon=2, version=0)
    audit = ld.audit(table, 0.3, calendar=5, random_seed=4, starts=1, policies={"recommended": None})
    for name, column in (("total", "total"), ("low", "difference_low")):
        now = dict(zip(audit.table["policy"].values.tolist(), audit.table[column].values.tolist(), strict=True))
        assert now == pytest.approx(then[name], rel=1e-12)
    said = (list(audit.notes), audit.headline, audit.table.attrs["unit"], audit.decided_by)
    notes = [note.replace("period(s)", "period") for note in then["notes"]]
    assert said == (notes, then["headline"], then["unit"], then["decided_by"])
    decision = ld.decide(table, ld.policies.PredictiveDebtThreshold(4), 0.3, horizon=6)
    assert decision.verdict == then["verdict"]
    assert f"avoid {decision.believed_regret:.3g} nats" in then["reason"]  # it was the shadow's belief then
    assert decision.reason.split("; ")[-1].startswith(then["reason"].split("; ")[-1])  # the cost at which it flips
    assert str(plain_labels(table["label"])[0]) == "2024-09"


@pytest.mark.slow
def test_a_table_of_release_0_1_0_is_reported_on_and_kept(old_table, tmp_path):
    table = read_spells(old_table)
    page = write_report(ld.audit(table, 0.3, calendar=5, resamples=20), tmp_path / "new", title="old", table=table)
    assert "rolling window of 9 periods, discount 0.9999999 a period" in page.read_text(encoding="utf-8")
    kept = read_spells(page.parent / "spells.nc")
    assert TableFacts.from_table(kept) == TableFacts.from_table(table)
    xr.testing.assert_equal(kept, table)


def written():
    """Tables of all engines and options that add variables."""
    everything = (*SAMPLED, *EXACT_ONLY, "deployed_score")
    draws = (*ESTIMATED, *(name for name in OPTIONAL if name not in EXACT_ONLY))
    return [
        built(variables=everything),
        built(horizon=2),
        rehearsed_table(Unwilling(), history(), initial=4, variables=draws, progressbar=False),
    ]


def test_all_that_a_table_holds_is_in_the_schema_and_runs_along_what_it_says():
    errors, verdicts = {se_of(name): name for name in CELLS}, {reliable_of(name): name for name in CELLS}
    codes = {doubt_of(name): name for name in CELLS}
    found = set()
    for table in written():
        for name, variable in table.variables.items():
            if name in CELL:
                continue
            signal = errors.get(name, verdicts.get(name, codes.get(name, name)))
            found.add(signal)
            expected = VARIABLES[signal].dims
            assert tuple(dim for dim in variable.dims if dim != "series") == expected, name
            assert ("series" in variable.dims) == (VARIABLES[signal].holds != "label" or name == "series")
            kinds = {"number": "if", "truth value": "b", "text": "U", "label": "iuUM", "code": "i"}
            holds = "truth value" if name in verdicts else "code" if name in codes else VARIABLES[signal].holds
            assert variable.dtype.kind in kinds[holds], name
            if name in CELLS:
                assert variable.dims == DIMS
    assert found == set(VARIABLES)


def test_signals_that_are_estimated_carry_an_error_and_a_verdict():
    for table in written():
        held = {name for name in CELLS if se_of(name) in table}
        assert held == {name for name in CELLS if reliable_of(name) in table}
        assert held == {*ESTIMATED, ARRIVED_GAP} & set(table)


def test_policies_see_the_signals_of_the_schema_and_no_others():
    of_the_period = {"period", "label", "spell_age", "cost", "exposure", "reliable", "converged"}
    names = {field.name for field in fields(Signals)} - of_the_period
    assert names == {*ESTIMATED, *OPTIONAL, *map(se_of, ESTIMATED)}


SOURCES = Path(ld.__file__).parents[1]
ATTRIBUTES = {*FACTS["all at once"].attributes()} - {"debt"}


def cut_elsewhere(tree):
    """Names of errors and verdicts put together by hand, and attributes of a table read by their names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            ends = [part.value for part in node.values if isinstance(part, ast.Constant)]
            if len(node.values) == 2 and ends in (["_se"], ["_reliable"], ["_doubt"]):
                yield ast.unparse(node)
        called = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get"
        of = node.func.value if called else node.value if isinstance(node, ast.Subscript) else None
        key = (node.args[0] if called else node.slice) if of is not None else None
        from_attrs = isinstance(of, ast.Attribute) and of.attr == "attrs" and isinstance(key, ast.Constant)
        if from_attrs and key.value in ATTRIBUTES:
            yield ast.unparse(node)


def test_names_and_attributes_are_read_in_one_place():
    paths = [one for one in sorted(SOURCES.glob("learning_debt*/**/*.py")) if one.name != "schema.py"]
    found = {one.name: list(cut_elsewhere(ast.parse(one.read_text(encoding="utf-8")))) for one in paths}
    assert {name: texts for name, texts in found.items() if texts} == {}
    assert len(paths) > 150
    assert list(cut_elsewhere(ast.parse("table.attrs['unit'], f'{name}_se', spells.attrs.get('horizon', 1)")))
