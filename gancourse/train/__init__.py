"""Training: the loop, one step for each model, checkpoints."""
