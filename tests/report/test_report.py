"""The report: complete, self-contained, escaped, and never half-written."""

import base64
import os
import re
import signal
from importlib.metadata import version

import matplotlib

matplotlib.use("agg")

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import learning_debt as ld
from learning_debt.report import pictures as figures
from learning_debt.report import require_storable, require_writable, write_report, write_spells, writer

PERIODS = 40
FILES = {"report.html", "policies.csv", "today.json", "bill.png", "schedule.png", "signals.png"}


def make_spells(series: int = 1, seed: int = 0) -> xr.Dataset:
    rng = np.random.default_rng(seed)
    age = np.arange(1, PERIODS + 1) - np.arange(PERIODS)[:, None]
    cells = np.where(age > 0, age, np.nan) * np.ones((series, 1, 1))
    dims = ("series", "deployed_at", "period")
    predictive = 0.005 * cells
    table = xr.Dataset(
        {
            "debt": (dims, 0.02 * cells * rng.uniform(0.5, 1.5, cells.shape)),
            "predictive_debt": (dims, predictive),
            "score_gap": (dims, predictive + rng.normal(0, 0.02, cells.shape)),
            "gap_sd": (dims, 0 * cells + 0.02),
        },
        coords={
            "series": np.arange(series),
            "period": np.arange(1, PERIODS + 1),
            "deployed_at": np.arange(PERIODS),
            "label": ("period", [f"{1990 + k // 4}Q{k % 4 + 1}" for k in range(PERIODS)]),
        },
        attrs={"timing": "prequential", "score": "log", "update_rule": "all data"},
    )
    for name in ("debt", "predictive_debt", "score_gap"):
        table[f"{name}_se"] = 0.05 * np.abs(table[name])
    return table


def words_of(page: str) -> str:
    """What is read of a page or a part of it: its words, however many of them are links."""
    return " ".join(re.sub(r"<[^>]*>", "", page.replace("><", "> <")).split())


@pytest.fixture(scope="module")
def audit() -> ld.Audit:
    return ld.audit(make_spells(), 0.1, calendar=4, resamples=50)


@pytest.fixture(autouse=True)
def _no_other_costs(monkeypatch):
    """Bills at other costs take longest, and are those of test_what_if; one page here has them."""
    monkeypatch.setattr(writer, "rebilled", lambda _: None)


@pytest.fixture(scope="module")
def page(audit, tmp_path_factory) -> str:
    table = make_spells()
    target = tmp_path_factory.mktemp("report") / "new"
    path = write_report(
        audit,
        target,
        title="Sales <script>alert(1)</script> & more",
        comparison=ld.compare_tables(table, table),
        exact=table,
        sampled=table,
        model_summary="y ~ <b>x</b>",
    )
    return path.read_text(encoding="utf-8")


@pytest.fixture
def quick_pictures(monkeypatch):
    """For tests that are not about pictures."""
    names = ("bill.png", "schedule.png", "signals.png")
    stubs = [figures.Figure(name, name, b"\x89PNG") for name in names]
    monkeypatch.setattr(writer, "draw_figures", lambda *_: stubs)


def test_files(audit, tmp_path):
    target = tmp_path / "deep" / "report"
    path = write_report(audit, target, title="t")
    assert path == target / "report.html"
    assert {file.name for file in target.iterdir()} == FILES
    assert [file.name for file in tmp_path.iterdir()] == ["deep"]
    assert [file.name for file in target.parent.iterdir()] == ["report"]


def test_page_needs_nothing_outside_itself(page):
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    assert "://" not in page
    assert "@import" not in page
    assert not re.search(r"url\((?!data:)", page)
    assert len(page.encode()) < 2_000_000


def test_charts_stand_in_the_page_and_as_files_beside_it(audit, tmp_path, page):
    written = write_report(audit, tmp_path / "r", title="t", what_if=False).read_text(encoding="utf-8")
    assert re.findall(r'data-chart="([a-z]+)"', written) == ["bill", "signals"]
    assert written.count("<svg") == written.count("<desc") == 2
    for name in ("bill.png", "schedule.png", "signals.png"):
        assert (tmp_path / "r" / name).read_bytes().startswith(b"\x89PNG")
    (agreement,) = re.findall(r"data:image/png;base64,([^\"]*)", page)
    assert base64.b64decode(agreement).startswith(b"\x89PNG")


