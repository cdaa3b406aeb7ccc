"""Training on the chip: an image learns from recordings."""
