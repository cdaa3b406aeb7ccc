"""From a model's file to its layers. ONNX and ONNX Runtime are known here."""
