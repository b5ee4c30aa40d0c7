"""What a model file says is used or refused, never ignored; and importing it disturbs nothing."""

import inspect
import re
import sys

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from tests.sampled_regression import SampledRegression

import learning_debt as ld
from learning_debt.cli import twin_of_file
from learning_debt.cli.forecaster_of_file import forecaster_of, forecaster_options
from learning_debt.cli.model_file import imported, misspelt
from learning_debt.cli.settings import AUDIT_OPTIONS, TABLE_OPTIONS, Settings, label_from_text
from learning_debt.data import stored_labels

FILES = {"report.html", "policies.csv", "today.json", "bill.png", "schedule.png", "signals.png", "spells.nc"}
BUILD = "def build_model(data):\n    raise AssertionError('must not be reached')\n"


def settings_of(folder, text, **given):
    with imported(folder.path / folder.write(text, "said.py")) as module:
        return Settings.read("said.py", module, **given)


def kept(folder, out="audit"):
    return xr.load_dataset(folder.path / out / "spells.nc", engine="h5netcdf")


def test_a_ready_exact_forecaster_is_audited_exactly(folder):
    result = folder.audit(folder.exact())
    assert result.exit_code == 0, result.output
    assert "a ConjugateRegression" in result.output
    assert folder.names() == FILES
    with imported(folder.path / "exact.py") as module:
        table = ld.spell_table(module.forecaster, module.load_history(), initial=23, progressbar=False)
    xr.testing.assert_allclose(kept(folder)[["debt", "score_gap"]], table[["debt", "score_gap"]])


def test_every_option_of_the_table_and_the_audit_is_taken_by_its_name(folder):
    lines = ["initial = 30", "horizon = 2", "score = 'crps'", "exposure = 3.0", "split = 0.5", "probability = 0.8"]
    lines += ["calendar = 5", "update_rule = ld.UpdateRule(window=20)", "variables = ('predictive_debt', 'score_gap')"]
    lines += ["policies = {'mine': [ld.policies.CUSUM(0.3)]}", "accounting = 'positive'", "last_retrain = '2024-W60'"]
    result = folder.audit(folder.exact(*lines))
    assert result.exit_code == 0, result.output
    table = kept(folder)
    assert table.sizes["period"] == 70 - 30 - 1
    assert table.attrs["unit"] == "outcome per observation"
    assert table.attrs["update_rule"] == str(ld.UpdateRule(window=20))
    assert "debt" not in table
    assert float(table["exposure"].min()) == 3.0
    for words in ("positive regret", "80%", "mine", "your calendar", "trained after 2024-W60, in service for 8"):
        assert words in result.output
    assert "2024-W30 to 2024-W47" in " ".join(result.output.split())  # half of 39 periods, less one without outcomes


def test_the_command_line_comes_before_the_file(folder):
    lines = ["initial = 40", "split = 0.3", "calendar = 2", "last_retrain = '2024-W50'", "random_seed = 3"]
    options = ["--initial", 30, "--split", 0.5, "--calendar", 7, "--last-retrain", "2024-W60", "--seed", 4]
    one = folder.audit(folder.exact(*lines), *options, "--out", "one")
    plain = ["initial = 30", "split = 0.5", "calendar = 7", "last_retrain = '2024-W60'", "random_seed = 4"]
    other = folder.audit(folder.exact(*plain), "--out", "other")
    assert one.exit_code == other.exit_code == 0, one.output
    same = [re.sub(r"in \d+ s;", "", text) for text in (one.output.replace("one/", "other/"), other.output)]
    assert same[0] == same[1]


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("growing_dims = ('store',)", "growing_dims"),
        ("observation_dim = 'week'", "observation_dim"),
        ("context_rows = 3", "context_rows"),
        ("draws = 200", "draws"),
        ("sampler = 'pymc'", "sampler"),
        ("def prepare(data, fitted=None):\n    return data, fitted", "prepare"),
    ],
)
def test_an_option_beside_a_ready_forecaster_is_refused_by_name(folder, line, name):
    result = folder.audit(folder.exact(line))
    assert result.exit_code == 1
    assert f"forecaster and {name}:" in result.stderr
    assert not folder.names()


