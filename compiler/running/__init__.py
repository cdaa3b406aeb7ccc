"""Running an image: inputs in, outputs out, verification against the model."""
