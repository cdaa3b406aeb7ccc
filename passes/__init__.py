"""Passes, from one intermediate representation to the next. They read no file and know no ONNX and no bits."""
