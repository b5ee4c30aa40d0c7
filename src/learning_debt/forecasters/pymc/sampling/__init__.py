"""Drawing from posteriors, also of rows that carry weights."""
