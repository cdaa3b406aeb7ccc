"""Commands that show or convert the words of an image."""
