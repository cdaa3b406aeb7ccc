"""Tuning: a search over what one network may be compiled with, each try measured on its image."""
