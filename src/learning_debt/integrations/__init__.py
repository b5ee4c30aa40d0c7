"""Forecasters from, and for, the tools people already use: ArviZ cross-validation, Bambi, ModelBuilder classes.

`sampling_wrapper` needs arviz-stats only; `bambi_model` and `model_builder` are imported when asked for, with their packages.
"""
