"""Names with dollar signs, markup and formulas in pictures, page and tables; labels of every kind in a report."""

import datetime as dt

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import learning_debt as ld
from learning_debt.data import plain_labels
from learning_debt.plots import plot_bill, plot_debt, plot_decisions
from learning_debt.plots.literal_text import literal
from learning_debt.report import write_report

PERIODS = 24
HOSTILE = ("cost $x^{$", "_$5_a vs $6", "=1+1", "<b>&</b>", r"back\$slash", "@cmd", "$a$")


def table(label=None, series=("one",)):
    rng = np.random.default_rng(1)
    upper = np.triu(np.ones((PERIODS, PERIODS), dtype=bool))
    gap = np.where(upper, rng.normal(0.05, 0.1, size=(len(series), PERIODS, PERIODS)), np.nan)
    coords = {"series": list(series)}
    if label is not None:
        coords["label"] = ("period", label)
    return ld.check_spells(xr.Dataset({"score_gap": (("series", "deployed_at", "period"), gap)}, coords))


def texts(figure):
    """Everything written in a matplotlib figure, as a reader sees it; drawing it must succeed."""
    figure.canvas.draw()
    shown = [text for text in figure.findobj(plt.Text) if text.get_visible()]
    parsed = [text._preprocess_math(text.get_text()) for text in shown]
    assert not [text for text, mathematics in parsed if mathematics]
    return [text for text, _ in parsed]


@pytest.mark.parametrize("name", HOSTILE)
def test_matplotlib_draws_policy_currency_label_and_series_letter_by_letter(name):
    label = [f"{name} {period:02d}" for period in range(PERIODS)]
    cost = ld.RetrainingCost(0.1, money_per_nat=3, currency=name)
    result = ld.audit(table(label), cost, calendar=4, resamples=20, policies={name: [ld.policies.CUSUM(0.5)]})
    several = table(label, series=[name, "other"])
    schedule = ld.replay(several, ld.policies.Never(), 0.1).schedule
    pictures = {
        "bill": plot_bill(result, backend="matplotlib"),
        "schedule": plot_decisions(result, backend="matplotlib"),
        "signals": plot_debt(several, schedule, backend="matplotlib"),
    }
    seen = {}
    for which, picture in pictures.items():
        figure = picture.viz["figure"].item()
        seen[which] = "\n".join(texts(figure))
        plt.close(figure)
    assert f"total ({name})" in seen["bill"]
    assert f"bill so far ({name})" in seen["bill"]
    assert f"{name}: " in seen["bill"]  # in the legend, an underscore in front or not
    assert f"{name} (" in seen["schedule"]
    assert all(f"{name} " in seen[which] for which in pictures)
    assert name in seen["signals"].replace(f"{name} ", "")  # the title of the series


def test_other_backends_are_told_too():
    assert literal("$$x$$", "bokeh").replace("\u200b", "") == "$$x$$"
    assert "$$" not in literal("$$x$$", "bokeh")
    assert literal("$x$ <i>", "plotly") == "&#36;x&#36; &lt;i>"
    assert literal("$x$", "none") == "$x$"


LABELS = {
    "time zone": pd.date_range("2020-01-31", periods=PERIODS, freq="D", tz="Europe/Vienna"),
    "months": pd.period_range("2020-01", periods=PERIODS, freq="M"),
    "dates": [dt.date(2020, 1, 1) + dt.timedelta(day) for day in range(PERIODS)],
    "spans": pd.to_timedelta(np.arange(PERIODS), unit="D"),
    "tuples": [("Graz", period) for period in range(PERIODS)],
    "hostile text": [f"=<b>${period:02d}$" for period in range(PERIODS)],
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", LABELS)
def test_a_report_is_written_whatever_the_labels_are(kind, tmp_path):
    label = np.empty(PERIODS, dtype=object)
    label[:] = list(LABELS[kind])
    spells = table(label)
    result = ld.audit(spells, 0.1, calendar=4, resamples=20)
    own = xr.Dataset({"score_gap": spells["score_gap"].drop_vars("label")}, {"label": ("period", label)})
    page = write_report(result, tmp_path / "report", title="a", table=own).read_text()
    with xr.open_dataset(tmp_path / "report" / "spells.nc", engine="h5netcdf") as read:
        assert plain_labels(ld.check_spells(read.load())["label"]) == plain_labels(label)
    last = {"months": "2021-12", "dates": "2020-01-24", "tuples": "(&#x27;Graz&#x27;, 23)"}
    assert f"Today (<bdi>{last.get(kind, '')}" in page
    if kind in last:
        assert f"to {last[kind]}, " in page
    assert "<b>$" not in page


@pytest.mark.slow
def test_cells_that_a_spreadsheet_would_take_for_formulas_are_text_and_numbers_stay_numbers(tmp_path):
    rows = {name: [ld.policies.CUSUM(0.5)] for name in ("=1+1", "@cmd", "-2", "+3", "\tx", "plain")}
    result = ld.audit(table(), 0.1, calendar=4, resamples=20, policies=rows)
    write_report(result, tmp_path / "report", title="a")
    frame = pd.read_csv(tmp_path / "report" / "policies.csv")
    assert {"'=1+1", "'@cmd", "'-2", "'+3", "'\tx", "plain"} <= set(frame["policy"])
    assert frame["total"].dtype == float
    np.testing.assert_allclose(frame["total"].to_numpy(), result.table["total"].values)
