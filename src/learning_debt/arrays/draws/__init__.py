"""What a set of draws is worth, and draws weighted, moved and resampled."""
