"""How often must a shadow be refitted? Every rung of the ladder against exact posteriors and real sampling costs."""
