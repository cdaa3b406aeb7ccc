"""What is said: layers, networks, chips, mappings, errors. Imports nothing of ours, reads no file."""
