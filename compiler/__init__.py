"""The trip from an ONNX file to an image and its report. Holds no algorithm: passes and backends do."""
