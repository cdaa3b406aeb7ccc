"""Storage forms of one layer's synapses in one memory, and the machine that counts their accesses."""
