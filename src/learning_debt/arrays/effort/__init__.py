"""Effort and shipments along the age of a concept: what they are worth, and the plans that lose least."""
