"""Running images for crossbars, and holding them against their models."""
