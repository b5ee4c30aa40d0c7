"""What a spell table costs at the sizes people have: a pooled shadow, a refit every period, and the least possible."""
