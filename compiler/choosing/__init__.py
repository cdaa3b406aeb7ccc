"""The choice of weight formats: errors measured on real inputs, then bits where they are needed."""
