"""docs/spell-table.md lists what the schema has, no more and no less."""

import re
from pathlib import Path

import learning_debt as ld
from learning_debt.spells.schema import CELLS, DIMS, EARLIER, ESTIMATED, OPTIONAL, UNIT, VARIABLES, VERSION, TableFacts

PAGE = (Path(__file__).parents[2] / "docs" / "spell-table.md").read_text(encoding="utf-8")


def rows_of(heading):
    """Rows of the table under a heading, without its head."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith("| `")]


def names_in(rows):
    return [re.match(r"\| `(\w+)`", row)[1] for row in rows]


def test_every_variable_is_listed_as_the_schema_has_it():
    expected = []
    for name, one in VARIABLES.items():
        dims = ", ".join(f"`{dim}`" for dim in one.dims) or "`series`"
        unit = "`unit`" if one.unit == UNIT else one.unit
        expected.append(f"| `{name}` | {dims} | {one.holds} | {unit} | {one.meaning} |")
    assert rows_of("Variables and coordinates") == expected


def test_every_dimension_and_attribute_is_listed():
    assert names_in(rows_of("Dimensions")) == [*DIMS, EARLIER]
    rule = ld.UpdateRule(window=2, discount=0.5)
    said = TableFacts(currency="EUR", update_rule=rule, no_debt="why", not_pooled="why").attributes()
    listed = rows_of("Attributes")
    assert sorted(names_in(listed)) == sorted(said)
    for row in listed:
        name, kind = (cell.strip("` ") for cell in row.split("|")[1:3])
        assert {"whole number": int, "number": float, "text": str}[kind] is type(said[name]), name
    assert f"now {VERSION} |" in listed[0]


def test_what_carries_errors_or_must_be_asked_for_is_said():
    sentence = PAGE.split("A table without them is taken as exact.")[1].split("Variables of other")[0]
    estimated, optional = sentence.split("have them.")
    assert set(re.findall(r"`(\w+)`", estimated)) == {*ESTIMATED, "arrived_gap"} <= set(CELLS)
    assert set(re.findall(r"`(\w+)`", optional)) == {*OPTIONAL, "arrived_gap"}
