"""The pipeline from an ONNX file to an image and its report. Algorithms are in passes and backends."""
