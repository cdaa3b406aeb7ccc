"""Writing an image, and reading it: words, image, listing, machine. Decides nothing, knows no ONNX."""
