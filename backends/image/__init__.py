"""The image: cores, words and tensors as a value, and as the bytes of a file."""
