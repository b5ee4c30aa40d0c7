"""A read-only install without a home: numba has nowhere to cache, and nothing may break."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from scipy import stats

import learning_debt
import learning_debt_study
from learning_debt.arrays.compilation import can_cache

PROGRAM = """
import learning_debt
from learning_debt.arrays.compilation import CACHE
from learning_debt.arrays.conjugate.student_t import log_density
import learning_debt_study.drawn_signals, learning_debt_study.random_stream
print(learning_debt.__file__, CACHE, float(log_density(0.3, 5.0, 0.0, 1.0)))
"""


def test_this_install_can_cache():
    assert can_cache()


def test_no_generalized_ufunc_is_cached():
    """Numba caches one in two halves. Two processes that compile it at once can leave halves that do not fit.

    Every later call then ends in a segmentation fault, until somebody empties the cache.
    """
    sources = [
        path for package in (learning_debt, learning_debt_study) for path in Path(package.__file__).parent.rglob("*.py")
    ]
    assert len(sources) > 100
    assert not [path.name for path in sources if "guvectorize" in path.read_text(encoding="utf-8")]


@pytest.mark.slow
def test_without_a_folder_to_cache_in_it_compiles_without(tmp_path):
    package = tmp_path / "learning_debt"
    shutil.copytree(Path(learning_debt.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in (package, *(path for path in package.rglob("*") if path.is_dir())):
        (folder / "__pycache__").write_text("a file, where a folder would be made")
    nowhere = str(tmp_path / "learning_debt" / "__pycache__" / "home")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA", "XDG", "PYTHON"))}
    environment |= {"HOME": nowhere, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    where, cached, density = done.stdout.split()
    assert (where, cached) == (str(package / "__init__.py"), "False")
    assert float(density) == pytest.approx(stats.t.logpdf(0.3, 5), rel=1e-12)
