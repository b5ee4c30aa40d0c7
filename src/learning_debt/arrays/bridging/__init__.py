"""Debt from log-likelihoods at draws: bridges, chains of them, and checks on what they assume."""
