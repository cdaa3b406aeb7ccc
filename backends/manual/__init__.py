"""The manual, docs/image.md, generated from the declarations of the words."""