def test_user_text_is_escaped(page):
    assert "Sales &lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in page
    assert "y ~ &lt;b&gt;x&lt;/b&gt;" in page


@pytest.mark.usefixtures("quick_pictures")
def test_dollar_signs_are_only_text(audit, tmp_path):
    assert "<h1>$title ${x} $$</h1>" in write_report(audit, tmp_path / "r", title="$title ${x} $$").read_text()


@pytest.mark.usefixtures("quick_pictures")
def test_letters_that_turn_the_line_around_or_are_not_seen_are_spelt_out(audit, tmp_path):
    title, about = "Graz\u202e\x1b[2J", "two\tcolumns\nof \u200ftext"
    page = write_report(audit, tmp_path / "r", title=title, model_summary=about).read_text(encoding="utf-8")
    assert r"<h1>Graz\u202e\x1b[2J</h1>" in page
    assert f"<pre>two     columns\nof {chr(92)}u200ftext</pre>" in page
    assert {letter for letter in page if not letter.isprintable()} == {"\n"}


def test_order_of_the_page(page):
    marks = ['class="verdict', "have cost</h2>", 'id="bills"', "<svg", "went stale</h2>", "How sure is", "trusted?"]
    marks += ["log</h2>", "How it was computed", "come from"]
    places = [page.index(mark) for mark in marks]
    assert places == sorted(places)


def test_verdict_leads_with_what_a_retrain_avoids(audit, page):
    box = re.search(r'<dl class="facts">.*?</dl>', page, re.DOTALL)[0]
    text = words_of(box)
    assert text.index("A retrain is expected to avoid") < text.index("A retrain costs")
    assert text.index("A retrain costs") < text.index("This spell has cost so far")
    assert "Chance that a retrain pays" in text
    assert f"{audit.decision.horizon} period" in text
    assert " KL" not in text


def test_the_page_says_whether_the_choice_of_policy_is_sure(audit, page):
    said = audit.distinction
    assert said[1:] in page


def test_how_often_a_setting_was_chosen_again_is_shown(audit, page):
    assert "setting chosen again" in page
    rows = re.findall(r'<tr[^>]*><th scope="row"><bdi>CUSUM</bdi></th>.*?</tr>', page)
    assert any(f"{float(audit.table['selected_share'].sel(policy='CUSUM')):.0%}" in row for row in rows)


@pytest.mark.usefixtures("quick_pictures")
def test_a_cost_in_proportion_says_what_it_is_made_of(tmp_path):
    cost = ld.RetrainingCost(0.1, per_change=0.5)
    audit = ld.audit(make_spells(), cost, calendar=4, resamples=20)
    page = write_report(audit, tmp_path / "r", title="t", what_if=False).read_text(encoding="utf-8")
    assert words_of(page).count("0.1 nats + 0.5 nats per unit of predictive debt") == 3  # verdict, table, provenance
    assert "as you set it" not in page


def test_every_policy_has_a_row_with_its_total(audit, page):
    for name in audit.replays:
        row = re.search(rf'<tr data-policy="{name}".*?</tr>', page)[0]
        total = float(re.search(r"<b>([^<]*)</b>", row)[1].replace("−", "-").replace(",", ""))
        exact = float(re.search(r'data-what="total" data-value="([^"]*)"', row)[1])
        assert total == pytest.approx(exact, abs=0.01)
        assert exact == float(audit.table["total"].sel(policy=name))


@pytest.mark.usefixtures("quick_pictures")
def test_policies_csv(audit, tmp_path):
    write_report(audit, tmp_path / "r", title="t")
    frame = pd.read_csv(tmp_path / "r" / "policies.csv", index_col="policy")
    np.testing.assert_allclose(frame["total"], audit.table["total"])
    assert set(frame["unit"]) == {"nats"}


def test_provenance(page):
    for text in ("all data", "prequential", version("learning-debt"), "signed"):
        assert text in page[page.index("come from") :]


@pytest.mark.usefixtures("quick_pictures")
def test_money_has_no_positive_column(tmp_path):
    cost = ld.RetrainingCost(50, money_per_nat=1000, currency="€ & $")
    audit = ld.audit(make_spells(), cost, calendar=4, resamples=20)
    page = write_report(audit, tmp_path / "r", title="t").read_text(encoding="utf-8")
    assert "€ &amp; $" in page
    assert "only losses counted</th>" not in page


