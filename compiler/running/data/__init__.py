"""Data sets: frames from arrays, pictures and folders, read one after the other, and their labels."""
