"""What is compiled from a model's graph: log densities, random draws, entries for what is new."""
