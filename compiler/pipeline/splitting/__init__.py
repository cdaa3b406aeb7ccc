"""Networks whose middle the host computes in part: divided, and compiled part by part."""
