"""What is said of images for crossbars, and of their runs."""