def test_what_a_ready_forecaster_was_made_with_may_stand_beside_it(folder):
    text = "import learning_debt as ld\ngrowing_dims, draws = ('store',), 300\n" + BUILD
    text += "def prepare(data, fitted=None):\n    return data, fitted\n"
    made = "forecaster = ld.PyMCForecaster(build_model, prepare=prepare, growing_dims=growing_dims, draws=draws)"
    settings = settings_of(folder, text + made)
    assert settings.forecaster()[0] is settings.said["forecaster"]
    other = settings_of(folder, text + made.replace("growing_dims=growing_dims", "growing_dims=('shop',)"))
    with pytest.raises(ValueError, match="forecaster and growing_dims"):
        other.forecaster()
    with pytest.raises(ValueError, match="--draws has no say over the ready forecaster"):
        settings_of(folder, text + made, draws=100).forecaster()


def test_every_option_of_a_pymc_forecaster_is_taken_by_its_name(folder):
    said = {"growing_dims": ("store",), "observation_dim": "week", "context_rows": 4, "draws": 300, "tune": 200}
    said |= {"chains": 2, "sampler": "pymc", "compile_kwargs": {"mode": "FAST_COMPILE"}}
    text = "\n".join(f"{name} = {value!r}" for name, value in said.items())
    text += "\ndef prepare(data, fitted=None):\n    return data, fitted\n" + BUILD
    settings = settings_of(folder, text, draws=150)
    assert {*said, "prepare"} == set(forecaster_options())
    assert {"build_model", "model"} == set(inspect.signature(ld.PyMCForecaster).parameters) - set(forecaster_options())
    forecaster, source = settings.forecaster()
    assert source == "build_model"
    expected = said | {"draws": 150, "prepare": settings.said["prepare"]}
    assert {name: forecaster.options[name] for name in expected} == expected


def test_options_are_derived_from_the_signatures():
    assert set(TABLE_OPTIONS) == set(inspect.signature(ld.spell_table).parameters) - {"forecaster", "history"}
    assert set(AUDIT_OPTIONS) == set(inspect.signature(ld.audit).parameters) - {"spells"}


MODEL = """
import numpy as np, pymc as pm
with pm.Model() as {name}:
    x, y = pm.Data("x", np.ones(3)), pm.Data("y", np.zeros(3))
    pm.Normal("outcome", pm.Normal("slope") * x, 1, observed=y)
"""


def test_a_ready_model_is_taken_whatever_it_is_called(folder):
    for name in ("model", "sales"):
        settings = settings_of(folder, MODEL.format(name=name) + "draws = 100")
        forecaster, source = settings.forecaster()
        assert source == name
        assert forecaster.options["model"] is settings.said[name]
        assert forecaster.options["draws"] == 100
    with pytest.raises(ValueError, match=r"several models \(sales, costs\)"):
        settings_of(folder, MODEL.format(name="sales") + MODEL.format(name="costs")).forecaster()
    with pytest.raises(ValueError, match="both build_model and model, a PyMC model"):
        settings_of(folder, MODEL.format(name="model") + BUILD).forecaster()
    forecaster, _ = settings_of(folder, BUILD + "model = 'linear'").forecaster()
    assert forecaster.options["model"] is None


BUILDER = """
import pandas as pd, pymc as pm
class Line:
    def build_model(self, X, y):
        with pm.Model() as self.model:
            x, outcome = pm.Data("x", X["x"]), pm.Data("y_data", y)
            pm.Normal("y", pm.Normal("slope") * x, 1, observed=outcome)
    def _data_setter(self, X, y):
        pm.set_data({"x": X["x"], "y_data": y}, model=self.model)
line = Line()
"""


