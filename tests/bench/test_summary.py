"""How policies compare: shares, ratios and intervals, held against numbers worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from learning_debt.bench import summarise
from learning_debt.bench.cases import BEST_CALENDAR
from learning_debt.bench.summary import _Draws

CUSUM, CALENDAR = "CUSUM", "calendar"


def bills(excess, *, histories=("a", "b", "c", "d"), ratios=(1.0,), series=1):
    """Excesses of each policy, an array of shape (history, ratio) each."""
    lines = []
    for policy, values in excess.items():
        for place, value in np.ndenumerate(np.broadcast_to(values, (len(histories), len(ratios)))):
            for one in range(series):
                lines.append(
                    {
                        "history": histories[place[0]],
                        "series": str(one),
                        "forecaster": "",
                        "prior": "",
                        "update_rule": "all data",
                        "accounting": "signed",
                        "split": 0.6,
                        "cost_ratio": ratios[place[1]],
                        "policy": policy,
                        "excess": value + one,
                        "periods": 20,
                    }
                )
    return pd.DataFrame(lines)


def line(summary, policy, ratio="all"):
    return summary.set_index(["cost_ratio", "policy"]).loc[(ratio, policy)]


def column(*values):
    return np.array(values)[:, None]


def test_shares_and_ratios_against_cusum():
    found = summarise(bills({CUSUM: 2.0, "mine": column(1.0, 2.0, 4.0, 0.0)}))
    mine = line(found, "mine")
    assert mine[["won", "lost", "tied"]].tolist() == [0.5, 0.25, 0.25]
    assert mine["mean_excess"] == 1.75
    assert mine["median_excess"] == 1.5
    assert mine["excess_per_period"] == pytest.approx(1.75 / 20)
    assert mine["relative"] == pytest.approx((0.5 * 1 * 2 * 0.125) ** 0.25)  # the zero counts as .25
    assert mine["relative_floor_0.05"] == pytest.approx((0.5 * 1 * 2 * 0.025) ** 0.25)
    assert mine["relative_floor_1"] == pytest.approx((0.5 * 1 * 2 * 0.5) ** 0.25)
    assert mine["worst_ratio"] == pytest.approx(2.0)
    assert line(found, CUSUM)["relative"] == 1.0


def test_dearer_than_calendars():
    found = summarise(bills({CUSUM: 2.0, CALENDAR: 3.0, BEST_CALENDAR: 1.0, "mine": column(0.5, 1.0, 2.0, 4.0)}))
    mine = line(found, "mine")
    assert mine[["dearer_than_calendar", "dearer_than_best_calendar"]].tolist() == [0.25, 0.5]


def test_the_bill_of_a_case_is_the_mean_over_series():
    found = summarise(bills({CUSUM: 2.0, "mine": column(0.0, 0.0, 0.0, 0.0)}, series=3))
    assert line(found, "mine")["mean_excess"] == 1.0
    assert line(found, "mine")["cases"] == 4


def test_each_cost_ratio_and_all_together():
    found = summarise(bills({CUSUM: 1.0, "mine": [[1.0, 2.0]]}, ratios=(0.25, 4.0)))
    assert found["cost_ratio"].unique().tolist() == ["0.25", "4", "all"]
    assert [line(found, "mine", ratio)["mean_excess"] for ratio in ("0.25", "4", "all")] == [1.0, 2.0, 1.5]
    assert [line(found, "mine", ratio)["cases"] for ratio in ("0.25", "4", "all")] == [4, 4, 8]


def test_histories_are_the_units_of_intervals():
    """Cases of one history hang together: ten of them say no more than one."""
    values = column(1.0, 2.0, 4.0, 5.0)
    few = line(summarise(bills({CUSUM: 1.0, "mine": values})), "mine")
    ratios = tuple(float(ratio) for ratio in range(1, 11))
    many = line(summarise(bills({CUSUM: 1.0, "mine": np.repeat(values, 10, axis=1)}, ratios=ratios)), "mine")
    for end in ("low", "high"):
        assert many[f"mean_excess_{end}"] == pytest.approx(few[f"mean_excess_{end}"])
        assert many[f"relative_{end}"] == pytest.approx(few[f"relative_{end}"])
    assert few["mean_excess_low"] < 3.0 < few["mean_excess_high"]


def test_intervals_cover_as_a_bootstrap_of_so_many_units_does():
    """40 histories, 1,000 replications: 90% intervals of a mean hold it in 88%, within 4 sigma (.95% a sigma).

    A percentile bootstrap of n units has the plug-in variance, smaller by (n - 1) / n, and normal quantiles in place of
    Student's: 2 Phi(1.645 sqrt(39 / 40) t-scaled) - 1 is .888 for n = 40.
    """
    rng = np.random.default_rng(3)
    names = tuple(f"h{place}" for place in range(40))
    held = 0
    for seed in range(1000):
        draws = _Draws.of(pd.Index(names), 300, 0.9, seed)
        ends = draws.mean("mean", rng.normal(5.0, 1.0, size=40))
        held += ends["mean_low"] <= 5.0 <= ends["mean_high"]
    assert abs(held / 1000 - 0.888) < 4 * (0.888 * 0.112 / 1000) ** 0.5


def test_fewer_than_three_histories_have_no_interval():
    found = summarise(bills({CUSUM: 2.0, "mine": 1.0}, histories=("a", "b")))
    assert line(found, "mine")["mean_excess"] == 1.0
    assert np.isnan(line(found, "mine")["mean_excess_low"])


def test_what_one_of_two_lacks_is_compared_on_the_rest():
    frame = bills({CUSUM: 2.0, "mine": 1.0})
    frame = frame[~((frame["policy"] == "mine") & (frame["history"] == "a"))]
    mine = line(summarise(frame), "mine")
    assert mine["cases"] == mine["histories"] == 3
    assert mine["won"] == 1.0


def test_without_cusum_there_is_nothing_to_compare_with():
    mine = line(summarise(bills({"mine": 1.0})), "mine")
    assert mine["mean_excess"] == 1.0
    assert np.isnan(mine[["relative", "won", "worst_ratio", "dearer_than_calendar"]].astype(float)).all()


def test_what_is_no_bench_is_refused():
    frame = bills({CUSUM: 2.0})
    with pytest.raises(TypeError, match="bills must be a DataFrame"):
        summarise(frame.to_dict())
    with pytest.raises(ValueError, match=r"bills lack the columns \['excess'\]"):
        summarise(frame.drop(columns="excess"))
    with pytest.raises(ValueError, match="hold no line"):
        summarise(frame.iloc[:0])
    with pytest.raises(ValueError, match="'CUSUM' twice"):
        summarise(pd.concat([frame, frame]))
    with pytest.raises(ValueError, match="not finite"):
        summarise(frame.assign(excess=np.nan))
    with pytest.raises(ValueError, match="floor"):
        summarise(frame, floor=0.0)
