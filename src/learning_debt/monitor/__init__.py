"""The live monitor: one period in, one decision out, and what operations people expect around it."""