def test_several_series_and_no_calendar(tmp_path):
    audit = ld.audit(make_spells(series=4), 0.1, resamples=20)
    page = write_report(audit, tmp_path / "r", title="t").read_text(encoding="utf-8")
    box = re.search(r'<section class="verdict.*?</section>', page, re.DOTALL)[0]
    for name, decision in audit.decisions.items():
        row = re.search(rf'<tr><th scope="row"><bdi>{name}</bdi></th>.*?</tr>', box)[0]
        assert f'<td class="words">{decision.verdict}</td>' in row
    assert "The best calendar would have cost" in page
    assert "Means over 4 series" in page


def test_a_verdict_against_the_expected_saving_says_so(audit, page):
    decision = audit.decision
    opposed = (decision.verdict == "wait") == (decision.expected_regret.value > decision.cost)
    assert bool(decision.conflict) == opposed
    assert (decision.conflict in page) or not opposed
    assert ("although" in page) == opposed


@pytest.mark.usefixtures("quick_pictures")
def test_other_files_stay_and_old_ones_are_replaced(audit, tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    (tmp_path / "report.html").write_text("old")
    write_report(audit, tmp_path, title="new title")
    assert (tmp_path / "mine.txt").read_text() == "keep"
    assert "new title" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert {file.name for file in tmp_path.iterdir()} == FILES | {"mine.txt"}


@pytest.mark.usefixtures("quick_pictures")
@pytest.mark.parametrize("exists", [True, False])
def test_a_failure_leaves_nothing_behind(audit, tmp_path, monkeypatch, exists):
    target = tmp_path / "a" / "report"
    if exists:
        target.mkdir(parents=True)
        (target / "report.html").write_text("old")

    def fail(*_args, **_kwargs):
        raise RuntimeError("no page")

    monkeypatch.setattr(writer, "render_page", fail)
    with pytest.raises(RuntimeError, match="no page"):
        write_report(audit, target, title="t")
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    assert left == (["a", "a/report", "a/report/report.html"] if exists else [])
    if exists:
        assert (target / "report.html").read_text() == "old"


@pytest.mark.usefixtures("quick_pictures")
def test_a_target_that_is_a_file_is_named(audit, tmp_path):
    file = tmp_path / "file"
    file.write_text("x")
    for target in (file, file / "below"):
        for attempt in (lambda to: write_report(audit, to, title="t"), require_writable):
            with pytest.raises(OSError, match=re.escape(str(target))):
                attempt(target)
    assert file.read_text() == "x"
    (tmp_path / "report.html").mkdir()
    with pytest.raises(OSError, match=r"report\.html"):
        write_report(audit, tmp_path, title="t")


def test_require_writable_makes_nothing(tmp_path):
    require_writable(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("half", ["exact", "sampled", "spells"])
def test_half_of_a_pair_is_refused(audit, tmp_path, half):
    with pytest.raises(ValueError, match=half):
        write_report(audit, tmp_path / "r", title="t", **{half: make_spells()})
    assert list(tmp_path.iterdir()) == []


def test_spells_and_schedule_of_the_caller_are_drawn(audit, tmp_path):
    table = make_spells()
    schedule = ld.replay(table, ld.policies.Calendar(10), 0.1).schedule
    page = write_report(audit, tmp_path / "r", title="t", spells=table, schedule=schedule).read_text(encoding="utf-8")
    assert "under the schedule shown" in page


def test_always_is_left_out_of_the_picture_only_if_it_dwarfs_the_rest():
    dear = ld.audit(make_spells(), 5.0, calendar=100, resamples=20)
    assert "always" not in figures.policies_to_draw(dear)
    assert set(figures.policies_to_draw(dear)) == set(dear.replays) - {"always"}
    cheap = ld.audit(make_spells(), 0.001, calendar=4, resamples=20)
    assert figures.policies_to_draw(cheap) == list(cheap.replays)


def test_of_many_policies_the_usual_ones_and_the_cheapest_are_drawn():
    many = {f"threshold {h}": [ld.policies.CUSUM(h)] for h in (0.01, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6)}
    audit = ld.audit(make_spells(), 0.1, calendar=4, policies=many, resamples=20)
    drawn = figures.policies_to_draw(audit)
    assert len(drawn) == figures.MOST_POLICIES
    assert {"never", "your calendar", "best calendar", "CUSUM", audit.decided_by, "oracle"} <= set(drawn)
    total = audit.table["total"].to_series()
    extra, left = (set(names) - {"always"} for names in (set(drawn), set(total.index) - set(drawn)))
    extra -= {"never", "your calendar", "best calendar", "CUSUM", audit.decided_by, "oracle"}
    assert max(total[list(extra)]) <= min(total[list(left)])


def test_drawing_leaves_the_style_alone(audit):
    before = dict(matplotlib.rcParams)
    figures.draw_figures(audit)
    assert dict(matplotlib.rcParams) == before
    assert matplotlib.pyplot.get_fignums() == []


def test_pictures_of_an_earlier_report_go_and_other_files_stay(audit, tmp_path):
    for name in ("sampled_against_exact.png", "upkeep.png", "mine.png", "new-spells.nc"):
        (tmp_path / name).write_bytes(b"old")
    write_report(audit, tmp_path, title="m")
    assert {path.name for path in tmp_path.iterdir()} == FILES | {"mine.png"}


@pytest.mark.parametrize("name", ["report.html", "policies.csv", "spells.nc", "bill.png", "upkeep.png"])
def test_a_folder_of_the_name_of_a_file_is_refused_before_anything_is_drawn(audit, tmp_path, name, monkeypatch):
    (tmp_path / name).mkdir()
    monkeypatch.setattr("learning_debt.report.writer.draw_figures", None)
    with pytest.raises(IsADirectoryError, match=f"{name} is a directory there"):
        write_report(audit, tmp_path, title="m")
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("place", ["new/deep", "."])
def test_an_interrupt_while_drawing_leaves_nothing(audit, tmp_path, monkeypatch, place):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("learning_debt.report.writer.draw_figures", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_report(audit, tmp_path / place, title="m")
    assert not list(tmp_path.iterdir())


def test_an_interrupt_while_files_are_put_in_place_waits_until_they_are(audit, tmp_path, monkeypatch):
    replace = os.replace

    def interrupting(source, target):
        signal.raise_signal(signal.SIGINT)
        replace(source, target)

    monkeypatch.setattr(os, "replace", interrupting)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background ignores interrupts
    try:
        with pytest.raises(KeyboardInterrupt):
            write_report(audit, tmp_path, title="m")
    finally:
        signal.signal(signal.SIGINT, before)
    assert {path.name for path in tmp_path.iterdir()} == FILES


def test_of_two_writers_at_once_the_last_ones_report_stands(audit, tmp_path, monkeypatch):
    """Both found no directory."""
    target, draw = tmp_path / "r", writer.draw_figures

    def draw_while_another_writes(*arguments):
        monkeypatch.setattr(writer, "draw_figures", draw)
        write_report(audit, target, title="the other report")
        return draw(*arguments)

    monkeypatch.setattr(writer, "draw_figures", draw_while_another_writes)
    page = write_report(audit, target, title="our report").read_text()
    assert "our report" in page
    assert "the other report" not in page
    assert {path.name for path in target.iterdir()} == FILES
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_cells_that_a_spreadsheet_would_compute_are_text(tmp_path):
    rows = {"=HYPERLINK(1)": [ld.policies.CUSUM(0.2)], "@sum": [ld.policies.CUSUM(0.3)], "a = b": [ld.policies.Never()]}
    audited = ld.audit(make_spells(), 0.1, policies=rows, resamples=20)
    write_report(audited, tmp_path, title="m")
    names = pd.read_csv(tmp_path / "policies.csv")["policy"].tolist()
    assert {"'=HYPERLINK(1)", "'@sum", "a = b"} <= set(names)


def test_a_kept_table_does_not_disturb_an_earlier_report(audit, tmp_path):
    spells = make_spells()
    first = write_spells(spells, tmp_path / "r")
    assert (first.name, [path.name for path in (tmp_path / "r").iterdir()]) == ("spells.nc", ["spells.nc"])
    write_report(audit, tmp_path / "r", title="m", table=spells)
    before = first.read_bytes()
    second = write_spells(spells.isel(period=slice(0, 5), deployed_at=slice(0, 5)), tmp_path / "r")
    assert second.name == "new-spells.nc"
    assert first.read_bytes() == before


def test_what_cannot_be_stored_is_refused():
    labels = np.array([object(), object()])
    with pytest.raises(ValueError, match=r"could not be kept as spells\.nc"):
        require_storable(xr.Dataset({"score_gap": ("period", [0.1, 0.2])}, {"label": ("period", labels)}))
