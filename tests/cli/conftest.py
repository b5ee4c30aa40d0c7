"""Model files whose forecaster is exact, so that an audit from the command line takes a second."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from learning_debt.cli import app

EXACT = '''
"""A regression whose coefficient jumps."""
import numpy as np
import learning_debt as ld

def load_history():
    rng = np.random.default_rng(1)
    x, week = rng.normal(size=70), np.arange(70)
    y = np.where(week < 40, 2, 0) * x + rng.normal(size=70)
    return {"x": x, "y": y, "period": [f"2024-W{one:02d}" for one in week]}

forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
cost = 0.2
resamples = 20
'''

REGRESSION = Path(__file__).parents[1] / "sampled_regression.py"
DRAWN = f"{REGRESSION.read_text()}\nforecaster = SampledRegression(forecaster.prior, draws=50)\n"


class Folder:
    """A folder with model files, and the command line started in it."""

    def __init__(self, path):
        self.path = path

    def exact(self, *lines, name="exact.py"):
        """A model file: `EXACT`, and what is said after it."""
        return self.write("\n".join([EXACT, *lines]), name)

    def drawn(self, *lines, name="drawn.py"):
        """The same with a forecaster of draws."""
        return self.write("\n".join([EXACT, DRAWN, *lines]), name)

    def write(self, text, name):
        (self.path / name).write_text(text)
        return name

    def audit(self, *arguments):
        """Run ``learning-debt audit`` in this process; the folder is the working directory.

        Without bills at other costs, which take longest and have tests of their own.
        """
        return CliRunner().invoke(app, ["audit", "--no-what-if", *map(str, arguments)])

    def names(self, folder="audit"):
        place = self.path / folder
        return {one.name for one in place.iterdir()} if place.exists() else set()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Folder(tmp_path)
