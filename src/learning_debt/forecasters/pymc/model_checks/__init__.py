"""What is refused before a number is computed, and how rows of a model score."""
