"""The operators: how each becomes populations and projections."""
