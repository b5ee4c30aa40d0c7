"""What to do about a signal: costs, calibration, policies."""