def test_a_model_builder_is_built_on_the_rows_of_the_file(folder):
    rows = "X, y = pd.DataFrame({'x': [1.0, 2.0, 3.0]}), [1.1, 1.9, 3.2]\n"
    forecaster, source = settings_of(folder, BUILDER + rows + "chains = 2").forecaster()
    assert (source, forecaster.observed, forecaster.options["chains"]) == ("line", ("y_data",), 2)
    with pytest.raises(AttributeError, match="X and y missing: a ModelBuilder"):
        settings_of(folder, BUILDER).forecaster()
    with pytest.raises(ValueError, match=r"growing_dims: line has no use for it; it takes .*observation_dim"):
        settings_of(folder, BUILDER + rows + "growing_dims = ('store',)").forecaster()


def test_a_bambi_model_is_taken(folder):
    pytest.importorskip("bambi")
    text = "import bambi, pandas as pd\nrows = pd.DataFrame({'x': [1.0, 2, 3, 4], 'y': [1.0, 2, 2, 5]})\n"
    forecaster, source = settings_of(folder, text + "model = bambi.Model('y ~ x', rows)\ndraws = 70").forecaster()
    assert (source, forecaster.options["draws"]) == ("model", 70)


def test_what_is_no_forecaster_is_refused():
    for ready, message in ((ld.ConjugateRegression, "forecaster must be"), (3, r"forecaster must be .* not 3")):
        with pytest.raises(TypeError, match=message):
            forecaster_of("m.py", {"forecaster": ready}, {})
    with pytest.raises(TypeError, match="build_model must be a function of the data"):
        forecaster_of("m.py", {"build_model": 3}, {})
    with pytest.raises(AttributeError, match=r"m.py holds a forecaster called mine: call it 'forecaster'"):
        forecaster_of("m.py", {"mine": ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))}, {})


@pytest.mark.parametrize(
    ("said", "amount", "expected"),
    [
        ("ld.RetrainingCost(500, money_per_nat=20, currency='EUR')", None, "500 EUR"),
        ("ld.RetrainingCost(500, money_per_nat=20, currency='EUR')", 300, "300 EUR"),
        ("ld.RetrainingCost(5, per_second=0.1)", 3, "3 nats + 0.1 nats per second of computing"),
        ("ld.RetrainingCost(cost_ratio=1, score_unit='mean')", 0.5, "0.5 nats"),
        ("0.3", None, "0.3 nats"),
        ("0.3", 0.5, "0.5 nats"),
        ("None", 0.5, "0.5 nats"),
    ],
)
def test_the_cost_of_the_command_line_replaces_the_amount_and_nothing_else(folder, said, amount, expected):
    settings = settings_of(folder, f"import learning_debt as ld\ncost = {said}", cost=amount)
    cost = settings.cost()
    assert str(cost) == expected
    if "money_per_nat" in said:
        assert cost.money_per_nat == 20


def test_a_misspelt_setting_is_pointed_out_before_the_fits(folder):
    lines = ["calender = 4", "inital = 30", "def load_histroy():\n    return None", "Split = 0.5"]
    used = ["scores = [1, 2]", "costs = {'a': 1}", "other = scores[0] + costs['a']", "_calendars = 3", "unlike = 1"]
    result = folder.audit(folder.exact(*lines, *used))
    assert result.exit_code == 0
    hints = [line for line in result.output.splitlines() if "did you mean" in line]
    for name, near in (("calender", "calendar"), ("inital", "initial"), ("load_histroy", "load_history")):
        assert any(name in hint and repr(near) in hint for hint in hints)
    assert len(hints) == 4
    assert result.output.index("did you mean") < result.output.index("exact signals in")


def test_imported_modules_are_no_settings(folder):
    """``import calendar`` and ``from learning_debt import policies, scores`` are not meant."""
    lines = ["import calendar", "from learning_debt import policies, scores", "import random as split"]
    result = folder.audit(folder.exact(*lines))
    assert result.exit_code == 0, result.output
    assert "did you mean" not in result.output


