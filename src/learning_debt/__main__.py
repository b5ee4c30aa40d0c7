"""``python -m learning_debt`` is the command line."""

import os
import sys

# Python puts the folder that it is started in first, and there a model file called pymc.py would pass for PyMC.
if sys.path and sys.path[0] == os.getcwd():
    sys.path.append(sys.path.pop(0))

from learning_debt.cli import app

app()
