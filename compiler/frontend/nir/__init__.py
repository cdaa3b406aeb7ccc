"""NIR: networks of spiking neurons, as their simulators exchange them, become layers."""