def test_a_twin_is_asked_for_the_last_periods_whatever_a_period_counts_for(folder, monkeypatch):
    prior = ld.NIG(0.0, 1.0, 2.0, 1.0)
    monkeypatch.setattr(Settings, "twin", lambda _: (SampledRegression(prior), ld.ConjugateRegression(prior)))
    monkeypatch.setattr(twin_of_file, "TWIN_PERIODS", 8)
    result = folder.audit(folder.drawn("exposure = np.linspace(1, 2, 70 - 23)"))
    assert result.exit_code == 0, result.output
    assert "conjugate twin of the last 8 periods" in result.output
    assert re.search(r"debt +36 ", result.output)  # pairs of a posterior and a period


def test_half_a_twin_is_refused(folder):
    result = folder.audit(folder.exact("twin_prior = ld.NIG(0.0, 1.0, 2.0, 1.0)"))
    assert result.exit_code == 1
    assert "twin_prior is there without build_twin" in result.stderr


@pytest.mark.parametrize("name", ["pymc.py", "numpy.py", "learning_debt.py", "conjugate-1.py"])
def test_a_model_file_shadows_nothing(folder, name):
    before = dict(sys.modules), list(sys.path)
    result = folder.audit(folder.exact("import pymc", "assert pymc.Normal and np.ones", name=name))
    assert result.exit_code == 0, result.output
    assert all(sys.modules[one] is module for one, module in before[0].items())
    assert sys.path == before[1]


def test_files_beside_the_model_file_can_be_imported(folder):
    folder.exact(name="beside_the_model.py")
    text = "from beside_the_model import forecaster, cost, resamples\n\ndef load_history():\n"
    folder.write(text + "    import beside_the_model\n    return beside_the_model.load_history()\n", "mine.py")
    result = folder.audit("mine.py")
    sys.modules.pop("beside_the_model", None)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("import learning_debt as ld\n\ncost = 1 / 0", "error: ZeroDivisionError: division by zero (bad.py, line 3)"),
        ("import learning_debt as ld\ncost = ld.RetrainingCost(-1)", "(bad.py, line 2)"),
        ("def build_model(data)\n    pass", "SyntaxError: expected ':' (bad.py, line 1)"),
        ("import no_such_library", "ModuleNotFoundError: No module named 'no_such_library' (bad.py, line 1)"),
        ("import sys\n\nsys.exit(0)", "(SystemExit: 0); let your code define things only (bad.py, line 3)"),
        (
            "def load_history():\n    return {}['sold']\n\ncost = 1\n" + BUILD,
            "error: KeyError: sold (bad.py, line 2, in load_history)",
        ),
    ],
)
def test_an_error_of_the_model_file_says_where(folder, text, where):
    result = folder.audit(folder.write(text, "bad.py"))
    assert result.exit_code == 1
    assert where in result.stderr
    assert "Traceback" not in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_fit_that_fails_says_where_when_and_for_whom(folder):
    breaking = "def breaking(self, data, *, row_weight=None, random_seed=None):\n"
    breaking += "    if len(data['y']) > 60:\n        raise RuntimeError('zeros in the mass matrix')\n"
    breaking += "    return plain(self, data, random_seed=random_seed)\n"
    lines = ["plain = SampledRegression.fit", breaking, "SampledRegression.fit = breaking", "initial = 50"]
    result = folder.audit(folder.drawn(*lines), "--split", 0.5)
    line = breaking_line(folder.path / "drawn.py")
    assert result.exit_code == 1
    message = (
        f"RuntimeError: zeros in the mass matrix (drawn.py, line {line}, in breaking), in period 2024-W69, number 20"
    )
    assert message in result.stderr


def breaking_line(path):
    return next(n for n, text in enumerate(path.read_text().splitlines(), 1) if "zeros in the mass" in text)


def test_hints_name_what_they_found(folder):
    with imported(folder.path / folder.write("calender = [1, 2]", "m.py")) as module:
        assert misspelt(module, {"calendar"}) == [
            "calender, [1, 2] (list), is no setting and is not used; did you mean 'calendar'?"
        ]


