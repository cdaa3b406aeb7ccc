"""The machine: runs an image event by event, and knows nothing but what the image says."""
