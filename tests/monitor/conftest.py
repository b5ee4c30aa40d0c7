"""What the tests of the monitor share."""

import os

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # before MLflow is imported: tests ask nothing of the network
