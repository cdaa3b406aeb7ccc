"""Lifted images as ONNX graphs, run densely by ONNX Runtime."""
