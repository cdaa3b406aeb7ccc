"""Quantised models in their float form: clamps are kept, operators of integers become those of floats."""
