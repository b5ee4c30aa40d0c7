"""On what to retrain, from the command line: asked where it is cheap, else how to ask."""

import pytest

from learning_debt.cli.settings import SETTINGS

SHORT = "initial = 40"


def test_an_exact_forecaster_is_asked_on_what_to_retrain(folder):
    result = folder.audit(folder.exact(SHORT))
    assert result.exit_code == 0, result.output
    said = " ".join(result.output.split())
    assert "on what to retrain: 8 more tables, one for each update rule besides today's" in said
    assert "realised score less the cost of retrains, nats a period" in said
    for rule in ("all data", "rolling window of 35 periods", "discount 0.75 a period"):
        assert rule in said
    assert "Recommended: retraining on" in said
    page = (folder.path / "audit" / "report.html").read_text()
    assert "<h2>On what to retrain</h2>" in page
    assert "rolling window of 35 periods" in page
    assert "Recommended: retraining on" in page


def test_todays_rule_is_the_models_own(folder):
    result = folder.audit(folder.exact(SHORT, "update_rule = ld.UpdateRule(window=20)", "rules = [ld.UpdateRule()]"))
    assert result.exit_code == 0, result.output
    assert "1 more table," in result.output
    page = (folder.path / "audit" / "report.html").read_text()
    assert "<bdi>rolling window of 20 periods</bdi> (today)" in page
    assert "rolling window of 35" not in page


@pytest.mark.parametrize(
    ("lines", "options"),
    [([], ["--no-rules"]), (["rules = False"], []), (["rules = [ld.UpdateRule(window=9)]"], ["--no-rules"])],
)
def test_nothing_is_asked_where_nobody_wants_it(folder, lines, options):
    result = folder.audit(folder.exact(SHORT, *lines), *options)
    assert result.exit_code == 0, result.output
    assert "on what to retrain" not in result.output.lower()
    assert "On what to retrain" not in (folder.path / "audit" / "report.html").read_text()


def test_positive_accounting_has_no_realised_score_and_asks_only_if_told_to(folder):
    quiet = folder.audit(folder.exact(SHORT), "--accounting", "positive")
    assert quiet.exit_code == 0, quiet.output
    assert "on what to retrain" not in quiet.output
    loud = folder.audit(folder.exact(SHORT), "--accounting", "positive", "--rules")
    assert loud.exit_code == 1
    assert "accounting must be 'signed' for tables of several rules" in " ".join(loud.output.split())


def test_a_forecaster_of_draws_is_told_how_to_ask(folder):
    result = folder.audit(folder.drawn("initial = 50"))
    assert result.exit_code == 0, result.output
    assert "--rules, or rules = [ld.UpdateRule(window=...), ...] in the model file, asks it" in result.output


def test_a_forecaster_of_draws_that_is_asked_fits_a_table_a_rule(folder):
    result = folder.audit(folder.drawn("initial = 50", "rules = [ld.UpdateRule(window=10)]"))
    assert result.exit_code == 0, result.output
    assert "1 more table," in result.output
    assert "rolling window of 10 periods" in (folder.path / "audit" / "report.html").read_text()
    assert {one.name for one in folder.path.iterdir() if one.is_dir()} == {"audit"}  # no store is left


@pytest.mark.parametrize(
    ("lines", "options", "message"),
    [
        (["rules = 'all'"], [], "rules must be"),
        (["rules = [ld.UpdateRule(window=500)]"], [], "hold the same of 70 periods"),
        (["rules = []"], [], "not empty"),
        ([], ["--rules", "--spells", "spells.nc"], "--rules has no say over --spells"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_any_table(folder, lines, options, message):
    result = folder.audit(folder.exact(SHORT, *lines), *options)
    assert result.exit_code == 1
    assert message in " ".join(result.output.split())
    assert folder.names() == set()


def test_rules_are_no_option_of_a_table():
    assert "rules" not in SETTINGS
