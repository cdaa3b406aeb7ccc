"""The pipeline from a model to its image, its choices, and what is said where it does not fit."""
