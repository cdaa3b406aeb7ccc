"""Which fragments there are, and which core holds each."""
