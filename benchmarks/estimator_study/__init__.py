"""Sampled debt, predictive debt and score gap against exact values of conjugate regression, cell by cell."""
