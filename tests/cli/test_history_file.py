"""Histories from files: numbers are numbers, names stay names, and what could be read in two ways is refused."""

import gzip

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import learning_debt as ld
from learning_debt.cli.history_file import read_history, read_spells
from learning_debt.cli.text_table import read_text_table


def read(folder, text, name="h.csv", encoding="utf-8"):
    path = folder / name
    opened = gzip.open if name.endswith(".gz") else open
    with opened(path, "wb") as file:
        file.write(text.encode(encoding))
    return read_history(path)


COLUMNS = {"period": [1, 2, 3], "y": [0.5, -1.25, 2e3], "n": [10, 20, 30], "store": ["Graz", "NA", "Linz"]}
EXPECTED = pd.DataFrame(COLUMNS)


@pytest.mark.parametrize(
    "text",
    [
        "period,y,n,store\n1,0.5,10,Graz\n2,-1.25,20,NA\n3,2e3,30,Linz\n",
        "\ufeffperiod,y,n,store\r\n1,0.5,10,Graz\r\n2,-1.25,20,NA\r\n3,2000,30,Linz\r\n",
        "period,y,n,store\r1,0.5,10,Graz\r2,-1.25,20,NA\r3,2000,30,Linz",
        "period;y;n;store\n1;0,5;10;Graz\n2;-1,25;20;NA\n3;2000;30;Linz\n",
        "period;y;n;store\n1;0.5;10;Graz\n2;-1.25;20;NA\n3;2000;30;Linz\n\n\n",
        "period\ty\tn\tstore\n1\t0,5\t10\tGraz\n2\t-1,25\t20\tNA\n3\t2000\t30\tLinz\n",
        'period, y, n, store\n1, .5, 10, "Graz"\n2, -1.25, +20, NA\n3, 2E3, 30, Linz\n',
        "period|y|n|store\n1|0.5|10|Graz\n2|-1.25|20|NA\n3|2e+3|30|Linz\n",
    ],
)
@pytest.mark.parametrize("name", ["h.csv", "h.csv.gz"])
def test_one_history_however_it_was_written(tmp_path, text, name):
    pd.testing.assert_frame_equal(read(tmp_path, text, name), EXPECTED, check_dtype=False)


def test_kinds_of_columns(tmp_path):
    text = (
        "period,zip,id,open,gap,label gap,big,empty,mixed\n"
        "2024-01,08010,007,True,1,a,18446744073709551616,,1\n"
        "2024-02,01234,012,false,NA,,3,,x\n"
        "2024-03,99999,100,TRUE,,NaN,4,,nan\n"
    )
    frame = read(tmp_path, text)
    assert frame["period"].tolist() == ["2024-01", "2024-02", "2024-03"]
    assert frame["zip"].tolist() == ["08010", "01234", "99999"]
    assert frame["id"].tolist() == ["007", "012", "100"]
    assert frame["open"].tolist() == [True, False, True]
    np.testing.assert_array_equal(frame["gap"].to_numpy(), [1.0, np.nan, np.nan])
    assert frame["label gap"].tolist()[::2] == ["a", "NaN"]
    assert pd.isna(frame["label gap"][1])
    assert frame["big"].tolist() == ["18446744073709551616", "3", "4"]
    assert frame["empty"].isna().all()
    assert frame["mixed"].tolist() == ["1", "x", "nan"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("period;y\n1;1,234\n2;5,678\n", "column 'y' .* '1,234', in which the ',' may mark decimals or thousands"),
        ('period,y\n1,"1,234"\n2,"5,678"\n', "column 'y' .* '1,234', in which the ',' may mark decimals"),
        ("period;y\n1;1.234,5\n2;7,5\n", "column 'y' .* '1.234,5'; write numbers without marks between thousands"),
        ('period,y\n1,"1,234,567"\n2,3\n', "column 'y' .* '1,234,567'; write numbers without marks"),
        (
            "period;y;x\n1;0,5;1.5\n2;7,5;2.5\n",
            "column 'x' .* '1.5' and column 'y' '0,5'; write all decimals with the same",
        ),
        ("period,y\n1,0,5\n2,0,7\n", "line 2 of .* holds 3 cells, and the header 2; are decimals written with commas"),
        ("period,y\n1,0.5\n2\n", "line 3 of .* holds 1 cells, and the header 2"),
        ("period,y\n01.12.2024,1\n31.12.2024,2\n", "'period' .* row 2: 01.12.2024 begins with the day .* 2024-12-31"),
        ("period,y\n12/31/2024,1\n", "12/31/2024 begins with the day or the month"),
        ("period,y,arrived\n2024-12-01,1,1.12.24\n", "'arrived' .* begins with the day"),
        ("period,y\n12/2024,1\n", "12/2024 begins with the day or the month"),
        ("", "is empty"),
        ("period,y\n", "holds a header and no rows"),
        ("period,y\n1,\0\n", "zero bytes"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(tmp_path, text, message):
    with pytest.raises(ValueError, match=f"--history: .*{message}"):
        read(tmp_path, text)


def test_decimal_commas_that_cannot_be_thousands(tmp_path):
    frame = read(tmp_path, "period;y;x\n1;0,125;1,234\n2;10,5;5,678\n")
    assert frame["y"].tolist() == [0.125, 10.5]
    assert frame["x"].tolist() == [1.234, 5.678]
    for text in ("period,y\n1,1.234\n2,5.678\n", "period;y\n1;0.125\n2;5.678\n", "period\ty\n1\t1.234\n2\t5.678\n"):
        assert read(tmp_path, text)["y"][1] == 5.678


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_other_encodings_are_refused(tmp_path, encoding):
    with pytest.raises(ValueError, match="save it as CSV in UTF-8"):
        read(tmp_path, "period,store\n1,Köln\n", encoding=encoding)


def test_a_file_that_is_not_what_its_name_says(tmp_path):
    for name in ("h.csv.gz", "h.nc", "h.parquet"):
        (tmp_path / name).write_bytes(b"period,y\n1,2\n")
        with pytest.raises(ValueError, match=f"--history: .*{name}"):
            read_history(tmp_path / name)
    (tmp_path / "h.xlsx").write_bytes(b"")
    with pytest.raises(ValueError, match=r"must be a .csv, .csv.gz, .nc or .parquet file, not h.xlsx"):
        read_history(tmp_path / "h.xlsx")
    with pytest.raises(FileNotFoundError, match=r"no file .*nothing\.csv"):
        read_history(tmp_path / "nothing.csv")


def test_netcdf_and_parquet(tmp_path):
    xr.Dataset({"y": ("obs", [1.0, 2.0])}).to_netcdf(tmp_path / "h.nc", engine="h5netcdf")
    assert read_history(tmp_path / "h.nc")["y"].values.tolist() == [1.0, 2.0]
    pytest.importorskip("pyarrow")
    EXPECTED.to_parquet(tmp_path / "h.parquet")
    pd.testing.assert_frame_equal(read_history(tmp_path / "h.parquet"), EXPECTED)


PERIODS = {
    "dates": pd.date_range("2024-01-01", periods=30),
    "dates with a time zone": pd.date_range("2024-01-01", periods=30, tz="Europe/Vienna"),
    "categories": pd.Categorical([f"w{week:02d}" for week in range(30)]),
    "whole numbers that may be missing": pd.array(range(30), dtype="Int64"),
    "months": pd.period_range("2020-01", periods=30, freq="M"),
    "text": pd.array([f"w{week:02d}" for week in range(30)], dtype="string"),
    "days of the standard library": [day.date() for day in pd.date_range("2024-01-01", periods=30)],
}


@pytest.mark.parametrize("kind", PERIODS)
def test_parquet_gives_the_table_that_its_data_frame_gives(tmp_path, kind):
    values = np.random.default_rng(1).normal(size=(2, 30))
    frame = pd.DataFrame({"x": pd.array(values[0], dtype="Float64"), "y": values[1], "period": PERIODS[kind]})
    frame.set_index("period").to_parquet(tmp_path / "index.parquet")
    frame.to_parquet(tmp_path / "h.parquet")
    forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    tables = [
        ld.spell_table(forecaster, rows, initial=20, progressbar=False)
        for rows in (frame, read_history(tmp_path / "h.parquet"), read_history(tmp_path / "index.parquet"))
    ]
    for table in tables[1:]:
        xr.testing.assert_identical(table, tables[0])


def test_a_missing_whole_number_of_parquet_is_named(tmp_path):
    frame = pd.DataFrame({"x": np.arange(30.0), "y": pd.array([*range(29), None], dtype="Int64"), "period": range(30)})
    frame.to_parquet(tmp_path / "h.parquet")
    with pytest.raises(ValueError, match="data variable 'y' is not finite at obs=29"):
        ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0)).fit(read_history(tmp_path / "h.parquet"))


