"""Two public data sets with an outcome that is yes or no, from files that the user has; nothing is downloaded."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from learning_debt.serving.score_tables import BATCH
from learning_debt.validation import require_instance, require_sequence, require_whole_number

CENSUS = (
    "age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation", "relationship", "race",
    "sex", "capital-gain", "capital-loss", "hours-per-week", "native-country", "income",
)  # fmt: skip
CENSUS_NUMBERS = ("age", "fnlwgt", "education-num", "capital-gain", "capital-loss", "hours-per-week")
CENSUS_LABELS = {">50K": True, "<=50K": False}
FRAUD_TEXT = ("payment_type", "employment_status", "housing_status", "source", "device_os")
FRAUD_NUMBERS = (
    "income", "name_email_similarity", "prev_address_months_count", "current_address_months_count", "customer_age",
    "days_since_request", "intended_balcon_amount", "zip_count_4w", "velocity_6h", "velocity_24h", "velocity_4w",
    "bank_branch_count_8w", "date_of_birth_distinct_emails_4w", "credit_risk_score", "email_is_free",
    "phone_home_valid", "phone_mobile_valid", "bank_months_count", "has_other_cards", "proposed_credit_limit",
    "foreign_request", "session_length_in_minutes", "keep_alive_session", "device_distinct_emails_8w",
    "device_fraud_count", "month",
)  # fmt: skip
FRAUD_MISSING_BELOW_ZERO = (
    "prev_address_months_count", "current_address_months_count", "intended_balcon_amount", "bank_months_count",
    "session_length_in_minutes", "device_distinct_emails_8w",
)  # fmt: skip
FRAUD = "fraud_bool"


def read_census_income(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]], *, batch_rows: int = 1000
) -> pd.DataFrame:
    """Census income, also known as Adult: ``adult.data`` and ``adult.test`` as the UCI repository has them.

    The files know no time: batches are so many rows after one another, in the order of the files.

    Parameters
    ----------
    paths : path or sequence of path
        One file, or several, which are read one after the other. They have no header, a question mark where a value is
        missing, and in ``adult.test`` a first line that is no row and labels that end in a point.
    batch_rows : int
        Rows of a batch; the last one may have fewer.

    Returns
    -------
    DataFrame
        The fifteen columns under their own names, with ``income`` True above 50K and missing values NaN, and ``batch``,
        from 0.

    Raises
    ------
    FileNotFoundError
    TypeError, ValueError
        Naming the file and the line, if it is made otherwise.
    """
    several = [paths] if isinstance(paths, (str, os.PathLike)) else require_sequence("paths", paths, "paths of files")
    if not several:
        raise ValueError("paths must name at least one file, such as 'adult.data'")
    require_whole_number("batch_rows", batch_rows, at_least=1)
    frame = pd.concat([_census_file(_existing("paths", path)) for path in several], ignore_index=True)
    return frame.assign(**{BATCH: np.arange(len(frame)) // batch_rows})


def read_bank_account_fraud(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Bank Account Fraud (NeurIPS 2022): ``Base.csv``, or one of its variants, as its authors publish it.

    Parameters
    ----------
    path : path

    Returns
    -------
    DataFrame
        All columns under their own names, sorted by ``month``, with ``fraud_bool`` as truth values; ``batch`` is the
        month. A negative number is a missing value in the counts of months, session length, distinct emails and
        ``intended_balcon_amount``, and is NaN.

    Raises
    ------
    FileNotFoundError
    TypeError, ValueError
        Naming the file and the column, if it is made otherwise.
    """
    file = _existing("path", path)
    try:
        frame = pd.read_csv(file)
    except (ValueError, UnicodeDecodeError) as error:
        raise ValueError(f"path: {file} is no CSV file ({error})") from error
    missing = [name for name in (FRAUD, *FRAUD_NUMBERS, *FRAUD_TEXT) if name not in frame]
    if missing:
        raise ValueError(f"path: {file} lacks the column(s) {', '.join(missing)}; Base.csv has 32, with a header")
    for name in (FRAUD, *FRAUD_NUMBERS):
        frame[name] = _numbers("path", file, frame[name], name)
    if not frame[FRAUD].isin((0, 1)).all():
        raise ValueError(f"path: column {FRAUD} of {file} must be 0 or 1")
    if frame["month"].isna().any():
        raise ValueError(f"path: column month of {file} must be a number in every row")
    for name in FRAUD_MISSING_BELOW_ZERO:
        frame[name] = frame[name].where(frame[name] >= 0)
    frame = frame.sort_values("month", kind="stable", ignore_index=True)
    return frame.assign(**{FRAUD: frame[FRAUD] == 1, BATCH: frame["month"].astype(int)})


def _existing(name: str, path: Any) -> Path:
    require_instance(name, path, (str, os.PathLike), "the path of a file")
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"{name}: there is no file {file}; get it from its publisher: nothing is downloaded")
    return file


def _census_file(file: Path) -> pd.DataFrame:
    rows = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("|"):
            continue
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) != len(CENSUS):
            raise ValueError(f"paths: line {number} of {file} has {len(cells)} cells and not {len(CENSUS)}")
        if (label := cells[-1].removesuffix(".")) not in CENSUS_LABELS:
            raise ValueError(f"paths: line {number} of {file} ends in {cells[-1]!r}, which is neither >50K nor <=50K")
        rows.append([*(None if cell == "?" else cell for cell in cells[:-1]), CENSUS_LABELS[label]])
    if not rows:
        raise ValueError(f"paths: {file} holds no rows")
    frame = pd.DataFrame(rows, columns=list(CENSUS))
    for name in CENSUS_NUMBERS:
        frame[name] = _numbers("paths", file, frame[name], name)
    return frame


def _numbers(argument: str, file: Path, column: pd.Series, name: str) -> pd.Series:
    try:
        return pd.to_numeric(column)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{argument}: column {name} of {file} must be numbers ({error})") from error
