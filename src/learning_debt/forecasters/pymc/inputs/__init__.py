"""What a model is given: rows, labels, positions, draws and the owner's preparation, checked."""
