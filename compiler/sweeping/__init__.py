"""Sweeps: models, targets and options, and every combination of them as a row of one table."""
