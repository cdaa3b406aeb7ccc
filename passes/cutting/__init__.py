"""Cutting feature maps into fragments, and which core holds each."""
