"""Durations of which the last may still run: their most likely laws."""
