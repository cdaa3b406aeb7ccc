"""Builders of the reference networks, and the small networks we ship. Trains nothing, downloads nothing."""
