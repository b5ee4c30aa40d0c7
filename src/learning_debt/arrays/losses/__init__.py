"""Losses of forecasts known by their draws, and the divergences that belong to them."""
