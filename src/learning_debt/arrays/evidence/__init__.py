"""What a history's own gaps say of what a retrain avoids, and of who forecasts better."""
