"""Learning by the rules of an image: decoded, and run behind each frame."""
