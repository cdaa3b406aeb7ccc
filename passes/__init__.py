"""What changes: passes from one IR to the next. Reads no file, knows no ONNX and no bit of a word."""