def test_a_third_of_the_periods_is_for_the_first_fit_whoever_they_belong_to(folder):
    """Also where series stand one below the other, and where the rows' dimension has another name."""
    body = """
import xarray as xr
forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0), observation_dim="row")
one = load_history()
def load_history():
    both = {name: np.concatenate([values, values]) for name, values in one.items()}
    rows = both | {"series": np.repeat(["a", "b"], 70)}
    return xr.Dataset({name: ("row", values) for name, values in rows.items()})
"""
    result = folder.audit(folder.exact(body))
    assert result.exit_code == 0, result.output
    assert dict(kept(folder).sizes) == {"series": 2, "deployed_at": 47, "period": 47, "earlier": 23}
    assert np.isfinite(kept(folder)["regret"].isel(deployed_at=0)).all()


def test_a_setting_is_read_twice_whatever_gives_it(folder):
    """Before the fits, when all is tried, and after them."""
    lines = "calendar = {}\npolicies = {{'mine': {}}}"
    totals = []
    for calendar, mine in (
        ("['2024-W50', '2024-W60']", "[ld.policies.CUSUM(one) for one in (0.2, 0.4)]"),
        ("iter(['2024-W50', '2024-W60'])", "(ld.policies.CUSUM(one) for one in (0.2, 0.4))"),
    ):
        result = folder.audit(folder.exact(lines.format(calendar, mine)))
        assert result.exit_code == 0, result.output
        totals.append((folder.path / "audit" / "policies.csv").read_text())
    assert totals[0] == totals[1]


def test_a_model_file_that_is_a_link_finds_what_lies_beside_the_file_itself(folder):
    (folder.path / "real").mkdir()
    (folder.path / "real" / "prices_of_a_link.py").write_text("price = 0.3\n")
    folder.exact("from prices_of_a_link import price as cost", name="real/exact.py")
    (folder.path / "linked.py").symlink_to("real/exact.py")
    assert "A retrain costs 0.3 nats" in folder.audit("linked.py").output


def test_names_of_the_command_line_are_hinted_at(folder):
    settings = settings_of(folder, "seed = 3\nhistory = 'sales.csv'\n" + BUILD)
    hints = settings.hints()
    assert [hint.split(", ")[0] for hint in hints] == ["seed", "history"]
    assert "did you mean 'random_seed'" in hints[0]
    assert "did you mean 'load_history'" in hints[1]


@pytest.mark.parametrize(
    ("labels", "text", "found"),
    [
        (pd.date_range("2024-02-01", periods=5), "2024-02-03", pd.Timestamp("2024-02-03")),
        (pd.date_range("2024-02-01", periods=5), "2024/02/03", pd.Timestamp("2024-02-03")),
        (pd.date_range("2024-02-01", periods=5, tz="Europe/Vienna"), "2024-02-03", "2024-02-03T00:00+01:00"),
        (pd.date_range("2024-02-01", periods=5, tz="Europe/Vienna"), "2024-02-02T23:00Z", "2024-02-03T00:00+01:00"),
        (pd.period_range("2024-02", periods=5, freq="M"), "2024-03", pd.Period("2024-03", freq="M")),
        (pd.Index(["007", "008"]), "008", "008"),
        (pd.Index([7, 8]), "8", 8),
    ],
)
def test_a_label_of_the_command_line_is_what_the_labels_are(labels, text, found):
    values, kind = stored_labels(labels, "labels")
    table = xr.Dataset(coords={"label": ("period", values, kind)})
    label = label_from_text(text, table)
    assert label == (pd.Timestamp(found) if getattr(labels, "tz", None) else found)


@pytest.mark.parametrize("text", ["02/03/2024", "03.02.2024", "now", "March", ""])
@pytest.mark.parametrize(
    "labels", [pd.date_range("2024-02-01", periods=40), pd.period_range("2024-02-01", periods=40, freq="D")]
)
def test_a_date_of_the_command_line_has_its_year_first(labels, text):
    values, kind = stored_labels(labels, "labels")
    with pytest.raises(ValueError, match=r"--last-retrain: .* is no"):
        label_from_text(text, xr.Dataset(coords={"label": ("period", values, kind)}))
