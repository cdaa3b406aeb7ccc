"""Networks of spiking neurons: the plain reference of their equations, and the comparison with it."""
