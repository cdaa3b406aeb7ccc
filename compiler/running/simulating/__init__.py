"""Simulations: frames in blocks, what is counted, answered and kept of them."""
