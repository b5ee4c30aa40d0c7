"""The real histories: one a file, each with its source, its licence and what drifted in it."""
