"""Exact values of the conjugate normal-inverse-gamma model."""
