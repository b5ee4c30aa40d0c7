"""Schedules of retrains over a spell table: walks, the rest of a bill, changes of level."""
