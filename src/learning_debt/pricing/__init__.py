"""The bill: replays over a spell table, tuning, learned continuation values, and today's decision."""
