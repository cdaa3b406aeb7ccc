"""The intermediate representations, the chip, and errors. Imports nothing of ours, reads no file."""
