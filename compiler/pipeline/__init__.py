"""The pipeline from a model to its image, the choice of a mapping, and the remedy where none fits."""
