"""Loss to weights: optimizer, checkpoints, metrics."""
