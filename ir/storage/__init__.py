"""How numbers, kernel tables and states are stored: codecs, runs of bits, words shared over time."""
