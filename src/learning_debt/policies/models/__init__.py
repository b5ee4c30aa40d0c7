"""What some policies learn from past spells before they decide."""
