"""Operators that are made of others, where the host may not have them."""
