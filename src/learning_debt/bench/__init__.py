"""The bench: real histories with exact tables, on which policies, rivals and update rules are compared."""
