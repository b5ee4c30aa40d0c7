"""Any PyMC model as a forecaster."""
