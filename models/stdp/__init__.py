"""A network of spiking neurons that learns the digits without labels: FSpiNN's, in whole numbers."""
