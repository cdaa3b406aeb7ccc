"""Lava's NetX files (HDF5): networks of Loihi's neurons, block by block."""
