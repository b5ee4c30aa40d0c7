"""Who keeps the shadow posterior current: a refit every period, a ladder of cheaper steps, or the owner's own."""
