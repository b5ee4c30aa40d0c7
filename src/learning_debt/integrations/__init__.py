"""Forecasters from, and for, the tools people already use: ArviZ cross-validation, Bambi, ModelBuilder classes.

`sampling_wrapper` needs arviz-stats only; `bambi_model` and `model_builder` need the packages of their models.
"""
