"""What is written, and what reads it back: words, image, listing, machine. Decides nothing, knows no ONNX."""
