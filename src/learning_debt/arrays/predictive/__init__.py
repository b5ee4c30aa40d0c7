"""Predictive densities of draws, and integrals over them."""
