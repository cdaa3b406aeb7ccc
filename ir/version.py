"""The version: one fact, below everything that prints it."""

__version__ = "0.1.0"
