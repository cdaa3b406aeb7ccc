"""Passes, from one intermediate representation to the next. Reads no file, knows no ONNX and no bit."""