def test_parquet_without_its_reader_is_refused_by_name(tmp_path, monkeypatch):
    def absent(path):
        raise ImportError("no pyarrow here")

    monkeypatch.setattr(pd, "read_parquet", absent)
    (tmp_path / "h.parquet").write_bytes(b"")
    with pytest.raises(ValueError, match=r"h.parquet needs pyarrow .* or write the history as .csv or .nc"):
        read_history(tmp_path / "h.parquet")


def test_a_table_that_is_none(tmp_path):
    xr.Dataset({"y": ("obs", [1.0])}).to_netcdf(tmp_path / "s.nc", engine="h5netcdf")
    with pytest.raises(ValueError, match=r"--spells .*s.nc: spells lack the dimension"):
        read_spells(tmp_path / "s.nc")


def test_numbers_come_out_as_python_reads_them(tmp_path):
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.normal(size=50), 10.0 ** rng.uniform(-300, 300, size=50)])
    frame = pd.DataFrame({"period": np.arange(100), "y": values, "n": rng.integers(-(2**62), 2**62, size=100)})
    frame.to_csv(tmp_path / "h.csv", index=False)
    pd.testing.assert_frame_equal(read_text_table(tmp_path / "h.csv"), frame)
    frame.to_csv(tmp_path / "h.csv", index=False, sep=";", decimal=",")
    pd.testing.assert_frame_equal(read_text_table(tmp_path / "h.csv"), frame)


def test_a_history_in_a_text_file_is_audited(folder):
    """Decimal commas, names with leading zeros, a column that nobody uses with a gap, packed."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=60)
    frame = pd.DataFrame({"period": np.arange(60), "x": x, "y": x + rng.normal(size=60), "shop": "007", "note": "NA"})
    frame["temperature"] = np.where(np.arange(60) == 7, np.nan, 21.5)
    frame.to_csv(folder.path / "h.csv.gz", index=False, sep=";", decimal=",")
    result = folder.audit(folder.exact(), "--history", "h.csv.gz", "--initial", 20)
    assert result.exit_code == 0, result.output
    table = xr.load_dataset(folder.path / "audit" / "spells.nc", engine="h5netcdf")
    forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    same = ld.spell_table(forecaster, frame[["period", "x", "y"]], initial=20, progressbar=False)
    xr.testing.assert_allclose(table["regret"], same["regret"])
