"""The fitted models of these tests."""

from ..fitted_models import conjugate, models, stores, student

__all__ = ["conjugate", "models", "stores", "student"]
