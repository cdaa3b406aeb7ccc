"""The chip in Verilog: its package of field positions, what it supports, and the bench that runs an image."""
