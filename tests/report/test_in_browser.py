"""The page in a headless Chromium: no errors, no requests, sliders that say what Python says, and who can read it."""

import importlib.util
import json
from pathlib import Path

import matplotlib

matplotlib.use("agg")

import numpy as np
import pytest
import xarray as xr

import learning_debt as ld
from learning_debt.auditing.rebilling import rebilled
from learning_debt.report import write_report


def beside(name):
    """A module beside this one."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


browser = beside("browser")
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(browser.CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium"),
]
HOSTILE = {
    "html": "</script><img src=x onerror=alert(1)><b>",
    "terminal": "\x1b[2J\x1b[31mred",
    "right to left": "\u202egnirts \u05e9\u05dc\u05d5\u05dd",
    "long": "x" * 10_000,
}
COSTS, CALENDARS = [0.5, 1.0, 4.0], [1, 3, 7]


def spells(labels=None):
    rng = np.random.default_rng(3)
    x = rng.normal(size=70)
    slope = np.repeat([1.0, 2.5, 0.0], [30, 20, 20])
    history = {"x": x, "y": slope * x + rng.normal(size=70), "period": np.arange(70)}
    forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    table = ld.spell_table(forecaster, history, initial=10, progressbar=False)
    return table if labels is None else table.drop_vars(["label"]).assign_coords(label=("period", labels))


@pytest.fixture(scope="module")
def audit():
    return ld.audit(spells(), 0.2, calendar=6, resamples=20)


@pytest.fixture(scope="module")
def stops(audit):
    return rebilled(audit, COSTS, CALENDARS)


@pytest.fixture(scope="module")
def page(audit, stops, tmp_path_factory):
    columns = {"value": [0.8, 0.1], "standard_error": [0.0, 0.0], "reliable": [True, True]}
    blocks = xr.Dataset({name: ("block", values) for name, values in columns.items()}, {"block": ["slope", "variance"]})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("learning_debt.report.writer.rebilled", lambda _: stops)
        return write_report(audit, tmp_path_factory.mktemp("r"), title="Sales", blocks=blocks)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with browser.running(tmp_path_factory.mktemp("profile")) as address:
        yield address


def troubles(tab):
    """Errors, warnings and requests other than for the page itself."""
    said = tab.happened("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
    asked = [event["params"]["request"]["url"] for event in tab.happened("Network.requestWillBeSent")]
    return [event["params"] for event in said], [url for url in asked if not url.startswith("data:")]


@pytest.mark.parametrize("options", [{}, {"width": 360}, {"dark": True}, {"scripts": False}], ids=str)
def test_no_errors_no_requests_and_no_sideways_scrolling(address, page, options):
    async def look(tab):
        size = await tab.send("Page.getLayoutMetrics")
        return *troubles(tab), size["cssContentSize"]["width"]

    said, asked, content = browser.visit(address, page, look, **options)
    assert said == []
    assert asked == [page.as_uri()]
    assert content <= options.get("width", 1280)


def test_sliders_say_what_python_says(address, page, audit, stops):
    async def look(tab):
        found = {}
        for i in range(len(COSTS)):
            for j in range(len(CALENDARS) + 1):
                move = "{const one = document.getElementById('what-if-%s'); one.value = %d;"
                move += "one.dispatchEvent(new Event('input'))}"
                await tab.value(move % ("cost", i))
                await tab.value(move % ("calendar", j))
                read = (
                    "JSON.stringify([...document.querySelectorAll('#bills tbody tr')].map(row => [row.dataset.policy,"
                    " Object.fromEntries([...row.querySelectorAll('[data-value]')]"
                    ".map(cell => [cell.dataset.what, Number(cell.dataset.value)]))]))"
                )
                found[i, j] = dict(json.loads(await tab.value(read)))
        return found

    found = browser.visit(address, page, look)
    for (i, j), rows in found.items():
        at = stops.isel(cost=i)
        bills = {name: at.sel(policy=name) for name in audit.replays}
        mine = at["total"].sel(policy="your calendar") if j == 0 else at["calendar_total"].isel(interval=j - 1)
        for name, row in rows.items():
            if name == "your calendar" and j > 0:
                cell = at.isel(interval=j - 1)
                expected = [float(cell[f"calendar_{what}"]) for what in ("total", "regret", "retrains")]
            else:
                expected = [float(bills[name][what]) for what in ("total", "regret", "retrains")]
            assert [row["total"], row["regret"], row["retrains"]] == pytest.approx(expected, abs=1e-9)
            assert row["difference"] == pytest.approx(expected[0] - float(mine), abs=1e-9)


def test_charts_read_out_and_zoom_by_keyboard(address, page):
    async def look(tab):
        key = "document.querySelector('#chart-bill .canvas').dispatchEvent(new KeyboardEvent('keydown', {key: '%s'}))"
        labels = "[...document.querySelectorAll('#chart-bill svg .tick.middle')].map(one => one.textContent).join()"
        whole = await tab.value(labels)
        await tab.value(key % "Home")
        told = await tab.value("document.querySelector('#chart-bill .tip').textContent")
        await tab.value(key % "+")
        return whole, told, await tab.value(labels), troubles(tab)[0]

    whole, told, near, said = browser.visit(address, page, look)
    assert "your calendar: " in told
    assert whole != near
    assert said == []


def test_in_print_what_can_be_opened_has_its_head_and_pictures_go_without_their_numbers(address, page):
    async def look(tab):
        await tab.send("Emulation.setEmulatedMedia", media="print")
        shown = "[...document.querySelectorAll('%s')].map(one => one.checkVisibility()).join()"
        chosen = ("#how summary", "#how details dd", ".chart details", "nav", '.legend [aria-pressed="false"]')
        return [set((await tab.value(shown % which)).split(",")) for which in chosen]

    head, words, numbers, links, hidden_lines = browser.visit(address, page, look)
    assert head == words == {"true"}
    assert numbers == links == hidden_lines == {"false"}


def test_without_scripts_all_of_it_is_there(address, page):
    async def look(tab):
        root = (await tab.send("DOM.getDocument", depth=0))["root"]["nodeId"]
        return (await tab.send("DOM.getOuterHTML", nodeId=root))["outerHTML"]

    shown = browser.visit(address, page, look, scripts=False)
    for part in ("We ", "lost by waiting", "Every cost and every calendar", "Health card", "Decision log", "<svg"):
        assert part in shown
    assert '<div class="what-if" hidden' in shown


def test_hostile_names_are_only_text(address, tmp_path):
    labels = [f"{name} {k}" for k, name in zip(range(60), [*HOSTILE.values()] * 15, strict=True)]
    rows = {name: [ld.policies.CUSUM(0.3)] for name in HOSTILE.values()}
    table = spells(labels)
    cost = ld.RetrainingCost(0.2, money_per_nat=1.0, currency=HOSTILE["html"])
    found = ld.audit(table, cost, policies=rows, resamples=5)
    page = write_report(found, tmp_path, title=HOSTILE["html"], model_summary=HOSTILE["long"] * 3, what_if=False)

    async def look(tab):
        bad = await tab.value("document.querySelectorAll('main img:not([src^=data]), main script').length")
        size = await tab.send("Page.getLayoutMetrics")
        return bad, troubles(tab), size["cssContentSize"]["width"]

    bad, (said, asked), content = browser.visit(address, page, look, width=360)
    assert (bad, said, asked) == (0, [], [page.as_uri()])
    assert content <= 360
    assert len(page.read_bytes()) < 2_000_000
    first_screen = page.read_text(encoding="utf-8").split('<section id="cost">')[0].split("<details>")[0]
    assert "x" * 200 not in first_screen


MOVE = "{const one = document.getElementById('what-if-%s'); one.value = %d; one.dispatchEvent(new Event('input'))}"


def test_sliders_find_their_rows_by_any_name(address, tmp_path, monkeypatch):
    rows = {f"{name}{tail}": [ld.policies.CUSUM(0.3)] for name in HOSTILE.values() for tail in ("", "\ttab")}
    found = ld.audit(spells(), 0.2, calendar=6, policies=rows, resamples=5)
    stops = rebilled(found, COSTS, CALENDARS)
    monkeypatch.setattr("learning_debt.report.writer.rebilled", lambda _: stops)
    page = write_report(found, tmp_path, title="t")

    async def look(tab):
        await tab.value(MOVE % ("cost", 0))
        rows = "[...document.querySelectorAll('#bills tbody tr')]"
        totals = await tab.value(f"JSON.stringify({rows}.map(row => row.querySelector('[data-value]').dataset.value))")
        asks = "[...document.querySelectorAll('#chart-bill .legend li')].every(item => item.querySelector('button'))"
        return json.loads(totals), await tab.value(asks), troubles(tab)

    totals, pressed, (said, _) = browser.visit(address, page, look)
    assert sorted(map(float, totals)) == pytest.approx(sorted(stops["total"].sel(cost=0.5).values))
    assert pressed
    assert said == []


@pytest.mark.parametrize("size", [1e-10, 1e7])
def test_numbers_of_any_size_are_told_apart_and_fit(address, tmp_path, monkeypatch, size):
    table = spells()
    for name in ("score_gap", "regret"):
        table[name] = table[name] * size
    found = ld.audit(table.drop_vars("gap_sd"), 0.2 * size, calendar=6, resamples=5)
    stops = rebilled(found, COSTS, CALENDARS)
    monkeypatch.setattr("learning_debt.report.writer.rebilled", lambda _: stops)
    page = write_report(found, tmp_path, title="t")

    async def look(tab):
        ticks = "[...document.querySelectorAll('#chart-bill .tick.end')]"
        before = await tab.value(f"JSON.stringify({ticks}.map(one => one.textContent))")
        cut = await tab.value(f"{ticks}.filter(one => one.getBBox().x < 0).length")
        await tab.value(MOVE % ("cost", 0))
        await tab.value(MOVE % ("calendar", 1))
        cells = "[...document.querySelectorAll('#bills tbody tr:not([hidden]) [data-what=total]')]"
        shown = await tab.value(f"JSON.stringify({cells}.map(one => [one.textContent, Number(one.dataset.value)]))")
        return json.loads(before), cut, json.loads(shown), troubles(tab)[0]

    ticks, cut, shown, said = browser.visit(address, page, look)
    assert len(set(ticks)) == len(ticks) > 2
    assert cut == 0
    for text, value in shown:
        assert float(text.replace("−", "-").replace(",", "")) == pytest.approx(value, rel=0.05)
    assert said == []


def test_a_picture_of_one_period_is_drawn(address, audit, tmp_path):
    one = {name: (("parameter", "period"), [[0.5]]) for name in ("mean", "low", "high")}
    parameters = xr.Dataset(one, {"parameter": ["slope"], "label": ("period", ["2024"])})
    page = write_report(audit, tmp_path, title="t", parameters=parameters, what_if=False)

    async def look(tab):
        return troubles(tab)[0]

    assert browser.visit(address, page, look) == []


@pytest.mark.skipif(not browser.AXE.exists(), reason=f"axe-core is not at {browser.AXE.name}: see .ci/run")
@pytest.mark.parametrize("options", [{}, {"width": 360}, {"dark": True}], ids=str)
def test_axe_finds_nothing_serious(address, page, options):
    async def look(tab):
        await tab.value(browser.AXE.read_text(encoding="utf-8") + ";0")
        return json.loads(await tab.value("axe.run().then(found => JSON.stringify(found.violations))"))

    found = browser.visit(address, page, look, **options)
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert [(one["id"], [node["html"][:200] for node in one["nodes"]][:3]) for one in serious] == []
