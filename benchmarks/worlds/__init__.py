"""Histories that drift in known ways, to learn from what policies are worth where no real history is spent on it."""
